"""The images that a network is most wrong about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fastcnn import arguments, metrics
from fastcnn.typing import ArrayLike, Figure, FigureBase
from fastcnn.vis.mosaic import visible
from fastcnn.vis.style import GREY, RED, bare, cut, drawing, figure_of

_SIDE, _WORDS, _GAP, _TOP = 1.05, 0.34, 0.12, 0.5  # inches
_LETTERS = 17


@drawing
def mistakes(x: ArrayLike | Callable[[list[int]], Any], y_true: ArrayLike, y_pred: ArrayLike,
             class_names: Sequence[str] | None = None, limit: int = 32, columns: int = 8,
             figure: FigureBase | None = None) -> Figure:
    """Wrongly classified images, the surest mistakes first: what it is, and below it what it was taken for and how surely.

    Args:
        x: the images; or a function from a list of their numbers to such images, if not all are in memory.
        y_true: labels (N,) or (N, 1), or one-hot rows (N, classes).
        y_pred: what `predict` returned, probabilities (N, classes), or (N, 1) of class 1.
        class_names: of the classes; None: their numbers.
        limit: the most images.
        columns: images in a row.
        figure: matplotlib figure to draw on; None: a new one.

    Shape:
        x (N, height, width), or with 1 or 3 channels

    Returns:
        the figure.

    Raises:
        ImportError: matplotlib is missing.
        TypeError, ValueError: arrays of different lengths, no images.

    Example:
        >>> x, y = np.random.default_rng(0).random((3, 8, 8)), np.eye(2)[[0, 1, 1]]
        >>> len(mistakes(x, [0, 0, 1], y, ["cat", "dog"]).axes)
        1
    """
    limit, columns = arguments.integer("limit", limit), arguments.integer("columns", columns)
    metrics.confusion_matrix(y_true, y_pred)  # refuses what are no labels or no predictions
    y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
    y_pred = np.concatenate([1 - y_pred, y_pred], axis=1) if y_pred.shape[1:] == (1,) else y_pred
    labels = y_true.argmax(axis=1) if y_true.ndim == 2 and y_true.shape[1] > 1 else y_true.reshape(-1).astype(int)
    if y_pred.ndim != 2:
        raise ValueError(f"y_pred must be probabilities (N, classes). Received: shape {y_pred.shape}")
    if not callable(x) and len(x) != len(labels):
        raise ValueError(f"x must be {len(labels)} images, as there are labels. Received: {len(x)}")
    taken = y_pred.argmax(axis=1)
    wrong = np.flatnonzero(taken != labels)
    found = wrong[np.argsort(-y_pred[wrong, taken[wrong]], kind="stable")][:limit]
    names = [str(name) for name in (range(y_pred.shape[1]) if class_names is None else class_names)]
    images = x([int(i) for i in found]) if callable(x) else [x[i] for i in found]
    words = [(names[labels[i]], f"{cut(names[taken[i]], _LETTERS - 6)} {100 * y_pred[i, taken[i]]:.0f} %") for i in found]
    title = f"{len(wrong):,} of {len(labels):,} wrong" + (f"; the {len(found)} surest" if len(found) < len(wrong) else "")
    return _draw(images, words, title, columns, figure)


def _draw(images, words, title, columns, figure):
    rows = max(1, -(-len(images) // columns))
    tall = _SIDE + _WORDS + _GAP
    width, height = columns * (_SIDE + _GAP) + _GAP, _TOP + rows * tall + _GAP
    figure = figure_of(figure, width, height)
    figure.text(_GAP / width, 1 - 0.26 / height, title, weight="bold", fontsize=11, va="center")
    for i, (image, (true, taken)) in enumerate(zip(images, words)):
        left, top = _GAP + i % columns * (_SIDE + _GAP), height - _TOP - i // columns * tall
        axes = figure.add_axes((left / width, (top - _SIDE) / height, _SIDE / width, _SIDE / height))
        bare(axes)
        image = np.asarray(image)
        axes.imshow(visible(image if image.ndim == 3 else image[..., None]), cmap="gray")
        for line, text, colour in (0.04, cut(true, _LETTERS), GREY), (0.19, taken, RED):
            figure.text(left / width, (top - _SIDE - line) / height, text, color=colour, fontsize=7.5, va="top")
    return figure
