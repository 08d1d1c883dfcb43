"""Fully connected layer, and what leads to it."""

from __future__ import annotations

import math
from typing import Any

from fastcnn import _ops, activations, arguments, constraints, initializers, regularizers
from fastcnn.engine.nodes import Node, activated
from fastcnn.layers.base import Layer, LayerOptions
from fastcnn.typing import ActivationName, Identifier, Unpack


class Dense(Layer):
    """Fully connected layer: activation(x · kernel + bias), over the last axis of each sample.

    Of images it therefore takes each pixel alone, all of them by the same kernel, as a convolution of 1 × 1 does;
    `Flatten()` before it connects everything with everything. The channels are the last axis, whatever the data format.

    Args:
        units: number of outputs.
        activation: a name, or None.
        use_bias: add one number per unit.
        kernel_initializer, bias_initializer: initial values.
        kernel_regularizer, bias_regularizer: penalties, "l2" or a `fastcnn.regularizers.Regularizer`; None: none.
        kernel_constraint, bias_constraint: bounds kept after each step, "max_norm" or a `fastcnn.constraints.Constraint`;
            None: none.

    Shape:
        (N, …, I) → (N, …, units); kernel (I, units)

    Example:
        >>> fastcnn.layers.Dense(10, activation="softmax")(np.zeros((1, 84))).shape
        (1, 10)
        >>> layer = fastcnn.layers.Dense(8)
        >>> layer(np.zeros((1, 5, 5, 3))).shape, layer.count_params()
        ((1, 5, 5, 8), 32)
    """

    config = ("units", "activation", "use_bias", "kernel_initializer", "bias_initializer", "kernel_regularizer",
              "bias_regularizer", "kernel_constraint", "bias_constraint")

    def __init__(self, units: int, activation: ActivationName = None, use_bias: bool = True,
                 kernel_initializer: Identifier = "glorot_uniform", bias_initializer: Identifier = "zeros",
                 kernel_regularizer: Identifier | None = None, bias_regularizer: Identifier | None = None,
                 kernel_constraint: Identifier | None = None, bias_constraint: Identifier | None = None,
                 **base: Unpack[LayerOptions]) -> None:
        super().__init__(**base)
        self.units = arguments.integer("units", units)
        self.activation: Any = activations.get(activation)
        self.use_bias = arguments.flag("use_bias", use_bias)
        self.kernel_initializer: Any = initializers.get(kernel_initializer)
        self.bias_initializer: Any = initializers.get(bias_initializer)
        self.kernel_regularizer: Any = regularizers.get(kernel_regularizer)
        self.bias_regularizer: Any = regularizers.get(bias_regularizer)
        self.kernel_constraint: Any = constraints.get(kernel_constraint)
        self.bias_constraint: Any = constraints.get(bias_constraint)

    def build(self, shape: Any) -> None:
        if not shape:
            raise ValueError(f"Dense works on the last axis of samples, which must have one. Received: {shape}")
        self.rows, inputs = math.prod(shape[:-1]), shape[-1]
        if self.rows == 1:
            self.op = _ops.dense(inputs, self.units, self.use_bias)
        else:
            image = shape if len(shape) == 3 else (1, self.rows, inputs)
            self.op = _ops.conv2d(image, self.units, (1, 1), (1, 1), (1, 1), ((0, 0), (0, 0)), 1, self.use_bias)
        self.output_size = (*shape[:-1], self.units)
        self.kernel = self.add_weight("kernel", (inputs, self.units), self.kernel_initializer, self.kernel_regularizer,
                                      constraint=self.kernel_constraint)
        self.bias: Any = None
        if self.use_bias:
            self.bias = self.add_weight("bias", (self.units,), self.bias_initializer, self.bias_regularizer,
                                        constraint=self.bias_constraint)

    def nodes(self) -> list[Node] | None:
        return activated(self.activation, self.op, self.kernel, self.bias)

    def multiply_adds(self) -> int:
        return self.rows * self.kernel.size

    def connections(self) -> int:
        return self.rows * self.count_params()


class Flatten(Layer):
    """Turns each sample into one row of numbers: rows, columns, channels, whatever the data format.

    Shape:
        (N, …) → (N, the product)

    Example:
        >>> fastcnn.layers.Flatten()(np.zeros((1, 5, 5, 16))).shape
        (1, 400)
    """

    def build(self, shape: Any) -> None:
        self.output_size = (math.prod(shape),)

    def nodes(self) -> list[Node] | None:
        return []
