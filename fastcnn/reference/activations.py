"""Activation functions. All keep the shape of x and are free of overflow for large |x|.

Each `<name>_backward(dy, x, ...)` returns dx = dy · dy/dx, like x.
"""

from __future__ import annotations

import math

import numpy as np

from fastcnn.typing import Array, ArrayLike

from .arrays import as_float64, as_gradient


def relu(x: ArrayLike) -> Array:
    """y = max(x, 0). Source: Nair & Hinton 2010."""
    return np.maximum(as_float64(x), 0.0)


def relu_backward(dy: ArrayLike, x: ArrayLike) -> Array:
    """dx = dy where x > 0, else 0 (0 also at x = 0)."""
    dy, x = _arguments(dy, x)
    return np.where(x > 0, dy, 0.0)


def leaky_relu(x: ArrayLike, negative_slope: float = 0.2) -> Array:
    """y = x where x > 0, else negative_slope · x. Source: Maas, Hannun & Ng 2013."""
    x = as_float64(x)
    return np.where(x > 0, x, negative_slope * x)


def leaky_relu_backward(dy: ArrayLike, x: ArrayLike, negative_slope: float = 0.2) -> Array:
    """dx = dy where x > 0, else negative_slope · dy (also at x = 0)."""
    dy, x = _arguments(dy, x)
    return np.where(x > 0, dy, negative_slope * dy)


def elu(x: ArrayLike, alpha: float = 1.0) -> Array:
    """y = x where x > 0, else α·(eˣ − 1). Source: Clevert, Unterthiner & Hochreiter 2016."""
    x = as_float64(x)
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0.0)))


def elu_backward(dy: ArrayLike, x: ArrayLike, alpha: float = 1.0) -> Array:
    """dx = dy where x > 0, else dy · α·eˣ = dy · (y + α) (also at x = 0)."""
    dy, x = _arguments(dy, x)
    return np.where(x > 0, dy, dy * alpha * np.exp(np.minimum(x, 0.0)))


def sigmoid(x: ArrayLike) -> Array:
    """y = 1 / (1 + e^−x), computed from e^−|x|, which cannot overflow."""
    x = as_float64(x)
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0, e) / (1.0 + e)


def sigmoid_backward(dy: ArrayLike, x: ArrayLike) -> Array:
    """dx = dy · y·(1 − y) = dy · e / (1 + e)², e = e^−|x|: without the cancellation of 1 − y."""
    dy, x = _arguments(dy, x)
    e = np.exp(-np.abs(x))
    return dy * e / (1.0 + e) ** 2


def tanh(x: ArrayLike) -> Array:
    """y = tanh x."""
    return np.tanh(as_float64(x))


def tanh_backward(dy: ArrayLike, x: ArrayLike) -> Array:
    """dx = dy · (1 − tanh²x) = dy · 4·σ′(2x), σ the sigmoid: since tanh x = 2·σ(2x) − 1."""
    dy, x = _arguments(dy, x)
    return sigmoid_backward(4.0 * dy, 2.0 * x)


def scaled_tanh(x: ArrayLike) -> Array:
    """y = 1.7159 · tanh(2x/3), so that f(±1) ≈ ±1. Source: LeCun et al. 1998, Appendix A."""
    return 1.7159 * np.tanh(as_float64(x) * (2.0 / 3.0))


def scaled_tanh_backward(dy: ArrayLike, x: ArrayLike) -> Array:
    """dx = dy · 1.7159 · 2/3 · (1 − tanh²(2x/3))."""
    dy, x = _arguments(dy, x)
    return tanh_backward(dy * (1.7159 * 2.0 / 3.0), x * (2.0 / 3.0))


def softplus(x: ArrayLike) -> Array:
    """y = log(1 + eˣ) = max(x, 0) + log(1 + e^−|x|). Source: Dugas et al. 2001."""
    x = as_float64(x)
    return np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x)))


def softplus_backward(dy: ArrayLike, x: ArrayLike) -> Array:
    """dx = dy · sigmoid(x)."""
    dy, x = _arguments(dy, x)
    return dy * sigmoid(x)


def softsign(x: ArrayLike) -> Array:
    """y = x / (1 + |x|); ±1 at ±∞. Source: Turian, Bergstra & Bengio 2009."""
    x = np.clip(as_float64(x), -1e300, 1e300)
    return x / (1.0 + np.abs(x))


def softsign_backward(dy: ArrayLike, x: ArrayLike) -> Array:
    """dx = dy / (1 + |x|)²."""
    dy, x = _arguments(dy, x)
    return dy / (1.0 + np.abs(np.clip(x, -1e150, 1e150))) ** 2


def hard_sigmoid(x: ArrayLike, slope: float = 1 / 6) -> Array:
    """y = slope·x + 1/2, cut at 0 and 1. Source: Courbariaux, Bengio & David 2015 (slope 1/2)."""
    return np.clip(slope * as_float64(x) + 0.5, 0.0, 1.0)


