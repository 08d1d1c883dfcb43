"""What convolutions have in common."""

from __future__ import annotations

from typing import Any

from fastcnn import activations, arguments, constraints, initializers, regularizers
from fastcnn.engine.parameters import Parameter
from fastcnn.layers.base import Layer, LayerOptions
from fastcnn.typing import ActivationName, Identifier, Padding, Pair, Unpack


class Windowed(Layer):
    """A layer of filters that slide over images: its arguments, and the activation behind it.

    Args:
        kernel_size, strides, dilation_rate: integer or pair.
        padding: "valid", "same", integer, pair, or ((top, bottom), (left, right)).
        data_format: "channels_last" (None) or "channels_first".
        activation: a name, or None.
        use_bias: add one number per filter.
        bias_initializer: initial values.
        bias_regularizer: a penalty, or None.
        bias_constraint: a bound, or None.
    """

    spatial = True

    def __init__(self, kernel_size: Pair, strides: Pair, padding: Padding, data_format: str | None, dilation_rate: Pair,
                 activation: ActivationName, use_bias: bool, bias_initializer: Identifier,
                 bias_regularizer: Identifier | None, bias_constraint: Identifier | None,
                 **base: Unpack[LayerOptions]) -> None:
        super().__init__(**base)
        self.kernel_size = arguments.pair("kernel_size", kernel_size)
        self.strides = arguments.pair("strides", strides)
        self.padding = arguments.padding_form(padding)
        self.data_format = arguments.layout(data_format)
        self.dilation_rate = arguments.pair("dilation_rate", dilation_rate)
        self.activation: Any = activations.get(activation)
        self.use_bias = arguments.flag("use_bias", use_bias)
        self.bias_initializer: Any = initializers.get(bias_initializer)
        self.bias_regularizer: Any = regularizers.get(bias_regularizer)
        self.bias_constraint: Any = constraints.get(bias_constraint)

    def add_bias(self, count: int) -> Parameter | None:
        """The bias, or None."""
        if not self.use_bias:
            return None
        return self.add_weight("bias", (count,), self.bias_initializer, self.bias_regularizer,
                               constraint=self.bias_constraint)

    def connections(self) -> int:
        h, w, _ = self.output_size
        return h * w * self.count_params()
