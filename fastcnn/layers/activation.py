"""Activations as layers."""

from __future__ import annotations

import math
from typing import Any

from fastcnn import activations, arguments
from fastcnn.engine.nodes import Node
from fastcnn.layers.base import Layer, LayerOptions
from fastcnn.typing import ActivationName, Unpack


class Activation(Layer):
    """An activation by name.

    Args:
        activation: "relu", "leaky_relu", "elu", "sigmoid", "tanh", "scaled_tanh", "softplus", "softsign", "hard_sigmoid",
            "selu", "exponential", "relu6", "silu" (or "swish"), "hard_silu" (or "hard_swish"), "gelu", "softmax",
            "log_softmax" or "linear"; or {"name": …, its constant: …}, as {"name": "hard_sigmoid", "slope": 0.2}.

    Shape:
        any → the same

    Example:
        >>> fastcnn.layers.Activation("relu")(np.array([[-1.0, 2.0]])).tolist()
        [[0.0, 2.0]]
    """

    config = ("activation",)

    def __init__(self, activation: ActivationName, **base: Unpack[LayerOptions]) -> None:
        super().__init__(**base)
        self.activation: Any = activations.get(activation)

    def nodes(self) -> list[Node] | None:
        if self.activation[0] == "linear":
            return []
        return [Node(activations.op(self.activation, math.prod(self.input_size), self.input_size[-1]))]


class ReLU(Activation):
    """max(x, 0), as a layer; or negative_slope · x where x < 0, or at most 6.

    Args:
        max_value: None (no bound), or 6 with negative_slope 0.
        negative_slope: at least 0.
        threshold: 0, the only one there is.

    Example:
        >>> fastcnn.layers.ReLU()(np.array([[-1.0, 2.0]])).tolist()
        [[0.0, 2.0]]
        >>> fastcnn.layers.ReLU(max_value=6)(np.array([[-1.0, 7.0]])).tolist()
        [[0.0, 6.0]]
    """

    config = ("max_value", "negative_slope", "threshold")

    def __init__(self, max_value: float | None = None, negative_slope: float = 0.0, threshold: float = 0.0,
                 **base: Unpack[LayerOptions]) -> None:
        self.max_value = None if max_value is None else arguments.number("max_value", max_value)
        self.negative_slope = arguments.number("negative_slope", negative_slope, 0)
        self.threshold = arguments.number("threshold", threshold)
        if self.threshold != 0 or self.max_value is not None and (self.max_value, self.negative_slope) != (6, 0):
            raise ValueError("ReLU computes max_value=None with any negative_slope, or max_value=6 with negative_slope=0, "
                             "and threshold=0. Received: "
                             + arguments.given(max_value=max_value, negative_slope=negative_slope, threshold=threshold))
        if self.max_value is not None:
            activation = "relu6"
        elif self.negative_slope:
            activation = {"name": "leaky_relu", "negative_slope": self.negative_slope}
        else:
            activation = "relu"
        super().__init__(activation, **base)


class ReLU6(Activation):
    """min(max(x, 0), 6), as a layer.

    Example:
        >>> fastcnn.layers.ReLU6()(np.array([[-1.0, 2.0, 7.0]])).tolist()
        [[0.0, 2.0, 6.0]]
    """

    config = ()

    def __init__(self, **base: Unpack[LayerOptions]) -> None:
        super().__init__("relu6", **base)


class LeakyReLU(Activation):
    """x where x > 0, else negative_slope · x.

    Args:
        negative_slope: at least 0.

    Example:
        >>> fastcnn.layers.LeakyReLU(0.5)(np.array([[-1.0, 2.0]])).tolist()
        [[-0.5, 2.0]]
    """

    config = ("negative_slope",)

    def __init__(self, negative_slope: float = 0.3, **base: Unpack[LayerOptions]) -> None:
        self.negative_slope = arguments.number("negative_slope", negative_slope, 0)
        super().__init__({"name": "leaky_relu", "negative_slope": self.negative_slope}, **base)


class ELU(Activation):
    """x where x > 0, else alpha · (eˣ − 1).

    Args:
        alpha: at least 0.

    Example:
        >>> fastcnn.layers.ELU()(np.array([[0.0, 2.0]])).tolist()
        [[0.0, 2.0]]
    """

    config = ("alpha",)

    def __init__(self, alpha: float = 1.0, **base: Unpack[LayerOptions]) -> None:
        self.alpha = arguments.number("alpha", alpha, 0)
        super().__init__({"name": "elu", "alpha": self.alpha}, **base)


class Softmax(Activation):
    """eˣ / Σ eˣ over the last axis.

    Example:
        >>> fastcnn.layers.Softmax()(np.zeros((1, 2))).tolist()
        [[0.5, 0.5]]
    """

    config = ()

    def __init__(self, **base: Unpack[LayerOptions]) -> None:
        super().__init__("softmax", **base)
