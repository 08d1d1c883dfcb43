"""Keras' files: archives of version 3 (.keras), HDF5 of all versions (.h5), weights alone (.weights.h5, .h5). Needs h5py.

An archive is a zip of config.json, metadata.json and model.weights.h5, with arrays at layers/<class>[_<number>]/vars/<i>.
Older files have the configuration as an attribute and arrays at model_weights/<layer>/<names in an attribute>.
"""

import io
import json
import os
from contextlib import ExitStack, contextmanager

import numpy as np

from fastcnn.importing import installed
from fastcnn.io.archives import archive, pack
from fastcnn.io.atomic import replacing
from fastcnn.io.errors import FileFormatError
from fastcnn.io.hdf5 import tree
from fastcnn.io.keras import reading, writing

_WHAT = "reading or writing Keras' files"
_OWN = "fastcnn"  # under which metadata and what `compile` was told are kept
_VERSION = "3.5.0"  # whose files these are
_LONG = 60_000  # bytes that an attribute can hold
_NAMES = ("config.json", "metadata.json", "model.weights.h5")


def needed():
    """The package `h5py`, or an ImportError."""
    return installed("h5py", _WHAT)


def read(path):
    """A model's `Description`.

    Args:
        path: of a .keras or .h5 file.

    Raises:
        FileFormatError: it is damaged, holds weights alone, or layers that fastcnn does not have.
        ImportError: h5py is not installed.
    """
    with _opened(path) as (found, config, said):
        if config is None:
            raise FileFormatError("must hold an architecture. Received: weights alone, which a model's load_weights takes")
        version = said.get("keras_version") or "2"
        if not isinstance(version, str):
            raise FileFormatError(f"keras_version must be a text. Received: {type(version).__name__}")
        weights_at = _in_order(found) if found.members("layers") else _legacy(found)
        description = reading.described(config, weights_at, version.split(".")[0] in ("0", "1", "2"))
        own = said.get(_OWN) if isinstance(said.get(_OWN), dict) else {}
        description.metadata = own.get("metadata", {})
        theirs = reading.compilation(said.get("training") or config.get("compile_config"))
        description.training = own.get("training") or theirs
        return description


def weights(path, description, by_name=False):
    """({layer/parameter: array} of a file of a model or of weights, by the names of a model; names of layers left over).

    Args:
        path: of a .weights.h5, .h5 or .keras file.
        description: of the model.
        by_name: those of layers of the same name; False: those of all layers, in Keras' order.
    """
    _, layers, names = writing.written(description)
    ours = [(names[name], group, own) for (name, group), own in zip(_groups(layers), [own for *_, own in layers]) if own]
    with _opened(path) as (found, _, _):
        if found.members("layers"):
            given = list(_in_archive(found, "")) if by_name else [
                (None, _variables(found, f"layers/{group}/")) for _, group, _ in ours]
        else:
            inner = "model_weights" if found.members("model_weights") else ""
            given = [(name, [array for _, array in _weights_of(found, inner, name)])
                     for name in found.attribute(inner, "layer_names") or []]
            given = [(name, arrays) for name, arrays in given if arrays]
    unused = [name for name, _ in given[len(ours):]]
    if by_name:
        named = dict(given)
        given = [(None, named.pop(name, None) or named.pop(name.replace(".", "_"), [])) for name, _, _ in ours]
        unused = list(named)
    return {f"{name}/{parameter}": array for (name, _, own), (_, arrays) in zip(ours, given)
            for parameter, array in zip(own, arrays)}, unused


def write_weights(description, path):
    """Writes the weights alone; arguments as `write`."""
    write(description, path, weights_only=True)


def write(description, path, weights_only=False):
    """Writes a model, or its weights alone; `description.notes` then say what Keras has no word for.

    Args:
        description: a `Description` with sizes.
        path: ends in .keras, .h5 or .hdf5.
        weights_only: of HDF5, leave the architecture out; .weights.h5 then is as Keras 3 has it, others as Keras 2 had them.
            A .keras archive always has all.

    Raises:
        ValueError: layers that Keras does not have: all of them are named.
    """
    module = needed()
    name = os.fsdecode(path).lower()
    config, arrays, _ = writing.written(description)
    own = {"metadata": description.metadata, "training": description.training}
    with replacing(path) as file:
        if name.endswith(".keras"):
            inner = io.BytesIO()
            with module.File(inner, "w") as found:
                _write_archive(found, arrays)
            said = json.dumps({"keras_version": _VERSION, _OWN: own})
            pack(file, dict(zip(_NAMES, (json.dumps(config), said, inner.getbuffer()))))
            return
        with module.File(file, "w") as found:
            if weights_only and name.endswith(".weights.h5"):
                _write_archive(found, arrays)
                return
            group = found
            if not weights_only:
                found.attrs["model_config"], found.attrs[_OWN] = json.dumps(config), json.dumps(own)
                found.attrs["keras_version"], found.attrs["backend"] = _VERSION, "numpy"
                group = found.create_group("model_weights")
            _write_legacy(group, arrays)


