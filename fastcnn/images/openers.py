"""Which files are images that can be decoded here, told by their first bytes, with the openers that Pillow has."""

import os
import re
import threading
from contextlib import suppress
from functools import lru_cache

HEAD = 16  # bytes that tell

# Formats that Pillow decodes itself and knows by how they begin; some of its others start programs, or take any text.
_FORMATS = {"AVIF", "BMP", "GIF", "ICO", "JPEG", "JPEG2000", "PCX", "PNG", "PPM", "QOI", "SGI", "TIFF", "WEBP"}
_BRANDS = {b"avif": "AVIF", b"avis": "AVIF"} | dict.fromkeys(
    (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), "HEIC")
_PLUGINS = {"AVIF": "pillow_avif", "HEIC": "pillow_heif"}  # modules that register an opener
_ARCHIVES = {b"PK\3\4": "zip", b"\x1f\x8b": "gzip", b"7z\xbc\xaf": "7z", b"Rar!": "rar"}
_lock, _tried = threading.Lock(), set()  # plugins that were looked for


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


def openers(head):
    """Pillow's openers that take a file which begins with these bytes: those of the formats above, and all that were
    registered from elsewhere, as pillow_heif does.

    Example:
        >>> [opener.__name__ for opener in openers(b"GIF89a")]  # doctest: +SKIP
        ['GifImageFile']
    """
    Image, head = pillow(), bytes(head[:HEAD])
    Image.init()
    found = _accepting(head, len(Image.OPEN))
    plugin = None if found else _PLUGINS.get(_brand(head))
    if plugin:
        with _lock:
            if plugin not in _tried:
                _tried.add(plugin)
                _register(plugin)
        found = _accepting(head, len(Image.OPEN))
    return found


@lru_cache(256)  # photographs of one camera begin alike
def _accepting(head, known):
    """The openers; `known`: how many there are, since more may be registered."""
    Image = pillow()
    text = not re.search(rb"[^\t\n\r -~]", head)
    if text and not re.match(rb"P[1-6]\s", head):  # "BMW, 3 series" is no BMP
        return ()
    found = []
    for name, (opener, accepts) in list(Image.OPEN.items()):
        with suppress(Exception):  # too few bytes for it
            if (name in _FORMATS or _foreign(opener)) and accepts is not None and accepts(head) is True:
                found.append(opener)
    return tuple(found)


def _register(plugin):
    from importlib import import_module

    with suppress(ImportError):
        getattr(import_module(plugin), "register_heif_opener", lambda: None)()


def _brand(head):
    return _BRANDS.get(bytes(head[8:12])) if head[4:8] == b"ftyp" else None


def named_like_image(name):
    """Whether a file's ending promises an image that is decoded here, or would be with a plugin.

    Example:
        >>> named_like_image("a.JPE"), named_like_image("a.txt")  # doctest: +SKIP
        (True, False)
    """
    Image = pillow()
    Image.init()
    ending = os.path.splitext(name)[1].lower()
    kind = Image.EXTENSION.get(ending)
    return kind in _FORMATS or ending in (".heic", ".heif", ".avif") or kind in Image.OPEN and _foreign(Image.OPEN[kind][0])


def _foreign(opener):
    """Whether an opener was registered by another package than Pillow."""
    return not getattr(opener, "__module__", "PIL.").startswith("PIL.")


def unreadable(head):
    """Why a file that begins with these bytes is no image that can be decoded here, in words;
    None: it is one.

    Example:
        >>> unreadable(b""), unreadable(b"hello"), unreadable(b"GIF89a\\1\\0")  # doctest: +SKIP
        ('empty', 'no image', None)
    """
    if openers(head):
        return None
    if not head:
        return "empty"
    brand = _brand(head)
    if brand:
        return f"{brand} (pip install {_PLUGINS[brand].replace('_', '-')})"
    archive = next((name for start, name in _ARCHIVES.items() if head.startswith(start)), None)
    return f"archive within ({archive})" if archive else "no image"
