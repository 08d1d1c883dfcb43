"""Convolution in eight bits."""

from __future__ import annotations

import numpy as np

from fastcnn import arguments
from fastcnn.ops.conv2d import convolve, prepared
from fastcnn.typing import Array, ArrayLike, Padding, Pair

__all__ = ["conv2d_int8"]

_TINY = np.finfo(np.float32).tiny


def conv2d_int8(x: ArrayLike, kernel: ArrayLike, low: float, high: float, bias: ArrayLike | None = None, strides: Pair = 1,
                padding: Padding = "valid", dilation_rate: Pair = 1, groups: int = 1, data_format: str = "channels_last", *,
                out: Array | None = None) -> Array:
    """What `conv2d` is of numbers of eight bits, see `Sequential.quantize`: sums of products of whole numbers, which are
    exact, times a scale for each filter. No order, threads or processor changes a bit.

    Args:
        x: images, which become multiples, 0 to 255 less a zero point, of (high − low) / 255; NaN becomes `low`.
        kernel: filters, which become multiples, −127 to 127, of max |filter| / 127. One with NaN or infinities gives NaN.
        low, high: the range of x, which is made to hold 0; what lies beyond is moved to its ends.
        bias, strides, padding, dilation_rate, groups, data_format, out: as of `conv2d`.

    Shape:
        x (N, H, W, C), kernel (KH, KW, C / groups, F), bias (F,) → (N, OH, OW, F)

    Raises:
        ValueError: a range that is not finite; a convolution of fewer than 16 filters in a group, of dilated columns, or of
            more than 66,311 weights in a filter.

    Example:
        >>> x, kernel = np.full((1, 3, 3, 1), 0.3), np.ones((3, 3, 1, 16))
        >>> round(float(fastcnn.ops.conv2d_int8(x, kernel, 0, 1)[0, 0, 0, 0]), 3)  # 0.3 is nearly 76/255
        2.682
    """
    op, *rest = prepared(x, kernel, bias, strides, padding, dilation_rate, groups, data_format, None)
    low, high = arguments.number("low", low), arguments.number("high", high)
    in_int8 = op.with_int8(*grid(low, high))
    if in_int8 is None:
        raise ValueError("a convolution in int8 has at least 16 filters in a group, of at most 66,311 weights each, and no "
                         f"dilated columns. Received: kernel of shape {rest[2].shape}, groups {groups}, "
                         f"dilation_rate {arguments.shown(dilation_rate)}")
    return convolve(in_int8, *rest, out)


def grid(low, high):
    """(scale, zero point) of the 256 numbers scale · (0 … 255 − zero point) that span a range, and 0.

    Example:
        >>> grid(0, 255), grid(-51, 0), grid(-1, 1)[1]
        ((1.0, 0), (0.20000000298023224, 255), 127)
    """
    low, high = min(0.0, low), max(0.0, high)
    scale = np.float32((high - low) / 255)
    scale = float(scale) if scale >= _TINY else 1.0
    return scale, min(255, round(-low / scale))
