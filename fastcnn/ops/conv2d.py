"""Convolution."""

from __future__ import annotations

import numpy as np

from fastcnn import _ops, arguments, settings
from fastcnn.ops.shared import biases, finish, gradient, last, partials, result, run
from fastcnn.typing import Array, ArrayLike, Padding, Pair

__all__ = ["conv2d", "conv2d_backward"]


def prepared(x, kernel, bias, strides, padding, dilation_rate, groups, data_format, connection_table):
    """The op, and what `convolve` is given besides, of the arguments of `conv2d`."""
    first, table = arguments.data_format(data_format), None
    if connection_table is not None:
        table = arguments.connection_table(connection_table)
    x, kernel = last(x, first), arguments.array("kernel", kernel, 4 if table is None else 3)
    strides, dilation = arguments.pair("strides", strides), arguments.pair("dilation_rate", dilation_rate)
    groups = arguments.integer("groups", groups)
    n, h, w, c = x.shape
    kh, kw, in_c, out_c = kernel.shape if table is None else (*kernel.shape[:2], c, len(table))
    if table is not None:
        table = arguments.connections(table, c)
        if groups != 1:
            raise ValueError(f"groups must be 1 beside a connection_table. Received: {groups}")
        if kernel.shape[2] != len(table):
            raise ValueError(f"kernel must be (height, width, {len(table)} connections). Received: shape {kernel.shape}")
    if c % groups or out_c % groups:
        raise ValueError(f"groups must divide the input's {c} channels and the kernel's {out_c} filters. Received: {groups}")
    if in_c * groups != c:
        raise ValueError(f"kernel must be (height, width, {c // groups} input channels per group, filters) for an input of "
                         f"{c} channels in {groups} groups. Received: shape {kernel.shape}")
    pads = arguments.pads(padding, (h, w), (kh, kw), strides, dilation)
    bias = biases(bias, out_c)
    op = _ops.conv2d((h, w, c), out_c, (kh, kw), strides, dilation, pads, groups, bias is not None,
                     settings.exact, 0 if table is None else len(table))
    return op, first, x, kernel, bias, table, (n, *op.out_shape)


def convolve(op, first, x, kernel, bias, table, shape, out):
    """The result, of `shape` with channels last, of conv2d or its transpose."""
    y = result(None if first else out, shape, x, kernel, *([] if bias is None else [bias]))
    run(op, shape[0], [["pack"], ["forward"]], [("x", x), ("y", y)],
        [("w", kernel), ("b", bias), ("table", table), ("packed", _ops.aligned(op.packed_size))])
    return finish(y, first, out)


def convolve_backward(dy, op, first, x, kernel, bias, table, shape):
    """(dx, dkernel), and dbias where there is a bias."""
    dy = gradient(last(dy, first, "dy"), shape)
    chunk, partial = partials(op, shape[0])
    dx, dw = np.empty_like(x), np.zeros_like(kernel)
    db = None if bias is None else np.zeros_like(bias)
    run(op, shape[0], [["pack"], ["data", "weights"], *([["reduce"]] if op.partial else [])],
        [("x", x), ("dy", dy), ("dx", dx)],
        [("w", kernel), ("table", table), ("dw", dw), ("db", db), ("packed_t", _ops.aligned(op.packed_t_size)),
         ("partial", partial)], chunk=chunk)
    dx = finish(dx, first, None)
    return (dx, dw) if bias is None else (dx, dw, db)


def conv2d(x: ArrayLike, kernel: ArrayLike, bias: ArrayLike | None = None, strides: Pair = 1, padding: Padding = "valid",
           dilation_rate: Pair = 1, groups: int = 1, data_format: str = "channels_last",
           connection_table: ArrayLike | None = None, *, out: Array | None = None) -> Array:
    """Two-dimensional convolution (cross-correlation, as in every deep learning library).

    Args:
        x: images.
        kernel: filters.
        bias: one number per filter, or None.
        strides, dilation_rate: integer or pair (height, width).
        padding: "valid", "same" (TensorFlow's rule), integer, pair, or ((top, bottom), (left, right)).
        groups: input channels and filters are split into this many independent groups.
        data_format: "channels_last" or "channels_first" (x and the result; the kernel's layout does not change).
        connection_table: for each filter the list of input channels it sees, or a boolean matrix (C, F); None: all.
        out: array to write the result to.

    Shape:
        x (N, H, W, C), kernel (KH, KW, C / groups, F), bias (F,) → (N, OH, OW, F)
        with a table: kernel (KH, KW, connections), by filter and then by input channel

    Raises:
        TypeError, ValueError: naming the argument, what was received and what is accepted.

    Example:
        >>> x, kernel = np.ones((1, 5, 5, 1), "float32"), np.ones((3, 3, 1, 2), "float32")
        >>> fastcnn.ops.conv2d(x, kernel).shape
        (1, 3, 3, 2)
    """
    return convolve(*prepared(x, kernel, bias, strides, padding, dilation_rate, groups, data_format, connection_table), out)


def conv2d_backward(dy: ArrayLike, x: ArrayLike, kernel: ArrayLike, bias: ArrayLike | None = None, strides: Pair = 1,
                    padding: Padding = "valid", dilation_rate: Pair = 1, groups: int = 1, data_format: str = "channels_last",
                    connection_table: ArrayLike | None = None) -> tuple[Array, ...]:
    """Gradients of `conv2d`: (dx, dkernel), and dbias where a bias was given.

    Shape:
        dy (N, OH, OW, F) → dx as x, dkernel as kernel, dbias (F,)

    Example:
        >>> x, kernel = np.ones((1, 5, 5, 1), "float32"), np.ones((3, 3, 1, 2), "float32")
        >>> dx, dkernel = fastcnn.ops.conv2d_backward(np.ones((1, 3, 3, 2)), x, kernel)
        >>> dkernel[0, 0, 0].tolist()
        [9.0, 9.0]
    """
    return convolve_backward(dy, *prepared(x, kernel, bias, strides, padding, dilation_rate, groups, data_format,
                                          connection_table))
