"""PReLU."""

from __future__ import annotations

import numpy as np

from fastcnn import _ops, activations, arguments
from fastcnn.ops.shared import deliver, gradient, partials, result, run
from fastcnn.typing import Array, ArrayLike

__all__ = ["prelu", "prelu_backward"]


def _prelu(x, alpha):
    x, alpha = arguments.array("x", x), arguments.array("alpha", alpha)
    if x.ndim < 2:
        raise ValueError(f"x must be a batch: (samples, …). Received: shape {x.shape}")
    sample = x.shape[1:]
    slopes = (1,) * (len(sample) - alpha.ndim) + alpha.shape
    if len(slopes) != len(sample) or any(m not in (1, n) for n, m in zip(sample, slopes)):
        raise ValueError(f"alpha must have the shape of a sample, {sample}, or 1 along axes that share slopes. "
                         f"Received: shape {alpha.shape}")
    return activations.prelu_op(sample, slopes) if x.size else None, x, alpha


def prelu(x: ArrayLike, alpha: ArrayLike, *, out: Array | None = None) -> Array:
    """Rectifier whose slope below 0 is learned, one for each place of a sample or for many.

    Args:
        x: a batch.
        alpha: slopes of any sign; broadcast over a sample by NumPy's rule.
        out: array to write the result to.

    Shape:
        x (N, …), alpha (…), 1 along axes that share slopes → as x

    Example:
        >>> fastcnn.ops.prelu(np.array([[-1.0, 2.0], [-4.0, -4.0]]), np.array([0.5, 0.25])).tolist()
        [[-0.5, 2.0], [-2.0, -1.0]]
    """
    op, x, alpha = _prelu(x, alpha)
    y = result(out, x.shape, x, alpha, in_place=True)
    if op is not None:
        run(op, len(x), [["pack"], ["forward"]], [("x", x), ("y", y)],
            [("w", alpha), ("packed", _ops.aligned(op.packed_size))])
    return deliver(y, out)


def prelu_backward(dy: ArrayLike, x: ArrayLike, alpha: ArrayLike) -> tuple[Array, ...]:
    """Gradients of `prelu`: (dx, dalpha).

    Shape:
        dy (N, …) → dx as x, dalpha as alpha

    Example:
        >>> dx, dalpha = fastcnn.ops.prelu_backward(np.ones((2, 1)), np.array([[-3.0], [5.0]]), np.array([0.5]))
        >>> dx.tolist(), dalpha.tolist()
        ([[0.5], [1.0]], [-3.0])
    """
    op, x, alpha = _prelu(x, alpha)
    dy, dx, dalpha = gradient(dy, x.shape), np.empty_like(x), np.zeros_like(alpha)
    if op is not None:
        chunk, partial = partials(op, len(x))
        run(op, len(x), [["pack"], ["data", "weights"], ["reduce"]], [("x", x), ("dy", dy), ("dx", dx)],
            [("w", alpha), ("dw", dalpha), ("packed", _ops.aligned(op.packed_size)), ("partial", partial)], chunk=chunk)
    return dx, dalpha
