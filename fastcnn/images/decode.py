"""A file of any common kind to an array of bytes: oriented, flattened, resized, cut out of the middle."""

from __future__ import annotations

import io
import os

import numpy as np

from fastcnn import arguments
from fastcnn.images.openers import HEAD, openers, pillow, unreadable
from fastcnn.typing import Array, Pair, Path

MAX_PIXELS = 89_478_485  # 2^30 / 4 / 3: the most that is decoded
MAX_DRAFTED = 8 * MAX_PIXELS  # of a JPEG that is shrunk while it is decoded: its memory is that of the result
MAX_SIDE = 65_535


class ImageError(ValueError):
    """A file is no image, damaged, or unreasonably large; the message names it."""


def decode_image(source: Path, size: Pair, channels: int = 3, ground: str = "white", name: str | None = None) -> Array:
    """An image file (PNG, JPEG, GIF, BMP, TIFF, WebP, AVIF, PNM …) as an array of bytes.

    The image is turned upright as its EXIF tag says, its short side is resized to `size` (bicubic, with antialiasing; a
    JPEG is first shrunk while it is decoded, to no less than twice the size), and the middle is cut out. Transparent parts
    show the ground, 16 bits per pixel become 8, CMYK, palettes and grey become RGB; of an animation the first frame counts.
    The kind of file is told by its content; openers that other packages have registered with Pillow are used, too, and
    pillow_heif, where it is installed, is registered.

    Args:
        source: path, or the file's bytes.
        size: of the result in pixels: height and width; or a pair (height, width), to which the whole image is stretched.
        channels: 3 for RGB, 1 for grey.
        ground: what lies behind transparent parts, a colour: "white", "black" …
        name: what errors call the image; None: the path.

    Shape:
        → (size, size, channels), uint8

    Raises:
        ImageError: no image, damaged, truncated, of 32-bit numbers, whose range is unknown, or too large: more than
            89,478,485 pixels (as decoded; a JPEG that is shrunk may have 8 times as many, a progressive one twice), or
            65,535 on a side.
        OSError: the file cannot be opened.
        ImportError: Pillow is missing: pip install pillow.

    Example:
        >>> decode_image("kitten.jpg", 256).shape  # doctest: +SKIP
        (256, 256, 3)

    Source: the preparation of Krizhevsky, Sutskever, Hinton 2012, §2.
    """
    size, channels = frame(size), arguments.integer("channels", channels, 1, 3)
    if channels == 2:
        raise ValueError("channels must be 3 (RGB) or 1 (grey). Received: 2")
    height, width = (size, size) if isinstance(size, int) else size
    image = open_image(source, name, draft=2 * max(height, width))
    name = _name(source, name)
    try:
        image = flatten(image, channels, ground)
        w, h = image.size
        if isinstance(size, int):
            side = min(w, h)
            left, top = (w - side) // 2, (h - side) // 2
            box = (left, top, left + side, top + side)
        else:
            box = (0, 0, w, h)
        same = (box[2] - box[0], box[3] - box[1]) == (width, height)
        image = image.crop(box) if same else image.resize((width, height), pillow().Resampling.BICUBIC, box)
    except MemoryError:
        raise
    except Exception as error:
        raise ImageError(f"{name}: cannot be converted. Received: {_reason(error)}") from None
    return np.asarray(image, np.uint8).reshape(height, width, channels)


def frame(size):
    """A size as `decode_image` takes it, checked: an integer, or a tuple of two.

    Example:
        >>> frame(256), frame([28, 28])
        (256, (28, 28))
    """
    if isinstance(size, (tuple, list)):
        height, width = arguments.pair("size", size)
        return arguments.integer("size", height, 1, 2**15), arguments.integer("size", width, 1, 2**15)
    return arguments.integer("size", size, 1, 2**15)


