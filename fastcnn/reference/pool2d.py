"""Max, average, soft and Lp pooling over windows; maxima and means of whole images."""

from __future__ import annotations

import numpy as np

from fastcnn.arguments import shown
from fastcnn.typing import Array, ArrayLike, Padding, Pair

from .arrays import as_gradient, as_image, as_image_gradient, in_format
from .windows import pad, pair, sliding_axes, taps, unpad


def max_pool2d(x: ArrayLike, pool_size: Pair, strides: Pair | None = None, padding: Padding = "valid",
               ceil_mode: bool = False, data_format: str = "channels_last", dilation_rate: Pair = 1) -> Array:
    """The largest element of each window. Padding never wins; a NaN in the window does.

        y[n,h,w,c] = max_{i,j} x[n, h·s + i·d − top, w·s + j·d − left, c]   over the (i, j) that lie in the image

    y has ⌊(H + top + bottom − (kh − 1)·d − 1) / s⌋ + 1 rows; with `ceil_mode` ⌈…⌉ + 1, less one if the last window would
    start at or beyond H + top.

    Source: Krizhevsky et al. 2012, §3.4 (overlapping pooling).
    """
    x, axes = _prepare(x, pool_size, strides, padding, ceil_mode, data_format, dilation_rate, is_max=True)
    return in_format(_first_max(x, axes)[0], data_format)


def max_pool2d_backward(dy: ArrayLike, x: ArrayLike, pool_size: Pair, strides: Pair | None = None,
                        padding: Padding = "valid", ceil_mode: bool = False, data_format: str = "channels_last",
                        dilation_rate: Pair = 1) -> Array:
    """dx of `max_pool2d`: each dy goes to the first maximum of its window in row-major order (to the first
    NaN if there is one); windows that overlap add up.
    """
    x, axes = _prepare(x, pool_size, strides, padding, ceil_mode, data_format, dilation_rate, is_max=True)
    dy = as_image_gradient(dy, _out_shape(x, axes), data_format)
    winner = _first_max(x, axes)[1]
    dpadded = pad(np.zeros(x.shape), axes)
    for t, (_, window) in enumerate(taps(axes)):
        dpadded[window] += np.where(winner == t, dy, 0.0)
    return in_format(unpad(dpadded, axes).copy(), data_format)


def avg_pool2d(x: ArrayLike, pool_size: Pair, strides: Pair | None = None, padding: Padding = "valid",
               ceil_mode: bool = False, count_include_pad: bool = False, data_format: str = "channels_last",
               dilation_rate: Pair = 1) -> Array:
    """The mean of each window.

        y[n,h,w,c] = Σ_{i,j} x[n, h·s + i·d − top, w·s + j·d − left, c] / count[h,w]

    with zero outside the image. `count_include_pad=True` counts the elements of the window within the padded
    image (those that `ceil_mode` adds beyond it never count); False counts elements of the image, and a
    window without any gives 0. Any padding >= 0 is allowed.

    Source: LeCun et al. 1998, §II.B (subsampling); counting rule of torch.nn.AvgPool2d.
    """
    x, axes = _prepare(x, pool_size, strides, padding, ceil_mode, data_format, dilation_rate)
    padded = pad(x, axes)
    y = np.zeros(_out_shape(x, axes))
    for _, window in taps(axes):
        y += padded[window]
    return in_format(y / _counts(axes, count_include_pad), data_format)


def avg_pool2d_backward(dy: ArrayLike, x: ArrayLike, pool_size: Pair, strides: Pair | None = None,
                        padding: Padding = "valid", ceil_mode: bool = False, count_include_pad: bool = False,
                        data_format: str = "channels_last", dilation_rate: Pair = 1) -> Array:
    """dx of `avg_pool2d`: dx[p] = Σ over the windows that contain pixel p of dy[window] / count[window]."""
    x, axes = _prepare(x, pool_size, strides, padding, ceil_mode, data_format, dilation_rate)
    dy = as_image_gradient(dy, _out_shape(x, axes), data_format) / _counts(axes, count_include_pad)
    dpadded = pad(np.zeros(x.shape), axes)
    for _, window in taps(axes):
        dpadded[window] += dy
    return in_format(unpad(dpadded, axes).copy(), data_format)


def soft_pool2d(x: ArrayLike, pool_size: Pair, strides: Pair | None = None, padding: Padding = "valid",
                ceil_mode: bool = False, data_format: str = "channels_last", dilation_rate: Pair = 1) -> Array:
    """The mean of each window weighted by its softmax.

        y = Σ_i x_i · w_i,   w_i = e^(x_i − m) / Σ_j e^(x_j − m),   m = max_i x_i,   over the pixels in the image

    Source: Stergiou, Poppe & Kalliatakis 2021, "Refining activation downsampling with SoftPool", §3.2.
    """
    x, axes = _prepare(x, pool_size, strides, padding, ceil_mode, data_format, dilation_rate, is_max=True)
    largest, excess, weights = _soft_windows(x, axes)
    return in_format(largest + (weights * excess).sum(axis=0), data_format)


