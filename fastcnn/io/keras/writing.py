"""Keras' configuration of a description, and the arrays of its layers."""

from fastcnn.io.description import refusal
from fastcnn.io.keras import layers
from fastcnn.registry import Names, unique

_INITIALIZERS = {
    "Constant", "GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "Identity", "LecunNormal", "LecunUniform", "Ones",
    "Orthogonal", "RandomNormal", "RandomUniform", "TruncatedNormal", "VarianceScaling", "Zeros"}
_OWN = {"initializer": _INITIALIZERS, "regularizer": {"L1", "L2", "L1L2"},
        "constraint": {"MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm"}}
_MULTIPLIERS = ("learning_rate_multiplier", "weight_decay_multiplier")
_HERE_ALONE = ("connection_table", "exact", "input_shape", "name", "trainable", *_MULTIPLIERS)
_WITHOUT = {"Conv2DTranspose": "groups", "Permute": "data_format", "Reshape": "data_format"}


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
            if why := refusal(step, layers.KINDS, layers.REFUSED):
                raise ValueError(why)
            values[step.given] = layers.KINDS[step.kind](writer, taken)
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
    made = [(entry["name"], entry["class_name"], writer.arrays.get(entry["name"], {})) for entry in entries
            if entry["class_name"] != "Power"]
    return config, made, {there: here for here, there in writer.names.items()}


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
            nodes.append({"args": [tensors if kind in layers.MERGES else tensors[0], *history], "kwargs": {}})
        return name, max(len(nodes) - 1, 0), tuple(size)

    def line(self, taken, *parts):
        """The value of layers one behind another: (class, arguments, size, suffix) of each."""
        for kind, *part in parts:
            taken = [self.add(kind, taken, *part)]
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
