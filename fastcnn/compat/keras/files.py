"""Paths of models: the names that Keras' files have, and what Keras wrote."""

import os

from fastcnn import arguments
from fastcnn.compat.spellings import warn
from fastcnn.io.safetensors import FileFormatError

_HDF5 = b"\x89HDF\r\n\x1a\n"
_ZIP = b"PK\3\4"
_FOREIGN = (".h5", ".hdf5", ".keras")


def target(what, path, overwrite):
    """The path that `what`, a method, writes to: names of Keras' formats warn."""
    path = os.fspath(path)
    if not arguments.flag("overwrite", overwrite) and os.path.exists(path):
        raise FileExistsError(f"overwrite=False, and the file exists. Received: {path!r}")
    if os.fsdecode(path).lower().endswith(_FOREIGN):
        stem = os.path.splitext(os.fsdecode(path))[0]
        warn(f"{what}({os.fsdecode(path)!r})",
             f"{what}({stem + '.safetensors'!r}): that is its format under either name, not HDF5 or Keras' archive")
    return path


def source(path):
    """The path of a file to read: one of Keras is refused."""
    path = os.fspath(path)
    with open(path, "rb") as file:
        head = file.read(8)
    if head == _HDF5 or head[:4] == _ZIP:
        raise FileFormatError(f"{os.fsdecode(path)} must be a file of fastcnn. Received: one of Keras, "
                              f"{'HDF5' if head == _HDF5 else 'a .keras archive'}; in Keras, "
                              "np.savez('weights.npz', *model.get_weights()) writes what set_weights takes here")
    return path
