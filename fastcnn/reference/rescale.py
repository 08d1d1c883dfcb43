"""Values moved and scaled by constants."""

from __future__ import annotations

import numpy as np

from fastcnn.typing import Array, ArrayLike

from .arrays import as_float64, as_gradient


def rescale(x: ArrayLike, scale: ArrayLike = 1.0, offset: ArrayLike = 0.0, mean: ArrayLike = 0.0) -> Array:
    """y = (x − mean) · scale + offset."""
    x, scale, offset, mean = _prepare(x, scale, offset, mean)
    return (x - mean) * scale + offset


def rescale_backward(dy: ArrayLike, x: ArrayLike, scale: ArrayLike = 1.0, offset: ArrayLike = 0.0,
                     mean: ArrayLike = 0.0) -> Array:
    """dx of `rescale`: dx = dy · scale."""
    x, scale, *_ = _prepare(x, scale, offset, mean)
    return as_gradient(dy, x.shape) * scale


def _prepare(x, *constants):
    x = as_float64(x)
    constants = [np.asarray(c, np.float64) for c in constants]
    if x.ndim < 1 or any(c.shape not in ((), x.shape[-1:]) for c in constants):
        raise ValueError(
            f"`scale`, `offset` and `mean` must be numbers or have one per channel. "
            f"Received: shapes {[c.shape for c in constants]}, x of shape {x.shape}"
        )
    return x, *constants
