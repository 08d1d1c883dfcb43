"""Pooling."""

from __future__ import annotations

import numpy as np

from fastcnn import _ops, arguments
from fastcnn.ops.shared import backward, deliver, finish, forward, gradient, last, result, run
from fastcnn.typing import Array, ArrayLike, Padding, Pair

__all__ = [
    "adaptive_avg_pool2d", "adaptive_avg_pool2d_backward",
    "max_pool2d", "max_pool2d_backward", "avg_pool2d", "avg_pool2d_backward", "soft_pool2d", "soft_pool2d_backward",
    "lp_pool2d", "lp_pool2d_backward", "global_avg_pool2d", "global_avg_pool2d_backward",
    "global_max_pool2d", "global_max_pool2d_backward",
]


def _pool2d(kind, x, pool_size, strides, padding, ceil_mode, data_format, dilation_rate=1, count_include_pad=False, p=1.0):
    first = arguments.data_format(data_format)
    x = last(x, first)
    pool_size = arguments.pair("pool_size", pool_size)
    strides = pool_size if strides is None else arguments.pair("strides", strides)
    dilation = arguments.pair("dilation_rate", dilation_rate)
    pads = arguments.pool_pads(padding, x.shape[1:3], pool_size, strides, dilation)
    ceil_mode = arguments.flag("ceil_mode", ceil_mode) and padding != "same"
    op = _ops.pool2d(kind, x.shape[1:], pool_size, strides, pads, ceil_mode,
                     arguments.flag("count_include_pad", count_include_pad), p, dilation)
    return op, first, x, (x.shape[0], *op.out_shape)


def max_pool2d(x: ArrayLike, pool_size: Pair, strides: Pair | None = None, padding: Padding = "valid",
               ceil_mode: bool = False, data_format: str = "channels_last", dilation_rate: Pair = 1, *,
               out: Array | None = None) -> Array:
    """The maximum of each window; padding never wins, NaN always does.

    Args:
        x: images.
        pool_size: integer or pair (height, width).
        strides: the same; None: the pool size.
        padding: "valid", "same", integer, pair, or ((top, bottom), (left, right)), less than windows reach.
        ceil_mode: round the output's size up (torch's rule: no window starts beyond the input and its leading padding).
        data_format: "channels_last" or "channels_first".
        dilation_rate: integer or pair: how far apart the pixels of a window are.
        out: array to write the result to.

    Shape:
        (N, H, W, C) → (N, OH, OW, C)

    Example:
        >>> fastcnn.ops.max_pool2d(np.arange(16.0).reshape(1, 4, 4, 1), 2).ravel().tolist()
        [5.0, 7.0, 13.0, 15.0]
    """
    return forward(*_pool2d("max", x, pool_size, strides, padding, ceil_mode, data_format, dilation_rate), out)


def max_pool2d_backward(dy: ArrayLike, x: ArrayLike, pool_size: Pair, strides: Pair | None = None,
                        padding: Padding = "valid", ceil_mode: bool = False, data_format: str = "channels_last",
                        dilation_rate: Pair = 1) -> Array:
    """Gradient of `max_pool2d`: dy goes to the first maximum of its window, row by row.

    Shape:
        dy (N, OH, OW, C) → dx as x

    Example:
        >>> fastcnn.ops.max_pool2d_backward(np.ones((1, 1, 1, 1)), np.arange(4.0).reshape(1, 2, 2, 1), 2).ravel().tolist()
        [0.0, 0.0, 0.0, 1.0]
    """
    return backward(dy, *_pool2d("max", x, pool_size, strides, padding, ceil_mode, data_format, dilation_rate))


def avg_pool2d(x: ArrayLike, pool_size: Pair, strides: Pair | None = None, padding: Padding = "valid",
               ceil_mode: bool = False, count_include_pad: bool = False, data_format: str = "channels_last",
               dilation_rate: Pair = 1, *, out: Array | None = None) -> Array:
    """The mean of each window.

    Args:
        x, pool_size, strides, padding, ceil_mode, data_format, dilation_rate, out: as `max_pool2d`.
        count_include_pad: divide by the window's size within the padded image, not by its real elements alone.

    Shape:
        (N, H, W, C) → (N, OH, OW, C)

    Example:
        >>> fastcnn.ops.avg_pool2d(np.arange(16.0).reshape(1, 4, 4, 1), 2).ravel().tolist()
        [2.5, 4.5, 10.5, 12.5]
    """
    return forward(*_pool2d("avg", x, pool_size, strides, padding, ceil_mode, data_format, dilation_rate,
                            count_include_pad), out)


