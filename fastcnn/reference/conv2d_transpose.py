"""Transposed convolution: the gradient of a convolution with respect to its input, as an operation of its own."""

from __future__ import annotations

import numpy as np

from fastcnn.arguments import shown
from fastcnn.typing import Array, ArrayLike, Padding, Pair

from .arrays import as_bias, as_float64, as_image, as_image_gradient, in_format
from .conv2d import join_last, split_last
from .windows import Axis, pad, pair, taps, unpad


def conv2d_transpose(x: ArrayLike, kernel: ArrayLike, bias: ArrayLike | None = None, strides: Pair = 1,
                     padding: Padding = "valid", output_padding: Pair | None = None, dilation_rate: Pair = 1,
                     groups: int = 1, data_format: str = "channels_last") -> Array:  # fmt: skip
    """Convolution backwards: every pixel adds a filter, weighted, to the result.

        y[n,p,q,o] = bias[o] + Σ x[n,h,w,c] · kernel[i,j,o mod O/G,c]
            over c of o's group and all h, w, i, j with h·s + i·d − top = p and w·s + j·d − left = q

    Of G groups each makes O/G of the result's channels from C/G. The *whole* result has (H−1)·s + e rows, e = (kh−1)·d + 1.
    Rows of y, with r = `output_padding` < s more at the end:

        "valid": (H−1)·s + e + r, top = 0; r None: (H−1)·s + max(e, s)
        "same":  (H−1)·s + (e mod 2) + r; r None: H·s; top is half, rounded down, of what the whole result has more
        numbers: (H−1)·s + e − top − bottom + r; r None: 0

    Source: Dumoulin & Visin 2016, "A guide to convolution arithmetic", chapter 4.
    """
    x, kernel, bias, axes = _prepare(x, kernel, bias, strides, padding, output_padding, dilation_rate, groups, data_format)
    y = np.zeros((x.shape[0], axes[0].reach, axes[1].reach, kernel.shape[2] * groups))
    for tap, window in taps(axes):
        product = split_last(x, groups) @ split_last(kernel[tap], groups).swapaxes(1, 2)
        y[window] += join_last(product, y[window].shape)
    y = unpad(y, axes).copy()
    return in_format(y if bias is None else y + bias, data_format)


def conv2d_transpose_backward(dy: ArrayLike, x: ArrayLike, kernel: ArrayLike, bias: ArrayLike | None = None,
                              strides: Pair = 1, padding: Padding = "valid", output_padding: Pair | None = None,
                              dilation_rate: Pair = 1, groups: int = 1,
                              data_format: str = "channels_last") -> tuple[Array, ...]:  # fmt: skip
    """Gradients of `conv2d_transpose`: (dx, dkernel), or (dx, dkernel, dbias) if there is a bias.

        dx[n,h,w,c] = Σ_{i,j,o} dy[n, h·s + i·d − top, w·s + j·d − left, g·O/G + o] · kernel[i,j,o,c], c of group g
        dkernel[i,j,o,c] = Σ_{n,h,w} dy[n, h·s + i·d − top, w·s + j·d − left, g·O/G + o] · x[n,h,w,c]
        dbias[o] = Σ_{n,p,q} dy[n,p,q,o]
    """
    x, kernel, bias, axes = _prepare(x, kernel, bias, strides, padding, output_padding, dilation_rate, groups, data_format)
    dy = as_image_gradient(dy, (x.shape[0], axes[0].size, axes[1].size, kernel.shape[2] * groups), data_format)
    padded, dx, dkernel = pad(dy, axes), np.zeros(x.shape), np.empty(kernel.shape)
    for tap, window in taps(axes):
        dy_groups = split_last(padded[window], groups)
        dx += join_last(dy_groups @ split_last(kernel[tap], groups), x.shape)
        dkernel[tap] = join_last(dy_groups.swapaxes(1, 2) @ split_last(x, groups), kernel[tap].shape)
    dx = in_format(dx, data_format)
    return (dx, dkernel) if bias is None else (dx, dkernel, dy.sum(axis=(0, 1, 2)))


def _prepare(x, kernel, bias, strides, padding, output_padding, dilation_rate, groups, data_format):
    """The arguments, and the axes of the convolution from the result back to x."""
    x, kernel = as_image(x, data_format), as_float64(kernel, "kernel")
    if kernel.ndim != 4 or 0 in kernel.shape or kernel.shape[3] != x.shape[3]:
        raise ValueError(f"`kernel` must have shape (kh, kw, out/groups, {x.shape[3]} channels). Received: {kernel.shape}")
    if groups < 1 or x.shape[3] % groups:
        raise ValueError(f"`groups` must divide the {x.shape[3]} channels. Received: {groups}")
    bias = as_bias(bias, kernel.shape[2] * groups)
    strides, dilation = pair(strides, "strides"), pair(dilation_rate, "dilation_rate")
    more = (None, None) if output_padding is None else pair(output_padding, "output_padding", 0)
    edges = (padding, padding) if isinstance(padding, str) else _edges(padding)
    axes = tuple(map(_axis, x.shape[1:3], kernel.shape[:2], strides, dilation, edges, more))
    return x, kernel, bias, axes


def _axis(size, window, stride, dilation, edges, more):
    extent = (window - 1) * dilation + 1
    whole = (size - 1) * stride + extent
    if more is not None and more >= stride:
        raise ValueError(f"`output_padding` must be less than the stride {stride}. Received: {more}")
    if edges == "same":
        out = size * stride if more is None else (size - 1) * stride + extent % 2 + more
        begin = max(whole - out, 0) // 2
        end = max(whole - out - begin, 0)
    elif edges == "valid":
        out, begin, end = whole + (max(stride - extent, 0) if more is None else more), 0, 0
    elif isinstance(edges, str):
        raise ValueError(f"`padding` must be 'valid', 'same' or integers. Received: {shown(edges)}")
    else:
        begin, end = edges
        out = whole - begin - end + (more or 0)
    if out < 1:
        raise ValueError(f"The result must not be empty. Received: input {size}, window extent {extent}, padding {edges}")
    return Axis(out, window, stride, dilation, begin, end, size)


def _edges(padding):
    """((top, bottom), (left, right))."""
    sides = padding if isinstance(padding, (tuple, list)) else (padding, padding)
    return tuple(pair(side, "padding", 0) for side in sides)
