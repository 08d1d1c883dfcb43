"""What is taken for what."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fastcnn import arguments, metrics
from fastcnn.metrics.confusion import numbered
from fastcnn.typing import ArrayLike, Axes, Figure
from fastcnn.vis.style import BLUE, GREY, INK, PAPER, RED, axes_of, drawing, grid

_LEGIBLE = 30  # classes


@drawing
def confusion_matrix(y_true: ArrayLike, y_pred: ArrayLike, class_names: Sequence[str] | None = None, normalize: bool = False,
                     ax: Axes | None = None, threshold: float | None = None) -> Figure:
    """Counts of samples by true class (rows) and predicted class (columns).

    Right answers are blue, by their part of the row; mistakes are red, deepest the most frequent one, by counts or, if these
    are shown, by percents. At the right stands each class' part of right answers. `fastcnn.metrics.confusion_matrix`
    returns the counts.

    Args:
        y_true: labels (N,) or (N, 1), numbers or names, or one-hot rows (N, classes).
        y_pred: labels alike, or what `predict` returned: (N, classes), of which the largest counts, or (N, 1) of a single
            output, class 1 where it is above the threshold.
        class_names: of the classes, in their order; None: their numbers, up to the largest label, or the names in y_true
            and y_pred.
        normalize: show percents of each row in place of counts.
        ax: matplotlib axes to draw on; None: those of a new figure.
        threshold: of a single output; None: 0.5. (Of logits and of hinges it is 0.)

    Returns:
        the figure.

    Raises:
        ImportError: matplotlib is missing.
        TypeError, ValueError: no labels, of different numbers, or beyond the class names.

    Example:
        >>> confusion_matrix([0, 1, 1], [0, 1, 0], class_names=["cat", "dog"]).axes[0].get_title("left")
        '2 of 3 right (66.67 %)'
    """
    normalize = arguments.flag("normalize", normalize)
    y_true, y_pred, class_names = numbered(y_true, y_pred, class_names)
    counts = metrics.confusion_matrix(y_true, y_pred, threshold=threshold)
    if not counts.any():
        raise ValueError("y_true and y_pred must hold at least one sample. Received: 0 samples")
    classes = len(counts) if class_names is None else len(class_names)
    if len(counts) > classes:
        raise ValueError(f"class_names must name all classes, 0 to {len(counts) - 1}. Received: {classes} names")
    counts = np.pad(counts, (0, classes - len(counts)))
    return _draw(counts, [str(name) for name in (range(classes) if class_names is None else class_names)], normalize, ax)


def _draw(counts, names, normalize, ax):
    from matplotlib.colors import to_rgb

    classes, legible = len(names), len(names) <= _LEGIBLE
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    right = np.eye(classes, dtype=bool)
    mistakes = np.where(right, 0, shares if normalize else counts)
    strength = np.where(right, 0.9 * shares, 0.85 * mistakes / (mistakes.max() or 1))[..., None]
    picture = (1 - strength) * to_rgb(PAPER) + strength * np.where(right[..., None], to_rgb(BLUE), to_rgb(RED))
    long = max(map(len, names)) if legible else 0
    side = 0.5 * classes if legible else 5.2
    axes = axes_of(ax, max(side + 1.6 + 0.07 * long, 3.4), max(side + 1.0 + 0.06 * long, 2.8))
    axes.imshow(picture)
    step = 1 if legible else -(-classes // 20)
    axes.set_xticks(range(0, classes, step), names[::step])
    axes.set_yticks(range(0, classes, step), names[::step])
    if long > 3:
        for label in axes.get_xticklabels():
            label.set(rotation=40, ha="right", rotation_mode="anchor")
    if legible:
        _cells(axes, counts, shares, picture @ (0.299, 0.587, 0.114), normalize)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    grid(axes, classes, classes, "#eeeeee", 0.8 if legible else 0.2)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    hits, total = int(np.trace(counts)), int(counts.sum())
    axes.set_title(f"{hits:,} of {total:,} right ({100 * hits / total:.2f} %)", pad=10)
    return axes.figure


def _cells(axes, counts, shares, light, normalize):
    """Writes the numbers into the cells, and each row's part of right answers beside it."""
    for i, row in enumerate(counts):
        for j, count in enumerate(row):
            if count:
                text = f"{100 * shares[i, j]:.1f}" if normalize else f"{count:,}"
                axes.text(j, i, text, ha="center", va="center", fontsize=8 if len(text) < 6 else 6.5,
                          color=INK if light[i, j] > 0.6 else PAPER)
        if row.sum():
            axes.text(len(counts) - 0.35, i, f"{100 * shares[i, i]:.1f} %", va="center", fontsize=8, color=GREY)
