"""What every reference operation does with its array arguments: float64, and a checked output gradient."""

import numpy as np

from fastcnn.arguments import shown


def as_float64(x, name="x"):
    """`x` as a float64 array. Booleans, integers and reals are taken; anything else is a TypeError."""
    x = np.asarray(x)
    if x.dtype.kind not in "biuf":
        raise TypeError(f"`{name}` must be an array of real numbers. Received: dtype {x.dtype}")
    return np.asarray(x, dtype=np.float64)


def as_gradient(dy, shape):
    """`dy` as a float64 array that has exactly the output's shape (a broadcast would hide mistakes)."""
    dy = as_float64(dy, "dy")
    if dy.shape != tuple(shape):
        raise ValueError(f"`dy` must have the output's shape {tuple(shape)}. Received: {dy.shape}")
    return dy


def as_bias(bias, count):
    """A bias of `count` numbers as a float64 array, or None."""
    if bias is None:
        return None
    bias = as_float64(bias, "bias")
    if bias.shape != (count,):
        raise ValueError(f"`bias` must have shape {(count,)}. Received: {bias.shape}")
    return bias


def as_image(x, data_format, name="x"):
    """A batch of images as float64 NHWC; `data_format` names the order it comes in."""
    x = as_float64(x, name)
    if x.ndim != 4:
        raise ValueError(f"`{name}` must have 4 axes. Received: shape {x.shape}")
    return x.transpose(0, 2, 3, 1) if _is_channels_first(data_format) else x


def as_image_gradient(dy, shape, data_format):
    """`dy` as float64 NHWC; `shape` is the output's, in NHWC order."""
    n, h, w, c = shape
    expected = (n, c, h, w) if _is_channels_first(data_format) else shape
    return as_image(as_gradient(dy, expected), data_format, "dy")


def in_format(y, data_format):
    """An NHWC result in the order the caller uses."""
    return y.transpose(0, 3, 1, 2) if _is_channels_first(data_format) else y


def _is_channels_first(data_format):
    if data_format not in ("channels_last", "channels_first"):
        raise ValueError(
            f"`data_format` must be 'channels_last' or 'channels_first'. Received: {shown(data_format)}"
        )
    return data_format == "channels_first"
