"""Affine maps of images: turned, shifted, sheared and zoomed about their centre, in NumPy, a batch at a time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fastcnn import arguments
from fastcnn.typing import Array, ArrayLike

FILL_MODES = ("nearest", "constant", "reflect", "wrap")


def affine_matrices(shape: Sequence[int], rotation: ArrayLike = 0.0, shift: ArrayLike = (0.0, 0.0), shear: ArrayLike = 0.0,
                    zoom: ArrayLike = (1.0, 1.0)) -> Array:
    """Matrices that say where each pixel of the result comes from: (row, column, 1) there = matrix · (row, column, 1) here.

    About the centre, coordinates are multiplied by `zoom`, then sheared, then shifted, then turned. Each argument is a
    number, or one per image.

    Args:
        shape: (height, width) of the images.
        rotation: degrees; positive ones turn the image anticlockwise.
        shift: pixels along rows and columns; positive ones move the image up and left.
        shear: degrees; positive ones move lower rows to the right.
        zoom: factors of rows and columns; above 1 the image shrinks.

    Shape:
        numbers or (N,) → (N, 3, 3)

    Example:
        >>> affine_matrices((3, 3), shift=(1.0, 0.0))[0].tolist()
        [[1.0, 0.0, 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    for name, pair in (("shift", shift), ("zoom", zoom)):
        if not isinstance(pair, (tuple, list, np.ndarray)) or len(pair) != 2:
            raise TypeError(f"{name} must be a pair, of rows and of columns. Received: {arguments.shown(pair)}")
    given = {"rotation": [rotation], "shift": shift, "shear": [shear], "zoom": zoom}
    parts = np.broadcast_arrays(*(np.atleast_1d(arguments.real(name, part).astype(np.float64))
                                  for name, values in given.items() for part in values))
    turn, down, right, slant = np.deg2rad(parts[0]), parts[1], parts[2], np.deg2rad(parts[3])
    one, zero = np.ones(len(turn)), np.zeros(len(turn))
    centre = (np.array(shape, np.float64) - 1) / 2
    linear = _matrices(np.cos(turn), np.sin(turn), zero, -np.sin(turn), np.cos(turn), zero)
    linear = linear @ _matrices(one, zero, down, zero, one, right)
    linear = linear @ _matrices(np.cos(slant), zero, zero, -np.sin(slant), one, zero)
    linear = linear @ _matrices(parts[4], zero, zero, zero, parts[5], zero)
    return _matrices(one, zero, centre[0] * one, zero, one, centre[1] * one) @ linear @ _matrices(
        one, zero, -centre[0] * one, zero, one, -centre[1] * one)


def affine_transform(x: ArrayLike, matrices: ArrayLike, fill_mode: str = "nearest", cval: float = 0.0) -> Array:
    """Images whose pixels come from where matrices say, between pixels by bilinear interpolation.

    Args:
        x: images.
        matrices: one per image, as `affine_matrices` gives them.
        fill_mode: what lies outside of an image abcd: "nearest" aaaa|abcd|dddd, "reflect" dcba|abcd|dcba, "wrap"
            abcd|abcd|abcd, or "constant": `cval`.
        cval: for "constant".

    Shape:
        (N, H, W, C), (N, 3, 3) → (N, H, W, C), float32

    Raises:
        TypeError, ValueError: naming the argument.

    Example:
        >>> x = np.arange(3.0).reshape(1, 3, 1, 1)
        >>> affine_transform(x, affine_matrices((3, 1), shift=(0.5, 0.0))).ravel().tolist()
        [0.5, 1.5, 2.0]
    """
    x = arguments.array("x", x, 4)
    matrices = np.asarray(matrices, np.float64)
    if matrices.shape != (len(x), 3, 3):
        raise ValueError(f"matrices must have shape {(len(x), 3, 3)}. Received: shape {matrices.shape}")
    arguments.choice("fill_mode", fill_mode, FILL_MODES)
    n, h, w, c = x.shape
    if not x.size:
        return x.copy()
    here = np.indices((h, w), np.float64).reshape(2, h * w)
    rows, columns = (matrices[:, :2, :2] @ here + matrices[:, :2, 2:]).transpose(1, 0, 2)
    outside = None
    if fill_mode == "constant":
        edge = 1e-9 * max(h, w)  # rounding of coordinates is no reason to leave the image
        outside = (rows < -edge) | (rows > h - 1 + edge) | (columns < -edge) | (columns > w - 1 + edge)
    start = (np.arange(n) * (h * w))[:, None]
    rows = [(start + index * w, share) for index, share in _neighbours(rows, h, fill_mode)]
    columns = _neighbours(columns, w, fill_mode)
    planes = np.ascontiguousarray(x.reshape(n * h * w, c).T)  # a channel at a time: NumPy is slow along short axes
    y = np.zeros((c, n, h * w), np.float32)
    for row, share in rows:
        for column, part in columns:
            index, weight = row + column, share * part
            for plane, total in zip(planes, y):
                pixels = plane.take(index)
                pixels *= weight
                total += pixels
    if outside is not None:
        y[:, outside] = cval
    return np.ascontiguousarray(y.transpose(1, 2, 0)).reshape(x.shape)


def _matrices(a, b, c, d, e, f):
    """(N, 3, 3) of the first two rows."""
    zero = np.zeros(len(a))
    return np.stack([a, b, c, d, e, f, zero, zero, zero + 1], axis=-1).reshape(-1, 3, 3)


def _neighbours(coordinates, size, fill_mode):
    """(number of a pixel, its share) for the two pixels that a coordinate lies between."""
    below = np.floor(coordinates)
    share = (coordinates - below).astype(np.float32)
    index = below.astype(np.intp)
    return (_inside(index, size, fill_mode), 1 - share), (_inside(index + 1, size, fill_mode), share)


def _inside(index, size, fill_mode):
    """Numbers of pixels, those outside replaced as the fill mode says."""
    if fill_mode == "wrap":
        return index % size
    if fill_mode == "reflect":
        index = index % (2 * size)
        return np.minimum(index, 2 * size - 1 - index)
    return index.clip(0, size - 1)
