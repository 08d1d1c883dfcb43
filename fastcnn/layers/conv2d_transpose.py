"""Transposed two-dimensional convolution."""

from __future__ import annotations

from typing import Any

from fastcnn import _ops, arguments, constraints, initializers, regularizers, settings
from fastcnn.engine.nodes import Node, activated
from fastcnn.layers.base import LayerOptions
from fastcnn.layers.windowed import Windowed
from fastcnn.typing import ActivationName, Identifier, Padding, Pair, Unpack


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

    def __init__(self, filters: int, kernel_size: Pair, strides: Pair = 1, padding: Padding = "valid",
                 output_padding: Pair | None = None, data_format: str | None = None, dilation_rate: Pair = 1,
                 activation: ActivationName = None, use_bias: bool = True, kernel_initializer: Identifier = "glorot_uniform",
                 bias_initializer: Identifier = "zeros", kernel_regularizer: Identifier | None = None,
                 bias_regularizer: Identifier | None = None, groups: int = 1, exact: bool | None = None,
                 kernel_constraint: Identifier | None = None, bias_constraint: Identifier | None = None,
                 **base: Unpack[LayerOptions]) -> None:
        super().__init__(kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias, bias_initializer,
                         bias_regularizer, bias_constraint, **base)
        self.filters = arguments.integer("filters", filters)
        self.groups = arguments.integer("groups", groups)
        if self.filters % self.groups:
            raise ValueError(f"groups must divide filters = {self.filters}. Received: {self.groups}")
        self.output_padding = arguments.output_edges(output_padding, self.strides)
        self.kernel_initializer: Any = initializers.get(kernel_initializer)
        self.kernel_regularizer: Any = regularizers.get(kernel_regularizer)
        self.kernel_constraint: Any = constraints.get(kernel_constraint)
        self.exact = None if exact is None else arguments.flag("exact", exact)

    def build(self, shape: Any) -> None:
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
        self.bias: Any = self.add_bias(self.filters)

    def nodes(self) -> list[Node] | None:
        return activated(self.activation, self.op, self.kernel, self.bias)

    def multiply_adds(self) -> int:
        h, w, _ = self.input_size
        return h * w * self.kernel.size

    def connections(self) -> int:
        h, w, filters = self.output_size
        return self.multiply_adds() + h * w * filters * self.use_bias
