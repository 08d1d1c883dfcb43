"""Values moved and scaled by constants: given ones, or such as data ask for."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastcnn import _ops, arguments
from fastcnn.batches import data, streams
from fastcnn.engine.nodes import Node
from fastcnn.layers.base import Layer, LayerOptions
from fastcnn.ops.rescale import constants
from fastcnn.typing import ArrayLike, Data, Pair, Unpack

_LEAST = 1e-7       # standard deviation that values are divided by, as in Keras
_SLICE = 1 << 20    # values looked at together


def _numbers(name, value):
    """A number, or a list of them as a tuple."""
    if not np.ndim(value):
        return arguments.number(name, value)
    return tuple(arguments.number(name, v) for v in np.asarray(value).reshape(-1).tolist())


class Rescaling(Layer):
    """x · scale + offset.

    Args:
        scale, offset: a number, or one per channel.

    Shape:
        (N, …, C) → the same

    Example:
        >>> fastcnn.layers.Rescaling(1 / 255)(np.array([[0, 255]])).tolist()
        [[0.0, 1.0]]
    """

    config = ("scale", "offset")

    def __init__(self, scale: ArrayLike, offset: ArrayLike = 0.0, **base: Unpack[LayerOptions]) -> None:
        super().__init__(**base)
        self.scale, self.offset = _numbers("scale", scale), _numbers("offset", offset)

    def build(self, shape: Any) -> None:
        size, c = math.prod(shape), shape[-1]
        scale, offset = (arguments.channels(n, v, c) for n, v in (("scale", self.scale), ("offset", self.offset)))
        self.constants = constants(size, np.zeros(c), scale, offset)
        self.op = _ops.rescale(size, self.constants.shape[1])

    def nodes(self) -> list[Node] | None:
        return [Node(self.op, constant=self.constants)]


class Normalization(Layer):
    """(x − mean) / √variance: values of mean 0 and variance 1.

    Mean and variance are given, or found by `adapt`. A standard deviation below 1e-7 counts as 1e-7.

    Args:
        axis: −1: each channel has a mean and a variance of its own, whatever the data format; None: all values share one.
        mean, variance: a number, or one per channel; both or neither.
        invert: do the reverse: x · √variance + mean.

    Shape:
        (N, …, C) → the same

    Example:
        >>> layer = fastcnn.layers.Normalization()
        >>> layer.adapt(np.array([[1.0, 2.0], [3.0, 6.0]]))
        >>> layer(np.array([[3.0, 2.0]])).tolist(), layer.mean, layer.variance
        ([[1.0, -1.0]], (2.0, 4.0), (1.0, 4.0))
    """

    config = ("axis", "mean", "variance", "invert")

    def __init__(self, axis: Pair | None = -1, mean: ArrayLike | None = None, variance: ArrayLike | None = None,
                 invert: bool = False, **base: Unpack[LayerOptions]) -> None:
        super().__init__(**base)
        self.axis = axis[0] if isinstance(axis, (tuple, list)) and len(axis) == 1 else axis
        if self.axis is not None:
            self.axis = arguments.integer("axis", self.axis, -1)
        if (mean is None) != (variance is None):
            raise ValueError("mean and variance must come together. Received: "
                             + arguments.given(mean=mean, variance=variance))
        self.invert = arguments.flag("invert", invert)
        self.mean = None if mean is None else _numbers("mean", mean)
        self.variance = None if variance is None else _numbers("variance", variance)

    def build(self, shape: Any) -> None:
        if self.axis not in (None, -1, len(shape)):
            raise ValueError(f"axis must be −1, the channels, or None. Received: {self.axis}")
        size = math.prod(shape)
        self.channels = 1 if self.axis is None else shape[-1]
        self.constants = constants(size, *np.zeros((3, self.channels)))
        self.op = _ops.rescale(size, self.constants.shape[1])
        if self.mean is None:
            return
        mean, variance = (arguments.channels(name, getattr(self, name), self.channels) for name in ("mean", "variance"))
        if variance.min() < 0:
            raise ValueError(f"variance must be at least 0. Received: {variance.tolist()}")
        deviation, none = np.maximum(np.sqrt(variance), _LEAST), np.zeros(self.channels)
        values = (none, deviation, mean) if self.invert else (mean, 1 / deviation, none)
        self.constants[...] = constants(self.op.in_size, *values)

    def adapt(self, x: Data) -> None:
        """Sets mean and variance to those of some data.

        Args:
            x: an array of samples; or a source of batches as `fit` takes it, of which x alone counts.

        Raises:
            TypeError, ValueError: not samples of the layer's shape, or none of them.
        """
        count, mean, squares = 0, 0.0, 0.0
        first = self.first
        for batch in _batches(x):
            if not self.built:
                self.build_for(_shape(batch, first))
            batch = data.samples("x", batch, self.input_size, first).reshape(-1, math.prod(self.input_size))
            step = max(1, _SLICE // batch.shape[1])
            for i in range(0, len(batch), step):
                part = batch[i:i + step].reshape(-1, self.channels).astype(np.float64)
                own = part.mean(axis=0)
                total, away = count + len(part), own - mean
                squares = squares + ((part - own) ** 2).sum(axis=0) + away * away * (count * len(part) / total)
                count, mean = total, mean + away * (len(part) / total)
        if not count:
            raise ValueError("x must hold at least one sample. Received: 0 samples")
        if not np.isfinite(mean).all() or not np.isfinite(squares).all():
            raise ValueError(f"x must be of finite numbers. Received: mean {mean.tolist()}")
        self.reset(mean=tuple(mean.tolist()), variance=tuple((squares / count).tolist()))

    def nodes(self) -> list[Node] | None:
        if self.mean is None:
            raise ValueError(f"layer {self.name!r} needs a mean and a variance: give them, or call adapt(x). Received: none")
        return [Node(self.op, constant=self.constants)]


def _batches(x):
    """The samples of an array or of a source of batches."""
    if not streams.is_stream(x):
        return [x]
    source = streams.Stream(x, lambda item: item[0] if isinstance(item, tuple) and item else item)
    return source.epoch(0)


def _shape(batch, first):
    """The shape of a sample, as a model takes it from its first batch, channels last."""
    shape = np.shape(batch)[1:] if np.ndim(batch) != 1 else (1,)
    return (*shape[1:], shape[0]) if first and len(shape) == 3 else shape
