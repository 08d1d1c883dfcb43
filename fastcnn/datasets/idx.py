"""IDX, the file format of MNIST and its relatives: one array, plain or compressed with gzip.

    2 bytes        0, 0
    1 byte         type: 0x08 uint8, 0x09 int8, 0x0B int16, 0x0C int32, 0x0D float32, 0x0E float64
    1 byte         number of dimensions
    4 bytes each   the dimensions, big-endian
    the rest       the array: C order, big-endian
"""

from __future__ import annotations

import math
import os
import stat
from typing import BinaryIO

import numpy as np

from fastcnn import arguments
from fastcnn.typing import Array, ArrayLike, Path

DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
MAX_NDIM = 8
_TYPE_NAMES = ", ".join(f"{code:#04x} {np.dtype(text).name}" for code, text in DTYPES.items())
_CHUNK = 1 << 18
_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_MAX_RATIO = 1032  # the most that one byte of a deflate stream can turn into


class IdxError(ValueError):
    """A file is damaged, incomplete or no IDX file; the message names the file and the reason.

    Example:
        >>> import io
        >>> try: read_idx(io.BytesIO(b"PNG?"))
        ... except IdxError as error: print(error)
        file object: an IDX file must begin with two zero bytes. Received: b'PNG?'
    """


def read_idx(path_or_file: Path | BinaryIO) -> Array:
    """Read the one array of an IDX file, plain or gzip; which of them is told by the content, not the name.

    Memory is taken as bytes arrive and never beyond what the header announces, so a hostile file cannot
    make this function allocate more than its honest content.

    Args:
        path_or_file: a path, or an open binary file that ends where the array ends.

    Shape:
        as the header says, 1 to 8 dimensions; a writable array in the machine's byte order.

    Raises:
        IdxError: the file is not exactly an IDX file.
        TypeError: neither a path nor a binary file.
        OSError: the file is missing or cannot be read.

    Example:
        >>> write_idx("labels-idx1-ubyte.gz", np.array([7, 2, 1], dtype=np.uint8))
        >>> read_idx("labels-idx1-ubyte.gz").tolist()
        [7, 2, 1]

    Source: Y. LeCun, C. Cortes, C. Burges, http://yann.lecun.com/exdb/mnist/ ("File formats")
    """
    if hasattr(path_or_file, "read"):
        return _named(path_or_file, getattr(path_or_file, "name", "file object"), None)
    if not isinstance(path_or_file, (str, bytes, os.PathLike)):
        raise TypeError(f"read_idx needs a path or a binary file. Received: {type(path_or_file).__name__}")
    with open(path_or_file, "rb") as file:
        status = os.fstat(file.fileno())
        size = status.st_size if stat.S_ISREG(status.st_mode) else None
        return _named(file, os.fsdecode(path_or_file), size)