@contextmanager
def _opened(path):
    """A block that reads a file: (`hdf5.Tree`, configuration or None, what else it says). Its errors name the file."""
    try:
        with ExitStack() as blocks:
            yield _tree(path, blocks)
    except FileFormatError as error:
        raise FileFormatError(f"{os.fsdecode(path)}: {error}") from None


def _tree(path, blocks):
    with open(path, "rb") as file:
        zipped = file.read(2) == b"PK"
    if not zipped:
        found = blocks.enter_context(tree(path, os.path.getsize(path), _WHAT))
        config, training, own = (_json(found.attribute("", name)) for name in ("model_config", "training_config", _OWN))
        return found, config, {"keras_version": found.attribute("", "keras_version"), "training": training, _OWN: own}
    with archive(path, compressed=True) as found:
        config, metadata, inner = [found.read(name) for name in _NAMES]
    found = blocks.enter_context(tree(io.BytesIO(inner), len(inner), _WHAT))
    return found, _json(config), _json(metadata)


def _json(text):
    if text is None:
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FileFormatError(f"the configuration must be JSON. Received: {error}") from None
    if not isinstance(found, dict):
        raise FileFormatError(f"the configuration must be an object of JSON. Received: {type(found).__name__}")
    return found


def _in_order(found):
    """The arrays of a layer of an archive, by its place."""

    def weights(place):
        return _variables(found, "".join(f"layers/{group}/" for group, _ in place))

    return weights


def _variables(found, path):
    """The arrays of a layer, in the order of their numbers."""
    names = sorted(found.members(f"{path}vars"), key=lambda name: (len(name), name))
    return [found.array(f"{path}vars/{name}") for name in names]


def _in_archive(found, path):
    """[(name, arrays)] of all layers in an archive, or in a file of weights, in the order of their names there."""
    for group in found.members(f"{path}layers"):
        own = f"{path}layers/{group}/"
        if arrays := _variables(found, own):
            yield found.attribute(f"{own}vars", "name") or group, arrays
        yield from _in_archive(found, own)


def _legacy(found):
    """The arrays of a layer of an older file, by its place; those of inner models lie together, by their layers' names."""

    def weights(place):
        outer, inner = place[0][1], place[-1][1]
        arrays = _weights_of(found, "model_weights", outer)
        if len(place) > 1:
            arrays = [(name, array) for name, array in arrays if name.split("/")[-2:][0] == inner]
        return [array for _, array in arrays]

    return weights


def _weights_of(found, group, layer):
    own = f"{group}/{layer}" if group else layer
    names = found.attribute(own, "weight_names") or []
    return [(name, found.array(f"{own}/{name}")) for name in names]


def _groups(layers):
    """[(name, its group in an archive)] of all layers of Keras' network, [(name, class, arrays)] in order."""
    counts, found = {}, []
    for name, kind, _ in layers:
        base = reading.snake(kind)
        number = counts[base] = counts.get(base, -1) + 1
        found.append((name, f"{base}_{number}" if number else base))
    return found


def _write_archive(found, layers):
    for (name, base), (_, _, own) in zip(_groups(layers), layers):
        group = found.create_group(f"layers/{base}/vars")
        group.attrs["name"] = name
        for i, array in enumerate(own.values()):
            group.create_dataset(str(i), data=array)
    found.create_group("vars")


def _write_legacy(group, arrays):
    _write_texts(group, "layer_names", [name for name, _, _ in arrays])
    group.attrs["keras_version"], group.attrs["backend"] = _VERSION, "numpy"
    for name, _, own in arrays:
        layer = group.create_group(name)
        _write_texts(layer, "weight_names", [f"{name}/{parameter}" for parameter in own])
        for parameter, array in own.items():
            layer.create_dataset(f"{name}/{parameter}", data=array)
    _write_texts(group.create_group("top_level_model_weights"), "weight_names", [])


def _write_texts(group, name, texts):
    """An attribute of texts; in parts, if they are long."""
    parts = np.array_split(np.array([text.encode() for text in texts] or [], "S"), 1 + sum(map(len, texts)) * 2 // _LONG)
    for number, part in enumerate(parts):
        group.attrs[name if len(parts) == 1 else f"{name}{number}"] = part
