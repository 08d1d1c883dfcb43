"""Models as the descriptions that other programs' formats are written from."""

from fastcnn.io.description import Description
from fastcnn.model.configuring import entry_of
from fastcnn.model.resuming import json_types
from fastcnn.model.saving import compilation
from fastcnn.registry import unique


def describe(model):
    """A model's description, in which models that serve as layers are taken apart; with `sizes`, for writers. Whatever users
    see, layers are those of channels last; inputs have the data format that users see."""
    names = _names(model)
    calls, starts, ends, _ = model.graph.leaves()
    inputs = [symbol.layer for symbol in model.graph.inputs]
    layers, found, sizes, given = {}, [], [], {}
    for layer, taken, key in [*((layer, [], key) for layer, key in zip(inputs, starts)), *calls]:
        number = layers.setdefault(layer, len(layers))
        given[key] = len(found)
        found.append([number, [[given[own], 0] for own in taken]])
        sizes.append(layer.output_size)
    entries = [_last(layer, names) for layer in layers]
    config = {"class_name": model._kind, "name": model.name, "seed": model.seed, "input_shape": None, "layers": entries,
              "calls": found, "inputs": [[given[key], 0] for key in starts], "outputs": [[given[key], 0] for key in ends]}
    arrays = {f"{names[layer]}/{p.name}": p.value for layer in layers for p in layer.parameters}
    training = None if model.optimizer is None else {**compilation(model), "iterations": model.optimizer.iterations}
    return Description(config, arrays, json_types("metadata", model.metadata), [], sizes, training)


def _names(model):
    """{layer: its name in the whole model}"""
    found = model._named_layers()
    return dict(zip((layer for _, layer in found), unique([name.replace("/", ".") for name, _ in found])))


def take(model, arrays):
    """Puts arrays by the names of a description into the model that it is of."""
    model.set_weights([arrays[name] for name in parameter_names(model).values()])


def parameter_names(model):
    """{name of a parameter in the model: in its description}"""
    names = _names(model)
    return {f"{own}/{p.name}": f"{names[layer]}/{p.name}" for own, layer in model._named_layers() for p in layer.parameters}


def _last(layer, names):
    """A layer's entry, as one of channels last and under the name that it has in the whole model."""
    entry = entry_of(layer)
    config = {**entry["config"], "name": names.get(layer, layer.name)}
    if hasattr(layer, "along"):
        config["axis"] = layer.along + 1
    if "data_format" in config and entry["class_name"] != "InputLayer":
        config["data_format"] = "channels_last"
    return {**entry, "config": config}
