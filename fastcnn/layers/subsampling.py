"""LeNet-5's subsampling: sums of windows times a trainable coefficient, plus a trainable bias, then squashed."""

from __future__ import annotations

from typing import Any

from fastcnn import _ops, activations, arguments, initializers
from fastcnn.engine.nodes import Node, activated
from fastcnn.layers.base import Layer, LayerOptions
from fastcnn.typing import ActivationName, Identifier, Padding, Pair, Unpack


class Subsampling2D(Layer):
    """The sum of each window, times a coefficient, plus a bias, both the channel's own and trained; then an activation.

    Args:
        pool_size: integer or pair (height, width).
        strides: the same; None: the pool size.
        padding: "valid", "same", integer, pair, or ((top, bottom), (left, right)); adds nothing to sums.
        data_format: "channels_last" (None) or "channels_first".
        activation: a name, or None; LeNet-5 has "scaled_tanh".
        use_bias: add one number per channel.
        coefficient_initializer: initial values; None: 1 divided by the window's size, so that it begins as average pooling.
        bias_initializer: initial values.

    Shape:
        (N, H, W, C) → (N, OH, OW, C); coefficient and bias (C,)

    Example:
        >>> fastcnn.layers.Subsampling2D(activation="scaled_tanh")(np.zeros((1, 28, 28, 6))).shape
        (1, 14, 14, 6)

    Source: LeCun, Bottou, Bengio, Haffner 1998, "Gradient-based learning applied to document recognition", II.B.
    """

    spatial = True
    config = ("pool_size", "strides", "padding", "data_format", "activation", "use_bias", "coefficient_initializer",
              "bias_initializer")

    def __init__(self, pool_size: Pair = 2, strides: Pair | None = None, padding: Padding = "valid",
                 data_format: str | None = None, activation: ActivationName = None, use_bias: bool = True,
                 coefficient_initializer: Identifier | None = None, bias_initializer: Identifier = "zeros",
                 **base: Unpack[LayerOptions]) -> None:
        super().__init__(**base)
        self.pool_size = arguments.pair("pool_size", pool_size)
        self.strides = self.pool_size if strides is None else arguments.pair("strides", strides)
        self.padding = arguments.padding_form(padding)
        self.data_format = arguments.layout(data_format)
        self.activation: Any = activations.get(activation)
        self.use_bias = arguments.flag("use_bias", use_bias)
        self.coefficient_initializer = coefficient_initializer
        if coefficient_initializer is not None:
            self.coefficient_initializer = initializers.get(coefficient_initializer)
        self.bias_initializer: Any = initializers.get(bias_initializer)

    def build(self, shape: Any) -> None:
        pads = arguments.pool_pads(self.padding, shape[:2], self.pool_size, self.strides)
        self.pool = _ops.pool2d("sum", shape, self.pool_size, self.strides, pads)
        self.op = _ops.scale(self.pool.out_shape, self.use_bias)
        self.output_size = self.op.out_shape
        start = self.coefficient_initializer or initializers.Constant(1 / (self.pool_size[0] * self.pool_size[1]))
        self.coefficient = self.add_weight("coefficient", shape[2:], start)
        self.bias: Any = self.add_weight("bias", shape[2:], self.bias_initializer) if self.use_bias else None

    def nodes(self) -> list[Node] | None:
        return [Node(self.pool), *activated(self.activation, self.op, self.coefficient, self.bias)]

    def multiply_adds(self) -> int:
        return self.op.out_size

    def connections(self) -> int:
        return self.op.out_size * (self.pool_size[0] * self.pool_size[1] + self.use_bias)
