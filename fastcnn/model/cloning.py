"""Models of the same architecture as others, with new weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastcnn import arguments, registry
from fastcnn.layers.base import Layer
from fastcnn.layers.input import InputLayer
from fastcnn.model.base import BaseModel
from fastcnn.model.graph import symbols
from fastcnn.random import new_seed


def clone_model(model: Any, input_tensors: Any = None, clone_function: Callable[[Layer], Layer] | None = None) -> Any:
    """A model of the same architecture, made of new layers with initial values drawn anew; it is not compiled.

    `copy.deepcopy(model)` keeps weights and training, and `Model(model.inputs, model.outputs)` shares weights.

    Args:
        model: a `Sequential` or `Model`; what it has layers, models among them, the clone has layers of its own for.
        input_tensors: what the clone begins with, for each input an `Input`, or a value that a layer gave; in a list, if
            there are several. None: new inputs like the model's.
        clone_function: layer → the layer in its place, called for each but the inputs; None: it is made of the layer's class
            and configuration. What it returns may have been built, and then is shared.

    Returns:
        a `Sequential`, or a `Model`.

    Raises:
        TypeError: something else than a model, an input or a layer.
        ValueError: too few or too many inputs, a model that has not been built.

    Example:
        >>> model = fastcnn.Sequential([fastcnn.layers.Dense(2, input_shape=(3,))])
        >>> clone = fastcnn.clone_model(model)
        >>> clone.count_params(), np.array_equal(clone.get_weights()[0], model.get_weights()[0])
        (8, False)

    Source: Keras' keras.models.clone_model.
    """
    if not isinstance(model, BaseModel):
        raise TypeError(f"model must be a Sequential or a Model. Received: {arguments.shown(model)}")
    if clone_function is not None and not callable(clone_function):
        raise TypeError(f"clone_function must be a function of a layer. Received: {arguments.shown(clone_function)}")
    if input_tensors is not None:
        input_tensors, _ = symbols("input_tensors", input_tensors)
        count = len(model.inputs)
        if len(input_tensors) != count:
            raise ValueError(f"input_tensors must be as many as the model's {count} inputs. Received: {len(input_tensors)}")
    config = model._described(lambda layer: _clone_of(layer, clone_function or _like)) | {"seed": new_seed()}
    config.pop("quantized", None)  # by what other weights gave
    if input_tensors is not None:
        _begin_with(config, input_tensors)
    return model._kinds[model._kind].from_config(config)


def _begin_with(config, tensors):
    """Puts values in the places of a configuration's inputs."""
    if "calls" not in config:  # a chain
        config["layers"] = [*tensors, *(layer for layer in config["layers"] if not isinstance(layer, InputLayer))]
        return
    for (call, _), tensor in zip(config["inputs"], tensors):
        config["layers"][config["calls"][call][0]] = tensor


def _clone_of(layer, clone_function):
    """What stands for a layer in the clone."""
    if isinstance(layer, InputLayer):
        return _like(layer)
    clone = clone_function(layer)
    if not isinstance(clone, Layer):
        raise TypeError(f"clone_function must return a layer. Received: {arguments.shown(clone)} for layer "
                        f"{arguments.shown(layer.name)}")
    return clone


def _like(layer):
    """A new layer of a layer's class and configuration."""
    if isinstance(layer, BaseModel):
        return clone_model(layer)
    with registry.custom_objects(registry.used(vars(layer).values())):
        return type(layer).from_config(layer.get_config())
