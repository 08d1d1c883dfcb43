"""A file of any common kind to a square of bytes: oriented, flattened, resized, cut out of the middle."""

import io
import os

import numpy as np

from fastcnn import arguments

MAX_PIXELS = 89_478_485  # 2^30 / 4 / 3: what Pillow warns from, and the most that is decoded here
SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
_FORMATS = ("JPEG", "PNG", "BMP", "GIF", "PPM", "TIFF", "WEBP")  # no others: some of Pillow's start programs


class ImageError(ValueError):
    """A file is no image, damaged, or unreasonably large; the message names it."""


def decode_image(source, size, channels=3, ground="white", name=None):
    """A PNG, JPEG, GIF, BMP, TIFF, WebP or PNM image as a square of bytes.

    The image is turned upright as its EXIF tag says, its short side is resized to `size` (bicubic, with antialiasing; a
    JPEG is first shrunk while it is decoded, to no less than twice the size), and the middle is cut out. Transparent parts
    show the ground, 16 bits per pixel become 8, CMYK, palettes and grey become RGB; of an animation the first frame counts.

    Args:
        source: path, or the file's bytes.
        size: of the result in pixels, height and width.
        channels: 3 for RGB, 1 for grey.
        ground: what lies behind transparent parts, a colour: "white", "black" …
        name: what errors call the image; None: the path.

    Shape:
        → (size, size, channels), uint8

    Raises:
        ImageError: no image, damaged, truncated, or more than 89,478,485 pixels.
        OSError: the file cannot be opened.
        ImportError: Pillow is missing: pip install pillow.

    Example:
        >>> decode_image("kitten.jpg", 256).shape  # doctest: +SKIP
        (256, 256, 3)

    Source: the preparation of Krizhevsky, Sutskever, Hinton 2012, §2.
    """
    size, channels = arguments.integer("size", size), arguments.integer("channels", channels, 1, 3)
    if channels == 2:
        raise ValueError("channels must be 3 (RGB) or 1 (grey). Received: 2")
    image = open_image(source, name, draft=2 * size)
    name = _name(source, name)
    try:
        image = flatten(image, channels, ground)
        w, h = image.size
        side = min(w, h)
        left, top = (w - side) // 2, (h - side) // 2
        box = (left, top, left + side, top + side)
        image = image.crop(box) if side == size else image.resize((size, size), pillow().Resampling.BICUBIC, box)
    except MemoryError:
        raise
    except Exception as error:
        raise ImageError(f"{name}: cannot be converted. Received: {_reason(error)}") from None
    return np.asarray(image, np.uint8).reshape(size, size, channels)


def open_image(source, name=None, draft=None):
    """A decoded Pillow image, upright. draft: a JPEG may be shrunk to no less than this short side.

    Raises:
        ImageError, OSError, ImportError: as `decode_image`.

    Example:
        >>> open_image("kitten.jpg").size  # doctest: +SKIP
        (640, 480)
    """
    Image = pillow()
    name = _name(source, name)
    if isinstance(source, (bytes, bytearray, memoryview)):
        source = io.BytesIO(source)
    elif isinstance(source, (str, os.PathLike)):
        with open(source, "rb") as file:
            source = io.BytesIO(file.read())
    else:
        raise TypeError(f"an image must be a path or the bytes of a file. Received: {type(source).__name__}")
    try:
        image = Image.open(source, formats=_FORMATS)
        w, h = image.size
        if w * h > MAX_PIXELS:
            raise ValueError(f"{w} × {h} pixels, more than {MAX_PIXELS:,}")
        if draft:
            image.draft(None, (draft, draft))
        image.load()
        turn = _TURNS.get(_orientation(image))
        return image if turn is None else image.transpose(Image.Transpose[turn])
    except MemoryError:
        raise
    except Exception as error:
        raise ImageError(f"{name}: must be an intact image. Received: {_reason(error)}") from None


def flatten(image, channels, ground):
    """A Pillow image as mode RGB (channels 3) or L (1), without transparency, 8 bits.

    Example:
        >>> flatten(image, 3, "white").mode  # doctest: +SKIP
        'RGB'
    """
    Image = pillow()
    if image.mode == "F":
        raise ValueError("pixels of 32-bit floats, whose range is unknown")
    if image.mode.startswith("I"):  # 16 bits per pixel, which convert would cut at 255
        image = Image.fromarray((np.asarray(image).clip(0, 65535) // 257).astype(np.uint8))
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


def pillow():
    """Pillow's module Image.

    Raises:
        ImportError: it is missing; says how to install it.

    Example:
        >>> pillow().new("L", (3, 2)).size  # doctest: +SKIP
        (3, 2)
    """
    try:
        from PIL import Image
    except ImportError:
        from fastcnn.importing import extra

        raise extra("PIL", "decoding images") from None
    return Image
