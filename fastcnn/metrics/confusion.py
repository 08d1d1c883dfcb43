"""What is taken for what: precision, recall, the confusion matrix."""

import numpy as np

from fastcnn import arguments
from fastcnn.metrics.base import Metric, aligned, labels_of


class _Part(Metric):
    """True positives among what a subclass' `_whole` counts."""

    config = ("name", "thresholds", "top_k", "class_id")
    direction = "max"

    def __init__(self, thresholds=None, top_k=None, class_id=None, name=None):
        self.thresholds = None if thresholds is None else arguments.number("thresholds", thresholds, 0, 1)
        self.top_k = None if top_k is None else arguments.integer("top_k", top_k)
        self.class_id = None if class_id is None else arguments.integer("class_id", class_id, 0)
        super().__init__(name)

    def reset_state(self):
        self._right = self._all = 0.0

    def result(self):
        return self._right / self._all if self._all else 0.0

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
        classes = y_pred.shape[-1] if y_pred.ndim > 1 else 1
        if y_true.shape != y_pred.shape and classes > 1:  # labels
            actual = labels_of(y_true, y_pred)[..., None] == np.arange(classes)
        else:
            actual = aligned(y_true, y_pred) > 0.5
        positive = y_pred > (0.5 if self.thresholds is None else self.thresholds)
        if self.top_k is not None:
            if self.top_k > classes:
                raise ValueError(f"top_k must be at most {classes}, the number of classes. Received: {self.top_k}")
            top = np.zeros(y_pred.shape, bool)
            np.put_along_axis(top, np.argpartition(-y_pred, self.top_k - 1, axis=-1)[..., :self.top_k], True, -1)
            positive = top if self.thresholds is None else top & positive
        if self.class_id is not None:
            if self.class_id >= classes:
                raise ValueError(f"class_id must be below {classes}, the number of classes. Received: {self.class_id}")
            actual, positive = actual[..., self.class_id], positive[..., self.class_id]
        weights = np.ones(len(actual)) if sample_weight is None else np.asarray(sample_weight, np.float64)
        if weights.shape != actual.shape[:1]:
            raise ValueError(f"sample_weight must have shape ({len(actual)},). Received: {weights.shape}")
        rows = tuple(range(1, actual.ndim))
        self._right += float((actual & positive).sum(axis=rows) @ weights)
        self._all += float(self._whole(actual, positive).sum(axis=rows) @ weights)


class Precision(_Part):
    """Of what is predicted positive, the part that is: true / (true + false positives); 0 if nothing is predicted.

    Args:
        thresholds: between 0 and 1; predictions above it are positive. None: .5, or all with top_k.
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


def confusion_matrix(y_true, y_pred, num_classes=None, sample_weight=None):
    """How often each class is taken for each other: rows are what samples are, columns what they are predicted to be.

    Args:
        y_true: labels (samples,), or (samples, classes) of which the largest counts.
        y_pred: the same of predictions.
        num_classes: None: as many as y_true and y_pred show.
        sample_weight: one number per sample.

    Shape:
        → (classes, classes), int64; float64 with sample_weight

    Raises:
        TypeError, ValueError: labels that are none, or of another number.

    Example:
        >>> confusion_matrix([0, 0, 1, 2], [[0.9, 0.1, 0.0], [0.2, 0.8, 0.0], [0.0, 1.0, 0.0], [0.0, 1.0, 0.0]]).tolist()
        [[1, 1, 0], [0, 1, 0], [0, 1, 0]]
    """
    columns, labels = [0], []
    for name, y in (("y_true", y_true), ("y_pred", y_pred)):
        y = np.asarray(y)
        if y.ndim == 2 and y.shape[1] > 1:
            columns.append(y.shape[1])
            y = y.argmax(1)
        y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
        if y.ndim != 1:
            raise ValueError(f"{name} must be labels (samples,) or (samples, classes). Received: shape {y.shape}")
        if y.dtype.kind not in "iub" and not (y.dtype.kind == "f" and np.all(y == np.floor(y))):
            raise TypeError(f"{name} must hold whole numbers as labels. Received: dtype {y.dtype}")
        labels.append(y.astype(np.int64))
    if len(labels[0]) != len(labels[1]):
        raise ValueError(f"y_true and y_pred must have one length. Received: {len(labels[0])}, {len(labels[1])}")
    shown = max(*columns, *(int(y.max(initial=-1)) + 1 for y in labels))
    classes = shown if num_classes is None else arguments.integer("num_classes", num_classes)
    if classes < shown or any(y.min(initial=0) < 0 for y in labels):
        least = min(int(y.min(initial=0)) for y in labels)
        raise ValueError(f"labels must lie from 0 to {classes - 1}. Received: {least} to {shown - 1}")
    weights = None if sample_weight is None else np.asarray(sample_weight, np.float64)
    if weights is not None and weights.shape != labels[0].shape:
        raise ValueError(f"sample_weight must have shape {labels[0].shape}. Received: {weights.shape}")
    counts = np.bincount(labels[0] * classes + labels[1], weights, classes * classes)
    return counts.reshape(classes, classes)
