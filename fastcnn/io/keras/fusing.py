"""What is one layer here and several in Keras: explicit padding of convolutions, local response normalization.

    y = x · (k + s · Σ x²)^−β      the sum as a mean over windows of channels, which lie along a row of their own
"""

import json
import math

PADDED = ("Conv2D", "DepthwiseConv2D", "SeparableConv2D")


def normalization(config, size):
    """[(class, arguments, shape)] of Keras' layers, the square first, shapes without the batch.

    Args:
        config: of a `LocalResponseNormalization` across channels.
        size: of its input.
    """
    *pixels, channels = size
    window, groups = config["size"], config["groups"]
    rows = math.prod(pixels, start=groups)
    flat = (rows, channels // groups, 1)
    before = window // 2 if config["even"] == "below" else (window - 1) // 2
    padded = (rows, channels // groups + window - 1, 1)
    return [
        ("Multiply", {}, size),
        ("Reshape", {"target_shape": flat}, flat),
        ("ZeroPadding2D", {"padding": ((0, 0), (before, window - 1 - before))}, padded),
        ("AveragePooling2D", {"pool_size": (1, window), "strides": (1, 1), "padding": "valid"}, flat),
        ("Rescaling", {"scale": config["alpha"], "offset": config["k"]}, flat),
        ("Power", {"exponent": -config["beta"]}, flat),
        ("Reshape", {"target_shape": size}, size),
        ("Multiply", {}, size),
    ]


def fuse(sketch):
    """Makes one layer of those in a `Sketch` that are one here."""
    for last, taken in enumerate(sketch.calls):
        entry, before = sketch.layers[last], sketch.layers[taken[0]] if taken else None
        padded = entry["class_name"] in PADDED and before["class_name"] == "ZeroPadding2D"
        if padded and entry["config"]["padding"] == "valid":
            entry["config"]["padding"] = before["config"]["padding"]
            sketch.calls[last] = sketch.calls[taken[0]]
        chain = _chain(sketch, last)
        try:
            config = _config(chain)
            expected = [(kind, own) for kind, own, _ in normalization(config, chain[-2][1]["target_shape"])]
            right = json.dumps(expected, sort_keys=True) == json.dumps(chain, sort_keys=True)
        except (KeyError, TypeError, IndexError, ValueError, ZeroDivisionError):
            continue
        if right:
            sketch.layers[last] = {"class_name": "LocalResponseNormalization",
                                   "config": {**config, "name": sketch.layers[last]["config"]["name"]}}
            sketch.calls[last] = taken[:1]


def _chain(sketch, last):
    """[(class, arguments)] of the layers that lead to a value, if they are a chain to the last of its two inputs."""
    found, value = [], last
    while len(found) < 8:
        entry = sketch.layers[value]
        found.append((entry["class_name"], {key: own for key, own in entry["config"].items() if key in _SAID}))
        if not sketch.calls[value]:
            break
        value = sketch.calls[value][-1]
    return found[::-1] if [value] == sketch.calls[last][:1] else []


_SAID = ("target_shape", "padding", "pool_size", "strides", "scale", "offset", "exponent")


def _config(chain):
    _, flat, zeros, pooling, rescaling, power, whole, _ = [config for _, config in chain]
    groups = whole["target_shape"][-1] // flat["target_shape"][1]
    return {"size": pooling["pool_size"][1], "alpha": rescaling["scale"], "beta": -power["exponent"],
            "k": rescaling["offset"], "alpha_mode": "mean", "groups": groups,
            "even": "below" if zeros["padding"][1][0] >= zeros["padding"][1][1] else "above"}
