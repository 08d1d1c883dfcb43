"""Zip and tar archives as containers of files (`files.py`)."""

import os
import threading
import zlib
from stat import S_ISLNK

from fastcnn.datasets.files import MAX_FILE, Container, hidden

_DEFLATE_RATIO = 1032  # the most that one byte of a deflate stream can turn into
_METHODS = {9: "Deflate64", 12: "bzip2", 14: "LZMA", 93: "Zstandard", 95: "xz", 98: "PPMd", 99: "AES"}
_CHUNK = 1 << 20


class Archive(Container):
    """What zip and tar archives have in common: entries are read where they lie, by any number of threads.

    Args:
        path: of the archive.
    """

    def __init__(self, path):
        super().__init__(path)
        self.entries, self.lock = {}, threading.Lock()
        self.file = self._open()
        folders = set()
        for name in self.files:
            parts = name.split("/")[:-1]
            folders |= {"/".join(parts[:i + 1]) for i in range(len(parts))}
        self.folders = sorted(folders | set(self.folders))
        self.files.sort()

    def __reduce__(self):  # a copy, or another process, opens it anew
        return type(self), (self.path,)

    def __del__(self):
        if getattr(self, "file", None):
            self.file.close()

    def within(self, folder):
        """The same archive, of whose files only those in a folder are known."""
        start = f"{folder.strip('/')}/"
        self.files = [name for name in self.files if name.startswith(start)]
        self.folders = [name for name in self.folders if name.startswith(start)]
        self.left_out = {name: why for name, why in self.left_out.items() if name.startswith(start)}
        return self

    def _enter(self, raw, entry, folder, why):
        """Lists an entry under its name without empty parts, dots and backslashes."""
        parts = [part for part in raw.replace("\\", "/").split("/") if part not in ("", ".")]
        name = "/".join(parts)
        if folder:
            if parts and ".." not in parts and not hidden(name):
                self.folders.append(name)
            return
        if not parts or ".." in parts:
            name, why = raw, "named outside of the archive"
        elif hidden(name):
            why = "hidden"
        if why:
            self.left_out[name] = why
            return
        if name in self.entries:  # the last one counts, as it does where archives are unpacked
            self.left_out[f"{raw} before"] = "named twice"
        else:
            self.files.append(name)
        self.entries[name] = entry

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


class Zip(Archive):
    """Files of a zip archive, stored or deflated. The directory is read once; nothing is ever unpacked to disk.

    Args:
        path: of the archive.

    Raises:
        ValueError: no zip archive.

    Example:
        >>> Zip("photos.zip").read("cat/1.jpg")  # doctest: +SKIP
    """

    def _open(self):
        import zipfile

        try:
            with zipfile.ZipFile(self.path) as archive:
                found = archive.infolist()
        except (zipfile.BadZipFile, NotImplementedError) as error:
            raise ValueError(f"{os.fsdecode(self.path)}: must be an intact zip archive. Received: {error}") from None
        for entry in found:
            link = "link" if S_ISLNK(entry.external_attr >> 16) else None
            self._enter(_decoded(entry), entry, entry.filename.endswith(("/", "\\")), link)
        return open(self.path, "rb")

    def head(self, name, size):
        """The first bytes of a file."""
        entry = _readable(self.entries[name])
        data = self._at(self._start(entry), min(entry.compress_size, size if entry.compress_type == 0 else 1024))
        return data if entry.compress_type == 0 else zlib.decompressobj(-15).decompress(data, size)

    def read(self, name):
        """The bytes of a file; its length and checksum are verified.

        Raises:
            ValueError: encrypted, compressed in another way, too large, or damaged.
        """
        entry = _readable(self.entries[name])
        most = entry.compress_size * (_DEFLATE_RATIO if entry.compress_type else 1) + 64
        if entry.file_size > min(MAX_FILE, most) or entry.compress_size > MAX_FILE + (MAX_FILE >> 8):
            raise ValueError(f"an entry must have at most {MAX_FILE:,} bytes, and {most:,} of {entry.compress_size:,} "
                             f"compressed ones. Received: {entry.file_size:,}")
        data = self._at(self._start(entry), entry.compress_size)
        if entry.compress_type == 8:
            try:
                data = zlib.decompressobj(-15).decompress(data, entry.file_size + 1)
            except zlib.error as error:
                raise ValueError(f"an entry must be intact. Received: {error}") from None
        if len(data) != entry.file_size or zlib.crc32(data) != entry.CRC:
            raise ValueError(f"an entry must have {entry.file_size:,} bytes and its checksum. Received: {len(data):,} bytes")
        return data

    def _start(self, entry):
        """Where an entry's data begin."""
        header = self._at(entry.header_offset, 30)
        if len(header) < 30 or header[:4] != b"PK\3\4":
            raise ValueError("an entry must begin with its header. Received: other bytes")
        return entry.header_offset + 30 + int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")


