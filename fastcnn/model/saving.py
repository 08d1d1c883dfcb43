"""Writing models: architecture and training state as JSON in the metadata, arrays as tensors."""

from fastcnn.io.safetensors import save_file

FORMAT = "fastcnn model 2"
READABLE = FORMAT, "fastcnn model 1"  # the first knew chains only
STATE = "optimizer/"  # then the name of the optimizer's array, of the layer and of the parameter
STANDING = "training/"


def save_model(model, path):
    """Writes a model, see `Model.save`."""
    import json

    from fastcnn.model.resuming import json_types

    if not isinstance(model.metadata, dict):
        raise TypeError(f"metadata must be a dict. Received: {type(model.metadata).__name__}")
    notes = json.dumps(json_types("metadata", model.metadata))
    tensors = {}
    for name, parameter in named_parameters(model):
        tensors[name] = parameter.value
    training = None
    if model.optimizer is not None:
        model._resolve()
        standing, arrays = model._standing.get_state(model.metrics)
        tensors.update({STANDING + name: array for name, array in arrays.items()})
        training = {**compilation(model), "iterations": model.optimizer.iterations, "epochs_seen": model.epochs_seen,
                    "standing": standing}
        if model._states is not None and model._states.rows:
            for name, parameter in trained_parameters(model):
                for state, array in zip(model.optimizer.states, model._states.of(parameter), strict=True):
                    tensors[f"{STATE}{state}/{name}"] = array
    config = {"class_name": model._kind, **model.get_config()}
    save_file(tensors, path, {"format": FORMAT, "model": json.dumps(config),
                              "training": json.dumps(training), "metadata": notes})


def compilation(model):
    """What `compile` was told, in JSON's types."""
    from fastcnn import losses, optimizers, registry

    model._resolve()
    return {
        "optimizer": optimizers.serialize(model.optimizer),
        "losses": [None if loss is None else losses.serialize(loss) for loss in model._losses],
        "python_losses": [None if loss is None or loss.kind is not None else registry.serialize(loss)
                          for loss in model._losses],
        "loss_weights": model._loss_weights,
        "metrics": [[given if isinstance(given, str) else registry.serialize(metric)
                     for given, metric in zip(head.given, head.metrics)] for head in model._heads],
    }


def named_parameters(model):
    """[(layer/parameter, parameter)] in order."""
    return [(f"{name}/{p.name}", p) for name, layer in model._named_layers() for p in layer.parameters]


def trained_parameters(model):
    """Those that optimizers keep states of."""
    return [(name, parameter) for name, parameter in named_parameters(model) if parameter.trainable]
