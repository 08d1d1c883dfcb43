"""Maxout."""

from __future__ import annotations

import math
from typing import Any

from fastcnn import _ops, arguments
from fastcnn.engine.nodes import Node
from fastcnn.layers.base import Layer, LayerOptions
from fastcnn.typing import Unpack


class Maxout(Layer):
    """The maximum of each group of consecutive channels: an activation that is learned by the layer before it.

    Args:
        group_size: channels of a group.

    Shape:
        (N, …, C) → (N, …, C / group_size)

    Source:
        Goodfellow, Warde-Farley, Mirza, Courville, Bengio 2013, "Maxout networks".

    Example:
        >>> fastcnn.layers.Maxout()(np.array([[1.0, 5.0, 3.0, 2.0]])).tolist()
        [[5.0, 3.0]]
    """

    config = ("group_size",)

    def __init__(self, group_size: int = 2, **base: Unpack[LayerOptions]) -> None:
        super().__init__(**base)
        self.group_size = arguments.integer("group_size", group_size)

    def build(self, shape: Any) -> None:
        if shape[-1] % self.group_size:
            raise ValueError(f"group_size must divide the input's {shape[-1]} channels. Received: {self.group_size}")
        self.op = _ops.maxout(math.prod(shape[:-1]), shape[-1], self.group_size)
        self.output_size = (*shape[:-1], shape[-1] // self.group_size)

    def nodes(self) -> list[Node] | None:
        return [Node(self.op)]

    def connections(self) -> int:
        return self.op.in_size
