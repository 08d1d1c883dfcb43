"""What convolutions have in common."""

from fastcnn import activations, arguments, constraints, initializers, regularizers
from fastcnn.layers.base import Layer


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

    def __init__(self, kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias, bias_initializer,
                 bias_regularizer, bias_constraint, **base):
        super().__init__(**base)
        self.kernel_size = arguments.pair("kernel_size", kernel_size)
        self.strides = arguments.pair("strides", strides)
        self.padding = arguments.padding_form(padding)
        self.data_format = arguments.layout(data_format)
        self.dilation_rate = arguments.pair("dilation_rate", dilation_rate)
        self.activation = activations.get(activation)
        self.use_bias = arguments.flag("use_bias", use_bias)
        self.bias_initializer = initializers.get(bias_initializer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.bias_constraint = constraints.get(bias_constraint)

    def add_bias(self, count):
        """The bias, or None."""
        if not self.use_bias:
            return None
        return self.add_weight("bias", (count,), self.bias_initializer, self.bias_regularizer,
                               constraint=self.bias_constraint)

    def connections(self):
        h, w, _ = self.output_size
        return h * w * self.count_params()
