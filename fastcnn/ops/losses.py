"""Losses: one number per sample."""

from __future__ import annotations

import numpy as np

from fastcnn import _ops, arguments
from fastcnn.ops.shared import FORWARD, gradient, run
from fastcnn.typing import Array, ArrayLike

__all__ = [
    "softmax_cross_entropy", "softmax_cross_entropy_backward",
    "categorical_cross_entropy", "categorical_cross_entropy_backward",
    "mean_squared_error", "mean_squared_error_backward", "mean_absolute_error", "mean_absolute_error_backward",
    "huber", "huber_backward", "hinge", "hinge_backward", "squared_hinge", "squared_hinge_backward",
    "categorical_hinge", "categorical_hinge_backward", "multiclass_hinge", "multiclass_hinge_backward",
    "binary_cross_entropy", "binary_cross_entropy_backward",
]

_CLASSES = ("softmax_cross_entropy", "categorical_cross_entropy")  # these take labels, or a number for each class


def _loss(kind, x, target, dy=FORWARD, ignore_class=None, **constants):
    """`ignore_class`: the label of samples without loss."""
    x = arguments.array("x", x)
    labelled = kind == "multiclass_hinge"  # takes nothing but labels
    if x.ndim < 1 + labelled or x.size == 0 and x.shape[0] != 0:
        raise ValueError(f"x must be (samples, values…). Received: shape {x.shape}")
    n = x.shape[0]
    labels = np.asarray(target)
    sparse = labelled or kind in _CLASSES and labels.dtype.kind in "iu" and labels.shape == (n,) and x.ndim > 1
    if sparse:
        c = x.size // max(n, 1)
        if labels.dtype.kind not in "iu":
            raise TypeError(f"target must hold integers as labels. Received: dtype {labels.dtype}, shape {labels.shape}")
        if labels.shape != (n,):
            raise ValueError(f"target must be labels of shape {(n,)}. Received: shape {labels.shape}")
        counted = labels if ignore_class is None else labels[labels != ignore_class]
        if counted.size and not (0 <= counted.min() and counted.max() < c):
            raise ValueError(f"target must hold labels from 0 to {c - 1}. Received: {counted.min()} … {counted.max()}")
        target = labels if ignore_class is None else np.where(labels == ignore_class, -1, labels)
        target = np.ascontiguousarray(target, np.int32)
    else:
        target = arguments.array("target", target)
        if target.shape != x.shape:
            raise ValueError(f"target must have x's shape {x.shape}. Received: shape {target.shape}")
    loss, y, dx = np.empty(n, np.float32), np.empty_like(x), np.empty_like(x)
    backward = dy is not FORWARD
    dy = gradient(dy, (n,)) if backward else None
    if n:
        op = _ops.loss(kind, x.size // n, sparse, **constants)
        run(op, n, [["forward"], ["data"]] if backward else [["forward"]], [("x", x), ("y", y), ("dx", dx)],
            [("target", target), ("loss", loss), ("sample_weight", dy)], scale=1.0)
    return dx if backward else loss


def _smoothing(value):
    return arguments.number("label_smoothing", value, 0, 1)


def _of_classes(label_smoothing, ignore_class):
    ignored = None if ignore_class is None else arguments.integer("ignore_class", ignore_class, -2**31)
    return {"label_smoothing": _smoothing(label_smoothing), "ignore_class": ignored}


def softmax_cross_entropy(x: ArrayLike, target: ArrayLike, label_smoothing: float = 0.0,
                          ignore_class: int | None = None) -> Array:
    """Cross-entropy of softmax(x) with the target, fused.

    Args:
        x: logits.
        target: labels (integers) or probabilities.
        label_smoothing: in [0, 1]: how much of the target is spread over all classes.
        ignore_class: a label whose samples have no loss and no gradient; None: there is none.

    Shape:
        x (N, C), target (N,) or (N, C) → (N,)

    Example:
        >>> float(fastcnn.ops.softmax_cross_entropy(np.zeros((1, 2)), [1])[0]) == float(np.float32(np.log(2)))
        True
    """
    return _loss("softmax_cross_entropy", x, target, **_of_classes(label_smoothing, ignore_class))


def softmax_cross_entropy_backward(dy: ArrayLike, x: ArrayLike, target: ArrayLike, label_smoothing: float = 0.0,
                                   ignore_class: int | None = None) -> Array:
    """Gradient of `softmax_cross_entropy` with respect to x.

    Shape:
        dy (N,) → dx (N, C)
    """
    return _loss("softmax_cross_entropy", x, target, dy, **_of_classes(label_smoothing, ignore_class))


def categorical_cross_entropy(x: ArrayLike, target: ArrayLike, label_smoothing: float = 0.0,
                              ignore_class: int | None = None) -> Array:
    """Cross-entropy of probabilities with the target; they are scaled to sum 1 and clipped as in Keras.

    Args:
        x: probabilities.
        target: labels (integers) or probabilities.
        label_smoothing: in [0, 1]: how much of the target is spread over all classes.
        ignore_class: a label whose samples have no loss and no gradient; None: there is none.

    Shape:
        x (N, C), target (N,) or (N, C) → (N,)
    """
    return _loss("categorical_cross_entropy", x, target, **_of_classes(label_smoothing, ignore_class))


def categorical_cross_entropy_backward(dy: ArrayLike, x: ArrayLike, target: ArrayLike, label_smoothing: float = 0.0,
                                       ignore_class: int | None = None) -> Array:
    """Gradient of `categorical_cross_entropy` with respect to x. Shape: dy (N,) → dx (N, C)."""
    return _loss("categorical_cross_entropy", x, target, dy, **_of_classes(label_smoothing, ignore_class))


def mean_squared_error(x: ArrayLike, target: ArrayLike) -> Array:
    """Mean squared error of each sample. Shape: x, target (N, …) → (N,)."""
    return _loss("mean_squared_error", x, target)


def mean_squared_error_backward(dy: ArrayLike, x: ArrayLike, target: ArrayLike) -> Array:
    """Gradient of `mean_squared_error`. Shape: dy (N,) → dx as x."""
    return _loss("mean_squared_error", x, target, dy)


def mean_absolute_error(x: ArrayLike, target: ArrayLike) -> Array:
    """Mean absolute error of each sample. Shape: x, target (N, …) → (N,)."""
    return _loss("mean_absolute_error", x, target)


def mean_absolute_error_backward(dy: ArrayLike, x: ArrayLike, target: ArrayLike) -> Array:
    """Gradient of `mean_absolute_error`. Shape: dy (N,) → dx as x."""
    return _loss("mean_absolute_error", x, target, dy)


def huber(x: ArrayLike, target: ArrayLike, delta: float = 1.0) -> Array:
    """The mean over each sample of squares of small differences, and of the sizes of large ones.

    Args:
        delta: where the square ends and the line begins, > 0.

    Shape:
        x, target (N, …) → (N,)

    Example:
        >>> fastcnn.ops.huber([[3.0, 0.5]], [[0.0, 0.0]]).tolist()
        [1.3125]
    """
    return _loss("huber", x, target, delta=arguments.small("delta", delta))


def huber_backward(dy: ArrayLike, x: ArrayLike, target: ArrayLike, delta: float = 1.0) -> Array:
    """Gradient of `huber`. Shape: dy (N,) → dx as x."""
    return _loss("huber", x, target, dy, delta=arguments.small("delta", delta))


def hinge(x: ArrayLike, target: ArrayLike) -> Array:
    """The mean over each sample of what is missing to a margin of 1; targets are −1 or 1, and 0 stands for −1.

    Shape:
        x, target (N, …) → (N,)
    """
    return _loss("hinge", x, target)


def hinge_backward(dy: ArrayLike, x: ArrayLike, target: ArrayLike) -> Array:
    """Gradient of `hinge`. Shape: dy (N,) → dx as x."""
    return _loss("hinge", x, target, dy)


def squared_hinge(x: ArrayLike, target: ArrayLike) -> Array:
    """The same as `hinge` with squares.

    Shape:
        x, target (N, …) → (N,)
    """
    return _loss("squared_hinge", x, target)


def squared_hinge_backward(dy: ArrayLike, x: ArrayLike, target: ArrayLike) -> Array:
    """Gradient of `squared_hinge`. Shape: dy (N,) → dx as x."""
    return _loss("squared_hinge", x, target, dy)


def categorical_hinge(x: ArrayLike, target: ArrayLike) -> Array:
    """What the true class lacks to lead the best of the others by 1.

    Args:
        x: scores.
        target: one-hot rows.

    Shape:
        x, target (N, C) → (N,)
    """
    return _loss("categorical_hinge", x, target)


def categorical_hinge_backward(dy: ArrayLike, x: ArrayLike, target: ArrayLike) -> Array:
    """Gradient of `categorical_hinge`: of equal maxima the first counts. Shape: dy (N,) → dx (N, C)."""
    return _loss("categorical_hinge", x, target, dy)


def multiclass_hinge(x: ArrayLike, target: ArrayLike) -> Array:
    """What the true class lacks to lead each of the others by 1: ConvNetJS' svm layer.

    Args:
        x: scores.
        target: labels (integers).

    Shape:
        x (N, C), target (N,) → (N,)

    Example:
        >>> fastcnn.ops.multiclass_hinge([[1.0, 3.0, 2.5]], [1]).tolist()
        [0.5]
    """
    return _loss("multiclass_hinge", x, target)


def multiclass_hinge_backward(dy: ArrayLike, x: ArrayLike, target: ArrayLike) -> Array:
    """Gradient of `multiclass_hinge`. Shape: dy (N,) → dx (N, C)."""
    return _loss("multiclass_hinge", x, target, dy)


def binary_cross_entropy(x: ArrayLike, target: ArrayLike, from_logits: bool = False, label_smoothing: float = 0.0) -> Array:
    """The mean over each sample of the cross-entropy of yes and no.

    Args:
        x: probabilities, or logits.
        target: in 0 … 1.
        from_logits: which of both x is.
        label_smoothing: in [0, 1]: how much of the target is spread over yes and no.

    Shape:
        x, target (N, …) → (N,)
    """
    return _loss("binary_cross_entropy", x, target, from_logits=arguments.flag("from_logits", from_logits),
                 label_smoothing=_smoothing(label_smoothing))


def binary_cross_entropy_backward(dy: ArrayLike, x: ArrayLike, target: ArrayLike, from_logits: bool = False,
                                  label_smoothing: float = 0.0) -> Array:
    """Gradient of `binary_cross_entropy` with respect to x. Shape: dy (N,) → dx as x."""
    return _loss("binary_cross_entropy", x, target, dy, from_logits=arguments.flag("from_logits", from_logits),
                 label_smoothing=_smoothing(label_smoothing))
