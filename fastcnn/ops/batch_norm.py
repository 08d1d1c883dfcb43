"""Batch normalization."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastcnn import _ops, arguments
from fastcnn.ops.shared import deliver, gradient, partials, result, run
from fastcnn.typing import Array, ArrayLike

__all__ = ["batch_norm", "batch_norm_backward"]


class _Problem:
    """The arguments, checked; the op and what it works with. op: None where x is empty."""

    def __init__(self, x, gamma, beta, mean, variance, epsilon):
        self.x = x = arguments.array("x", x)
        if x.ndim < 1 or not x.shape[-1]:
            raise ValueError(f"x must end in at least one channel. Received: shape {x.shape}")
        if (mean is None) != (variance is None):
            raise ValueError("mean and variance go together. Received: " + arguments.given(mean=mean, variance=variance))
        given = {"gamma": gamma, "beta": beta, "mean": mean, "variance": variance}
        self.given = {name: self._per_channel(name, value) for name, value in given.items() if value is not None}
        epsilon = arguments.number("epsilon", epsilon, 0)
        self.n, self.op = x.shape[0] if x.ndim > 1 else 1, None
        if x.size:
            self.op = _ops.batch_norm(x.size // self.n // x.shape[-1], x.shape[-1], epsilon, gamma is not None,
                                      beta is not None, fixed=mean is not None)

    def _per_channel(self, name, value):
        value, shape = arguments.array(name, value), self.x.shape[-1:]
        if value.shape != shape:
            raise ValueError(f"{name} must have a number per channel, shape {shape}. Received: shape {value.shape}")
        return value

    def run(self, phases, rows, arrays=()):
        """Makes the statistics, then runs these phases."""
        op, given = self.op, self.given
        chunk, partial = partials(op, self.n)
        before = [["pack"]] if "mean" in given else [["statistics"], ["combine"]]
        fields = {"w": "gamma", "b": "beta", "moving_mean": "mean", "moving_variance": "variance"}
        run(op, self.n, before + phases, [("x", self.x), *rows],
            [*((field, given[name]) for field, name in fields.items() if name in given),
             ("packed", _ops.aligned(op.packed_size)), ("partial", partial), *arrays], chunk=chunk)


def batch_norm(x: ArrayLike, gamma: ArrayLike | None = None, beta: ArrayLike | None = None, mean: ArrayLike | None = None,
               variance: ArrayLike | None = None, epsilon: float = 1e-3, *, out: Array | None = None) -> Array:
    """Normalizes each channel over the batch, scales and shifts it.

    Args:
        x: last axis is channels.
        gamma, beta: a number per channel; None: 1 and 0.
        mean, variance: a number per channel, or None: those of x over all other axes (the variance divided by their number).
        epsilon: ≥ 0, added to the variance.
        out: array to write the result to.

    Shape:
        x (…, C), the others (C,) → as x

    Example:
        >>> fastcnn.ops.batch_norm(np.array([[1.0], [3.0]]), epsilon=0.0).tolist()
        [[-1.0], [1.0]]
    """
    problem = _Problem(x, gamma, beta, mean, variance, epsilon)
    y = result(out, problem.x.shape, problem.x, *problem.given.values())
    if problem.op is not None:
        problem.run([["forward"]], [("y", y)])
    return deliver(y, out)


def batch_norm_backward(dy: ArrayLike, x: ArrayLike, gamma: ArrayLike | None = None, beta: ArrayLike | None = None,
                        mean: ArrayLike | None = None, variance: ArrayLike | None = None, epsilon: float = 1e-3) -> Any:
    """Gradients of `batch_norm`: dx, or (dx, dgamma, dbeta) with those that were given. A given mean and variance are
    constants; else dx takes into account that x changes them.

    Shape:
        dy (…, C) → dx as x, dgamma (C,), dbeta (C,)

    Example:
        >>> dx, dbeta = fastcnn.ops.batch_norm_backward(np.ones((2, 1)), np.array([[1.0], [3.0]]), beta=np.zeros(1))
        >>> dx.tolist(), dbeta.tolist()
        ([[0.0], [0.0]], [2.0])
    """
    problem = _Problem(x, gamma, beta, mean, variance, epsilon)
    op, x = problem.op, problem.x
    dy, dx = gradient(dy, x.shape), np.empty_like(x)
    gradients = {name: np.zeros_like(problem.given[name]) for name in ("gamma", "beta") if name in problem.given}
    if op is not None:
        problem.run([["weights"], ["reduce"], ["data"]], [("dy", dy), ("dx", dx)],
                    [("dw", gradients.get("gamma")), ("db", gradients.get("beta")),
                     ("packed_t", _ops.aligned(op.packed_t_size))])
    return (dx, *gradients.values()) if gradients else dx
