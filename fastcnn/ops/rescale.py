"""Values moved and scaled by constants."""

from __future__ import annotations

import numpy as np

from fastcnn import _ops, arguments
from fastcnn.ops.shared import deliver, gradient, result, run
from fastcnn.typing import Array, ArrayLike

__all__ = ["rescale", "rescale_backward"]

_PERIOD = 256  # floats, about: enough for a kernel to be called for


def constants(size, mean, scale, offset):
    """What `_ops.rescale` of `size` values takes: (4, period), from arrays of one number per channel."""
    count = len(mean)
    repeats = max(1, min(_PERIOD, size) // count)
    with np.errstate(over="ignore"):
        result = np.stack([np.tile(np.asarray(row, np.float32), repeats) for row in (mean, scale, offset, 0 * mean)])
    if not np.isfinite(result).all():
        raise ValueError(f"mean, scale and offset must lie in float32's range. Received: {mean}, {scale} and {offset}")
    return result


def _rescale(x, scale, offset, mean):
    x = arguments.array("x", x)
    if x.ndim < 1:
        raise ValueError(f"x must have at least one dimension, the channels. Received: shape {x.shape}")
    c = x.shape[-1]
    scale, offset, mean = (arguments.channels(n, v, c) for n, v in (("scale", scale), ("offset", offset), ("mean", mean)))
    if x.size == 0:
        return None, x, None
    values = constants(x.size, mean, scale, offset)
    return _ops.rescale(x.size, values.shape[1]), x, values


def rescale(x: ArrayLike, scale: ArrayLike = 1.0, offset: ArrayLike = 0.0, mean: ArrayLike = 0.0, *,
            out: Array | None = None) -> Array:
    """Values moved and scaled by constants.

    Args:
        x: last axis is channels.
        scale, offset, mean: a number, or one per channel.
        out: array to write the result to.

    Shape:
        (…, C) → the same

    Raises:
        TypeError, ValueError: naming the argument, what was received and what is accepted.

    Example:
        >>> fastcnn.ops.rescale(np.array([[0.0, 255.0]]), 1 / 255).tolist()
        [[0.0, 1.0]]
    """
    op, x, values = _rescale(x, scale, offset, mean)
    y = result(out, x.shape, x, in_place=True)
    if op is not None:
        run(op, 1, [["forward"]], [("x", x), ("y", y)], [("w", values)])
    return deliver(y, out)


def rescale_backward(dy: ArrayLike, x: ArrayLike, scale: ArrayLike = 1.0, offset: ArrayLike = 0.0,
                     mean: ArrayLike = 0.0) -> Array:
    """Gradient of `rescale`: dy · scale.

    Shape:
        dy, x (…, C) → the same
    """
    op, x, values = _rescale(x, scale, offset, mean)
    dy, dx = gradient(dy, x.shape), np.empty_like(x)
    if op is not None:
        run(op, 1, [["data"]], [("dy", dy), ("dx", dx)], [("w", values)])
    return dx
