"""A rectifier with learned slopes."""

from __future__ import annotations

import numpy as np

from fastcnn.typing import Array, ArrayLike

from .arrays import as_float64, as_gradient


def prelu(x: ArrayLike, alpha: ArrayLike) -> Array:
    """y = x where x > 0, else α·x.

    Source: He, Zhang, Ren & Sun 2015, "Delving deep into rectifiers", §2.1.
    """
    x, alpha = _arguments(x, alpha)
    return np.where(x > 0, x, alpha * x)


def prelu_backward(dy: ArrayLike, x: ArrayLike, alpha: ArrayLike) -> tuple[Array, ...]:
    """(dx, dα) of `prelu`: dx = dy where x > 0, else α·dy; dα sums x·dy over the batch, and over what shares a
    slope, where x <= 0.
    """
    x, alpha = _arguments(x, alpha)
    dy = as_gradient(dy, x.shape)
    dalpha = np.where(x > 0, 0.0, x * dy).sum(axis=0)
    dalpha = dalpha.sum(axis=tuple(range(dalpha.ndim - alpha.ndim)))
    shared = tuple(axis for axis, size in enumerate(alpha.shape) if size == 1)
    return np.where(x > 0, dy, alpha * dy), dalpha.sum(axis=shared, keepdims=True)


def _arguments(x, alpha):
    x, alpha = as_float64(x), as_float64(alpha, "alpha")
    fits = alpha.ndim < x.ndim and all(m in (1, n) for m, n in zip(alpha.shape[::-1], x.shape[::-1]))
    if x.ndim < 2 or not fits:
        raise ValueError(
            f"`alpha` must broadcast to the samples of `x`. Received: alpha of shape {alpha.shape}, x of shape {x.shape}"
        )
    return x, alpha
