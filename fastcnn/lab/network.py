"""A network from its text, and back: a list of layers in JSON, or ConvNetJS' definitions."""

import json
import math
from contextlib import contextmanager
from difflib import SequenceMatcher
from typing import NamedTuple

from fastcnn import initializers, layers, losses, registry
from fastcnn.convnetjs import building, definitions
from fastcnn.lab.text import Wrong, objects
from fastcnn.model.model import Model
from fastcnn.model.sequential import Sequential

_PARAMETERS, _VALUES = 30_000_000, 8_000_000  # the most that a network may have, and that one of its layers may give
_OWN = "layer", "takes"  # of an entry: the class, and whose values it takes; all else are its arguments


class Built(NamedTuple):
    """A network that a text has become, and its loss."""

    model: Model
    loss: object


def build(text, shape, classes, known=None, seed=None, name="network"):
    """`Built` of a text.

    Args:
        text: as `text_of` writes it, or ConvNetJS' definitions.
        shape: (height, width, channels) of the images.
        classes: how many there are.
        known: {name: class} of layers that are not fastcnn's own.
        seed, name: of the model.

    Raises:
        Wrong: what is wrong, and where.

    Example:
        >>> build("{layer: 'Flatten'}, {layer: 'Dense', units: 10, activation: 'softmax'}", (28, 28, 1), 10).model
        <Sequential 'network': (None, 28, 28, 1) → (None, 10), 2 layers>
    """
    found = objects(text)
    if any("type" in entry for _, entry in found):
        model, loss = _convnetjs(found, shape, seed, name)
    else:
        model, loss = _listed(found, shape, {**_classes(), **(known or {})}, seed, name), None
    last = len(found) - 1, found[-1][0]
    outputs = model.output_shape[1:]
    if outputs != (classes,) and not (classes == 2 and outputs == (1,)):
        raise Wrong(f"the last layer must give {classes} numbers, one for each class. Received: {_times(outputs)}", *last)
    with _at(*last):
        loss = losses.get(loss_of(model) if loss is None else loss)
        loss.prepare([0], outputs)
    return Built(model, loss)


def _classes():
    return {name: getattr(layers, name) for name in layers.__all__ if name not in ("Input", "InputLayer", "Layer")}


@contextmanager
def _at(place, line):
    """A block whose errors are those of a layer."""
    try:
        yield
    except (TypeError, ValueError, KeyError, AttributeError, OverflowError, MemoryError) as error:
        if isinstance(error, Wrong):
            raise
        raise Wrong(" ".join(str(error).split()) or type(error).__name__, place, line) from None


def _check_size(layer, total):
    if total > _PARAMETERS or math.prod(layer.output_size) > _VALUES:
        raise ValueError(f"the lab is for networks of at most {_PARAMETERS:,} parameters, and {_VALUES:,} values per layer. "
                         f"Received: {total:,} parameters up to here, and an output of {_times(layer.output_size)}")


def _times(shape):
    return " × ".join(map(str, shape))


# A list of layers


def _listed(found, shape, known, seed, name):
    """The model of entries {"layer": class, its arguments …, "takes": [names]}; the first may be {"layer": "Input", "shape"}."""
    first = found[0][1]
    if first.get("layer") == "Input":
        with _at(0, found[0][0]):
            shape = _input_shape(first, shape)
    values, last = {"input": layers.Input(shape, name="input")}, "input"
    chain, total = Sequential([layers.Input(shape, name="input")], name, seed), 0
    branched = any("takes" in entry for _, entry in found)
    for place, (line, entry) in enumerate(found):
        if place == 0 and first.get("layer") == "Input":
            continue
        with _at(place, line):
            layer = _layer(entry, known)
            total += _limited(layer, entry, values[last], values, chain if not branched else None, total)
            last = layer.name
    if branched:
        with _at(len(found) - 1, found[-1][0]):
            return Model(values["input"], values[last], name, seed)
    return chain


def _limited(layer, entry, before, values, chain, total):
    """Connects a layer, in a chain or to the values that it takes; how many parameters it has."""
    if chain is not None:
        chain.add(layer)
        values[layer.name] = None
    else:
        takes = entry.get("takes") or [before.name]
        unknown = [name for name in takes if name not in values]
        if unknown:
            raise ValueError(f"takes must name layers above: {', '.join(values)}. Received: {unknown[0]!r}")
        if layer.name is None:
            layer.name = f"{layer.default_name()}_{len(values)}"
        if layer.name in values:
            raise ValueError(f"names of layers must differ. Received: {layer.name!r} twice")
        values[layer.name] = layer([values[name] for name in takes] if layer.merges else values[takes[0]])
    _check_size(layer, total + layer.count_params())
    return layer.count_params()


def _layer(entry, known):
    kind = entry.get("layer")
    if kind not in known:
        from fastcnn.hints import did_you_mean

        raise ValueError(f"layer must name a kind of layer. {did_you_mean(str(kind), known)} Received: {kind!r}")
    return known[kind].from_config({key: value for key, value in entry.items() if key not in _OWN})


def _input_shape(entry, shape):
    found = entry.get("shape", list(shape))
    if not isinstance(found, list) or len(found) != 3 or found[2] != shape[2] or not all(
            isinstance(n, int) and 0 < n <= 512 for n in found):
        raise ValueError(f"shape must be [height, width, {shape[2]}], as the images are {list(shape)}. Received: {found!r}")
    return tuple(found)


