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
    if node.op not in _BY_VALUE:
        return _TABLE[node.op](node, *node.inputs)
    function, count = _BY_VALUE[node.op], len(node.inputs)
    if getattr(function, "nin", count) != count:
        raise ValueError(f"{node.op} must have {function.nin} inputs. Received: {count}")
    _within(np.broadcast_shapes(*(x.shape for x in node.inputs)), _MOST)
    return function(*node.inputs)


_TABLE = {  # operator: function of the node and its inputs
    "Identity": lambda node, x: x, "Cast": lambda node, x: x.astype(_TYPES[node.attr("to")]),
    "Shape": lambda node, x: np.array(x.shape, np.int64)[node.attr("start", 0):node.attr("end", None)],
    "Size": lambda node, x: np.array(x.size, np.int64), "ConstantOfShape": _filled, "Range": _range, "Expand": _expanded,
    "Gather": _gathered, "Slice": _slice, "Concat": _joined,
    "Unsqueeze": _unsqueezed, "Squeeze": _squeezed, "Reshape": _reshaped,
    "Flatten": lambda node, x: x.reshape(math.prod(x.shape[:node.attr("axis", 1)]), -1),
    "Transpose": lambda node, x: np.transpose(x, node.attr("perm", None)),
    "ReduceProd": lambda node, x, *given: np.prod(x, node.reduced(x.ndim), keepdims=bool(node.attr("keepdims", 1))),
}
_BY_VALUE = {  # operator: function of its inputs, value by value
    "Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Div": _divided, "Mod": np.mod, "Neg": np.negative, "Abs": np.abs,
    "Sqrt": np.sqrt, "Reciprocal": lambda x: 1 / x, "Exp": np.exp, "Floor": np.floor, "Ceil": np.ceil, "Not": np.logical_not,
    "And": np.logical_and, "Or": np.logical_or, "Equal": np.equal, "Less": np.less, "Greater": np.greater,
    "LessOrEqual": np.less_equal, "GreaterOrEqual": np.greater_equal, "Where": lambda c, x, y: np.where(c, x, y),
    "Pow": lambda x, y: np.power(x, y).astype(x.dtype),
    **{name: lambda *xs, f=function: f.reduce(np.broadcast_arrays(*xs))
       for name, function in (("Max", np.maximum), ("Min", np.minimum))},
}
OPERATORS = {*_BY_VALUE, *_TABLE}
