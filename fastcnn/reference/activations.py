"""Activation functions. All keep the shape of x and are free of overflow for large |x|.

Each `<name>_backward(dy, x, ...)` returns dx = dy · dy/dx, like x.
"""

import numpy as np

from .arrays import as_float64, as_gradient


def relu(x):
    """y = max(x, 0). Source: Nair & Hinton 2010."""
    return np.maximum(as_float64(x), 0.0)


def relu_backward(dy, x):
    """dx = dy where x > 0, else 0 (0 also at x = 0)."""
    dy, x = _arguments(dy, x)
    return np.where(x > 0, dy, 0.0)


def leaky_relu(x, negative_slope=0.2):
    """y = x where x > 0, else negative_slope · x. Source: Maas, Hannun & Ng 2013."""
    x = as_float64(x)
    return np.where(x > 0, x, negative_slope * x)


def leaky_relu_backward(dy, x, negative_slope=0.2):
    """dx = dy where x > 0, else negative_slope · dy (also at x = 0)."""
    dy, x = _arguments(dy, x)
    return np.where(x > 0, dy, negative_slope * dy)


def elu(x, alpha=1.0):
    """y = x where x > 0, else α·(eˣ − 1). Source: Clevert, Unterthiner & Hochreiter 2016."""
    x = as_float64(x)
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0.0)))


def elu_backward(dy, x, alpha=1.0):
    """dx = dy where x > 0, else dy · α·eˣ = dy · (y + α) (also at x = 0)."""
    dy, x = _arguments(dy, x)
    return np.where(x > 0, dy, dy * alpha * np.exp(np.minimum(x, 0.0)))


def sigmoid(x):
    """y = 1 / (1 + e^−x), computed from e^−|x|, which cannot overflow."""
    x = as_float64(x)
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0, e) / (1.0 + e)


def sigmoid_backward(dy, x):
    """dx = dy · y·(1 − y) = dy · e / (1 + e)², e = e^−|x|: without the cancellation of 1 − y."""
    dy, x = _arguments(dy, x)
    e = np.exp(-np.abs(x))
    return dy * e / (1.0 + e) ** 2


def tanh(x):
    """y = tanh x."""
    return np.tanh(as_float64(x))


def tanh_backward(dy, x):
    """dx = dy · (1 − tanh²x) = dy · 4·σ′(2x), σ the sigmoid: since tanh x = 2·σ(2x) − 1."""
    dy, x = _arguments(dy, x)
    return sigmoid_backward(4.0 * dy, 2.0 * x)


def scaled_tanh(x):
    """y = 1.7159 · tanh(2x/3), so that f(±1) ≈ ±1. Source: LeCun et al. 1998, Appendix A."""
    return 1.7159 * np.tanh(as_float64(x) * (2.0 / 3.0))


def scaled_tanh_backward(dy, x):
    """dx = dy · 1.7159 · 2/3 · (1 − tanh²(2x/3))."""
    dy, x = _arguments(dy, x)
    return tanh_backward(dy * (1.7159 * 2.0 / 3.0), x * (2.0 / 3.0))


def softplus(x):
    """y = log(1 + eˣ) = max(x, 0) + log(1 + e^−|x|). Source: Dugas et al. 2001."""
    x = as_float64(x)
    return np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x)))


def softplus_backward(dy, x):
    """dx = dy · sigmoid(x)."""
    dy, x = _arguments(dy, x)
    return dy * sigmoid(x)


def softmax(x):
    """y_i = e^(x_i − m) / Σ_j e^(x_j − m), m = max_j x_j, over the last axis. Source: Bridle 1990."""
    e = np.exp(_below_max(x))
    return e / e.sum(axis=-1, keepdims=True)


def softmax_backward(dy, x):
    """dx_i = y_i · (dy_i − Σ_j dy_j · y_j)."""
    dy, x = _arguments(dy, x)
    y = softmax(x)
    return y * (dy - (dy * y).sum(axis=-1, keepdims=True))


def log_softmax(x):
    """y_i = x_i − m − log Σ_j e^(x_j − m), m = max_j x_j, over the last axis."""
    z = _below_max(x)
    return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))


def log_softmax_backward(dy, x):
    """dx_i = dy_i − softmax(x)_i · Σ_j dy_j."""
    dy, x = _arguments(dy, x)
    return dy - softmax(x) * dy.sum(axis=-1, keepdims=True)


def _arguments(dy, x):
    x = as_float64(x)
    return as_gradient(dy, x.shape), x


def _below_max(x):
    x = as_float64(x)
    if x.ndim < 1 or x.shape[-1] == 0:
        raise ValueError(f"`x` must have a last axis of at least one element. Received: shape {x.shape}")
    return x - x.max(axis=-1, keepdims=True)
