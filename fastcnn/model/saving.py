"""Writing models: architecture and training state as JSON in the metadata, arrays as tensors."""

from fastcnn.io.safetensors import save_file

FORMAT = "fastcnn model 1"
STATE = "optimizer/"  # then the name of the optimizer's array, of the layer and of the parameter
STANDING = "training/"


def save_model(model, path):
    """Writes a model, see `Sequential.save`."""
    import json

    from fastcnn import losses, optimizers, registry
    from fastcnn.model.resuming import json_types

    if not isinstance(model.metadata, dict):
        raise TypeError(f"metadata must be a dict. Received: {type(model.metadata).__name__}")
    notes = json.dumps(json_types("metadata", model.metadata))
    tensors = {}
    for name, parameter in named_parameters(model):
        tensors[name] = parameter.value
    training = None
    if model.optimizer is not None:
        standing, arrays = model._standing.get_state(model._metrics)
        tensors.update({STANDING + name: array for name, array in arrays.items()})
        training = {
            "optimizer": optimizers.serialize(model.optimizer),
            "iterations": model.optimizer.iterations,
            "loss": None if model.loss is None else losses.serialize(model.loss),
            "python_loss": None if model.loss is None or model.loss.kind is not None else registry.serialize(model.loss),
            "metrics": [given if isinstance(given, str) else registry.serialize(metric)
                        for given, metric in zip(model._given_metrics, model._metrics)],
            "epochs_seen": model.epochs_seen,
            "standing": standing,
        }
        if model._flat.state is not None:
            for name, parameter in trained_parameters(model):
                for state, array in zip(model.optimizer.states, model._flat.states_of(parameter), strict=True):
                    tensors[f"{STATE}{state}/{name}"] = array
    save_file(tensors, path, {"format": FORMAT, "model": json.dumps(model.get_config()),
                              "training": json.dumps(training), "metadata": notes})


def named_parameters(model):
    """[(layer/parameter, parameter)] in order."""
    return [(f"{layer.name}/{p.name}", p) for layer in model.layers for p in layer.parameters]


def trained_parameters(model):
    """Those that optimizers keep states of."""
    return [(name, parameter) for name, parameter in named_parameters(model) if parameter.trainable]
