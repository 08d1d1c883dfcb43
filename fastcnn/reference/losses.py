"""Losses, one value per sample: x (N, ...) → (N,). Axes after the first are flattened.

Each `<name>_backward(dy, x, target, ...)` takes dy (N,) and returns dx, like x; targets get no gradient.
"""

from __future__ import annotations

import math

import numpy as np

from fastcnn.typing import Array, ArrayLike

from .activations import log_softmax, sigmoid, softmax, softplus
from .arrays import as_float64, as_gradient

EPSILON = 1e-7  # Keras': probabilities are clipped to [EPSILON, 1 - EPSILON] before a logarithm


def softmax_cross_entropy(x: ArrayLike, target: ArrayLike, label_smoothing: float = 0.0,
                          ignore_class: int | None = None) -> Array:
    """loss = −Σ_c t_c · log softmax(x)_c, t smoothed to t·(1 − s) + s/C; t = 0 for a label that is ignored.

    Source: Bridle 1990; smoothing: Szegedy et al. 2016, §7.
    """
    x, t, _ = _class_arguments(x, target, label_smoothing, ignore_class)
    return _cross_entropy(t, log_softmax(x))


def softmax_cross_entropy_backward(dy: ArrayLike, x: ArrayLike, target: ArrayLike, label_smoothing: float = 0.0,
                                   ignore_class: int | None = None) -> Array:
    """dx_c = dy · (softmax(x)_c · Σ_j t_j − t_c); the sum is 1 for labels and for probabilities."""
    x, t, shape = _class_arguments(x, target, label_smoothing, ignore_class)
    dx = softmax(x) * t.sum(axis=1, keepdims=True) - t
    return _scaled(dy, dx, shape)


def categorical_cross_entropy(x: ArrayLike, target: ArrayLike, label_smoothing: float = 0.0,
                              ignore_class: int | None = None) -> Array:
    """loss = −Σ_c t_c · log clip(p_c), p_c = x_c / Σ_j x_j, clipped to [1e-7, 1 − 1e-7]."""
    x, t, _ = _class_arguments(x, target, label_smoothing, ignore_class)
    p = x / x.sum(axis=1, keepdims=True)
    return _cross_entropy(t, np.log(_clip(p)))


def categorical_cross_entropy_backward(dy: ArrayLike, x: ArrayLike, target: ArrayLike, label_smoothing: float = 0.0,
                                       ignore_class: int | None = None) -> Array:
    """dx_c = dy · (g_c − Σ_j g_j · p_j) / Σ_j x_j, where g_c = −t_c / p_c, or 0 where p_c is clipped."""
    x, t, shape = _class_arguments(x, target, label_smoothing, ignore_class)
    total = x.sum(axis=1, keepdims=True)
    p = x / total
    g = np.where(_is_clipped(p), 0.0, -t / _clip(p))
    return _scaled(dy, (g - (g * p).sum(axis=1, keepdims=True)) / total, shape)


def mean_squared_error(x: ArrayLike, target: ArrayLike) -> Array:
    """loss = Σ_i (x_i − t_i)² / M over the M elements of the sample."""
    x, t, _ = _arguments(x, target)
    return ((x - t) ** 2).mean(axis=1)


def mean_squared_error_backward(dy: ArrayLike, x: ArrayLike, target: ArrayLike) -> Array:
    """dx_i = dy · 2·(x_i − t_i) / M."""
    x, t, shape = _arguments(x, target)
    return _scaled(dy, 2.0 * (x - t) / x.shape[1], shape)


def mean_absolute_error(x: ArrayLike, target: ArrayLike) -> Array:
    """loss = Σ_i |x_i − t_i| / M over the M elements of the sample."""
    x, t, _ = _arguments(x, target)
    return np.abs(x - t).mean(axis=1)


def mean_absolute_error_backward(dy: ArrayLike, x: ArrayLike, target: ArrayLike) -> Array:
    """dx_i = dy · sign(x_i − t_i) / M."""
    x, t, shape = _arguments(x, target)
    return _scaled(dy, np.sign(x - t) / x.shape[1], shape)


