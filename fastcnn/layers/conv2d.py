"""Two-dimensional convolution."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastcnn import _ops, arguments, constraints, initializers, regularizers, settings
from fastcnn.engine.nodes import Node, activated
from fastcnn.layers.base import LayerOptions
from fastcnn.layers.windowed import Windowed
from fastcnn.typing import ActivationName, ArrayLike, Identifier, Padding, Pair, Unpack


class _Connected(initializers.Initializer):
    """Initial values of a kernel with a table: each filter's are those of a kernel of so many inputs as it sees.

    Args:
        initializer: that scales its values by the fan-in of a kernel (height, width, inputs, filters).
        table: the inputs of each filter.
    """

    def __init__(self, initializer, table):
        self.initializer, self.table = initializer, table

    def __call__(self, shape, rng=None):
        window, counts = shape[:2], sorted({len(row) for row in self.table})
        drawn = {n: self.initializer((*window, n, len(self.table)), rng) for n in counts}
        return np.concatenate([drawn[len(row)][..., i] for i, row in enumerate(self.table)], axis=2)


def _scales_by_fans(initializer):
    own = isinstance(initializer, initializers.FanInUniform) and initializer.fan_in is None
    return own or isinstance(initializer, initializers.VarianceScaling)


class Conv2D(Windowed):
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
        connection_table: for each filter the list of input channels it sees, or a boolean matrix (C, filters); None: all.
            Weights and cost are those of the connections alone; where a batch is smaller than a vector, computing takes as
            long as with all. Initial values that depend on the fan-in have the inputs that each filter sees for it.
        kernel_constraint, bias_constraint: bounds kept after each step, "max_norm" or a `fastcnn.constraints.Constraint`;
            None: none.

    Shape:
        (N, H, W, C) → (N, OH, OW, filters); kernel (KH, KW, C / groups, filters), with a table (KH, KW, connections), by
        filter and then by channel

    Example:
        >>> fastcnn.layers.Conv2D(6, 5, padding="same", activation="tanh")(np.zeros((1, 28, 28, 1))).shape
        (1, 28, 28, 6)
    """

    config = ("filters", "kernel_size", "strides", "padding", "data_format", "dilation_rate", "groups", "activation",
              "use_bias", "kernel_initializer", "bias_initializer", "kernel_regularizer", "bias_regularizer", "exact",
              "connection_table", "kernel_constraint", "bias_constraint")

    def __init__(self, filters: int, kernel_size: Pair, strides: Pair = 1, padding: Padding = "valid",
                 data_format: str | None = None, dilation_rate: Pair = 1, groups: int = 1, activation: ActivationName = None,
                 use_bias: bool = True, kernel_initializer: Identifier = "glorot_uniform",
                 bias_initializer: Identifier = "zeros", kernel_regularizer: Identifier | None = None,
                 bias_regularizer: Identifier | None = None, exact: bool | None = None,
                 connection_table: ArrayLike | None = None, kernel_constraint: Identifier | None = None,
                 bias_constraint: Identifier | None = None, **base: Unpack[LayerOptions]) -> None:
        super().__init__(kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias, bias_initializer,
                         bias_regularizer, bias_constraint, **base)
        self.filters = arguments.integer("filters", filters)
        self.groups = arguments.integer("groups", groups)
        self.kernel_initializer: Any = initializers.get(kernel_initializer)
        self.kernel_regularizer: Any = regularizers.get(kernel_regularizer)
        self.kernel_constraint: Any = constraints.get(kernel_constraint)
        self.exact = None if exact is None else arguments.flag("exact", exact)
        if self.filters % self.groups:
            raise ValueError(f"groups must divide filters = {self.filters}. Received: {self.groups}")
        self.connection_table = self.table = None
        if connection_table is not None:
            self.connection_table = arguments.connection_table(connection_table, self.filters)
            if self.groups > 1:
                raise ValueError(f"groups must be 1 beside a connection_table. Received: {self.groups}")

    def build(self, shape: Any) -> None:
        if shape[2] % self.groups:
            raise ValueError(f"groups must divide the input's {shape[2]} channels. Received: {self.groups}")
        pads = arguments.pads(self.padding, shape[:2], self.kernel_size, self.strides, self.dilation_rate)
        kernel, start = (shape[2] // self.groups, self.filters), self.kernel_initializer
        if self.connection_table is not None:
            self.table = arguments.connections(self.connection_table, shape[2])
            kernel = (len(self.table),)
            start = _Connected(start, self.connection_table) if _scales_by_fans(start) else start
        self.op = _ops.conv2d(shape, self.filters, self.kernel_size, self.strides, self.dilation_rate, pads, self.groups,
                              self.use_bias, settings.exact if self.exact is None else self.exact,
                              0 if self.table is None else len(self.table))
        self.output_size = self.op.out_shape
        self.pads = pads
        self.kernel = self.add_weight("kernel", (*self.kernel_size, *kernel), start, self.kernel_regularizer,
                                      constraint=self.kernel_constraint)
        self.bias: Any = self.add_bias(self.filters)

    def nodes(self) -> list[Node] | None:
        op = self.op
        whole = self.kernel_size == self.input_size[:2] and self.pads == ((0, 0), (0, 0))
        if whole and self.groups == 1 and self.table is None:  # then it is a dense layer, and its kernel lies as that one's
            op = _ops.dense(op.in_size, self.filters, self.use_bias)
        return activated(self.activation, op, self.kernel, self.bias, self.table)

    def multiply_adds(self) -> int:
        h, w, _ = self.output_size
        return h * w * self.kernel.size
