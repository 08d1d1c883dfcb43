"""The architecture of models in JSON's types, and back: which layers there are, and who takes whose values."""

from fastcnn import arguments
from fastcnn.layers.building import layer_from_config
from fastcnn.layers.input import InputLayer, input_for
from fastcnn.layers.symbols import Symbol
from fastcnn.registry import unique


def config_of(model, entry):
    """The configuration of a model with branches: layers, calls in their order, each with the (number of a call, number of a
    value it gives) that it takes, and which of those are the model's inputs and outputs. entry: layer → what tells of it.

    A model that begins with a value that layers give has an input of its shape there."""
    graph = model.graph
    inner = [symbol for symbol in graph.inputs if symbol.call.inputs]
    names = unique([symbol.name for symbol in inner], [layer.name for layer in graph.layers])
    layers = [*map(input_for, inner, names), *graph.layers]
    places = {call: place for place, call in enumerate(graph.calls, len(inner))}
    starts = {id(symbol): [place, 0] for place, symbol in enumerate(inner)}
    numbers = {layer: number for number, layer in enumerate(layers)}

    def taken(symbols):
        return [starts.get(id(symbol)) or [places[symbol.call], symbol.index] for symbol in symbols]

    config = {"name": model.name, "seed": model.seed, "layers": [entry(layer) for layer in layers],
              "calls": [*([place, []] for place in range(len(inner))),
                        *([numbers[call.layer], taken(call.inputs)] for call in graph.calls)],
              "inputs": taken(graph.inputs), "outputs": taken(graph.outputs)}
    for ends in ("input_names", "output_names"):
        if model._given_names[ends]:
            config[ends] = model._given_names[ends]
    return with_choices(model, config)


def entry_of(layer):
    """A layer as {"class_name", "config"}."""
    return {"class_name": getattr(layer, "_kind", type(layer).__name__), "config": layer.get_config()}


def with_choices(model, config):
    """The configuration with the model's choice of half weights, of int8 and of names as answers, if it has made one."""
    half = {} if model.dense_dtype == "float32" else {"half_weights": model.dense_dtype}
    int8 = {"quantized": {name: list(ends) for name, ends in model.quantized.items()}} if model.quantized else {}
    return {**config, **half, **int8, **({"predicts": "names"} if model._named else {})}


def layer_of(entry, models):
    """A layer, or a model as one, of `entry_of`'s answer, or of itself; models: {class name: class}."""
    if not isinstance(entry, dict):
        return entry
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
                                 f"{arguments.shown(name)} takes that of {arguments.shown(later)}")
            values.append(given[place][arguments.integer("index", index, 0, len(given[place]) - 1)])
        return values

    for number, places in config["calls"]:
        layer = layers[arguments.integer("layer", number, 0, len(layers) - 1)]
        if isinstance(layer, (InputLayer, Symbol)):
            given.append([layer if isinstance(layer, Symbol) else layer.symbol()])
            continue
        values = found(layer.name, places)
        if not values:
            raise ValueError(f"a layer takes the value of another. Received: {arguments.shown(layer.name)}, which takes "
                             "none")
        answer = layer(values if layer.merges else values[0])
        given.append(answer if isinstance(answer, list) else [answer])
    ends = []
    for name, names in (("inputs", "input_names"), ("outputs", "output_names")):
        values = found(name, config[name])
        ends.append(dict(zip(config[names], values, strict=True)) if names in config else values)
    return ends
