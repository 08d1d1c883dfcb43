"""The architecture of models in JSON's types, and back: which layers there are, and who takes whose values."""

from fastcnn import arguments
from fastcnn.layers.building import layer_from_config
from fastcnn.layers.input import InputLayer


def config_of(model):
    """The configuration of a model with branches: layers, calls in their order, each with the (number of a call, number of a
    value it gives) that it takes, and which of those are the model's inputs and outputs."""
    graph = model.graph
    places = {call.number: place for place, call in enumerate(graph.calls)}
    numbers = {id(layer): number for number, layer in enumerate(graph.layers)}

    def taken(symbols):
        return [[places[symbol.call.number], symbol.index] for symbol in symbols]

    config = {"name": model.name, "seed": model.seed,
              "layers": [entry_of(layer) for layer in graph.layers],
              "calls": [[numbers[id(call.layer)], taken(call.inputs)] for call in graph.calls],
              "inputs": taken(graph.inputs), "outputs": taken(graph.outputs)}
    for ends in ("input_names", "output_names"):
        if model._given_names[ends]:
            config[ends] = model._given_names[ends]
    return with_half_weights(model, config)


def entry_of(layer):
    """A layer as {"class_name", "config"}."""
    return {"class_name": type(layer).__name__, "config": layer.get_config()}


def with_half_weights(model, config):
    """The configuration with the model's choice of half weights, if it has made one."""
    return config if model.dense_dtype == "float32" else {**config, "half_weights": model.dense_dtype}


def layer_of(entry, models):
    """A layer, or a model as one, of `entry_of`'s answer; models: {class name: class}."""
    if entry["class_name"] in models:
        return models[entry["class_name"]].from_config(entry["config"])
    return layer_from_config(entry)


def symbols_of(config, models):
    """(inputs, outputs) of `config_of`'s answer.

    Raises:
        ValueError: a layer takes the value of one that comes after it.
    """
    layers, given = [layer_of(entry, models) for entry in config["layers"]], []

    def found(name, places):
        values = []
        for place, index in places:
            place = arguments.integer("call", place, 0)
            if place >= len(given):
                later = layers[config["calls"][place][0]].name if place < len(config["calls"]) else place
                raise ValueError(f"a layer takes the values of layers before it, or there would be a circle. Received: "
                                 f"{name!r} takes that of {later!r}")
            values.append(given[place][arguments.integer("index", index, 0, len(given[place]) - 1)])
        return values

    for number, places in config["calls"]:
        layer = layers[arguments.integer("layer", number, 0, len(layers) - 1)]
        if isinstance(layer, InputLayer):
            given.append([layer.symbol()])
            continue
        values = found(layer.name, places)
        if not values:
            raise ValueError(f"a layer takes the value of another. Received: {layer.name!r}, which takes none")
        answer = layer(values if layer.merges else values[0])
        given.append(answer if isinstance(answer, list) else [answer])
    ends = []
    for name, names in (("inputs", "input_names"), ("outputs", "output_names")):
        values = found(name, config[name])
        ends.append(dict(zip(config[names], values, strict=True)) if names in config else values)
    return ends
