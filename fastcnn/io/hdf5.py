"""HDF5 files of other libraries: groups, arrays and texts, read through h5py with nothing followed out of the file."""

import math
import mmap
import os
import re
from contextlib import contextmanager, nullcontext

from fastcnn.importing import installed
from fastcnn.io.errors import FileFormatError

_EXPANSION, _SLACK = 16, 1 << 16  # compressed arrays: weights do not shrink to a sixteenth
_FLOATS = ("f2", "f4", "f8")
_HEAP, _OBJECT = 16, 16  # bytes of a heap's head, and of an object's


@contextmanager
def tree(file, size, what="reading an HDF5 file"):
    """A block that reads an HDF5 file: a `Tree`.

    Args:
        file: its path, or the file itself, open for reading.
        size: in bytes.
        what: needs h5py.

    Raises:
        FileFormatError: it is damaged.
    """
    module = installed("h5py", what)
    try:
        _check_heaps(file)
        with module.File(file if hasattr(file, "read") else os.fsencode(file), "r") as found:
            yield Tree(module, found, size)
    except FileFormatError:
        raise
    except (OSError, KeyError, RuntimeError, ValueError, TypeError, AttributeError, SystemError, OverflowError) as error:
        raise FileFormatError(f"the HDF5 file is damaged: {type(error).__name__}: {error}") from None


def _check_heaps(file):
    """Refuses a heap of texts that has an empty rest, for libhdf5 1.14 would read it for ever, and heaps within heaps."""
    with nullcontext(file) if hasattr(file, "read") else open(file, "rb") as given:
        data = given.getvalue() if hasattr(given, "getvalue") else mmap.mmap(given.fileno(), 0, access=mmap.ACCESS_READ)
    left = len(data) // _OBJECT
    for begin in (found.start() for found in re.finditer(rb"GCOL\x01", data)):
        at, end = begin + _HEAP, min(begin + _number(data, begin + 8, 8), len(data))
        while at + _OBJECT <= end:
            number, size, left = _number(data, at, 2), _number(data, at + 8, 8), left - 1
            if number == size == 0 or left < 0:
                raise FileFormatError("the HDF5 file is damaged: a heap of texts does not end")
            at += _OBJECT + size + -size % 8 if number else size


def _number(data, at, size):
    return int.from_bytes(data[at:at + size], "little")


class Tree:
    """The groups and arrays of a file by their paths; what lies in no group is None."""

    def __init__(self, module, root, size):
        self._h5py, self._root, self._size, self._left = module, root, size, _EXPANSION * size + _SLACK

    def _at(self, path):
        found = self._root
        for name in path.split("/"):
            if not isinstance(found, self._h5py.Group) or name not in found:
                return None
            link = found.get(name, getlink=True)
            if not isinstance(link, self._h5py.HardLink):
                raise FileFormatError(f"{path!r} must lie in the file itself. Received: {type(link).__name__}")
            found = found[name]
        return found

    def members(self, path):
        """Names in a group; of none, none."""
        found = self._at(path)
        return list(found) if isinstance(found, self._h5py.Group) else []

    def array(self, path):
        """An array of floats.

        Raises:
            FileFormatError: there is none, it lies elsewhere, or it is larger than what the file holds of it.
        """
        found = self._at(path)
        if not isinstance(found, self._h5py.Dataset):
            raise FileFormatError(f"{path!r} must be an array. Received: {type(found).__name__}")
        if found.is_virtual or found.external:
            raise FileFormatError(f"{path!r} must lie in the file itself. Received: an array of other files")
        if found.dtype.str[1:] not in _FLOATS:
            raise FileFormatError(f"{path!r} must be an array of {', '.join(_FLOATS)}. Received: {found.dtype}")
        held, self._left = found.id.get_storage_size(), self._left - found.nbytes
        if found.nbytes > (held if found.chunks is None else _EXPANSION * held + _SLACK) or self._left < 0:
            raise FileFormatError(f"{path!r} must lie in the file. Received: {found.nbytes} bytes, of which it has {held}")
        return found[()]

    def attribute(self, path, name):
        """A text or a list of texts kept with a group ("": the file), None if there is none. Long lists lie in parts."""
        attributes = (self._at(path) if path else self._root).attrs
        if name in attributes:
            return self._texts(attributes, name)
        parts = []
        while f"{name}{len(parts)}" in attributes:
            parts.append(self._texts(attributes, f"{name}{len(parts)}"))
        return [text for part in parts for text in part] if parts else None

    def _texts(self, attributes, name):
        held = attributes.get_id(name)
        size = math.prod(held.shape) * held.dtype.itemsize
        if size > self._size:
            raise FileFormatError(f"{name!r} must lie in the file. Received: {size} bytes")
        value = attributes[name]
        plain = value.tolist() if hasattr(value, "tolist") else value
        several = plain if isinstance(plain, list) else [plain]
        texts = [text.decode() if isinstance(text, bytes) else text for text in several]
        if not all(isinstance(text, str) for text in texts):
            raise FileFormatError(f"{name!r} must be of texts. Received: {type(plain).__name__}")
        return texts if isinstance(plain, list) else texts[0]
