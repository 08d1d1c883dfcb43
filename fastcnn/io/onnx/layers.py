"""What nodes of ONNX layers become: a function for each class, of the writer, the step and the values it takes; it gives the
name of what comes out."""

import copy

import numpy as np

from fastcnn import activations, arguments
from fastcnn.io import layouts


def activated(writer, step, taken, activation=None):
    """An activation by name behind `taken`, under the step's name."""
    name, constant = activations.get(step.config.get("activation") if activation is None else activation)
    if name == "linear":
        return writer.renamed(taken, step.name)
    return _ACTIVATIONS[name](writer, taken, step.name, constant, 1 if len(step.size) == 3 else -1)


def _plain(op, constant=None, **attributes):
    def write(writer, taken, name, value, axis):
        more = {} if constant is None else {constant: value}
        return writer.node(op, [taken], name, **more, **attributes)
    return write


def _over_channels(op):
    return lambda writer, taken, name, value, axis: writer.node(op, [taken], name, axis=axis)


def _relu6(writer, taken, name, value, axis):
    return writer.node("Clip", [taken, *(writer.constant(f"{name}/{n}", n) for n in (0, 6))], name)


def _times(gate):
    """x times what another activation makes of it."""
    def write(writer, taken, name, value, axis):
        return writer.node("Mul", [taken, gate(writer, taken, f"{name}/gate", value, axis)], name)
    return write


def _hard_silu(writer, taken, name, value, axis):
    write = _plain("HardSwish") if writer.opset >= 14 else _times(_plain("HardSigmoid", alpha=1 / 6, beta=0.5))
    return write(writer, taken, name, value, axis)


def _gelu(writer, taken, name, value, axis):
    if writer.opset >= 20:
        return writer.node("Gelu", [taken], name)
    parts = [writer.constant(f"{name}/{word}", n) for word, n in (("root", np.sqrt(0.5)), ("one", 1), ("half", 0.5))]
    y = writer.node("Erf", [writer.node("Mul", [taken, parts[0]], f"{name}/scaled")], f"{name}/erf")
    y = writer.node("Mul", [writer.node("Add", [y, parts[1]], f"{name}/sum"), parts[2]], f"{name}/part")
    return writer.node("Mul", [taken, y], name)


def _scaled_tanh(writer, taken, name, value, axis):
    inner, outer = writer.constant(f"{name}/inner", 2 / 3), writer.constant(f"{name}/outer", 1.7159)
    y = writer.node("Tanh", [writer.node("Mul", [taken, inner], f"{name}/scaled")], f"{name}/tanh")
    return writer.node("Mul", [y, outer], name)


_ACTIVATIONS = {
    "relu": _plain("Relu"), "sigmoid": _plain("Sigmoid"), "tanh": _plain("Tanh"), "softplus": _plain("Softplus"),
    "softsign": _plain("Softsign"), "selu": _plain("Selu"), "exponential": _plain("Exp"), "elu": _plain("Elu", "alpha"),
    "leaky_relu": _plain("LeakyRelu", "alpha"), "hard_sigmoid": _plain("HardSigmoid", "alpha", beta=0.5), "relu6": _relu6,
    "silu": _times(_plain("Sigmoid")), "hard_silu": _hard_silu, "gelu": _gelu,
    "scaled_tanh": _scaled_tanh, "softmax": _over_channels("Softmax"), "log_softmax": _over_channels("LogSoftmax"),
}


def _windows(step, kernel, size, pads=arguments.pads):
    """Attributes of windows on images of a size."""
    c = step.config
    dilation = arguments.pair("dilation_rate", c["dilation_rate"])
    (top, bottom), (left, right) = pads(_tuple(c["padding"]), size[:2], kernel, c["strides"], dilation)
    return {"kernel_shape": list(kernel), "strides": list(c["strides"]), "dilations": list(dilation),
            "pads": [top, left, bottom, right]}


def _tuple(value):
    return tuple(map(_tuple, value)) if isinstance(value, (list, tuple)) else value


def _convolved(writer, step, x, kernel, name, weights="kernel", **more):
    """A convolution with its bias and activation."""
    taken = [x.name, writer.constant(f"{step.name}/{weights}", kernel)]
    if "bias" in step.arrays:
        taken.append(writer.constant(f"{step.name}/bias", step.arrays["bias"]))
    linear = activations.get(step.config.get("activation"))[0] == "linear"
    return activated(writer, step, writer.node(name, taken, step.name if linear else f"{step.name}/linear", **more))


