"""Normalization of each sample by its own moments: of its last axes, or of groups of channels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastcnn import _ops, arguments
from fastcnn.ops.shared import deliver, gradient, partials, result, run
from fastcnn.typing import Array, ArrayLike, Pair

__all__ = ["group_norm", "group_norm_backward", "layer_norm", "layer_norm_backward"]


class _Problem:
    """The arguments, checked; the op and what it works with. op: None where x is empty."""

    def __init__(self, x, gamma, beta, shape):
        self.x = x
        self.given = {name: arguments.array(name, value) for name, value in (("gamma", gamma), ("beta", beta))
                      if value is not None}
        for name, value in self.given.items():
            if value.shape != shape:
                raise ValueError(f"{name} must have shape {shape}. Received: shape {value.shape}")
        self.n, self.op = 0, None

    def make(self, n, samples, pixels, groups, width, epsilon):
        """The op for n images [samples][pixels][groups][width]."""
        epsilon = arguments.number("epsilon", epsilon, 0)
        if self.x.size:
            self.n = n
            self.op = _ops.group_norm(samples, pixels, groups, width, epsilon, "gamma" in self.given, "beta" in self.given)
        return self

    def forward(self, out):
        y = result(out, self.x.shape, self.x, *self.given.values())
        if self.op is not None:
            run(self.op, self.n, [["forward"]], [("x", self.x), ("y", y)],
                [("w", self.given.get("gamma")), ("b", self.given.get("beta"))])
        return deliver(y, out)

    def backward(self, dy):
        dy, dx = gradient(dy, self.x.shape), np.empty_like(self.x)
        gradients = {name: np.zeros_like(value) for name, value in self.given.items()}
        if self.op is not None:
            chunk, partial = partials(self.op, self.n)
            phases = [["data", "weights"], ["reduce"]] if gradients else [["data"]]
            run(self.op, self.n, phases, [("x", self.x), ("dy", dy), ("dx", dx)],
                [("w", self.given.get("gamma")), ("dw", gradients.get("gamma")), ("db", gradients.get("beta")),
                 ("partial", partial)], chunk=chunk)
        return (dx, *gradients.values()) if gradients else dx


def _layer_norm(x, gamma, beta, axis, epsilon):
    x = arguments.array("x", x)
    if x.ndim < 1:
        raise ValueError(f"x must have at least one dimension. Received: shape {x.shape}")
    count = arguments.last_axes("axis", axis, x.ndim)
    shape = x.shape[x.ndim - count:]
    if 0 in shape:
        raise ValueError(f"x must have a value along each axis that is normalized. Received: shape {x.shape}")
    n = x.shape[0] if x.ndim > count else 1
    width = math.prod(shape)
    return _Problem(x, gamma, beta, shape).make(n, x.size // max(n, 1) // width, 1, 1, width, epsilon)


def layer_norm(x: ArrayLike, gamma: ArrayLike | None = None, beta: ArrayLike | None = None, axis: Pair = -1,
               epsilon: float = 1e-3, *, out: Array | None = None) -> Array:
    """Normalizes over the last axes: y = gamma · (x − mean) / √(variance + epsilon) + beta, moments over these axes alone.

    Args:
        x: any numbers.
        gamma, beta: arrays of the shape of these axes; None: 1 and 0.
        axis: −1, or integers that name the last axes, as (−3, −2, −1).
        epsilon: ≥ 0, added to the variance.
        out: array to write the result to.

    Shape:
        any → the same

    Source:
        Ba, Kiros, Hinton 2016, "Layer normalization".

    Example:
        >>> fastcnn.ops.layer_norm(np.array([[1.0, 3.0], [8.0, 4.0]]), epsilon=0).tolist()
        [[-1.0, 1.0], [1.0, -1.0]]
    """
    return _layer_norm(x, gamma, beta, axis, epsilon).forward(out)


def layer_norm_backward(dy: ArrayLike, x: ArrayLike, gamma: ArrayLike | None = None, beta: ArrayLike | None = None,
                        axis: Pair = -1, epsilon: float = 1e-3) -> Any:
    """Gradients of `layer_norm`: dx, or (dx, dgamma, dbeta) with those that were given.

    Shape:
        dy as x → dx as x, dgamma as gamma, dbeta as beta

    Example:
        >>> dx, dbeta = fastcnn.ops.layer_norm_backward(np.ones((2, 2)), np.eye(2), beta=np.zeros(2))
        >>> dx.tolist(), dbeta.tolist()
        ([[0.0, 0.0], [0.0, 0.0]], [2.0, 2.0])
    """
    return _layer_norm(x, gamma, beta, axis, epsilon).backward(dy)


def _group_norm(x, gamma, beta, groups, epsilon):
    x = arguments.array("x", x)
    if x.ndim < 2 or 0 in x.shape[1:]:
        raise ValueError(f"x must be a batch of samples with channels, (N, …, C). Received: shape {x.shape}")
    channels = x.shape[-1]
    groups = arguments.groups(groups, channels)
    return _Problem(x, gamma, beta, x.shape[-1:]).make(x.shape[0], 1, math.prod(x.shape[1:-1]), groups, channels // groups,
                                                       epsilon)


def group_norm(x: ArrayLike, gamma: ArrayLike | None = None, beta: ArrayLike | None = None, groups: int = 32,
               epsilon: float = 1e-3, *, out: Array | None = None) -> Array:
    """Normalizes groups of channels of each sample: y = gamma · (x − mean) / √(variance + epsilon) + beta, moments over the
    group's channels and all pixels.

    Args:
        x: a batch; last axis is channels.
        gamma, beta: a number per channel; None: 1 and 0.
        groups: a divisor of the channels; −1: as many as channels (instance normalization).
        epsilon: ≥ 0, added to the variance.
        out: array to write the result to.

    Shape:
        x (N, …, C), the others (C,) → as x

    Source:
        Wu, He 2018, "Group normalization".

    Example:
        >>> fastcnn.ops.group_norm(np.array([[1.0, 3.0, 8.0, 4.0]]), groups=2, epsilon=0).tolist()
        [[-1.0, 1.0, 1.0, -1.0]]
    """
    return _group_norm(x, gamma, beta, groups, epsilon).forward(out)


def group_norm_backward(dy: ArrayLike, x: ArrayLike, gamma: ArrayLike | None = None, beta: ArrayLike | None = None,
                        groups: int = 32, epsilon: float = 1e-3) -> Any:
    """Gradients of `group_norm`: dx, or (dx, dgamma, dbeta) with those that were given.

    Shape:
        dy (N, …, C) → dx as x, dgamma (C,), dbeta (C,)
    """
    return _group_norm(x, gamma, beta, groups, epsilon).backward(dy)
