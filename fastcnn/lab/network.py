"""A network from its text, and back: a list of layers in JSON, or ConvNetJS' definitions."""

import json
import math
from contextlib import suppress
from difflib import SequenceMatcher

from fastcnn import initializers, layers, losses, registry
from fastcnn.convnetjs import building, definitions
from fastcnn.convnetjs.text import Wrong, at, objects
from fastcnn.hints import did_you_mean
from fastcnn.model.model import Model

_PARAMETERS, _VALUES, _SIDE = 30_000_000, 8_000_000, 512  # the most of a network, of a layer's output, of an image's side
_TEXT = 50_000  # characters
_OWN = "layer", "takes"  # of an entry: the class, and whose values it takes; all else are its arguments
_KNOWN = {name: getattr(layers, name) for name in layers.__all__ if name not in ("Input", "InputLayer", "Layer")}


def build(text, shape, classes, known=None, seed=None, name="network"):
    """(model, loss) of a text.

    Args:
        text: as `written` makes it, or ConvNetJS' definitions.
        shape: (height, width, channels) of the images.
        classes: how many there are.
        known: {name: class} of layers that are not fastcnn's own.
        seed, name: of the model.

    Raises:
        Wrong: what is wrong, and where.

    Example:
        >>> build("{layer: 'Flatten'}, {layer: 'Dense', units: 10, activation: 'softmax'}", (28, 28, 1), 10)[0].output_shape
        (None, 10)
    """
    if not isinstance(text, str) or len(text) > _TEXT:
        raise Wrong(f"a network must be a text of at most {_TEXT:,} characters")
    found = objects(text)
    last = len(found) - 1, found[-1][0]
    convnetjs = any("type" in entry for _, entry in found)
    size, steps, loss = (_convnetjs if convnetjs else _listed)(found, shape, {**_KNOWN, **(known or {})})
    model = _connected(size, steps, last, seed, name)
    with at(*last):
        outputs = model.output_shape[1:]
        if outputs != (classes,) and (classes, outputs) != (2, (1,)):
            raise ValueError(f"the last layer must give {classes} numbers, one for each class. Received: {_times(outputs)}")
        loss = losses.get(loss_of(model)) if loss is None else loss
        loss.prepare([0], outputs)
    return model, loss


def _connected(size, steps, last, seed, name):
    """The model of steps (place, line, () → layer, names of the layers that it takes values from or None)."""
    before = "input"
    values, total = {before: layers.Input(size, name=before)}, 0
    for place, line, make, takes in steps:
        with at(place, line):
            layer, takes = make(), takes or [before]
            unknown = [other for other in takes if other not in values]
            if unknown:
                raise ValueError(f"takes must name layers above: {', '.join(values)}. Received: {unknown[0]!r}")
            if layer.name in values:
                raise ValueError(f"names of layers must differ. Received: {layer.name!r} twice")
            value = layer([values[other] for other in takes] if layer.merges else values[takes[0]])
            total += layer.count_params()
            if total > _PARAMETERS or math.prod(value.size) > _VALUES:
                raise ValueError(f"a network may have {_PARAMETERS:,} parameters, and {_VALUES:,} values in a layer. "
                                 f"Received: {total:,} parameters up to here, and an output of {_times(value.size)}")
            before = layer.given_name or str(place)
            values[before] = value
    with at(*last):
        return Model(values["input"], values[before], name, seed)


def _times(shape):
    return " × ".join(map(str, shape))


def _listed(found, shape, known):
    """(size of the input, steps, None) of entries {"layer": class, its arguments …, "takes": [names]}; the first may be
    {"layer": "Input", "shape": …}."""
    size, steps = shape, []
    for place, (line, entry) in enumerate(found):
        kind, takes = entry.get("layer"), entry.get("takes")
        with at(place, line):
            if place == 0 and kind == "Input":
                size = _input_size(entry.get("shape"), shape)
                continue
            if kind not in known:
                raise ValueError(f"layer must name a kind of layer. {did_you_mean(str(kind), known)} Received: {kind!r}")
            if takes is not None and (not isinstance(takes, list) or not takes):
                raise ValueError(f"takes must be a list of layers' names. Received: {takes!r}")
        config = {key: value for key, value in entry.items() if key not in _OWN}
        steps.append((place, line, lambda kind=kind, config=config: known[kind].from_config(config), takes))
    return size, steps, None


def _input_size(size, shape):
    if not isinstance(size, list) or size[2:] != [shape[2]] or not all(
            isinstance(n, int) and 0 < n <= _SIDE for n in size):
        raise ValueError(f"shape must be [height, width, {shape[2]}], as the images are {list(shape)}. Received: {size!r}")
    return tuple(size)