def _conv(writer, step, x):
    kernel = step.arrays["kernel"]
    if step.config["connection_table"] is not None:  # all connections, those that there are not with weights 0
        table = arguments.connections(arguments.connection_table(step.config["connection_table"]), x.size[2])
        whole = np.zeros((*kernel.shape[:2], x.size[2], step.config["filters"]), np.float32)
        whole[:, :, table[:, 0], table[:, 1]] = kernel
        kernel = whole
        writer.description.notes.append(f"{step.name}: its connection table, as weights 0")
    return _convolved(writer, step, x, layouts.to_oihw(kernel), "Conv", group=step.config["groups"],
                      **_windows(step, kernel.shape[:2], x.size))


def _depthwise(writer, step, x):
    kernel = step.arrays["kernel"]
    return _convolved(writer, step, x, layouts.depthwise_to_oihw(kernel), "Conv", group=x.size[2],
                      **_windows(step, kernel.shape[:2], x.size))


def _separable(writer, step, x):
    kernel, point = step.arrays["depthwise_kernel"], step.arrays["pointwise_kernel"]
    name = f"{step.name}/depthwise"
    taken = [x.name, writer.constant(f"{name}_kernel", layouts.depthwise_to_oihw(kernel))]
    y = writer.node("Conv", taken, name, group=x.size[2], **_windows(step, kernel.shape[:2], x.size))
    return _convolved(writer, step, x._replace(name=y), layouts.to_oihw(point), "Conv", "pointwise_kernel")


def _conv_transpose(writer, step, x):
    c, kernel = step.config, step.arrays["kernel"]
    dilation = arguments.pair("dilation_rate", c["dilation_rate"])
    size, edges = arguments.transposed(_tuple(c["padding"]), c["output_padding"], x.size[:2], kernel.shape[:2], c["strides"],
                                       dilation)
    more = [out - ((n - 1) * s + (k - 1) * d + 1 - sum(both)) for out, n, s, k, d, both in
            zip(size, x.size, c["strides"], kernel.shape, dilation, edges)]
    (top, bottom), (left, right) = edges
    return _convolved(writer, step, x, layouts.to_oihw(kernel), "ConvTranspose", group=c["groups"],
                      kernel_shape=list(kernel.shape[:2]), strides=list(c["strides"]), dilations=list(dilation),
                      pads=[top, left, bottom, right], output_padding=more)


def _dense(writer, step, x):
    kernel = step.arrays["kernel"]
    if x.flattened is not None:
        kernel = layouts.rows_to_chw(kernel, *x.flattened)
    return _convolved(writer, step, x, kernel, "Gemm")


def _pool(op, **attributes):
    def write(writer, step, x):
        c = step.config
        more = {key: function(c) for key, function in attributes.items()}
        ceil = {"ceil_mode": int(c["ceil_mode"] and c["padding"] != "same")} if writer.opset >= 18 or op != "LpPool" else {}
        options = _windows(step, c["pool_size"], x.size, arguments.pool_pads)
        if op != "MaxPool" and writer.opset < (19 if op == "AveragePool" else 18):
            del options["dilations"]
        return writer.node(op, [x.name], step.name, **options, **ceil, **more)
    return write


def _global_pool(op):
    def write(writer, step, x):
        if step.config["keepdims"]:
            return writer.node(op, [x.name], step.name)
        return writer.node("Flatten", [writer.node(op, [x.name], f"{step.name}/pooled")], step.name, axis=1)
    return write


def _lrn(writer, step, x):
    c = step.config
    alpha = c["alpha"] * (c["size"] if c["alpha_mode"] == "sum" else 1)
    return writer.node("LRN", [x.name], step.name, size=c["size"], alpha=alpha, beta=c["beta"], bias=c["k"])


def _batch_norm(writer, step, x):
    c, channels = step.config, x.size[-1]
    defaults = {"gamma": np.ones(channels), "beta": np.zeros(channels)}
    names = [writer.constant(f"{step.name}/{name}", step.arrays.get(name, defaults.get(name)))
             for name in ("gamma", "beta", "moving_mean", "moving_variance")]
    return writer.node("BatchNormalization", [x.name, *names], step.name, epsilon=c["epsilon"], momentum=c["momentum"])