def soft_pool2d_backward(dy: ArrayLike, x: ArrayLike, pool_size: Pair, strides: Pair | None = None,
                         padding: Padding = "valid", ceil_mode: bool = False, data_format: str = "channels_last",
                         dilation_rate: Pair = 1) -> Array:
    """dx of `soft_pool2d`. With ∂w_i/∂x_i = w_i·(1 − w_i) and ∂w_i/∂x_j = −w_i·w_j,

        dx_i = dy · w_i · (1 + x_i − y)
    """
    x, axes = _prepare(x, pool_size, strides, padding, ceil_mode, data_format, dilation_rate, is_max=True)
    dy = as_image_gradient(dy, _out_shape(x, axes), data_format)
    _, excess, weights = _soft_windows(x, axes)
    slopes = weights * (1 + excess - (weights * excess).sum(axis=0))
    return in_format(_spread(dy * slopes, x, axes), data_format)


def lp_pool2d(x: ArrayLike, p: float, pool_size: Pair, strides: Pair | None = None, padding: Padding = "valid",
              ceil_mode: bool = False, data_format: str = "channels_last", dilation_rate: Pair = 1) -> Array:
    """The p-norm of each window.

        y = (Σ_i |x_i|^p)^(1/p) = m · (Σ_i (|x_i| / m)^p)^(1/p),   m = max_i |x_i|

    with zero outside the image. `p` is at least 1.

    Source: Sermanet, Chintala & LeCun 2012, "Convolutional neural networks applied to house numbers digit classification",
    §2.1.
    """
    x, axes = _prepare(x, pool_size, strides, padding, ceil_mode, data_format, dilation_rate, is_max=True)
    largest, parts, total = _lp_windows(x, axes, p)
    return in_format(largest * total ** (1 / p), data_format)


def lp_pool2d_backward(dy: ArrayLike, x: ArrayLike, p: float, pool_size: Pair, strides: Pair | None = None,
                       padding: Padding = "valid", ceil_mode: bool = False, data_format: str = "channels_last",
                       dilation_rate: Pair = 1) -> Array:
    """dx of `lp_pool2d`: dx_i = dy · sign(x_i) · (|x_i| / y)^(p−1), and 0 where x_i = 0."""
    x, axes = _prepare(x, pool_size, strides, padding, ceil_mode, data_format, dilation_rate, is_max=True)
    dy = as_image_gradient(dy, _out_shape(x, axes), data_format)
    _, parts, total = _lp_windows(x, axes, p)
    slopes = np.sign(_windows(x, axes)) * (parts / total ** (1 / p)) ** (p - 1)
    return in_format(_spread(dy * slopes, x, axes), data_format)


def adaptive_avg_pool2d(x: ArrayLike, output_size: Pair, data_format: str = "channels_last") -> Array:
    """The mean of each of OH × OW windows of rows ⌊i·H/OH⌋ … ⌈(i+1)·H/OH⌉ − 1 and columns likewise: neighbours may share
    one, and where there are more windows than pixels, pixels are repeated.

    Shape: (N, H, W, C), `output_size` int or (OH, OW) → (N, OH, OW, C). Source: torch.nn.AdaptiveAvgPool2d.
    """
    x, rows, cols = _adaptive(x, output_size, data_format)
    return in_format(np.einsum("ph,nhwc,qw->npqc", rows, x, cols), data_format)


def adaptive_avg_pool2d_backward(dy: ArrayLike, x: ArrayLike, output_size: Pair,
                                 data_format: str = "channels_last") -> Array:
    """dx of `adaptive_avg_pool2d`: dx[p] = Σ over the windows that contain pixel p of dy[window] / count[window].

    Shape: dy (N, OH, OW, C) → dx, like x.
    """
    x, rows, cols = _adaptive(x, output_size, data_format)
    dy = as_image_gradient(dy, (len(x), len(rows), len(cols), x.shape[3]), data_format)
    return in_format(np.einsum("ph,npqc,qw->nhwc", rows, dy, cols), data_format)


def global_avg_pool2d(x: ArrayLike, data_format: str = "channels_last") -> Array:
    """y[n,c] = Σ_{h,w} x[n,h,w,c] / (H·W). Source: Lin, Chen & Yan 2014, "Network in network", §3.2."""
    return _pixels(x, data_format)[0].mean(axis=1)


def global_avg_pool2d_backward(dy: ArrayLike, x: ArrayLike, data_format: str = "channels_last") -> Array:
    """dx of `global_avg_pool2d`: dx[n,h,w,c] = dy[n,c] / (H·W)."""
    pixels, shape = _pixels(x, data_format)
    dy = as_gradient(dy, (shape[0], shape[3]))
    dpixels = np.repeat(dy[:, None] / pixels.shape[1], pixels.shape[1], axis=1)
    return in_format(dpixels.reshape(shape), data_format)


def global_max_pool2d(x: ArrayLike, data_format: str = "channels_last") -> Array:
    """y[n,c] = max_{h,w} x[n,h,w,c]; NaN if there is one."""
    return _pixels(x, data_format)[0].max(axis=1)


