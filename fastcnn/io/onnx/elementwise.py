"""Nodes of ONNX that compute value by value: activations, and sums and the like of values and constants."""

import numpy as np

from fastcnn.io.onnx.placing import Refused
from fastcnn.io.onnx.values import Gelu, Value, Window, image, plain

_LARGE = 3e38  # bounds from here on are none
_SELU = 1.6732632, 1.050701  # alpha and gamma, of which values keep mean and variance


def activation(name, attribute=None, accepted=None, **constants):
    """An activation; an attribute that must have one value; constants: {its constant here: (attribute, default)}."""
    def of(node):
        if attribute and node.attr(attribute, accepted) != accepted:
            raise Refused(f"{attribute} must be {accepted}, not {node.attr(attribute)}")
        given = {key: node.attr(*pair) for key, pair in constants.items()}
        return node.layer("Activation", node.value(), activation={"name": name, **given} if given else name)
    return of


def _selu(node):
    alpha, gamma = node.attr("alpha", _SELU[0]), node.attr("gamma", _SELU[1])
    if abs(alpha - _SELU[0]) + abs(gamma - _SELU[1]) < 1e-5:
        return node.layer("Activation", node.value(), activation="selu")
    y = node.layer("Activation", node.value(), activation={"name": "elu", "alpha": alpha})
    return node.layer("Rescaling", y, scale=gamma, offset=0.0)


def _hard_sigmoid(node):
    x, slope, middle = node.value(), node.attr("alpha", 0.2), node.attr("beta", 0.5)
    if abs(middle - 0.5) > 1e-7:
        x, slope = node.layer("Rescaling", x, scale=slope, offset=middle - 0.5), 1.0
    return node.layer("Activation", x, activation={"name": "hard_sigmoid", "slope": slope})


def _clip(node):
    given = [node.given(i, name) for i, name in ((1, "min"), (2, "max"))]
    bounds = [None if b is None else float(np.reshape(b, -1)[0]) for b in given]
    low, high = (None if b is None or abs(b) > _LARGE else b for b in bounds)
    return bounded(node, node.value(), low, high)


def bounded(node, x, low, high):
    """min(max(x, low), high), by layers that there are; None: no bound."""
    if low == 0 and high in (None, 6):
        return node.layer("Activation", x, activation="relu" if high is None else "relu6")
    for kind, bound in (("Maximum", low), ("Minimum", high)):
        if bound is not None:
            x = node.layer(kind, [x, node.layer("Rescaling", x, scale=0.0, offset=bound)])
    return x


def _prelu(node):
    x, slope = node.value(), node.weights(1)
    if slope.ndim == 1 and slope.size > 1 and node.opset < 7:
        slope = slope.reshape(-1, *[1] * (x.rank - 2))
    order = x.order
    if order is None:
        x, order = node.last(x, x.rank - 1)
    alpha = turned(slope, x.rank, order)
    shared = [axis for axis, n in enumerate(alpha.shape, 1) if n == 1]
    return node.layer("PReLU", x, None, None, {"alpha": alpha}, shared_axes=shared or None)


def turned(array, rank, order):
    """A constant as it meets samples whose axes lie in an order: an axis for each of theirs.

    Raises:
        Refused: it has more axes, or differs from sample to sample.
    """
    shape = (1,) * (rank - array.ndim) + array.shape
    if len(shape) > rank or shape[0] != 1:
        raise Refused(f"a constant of {array.shape} differs from sample to sample")
    array = array.reshape(shape)
    axes = [seen for seen in order if seen is not None]
    array = np.transpose(array, (0, *axes))[0]
    return array.reshape([1 if seen is None else array.shape[axes.index(seen)] for seen in order])


