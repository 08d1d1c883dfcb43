"""Paths of models: names that promise Keras' formats, or others."""

import os

from fastcnn import arguments
from fastcnn.compat.spellings import warn
from fastcnn.io import formats


def target(what, path, overwrite):
    """The path that `what`, a method, writes to: a name that promises another format than is written warns."""
    path = os.fspath(path)
    if not arguments.flag("overwrite", overwrite) and os.path.exists(path):
        raise FileExistsError(f"overwrite=False, and the file exists. Received: {arguments.shown(path)}")
    ending = formats.ending(path)
    if ending and ending not in formats.ENDINGS:
        stem = os.path.splitext(os.fsdecode(path))[0]
        warn(f"{what}({os.fsdecode(path)!r})",
             f"{what}({stem + '.safetensors'!r}): safetensors is what is written under either name, not {ending[1:]}")
    return path
