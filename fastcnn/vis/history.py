"""Curves of a training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from fastcnn import arguments
from fastcnn.typing import Axes, Figure, FigureBase, History
from fastcnn.vis.style import BLUE, GREY, RED, axes_of, drawing, figure_of

_NOT_LEARNING = ("data_wait",)  # what the logs say of the machine


@drawing
def history(history: History | Mapping[str, Sequence[float]], names: str | Sequence[str] | None = None,
            figure: FigureBase | None = None, ax: Axes | None = None) -> Figure:
    """Loss and metrics over the epochs, of training and of validation: a panel each.

    Args:
        history: what `fit` returned, or {name: [value of each epoch]}, as its `.history` is.
        names: of the panels, without "val_": a name or a list; None: all but data_wait.
        figure: a matplotlib figure to draw on; None: a new one of pyplot's.
        ax: matplotlib axes to draw a single panel on.

    Returns:
        the figure.

    Raises:
        ImportError: matplotlib is missing.
        TypeError, ValueError: no record of training, an empty one, unknown names.

    Example:
        >>> curves = {"loss": [0.9, 0.4], "val_loss": [0.8, 0.5], "accuracy": [0.5, 0.8]}
        >>> [axes.get_title("left") for axes in history(curves).axes]
        ['loss', 'accuracy']
    """
    values = getattr(history, "history", history)
    epochs_of = getattr(history, "epochs_of", None) or (lambda name: range(1, len(values[name]) + 1))
    if not isinstance(values, dict):
        raise TypeError(f"history must be what fit returned, or a dictionary of lists. Received: {type(history).__name__}")
    if not any(len(v) for v in values.values()):
        raise ValueError("history must hold at least one epoch. Received: none")
    names = _panels(values, names)
    if ax is not None:
        if figure is not None or len(names) != 1:
            raise ValueError(f"ax takes one panel, and no figure; choose among {names} with names=. Received: {len(names)} "
                             f"panels, figure={arguments.shown(figure)}")
        _panel(axes_of(ax, 0, 0), values, names[0], epochs_of)
        return ax.figure
    columns = 2 if len(names) == 4 else min(len(names), 3)
    rows = -(-len(names) // columns)
    new = figure is None
    figure = figure_of(figure, 4.6 * columns, 3.2 * rows)
    if new:
        figure.set_layout_engine("constrained", w_pad=0.12, h_pad=0.1, wspace=0.04)
    for i, name in enumerate(names):
        _panel(figure.add_subplot(rows, columns, i + 1), values, name, epochs_of)
    return figure


def _panels(values, names):
    """Names of the panels."""
    known = list(dict.fromkeys(key.removeprefix("val_") if key.removeprefix("val_") in values else key for key in values))
    if names is None:
        return [name for name in known if name not in _NOT_LEARNING] or known
    names = [names] if isinstance(names, str) else list(names)
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        raise ValueError(f"names must be among {', '.join(known)}. Received: {unknown or names}")
    return names


def _panel(axes, values, name, epochs_of):
    from matplotlib.ticker import MaxNLocator

    keys = [key for key in (name, f"val_{name}") if key in values]
    curves = [(label, np.asarray(values[key], float), colour) for label, key, colour in
              (("training", name, BLUE), ("validation", f"val_{name}", RED)) if key in keys]
    for key, (label, y, colour) in zip(keys, curves):
        axes.plot(epochs_of(key), y, color=colour, linewidth=2, label=label, solid_capstyle="round",
                  marker="o" if len(y) <= 12 else None, markersize=4)
    everything = np.concatenate([y for _, y, _ in curves])
    share = (name in ("acc", "accuracy") or name.endswith("_accuracy")) and np.nanmax(everything, initial=0) <= 1
    if share:
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.4g} %")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_xlabel("epoch")
    axes.set_title(name.replace("_", " "))
    axes.margins(x=0.03, y=0.08)
    if "loss" in name and np.nanmin(everything, initial=np.inf) >= 0:
        axes.set_ylim(bottom=0)
    axes.grid(axis="y", color="#ebebeb", linewidth=0.8)
    axes.set_axisbelow(True)
    if len(curves) > 1:
        _label_ends(axes, curves, share)
    else:
        _label_ends(axes, [("", curves[0][1], GREY)], share)


def _label_ends(axes, curves, share):
    """Says beside each curve's end which it is and where it ended; labels keep apart."""
    low, high = axes.get_ylim()
    ends = [(y[-1], label, colour) for label, y, colour in curves if len(y) and np.isfinite(y[-1])]
    places = []
    for value, *_ in sorted(ends):
        place = (value - low) / (high - low)
        place = max(place, places[-1] + 0.13) if places else place
        places.append(place)
    over = max(places, default=0) - 0.97
    for (value, label, colour), place in zip(sorted(ends), places):
        text = f"{100 * value:.2f} %" if share else f"{value:.4g}"
        axes.annotate(f"{label}\n{text}" if label else text, (1.02, place - max(over, 0)), xycoords="axes fraction",
                      color=colour, fontsize=8.5, va="center", linespacing=1.15)