def rescaled(node, x, scale=1.0, offset=0.0):
    """x · scale + offset, of constants that are the same for all samples and for all but one axis."""
    constants = [np.asarray(value, np.float32) for value in (scale, offset)]
    if node.opset < 7 and "axis" in node.attributes:
        behind = x.rank - node.attr("axis") % x.rank
        constants = [c.reshape(*c.shape, *[1] * (behind - c.ndim)) if c.size > 1 else c for c in constants]
    if any(c.ndim > x.rank for c in constants):
        raise Refused(f"constants of more axes than its values' {x.rank}")
    long = [x.rank - c.ndim + axis for c in constants for axis, n in enumerate(c.shape) if n > 1]
    if len(set(long)) > 1 or min(long, default=1) < 1:
        raise Refused("a constant differs from sample to sample or from pixel to pixel")
    if long:
        x, order = node.last(x, long[0])
        if x.size[-1] == 1:
            raise Refused("repeats values along an axis")
        constants = [turned(c, x.rank, order).reshape(-1) for c in constants]
    if any(c.size not in (1, x.size[-1]) for c in constants):
        raise Refused(f"constants of {[c.shape for c in constants]} do not fit samples of {x.size}")
    scale, offset = (c.tolist() if c.size > 1 else float(c.reshape(-1)[0]) for c in constants)
    return node.layer("Rescaling", x, scale=scale, offset=offset)


