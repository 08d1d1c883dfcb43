"""Two-dimensional convolution of numbers of eight bits."""

from __future__ import annotations

import numpy as np

from fastcnn.typing import Array, ArrayLike, Padding, Pair

from .arrays import as_bias, as_float64, as_image, in_format
from .conv2d import conv2d

_TINY = np.float32(2.0**-126)


def conv2d_int8(x: ArrayLike, kernel: ArrayLike, low: float, high: float, bias: ArrayLike | None = None, strides: Pair = 1,
                padding: Padding = "valid", dilation_rate: Pair = 1, groups: int = 1,
                data_format: str = "channels_last") -> Array:  # fmt: skip
    """Convolution of whole numbers that stand for x and kernel.

        s = (high − low) / 255,   z = round(−low / s),   q = round(x · (1/s)) between −z and 255 − z
        t[o] = max |kernel[…, o]| / 127,                 u[…, o] = round(kernel[…, o] / t[o])
        y = conv2d(q, u) · (s·t) + bias

    with [low, high] made to hold 0; rounding to even; each quotient, product and sum in float32, but conv2d(q, u), which is
    exact; s = 1 and t = 0 where they would be less than 2⁻¹²⁶; NaN in x is `low`, a filter with NaN or infinities gives NaN.

    Source: Jacob et al. 2018, "Quantization and training of neural networks for efficient integer-arithmetic-only
    inference", §2.1; a scale for each filter: Krishnamoorthi 2018, "Quantizing deep convolutional networks for efficient
    inference", §3.1.
    """
    x, kernel = as_image(x, data_format).astype(np.float32), as_float64(kernel, "kernel").astype(np.float32)
    if not np.isfinite([low, high]).all():
        raise ValueError(f"`low` and `high` must be finite. Received: {low}, {high}")
    low, high = min(0.0, low), max(0.0, high)
    s = np.float32((high - low) / 255)
    s = s if s >= _TINY else np.float32(1)
    z = min(255, round(-low / float(s)))
    with np.errstate(over="ignore", invalid="ignore"):
        q = np.rint(x * (np.float32(1) / s))
        q = np.where(np.isnan(q), -z, q).clip(-z, 255 - z)
        t = np.abs(kernel).max((0, 1, 2), initial=0) / np.float32(127)
    usable = (t >= _TINY) & np.isfinite(t)
    u = np.zeros_like(kernel)
    u[..., usable] = np.rint(kernel[..., usable] / t[usable])
    sums = conv2d(q, u, None, strides, padding, dilation_rate, groups).astype(np.float32)
    scale = np.where(np.isfinite(t), s * np.where(usable, t, np.float32(0)), np.float32(np.nan))
    bias = as_bias(bias, kernel.shape[3])
    y = sums * scale + (np.float32(0) if bias is None else bias.astype(np.float32))
    return in_format(y, data_format).astype(np.float64)
