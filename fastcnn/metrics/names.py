"""Metrics by the names that `compile` takes."""

from __future__ import annotations

from typing import Any

from fastcnn import arguments, registry
from fastcnn.metrics.accuracy import (
    BinaryAccuracy,
    CategoricalAccuracy,
    EitherAccuracy,
    SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
)
from fastcnn.metrics.base import Function, Metric
from fastcnn.metrics.confusion import F1Score, Precision, Recall
from fastcnn.metrics.ranking import AUC
from fastcnn.metrics.regression import MeanAbsoluteError, MeanSquaredError
from fastcnn.typing import Config, Identifier

_NAMES = registry.names(
    SparseCategoricalAccuracy, CategoricalAccuracy, BinaryAccuracy, SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy, Precision, Recall, F1Score, AUC, MeanSquaredError, MeanAbsoluteError,
    mse=MeanSquaredError, MSE=MeanSquaredError, mae=MeanAbsoluteError, MAE=MeanAbsoluteError)
_MEANT = {  # elsewhere: here
    **dict.fromkeys(("accuracy", "accuracyscore"), "'accuracy'"), "f1": "'f1_score'",
    **dict.fromkeys(("rocauc", "rocaucscore", "roc"), "'auc'"),
    **{f"top{k}{kind}": f"SparseTopKCategoricalAccuracy({k}) or TopKCategoricalAccuracy({k})" for k in (3, 5, 10)
       for kind in ("", "accuracy", "error")},
    **dict.fromkeys(("confusion", "confusionmatrix"), "fastcnn.metrics.confusion_matrix(y_true, y_pred), a function"),
    **dict.fromkeys(("loss", "valloss"), "nothing: the loss is among the logs anyway"),
}


def get(identifier: Identifier, custom_objects: dict[str, Any] | None = None) -> Metric:
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
    found, name = registry.resolve("metric", Metric, _NAMES, identifier, custom_objects, _MEANT)
    found = found if isinstance(found, Metric) else Function(found)
    if isinstance(identifier, str):
        vars(found)["name"] = name  # the key in logs; nothing is computed otherwise
    return found


def resolve(identifier: Identifier, loss: Any = None, output_shape: Any = (None, None), best: str = "largest") -> Metric:
    """A metric from an entry of `compile(metrics=[…])`, told what the model's predictions mean.

    Args:
        identifier: as of `get`, or "accuracy" or "acc".
        loss, output_shape, best: as of `resolve_accuracy`. Metrics given by name know which prediction is the answer; all
            know where yes begins.

    Example:
        >>> from fastcnn.losses import BinaryCrossentropy
        >>> metric = resolve("accuracy", BinaryCrossentropy(from_logits=True), (None, 1))
        >>> metric([1, 0], [[0.3], [-0.2]])
        1.0
    """
    if isinstance(identifier, str) and identifier in ("accuracy", "acc"):
        return resolve_accuracy(loss, output_shape, identifier, best)
    metric = get(identifier)
    if isinstance(identifier, str) and "best" in metric.config:
        metric.best = best
    metric.follow(loss)
    return metric


def resolve_accuracy(loss: Any, output_shape: Any, name: str = "accuracy", best: str = "largest") -> Metric:
    """The metric that "accuracy" or "acc" stands for, by Keras' rule.

    Args:
        loss: a `fastcnn.losses.Loss`, the name of one, or None: tells whether targets are labels, and where yes begins.
        output_shape: the model's, (None, classes); one class means a binary answer.
        name: as spelled by the user.
        best: which prediction is the answer: "largest" or "smallest".

    Example:
        >>> resolve_accuracy("sparse_categorical_crossentropy", (None, 10), "acc")
        SparseCategoricalAccuracy(name='acc', best='largest')
    """
    if isinstance(loss, str):
        from fastcnn import losses

        loss = losses.get(loss)
    if not isinstance(output_shape, (tuple, list)) or not isinstance(output_shape[-1], (int, type(None))):
        raise TypeError(f"output_shape must be (None, classes). Received: {arguments.shown(output_shape)}")
    if output_shape[-1] == 1:
        metric = BinaryAccuracy(name)
    else:
        kinds = {True: SparseCategoricalAccuracy, False: CategoricalAccuracy, None: EitherAccuracy}
        metric = kinds[loss is not None and loss.labelled](name, best)
    metric.follow(loss)
    return metric


def serialize(metric: Identifier) -> Config:
    """A metric as {"class_name", "config"}, JSON-able; `get` turns it back.

    Example:
        >>> serialize(get("mae"))
        {'class_name': 'MeanAbsoluteError', 'config': {'name': 'mae'}}
    """
    return registry.serialize(get(metric))


