"""Activations."""

import numpy as np

from fastcnn import _ops, arguments
from fastcnn.ops.shared import FORWARD, deliver, gradient, result, run


def _plain(kind, x, out, activation="linear", alpha=0.0, dy=FORWARD):
    """An op without parameters, forward, or backward where dy is given (the gradient is taken from y)."""
    x = arguments.array("x", x)
    rows = kind in ("softmax", "log_softmax")
    if rows and x.ndim < 1:
        raise ValueError(f"x must have at least one dimension. Received: shape {x.shape}")
    y = result(out, x.shape, x, in_place=kind == "activation")
    backward = dy is not FORWARD
    dy, dx = (gradient(dy, x.shape), np.empty_like(x)) if backward else (None, None)
    if x.size:
        n = x.shape[0] if x.ndim > 1 else 1
        c = x.shape[-1] if rows else x.size // n
        op = _ops.plain(kind, x.size // n // c, c, activation, alpha)
        if backward:
            run(op, n, [["forward"], ["data"]], [("x", x), ("y", y), ("dy", dy), ("dx", dx)])
        else:
            run(op, n, [["forward"]], [("x", x), ("y", y)])
    return dx if backward else deliver(y, out)


def _slope(name, value):
    return arguments.number(name, value, minimum=0)


def relu(x, *, out=None):
    """max(x, 0). Shape: any → the same."""
    return _plain("activation", x, out, "relu")


def relu_backward(dy, x):
    """dy where x > 0, else 0."""
    return _plain("activation", x, None, "relu", dy=dy)


def leaky_relu(x, negative_slope=0.2, *, out=None):
    """x where x > 0, else negative_slope · x; the slope is at least 0."""
    return _plain("activation", x, out, "leaky_relu", _slope("negative_slope", negative_slope))


def leaky_relu_backward(dy, x, negative_slope=0.2):
    """dy where x > 0, else negative_slope · dy."""
    return _plain("activation", x, None, "leaky_relu", _slope("negative_slope", negative_slope), dy=dy)


def elu(x, alpha=1.0, *, out=None):
    """x where x > 0, else alpha · (eˣ − 1); alpha is at least 0. Source: Clevert, Unterthiner, Hochreiter 2016."""
    return _plain("activation", x, out, "elu", _slope("alpha", alpha))


def elu_backward(dy, x, alpha=1.0):
    """dy where x > 0, else dy · alpha · eˣ."""
    return _plain("activation", x, None, "elu", _slope("alpha", alpha), dy=dy)


def sigmoid(x, *, out=None):
    """1 / (1 + e⁻ˣ)."""
    return _plain("activation", x, out, "sigmoid")


def sigmoid_backward(dy, x):
    """dy · y · (1 − y)."""
    return _plain("activation", x, None, "sigmoid", dy=dy)


def tanh(x, *, out=None):
    """Hyperbolic tangent."""
    return _plain("activation", x, out, "tanh")


def tanh_backward(dy, x):
    """dy · (1 − y²)."""
    return _plain("activation", x, None, "tanh", dy=dy)


def scaled_tanh(x, *, out=None):
    """1.7159 · tanh(2x/3), LeNet-5's squashing function. Source: LeCun, Bottou, Bengio, Haffner 1998, appendix A."""
    return _plain("activation", x, out, "scaled_tanh")


def scaled_tanh_backward(dy, x):
    """dy · (2/3) · (1.7159 − y² / 1.7159)."""
    return _plain("activation", x, None, "scaled_tanh", dy=dy)


def softplus(x, *, out=None):
    """log(1 + eˣ), without overflow."""
    return _plain("activation", x, out, "softplus")


def softplus_backward(dy, x):
    """dy · sigmoid(x)."""
    return _plain("activation", x, None, "softplus", dy=dy)


def softmax(x, *, out=None):
    """eˣ / Σ eˣ over the last axis, without overflow.

    Example:
        >>> fastcnn.ops.softmax(np.zeros((1, 4))).tolist()
        [[0.25, 0.25, 0.25, 0.25]]
    """
    return _plain("softmax", x, out)


def softmax_backward(dy, x):
    """y · (dy − Σ dy·y) over the last axis."""
    return _plain("softmax", x, None, dy=dy)


def log_softmax(x, *, out=None):
    """x − log Σ eˣ over the last axis, without overflow."""
    return _plain("log_softmax", x, out)


def log_softmax_backward(dy, x):
    """dy − softmax(x) · Σ dy over the last axis."""
    return _plain("log_softmax", x, None, dy=dy)
