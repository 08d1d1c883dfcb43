"""The source of an `nn.Module` that computes what a description says. Images have channels first in it."""

from functools import reduce

import numpy as np

from fastcnn import arguments
from fastcnn.io.description import ACTIVATIONS, refusal
from fastcnn.io.torch.names import flattened, module_names, turns

_HEAD = '''"""{title}, written by fastcnn. Images are (N, C, H, W)."""

import torch
import torch.nn.functional as F
from torch import nn


class {name}(nn.Module):
    def __init__(self):
        super().__init__()
'''
_ACTIVATIONS = {  # name: its formula, of x and of its constant
    "elu": "F.elu({x}, {c})", "exponential": "torch.exp({x})", "gelu": "F.gelu({x})",
    "hard_sigmoid": "torch.clamp({x} * {c} + 0.5, 0, 1)", "hard_silu": "F.hardswish({x})",
    "leaky_relu": "F.leaky_relu({x}, {c})", "linear": "{x}", "log_softmax": "F.log_softmax({x}, 1)",
    "relu": "F.relu({x})", "relu6": "F.relu6({x})",
    "scaled_tanh": "1.7159 * torch.tanh({x} * (2 / 3))", "selu": "F.selu({x})", "sigmoid": "torch.sigmoid({x})",
    "silu": "F.silu({x})", "softmax": "F.softmax({x}, 1)", "softplus": "F.softplus({x})", "softsign": "F.softsign({x})",
    "tanh": "torch.tanh({x})",
}


def source(description, name="Network"):
    """The text; see `fastcnn.io.torch.code`."""
    turns(description)  # refuses arrays that have no word
    modules, (_, free), steps = module_names(description), flattened(description), list(description.steps())
    last = {value: place for place, step in enumerate(steps) for value in (step.given, *step.taken)}
    last.update(dict.fromkeys(description.outputs, len(steps)))
    known = {"InputLayer", *_FORMULAS}
    if problems := [f"{step.name} ({why})" for step in steps if (why := refusal(step, known, _REFUSED))]:
        raise ValueError(f"PyTorch must have a word for all of the network's layers. Received: {'; '.join(problems)}")
    values, tree, body = {}, {}, []
    for number, value in enumerate(description.inputs):
        values[value] = "x" if len(description.inputs) == 1 else f"x{number}"
    head = ", ".join(["self", *(values[value] for value in description.inputs)])
    for place, step in enumerate(steps):
        if step.kind == "InputLayer":
            continue
        taken = [values[value] for value in step.taken]
        words, formula = _words(step, taken, step.given in free), _FORMULAS[step.kind]
        formula = formula(step, **words) if callable(formula) else formula.format(
            **words, m=_path(modules.get(step.name, "")))
        for suffix, made in _MODULES.get(step.kind, {}).items():
            _put(tree, f"{modules[step.name]}{suffix}".split("."), made.format(**words))
        activation, constant = step.activation
        formula = _ACTIVATIONS[activation].format(x=formula, c=repr(constant))
        needed = any(name == taken[0] and last[value] > place for value, name in values.items())
        values[step.given] = taken[0] if formula == taken[0] or not needed else f"y{place}"
        if formula != values[step.given]:
            body.append(f"{values[step.given]} = {formula}")
    lines = [f"        self.{part} = {_constructor(text, 8)}" for part, text in tree.items()] or ["        pass"]
    result = ", ".join(values[value] for value in description.outputs)
    lines += ["", f"    def forward({head}):", *(f"        {line}" for line in body), f"        return {result}", ""]
    title = description.config["name"].replace("\\", "").replace('"', "")
    return _HEAD.format(title=ascii(title)[1:-1], name=name) + "\n".join(lines)


def _put(tree, path, text):
    for part in path[:-1]:
        tree = tree.setdefault(part, {})
    tree[path[-1]] = text


def _constructor(text, indent):
    if isinstance(text, str):
        return text
    inner = "".join(f"{' ' * (indent + 4)}{part!r}: {_constructor(own, indent + 4)},\n" for part, own in text.items())
    return f"nn.ModuleDict({{\n{inner}{' ' * indent}}})"


def _path(module):
    first, *parts = module.split(".")
    return f"self.{first}" + "".join(f"[{part!r}]" for part in parts)


# What formulas and modules are made of

_DEFAULTS = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1, "ceil_mode": False,
             "output_padding": (0, 0)}


def _options(**options):
    return "".join(f", {name}={value!r}" for name, value in options.items() if value != _DEFAULTS[name])


