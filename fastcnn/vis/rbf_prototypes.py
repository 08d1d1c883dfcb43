"""The drawings that the 1998 LeNet-5 compares its last hidden layer with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fastcnn import arguments
from fastcnn.layers.base import Layer
from fastcnn.typing import ArrayLike, Figure, FigureBase
from fastcnn.vis.style import INK, PALE, bare, drawing, figure_of, grid, signed

_HEIGHT, _WIDTH = 12, 7


@drawing
def rbf_prototypes(prototypes: ArrayLike | Layer, class_names: Sequence[str] | None = None,
                   figure: FigureBase | None = None) -> Figure:
    """Prototypes of radial basis functions as bitmaps of 12 × 7: black is +1, white is −1.

    Args:
        prototypes: an array, or a model whose last layer has `prototypes`, or that layer. Trained prototypes, whose values
            are not all ±1, are shown in the colours of signs.
        class_names: above the bitmaps; None: their numbers.
        figure: a matplotlib figure to draw on; None: a new one of pyplot's.

    Shape:
        prototypes (N, 12, 7) or (N, 84)

    Returns:
        the figure.

    Raises:
        ImportError: matplotlib is missing.
        TypeError, ValueError: no prototypes, of another shape, or another number of class names.

    Source: LeCun, Bottou, Bengio, Haffner 1998, "Gradient-based learning applied to document recognition", figure 3.

    Example:
        >>> len(rbf_prototypes(np.ones((10, 12, 7))).axes)
        10
    """
    bitmaps = _bitmaps(prototypes)
    names = [str(name) for name in (range(len(bitmaps)) if class_names is None else class_names)]
    if len(names) != len(bitmaps):
        raise ValueError(f"class_names must name {len(bitmaps)} prototypes. Received: {len(names)} names")
    from matplotlib.colors import ListedColormap

    plain = np.isin(bitmaps, (-1, 1)).all()
    most = np.abs(bitmaps).max() or 1
    columns = min(len(bitmaps), 10)
    rows = -(-len(bitmaps) // columns)
    figure = figure_of(figure, 0.85 * columns + 0.3, 1.62 * rows + 0.15)
    places = figure.add_gridspec(rows, columns, left=0.02, right=0.98, bottom=0.04 / rows, top=1 - 0.17 / rows, wspace=0.25,
                                 hspace=0.3)
    for i, (bitmap, name) in enumerate(zip(bitmaps, names)):
        axes = figure.add_subplot(places[divmod(i, columns)])
        axes.imshow(bitmap, cmap=ListedColormap(["#fafafa", INK]) if plain else signed(), vmin=-most, vmax=most)
        bare(axes)
        grid(axes, _HEIGHT, _WIDTH, PALE, 0.5)
        axes.set_title(name, loc="center", pad=4)
    return figure


def _bitmaps(given):
    """(N, 12, 7)."""
    found = given
    if hasattr(found, "layers"):
        found = found.layers[-1] if found.layers else None
    if not isinstance(found, (np.ndarray, list, tuple)):
        found = getattr(found, "prototypes", None)
        found = getattr(found, "value", found)
    if found is None:
        raise TypeError("prototypes must be an array, or a model whose last layer has prototypes. "
                        f"Received: {arguments.shown(given)}")
    found = np.asarray(found, np.float64)
    if found.ndim == 2 and found.shape[1] == _HEIGHT * _WIDTH:
        found = found.reshape(-1, _HEIGHT, _WIDTH)
    if found.ndim != 3 or found.shape[1:] != (_HEIGHT, _WIDTH) or not len(found):
        raise ValueError(f"prototypes must have shape (N, {_HEIGHT}, {_WIDTH}) or (N, {_HEIGHT * _WIDTH}). Received: "
                         f"{found.shape}")
    return found
