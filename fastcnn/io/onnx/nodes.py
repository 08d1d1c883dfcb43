"""What layers the nodes of ONNX become: a function of the node for each operator, which gives the node's value."""

import math

import numpy as np

from fastcnn import arguments
from fastcnn.io import layouts
from fastcnn.io.onnx import elementwise, moving
from fastcnn.io.onnx.placing import Refused
from fastcnn.io.onnx.values import dims_of, image


def _pairs(node, rank, name, default, count=1):
    """[vertical, horizontal] of an attribute that has a number, or a pair of them, for each axis of images; those of one row
    have one axis."""
    given = node.attr(name, [default] * count * rank)
    if len(given) != count * rank:
        raise Refused(f"{name} must be {count * rank} numbers")
    given = given if count == 1 else list(zip(given[:rank], given[rank:]))
    return [default if count == 1 else (default, default)] * (2 - rank) + given


def windows(node, x, kernel):
    """{"strides", "dilation_rate", "padding"} of a node that looks at windows, as layers take them."""
    strides, dilation = (_pairs(node, x.rank - 2, name, 1) for name in ("strides", "dilations"))
    auto, edges = node.attr("auto_pad", "NOTSET"), _pairs(node, x.rank - 2, "pads", 0, 2)
    if min(map(min, edges)) < 0:
        raise Refused(f"pads must be numbers from 0 on, not {edges}")
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        edges = [both[::-1] if auto == "SAME_LOWER" else both
                 for both in arguments.pads("same", x.size, kernel, strides, dilation)]
    elif auto not in ("NOTSET", "VALID"):
        raise Refused(f"auto_pad {auto}")
    edges = [(0, 0)] * 2 if auto == "VALID" else edges
    return {"strides": strides, "dilation_rate": dilation, "padding": [list(both) for both in edges]}


def _extents(x, kernel, options, ceil=False):
    """Rows and columns of what windows are looked at in."""
    found = layouts.reached(x.size, kernel, *options.values(), ceil=ceil)
    if min(found) < 1:
        raise Refused(f"windows of {tuple(kernel)} do not fit images of {x.size}")
    return found


