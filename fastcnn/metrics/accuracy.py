"""How often predictions are right."""

import numpy as np

from fastcnn import arguments
from fastcnn.metrics.base import Mean, aligned, labels_of, same_shape

_BEST = "largest", "smallest"


class _Accuracy(Mean):
    direction = "max"


class _BestAccuracy(_Accuracy):
    config = ("name", "best")

    def __init__(self, name=None, best="largest"):
        super().__init__(name)
        self.best = arguments.choice("best", best, _BEST)

    def _answer(self, y_pred):
        return y_pred.argmin(-1) if self.best == "smallest" else y_pred.argmax(-1)


class SparseCategoricalAccuracy(_BestAccuracy):
    """How often the largest prediction is at the label.

    Args:
        best: "largest", or "smallest" where predictions are distances.

    Shape:
        labels (samples,) or (samples, 1), predictions (samples, classes); there may be axes in between.

    Example:
        >>> SparseCategoricalAccuracy()([1, 0], [[0.2, 0.8], [0.3, 0.7]])
        0.5
    """

    def _values(self, y_true, y_pred):
        return self._answer(y_pred) == labels_of(y_true, y_pred)


class CategoricalAccuracy(_BestAccuracy):
    """How often the largest prediction is at the largest target; both are (samples, classes).

    Args:
        best: "largest", or "smallest" where predictions are distances.

    Example:
        >>> CategoricalAccuracy()([[0, 1], [1, 0]], [[0.2, 0.8], [0.3, 0.7]])
        0.5
    """

    def _values(self, y_true, y_pred):
        same_shape(y_true, y_pred, "sparse_categorical_accuracy")
        return self._answer(y_pred) == y_true.argmax(-1)


class BinaryAccuracy(_Accuracy):
    """How often predictions lie on the target's side of a threshold; (samples,) equals (samples, 1).

    Args:
        threshold: between 0 and 1; predictions above it count as 1, others as 0.

    Example:
        >>> BinaryAccuracy()([1, 0], [0.8, 0.7])
        0.5
    """

    config = ("name", "threshold")

    def __init__(self, name=None, threshold=0.5):
        super().__init__(name)
        self.threshold = arguments.number("threshold", threshold)
        if not 0 < self.threshold < 1:
            raise ValueError(f"threshold must lie between 0 and 1. Received: {arguments.shown(threshold)}")

    def _values(self, y_true, y_pred):
        return (y_pred > self.threshold) == aligned(y_true, y_pred)


class TopKCategoricalAccuracy(_Accuracy):
    """How often the largest target is among the k largest predictions; ties count. Both (samples, classes).

    Args:
        k: how many predictions count.
        best: "largest", or "smallest" where predictions are distances: then the k smallest count.

    Example:
        >>> TopKCategoricalAccuracy(k=2)([[0, 0, 1], [1, 0, 0]], [[0.1, 0.6, 0.3], [0.1, 0.6, 0.3]])
        0.5
    """

    config = ("name", "k", "best")

    def __init__(self, k=5, name=None, best="largest"):
        super().__init__(name)
        self.k, self.best = arguments.integer("k", k), arguments.choice("best", best, _BEST)

    def _chosen(self, y_true, y_pred):
        same_shape(y_true, y_pred, "sparse_top_k_categorical_accuracy")
        return y_true.argmax(-1)

    def _values(self, y_true, y_pred):
        labels = self._chosen(y_true, y_pred)
        lowest, highest = (labels.min(), labels.max()) if labels.size else (0, 0)
        if lowest < 0 or highest >= y_pred.shape[-1]:
            raise ValueError(f"labels must be below {y_pred.shape[-1]}. Received: {lowest} to {highest}")
        chosen = np.take_along_axis(y_pred, labels[..., None].astype(np.intp), -1)
        better = y_pred < chosen if self.best == "smallest" else y_pred > chosen
        return (better.view(np.uint8).sum(-1, dtype=np.uint32) < self.k) & np.isfinite(chosen[..., 0])


class SparseTopKCategoricalAccuracy(TopKCategoricalAccuracy):
    """How often the label is among the k largest predictions; k as above, shapes as for sparse accuracy.

    Example:
        >>> SparseTopKCategoricalAccuracy(k=2)([2, 0], [[0.1, 0.6, 0.3], [0.1, 0.6, 0.3]])
        0.5
    """

    def _chosen(self, y_true, y_pred):
        return labels_of(y_true, y_pred)
