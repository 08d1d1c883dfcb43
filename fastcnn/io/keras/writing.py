"""Keras' configuration of a description, and the arrays of its layers. What Keras has no argument for becomes layers of its
own: explicit padding, pooling that rounds up, local response normalization."""

import math

from fastcnn import arguments
from fastcnn.io.description import refusal
from fastcnn.io.keras import fusing
from fastcnn.registry import Names, unique

_INITIALIZERS = {
    "Constant", "GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "Identity", "LecunNormal", "LecunUniform", "Ones",
    "Orthogonal", "RandomNormal", "RandomUniform", "TruncatedNormal", "VarianceScaling", "Zeros"}
_OWN = {"initializer": _INITIALIZERS, "regularizer": {"L1", "L2", "L1L2"},
        "constraint": {"MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm"}}
_MULTIPLIERS = ("learning_rate_multiplier", "weight_decay_multiplier")
_HERE_ALONE = ("connection_table", "exact", "input_shape", "name", "trainable", *_MULTIPLIERS)
_WITHOUT = {"Conv2DTranspose": "groups", "Permute": "data_format", "Reshape": "data_format"}
_ACTIVATIONS = {  # those that Keras has no name for: its layers
    "elu": lambda c: [("ELU", {"alpha": c["alpha"]})],
    "hard_sigmoid": lambda c: [("Rescaling", {"scale": 6 * c["slope"], "offset": 0.0}),
                               ("Activation", {"activation": "hard_sigmoid"})],
    "leaky_relu": lambda c: [("LeakyReLU", {"negative_slope": c["negative_slope"]})],
    "scaled_tanh": lambda c: [("Rescaling", {"scale": 2 / 3, "offset": 0.0}), ("Activation", {"activation": "tanh"}),
                              ("Rescaling", {"scale": 1.7159, "offset": 0.0})],
}


def written(description):
    """(configuration, [(name, class, {parameter: array})] of the layers in Keras' order, {name: the one here}).

    Args:
        description: a `Description` with sizes; its `notes` get what Keras has no word for.

    Raises:
        ValueError: layers that Keras does not have: all of them are named.
    """
    writer = _Writer(description)
    values, problems = {}, []
    for step in description.steps():
        writer.step = step
        taken = [values[value] for value in step.taken]
        try:
            if why := refusal(step, _KINDS, _REFUSED):
                raise ValueError(why)
            values[step.given] = _KINDS[step.kind](writer, taken)
        except ValueError as error:
            problems.append(f"{step.name} ({error})")
            values[step.given] = taken[0]
    if problems:
        raise ValueError(f"Keras must have all of the network's layers. Received: {'; '.join(problems)}")
    ends = [[[writer.names[name], 0, 0] for name in writer.starts],
            [[*values[end][:2], 0] for end in description.outputs]]
    entries = _in_order(writer.entries, [values[end][:2] for end in description.outputs])
    inputs, outputs = [ends[0] if len(ends) == 1 else ends for ends in ends]
    config = {"module": "keras.src.models.functional", "class_name": "Functional", "registered_name": None, "config": {
        "name": description.config["name"], "trainable": True, "layers": entries, "input_layers": inputs,
        "output_layers": outputs}}
    layers = [(entry["name"], entry["class_name"], writer.arrays.get(entry["name"], {})) for entry in entries
              if entry["class_name"] != "Power"]
    return config, layers, {there: here for here, there in writer.names.items()}


class _Writer:
    """Keras' layers so far; a value is (name of its layer, number of its use, shape)."""

    def __init__(self, description):
        self.notes, self.entries, self.arrays, self.step = description.notes, {}, {}, None
        own = [entry["config"]["name"] for entry in description.config["layers"]]
        self.names = dict(zip(own, unique([name.replace(".", "_") for name in own])))  # Keras on torch takes no dots
        self.inner, self.free = {}, Names(self.names.values())  # (name here, suffix): name there
        self.starts = [own[description.config["calls"][value][0]] for value in description.inputs]

    def add(self, kind, taken, config, size, suffix="", history=()):
        """The value of a layer for the step, whose name has a suffix unless it is the step's own."""
        step, name = self.step, self.names[self.step.name]
        if suffix:
            if (step.name, suffix) not in self.inner:
                self.inner[step.name, suffix] = self.free.new(name + suffix)
            name = self.inner[step.name, suffix]
        if name not in self.entries:
            operation = kind == "Power"
            self.entries[name] = {
                "module": "keras.src.ops.numpy" if operation else "keras.layers", "class_name": kind,
                "registered_name": kind if operation else None, "name": name, "config": {"name": name, **config},
                "inbound_nodes": []}
            if step.arrays and not suffix:
                self.arrays[name] = step.arrays
                self.entries[name]["config"]["trainable"] = step.config.get("trainable", True)
        nodes = self.entries[name]["inbound_nodes"]
        if taken:
            tensors = [{"class_name": "__keras_tensor__", "config": {
                "shape": [None, *shape], "dtype": "float32", "keras_history": [source, node, 0]}}
                for source, node, shape in taken]
            nodes.append({"args": [tensors if kind in _MERGES else tensors[0], *history], "kwargs": {}})
        return name, max(len(nodes) - 1, 0), tuple(size)

    def line(self, taken, *layers):
        """The value of layers one behind another: (class, arguments, size, suffix) of each."""
        for layer in layers:
            taken = [self.add(layer[0], taken, *layer[1:])]
        return taken[0]

    def config(self, **more):
        """The step's arguments, as far as Keras has them, and more."""
        found = {}
        for name, value in self.step.config.items():
            role = name.rpartition("_")[2]
            if name in _MULTIPLIERS and value is not None:
                self.notes.append(f"{self.step.name}: {name} is left out")
            if name in _HERE_ALONE or name == _WITHOUT.get(self.step.kind):
                continue
            if role in _OWN and value is not None:
                if value["class_name"] not in _OWN[role]:
                    self.notes.append(f"{self.step.name}: {name}={value['class_name']} is left out")
                    continue
                value = {"module": f"keras.{role}s", "registered_name": None, **value}
            found[name] = value
        return found | more


