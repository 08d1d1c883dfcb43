"""Weights that come with fastcnn: files beside this one, in float16, each written by a command of `fastcnn train`."""

import os

from fastcnn import arguments

_FREE = "name", "shape", "input_shape", "kernel_initializer", "bias_initializer"
FOLDER = os.path.join(os.path.dirname(__file__), "weights")


def filled(model, weights, files):
    """The model with weights that come with fastcnn, and with their metadata: class names, how images are prepared.

    Args:
        model: new.
        weights: a name; None: the model as it is.
        files: {name: file that has the weights of such a model}; the file's architecture must be the model's, the size of
            the images aside.

    Raises:
        ValueError: another name; the model is not what those weights were trained in.
    """
    if weights is None:
        return model
    from fastcnn.model.loading import load_model

    found = load_model(os.path.join(FOLDER, files[arguments.choice("weights", weights, tuple(files))]), compile=False)
    if _form(found) != _form(model):
        raise ValueError(f"{arguments.given(weights=weights)} need the network that they were trained in, {_shown(found)}. "
                         f"Received: {_shown(model)}")
    model.set_weights(found.get_weights())
    if found.input_shape == model.input_shape:
        model.metadata.update(found.metadata)
    return model


def _form(model):
    """What says which weights it takes, and what is done with them."""
    return ([(layer["class_name"], {name: value for name, value in layer["config"].items() if name not in _FREE})
             for layer in model.get_config()["layers"]], [parameter.shape for parameter in model.parameters])


def _shown(model):
    found = (layer["config"].get("activation") for layer in model.get_config()["layers"])
    activations = ", ".join(sorted({name for name in found if isinstance(name, str)}))
    return (f"{model.name} of {model.count_params():,} parameters, {model.input_shape} → {model.output_shape}, with "
            f"{activations}")
