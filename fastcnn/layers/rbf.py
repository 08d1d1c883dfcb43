"""Euclidean radial basis functions: LeNet-5's output."""

from __future__ import annotations

from typing import Any

from fastcnn import _ops, arguments, initializers
from fastcnn.engine.nodes import Node
from fastcnn.layers.base import Layer, Options
from fastcnn.typing import Config, Identifier, Unpack


class RBF(Layer):
    """Squared distances from prototypes, one for each class: the smallest output is the answer.

        y[i] = Σ_j (x[j] − prototypes[i, j])²

    A model that ends in it is told by `accuracy` and `predict_classes` to be asked for its smallest output. Losses that
    go with it: `fastcnn.losses.RBFMeanSquaredError` and `RBFMaximumAPosteriori`.

    Args:
        units: number of prototypes.
        prototype_initializer: their values: "random_signs", "digit_prototypes" (drawings of the ten digits for 84 inputs) …
        trainable: False keeps the prototypes as they are, as the paper does.

    Shape:
        (N, I) → (N, units); prototypes (units, I)

    Example:
        >>> fastcnn.layers.RBF(10, "digit_prototypes")(np.zeros((1, 84))).tolist()[0][:3]
        [84.0, 84.0, 84.0]

    Source: LeCun, Bottou, Bengio, Haffner 1998, "Gradient-based learning applied to document recognition", equation 7.
    """

    config = ("units", "prototype_initializer")
    smallest_wins = True

    def __init__(self, units: int, prototype_initializer: Identifier = "random_signs", trainable: bool = False,
                 **base: Unpack[Options]) -> None:
        super().__init__(trainable=trainable, **base)
        self.units = arguments.integer("units", units)
        self.prototype_initializer: Any = initializers.get(prototype_initializer)

    def build(self, shape: Any) -> None:
        if len(shape) != 1:
            raise ValueError(f"RBF works on samples of one dimension; put Flatten() before it. Received: {shape}")
        self.op = _ops.rbf(shape[0], self.units)
        self.output_size = (self.units,)
        self.prototypes = self.add_weight("prototypes", (self.units, shape[0]), self.prototype_initializer)

    def nodes(self) -> list[Node] | None:
        return [Node(self.op, self.prototypes)]

    def multiply_adds(self) -> int:
        return self.prototypes.size

    def get_config(self) -> Config:
        """The constructor's arguments in JSON's types."""
        return {**super().get_config(), "trainable": self.trainable}
