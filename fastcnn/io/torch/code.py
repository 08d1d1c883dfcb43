"""The source of an `nn.Module` that computes what a description says. Images have channels first in it."""

from fastcnn import arguments
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
_CONSTANTS = {"elu": 1.0, "hard_sigmoid": 1 / 6, "leaky_relu": 0.2}


def source(description, name="Network"):
    """The text; see `fastcnn.io.torch.code`."""
    turns(description)  # refuses arrays that have no word
    modules, (_, free), steps = module_names(description), flattened(description), list(description.steps())
    last = {value: place for place, step in enumerate(steps) for value in (step.given, *step.taken)}
    last.update(dict.fromkeys(description.outputs, len(steps)))
    values, tree, body, problems = {}, {}, [], []
    for number, value in enumerate(description.inputs):
        values[value] = "x" if len(description.inputs) == 1 else f"x{number}"
    head = ", ".join(["self", *(values[value] for value in description.inputs)])
    for place, step in enumerate(steps):
        if step.kind == "InputLayer":
            continue
        own, x = [values[value] for value in step.taken], values[step.taken[0]]
        write = _KINDS.get(step.kind)
        try:
            if write is None:
                raise ValueError(step.kind)
            found = write(step, own if step.kind in _MERGES else x, step.given in free)
        except ValueError as error:
            problems.append(f"{step.name} ({error})")
            found = "{x}"
        made, formula = found if isinstance(found, tuple) else ({}, found)
        module = "self." + modules[step.name] if step.name in modules else ""
        for suffix, text in made.items():
            _put(tree, f"{modules[step.name]}{suffix}".split("."), text)
        formula = formula.replace("{x}", x).replace("{m}", _path(module))
        formula = _activated(step, formula)
        needed = any(name == x and last[value] > place for value, name in values.items())
        values[step.given] = x if formula == x or not needed else f"y{place}"
        if formula != values[step.given]:
            body.append(f"{values[step.given]} = {formula}")
    if problems:
        raise ValueError(f"PyTorch must have a word for all of the network's layers. Received: {'; '.join(problems)}")
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
    first, *parts = module.split(".")[1:] or [""]
    return f"self.{first}" + "".join(f"[{part!r}]" for part in parts)


def _activated(step, formula):
    activation = step.config.get("activation") or "linear"
    name, constants = (activation, {}) if isinstance(activation, str) else (activation["name"], activation)
    constant = next((value for key, value in constants.items() if key != "name"), _CONSTANTS.get(name))
    return _ACTIVATIONS[name].replace("{x}", formula).replace("{c}", repr(constant))


# A function for each class: (step, what it takes, whether rows count channels first) → a formula of {x}, or ({suffix of a
# module: its constructor}, a formula of {x} and {m})


_DEFAULTS = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1, "ceil_mode": False}


def _options(**options):
    return "".join(f", {name}={value!r}" for name, value in options.items() if value != _DEFAULTS[name])


def _padded(pads, value=0.0):
    """(padding that torch's functions take, {x} with the rest around it) of ((top, bottom), (left, right))."""
    (top, bottom), (left, right) = pads
    if (top, left) == (bottom, right):
        return (top, left), "{x}"
    filled = "" if value == 0.0 else f", value=float('{value}')"
    return (0, 0), f"F.pad({{x}}, ({left}, {right}, {top}, {bottom}){filled})"


def _window(step):
    config, size = step.config, step.sizes[0]
    pads = arguments.pads(config["padding"], size[:2], config["kernel_size"], config["strides"], config["dilation_rate"])
    padding, x = _padded(pads)
    options = _options(stride=tuple(config["strides"]), padding=padding, dilation=tuple(config["dilation_rate"]))
    return tuple(config["kernel_size"]), options, x


def _convolution(step, *_):
    window, options, x = _window(step)
    inputs, outputs, bias = step.sizes[0][2], step.size[2], "" if step.config["use_bias"] else ", bias=False"
    if step.kind == "SeparableConv2D":
        between = inputs * step.config["depth_multiplier"]
        depthwise = f"nn.Conv2d({inputs}, {between}, {window}{options}, groups={inputs}, bias=False)"
        return {".depthwise": depthwise, ".pointwise": f"nn.Conv2d({between}, {outputs}, 1{bias})"}, (
            f"{{m}}['pointwise']({{m}}['depthwise']({x}))")
    groups = inputs if step.kind == "DepthwiseConv2D" else step.config["groups"]
    return {"": f"nn.Conv2d({inputs}, {outputs}, {window}{options}{_options(groups=groups)}{bias})"}, f"{{m}}({x})"


