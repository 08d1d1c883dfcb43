"""Photographs as a network takes them: crop, mirror, mean, scale, light, and mixing in pairs."""

from __future__ import annotations

import numpy as np

from fastcnn.arguments import shown
from fastcnn.typing import Array, ArrayLike, Pair

from .arrays import as_float64, as_image
from .dropout import MASK32, SHIFT32, _halves, philox4x32


def augment(x: Array, crop: Pair | None = None, position: str = "centre", flip: str = "never", mean: ArrayLike = 0.0,
            scale: ArrayLike = 1.0, lighting: float = 0.0, eigenvectors: ArrayLike | None = None,
            eigenvalues: ArrayLike | None = None, index: ArrayLike | None = None, partner: ArrayLike | None = None,
            weight: float = 1.0, seed: int = 0, epoch: int = 0) -> Array:
    """Crops, mirrors, centres, scales, relights and mixes images.

        image = (x − mean + eigenvectors · (α · eigenvalues)) · scale
        y_i = image_i, or weight · image_i + (1 − weight) · image_partner(i)

    The random words of image i of epoch e are philox4x32(counter=(lo b, hi b, lo e, hi e + 2³¹), key=(lo seed, hi seed)),
    b = 2·index for w0 … w2, b = 2·index + 1 for v0 … v3, with u(word) = word / 2³²:

        top = ⌊u(w0)·(H − crop_h + 1)⌋,  left = ⌊u(w1)·(W − crop_w + 1)⌋,  mirrored if w2 >= 2³¹
        α = lighting · (r·cos 2πu(v1), r·sin 2πu(v1), s·cos 2πu(v3)),  r = √(−2·log(u(v0) + 2⁻³²)), s likewise of v2

    Source: Krizhevsky et al. 2012, §4.1; Box & Muller 1958; Zhang, Cissé, Dauphin & Lopez-Paz 2018,
    "mixup".
    """
    x = as_image(x, "channels_last")
    n, h, w, c = x.shape
    crop_h, crop_w = (h, w) if crop is None else np.broadcast_to(crop, 2).tolist()
    if not (1 <= crop_h <= h and 1 <= crop_w <= w):
        raise ValueError(f"`crop` must fit into {h} × {w} pixels. Received: {shown(crop)}")
    index = np.arange(n) if index is None else np.asarray(index)
    where, normal = words(2 * index, seed, epoch), _normal(words(2 * index + 1, seed, epoch))
    y = np.empty((n, crop_h, crop_w, c))
    for i in range(n):
        top, left = _corner(position, h - crop_h, w - crop_w, where[i] / 2.0**32)
        image = (x[i] - as_float64(mean, "mean"))[top : top + crop_h, left : left + crop_w]
        if _is_mirrored(flip, where[i]):
            image = image[:, ::-1]
        if lighting:
            image = image + as_float64(eigenvectors) @ (lighting * normal[i] * as_float64(eigenvalues))
        y[i] = image * as_float64(scale, "scale")
    return y if partner is None else weight * y + (1 - weight) * y[np.asarray(partner)]


def words(block, seed, epoch):
    """The four random words of each block."""
    block = np.asarray(block, dtype=np.uint64)
    low, high = _halves(epoch, "epoch")
    counter = np.empty((len(block), 4), dtype=np.uint64)
    counter[:, 0], counter[:, 1], counter[:, 2], counter[:, 3] = block & MASK32, block >> SHIFT32, low, high | 0x80000000
    return philox4x32(counter, _halves(seed, "seed"))


def _normal(given):
    """Three normal numbers of the four words `given`, by Box and Muller."""
    u = given / 2.0**32
    r, s = np.sqrt(-2 * np.log(u[:, 0] + 2.0**-32)), np.sqrt(-2 * np.log(u[:, 2] + 2.0**-32))
    turn = 2 * np.pi * u
    return np.stack([r * np.cos(turn[:, 1]), r * np.sin(turn[:, 1]), s * np.cos(turn[:, 3])], axis=1)


def _corner(position, room_h, room_w, u):
    """Top and left of a crop that may move by room_h and room_w pixels."""
    places = {
        "centre": (room_h // 2, room_w // 2),
        "random": (int(u[0] * (room_h + 1)), int(u[1] * (room_w + 1))),
        "top_left": (0, 0),
        "top_right": (0, room_w),
        "bottom_left": (room_h, 0),
        "bottom_right": (room_h, room_w),
    }
    if position not in places:
        raise ValueError(f"`position` must be one of {', '.join(places)}. Received: {shown(position)}")
    return places[position]


def _is_mirrored(flip, words):
    if flip not in ("never", "random", "always"):
        raise ValueError(f"`flip` must be 'never', 'random' or 'always'. Received: {shown(flip)}")
    return flip == "always" or flip == "random" and words[2] >= 2**31
