"""What nodes of ONNX layers become: a formula for each class, and what gives its words; or a function of its own."""

import copy

import numpy as np

from fastcnn import arguments
from fastcnn.io import layouts
from fastcnn.io.description import ACTIVATIONS
from fastcnn.io.onnx.formulas import activated, formula

# Words of formulas, besides the configuration and the arrays: functions of the writer, the step and the value that it takes


def _windows(writer, step, x):
    window, strides, dilation, ((top, bottom), (left, right)) = step.windows
    return {"kernel_shape": window, "strides": strides, "dilations": dilation, "pads": [top, left, bottom, right]}


def _conv(writer, step, x):
    kernel, table = step.arrays["kernel"], step.config["connection_table"]
    if table is not None:  # all connections, those that there are not with weights 0
        table = arguments.connections(arguments.connection_table(table), x.size[2])
        whole = np.zeros((*kernel.shape[:2], x.size[2], step.config["filters"]), np.float32)
        whole[:, :, table[:, 0], table[:, 1]] = kernel
        kernel = whole
        writer.description.notes.append(f"{step.name}: its connection table, as weights 0")
    return {**_windows(writer, step, x), "kernel": layouts.to_oihw(kernel), "group": step.config["groups"]}


def _depthwise(writer, step, x):
    name, *point = [name for name in step.arrays if "kernel" in name]
    return {**_windows(writer, step, x), name: layouts.depthwise_to_oihw(step.arrays[name]), "group": x.size[2],
            **{own: layouts.to_oihw(step.arrays[own]) for own in point}}


def _transposed(writer, step, x):
    c, cut = step.config, step.cut
    return {"kernel": layouts.to_oihw(step.arrays["kernel"]), "group": c["groups"], "kernel_shape": c["kernel_size"],
            "strides": c["strides"], "dilations": c["dilation_rate"], "output_padding": [max(0, -after) for _, after in cut],
            "pads": [before for before, _ in cut] + [max(0, after) for _, after in cut]}


def _dense(writer, step, x):
    kernel = step.arrays["kernel"]
    return {"kernel": kernel if x.flattened is None else layouts.rows_to_chw(kernel, *x.flattened)}


def _pool(writer, step, x):
    c, found = step.config, _windows(writer, step, x)
    if step.kind != "MaxPooling2D" and {*c["dilation_rate"]} == {1}:  # an attribute of later opsets alone
        found["dilations"] = None
    ceil = None if step.kind == "LpPooling2D" and writer.opset < 18 else int(c["ceil_mode"] and c["padding"] != "same")
    return {**found, "ceil_mode": ceil, "count_include_pad": int(c.get("count_include_pad", 0)), "p": int(c.get("p", 0))}


def _batch_norm(writer, step, x):
    return {"gamma": np.ones(x.size[-1]), "beta": np.zeros(x.size[-1]), **step.arrays}


def _prelu(writer, step, x):
    slope = step.arrays["alpha"]
    return {"alpha": np.transpose(slope, (2, 0, 1)) if slope.ndim == 3 else slope}


def _upsampling(writer, step, x):
    smooth = step.config["interpolation"] == "bilinear"
    return {"scales": [1, 1, *step.config["size"]], "mode": "linear" if smooth else "nearest",
            "coordinate_transformation_mode": "half_pixel" if smooth else "asymmetric",
            "nearest_mode": None if smooth else "floor"}


def _edges(writer, step, x):
    sign, edges = (1, step.config["padding"]) if step.kind == "ZeroPadding2D" else (-1, step.config["cropping"])
    (top, bottom), (left, right) = edges
    return {"edges": np.array([sign * n for n in (0, 0, top, left, 0, 0, bottom, right)])}


def channels(value, rank):
    """A constant, or one per channel, as ONNX' values take it."""
    value = np.asarray(value, np.float32)
    return value.reshape(-1, 1, 1) if value.ndim and rank == 3 else value


# Layers without a formula: functions of the writer, the step and the values that it takes; they give a value, or its name


def affine(writer, step, x):
    """Two steps with a constant each."""
    names = {"*": ("Mul", "scale"), "+": ("Add", "offset"), "-": ("Sub", "mean"), "/": ("Div", "deviation")}
    (first, a), (second, b) = ((names[sign], channels(value, len(x.size))) for sign, value in step.affine)
    return formula(writer, f"{' x '.join(first)}; {' y '.join(second)}", step.name, x.name, {first[1]: a, second[1]: b})


def merged(writer, step, *values):
    """An operator of several values, or of two at a time."""
    op, names = _MERGES[step.kind], [value.name for value in values]
    while op == "Mul" and len(names) > 2:
        names[:2] = [writer.node(op, names[:2], f"{step.name}/of{len(names)}")]
    return writer.node(op, names, step.name)


def _concatenate(writer, step, *values):
    axis = step.config["axis"]
    axis = (2, 3, 1)[axis - 1] if len(step.size) == 3 else axis
    return writer.node("Concat", [value.name for value in values], step.name, axis=axis)


def _global_pool(writer, step, x):
    op = step.kind.replace("ing2D", "")
    if step.config["keepdims"]:
        return writer.node(op, [x.name], step.name)
    return writer.node("Flatten", [writer.node(op, [x.name], f"{step.name}/pooled")], step.name, axis=1)


