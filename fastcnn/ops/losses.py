"""Losses: one number per sample."""

import numpy as np

from fastcnn import _ops, arguments
from fastcnn.ops.shared import FORWARD, gradient, run

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


def softmax_cross_entropy(x, target, label_smoothing=0.0, ignore_class=None):
    """Cross-entropy of softmax(x) with the target, fused.

    Args:
        x: logits.
        target: labels (integers) or probabilities.
        label_smoothing: s in [0, 1]: the target becomes t·(1 − s) + s/C.
        ignore_class: a label whose samples have no loss and no gradient; None: there is none.

    Shape:
        x (N, C), target (N,) or (N, C) → (N,)

    Example:
        >>> float(fastcnn.ops.softmax_cross_entropy(np.zeros((1, 2)), [1])[0]) == float(np.float32(np.log(2)))
        True
    """
    return _loss("softmax_cross_entropy", x, target, **_of_classes(label_smoothing, ignore_class))


def softmax_cross_entropy_backward(dy, x, target, label_smoothing=0.0, ignore_class=None):
    """Gradient of `softmax_cross_entropy` with respect to x: (softmax(x)·Σt − t) · dy.

    Shape:
        dy (N,) → dx (N, C)
    """
    return _loss("softmax_cross_entropy", x, target, dy, **_of_classes(label_smoothing, ignore_class))


def categorical_cross_entropy(x, target, label_smoothing=0.0, ignore_class=None):
    """Cross-entropy of probabilities x with the target; x is scaled to sum 1 and clipped to [1e-7, 1 − 1e-7] as in Keras.

    Args:
        x: probabilities.
        target: labels (integers) or probabilities.
        label_smoothing: s in [0, 1]: the target becomes t·(1 − s) + s/C.
        ignore_class: a label whose samples have no loss and no gradient; None: there is none.

    Shape:
        x (N, C), target (N,) or (N, C) → (N,)
    """
    return _loss("categorical_cross_entropy", x, target, **_of_classes(label_smoothing, ignore_class))


def categorical_cross_entropy_backward(dy, x, target, label_smoothing=0.0, ignore_class=None):
    """Gradient of `categorical_cross_entropy` with respect to x. Shape: dy (N,) → dx (N, C)."""
    return _loss("categorical_cross_entropy", x, target, dy, **_of_classes(label_smoothing, ignore_class))


def mean_squared_error(x, target):
    """The mean of (x − target)² over each sample. Shape: x, target (N, …) → (N,)."""
    return _loss("mean_squared_error", x, target)


def mean_squared_error_backward(dy, x, target):
    """2 · (x − target) / values per sample · dy. Shape: dy (N,) → dx as x."""
    return _loss("mean_squared_error", x, target, dy)


def mean_absolute_error(x, target):
    """The mean of |x − target| over each sample. Shape: x, target (N, …) → (N,)."""
    return _loss("mean_absolute_error", x, target)


def mean_absolute_error_backward(dy, x, target):
    """sign(x − target) / values per sample · dy, 0 where they are equal. Shape: dy (N,) → dx as x."""
    return _loss("mean_absolute_error", x, target, dy)


def huber(x, target, delta=1.0):
    """The mean over each sample of d²/2 where |d| ≤ delta, delta·(|d| − delta/2) elsewhere; d = x − target.

    Args:
        delta: where the square ends and the line begins, > 0.

    Shape:
        x, target (N, …) → (N,)

    Example:
        >>> fastcnn.ops.huber([[3.0, 0.5]], [[0.0, 0.0]]).tolist()
        [1.3125]

    Source: Huber 1964, "Robust estimation of a location parameter".
    """
    return _loss("huber", x, target, delta=arguments.small("delta", delta))


def huber_backward(dy, x, target, delta=1.0):
    """x − target, cut to ±delta, / values per sample · dy. Shape: dy (N,) → dx as x."""
    return _loss("huber", x, target, dy, delta=arguments.small("delta", delta))


def hinge(x, target):
    """The mean of max(1 − target·x, 0) over each sample; targets are −1 or 1, and 0 stands for −1.

    Shape:
        x, target (N, …) → (N,)
    """
    return _loss("hinge", x, target)


def hinge_backward(dy, x, target):
    """−target / values per sample · dy where target·x < 1, else 0. Shape: dy (N,) → dx as x."""
    return _loss("hinge", x, target, dy)


def squared_hinge(x, target):
    """The mean of max(1 − target·x, 0)² over each sample; targets are −1 or 1, and 0 stands for −1.

    Shape:
        x, target (N, …) → (N,)
    """
    return _loss("squared_hinge", x, target)


def squared_hinge_backward(dy, x, target):
    """−2 · target · max(1 − target·x, 0) / values per sample · dy. Shape: dy (N,) → dx as x."""
    return _loss("squared_hinge", x, target, dy)


def categorical_hinge(x, target):
    """max(0, 1 + max((1 − target)·x) − Σ target·x): how far the true class leads the best of the others.

    Args:
        x: scores.
        target: one-hot rows.

    Shape:
        x, target (N, C) → (N,)
    """
    return _loss("categorical_hinge", x, target)


def categorical_hinge_backward(dy, x, target):
    """Gradient of `categorical_hinge`: of equal maxima the first counts. Shape: dy (N,) → dx (N, C)."""
    return _loss("categorical_hinge", x, target, dy)


def multiclass_hinge(x, target):
    """Σ over all other classes of max(0, 1 + x_i − x_label): ConvNetJS' svm layer.

    Args:
        x: scores.
        target: labels (integers).

    Shape:
        x (N, C), target (N,) → (N,)

    Example:
        >>> fastcnn.ops.multiclass_hinge([[1.0, 3.0, 2.5]], [1]).tolist()
        [0.5]

    Source: Weston, Watkins 1999, "Support vector machines for multi-class pattern recognition".
    """
    return _loss("multiclass_hinge", x, target)


def multiclass_hinge_backward(dy, x, target):
    """dy for each class within the margin, and minus as many for the label's. Shape: dy (N,) → dx (N, C)."""
    return _loss("multiclass_hinge", x, target, dy)


def binary_cross_entropy(x, target, from_logits=False, label_smoothing=0.0):
    """The mean of −t·log q − (1−t)·log(1−q) over each sample; q = x clipped to [1e-7, 1 − 1e-7], or sigmoid(x) from logits.

    Args:
        x: probabilities, or logits.
        target: in 0 … 1.
        from_logits: which of both x is.
        label_smoothing: s in [0, 1]: the target becomes t·(1 − s) + s/2.

    Shape:
        x, target (N, …) → (N,)
    """
    return _loss("binary_cross_entropy", x, target, from_logits=arguments.flag("from_logits", from_logits),
                 label_smoothing=_smoothing(label_smoothing))


def binary_cross_entropy_backward(dy, x, target, from_logits=False, label_smoothing=0.0):
    """Gradient of `binary_cross_entropy` with respect to x. Shape: dy (N,) → dx as x."""
    return _loss("binary_cross_entropy", x, target, dy, from_logits=arguments.flag("from_logits", from_logits),
                 label_smoothing=_smoothing(label_smoothing))
