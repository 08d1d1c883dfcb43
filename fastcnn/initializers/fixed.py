"""Initial values that are always the same."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fastcnn import arguments
from fastcnn.initializers.base import Initializer, sizes
from fastcnn.initializers.prototypes import rbf_prototypes
from fastcnn.typing import Array


class Constant(Initializer):
    """All values the same.

    Args:
        value: that number.

    Example:
        >>> Constant(0.5)((2,)).tolist()
        [0.5, 0.5]
    """

    config = ("value",)

    def __init__(self, value: float = 0.0) -> None:
        self.value = arguments.number("value", value)

    def __call__(self, shape: Sequence[int], rng: np.random.Generator | None = None) -> Array:
        return np.full(sizes(shape), self.value, np.float32)


class Zeros(Initializer):
    """All values 0: what biases start from.

    Example:
        >>> Zeros()((3,)).tolist()
        [0.0, 0.0, 0.0]
    """

    def __call__(self, shape: Sequence[int], rng: np.random.Generator | None = None) -> Array:
        return np.zeros(sizes(shape), np.float32)


class Ones(Initializer):
    """All values 1.

    Example:
        >>> Ones()((3,)).tolist()
        [1.0, 1.0, 1.0]
    """

    def __call__(self, shape: Sequence[int], rng: np.random.Generator | None = None) -> Array:
        return np.ones(sizes(shape), np.float32)


class Identity(Initializer):
    """The identity matrix times a number; zeros beside it if the shape is not square.

    Args:
        gain: that number.

    Raises:
        ValueError: a shape that is not of two dimensions.

    Example:
        >>> Identity(2.0)((2, 3)).tolist()
        [[2.0, 0.0, 0.0], [0.0, 2.0, 0.0]]
    """

    config = ("gain",)

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = arguments.number("gain", gain)

    def __call__(self, shape: Sequence[int], rng: np.random.Generator | None = None) -> Array:
        shape = sizes(shape)
        if len(shape) != 2:
            raise ValueError(f"Identity needs a shape of two dimensions. Received: {shape}")
        return np.eye(*shape, dtype=np.float32) * np.float32(self.gain)


class DigitPrototypes(Initializer):
    """The drawings of `fastcnn.networks.rbf_prototypes`, one in each row, for ten units of 84 inputs.

    Example:
        >>> DigitPrototypes()((10, 84)).shape
        (10, 84)
    """

    def __call__(self, shape: Sequence[int], rng: np.random.Generator | None = None) -> Array:
        if sizes(shape) != (10, 84):
            raise ValueError(f"the digits' prototypes are (10, 84): ten drawings of 7 × 12 pixels. Received: {tuple(shape)}")
        return rbf_prototypes().reshape(10, 84)