def _flatten(writer, step, x):
    if len(x.size) != 3:
        return writer.node("Flatten", [writer.plain(x, step.name)], step.name, axis=1)
    turned = x.size[2] > 1 and x.size[:2] != (1, 1)
    name = writer.node("Flatten", [x.name], step.name, axis=1)
    return x._replace(name=name, size=step.size, flattened=x.size if turned else None)


def _moved(writer, step, x):
    """Of axes by channels last."""
    words = {"shape": np.array([0, *step.size]), "perm": [0, *step.config.get("dims", ())]}
    text = "Transpose x perm=" if step.kind == "Permute" else "Reshape x shape"
    return writer.first(formula(writer, text, f"{step.name}/moved", writer.plain(x, step.name), words), step.size, step.name)


def _kept(writer, step, x):
    """Of values in the places that they have."""
    if step.kind == "Dropout":
        return x._replace(name=formula(writer, "Dropout x rate", step.name, x.name, step.config))
    return x._replace(name=activated(writer, step, x.name), size=step.size)


def left_out(writer, step, x):
    """Of layers that compute while training alone, and that ONNX does not know."""
    writer.description.notes.append(f"{step.name}: {step.kind} computes while training alone, and is left out")
    return x


_MERGES = {"Add": "Sum", "Subtract": "Sub", "Multiply": "Mul", "Average": "Mean", "Maximum": "Max", "Minimum": "Min"}
_WINDOWS = "kernel_shape= strides= dilations= pads="
_FORMULAS = {  # layer: its formula, what gives the words
    "Conv2D": (f"Conv x kernel bias group= {_WINDOWS}", _conv),
    "DepthwiseConv2D": (f"Conv x kernel bias group= {_WINDOWS}", _depthwise),
    "SeparableConv2D": (f"Conv x depthwise_kernel group= {_WINDOWS}; Conv y pointwise_kernel bias", _depthwise),
    "Conv2DTranspose": (f"ConvTranspose x kernel bias group= output_padding= {_WINDOWS}", _transposed),
    "Dense": ("Gemm x kernel bias", _dense), "MaxPooling2D": (f"MaxPool x ceil_mode= {_WINDOWS}", _pool),
    "AveragePooling2D": (f"AveragePool x ceil_mode= count_include_pad= {_WINDOWS}", _pool),
    "LpPooling2D": (f"LpPool x ceil_mode= p= {_WINDOWS}", _pool),
    "LocalResponseNormalization": ("LRN x size= alpha= beta= bias=k", None),
    "BatchNormalization": ("BatchNormalization x gamma beta moving_mean moving_variance epsilon= momentum=", _batch_norm),
    "PReLU": ("PRelu x alpha", _prelu), "ZeroPadding2D": ("Pad x edges", _edges), "Cropping2D": ("Pad x edges", _edges),
    "UpSampling2D": ("Resize x - scales mode= coordinate_transformation_mode= nearest_mode=", _upsampling),
}
_OTHERS = {
    **dict.fromkeys(_MERGES, merged), **dict.fromkeys(("Activation", "Dropout", *ACTIVATIONS), _kept), "Flatten": _flatten,
    **dict.fromkeys(("GlobalAveragePooling2D", "GlobalMaxPooling2D"), _global_pool), "Concatenate": _concatenate,
    **dict.fromkeys(("Rescaling", "Normalization"), affine), **dict.fromkeys(("Reshape", "Permute"), _moved),
    **dict.fromkeys(("SpatialDropout2D", "GaussianNoise"), left_out),
}
LAYERS = {"InputLayer", *_FORMULAS, *_OTHERS}
ROWS = {"Dense", "Dropout", "SpatialDropout2D", "GaussianNoise", "Activation", *ACTIVATIONS} - {"Softmax"}
# whatever the order of a row's values

REFUSED = [  # see `fastcnn.io.description.refusal`
    (("LocalResponseNormalization",), lambda step, opset: step.config["mode"] != "across_channels"
     or step.config["groups"] > 1 or step.config["size"] % 2 == 0 and step.config["even"] == "below",
     "within channels, in groups, or of an even size below"),
    (("AveragePooling2D",), lambda step, opset: opset < 19 and {*step.config["dilation_rate"]} != {1},
     "dilated, before opset 19"),
    (("LpPooling2D",), lambda step, opset: step.config["p"] % 1 or opset < 18 and (
        step.config["ceil_mode"] or {*step.config["dilation_rate"]} != {1}),
     "of a fraction as p; or dilated or in ceil_mode, before opset 18"),
    (("Normalization",), lambda step, opset: step.config["mean"] is None, "without a mean"),
]


def write(writer, step, *values):
    """A layer's nodes: the value that they give, or its name."""
    if step.kind in _OTHERS:
        return _OTHERS[step.kind](writer, step, *values)
    (x,), (text, more) = values, _FORMULAS[step.kind]
    words = {**step.config, **step.arrays, **(more(writer, step, x) if more else {}), "bias": step.arrays.get("bias")}
    if step.activation[0] == "linear":
        return formula(writer, text, step.name, x.name, words)
    return activated(writer, step, formula(writer, text, f"{step.name}/linear", x.name, words))


def without_end(step):
    """A last step without its softmax or sigmoid."""
    if step.activation[0] in ("softmax", "sigmoid", "log_softmax"):
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
        if augmentation.get(key) is not None:
            constant = {key: channels(augmentation[key], len(value.size))}
            name = formula(writer, f"{op} x {key}", f"preparation/{op.lower()}", value.name, constant)
            value = value._replace(name=name)
            augmentation[key] = neutral if "background" in augmentation else None
    writer.values[number] = value
    return metadata