def hard_sigmoid_backward(dy: ArrayLike, x: ArrayLike, slope: float = 1 / 6) -> Array:
    """dx = slope · dy where 0 < slope·x + 1/2 < 1, else 0."""
    dy, x = _arguments(dy, x)
    return np.where(np.abs(slope * x) < 0.5, slope * dy, 0.0)


_SELU_SCALE, _SELU_ALPHA = 1.0507009873554805, 1.6732632423543772


def selu(x: ArrayLike) -> Array:
    """y = λ·elu(x, α), with λ and α that keep mean 0 and variance 1. Source: Klambauer et al. 2017, eq. 2 and 14."""
    return _SELU_SCALE * elu(x, _SELU_ALPHA)


def selu_backward(dy: ArrayLike, x: ArrayLike) -> Array:
    """dx = λ·dy where x > 0, else dy · λα·eˣ (also at x = 0)."""
    return _SELU_SCALE * elu_backward(dy, x, _SELU_ALPHA)


def exponential(x: ArrayLike) -> Array:
    """y = eˣ."""
    return np.exp(as_float64(x))


def exponential_backward(dy: ArrayLike, x: ArrayLike) -> Array:
    """dx = dy · eˣ."""
    dy, x = _arguments(dy, x)
    return dy * np.exp(x)


def relu6(x: ArrayLike) -> Array:
    """y = min(max(x, 0), 6). Source: Krizhevsky 2010, "Convolutional deep belief networks on CIFAR-10"."""
    return np.clip(as_float64(x), 0.0, 6.0)


def relu6_backward(dy: ArrayLike, x: ArrayLike) -> Array:
    """dx = dy where 0 < x < 6, else 0."""
    dy, x = _arguments(dy, x)
    return np.where((x > 0) & (x < 6), dy, 0.0)


def silu(x: ArrayLike) -> Array:
    """y = x·σ(x), σ the sigmoid; 0 at −∞. Source: Elfwing, Uchibe & Doya 2018; as "swish": Ramachandran et al. 2017."""
    x = as_float64(x)
    return np.maximum(x, -1e3) * sigmoid(x)


def silu_backward(dy: ArrayLike, x: ArrayLike) -> Array:
    """dx = dy · σ·(1 + x·(1 − σ)), 1 − σ = σ(−x)."""
    dy, x = _arguments(dy, x)
    x = np.clip(x, -1e3, 1e3)
    return dy * sigmoid(x) * (1.0 + x * sigmoid(-x))


def gelu(x: ArrayLike) -> Array:
    """y = x·Φ(x), Φ(x) = erfc(−x/√2) / 2; 0 at −∞. Source: Hendrycks & Gimpel 2016, §2."""
    x = as_float64(x)
    return np.maximum(x, -1e3) * _normal_distribution(x)


def gelu_backward(dy: ArrayLike, x: ArrayLike) -> Array:
    """dx = dy · (Φ + x·φ), φ(x) = e^(−x²/2) / √2π."""
    dy, x = _arguments(dy, x)
    x = np.clip(x, -1e3, 1e3)
    return dy * (_normal_distribution(x) + x * np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi))


def hard_silu(x: ArrayLike) -> Array:
    """y = x·min(max(x + 3, 0), 6) / 6; 0 at −∞. Source: Howard et al. 2019, §5.2 ("h-swish")."""
    x = as_float64(x)
    return np.maximum(x, -3.0) * np.clip(x + 3.0, 0.0, 6.0) / 6.0


def hard_silu_backward(dy: ArrayLike, x: ArrayLike) -> Array:
    """dx = dy · (x/3 + 1/2) where −3 < x < 3; 0 below, dy above."""
    dy, x = _arguments(dy, x)
    return dy * np.where(x >= 3, 1.0, np.where(x > -3, x / 3 + 0.5, 0.0))


def _normal_distribution(x):
    return 0.5 * np.vectorize(math.erfc, otypes=[float])(x / -math.sqrt(2))


def softmax(x: ArrayLike) -> Array:
    """y_i = e^(x_i − m) / Σ_j e^(x_j − m), m = max_j x_j, over the last axis. Source: Bridle 1990."""
    e = np.exp(_below_max(x))
    return e / e.sum(axis=-1, keepdims=True)


def softmax_backward(dy: ArrayLike, x: ArrayLike) -> Array:
    """dx_i = y_i · (dy_i − Σ_j dy_j · y_j)."""
    dy, x = _arguments(dy, x)
    y = softmax(x)
    return y * (dy - (dy * y).sum(axis=-1, keepdims=True))


def log_softmax(x: ArrayLike) -> Array:
    """y_i = x_i − m − log Σ_j e^(x_j − m), m = max_j x_j, over the last axis."""
    z = _below_max(x)
    return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))


def log_softmax_backward(dy: ArrayLike, x: ArrayLike) -> Array:
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
