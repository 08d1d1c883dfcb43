"""How all plots look: colours, letters, the figure to draw on."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np

from fastcnn.importing import installed

INK, GREY, PALE, PAPER = "#222222", "#777777", "#d9d9d9", "#ffffff"
Drawing = TypeVar("Drawing", bound="Callable[..., Any]")
BLUE, RED = "#2b5c8a", "#c8442b"  # below and above zero; training and validation

_RULES = {
    "font.size": 9, "axes.titlesize": 10, "axes.titleweight": "bold", "axes.titlelocation": "left", "axes.titlepad": 8,
    "text.color": INK, "axes.titlecolor": INK, "axes.labelcolor": INK, "xtick.color": INK, "ytick.color": INK,
    "axes.edgecolor": GREY, "axes.linewidth": 0.8, "xtick.major.size": 3, "ytick.major.size": 3,
    "xtick.labelsize": 8.5, "ytick.labelsize": 8.5,
    "axes.spines.top": False, "axes.spines.right": False, "axes.facecolor": PAPER, "figure.facecolor": PAPER,
    "savefig.facecolor": PAPER, "image.interpolation": "nearest", "axes.unicode_minus": True,
}


def matplotlib():
    """The module.

    Raises:
        ImportError: it is missing; says how to install it.

    Example:
        >>> matplotlib().__name__
        'matplotlib'
    """
    return installed("matplotlib", "plotting")


@contextmanager
def _rules():
    """A block with the house's settings, which takes back nothing else: the first figure makes pyplot choose where figures
    are shown, and in a notebook show them, and that must stay."""
    settings = matplotlib().rcParams
    before = {name: settings[name] for name in _RULES}
    settings.update(_RULES)
    try:
        yield
    finally:
        settings.update(before)


def drawing(function: Drawing) -> Drawing:
    """Lets a function draw by the house's rules, whatever matplotlib's settings are, and a notebook show its figure once.

    Example:
        >>> drawing(lambda: matplotlib().rcParams["font.size"])()
        9.0
    """
    @functools.wraps(function)
    def draw(*arguments, **options):
        with _rules():
            figure = function(*arguments, **options)
        if hasattr(figure, "savefig"):  # a part of a figure is not shown by itself
            figure._ipython_display_ = functools.partial(_shown_once, figure)
        return figure

    return draw


def _shown_once(figure):
    """IPython calls this before it shows a figure. Where a notebook shows all of pyplot's figures when a cell ends, one that
    is the cell's value would be there twice."""
    from matplotlib import pyplot

    if "inline" in pyplot.get_backend():
        pyplot.close(figure)
    raise NotImplementedError  # IPython goes on, as with any other figure


def figure_of(figure, width, height):
    """The figure to draw on: the given one, or a new one of pyplot's, so that `pyplot.show()` shows it.

    Args:
        figure: a matplotlib Figure or SubFigure, or None.
        width, height: of a new one, in inches.

    Raises:
        TypeError: something else.
    """
    from matplotlib.figure import FigureBase

    if figure is None:
        from matplotlib import pyplot

        return pyplot.figure(figsize=(width, height))
    if not isinstance(figure, FigureBase):
        raise TypeError(f"figure must be a matplotlib Figure or SubFigure. Received: {type(figure).__name__}")
    return figure


def axes_of(ax, width, height):
    """The axes to draw on: the given ones, or those of a new figure.

    Raises:
        TypeError: something else.
    """
    from matplotlib.axes import Axes

    if ax is None:
        figure = figure_of(None, width, height)
        figure.set_layout_engine("constrained", w_pad=0.1, h_pad=0.08)
        return figure.add_subplot()
    if not isinstance(ax, Axes):
        raise TypeError(f"ax must be matplotlib Axes. Received: {type(ax).__name__}")
    return ax


def inches(figure):
    """(width, height) of a figure or a part of one."""
    return figure.bbox.width / figure.dpi, figure.bbox.height / figure.dpi


def strongest(array):
    """The magnitude to show deepest: that which few numbers exceed, so that single ones do not dim the others.

    Example:
        >>> strongest(np.array([-2.0, 1.0])), strongest(np.zeros(3))
        (2.0, 1.0)
    """
    sizes = np.abs(array)
    return float(np.quantile(sizes, 0.995, method="higher") or sizes.max() or 1)


def signed():
    """The colours of numbers from −1 over 0 to 1; what is missing is transparent."""
    from matplotlib.colors import LinearSegmentedColormap

    colours = ["#173a5e", BLUE, "#8fb0cd", "#f1f1f1", "#eba08e", RED, "#7d2313"]
    return LinearSegmentedColormap.from_list("signed", colours).with_extremes(bad=(0, 0, 0, 0))


def bare(axes):
    """Takes frame and ticks from axes that show a picture."""
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def grid(axes, rows, columns, colour, width):
    """Lines between the pixels of a picture, and around it."""
    across, down = np.arange(columns + 1) - 0.5, np.arange(rows + 1) - 0.5
    axes.vlines(across, down[0], down[-1], colors=colour, linewidth=width)
    axes.hlines(down, across[0], across[-1], colors=colour, linewidth=width)


def cut(name, letters):
    """A name that is no longer than so many letters.

    Example:
        >>> cut("golden retriever", 9)
        'golden r…'
    """
    return name if len(name) <= letters else f"{name[:letters - 1]}…"


def short(value):
    """A number in three digits.

    Example:
        >>> short(-0.012345), short(1234567), short(0.0)
        ('−0.0123', '1.23e+06', '0')
    """
    return f"{value:.3g}".replace("-", "−", 1) if value < 0 else f"{value:.3g}"
