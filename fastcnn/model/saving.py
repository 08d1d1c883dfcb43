"""Writing models: architecture and training state as JSON in the metadata, arrays as tensors."""

from fastcnn.io.safetensors import save_file

FORMAT = "fastcnn model 2"
READABLE = FORMAT, "fastcnn model 1"  # the first knew chains only
DTYPES = "float32", "float16"  # of the weights
_LARGEST = 65504  # in float16
STATE = "optimizer/"  # then the name of the optimizer's array, of the layer and of the parameter
STANDING = "training/"


def save_model(model, path, dtype="float32"):
    """Writes a model, see `Model.save`."""
    import json

    import numpy as np

    from fastcnn import arguments
    from fastcnn.model.resuming import json_types

    arguments.choice("dtype", dtype, DTYPES)
    if not isinstance(model.metadata, dict):
        raise TypeError(f"metadata must be a dict. Received: {type(model.metadata).__name__}")
    notes = json.dumps(json_types("metadata", model.metadata))
    tensors = {}
    for name, parameter in named_parameters(model):
        if dtype == "float16" and np.abs(parameter.value).max(initial=0) > _LARGEST:
            raise ValueError(f'dtype="float16" holds weights up to {_LARGEST:,}. Received: {name} with '
                             f"{np.abs(parameter.value).max():,}")
        tensors[name] = parameter.value.astype(dtype, copy=False)
    training = None
    if model.optimizer is not None and dtype == "float32":
        model._resolve()
        standing, arrays = model._standing.get_state(model.metrics)
        tensors.update({STANDING + name: array for name, array in arrays.items()})
        training = {**compilation(model), "iterations": model.optimizer.iterations, "epochs_seen": model.epochs_seen,
                    "standing": standing}
        if model._kept() is not None:
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
