"""Keras' configuration of a description, and the arrays of its layers. What Keras has no argument for becomes layers of its
own: explicit padding, pooling that rounds up, local response normalization."""

from fastcnn import arguments
from fastcnn.io.keras import fusing
from fastcnn.registry import Names, unique

_INITIALIZERS = {
    "Constant", "GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "Identity", "LecunNormal", "LecunUniform", "Ones",
    "Orthogonal", "RandomNormal", "RandomUniform", "TruncatedNormal", "VarianceScaling", "Zeros"}
_OWN = {"initializer": _INITIALIZERS, "regularizer": {"L1", "L2", "L1L2"},
        "constraint": {"MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm"}}
_HERE_ALONE = ("connection_table", "exact", "input_shape")
_MULTIPLIERS = ("learning_rate_multiplier", "weight_decay_multiplier")
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
            values[step.given] = _KINDS.get(step.kind, _refuse)(writer, taken)
        except ValueError as error:
            problems.append(str(error))
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

    def config(self):
        """The step's arguments, as far as Keras has them."""
        found = {}
        for name, value in self.step.config.items():
            role = name.rpartition("_")[2]
            if name in _MULTIPLIERS and value is not None:
                self.notes.append(f"{self.step.name}: {name} is left out")
            if name in (*_MULTIPLIERS, *_HERE_ALONE, "name", "trainable"):
                continue
            if role in _OWN and value is not None:
                if value["class_name"] not in _OWN[role]:
                    self.notes.append(f"{self.step.name}: {name}={value['class_name']} is left out")
                    continue
                value = {"module": f"keras.{role}s", "registered_name": None, **value}
            found[name] = value
        return found

    def activated(self, value, config):
        """What the activation makes of a value; Keras' own names stay with the layer."""
        activation = config.get("activation", "linear")
        name = activation if isinstance(activation, str) else activation["name"]
        if isinstance(activation, str) and name != "scaled_tanh":
            return None
        constants = {} if isinstance(activation, str) else activation
        for number, (kind, own) in enumerate(_ACTIVATIONS[name](constants)):
            value = self.add(kind, [value], own, value[2], f"_{name}{number or ''}")
        return value


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


# A function for each class: (writer, values taken) → the value given


def _refuse(writer, taken):
    raise ValueError(f"{writer.step.name} ({writer.step.kind})")


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


def _only(*names, kind=None, **more):
    """A layer with some of its arguments."""
    def add(writer, taken):
        own = {name: writer.step.config[name] for name in names}
        return writer.add(kind or writer.step.kind, taken, own | more, writer.step.size)

    return add


def _weighted(writer, taken, config=None):
    """A layer with an activation."""
    config = config or writer.config()
    known = isinstance(config["activation"], str) and config["activation"] != "scaled_tanh"
    value = writer.add(writer.step.kind, taken, config if known else {**config, "activation": "linear"}, writer.step.size)
    return writer.activated(value, config) or value


def _activation(writer, taken):
    config = writer.config()
    return writer.activated(taken[0], config) or writer.add("Activation", taken, config, writer.step.size)


def _convolution(writer, taken):
    config, size = writer.step.config, writer.step.sizes[0]
    if config.get("connection_table") is not None:
        raise ValueError(f"{writer.step.name} (Conv2D with a connection_table)")
    window, strides, dilation = config["kernel_size"], config["strides"], config["dilation_rate"]
    pads = arguments.pads(config["padding"], size[:2], window, strides, dilation)
    if pads == arguments.pads("same", size[:2], window, strides, dilation) and config["padding"] != "valid":
        return _weighted(writer, taken, {**writer.config(), "padding": "same"})
    return _weighted(writer, _with_zeros(writer, taken, pads), {**writer.config(), "padding": "valid"})


def _with_zeros(writer, taken, pads):
    if not any(map(sum, pads)):
        return taken
    size = taken[0][2]
    shape = [n + sum(side) for n, side in zip(size, pads)] + [size[2]]
    return [writer.add("ZeroPadding2D", taken, {"padding": pads}, shape, "_pad")]


def _transposed(writer, taken):
    config, step = writer.config(), writer.step
    if config.pop("groups") != 1:
        raise ValueError(f"{step.name} (Conv2DTranspose with groups)")
    if isinstance(config["padding"], str):
        return _weighted(writer, taken, config)
    sizes = step.sizes[0][:2], config["kernel_size"], config["strides"], config["dilation_rate"]
    out, (top, left) = step.size, (side[0] for side in arguments.padding_form(config["padding"]))
    whole, _ = arguments.transposed("valid", None, *sizes)
    crop = ((top, whole[0] - top - out[0]), (left, whole[1] - left - out[1]))
    if min(map(min, crop)) < 0 or config["activation"] not in ("linear", None):
        raise ValueError(f"{step.name} (Conv2DTranspose with explicit padding and an activation or output_padding)")
    config = {**config, "padding": "valid", "output_padding": None}
    value = writer.add("Conv2DTranspose", taken, config, (*whole, out[2]))
    return writer.add("Cropping2D", [value], {"cropping": crop}, out, "_crop")