def merged(op, pairs=False):
    """An operator of several values, or of two at a time."""
    def write(writer, step, *values):
        names = [value.name for value in values]
        while pairs and len(names) > 2:
            names[:2] = [writer.node(op, names[:2], f"{step.name}/of{len(names)}")]
        return writer.node(op, names, step.name)
    return write


def _concatenate(writer, step, *values):
    axis = step.config["axis"]
    axis = (2, 3, 1)[axis - 1] if len(step.size) == 3 else axis
    return writer.node("Concat", [value.name for value in values], step.name, axis=axis)


def _activation_of(spec):
    return lambda writer, step, x: x._replace(name=activated(writer, step, x.name, spec(step.config)), size=step.size)


def _leaky(config):
    return {"name": "leaky_relu", "negative_slope": config["negative_slope"]}


def _prelu(writer, step, x):
    slope = step.arrays["alpha"]
    slope = np.transpose(slope, (2, 0, 1)) if slope.ndim == 3 else slope
    return writer.node("PRelu", [x.name, writer.constant(f"{step.name}/alpha", slope)], step.name)


def _channels(value, rank):
    """A constant, or one per channel, as ONNX' values take it."""
    value = np.asarray(value, np.float32)
    return value.reshape(-1, 1, 1) if value.ndim and rank == 3 else value


def _affine(writer, step, x, *steps):
    """Operators with a constant each: (operator, word, value)."""
    name = x.name
    for i, (op, word, value) in enumerate(steps):
        constant = writer.constant(f"{step.name}/{word}", _channels(value, len(x.size)))
        name = writer.node(op, [name, constant], step.name if i == len(steps) - 1 else f"{step.name}/{op.lower()}")
    return name


def _rescaling(writer, step, x):
    return _affine(writer, step, x, ("Mul", "scale", step.config["scale"]), ("Add", "offset", step.config["offset"]))


def _normalization(writer, step, x):
    deviation = np.maximum(np.sqrt(np.asarray(step.config["variance"])), 1e-7)
    steps = [("Sub", "mean", step.config["mean"]), ("Div", "deviation", deviation)]
    if step.config["invert"]:
        steps = [("Mul", "deviation", deviation), ("Add", "mean", step.config["mean"])]
    return _affine(writer, step, x, *steps)


def _flatten(writer, step, x):
    if len(x.size) != 3:
        return writer.node("Flatten", [writer.plain(x, step.name)], step.name, axis=1)
    turned = x.size[2] > 1 and x.size[:2] != (1, 1)
    name = writer.node("Flatten", [x.name], step.name, axis=1)
    return x._replace(name=name, size=step.size, flattened=x.size if turned else None)


def _reshape(writer, step, x):
    shape = writer.constant(f"{step.name}/shape", [0, *step.size], np.int64)
    y = writer.node("Reshape", [writer.plain(x, step.name), shape], f"{step.name}/shaped")
    return writer.first(y, step.size, step.name)


def _permute(writer, step, x):
    y = writer.node("Transpose", [writer.plain(x, step.name)], f"{step.name}/turned", perm=[0, *step.config["dims"]])
    return writer.first(y, step.size, step.name)


def _edges(key, sign):
    def write(writer, step, x):
        (top, bottom), (left, right) = step.config[key]
        pads = [sign * n for n in (0, 0, top, left, 0, 0, bottom, right)]
        return writer.node("Pad", [x.name, writer.constant(f"{step.name}/edges", pads, np.int64)], step.name)
    return write


def _upsampling(writer, step, x):
    scales = writer.constant(f"{step.name}/scales", [1, 1, *step.config["size"]])
    how = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"} \
        if step.config["interpolation"] == "bilinear" else \
        {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    return writer.node("Resize", [x.name, "", scales], step.name, **how)


def _dropout(writer, step, x):
    return x._replace(name=writer.node("Dropout", [x.name, writer.constant(f"{step.name}/ratio", step.config["rate"])],
                                       step.name))


def left_out(writer, step, x):
    """Of layers that compute while training alone, and that ONNX does not know."""
    writer.description.notes.append(f"{step.name}: {step.kind} computes while training alone, and is left out")
    return x


