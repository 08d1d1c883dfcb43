"""Losses: one number per sample."""

import numpy as np

from fastcnn import _ops, arguments
from fastcnn.ops.shared import FORWARD, gradient, run


def _loss(kind, x, target, from_logits=False, dy=FORWARD):
    x = arguments.array("x", x)
    if x.ndim < 1 or x.size == 0 and x.shape[0] != 0:
        raise ValueError(f"x must be (samples, values…). Received: shape {x.shape}")
    n = x.shape[0]
    labels = np.asarray(target)
    sparse = kind.endswith("categorical_cross_entropy") or kind == "softmax_cross_entropy"
    sparse = sparse and labels.dtype.kind in "iu" and labels.shape == (n,) and x.ndim > 1
    if sparse:
        c = x.size // max(n, 1)
        if n and not (0 <= labels.min() and labels.max() < c):
            raise ValueError(f"target must hold labels from 0 to {c - 1}. Received: {labels.min()} … {labels.max()}")
        target = np.ascontiguousarray(labels, np.int32)
    else:
        target = arguments.array("target", target)
        if target.shape != x.shape:
            raise ValueError(f"target must have x's shape {x.shape}. Received: shape {target.shape}")
    loss, y, dx = np.empty(n, np.float32), np.empty_like(x), np.empty_like(x)
    backward = dy is not FORWARD
    dy = gradient(dy, (n,)) if backward else None
    if n:
        op = _ops.plain(kind, 1, x.size // n, from_logits=from_logits, sparse=sparse)
        run(op, n, [["forward"], ["data"]] if backward else [["forward"]], [("x", x), ("y", y), ("dx", dx)],
             [("target", target), ("loss", loss), ("sample_weight", dy)], scale=1.0)
    return dx if backward else loss


def softmax_cross_entropy(x, target):
    """Cross-entropy of softmax(x) with the target, fused.

    Args:
        x: logits.
        target: labels (integers) or probabilities.

    Shape:
        x (N, C), target (N,) or (N, C) → (N,)

    Example:
        >>> float(fastcnn.ops.softmax_cross_entropy(np.zeros((1, 2)), [1])[0]) == float(np.float32(np.log(2)))
        True
    """
    return _loss("softmax_cross_entropy", x, target)


def softmax_cross_entropy_backward(dy, x, target):
    """Gradient of `softmax_cross_entropy` with respect to x: (softmax(x)·Σt − t) · dy.

    Shape:
        dy (N,) → dx (N, C)
    """
    return _loss("softmax_cross_entropy", x, target, dy=dy)


def categorical_cross_entropy(x, target):
    """Cross-entropy of probabilities x with the target; x is scaled to sum 1 and clipped to [1e-7, 1 − 1e-7] as in Keras.

    Shape:
        x (N, C), target (N,) or (N, C) → (N,)
    """
    return _loss("categorical_cross_entropy", x, target)


def categorical_cross_entropy_backward(dy, x, target):
    """Gradient of `categorical_cross_entropy` with respect to x. Shape: dy (N,) → dx (N, C)."""
    return _loss("categorical_cross_entropy", x, target, dy=dy)


def mean_squared_error(x, target):
    """The mean of (x − target)² over each sample. Shape: x, target (N, …) → (N,)."""
    return _loss("mean_squared_error", x, target)


def mean_squared_error_backward(dy, x, target):
    """2 · (x − target) / values per sample · dy. Shape: dy (N,) → dx as x."""
    return _loss("mean_squared_error", x, target, dy=dy)


def binary_cross_entropy(x, target, from_logits=False):
    """The mean of −t·log q − (1−t)·log(1−q) over each sample; q = x clipped to [1e-7, 1 − 1e-7], or sigmoid(x) from logits.

    Shape:
        x, target (N, …) → (N,)
    """
    return _loss("binary_cross_entropy", x, target, arguments.flag("from_logits", from_logits))


def binary_cross_entropy_backward(dy, x, target, from_logits=False):
    """Gradient of `binary_cross_entropy` with respect to x. Shape: dy (N,) → dx as x."""
    return _loss("binary_cross_entropy", x, target, arguments.flag("from_logits", from_logits), dy=dy)
