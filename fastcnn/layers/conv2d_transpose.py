"""Transposed two-dimensional convolution."""

from fastcnn import _ops, arguments, constraints, initializers, regularizers, settings
from fastcnn.engine.nodes import activated
from fastcnn.layers.windowed import Windowed


class Conv2DTranspose(Windowed):
    """Transposed convolution, also called deconvolution: the way back from a convolution's output to the size of its input.

    Args:
        filters: number of output channels.
        kernel_size: integer or pair (height, width).
        strides: integer or pair: how far apart neighbouring pixels come to lie.
        padding: "valid": the whole result; "same": `strides` times the input; else what is cut off of the whole result, as
            integer, pair, or ((top, bottom), (left, right)).
        output_padding: integer or pair less than `strides`: rows and columns more at the end, of the least result that the
            convolution back makes the input's size of; None: of "valid" and "same", the sizes above.
        data_format: "channels_last" (None) or "channels_first".
        dilation_rate: integer or pair.
        groups: number of independent groups of channels and filters (as PyTorch has; Keras has one).
        activation: a name, or None.
        use_bias: add one number per filter.
        kernel_initializer, bias_initializer: initial values.
        kernel_regularizer, bias_regularizer: penalties, "l2" or a `fastcnn.regularizers.Regularizer`; None: none.
        exact: True: sums of products only, never Winograd's algorithm; None: as `fastcnn.set_config` says when the layer
            is built.
        kernel_constraint, bias_constraint: bounds kept after each step, "max_norm" or a `fastcnn.constraints.Constraint`;
            None: none.

    Shape:
        (N, H, W, C) → (N, OH, OW, filters), OH = (H − 1)·stride + max((KH − 1)·dilation + 1, stride) if "valid", H·stride if
        "same"; kernel (KH, KW, filters / groups, C)

    Source:
        Zeiler et al. 2010, "Deconvolutional networks"; Dumoulin, Visin 2016, "A guide to convolution arithmetic", chapter 4.

    Example:
        >>> fastcnn.layers.Conv2DTranspose(3, 4, strides=2, padding="same")(np.zeros((1, 8, 8, 16))).shape
        (1, 16, 16, 3)
    """

    config = ("filters", "kernel_size", "strides", "padding", "output_padding", "data_format", "dilation_rate", "activation",
              "use_bias", "kernel_initializer", "bias_initializer", "kernel_regularizer", "bias_regularizer", "groups",
              "exact", "kernel_constraint", "bias_constraint")

    def __init__(self, filters, kernel_size, strides=1, padding="valid", output_padding=None, data_format=None,
                 dilation_rate=1, activation=None, use_bias=True, kernel_initializer="glorot_uniform",
                 bias_initializer="zeros", kernel_regularizer=None, bias_regularizer=None, groups=1,
                 exact=None, kernel_constraint=None, bias_constraint=None, **base):
        super().__init__(kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias, bias_initializer,
                         bias_regularizer, bias_constraint, **base)
        self.filters = arguments.integer("filters", filters)
        self.groups = arguments.integer("groups", groups)
        if self.filters % self.groups:
            raise ValueError(f"groups must divide filters = {self.filters}. Received: {self.groups}")
        self.output_padding = arguments.output_edges(output_padding, self.strides)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.exact = None if exact is None else arguments.flag("exact", exact)

    def build(self, shape):
        if shape[2] % self.groups:
            raise ValueError(f"groups must divide the input's {shape[2]} channels. Received: {self.groups}")
        size, pads = arguments.transposed(self.padding, self.output_padding, shape[:2], self.kernel_size, self.strides,
                                          self.dilation_rate)
        self.op = _ops.conv2d_transpose(shape, (*size, self.filters), self.kernel_size, self.strides, self.dilation_rate,
                                        pads, self.groups, self.use_bias,
                                        settings.exact if self.exact is None else self.exact)
        self.output_size = self.op.out_shape
        self.kernel = self.add_weight("kernel", (*self.kernel_size, self.filters // self.groups, shape[2]),
                                      self.kernel_initializer, self.kernel_regularizer,
                                      constraint=self.kernel_constraint)
        self.bias = self.add_bias(self.filters)

    def nodes(self):
        return activated(self.activation, self.op, self.kernel, self.bias)

    def multiply_adds(self):
        h, w, _ = self.input_size
        return h * w * self.kernel.size

    def connections(self):
        h, w, filters = self.output_size
        return self.multiply_adds() + h * w * filters * self.use_bias
