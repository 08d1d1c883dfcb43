"""The arithmetic of one number of a map: the window it looks at, times the filter, plus the bias."""

import numpy as np

from fastcnn import arguments

_MOST = 16     # channels of a window that are told one by one
_LARGEST = 24  # products of a dense layer that are told


def arithmetic(model, x, name, place):
    """How a layer comes to one of its numbers, in JSON's types.

    Args:
        model: built.
        x: a batch of one.
        name: of the layer.
        place: (row, column, map), of a dense layer (unit,).

    Returns:
        dict: `kind` "sum", "max", "mean", "softmax", "function" or "other"; `value`, what the layer gives there; and how:
        `windows` [{channel, x, w}] or `terms` [{input, x, w}], `sum`, `bias`, `before` (the activation) and `activation`.

    Raises:
        ValueError: no such layer or number.

    Example:
        >>> model = fastcnn.networks.lenet5(seed=0)
        >>> found = arithmetic(model, np.ones((1, 28, 28, 1)), "c1", (3, 4, 5))
        >>> found["kind"], len(found["windows"][0]["x"]), bool(abs(np.tanh(found["before"]) - found["value"]) < 1e-5)
        ('sum', 5, True)
    """
    layer, place = model.get_layer(name), tuple(place)
    if len(place) != len(layer.output_size) or not all(0 <= i < n for i, n in zip(place, layer.output_size)):
        raise ValueError(f"{name} gives numbers at places below {layer.output_size}. Received: {place}")
    sources = [source.name for source in (layer.input if layer.merges else [layer.input]) if source.call.inputs]
    outputs = model._passed(x, [name, *sources], keep=True).outputs
    found = {"value": float(outputs[name][0][place]), "kind": "other"}
    make = _MAKERS.get(type(layer).__name__)
    return found if make is None else found | make(layer, outputs[sources[0]][0] if sources else np.float32(x)[0], place)


def _window(x, place, size, strides, pads, dilation=(1, 1)):
    """The part of a map (height, width, channels) that a window sees, padding as 0, and which of it is no padding."""
    rows, columns = (i * stride - pad[0] + d * np.arange(n) for i, n, stride, pad, d in
                     zip(place, size, strides, pads, dilation))
    inside = np.outer((rows >= 0) & (rows < x.shape[0]), (columns >= 0) & (columns < x.shape[1]))
    part = x[np.ix_(rows.clip(0, x.shape[0] - 1), columns.clip(0, x.shape[1] - 1))]
    return np.where(inside[..., None], part, np.float32(0)), inside


def _conv2d(layer, x, place):
    kernel, channel = layer.kernel.value, place[2]
    if layer.table is not None:
        mine = np.flatnonzero(layer.table[:, 1] == channel)
        seen, w = layer.table[mine, 0], kernel[:, :, mine]
    else:
        each = x.shape[2] // layer.groups
        seen, w = channel // (layer.filters // layer.groups) * each + np.arange(each), kernel[..., channel]
    part = _window(x, place, layer.kernel_size, layer.strides, layer.pads, layer.dilation_rate)[0][..., seen]
    windows = [{"channel": int(c), "x": part[..., i].tolist(), "w": w[..., i].tolist()} for i, c in enumerate(seen[:_MOST])]
    return {"windows": windows, "channels": len(seen), **_summed(layer, part, w, channel)}


def _dense(layer, x, place):
    w = layer.kernel.value[:, place[0]]
    largest = np.argsort(-np.abs(x * w), kind="stable")[:_LARGEST]
    terms = [{"input": int(i), "x": float(x[i]), "w": float(w[i])} for i in largest]
    return {"terms": terms, "inputs": len(w), **_summed(layer, x, w, place[0])}


def _summed(layer, x, w, unit):
    total, bias = float((x.astype(np.float64) * w).sum()), 0.0 if layer.bias is None else float(layer.bias.value[unit])
    return {"kind": "sum", "sum": total, "bias": bias, "before": total + bias, "activation": layer.activation[0]}


def _pooling(layer, x, place):
    pads = arguments.pool_pads(layer.padding, x.shape[:2], layer.pool_size, layer.strides)
    part, inside = _window(x[..., place[2]:place[2] + 1], place, layer.pool_size, layer.strides, pads)
    seen = np.where(inside, part[..., 0], None).tolist()
    kind = {"max": "max", "avg": "mean"}[layer.kind]
    return {"kind": kind, "windows": [{"channel": int(place[2]), "x": seen}], "channels": 1}


def _function(layer, x, place):
    kind = "softmax" if layer.activation[0] == "softmax" and x.ndim == 1 else "function"
    return {"kind": kind, "before": float(x[place]), "activation": layer.activation[0], "inputs": x.size}


_MAKERS = {"Conv2D": _conv2d, "Dense": _dense, "MaxPooling2D": _pooling, "AveragePooling2D": _pooling, "Softmax": _function,
           "Activation": _function, "ReLU": _function}
