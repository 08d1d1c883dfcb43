"""Metrics by the names that `compile` takes."""

from fastcnn import arguments, registry
from fastcnn.metrics.accuracy import (
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
)
from fastcnn.metrics.base import Function, Metric
from fastcnn.metrics.confusion import Precision, Recall
from fastcnn.metrics.regression import MeanAbsoluteError, MeanSquaredError

_LABELLED = (  # losses beside those called sparse whose targets are labels
    "multiclass_hinge", "svm", "rbf_mean_squared_error", "rbf_maximum_a_posteriori")
_NAMES = registry.names(
    SparseCategoricalAccuracy, CategoricalAccuracy, BinaryAccuracy, SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy, Precision, Recall, MeanSquaredError, MeanAbsoluteError,
    mse=MeanSquaredError, MSE=MeanSquaredError, mae=MeanAbsoluteError, MAE=MeanAbsoluteError)


def get(identifier, custom_objects=None):
    """A metric from an entry of `compile(metrics=[…])`; a name stays as it is spelled.

    Args:
        identifier: a name ("mse", "sparse_categorical_accuracy" …), a `Metric` or a class of them, a
            function f(y_true, y_pred) giving a number per sample, or what `serialize` returned.
        custom_objects: {name: class or function}, known by name beside fastcnn's own.

    Raises:
        TypeError, ValueError: something else, an unknown name, or "accuracy", which `resolve_accuracy` knows.

    Example:
        >>> get("mse"), get("MSE")
        (MeanSquaredError(name='mse'), MeanSquaredError(name='MSE'))
    """
    if isinstance(identifier, str) and identifier in ("accuracy", "acc"):
        raise ValueError(f"which one depends on the loss: use resolve_accuracy. Received: {arguments.shown(identifier)}")
    found, name = registry.resolve("metric", Metric, _NAMES, identifier, custom_objects)
    found = found if isinstance(found, Metric) else Function(found)
    if isinstance(identifier, str):
        found.name = name
    return found


def resolve_accuracy(loss_name, output_shape, name="accuracy", best="largest"):
    """The metric that "accuracy" or "acc" stands for, by Keras' rule.

    Args:
        loss_name: of the loss; one with "sparse", the multiclass hinge, and those of distances have labels as targets.
        output_shape: the model's, (None, classes); one class means a binary answer.
        name: as spelled by the user.
        best: which prediction is the answer: "largest" or "smallest".

    Example:
        >>> resolve_accuracy("sparse_categorical_crossentropy", (None, 10), "acc")
        SparseCategoricalAccuracy(name='acc', best='largest')
    """
    if output_shape[-1] == 1:
        return BinaryAccuracy(name)
    loss_name = (loss_name or "").lower()
    sparse = "sparse" in loss_name or loss_name in _LABELLED
    return (SparseCategoricalAccuracy if sparse else CategoricalAccuracy)(name, best)


def serialize(metric):
    """A metric as {"class_name", "config"}, JSON-able; `get` turns it back.

    Example:
        >>> serialize(get("mae"))
        {'class_name': 'MeanAbsoluteError', 'config': {'name': 'mae'}}
    """
    return registry.serialize(get(metric))


