"""The safetensors file format: named arrays in one file, checked from its first byte to its last.

    8 bytes      n, the header's length, little-endian
    n bytes      JSON: {name: {"dtype", "shape", "data_offsets"}, "__metadata__": {str: str}}, then spaces
    the rest     the arrays: C order, little-endian, without holes

Metadata "sha256" holds the SHA-256 of the whole file, taken with the digest's own 64 characters set to "0".
"""

from __future__ import annotations

import math
import os
import reprlib
import stat
from collections.abc import Mapping

import numpy as np

from fastcnn.typing import Array, Path

from .atomic import write_atomically
from .errors import FileFormatError

MAX_HEADER_BYTES = 100_000_000  # the limit of the format's other readers
MAX_NDIM = 32  # NumPy 1's limit
_MOST = {'"dtype"': 1 << 16, "[": 1 << 19, "{": 1 << 19, ",": 1 << 22}  # in a header: of arrays, lists, objects, values
ALIGNMENT = 64  # of the data within the file and of the loaded buffer

DTYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2",
    "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "|i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "|u1", "BOOL": "|b1",
}
_DTYPE_NAMES = {code: name for name, code in DTYPES.items()}
_NO_DIGEST = "0" * 64

_short = reprlib.repr  # what a file holds may be endless; a message may not


def save_file(tensors: Mapping[str, Array], path: Path, metadata: Mapping[str, str] | None = None) -> None:
    """Write named arrays and a checksum into one safetensors file, atomically.

    Args:
        tensors: dict of `str` to NumPy array, of any layout and byte order; bool, signed or unsigned
            integers of 8 to 64 bits, floats of 16 to 64 bits.
        path: the file to write or replace.
        metadata: dict of `str` to `str` kept with the arrays; the key "sha256" is the checksum's.

    Raises:
        TypeError: a name or metadata is no `str`, a value no array, or its dtype has no place in the format.
        ValueError: a reserved or unencodable name, or more than 100 MB of names.
        OSError: the file cannot be written; what it held before is still there.

    Example:
        >>> save_file({"w": np.eye(2, dtype=np.float32)}, "eye.safetensors", {"epoch": "7"})
        >>> tensors, metadata = load_file("eye.safetensors")
        >>> tensors["w"].tolist(), metadata
        ([[1.0, 0.0], [0.0, 1.0]], {'epoch': '7'})

    Source: https://github.com/huggingface/safetensors ("Format")
    """
    import hashlib

    arrays = _checked_arrays(tensors)
    # Wide types first: every array then starts at a multiple of its item size.
    in_file_order = sorted(arrays, key=lambda name: -arrays[name].itemsize)
    blocks = [arrays[name].reshape(-1).view(np.uint8) for name in in_file_order]
    head, digest_at = _encode_header(arrays, in_file_order, _checked_metadata(metadata))
    digest = hashlib.sha256(head)
    for block in blocks:
        digest.update(block)
    head[digest_at : digest_at + 64] = digest.hexdigest().encode()
    write_atomically(path, [head, *blocks])


def load_file(path: Path, *, verify: bool = True) -> tuple[dict[str, Array], dict[str, str]]:
    """Read a safetensors file; anything missing, damaged or out of place is refused.

    Args:
        path: the file to read.
        verify: compare the SHA-256 that `save_file` stored; False reads other tools' files, which have none.

    Returns:
        (tensors, metadata): dict of name to writable array in the machine's byte order, in the order saved,
        and dict of `str` to `str` without the checksum.

    Raises:
        FileFormatError: the file is not exactly what the format, or its checksum, says.
        OSError: the file is missing or cannot be read.

    Example:
        >>> save_file({"b": np.arange(3)}, "b.safetensors")
        >>> load_file("b.safetensors")[0]["b"].tolist()
        [0, 1, 2]
    """
    from fastcnn import arguments

    try:
        return _load(arguments.path("path", path), verify)
    except _Foreign as error:
        from .recognize import recognize

        what = recognize(path)
        wanted = f"{os.fsdecode(path)}: it must be a file that save or save_file wrote"
        if what is None:
            with open(path, "rb") as file:
                raise FileFormatError(f"{wanted}, and whole; {error}, in a file that begins {file.read(8)!r}") from None
        raise FileFormatError(f"{wanted}. Received: {what}") from None
    except FileFormatError as error:
        raise FileFormatError(f"{os.fsdecode(path)}: {error}") from None


class _Foreign(FileFormatError):
    """It does not even begin as these files do."""


def _refusal(what, received, kind=FileFormatError):
    return kind(f"{what}. Received: {received}")


