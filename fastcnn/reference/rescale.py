"""Values moved and scaled by constants."""

import numpy as np

from .arrays import as_float64, as_gradient


def rescale(x, scale=1.0, offset=0.0, mean=0.0):
    """y = (x − mean) · scale + offset."""
    x, scale, offset, mean = _prepare(x, scale, offset, mean)
    return (x - mean) * scale + offset


def rescale_backward(dy, x, scale=1.0, offset=0.0, mean=0.0):
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
