"""Dropout."""

import math

from fastcnn import _ops, arguments
from fastcnn.layers.base import Layer, Node


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

    def __init__(self, rate, seed=None, **base):
        super().__init__(**base)
        self.rate = arguments.number("rate", rate, 0, below=1)
        self.seed = None if seed is None else arguments.integer("seed", seed, 0, 2**64 - 1)

    def nodes(self):
        op = _ops.dropout(math.prod(self.input_size), self.rate)
        return [Node(op, seed=-1 if self.seed is None else self.seed)]
