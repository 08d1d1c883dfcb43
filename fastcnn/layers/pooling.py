"""Pooling: the maximum, a mean or a norm of windows, or of whole images."""

from __future__ import annotations

import math
from typing import Any

from fastcnn import _ops, arguments
from fastcnn.engine.nodes import Node
from fastcnn.layers.base import Layer, LayerOptions
from fastcnn.typing import Config, Padding, Pair, Unpack


class _Pooling2D(Layer):
    spatial = True
    kind = None
    config = ("pool_size", "strides", "padding", "data_format", "ceil_mode", "dilation_rate")

    def __init__(self, pool_size: Pair = 2, strides: Pair | None = None, padding: Padding = "valid",
                 data_format: str | None = None, ceil_mode: bool = False, dilation_rate: Pair = 1,
                 **base: Unpack[LayerOptions]) -> None:
        super().__init__(**base)
        self.pool_size = arguments.pair("pool_size", pool_size)
        self.strides = self.pool_size if strides is None else arguments.pair("strides", strides)
        self.padding = arguments.padding_form(padding)
        self.data_format = arguments.layout(data_format)
        self.ceil_mode = arguments.flag("ceil_mode", ceil_mode)
        self.dilation_rate = arguments.pair("dilation_rate", dilation_rate)

    def build(self, shape: Any) -> None:
        pads = arguments.pool_pads(self.padding, shape[:2], self.pool_size, self.strides, self.dilation_rate)
        self.op = _ops.pool2d(self.kind, shape, self.pool_size, self.strides, pads,
                              self.ceil_mode and self.padding != "same", getattr(self, "count_include_pad", False),
                              getattr(self, "p", 1.0), self.dilation_rate)
        self.output_size = self.op.out_shape

    def nodes(self) -> list[Node] | None:
        return [Node(self.op)]

    def connections(self) -> int:
        return self.op.out_size * self.pool_size[0] * self.pool_size[1]


class MaxPooling2D(_Pooling2D):
    """The maximum of each window.

    Args:
        pool_size: integer or pair (height, width).
        strides: the same; None: the pool size (smaller strides overlap, as in AlexNet).
        padding: "valid", "same", integer, pair, or ((top, bottom), (left, right)).
        data_format: "channels_last" (None) or "channels_first".
        ceil_mode: round the output's size up.
        dilation_rate: integer or pair: how far apart the pixels of a window are.

    Shape:
        (N, H, W, C) → (N, OH, OW, C)

    Example:
        >>> fastcnn.layers.MaxPooling2D(3, strides=2)(np.zeros((1, 55, 55, 96))).shape
        (1, 27, 27, 96)
    """

    kind = "max"


class AveragePooling2D(_Pooling2D):
    """The mean of each window.

    Args:
        pool_size, strides, padding, data_format, ceil_mode, dilation_rate: as `MaxPooling2D`.
        count_include_pad: divide by the whole window, padding included.

    Shape:
        (N, H, W, C) → (N, OH, OW, C)

    Example:
        >>> fastcnn.layers.AveragePooling2D()(np.zeros((1, 28, 28, 6))).shape
        (1, 14, 14, 6)
    """

    kind = "avg"
    config = (*_Pooling2D.config, "count_include_pad")

    def __init__(self, pool_size: Pair = 2, strides: Pair | None = None, padding: Padding = "valid",
                 data_format: str | None = None, ceil_mode: bool = False, dilation_rate: Pair = 1,
                 count_include_pad: bool = False, **base: Unpack[LayerOptions]) -> None:
        super().__init__(pool_size, strides, padding, data_format, ceil_mode, dilation_rate, **base)
        self.count_include_pad = arguments.flag("count_include_pad", count_include_pad)


class SoftPooling2D(_Pooling2D):
    """The mean of each window weighted by its softmax: y = Σ xᵢ·e^xᵢ / Σ e^xⱼ. Large values count most, all get a gradient.

    Args:
        pool_size, strides, padding, data_format, ceil_mode, dilation_rate: as `MaxPooling2D`.

    Shape:
        (N, H, W, C) → (N, OH, OW, C)

    Source:
        Stergiou, Poppe, Kalliatakis 2021, "Refining activation downsampling with SoftPool".

    Example:
        >>> fastcnn.layers.SoftPooling2D()(np.zeros((1, 28, 28, 6))).shape
        (1, 14, 14, 6)
    """

    kind = "soft"