def _around(x, edges, filled=""):
    """x with ((top, bottom), (left, right)) around it."""
    (top, bottom), (left, right) = edges
    return f"F.pad({x}, ({left}, {right}, {top}, {bottom}){filled})"


def _words(step, taken, flat):
    """What stands in the braces of a layer's formula and modules; flat: count rows channels first?"""
    c, size = step.config, step.sizes[0]
    words = {**c, "x": taken[0], "all": ", ".join(taken), "sum": " + ".join(taken), "product": " * ".join(taken),
             "difference": " - ".join(taken), "extreme": reduce(
                 lambda a, b: f"torch.{step.kind.lower()}({a}, {b})", taken), "count": len(taken), "inputs": size[-1],
             "outputs": step.size[-1], "bias": "" if c.get("use_bias") else ", bias=False",
             "last": ".permute(0, 2, 3, 1)" if len(size) == 3 and not flat else "",
             "first": ".permute(0, 3, 1, 2)" if len(step.size) == 3 else "", "keep": ", keepdim=True" * c.get("keepdims", 0),
             "rows": ", ".join(map(str, step.size))}
    return words | _MORE.get(step.kind, lambda step, words: {})(step, words)


def _window(step, words):
    window, strides, dilation, pads = step.windows
    even = all(before == after for before, after in pads)
    groups = words["inputs"] if "depth_multiplier" in words else words["groups"]
    options = _options(stride=strides, padding=tuple(before for before, _ in pads) if even else (0, 0), dilation=dilation,
                       groups=groups)
    return {"x": words["x"] if even else _around(words["x"], pads), "window": window, "options": options,
            "between": words["inputs"] * words.get("depth_multiplier", 1)}


def _reached(step, words):
    crop, window = step.cut, tuple(step.config["kernel_size"])
    options = _options(stride=tuple(step.config["strides"]), dilation=tuple(step.config["dilation_rate"]),
                       groups=step.config["groups"], output_padding=tuple(max(0, -after) for _, after in crop))
    cuts = ", ".join(f"{before}:{before + n}" for (before, _), n in zip(crop, step.size))
    cut = any(before or after > 0 for before, after in crop)
    return {"window": window, "options": options, "cut": f"[:, :, {cuts}]" if cut else ""}


