"""Zip archives of other libraries: read, sizes are checked before memory is taken, and nothing is unpacked to the disk."""

import os
import zipfile
import zlib
from contextlib import contextmanager

from fastcnn.arguments import shown
from fastcnn.io.errors import FileFormatError

DAMAGES = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, ValueError, KeyError, OverflowError,
           OSError)
_EXPANSION, _SLACK = 16, 1 << 20  # weights do not shrink to a sixteenth; small texts may


class Archive:
    """The entries of a zip file, by name.

    Args:
        file: open for reading.
        compressed: may entries be?

    Raises:
        FileFormatError: a name twice, encrypted or compressed entries, or more than the file can hold.
    """

    def __init__(self, file, compressed=False):
        self._zip = zipfile.ZipFile(file)
        self._entries = {}
        limit = os.fstat(file.fileno()).st_size
        if compressed:
            limit = _EXPANSION * limit + _SLACK
        for entry in self._zip.infolist():
            if entry.filename in self._entries:
                raise FileFormatError(f"an archive must hold each name once. Received: {shown(entry.filename[:80])} twice")
            known = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)[:1 + compressed]
            if entry.compress_type not in known or entry.flag_bits & 1:
                raise FileFormatError(f"{entry.filename[:80]!r} must be stored{' or deflated' * compressed}, not encrypted. "
                                      f"Received: method {entry.compress_type}")
            limit -= entry.file_size
            self._entries[entry.filename] = entry
        if limit < 0:
            raise FileFormatError(f"an archive must not hold more than its file can. Received: {-limit} bytes more")

    def __contains__(self, name):
        return name in self._entries

    def __iter__(self):
        return iter(self._entries)

    def read(self, name):
        """The bytes of an entry.

        Raises:
            FileFormatError: there is none, or it is damaged.
        """
        if name not in self._entries:
            raise FileFormatError(f"an archive must hold {name!r}. Received: {', '.join(list(self._entries)[:5])[:200]}")
        return self._zip.read(self._entries[name])


def pack(file, entries):
    """Writes {name: bytes} as an archive, into an open file."""
    with zipfile.ZipFile(file, "w") as found:
        for name, content in entries.items():
            found.writestr(zipfile.ZipInfo(name), content)


@contextmanager
def archive(path, compressed=False):
    """A block that reads an archive; see `Archive`.

    Raises:
        FileFormatError: it is damaged, or none.

    Example:
        >>> with open("a.zip", "wb") as file:
        ...     pack(file, {"greeting": b"hello"})
        >>> with archive("a.zip") as found:
        ...     found.read("greeting")
        b'hello'
    """
    with open(path, "rb") as file:
        try:
            yield Archive(file, compressed)
        except FileFormatError:
            raise
        except DAMAGES as error:
            raise FileFormatError(f"the archive is damaged: {type(error).__name__}: {error}") from None