def _in_order(entries, outputs):
    """Keras' layers in the order in which it will have them: by their distance from the outputs, then as a walk from these
    meets them."""
    met, done, order = {}, set(), []
    stack = [(*end, False) for end in reversed(outputs)]
    while stack:
        name, node, ready = stack.pop()
        if ready:
            order.append((name, node))
        elif (name, node) not in done:
            done.add((name, node))
            met.setdefault(name, len(met))
            stack.append((name, node, True))
            stack += [(*source, False) for source in reversed(_sources(entries[name], node))]
    depths, far = {}, {}
    for name, node in reversed(order):
        far[name] = depths[name, node] = max(depths.get((name, node), 0), far.get(name, 0))
        for source in _sources(entries[name], node):
            depths[source] = max(depths.get(source, 0), depths[name, node] + 1)
    return [entries[name] for name in sorted(far, key=lambda name: (-far[name], met[name]))]


def _sources(entry, node):
    """[(name, number of a use)] of the values that a use of a layer takes."""
    if not entry["inbound_nodes"]:
        return []
    first = entry["inbound_nodes"][node]["args"][0]
    return [tuple(tensor["config"]["keras_history"][:2]) for tensor in (first if isinstance(first, list) else [first])]


def _layers_of(config):
    """Those of Keras' for an activation that it has no name for."""
    activation = config.get("activation")
    activation = {"name": activation} if activation == "scaled_tanh" else activation
    if not isinstance(activation, dict):
        return []
    return [(kind, own, f"_{activation['name']}{number or ''}")
            for number, (kind, own) in enumerate(_ACTIVATIONS[activation["name"]](activation))]


# A function for each class: (writer, values taken) → the value given


def _input(writer, taken):
    step = writer.step
    shape = list(step.config["shape"])
    value = writer.add("InputLayer", [], {"batch_shape": [None, *shape], "dtype": "float32"}, shape)
    if tuple(shape) != tuple(step.size):
        writer.notes.append(f"{step.name}: images come with channels first, and are turned by a layer of their own")
        value = writer.add("Permute", [value], {"dims": [2, 3, 1]}, step.size, "_turned")
    return value


def _plain(writer, taken):
    return writer.add(writer.step.kind, taken, writer.config(), writer.step.size)


def _weighted(writer, taken, **more):
    """A layer with an activation."""
    config, size = writer.config(**more), writer.step.size
    layers = _layers_of(config)
    config = {**config, "activation": "linear"} if layers else config
    return writer.line(taken, (writer.step.kind, config, size), *[(kind, own, size, name) for kind, own, name in layers])


def _activation(writer, taken):
    size = writer.step.size
    layers = [(kind, own, size, name) for kind, own, name in _layers_of(writer.step.config)]
    return writer.line(taken, *layers or [("Activation", writer.config(), size)])


def _convolution(writer, taken):
    window, strides, dilation, pads = writer.step.windows
    same = arguments.pads("same", writer.step.sizes[0][:2], window, strides, dilation)
    if pads == same and writer.step.config["padding"] != "valid":
        return _weighted(writer, taken, padding="same")
    return _weighted(writer, _with_zeros(writer, taken, pads), padding="valid")


def _with_zeros(writer, taken, pads):
    if not any(map(sum, pads)):
        return taken
    size = taken[0][2]
    shape = [n + sum(side) for n, side in zip(size, pads)] + [size[2]]
    return [writer.add("ZeroPadding2D", taken, {"padding": pads}, shape, "_pad")]


def _transposed(writer, taken):
    step = writer.step
    config = writer.config()
    if isinstance(config["padding"], str):
        return _weighted(writer, taken)
    whole, _ = arguments.transposed("valid", None, step.sizes[0][:2], config["kernel_size"], config["strides"],
                                    config["dilation_rate"])
    crop = [(before, whole[axis] - before - step.size[axis]) for axis, (before, _) in enumerate(step.cut)]
    if min(map(min, crop)) < 0 or config["activation"] not in ("linear", None):
        raise ValueError("Conv2DTranspose with explicit padding and an activation or output_padding")
    config.update(padding="valid", output_padding=None)
    return writer.line(taken, (step.kind, config, (*whole, step.size[2])),
                       ("Cropping2D", {"cropping": crop}, step.size, "_crop"))


