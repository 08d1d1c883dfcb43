"""What a metric is; the mean that most are, a user's function, and the shapes that targets may have."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastcnn import arguments, registry
from fastcnn.typing import Array, ArrayLike


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
    direction: str | None = None  # "max" or "min": which way is better, for callbacks with mode="auto"

    def __init__(self, name: str | None = None) -> None:
        if name is not None and not isinstance(name, str):
            raise TypeError(f"name must be a string. Received: {arguments.shown(name)}")
        self.name = registry.snake(type(self).__name__) if name is None else name
        self.reset_state()

    def update_state(self, y_true: Array, y_pred: Array, sample_weight: Array | None = None) -> None:
        """Take in one batch: targets (samples, …), predictions (samples, …), weights (samples,) or None."""
        raise NotImplementedError(f"{type(self).__name__} must define update_state and result")

    def result(self) -> Any:
        """The value so far, as a float."""
        raise NotImplementedError(f"{type(self).__name__} must define update_state and result")

    def reset_state(self) -> None:
        """Forget all batches; also called by `__init__`."""

    def follow(self, loss: Any) -> None:
        """Called by `compile`: what predictions mean depends on the loss, a `fastcnn.losses.Loss` or None."""

    def __call__(self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None) -> Any:
        """The value so far, with this batch."""
        self.update_state(y_true, y_pred, sample_weight)
        return self.result()


class Mean(Metric):
    """The weighted mean of what a subclass' `_values` returns: (samples, …), numbers or booleans."""

    def update_state(self, y_true: Array, y_pred: Array, sample_weight: Array | None = None) -> None:
        total, count = weighted(self._values(np.asarray(y_true), np.asarray(y_pred)), sample_weight)
        self._total += total
        self._count += count

    def result(self) -> float:
        return self._total / self._count if self._count else 0.0

    def reset_state(self) -> None:
        self._total = self._count = 0.0


def weighted(values, sample_weight):
    """(Σ weight · value, Σ weight) of (samples, …) in float64."""
    if sample_weight is None:
        binary = values.dtype == bool
        return float(np.count_nonzero(values) if binary else values.sum(dtype=np.float64)), values.size
    weights = np.asarray(sample_weight)
    if weights.shape != values.shape:
        weights = np.broadcast_to(of_samples(weights, len(values)).reshape(-1, *(1,) * (values.ndim - 1)), values.shape)
    return float(np.multiply(values, weights, dtype=np.float64).sum()), float(weights.sum(dtype=np.float64))


def of_samples(sample_weight, count):
    """One weight per sample, in float64; None: all 1."""
    weights = np.ones(count) if sample_weight is None else np.asarray(sample_weight, np.float64)
    if weights.shape != (count,):
        raise ValueError(f"sample_weight must have shape ({count},). Received: {weights.shape}")
    return weights


class Deciding(Metric):
    """Base of metrics that ask whether predictions say yes: what that means, the loss says."""

    middle = 0.5  # predictions above it say yes …
    link = None   # … after "sigmoid" or "softmax" has made probabilities of them

    def follow(self, loss: Any) -> None:
        for name, value in (("middle", getattr(loss, "threshold", 0.5)), ("link", getattr(loss, "link", None))):
            if getattr(self, name) != value:  # else it is no part of the state
                vars(self)[name] = value

    def probabilities(self, y_pred: Array) -> Array:
        """Predictions, or what `link` makes of them, in float64."""
        y_pred = np.asarray(y_pred, np.float64)
        if self.link == "sigmoid":
            return 0.5 * (1 + np.tanh(0.5 * y_pred))
        if self.link == "softmax":
            powers = np.exp(y_pred - y_pred.max(axis=-1, keepdims=True))
            return powers / powers.sum(axis=-1, keepdims=True)
        return y_pred


class Function(Mean):
    """The mean of a user's function of (y_true, y_pred): a number per sample, or one for the batch."""

    def __init__(self, function):
        self.function, self.class_name = function, registry.function_name(function)
        super().__init__(self.class_name)

    def _values(self, y_true, y_pred):
        values = np.asarray(self.function(y_true.copy(), y_pred.copy()))  # it may write into them
        if values.shape[:1] not in ((), y_pred.shape[:1]):
            raise ValueError(f"{self.name} must return {len(y_pred)} values. Received: shape {values.shape}")
        return values if values.ndim else np.broadcast_to(values, y_pred.shape[:1])


def labels_of(y_true, y_pred):
    """Labels of y_pred's shape without the classes."""
    shape = y_pred.shape[:-1]
    if y_true.shape == shape:
        return y_true
    if y_true.shape != (*shape, 1):
        raise ValueError(f"y_true must be labels of shape {shape}. Received: shape {y_true.shape}")
    return y_true[..., 0]


def aligned(y_true, y_pred):
    """y_true in y_pred's shape: (samples,) and (samples, 1) are the same."""
    if y_true.shape == y_pred.shape:
        return y_true
    if y_pred.shape not in ((*y_true.shape, 1), y_true.shape[:-1] if y_true.shape[-1:] == (1,) else None):
        raise ValueError(f"y_true must have shape {y_pred.shape}. Received: shape {y_true.shape}")
    return y_true.reshape(y_pred.shape)


def members(y_true, y_pred):
    """Which sample is of which class, booleans of y_pred's shape, from labels or from targets of 0 (or −1) and 1."""
    if y_true.shape != y_pred.shape and y_pred.ndim > 1 and y_pred.shape[-1] > 1:
        return labels_of(y_true, y_pred)[..., None] == np.arange(y_pred.shape[-1])
    return aligned(y_true, y_pred) > 0.5


def unknown(y_pred):
    """Which rows of predictions have no answer: NaN is in them."""
    return np.isnan(y_pred).any(-1) if y_pred.dtype.kind == "f" else np.zeros(y_pred.shape[:-1], bool)


def same_shape(y_true, y_pred, other):
    """Refuses targets that are not shaped as predictions, and names the metric for labels."""
    if y_true.shape != y_pred.shape:
        raise ValueError(f"y_true must be one-hot rows of shape {y_pred.shape}; for labels use {other}. "
                         f"Received: shape {y_true.shape}")