def _convnetjs(found, shape, known):
    """The same, and the loss, of ConvNetJS' definitions."""
    fields, places = definitions.located(found)
    with at(0, found[0][0]):
        size = _input_size([fields[0]["out_sy"], fields[0]["out_sx"], fields[0]["out_depth"]], shape)
    kind = fields[-1]["layer_type"]
    if kind == "regression":
        raise Wrong("the lab is for networks that name classes: end in softmax or svm. Received: regression", *places[-1])
    own = [chain[:1] if field["layer_type"] == "dropout" else chain  # fastcnn's dropout divides what it keeps
           for field, chain in zip(fields, building.chain(fields))]
    return size, [(*where, lambda layer=layer: layer, None) for where, chain in zip(places, own) for layer in chain], \
        building.loss(kind)


def written(found):
    """The text of a network, given what `entries` gave: a layer a line.

    Example:
        >>> print(written(entries(fastcnn.Sequential([fastcnn.layers.Dense(3, "relu", input_shape=(4,))]))))
        [
          {"layer": "Input", "shape": [4]},
          {"layer": "Dense", "units": 3, "activation": "relu"}
        ]
    """
    return "[\n" + ",\n".join(f"  {json.dumps(entry)}" for entry in found) + "\n]"


def entries(model):
    """The layers as dictionaries: {"layer": class, what it was made with, "takes": names of others than the one before}.

    Raises:
        Wrong: a layer that is used twice, or a model as a layer: such networks are not written so.

    Example:
        >>> entries(fastcnn.networks.lenet5())[2]
        {'layer': 'AveragePooling2D', 'name': 's2'}
    """
    calls = [call for call in model.graph.calls if call.inputs]
    if len({call.layer for call in calls}) < len(calls) or any(isinstance(call.layer, Model) for call in calls):
        raise Wrong("a network that uses a layer twice, or a model as a layer, cannot be edited here")
    before, found = model.graph.inputs[0].call, []
    chained = all(len(call.inputs) == 1 and call.inputs[0].call is last for call, last in zip(calls, [before, *calls]))
    for call in calls:
        entry = {"layer": type(call.layer).__name__, **short_config(call.layer, not chained)}
        if [symbol.call for symbol in call.inputs] != [before]:
            entry["takes"] = [symbol.name if symbol.call.inputs else "input" for symbol in call.inputs]
        found.append(entry)
        before = call
    return [{"layer": "Input", "shape": list(model.graph.inputs[0].size)}, *found]


def short_config(thing, keep_name=False):
    """What a layer, an optimizer and the like were made with, as far as it differs from what is so by default."""
    whole, cls = thing.get_config(), type(thing)
    left_out = ["input_shape"] + ([] if keep_name or getattr(thing, "given_name", None) is not None else ["name"])
    found = {key: value.tolist() if hasattr(value, "tolist") else value
             for key, value in whole.items() if key not in left_out}

    def same(config):
        with suppress(TypeError, ValueError):
            made = cls(**config).get_config()
            return all(repr(made.get(key)) == repr(whole[key]) for key in found)

    for key in [key for key in found if key != "name"]:
        shorter, others = _shorter(found[key]), {name: value for name, value in found.items() if name != key}
        for config in (others, {**found, key: _shorter(shorter)}, {**found, key: shorter}):
            if same(config):
                found = config
                break
    return dict(sorted(found.items(), key=lambda item: item[0] != "name"))


def _shorter(value):
    """One number for a pair of the same, a name for an initializer that is as by default."""
    if isinstance(value, (tuple, list)) and len(value) == 2 and value[0] == value[1]:
        return value[0]
    if isinstance(value, dict) and "class_name" in value:
        name = registry.snake(value["class_name"])
        with suppress(TypeError, ValueError):
            return name if registry.serialize(initializers.get(name)) == value else value
    return value


def loss_of(model):
    """The name of the loss that fits to how a network ends, or the loss.

    Example:
        >>> loss_of(fastcnn.networks.lenet5())
        'sparse_categorical_crossentropy'
    """
    name = getattr(model.outputs[0].layer, "activation", ("linear",))[0]
    if model.smallest_wins:
        return "rbf_maximum_a_posteriori"
    if model.output_shape[1:] == (1,):
        return losses.BinaryCrossentropy(from_logits=name != "sigmoid")
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
    signs = [[(type(layer), *(p.shape for p in layer.parameters)) for layer in found] for found in (before, after)]
    kept = []
    for a, b, n in SequenceMatcher(None, *signs, autojunk=False).get_matching_blocks():
        for source, target in zip(before[a:a + n], after[b:b + n]):
            target.set_weights(source.get_weights())
            kept.append(target.name)
    return kept
