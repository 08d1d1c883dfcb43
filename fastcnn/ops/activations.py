"""Activations; `fastcnn.reference` has their formulas."""

from __future__ import annotations

import numpy as np

from fastcnn import _ops, arguments
from fastcnn.ops.shared import FORWARD, deliver, gradient, result, run
from fastcnn.typing import Array, ArrayLike

__all__ = [
    "relu", "relu_backward", "leaky_relu", "leaky_relu_backward", "elu", "elu_backward", "sigmoid", "sigmoid_backward",
    "tanh", "tanh_backward", "scaled_tanh", "scaled_tanh_backward", "softplus", "softplus_backward",
    "softsign", "softsign_backward", "hard_sigmoid", "hard_sigmoid_backward", "selu", "selu_backward",
    "exponential", "exponential_backward", "relu6", "relu6_backward", "silu", "silu_backward",
    "hard_silu", "hard_silu_backward", "gelu", "gelu_backward", "softmax", "softmax_backward",
    "log_softmax", "log_softmax_backward",
]


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
        of_x = activation in _ops.OF_X
        op = _ops.plain("activation_of_x" if of_x else kind, x.size // n // c, c, activation, alpha)
        if backward:
            phases = [["data"]] if of_x else [["forward"], ["data"]]
            run(op, n, phases, [("x", x), ("y", y), ("dy", dy), ("dx", dx)])
        else:
            run(op, n, [["forward"]], [("x", x), ("y", y)])
    return dx if backward else deliver(y, out)


def _slope(name, value):
    return arguments.number(name, value, minimum=0)


def relu(x: ArrayLike, *, out: Array | None = None) -> Array:
    """Rectified linear unit. Shape: any → the same, as of all activations."""
    return _plain("activation", x, out, "relu")


def relu_backward(dy: ArrayLike, x: ArrayLike) -> Array:
    """Gradient of `relu`."""
    return _plain("activation", x, None, "relu", dy=dy)


def leaky_relu(x: ArrayLike, negative_slope: float = 0.2, *, out: Array | None = None) -> Array:
    """Rectified linear unit with a slope below 0; the slope is at least 0."""
    return _plain("activation", x, out, "leaky_relu", _slope("negative_slope", negative_slope))


def leaky_relu_backward(dy: ArrayLike, x: ArrayLike, negative_slope: float = 0.2) -> Array:
    """Gradient of `leaky_relu`."""
    return _plain("activation", x, None, "leaky_relu", _slope("negative_slope", negative_slope), dy=dy)


def elu(x: ArrayLike, alpha: float = 1.0, *, out: Array | None = None) -> Array:
    """Exponential linear unit; alpha is at least 0."""
    return _plain("activation", x, out, "elu", _slope("alpha", alpha))


def elu_backward(dy: ArrayLike, x: ArrayLike, alpha: float = 1.0) -> Array:
    """Gradient of `elu`."""
    return _plain("activation", x, None, "elu", _slope("alpha", alpha), dy=dy)


def sigmoid(x: ArrayLike, *, out: Array | None = None) -> Array:
    """Logistic function."""
    return _plain("activation", x, out, "sigmoid")


def sigmoid_backward(dy: ArrayLike, x: ArrayLike) -> Array:
    """Gradient of `sigmoid`."""
    return _plain("activation", x, None, "sigmoid", dy=dy)


def tanh(x: ArrayLike, *, out: Array | None = None) -> Array:
    """Hyperbolic tangent."""
    return _plain("activation", x, out, "tanh")


def tanh_backward(dy: ArrayLike, x: ArrayLike) -> Array:
    """Gradient of `tanh`."""
    return _plain("activation", x, None, "tanh", dy=dy)


def scaled_tanh(x: ArrayLike, *, out: Array | None = None) -> Array:
    """LeNet-5's squashing function."""
    return _plain("activation", x, out, "scaled_tanh")


def scaled_tanh_backward(dy: ArrayLike, x: ArrayLike) -> Array:
    """Gradient of `scaled_tanh`."""
    return _plain("activation", x, None, "scaled_tanh", dy=dy)


def softplus(x: ArrayLike, *, out: Array | None = None) -> Array:
    """A smooth rectifier, without overflow."""
    return _plain("activation", x, out, "softplus")


def softplus_backward(dy: ArrayLike, x: ArrayLike) -> Array:
    """Gradient of `softplus`."""
    return _plain("activation", x, None, "softplus", dy=dy)


def softsign(x: ArrayLike, *, out: Array | None = None) -> Array:
    """A squashing function that saturates slowly."""
    return _plain("activation", x, out, "softsign")


def softsign_backward(dy: ArrayLike, x: ArrayLike) -> Array:
    """Gradient of `softsign`."""
    return _plain("activation", x, None, "softsign", dy=dy)


def hard_sigmoid(x: ArrayLike, slope: float = 1 / 6, *, out: Array | None = None) -> Array:
    """A straight line cut at 0 and 1; the slope is at least 0: 1/6 in Keras 3 and torch, 0.2 in older Keras and ONNX."""
    return _plain("activation", x, out, "hard_sigmoid", _slope("slope", slope))


def hard_sigmoid_backward(dy: ArrayLike, x: ArrayLike, slope: float = 1 / 6) -> Array:
    """Gradient of `hard_sigmoid`."""
    return _plain("activation", x, None, "hard_sigmoid", _slope("slope", slope), dy=dy)


def selu(x: ArrayLike, *, out: Array | None = None) -> Array:
    """Scaled exponential linear unit, which keeps mean 0 and variance 1."""
    return _plain("activation", x, out, "selu")


def selu_backward(dy: ArrayLike, x: ArrayLike) -> Array:
    """Gradient of `selu`."""
    return _plain("activation", x, None, "selu", dy=dy)


def exponential(x: ArrayLike, *, out: Array | None = None) -> Array:
    """Exponential function."""
    return _plain("activation", x, out, "exponential")


def exponential_backward(dy: ArrayLike, x: ArrayLike) -> Array:
    """Gradient of `exponential`."""
    return _plain("activation", x, None, "exponential", dy=dy)


def relu6(x: ArrayLike, *, out: Array | None = None) -> Array:
    """Rectified linear unit, at most 6."""
    return _plain("activation", x, out, "relu6")


def relu6_backward(dy: ArrayLike, x: ArrayLike) -> Array:
    """Gradient of `relu6`."""
    return _plain("activation", x, None, "relu6", dy=dy)


def silu(x: ArrayLike, *, out: Array | None = None) -> Array:
    """Sigmoid linear unit, also called swish."""
    return _plain("activation", x, out, "silu")


def silu_backward(dy: ArrayLike, x: ArrayLike) -> Array:
    """Gradient of `silu`."""
    return _plain("activation", x, None, "silu", dy=dy)


def gelu(x: ArrayLike, *, out: Array | None = None) -> Array:
    """Gaussian error linear unit, not its approximation by tanh.

    Example:
        >>> round(float(fastcnn.ops.gelu(np.ones(1))[0]), 6)
        0.841345
    """
    return _plain("activation", x, out, "gelu")


def gelu_backward(dy: ArrayLike, x: ArrayLike) -> Array:
    """Gradient of `gelu`."""
    return _plain("activation", x, None, "gelu", dy=dy)


def hard_silu(x: ArrayLike, *, out: Array | None = None) -> Array:
    """x · min(max(x + 3, 0), 6) / 6, also called hard swish. Source: Howard et al. 2019, "Searching for MobileNetV3".

    Example:
        >>> fastcnn.ops.hard_silu(np.array([-1.5, 1.5, 4.0])).tolist()
        [-0.375, 1.125, 4.0]
    """
    return _plain("activation", x, out, "hard_silu")


def hard_silu_backward(dy: ArrayLike, x: ArrayLike) -> Array:
    """dy · (x / 3 + ½) where −3 < x < 3, 0 below, dy above."""
    return _plain("activation", x, None, "hard_silu", dy=dy)


def softmax(x: ArrayLike, *, out: Array | None = None) -> Array:
    """Softmax over the last axis, without overflow.

    Example:
        >>> fastcnn.ops.softmax(np.zeros((1, 4))).tolist()
        [[0.25, 0.25, 0.25, 0.25]]
    """
    return _plain("softmax", x, out)


def softmax_backward(dy: ArrayLike, x: ArrayLike) -> Array:
    """Gradient of `softmax`."""
    return _plain("softmax", x, None, dy=dy)


def log_softmax(x: ArrayLike, *, out: Array | None = None) -> Array:
    """Logarithm of `softmax`, without overflow."""
    return _plain("log_softmax", x, out)


def log_softmax_backward(dy: ArrayLike, x: ArrayLike) -> Array:
    """Gradient of `log_softmax`."""
    return _plain("log_softmax", x, None, dy=dy)
