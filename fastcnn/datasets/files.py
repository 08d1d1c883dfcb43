"""Files below a folder or within a zip archive, read by any number of threads at once."""

import os
import threading
import zlib

MAX_FILE = 1 << 28  # bytes; no photograph is larger
_DEFLATE_RATIO = 1032  # the most that one byte of a deflate stream can turn into
_DEPTH = 5  # folders below the path that are looked into


def _hidden(part):
    return part.startswith(".") or part in ("", "__MACOSX")


class Folder:
    """Files below a folder.

    Args:
        path: of the folder.

    Example:
        >>> Folder("photos").read("cat/1.jpg")  # doctest: +SKIP
    """

    def __init__(self, path):
        self.path = path

    def names(self):
        """(files, folders) below the path, relative to it, with slashes; hidden ones and those of __MACOSX are left out."""
        files, folders, queue = [], [], [("", 1)]
        while queue:
            inner, depth = queue.pop()
            with os.scandir(os.path.join(self.path, inner)) as entries:
                for entry in entries:
                    if _hidden(entry.name):
                        continue
                    name = f"{inner}/{entry.name}" if inner else entry.name
                    if entry.is_file():
                        files.append(name)
                    elif entry.is_dir() and depth <= _DEPTH:
                        folders.append(name)
                        queue.append((name, depth + 1))
        return files, folders

    def read(self, name):
        """The bytes of a file."""
        path = os.path.join(self.path, *name.split("/"))
        if os.path.getsize(path) > MAX_FILE:
            raise ValueError(f"a file must have at most {MAX_FILE:,} bytes. Received: {os.path.getsize(path):,}")
        with open(path, "rb") as file:
            return file.read()


class Zip:
    """Files of a zip archive, stored or deflated. The directory is read once; nothing is ever unpacked to disk.

    Args:
        path: of the archive.

    Raises:
        ValueError: no zip archive.

    Example:
        >>> Zip("photos.zip").read("cat/1.jpg")  # doctest: +SKIP
    """

    def __init__(self, path):
        import zipfile

        self.path, self.lock = path, threading.Lock()
        try:
            with zipfile.ZipFile(path) as archive:
                self.entries = {entry.filename: entry for entry in archive.infolist()}
        except zipfile.BadZipFile as error:
            raise ValueError(f"{os.fsdecode(path)}: must be an intact zip archive. Received: {error}") from None
        self.file = open(path, "rb")  # noqa: SIM115  stays open; closed with the object

    def __del__(self):
        if hasattr(self, "file"):
            self.file.close()

    def names(self):
        """(files, folders) of the archive; hidden ones and those of __MACOSX are left out."""
        files, folders = [], []
        for name in self.entries:
            parts = name.strip("/").split("/")
            if not any(map(_hidden, parts)):
                (folders if name.endswith("/") else files).append("/".join(parts))
        return files, folders

    def read(self, name):
        """The bytes of a file; its length and checksum are verified.

        Raises:
            ValueError: encrypted, compressed in another way, too large, or damaged.
        """
        entry = self.entries[name]
        if entry.flag_bits & 1 or entry.compress_type not in (0, 8):
            what = "an encrypted one" if entry.flag_bits & 1 else f"compression method {entry.compress_type}"
            raise ValueError(f"an entry must be stored or deflated, and not encrypted. Received: {what}")
        most = entry.compress_size * (_DEFLATE_RATIO if entry.compress_type else 1) + 64
        if entry.file_size > min(MAX_FILE, most) or entry.compress_size > MAX_FILE + (MAX_FILE >> 8):
            raise ValueError(f"an entry must have at most {MAX_FILE:,} bytes, and {most:,} of {entry.compress_size:,} "
                             f"compressed ones. Received: {entry.file_size:,}")
        header = self._at(entry.header_offset, 30)
        if len(header) < 30 or header[:4] != b"PK\3\4":
            raise ValueError("an entry must begin with its header. Received: other bytes")
        skip = 30 + int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
        data = self._at(entry.header_offset + skip, entry.compress_size)
        if entry.compress_type == 8:
            try:
                data = zlib.decompressobj(-15).decompress(data, entry.file_size + 1)
            except zlib.error as error:
                raise ValueError(f"an entry must be intact. Received: {error}") from None
        if len(data) != entry.file_size or zlib.crc32(data) != entry.CRC:
            raise ValueError(f"an entry must have {entry.file_size:,} bytes and its checksum. Received: {len(data):,} bytes")
        return data

    def _at(self, offset, size):
        """Bytes of the archive; the position in the file, which threads share, is not used where that is possible."""
        if hasattr(os, "pread"):
            pieces, missing = [], size
            while missing and (piece := os.pread(self.file.fileno(), missing, offset + size - missing)):
                pieces.append(piece)
                missing -= len(piece)
            return b"".join(pieces)
        with self.lock:
            self.file.seek(offset)
            return self.file.read(size)
