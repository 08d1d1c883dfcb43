"""Zeros around images, and edges cut away."""

from __future__ import annotations

import numpy as np

from fastcnn.typing import Array, ArrayLike, Edges

from .arrays import as_image, as_image_gradient, in_format
from .windows import pair


def zero_pad2d(x: ArrayLike, padding: Edges = 1, data_format: str = "channels_last") -> Array:
    """y[n,h,w,c] = x[n, h − top, w − left, c], and 0 where that is outside x."""
    x, rows, cols = _prepare(x, padding, "padding", data_format)
    return in_format(np.pad(x, ((0, 0), rows, cols, (0, 0))), data_format)


def zero_pad2d_backward(dy: ArrayLike, x: ArrayLike, padding: Edges = 1, data_format: str = "channels_last") -> Array:
    """dx of `zero_pad2d`: dx[n,h,w,c] = dy[n, h + top, w + left, c]."""
    x, rows, cols = _prepare(x, padding, "padding", data_format)
    n, h, w, c = x.shape
    dy = as_image_gradient(dy, (n, h + sum(rows), w + sum(cols), c), data_format)
    return in_format(dy[:, rows[0] : rows[0] + h, cols[0] : cols[0] + w].copy(), data_format)


def crop2d(x: ArrayLike, cropping: Edges = 0, data_format: str = "channels_last") -> Array:
    """y[n,h,w,c] = x[n, h + top, w + left, c]."""
    x, rows, cols = _prepare(x, cropping, "cropping", data_format)
    return in_format(_inside(x, rows, cols).copy(), data_format)


def crop2d_backward(dy: ArrayLike, x: ArrayLike, cropping: Edges = 0, data_format: str = "channels_last") -> Array:
    """dx of `crop2d`: dy, and 0 where rows and columns were cut away."""
    x, rows, cols = _prepare(x, cropping, "cropping", data_format)
    dx = np.zeros(x.shape)
    inside = _inside(dx, rows, cols)
    inside[...] = as_image_gradient(dy, inside.shape, data_format)
    return in_format(dx, data_format)


def _prepare(x, edges, name, data_format):
    """x as NHWC, (top, bottom) and (left, right)."""
    x = as_image(x, data_format)
    if isinstance(edges, (tuple, list)) and len(edges) == 2 and all(isinstance(e, (tuple, list)) for e in edges):
        return x, *(pair(edge, name, least=0) for edge in edges)
    height, width = pair(edges, name, least=0)
    return x, (height, height), (width, width)


def _inside(x, rows, cols):
    """The view of x without its outer rows and columns."""
    inside = x[:, rows[0] : max(0, x.shape[1] - rows[1]), cols[0] : max(0, x.shape[2] - cols[1])]
    if 0 in inside.shape[1:3]:
        raise ValueError(f"`cropping` must leave at least one pixel. Received: {(rows, cols)} of {x.shape}")
    return inside
