"""LeNet-5's subsampling: sums of windows times a coefficient, plus a bias."""

from __future__ import annotations

import numpy as np

from fastcnn import _ops, arguments
from fastcnn.ops.shared import finish, gradient, last, partials, result, run
from fastcnn.typing import Array, ArrayLike, Padding, Pair

__all__ = ["subsample2d", "subsample2d_backward"]


def _subsample2d(x, coefficient, bias, pool_size, strides, padding, data_format):
    first = arguments.data_format(data_format)
    x = last(x, first)
    pool_size = arguments.pair("pool_size", pool_size)
    strides = pool_size if strides is None else arguments.pair("strides", strides)
    pads = arguments.pool_pads(padding, x.shape[1:3], pool_size, strides)
    pool = _ops.pool2d("sum", x.shape[1:], pool_size, strides, pads)
    values = []
    for name, value in (("coefficient", coefficient), ("bias", bias)):
        if value is not None or name == "coefficient":
            value = arguments.array(name, value, 1)
            if value.shape != x.shape[3:]:
                raise ValueError(f"{name} must be {x.shape[3]} numbers, one per channel. Received: shape {value.shape}")
        values.append(value)
    scale = _ops.scale(pool.out_shape, bias is not None)
    sums = np.empty((x.shape[0], *pool.out_shape), np.float32)
    run(pool, x.shape[0], [["forward"]], [("x", x), ("y", sums)])
    return pool, scale, first, x, sums, *values


def subsample2d(x: ArrayLike, coefficient: ArrayLike, bias: ArrayLike | None = None, pool_size: Pair = 2,
                strides: Pair | None = None, padding: Padding = "valid", data_format: str = "channels_last", *,
                out: Array | None = None) -> Array:
    """The sum of each window, times the channel's coefficient, plus its bias.

    Args:
        x: images.
        coefficient: a number per channel.
        bias: a number per channel, or None.
        pool_size: integer or pair (height, width).
        strides: the same; None: the pool size.
        padding: "valid", "same", integer, pair, or ((top, bottom), (left, right)), less than the pool size; adds nothing.
        data_format: "channels_last" or "channels_first".
        out: array to write the result to.

    Shape:
        x (N, H, W, C), coefficient and bias (C,) → (N, OH, OW, C)

    Raises:
        TypeError, ValueError: naming the argument, what was received and what is accepted.

    Example:
        >>> fastcnn.ops.subsample2d(np.ones((1, 2, 2, 1)), [0.5], [1.0]).ravel().tolist()
        [3.0]
    """
    _, scale, first, x, sums, coefficient, bias = _subsample2d(x, coefficient, bias, pool_size, strides, padding,
                                                               data_format)
    y = result(None if first else out, sums.shape, x, coefficient, *([] if bias is None else [bias]))
    run(scale, len(sums), [["forward"]], [("x", sums), ("y", y)], [("w", coefficient), ("b", bias)])
    return finish(y, first, out)


def subsample2d_backward(dy: ArrayLike, x: ArrayLike, coefficient: ArrayLike, bias: ArrayLike | None = None,
                         pool_size: Pair = 2, strides: Pair | None = None, padding: Padding = "valid",
                         data_format: str = "channels_last") -> tuple[Array, ...]:
    """Gradients of `subsample2d`: (dx, dcoefficient), and dbias where a bias was given.

    Shape:
        dy (N, OH, OW, C) → dx as x, the others (C,)

    Example:
        >>> dx, dcoefficient = fastcnn.ops.subsample2d_backward(np.ones((1, 1, 1, 1)), np.ones((1, 2, 2, 1)), [0.5])
        >>> dx.ravel().tolist(), dcoefficient.tolist()
        ([0.5, 0.5, 0.5, 0.5], [4.0])
    """
    pool, scale, first, x, sums, coefficient, bias = _subsample2d(x, coefficient, bias, pool_size, strides, padding,
                                                                  data_format)
    dy = gradient(last(dy, first, "dy"), sums.shape)
    n = len(sums)
    chunk, partial = partials(scale, n)
    dsums, dx, dw = np.empty_like(sums), np.empty_like(x), np.zeros_like(coefficient)
    db = None if bias is None else np.zeros_like(bias)
    run(scale, n, [["data", "weights"], ["reduce"]], [("x", sums), ("dy", dy), ("dx", dsums)],
        [("w", coefficient), ("dw", dw), ("db", db), ("partial", partial)], chunk=chunk)
    run(pool, n, [["data"]], [("dy", dsums), ("dx", dx)])
    dx = finish(dx, first, None)
    return (dx, dw) if bias is None else (dx, dw, db)
