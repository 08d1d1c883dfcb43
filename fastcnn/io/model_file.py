"""Models as files: architecture and training state as JSON in the metadata, arrays as tensors."""

from fastcnn.io.safetensors import FileFormatError, load_file, save_file

_FORMAT = "fastcnn model 1"


def save_model(model, path):
    """Writes a model, see `Sequential.save`."""
    import json

    from fastcnn import losses, optimizers

    tensors = {}
    for layer in model.layers:
        for parameter in layer.parameters:
            tensors[f"{layer.name}/{parameter.name}"] = parameter.value
    training = None
    if model.optimizer is not None:
        training = {
            "optimizer": optimizers.serialize(model.optimizer),
            "iterations": model.optimizer.iterations,
            "loss": None if model.loss is None else losses.serialize(model.loss),
            "metrics": [m for m in map(_metric, model._given_metrics) if m is not None],
            "epochs_seen": model.epochs_seen,
        }
        for layer in model.layers:
            for parameter in layer.parameters:
                state = model._flat.state_of(parameter)
                if state is not None:
                    tensors[f"optimizer/velocity/{layer.name}/{parameter.name}"] = state
    save_file(tensors, path, {"format": _FORMAT, "model": json.dumps(model.get_config()),
                              "training": json.dumps(training)})


def _metric(given):
    """A metric as `compile` took it, in JSON's types; None for a function, which cannot be saved."""
    from fastcnn import registry

    if isinstance(given, registry.Configurable):
        return registry.serialize(given)
    return given if isinstance(given, (str, dict)) else None


def load_model(path, custom_objects=None, compile=True):
    """Reads a model that `save` wrote.

    Args:
        path: of the file.
        custom_objects: {name: class} of layers that are not fastcnn's own.
        compile: restore optimizer, its state, loss and metrics too.

    Raises:
        FileFormatError: the file is damaged, not a model, or its arrays do not fit its architecture.

    Example:
        >>> model = fastcnn.networks.lenet5()
        >>> model.save("lenet5.safetensors")
        >>> fastcnn.load_model("lenet5.safetensors").count_params()
        61706
    """
    import json

    from fastcnn.model import Sequential

    tensors, metadata = load_file(path)
    if metadata.get("format") != _FORMAT:
        raise FileFormatError(f"{path} holds no model of this version. Received: format {metadata.get('format')!r}, "
                              f"accepted: {_FORMAT!r}")
    try:
        config, training = json.loads(metadata["model"]), json.loads(metadata["training"])
        model = Sequential.from_config(config, custom_objects)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FileFormatError(f"{path}: the architecture cannot be built: {error}") from error
    names = [f"{layer.name}/{p.name}" for layer in model.layers for p in layer.parameters]
    _check(path, {name: tensors.pop(name, None) for name in names}, model, lambda p, v: p.value.__setitem__(..., v))
    if compile and training is not None:
        _restore_training(path, model, training, tensors)
    return model


def _check(path, arrays, model, put):
    """Puts arrays into the model's parameters after all of them have been found right."""
    parameters = [(f"{layer.name}/{p.name}", p) for layer in model.layers for p in layer.parameters]
    for (name, parameter), value in zip(parameters, arrays.values()):
        received = None if value is None else f"{value.dtype} of shape {value.shape}"
        if value is None or value.shape != parameter.shape or value.dtype.kind != "f" or value.itemsize != 4:
            raise FileFormatError(f"{path}: {name} must be float32 of shape {parameter.shape}. Received: {received}")
    for (_, parameter), value in zip(parameters, arrays.values()):
        put(parameter, value)
    model.touch()


def _restore_training(path, model, training, tensors):
    try:
        model.compile(training["optimizer"], training["loss"], training["metrics"])
        model.optimizer.iterations = int(training["iterations"])
        model.epochs_seen = int(training["epochs_seen"])
    except (KeyError, TypeError, ValueError) as error:
        raise FileFormatError(f"{path}: the training state cannot be restored: {error}") from error
    state = {name: tensors.get(f"optimizer/velocity/{layer.name}/{p.name}")
             for layer in model.layers for p in layer.parameters for name in [f"{layer.name}/{p.name}"]}
    if any(value is not None for value in state.values()):
        model._flat.prepare_training(True)
        _check(path, state, model, lambda p, v: model._flat.state_of(p).__setitem__(..., v))


def layer_from_config(entry, custom_objects=None):
    """A layer from {"class_name", "config"}; only fastcnn's own classes and those given by name."""
    from fastcnn import layers

    name = entry["class_name"]
    classes = {n: getattr(layers, n) for n in layers.__all__ if n != "Layer"} | dict(custom_objects or {})
    if name not in classes:
        raise ValueError(f"layers of class {name!r} are not fastcnn's own; give custom_objects={{{name!r}: its class}}")
    return classes[name].from_config(entry["config"])
