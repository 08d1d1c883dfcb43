"""The fully connected layer."""

from __future__ import annotations

import math

from fastcnn.typing import Array, ArrayLike

from .arrays import as_bias, as_float64, as_gradient


def dense(x: ArrayLike, kernel: ArrayLike, bias: ArrayLike | None = None) -> Array:
    """y[..., o] = bias[o] + Σ_i x[..., i] · kernel[i, o].

    Source: Rumelhart, Hinton & Williams 1986.
    """
    x, kernel, bias = _prepare(x, kernel, bias)
    y = x @ kernel
    return y if bias is None else y + bias


def dense_backward(dy: ArrayLike, x: ArrayLike, kernel: ArrayLike, bias: ArrayLike | None = None) -> tuple[Array, ...]:
    """Gradients of `dense`: (dx, dkernel), or (dx, dkernel, dbias) if there is a bias. Over all rows n of x,

        dx[n,i] = Σ_o dy[n,o] · kernel[i,o],   dkernel[i,o] = Σ_n x[n,i] · dy[n,o],   dbias[o] = Σ_n dy[n,o]
    """
    x, kernel, bias = _prepare(x, kernel, bias)
    dy = as_gradient(dy, (*x.shape[:-1], kernel.shape[1]))
    rows = math.prod(x.shape[:-1])
    dy_rows = dy.reshape(rows, kernel.shape[1])
    dkernel = x.reshape(rows, kernel.shape[0]).T @ dy_rows
    return (dy @ kernel.T, dkernel) if bias is None else (dy @ kernel.T, dkernel, dy_rows.sum(axis=0))


def _prepare(x, kernel, bias):
    x, kernel = as_float64(x), as_float64(kernel, "kernel")
    if x.ndim < 1 or kernel.ndim != 2 or x.shape[-1] != kernel.shape[0]:
        raise ValueError(f"`x` must be (..., in), `kernel` (in, out). Received: {x.shape}, {kernel.shape}")
    return x, kernel, as_bias(bias, kernel.shape[1])