def _pool(writer, taken):
    step, config = writer.step, writer.step.config
    size, window, strides = step.sizes[0], config["pool_size"], config["strides"]
    pads = arguments.pool_pads(config["padding"], size[:2], window, strides)
    own = {"pool_size": window, "strides": strides}
    if tuple(config["dilation_rate"]) != (1, 1):
        raise ValueError(f"{step.name} ({step.kind} with a dilation_rate)")
    if config.get("count_include_pad") and any(map(sum, pads)):
        taken = _with_zeros(writer, taken, pads)
        size, pads = taken[0][2], ((0, 0), (0, 0))
    reached = [(out - 1) * s + k - n - before for out, s, k, n, (before, _) in zip(step.size, strides, window, size, pads)]
    if max(reached) <= 0 and not any(before for before, _ in pads):
        return writer.add(step.kind, taken, {**own, "padding": "valid"}, step.size)
    if config.get("count_include_pad"):
        raise ValueError(f"{step.name} (AveragePooling2D with count_include_pad that rounds up)")
    if config["padding"] == "same" or _as_same(size, step.size, window, strides, pads):
        return writer.add(step.kind, taken, {**own, "padding": "same"}, step.size)
    # a window around every pixel, of which those are taken that the strides meet
    first = [(k - 1) // 2 - before for k, (before, _) in zip(window, pads)]
    crop = [(f, n - f - (out - 1) * s - 1) for f, n, out, s in zip(first, size, step.size, strides)]
    if min(map(min, crop)) < 0:
        raise ValueError(f"{step.name} ({step.kind} with padding {config['padding']})")
    value = writer.add(step.kind, taken, {"pool_size": window, "strides": (1, 1), "padding": "same"}, size, "_windows")
    shape = [(out - 1) * s + 1 for out, s in zip(step.size, strides)] + [size[2]]
    value = writer.add("Cropping2D", [value], {"cropping": crop}, shape, "_crop")
    return writer.add("MaxPooling2D", [value], {"pool_size": (1, 1), "strides": strides, "padding": "valid"}, step.size)


def _as_same(size, out, window, strides, pads):
    """Are these the windows that "same" has?"""
    same = arguments.pads("same", size[:2], window, strides)
    return all(o == -(-n // s) and own[0] == right[0] for o, n, s, own, right in zip(out, size, strides, pads, same))


def _lrn(writer, taken):
    step = writer.step
    if step.config["mode"] != "across_channels":
        raise ValueError(f"{step.name} (LocalResponseNormalization within channels)")
    x, value = taken[0], taken[0]
    *inner, last = fusing.normalization(step.config, tuple(step.size))
    for number, (kind, config, size) in enumerate(inner):
        power = (config["exponent"],) if kind == "Power" else ()
        both = [value, value] if kind == "Multiply" else [value]
        value = writer.add(kind, both, {} if power else config, size, f"_{number}", power)
    return writer.add("Multiply", [x, value], last[1], last[2])


def _maxout(writer, taken):
    *pixels, channels = writer.step.sizes[0]
    group, rows = writer.step.config["group_size"], 1
    for n in pixels:
        rows *= n
    value = writer.add("Reshape", taken, {"target_shape": (rows, channels, 1)}, (rows, channels, 1), "_flat")
    pooling = {"pool_size": (1, group), "strides": (1, group)}
    value = writer.add("MaxPooling2D", [value], pooling, (rows, channels // group, 1), "_max")
    return writer.add("Reshape", [value], {"target_shape": writer.step.size}, writer.step.size)


def _normalization(writer, taken):
    if writer.step.config["mean"] is None:
        raise ValueError(f"{writer.step.name} (Normalization without a mean)")
    return _plain(writer, taken)


_MERGES = ("Add", "Average", "Concatenate", "Maximum", "Minimum", "Multiply", "Subtract")
_KINDS = {
    "InputLayer": _input, "Activation": _activation, "Dense": _weighted, "Conv2DTranspose": _transposed,
    **dict.fromkeys(("Conv2D", "DepthwiseConv2D", "SeparableConv2D"), _convolution),
    **dict.fromkeys(("MaxPooling2D", "AveragePooling2D"), _pool),
    "LocalResponseNormalization": _lrn, "Maxout": _maxout, "Normalization": _normalization,
    "ReLU6": _only(kind="ReLU", max_value=6.0), "Reshape": _only("target_shape"), "Permute": _only("dims"),
    **dict.fromkeys((
        *_MERGES, "AdaptiveAveragePooling2D", "BatchNormalization", "Cropping2D", "Dropout", "ELU", "Flatten",
        "GaussianNoise", "GlobalAveragePooling2D", "GlobalMaxPooling2D", "GroupNormalization", "LayerNormalization",
        "LeakyReLU", "PReLU",
        "ReLU", "Rescaling", "Softmax", "SpatialDropout2D", "UpSampling2D", "ZeroPadding2D"), _plain),
}
