"""How far real-valued predictions are off."""

import numpy as np

from fastcnn.metrics.base import Mean, aligned


class MeanAbsoluteError(Mean):
    """The mean of the absolute differences. Shapes as for BinaryAccuracy.

    Example:
        >>> MeanAbsoluteError()([[0.0, 1.0]], [[2.0, 1.0]])
        1.0
    """

    direction = "min"

    def _values(self, y_true, y_pred):
        return abs(np.subtract(y_pred, aligned(y_true, y_pred), dtype=np.float64))


class MeanSquaredError(MeanAbsoluteError):
    """The mean of the squared differences. Shapes as for BinaryAccuracy.

    Example:
        >>> MeanSquaredError()([[0.0, 1.0]], [[2.0, 1.0]])
        2.0
    """

    def _values(self, y_true, y_pred):
        return np.square(super()._values(y_true, y_pred))
