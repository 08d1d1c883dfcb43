"""Bounds on weights, by Keras' names: after each step of the optimizer weights are put back within them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastcnn import arguments, registry
from fastcnn.typing import Array, Identifier, Pair


class Constraint(registry.Configurable):
    """What a layer's `kernel_constraint` or `bias_constraint` keeps weights to, from the first step on; initial values stay.

    Subclass it for your own: write `__call__(w)`, which returns an array of w's shape, and name what `__init__` takes in
    `config` for saved models.

    Example:
        >>> class AtMostOne(Constraint):
        ...     def __call__(self, w):
        ...         return np.minimum(w, 1)
        >>> layer = fastcnn.layers.Dense(10, kernel_constraint=AtMostOne())
    """

    def __call__(self, w: Any) -> Any:
        """An array within the bounds. Shape: any → the same."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(w)")

    def check(self, name: str, shape: Sequence[int]) -> None:
        """Refuses weights of a shape that cannot be bounded so; by default none."""

    def apply(self, w: Any) -> None:
        """Puts an array within the bounds, in place."""
        bounded = np.asarray(self(w))
        if bounded.shape != w.shape:
            raise ValueError(f"{type(self).__name__}(w) must return shape {w.shape}. Received: shape {bounded.shape}")
        w[...] = bounded


class _Inside(Constraint):
    """One of fastcnn's own, which work in place."""

    def __call__(self, w: Array) -> Array:
        w = np.array(arguments.array("w", w))
        self.check("w", w.shape)
        self.apply(w)
        return w


class NonNeg(_Inside):
    """max(w, 0): no weight is below 0.

    Example:
        >>> NonNeg()([1.5, -2.0]).tolist()
        [1.5, 0.0]
    """

    def apply(self, w: Array) -> None:
        np.maximum(w, 0, out=w)


class _Norm(_Inside):
    """w · d / ‖w‖ with the norms d that `desired` makes of ‖w‖ = √Σw², sums along `axis`. What has its norm already, or 0,
    stays as it is, bit for bit. (Keras adds 1e-7 to ‖w‖, which lets such weights shrink.)"""

    def __init__(self, axis: Pair) -> None:
        if isinstance(axis, (tuple, list)):
            self.axis = [arguments.integer("axis", part, -32) for part in axis]
        else:
            self.axis = arguments.integer("axis", axis, -32)

    def desired(self, norms: Array) -> Array:
        """The norms that weights of some norms are given."""
        raise NotImplementedError(f"{type(self).__name__} must define desired(norms)")

    def _axes(self, name, shape):
        given = self.axis if isinstance(self.axis, list) else [self.axis]
        axes = {axis % len(shape) for axis in given if -len(shape) <= axis < len(shape)} if shape else set()
        if not axes or len(axes) < len(given):
            raise ValueError(f"axis must name axes of {name}, which has shape {shape}, each once. Received: {self.axis}")
        return axes

    def check(self, name: str, shape: Sequence[int]) -> None:
        """Refuses weights that do not have each axis."""
        self._axes(name, shape)

    def apply(self, w: Array) -> None:
        axes, every = self._axes("w", w.shape), list(range(w.ndim))
        kept = [axis for axis in every if axis not in axes]
        norms = np.sqrt(np.einsum(w, every, w, every, kept, dtype=np.float64))
        factors = np.ones_like(norms)
        np.divide(self.desired(norms), norms, out=factors, where=norms > 0)
        if np.any(factors != 1):
            np.multiply(w, np.expand_dims(factors, tuple(axes)), out=w)


class MaxNorm(_Norm):
    """w · min(1, max_value / ‖w‖): no weight vector is longer than max_value.

    Args:
        max_value: the largest norm, ≥ 0.
        axis: integer or list: along which norms are taken. 0: in `Dense`, the weights of each unit. [0, 1, 2]: in `Conv2D`,
            those of each filter; 0, as most programs for Keras leave it, there takes each column of taps by itself.

    Example:
        >>> MaxNorm(2.5)([[3.0, 1.0], [4.0, 1.0]]).tolist()
        [[1.5, 1.0], [2.0, 1.0]]

    Source: Srivastava et al. 2014, "Dropout: a simple way to prevent neural networks from overfitting", section 5.1.
    """

    config = ("max_value", "axis")

    def __init__(self, max_value: float = 2.0, axis: Pair = 0) -> None:
        super().__init__(axis)
        self.max_value = arguments.number("max_value", max_value, 0)

    def desired(self, norms: Array) -> Array:
        return np.minimum(norms, self.max_value)


class UnitNorm(_Norm):
    """w / ‖w‖: every weight vector but 0 has length 1.

    Args:
        axis: as for `MaxNorm`.

    Example:
        >>> UnitNorm(axis=1)([[0.0, -4.0], [0.5, 0.0], [0.0, 0.0]]).tolist()
        [[0.0, -1.0], [1.0, 0.0], [0.0, 0.0]]
    """

    config = ("axis",)

    def __init__(self, axis: Pair = 0) -> None:
        super().__init__(axis)

    def desired(self, norms: Array) -> Array:
        return np.ones_like(norms)


class MinMaxNorm(_Norm):
    """w · d / ‖w‖ with d = rate · clip(‖w‖, min_value, max_value) + (1 − rate) · ‖w‖; 0 stays 0.

    Args:
        min_value, max_value: the bounds of norms, 0 ≤ min_value ≤ max_value.
        rate: in [0, 1]: which part of the way to the bounds a step takes.
        axis: as for `MaxNorm`.

    Example:
        >>> MinMaxNorm(1.0, 2.0, rate=0.5)([[4.0, 0.5]]).tolist()
        [[3.0, 0.75]]
    """

    config = ("min_value", "max_value", "rate", "axis")

    def __init__(self, min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: Pair = 0) -> None:
        super().__init__(axis)
        self.min_value = arguments.number("min_value", min_value, 0)
        self.max_value = arguments.number("max_value", max_value, self.min_value)
        self.rate = arguments.number("rate", rate, 0, 1)

    def desired(self, norms: Array) -> Array:
        return self.rate * norms.clip(self.min_value, self.max_value) + (1 - self.rate) * norms


max_norm, min_max_norm, non_neg, unit_norm = MaxNorm, MinMaxNorm, NonNeg, UnitNorm
_NAMES = registry.names(MaxNorm, MinMaxNorm, NonNeg, UnitNorm, maxnorm=MaxNorm, nonneg=NonNeg, unitnorm=UnitNorm)


def get(identifier: Identifier | None) -> Constraint | None:
    """A constraint from whatever a layer's `kernel_constraint=` may be.

    Args:
        identifier: None; "max_norm", "min_max_norm", "non_neg" or "unit_norm"; a `Constraint` or a class of them; or what
            `serialize` returned.

    Raises:
        TypeError, ValueError: something else, an unknown name.

    Example:
        >>> get("max_norm"), get(None)
        (MaxNorm(max_value=2.0, axis=0), None)
    """
    if identifier is None:
        return None
    found, _ = registry.resolve("constraint", Constraint, _NAMES, identifier)
    if not isinstance(found, Constraint):
        raise TypeError("constraint must be a name or a fastcnn.constraints.Constraint. "
                        f"Received: {arguments.shown(identifier)}")
    return found


serialize = registry.serialize
