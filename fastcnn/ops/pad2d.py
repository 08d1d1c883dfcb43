"""Zeros around images, and edges cut away."""

from __future__ import annotations

from fastcnn import _ops, arguments
from fastcnn.ops.shared import backward, forward, last
from fastcnn.typing import Array, ArrayLike, Edges

__all__ = ["zero_pad2d", "zero_pad2d_backward", "crop2d", "crop2d_backward"]


def _pad2d(x, name, edges, data_format):
    first = arguments.data_format(data_format)
    x, edges = last(x, first), arguments.edges(name, edges)
    if name == "cropping":
        if any(sum(side) >= size for side, size in zip(edges, x.shape[1:3])):
            raise ValueError(f"cropping must leave at least one pixel of {x.shape[1]} × {x.shape[2]}. Received: {edges}")
        edges = tuple(tuple(-p for p in side) for side in edges)
    op = _ops.pad2d(x.shape[1:], edges)
    return op, first, x, (x.shape[0], *op.out_shape)


def zero_pad2d(x: ArrayLike, padding: Edges = 1, data_format: str = "channels_last", *, out: Array | None = None) -> Array:
    """Rows and columns of zeros around each image.

    Args:
        x: images.
        padding: integer, pair (height, width), or ((top, bottom), (left, right)), in pixels.
        data_format: "channels_last" or "channels_first".
        out: array to write the result to.

    Shape:
        (N, H, W, C) → (N, top + H + bottom, left + W + right, C)

    Raises:
        TypeError, ValueError: naming the argument, what was received and what is accepted.

    Example:
        >>> fastcnn.ops.zero_pad2d(np.ones((1, 1, 1, 1)), ((0, 1), (1, 0)))[0, :, :, 0].tolist()
        [[0.0, 1.0], [0.0, 0.0]]
    """
    return forward(*_pad2d(x, "padding", padding, data_format), out)


def zero_pad2d_backward(dy: ArrayLike, x: ArrayLike, padding: Edges = 1, data_format: str = "channels_last") -> Array:
    """Gradient of `zero_pad2d`: dy without its edges.

    Shape:
        dy (N, top + H + bottom, left + W + right, C) → dx as x
    """
    return backward(dy, *_pad2d(x, "padding", padding, data_format))


def crop2d(x: ArrayLike, cropping: Edges = 0, data_format: str = "channels_last", *, out: Array | None = None) -> Array:
    """Each image without its outer rows and columns.

    Args:
        x: images.
        cropping: integer, pair (height, width), or ((top, bottom), (left, right)), in pixels.
        data_format: "channels_last" or "channels_first".
        out: array to write the result to.

    Shape:
        (N, H, W, C) → (N, H − top − bottom, W − left − right, C)

    Raises:
        TypeError, ValueError: naming the argument, what was received and what is accepted.

    Example:
        >>> fastcnn.ops.crop2d(np.arange(9).reshape(1, 3, 3, 1), 1).tolist()
        [[[[4.0]]]]
    """
    return forward(*_pad2d(x, "cropping", cropping, data_format), out)


def crop2d_backward(dy: ArrayLike, x: ArrayLike, cropping: Edges = 0, data_format: str = "channels_last") -> Array:
    """Gradient of `crop2d`: dy with zeros where rows and columns were cut away.

    Shape:
        dy (N, H − top − bottom, W − left − right, C) → dx as x
    """
    return backward(dy, *_pad2d(x, "cropping", cropping, data_format))
