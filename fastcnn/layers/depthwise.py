"""Convolutions channel by channel: alone, and with one across channels behind them."""

from __future__ import annotations

from typing import Any

from fastcnn import _ops, arguments, constraints, initializers, regularizers
from fastcnn.engine.nodes import Node, activated
from fastcnn.layers.base import LayerOptions
from fastcnn.layers.windowed import Windowed
from fastcnn.typing import ActivationName, Identifier, Padding, Pair, Unpack


class DepthwiseConv2D(Windowed):
    """Convolution channel by channel: each has filters of its own.

    Args:
        kernel_size: integer or pair (height, width).
        strides: integer or pair.
        padding: "valid", "same" (TensorFlow's rule), integer, pair, or ((top, bottom), (left, right)).
        depth_multiplier: filters per channel.
        data_format: "channels_last" (None) or "channels_first".
        dilation_rate: integer or pair.
        activation: a name, or None.
        use_bias: add one number per filter.
        depthwise_initializer, bias_initializer: initial values.
        depthwise_regularizer, bias_regularizer: penalties, "l2" or a `fastcnn.regularizers.Regularizer`; None: none.
        depthwise_constraint, bias_constraint: bounds kept after each step, "max_norm" or a `fastcnn.constraints.Constraint`;
            None: none.

    Shape:
        (N, H, W, C) → (N, OH, OW, C · depth_multiplier), channel by channel; kernel (KH, KW, C, depth_multiplier)

    Source:
        Sifre 2014, "Rigid-motion scattering for image classification", section 6.2.

    Example:
        >>> fastcnn.layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2)(np.zeros((1, 8, 8, 16))).shape
        (1, 8, 8, 32)
    """

    config = ("kernel_size", "strides", "padding", "depth_multiplier", "data_format", "dilation_rate", "activation",
              "use_bias", "depthwise_initializer", "bias_initializer", "depthwise_regularizer", "bias_regularizer",
              "depthwise_constraint", "bias_constraint")

    def __init__(self, kernel_size: Pair, strides: Pair = 1, padding: Padding = "valid", depth_multiplier: int = 1,
                 data_format: str | None = None, dilation_rate: Pair = 1, activation: ActivationName = None,
                 use_bias: bool = True, depthwise_initializer: Identifier = "glorot_uniform",
                 bias_initializer: Identifier = "zeros", depthwise_regularizer: Identifier | None = None,
                 bias_regularizer: Identifier | None = None, depthwise_constraint: Identifier | None = None,
                 bias_constraint: Identifier | None = None, **base: Unpack[LayerOptions]) -> None:
        super().__init__(kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias, bias_initializer,
                         bias_regularizer, bias_constraint, **base)
        self.depth_multiplier = arguments.integer("depth_multiplier", depth_multiplier)
        self.depthwise_initializer: Any = initializers.get(depthwise_initializer)
        self.depthwise_regularizer: Any = regularizers.get(depthwise_regularizer)
        self.depthwise_constraint: Any = constraints.get(depthwise_constraint)

    def build(self, shape: Any) -> None:
        pads = arguments.pads(self.padding, shape[:2], self.kernel_size, self.strides, self.dilation_rate)
        self.op = _ops.conv2d(shape, shape[2] * self.depth_multiplier, self.kernel_size, self.strides, self.dilation_rate,
                              pads, shape[2], self.use_bias)
        self.output_size = self.op.out_shape
        self.kernel = self.add_weight("kernel", (*self.kernel_size, shape[2], self.depth_multiplier),
                                      self.depthwise_initializer, self.depthwise_regularizer,
                                      constraint=self.depthwise_constraint)
        self.bias: Any = self.add_bias(self.output_size[2])

    def nodes(self) -> list[Node] | None:
        return activated(self.activation, self.op, self.kernel, self.bias)

    def multiply_adds(self) -> int:
        h, w, _ = self.output_size
        return h * w * self.kernel.size


