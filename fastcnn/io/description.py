"""What every format of models reads into and writes from: an architecture in JSON's types, arrays by name, notes."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from fastcnn import activations, arguments

ACTIVATIONS = {  # layers that are activations: which, by their configuration
    "ELU": lambda c: {"name": "elu", "alpha": c["alpha"]}, "ReLU6": lambda c: "relu6", "Softmax": lambda c: "softmax",
    "LeakyReLU": lambda c: {"name": "leaky_relu", "negative_slope": c["negative_slope"]},
    "ReLU": lambda c: "relu6" if c["max_value"] else ACTIVATIONS["LeakyReLU"](c) if c["negative_slope"] else "relu",
}


class Step(NamedTuple):
    """A use of a layer: its class' name and configuration, the numbers of the values that it takes, the one that it gives,
    {parameter: array}, and shapes, channels last and without the batch, of what it takes and gives."""

    kind: str
    name: str
    config: dict
    taken: list
    given: int
    arrays: dict
    sizes: list
    size: tuple

    @property
    def activation(self):
        """(name, constant) of the activation that the layer is, or ends with."""
        own = ACTIVATIONS.get(self.kind, lambda config: config.get("activation"))
        return activations.get(own(self.config))

    @property
    def windows(self):
        """(window, strides, dilation, pads) of a convolution or pooling; pads: ((top, bottom), (left, right))."""
        kind, pads = ("pool_size", arguments.pool_pads) if "pool_size" in self.config else ("kernel_size", arguments.pads)
        window, strides, dilation = (tuple(self.config[name]) for name in (kind, "strides", "dilation_rate"))
        return window, strides, dilation, pads(self.config["padding"], self.sizes[0][:2], window, strides, dilation)

    @property
    def cut(self):
        """((top, bottom), (left, right)) of a transposed convolution: what is cut off of all that the kernel reaches, or put
        on, below 0."""
        window, strides, dilation = (tuple(self.config[name]) for name in ("kernel_size", "strides", "dilation_rate"))
        out, pads = arguments.transposed(self.config["padding"], self.config["output_padding"], self.sizes[0][:2], window,
                                         strides, dilation)
        return [(before, (n - 1) * s + (k - 1) * d + 1 - before - o)
                for n, k, s, d, o, (before, _) in zip(self.sizes[0], window, strides, dilation, out, pads)]

    @property
    def affine(self):
        """((sign, number or one for each channel), …) that a `Rescaling` or `Normalization` computes, in order."""
        c = self.config
        if self.kind == "Rescaling":
            return ("*", c["scale"]), ("+", c["offset"])
        deviation = np.maximum(np.sqrt(c["variance"]), 1e-7).tolist()
        return (("*", deviation), ("+", c["mean"])) if c["invert"] else (("-", c["mean"]), ("/", deviation))


def refusal(step, known, rules, *more):
    """Why a format has no word for a step; None: it has.

    Args:
        step: a `Step`.
        known: classes that the format has.
        rules: [(classes, a test of the step and of what else there is, what of them it has not)].
        more: what else there is.
    """
    if step.kind not in known:
        return step.kind
    return next((f"{step.kind} {why}" for kinds, test, why in rules if step.kind in kinds and test(step, *more)), None)


@dataclass
class Description:
    """A model as files know it.

    Args:
        config: its `get_config()`, and "class_name".
        arrays: {"layer/parameter": float32 array}, in fastcnn's layouts.
        metadata: what `model.metadata` is to be, in JSON's types.
        notes: lines: what a reader made of what; what a writer left out.
        sizes: of each call's value, for writers: `fastcnn.model.describing.describe` knows them.
        training: optimizer, losses and metrics as `compile` was told, in JSON's types; None: nothing is known.
    """

    config: dict
    arrays: dict
    metadata: dict = field(default_factory=dict)
    notes: list = field(default_factory=list)
    sizes: list = field(default_factory=list)
    training: dict | None = None

    def steps(self):
        """The calls of layers in their order, inputs among them, as `Step`s."""
        for given, (number, taken) in enumerate(self.config["calls"]):
            kind, config = self.config["layers"][number].values()
            if config.get("alpha_mode") == "sum":  # of a local response normalization, as most programs have it
                config = {**config, "alpha": config["alpha"] * config["size"], "alpha_mode": "mean"}
            start, values = f"{config['name']}/", [place for place, _ in taken]
            arrays = {name[len(start):]: array for name, array in self.arrays.items() if name.startswith(start)}
            sizes = [self.sizes[value] for value in (*values, given)]
            yield Step(kind, config["name"], config, values, given, arrays, sizes[:-1], sizes[-1])

    @property
    def inputs(self):
        """Numbers of the values that the model begins with."""
        return [place for place, _ in self.config["inputs"]]

    @property
    def outputs(self):
        """Numbers of the values that the model gives."""
        return [place for place, _ in self.config["outputs"]]


class Sketch:
    """A description in the making, layer by layer.

    Args:
        name: of the model.

    Example:
        >>> sketch = Sketch("line")
        >>> x = sketch.add("InputLayer", shape=[1])
        >>> y = sketch.add("Dense", [x], {"kernel": np.ones((1, 1)), "bias": np.zeros(1)}, "fc", units=1)
        >>> [step["config"]["name"] for step in sketch.description([x], [y]).config["layers"]]
        ['input_layer', 'fc']
    """

    def __init__(self, name):
        self.name = name if isinstance(name, str) and name else "model"
        self.layers, self.calls, self.arrays, self.origins = [], [], [], []  # a call each

    def add(self, kind, taken=(), arrays=None, name=None, origin=None, **config):
        """A layer of a class, called on some values: the number of the value that it gives.

        Args:
            kind: the class' name.
            taken: numbers of values.
            arrays: {parameter: array}; None: left out.
            name: what it is called elsewhere: made a name that fastcnn allows, and the only one; None: from its class.
            origin: what the file has in its place, for notes.
            config: what the layer is made with.
        """
        self.layers.append({"class_name": kind, "config": {**config, "name": name}})
        self.calls.append(list(taken))
        self.arrays.append({name: array for name, array in (arrays or {}).items() if array is not None})
        self.origins.append(origin)
        return len(self.calls) - 1

    def needed(self, outputs):
        """The numbers of all values that some depend on, theirs among them."""
        found, left = set(), list(outputs)
        while left:
            value = left.pop()
            if value not in found:
                found.add(value)
                left += self.calls[value]
        return found

    def description(self, inputs, outputs, metadata=None, notes=()):
        """The whole: of what the outputs need and the inputs."""
        from fastcnn.registry import snake

        kept = sorted(self.needed(outputs) | set(inputs))
        place, layers, arrays, names = {value: i for i, value in enumerate(kept)}, [], {}, set()
        notes = list(notes)
        for value in kept:
            kind, config = self.layers[value]["class_name"], self.layers[value]["config"]
            base = (config["name"] or snake(kind).replace("2_d", "2d")).replace("/", ".").strip(".") or kind
            name, number = base, 0
            while name in names:
                number += 1
                name = f"{base}_{number}"
            names.add(name)
            layers.append({"class_name": kind, "config": {**config, "name": name}})
            arrays.update({f"{name}/{own}": array for own, array in self.arrays[value].items()})
            notes += [f"{self.origins[value]} → {kind} {name!r}"] if self.origins[value] else []
        calls = [[place[value], [[place[taken], 0] for taken in self.calls[value]]] for value in kept]
        chain = [[i, [[i - 1, 0]] if i else []] for i in range(len(kept))]
        line = calls == chain and list(inputs) == kept[:1] and list(outputs) == kept[-1:] and len(kept) > 1
        config = {"class_name": "Sequential" if line else "Model", "name": self.name, "seed": None, "input_shape": None,
                  "layers": layers, "calls": calls, "inputs": [[place[value], 0] for value in inputs],
                  "outputs": [[place[value], 0] for value in outputs]}
        return Description(config, arrays, metadata or {}, notes)
