"""What is left of a kernel that is stored in fewer bits."""

from __future__ import annotations

import numpy as np

from fastcnn.arguments import shown
from fastcnn.typing import Array, ArrayLike

from .arrays import as_float64

_ROWS = 256  # that share a scale
_LARGEST = 65504.0  # of float16
_TINY = 2.0**-126


def half_weights(kernel: ArrayLike, dtype: str) -> Array:
    """The kernel rounded to `dtype` and restored.

    "float16": to the nearest of IEEE's binary16, ties to even. "int8": for every 256 rows r of a column,

        s = max_r |kernel[r]| / 127,    q[r] = round(kernel[r] / s),    restored[r] = q[r] · s

    with s and the quotients in float32, rounding to even, and s = 0 where it would be less than 2⁻¹²⁶.

    Source: IEEE 754-2008 for binary16.
    """
    kernel = as_float64(kernel, "kernel").astype(np.float32)
    if dtype not in ("float16", "int8"):
        raise ValueError(f'`dtype` must be "float16" or "int8". Received: {shown(dtype)}')
    if kernel.ndim != 2:
        raise ValueError(f"`kernel` must be (in, out). Received: {kernel.shape}")
    most, largest = _LARGEST if dtype == "float16" else np.finfo(np.float32).max, np.abs(kernel).max(initial=0)
    if not largest <= most:
        raise ValueError(f"`kernel` must be finite, and at most {most:g} in {dtype}. Received: {largest:g}")
    if dtype == "float16":
        return kernel.astype(np.float16).astype(np.float64)
    restored = np.zeros_like(kernel)
    for start in range(0, len(kernel), _ROWS):
        block = kernel[start:start + _ROWS]
        scale = np.abs(block).max(0) / np.float32(127)
        used = scale >= _TINY
        q = np.rint(block[:, used] / scale[used])
        restored[start:start + _ROWS, used] = q * scale[used]
    return restored.astype(np.float64)
