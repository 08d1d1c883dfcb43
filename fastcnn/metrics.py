"""Metrics, by Keras' names: weighted means over all samples seen since the last reset, kept in float64.

`sample_weight` is one number per sample throughout; None weighs all alike.
"""

import numpy as np

from fastcnn import arguments, registry


class Metric(registry.Configurable):
    """Base of all metrics. Subclass it for your own: write `update_state`, `result` and `reset_state`.

    Args:
        name: the key in `History`; by default the class' name in snake_case.

    Example:
        >>> class Largest(Metric):
        ...     def reset_state(self):
        ...         self.value = 0.0
        ...     def update_state(self, y_true, y_pred, sample_weight=None):
        ...         self.value = max(self.value, float(np.max(y_pred)))
        ...     def result(self):
        ...         return self.value
        >>> Largest()([[0.0]], [[2.0]])
        2.0
    """

    config = ("name",)
    direction = None  # "max" or "min": which way is better, for callbacks with mode="auto"

    def __init__(self, name=None):
        if name is not None and not isinstance(name, str):
            raise TypeError(f"name must be a string. Received: {name!r}")
        self.name = registry.snake(type(self).__name__) if name is None else name
        self.reset_state()

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Take in one batch: targets (samples, …), predictions (samples, …), weights (samples,) or None."""
        raise NotImplementedError(f"{type(self).__name__} must define update_state and result")

    def result(self):
        """The value so far, as a float."""
        raise NotImplementedError(f"{type(self).__name__} must define update_state and result")

    def reset_state(self):
        """Forget all batches; also called by `__init__`."""

    def __call__(self, y_true, y_pred, sample_weight=None):
        """The value so far, with this batch."""
        self.update_state(y_true, y_pred, sample_weight)
        return self.result()


class _Mean(Metric):
    """The weighted mean of what a subclass' `_values` returns: (samples, …), numbers or booleans."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        values = self._values(np.asarray(y_true), np.asarray(y_pred))
        if sample_weight is None:
            binary = values.dtype == bool
            self._total += float(np.count_nonzero(values) if binary else values.sum(dtype=np.float64))
            self._count += values.size
            return
        weights = np.asarray(sample_weight)
        if weights.shape != values.shape:
            if weights.shape != values.shape[:1]:
                raise ValueError(f"sample_weight must have shape ({len(values)},). Received: {weights.shape}")
            weights = np.broadcast_to(weights.reshape(-1, *(1,) * (values.ndim - 1)), values.shape)
        self._total += float(np.multiply(values, weights, dtype=np.float64).sum())
        self._count += float(weights.sum(dtype=np.float64))

    def result(self):
        return self._total / self._count if self._count else 0.0

    def reset_state(self):
        self._total = self._count = 0.0


class _Accuracy(_Mean):
    direction = "max"


class SparseCategoricalAccuracy(_Accuracy):
    """How often the largest prediction is at the label.

    Shape:
        labels (samples,) or (samples, 1), predictions (samples, classes); there may be axes in between.

    Example:
        >>> SparseCategoricalAccuracy()([1, 0], [[0.2, 0.8], [0.3, 0.7]])
        0.5
    """

    def _values(self, y_true, y_pred):
        return y_pred.argmax(-1) == _labels(y_true, y_pred)


class CategoricalAccuracy(_Accuracy):
    """How often the largest prediction is at the largest target; both are (samples, classes).

    Example:
        >>> CategoricalAccuracy()([[0, 1], [1, 0]], [[0.2, 0.8], [0.3, 0.7]])
        0.5
    """

    def _values(self, y_true, y_pred):
        _same_shape(y_true, y_pred, "sparse_categorical_accuracy")
        return y_pred.argmax(-1) == y_true.argmax(-1)


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
            raise ValueError(f"threshold must lie between 0 and 1. Received: {threshold!r}")

    def _values(self, y_true, y_pred):
        return (y_pred > self.threshold) == _aligned(y_true, y_pred)


class TopKCategoricalAccuracy(_Accuracy):
    """How often the largest target is among the k largest predictions; ties count. Both (samples, classes).

    Args:
        k: how many predictions count.

    Example:
        >>> TopKCategoricalAccuracy(k=2)([[0, 0, 1], [1, 0, 0]], [[0.1, 0.6, 0.3], [0.1, 0.6, 0.3]])
        0.5
    """

    config = ("name", "k")

    def __init__(self, k=5, name=None):
        super().__init__(name)
        self.k = arguments.integer("k", k)

    def _chosen(self, y_true, y_pred):
        _same_shape(y_true, y_pred, "sparse_top_k_categorical_accuracy")
        return y_true.argmax(-1)

    def _values(self, y_true, y_pred):
        labels = self._chosen(y_true, y_pred)
        lowest, highest = (labels.min(), labels.max()) if labels.size else (0, 0)
        if lowest < 0 or highest >= y_pred.shape[-1]:
            raise ValueError(f"labels must be below {y_pred.shape[-1]}. Received: {lowest} to {highest}")
        chosen = np.take_along_axis(y_pred, labels[..., None].astype(np.intp), -1)
        larger = (y_pred > chosen).view(np.uint8).sum(-1, dtype=np.uint32)
        return (larger < self.k) & np.isfinite(chosen[..., 0])


