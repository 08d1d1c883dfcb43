"""What PyTorch calls the arrays of layers, and how they lie there: kernels (filters, inputs, height, width), and what
flattened images meet by channels first."""

import re

import numpy as np

from fastcnn.io import layouts
from fastcnn.registry import unique

ALEXNET = {  # torchvision's; its other networks have the same names here
    "conv1": "features.0", "conv2": "features.3", "conv3": "features.6", "conv4": "features.8", "conv5": "features.10",
    "fc6": "classifier.1", "fc7": "classifier.4", "fc8": "classifier.6",
}
_TAKEN = {"add_module", "apply", "buffers", "bfloat16", "children", "compile", "cpu", "cuda", "double", "eval", "extra_repr",
          "float", "forward", "half", "ipu", "modules", "mtia", "parameters", "register_buffer", "requires_grad_",
          "share_memory", "state_dict", "to", "to_empty", "train", "training", "type", "xpu", "zero_grad"}  # nn.Module's own
_KEPT = {"Activation", "Dropout", "GaussianNoise", "SpatialDropout2D"}  # values keep their places
_IN_ROWS = {"BatchNormalization", "Dense"}  # arrays that count what was flattened


def _to_vector(array, image):
    return array if image is None else layouts.rows_to_chw(array[:, None], *image)[:, 0]


def _from_vector(array, image):
    return array if image is None else layouts.rows_from_chw(array[:, None], *image)[:, 0]


# (turn to there, turn back): functions of an array and of a hint: what was flattened; a depthwise kernel's channels; a shape
_SAME = (lambda a, _: a,) * 2
_VECTOR = _to_vector, _from_vector
_KERNEL = (lambda a, _: layouts.to_oihw(a)), (lambda a, _: layouts.from_oihw(a))
_DEPTHWISE = (lambda a, _: layouts.depthwise_to_oihw(a)), layouts.depthwise_from_oihw
_DENSE = ((lambda a, image: (a if image is None else layouts.rows_to_chw(a, *image)).T),
          (lambda a, image: a.T if image is None else layouts.rows_from_chw(a.T, *image)))
_FLAT = (lambda a, _: a.reshape(-1)), (lambda a, shape: a.reshape(shape))
_SCALES = {"gamma": ("weight", *_VECTOR), "beta": ("bias", *_VECTOR)}
ARRAYS = {  # class: {parameter: (name there, turn to there, turn back)}
    **dict.fromkeys(("Conv2D", "Conv2DTranspose"), {"kernel": ("weight", *_KERNEL), "bias": ("bias", *_SAME)}),
    "DepthwiseConv2D": {"kernel": ("weight", *_DEPTHWISE), "bias": ("bias", *_SAME)},
    "SeparableConv2D": {"depthwise_kernel": ("depthwise.weight", *_DEPTHWISE), "bias": ("pointwise.bias", *_SAME),
                        "pointwise_kernel": ("pointwise.weight", *_KERNEL)},
    "Dense": {"kernel": ("weight", *_DENSE), "bias": ("bias", *_SAME)},
    "BatchNormalization": {**_SCALES, "moving_mean": ("running_mean", *_VECTOR),
                           "moving_variance": ("running_var", *_VECTOR)},
    **dict.fromkeys(("GroupNormalization", "LayerNormalization"), _SCALES),
    "PReLU": {"alpha": ("weight", *_FLAT)},
}


def module_names(description):
    """{layer: its module}, for layers with arrays; dots are modules within modules.

    Example:
        >>> from fastcnn.model.describing import describe
        >>> module_names(describe(fastcnn.networks.resnet(20, cifar=True)))["layer1.0.conv1"]
        'layer1.0.conv1'
    """
    own = [entry["config"]["name"] for entry in description.config["layers"] if entry["class_name"] in ARRAYS]
    parts = [tuple(re.sub(r"\W", "_", part) or "_" for part in name.split(".")) for name in own]
    outer = {part[:n] for part in parts for n in range(1, len(part))}
    names = [".".join(part) if part not in outer else "_".join(part) + "_" for part in parts]
    return dict(zip(own, unique([name if _is_free(name.split(".")[0]) else f"layer_{name}" for name in names])))


def _is_free(name):
    from keyword import iskeyword

    return name.isidentifier() and not iskeyword(name) and name not in _TAKEN


def flattened(description):
    """({layer: (height, width, channels)}, values): layers with arrays that count the values of a flattened image, and the
    values of `Flatten`s that lead to such layers alone. There these count channels first."""
    steps, spoiled = list(description.steps()), set()
    while True:
        origins, found, before = {}, {}, len(spoiled)
        for step in steps:
            taken = [origins[value] for value in step.taken if value in origins]
            if step.kind == "Flatten" and len(step.sizes[0]) == 3 and step.given not in spoiled:
                origins[step.given] = step.given, tuple(step.sizes[0])
            elif taken and step.kind in (*_KEPT, "BatchNormalization"):
                origins[step.given] = taken[0]
            elif step.kind != "Dense":
                spoiled.update(origin for origin, _ in taken)
            if taken and step.kind in _IN_ROWS:
                found[step.name] = taken[0][1]
            if step.given in description.outputs and step.given in origins:
                spoiled.add(origins[step.given][0])
        if len(spoiled) == before:
            return found, {origin for origin, _ in origins.values()}


def turns(description):
    """{layer: {parameter: (name there, turn to there, turn back)}} of layers with arrays; turns are functions of an array.

    Raises:
        ValueError: layers whose arrays PyTorch has no word for: all of them are named.
    """
    images, found, problems = flattened(description)[0], {}, []
    for step in description.steps():
        table = ARRAYS.get(step.kind)
        channelwise = all(array.ndim == 1 or array.size == array.shape[-1] for name, array in step.arrays.items()
                          if name in ("alpha", "gamma"))
        if step.arrays and (table is None or step.config.get("connection_table") is not None or not channelwise):
            problems.append(f"{step.name} ({step.kind})")
        elif step.arrays:
            depthwise = step.kind in ("DepthwiseConv2D", "SeparableConv2D")
            shape = step.arrays["alpha"].shape if step.kind == "PReLU" else None
            hint = step.sizes[0][-1] if depthwise else shape or images.get(step.name)
            found[step.name] = {own: (name, _bound(to, hint), _bound(back, hint))
                                for own, (name, to, back) in table.items() if own in step.arrays}
    if problems:
        raise ValueError(f"PyTorch must have a word for all of the network's layers. Received: {'; '.join(problems)}")
    return found


def _bound(turn, hint):
    return lambda array: np.require(turn(array, hint), np.float32, "C")
