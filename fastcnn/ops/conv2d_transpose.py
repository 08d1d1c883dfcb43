"""Transposed convolution."""

from __future__ import annotations

from fastcnn import _ops, arguments, settings
from fastcnn.ops.conv2d import convolve, convolve_backward
from fastcnn.ops.shared import biases, last
from fastcnn.typing import Array, ArrayLike, Padding, Pair

__all__ = ["conv2d_transpose", "conv2d_transpose_backward"]


def _conv2d_transpose(x, kernel, bias, strides, padding, output_padding, dilation_rate, groups, data_format):
    first = arguments.data_format(data_format)
    x, kernel = last(x, first), arguments.array("kernel", kernel, 4)
    strides, dilation = arguments.pair("strides", strides), arguments.pair("dilation_rate", dilation_rate)
    groups = arguments.integer("groups", groups)
    n, h, w, c = x.shape
    kh, kw, per_group, in_c = kernel.shape
    filters = per_group * groups
    if in_c != c:
        raise ValueError(f"kernel must be (height, width, filters per group, {c} input channels). "
                         f"Received: shape {kernel.shape}")
    if c % groups:
        raise ValueError(f"groups must divide the input's {c} channels. Received: {groups}")
    bias = biases(bias, filters)
    size, pads = arguments.transposed(padding, output_padding, (h, w), (kh, kw), strides, dilation)
    op = _ops.conv2d_transpose((h, w, c), (*size, filters), (kh, kw), strides, dilation, pads, groups,
                               bias is not None, settings.exact)
    return op, first, x, kernel, bias, None, (n, *op.out_shape)


def conv2d_transpose(x: ArrayLike, kernel: ArrayLike, bias: ArrayLike | None = None, strides: Pair = 1,
                     padding: Padding = "valid", output_padding: Pair | None = None, dilation_rate: Pair = 1,
                     groups: int = 1, data_format: str = "channels_last", *, out: Array | None = None) -> Array:
    """Transposed convolution: each pixel times the filter, `strides` apart, added up where they overlap.

    Args:
        x: images.
        kernel: filters.
        bias: one number per filter, or None.
        strides, dilation_rate: integer or pair (height, width).
        padding: "valid": the whole result; "same": `strides` times the input; else what is cut off of the whole result, as
            integer, pair, or ((top, bottom), (left, right)).
        output_padding: integer or pair less than `strides`: rows and columns more at the end; None: as many as make the
            result `strides` times the input if "same", and hold every pixel's stride if "valid".
        groups: input channels and filters are split into this many independent groups.
        data_format: "channels_last" or "channels_first" (x and the result; the kernel's layout does not change).
        out: array to write the result to.

    Shape:
        x (N, H, W, C), kernel (KH, KW, F / groups, C), bias (F,) → (N, OH, OW, F)

    Raises:
        TypeError, ValueError: naming the argument, what was received and what is accepted.

    Example:
        >>> x, kernel = np.array([1.0, 10.0]).reshape(1, 1, 2, 1), np.array([1.0, 2.0, 3.0]).reshape(1, 3, 1, 1)
        >>> fastcnn.ops.conv2d_transpose(x, kernel, strides=(1, 2)).ravel().tolist()
        [1.0, 2.0, 13.0, 20.0, 30.0]
    """
    return convolve(*_conv2d_transpose(x, kernel, bias, strides, padding, output_padding, dilation_rate, groups,
                                       data_format), out)


def conv2d_transpose_backward(dy: ArrayLike, x: ArrayLike, kernel: ArrayLike, bias: ArrayLike | None = None,
                              strides: Pair = 1, padding: Padding = "valid", output_padding: Pair | None = None,
                              dilation_rate: Pair = 1, groups: int = 1,
                              data_format: str = "channels_last") -> tuple[Array, ...]:
    """Gradients of `conv2d_transpose`: (dx, dkernel), and dbias where a bias was given.

    Shape:
        dy (N, OH, OW, F) → dx as x, dkernel as kernel, dbias (F,)

    Example:
        >>> x, kernel = np.ones((1, 2, 2, 1)), np.ones((3, 3, 2, 1))
        >>> dx, dkernel = fastcnn.ops.conv2d_transpose_backward(np.ones((1, 4, 4, 2)), x, kernel)
        >>> dx.ravel().tolist()
        [18.0, 18.0, 18.0, 18.0]
    """
    return convolve_backward(dy, *_conv2d_transpose(x, kernel, bias, strides, padding, output_padding, dilation_rate, groups,
                                                    data_format))
