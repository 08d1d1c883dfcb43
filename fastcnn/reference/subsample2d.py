"""LeNet-5's subsampling: sums of windows times a coefficient, plus a bias."""

from __future__ import annotations

import numpy as np

from fastcnn.typing import Array, ArrayLike, Padding, Pair

from .arrays import as_float64, as_image, as_image_gradient, in_format
from .windows import pad, pair, sliding_axes, taps, unpad


def subsample2d(x: ArrayLike, coefficient: ArrayLike, bias: ArrayLike | None = None, pool_size: Pair = 2,
                strides: Pair | None = None, padding: Padding = "valid", data_format: str = "channels_last") -> Array:
    """The sum of each window, times a coefficient per channel, plus a bias per channel.

        y[n,h,w,c] = bias[c] + coefficient[c] · Σ_{i,j} x[n, h·s + i − top, w·s + j − left, c]

    with zero outside the image.

    Source: LeCun, Bottou, Bengio, Haffner 1998, "Gradient-based learning applied to document recognition", II.B.
    """
    x, coefficient, bias, axes = _prepare(x, coefficient, bias, pool_size, strides, padding, data_format)
    y = coefficient * _sums(x, axes)
    return in_format(y if bias is None else y + bias, data_format)


def subsample2d_backward(dy: ArrayLike, x: ArrayLike, coefficient: ArrayLike, bias: ArrayLike | None = None,
                         pool_size: Pair = 2, strides: Pair | None = None, padding: Padding = "valid",
                         data_format: str = "channels_last") -> tuple[Array, ...]:
    """Gradients of `subsample2d`: (dx, dcoefficient), or (dx, dcoefficient, dbias) if there is a bias.

        dx[n,p,q,c] = coefficient[c] · Σ dy[n,h,w,c] over the windows that hold pixel (p, q)
        dcoefficient[c] = Σ_{n,h,w} dy[n,h,w,c] · (the window's sum)      dbias[c] = Σ_{n,h,w} dy[n,h,w,c]
    """
    x, coefficient, bias, axes = _prepare(x, coefficient, bias, pool_size, strides, padding, data_format)
    sums = _sums(x, axes)
    dy = as_image_gradient(dy, sums.shape, data_format)
    dpadded = np.zeros(pad(x, axes).shape)
    for _, window in taps(axes):
        dpadded[window] += dy * coefficient
    gradients = in_format(unpad(dpadded, axes).copy(), data_format), (dy * sums).sum(axis=(0, 1, 2))
    return gradients if bias is None else (*gradients, dy.sum(axis=(0, 1, 2)))


def _sums(x, axes):
    padded = pad(x, axes)
    return sum(padded[window] for _, window in taps(axes))


def _prepare(x, coefficient, bias, pool_size, strides, padding, data_format):
    x, coefficient = as_image(x, data_format), as_float64(coefficient, "coefficient")
    bias = None if bias is None else as_float64(bias, "bias")
    for name, value in (("coefficient", coefficient), ("bias", bias)):
        if value is not None and value.shape != x.shape[3:]:
            raise ValueError(f"`{name}` must have shape {x.shape[3:]}. Received: {value.shape}")
    pool_size = pair(pool_size, "pool_size")
    strides = pool_size if strides is None else pair(strides, "strides")
    return x, coefficient, bias, sliding_axes(x.shape[1:3], pool_size, strides, padding)
