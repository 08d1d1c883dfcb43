"""Losses as functions of (y_true, y_pred): a number per sample. `compile` takes them as it takes names."""

from __future__ import annotations

from fastcnn.losses.crossentropy import BinaryCrossentropy, CategoricalCrossentropy, SparseCategoricalCrossentropy
from fastcnn.losses.margin import CategoricalHinge, Hinge, MulticlassHinge, SquaredHinge
from fastcnn.losses.regression import Huber, MeanAbsoluteError, MeanSquaredError
from fastcnn.typing import Array, ArrayLike


def sparse_categorical_crossentropy(y_true: ArrayLike, y_pred: ArrayLike, from_logits: bool = False,
                                    ignore_class: int | None = None, label_smoothing: float = 0.0) -> Array:
    """`SparseCategoricalCrossentropy` of each sample. Shape: labels (N,), predictions (N, C) → (N,)."""
    return SparseCategoricalCrossentropy(from_logits, ignore_class, label_smoothing).forward(y_true, y_pred)


def categorical_crossentropy(y_true: ArrayLike, y_pred: ArrayLike, from_logits: bool = False,
                             label_smoothing: float = 0.0) -> Array:
    """`CategoricalCrossentropy` of each sample. Shape: (N, C) → (N,)."""
    return CategoricalCrossentropy(from_logits, label_smoothing).forward(y_true, y_pred)


def binary_crossentropy(y_true: ArrayLike, y_pred: ArrayLike, from_logits: bool = False,
                        label_smoothing: float = 0.0) -> Array:
    """`BinaryCrossentropy` of each sample. Shape: (N, C) → (N,)."""
    return BinaryCrossentropy(from_logits, label_smoothing).forward(y_true, y_pred)


def mean_squared_error(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """`MeanSquaredError` of each sample. Shape: (N, …) → (N,).

    Example:
        >>> mean_squared_error([[0.0, 1.0]], [[0.5, 0.5]]).tolist()
        [0.25]
    """
    return MeanSquaredError().forward(y_true, y_pred)


def mean_absolute_error(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """`MeanAbsoluteError` of each sample. Shape: (N, …) → (N,).

    Example:
        >>> mean_absolute_error([[0.0, 1.0]], [[0.5, 0.5]]).tolist()
        [0.5]
    """
    return MeanAbsoluteError().forward(y_true, y_pred)


def huber(y_true: ArrayLike, y_pred: ArrayLike, delta: float = 1.0) -> Array:
    """`Huber` of each sample. Shape: (N, …) → (N,).

    Example:
        >>> fastcnn.losses.huber([[0.0, 1.0], [0.0, 0.0]], [[0.6, 0.4], [0.4, 0.6]]).round(3).tolist()
        [0.18000000715255737, 0.12999999523162842]
    """
    return Huber(delta).forward(y_true, y_pred)


def hinge(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """`Hinge` of each sample. Shape: (N, …) → (N,)."""
    return Hinge().forward(y_true, y_pred)


def squared_hinge(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """`SquaredHinge` of each sample. Shape: (N, …) → (N,)."""
    return SquaredHinge().forward(y_true, y_pred)


def categorical_hinge(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """`CategoricalHinge` of each sample. Shape: (N, C) → (N,)."""
    return CategoricalHinge().forward(y_true, y_pred)


def multiclass_hinge(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """`MulticlassHinge` of each sample. Shape: labels (N,), predictions (N, C) → (N,)."""
    return MulticlassHinge().forward(y_true, y_pred)
