"""Reading models that `saving` wrote."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastcnn import arguments
from fastcnn.io import formats
from fastcnn.io.description import Description
from fastcnn.io.errors import FileFormatError
from fastcnn.io.safetensors import load_file
from fastcnn.model.resuming import json_types
from fastcnn.model.saving import DTYPES, READABLE, STANDING, STATE, named_parameters, trained_parameters
from fastcnn.model.sequential import Model, Sequential
from fastcnn.typing import Path


def load_model(path: Path, custom_objects: dict[str, Any] | None = None, compile: bool = True) -> Sequential | Any:
    """Reads a model that `save` wrote, or another program; which of them the file's content says.

    Args:
        path: of the file: fastcnn's own, or ONNX, Keras, Caffe (docs/interchange.md says what comes with it).
        custom_objects: {name: class or function} of layers, initializers, losses, metrics, optimizers and schedules that are
            not fastcnn's own.
        compile: restore optimizer, its state, loss and metrics too, and what `fit(resume=True)` needs. A loss written in
            Python whose class is not among `custom_objects` is left out.

    Raises:
        FileFormatError: the file is damaged, not a model, its arrays do not fit its architecture, or it holds what fastcnn
            cannot compute.
        ImportError: another program's format needs a package that is not installed.

    Example:
        >>> model = fastcnn.networks.lenet5()
        >>> model.save("lenet5.safetensors")
        >>> fastcnn.load_model("lenet5.safetensors").count_params()
        61706
    """
    return load_as(Model._kinds, path, custom_objects, compile)


def load_as(classes, path, custom_objects=None, compile=True):
    """What `load_model` does, for models of other classes: {kind: class}."""
    from fastcnn import registry

    module = formats.reader(arguments.path("path", path))
    description, training = _own(path) if module is None else (module.read(path), None)
    with registry.custom_objects(custom_objects):
        model = build(description, path, classes, training)
        if compile and training is not None:
            _restore_training(path, model, training, description.arrays)
        elif compile and description.training is not None:
            _try_to_compile(path, model, description.training)
    return model


def build(description, path, classes=Model._kinds, training=None):
    """The model of a description.

    Args:
        description: a `Description`.
        path: of the file, for messages.
        classes: {kind: class} of models.
        training: the training state that some of the arrays belong to.

    Raises:
        FileFormatError: there are no such layers, or the arrays are not theirs.
    """
    try:
        config = dict(description.config)
        model = classes[config.pop("class_name", "Sequential")].from_config(config)
        model._need_built()
        _check(path, model, description.arrays, training)
        if not isinstance(description.metadata, dict):
            raise TypeError(f"metadata must be a dict. Received: {type(description.metadata).__name__}")
        model.metadata, model.notes = json_types("metadata", description.metadata), tuple(description.notes)
    except FileFormatError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise FileFormatError(f"{path}: the architecture cannot be built: {error}") from error
    for name, parameter in named_parameters(model):
        parameter.array = np.require(description.arrays[name], "float32", ["C", "W"])  # nothing has been drawn
    return model


def _own(path):
    """(description, training state) of a file of fastcnn's own."""
    import json

    tensors, metadata = load_file(path)
    if metadata.get("format") not in READABLE:
        raise FileFormatError(f"{path} holds no model of this version, but arrays for fastcnn.io.load_file (accepted: "
                              f"{' and '.join(map(repr, READABLE))}). Received: format "
                              f"{arguments.shown(metadata.get('format'))}")
    try:
        config, training = json.loads(metadata["model"]), json.loads(metadata["training"])
        return Description(config, tensors, json.loads(metadata.get("metadata", "{}"))), training
    except (KeyError, ValueError, RecursionError) as error:
        raise FileFormatError(f"{path}: the architecture cannot be built: {error}") from error


def _restored_loss(loss, own):
    """The loss that a file names; None: it had none, or one written in Python that `custom_objects` do not have."""
    from fastcnn import losses, registry

    if own is None:
        return loss
    return losses.get(own) if own["class_name"] in registry.custom() else None


def _compile(model, training):
    """Compiles a model as a file says, of either format."""
    if "losses" not in training:
        loss = _restored_loss(training["loss"], training.get("python_loss"))
        model.compile(training["optimizer"], loss, training["metrics"])
        return
    losses = [_restored_loss(*pair) for pair in zip(training["losses"], training["python_losses"], strict=True)]
    model.compile(training["optimizer"], losses, training["metrics"], training["loss_weights"])


def _try_to_compile(path, model, training):
    """Compiles a model as another program's file says, or warns that it is not compiled."""
    import warnings

    from fastcnn import arguments

    try:
        _compile(model, training)
        model.optimizer.iterations = arguments.integer("iterations", training.get("iterations", 0), 0, 2**63 - 1)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        warnings.warn(f"{path}: the model is not compiled, since fastcnn has not what it was compiled with: {error}",
                      stacklevel=4)


def _states(tensors):
    """Names of the arrays that the optimizer kept."""
    parts = [name.split("/", 2) for name in tensors if name.startswith(STATE)]
    return sorted({part[1] for part in parts if len(part) == 3 and "/" in part[2]})


def _check(path, model, tensors, training):
    """Refuses a file whose arrays are not the model's, before the model takes any memory."""
    wanted = {name: parameter.shape for name, parameter in named_parameters(model)}
    states = _states(tensors) if training is not None else []
    wanted.update({f"{STATE}{state}/{name}": parameter.shape
                   for state in states for name, parameter in trained_parameters(model)})
    for name, shape in wanted.items():
        value = tensors.get(name)
        kinds = ("float32",) if name.startswith(STATE) else DTYPES
        if value is None or value.shape != shape or value.dtype not in kinds:
            received = None if value is None else f"{value.dtype} of shape {value.shape}"
            raise FileFormatError(f"{path}: {name} must be {' or '.join(kinds)} of shape {shape}. Received: {received}")
    standing = {name for name in tensors if training is not None and name.startswith(STANDING)}
    foreign = sorted(set(tensors) - set(wanted) - standing)
    if foreign:
        raise FileFormatError(f"{path} holds arrays that are not the model's. Received: {', '.join(foreign[:5])}")


def _restore_training(path, model, training, tensors):
    from fastcnn import arguments

    states = _states(tensors)
    try:
        _compile(model, training)
        if states and states != sorted(model.optimizer.states):
            raise ValueError(f"{type(model.optimizer).__name__} keeps {sorted(model.optimizer.states)}. Received: {states}")
        model.optimizer.iterations = arguments.integer("iterations", training["iterations"], 0, 2**63 - 1)
        model.epochs_seen = arguments.integer("epochs_seen", training["epochs_seen"], 0)
        if "standing" in training:  # older files have none
            arrays = {name[len(STANDING):]: value for name, value in tensors.items() if name.startswith(STANDING)}
            model._standing.set_state(training["standing"], arrays, model.metrics)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise FileFormatError(f"{path}: the training state cannot be restored: {error}") from error
    if states:
        model._prepare_training()
        for name, parameter in trained_parameters(model):
            for state, array in zip(model.optimizer.states, model._states.of(parameter), strict=True):
                array[...] = tensors[f"{STATE}{state}/{name}"]
