"""What is taken for what: precision, recall, the confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastcnn import arguments
from fastcnn.metrics.base import Deciding, members, of_samples, unknown
from fastcnn.typing import Array, ArrayLike

_MANY = 1 << 15  # classes


class _Part(Deciding):
    """True positives among what a subclass' `_whole` counts."""

    config = ("name", "thresholds", "top_k", "class_id")
    direction = "max"

    def __init__(self, thresholds: float | None = None, top_k: int | None = None, class_id: int | None = None,
                 name: str | None = None) -> None:
        self.thresholds = None if thresholds is None else arguments.number("thresholds", thresholds, 0, 1)
        self.top_k = None if top_k is None else arguments.integer("top_k", top_k)
        self.class_id = None if class_id is None else arguments.integer("class_id", class_id, 0)
        super().__init__(name)

    def reset_state(self) -> None:
        self._right = self._all = 0.0

    def result(self) -> Any:
        return self._right / self._all if self._all else 0.0

    def update_state(self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None) -> None:
        y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
        classes = y_pred.shape[-1] if y_pred.ndim > 1 else 1
        actual, positive = members(y_true, y_pred), self._positive(y_pred)
        if self.top_k is not None:
            if self.top_k > classes:
                raise ValueError(f"top_k must be at most {classes}, the number of classes. Received: {self.top_k}")
            top = np.zeros(y_pred.shape, bool)
            np.put_along_axis(top, np.argpartition(-y_pred, self.top_k - 1, axis=-1)[..., :self.top_k], True, -1)
            top &= ~unknown(y_pred)[..., None]
            positive = top if self.thresholds is None else top & positive
        if self.class_id is not None:
            if self.class_id >= classes:
                raise ValueError(f"class_id must be below {classes}, the number of classes. Received: {self.class_id}")
            actual, positive = actual[..., self.class_id], positive[..., self.class_id]
        weights, rows = of_samples(sample_weight, len(actual)), tuple(range(1, actual.ndim))
        self._right += float((actual & positive).sum(axis=rows) @ weights)
        self._all += float(self._whole(actual, positive).sum(axis=rows) @ weights)

    def _positive(self, y_pred):
        if self.thresholds is not None:
            return y_pred > self.thresholds
        return self.probabilities(y_pred) > 0.5 if self.link == "softmax" else y_pred > self.middle


class Precision(_Part):
    """Of what is predicted positive, the part that is: true / (true + false positives); 0 if nothing is predicted.

    Args:
        thresholds: between 0 and 1; predictions above it are positive. None: .5, or what means the same with the loss (0 for
            logits and for the hinges); all with top_k.
        top_k: only the k largest predictions of a sample can be positive.
        class_id: look at this class only.

    Shape:
        targets (samples, classes) of 0 and 1, or labels (samples,); predictions (samples, classes)

    Example:
        >>> Precision()([1, 0, 1, 1], [0.9, 0.8, 0.7, 0.1]) == 2 / 3
        True
    """

    def _whole(self, actual, positive):
        return positive


class Recall(_Part):
    """Of what is positive, the part that is predicted so: true positives / (true positives + false negatives).

    Args:
        thresholds, top_k, class_id: as for `Precision`; shapes too.

    Example:
        >>> Recall()([1, 0, 1, 1], [0.9, 0.8, 0.7, 0.1]) == 2 / 3
        True
    """

    def _whole(self, actual, positive):
        return actual


