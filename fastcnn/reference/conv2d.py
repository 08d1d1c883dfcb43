"""Two-dimensional convolution (cross-correlation), strided, dilated, grouped, or connected by a table."""

from __future__ import annotations

import numpy as np

from fastcnn.arguments import shown
from fastcnn.typing import Array, ArrayLike, Padding, Pair

from .arrays import as_bias, as_float64, as_image, as_image_gradient, in_format
from .windows import pad, pair, sliding_axes, taps, unpad


def conv2d(x: ArrayLike, kernel: ArrayLike, bias: ArrayLike | None = None, strides: Pair = 1, padding: Padding = "valid",
           dilation_rate: Pair = 1, groups: int = 1, data_format: str = "channels_last",
           connection_table: ArrayLike | None = None) -> Array:  # fmt: skip
    """Convolution as networks use the word: the filter is not flipped.

        y[n,h,w,o] = bias[o] + Σ_{i,j,c} x[n, h·s + i·d − top, w·s + j·d − left, g·C/G + c] · kernel[i,j,c,o]

    with zero outside the image, strides s, dilation rates d and g = ⌊o / (O/G)⌋: group g maps input channels
    [g·C/G, (g+1)·C/G) to output channels [g·O/G, (g+1)·O/G). y has ⌊(H + top + bottom − (kh−1)·d − 1) / s⌋ + 1 rows. With a
    table the sum over c is over the channels that it names for o.

    Source: Dumoulin & Visin 2016, "A guide to convolution arithmetic"; groups: Krizhevsky et al. 2012, §3.2;
    tables: LeCun et al. 1998, table I.
    """
    if connection_table is not None:
        kernel = _written_out(kernel, connection_table, as_image(x, data_format).shape[3], groups)[0]
    x, kernel, bias, axes, out_shape = _prepare(
        x, kernel, bias, strides, padding, dilation_rate, groups, data_format
    )
    padded = pad(x, axes)
    y = np.zeros(out_shape)
    for tap, window in taps(axes):
        product = split_last(padded[window], groups) @ split_last(kernel[tap], groups)
        y += join_last(product, out_shape)
    if bias is not None:
        y += bias
    return in_format(y, data_format)


def conv2d_backward(dy: ArrayLike, x: ArrayLike, kernel: ArrayLike, bias: ArrayLike | None = None, strides: Pair = 1,
                    padding: Padding = "valid", dilation_rate: Pair = 1, groups: int = 1, data_format: str = "channels_last",
                    connection_table: ArrayLike | None = None) -> tuple[Array, ...]:
    """Gradients of `conv2d`: (dx, dkernel), or (dx, dkernel, dbias) if there is a bias.

        dx[n,p,q,g·C/G + c] = Σ dy[n,h,w,o] · kernel[i,j,c,o]
            over o of group g and all h, w, i, j with h·s + i·d − top = p and w·s + j·d − left = q
        dkernel[i,j,c,o] = Σ_{n,h,w} dy[n,h,w,o] · x[n, h·s + i·d − top, w·s + j·d − left, g·C/G + c]
        dbias[o] = Σ_{n,h,w} dy[n,h,w,o]
    """
    if connection_table is not None:
        kernel, places = _written_out(kernel, connection_table, as_image(x, data_format).shape[3], groups)
        dx, dkernel, *dbias = conv2d_backward(
            dy, x, kernel, bias, strides, padding, dilation_rate, groups, data_format
        )
        return dx, dkernel[:, :, places[0], places[1]], *dbias
    x, kernel, bias, axes, out_shape = _prepare(
        x, kernel, bias, strides, padding, dilation_rate, groups, data_format
    )
    dy = as_image_gradient(dy, out_shape, data_format)
    dy_groups = split_last(dy, groups)
    padded = pad(x, axes)
    dpadded = np.zeros(padded.shape)
    dkernel = np.empty(kernel.shape)
    for tap, window in taps(axes):
        x_groups, kernel_groups = split_last(padded[window], groups), split_last(kernel[tap], groups)
        dpadded[window] += join_last(dy_groups @ kernel_groups.swapaxes(1, 2), padded[window].shape)
        dkernel[tap] = join_last(x_groups.swapaxes(1, 2) @ dy_groups, kernel[tap].shape)
    dx = in_format(unpad(dpadded, axes).copy(), data_format)
    return (dx, dkernel) if bias is None else (dx, dkernel, dy.sum(axis=(0, 1, 2)))


def _prepare(x, kernel, bias, strides, padding, dilation_rate, groups, data_format):
    x, kernel = as_image(x, data_format), as_float64(kernel, "kernel")
    if kernel.ndim != 4 or 0 in kernel.shape[:2]:
        raise ValueError(f"`kernel` must have shape (kh, kw, in/groups, out). Received: {kernel.shape}")
    in_c, out_c = x.shape[3], kernel.shape[3]
    if groups < 1 or out_c % groups or kernel.shape[2] * groups != in_c:
        raise ValueError(
            f"`groups` must divide both channel counts, and `kernel` hold channels/groups inputs. "
            f"Received: groups {groups}, {in_c} channels, kernel {kernel.shape}"
        )
    bias = as_bias(bias, out_c)
    strides, dilation = pair(strides, "strides"), pair(dilation_rate, "dilation_rate")
    axes = sliding_axes(x.shape[1:3], kernel.shape[:2], strides, padding, dilation)
    return x, kernel, bias, axes, (x.shape[0], axes[0].out, axes[1].out, out_c)


def split_last(a, groups):
    """(..., G·c) → (G, rows, c): one matrix per group of the last axis."""
    rows, c = int(np.prod(a.shape[:-1])), a.shape[-1] // groups
    return a.reshape(rows, groups, c).transpose(1, 0, 2)


def join_last(a, shape):
    """(G, rows, c) → shape (..., G·c): undoes `split_last`."""
    return a.transpose(1, 0, 2).reshape(shape)


def _written_out(kernel, table, channels, groups):
    """A kernel (kh, kw, connections) as (kh, kw, C, O), 0 where the table has no connection; and where its weights went."""
    kernel = as_float64(kernel, "kernel")
    if isinstance(table, np.ndarray) and table.ndim == 2:
        table = [np.flatnonzero(column).tolist() for column in table.T]
    pairs = [(c, o) for o, row in enumerate(table) for c in sorted(row)]
    rightful = all(len(row) and len(set(row)) == len(row) for row in table) and groups == 1
    if not rightful or not all(0 <= c < channels for c, _ in pairs) or kernel.shape[2:] != (len(pairs),):
        raise ValueError(
            f"`connection_table` must list channels of {channels}, each once, for every output, without groups; `kernel` "
            f"holds a weight for each. Received: {shown(table)}, kernel {kernel.shape}"
        )
    places = np.array([c for c, _ in pairs]), np.array([o for _, o in pairs])
    full = np.zeros((*kernel.shape[:2], channels, len(table)))
    full[:, :, places[0], places[1]] = kernel
    return full, places