def _checked_arrays(tensors):
    """{name: C-ordered little-endian array}; copies only what is not so already."""
    if not isinstance(tensors, dict):
        raise TypeError(f"tensors must be a dict of str to array. Received: {type(tensors).__name__}")
    arrays = {}
    for name, value in tensors.items():
        if not isinstance(name, str):
            raise TypeError(f"an array's name must be a str. Received: {_short(name)}")
        if name == "__metadata__":
            raise ValueError("the format keeps this name for itself. Received: '__metadata__'")
        if not isinstance(value, (np.ndarray, np.generic)):
            raise TypeError(f"{name!r} must be a NumPy array. Received: {type(value).__name__}")
        dtype = value.dtype.newbyteorder("<")
        if dtype.str not in _DTYPE_NAMES:
            raise TypeError(f"{name!r} must have a dtype of {', '.join(DTYPES)}. Received: {value.dtype}")
        if value.ndim > MAX_NDIM:
            raise ValueError(f"{name!r} must have at most {MAX_NDIM} dimensions. Received: {value.ndim}")
        arrays[name] = np.asarray(value, dtype=dtype, order="C")
    return arrays


def _checked_metadata(metadata):
    metadata = {} if metadata is None else metadata
    if not isinstance(metadata, dict) or not all(isinstance(s, str) for kv in metadata.items() for s in kv):
        raise TypeError(f"metadata must be a dict of str to str. Received: {_short(metadata)}")
    if "sha256" in metadata:
        raise ValueError("save_file itself sets the metadata 'sha256'. Received: 'sha256'")
    return metadata


def _encode_header(arrays, in_file_order, metadata):
    """(length and header as a bytearray, place of the digest in it); the digest is still zeros."""
    import json

    offsets, end = {}, 0
    for name in in_file_order:
        offsets[name] = [end, end + arrays[name].nbytes]
        end += arrays[name].nbytes
    header = {"__metadata__": {"sha256": _NO_DIGEST, **metadata}}
    for name, array in arrays.items():  # in the caller's order, which loading restores
        dtype = _DTYPE_NAMES[array.dtype.newbyteorder("<").str]
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": offsets[name]}
    try:
        text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"names and metadata must be encodable as UTF-8. Received: {error}") from None
    text += b" " * (-(8 + len(text)) % ALIGNMENT)
    if len(text) > MAX_HEADER_BYTES:
        raise ValueError(f"names and metadata must fit {MAX_HEADER_BYTES} bytes. Received: {len(text)} bytes")
    _check_amount(text, ValueError)
    head = bytearray(len(text).to_bytes(8, "little") + text)
    return head, head.index(_NO_DIGEST.encode())  # the first value of the header, so this is its place


