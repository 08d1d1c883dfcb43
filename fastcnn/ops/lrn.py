"""Local response normalization."""

from __future__ import annotations

import numpy as np

from fastcnn import _ops, arguments
from fastcnn.ops.shared import deliver, gradient, result, run
from fastcnn.typing import Array, ArrayLike

__all__ = ["local_response_norm", "local_response_norm_backward"]


def _lrn(x, size, alpha, beta, k, alpha_mode, mode, groups, even):
    x = arguments.array("x", x)
    if x.ndim < 1:
        raise ValueError(f"x must have at least one dimension, the channels. Received: shape {x.shape}")
    size = arguments.integer("size", size)
    alpha, beta, k = (arguments.number(n, v) for n, v in (("alpha", alpha), ("beta", beta), ("k", k)))
    mean = arguments.choice("alpha_mode", alpha_mode, ("sum", "mean")) == "mean"
    within = arguments.choice("mode", mode, ("across_channels", "within_channel")) == "within_channel"
    groups = arguments.integer("groups", groups)
    above = arguments.choice("even", even, ("below", "above")) == "above"
    if within and (groups > 1 or above):
        raise ValueError(f"within channels, where none sees another, groups must be 1, and even 'below'. Received: "
                         f"groups={groups}, even={arguments.shown(even)}")
    if within and x.ndim != 4:
        raise ValueError(f"x must be images (N, H, W, C) to be normalized within channels. Received: shape {x.shape}")
    if x.size == 0:
        return None, x, 0
    n = x.shape[0] if x.ndim > 1 else 1
    if within:
        return _ops.local_response_norm_within(x.shape[1:], size, alpha, beta, k, mean), x, n
    op = _ops.local_response_norm(x.size // n // x.shape[-1], x.shape[-1], size, alpha, beta, k, mean, groups, above)
    return op, x, n


def local_response_norm(x: ArrayLike, size: int = 5, alpha: float = 1e-4, beta: float = 0.75, k: float = 2.0,
                        alpha_mode: str = "sum", mode: str = "across_channels", groups: int = 1, even: str = "below", *,
                        out: Array | None = None) -> Array:
    """Local response normalization over a window of `size` channels, or size × size pixels.

    Args:
        x: last axis is channels.
        size: channels per window, which is clipped at the ends; or rows and columns likewise.
        alpha, beta, k: constants of the formula; the defaults are AlexNet's.
        alpha_mode: "sum" (AlexNet's paper, TensorFlow), or "mean" over the window (Caffe, torch, ONNX).
        mode: "across_channels" or "within_channel", whose window is one of pixels of the same channel. Caffe's
            WITHIN_CHANNEL has k=1 and alpha_mode="mean".
        groups: the channels are cut into this many equal groups, at whose ends the windows end; 1 within channels.
        even: of which neighbours an even size has one more: "below" (torch), or "above" (ONNX).
        out: array to write the result to.

    Shape:
        (…, C), within channels (N, H, W, C) → the same

    Example:
        >>> y = fastcnn.ops.local_response_norm(np.arange(1.0, 9.0), size=5, alpha=1, beta=1, k=0)
        >>> [round(float(v), 4) for v in y[:3]]
        [0.0714, 0.0667, 0.0545]
    """
    op, x, n = _lrn(x, size, alpha, beta, k, alpha_mode, mode, groups, even)
    y = result(out, x.shape, x)
    if n:
        run(op, n, [["forward"]], [("x", x), ("y", y)])
    return deliver(y, out)


def local_response_norm_backward(dy: ArrayLike, x: ArrayLike, size: int = 5, alpha: float = 1e-4, beta: float = 0.75,
                                 k: float = 2.0, alpha_mode: str = "sum", mode: str = "across_channels", groups: int = 1,
                                 even: str = "below") -> Array:
    """Gradient of `local_response_norm`.

    Shape:
        dy, x (…, C) → the same
    """
    op, x, n = _lrn(x, size, alpha, beta, k, alpha_mode, mode, groups, even)
    dy, dx = gradient(dy, x.shape), np.empty_like(x)
    if n:
        run(op, n, [["data"]], [("x", x), ("dy", dy), ("dx", dx)])
    return dx
