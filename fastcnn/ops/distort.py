"""Images distorted at random."""

from __future__ import annotations

import numpy as np

from fastcnn import _ops, arguments
from fastcnn.ops.shared import deliver, describe, numbers, random_key, result, run
from fastcnn.typing import Array, ArrayLike, Pair

__all__ = ["distort"]


def distort(x: Array, size: Pair | None = None, translation: float = 0.0, scaling: float = 0.0, squeezing: float = 0.0,
            shearing: float = 0.0, background: float = 0.0, mean: float = 0.0, scale: float = 1.0,
            index: ArrayLike | None = None, seed: int = 0, epoch: int = 0, *, out: Array | None = None) -> Array:
    """Images moved, scaled, squeezed and sheared by chance, each by a planar affine map of its own.

    between pixels bilinear, outside the image background. Without chance images are centred, padded or cropped.

    Args:
        x: images, uint8 or float32.
        size: height and width of the result, integer or pair; None: those of x.
        translation: up to so many pixels, up or down and left or right.
        scaling: larger or smaller by up to this part, at most 0.9.
        squeezing: up to this part wider and flatter, or narrower and taller, at most 0.9.
        shearing: rows shifted sideways by up to this part of their distance from the middle one.
        background: value outside of the image, in units of x.
        mean, scale: of the result.
        index: numbers of the images in their data set, which the random numbers depend on; None: 0, 1, 2 …
        seed, epoch: key and counter of the random numbers (Philox 4×32-10): each image has one draw per epoch.
        out: array to write the result to.

    Shape:
        x (N, H, W, C) → (N, *size, C), float32

    Raises:
        TypeError, ValueError: naming the argument, what was received and what is accepted.

    Example:
        >>> x = np.full((1, 1, 1, 1), 255, np.uint8)
        >>> fastcnn.ops.distort(x, size=(1, 3), mean=55, scale=0.5).ravel().tolist()
        [-27.5, 100.0, -27.5]
    """
    if not isinstance(x, np.ndarray) or x.dtype not in (np.uint8, np.float32) or x.ndim != 4 or 0 in x.shape[1:]:
        raise TypeError("x must be an array of images (N, height, width, channels), uint8 or float32. "
                        f"Received: {describe(x)}")
    x = arguments.dense(x)
    n, h, w, c = x.shape
    size = (h, w) if size is None else arguments.pair("size", size)
    op = _ops.distort((h, w, c), size, arguments.number("translation", translation, 0, 2**20),
                      arguments.number("scaling", scaling, 0, 0.9), arguments.number("squeezing", squeezing, 0, 0.9),
                      arguments.number("shearing", shearing, 0, 2**20), arguments.number("background", background),
                      arguments.number("mean", mean), arguments.number("scale", scale))
    index = numbers("index", index, n, 2**31)
    key = random_key(seed, "epoch", epoch, 2**63 - 1)
    y = result(out, (n, *size, c), x)
    pixels = x.dtype == np.uint8
    run(op, n, [["forward"]], [("y", y)] + ([] if pixels else [("x", x)]),
        [("pixels", x if pixels else None), ("index", index)], random=key)
    return deliver(y, out)
