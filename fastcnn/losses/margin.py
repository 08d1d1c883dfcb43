"""Losses that ask for a margin, and for nothing beyond it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastcnn.losses.base import LabelLoss, OpLoss
from fastcnn.typing import Array


class _Signs(OpLoss):
    """Targets are −1 or 1, or 0 or 1, which Keras converts and C reads alike."""

    threshold = 0.0

    def prepare(self, y: Any, output_size: Sequence[int]) -> tuple[Array, bool]:
        y, sparse = super().prepare(y, output_size)
        negative, zero = np.any(y == -1), np.any(y == 0)
        if negative and zero or not np.all((y == 1) | (y == 0) | (y == -1)):
            found = np.unique(y)
            shown = ", ".join(f"{value:g}" for value in found[:4]) + ", …" * (len(found) > 4)
            raise ValueError(f"y must hold −1 and 1, or 0 and 1, for {self.name}. Received: {shown}")
        return y, sparse


class Hinge(_Signs):
    """The mean of max(1 − target·prediction, 0) over each sample.

    Targets are −1 or 1; 0 and 1 stand for them, as in Keras.

    Shape:
        targets and predictions (N, …) → (N,)

    Example:
        >>> fastcnn.losses.Hinge()([[1.0, -1.0]], [[0.5, 2.0]])
        1.75
    """

    name = function = "hinge"


class SquaredHinge(_Signs):
    """The mean of max(1 − target·prediction, 0)² over each sample; targets as for `Hinge`.

    Shape:
        targets and predictions (N, …) → (N,)

    Example:
        >>> fastcnn.losses.SquaredHinge()([[1.0, 0.0]], [[0.5, 2.0]])
        4.625
    """

    name = function = "squared_hinge"


class CategoricalHinge(OpLoss):
    """max(0, 1 + max((1 − target)·prediction) − Σ target·prediction): the true class must lead the best of the others by 1.

    Shape:
        one-hot targets and predictions (N, C) → (N,)

    Example:
        >>> fastcnn.losses.CategoricalHinge()([[0.0, 1.0, 0.0]], [[2.0, 2.5, 1.0]])
        0.5
    """

    name = function = "categorical_hinge"
    least, most, needs_classes = 0, 1, "hinge"


class MulticlassHinge(LabelLoss):
    """Σ over all other classes of max(0, 1 + prediction − that of the label): ConvNetJS' svm, and so named too.

    Shape:
        labels (N,) or (N, 1), predictions (N, C) → (N,)

    Example:
        >>> fastcnn.losses.MulticlassHinge()([1], [[2.0, 2.5, 3.0]])
        2.0

    Source: Weston, Watkins 1999, "Support vector machines for multi-class pattern recognition".
    """

    name = function = "multiclass_hinge"
    needs_classes = "hinge"
