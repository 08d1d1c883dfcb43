"""Weights alone as files: writing them, and taking from a file what fits a model."""

import os
from typing import NamedTuple

from fastcnn import arguments, calling
from fastcnn.io import formats
from fastcnn.io.errors import FileFormatError
from fastcnn.io.safetensors import load_file, save_file
from fastcnn.model.describing import parameter_names
from fastcnn.model.saving import READABLE, STANDING, STATE, named_parameters

FORMAT = "fastcnn weights 1"


class LoadedWeights(NamedTuple):
    """What `load_weights` did, by names of layers and parameters.

    Args:
        loaded: of the model, which are the file's now.
        missing: of the model, which the file does not have.
        mismatched: of the model, which have another shape in the file.
        unused: of the file.
    """

    loaded: list[str]
    missing: list[str]
    mismatched: list[str]
    unused: list[str]


def save_weights(model, path):
    """Writes a model's parameters, see `Model.save_weights`."""
    module = formats.writer(path)
    if module is None:
        save_as_own(model, path)
    elif hasattr(module, "write_weights"):
        module.write_weights(model._description(), path)
    else:
        raise ValueError(f"weights alone are written into files that end in .safetensors, .h5 or .hdf5; export writes "
                         f"others. Received: {os.fsdecode(path)}")


def save_as_own(model, path):
    """Writes a model's parameters in fastcnn's format, whatever the file's name."""
    save_file({name: parameter.value for name, parameter in named_parameters(model)}, path, {"format": FORMAT})


def load_weights(model, path, by_name, skip_mismatch):
    """Takes parameters from a file, see `Model.load_weights`."""
    by_name, skip = arguments.flag("by_name", by_name), arguments.flag("skip_mismatch", skip_mismatch)
    (given, unused), own = _arrays(model, path, by_name), dict(named_parameters(model))
    path = os.fsdecode(path)
    if not (by_name or skip or set(own) <= set(given)) and len(own) == len(given):
        given = dict(zip(own, given.values()))  # names differ: by their order, as in Keras
    missing = [name for name in own if name not in given]
    mismatched = [name for name in own if name in given and given[name].shape != own[name].shape]
    if missing and not (by_name or skip):
        raise FileFormatError(f"{path} must hold {missing[0]}, or as many arrays as the model has; by_name=True takes the "
                              f"layers that both have. Received: {', '.join(list(given)[:5])} …")
    if mismatched and not skip:
        name = mismatched[0]
        raise FileFormatError(f"{path}: {name} must have shape {own[name].shape}; skip_mismatch=True leaves such layers as "
                              f"they are. Received: shape {given[name].shape}")
    odd = {name.rpartition("/")[0] for name in (*missing, *mismatched)}  # layers are loaded as a whole
    loaded = [name for name in own if name.rpartition("/")[0] not in odd]
    if not loaded:
        raise FileFormatError(f"{path} must hold a layer of the model, which has {', '.join(list(own)[:5])} …. Received: "
                              f"{', '.join(list(given)[:5])} …")
    for name in loaded:
        own[name].array[...] = arguments.array(name, given[name])
    model.touch()
    if skip and odd:
        calling.warn(f"load_weights left {', '.join(sorted(odd))} as they were: {path} has other shapes or none for them")
    return LoadedWeights(loaded, missing, mismatched, [name for name in given if name not in own] + unused)


def _arrays(model, path, by_name):
    """({layer/parameter: array} of a file of weights or of a whole model, names of what is of no layer here)."""
    module = formats.reader(path)
    if hasattr(module, "weights"):
        found, unused = module.weights(path, model._description(), by_name)
        return {own: found[theirs] for own, theirs in parameter_names(model).items() if theirs in found}, unused
    tensors, metadata = load_file(path)
    if metadata.get("format") in READABLE:
        tensors = {name: array for name, array in tensors.items() if not name.startswith((STATE, STANDING))}
    return tensors, []
