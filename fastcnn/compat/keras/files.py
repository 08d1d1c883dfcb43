"""Paths of models: the names that Keras' files have."""

import os

from fastcnn import arguments
from fastcnn.compat.spellings import warn

_FOREIGN = (".h5", ".hdf5", ".keras")


def target(what, path, overwrite):
    """The path that `what`, a method, writes to: names of Keras' formats warn."""
    path = os.fspath(path)
    if not arguments.flag("overwrite", overwrite) and os.path.exists(path):
        raise FileExistsError(f"overwrite=False, and the file exists. Received: {arguments.shown(path)}")
    if os.fsdecode(path).lower().endswith(_FOREIGN):
        stem = os.path.splitext(os.fsdecode(path))[0]
        warn(f"{what}({os.fsdecode(path)!r})",
             f"{what}({stem + '.safetensors'!r}): that is its format under either name, not HDF5 or Keras' archive")
    return path
