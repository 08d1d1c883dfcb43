"""Metrics, by Keras' names: weighted means over all samples seen since the last reset, kept in float64.

`sample_weight` is one number per sample throughout; None weighs all alike.
"""

from fastcnn.metrics.accuracy import (
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
)
from fastcnn.metrics.base import Metric
from fastcnn.metrics.confusion import Precision, Recall, confusion_matrix
from fastcnn.metrics.names import get, resolve_accuracy, serialize
from fastcnn.metrics.regression import MeanAbsoluteError, MeanSquaredError

__all__ = ["BinaryAccuracy", "CategoricalAccuracy", "MeanAbsoluteError", "MeanSquaredError", "Metric", "Precision", "Recall",
           "SparseCategoricalAccuracy", "SparseTopKCategoricalAccuracy", "TopKCategoricalAccuracy", "confusion_matrix",
           "get", "resolve_accuracy", "serialize"]
