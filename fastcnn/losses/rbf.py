"""Losses of distances from the classes' prototypes: LeNet-5's, for models that end in `layers.RBF`."""

from __future__ import annotations

from typing import Any

from fastcnn import arguments
from fastcnn.losses.base import LabelLoss


class _RBFLoss(LabelLoss):
    smallest_wins = True


class RBFMeanSquaredError(_RBFLoss):
    """The squared distance from the true class' prototype.

    Shape:
        labels (N,) or (N, 1), distances (N, C) → (N,)

    Example:
        >>> fastcnn.losses.RBFMeanSquaredError()([1], [[3.0, 5.0]])
        5.0

    Source: LeCun, Bottou, Bengio, Haffner 1998, equation 8.
    """

    name = function = "rbf_mean_squared_error"


class RBFMaximumAPosteriori(_RBFLoss):
    """The same, plus log(e^−j + Σ_i e^−distance_i), which pushes the other classes away.

    Args:
        j: distance of what belongs to no class: pushing stops at about that.

    Shape:
        labels (N,) or (N, 1), distances (N, C) → (N,)

    Example:
        >>> round(fastcnn.losses.RBFMaximumAPosteriori(j=0)([1], [[0.0, 0.0]]), 4)
        1.0986

    Source: LeCun, Bottou, Bengio, Haffner 1998, equation 9.
    """

    name = function = "rbf_maximum_a_posteriori"
    config = ("j",)

    def __init__(self, j: float = 0.1) -> None:
        self.j = arguments.number("j", j)

    @property
    def constants(self) -> dict[str, Any]:
        return {"j": self.j}
