"""PReLU."""

from __future__ import annotations

from typing import Any

from fastcnn import activations, arguments, initializers
from fastcnn.engine.nodes import Node
from fastcnn.layers.base import Layer, LayerOptions
from fastcnn.typing import Identifier, Pair, Unpack


class PReLU(Layer):
    """x where x > 0, else alpha · x, with slopes alpha that are learned.

    Args:
        alpha_initializer: initial slopes.
        shared_axes: integer or sequence: axes of the input, 1 being the first after the batch, along which slopes are
            shared; (1, 2) learns one slope per channel of an image. Axes are rows, columns, channels, whatever the data
            format.

    Shape:
        (N, …) → the same; alpha (…), 1 along shared axes

    Source:
        He, Zhang, Ren, Sun 2015, "Delving deep into rectifiers".

    Example:
        >>> layer = fastcnn.layers.PReLU("ones", shared_axes=(1, 2))
        >>> layer(np.full((1, 5, 5, 3), -1.0)).max(), layer.count_params()
        (np.float32(-1.0), 3)
    """

    config = ("alpha_initializer", "shared_axes")

    def __init__(self, alpha_initializer: Identifier = "zeros", shared_axes: Pair | None = None,
                 **base: Unpack[LayerOptions]) -> None:
        super().__init__(**base)
        self.alpha_initializer: Any = initializers.get(alpha_initializer)
        if shared_axes is not None:
            axes = shared_axes if isinstance(shared_axes, (tuple, list)) else (shared_axes,)
            shared_axes = [arguments.integer("shared_axes", axis) for axis in axes]
        self.shared_axes = shared_axes

    def build(self, shape: Any) -> None:
        shared = self.shared_axes or ()
        if any(axis > len(shape) for axis in shared):
            raise ValueError(f"shared_axes must lie in 1 … {len(shape)} for samples of shape {shape}. "
                             f"Received: {self.shared_axes}")
        slopes = tuple(1 if i + 1 in shared else size for i, size in enumerate(shape))
        self.op = activations.prelu_op(shape, slopes)
        self.alpha = self.add_weight("alpha", slopes, self.alpha_initializer)

    def nodes(self) -> list[Node] | None:
        return [Node(self.op, self.alpha)]

    def multiply_adds(self) -> int:
        return self.op.in_size