def merged(node, kind, values):
    """A layer of several values, brought into one order and, where pixels are the same, to one size."""
    if len(values) == 1:
        return values[0]
    if any(v.rank != values[0].rank for v in values):
        raise Refused(f"takes values of {sorted({v.rank for v in values})} axes")
    order = values[0].order or (image(4) if values[0].rank == 4 else plain(values[0].rank))
    values = [node.place(v, order) for v in values]
    size = tuple(max(v.size[axis] for v in values) for axis in range(len(order)))
    found = []
    for v in values:
        times = [n // m if m in (1, n) else 0 for n, m in zip(size, v.size)]
        if 0 in times or len(size) != 3 and v.size != size or times[-1] != 1:
            raise Refused(f"takes values of samples of {sorted({v.size for v in values})}")
        if v.size != size:
            v = node.layer("UpSampling2D", v, size, size=times[:2])
        found.append(v)
    return node.layer(kind, found, size, order)


def parted(node):
    """(values, constants) among the inputs."""
    values = [node.value(i) for i, v in enumerate(node.inputs) if isinstance(v, Value)]
    return values, [v for v in node.inputs if not isinstance(v, Value)]


def combined(kind, constant, part, fits):
    """Values by a kind of layers, and constants as one of a `Rescaling`; or a part of a local response normalization, or of
    gelu."""
    def of(node):
        if any(isinstance(v, Value) and v.gelu is not None for v in node.inputs):
            return _gelu_step(node, kind, node.inputs)
        if (window := _window(node)) is not None:
            return _step(node, window, part, fits)
        values, constants = parted(node)
        y = merged(node, kind, values)
        for c in constants:
            y = rescaled(node, y, **{constant: c})
        return y
    return of


_add = combined("Add", "offset", "k", lambda w: w.alpha is not None and w.k is None)
_scaled = combined("Multiply", "scale", "alpha", lambda w: w.mean and w.alpha is None)


def _multiply(node):
    y, x = _scaled(node), node.inputs[0]
    squares = all(isinstance(v, Value) for v in node.inputs) and node.inputs == [x, x] and x.rank in (3, 4)
    return y._replace(window=Window(x)) if squares and node.last(x, 1)[0] == x else y


def _subtract(node):
    x, y = node.inputs
    if isinstance(x, Value) and isinstance(y, Value):
        return merged(node, "Subtract", [node.value(0), node.value(1)])
    if isinstance(x, Value) and x.gelu is not None:
        return _gelu_step(node, "Add", [x, np.asarray(-y)])
    return rescaled(node, node.value(0), 1.0, -y) if isinstance(x, Value) else rescaled(node, node.value(1), -1.0, x)


def _divide(node):
    x, y = node.inputs
    if isinstance(y, Value):
        if isinstance(x, Value) and y.window is not None:
            return normalized(node)
        raise Refused("divides by what the network computes")
    inverse = np.asarray(1 / np.asarray(y, np.float32))
    return _gelu_step(node, "Multiply", [x, inverse]) if x.gelu is not None else rescaled(node, node.value(0), inverse)


def _power(node):
    if (window := _window(node)) is None:
        raise Refused("is known as a step of a local response normalization alone")
    return _step(node, window, "beta", lambda w: w.k is not None and w.beta is None)


def _unscaled(node, x):
    """(the value that x is a multiple of, how many times)."""
    config = node.sketch.layers[x.number]["config"]
    if node.sketch.layers[x.number]["class_name"] != "Rescaling" or config["offset"] or isinstance(config["scale"], list):
        return x, 1.0
    return x._replace(number=node.sketch.calls[x.number][0]), config["scale"]


def _erf(node):
    """Of a value divided by √2: the beginning of gelu."""
    base, factor = _unscaled(node, node.value())
    if abs(factor - 0.5**0.5) > 1e-6:
        raise Refused("is known as a part of gelu alone")
    return base._replace(gelu=Gelu(base))


def _gelu_step(node, kind, inputs):
    """The next step of gelu, or its last: a sum with a number, a product with one, or with the value that it is of."""
    part, *others = sorted(inputs, key=lambda v: not isinstance(v, Value) or v.gelu is None)
    gelu, by, other = part.gelu, None, others[0] if len(others) == 1 else None
    if isinstance(other, np.ndarray) and other.size == 1:
        by = float(other.reshape(()))
    elif isinstance(other, Value) and kind == "Multiply" and not gelu.times and _unscaled(node, other)[0] == gelu.base:
        gelu, by = gelu._replace(times=True), _unscaled(node, other)[1]
    if by is None or gelu.times and kind == "Add":
        raise Refused("takes an error function that is no part of gelu")
    scale, offset = (1, by) if kind == "Add" else (by, 0)
    gelu = gelu._replace(scale=gelu.scale * scale, offset=gelu.offset * scale + offset)
    if gelu.times and abs(gelu.scale - 0.5) + abs(gelu.offset - 0.5) < 1e-6:
        return node.layer("Activation", gelu.base, activation="gelu")
    return part._replace(gelu=gelu)


def _window(node):
    """The input that is a mean of squares, if there is one."""
    return next((v for v in node.inputs if isinstance(v, Value) and v.window is not None and v.window.mean), None)


def _step(node, value, name, fits):
    """The next step of a local response normalization, which says one of its constants."""
    numbers = [v for v in node.inputs if isinstance(v, np.ndarray) and v.size == 1]
    if len(numbers) != 1 or not fits(value.window):
        raise Refused("a local response normalization that is written in no known way")
    return value._replace(window=value.window._replace(**{name: float(numbers[0].reshape(()))}))


def normalized(node):
    """x / (k + alpha · mean)^beta, the end of a local response normalization that is written down in single steps."""
    x, divisor = node.inputs
    window = divisor.window
    if window.beta is None or x.window is not None or x != window.base or divisor.dims != x.dims:
        raise Refused("divides by what the network computes")
    return node.layer("LocalResponseNormalization", x, size=window.before + window.after + 1, alpha=window.alpha,
                      beta=window.beta, k=window.k, alpha_mode="mean")


def extreme(kind):
    """The largest or smallest of several; constants are bounds."""
    def of(node):
        values, constants = parted(node)
        y = merged(node, kind, values)
        for c in constants:
            if c.size == 1:
                bound = float(c.reshape(-1)[0])
                y = bounded(node, y, *((bound, None) if kind == "Maximum" else (None, bound)))
            else:
                y = node.layer(kind, [y, rescaled(node, y, np.zeros_like(c), c)])
        return y
    return of


def _mean(node):
    values, constants = parted(node)
    if constants:
        raise Refused("takes constants")
    return merged(node, "Average", values)


TABLE = {
    "Relu": activation("relu"), "Sigmoid": activation("sigmoid"), "Tanh": activation("tanh"),
    "Softplus": activation("softplus"), "Softsign": activation("softsign"), "Exp": activation("exponential"),
    "HardSwish": activation("hard_silu"), "Elu": activation("elu", alpha=("alpha", 1.0)),
    "LeakyRelu": activation("leaky_relu", negative_slope=("alpha", 0.01)), "Selu": _selu,
    "Gelu": activation("gelu", "approximate", "none"), "Swish": activation("silu", "alpha", 1.0), "Clip": _clip,
    "HardSigmoid": _hard_sigmoid, "PRelu": _prelu, "Add": _add, "Sum": _add, "Mul": _multiply, "Sub": _subtract,
    "Div": _divide, "Neg": lambda node: rescaled(node, node.value(), -1.0), "Pow": _power, "Mean": _mean,
    "Max": extreme("Maximum"), "Min": extreme("Minimum"), "Erf": _erf,
}
