"""Initial values that are drawn at random, whatever the layer's size."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from fastcnn import arguments
from fastcnn.initializers.base import Initializer, sizes
from fastcnn.typing import Array


class Random(Initializer):
    """Base of those that draw from a generator.

    Args:
        seed: an integer ≥ 0: the same values at every call; None: those of `rng`.
    """

    def __init__(self, seed: int | None = None) -> None:
        self.seed = None if seed is None else arguments.integer("seed", seed, 0, 2**63 - 1)

    def _rng(self, rng):
        if rng is not None and not isinstance(rng, np.random.Generator):
            raise TypeError(f"rng must be a numpy.random.Generator. Received: {arguments.shown(rng)}")
        return np.random.default_rng(self.seed) if rng is None or self.seed is not None else rng


class RandomUniform(Random):
    """Values spread evenly between two bounds.

    Args:
        minval, maxval: the bounds, minval ≤ maxval.

    Example:
        >>> bool(abs(RandomUniform(-0.1, 0.1, seed=1)((1000,))).max() <= 0.1)
        True
    """

    config = ("minval", "maxval", "seed")

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None) -> None:
        super().__init__(seed)
        self.minval, self.maxval = arguments.number("minval", minval), arguments.number("maxval", maxval)
        if self.minval > self.maxval:
            raise ValueError("minval must be at most maxval. "
                             f"Received: {arguments.given(minval=minval, maxval=maxval)}")

    def __call__(self, shape: Sequence[int], rng: np.random.Generator | None = None) -> Array:
        return uniform(sizes(shape), self._rng(rng), self.minval, self.maxval)


class RandomNormal(Random):
    """Normally distributed values.

    Args:
        mean, stddev: of the distribution; stddev ≥ 0.

    Example:
        >>> round(float(RandomNormal(stddev=0.01, seed=1)((3, 3, 256, 384)).std()), 3)
        0.01
    """

    config = ("mean", "stddev", "seed")

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> None:
        super().__init__(seed)
        self.mean, self.stddev = arguments.number("mean", mean), arguments.number("stddev", stddev, 0)

    def __call__(self, shape: Sequence[int], rng: np.random.Generator | None = None) -> Array:
        return moved(self._rng(rng).standard_normal(sizes(shape), np.float32), self.stddev, self.mean)


class TruncatedNormal(RandomNormal):
    """RandomNormal's values, those beyond two standard deviations from the mean drawn again.

    Example:
        >>> bool(abs(TruncatedNormal(0, 1, seed=1)((1000,))).max() <= 2)
        True
    """

    def __call__(self, shape: Sequence[int], rng: np.random.Generator | None = None) -> Array:
        return moved(truncated(sizes(shape), self._rng(rng)), self.stddev, self.mean)


class RandomSigns(Random):
    """1 or −1, each half of the time: prototypes of classes that have no drawing.

    Example:
        >>> sorted(set(RandomSigns(seed=1)((3, 84)).ravel().tolist()))
        [-1.0, 1.0]
    """

    config = ("seed",)

    def __call__(self, shape: Sequence[int], rng: np.random.Generator | None = None) -> Array:
        return moved(self._rng(rng).integers(0, 2, sizes(shape)).astype(np.float32), 2.0, -1.0)


class Orthogonal(Random):
    """A random matrix of orthogonal rows or columns of one length, whichever are fewer; the last size of the shape counts
    the columns, the others together the rows.

    Args:
        gain: that length.

    Raises:
        ValueError: a shape of fewer than two dimensions.

    Source: A. Saxe, J. McClelland, S. Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep linear
    neural networks", 2014.

    Example:
        >>> w = Orthogonal(2.0, seed=1)((5, 3))
        >>> bool(np.allclose(w.T @ w, 4 * np.eye(3), atol=1e-6))
        True
    """

    config = ("gain", "seed")

    def __init__(self, gain: float = 1.0, seed: int | None = None) -> None:
        super().__init__(seed)
        self.gain = arguments.number("gain", gain)

    def __call__(self, shape: Sequence[int], rng: np.random.Generator | None = None) -> Array:
        shape, rng = sizes(shape), self._rng(rng)
        if len(shape) < 2:
            raise ValueError(f"Orthogonal needs a shape of two dimensions or more. Received: {shape}")
        rows, columns = math.prod(shape[:-1]), shape[-1]
        normal = rng.standard_normal((max(rows, columns), min(rows, columns)), np.float32)
        q, r = np.linalg.qr(normal)
        q = q * np.where(np.diag(r) < 0, np.float32(-1), np.float32(1))  # else the signs are the algorithm's, not random
        return np.ascontiguousarray(self.gain * (q.T if rows < columns else q), np.float32).reshape(shape)


def uniform(shape, rng, low, high):
    """Values spread evenly from `low` to `high`."""
    values = moved(rng.random(shape, np.float32), high - low, low)
    return values.clip(low, high, out=values)  # against rounding


def truncated(shape, rng):
    """Standard normal values, those beyond ±2 drawn again."""
    flat = rng.standard_normal(math.prod(shape), np.float32)
    outside = np.flatnonzero(np.abs(flat) > 2)
    while outside.size:
        flat[outside] = rng.standard_normal(outside.size, np.float32)
        outside = outside[np.abs(flat[outside]) > 2]
    return flat.reshape(shape)


def moved(values, scale, shift=0.0):
    """values · scale + shift, in place."""
    values *= np.float32(scale)
    values += np.float32(shift)
    return values