def _transposed(step, *_):
    config, size = step.config, step.sizes[0]
    strides, dilation = tuple(config["strides"]), tuple(config["dilation_rate"])
    window = tuple(config["kernel_size"])
    out, pads = arguments.transposed(config["padding"], config["output_padding"], size[:2], window, strides, dilation)
    crop, more = [], []
    for n, o, k, s, d, (before, _) in zip(size, out, window, strides, dilation, pads):
        crop.append(before)
        more.append(o + before - ((n - 1) * s + (k - 1) * d + 1))
    bias = "" if config["use_bias"] else ", bias=False"
    whole = [max(0, m) for m in more]
    made = (f"nn.ConvTranspose2d({size[2]}, {step.size[2]}, {window}{_options(stride=strides, groups=config['groups'])}"
            f"{_options(dilation=dilation)}{bias})")
    x = "{m}({x})"
    if any(whole):  # rows that no pixel reaches: the bias alone
        made = made[:-1] + f", output_padding={tuple(whole)})"
    if any(crop) or any(m < 0 for m in more):
        x += f"[:, :, {crop[0]}:{crop[0] + out[0]}, {crop[1]}:{crop[1] + out[1]}]"
    return {"": made}, x


def _pool(step, *_):
    config, size, kind = step.config, step.sizes[0], step.kind
    window, strides = tuple(config["pool_size"]), tuple(config["strides"])
    dilation = tuple(config["dilation_rate"])
    pads = arguments.pool_pads(config["padding"], size[:2], window, strides, dilation)
    if kind != "MaxPooling2D" and dilation != (1, 1):
        raise ValueError(f"{kind} with a dilation_rate")
    include, ceil = config.get("count_include_pad", False), config["ceil_mode"] and config["padding"] != "same"
    symmetric = all(before == after and 2 * before <= k for (before, after), k in zip(pads, window))
    if symmetric:
        options = _options(padding=tuple(before for before, _ in pads), dilation=dilation, ceil_mode=ceil)
        options += ", count_include_pad=False" if kind == "AveragePooling2D" and not include else ""
        return f"F.{'max' if kind == 'MaxPooling2D' else 'avg'}_pool2d({{x}}, {window}, {strides}{options})"
    if ceil:
        raise ValueError(f"{kind} with asymmetric padding that rounds up")
    _, x = _padded(pads, "-inf" if kind == "MaxPooling2D" else 0.0)
    x = x if x != "{x}" else f"F.pad({{x}}, {(pads[1][0],) * 2 + (pads[0][0],) * 2})"
    if kind == "MaxPooling2D":
        return f"F.max_pool2d({x}, {window}, {strides}{_options(dilation=dilation)})"
    mean = f"F.avg_pool2d({x}, {window}, {strides})"
    return mean if include else f"{mean} / F.avg_pool2d({x.replace('{x}', 'torch.ones_like({x})')}, {window}, {strides})"


def _dense(step, *_):
    bias = "" if step.config["use_bias"] else ", bias=False"
    return {"": f"nn.Linear({step.sizes[0][0]}, {step.size[0]}{bias})"}, "{m}({x})"


def _batch_norm(step, *_):
    config, images = step.config, len(step.size) == 3
    if not (config["center"] and config["scale"]):
        raise ValueError("BatchNormalization without center or scale")
    if len(step.size) == 2:
        raise ValueError("BatchNormalization of rows of values")
    momentum = round(1 - config["momentum"], 12)
    return {"": f"nn.BatchNorm{1 + images}d({step.size[-1]}, eps={config['epsilon']!r}, momentum={momentum!r})"}, "{m}({x})"


def _group_norm(step, *_):
    config = step.config
    if not (config["center"] and config["scale"]):
        raise ValueError(f"{step.kind} without center or scale")
    channels = step.size[-1]
    if step.kind == "GroupNormalization":
        groups = arguments.groups(config["groups"], channels)
        return {"": f"nn.GroupNorm({groups}, {channels}, eps={config['epsilon']!r})"}, "{m}({x})"
    first, last = (".permute(0, 2, 3, 1)", ".permute(0, 3, 1, 2)") if len(step.size) == 3 else ("", "")
    return {"": f"nn.LayerNorm({channels}, eps={config['epsilon']!r})"}, f"{{m}}({{x}}{first}){last}"


def _lrn(step, *_):
    config, groups = step.config, step.config["groups"]
    if config["mode"] != "across_channels" or len(step.size) != 3:
        raise ValueError("LocalResponseNormalization within channels")
    alpha = config["alpha"] * (config["size"] if config["alpha_mode"] == "sum" else 1)
    made = f"F.local_response_norm({{x}}, {config['size']}, {alpha!r}, {config['beta']!r}, {config['k']!r})"
    if config["even"] == "above":
        made = made.replace("{x}", "{x}.flip(1)") + ".flip(1)"
    if groups == 1:
        return made
    height, width, channels = step.size
    inner = f"{{x}}.reshape(-1, {channels // groups}, {height}, {width})"
    return f"{made.replace('{x}', inner)}.reshape(-1, {channels}, {height}, {width})"


def _flatten(step, x, first):
    return "{x}.flatten(1)" if first or len(step.sizes[0]) != 3 else "{x}.permute(0, 2, 3, 1).flatten(1)"


def _global(step, *_):
    name, keep = ("mean", "keepdim") if step.kind == "GlobalAveragePooling2D" else ("amax", "keepdim")
    return f"{{x}}.{name}((2, 3){', keepdim=True' if step.config['keepdims'] else ''})"


