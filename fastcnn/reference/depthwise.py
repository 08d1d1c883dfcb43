"""Convolutions channel by channel: alone, and with one across channels behind them."""

from __future__ import annotations

import numpy as np

from fastcnn.typing import Array, ArrayLike, Padding, Pair

from .arrays import as_bias, as_float64, as_image, as_image_gradient, in_format
from .conv2d import conv2d, conv2d_backward
from .windows import pad, pair, sliding_axes, taps, unpad


def depthwise_conv2d(x: ArrayLike, kernel: ArrayLike, bias: ArrayLike | None = None, strides: Pair = 1,
                     padding: Padding = "valid", dilation_rate: Pair = 1, data_format: str = "channels_last") -> Array:
    """Convolution of each channel with filters of its own.

        y[n,h,w,c·M + m] = bias[c·M + m] + Σ_{i,j} x[n, h·s + i·d − top, w·s + j·d − left, c] · kernel[i,j,c,m]

    Source: Sifre 2014, "Rigid-motion scattering for image classification", §6.2.
    """
    x, kernel, bias, axes, out_shape = _prepare(x, kernel, bias, strides, padding, dilation_rate, data_format)
    padded = pad(x, axes)
    y = np.zeros((*out_shape[:3], *kernel.shape[2:]))
    for tap, window in taps(axes):
        y += padded[window][..., None] * kernel[tap]
    y = y.reshape(out_shape)
    return in_format(y if bias is None else y + bias, data_format)


def depthwise_conv2d_backward(dy: ArrayLike, x: ArrayLike, kernel: ArrayLike, bias: ArrayLike | None = None,
                              strides: Pair = 1, padding: Padding = "valid", dilation_rate: Pair = 1,
                              data_format: str = "channels_last") -> tuple[Array, ...]:
    """Gradients of `depthwise_conv2d`: (dx, dkernel), or (dx, dkernel, dbias) if there is a bias."""
    x, kernel, bias, axes, out_shape = _prepare(x, kernel, bias, strides, padding, dilation_rate, data_format)
    dy = as_image_gradient(dy, out_shape, data_format)
    by_filter = dy.reshape(*out_shape[:3], *kernel.shape[2:])
    padded = pad(x, axes)
    dpadded, dkernel = np.zeros(padded.shape), np.empty(kernel.shape)
    for tap, window in taps(axes):
        dpadded[window] += (by_filter * kernel[tap]).sum(axis=-1)
        dkernel[tap] = (by_filter * padded[window][..., None]).sum(axis=(0, 1, 2))
    dx = in_format(unpad(dpadded, axes).copy(), data_format)
    return (dx, dkernel) if bias is None else (dx, dkernel, dy.sum(axis=(0, 1, 2)))


def separable_conv2d(x: ArrayLike, depthwise_kernel: ArrayLike, pointwise_kernel: ArrayLike, bias: ArrayLike | None = None,
                     strides: Pair = 1, padding: Padding = "valid", dilation_rate: Pair = 1,
                     data_format: str = "channels_last") -> Array:  # fmt: skip
    """`depthwise_conv2d`, then `conv2d` with a kernel of 1 × 1 pixels.

    Source: Chollet 2017, "Xception: deep learning with depthwise separable convolutions".
    """
    options = {"strides": strides, "padding": padding, "dilation_rate": dilation_rate, "data_format": data_format}
    between = depthwise_conv2d(x, depthwise_kernel, **options)
    return conv2d(between, _pointwise(pointwise_kernel), bias, data_format=data_format)


def separable_conv2d_backward(dy: ArrayLike, x: ArrayLike, depthwise_kernel: ArrayLike, pointwise_kernel: ArrayLike,
                              bias: ArrayLike | None = None, strides: Pair = 1, padding: Padding = "valid",
                              dilation_rate: Pair = 1, data_format: str = "channels_last") -> tuple[Array, ...]:  # fmt: skip
    """Gradients of `separable_conv2d`: (dx, ddepthwise_kernel, dpointwise_kernel), and dbias if there is a bias."""
    options = {"strides": strides, "padding": padding, "dilation_rate": dilation_rate, "data_format": data_format}
    between = depthwise_conv2d(x, depthwise_kernel, **options)
    dbetween, *rest = conv2d_backward(dy, between, _pointwise(pointwise_kernel), bias, data_format=data_format)
    return *depthwise_conv2d_backward(dbetween, x, depthwise_kernel, **options), *rest


def _prepare(x, kernel, bias, strides, padding, dilation_rate, data_format):
    x, kernel = as_image(x, data_format), as_float64(kernel, "kernel")
    if kernel.ndim != 4 or 0 in kernel.shape or kernel.shape[2] != x.shape[3]:
        raise ValueError(
            f"`kernel` must have shape (kh, kw, {x.shape[3]} channels, multiplier). Received: {kernel.shape}"
        )
    out_c = kernel.shape[2] * kernel.shape[3]
    bias = as_bias(bias, out_c)
    strides, dilation = pair(strides, "strides"), pair(dilation_rate, "dilation_rate")
    axes = sliding_axes(x.shape[1:3], kernel.shape[:2], strides, padding, dilation)
    return x, kernel, bias, axes, (x.shape[0], axes[0].out, axes[1].out, out_c)


def _pointwise(kernel):
    kernel = as_float64(kernel, "pointwise_kernel")
    if kernel.ndim != 4 or kernel.shape[:2] != (1, 1):
        raise ValueError(f"`pointwise_kernel` must have shape (1, 1, channels, out). Received: {kernel.shape}")
    return kernel
