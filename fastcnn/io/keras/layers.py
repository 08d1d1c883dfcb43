"""What layers become in Keras. What it has no argument for becomes layers of its own: explicit padding, pooling that rounds
up, local response normalization."""

import math

from fastcnn import arguments
from fastcnn.io.keras import fusing

_ACTIVATIONS = {  # those that Keras has no name for: its layers
    "elu": lambda c: [("ELU", {"alpha": c["alpha"]})],
    "hard_sigmoid": lambda c: [("Rescaling", {"scale": 6 * c["slope"], "offset": 0.0}),
                               ("Activation", {"activation": "hard_sigmoid"})],
    "leaky_relu": lambda c: [("LeakyReLU", {"negative_slope": c["negative_slope"]})],
    "scaled_tanh": lambda c: [("Rescaling", {"scale": 2 / 3, "offset": 0.0}), ("Activation", {"activation": "tanh"}),
                              ("Rescaling", {"scale": 1.7159, "offset": 0.0})],
}


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


MERGES = ("Add", "Average", "Concatenate", "Maximum", "Minimum", "Multiply", "Subtract")
_POOLS = ("MaxPooling2D", "AveragePooling2D")
KINDS = {
    "InputLayer": _input, "Activation": _activation, "Dense": _weighted, "Conv2DTranspose": _transposed,
    **dict.fromkeys(("Conv2D", "DepthwiseConv2D", "SeparableConv2D"), _convolution),
    **dict.fromkeys(_POOLS, _pool), "LocalResponseNormalization": _lrn, "Maxout": _maxout,
    "ReLU6": lambda writer, taken: writer.add("ReLU", taken, {"max_value": 6.0}, writer.step.size),
    **dict.fromkeys((
        *MERGES, "AdaptiveAveragePooling2D", "BatchNormalization", "Cropping2D", "Dropout", "ELU", "Flatten",
        "GaussianNoise", "GlobalAveragePooling2D", "GlobalMaxPooling2D", "GroupNormalization", "LayerNormalization",
        "LeakyReLU", "Normalization", "PReLU", "Permute", "ReLU", "Rescaling", "Reshape", "Softmax", "SpatialDropout2D",
        "UpSampling2D", "ZeroPadding2D"), _plain),
}
REFUSED = [  # see `refusal`
    (("Conv2D",), lambda step: step.config["connection_table"] is not None, "with a connection_table"),
    (("Conv2DTranspose",), lambda step: step.config["groups"] != 1, "with groups"),
    (_POOLS, lambda step: {*step.config["dilation_rate"]} != {1}, "with a dilation_rate"),
    (("LocalResponseNormalization",), lambda step: step.config["mode"] != "across_channels", "within channels"),
    (("Normalization",), lambda step: step.config["mean"] is None, "without a mean"),
]
