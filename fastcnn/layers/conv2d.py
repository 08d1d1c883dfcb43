"""Two-dimensional convolution."""

from fastcnn import _ops, activations, arguments, initializers, regularizers, settings
from fastcnn.layers.base import Layer, Node


class Conv2D(Layer):
    """Two-dimensional convolution layer.

    Args:
        filters: number of output channels.
        kernel_size: integer or pair (height, width).
        strides: integer or pair.
        padding: "valid", "same" (TensorFlow's rule), integer, pair, or ((top, bottom), (left, right)).
        data_format: "channels_last" (None) or "channels_first".
        dilation_rate: integer or pair.
        groups: number of independent groups of channels and filters.
        activation: a name, or None.
        use_bias: add one number per filter.
        kernel_initializer, bias_initializer: initial values.
        kernel_regularizer, bias_regularizer: penalties, "l2" or a `fastcnn.regularizers.Regularizer`; None: none.
        exact: True: sums of products only, never Winograd's algorithm; None: as `fastcnn.set_config` says when the layer
            is built.

    Shape:
        (N, H, W, C) → (N, OH, OW, filters); kernel (KH, KW, C / groups, filters)

    Example:
        >>> fastcnn.layers.Conv2D(6, 5, padding="same", activation="tanh")(np.zeros((1, 28, 28, 1))).shape
        (1, 28, 28, 6)
    """

    spatial = True
    config = ("filters", "kernel_size", "strides", "padding", "data_format", "dilation_rate", "groups", "activation",
              "use_bias", "kernel_initializer", "bias_initializer", "kernel_regularizer", "bias_regularizer", "exact")

    def __init__(self, filters, kernel_size, strides=1, padding="valid", data_format=None, dilation_rate=1, groups=1,
                 activation=None, use_bias=True, kernel_initializer="glorot_uniform", bias_initializer="zeros",
                 kernel_regularizer=None, bias_regularizer=None, exact=None, **base):
        super().__init__(**base)
        self.filters = arguments.integer("filters", filters)
        self.kernel_size = arguments.pair("kernel_size", kernel_size)
        self.strides = arguments.pair("strides", strides)
        self.padding = arguments.padding_form(padding)
        self.data_format = "channels_last" if data_format is None else data_format
        arguments.data_format(self.data_format)
        self.dilation_rate = arguments.pair("dilation_rate", dilation_rate)
        self.groups = arguments.integer("groups", groups)
        self.activation = activations.get(activation)
        self.use_bias = arguments.flag("use_bias", use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.exact = None if exact is None else arguments.flag("exact", exact)
        if self.filters % self.groups:
            raise ValueError(f"groups must divide filters = {self.filters}. Received: {self.groups}")

    def build(self, shape):
        if shape[2] % self.groups:
            raise ValueError(f"groups must divide the input's {shape[2]} channels. Received: {self.groups}")
        pads = arguments.pads(self.padding, shape[:2], self.kernel_size, self.strides, self.dilation_rate)
        self.op = _ops.conv2d(shape, self.filters, self.kernel_size, self.strides, self.dilation_rate, pads, self.groups,
                              self.use_bias, settings.exact if self.exact is None else self.exact)
        self.output_size = self.op.out_shape
        self.kernel = self.add_weight("kernel", (*self.kernel_size, shape[2] // self.groups, self.filters),
                                      self.kernel_initializer, self.kernel_regularizer)
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight("bias", (self.filters,), self.bias_initializer, self.bias_regularizer)

    def nodes(self):
        if activations.fusable(self.activation):
            return [Node(self.op.with_activation(*self.activation), self.kernel, self.bias)]
        return [Node(self.op, self.kernel, self.bias),
                Node(activations.op(self.activation, self.op.out_size, self.filters))]

    def multiply_adds(self):
        h, w, _ = self.output_size
        return h * w * self.kernel.size

    def connections(self):
        h, w, _ = self.output_size
        return h * w * self.count_params()
