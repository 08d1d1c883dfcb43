"""A fastcnn model in the words of channels-first libraries: a list of steps, and weights in their order."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from fastcnn import arguments, layers


@dataclass
class Step:
    """`kind`: conv, dense, batch_norm, max_pool, avg_pool, adaptive_pool, global_pool, lrn, add, concat, flatten, dropout,
    softmax, or an activation.

    Inputs: numbers of the steps whose values it takes, -1 being the model's input. Weights: conv (out, in / groups, height,
    width), dense (out, in), then the bias; gamma and beta. Statistics: moving mean and variance. `multipliers`: of the bias'
    learning rate and weight decay. `name`: of the layer. `alone`: is it the only one that takes its input?
    """

    kind: str
    options: dict = field(default_factory=dict)
    weights: list = field(default_factory=list)
    statistics: list = field(default_factory=list)
    multipliers: tuple = (1.0, 1.0)
    inputs: list = field(default_factory=list)
    name: str = ""
    alone: bool = True


def steps(model):
    """The model's steps, in an order in which they can run; activations are steps of their own."""
    graph, found, images = model.graph, [], {}  # images: (height, width, channels) that a value was flattened from
    places = {id(graph.inputs[0]): -1}
    for call in graph.order:
        taken = [places[id(symbol)] for symbol in call.inputs]
        image = images.get(taken[0])
        step = _step(call.layer, image)
        if step is not None:
            step.inputs, step.name, taken = taken, call.layer.name, [len(found)]
            found.append(step)
        activation = getattr(call.layer, "activation", ("linear",))[0]
        if activation != "linear":
            found.append(Step(activation, inputs=taken, name=call.layer.name))
            taken = [len(found) - 1]
        if isinstance(call.layer, layers.Flatten):
            images[taken[0]] = call.inputs[0].size
        elif image is not None and not isinstance(call.layer, layers.Dense):
            images[taken[0]] = image
        for symbol in graph.given_by(call.layer):
            places[id(symbol)] = taken[0]
    readers = Counter(place for step in found for place in step.inputs)
    for step in found:
        step.alone = readers[step.inputs[0]] == 1 and step.inputs[0] >= 0
    return found


def _step(layer, image):
    """The step of a layer without its activation; None: it has but that."""
    config, weights = layer.get_config(), [np.array(w) for w in layer.get_weights()]
    shape = layer.input_size
    multipliers = tuple((config.get(f"{name}_multiplier") or {}).get("bias", 1.0)
                        for name in ("learning_rate", "weight_decay"))
    if isinstance(layer, layers.Conv2D):
        options = {"strides": layer.strides, "groups": layer.groups, "dilation": layer.dilation_rate,
                   "padding": _symmetric(layer, shape, layer.kernel_size, layer.dilation_rate)}
        kernel = np.ascontiguousarray(weights[0].transpose(3, 2, 0, 1))
        return Step("conv", options, [kernel, *weights[1:]], multipliers=multipliers)
    if isinstance(layer, layers.Dense):
        kernel = weights[0]
        if image is not None:  # rows come in the order of (height, width, channels)
            kernel = kernel.reshape(*image, -1).transpose(2, 0, 1, 3).reshape(kernel.shape)
        return Step("dense", {}, [np.ascontiguousarray(kernel.T), *weights[1:]], multipliers=multipliers)
    if isinstance(layer, layers.BatchNormalization):
        options = {"momentum": layer.momentum, "epsilon": layer.epsilon}
        return Step("batch_norm", options, weights[:2], weights[2:])
    if isinstance(layer, (layers.MaxPooling2D, layers.AveragePooling2D)):
        return Step("max_pool" if isinstance(layer, layers.MaxPooling2D) else "avg_pool", {
            "size": layer.pool_size, "strides": layer.strides, "ceil_mode": layer.ceil_mode,
            "padding": _symmetric(layer, shape, layer.pool_size, (1, 1))})
    if isinstance(layer, layers.LocalResponseNormalization):
        if config["size"] % 2 == 0 or config["groups"] > 1:
            raise ValueError(f"{layer.name}: libraries disagree about windows of even size, and have no groups")
        return Step("lrn", {**{k: config[k] for k in ("size", "beta", "k")}, "divided_alpha": config["alpha"] * (
            config["size"] if config["alpha_mode"] == "sum" else 1)})  # what they divide by the size
    if isinstance(layer, layers.AdaptiveAveragePooling2D):
        return Step("adaptive_pool", {"size": layer.windows})
    if isinstance(layer, layers.Dropout):
        return Step("dropout", {"rate": config["rate"]})
    for kind, plain in (("flatten", layers.Flatten), ("add", layers.Add), ("concat", layers.Concatenate),
                        ("global_pool", layers.GlobalAveragePooling2D)):
        if isinstance(layer, plain):
            return Step(kind)
    if isinstance(layer, layers.Activation):
        return None
    raise TypeError(f"no translation for this layer. Received: {type(layer).__name__}")


def weights(model):
    """All weights of `steps`, in order."""
    return [w for step in steps(model) for w in step.weights]


def channels_first(x):
    """Images, contiguous."""
    return np.ascontiguousarray(x.transpose(0, 3, 1, 2))


def _symmetric(layer, shape, window, dilation):
    """Padding of (height, width) on either side."""
    pads = arguments.pads(layer.padding, shape[:2], window, layer.strides, dilation)
    if any(before != after for before, after in pads):
        raise ValueError(f"{layer.name}: asymmetric padding has no translation. Received: {pads}")
    return tuple(before for before, _ in pads)
