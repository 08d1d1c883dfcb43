"""Images moved, scaled, squeezed and sheared by chance."""

from __future__ import annotations

import numpy as np

from fastcnn.typing import Array, ArrayLike, Pair

from .arrays import as_image
from .augment import words


def distort(x: Array, size: Pair | None = None, translation: float = 0.0, scaling: float = 0.0, squeezing: float = 0.0,
            shearing: float = 0.0, background: float = 0.0, mean: float = 0.0, scale: float = 1.0,
            index: ArrayLike | None = None, seed: int = 0, epoch: int = 0) -> Array:
    """Each image by a planar affine map of its own.

        y[oh, ow] = (x at (h, w) − mean) · scale,   bilinear between pixels, `background` outside the image
        u = ow − (OW − 1)/2 − t_w,   w = (W − 1)/2 + (u − shear · v) / (zoom · squeeze)
        v = oh − (OH − 1)/2 − t_h,   h = (H − 1)/2 + v / (zoom / squeeze)

    The random words of image i of epoch e are philox4x32(counter=(lo b, hi b, lo e, hi e + 2³¹), key=(lo seed, hi seed)),
    b = 2⁶² + 2·index for w0 … w3, the next for w4 …; with r(word) = word / 2³¹ − 1:

        t_h, t_w = translation · r(w0), r(w1);  zoom = 1 + scaling · r(w2);  squeeze = 1 + squeezing · r(w3);
        shear = shearing · r(w4)

    Source: LeCun, Bottou, Bengio, Haffner 1998, III.A.
    """
    x = as_image(x, "channels_last")
    n, h, w, c = x.shape
    out_h, out_w = (h, w) if size is None else np.broadcast_to(size, 2).tolist()
    index = np.arange(n) if index is None else np.asarray(index)
    first, second = (_symmetric(2 * index + i, seed, epoch) for i in (0, 1))
    y = np.empty((n, out_h, out_w, c))
    for i in range(n):
        zoom, squeeze = 1 + scaling * first[i, 2], 1 + squeezing * first[i, 3]
        v = np.arange(out_h)[:, None] - (out_h - 1) / 2 - translation * first[i, 0]
        u = np.arange(out_w)[None] - (out_w - 1) / 2 - translation * first[i, 1]
        rows = (h - 1) / 2 + v / (zoom / squeeze) + 0 * u
        columns = (w - 1) / 2 + (u - shearing * second[i, 0] * v) / (zoom * squeeze)
        y[i] = _bilinear(x[i], rows, columns, background)
    return (y - mean) * scale


def _symmetric(block, seed, epoch):
    """Four random numbers in [−1, 1) for each block of the second stream."""
    return words(np.asarray(block, np.uint64) + np.uint64(2**62), seed, epoch) / 2.0**31 - 1


def _bilinear(image, rows, columns, background):
    """The image at fractional places; everything outside it has the value `background`."""
    h, w, _ = image.shape
    top, left = np.floor(rows).astype(int), np.floor(columns).astype(int)
    below, right = (rows - top)[..., None], (columns - left)[..., None]

    def at(row, column):
        inside = ((row >= 0) & (row < h) & (column >= 0) & (column < w))[..., None]
        return np.where(inside, image[row.clip(0, h - 1), column.clip(0, w - 1)], background)

    upper = (1 - right) * at(top, left) + right * at(top, left + 1)
    lower = (1 - right) * at(top + 1, left) + right * at(top + 1, left + 1)
    return (1 - below) * upper + below * lower
