"""Fully connected layers."""

from __future__ import annotations

import numpy as np

from fastcnn import _ops, arguments
from fastcnn.ops.shared import biases, deliver, gradient, result, run
from fastcnn.typing import Array, ArrayLike

__all__ = ["dense", "dense_backward"]


def _dense(x, kernel, bias):
    x, kernel = arguments.array("x", x), arguments.array("kernel", kernel, 2)
    if x.ndim < 1 or x.shape[-1] != kernel.shape[0]:
        raise ValueError(f"x must end in the kernel's {kernel.shape[0]} inputs. Received: x of shape {x.shape}, kernel of "
                         f"shape {kernel.shape}")
    bias = biases(bias, kernel.shape[1])
    op = _ops.dense(*kernel.shape, bias is not None)
    return op, x, kernel, bias, (*x.shape[:-1], kernel.shape[1])


def dense(x: ArrayLike, kernel: ArrayLike, bias: ArrayLike | None = None, *, out: Array | None = None) -> Array:
    """A fully connected layer: x · kernel + bias.

    Shape:
        x (…, I), kernel (I, O), bias (O,) → (…, O)

    Example:
        >>> fastcnn.ops.dense(np.ones((1, 3)), np.ones((3, 2)), np.ones(2)).tolist()
        [[4.0, 4.0]]
    """
    op, x, kernel, bias, shape = _dense(x, kernel, bias)
    y = result(out, shape, x, kernel, *([] if bias is None else [bias]))
    run(op, x.size // op.in_size, [["pack"], ["forward"]], [("x", x), ("y", y)],
        [("w", kernel), ("b", bias), ("packed", _ops.aligned(op.packed_size))])
    return deliver(y, out)


def dense_backward(dy: ArrayLike, x: ArrayLike, kernel: ArrayLike, bias: ArrayLike | None = None) -> tuple[Array, ...]:
    """Gradients of `dense`: (dx, dkernel), and dbias where a bias was given.

    Shape:
        dy (…, O) → dx as x, dkernel as kernel, dbias (O,)
    """
    op, x, kernel, bias, shape = _dense(x, kernel, bias)
    dy, dx, dw = gradient(dy, shape), np.empty_like(x), np.zeros_like(kernel)
    db = None if bias is None else np.zeros_like(bias)
    run(op, x.size // op.in_size, [["pack"], ["data", "weights"]], [("x", x), ("dy", dy), ("dx", dx)],
        [("w", kernel), ("dw", dw), ("db", db), ("packed_t", _ops.aligned(op.packed_t_size))])
    return (dx, dw) if bias is None else (dx, dw, db)
