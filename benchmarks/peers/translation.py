"""A fastcnn model in the words of channels-first libraries: a list of steps, and weights in their order."""

from dataclasses import dataclass, field

import numpy as np

from fastcnn import arguments, layers


@dataclass
class Step:
    """`kind`: conv, dense, max_pool, avg_pool, lrn, flatten, dropout, softmax, or an activation.

    Weights: conv (out, in / groups, height, width), dense (out, in); then the bias. `multipliers`: of the bias' learning
    rate and weight decay.
    """

    kind: str
    options: dict = field(default_factory=dict)
    weights: list = field(default_factory=list)
    multipliers: tuple = (1.0, 1.0)


def steps(model):
    """The model's steps; activations are steps of their own."""
    found, image = [], None  # image: (height, width, channels) that was flattened
    for layer in model.layers:
        config, weights = layer.get_config(), [np.array(w) for w in layer.get_weights()]
        shape = layer.input_shape[1:]
        multipliers = tuple((config.get(f"{name}_multiplier") or {}).get("bias", 1.0)
                            for name in ("learning_rate", "weight_decay"))
        if isinstance(layer, layers.Conv2D):
            options = {"strides": layer.strides, "groups": layer.groups, "dilation": layer.dilation_rate,
                       "padding": _symmetric(layer, shape, layer.kernel_size, layer.dilation_rate)}
            kernel = np.ascontiguousarray(weights[0].transpose(3, 2, 0, 1))
            found.append(Step("conv", options, [kernel, *weights[1:]], multipliers))
        elif isinstance(layer, layers.Dense):
            kernel = weights[0]
            if image is not None:  # rows come in the order of (height, width, channels)
                kernel = kernel.reshape(*image, -1).transpose(2, 0, 1, 3).reshape(kernel.shape)
                image = None
            found.append(Step("dense", {}, [np.ascontiguousarray(kernel.T), *weights[1:]], multipliers))
        elif isinstance(layer, (layers.MaxPooling2D, layers.AveragePooling2D)):
            kind = "max_pool" if isinstance(layer, layers.MaxPooling2D) else "avg_pool"
            padding = _symmetric(layer, shape, layer.pool_size, (1, 1))
            if padding != (0, 0) or config["ceil_mode"]:
                raise ValueError(f"{layer.name}: pooling with padding or ceil_mode has no translation")
            found.append(Step(kind, {"size": layer.pool_size, "strides": layer.strides}))
        elif isinstance(layer, layers.LocalResponseNormalization):
            if config["size"] % 2 == 0:
                raise ValueError(f"{layer.name}: libraries disagree about windows of even size")
            found.append(Step("lrn", {**{k: config[k] for k in ("size", "beta", "k")}, "divided_alpha": config["alpha"] * (
                config["size"] if config["alpha_mode"] == "sum" else 1)}))  # what they divide by the size
        elif isinstance(layer, layers.Flatten):
            image = shape
            found.append(Step("flatten"))
        elif isinstance(layer, layers.Dropout):
            found.append(Step("dropout", {"rate": config["rate"]}))
        else:
            raise TypeError(f"no translation for this layer. Received: {type(layer).__name__}")
        activation = config.get("activation", "linear")
        if activation != "linear":
            found.append(Step(activation))
    return found


def weights(model):
    """All arrays of `steps`, in order."""
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