def avg_pool2d_backward(dy: ArrayLike, x: ArrayLike, pool_size: Pair, strides: Pair | None = None,
                        padding: Padding = "valid", ceil_mode: bool = False, count_include_pad: bool = False,
                        data_format: str = "channels_last", dilation_rate: Pair = 1) -> Array:
    """Gradient of `avg_pool2d`.

    Shape:
        dy (N, OH, OW, C) → dx as x

    Example:
        >>> fastcnn.ops.avg_pool2d_backward(np.ones((1, 1, 1, 1)), np.zeros((1, 2, 2, 1)), 2).ravel().tolist()
        [0.25, 0.25, 0.25, 0.25]
    """
    return backward(dy, *_pool2d("avg", x, pool_size, strides, padding, ceil_mode, data_format, dilation_rate,
                                 count_include_pad))


def soft_pool2d(x: ArrayLike, pool_size: Pair, strides: Pair | None = None, padding: Padding = "valid",
                ceil_mode: bool = False, data_format: str = "channels_last", dilation_rate: Pair = 1, *,
                out: Array | None = None) -> Array:
    """The mean of each window weighted by its softmax: y = Σ xᵢ·e^xᵢ / Σ e^xⱼ, without overflow; padding left out.

    Args:
        x, pool_size, strides, padding, ceil_mode, data_format, dilation_rate, out: as `max_pool2d`.

    Shape:
        (N, H, W, C) → (N, OH, OW, C)

    Example:
        >>> y = fastcnn.ops.soft_pool2d(np.arange(4.0).reshape(1, 2, 2, 1), 2)
        >>> round(y.item(), 4)
        2.4927
    """
    return forward(*_pool2d("soft", x, pool_size, strides, padding, ceil_mode, data_format, dilation_rate), out)


def soft_pool2d_backward(dy: ArrayLike, x: ArrayLike, pool_size: Pair, strides: Pair | None = None,
                         padding: Padding = "valid", ceil_mode: bool = False, data_format: str = "channels_last",
                         dilation_rate: Pair = 1) -> Array:
    """Gradient of `soft_pool2d`: dxᵢ = dy·(1 + xᵢ − y)·e^xᵢ / Σ e^xⱼ.

    Shape:
        dy (N, OH, OW, C) → dx as x

    Example:
        >>> fastcnn.ops.soft_pool2d_backward(np.ones((1, 1, 1, 1)), np.zeros((1, 2, 2, 1)), 2).ravel().tolist()
        [0.25, 0.25, 0.25, 0.25]
    """
    return backward(dy, *_pool2d("soft", x, pool_size, strides, padding, ceil_mode, data_format, dilation_rate))


def _power(p):
    return arguments.number("p", p, 1, 1e6)


def lp_pool2d(x: ArrayLike, p: float, pool_size: Pair, strides: Pair | None = None, padding: Padding = "valid",
              ceil_mode: bool = False, data_format: str = "channels_last", dilation_rate: Pair = 1, *,
              out: Array | None = None) -> Array:
    """The p-norm of each window: y = (Σ |xᵢ|^p)^(1/p), without overflow of the powers; padding counts as 0.

    Args:
        p: from 1 (the sum of magnitudes) over 2 (Euclid's norm) to 10⁶ (nearly the largest magnitude).
        x, pool_size, strides, padding, ceil_mode, data_format, dilation_rate, out: as `max_pool2d`.

    Shape:
        (N, H, W, C) → (N, OH, OW, C)

    Example:
        >>> fastcnn.ops.lp_pool2d(np.array([3.0, 4.0]).reshape(1, 1, 2, 1), 2, (1, 2)).item()
        5.0
    """
    return forward(*_pool2d("lp", x, pool_size, strides, padding, ceil_mode, data_format, dilation_rate, p=_power(p)), out)


def lp_pool2d_backward(dy: ArrayLike, x: ArrayLike, p: float, pool_size: Pair, strides: Pair | None = None,
                       padding: Padding = "valid", ceil_mode: bool = False, data_format: str = "channels_last",
                       dilation_rate: Pair = 1) -> Array:
    """Gradient of `lp_pool2d`: dxᵢ = dy·sign(xᵢ)·(|xᵢ|/y)^(p−1), which is 0 where xᵢ is.

    Shape:
        dy (N, OH, OW, C) → dx as x

    Example:
        >>> fastcnn.ops.lp_pool2d_backward(np.ones((1, 1, 1, 1)), np.array([0.0, -7.0]).reshape(1, 1, 2, 1), 2, (1, 2))
        ... # doctest: +NORMALIZE_WHITESPACE
        array([[[[ 0.], [-1.]]]], dtype=float32)
    """
    return backward(dy, *_pool2d("lp", x, pool_size, strides, padding, ceil_mode, data_format, dilation_rate, p=_power(p)))


