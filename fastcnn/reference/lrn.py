"""Local response normalization across channels."""

import numpy as np

from .arrays import as_float64, as_gradient


def local_response_norm(x, size=5, alpha=1e-4, beta=0.75, k=2.0, alpha_mode="sum"):
    """Divides each channel by a power of the energy of its neighbours.

        y_c = x_c · S_c^−β,   S_c = k + s · Σ_{i∈W(c)} x_i²,   W(c) = c − ⌊size/2⌋ … c + ⌊(size−1)/2⌋

    the window clipped to the channels there are. An even size has its extra channel below.

    Args:
        x: (..., C), any rank >= 1; channels last.
        size: channels in a window.
        alpha_mode: "sum": s = α (the paper, TensorFlow); "mean": s = α / size (PyTorch, ONNX, Caffe), the
            full size also where the window is clipped.

    Shape: → like x.

    Source: Krizhevsky et al. 2012, §3.3.
    """
    x, scale = _prepare(x, size, alpha, alpha_mode)
    return x * _energy(x, size, scale, k) ** -beta


def local_response_norm_backward(dy, x, size=5, alpha=1e-4, beta=0.75, k=2.0, alpha_mode="sum"):
    """dx of `local_response_norm`. With ∂S_j/∂x_c = 2s·x_c for c ∈ W(j), the product rule gives

        dx_c = dy_c · S_c^−β − 2sβ · x_c · Σ_{j: c∈W(j)} dy_j · x_j · S_j^(−β−1)

    where {j: c∈W(j)} = c − ⌊(size−1)/2⌋ … c + ⌊size/2⌋ is the mirrored window.

    Shape: dy, like x → dx, like x.
    """
    x, scale = _prepare(x, size, alpha, alpha_mode)
    dy = as_gradient(dy, x.shape)
    energy = _energy(x, size, scale, k)
    through_neighbours = _window_sum(dy * x * energy ** (-beta - 1), (size - 1) // 2, size // 2)
    return dy * energy**-beta - 2 * scale * beta * x * through_neighbours


def _prepare(x, size, alpha, alpha_mode):
    x = as_float64(x)
    if x.ndim < 1:
        raise ValueError(f"`x` must have at least one axis. Received: shape {x.shape}")
    if size < 1:
        raise ValueError(f"`size` must be at least 1. Received: {size}")
    if alpha_mode not in ("sum", "mean"):
        raise ValueError(f"`alpha_mode` must be 'sum' or 'mean'. Received: {alpha_mode!r}")
    return x, alpha if alpha_mode == "sum" else alpha / size


def _energy(x, size, scale, k):
    return k + scale * _window_sum(x * x, size // 2, (size - 1) // 2)


def _window_sum(a, below, above):
    """Σ_{i = c−below … c+above} a_i along the last axis, clipped at its ends."""
    channels = a.shape[-1]
    total = np.zeros(a.shape)
    for offset in range(max(-below, 1 - channels), min(above, channels - 1) + 1):
        to = slice(max(0, -offset), channels - max(0, offset))
        of = slice(max(0, offset), channels - max(0, -offset))
        total[..., to] += a[..., of]
    return total
