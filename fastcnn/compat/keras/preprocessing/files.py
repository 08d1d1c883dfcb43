"""Images from files, to arrays and back; needs Pillow."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastcnn import arguments
from fastcnn.compat.keras import backend
from fastcnn.compat.spellings import renamed, translate
from fastcnn.images.decode import flatten, open_image
from fastcnn.images.openers import pillow
from fastcnn.typing import Array, ArrayLike, Pair, Path

INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos", "box", "hamming")
_CHANNELS = {"rgb": 3, "grayscale": 1}
_FORMATS = ("channels_last", "channels_first")


def load_img(path: Any, color_mode: str = "rgb", target_size: Pair | None = None, interpolation: str = "nearest",
             **old: Any) -> Any:
    """A Pillow image from a file.

    Args:
        path: of the file, or its bytes.
        color_mode: "rgb" or "grayscale". (Once grayscale=True.)
        target_size: (height, width) to resize to; None: as it is.
        interpolation: "nearest", "bilinear", "bicubic", "lanczos", "box" or "hamming".

    Raises:
        ImageError, OSError, ImportError: as `fastcnn.images.decode_image`.

    Example:
        >>> load_img("kitten.jpg", target_size=(64, 48)).size  # doctest: +SKIP
        (48, 64)
    """
    if old:
        old = translate("load_img", old, {"grayscale": renamed("color_mode", {True: "grayscale", False: "rgb"})})
        color_mode = old.pop("color_mode", color_mode)
    if old:
        raise TypeError(f"load_img has no argument {next(iter(old))!r}. Accepted: path, color_mode, target_size, "
                        "interpolation.")
    channels = _CHANNELS[arguments.choice("color_mode", color_mode, tuple(_CHANNELS))]
    return opened(path, channels, target_size, interpolation)


def opened(source, channels, target_size=None, interpolation="nearest", name=None):
    """A Pillow image of 3 channels or 1; see `load_img`."""
    arguments.choice("interpolation", interpolation, INTERPOLATIONS)
    image = flatten(open_image(source, name), channels, "white")
    if target_size is not None:
        height, width = arguments.pair("target_size", target_size)
        if image.size != (width, height):
            image = image.resize((width, height), pillow().Resampling[interpolation.upper()])
    return image


def img_to_array(img: Any, data_format: str | None = None) -> Array:
    """A Pillow image as float32 numbers from 0 to 255.

    Shape:
        → (H, W, C), or (C, H, W) with data_format "channels_first"

    Example:
        >>> img_to_array(load_img("kitten.jpg")).shape  # doctest: +SKIP
        (480, 640, 3)
    """
    x = np.asarray(img, np.float32)
    x = x if x.ndim == 3 else x[..., None]
    return np.ascontiguousarray(x.transpose(2, 0, 1)) if _first(data_format) else x


def array_to_img(x: ArrayLike, data_format: str | None = None, scale: bool = True) -> Any:
    """A Pillow image from an array.

    Args:
        x: pixels.
        data_format: "channels_last", "channels_first", or None: the backend's.
        scale: the least number becomes black and the largest white; False: numbers are bytes.

    Shape:
        (H, W, C) or (C, H, W), with 1 or 3 channels

    Example:
        >>> array_to_img(np.zeros((4, 6, 3))).size  # doctest: +SKIP
        (6, 4)
    """
    x = arguments.array("x", x, 3)
    x = x.transpose(1, 2, 0) if _first(data_format) else x
    if x.shape[2] not in (1, 3):
        raise ValueError(f"x must have 1 or 3 channels. Received: shape {x.shape}")
    if arguments.flag("scale", scale):
        x = x - x.min()
        x = x * (255 / max(float(x.max()), 1e-30))
    x = x.clip(0, 255).astype(np.uint8)
    return pillow().fromarray(x[..., 0] if x.shape[2] == 1 else x)


def save_img(path: Path, x: ArrayLike, data_format: str | None = None, scale: bool = True) -> None:
    """Writes an array as an image file; arguments as `array_to_img`."""
    from fastcnn.io.atomic import naming

    with naming(path):
        array_to_img(x, data_format, scale).save(path)


def _first(data_format):
    return arguments.choice("data_format", data_format or backend.image_data_format(), _FORMATS) == "channels_first"
