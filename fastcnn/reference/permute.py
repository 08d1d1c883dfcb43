"""Axes in another order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fastcnn.typing import Array, ArrayLike

from .arrays import as_float64, as_gradient


def permute(x: ArrayLike, dims: Sequence[int]) -> Array:
    """The axes behind the first in another order: axis k of the result is axis dims[k − 1] of x, k from 1."""
    x, order = _prepare(x, dims)
    return x.transpose(order).copy()


def permute_backward(dy: ArrayLike, x: ArrayLike, dims: Sequence[int]) -> Array:
    """dx of `permute`: the axes where they were."""
    x, order = _prepare(x, dims)
    dy = as_gradient(dy, [x.shape[axis] for axis in order])
    return dy.transpose(np.argsort(order)).copy()


def _prepare(x, dims):
    x = as_float64(x)
    if x.ndim < 2 or sorted(dims) != list(range(1, x.ndim)):
        raise ValueError(f"`dims` must hold each axis behind the first once. Received: {dims}, x of shape {x.shape}")
    return x, (0, *dims)
