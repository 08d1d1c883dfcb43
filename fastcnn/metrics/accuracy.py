"""How often predictions are right."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastcnn import arguments
from fastcnn.metrics.base import Deciding, Mean, aligned, labels_of, same_shape, unknown, weighted
from fastcnn.typing import ArrayLike

_BEST = "largest", "smallest"


class _Accuracy(Mean):
    direction = "max"


class _BestAccuracy(_Accuracy):
    """A row with NaN in it has no answer, and so is wrong."""

    config = ("name", "best")

    def __init__(self, name: str | None = None, best: str = "largest") -> None:
        super().__init__(name)
        self.best = arguments.choice("best", best, _BEST)

    def _right(self, labels, y_pred):
        right = (y_pred.argmin(-1) if self.best == "smallest" else y_pred.argmax(-1)) == labels
        return right & ~unknown(y_pred)


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
        return self._right(labels_of(y_true, y_pred), y_pred)


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
        return self._right(y_true.argmax(-1), y_pred)


class EitherAccuracy(CategoricalAccuracy):
    """One of both by the shape of the targets: what "accuracy" is with a loss that does not say.

    Example:
        >>> EitherAccuracy()([1, 0], [[0.2, 0.8], [0.3, 0.7]])
        0.5
    """

    def _values(self, y_true, y_pred):
        return self._right(y_true.argmax(-1) if y_true.shape == y_pred.shape else labels_of(y_true, y_pred), y_pred)


class BinaryAccuracy(Deciding, _Accuracy):
    """How often predictions lie on the target's side of a threshold; (samples,) equals (samples, 1).

    Targets are 0 and 1, −1 and 1, or numbers between them, of which those above one half say yes. A prediction of NaN is
    wrong.

    Args:
        threshold: predictions above it count as 1, others as 0. None: what the loss says, 0 for logits and for the hinges,
            else 0.5; but 0 as soon as a target is −1.

    Example:
        >>> BinaryAccuracy()([1, 0], [0.8, 0.7]), BinaryAccuracy()([1, -1], [0.2, -0.3])
        (0.5, 1.0)
    """

    config = ("name", "threshold")

    def __init__(self, name: str | None = None, threshold: float | None = None) -> None:
        super().__init__(name)
        self.threshold = None if threshold is None else arguments.number("threshold", threshold)

    def reset_state(self) -> None:
        super().reset_state()
        self._of_signs, self._signs = 0.0, False  # the total if 0 is the threshold; has a target been −1?

    def update_state(self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None) -> None:
        super().update_state(y_true, y_pred, sample_weight)
        if self.threshold is None and self.middle != 0:
            y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
            self._of_signs += weighted(self._right(y_true, y_pred, 0), sample_weight)[0]
            self._signs |= bool(np.any(y_true == -1))

    def result(self) -> Any:
        return self._of_signs / self._count if self._signs and self._count else super().result()

    def _values(self, y_true, y_pred):
        return self._right(y_true, y_pred, self.middle if self.threshold is None else self.threshold)

    def _right(self, y_true, y_pred, threshold):
        y_true = aligned(y_true, y_pred)
        right = (y_pred > threshold) == (y_true > 0.5)
        return right & (y_pred == y_pred) & (y_true <= 1) & (y_true >= -1)  # beyond is no answer to yes or no


class TopKCategoricalAccuracy(_Accuracy):
    """How often the largest target is among the k largest predictions; ties count. Both (samples, classes).

    A row with NaN in it has no answer, and so is wrong.

    Args:
        k: how many predictions count.
        best: "largest", or "smallest" where predictions are distances: then the k smallest count.

    Example:
        >>> TopKCategoricalAccuracy(k=2)([[0, 0, 1], [1, 0, 0]], [[0.1, 0.6, 0.3], [0.1, 0.6, 0.3]])
        0.5
    """

    config = ("name", "k", "best")

    def __init__(self, k: int = 5, name: str | None = None, best: str = "largest") -> None:
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
        return (better.view(np.uint8).sum(-1, dtype=np.uint32) < self.k) & np.isfinite(chosen[..., 0]) & ~unknown(y_pred)


class SparseTopKCategoricalAccuracy(TopKCategoricalAccuracy):
    """How often the label is among the k largest predictions; k as above, shapes as for sparse accuracy.

    Example:
        >>> SparseTopKCategoricalAccuracy(k=2)([2, 0], [[0.1, 0.6, 0.3], [0.1, 0.6, 0.3]])
        0.5
    """

    def _chosen(self, y_true, y_pred):
        return labels_of(y_true, y_pred)
