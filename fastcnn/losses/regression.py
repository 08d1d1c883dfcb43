"""Losses of real-valued predictions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastcnn import arguments
from fastcnn.losses.base import OpLoss
from fastcnn.typing import Array


class _Regression(OpLoss):
    def of_classes(self, numbers: Array, output_size: Sequence[int]) -> Array:
        raise TypeError(f"y must hold numbers for {self.name}; names of classes go with sparse_categorical_crossentropy, or "
                        f"with binary_crossentropy and a single output. Received: names")


class MeanSquaredError(_Regression):
    """The mean of (prediction − target)² over each sample.

    Shape:
        targets and predictions (N, …) → (N,)

    Example:
        >>> fastcnn.losses.MeanSquaredError()([[0.0, 0.0]], [[1.0, 3.0]])
        5.0
    """

    name = function = "mean_squared_error"


class MeanAbsoluteError(_Regression):
    """The mean of |prediction − target| over each sample.

    Shape:
        targets and predictions (N, …) → (N,)

    Example:
        >>> fastcnn.losses.MeanAbsoluteError()([[0.0, 0.0]], [[1.0, -3.0]])
        2.0
    """

    name = function = "mean_absolute_error"


class Huber(_Regression):
    """The mean over each sample of d²/2 where |d| ≤ delta, delta·(|d| − delta/2) elsewhere; d = prediction − target.

    Args:
        delta: where the square ends and the line begins, > 0.

    Shape:
        targets and predictions (N, …) → (N,)

    Example:
        >>> fastcnn.losses.Huber()([[0.0, 0.0]], [[3.0, 0.5]])
        1.3125

    Source: Huber 1964, "Robust estimation of a location parameter".
    """

    name = function = "huber"
    config = ("delta",)

    def __init__(self, delta: float = 1.0) -> None:
        self.delta = arguments.small("delta", delta)

    @property
    def constants(self) -> dict[str, Any]:
        return {"delta": self.delta}
