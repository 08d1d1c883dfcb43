"""Images enlarged by whole factors."""

from __future__ import annotations

import numpy as np

from fastcnn.arguments import shown
from fastcnn.typing import Array, ArrayLike, Pair

from .arrays import as_image, as_image_gradient, in_format
from .windows import pair


def upsample2d(x: ArrayLike, size: Pair = 2, interpolation: str = "nearest", data_format: str = "channels_last") -> Array:
    """Enlarges images: y[n,h,w,c] = Σ_{i,j} W_h[h,i] · W_w[w,j] · x[n,i,j,c].

    With factor s, output o lies at p = (o + ½)/s − ½ between the inputs' centres.

        "nearest":   W[o,i] = 1 for i = ⌊o/s⌋
        "bilinear":  W[o,i] = max(0, 1 − |p − i|), p first brought into 0 … size − 1

    Source: half-pixel centres, as TensorFlow's, JAX' and PyTorch's resizing (align_corners=False).
    """
    x, rows, cols = _prepare(x, size, interpolation, data_format)
    return in_format(np.einsum("hi,wj,nijc->nhwc", rows, cols, x), data_format)


def upsample2d_backward(dy: ArrayLike, x: ArrayLike, size: Pair = 2, interpolation: str = "nearest",
                        data_format: str = "channels_last") -> Array:
    """dx of `upsample2d`: dx[n,i,j,c] = Σ_{h,w} W_h[h,i] · W_w[w,j] · dy[n,h,w,c]."""
    x, rows, cols = _prepare(x, size, interpolation, data_format)
    dy = as_image_gradient(dy, (x.shape[0], len(rows), len(cols), x.shape[3]), data_format)
    return in_format(np.einsum("hi,wj,nhwc->nijc", rows, cols, dy), data_format)


def _prepare(x, size, interpolation, data_format):
    """x as NHWC, W_h and W_w."""
    x, factors = as_image(x, data_format), pair(size, "size")
    if interpolation not in ("nearest", "bilinear"):
        raise ValueError(f"`interpolation` must be 'nearest' or 'bilinear'. Received: {shown(interpolation)}")
    return x, *(_weights(n, s, interpolation) for n, s in zip(x.shape[1:3], factors))


def _weights(size, factor, interpolation):
    """W (factor·size, size)."""
    outputs, inputs = np.arange(factor * size)[:, None], np.arange(size)
    if interpolation == "nearest":
        return (outputs // factor == inputs).astype(np.float64)
    position = np.clip((outputs + 0.5) / factor - 0.5, 0, size - 1)
    return np.maximum(0.0, 1.0 - np.abs(position - inputs))