def _load(path, verify):
    if not stat.S_ISREG(os.stat(path).st_mode):
        kind = _Foreign if os.path.isdir(path) else FileFormatError
        raise _refusal("only a regular file can be loaded", "a directory, device or pipe", kind)
    with open(path, "rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        if size < 8:
            raise _refusal("the file must hold the 8-byte length of its header", f"{size} bytes", _Foreign)
        head = _read(file, 8)
        length = int.from_bytes(head, "little")
        limit = min(MAX_HEADER_BYTES, size - 8)
        if length > limit:
            raise _refusal(f"the header must take at most {limit} bytes in this file", f"{length} bytes", _Foreign)
        text = _read(file, length)
        _check_amount(bytes(text), FileFormatError)
        header = _decode_header(text)
        metadata = header.pop("__metadata__", {})
        if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
            raise _refusal("__metadata__ must map strings to strings", _short(metadata))
        entries = [_decode_entry(name, entry) for name, entry in header.items()]
        _check_cover(entries, size - 8 - length)
        digest_at = _find_digest(text, metadata) if verify else None
        data = _read(file, size - 8 - length)
    if verify:
        _check_digest(head, text, data, metadata["sha256"], digest_at)
    metadata.pop("sha256", None)
    return {name: _view(data, name, *entry) for name, *entry in entries}, metadata


def _read(file, size):
    """`size` bytes as an aligned uint8 array; the caller has compared `size` with the file's."""
    storage = np.empty(size + ALIGNMENT, np.uint8)
    start = -storage.ctypes.data % ALIGNMENT
    data, filled = storage[start : start + size], 0
    while filled < size:
        got = file.readinto(memoryview(data)[filled:])
        if not got:
            raise _refusal("the file shrank while it was read", f"{filled} of {size} bytes")
        filled += got
    return data


def _check_amount(text, kind):
    """Refuses a header that would take much more time and memory than its bytes."""
    for mark, most in _MOST.items():
        count = text.count(mark.encode())
        if count > most:
            raise _refusal(f"names and metadata must have {mark} at most {most:,} times", f"{count:,} times", kind)


def _decode_header(text):
    """The JSON object as a dict; no key twice, no endless number, no unpaired surrogate."""
    import json

    def integer(digits):
        if len(digits) > 20:
            raise _refusal("the header's integers must fit 64 bits", _short(digits))
        return int(digits)

    def unique(pairs):
        keys = {}
        for key, value in pairs:
            if key in keys:
                raise _refusal("the header must hold each name once", f"{_short(key)} twice")
            keys[key] = value
            (key + value if isinstance(value, str) else key).encode()  # fails on an unpaired surrogate
        return keys

    if bytes(text[:1]) != b"{":
        raise _refusal("the header must begin with '{'", bytes(text[:8]), _Foreign)
    try:
        return json.loads(str(text, "utf-8"), parse_int=integer, object_pairs_hook=unique)
    except FileFormatError:
        raise
    except RecursionError:
        raise _refusal("the header must not be nested so deeply", "JSON beyond the recursion limit") from None
    except ValueError as error:
        raise _refusal("the header must be valid JSON in UTF-8", error) from None


def _decode_entry(name, entry):
    """(name, dtype, shape, begin, end) of one array, sound in itself."""
    shown = _short(name)
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise _refusal(f"{shown} must have exactly dtype, shape and data_offsets", _short(entry))
    code, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(code, str) or code not in DTYPES:
        raise _refusal(f"{shown}: dtype must be one of {', '.join(DTYPES)}", _short(code))
    if not _are_sizes(shape) or len(shape) > MAX_NDIM:
        raise _refusal(f"{shown}: shape must be at most {MAX_NDIM} non-negative int64", _short(shape))
    if not _are_sizes(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise _refusal(f"{shown}: data_offsets must be two ascending non-negative int64", _short(offsets))
    dtype, (begin, end) = np.dtype(DTYPES[code]), offsets
    # Zeros are left out at first: NumPy cannot make (0, 2**62, 2**62) either.
    if math.prod(n for n in shape if n) * dtype.itemsize >= 2**63:
        raise _refusal(f"{shown}: the size of shape must fit 64 bits", _short(shape))
    size = math.prod(shape) * dtype.itemsize
    if size != end - begin:
        what = f"{shown}: data_offsets must span {size} bytes, {code} of shape {_short(shape)}"
        raise _refusal(what, f"{offsets}, {end - begin} bytes")
    return name, dtype, shape, begin, end


def _are_sizes(values):
    return isinstance(values, list) and all(type(n) is int and 0 <= n < 2**63 for n in values)


def _check_cover(entries, data_size):
    """The arrays lie one behind another and fill the data exactly."""
    reached = 0
    for name, _, _, begin, end in sorted(entries, key=lambda entry: entry[3:]):
        if begin != reached:
            raise _refusal(f"{_short(name)} must begin where the array before it ends, at {reached}", begin)
        reached = end
    if reached != data_size:
        raise _refusal(f"the data must take {reached} bytes, as the header says", f"{data_size} bytes")


def _find_digest(text, metadata):
    """Where the digest stands in the header."""
    if "sha256" not in metadata:
        what = "it has no checksum, so another tool wrote or changed it, and damage would go unnoticed (told not to " \
               "verify, fastcnn.io.load_file reads arrays of other tools)"
        raise _refusal(what, f"metadata {_short(metadata)} without 'sha256'")
    digest, text = metadata["sha256"].encode(), bytes(text)
    if len(digest) != 64 or not set(digest) <= set(b"0123456789abcdef") or text.count(digest) != 1:
        raise _refusal("sha256 must be 64 lower-case hexadecimal digits, occurring once", _short(digest))
    return text.index(digest)


def _check_digest(head, text, data, expected, digest_at):
    import hashlib

    text[digest_at : digest_at + 64] = ord("0")
    digest = hashlib.sha256(head)
    digest.update(text)
    digest.update(data)
    if digest.hexdigest() != expected:
        raise _refusal(f"damaged or edited: the content must have sha256 {expected}", digest.hexdigest())


def _view(data, name, dtype, shape, begin, end):
    """One array of the loaded data: a view where alignment allows, in the machine's byte order."""
    block = data[begin:end]
    if dtype.kind == "b" and block.max(initial=0) > 1:
        raise _refusal(f"{_short(name)}: the bytes of a BOOL must be 0 or 1", block.max())
    array = block.view(dtype).reshape(shape)
    return array.astype(dtype.newbyteorder("="), copy=not array.flags.aligned)