TABLE = {
    "Conv2D": _conv, "DepthwiseConv2D": _depthwise, "SeparableConv2D": _separable, "Conv2DTranspose": _conv_transpose,
    "Dense": _dense, "MaxPooling2D": _pool("MaxPool"), "LpPooling2D": _pool("LpPool", p=lambda c: int(c["p"])),
    "AveragePooling2D": _pool("AveragePool", count_include_pad=lambda c: int(c["count_include_pad"])),
    "GlobalAveragePooling2D": _global_pool("GlobalAveragePool"), "GlobalMaxPooling2D": _global_pool("GlobalMaxPool"),
    "LocalResponseNormalization": _lrn, "BatchNormalization": _batch_norm, "Add": merged("Sum"),
    "Subtract": merged("Sub"), "Multiply": merged("Mul", pairs=True), "Average": merged("Mean"), "Maximum": merged("Max"),
    "Minimum": merged("Min"), "Concatenate": _concatenate, "Activation": _activation_of(lambda c: c["activation"]),
    "ReLU": _activation_of(lambda c: "relu6" if c["max_value"] else _leaky(c) if c["negative_slope"] else "relu"),
    "ReLU6": _activation_of(lambda c: "relu6"), "LeakyReLU": _activation_of(_leaky),
    "Softmax": _activation_of(lambda c: "softmax"),
    "ELU": _activation_of(lambda c: {"name": "elu", "alpha": c["alpha"]}), "PReLU": _prelu, "Rescaling": _rescaling,
    "Normalization": _normalization, "Flatten": _flatten, "Reshape": _reshape, "Permute": _permute,
    "ZeroPadding2D": _edges("padding", 1), "Cropping2D": _edges("cropping", -1), "UpSampling2D": _upsampling,
    "Dropout": _dropout, "SpatialDropout2D": left_out, "GaussianNoise": left_out,
}
ROWS = {"Dense", "Dropout", "SpatialDropout2D", "GaussianNoise", "Activation", "ReLU", "ReLU6", "LeakyReLU", "ELU"}
# whatever the order of a row's values

_REFUSED = {  # layer: what of it has no operator, as (test of the configuration and the opset, why)
    "LocalResponseNormalization": (lambda c, opset: c["mode"] != "across_channels" or c["groups"] > 1
                                   or c["size"] % 2 == 0 and c["even"] == "below",
                                   "within channels, in groups, or of an even size below"),
    "AveragePooling2D": (lambda c, opset: opset < 19 and {*c["dilation_rate"]} != {1}, "dilated, before opset 19"),
    "LpPooling2D": (lambda c, opset: c["p"] % 1 or opset < 18 and (c["ceil_mode"] or {*c["dilation_rate"]} != {1}),
                    "of a fraction as p; or dilated or in ceil_mode, before opset 18"),
    "Normalization": (lambda c, opset: c["mean"] is None, "without a mean"),
}


def refused(step, opset):
    """Why a step cannot be written; None: it can."""
    if step.kind not in TABLE and step.kind != "InputLayer":
        return step.kind
    test, why = _REFUSED.get(step.kind, (lambda c, opset: False, None))
    return f"{step.kind} {why}" if test(step.config, opset) else None


def without_end(step):
    """A last step without its softmax or sigmoid."""
    ends = ("softmax", "sigmoid", "log_softmax")
    if step.kind == "Softmax" or activations.get(step.config.get("activation"))[0] in ends:
        kind = "Activation" if step.kind == "Softmax" else step.kind
        return step._replace(kind=kind, config={**step.config, "activation": "linear"})
    return step


def prepare(writer, description):
    """Puts the preparation of images that the metadata speak of behind the input; the metadata without it."""
    metadata = copy.deepcopy(description.metadata)
    images = metadata.get("images")
    if not isinstance(images, dict) or len(description.inputs) != 1:
        raise ValueError("preparation=True needs metadata that say how images are prepared (fastcnn.images.Preparation), "
                         f"and one input. Received: metadata of {', '.join(metadata) or 'nothing'}")
    number, augmentation = description.inputs[0], images["augmentation"]
    value = writer.values[number]
    for op, key, neutral in (("Sub", "mean", 0.0), ("Div", "std", 1.0)):
        given = augmentation.get(key)
        if given is not None:
            constant = writer.constant(f"preparation/{key}", _channels(given, len(value.size)))
            value = value._replace(name=writer.node(op, [value.name, constant], f"preparation/{op.lower()}"))
            augmentation[key] = neutral if "background" in augmentation else None
    writer.values[number] = value
    return metadata