def huber(x: ArrayLike, target: ArrayLike, delta: float = 1.0) -> Array:
    """loss = Σ_i h(x_i − t_i) / M, h(d) = d²/2 where |d| ≤ delta, delta·|d| − delta²/2 elsewhere.

    Source: Huber 1964, "Robust estimation of a location parameter".
    """
    x, t, _ = _arguments(x, target)
    far = np.abs(x - t)
    return np.where(far <= delta, far**2 / 2, delta * far - delta**2 / 2).mean(axis=1)


def huber_backward(dy: ArrayLike, x: ArrayLike, target: ArrayLike, delta: float = 1.0) -> Array:
    """dx_i = dy · clip(x_i − t_i, ±delta) / M."""
    x, t, shape = _arguments(x, target)
    return _scaled(dy, np.clip(x - t, -delta, delta) / x.shape[1], shape)


def hinge(x: ArrayLike, target: ArrayLike) -> Array:
    """loss = Σ_i max(0, 1 − t_i · x_i) / M. A target 0 is read as −1."""
    margin, _, _ = _margins(x, target)
    return margin.mean(axis=1)


def hinge_backward(dy: ArrayLike, x: ArrayLike, target: ArrayLike) -> Array:
    """dx_i = −dy · t_i / M where t_i · x_i < 1, else 0."""
    margin, t, shape = _margins(x, target)
    return _scaled(dy, np.where(margin > 0, -t, 0.0) / t.shape[1], shape)


def squared_hinge(x: ArrayLike, target: ArrayLike) -> Array:
    """loss = Σ_i max(0, 1 − t_i · x_i)² / M."""
    margin, _, _ = _margins(x, target)
    return (margin**2).mean(axis=1)


def squared_hinge_backward(dy: ArrayLike, x: ArrayLike, target: ArrayLike) -> Array:
    """dx_i = −dy · 2 · t_i · max(0, 1 − t_i · x_i) / M."""
    margin, t, shape = _margins(x, target)
    return _scaled(dy, -2.0 * t * margin / t.shape[1], shape)


def categorical_hinge(x: ArrayLike, target: ArrayLike) -> Array:
    """loss = max(0, 1 + max_c (1 − t_c)·x_c − Σ_c t_c·x_c).

    Source: Crammer, Singer 2001; Keras, whose maximum also sees a 0 in the place of the true class.
    """
    x, t, _ = _arguments(x, target)
    return np.maximum(0.0, 1.0 + ((1.0 - t) * x).max(axis=1) - (t * x).sum(axis=1))


def categorical_hinge_backward(dy: ArrayLike, x: ArrayLike, target: ArrayLike) -> Array:
    """dx_c = dy · ([c is the first maximum] · (1 − t_c) − t_c), or 0 where the loss is 0."""
    x, t, shape = _arguments(x, target)
    others = (1.0 - t) * x
    best = np.arange(x.shape[1]) == others.argmax(axis=1)[:, None]
    loss = 1.0 + others.max(axis=1) - (t * x).sum(axis=1)
    return _scaled(dy, np.where(loss[:, None] > 0, best * (1.0 - t) - t, 0.0), shape)


def multiclass_hinge(x: ArrayLike, target: ArrayLike) -> Array:
    """loss = Σ_{c ≠ label} max(0, 1 + x_c − x_label).

    Source: Weston, Watkins 1999, "Support vector machines for multi-class pattern recognition"; ConvNetJS' svm layer.
    """
    x, one_hot, margin, _ = _class_margins(x, target)
    return margin.sum(axis=1)


def multiclass_hinge_backward(dy: ArrayLike, x: ArrayLike, target: ArrayLike) -> Array:
    """dx_c = dy · [1 + x_c − x_label > 0]; of the label minus their number."""
    x, one_hot, margin, shape = _class_margins(x, target)
    within = (margin > 0).astype(np.float64)
    return _scaled(dy, within - one_hot * within.sum(axis=1, keepdims=True), shape)


