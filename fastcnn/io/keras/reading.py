"""A description of what Keras' configurations say, of versions 1 to 3: Sequential and Functional models, also in others."""

import re

import numpy as np

from fastcnn.arguments import shown
from fastcnn.io.description import Sketch
from fastcnn.io.errors import FileFormatError
from fastcnn.io.keras import classes
from fastcnn.io.keras.fusing import fuse

_MODELS = ("Sequential", "Functional", "Model")
_OPS = ("Add", "Maximum", "Minimum", "Multiply", "Power", "Subtract")  # of keras.ops, called on values in a model
_SNAKE = (r"\W+", ""), ("(.)([A-Z][a-z]+)", r"\1_\2"), ("([a-z])([A-Z])", r"\1_\2")
_CALLED_WITH = {"training": (None, False), "mask": (None,)}


def snake(name):
    """A class' name as Keras' archives have it.

    Example:
        >>> snake("MaxPooling2D"), snake("PReLU")
        ('max_pooling2d', 'p_re_lu')
    """
    for pattern, replacement in _SNAKE:
        name = re.sub(pattern, replacement, name)
    return name.lower()


def described(entry, weights, old):
    """The `Description` of a model.

    Args:
        entry: {"class_name", "config"}.
        weights: a function of a layer's place that gives its arrays; None: there are none. A place is a tuple of (name in
            the archive, name of the layer), for each model that the layer lies in and itself.
        old: was it written by a Keras before 3?

    Raises:
        FileFormatError: layers or arguments that fastcnn does not have: all of them are named.
    """
    try:
        reader = _Reader(entry, weights, old)
        inputs, outputs = reader.model(entry, (), None)
    except FileFormatError:
        raise
    except (KeyError, TypeError, IndexError, AttributeError, ValueError, RecursionError) as error:
        raise FileFormatError(f"the configuration is none of Keras': {type(error).__name__}: {error}"[:300]) from None
    if reader.problems:
        raise FileFormatError(f"fastcnn cannot compute all of this network. Received: {'; '.join(reader.problems)}"[:4000])
    fuse(reader.sketch)
    found = reader.sketch.description(inputs, outputs, notes=reader.notes)
    if left := [layer["config"]["name"] for layer in found.config["layers"] if layer["class_name"] == "Power"]:
        raise FileFormatError(f"fastcnn cannot compute all of this network. Received: {', '.join(left)} (Power)"[:4000])
    return found


def compilation(config):
    """What Keras' `compile` was told, as `compile` takes it; None: nothing is known."""
    if not isinstance(config, dict):
        return None
    optimizer = config.get("optimizer") or config.get("optimizer_config")
    losses, metrics = config.get("loss"), config.get("metrics") or []
    if not optimizer or not losses or not isinstance(metrics, list):
        return None
    metrics = [part for one in metrics for part in (one if isinstance(one, list) else [one])]
    return {"optimizer": _object(optimizer), "loss": _object(losses), "metrics": [_object(metric) for metric in metrics]}


_MEANINGLESS = {  # argument: values that mean nothing here; none: whatever they are
    "name": (), "dtype": (), "ema_momentum": (), "jit_compile": (), "is_legacy_optimizer": (), "fn": (), "axis": (-1,),
    "reduction": ("sum_over_batch_size", "auto"),
}


def _object(value):
    """An optimizer, a loss or a metric, without what Keras says of those of its own."""
    if not isinstance(value, dict) or not isinstance(value.get("config"), dict):
        return value
    config = {key: own for key, own in value["config"].items() if own not in (None, False, 0)
              and not (key in _MEANINGLESS and own in (_MEANINGLESS[key] or (own,)))}
    return {"class_name": value.get("class_name"), "config": config}


