"""Convolutions channel by channel: alone, and with one across channels behind them."""

from __future__ import annotations

from fastcnn import arguments
from fastcnn.ops.conv2d import conv2d, conv2d_backward
from fastcnn.ops.shared import finish, last
from fastcnn.typing import Array, ArrayLike, Padding, Pair

__all__ = ["depthwise_conv2d", "depthwise_conv2d_backward", "separable_conv2d", "separable_conv2d_backward"]


def _grouped(x, kernel, first, name="kernel"):
    """(x, the kernel of as many groups as there are channels, their number)."""
    x, kernel = arguments.array("x", x, 4, contiguous=False), arguments.array(name, kernel, 4)
    c, (height, width, channels, multiplier) = x.shape[1 if first else 3], kernel.shape
    if channels != c or not c or not multiplier:
        raise ValueError(f"{name} must be (height, width, {c} channels, filters per channel). "
                         f"Received: shape {kernel.shape}")
    return x, kernel.reshape(height, width, 1, c * multiplier), c


def depthwise_conv2d(x: ArrayLike, kernel: ArrayLike, bias: ArrayLike | None = None, strides: Pair = 1,
                     padding: Padding = "valid", dilation_rate: Pair = 1, data_format: str = "channels_last", *,
                     out: Array | None = None) -> Array:
    """Convolution channel by channel: each has filters of its own.

    Args:
        x: images.
        kernel: filters.
        bias: one number per filter, or None.
        strides, dilation_rate: integer or pair (height, width).
        padding: "valid", "same" (TensorFlow's rule), integer, pair, or ((top, bottom), (left, right)).
        data_format: "channels_last" or "channels_first" (x and the result; the kernel's layout does not change).
        out: array to write the result to.

    Shape:
        x (N, H, W, C), kernel (KH, KW, C, M), bias (C·M,) → (N, OH, OW, C·M), filter m of channel c at c·M + m

    Raises:
        TypeError, ValueError: naming the argument, what was received and what is accepted.

    Example:
        >>> x, kernel = np.ones((1, 4, 4, 2)), np.array([1.0, 2.0]).reshape(1, 1, 2, 1)
        >>> fastcnn.ops.depthwise_conv2d(x, kernel)[0, 0, 0].tolist()
        [1.0, 2.0]
    """
    x, kernel, groups = _grouped(x, kernel, arguments.data_format(data_format))
    return conv2d(x, kernel, bias, strides, padding, dilation_rate, groups, data_format, out=out)


def depthwise_conv2d_backward(dy: ArrayLike, x: ArrayLike, kernel: ArrayLike, bias: ArrayLike | None = None,
                              strides: Pair = 1, padding: Padding = "valid", dilation_rate: Pair = 1,
                              data_format: str = "channels_last") -> tuple[Array, ...]:
    """Gradients of `depthwise_conv2d`: (dx, dkernel), and dbias where a bias was given.

    Shape:
        dy (N, OH, OW, C·M) → dx as x, dkernel as kernel, dbias (C·M,)
    """
    x, grouped, groups = _grouped(x, kernel, arguments.data_format(data_format))
    dx, dkernel, *dbias = conv2d_backward(dy, x, grouped, bias, strides, padding, dilation_rate, groups, data_format)
    return dx, dkernel.reshape(*grouped.shape[:2], groups, -1), *dbias


def _separable(x, depthwise_kernel, pointwise_kernel, strides, padding, dilation_rate, data_format):
    """(channels first?, x, both kernels, what lies between them, the arguments it is made with)."""
    first = arguments.data_format(data_format)
    x = last(x, first)
    _, grouped, groups = _grouped(x, depthwise_kernel, False, "depthwise_kernel")
    pointwise = arguments.array("pointwise_kernel", pointwise_kernel, 4)
    if pointwise.shape[:3] != (1, 1, grouped.shape[3]):
        raise ValueError(f"pointwise_kernel must be (1, 1, {grouped.shape[3]} channels, filters). "
                         f"Received: shape {pointwise.shape}")
    options = strides, padding, dilation_rate, groups
    return first, x, grouped, pointwise, conv2d(x, grouped, None, *options), options


def separable_conv2d(x: ArrayLike, depthwise_kernel: ArrayLike, pointwise_kernel: ArrayLike, bias: ArrayLike | None = None,
                     strides: Pair = 1, padding: Padding = "valid", dilation_rate: Pair = 1,
                     data_format: str = "channels_last", *, out: Array | None = None) -> Array:
    """Convolution channel by channel, then one of 1 × 1 pixels across channels.

    Args:
        x: images.
        depthwise_kernel: filters of each channel.
        pointwise_kernel: filters across channels.
        bias: one number per filter of the second, or None.
        strides, padding, dilation_rate: of the first, as in `depthwise_conv2d`.
        data_format: "channels_last" or "channels_first" (x and the result; the kernels' layout does not change).
        out: array to write the result to.

    Shape:
        x (N, H, W, C), depthwise_kernel (KH, KW, C, M), pointwise_kernel (1, 1, C·M, F), bias (F,) → (N, OH, OW, F)

    Raises:
        TypeError, ValueError: naming the argument, what was received and what is accepted.

    Example:
        >>> x = np.ones((1, 4, 4, 2))
        >>> fastcnn.ops.separable_conv2d(x, np.ones((3, 3, 2, 1)), np.ones((1, 1, 2, 5))).shape
        (1, 2, 2, 5)
    """
    first, _, _, pointwise, between, _ = _separable(x, depthwise_kernel, pointwise_kernel, strides, padding, dilation_rate,
                                                    data_format)
    return finish(conv2d(between, pointwise, bias, out=None if first else out), first, out)


def separable_conv2d_backward(dy: ArrayLike, x: ArrayLike, depthwise_kernel: ArrayLike, pointwise_kernel: ArrayLike,
                              bias: ArrayLike | None = None, strides: Pair = 1, padding: Padding = "valid",
                              dilation_rate: Pair = 1, data_format: str = "channels_last") -> tuple[Array, ...]:
    """Gradients of `separable_conv2d`: (dx, ddepthwise_kernel, dpointwise_kernel), and dbias where a bias was given.

    Shape:
        dy (N, OH, OW, F) → each as its argument
    """
    first, x, grouped, pointwise, between, options = _separable(x, depthwise_kernel, pointwise_kernel, strides, padding,
                                                                dilation_rate, data_format)
    dbetween, dpointwise, *dbias = conv2d_backward(last(dy, first, "dy"), between, pointwise, bias)
    dx, dgrouped = conv2d_backward(dbetween, x, grouped, None, *options)
    return finish(dx, first, None), dgrouped.reshape(*grouped.shape[:2], options[3], -1), dpointwise, *dbias