def binary_cross_entropy(x: ArrayLike, target: ArrayLike, from_logits: bool = False, label_smoothing: float = 0.0) -> Array:
    """loss = −Σ_i [t_i · log p_i + (1 − t_i) · log(1 − p_i)] / M over the M elements of the sample.

    t is smoothed to t·(1 − s) + s/2. p is x clipped to [1e-7, 1 − 1e-7]; from logits sigmoid(x), and the term is then
    log(1 + eˣ) − t·x, which needs no clipping.
    """
    x, t, _ = _arguments(x, target)
    t = t * (1 - label_smoothing) + label_smoothing / 2
    if from_logits:
        return (softplus(x) - t * x).mean(axis=1)
    p = _clip(x)
    return -(t * np.log(p) + (1.0 - t) * np.log1p(-p)).mean(axis=1)


def binary_cross_entropy_backward(dy: ArrayLike, x: ArrayLike, target: ArrayLike, from_logits: bool = False,
                                  label_smoothing: float = 0.0) -> Array:
    """dx_i = dy · (p_i − t_i) / M from logits; else dy · (p_i − t_i) / (p_i·(1 − p_i)·M), 0 where clipped."""
    x, t, shape = _arguments(x, target)
    t = t * (1 - label_smoothing) + label_smoothing / 2
    if from_logits:
        return _scaled(dy, (sigmoid(x) - t) / x.shape[1], shape)
    p = _clip(x)
    return _scaled(dy, np.where(_is_clipped(x), 0.0, (p - t) / (p * (1.0 - p))) / x.shape[1], shape)


def _cross_entropy(t, log_p):
    # A class of probability 0 adds 0 even where its logarithm is −∞.
    return -np.multiply(t, log_p, where=t != 0, out=np.zeros(t.shape)).sum(axis=1)


def _clip(p):
    return np.clip(p, EPSILON, 1.0 - EPSILON)


def _is_clipped(p):
    return (p < EPSILON) | (p > 1.0 - EPSILON)


def _scaled(dy, dx, shape):
    return (as_gradient(dy, shape[:1])[:, None] * dx).reshape(shape)


def _arguments(x, target):
    """x and target as (N, M), and the shape of x."""
    x, target = as_float64(x), as_float64(target, "target")
    if x.ndim < 1 or target.ndim < 1 or x.shape[0] != target.shape[0] or x.size != target.size:
        raise ValueError(f"`target` must have the shape of `x`. Received: {target.shape}, {x.shape}")
    per_sample = x.shape[0], math.prod(x.shape[1:])
    return x.reshape(per_sample), target.reshape(per_sample), x.shape


def _margins(x, target):
    """max(0, 1 − t·x) and t as (N, M), and the shape of x."""
    x, t, shape = _arguments(x, target)
    t = np.where(t == 0, -1.0, t)
    return np.maximum(0.0, 1.0 - t * x), t, shape


def _class_margins(x, target):
    """x, its labels' one-hot rows, max(0, 1 + x_c − x_label) but for the label itself, and the shape of x."""
    if np.ndim(target) != 1:
        raise ValueError(f"`target` must be labels (N,). Received: shape {np.shape(target)}")
    x, one_hot, shape = _class_arguments(x, target)
    own = (x * one_hot).sum(axis=1, keepdims=True)
    return x, one_hot, np.where(one_hot > 0, 0.0, np.maximum(0.0, 1.0 + x - own)), shape


def _class_arguments(x, target, label_smoothing=0.0, ignore_class=None):
    """x and the probability of each class as (N, C), 0 where the label is ignored, and the shape of x."""
    target = np.asarray(target)
    if target.ndim != 1:
        x, t, shape = _arguments(x, target)
        return x, t * (1 - label_smoothing) + label_smoothing / max(1, t.shape[1]), shape
    if target.dtype.kind not in "iu":
        raise TypeError(f"Class labels must be integers. Received: dtype {target.dtype}")
    x = as_float64(x)
    if x.ndim < 2 or len(target) != len(x):
        raise ValueError(f"`x` must be (N, C) and labels (N,). Received: {x.shape}, {target.shape}")
    classes = math.prod(x.shape[1:])
    counts = np.full(target.shape, True) if ignore_class is None else target != ignore_class
    if np.any(counts & ((target < 0) | (target >= classes))):
        raise ValueError(f"Labels must be in 0 ... {classes - 1}. Received: {target}")
    one_hot = (target[:, None] == np.arange(classes)).astype(np.float64)
    t = (one_hot * (1 - label_smoothing) + label_smoothing / classes) * counts[:, None]
    return x.reshape(one_hot.shape), t, x.shape