_MORE = {  # layer: words of its own
    **dict.fromkeys(("Conv2D", "DepthwiseConv2D", "SeparableConv2D"), _window), "Conv2DTranspose": _reached,
    "BatchNormalization": lambda step, words: {"rank": len(step.size) // 2 + 1, "rest": round(1 - words["momentum"], 12)},
    "GroupNormalization": lambda step, words: {"groups": arguments.groups(words["groups"], words["outputs"])},
    "Concatenate": lambda step, words: {"axis": (2, 3, 1)[words["axis"] - 1] if words["first"] else words["axis"]},
    "Permute": lambda step, words: {"axes": ", ".join(map(str, words["dims"]))},
    "PReLU": lambda step, words: {"slopes": step.arrays["alpha"].size},
}


# Formulas that are more than a text: functions of the step and its words


def _pool(step, x, **words):
    window, strides, dilation, pads = step.windows
    largest, ceil = step.kind == "MaxPooling2D", words["ceil_mode"] and words["padding"] != "same"
    name, include = "F.max_pool2d" if largest else "F.avg_pool2d", words.get("count_include_pad", largest)
    if _symmetric(step):
        options = _options(padding=tuple(before for before, _ in pads), dilation=dilation, ceil_mode=ceil)
        return f"{name}({x}, {window}, {strides}{options}{'' if include else ', count_include_pad=False'})"
    padded = _around(x, pads, ", value=float('-inf')" if largest else "")
    pooled = f"{name}({padded}, {window}, {strides}{_options(dilation=dilation)})"
    return pooled if include else f"{pooled} / {name}({_around(f'torch.ones_like({x})', pads)}, {window}, {strides})"


def _symmetric(step):
    """Does torch have this padding of a pooling?"""
    window, _, _, pads = step.windows
    return all(before == after and 2 * before <= k for (before, after), k in zip(pads, window))


def _lrn(step, x, size, groups, **words):
    height, width, channels = step.size
    turned = ".flip(1)" if words["even"] == "above" else ""
    if groups > 1:
        x = f"{x}.reshape(-1, {channels // groups}, {height}, {width})"
    made = f"F.local_response_norm({x}{turned}, {size}, {words['alpha']!r}, {words['beta']!r}, {words['k']!r}){turned}"
    return made if groups == 1 else f"{made}.reshape(-1, {channels}, {height}, {width})"


def _affine(step, x, first, **words):
    (inner, a), (outer, b) = ((sign, _constants(value, x, first)) for sign, value in step.affine)
    return f"({x} {inner} {a}) {outer} {b}"


def _constants(value, x, images):
    """A number, or one for each channel."""
    if not isinstance(value, (list, tuple)):
        return repr(value)
    return f"torch.tensor({list(value)!r}, dtype={x}.dtype, device={x}.device){'.view(-1, 1, 1)' if images else ''}"


_CONV = "nn.Conv2d({inputs}, {outputs}, {window}{options}{bias})"
_MODULES = {  # layer: {suffix of a module: its constructor}
    **dict.fromkeys(("Conv2D", "DepthwiseConv2D"), {"": _CONV}),
    "SeparableConv2D": {".depthwise": "nn.Conv2d({inputs}, {between}, {window}{options}, bias=False)",
                        ".pointwise": "nn.Conv2d({between}, {outputs}, 1{bias})"},
    "Conv2DTranspose": {"": _CONV.replace("Conv", "ConvTranspose")}, "Dense": {"": "nn.Linear({inputs}, {outputs}{bias})"},
    "BatchNormalization": {"": "nn.BatchNorm{rank}d({outputs}, eps={epsilon!r}, momentum={rest!r})"},
    "GroupNormalization": {"": "nn.GroupNorm({groups}, {outputs}, eps={epsilon!r})"},
    "LayerNormalization": {"": "nn.LayerNorm({outputs}, eps={epsilon!r})"}, "PReLU": {"": "nn.PReLU({slopes})"},
}
_FORMULAS = {
    **dict.fromkeys(_MODULES, "{m}({x})"), "SeparableConv2D": "{m}['pointwise']({m}['depthwise']({x}))",
    "Conv2DTranspose": "{m}({x}){cut}", "LayerNormalization": "{m}({x}{last}){first}",
    **dict.fromkeys(("AveragePooling2D", "MaxPooling2D"), _pool), "LocalResponseNormalization": _lrn,
    "GlobalAveragePooling2D": "{x}.mean((2, 3){keep})", "GlobalMaxPooling2D": "{x}.amax((2, 3){keep})",
    "AdaptiveAveragePooling2D": "F.adaptive_avg_pool2d({x}, {output_size})", "Flatten": "{x}{last}.flatten(1)",
    "Reshape": "{x}{last}.reshape(-1, {rows}){first}", "Permute": "{x}{last}.permute(0, {axes}){first}",
    **dict.fromkeys(("Normalization", "Rescaling"), _affine),
    "Maxout": "{x}.unflatten(1, ({outputs}, {group_size})).amax(2)",
    "ZeroPadding2D": lambda step, x, padding, **words: _around(x, padding),
    "Cropping2D": lambda step, x, cropping, **words: _around(x, -np.array(cropping)),
    "UpSampling2D": "F.interpolate({x}, scale_factor={size}, mode={interpolation!r})",
    "Dropout": "F.dropout({x}, {rate!r}, self.training)", "SpatialDropout2D": "F.dropout2d({x}, {rate!r}, self.training)",
    "GaussianNoise": "{x} + {stddev!r} * torch.randn_like({x}) * self.training",
    "Concatenate": "torch.cat([{all}], {axis})", "Add": "{sum}", "Subtract": "{difference}", "Multiply": "{product}",
    "Average": "({sum}) / {count}", "Maximum": "{extreme}", "Minimum": "{extreme}",
    **dict.fromkeys(("Activation", *ACTIVATIONS), "{x}"),
}
_NORMALIZATIONS = ("BatchNormalization", "GroupNormalization", "LayerNormalization")
_POOLS = ("AveragePooling2D", "MaxPooling2D")
_REFUSED = [  # see `refusal`
    (_NORMALIZATIONS, lambda s: not (s.config["center"] and s.config["scale"]), "without center or scale"),
    (_NORMALIZATIONS[:1], lambda s: len(s.size) == 2, "of rows of values"),
    (("LocalResponseNormalization",), lambda s: s.config["mode"] != "across_channels" or len(s.size) != 3,
     "within channels"),
    (("Normalization",), lambda s: s.config["mean"] is None, "without a mean"),
    (_POOLS[:1], lambda s: {*s.config["dilation_rate"]} != {1}, "with a dilation_rate"),
    (_POOLS, lambda s: s.config["ceil_mode"] and s.config["padding"] != "same" and not _symmetric(s),
     "with asymmetric padding that rounds up"),
]
