"""Gaussian noise from counter-based random numbers."""

from __future__ import annotations

import numpy as np

from fastcnn.typing import Array, ArrayLike

from .arrays import as_float64, as_gradient
from .dropout import random_words

STREAM = 1 << 62


def gaussian_noise(x: ArrayLike, stddev: float, seed: int = 0, step: int = 0) -> Array:
    """y_i = x_i + stddev · z_i, z_i of the standard normal distribution, by Box and Muller:

        z_i = √(−2 ln u) · cos 2πt for even i, … · sin 2πt for odd i
        u = (2⌊a/2⁹⌋ + 1) / 2²⁴,   t = ⌊b/2⁸⌋ / 2²⁴

    where a and b are words 2⌊i/2⌋ and 2⌊i/2⌋ + 1 of `dropout`'s numbering, drawn at step + 2⁶².

    Source: Box & Muller 1958; the generator: Salmon et al. 2011.
    """
    x = as_float64(x)
    if not stddev >= 0:
        raise ValueError(f"`stddev` must be at least 0. Received: {stddev}")
    words = random_words(x.size + x.size % 2, seed, step | STREAM).reshape(-1, 2).astype(np.int64)
    radius = np.sqrt(-2 * np.log((2 * (words[:, 0] >> 9) + 1) / 2.0**24))
    angle = 2 * np.pi * (words[:, 1] >> 8) / 2.0**24
    normal = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1).reshape(-1)[: x.size]
    return x + stddev * normal.reshape(x.shape)


def gaussian_noise_backward(dy: ArrayLike, x: ArrayLike, stddev: float, seed: int = 0, step: int = 0) -> Array:
    """dx of `gaussian_noise`: dy."""
    return as_gradient(dy, as_float64(x).shape).copy()