def write_idx(path: Path, array: ArrayLike) -> None:
    """Write one array as an IDX file, atomically; compressed if the name ends in ".gz".

    Args:
        path: the file to write or replace.
        array: uint8, int8, int16, int32, float32 or float64, of any layout and byte order.

    Shape:
        1 to 8 dimensions, each below 2**32.

    Raises:
        TypeError: no array, or of another dtype.
        ValueError: too few or too many dimensions, or too large ones.
        OSError: the file cannot be written.

    Example:
        >>> write_idx("images-idx3-ubyte", np.zeros((2, 28, 28), dtype=np.uint8))
        >>> read_idx("images-idx3-ubyte").shape
        (2, 28, 28)

    Source: Y. LeCun, C. Cortes, C. Burges, http://yann.lecun.com/exdb/mnist/ ("File formats")
    """
    from ..io.atomic import write_atomically

    if not isinstance(array, np.ndarray):
        raise TypeError(f"write_idx needs a NumPy array. Received: {type(array).__name__}")
    codes = [code for code, text in DTYPES.items() if np.dtype(text) == array.dtype.newbyteorder(">")]
    if not codes:
        raise TypeError(f"the dtype must be one of {_TYPE_NAMES}. Received: {array.dtype}")
    if not 1 <= array.ndim <= MAX_NDIM or max(array.shape) >= 2**32:
        raise ValueError(f"IDX takes 1 to {MAX_NDIM} dimensions below 2**32. Received: shape {array.shape}")
    header = bytes([0, 0, codes[0], array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    data = np.ascontiguousarray(array, dtype=DTYPES[codes[0]]).reshape(-1).view(np.uint8)
    compressed = os.fsdecode(path).endswith(".gz")
    write_atomically(path, _gzip([header, data]) if compressed else [header, data])


def _gzip(chunks):
    """Compressed without name and time stamp: equal arrays make equal files."""
    import zlib

    deflate = zlib.compressobj(wbits=31)
    for chunk in chunks:
        yield deflate.compress(chunk)
    yield deflate.flush()


def _named(file, name, size):
    """Parse an open file; every refusal gains the file's name here."""
    try:
        return _parse(file, size)
    except IdxError as error:
        raise IdxError(f"{name}: {error}") from None


def _parse(file, size):
    """`size` is the number of bytes in the file, or None if that cannot be known."""
    magic = file.read(2)
    if not isinstance(magic, bytes):
        raise TypeError(f"read_idx needs a binary file. Received: one that reads {type(magic).__name__}")
    compressed = magic == _GZIP_MAGIC
    stream = _Gunzip(file, magic) if compressed else _Plain(file, magic)
    magic = _exactly(stream, 4, "its first four bytes")
    if magic[:2] != b"\0\0":
        raise IdxError(f"an IDX file must begin with two zero bytes. Received: {arguments.shown(bytes(magic))}")
    if magic[2] not in DTYPES:
        raise IdxError(f"the type must be one of {_TYPE_NAMES}. Received: {magic[2]:#04x}")
    if not 1 <= magic[3] <= MAX_NDIM:
        raise IdxError(f"the array must have 1 to {MAX_NDIM} dimensions. Received: {magic[3]}")
    shape = tuple(int(n) for n in np.frombuffer(_exactly(stream, 4 * magic[3], "its dimensions"), ">u4"))
    dtype = np.dtype(DTYPES[magic[2]])
    native = dtype.newbyteorder("=")
    # Zeros are left out: NumPy refuses (0, 2**32 - 1, 2**32 - 1, ...) as well.
    if math.prod(n for n in shape if n) * dtype.itemsize >= 2**63:
        raise IdxError(f"the dimensions overflow 64 bits. Received: {shape}")
    promised, what = math.prod(shape) * dtype.itemsize, f"{dtype.name} of shape {shape}"
    held = None if size is None else size * _GZIP_MAX_RATIO if compressed else size - 4 - 4 * len(shape)
    if held is not None and promised > held:
        raise IdxError(f"{what} must take {promised} bytes. Received: at most {held} bytes")
    data = _exactly(stream, promised, what)
    if stream.read(1):
        raise IdxError(f"the file must end after the {promised} bytes of {what}. Received: more bytes")
    array = np.frombuffer(data, dtype).reshape(shape)
    return array.view(native) if dtype == native else array.byteswap(inplace=True).view(native)


def _exactly(stream, size, what):
    """`size` bytes in a bytearray that grows as they arrive."""
    data = bytearray()
    while len(data) < size:
        piece = stream.read(min(_CHUNK, size - len(data)))
        if not piece:
            raise IdxError(f"{what} must take {size} bytes. Received: {len(data)}, then the end of the file")
        data += piece
    return data


class _Plain:
    """The bytes of a file as they are, starting with those already read."""

    def __init__(self, file, start):
        self.file, self.start = file, start

    def read(self, size):
        """Between 1 and `size` bytes; none at the end."""
        piece, self.start = self.start[:size], self.start[size:]
        return piece or self.file.read(size)


class _Gunzip:
    """The decompressed bytes of a gzip file, of all its streams, never more of them than asked for."""

    def __init__(self, file, start):
        import zlib

        self.file, self.input, self.error = file, start, zlib.error
        self.new = lambda: zlib.decompressobj(wbits=31)  # 31: gzip framing, whose CRC and length zlib checks
        self.inflate = self.new()

    def read(self, size):
        """Between 1 and `size` bytes; none at the end."""
        while not self.inflate.eof or self._continues():
            given = self.input or self.file.read(_CHUNK >> 2)
            try:
                piece = self.inflate.decompress(given, size)
            except self.error as error:
                raise IdxError(f"the gzip stream is damaged. Received: {error}") from None
            self.input = self.inflate.unconsumed_tail
            if piece:
                return piece
            if not given and not self.inflate.eof:
                raise IdxError("the gzip stream must be complete. Received: the end of the file within it")
        return b""

    def _continues(self):
        """Whether another stream follows the one that has ended: a gzip file may be several, one behind the other."""
        rest = self.inflate.unused_data or self.file.read(_CHUNK >> 2)
        if not rest:
            return False
        if rest[:1] != _GZIP_MAGIC[:1]:
            raise IdxError("the file must end with its gzip stream. Received: more bytes behind it")
        self.input, self.inflate = rest, self.new()
        return True
