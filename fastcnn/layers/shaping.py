"""Layers that move values or repeat them: edges, enlarged images, other shapes and orders of axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from fastcnn import _ops, arguments
from fastcnn.engine.nodes import Node
from fastcnn.layers.base import Layer, LayerOptions
from fastcnn.typing import Edges, Pair, Unpack


class _Edges2D(Layer):
    spatial = True

    def __init__(self, data_format: str | None = None, **base: Unpack[LayerOptions]) -> None:
        super().__init__(**base)
        self.data_format = arguments.layout(data_format)

    def nodes(self) -> list[Node] | None:
        return [Node(self.op)]


class ZeroPadding2D(_Edges2D):
    """Rows and columns of zeros around each image.

    Args:
        padding: integer, pair (height, width), or ((top, bottom), (left, right)), in pixels.
        data_format: "channels_last" (None) or "channels_first".

    Shape:
        (N, H, W, C) → (N, top + H + bottom, left + W + right, C)

    Example:
        >>> fastcnn.layers.ZeroPadding2D(((0, 1), (2, 0)))(np.ones((1, 4, 4, 3))).shape
        (1, 5, 6, 3)
    """

    config = ("padding", "data_format")

    def __init__(self, padding: Edges = 1, data_format: str | None = None, **base: Unpack[LayerOptions]) -> None:
        super().__init__(data_format, **base)
        self.padding = arguments.edges("padding", padding)

    def build(self, shape: Any) -> None:
        self.op = _ops.pad2d(shape, self.padding)
        self.output_size = self.op.out_shape


class Cropping2D(_Edges2D):
    """Each image without its outer rows and columns.

    Args:
        cropping: integer, pair (height, width), or ((top, bottom), (left, right)), in pixels.
        data_format: "channels_last" (None) or "channels_first".

    Shape:
        (N, H, W, C) → (N, H − top − bottom, W − left − right, C)

    Example:
        >>> fastcnn.layers.Cropping2D((1, 2))(np.ones((1, 6, 6, 3))).shape
        (1, 4, 2, 3)
    """

    config = ("cropping", "data_format")

    def __init__(self, cropping: Edges = ((0, 0), (0, 0)), data_format: str | None = None,
                 **base: Unpack[LayerOptions]) -> None:
        super().__init__(data_format, **base)
        self.cropping = arguments.edges("cropping", cropping)

    def build(self, shape: Any) -> None:
        if any(sum(side) >= size for side, size in zip(self.cropping, shape)):
            raise ValueError(f"cropping must leave at least one pixel of {shape[0]} × {shape[1]}. Received: {self.cropping}")
        self.op = _ops.pad2d(shape, tuple(tuple(-p for p in side) for side in self.cropping))
        self.output_size = self.op.out_shape


class UpSampling2D(Layer):
    """Enlarges images by whole factors.

    Args:
        size: factors, integer or pair (height, width).
        data_format: "channels_last" (None) or "channels_first".
        interpolation: "nearest": each pixel repeated; "bilinear": between the centres of pixels, the outermost of which
            also fill what lies beyond them.

    Shape:
        (N, H, W, C) → (N, size · H, size · W, C)

    Example:
        >>> fastcnn.layers.UpSampling2D((1, 2))(np.arange(2).reshape(1, 1, 2, 1)).ravel().tolist()
        [0.0, 0.0, 1.0, 1.0]
    """

    spatial = True
    config = ("size", "data_format", "interpolation")

    def __init__(self, size: Pair = 2, data_format: str | None = None, interpolation: str = "nearest",
                 **base: Unpack[LayerOptions]) -> None:
        super().__init__(**base)
        self.size = arguments.pair("size", size)
        self.data_format = arguments.layout(data_format)
        self.interpolation = arguments.choice("interpolation", interpolation, ("nearest", "bilinear"))

    def build(self, shape: Any) -> None:
        self.op = _ops.upsample2d(shape, self.size, self.interpolation == "bilinear")
        self.output_size = self.op.out_shape

    def nodes(self) -> list[Node] | None:
        return [Node(self.op)]


_TO_FIRST, _TO_LAST = (2, 0, 1), (1, 2, 0)  # (rows, columns, channels) → (channels, rows, columns), and back


class _Arranged(Layer):
    """A layer that speaks of axes or of the order of values: those that users see."""

    def __init__(self, data_format: str | None = None, **base: Unpack[LayerOptions]) -> None:
        super().__init__(**base)
        self.data_format = arguments.layout(data_format)

    def _turned(self, shape):
        return self.data_format == "channels_first" and len(shape) == 3


def _permuted(shape, order):
    """The node that permutes samples of `shape`; none where values stay in their order."""
    moving = [axis for axis in order if shape[axis] > 1]
    return [] if moving == sorted(moving) else [Node(_ops.permute(shape, order))]


class Reshape(_Arranged):
    """Gives each sample another shape; its values keep their order. It costs nothing.

    With channels first, the values of an image are in the order channels, rows, columns, which is not how they lie in
    memory: then images are rearranged.

    Args:
        target_shape: without the batch; one entry may be −1: what is left.
        data_format: "channels_last" (None) or "channels_first": of images that come in or go out.

    Shape:
        (N, …) → (N, *target_shape)

    Example:
        >>> fastcnn.layers.Reshape((-1, 4, 2))(np.zeros((1, 24))).shape
        (1, 3, 4, 2)
    """

    config = ("target_shape", "data_format")

    def __init__(self, target_shape: Sequence[int], data_format: str | None = None, **base: Unpack[LayerOptions]) -> None:
        super().__init__(data_format, **base)
        if not isinstance(target_shape, (tuple, list)) or not target_shape:
            raise TypeError(f"target_shape must be a tuple of integers. Received: {arguments.shown(target_shape)}")
        self.target_shape = tuple(arguments.integer("target_shape", n, -1) for n in target_shape)
        if 0 in self.target_shape or self.target_shape.count(-1) > 1:
            raise ValueError("target_shape must hold positive integers; one may be −1. "
                             f"Received: {arguments.shown(target_shape)}")

    def build(self, shape: Any) -> None:
        count, known = math.prod(shape), math.prod(n for n in self.target_shape if n > 0)
        target = tuple(count // known if n < 0 else n for n in self.target_shape)
        if math.prod(target) != count:
            raise ValueError(f"target_shape must hold the {count} values of a sample. Received: {self.target_shape}")
        self.target = target
        self.output_size = tuple(target[axis] for axis in _TO_LAST) if self._turned(target) else target

    def nodes(self) -> list[Node] | None:
        before = _permuted(self.input_size, _TO_FIRST) if self._turned(self.input_size) else []
        return before + (_permuted(self.target, _TO_LAST) if self._turned(self.target) else [])


class Permute(_Arranged):
    """Puts the axes of each sample into another order.

    Args:
        dims: the axes' numbers, from 1 (0 is the batch), in their new order.
        data_format: "channels_last" (None) or "channels_first": whether axis 1 of an image is its rows or its channels.

    Shape:
        (N, axis 1, axis 2, …) → (N, axis dims[0], axis dims[1], …)

    Example:
        >>> fastcnn.layers.Permute((2, 1, 3))(np.zeros((1, 4, 5, 3))).shape
        (1, 5, 4, 3)
    """

    config = ("dims", "data_format")

    def __init__(self, dims: Sequence[int], data_format: str | None = None, **base: Unpack[LayerOptions]) -> None:
        super().__init__(data_format, **base)
        self.dims = arguments.order("dims", dims, len(dims) if isinstance(dims, (tuple, list)) else 1)

    def build(self, shape: Any) -> None:
        if len(shape) != len(self.dims):
            raise ValueError(f"dims must hold each of the {len(shape)} axes of a sample once. Received: {self.dims}")
        self.order = [d - 1 for d in self.dims]
        if self._turned(shape):
            self.order = [_TO_FIRST[self.order[axis]] for axis in _TO_LAST]
        self.output_size = tuple(shape[axis] for axis in self.order)

    def nodes(self) -> list[Node] | None:
        return _permuted(self.input_size, self.order)
