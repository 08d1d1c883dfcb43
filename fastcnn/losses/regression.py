"""Losses of real-valued predictions."""

import numpy as np

from fastcnn import ops
from fastcnn.losses.base import Loss


class MeanSquaredError(Loss):
    """The mean of (prediction − target)² over each sample.

    Shape:
        targets and predictions (N, …) → (N,)

    Example:
        >>> fastcnn.losses.MeanSquaredError()([[0.0, 0.0]], [[1.0, 3.0]])
        5.0
    """

    name = "mean_squared_error"
    kind = "mean_squared_error"

    def forward(self, y_true, y_pred):
        return ops.mean_squared_error(y_pred, y_true)

    def backward(self, y_true, y_pred):
        return ops.mean_squared_error_backward(np.ones(len(y_pred), np.float32), y_pred, y_true)