class SparseTopKCategoricalAccuracy(TopKCategoricalAccuracy):
    """How often the label is among the k largest predictions; k as above, shapes as for sparse accuracy.

    Example:
        >>> SparseTopKCategoricalAccuracy(k=2)([2, 0], [[0.1, 0.6, 0.3], [0.1, 0.6, 0.3]])
        0.5
    """

    def _chosen(self, y_true, y_pred):
        return _labels(y_true, y_pred)


class MeanAbsoluteError(_Mean):
    """The mean of the absolute differences. Shapes as for BinaryAccuracy.

    Example:
        >>> MeanAbsoluteError()([[0.0, 1.0]], [[2.0, 1.0]])
        1.0
    """

    direction = "min"

    def _values(self, y_true, y_pred):
        return abs(np.subtract(y_pred, _aligned(y_true, y_pred), dtype=np.float64))


class MeanSquaredError(MeanAbsoluteError):
    """The mean of the squared differences. Shapes as for BinaryAccuracy.

    Example:
        >>> MeanSquaredError()([[0.0, 1.0]], [[2.0, 1.0]])
        2.0
    """

    def _values(self, y_true, y_pred):
        return np.square(super()._values(y_true, y_pred))


class _Function(_Mean):
    """The mean of a user's function of (y_true, y_pred): a number per sample, or one for the batch."""

    def __init__(self, function):
        self.function, self.class_name = function, registry.function_name(function)
        super().__init__(self.class_name)

    def _values(self, y_true, y_pred):
        values = np.asarray(self.function(y_true, y_pred))
        if values.shape[:1] not in ((), y_pred.shape[:1]):
            raise ValueError(f"{self.name} must return {len(y_pred)} values. Received: shape {values.shape}")
        return values if values.ndim else np.broadcast_to(values, y_pred.shape[:1])


_NAMES = registry.names(
    SparseCategoricalAccuracy, CategoricalAccuracy, BinaryAccuracy, SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy, MeanSquaredError, MeanAbsoluteError,
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
        raise ValueError(f"which one depends on the loss: use resolve_accuracy. Received: {identifier!r}")
    found, name = registry.resolve("metric", Metric, _NAMES, identifier, custom_objects)
    found = found if isinstance(found, Metric) else _Function(found)
    if isinstance(identifier, str):
        found.name = name
    return found


def resolve_accuracy(loss_name, output_shape, name="accuracy"):
    """The metric that "accuracy" or "acc" stands for, by Keras' rule.

    Args:
        loss_name: of the loss; one with "sparse" has labels as targets.
        output_shape: the model's, (None, classes); one class means a binary answer.
        name: as spelled by the user.

    Example:
        >>> resolve_accuracy("sparse_categorical_crossentropy", (None, 10), "acc")
        SparseCategoricalAccuracy(name='acc')
    """
    if output_shape[-1] == 1:
        return BinaryAccuracy(name)
    sparse = "sparse" in (loss_name or "").lower()
    return SparseCategoricalAccuracy(name) if sparse else CategoricalAccuracy(name)


def serialize(metric):
    """A metric as {"class_name", "config"}, JSON-able; `get` turns it back.

    Example:
        >>> serialize(get("mae"))
        {'class_name': 'MeanAbsoluteError', 'config': {'name': 'mae'}}
    """
    return registry.serialize(get(metric))


def _labels(y_true, y_pred):
    """Labels of y_pred's shape without the classes."""
    shape = y_pred.shape[:-1]
    if y_true.shape == shape:
        return y_true
    if y_true.shape != (*shape, 1):
        raise ValueError(f"y_true must be labels of shape {shape}. Received: shape {y_true.shape}")
    return y_true[..., 0]


def _aligned(y_true, y_pred):
    """y_true in y_pred's shape: (samples,) and (samples, 1) are the same."""
    if y_true.shape == y_pred.shape:
        return y_true
    if y_pred.shape not in ((*y_true.shape, 1), y_true.shape[:-1] if y_true.shape[-1:] == (1,) else None):
        raise ValueError(f"y_true must have shape {y_pred.shape}. Received: shape {y_true.shape}")
    return y_true.reshape(y_pred.shape)


def _same_shape(y_true, y_pred, other):
    if y_true.shape != y_pred.shape:
        raise ValueError(f"y_true must be one-hot rows of shape {y_pred.shape}; for labels use {other}. "
                         f"Received: shape {y_true.shape}")