def _adaptive(x, output_size, data_format):
    first = arguments.data_format(data_format)
    x = last(x, first)
    op = _ops.adaptive_avg_pool2d(x.shape[1:], arguments.pair("output_size", output_size))
    return op, first, x, (x.shape[0], *op.out_shape)


def adaptive_avg_pool2d(x: ArrayLike, output_size: Pair, data_format: str = "channels_last", *,
                        out: Array | None = None) -> Array:
    """The means of OH × OW windows that cover the image: rows ⌊i·H / OH⌋ to ⌈(i + 1)·H / OH⌉, columns likewise.

    Args:
        x: images.
        output_size: integer or pair (OH, OW).
        data_format: "channels_last" or "channels_first".
        out: array to write the result to.

    Shape:
        (N, H, W, C) → (N, OH, OW, C)

    Source:
        torch.nn.AdaptiveAvgPool2d.

    Example:
        >>> fastcnn.ops.adaptive_avg_pool2d(np.arange(5.0).reshape(1, 1, 5, 1), (1, 2)).ravel().tolist()
        [1.0, 3.0]
    """
    return forward(*_adaptive(x, output_size, data_format), out)


def adaptive_avg_pool2d_backward(dy: ArrayLike, x: ArrayLike, output_size: Pair,
                                 data_format: str = "channels_last") -> Array:
    """Gradient of `adaptive_avg_pool2d`.

    Shape:
        dy (N, OH, OW, C) → dx as x

    Example:
        >>> dx = fastcnn.ops.adaptive_avg_pool2d_backward(np.full((1, 1, 2, 1), 3.0), np.zeros((1, 1, 5, 1)), (1, 2))
        >>> dx.ravel().tolist()
        [1.0, 1.0, 2.0, 1.0, 1.0]
    """
    return backward(dy, *_adaptive(x, output_size, data_format))


def _global_pool2d(kind, x, data_format):
    first = arguments.data_format(data_format)
    shape = np.shape(x)
    if len(shape) != 4:
        raise ValueError(f"x must have 4 dimensions. Received: shape {shape}")
    size = shape[2:] if first else shape[1:3]
    return _pool2d(kind, x, tuple(size), None, "valid", False, data_format)


def _global_forward(op, _, x, shape, out):
    y = result(out, (shape[0], shape[3]), x)
    run(op, shape[0], [["forward"]], [("x", x), ("y", y)])
    return deliver(y, out)


def _global_backward(dy, op, first, x, shape):
    dy, dx = gradient(dy, (shape[0], shape[3])).reshape(shape), np.empty_like(x)
    run(op, shape[0], [["data"]], [("x", x), ("dy", dy), ("dx", dx)])
    return finish(dx, first, None)


def global_avg_pool2d(x: ArrayLike, data_format: str = "channels_last", *, out: Array | None = None) -> Array:
    """The mean of each channel over the image.

    Shape:
        (N, H, W, C) → (N, C)

    Example:
        >>> fastcnn.ops.global_avg_pool2d(np.arange(4.0).reshape(1, 2, 2, 1)).tolist()
        [[1.5]]
    """
    return _global_forward(*_global_pool2d("avg", x, data_format), out)


def global_avg_pool2d_backward(dy: ArrayLike, x: ArrayLike, data_format: str = "channels_last") -> Array:
    """Gradient of `global_avg_pool2d`.

    Shape:
        dy (N, C) → dx as x
    """
    return _global_backward(dy, *_global_pool2d("avg", x, data_format))


def global_max_pool2d(x: ArrayLike, data_format: str = "channels_last", *, out: Array | None = None) -> Array:
    """The maximum of each channel over the image.

    Shape:
        (N, H, W, C) → (N, C)

    Example:
        >>> fastcnn.ops.global_max_pool2d(np.arange(4.0).reshape(1, 2, 2, 1)).tolist()
        [[3.0]]
    """
    return _global_forward(*_global_pool2d("max", x, data_format), out)


def global_max_pool2d_backward(dy: ArrayLike, x: ArrayLike, data_format: str = "channels_last") -> Array:
    """Gradient of `global_max_pool2d`: to the first maximum.

    Shape:
        dy (N, C) → dx as x
    """
    return _global_backward(dy, *_global_pool2d("max", x, data_format))
