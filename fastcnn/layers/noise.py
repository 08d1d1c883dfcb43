"""Noise."""

from __future__ import annotations

import math

from fastcnn import _ops, arguments
from fastcnn.engine.nodes import Node
from fastcnn.layers.base import Layer, LayerOptions
from fastcnn.typing import Unpack


class GaussianNoise(Layer):
    """While training, adds normally distributed random numbers with mean 0.

    Args:
        stddev: their standard deviation, ≥ 0.
        seed: of the layer's random numbers; None: from the model's.

    Shape:
        any → the same

    Example:
        >>> fastcnn.layers.GaussianNoise(0.1)(np.ones((1, 2))).tolist()
        [[1.0, 1.0]]
    """

    training_only = True
    config = ("stddev", "seed")

    def __init__(self, stddev: float, seed: int | None = None, **base: Unpack[LayerOptions]) -> None:
        super().__init__(**base)
        self.stddev = arguments.number("stddev", stddev, 0, 3.4028234663852886e38)
        self.seed = None if seed is None else arguments.integer("seed", seed, 0, 2**64 - 1)

    def nodes(self) -> list[Node] | None:
        op = _ops.gaussian_noise(math.prod(self.input_size), self.stddev)
        return [Node(op, seed=-1 if self.seed is None else self.seed)]