class LpPooling2D(_Pooling2D):
    """The p-norm of each window: y = (Σ |xᵢ|^p)^(1/p).

    Args:
        p: from 1 (the sum of magnitudes) over 2 (Euclid's norm) to 10⁶ (nearly the largest magnitude).
        pool_size, strides, padding, data_format, ceil_mode, dilation_rate: as `MaxPooling2D`.

    Shape:
        (N, H, W, C) → (N, OH, OW, C)

    Source:
        Sermanet, Chintala, LeCun 2012, "Convolutional neural networks applied to house numbers digit classification".

    Example:
        >>> fastcnn.layers.LpPooling2D(2)(np.ones((1, 2, 2, 1))).tolist()
        [[[[2.0]]]]
    """

    kind = "lp"
    config = ("p", *_Pooling2D.config)

    def __init__(self, p: float, pool_size: Pair = 2, strides: Pair | None = None, padding: Padding = "valid",
                 data_format: str | None = None, ceil_mode: bool = False, dilation_rate: Pair = 1,
                 **base: Unpack[LayerOptions]) -> None:
        super().__init__(pool_size, strides, padding, data_format, ceil_mode, dilation_rate, **base)
        self.p = arguments.number("p", p, 1, 1e6)


class AdaptiveAveragePooling2D(Layer):
    """The means of OH × OW windows that cover the image: rows ⌊i·H / OH⌋ to ⌈(i + 1)·H / OH⌉, columns likewise.

    Args:
        output_size: integer or pair (OH, OW).
        data_format: "channels_last" (None) or "channels_first".

    Shape:
        (N, H, W, C) → (N, OH, OW, C)

    Source:
        torch.nn.AdaptiveAvgPool2d.

    Example:
        >>> fastcnn.layers.AdaptiveAveragePooling2D(6)(np.ones((1, 13, 13, 256))).shape
        (1, 6, 6, 256)
    """

    spatial = True
    config = ("data_format",)

    def __init__(self, output_size: Pair, data_format: str | None = None, **base: Unpack[LayerOptions]) -> None:
        super().__init__(**base)
        self.windows = arguments.pair("output_size", output_size)
        self.data_format = arguments.layout(data_format)

    def build(self, shape: Any) -> None:
        self.op = _ops.adaptive_avg_pool2d(shape, self.windows)
        self.output_size = self.op.out_shape

    def nodes(self) -> list[Node] | None:
        return [Node(self.op)]

    def connections(self) -> int:
        per_axis = [sum(-(-(i + 1) * size // count) - i * size // count for i in range(count))
                    for size, count in zip(self.input_size, self.windows)]
        return math.prod(per_axis) * self.input_size[2]

    # `output_size` is every layer's word for the shape of its result, so the argument is kept as `windows`

    def get_config(self) -> Config:
        return {"output_size": self.windows, **super().get_config()}

    def reset(self, **given: Any) -> None:
        super().reset(**{"output_size": self.windows, **given})


class _GlobalPooling2D(Layer):
    spatial = True
    kind = None
    config = ("data_format", "keepdims")

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **base: Unpack[LayerOptions]) -> None:
        super().__init__(**base)
        self.data_format = arguments.layout(data_format)
        self.keepdims = arguments.flag("keepdims", keepdims)

    def build(self, shape: Any) -> None:
        self.op = _ops.pool2d(self.kind, shape, shape[:2], shape[:2], ((0, 0), (0, 0)))
        self.output_size = (1, 1, shape[2]) if self.keepdims else shape[2:]

    def nodes(self) -> list[Node] | None:
        return [Node(self.op)]

    def connections(self) -> int:
        return self.op.in_size


class GlobalAveragePooling2D(_GlobalPooling2D):
    """The mean of each channel over the image.

    Args:
        data_format: "channels_last" (None) or "channels_first".
        keepdims: the result is an image of one pixel.

    Shape:
        (N, H, W, C) → (N, C), with keepdims (N, 1, 1, C)

    Example:
        >>> fastcnn.layers.GlobalAveragePooling2D()(np.ones((1, 4, 4, 2))).tolist()
        [[1.0, 1.0]]
    """

    kind = "avg"


class GlobalMaxPooling2D(_GlobalPooling2D):
    """The maximum of each channel over the image.

    Args:
        data_format: "channels_last" (None) or "channels_first".
        keepdims: the result is an image of one pixel.

    Shape:
        (N, H, W, C) → (N, C), with keepdims (N, 1, 1, C)

    Example:
        >>> fastcnn.layers.GlobalMaxPooling2D()(np.ones((1, 4, 4, 2))).tolist()
        [[1.0, 1.0]]
    """

    kind = "max"