def _arranged(step, *_):
    """Of axes by channels last."""
    x = "{x}.permute(0, 2, 3, 1)" if len(step.sizes[0]) == 3 else "{x}"
    if step.kind == "Reshape":
        x += f".reshape(-1, {', '.join(map(str, step.size))})"
    else:
        x += f".permute(0, {', '.join(map(str, step.config['dims']))})"
    return f"{x}.permute(0, 3, 1, 2)" if len(step.size) == 3 else x


def _constants(value, size):
    """A number, or one for each channel."""
    if not isinstance(value, (list, tuple)):
        return repr(value)
    shape = ".view(-1, 1, 1)" if len(size) == 3 else ""
    return f"torch.tensor({list(value)!r}, dtype={{x}}.dtype, device={{x}}.device){shape}"


def _rescaling(step, *_):
    config = step.config
    if step.kind == "Rescaling":
        return f"{{x}} * {_constants(config['scale'], step.size)} + {_constants(config['offset'], step.size)}"
    if config["mean"] is None:
        raise ValueError("Normalization without a mean")
    variance, mean = config["variance"], _constants(config["mean"], step.size)
    several = isinstance(variance, (list, tuple))
    deviation = [max(v**0.5, 1e-7) for v in (variance if several else [variance])]
    deviation = _constants(deviation if several else deviation[0], step.size)
    return f"{{x}} * {deviation} + {mean}" if config["invert"] else f"({{x}} - {mean}) / {deviation}"


def _maxout(step, *_):
    return f"{{x}}.unflatten(1, ({step.size[-1]}, {step.config['group_size']})).amax(2)"


def _edges(step, *_):
    (top, bottom), (left, right) = arguments.edges("padding", step.config.get("padding", step.config.get("cropping")))
    sign = 1 if step.kind == "ZeroPadding2D" else -1
    return f"F.pad({{x}}, ({sign * left}, {sign * right}, {sign * top}, {sign * bottom}))"


def _upsampling(step, *_):
    config = step.config
    return f"F.interpolate({{x}}, scale_factor={tuple(config['size'])}, mode={config['interpolation']!r})"


def _merge(step, taken, _):
    if step.kind == "Concatenate":
        axis = step.config["axis"]
        return f"torch.cat([{', '.join(taken)}], {(2, 3, 1)[axis - 1] if len(step.size) == 3 else axis})"
    if step.kind in ("Maximum", "Minimum"):
        formula = taken[0]
        for value in taken[1:]:
            formula = f"torch.{step.kind.lower()}({formula}, {value})"
        return formula
    sign = {"Subtract": " - ", "Multiply": " * "}.get(step.kind, " + ")
    return f"({sign.join(taken)}) / {len(taken)}" if step.kind == "Average" else sign.join(taken)


_MERGES = ("Add", "Average", "Concatenate", "Maximum", "Minimum", "Multiply", "Subtract")
_KINDS = {
    **dict.fromkeys(("Conv2D", "DepthwiseConv2D", "SeparableConv2D"), _convolution), "Conv2DTranspose": _transposed,
    **dict.fromkeys(("AveragePooling2D", "MaxPooling2D"), _pool), "Dense": _dense, "BatchNormalization": _batch_norm,
    **dict.fromkeys(("GroupNormalization", "LayerNormalization"), _group_norm), "LocalResponseNormalization": _lrn,
    "Flatten": _flatten, **dict.fromkeys(("GlobalAveragePooling2D", "GlobalMaxPooling2D"), _global),
    **dict.fromkeys(("Permute", "Reshape"), _arranged), **dict.fromkeys(("Normalization", "Rescaling"), _rescaling),
    "Maxout": _maxout, **dict.fromkeys(("Cropping2D", "ZeroPadding2D"), _edges), "UpSampling2D": _upsampling,
    **dict.fromkeys(_MERGES, _merge), "Activation": lambda *_: "{x}",
    "AdaptiveAveragePooling2D": lambda s, *_: f"F.adaptive_avg_pool2d({{x}}, {tuple(s.config['output_size'])})",
    "Dropout": lambda s, *_: f"F.dropout({{x}}, {s.config['rate']!r}, self.training)",
    "ELU": lambda s, *_: f"F.elu({{x}}, {s.config['alpha']!r})",
    "GaussianNoise": lambda s, *_: f"{{x}} + {s.config['stddev']!r} * torch.randn_like({{x}}) * self.training",
    "LeakyReLU": lambda s, *_: f"F.leaky_relu({{x}}, {s.config['negative_slope']!r})",
    "PReLU": lambda s, *_: ({"": f"nn.PReLU({s.arrays['alpha'].size})"}, "{m}({x})"),
    "ReLU": lambda s, *_: (f"F.leaky_relu({{x}}, {s.config['negative_slope']!r})" if s.config["negative_slope"] else
                           "F.relu6({x})" if s.config["max_value"] else "F.relu({x})"),
    "ReLU6": lambda *_: "F.relu6({x})", "Softmax": lambda *_: "F.softmax({x}, 1)",
    "SpatialDropout2D": lambda s, *_: f"F.dropout2d({{x}}, {s.config['rate']!r}, self.training)",
}