class F1Score(Deciding):
    """The harmonic mean of precision and recall, 2·tp / (2·tp + fp + fn), of each class; 0 of a class that is nowhere.

    Args:
        average: over classes: "macro", the plain mean; "weighted", by how many samples are of a class; "micro", of all
            counts together; None: `result()` is an array with a number per class, which `fit` does not take. (Keras' default
            is None.)
        threshold: predictions above it are positive. None: the largest of each sample; of a single output .5, or what means
            the same with the loss (0 for logits and for the hinges).

    Shape:
        targets (samples, classes) of 0 and 1, or labels (samples,); predictions (samples, classes)

    Example:
        >>> F1Score(threshold=0.5)([1, 0, 1, 1], [0.9, 0.8, 0.7, 0.1]) == 2 / 3
        True
        >>> F1Score(average=None)([0, 1, 2], [[0.9, 0.1, 0.0], [0.1, 0.9, 0.0], [0.6, 0.1, 0.3]]).round(3).tolist()
        [0.667, 1.0, 0.0]
    """

    config = ("name", "average", "threshold")
    direction = "max"

    def __init__(self, average: str | None = "macro", threshold: float | None = None, name: str | None = None) -> None:
        self.average = None if average is None else arguments.choice("average", average, ("macro", "weighted", "micro"))
        self.threshold = None if threshold is None else arguments.number("threshold", threshold)
        super().__init__(name)

    def follow(self, loss: Any) -> None:
        if self.average is None:
            raise ValueError("F1Score must average over the classes in fit and evaluate, whose metrics are numbers: "
                             "'macro', 'weighted' or 'micro'. Received: average=None")
        super().follow(loss)

    def reset_state(self) -> None:
        self._counts = np.zeros((3, 0))  # of each class: true positives, predicted, actual

    def update_state(self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None) -> None:
        y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
        actual, positive = members(y_true, y_pred), self._positive(y_pred)
        classes = y_pred.shape[-1] if y_pred.ndim > 1 else 1
        weights = np.repeat(of_samples(sample_weight, len(y_pred)), y_pred[:1].size // classes)
        counts = np.array([weights @ each.reshape(-1, classes) for each in (actual & positive, positive, actual)])
        self._counts = counts + (self._counts if self._counts.size else 0)

    def _positive(self, y_pred):
        if self.threshold is not None:
            return y_pred > self.threshold
        if y_pred.ndim < 2 or y_pred.shape[-1] == 1:
            return y_pred > self.middle
        return (y_pred.argmax(-1)[..., None] == np.arange(y_pred.shape[-1])) & ~unknown(y_pred)[..., None]

    def result(self) -> Any:
        counts = self._counts.sum(axis=1, keepdims=True) if self.average == "micro" else self._counts
        scores = 2 * counts[0] / np.maximum(counts[1] + counts[2], np.finfo(np.float64).tiny)
        if self.average is None:
            return scores
        shares = counts[2] if self.average == "weighted" else np.ones(len(scores))
        return float(scores @ shares / shares.sum()) if shares.sum() else 0.0


def numbered(y_true: ArrayLike, y_pred: ArrayLike,
             class_names: Sequence[str] | None = None) -> tuple[Any, Any, Sequence[str] | None]:
    """(y_true, y_pred, class_names) with numbers in the place of names; class_names: their order, None: alphabetical.

    Raises:
        TypeError, ValueError: names that are not among these; names on one side alone, and no order; an order that is none.

    Example:
        >>> numbered(["cat", "ape"], ["ape", "ape"])
        ([1, 0], [0, 0], ['ape', 'cat'])
    """
    if class_names is not None and not (isinstance(class_names, (list, tuple, np.ndarray)) and np.ndim(class_names) == 1):
        raise TypeError(f"class_names must be a list of texts. Received: {arguments.shown(class_names)}")
    given = [np.asarray(y) for y in (y_true, y_pred)]
    named = [y.dtype.kind in "UTO" and y.size > 0 and isinstance(y.flat[0], str) for y in given]
    if not any(named):
        return y_true, y_pred, class_names
    if class_names is None and not all(named):
        raise ValueError("class_names must be given where y_true or y_pred holds names, and the other one numbers. "
                         "Received: None")
    names = sorted({str(label) for y in given for label in y.flat}) if class_names is None else list(class_names)
    places, found = {name: number for number, name in enumerate(names)}, []
    for y, has_names, name in zip(given, named, ("y_true", "y_pred")):
        unknown = [label for label in y.flat if label not in places] if has_names else []
        if unknown:
            raise ValueError(f"{name} must hold names among {', '.join(map(repr, names[:10]))}. Received: "
                             f"{arguments.shown(unknown[0])}")
        found.append([places[label] for label in y.flat] if has_names else y)
    return *found, names


def confusion_matrix(y_true: ArrayLike, y_pred: ArrayLike, num_classes: int | None = None,
                     sample_weight: ArrayLike | None = None, threshold: float | None = None,
                     class_names: Sequence[str] | None = None) -> Array:
    """How often each class is taken for each other: rows are what samples are, columns what they are predicted to be.

    Args:
        y_true: labels (samples,), numbers or names, or (samples, classes) of which the largest counts.
        y_pred: the same of predictions; or what a single output predicts, (samples,) or (samples, 1), which says whether it
            is class 1.
        num_classes: None: as many as y_true and y_pred show.
        sample_weight: one number per sample.
        threshold: of a single output, which says yes above it; None: 0.5. (Of logits and of hinges it is 0.)
        class_names: the order of classes whose labels are names; None: alphabetical.

    Shape:
        → (classes, classes), int64; float64 with sample_weight

    Raises:
        TypeError, ValueError: labels that are none, or of another number; predictions of NaN.

    Example:
        >>> confusion_matrix([0, 0, 1, 2], [[0.9, 0.1, 0.0], [0.2, 0.8, 0.0], [0.0, 1.0, 0.0], [0.0, 1.0, 0.0]]).tolist()
        [[1, 1, 0], [0, 1, 0], [0, 1, 0]]
        >>> confusion_matrix([0, 0, 1], [[0.2], [0.7], [0.9]]).tolist()
        [[1, 1], [0, 1]]
    """
    y_true, y_pred, names = numbered(y_true, y_pred, class_names)
    columns, labels = [0 if names is None else len(names)], []
    for name, y in (("y_true", y_true), ("y_pred", y_pred)):
        y = arguments.real(name, y)
        if y.dtype.kind == "f" and np.isnan(y).any():
            rows = np.isnan(y).reshape(len(y), -1).any(axis=1).sum()
            raise ValueError(f"{name} must hold numbers: NaN is of no class. Received: NaN for {rows} of {len(y)} samples")
        if y.ndim == 2 and y.shape[1] > 1:
            columns.append(y.shape[1])
            y = y.argmax(1)
        y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
        if y.ndim != 1:
            raise ValueError(f"{name} must be labels (samples,) or (samples, classes). Received: shape {y.shape}")
        if name == "y_pred" and np.ndim(y_pred) < 3 and _is_single(y, threshold):
            columns.append(2)
            y = y > (0.5 if threshold is None else arguments.number("threshold", threshold))
        if y.dtype.kind not in "iub" and not (y.dtype.kind == "f" and np.all(y == np.floor(y))):
            hint = "; of a single output's logits, threshold=0 says where class 1 begins" if name == "y_pred" else ""
            raise TypeError(f"{name} must hold whole numbers as labels{hint}. Received: dtype {y.dtype}")
        if y.size and not -_MANY < y.min() <= y.max() < _MANY:
            raise ValueError(f"{name} must hold labels below {_MANY:,}, of which there can be a matrix. Received: "
                             f"{y.min()} … {y.max()}")
        labels.append(y.astype(np.int64))
    if len(labels[0]) != len(labels[1]):
        raise ValueError(f"y_true and y_pred must have one length. Received: {len(labels[0])}, {len(labels[1])}")
    shown = max(*columns, *(int(y.max(initial=-1)) + 1 for y in labels))
    classes = shown if num_classes is None else arguments.integer("num_classes", num_classes, 1, _MANY)
    if classes < shown or any(y.min(initial=0) < 0 for y in labels):
        least = min(int(y.min(initial=0)) for y in labels)
        raise ValueError(f"labels must lie from 0 to {classes - 1}. Received: {least} to {shown - 1}")
    weights = None if sample_weight is None else of_samples(sample_weight, len(labels[0]))
    counts = np.bincount(labels[0] * classes + labels[1], weights, classes * classes)
    return counts.reshape(classes, classes)


def _is_single(y, threshold):
    """Is this what a single output predicts, not labels? Probabilities show it; a threshold says it."""
    if threshold is not None:
        return True
    return y.dtype.kind == "f" and y.size and y.min() >= 0 and y.max() <= 1 and np.any(y != np.floor(y))
