"""Activations as layers."""

import math

from fastcnn import activations, arguments
from fastcnn.engine.nodes import Node
from fastcnn.layers.base import Layer


class Activation(Layer):
    """An activation by name.

    Args:
        activation: "relu", "leaky_relu", "elu", "sigmoid", "tanh", "scaled_tanh", "softplus", "softsign", "hard_sigmoid",
            "selu", "exponential", "relu6", "silu" (or "swish"), "gelu", "softmax", "log_softmax" or "linear"; or
            {"name": …, its constant: …}, as {"name": "hard_sigmoid", "slope": 0.2}.

    Shape:
        any → the same

    Example:
        >>> fastcnn.layers.Activation("relu")(np.array([[-1.0, 2.0]])).tolist()
        [[0.0, 2.0]]
    """

    config = ("activation",)

    def __init__(self, activation, **base):
        super().__init__(**base)
        self.activation = activations.get(activation)

    def nodes(self):
        if self.activation[0] == "linear":
            return []
        return [Node(activations.op(self.activation, math.prod(self.input_size), self.input_size[-1]))]


class ReLU(Activation):
    """max(x, 0), as a layer.

    Example:
        >>> fastcnn.layers.ReLU()(np.array([[-1.0, 2.0]])).tolist()
        [[0.0, 2.0]]
    """

    config = ()

    def __init__(self, **base):
        super().__init__("relu", **base)


class LeakyReLU(Activation):
    """x where x > 0, else negative_slope · x.

    Args:
        negative_slope: at least 0.

    Example:
        >>> fastcnn.layers.LeakyReLU(0.5)(np.array([[-1.0, 2.0]])).tolist()
        [[-0.5, 2.0]]
    """

    config = ("negative_slope",)

    def __init__(self, negative_slope=0.3, **base):
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

    def __init__(self, alpha=1.0, **base):
        self.alpha = arguments.number("alpha", alpha, 0)
        super().__init__({"name": "elu", "alpha": self.alpha}, **base)


class Softmax(Activation):
    """eˣ / Σ eˣ over the last axis.

    Example:
        >>> fastcnn.layers.Softmax()(np.zeros((1, 2))).tolist()
        [[0.5, 0.5]]
    """

    config = ()

    def __init__(self, **base):
        super().__init__("softmax", **base)