class _Reader:
    def __init__(self, entry, weights, old):
        if entry["class_name"] not in _MODELS:
            raise FileFormatError(f"a model must be {' or '.join(_MODELS)}. Received: {shown(entry['class_name'])}"[:200])
        self.sketch, self.weights, self.old = Sketch(entry["config"].get("name")), weights, old
        self.problems, self.notes = [], []
        self.first = '"channels_first"' in _text(entry) or '"th"' in _text(entry)

    def model(self, entry, place, taken):
        """(inputs, outputs) of a model; taken: what it is called on, None: it begins here."""
        config, names = entry["config"], {}
        layers = config["layers"] if isinstance(config, dict) else config  # Keras 1: a list
        for layer in layers:
            if not _is_operation(layer):
                base = snake(layer["class_name"])
                number = names.setdefault(base, -1) + 1
                names[base] = number
                layer["place"] = (*place, (f"{base}_{number}" if number else base, _name(layer)))
        build = self._chain if entry["class_name"] == "Sequential" else self._graph
        return build(config, layers, taken)

    def _chain(self, config, layers, taken):
        if layers[0]["class_name"] != "InputLayer":
            first = layers[0]["config"]
            shape = first.get("batch_input_shape") or first.get("batch_shape") or (
                [None, first["input_dim"]] if "input_dim" in first else None) or (
                config.get("build_input_shape") if isinstance(config, dict) else None)
            start = {"class_name": "InputLayer", "config": {"batch_shape": shape, "name": f"{_name(layers[0])}_input"}}
            layers = [start, *layers]
        inputs = taken or [self._input(layers[0])]
        values = inputs
        for layer in layers[1:]:
            values = self._called(layer, values)
        return inputs, values

    def _graph(self, config, layers, taken):
        nodes, entries, values = {}, {_name(layer): layer for layer in layers}, {}
        for name, layer in entries.items():
            nodes.update({(name, i): _node(node) for i, node in enumerate(layer["inbound_nodes"])})
            if len(layer["inbound_nodes"]) > 1 and layer["class_name"] in classes.PARAMETERS:
                times = len(layer["inbound_nodes"])
                self.notes.append(f"{name}: is used {times} times, here each time with its own weights")
        inputs = [self._source(nodes, end) for end in _ends(config["input_layers"])]
        for i, (name, node, tensor) in enumerate(inputs):
            values[name, node, tensor] = taken[i] if taken else self._input(entries[name])
            nodes[name, node] = None
        done, waiting, stack = {history[:2] for history in inputs}, set(), list(reversed(nodes))
        while stack:
            key = stack[-1]
            if key in done:
                stack.pop()
                continue
            sources = [self._source(nodes, history) for history in nodes[key][0]]
            missing = [source[:2] for source in sources if source[:2] not in done]
            if missing:
                if key in waiting:
                    raise FileFormatError("layers must not take their own values. Received: a circle through "
                                          f"{shown(key[0])}")
                waiting.add(key)
                stack += missing
                continue
            found = self._called(entries[key[0]], [values[source] for source in sources], *nodes[key][1:])
            values.update({(*key, i): value for i, value in enumerate(found)})
            done.add(key)
        return [values[end] for end in inputs], [values[self._source(nodes, end)] for end in _ends(config["output_layers"])]

    @staticmethod
    def _source(nodes, history):
        """A use of a layer that there is; models of Keras 2 count from 1."""
        name, node, tensor = history
        return (name, node if (name, node) in nodes or node == 0 else node - 1, tensor)

    def _input(self, entry):
        config = entry["config"]
        shape = next((config[key] for key in ("batch_shape", "batch_input_shape") if config.get(key)), None)
        shape = [None, *config["shape"]] if shape is None and config.get("shape") else shape
        if not shape or not all(type(n) is int for n in shape[1:]):
            raise FileFormatError(f"an input's size must be fixed. Received: {shape} of {shown(_name(entry))}"[:200])
        return self.sketch.add("InputLayer", name=_name(entry), shape=shape[1:])

    def _called(self, entry, taken, constants=(), options=None):
        """The values that a layer gives."""
        kind, config, name = entry["class_name"], entry["config"], _name(entry)
        kind = classes.OLD_CLASSES.get(kind, kind)
        if kind in _MODELS:
            return self.model(entry, entry["place"], taken)[1]
        if kind in classes.TRAINING_ONLY:
            self.notes.append(f"{name}: {kind}, which predicting does without, is left out")
            return taken[:1]
        operation = _is_operation(entry)
        known = kind in _OPS if operation else kind in classes.CLASSES and not constants
        if operation and kind != "Power":
            known = known and len(taken) == 2 and not constants
        if any(value not in _CALLED_WITH.get(key, ()) for key, value in (options or {}).items()):
            self.problems.append(f"{name} ({kind}): called with {', '.join(options)}")
        if not known:
            self.problems.append(f"{name} ({kind})")
            return taken[:1] * 9
        arrays = {}
        try:
            config = {} if operation else classes.modern(kind, config, self.old)
            if kind == "Power":
                config = {"exponent": constants[0]}
            elif not operation:
                kind, config, arrays = self._own(kind, config, entry["place"])
        except ValueError as error:
            self.problems.append(f"{name} ({kind}): {error}")
        names = ".".join(own for _, own in entry.get("place", [(None, name)]))
        return [self.sketch.add(kind, taken, arrays, names, **{k: v for k, v in config.items() if k != "name"})]

    def _own(self, kind, config, place):
        """(class, arguments, arrays) here."""
        names, arrays = classes.parameters(kind, config), []
        if self.weights is None:
            names = []
        elif names or kind == "Normalization" and config.get("mean") is None:
            arrays = [np.asarray(array, np.float32) for array in self.weights(place)]
        if kind == "Normalization" and arrays:
            return kind, {**config, "mean": arrays[0].ravel().tolist(), "variance": arrays[1].ravel().tolist()}, {}
        if len(arrays) != len(names):
            raise ValueError(f"must have {', '.join(names)}. Received: {len(arrays)} arrays")
        if self.first and kind == "Flatten" and config.pop("data_format", None) != "channels_first":
            return "Reshape", {"target_shape": [-1], "data_format": "channels_first"}, {}
        if kind == "Flatten":
            config.pop("data_format", None)
        if self.first and kind.endswith("Normalization") and config.get("axis") == 1:
            config["axis"] = -1
        return kind, config, dict(zip(names, arrays))


def _is_operation(entry):
    """Is it a function of keras.ops, which archives do not count among the layers?"""
    return entry["class_name"] == "Power" or ".ops." in (entry.get("module") or "")


def _text(entry):
    import json

    return json.dumps(entry)


def _name(entry):
    name = entry.get("name") or entry["config"].get("name")
    if not isinstance(name, str):
        raise FileFormatError(f"a layer must have a name. Received: {type(name).__name__}")
    return name


def _node(node):
    """([(name of a layer, number of its use, number of a value)], constants, options) of a call."""
    if not isinstance(node, dict):  # Keras 1 and 2
        options = {key: value for one in node for key, value in (one[3] if len(one) > 3 else {}).items()}
        return [(one[0], one[1], one[2]) for one in node], (), options
    flat = [part for arg in node["args"] for part in (arg if isinstance(arg, list) else [arg])]
    values = [part for part in flat if isinstance(part, dict) and part.get("class_name") == "__keras_tensor__"]
    constants = tuple(part for part in flat if part not in values)
    return [tuple(value["config"]["keras_history"]) for value in values], constants, node["kwargs"]


def _ends(value):
    """[(name of a layer, number of its use, number of a value)] of a model's inputs or outputs."""
    value = list(value.values()) if isinstance(value, dict) else value
    return [tuple(end) for end in ([value] if isinstance(value[0], str) else value)]
