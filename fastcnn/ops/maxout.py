"""Maxout."""

from __future__ import annotations

import numpy as np

from fastcnn import _ops, arguments
from fastcnn.ops.shared import deliver, gradient, result, run
from fastcnn.typing import Array, ArrayLike

__all__ = ["maxout", "maxout_backward"]


def _maxout(x, group_size):
    x, group_size = arguments.array("x", x), arguments.integer("group_size", group_size)
    if x.ndim < 1 or x.shape[-1] % group_size or not x.shape[-1]:
        raise ValueError(f"x must end in a multiple of group_size = {group_size} channels. Received: shape {x.shape}")
    n = x.shape[0] if x.ndim > 1 else 1
    op = _ops.maxout(x.size // n // x.shape[-1], x.shape[-1], group_size) if x.size else None
    return op, n, x, (*x.shape[:-1], x.shape[-1] // group_size)


def maxout(x: ArrayLike, group_size: int = 2, *, out: Array | None = None) -> Array:
    """The maximum of each group of consecutive channels; NaN wins.

    Args:
        x: last axis is channels.
        group_size: channels of a group.
        out: array to write the result to.

    Shape:
        (…, C) → (…, C / group_size)

    Example:
        >>> fastcnn.ops.maxout(np.array([1.0, 5.0, 3.0, 2.0])).tolist()
        [5.0, 3.0]
    """
    op, n, x, shape = _maxout(x, group_size)
    y = result(out, shape, x)
    if op is not None:
        run(op, n, [["forward"]], [("x", x), ("y", y)])
    return deliver(y, out)


def maxout_backward(dy: ArrayLike, x: ArrayLike, group_size: int = 2) -> Array:
    """Gradient of `maxout`: dy goes to the first maximum of its group.

    Shape:
        dy (…, C / group_size) → dx as x

    Example:
        >>> fastcnn.ops.maxout_backward(np.array([1.0, 2.0]), np.array([1.0, 5.0, 3.0, 3.0])).tolist()
        [0.0, 1.0, 2.0, 0.0]
    """
    op, n, x, shape = _maxout(x, group_size)
    dy, dx = gradient(dy, shape), np.empty_like(x)
    if op is not None:
        run(op, n, [["data"]], [("x", x), ("dy", dy), ("dx", dx)])
    return dx