def open_image(source, name=None, draft=None):
    """A decoded Pillow image, upright, of 8 bits per channel. draft: a JPEG may be shrunk to no less than this short side.

    Raises:
        ImageError, OSError, ImportError: as `decode_image`.

    Example:
        >>> open_image("kitten.jpg").size  # doctest: +SKIP
        (640, 480)
    """
    Image = pillow()
    name = _name(source, name)
    if isinstance(source, (str, os.PathLike)):
        with open(source, "rb") as file:
            source = file.read()
    elif not isinstance(source, (bytes, bytearray, memoryview)):
        raise TypeError(f"an image must be a path or the bytes of a file. Received: {type(source).__name__}")
    try:
        image = _opened(source)
        _shrink(image, draft)
        image.load()
        turn = _TURNS.get(_orientation(image))
        image = _eight_bits(image, source)
        return image if turn is None else image.transpose(Image.Transpose[turn])
    except MemoryError:
        raise
    except Exception as error:
        raise ImageError(f"{name}: must be an intact image. Received: {_reason(error)}") from None


def _opened(data):
    """By the first opener that can; Pillow's own `Image.open` would refuse large files before they can be shrunk."""
    head, wrong = bytes(data[:HEAD]), None
    for opener in openers(head):
        try:
            return opener(io.BytesIO(data), "")
        except Exception as error:  # noqa: BLE001  whatever an opener says of a damaged file
            wrong = wrong or error
    raise wrong or ValueError(f"{unreadable(head)}: {head!r}")


def _shrink(image, draft):
    """Sizes that are refused, before anything is decoded; and the draft."""
    w, h = image.size
    if max(w, h) > MAX_SIDE:
        raise ValueError(f"{w} × {h} pixels, more than {MAX_SIDE:,} on a side")
    most = MAX_PIXELS
    if draft:
        image.draft(None, (draft, draft))
        if image.size != (w, h):
            most = MAX_DRAFTED // 4 if image.info.get("progressive") else MAX_DRAFTED  # those keep all coefficients
    if w * h > most or image.size[0] * image.size[1] > MAX_PIXELS:
        raise ValueError(f"{w} × {h} pixels, more than {most:,}")


def _eight_bits(image, data):
    """The same with 8 bits per channel, and a transparent colour that is given in these."""
    clear, depth = image.info.get("transparency"), data[24] if image.format == "PNG" else None
    if image.mode == "F":
        raise ValueError("pixels of 32-bit floats, whose range is unknown")
    if image.mode == "I" and image.format not in ("PNG", "PPM"):  # where it means 16 bits
        raise ValueError("pixels of 32-bit or signed integers, whose range is unknown")
    if image.mode.startswith("I"):
        tags = getattr(image, "tag_v2", {})
        top = 2 ** (tags[258][0] if 258 in tags else 16) - 1
        values = np.asarray(image).astype(np.uint32).clip(0, top)
        grey = ((top - values if tags.get(262) == 0 else values) * 255 // top).astype(np.uint8)  # 262: 0 is white
        if isinstance(clear, int):
            grey = np.stack([grey, np.where(values == clear, 0, 255).astype(np.uint8)], axis=-1)
        return pillow().fromarray(grey)
    if isinstance(clear, tuple) and depth == 16:
        image.info["transparency"] = tuple(value >> 8 for value in clear)
    if isinstance(clear, int) and depth in (2, 4) and image.mode == "L":
        image.info["transparency"] = clear * 255 // (2**depth - 1)
    return image


def flatten(image, channels, ground):
    """A Pillow image as mode RGB (channels 3) or L (1), without transparency.

    Example:
        >>> flatten(image, 3, "white").mode  # doctest: +SKIP
        'RGB'
    """
    Image = pillow()
    if image.mode in ("LA", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        behind = Image.new("RGBA", image.size, ground)
        image = Image.alpha_composite(behind, image.convert("RGBA"))
    mode = "L" if channels == 1 else "RGB"
    return image if image.mode == mode else image.convert(mode)


_TURNS = {2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM", 5: "TRANSPOSE", 6: "ROTATE_270", 7: "TRANSVERSE",
          8: "ROTATE_90"}  # EXIF's orientation: what makes the image upright


def _orientation(image):
    try:
        return image.getexif().get(0x0112, 1)
    except Exception:  # noqa: BLE001  a damaged tag does not make the picture worse
        return 1


def _name(source, name):
    return name if name is not None else os.fsdecode(source) if isinstance(source, (str, os.PathLike)) else "image"


def _reason(error):
    text = str(error).replace("_io.BytesIO object at", "at")
    return f"{len(text)} bytes of text" if len(text) > 300 else text or type(error).__name__