def _conv(node):
    x, w, b = node.image(), node.weights(1, 4), node.weights(2)
    (filters, inputs, *kernel), groups, channels = w.shape, node.attr("group", 1), x.size[2]
    if groups < 1 or inputs * groups != channels or filters % groups:
        raise Refused(f"a kernel of {w.shape} in {groups} groups does not fit {channels} channels")
    options, depthwise = windows(node, x, kernel), 1 < groups == channels
    more = {"depth_multiplier": filters // channels} if depthwise else {"filters": filters, "groups": groups}
    arrays = {"kernel": layouts.depthwise_from_oihw(w, channels) if depthwise else layouts.from_oihw(w), "bias": b}
    return node.layer("DepthwiseConv2D" if depthwise else "Conv2D", x, (*_extents(x, kernel, options), filters),
                      image(x.rank), arrays, kernel_size=kernel, use_bias=b is not None, **options, **more)


def _conv_transpose(node):
    x, w, b = node.image(), node.weights(1, 4), node.weights(2)
    (inputs, filters, *kernel), groups, rank = w.shape, node.attr("group", 1), x.rank - 2
    if groups < 1 or inputs != x.size[2] or inputs % groups:
        raise Refused(f"a kernel of {w.shape} in {groups} groups does not fit {x.size[2]} channels")
    strides, dilation, more = (_pairs(node, rank, *pair) for pair in (
        ("strides", 1), ("dilations", 1), ("output_padding", 0)))
    whole = [(n - 1) * s + (k - 1) * d + 1 for n, s, k, d in zip(x.size, strides, kernel, dilation)]
    auto, wanted = node.attr("auto_pad", "NOTSET"), node.attr("output_shape", None)
    edges = _pairs(node, rank, "pads", 0, 2) if auto == "NOTSET" else [(0, 0)] * 2
    if wanted is not None or auto.startswith("SAME"):
        wanted = [1] * (2 - rank) + wanted[-rank:] if wanted else [n * s for n, s in zip(x.size, strides)]
        totals = [n + m - out for n, m, out in zip(whole, more, wanted)]
        edges = [(total // 2, total - total // 2) if total > 0 else (0, total) for total in totals]
        edges = [both if auto == "SAME_UPPER" or both[1] < 0 else both[::-1] for both in edges]
    cut = [(before, after - m) for (before, after), m in zip(edges, more)]  # what is left out, or put on
    extra = [max(0, -after) for _, after in cut]
    if any(before < 0 for before, _ in cut) or any(e >= s for e, s in zip(extra, strides)):
        raise Refused("its output reaches beyond where the kernel does")
    size = (*(n - before - after for n, (before, after) in zip(whole, cut)), filters * groups)
    padding, arrays = [[before, max(0, after)] for before, after in cut], {"kernel": layouts.from_oihw(w), "bias": b}
    return node.layer("Conv2DTranspose", x, size, image(x.rank), arrays, strides=strides, dilation_rate=dilation,
                      padding=padding, output_padding=extra, kernel_size=kernel, filters=filters * groups, groups=groups,
                      use_bias=b is not None)


def pool(kind):
    """A pooling of some kind of layers."""
    def of(node):
        given = node.attr("kernel_shape")
        if node.op == "AveragePool" and getattr(node.inputs[0], "window", None) and len(given) != 2:
            return _window_mean(node, given)
        x, around = node.inputs[0], getattr(node.inputs[0], "around", None)
        if around and node.op == "MaxPool" and x.order == image(4):
            size = (*(n - sum(both) for n, both in zip(x.size, around)), x.size[2])
            node.inputs[0] = x._replace(size=size, dims=dims_of(size, image(4), 4), around=None)
        x = node.image()
        kernel, ceil = [1] * (4 - x.rank) + given, bool(node.attr("ceil_mode", 0))
        options = windows(node, x, kernel)
        if around:
            options["padding"] = [[a + b for a, b in zip(*both)] for both in zip(options["padding"], around)]
        more = _POOLED[kind](node) if kind in _POOLED else {}
        size = (*_extents(x, kernel, options, ceil), x.size[2])
        return node.layer(kind, x, size, image(x.rank), pool_size=kernel, ceil_mode=ceil, **options, **more)
    return of


_POOLED = {"LpPooling2D": lambda node: {"p": node.attr("p", 2)},
           "AveragePooling2D": lambda node: {"count_include_pad": bool(node.attr("count_include_pad", 0))}}


def global_pool(kind):
    """A pooling of whole images."""
    def of(node):
        x = node.image()
        more = {"p": node.attr("p", 2), "pool_size": list(x.size[:2])} if kind == "LpPooling2D" else {"keepdims": True}
        return node.layer(kind, x, (1, 1, x.size[2]), image(x.rank), **more)
    return of


def _lrn(node):
    x = node.image()
    return node.layer("LocalResponseNormalization", x, size=node.attr("size"), alpha=node.attr("alpha", 1e-4),
                      beta=node.attr("beta", 0.75), k=node.attr("bias", 1.0), alpha_mode="mean", even="above")


def _batch_norm(node):
    x = node.value()
    fixed = node.attr("is_test", 0) if node.opset < 7 else not node.attr("training_mode", 0)
    if not fixed or not node.attr("spatial", 1):
        raise Refused("normalizes by the batch" if not fixed else "normalizes each pixel by itself")
    x, _ = node.last(x, 1)
    arrays = {name: node.weights(i) for i, name in enumerate(("gamma", "beta", "moving_mean", "moving_variance"), 1)}
    return node.layer("BatchNormalization", x, None, None, arrays, epsilon=node.attr("epsilon", 1e-5),
                      momentum=node.attr("momentum", 0.9))


def dense(node):
    """Gemm, and MatMul with a constant on the right."""
    x, w = node.value(), node.weights(1)
    if node.attr("transA", 0) or w.ndim != 2:
        raise Refused("works on turned samples" if w.ndim == 2 else "multiplies by what is no matrix")
    w = w.T if node.attr("transB", 0) else w
    x, sizes, order = node.flat(x)
    if w.shape[0] != x.size[0]:
        raise Refused(f"a matrix of {w.shape} does not fit rows of {x.size[0]}")
    arrays, b = {"kernel": layouts.rows_from(w, sizes, order)}, node.weights(2)
    if node.attr("alpha", 1.0) != 1:
        arrays["kernel"] = arrays["kernel"] * np.float32(node.attr("alpha"))
    if b is not None:
        if b.ndim == 2 and b.shape[0] > 1 or b.ndim > 2 or b.shape[-1:] not in ((), (1,), (w.shape[1],)):
            raise Refused(f"adds {b.shape}, not the same to each sample")
        arrays["bias"] = np.broadcast_to(b.reshape(-1) * np.float32(node.attr("beta", 1.0)), w.shape[1:])
    return node.layer("Dense", x, w.shape[1:], (1,), arrays, units=w.shape[1], use_bias=b is not None)


def softmax(name):
    """Softmax or its logarithm, over an axis; before opset 13 over it and all behind it."""
    def of(node):
        x = node.value()
        axis = node.attr("axis", -1 if node.opset >= 13 else 1) % x.rank
        together = [i for i in range(axis, x.rank) if x.shape[i] > 1] if node.opset < 13 else [axis]
        if axis == 0:
            raise Refused("over the samples of a batch")
        if len(together) == 1:
            x, _ = node.last(x, together[0])
            return node.layer("Activation", x, activation=name)
        if axis > 1 or not together:
            raise Refused(f"over axes from {axis} on")
        y = node.layer("Activation", node.layer("Flatten", x, (math.prod(x.size),)), activation=name)
        return node.layer("Reshape", y, x.size, target_shape=list(x.size))._replace(dims=x.dims)
    return of


def _window_mean(node, kernel):
    """The mean over neighbouring channels of squares, as torch writes a local response normalization."""
    value = node.inputs[0]
    pads = node.attr("pads", [0] * 2 * len(kernel))
    along = [i for i, k in enumerate(kernel) if k > 1]
    window, channel = value.window, len(value.window.base.size)
    if len(along) != 1 or value.dims[2 + along[0]] != (channel,) or {*node.attr("strides", [1])} != {1} \
            or node.attr("ceil_mode", 0):
        raise Refused("a local response normalization that is written in no known way")
    before, after = window.before + pads[along[0]], window.after + pads[along[0] + len(kernel)]
    if before + after + 1 != kernel[along[0]] or before - after not in (0, 1) or any(pads) and not \
            node.attr("count_include_pad", 0):
        raise Refused("a local response normalization whose windows are not in the middle")
    return value._replace(size=window.base.size, window=window._replace(before=before, after=after, mean=True))


def constant(node):
    """The array of a Constant."""
    for name in {"value", "value_float", "value_int", "value_floats", "value_ints"} & node.attributes.keys():
        value = node.attr(name)
        return value if name == "value" else np.array(value, np.int64 if name.startswith("value_int") else np.float32)
    raise Refused(f"a constant of {', '.join(node.attributes)}")


TABLE = {
    "Conv": _conv, "ConvTranspose": _conv_transpose, "MaxPool": pool("MaxPooling2D"),
    "AveragePool": pool("AveragePooling2D"), "LpPool": pool("LpPooling2D"),
    "GlobalAveragePool": global_pool("GlobalAveragePooling2D"), "GlobalMaxPool": global_pool("GlobalMaxPooling2D"),
    "GlobalLpPool": global_pool("LpPooling2D"), "LRN": _lrn, "BatchNormalization": _batch_norm, "Gemm": dense,
    "MatMul": dense, "Softmax": softmax("softmax"), "LogSoftmax": softmax("log_softmax"), **elementwise.TABLE,
    **moving.TABLE,
}