def _decoded(entry):
    """An entry's name; some programs write UTF-8 without saying so."""
    if not entry.flag_bits & 0x800 and not entry.filename.isascii():
        try:
            return entry.filename.encode("cp437").decode()
        except UnicodeError:
            pass
    return entry.filename


def _readable(entry):
    """An entry that can be read."""
    if entry.flag_bits & 1:
        raise ValueError("with a password (to be unpacked first)")
    if entry.compress_type not in (0, 8):
        raise ValueError(f"compressed by {_METHODS.get(entry.compress_type, f'method {entry.compress_type}')}")
    return entry


class Tar(Archive):
    """Files of a tar archive. One that is compressed as a whole is decompressed to a temporary file, which has no name and
    ends with the object.

    Args:
        path: of the archive.
        most: bytes that it may have when it is decompressed; None: as many as the disk has room for.

    Raises:
        ValueError: no tar archive, damaged, or too large. OSError: no room for the temporary file.

    Example:
        >>> Tar("photos.tar.gz").read("cat/1.jpg")  # doctest: +SKIP
    """

    def __init__(self, path, most=None):
        self.most = most
        super().__init__(path)

    def __reduce__(self):
        return Tar, (self.path, self.most)

    def _open(self):
        import tarfile

        file = self._plain()
        try:
            with tarfile.open(fileobj=file, mode="r:") as archive:
                for entry in archive:
                    why = "link" if entry.islnk() or entry.issym() else None if entry.isreg() and not entry.issparse() \
                        else "no regular file"
                    self._enter(entry.name, (entry.offset_data, entry.size), entry.isdir(), why)
                file.seek(archive.offset)
                if file.read(512).strip(b"\0"):  # where tarfile ends without a word
                    raise ValueError(f"no header at byte {archive.offset:,}")
        except (tarfile.TarError, EOFError, ValueError, OverflowError) as error:
            file.close()
            raise ValueError(f"{os.fsdecode(self.path)}: must be an intact tar archive. Received: {error}") from None
        return file

    def _plain(self):
        """The archive without its compression, as an open file."""
        import bz2
        import gzip
        import lzma
        import tempfile

        file = open(self.path, "rb")  # noqa: SIM115  stays open; closed with the object
        head = file.read(3)
        file.seek(0)
        module = {b"\x1f\x8b": gzip, b"BZ": bz2, b"\xfd7": lzma}.get(head[:2])
        if module is None:
            return file
        plain, size = tempfile.TemporaryFile(), 0  # noqa: SIM115  likewise
        try:
            with file, module.open(file) as stream:
                while piece := stream.read(_CHUNK):
                    size += len(piece)
                    if self.most is not None and size > self.most:
                        raise ValueError(f"more than {self.most:,} bytes")
                    _write(plain, piece)
        except (EOFError, gzip.BadGzipFile, zlib.error, lzma.LZMAError, ValueError) as error:
            raise ValueError(f"{os.fsdecode(self.path)}: must be an intact archive. Received: {error}") from None
        plain.seek(0)
        return plain

    def head(self, name, size):
        """The first bytes of a file."""
        offset, length = self.entries[name]
        return self._at(offset, min(length, size))

    def read(self, name):
        """The bytes of a file.

        Raises:
            ValueError: too large, or cut off.
        """
        offset, size = self.entries[name]
        if size > MAX_FILE:
            raise ValueError(f"an entry must have at most {MAX_FILE:,} bytes. Received: {size:,}")
        data = self._at(offset, size)
        if len(data) < size:
            raise ValueError(f"an entry must have {size:,} bytes. Received: {len(data):,}, then the end")
        return data


def _write(file, piece):
    """Into a temporary file; a full disk is named."""
    import tempfile

    try:
        file.write(piece)
    except OSError as error:
        raise OSError(error.errno, f"{error.strerror}, where a compressed archive is unpacked (TMPDIR names another place)",
                      tempfile.gettempdir()) from None
