"""Images enlarged by whole factors."""

from __future__ import annotations

from fastcnn import _ops, arguments
from fastcnn.ops.shared import backward, forward, last
from fastcnn.typing import Array, ArrayLike, Pair

__all__ = ["upsample2d", "upsample2d_backward"]


def _upsample2d(x, size, interpolation, data_format):
    first = arguments.data_format(data_format)
    x, size = last(x, first), arguments.pair("size", size)
    op = _ops.upsample2d(x.shape[1:], size,
                         arguments.choice("interpolation", interpolation, ("nearest", "bilinear")) == "bilinear")
    return op, first, x, (x.shape[0], *op.out_shape)


def upsample2d(x: ArrayLike, size: Pair = 2, interpolation: str = "nearest", data_format: str = "channels_last", *,
               out: Array | None = None) -> Array:
    """Enlarges images by whole factors.

    Args:
        x: images.
        size: factors, integer or pair (height, width).
        interpolation: "nearest": each pixel repeated; "bilinear": between the centres of pixels, the outermost of which
            also fill what lies beyond them.
        data_format: "channels_last" or "channels_first".
        out: array to write the result to.

    Shape:
        (N, H, W, C) → (N, size · H, size · W, C)

    Raises:
        TypeError, ValueError: naming the argument, what was received and what is accepted.

    Example:
        >>> x = np.array([0.0, 4.0]).reshape(1, 1, 2, 1)
        >>> fastcnn.ops.upsample2d(x, (1, 2), "bilinear").ravel().tolist()
        [0.0, 1.0, 3.0, 4.0]
    """
    return forward(*_upsample2d(x, size, interpolation, data_format), out)


def upsample2d_backward(dy: ArrayLike, x: ArrayLike, size: Pair = 2, interpolation: str = "nearest",
                        data_format: str = "channels_last") -> Array:
    """Gradient of `upsample2d`: each pixel's share of dy.

    Shape:
        dy (N, size · H, size · W, C) → dx as x
    """
    return backward(dy, *_upsample2d(x, size, interpolation, data_format))