def global_max_pool2d_backward(dy: ArrayLike, x: ArrayLike, data_format: str = "channels_last") -> Array:
    """dx of `global_max_pool2d`: dy goes to the first maximum (or NaN)."""
    pixels, shape = _pixels(x, data_format)
    dy = as_gradient(dy, (shape[0], shape[3]))
    dpixels = np.zeros(pixels.shape)
    # argmax takes the first maximum, and NaN for the largest of all: the rule wanted here.
    np.put_along_axis(dpixels, pixels.argmax(axis=1)[:, None], dy[:, None], axis=1)
    return in_format(dpixels.reshape(shape), data_format)


def _prepare(x, pool_size, strides, padding, ceil_mode, data_format, dilation_rate=1, is_max=False):
    x = as_image(x, data_format)
    pool_size = pair(pool_size, "pool_size")
    strides = pool_size if strides is None else pair(strides, "strides")
    axes = sliding_axes(x.shape[1:3], pool_size, strides, padding, pair(dilation_rate, "dilation_rate"), ceil_mode)
    if is_max and any(max(a.begin, a.end) >= a.extent or _axis_counts(a, False).min() < 1 for a in axes):
        raise ValueError(
            f"Each window of a max pooling must hold an element of the image: `padding` must be less than "
            f"what it reaches over. Received: padding {shown(padding)}, pool_size {pool_size}, x of shape {x.shape}"
        )
    return x, axes


def _out_shape(x, axes):
    return x.shape[0], axes[0].out, axes[1].out, x.shape[3]


def _first_max(x, axes):
    """The maximum of each window, and the number of the tap that holds it first."""
    padded = pad(x, axes)
    in_image = pad(np.ones((1, *x.shape[1:3], 1)), axes) == 1
    best = np.zeros(_out_shape(x, axes))
    winner = np.full(best.shape, -1)
    for t, (_, window) in enumerate(taps(axes)):
        value = padded[window]
        wins = (winner < 0) | (value > best) | (np.isnan(value) & ~np.isnan(best))
        wins &= in_image[window]
        best[wins], winner[wins] = value[wins], t
    return best, winner


def _windows(x, axes, outside=0.0):
    """(taps, N, H', W', C): the elements of each window, `outside` beyond the image."""
    padded = pad(x, axes, outside)
    return np.stack([padded[window] for _, window in taps(axes)])


def _spread(dwindows, x, axes):
    """What `_windows` gathered, added up where it came from: gradients of x."""
    dpadded = pad(np.zeros(x.shape), axes)
    for (_, window), d in zip(taps(axes), dwindows):
        dpadded[window] += d
    return unpad(dpadded, axes).copy()


def _soft_windows(x, axes):
    """The maximum of each window; x − maximum, 0 where the weight is; and the weights."""
    windows = _windows(x, axes, -np.inf)
    largest = windows.max(axis=0)
    with np.errstate(invalid="ignore"):  # ∞ − ∞
        excess = np.where(windows == largest, 0.0, windows - largest)
    weights = np.exp(excess)
    return largest, np.where(weights == 0, 0.0, excess), weights / weights.sum(axis=0)


def _lp_windows(x, axes, p):
    """The largest magnitude m of each window, |x| / m, and Σ (|x| / m)^p."""
    if not p >= 1:
        raise ValueError(f"`p` must be at least 1. Received: {p}")
    magnitudes = np.abs(_windows(x, axes))
    largest = magnitudes.max(axis=0)
    with np.errstate(invalid="ignore"):  # 0 / 0, ∞ / ∞
        parts = np.where(magnitudes == largest, 1.0, magnitudes / largest)
    return largest, parts, (parts**p).sum(axis=0)


def _counts(axes, count_include_pad):
    """(H', W', 1): what each window's sum is divided by, at least 1."""
    rows, cols = (_axis_counts(a, count_include_pad) for a in axes)
    return np.maximum(np.outer(rows, cols), 1)[..., None]


def _axis_counts(axis, count_include_pad):
    first, last = (0, axis.padded) if count_include_pad else (axis.begin, axis.begin + axis.size)
    pixels = axis.starts[:, None] + axis.dilation * np.arange(axis.window)
    return ((first <= pixels) & (pixels < last)).sum(axis=1)


def _adaptive(x, output_size, data_format):
    """x as NHWC, and for each axis what every pixel counts in every window, (windows, pixels)."""
    x, shares = as_image(x, data_format), []
    if 0 in x.shape[1:]:
        raise ValueError(f"Each image must have at least one pixel and channel. Received: shape {x.shape}")
    for size, windows in zip(x.shape[1:3], pair(output_size, "output_size")):
        i, pixels = np.arange(windows)[:, None], np.arange(size)
        inside = (i * size // windows <= pixels) & (pixels < -(-(i + 1) * size // windows))
        shares.append(inside / inside.sum(axis=1, keepdims=True))
    return x, *shares


def _pixels(x, data_format):
    """x as (N, H·W, C), and its NHWC shape."""
    x = as_image(x, data_format)
    n, h, w, c = x.shape
    if h * w == 0:
        raise ValueError(f"Each image must have at least one pixel. Received: shape {x.shape}")
    return x.reshape(n, h * w, c), x.shape
