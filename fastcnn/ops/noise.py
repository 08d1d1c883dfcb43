"""Noise."""

from __future__ import annotations

import numpy as np

from fastcnn import _ops, arguments
from fastcnn.ops.shared import deliver, gradient, random_key, result, run
from fastcnn.typing import Array, ArrayLike

__all__ = ["gaussian_noise", "gaussian_noise_backward"]


def _noise(x, stddev, seed, step):
    stddev = arguments.number("stddev", stddev, 0, float(np.finfo(np.float32).max))
    key = random_key(seed, "step", step)
    return arguments.array("x", x), stddev, key


def gaussian_noise(x: ArrayLike, stddev: float, seed: int = 0, step: int = 0, *, out: Array | None = None) -> Array:
    """Adds normally distributed random numbers.

    Args:
        x: any array.
        stddev: their standard deviation, ≥ 0; their mean is 0.
        seed, step: key and counter of the random numbers (Philox 4×32-10, then Box and Muller); the same pair gives the same
            noise.
        out: array to write the result to.

    Shape:
        any → the same

    Raises:
        TypeError, ValueError: naming the argument, what was received and what is accepted.

    Example:
        >>> y = fastcnn.ops.gaussian_noise(np.zeros(10000), 0.5, seed=1)
        >>> bool(abs(y.mean()) < 0.02 and abs(y.std() - 0.5) < 0.02)
        True
    """
    x, stddev, key = _noise(x, stddev, seed, step)
    y = result(out, x.shape, x, in_place=True)
    if x.size:
        run(_ops.gaussian_noise(x.size, stddev), 1, [["forward"]], [("x", x), ("y", y)], random=key)
    return deliver(y, out)


def gaussian_noise_backward(dy: ArrayLike, x: ArrayLike, stddev: float, seed: int = 0, step: int = 0) -> Array:
    """Gradient of `gaussian_noise`: dy, as the noise does not depend on x."""
    x, stddev, _ = _noise(x, stddev, seed, step)
    dy, dx = gradient(dy, x.shape), np.empty_like(x)
    if x.size:
        run(_ops.gaussian_noise(x.size, stddev), 1, [["data"]], [("dy", dy), ("dx", dx)])
    return dx
