"""Axes in another order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fastcnn import _ops, arguments
from fastcnn.ops.shared import deliver, gradient, result, run
from fastcnn.typing import Array, ArrayLike

__all__ = ["permute", "permute_backward"]


def _permute(x, dims):
    x = arguments.array("x", x)
    if x.ndim < 2:
        raise ValueError(f"x must have at least two dimensions. Received: shape {x.shape}")
    dims = arguments.order("dims", dims, x.ndim - 1)
    shape = (x.shape[0], *(x.shape[d] for d in dims))
    if x.size == 0:
        return None, x, shape
    return _ops.permute(x.shape[1:], [d - 1 for d in dims]), x, shape


def permute(x: ArrayLike, dims: Sequence[int], *, out: Array | None = None) -> Array:
    """Samples with their axes in another order.

    Args:
        x: samples along the first axis, which stays.
        dims: the other axes' numbers, from 1, in their new order.
        out: array to write the result to.

    Shape:
        (N, axis 1, axis 2, …) → (N, axis dims[0], axis dims[1], …)

    Raises:
        TypeError, ValueError: naming the argument, what was received and what is accepted.

    Example:
        >>> fastcnn.ops.permute(np.arange(4).reshape(1, 2, 2), (2, 1)).tolist()
        [[[0.0, 2.0], [1.0, 3.0]]]
    """
    op, x, shape = _permute(x, dims)
    y = result(out, shape, x)
    if op is not None:
        run(op, shape[0], [["forward"]], [("x", x), ("y", y)])
    return deliver(y, out)


def permute_backward(dy: ArrayLike, x: ArrayLike, dims: Sequence[int]) -> Array:
    """Gradient of `permute`: dy with its axes where they were.

    Shape:
        dy (N, axis dims[0], …) → dx as x
    """
    op, x, shape = _permute(x, dims)
    dy, dx = gradient(dy, shape), np.empty_like(x)
    if op is not None:
        run(op, shape[0], [["data"]], [("dy", dy), ("dx", dx)])
    return dx