class SeparableConv2D(Windowed):
    """Convolution channel by channel, then one of 1 × 1 pixels across channels.

    Args:
        filters: number of output channels.
        kernel_size: of the first, integer or pair (height, width).
        strides: integer or pair.
        padding: "valid", "same" (TensorFlow's rule), integer, pair, or ((top, bottom), (left, right)).
        data_format: "channels_last" (None) or "channels_first".
        dilation_rate: integer or pair.
        depth_multiplier: filters per channel of the first.
        activation: a name, or None; behind the second, as is the bias.
        use_bias: add one number per filter.
        depthwise_initializer, pointwise_initializer, bias_initializer: initial values.
        depthwise_regularizer, pointwise_regularizer, bias_regularizer: penalties, "l2" or a
            `fastcnn.regularizers.Regularizer`; None: none.
        depthwise_constraint, pointwise_constraint, bias_constraint: bounds kept after each step, "max_norm" or a
            `fastcnn.constraints.Constraint`; None: none.

    Shape:
        (N, H, W, C) → (N, OH, OW, filters); kernels (KH, KW, C, depth_multiplier) and (1, 1, C · depth_multiplier, filters)

    Source:
        Chollet 2017, "Xception: deep learning with depthwise separable convolutions".

    Example:
        >>> layer = fastcnn.layers.SeparableConv2D(64, 3, padding="same", activation="relu")
        >>> layer(np.zeros((1, 8, 8, 32))).shape, layer.count_params()
        ((1, 8, 8, 64), 2400)
    """

    config = ("filters", "kernel_size", "strides", "padding", "data_format", "dilation_rate", "depth_multiplier",
              "activation", "use_bias", "depthwise_initializer", "pointwise_initializer", "bias_initializer",
              "depthwise_regularizer", "pointwise_regularizer", "bias_regularizer", "depthwise_constraint",
              "pointwise_constraint", "bias_constraint")

    def __init__(self, filters: int, kernel_size: Pair, strides: Pair = 1, padding: Padding = "valid",
                 data_format: str | None = None, dilation_rate: Pair = 1, depth_multiplier: int = 1,
                 activation: ActivationName = None, use_bias: bool = True,
                 depthwise_initializer: Identifier = "glorot_uniform", pointwise_initializer: Identifier = "glorot_uniform",
                 bias_initializer: Identifier = "zeros", depthwise_regularizer: Identifier | None = None,
                 pointwise_regularizer: Identifier | None = None, bias_regularizer: Identifier | None = None,
                 depthwise_constraint: Identifier | None = None, pointwise_constraint: Identifier | None = None,
                 bias_constraint: Identifier | None = None, **base: Unpack[LayerOptions]) -> None:
        super().__init__(kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias, bias_initializer,
                         bias_regularizer, bias_constraint, **base)
        self.filters = arguments.integer("filters", filters)
        self.depth_multiplier = arguments.integer("depth_multiplier", depth_multiplier)
        self.depthwise_initializer: Any = initializers.get(depthwise_initializer)
        self.pointwise_initializer: Any = initializers.get(pointwise_initializer)
        self.depthwise_regularizer: Any = regularizers.get(depthwise_regularizer)
        self.pointwise_regularizer: Any = regularizers.get(pointwise_regularizer)
        self.depthwise_constraint: Any = constraints.get(depthwise_constraint)
        self.pointwise_constraint: Any = constraints.get(pointwise_constraint)

    def build(self, shape: Any) -> None:
        c, between = shape[2], shape[2] * self.depth_multiplier
        pads = arguments.pads(self.padding, shape[:2], self.kernel_size, self.strides, self.dilation_rate)
        self.depthwise = _ops.conv2d(shape, between, self.kernel_size, self.strides, self.dilation_rate, pads, c, False)
        self.pointwise = _ops.conv2d(self.depthwise.out_shape, self.filters, (1, 1), (1, 1), (1, 1), ((0, 0), (0, 0)), 1,
                                     self.use_bias)
        self.output_size = self.pointwise.out_shape
        self.depthwise_kernel = self.add_weight("depthwise_kernel", (*self.kernel_size, c, self.depth_multiplier),
                                                self.depthwise_initializer, self.depthwise_regularizer,
                                                constraint=self.depthwise_constraint)
        self.pointwise_kernel = self.add_weight("pointwise_kernel", (1, 1, between, self.filters),
                                                self.pointwise_initializer, self.pointwise_regularizer,
                                                constraint=self.pointwise_constraint)
        self.bias: Any = self.add_bias(self.filters)

    def nodes(self) -> list[Node] | None:
        return [Node(self.depthwise, self.depthwise_kernel),
                *activated(self.activation, self.pointwise, self.pointwise_kernel, self.bias)]

    def multiply_adds(self) -> int:
        h, w, _ = self.output_size
        return h * w * (self.depthwise_kernel.size + self.pointwise_kernel.size)
