"""Local response normalization."""

import numpy as np

from fastcnn import _ops, arguments
from fastcnn.ops.shared import deliver, gradient, result, run


def _lrn(x, size, alpha, beta, k, alpha_mode):
    x = arguments.array("x", x)
    if x.ndim < 1:
        raise ValueError(f"x must have at least one dimension, the channels. Received: shape {x.shape}")
    size = arguments.integer("size", size)
    alpha, beta, k = (arguments.number(n, v) for n, v in (("alpha", alpha), ("beta", beta), ("k", k)))
    mean = arguments.choice("alpha_mode", alpha_mode, ("sum", "mean")) == "mean"
    if x.size == 0:
        return None, x, 0
    n = x.shape[0] if x.ndim > 1 else 1
    op = _ops.local_response_norm(x.size // n // x.shape[-1], x.shape[-1], size, alpha, beta, k, mean)
    return op, x, n


def local_response_norm(x, size=5, alpha=1e-4, beta=0.75, k=2.0, alpha_mode="sum", *, out=None):
    """Local response normalization across channels: y_c = x_c / (k + s·Σ x_i²)^β over a window of `size` channels.

    Args:
        x: last axis is channels.
        size: channels per window, c − ⌊size/2⌋ … c + ⌊(size−1)/2⌋, clipped at the ends.
        alpha, beta, k: constants of the formula; the defaults are AlexNet's.
        alpha_mode: "sum": s = alpha (AlexNet's paper, TensorFlow); "mean": s = alpha / size (Caffe, torch, ONNX).
        out: array to write the result to.

    Shape:
        (…, C) → the same

    Source:
        Krizhevsky, Sutskever, Hinton 2012, section 3.3.

    Example:
        >>> y = fastcnn.ops.local_response_norm(np.arange(1.0, 9.0), size=5, alpha=1, beta=1, k=0)
        >>> [round(float(v), 4) for v in y[:3]]
        [0.0714, 0.0667, 0.0545]
    """
    op, x, n = _lrn(x, size, alpha, beta, k, alpha_mode)
    y = result(out, x.shape, x)
    if n:
        run(op, n, [["forward"]], [("x", x), ("y", y)])
    return deliver(y, out)


def local_response_norm_backward(dy, x, size=5, alpha=1e-4, beta=0.75, k=2.0, alpha_mode="sum"):
    """Gradient of `local_response_norm`: dx_c = dy_c·S_c^−β − 2sβ·x_c·Σ_{j: c∈W(j)} dy_j·x_j·S_j^−β−1.

    Shape:
        dy, x (…, C) → the same
    """
    op, x, n = _lrn(x, size, alpha, beta, k, alpha_mode)
    dy, dx = gradient(dy, x.shape), np.empty_like(x)
    if n:
        run(op, n, [["data"]], [("x", x), ("dy", dy), ("dx", dx)])
    return dx
