"""Dropout: of single values, and of whole channels."""

from __future__ import annotations

import numpy as np

from fastcnn import _ops, arguments
from fastcnn.ops.shared import deliver, finish, gradient, last, random_key, result, run
from fastcnn.typing import Array, ArrayLike

__all__ = ["dropout", "dropout_backward", "spatial_dropout2d", "spatial_dropout2d_backward"]


def _numbers(rate, seed, step):
    """The rate, and key and counter of the random numbers."""
    return arguments.part("rate", rate), random_key(seed, "step", step)


def _dropout(x, rate, seed, step, field, out):
    x = arguments.array("x" if field == "x" else "dy", x)
    rate, key = _numbers(rate, seed, step)
    y = result(out, x.shape, x, in_place=True)
    if x.size:
        op = _ops.dropout(x.size, rate)
        run(op, 1, [["forward"]], [("x", x), ("y", y)], random=key)
    return deliver(y, out)


def dropout(x: ArrayLike, rate: float, seed: int = 0, step: int = 0, *, out: Array | None = None) -> Array:
    """Inverted dropout: each value is 0 with probability `rate`, else divided by 1 − rate.

    Args:
        x: any array.
        rate: in [0, 1).
        seed, step: key and counter of the random numbers (Philox 4×32-10); the same pair drops the same places.
        out: array to write the result to.

    Shape:
        any → the same

    Example:
        >>> y = fastcnn.ops.dropout(np.ones(1000), 0.25, seed=1)
        >>> bool(700 < np.count_nonzero(y) < 800)
        True
    """
    return _dropout(x, rate, seed, step, "x", out)


def dropout_backward(dy: ArrayLike, x: ArrayLike, rate: float, seed: int = 0, step: int = 0) -> Array:
    """Gradient of `dropout`: the same places, the same factor."""
    dy = gradient(dy, arguments.array("x", x).shape)
    return _dropout(dy, rate, seed, step, "dy", None)


def _spatial_dropout2d(x, rate, seed, step, data_format):
    first = arguments.data_format(data_format)
    x = last(x, first)
    rate, key = _numbers(rate, seed, step)
    n, h, w, c = x.shape
    return _ops.dropout(c, rate, h * w), first, x, key


def spatial_dropout2d(x: ArrayLike, rate: float, seed: int = 0, step: int = 0, data_format: str = "channels_last", *,
                      out: Array | None = None) -> Array:
    """Dropout of whole channels: each channel of an image is 0 with probability `rate`, else divided by 1 − rate.

    Args:
        x: images.
        rate: in [0, 1).
        seed, step: key and counter of the random numbers (Philox 4×32-10); the same pair drops the same channels.
        data_format: "channels_last" or "channels_first".
        out: array to write the result to.

    Shape:
        (N, H, W, C) → the same

    Raises:
        TypeError, ValueError: naming the argument, what was received and what is accepted.

    Example:
        >>> fastcnn.ops.spatial_dropout2d(np.ones((1, 1, 2, 3)), 0.5, seed=3)[0].tolist()
        [[[2.0, 0.0, 2.0], [2.0, 0.0, 2.0]]]
    """
    op, first, x, key = _spatial_dropout2d(x, rate, seed, step, data_format)
    y = result(None if first else out, x.shape, x, in_place=True)
    run(op, len(x), [["forward"]], [("x", x), ("y", y)], random=key)
    return finish(y, first, out)


def spatial_dropout2d_backward(dy: ArrayLike, x: ArrayLike, rate: float, seed: int = 0, step: int = 0,
                               data_format: str = "channels_last") -> Array:
    """Gradient of `spatial_dropout2d`: the same channels, the same factor.

    Shape:
        dy (N, H, W, C) → dx as x
    """
    op, first, x, key = _spatial_dropout2d(x, rate, seed, step, data_format)
    dy, dx = gradient(last(dy, first, "dy"), x.shape), np.empty_like(x)
    run(op, len(x), [["data"]], [("dy", dy), ("dx", dx)], random=key)
    return finish(dx, first, None)
