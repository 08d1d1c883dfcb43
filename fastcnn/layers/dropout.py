"""Dropout: of single values, and of whole channels."""

from __future__ import annotations

import math

from fastcnn import _ops, arguments
from fastcnn.engine.nodes import Node
from fastcnn.layers.base import Layer, LayerOptions
from fastcnn.typing import Unpack


class Dropout(Layer):
    """While training, sets each value to 0 with probability `rate` and divides the others by 1 − rate.

    Args:
        rate: in [0, 1).
        seed: of the layer's random numbers; None: from the model's.

    Shape:
        any → the same

    Source:
        Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov 2014.

    Example:
        >>> fastcnn.layers.Dropout(0.5)(np.ones((1, 2))).tolist()
        [[1.0, 1.0]]
    """

    training_only = True
    config = ("rate", "seed")

    def __init__(self, rate: float, seed: int | None = None, **base: Unpack[LayerOptions]) -> None:
        super().__init__(**base)
        self.rate = arguments.part("rate", rate)
        self.seed = None if seed is None else arguments.integer("seed", seed, 0, 2**64 - 1)

    def nodes(self) -> list[Node] | None:
        op = _ops.dropout(math.prod(self.input_size), self.rate)
        return [Node(op, seed=-1 if self.seed is None else self.seed)]


class SpatialDropout2D(Layer):
    """While training, sets each channel of an image to 0 with probability `rate` and divides the others by 1 − rate.

    Args:
        rate: in [0, 1).
        data_format: "channels_last" (None) or "channels_first".
        seed: of the layer's random numbers; None: from the model's.

    Shape:
        (N, H, W, C) → the same

    Source:
        Tompson, Goroshin, Jain, LeCun, Bregler 2015.

    Example:
        >>> fastcnn.layers.SpatialDropout2D(0.5)(np.ones((1, 1, 2, 1))).tolist()
        [[[[1.0], [1.0]]]]
    """

    spatial = True
    training_only = True
    config = ("rate", "data_format", "seed")

    def __init__(self, rate: float, data_format: str | None = None, seed: int | None = None,
                 **base: Unpack[LayerOptions]) -> None:
        super().__init__(**base)
        self.rate = arguments.part("rate", rate)
        self.data_format = "channels_last" if data_format is None else data_format
        arguments.data_format(self.data_format)
        self.seed = None if seed is None else arguments.integer("seed", seed, 0, 2**64 - 1)

    def nodes(self) -> list[Node] | None:
        h, w, c = self.input_size
        return [Node(_ops.dropout(c, self.rate, h * w), seed=-1 if self.seed is None else self.seed)]
