"""Local response normalization, across channels and within them."""

from __future__ import annotations

import numpy as np

from fastcnn.arguments import shown
from fastcnn.typing import Array, ArrayLike

from .arrays import as_float64, as_gradient


def local_response_norm(x: ArrayLike, size: int = 5, alpha: float = 1e-4, beta: float = 0.75, k: float = 2.0,
                        alpha_mode: str = "sum", mode: str = "across_channels", groups: int = 1,
                        even: str = "below") -> Array:
    """Divides each value by a power of the energy of its neighbours.

        y_c = x_c · S_c^−β,   S_c = k + s · Σ_{i∈W(c)} x_i²,   W(c) = c − ⌊size/2⌋ … c + ⌊(size−1)/2⌋

    the window clipped to the channels there are. An even size has its extra channel below, or with
    `even="above"` above, as in ONNX. Within channels
    the window is a square of pixels of one channel, W(h) × W(w), clipped to the image. s is α, or its mean over the window's
    full size, also where it is clipped: α / size, within channels α / size². Groups of channels are normalized each on
    its own.

    Source: Krizhevsky et al. 2012, §3.3.
    """
    shape, x, scale, axes = _prepare(x, size, alpha, alpha_mode, mode, groups)
    below, above = _neighbours(size, even)
    return (x * _energy(x, below, above, scale, k, axes) ** -beta).reshape(shape)


def local_response_norm_backward(dy: ArrayLike, x: ArrayLike, size: int = 5, alpha: float = 1e-4, beta: float = 0.75,
                                 k: float = 2.0, alpha_mode: str = "sum", mode: str = "across_channels", groups: int = 1,
                                 even: str = "below") -> Array:
    """dx of `local_response_norm`. With ∂S_j/∂x_c = 2s·x_c for c ∈ W(j), the product rule gives

        dx_c = dy_c · S_c^−β − 2sβ · x_c · Σ_{j: c∈W(j)} dy_j · x_j · S_j^(−β−1)

    where {j: c∈W(j)} = c − ⌊(size−1)/2⌋ … c + ⌊size/2⌋ is the mirrored window.
    """
    shape, x, scale, axes = _prepare(x, size, alpha, alpha_mode, mode, groups)
    below, above = _neighbours(size, even)
    dy = as_gradient(dy, shape).reshape(x.shape)
    energy = _energy(x, below, above, scale, k, axes)
    through_neighbours = dy * x * energy ** (-beta - 1)
    for axis in axes:
        through_neighbours = _window_sum(through_neighbours, above, below, axis)
    return (dy * energy**-beta - 2 * scale * beta * x * through_neighbours).reshape(shape)


def _prepare(x, size, alpha, alpha_mode, mode, groups):
    """The shape of x; x with each group of channels along an axis of its own; the factor of the sums, and their axes."""
    x = as_float64(x)
    if x.ndim < 1:
        raise ValueError(f"`x` must have at least one axis. Received: shape {x.shape}")
    if size < 1:
        raise ValueError(f"`size` must be at least 1. Received: {size}")
    if alpha_mode not in ("sum", "mean"):
        raise ValueError(f"`alpha_mode` must be 'sum' or 'mean'. Received: {shown(alpha_mode)}")
    if mode not in ("across_channels", "within_channel"):
        raise ValueError(f"`mode` must be 'across_channels' or 'within_channel'. Received: {shown(mode)}")
    if mode == "within_channel" and x.ndim != 4:
        raise ValueError(f"`x` must be (N, H, W, C) to be normalized within channels. Received: shape {x.shape}")
    if not 1 <= groups <= (1 if mode == "within_channel" else groups) or x.shape[-1] % groups:
        raise ValueError(f"`groups` must divide the {x.shape[-1]} channels, and be 1 within them. Received: {groups}")
    axes = (-1,) if mode == "across_channels" else (1, 2)
    scale = alpha if alpha_mode == "sum" else alpha / size ** len(axes)
    return x.shape, x.reshape(*x.shape[:-1], groups, -1) if groups > 1 else x, scale, axes


def _neighbours(size, even):
    if even not in ("below", "above"):
        raise ValueError(f"`even` must be 'below' or 'above'. Received: {shown(even)}")
    return (size // 2, (size - 1) // 2) if even == "below" else ((size - 1) // 2, size // 2)


def _energy(x, below, above, scale, k, axes):
    total = x * x
    for axis in axes:
        total = _window_sum(total, below, above, axis)
    return k + scale * total


def _window_sum(a, below, above, axis):
    """Σ_{i = c−below … c+above} a_i along an axis, clipped at its ends."""
    a = np.moveaxis(a, axis, -1)
    places = a.shape[-1]
    total = np.zeros(a.shape)
    for offset in range(max(-below, 1 - places), min(above, places - 1) + 1):
        to = slice(max(0, -offset), places - max(0, offset))
        of = slice(max(0, offset), places - max(0, -offset))
        total[..., to] += a[..., of]
    return np.moveaxis(total, -1, axis)
