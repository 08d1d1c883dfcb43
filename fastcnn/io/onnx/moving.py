"""Nodes of ONNX that move values, or do nothing when a network predicts. Most only name axes anew."""

import math

import numpy as np

from fastcnn.io.onnx.placing import Refused
from fastcnn.io.onnx.values import BATCH, dims_of, image, plain


def _cast(node):
    if node.attr("to") != 1:
        raise Refused(f"to data type {node.attr('to')}: values are of float32")
    return node.inputs[0]


def _dropout(node):
    training = node.given(2, "training_mode")
    if training is not None and bool(np.reshape(training, -1)[0]):
        raise Refused("drops values when predicting")
    rate = float(np.reshape(node.given(1, "ratio", 0.5), -1)[0])
    return node.layer("Dropout", node.value(), rate=rate) if 0 <= rate < 1 else node.value()


def _flatten(node):
    x = node.inputs[0]
    axis = node.attr("axis", 1)
    axis += x.rank if axis < 0 else 0
    return node.reshape(x, [math.prod(x.shape[:axis]), math.prod(x.shape[axis:])])


def _reshape(node):
    x = node.inputs[0]
    keep = not node.attr("allowzero", 0)
    target = [x.shape[i] if n == 0 and keep else int(n) for i, n in enumerate(node.const(1))]
    total, batch = math.prod(x.shape), node.network.batch
    for shape in [[BATCH, *target[1:]]] * (target[:1] == [batch]) + [target]:  # a batch of that size may be any
        known = math.prod(n for n in shape if n != -1)
        shape = [total // known if n == -1 and known else n for n in shape]
        if math.prod(shape) == total and shape.count(BATCH) == 1:
            return node.reshape(x, shape)
    raise Refused(f"{_seen(x.shape)} cannot become {_seen(target)} for a batch of any size")


def _seen(shape):
    return tuple("batch" if n == BATCH else n for n in shape)


def _transpose(node):
    x = node.inputs[0]
    order = node.attr("perm", list(range(x.rank))[::-1])
    if sorted(order) != list(range(x.rank)):
        raise Refused(f"perm {order} of {x.rank} axes")
    return x._replace(dims=tuple(x.dims[axis] for axis in order))


def _squeeze(node):
    x, axes = node.inputs[0], node.axes()
    axes = [i for i, n in enumerate(x.shape) if n == 1] if axes is None else [axis % x.rank for axis in axes]
    if any(x.shape[axis] > 1 for axis in axes):
        raise Refused(f"axes {axes} of {_seen(x.shape)}")
    return x._replace(dims=tuple(dim for axis, dim in enumerate(x.dims) if axis not in axes))


def _unsqueeze(node):
    x, axes = node.inputs[0], node.axes()
    rank, left = x.rank + len(axes), list(x.dims)
    axes = {axis % rank for axis in axes}
    return x._replace(dims=tuple(() if axis in axes else left.pop(0) for axis in range(rank)))


def _pad(node):
    x = node.inputs[0]
    pads = [int(n) for n in node.given(1, "pads")]
    axes = list(range(x.rank)) if len(node.inputs) < 4 or node.inputs[3] is None else [int(a) for a in node.const(3)]
    value, mode = node.given(2, "value", 0.0), node.attr("mode", "constant")
    edges = {axis % x.rank: (pads[i], pads[i + len(axes)]) for i, axis in enumerate(axes)}
    edges = {axis: both for axis, both in edges.items() if any(both)}
    value = float(np.reshape(value, -1)[0])
    lowest = mode == "edge" or mode == "constant" and value < -3e38
    if not lowest and (mode != "constant" or value):
        raise Refused(f"pads by {mode} {value}, not by zeros" if mode == "constant" else f"pads by {mode}")
    if x.window and len(edges) == 1:
        return _neighbours(x, *edges.popitem())
    x = node.value()
    order = next((order for order in (x.order, image(x.rank), plain(x.rank))
                  if order and len(order) == 3 and set(edges) <= set(order[:2])), None)
    if order is None:
        raise Refused(f"pads axes {list(edges)}, not rows and columns")
    x = node.place(x, order)
    edges = tuple(edges.get(seen, (0, 0)) for seen in order[:2])
    if lowest and min(map(min, edges)) >= 0:
        size = (*(n + sum(both) for n, both in zip(x.size, edges)), x.size[2])
        return x._replace(size=size, dims=dims_of(size, order, x.rank), around=edges, window=None)
    if lowest:
        raise Refused(f"pads by {mode}")
    for kind, name, sign in (("ZeroPadding2D", "padding", 1), ("Cropping2D", "cropping", -1)):
        sides = [[max(0, sign * side) for side in both] for both in edges]
        if any(map(any, sides)):
            size = [n + sign * sum(both) for n, both in zip(x.size, sides)]
            if min(size) < 1:
                raise Refused("leaves nothing of the images")
            x = node.layer(kind, x, (*size, x.size[2]), order, **{name: sides})
    return x


def _neighbours(x, axis, both):
    """Zeros beyond the first and last of squares whose sums over neighbouring channels come next."""
    channel = len(x.window.base.size)
    if x.dims[axis] != (channel,) or min(both) < 0 or x.window.mean:
        raise Refused("a local response normalization that is written in no known way")
    size = (*x.size[:-1], x.size[-1] + sum(both))
    return x._replace(size=size, window=x.window._replace(before=both[0], after=both[1]))


def _concat(node):
    values = [node.value(i) for i in range(len(node.inputs))]
    axis = node.attr("axis", 1) % values[0].rank
    if axis == 0:
        raise Refused("joins samples of a batch")
    order = values[0].order
    if order is None or axis not in order or any(v.rank != values[0].rank for v in values):
        order = image(4) if values[0].rank == 4 else plain(values[0].rank)
    values = [node.place(v, order) for v in values]
    along = order.index(axis)
    size = list(values[0].size)
    size[along] = sum(v.size[along] for v in values)
    return node.layer("Concatenate", values, size, order, axis=along + 1)


_NEAREST = {("asymmetric", "floor"), ("half_pixel", "round_prefer_floor"), ("half_pixel", "round_prefer_ceil"),
            ("pytorch_half_pixel", "round_prefer_floor"), ("half_pixel_symmetric", "round_prefer_floor"),
            ("tf_half_pixel_for_nn", "floor")}


def resize(node):
    """Each pixel as a block of pixels."""
    x = node.image()
    axes = node.attr("axes", list(range(x.rank)))
    if node.op == "Upsample" or node.opset < 11:
        mode, how, scales = node.attr("mode", "nearest"), ("asymmetric", "floor"), node.given(1, "scales")
    else:
        mode = node.attr("mode", "nearest")
        how = node.attr("coordinate_transformation_mode", "half_pixel"), node.attr("nearest_mode", "round_prefer_floor")
        scales = node.given(2, "scales")
        if scales is None or not len(scales):
            scales = [m / x.shape[axis] if axis else 1.0 for axis, m in zip(axes, node.const(3))]
    factors = dict(zip((axis % x.rank for axis in axes), (float(s) for s in scales)))
    factors = [factors.get(seen, 1.0) for seen in range(x.rank)]
    smooth = mode == "linear" and how[0] == "half_pixel"
    simple = node.attr("keep_aspect_ratio_policy", "stretch") == "stretch" and not node.attr("antialias", 0)
    whole = factors[:2] == [1, 1] and all(s == int(s) and s >= 1 for s in factors)
    if not (smooth or mode == "nearest" and how in _NEAREST) or not whole or not simple:
        raise Refused(f"{mode}, {how}, by {factors}: pixels are repeated whole times, or it is done otherwise")
    times = [int(s) for s in (1, *factors[2:])[-2:]]
    size = (x.size[0] * times[0], x.size[1] * times[1], x.size[2])
    kind = "bilinear" if smooth else "nearest"
    return node.layer("UpSampling2D", x, size, image(x.rank), size=times, interpolation=kind)


def reduce(kind):
    """A pooling over all pixels."""
    def of(node):
        x = node.value()
        axes = node.reduced(x.rank)
        left = [axis for axis in range(1, x.rank) if axis not in (axes or (0,))]
        if x.rank != 4 or axes is None or 0 in axes or len(left) != 1:
            raise Refused(f"over axes {axes} of {_seen(x.shape)}, not over rows and columns")
        x, order = node.last(x, left[0])
        y = node.layer(kind, x, (1, 1, x.size[2]), order, keepdims=True)
        return y if node.attr("keepdims", 1) else y._replace(dims=tuple(d for i, d in enumerate(y.dims) if i not in axes))
    return of


TABLE = {
    "Identity": lambda node: node.inputs[0], "Cast": _cast, "Dropout": _dropout, "Flatten": _flatten, "Reshape": _reshape,
    "Transpose": _transpose, "Squeeze": _squeeze, "Unsqueeze": _unsqueeze, "Pad": _pad, "Concat": _concat, "Resize": resize,
    "Upsample": resize, "ReduceMean": reduce("GlobalAveragePooling2D"), "ReduceMax": reduce("GlobalMaxPooling2D"),
}
