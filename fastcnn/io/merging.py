"""Layers of a sketch that become one with the layer before them, as in files where each step is a node of its own."""

import numpy as np

_KERNELS = {  # layer: the axes of its kernel that count its outputs
    "Conv2D": (3,), "Dense": (1,), "DepthwiseConv2D": (2, 3), "Conv2DTranspose": (2,)}


def merge(sketch, outputs):
    """Changes a sketch; the numbers of the outputs as they are then.

    - An `Activation` goes into the convolution or dense layer before it.
    - A `Rescaling` goes into the weights before it, also into those of a `BatchNormalization`: all stay trainable. Of two,
      one is left.
    - `Flatten` goes into a pooling of whole images, `ZeroPadding2D` into the convolution behind it.

    Args:
        sketch: a `Sketch`.
        outputs: numbers of values.
    """
    needed, uses = sketch.needed(outputs), {}
    for number in needed:
        for taken in sketch.calls[number]:
            uses[taken] = uses.get(taken, 0) + 1
    for number in outputs:
        uses[number] = uses.get(number, 0) + 1
    same = {}
    for number in sorted(needed):
        sketch.calls[number] = [same.get(taken, taken) for taken in sketch.calls[number]]
        before = sketch.calls[number][0] if len(sketch.calls[number]) == 1 else None
        if before is None or uses[before] > 1:
            continue
        rule = _RULES.get(sketch.layers[number]["class_name"])
        if rule is not None and rule(sketch, before, number):
            same[number], uses[before] = before, uses.get(number, 0)
            sketch.origins[before] = f"{sketch.origins[before]} + {sketch.origins[number]}"
    return [same.get(number, number) for number in outputs]


def _seen(sketch, number):
    return sketch.layers[number]["class_name"], sketch.layers[number]["config"]


def _activation(sketch, before, number):
    (kind, config), own = _seen(sketch, before), _seen(sketch, number)[1]
    if kind not in _KERNELS or config.get("activation") is not None:
        return False
    config["activation"] = own["activation"]
    return True


def _rescaling(sketch, before, number):
    (kind, config), own, arrays = _seen(sketch, before), _seen(sketch, number)[1], sketch.arrays[before]
    scale, offset = (np.asarray(own[name], np.float32) for name in ("scale", "offset"))
    if kind == "Rescaling":
        first, more = (np.asarray(config[name], np.float32) for name in ("scale", "offset"))
        config.update(scale=(first * scale).tolist(), offset=(more * scale + offset).tolist())
        return True
    if config.get("activation") is not None or kind == "Conv2DTranspose" and config["groups"] > 1:
        return False
    if kind == "BatchNormalization":
        arrays.update(gamma=arrays["gamma"] * scale, beta=arrays["beta"] * scale + offset)
        return True
    if kind not in _KERNELS:
        return False
    kernel, axes = arrays["kernel"], _KERNELS[kind]
    counted = [kernel.shape[axis] for axis in axes]
    if (scale != 1).any():
        shape = [n if axis in axes else 1 for axis, n in enumerate(kernel.shape)]
        arrays["kernel"] = kernel * np.broadcast_to(scale, np.prod(counted)).reshape(shape)
    arrays["bias"] = np.broadcast_to(arrays.get("bias", np.float32(0)) * scale + offset, np.prod(counted))
    config["use_bias"] = True
    return True


def _flatten(sketch, before, number):
    config = _seen(sketch, before)[1]
    return bool(config.get("keepdims")) and config.update(keepdims=False) is None


def _convolution(sketch, before, number):
    """The padding before a convolution; its number stays that of the convolution's."""
    (kind, edges), own = _seen(sketch, before), _seen(sketch, number)[1]
    if kind == "ZeroPadding2D":
        padding = [[0, 0], [0, 0]] if own["padding"] == "valid" else own["padding"]
        own["padding"] = [[a + b for a, b in zip(*sides)] for sides in zip(padding, edges["padding"])]
        sketch.calls[number] = sketch.calls[before]
        sketch.origins[number] = f"{sketch.origins[before]} + {sketch.origins[number]}"
    return False


_RULES = {"Activation": _activation, "Rescaling": _rescaling, "Flatten": _flatten, "Conv2D": _convolution,
          "DepthwiseConv2D": _convolution}
