"""Files of models under Keras' names: its formats where h5py is there, fastcnn's own under the same names elsewhere."""

import json
import os
import warnings

from fastcnn import arguments
from fastcnn.compat.spellings import warn
from fastcnn.io import FileFormatError, formats
from fastcnn.io import keras as format_of_keras
from fastcnn.io.keras import reading, writing

_FOREIGN = (".h5", ".hdf5", ".keras")


def target(what, path, overwrite):
    """(path, is it to be in Keras' format?) of the file that `what`, a method, writes; names of Keras' formats warn if it is
    not."""
    path = os.fspath(path)
    if not arguments.flag("overwrite", overwrite) and os.path.exists(path):
        raise FileExistsError(f"overwrite=False, and the file exists. Received: {path!r}")
    if not os.fsdecode(path).lower().endswith(_FOREIGN):
        return path, False
    try:
        import h5py  # noqa: F401
    except ImportError:
        stem = os.path.splitext(os.fsdecode(path))[0]
        warn(f"{what}({os.fsdecode(path)!r})", f"{what}({stem + '.safetensors'!r}), or pip install h5py: without it that is "
             f"the file's format under either name, not HDF5 or Keras' archive")
        return path, False
    return path, True


def written(path, write):
    """Writes a file in Keras' format; False: Keras has not all of the network's layers, and a warning says so."""
    try:
        write()
    except ValueError as error:
        warnings.warn(f"{os.fsdecode(path)} is written in fastcnn's own format. {error}", stacklevel=4)
        return False
    return True


def is_kerass(path):
    """Is a file one of Keras' formats?"""
    return formats.reader(path) is format_of_keras


def weights(model, path, by_name):
    """The arrays of a model, with those of a file of Keras' in their places.

    Raises:
        FileFormatError: one has another shape; or is missing, and is not taken by name.
    """
    description = model._described()
    given = format_of_keras.weights(path, description, by_name)
    for name, array in description.arrays.items():
        if (name in given or not by_name) and getattr(given.get(name), "shape", None) != array.shape:
            raise FileFormatError(f"{os.fsdecode(path)} must hold {name} of shape {array.shape}. Received: "
                                  f"{getattr(given.get(name), 'shape', None)}")
    return {**description.arrays, **given}


def text(model):
    """The architecture as JSON that Keras reads, too; of layers that it does not have, as fastcnn has them."""
    try:
        config = writing.written(model._described())[0] if model.built else None
    except ValueError:
        config = None
    return json.dumps(config or {"class_name": model._kind, "config": model.get_config()})


def architecture(json_text):
    """{"class_name", "config"} as fastcnn has it, of such a text or of Keras' own."""
    found = json.loads(json_text)
    if "seed" in found["config"]:
        return found
    config = dict(reading.described(found, None, "module" not in json_text).config)
    return {"class_name": config.pop("class_name"), "config": config}
