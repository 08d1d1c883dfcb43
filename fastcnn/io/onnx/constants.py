"""What of an ONNX graph does not depend on its input: computed by NumPy when it is read, shapes above all."""

import math

import numpy as np

_LIMIT = 2**27  # values of an array that is one number again and again, and takes no memory yet
_MOST = 2**26   # of one that is computed

_TYPES = {1: np.float32, 6: np.int32, 7: np.int64, 9: np.bool_, 10: np.float16, 11: np.float64}


def _divided(x, y):
    if x.dtype.kind == "f" or y.dtype.kind == "f":
        return x / y
    return (np.sign(x) * np.sign(y) * (abs(x) // np.maximum(abs(y), 1))).astype(x.dtype)  # towards 0


def _slice(node, x, *given):
    starts, ends = (node.given(i, name) for i, name in ((1, "starts"), (2, "ends")))
    axes, steps = node.given(3, "axes"), node.given(4, "steps")
    cuts = [slice(None)] * x.ndim
    axes = range(len(starts)) if axes is None else axes
    for i, axis in enumerate(axes):
        step = 1 if steps is None else int(steps[i])
        cuts[axis] = slice(int(starts[i]), None if step < 0 and int(ends[i]) < -x.shape[axis] else int(ends[i]), step)
    return x[tuple(cuts)]


def _unsqueezed(node, x, *given):
    axes = node.axes()
    rank = x.ndim + len(axes)
    return x.reshape(_with_ones(list(x.shape), {axis % rank for axis in axes}, rank))


def _with_ones(shape, axes, rank):
    return [1 if axis in axes else shape.pop(0) for axis in range(rank)]


def _squeezed(node, x, *given):
    axes = node.axes()
    return np.squeeze(x) if axes is None else np.squeeze(x, tuple(axes))


def _reshaped(node, x, shape, *given):
    keep = not node.attr("allowzero", 0)
    return x.reshape([x.shape[i] if n == 0 and keep else int(n) for i, n in enumerate(shape)])


def _filled(node, shape):
    value = node.attr("value", None)
    value = np.zeros(1, np.float32) if value is None else value
    return np.broadcast_to(value.reshape(()), _within(shape))


def _range(node, start, stop, step):
    _within([max(0, math.ceil((float(stop) - float(start)) / float(step)))], _MOST)
    return np.arange(start, stop, step, start.dtype)


def _within(shape, limit=_LIMIT):
    if any(n < 0 for n in shape) or math.prod(int(n) for n in shape) > limit:
        raise ValueError(f"arrays that are computed must have at most {limit} values. Received: shape {[*map(int, shape)]}")
    return [int(n) for n in shape]


def _expanded(node, x, shape):
    return np.broadcast_to(x, _within(np.broadcast_shapes(x.shape, tuple(int(n) for n in shape))))


def _gathered(node, x, at):
    axis = node.attr("axis", 0)
    _within([at.size, x.size // max(1, x.shape[axis])], _MOST)
    return np.take(x, at, axis)


def _joined(node, *xs):
    _within([sum(x.size for x in xs)], _MOST)
    return np.concatenate(xs, node.attr("axis"))


def fold(node):
    """What a node gives whose inputs are all constants.

    Raises:
        ValueError: it would be an array of many more values than the file has; or the inputs are none for it.
    """
    if node.op in _BY_VALUE:
        _within(np.broadcast_shapes(*(x.shape for x in node.inputs)), _MOST)
    return TABLE[node.op](node, *node.inputs)


TABLE = {  # operator: function of the node and its inputs
    "Identity": lambda node, x: x, "Cast": lambda node, x: x.astype(_TYPES[node.attr("to")]),
    "Shape": lambda node, x: np.array(x.shape, np.int64)[node.attr("start", 0):node.attr("end", None)],
    "Size": lambda node, x: np.array(x.size, np.int64), "ConstantOfShape": _filled, "Range": _range, "Expand": _expanded,
    "Gather": _gathered, "Slice": _slice, "Concat": _joined,
    "Unsqueeze": _unsqueezed, "Squeeze": _squeezed, "Reshape": _reshaped,
    "Flatten": lambda node, x: x.reshape(math.prod(x.shape[:node.attr("axis", 1)]), -1),
    "Transpose": lambda node, x: np.transpose(x, node.attr("perm", None)),
    "ReduceProd": lambda node, x, *given: np.prod(x, node.reduced(x.ndim), keepdims=bool(node.attr("keepdims", 1))),
}
_BY_VALUE = {
    "Add": lambda node, x, y: x + y, "Sub": lambda node, x, y: x - y, "Mul": lambda node, x, y: x * y,
    "Div": lambda node, x, y: _divided(x, y), "Pow": lambda node, x, y: np.power(x, y).astype(x.dtype),
    "Mod": lambda node, x, y: np.mod(x, y), "Neg": lambda node, x: -x, "Abs": lambda node, x: abs(x),
    "Sqrt": lambda node, x: np.sqrt(x), "Reciprocal": lambda node, x: 1 / x, "Exp": lambda node, x: np.exp(x),
    "Floor": lambda node, x: np.floor(x), "Ceil": lambda node, x: np.ceil(x), "Not": lambda node, x: ~x,
    "Max": lambda node, *xs: np.maximum.reduce(np.broadcast_arrays(*xs)),
    "Min": lambda node, *xs: np.minimum.reduce(np.broadcast_arrays(*xs)),
    "Equal": lambda node, x, y: x == y, "Less": lambda node, x, y: x < y, "Greater": lambda node, x, y: x > y,
    "LessOrEqual": lambda node, x, y: x <= y, "GreaterOrEqual": lambda node, x, y: x >= y,
    "And": lambda node, x, y: x & y, "Or": lambda node, x, y: x | y, "Where": lambda node, c, x, y: np.where(c, x, y),
}
TABLE.update(_BY_VALUE)
