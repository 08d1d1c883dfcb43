"""Euclidean radial basis functions, and losses of their distances."""

from __future__ import annotations

import numpy as np

from fastcnn import _ops, arguments
from fastcnn.ops.shared import FORWARD, deliver, describe, gradient, result, run
from fastcnn.typing import Array, ArrayLike

__all__ = [
    "rbf", "rbf_backward", "rbf_mean_squared_error", "rbf_mean_squared_error_backward",
    "rbf_maximum_a_posteriori", "rbf_maximum_a_posteriori_backward",
]


def _rbf(x, prototypes):
    x, prototypes = arguments.array("x", x), arguments.array("prototypes", prototypes, 2)
    if x.ndim < 2 or x.shape[1:] != prototypes.shape[1:] or 0 in prototypes.shape:
        raise ValueError(f"x must be (samples, inputs) and prototypes (units, inputs). Received: shapes {x.shape} and "
                         f"{prototypes.shape}")
    return _ops.rbf(prototypes.shape[1], prototypes.shape[0]), x, prototypes


def rbf(x: ArrayLike, prototypes: ArrayLike, *, out: Array | None = None) -> Array:
    """Squared distances from prototypes.

    Args:
        x: samples.
        prototypes: one in each row.
        out: array to write the result to.

    Shape:
        x (N, I), prototypes (U, I) → (N, U)

    Raises:
        TypeError, ValueError: naming the argument, what was received and what is accepted.

    Example:
        >>> fastcnn.ops.rbf([[1.0, 2.0]], [[1.0, 0.0], [0.0, 0.0]]).tolist()
        [[4.0, 5.0]]
    """
    op, x, prototypes = _rbf(x, prototypes)
    y = result(out, (len(x), op.out_size), x, prototypes)
    run(op, len(x), [["forward"]], [("x", x), ("y", y)], [("w", prototypes)])
    return deliver(y, out)


def rbf_backward(dy: ArrayLike, x: ArrayLike, prototypes: ArrayLike) -> tuple[Array, ...]:
    """Gradients of `rbf`: (dx, dprototypes).

    Shape:
        dy (N, U) → dx as x, dprototypes as prototypes

    Example:
        >>> dx, dprototypes = fastcnn.ops.rbf_backward([[1.0]], [[1.0, 2.0]], [[1.0, 0.0]])
        >>> dx.tolist(), dprototypes.tolist()
        ([[0.0, 4.0]], [[0.0, -4.0]])
    """
    op, x, prototypes = _rbf(x, prototypes)
    dy = gradient(dy, (len(x), op.out_size))
    dx, dw = np.empty_like(x), np.zeros_like(prototypes)
    run(op, len(x), [["data", "weights"]], [("x", x), ("dy", dy), ("dx", dx)], [("w", prototypes), ("dw", dw)])
    return dx, dw


def _loss(kind, x, target, j=0.0, dy=FORWARD):
    x, target = arguments.array("x", x, 2), np.asarray(target)
    n, c = x.shape
    if c == 0:
        raise ValueError(f"x must be (samples, classes). Received: shape {x.shape}")
    if target.dtype.kind not in "iu" or target.shape != (n,):
        raise ValueError(f"target must be {n} labels, integers. Received: {describe(target)}")
    if n and not (0 <= target.min() and target.max() < c):
        raise ValueError(f"target must hold labels from 0 to {c - 1}. Received: {target.min()} … {target.max()}")
    target = np.ascontiguousarray(target, np.int32)
    op = _ops.loss(kind, c, True, j=arguments.number("j", j))
    if dy is FORWARD:
        y = np.empty(n, np.float32)
        run(op, n, [["forward"]], [("x", x)], [("target", target), ("loss", y)])
        return y
    dy, dx = gradient(dy, (n,)), np.empty_like(x)
    run(op, n, [["data"]], [("x", x), ("dx", dx)], [("target", target), ("sample_weight", dy)], scale=1.0)
    return dx


def rbf_mean_squared_error(x: ArrayLike, target: ArrayLike) -> Array:
    """The distance from the true class' prototype.

    Args:
        x: squared distances, as of `rbf`.
        target: labels, integers.

    Shape:
        x (N, C), target (N,) → (N,)

    Example:
        >>> fastcnn.ops.rbf_mean_squared_error([[3.0, 5.0]], [1]).tolist()
        [5.0]
    """
    return _loss("rbf_mean_squared_error", x, target)


def rbf_mean_squared_error_backward(dy: ArrayLike, x: ArrayLike, target: ArrayLike) -> Array:
    """Gradient of `rbf_mean_squared_error`.

    Shape:
        dy (N,) → dx as x
    """
    return _loss("rbf_mean_squared_error", x, target, dy=dy)


def rbf_maximum_a_posteriori(x: ArrayLike, target: ArrayLike, j: float = 0.1) -> Array:
    """Pulls the true class near and pushes the others away, the nearer the more.

    Args:
        x, target: as `rbf_mean_squared_error`.
        j: distance of what belongs to no class; it keeps distances that are large already from being pushed.

    Shape:
        x (N, C), target (N,) → (N,)

    Example:
        >>> fastcnn.ops.rbf_maximum_a_posteriori([[5.0, 0.0]], [0], j=9.0).round().tolist()
        [5.0]
    """
    return _loss("rbf_maximum_a_posteriori", x, target, j)


def rbf_maximum_a_posteriori_backward(dy: ArrayLike, x: ArrayLike, target: ArrayLike, j: float = 0.1) -> Array:
    """Gradient of `rbf_maximum_a_posteriori`.

    Shape:
        dy (N,) → dx as x
    """
    return _loss("rbf_maximum_a_posteriori", x, target, j, dy)
