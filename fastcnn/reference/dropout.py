"""Dropout of single values and of whole channels, and the counter-based random numbers it is made of."""

from __future__ import annotations

import operator

import numpy as np

from fastcnn.typing import Array, ArrayLike

from .arrays import as_float64, as_gradient, as_image, as_image_gradient, in_format

MASK32 = np.uint64(0xFFFFFFFF)
SHIFT32 = np.uint64(32)
MULTIPLIERS = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
WEYL = np.array([0x9E3779B9, 0xBB67AE85], dtype=np.uint64)
ROUNDS = 10


def dropout(x: ArrayLike, rate: float, seed: int = 0, step: int = 0) -> Array:
    """Inverted dropout: zeroes a fraction `rate` of the elements and multiplies the others by 1 / (1 − rate).

        y_i = x_i / (1 − rate)  if word_i >= ⌊rate · 2³²⌋,  else 0

    word_i is word i mod 4 of philox4x32(counter=(lo b, hi b, lo step, hi step), key=(lo seed, hi seed)) with
    b = ⌊i/4⌋, i the flat (row-major) index, lo and hi the 32-bit halves.

    Source: Srivastava et al. 2014; the generator: Salmon et al. 2011.
    """
    x = as_float64(x)
    return _drop(x, x.shape, rate, seed, step)


def dropout_backward(dy: ArrayLike, x: ArrayLike, rate: float, seed: int = 0, step: int = 0) -> Array:
    """dx of `dropout`: dx_i = dy_i / (1 − rate) where x_i was kept, else 0."""
    shape = as_float64(x).shape
    return _drop(as_gradient(dy, shape), shape, rate, seed, step)


def spatial_dropout2d(x: ArrayLike, rate: float, seed: int = 0, step: int = 0, data_format: str = "channels_last") -> Array:
    """Dropout of whole channels: y[n,h,w,c] = x[n,h,w,c] · f[n,c] with f = `dropout` of (N, C) ones.

    Source: Tompson et al. 2015, "Efficient object localization using convolutional networks", §3.2.
    """
    x = as_image(x, data_format)
    return in_format(_drop_channels(x, rate, seed, step), data_format)


def spatial_dropout2d_backward(dy: ArrayLike, x: ArrayLike, rate: float, seed: int = 0, step: int = 0,
                               data_format: str = "channels_last") -> Array:
    """dx of `spatial_dropout2d`: dx = dy · f."""
    dy = as_image_gradient(dy, as_image(x, data_format).shape, data_format)
    return in_format(_drop_channels(dy, rate, seed, step), data_format)


def philox4x32(counter: ArrayLike, key: tuple[int, int]) -> Array:
    """Philox4×32-10: four random 32-bit words from a counter and a key. Each of the ten rounds maps

        (c0, c1, c2, c3) → (hi(M1·c2) ^ c1 ^ k0, lo(M1·c2), hi(M0·c0) ^ c3 ^ k1, lo(M0·c0))

    and adds a Weyl constant to each word of the key for the next round.

    Shape: counter (..., 4), key (..., 2), words < 2³² → (..., 4) uint32; leading axes broadcast.

    Source: Salmon, Moraes, Dror & Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3", §3.3.
    """
    c0, c1, c2, c3 = np.moveaxis(np.asarray(counter, dtype=np.uint64), -1, 0)
    key = np.asarray(key, dtype=np.uint64)
    for _ in range(ROUNDS):
        product0, product1 = MULTIPLIERS[0] * c0, MULTIPLIERS[1] * c2
        c0 = (product1 >> SHIFT32) ^ c1 ^ key[..., 0]
        c2 = (product0 >> SHIFT32) ^ c3 ^ key[..., 1]
        c1, c3 = product1 & MASK32, product0 & MASK32
        key = (key + WEYL) & MASK32
    return np.stack(np.broadcast_arrays(c0, c1, c2, c3), axis=-1).astype(np.uint32)


def _drop_channels(images, rate, seed, step):
    n, _, _, c = images.shape
    factor = dropout(np.ones((n, c)), rate, seed, step)[:, None, None]
    return np.where(factor > 0, images, 0.0) * factor


def _drop(values, shape, rate, seed, step):
    if not 0.0 <= rate < 1.0:
        raise ValueError(f"`rate` must be in [0, 1). Received: {rate}")
    kept = random_words(values.size, seed, step) >= int(rate * 2.0**32)
    return np.where(kept.reshape(shape), values * (1.0 / (1.0 - rate)), 0.0)


def random_words(count, seed, step):
    """Words 0 ... count − 1 of one (seed, step)."""
    block = np.arange(-(-count // 4), dtype=np.uint64)
    counter = np.empty((len(block), 4), dtype=np.uint64)
    counter[:, 0], counter[:, 1] = block & MASK32, block >> SHIFT32
    counter[:, 2:] = _halves(step, "step")
    return philox4x32(counter, _halves(seed, "seed")).reshape(-1)[:count]


def _halves(value, name):
    value = operator.index(value)
    if not 0 <= value < 2**64:
        raise ValueError(f"`{name}` must be in 0 ... 2**64 - 1. Received: {value}")
    return value & 0xFFFFFFFF, value >> 32
