# What __init__.py offers, for editors and type checkers, which do not run it.

from fastcnn.metrics.accuracy import (
    BinaryAccuracy as BinaryAccuracy, CategoricalAccuracy as CategoricalAccuracy,
    SparseCategoricalAccuracy as SparseCategoricalAccuracy, SparseTopKCategoricalAccuracy as SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy as TopKCategoricalAccuracy,
)
from fastcnn.metrics.base import Metric as Metric
from fastcnn.metrics.confusion import (
    F1Score as F1Score, Precision as Precision, Recall as Recall, confusion_matrix as confusion_matrix,
)
from fastcnn.metrics.names import (
    get as get, resolve as resolve, resolve_accuracy as resolve_accuracy, serialize as serialize,
)
from fastcnn.metrics.ranking import AUC as AUC
from fastcnn.metrics.regression import MeanAbsoluteError as MeanAbsoluteError, MeanSquaredError as MeanSquaredError