def _pool(writer, taken):
    step, config, size = writer.step, writer.step.config, writer.step.sizes[0]
    window, strides, _, pads = step.windows

    def pooling(padding, strides=strides):
        return {"pool_size": window, "strides": strides, "padding": padding}

    if config.get("count_include_pad") and any(map(sum, pads)):
        taken = _with_zeros(writer, taken, pads)
        size, pads = taken[0][2], ((0, 0), (0, 0))
    reached = [(out - 1) * s + k - n - before for out, s, k, n, (before, _) in zip(step.size, strides, window, size, pads)]
    if max(reached) <= 0 and not any(before for before, _ in pads):
        return writer.add(step.kind, taken, pooling("valid"), step.size)
    if config.get("count_include_pad"):
        raise ValueError("AveragePooling2D with count_include_pad that rounds up")
    same = arguments.pads("same", size[:2], window, strides)
    if all(o == -(-n // s) and own[0] == right[0] for o, n, s, own, right in zip(step.size, size, strides, pads, same)):
        return writer.add(step.kind, taken, pooling("same"), step.size)
    # a window around every pixel, of which those are taken that the strides meet
    first = [(k - 1) // 2 - before for k, (before, _) in zip(window, pads)]
    crop = [(f, n - f - (out - 1) * s - 1) for f, n, out, s in zip(first, size, step.size, strides)]
    if min(map(min, crop)) < 0:
        raise ValueError(f"{step.kind} with padding {config['padding']}")
    shape = [(out - 1) * s + 1 for out, s in zip(step.size, strides)] + [size[2]]
    return writer.line(taken, (step.kind, pooling("same", (1, 1)), size, "_windows"),
                       ("Cropping2D", {"cropping": crop}, shape, "_crop"),
                       ("MaxPooling2D", {**pooling("valid"), "pool_size": (1, 1)}, step.size))


def _lrn(writer, taken):
    value = taken[0]
    *inner, last = fusing.normalization(writer.step.config, tuple(writer.step.size))
    for number, (kind, config, size) in enumerate(inner):
        power = (config["exponent"],) if kind == "Power" else ()
        both = [value, value] if kind == "Multiply" else [value]
        value = writer.add(kind, both, {} if power else config, size, f"_{number}", power)
    return writer.add("Multiply", [taken[0], value], last[1], last[2])


def _maxout(writer, taken):
    *pixels, channels = writer.step.sizes[0]
    group, rows, size = writer.step.config["group_size"], math.prod(pixels), writer.step.size
    pooling = {"pool_size": (1, group), "strides": (1, group)}
    return writer.line(taken, ("Reshape", {"target_shape": (rows, channels, 1)}, (rows, channels, 1), "_flat"),
                       ("MaxPooling2D", pooling, (rows, channels // group, 1), "_max"),
                       ("Reshape", {"target_shape": size}, size))


_MERGES = ("Add", "Average", "Concatenate", "Maximum", "Minimum", "Multiply", "Subtract")
_POOLS = ("MaxPooling2D", "AveragePooling2D")
_KINDS = {
    "InputLayer": _input, "Activation": _activation, "Dense": _weighted, "Conv2DTranspose": _transposed,
    **dict.fromkeys(("Conv2D", "DepthwiseConv2D", "SeparableConv2D"), _convolution),
    **dict.fromkeys(_POOLS, _pool), "LocalResponseNormalization": _lrn, "Maxout": _maxout,
    "ReLU6": lambda writer, taken: writer.add("ReLU", taken, {"max_value": 6.0}, writer.step.size),
    **dict.fromkeys((
        *_MERGES, "AdaptiveAveragePooling2D", "BatchNormalization", "Cropping2D", "Dropout", "ELU", "Flatten",
        "GaussianNoise", "GlobalAveragePooling2D", "GlobalMaxPooling2D", "GroupNormalization", "LayerNormalization",
        "LeakyReLU", "Normalization", "PReLU", "Permute", "ReLU", "Rescaling", "Reshape", "Softmax", "SpatialDropout2D",
        "UpSampling2D", "ZeroPadding2D"), _plain),
}
_REFUSED = [  # see `refusal`
    (("Conv2D",), lambda step: step.config["connection_table"] is not None, "with a connection_table"),
    (("Conv2DTranspose",), lambda step: step.config["groups"] != 1, "with groups"),
    (_POOLS, lambda step: {*step.config["dilation_rate"]} != {1}, "with a dilation_rate"),
    (("LocalResponseNormalization",), lambda step: step.config["mode"] != "across_channels", "within channels"),
    (("Normalization",), lambda step: step.config["mean"] is None, "without a mean"),
]