def text_of(model):
    """The text of a network, a layer a line.

    Raises:
        Wrong: a layer that is used twice, or a model as a layer: such networks are not written so.

    Example:
        >>> print(text_of(fastcnn.Sequential([fastcnn.layers.Dense(3, "relu", input_shape=(4,))])))
        [
          {"layer": "Input", "shape": [4]},
          {"layer": "Dense", "units": 3, "activation": "relu"}
        ]
    """
    return written(entries(model))


def written(found):
    """The text of a list of dictionaries, one a line.

    Example:
        >>> print(written([{"layer": "Flatten"}]))
        [
          {"layer": "Flatten"}
        ]
    """
    return "[\n" + ",\n".join(f"  {json.dumps(entry)}" for entry in found) + "\n]"


def entries(model):
    """The list of dictionaries that `text_of` writes."""
    calls = [call for call in model.graph.calls if call.inputs]
    if len({call.layer for call in calls}) < len(calls) or any(isinstance(call.layer, Model) for call in calls):
        raise Wrong("a network that uses a layer twice, or a model as a layer, cannot be edited here")
    first, before = model.graph.inputs[0], model.graph.inputs[0]
    found = [{"layer": "Input", "shape": list(first.size)}]
    chained = all(call.inputs == (previous,) for call, previous in
                  zip(calls, [first, *(call.layer.output for call in calls)])) if calls else True
    for call in calls:
        entry = {"layer": type(call.layer).__name__, **short_config(call.layer, keep_name=not chained)}
        taken = [symbol.name if symbol.call.inputs else "input" for symbol in call.inputs]
        if not chained and taken != [before.name if before.call.inputs else "input"]:
            entry["takes"] = taken
        found.append(entry)
        before = call.layer.output
    return found


def short_config(layer, keep_name=False):
    """The arguments of a layer that differ from what they are by default, written as shortly as may be."""
    whole, cls = layer.get_config(), type(layer)
    found = {key: value for key, value in whole.items() if key != "input_shape"}
    if layer.given_name is None and not keep_name:
        found.pop("name", None)

    def same(config):
        try:
            made = cls.from_config(config).get_config()
        except (TypeError, ValueError):
            return False
        return all(made.get(key) == whole[key] for key in found)

    for key in [key for key in found if key != "name"]:
        less = {name: value for name, value in found.items() if name != key}
        for config in (less, {**found, key: _shorter(_shorter(found[key]))}, {**found, key: _shorter(found[key])}):
            if same(config):
                found = config
                break
    return dict(sorted(found.items(), key=lambda item: item[0] != "name"))


def _shorter(value):
    if isinstance(value, tuple | list) and len(value) == 2 and value[0] == value[1]:
        return value[0]
    if isinstance(value, dict) and "class_name" in value:
        name = registry.snake(value["class_name"])
        try:
            return name if registry.serialize(initializers.get(name)) == value else value
        except (TypeError, ValueError):
            return value
    return value


# ConvNetJS


def _convnetjs(found, shape, seed, name):
    """(model, loss) of ConvNetJS' definitions."""
    defs = [entry for _, entry in found]
    place, line = 0, 1
    for place, (line, _) in enumerate(found):  # the first that does not fit to those before it
        end = [] if place == len(found) - 1 else [{"type": "softmax", "num_classes": 2}]
        with _at(place, line):
            fields = definitions.fields(definitions.desugar(defs[:place + 1] + end))
    first = fields[0]
    with _at(0, found[0][0]):
        size = _input_shape({"shape": [first["out_sy"], first["out_sx"], first["out_depth"]]}, shape)
    model = Sequential([layers.Input(size, name="input")], name, seed)
    for own, chain in zip(fields, building.chain(fields)):
        with _at(place, line):
            for layer in chain[:1] if own["layer_type"] == "dropout" else chain:  # fastcnn's dropout divides while it trains
                model.add(layer)
                _check_size(layer, model.count_params())
    if fields[-1]["layer_type"] == "regression":
        raise Wrong("the lab is for networks that name classes: end in softmax or svm. Received: regression", place, line)
    return model, building.loss(fields[-1]["layer_type"])


# What a network needs besides


def loss_of(model):
    """The name of the loss that fits to how a network ends, or the loss.

    Example:
        >>> loss_of(fastcnn.networks.lenet5())
        'sparse_categorical_crossentropy'
    """
    last = model.outputs[0].layer
    if model.smallest_wins:
        return "rbf_maximum_a_posteriori"
    name = getattr(last, "activation", ("linear",))[0]
    if model.output_shape[1:] == (1,):
        return "binary_crossentropy" if name == "sigmoid" else losses.BinaryCrossentropy(from_logits=True)
    return "sparse_categorical_crossentropy" if name == "softmax" else losses.SparseCategoricalCrossentropy(from_logits=True)


def keep_weights(new, old):
    """Copies the weights of layers that a new network has in common with an old one, in the same order.

    Returns:
        names of the new network's layers that have them.

    Example:
        >>> keep_weights(fastcnn.networks.lenet5(), fastcnn.networks.lenet5(classes=7))
        ['c1', 'c3', 'c5', 'f6']
    """
    before, after = ([layer for layer in model.layers if layer.parameters] for model in (old, new))
    signs = [[(type(layer).__name__, tuple(p.shape for p in layer.parameters)) for layer in found] for found in (before, after)]
    kept = []
    for a, b, n in SequenceMatcher(None, *signs, autojunk=False).get_matching_blocks():
        for source, target in zip(before[a:a + n], after[b:b + n]):
            target.set_weights(source.get_weights())
            kept.append(target.name)
    return kept
