"""Losses, in Keras' vocabulary: classes, and functions of (y_true, y_pred) that give a number per sample."""

from fastcnn.losses.base import Loss
from fastcnn.losses.crossentropy import BinaryCrossentropy, CategoricalCrossentropy, SparseCategoricalCrossentropy
from fastcnn.losses.functions import (
    binary_crossentropy,
    categorical_crossentropy,
    categorical_hinge,
    hinge,
    huber,
    mean_absolute_error,
    mean_squared_error,
    multiclass_hinge,
    sparse_categorical_crossentropy,
    squared_hinge,
)
from fastcnn.losses.margin import CategoricalHinge, Hinge, MulticlassHinge, SquaredHinge
from fastcnn.losses.names import get, serialize
from fastcnn.losses.rbf import RBFMaximumAPosteriori, RBFMeanSquaredError
from fastcnn.losses.regression import Huber, MeanAbsoluteError, MeanSquaredError

__all__ = ["BinaryCrossentropy", "CategoricalCrossentropy", "CategoricalHinge", "Hinge", "Huber", "Loss",
           "MeanAbsoluteError", "MeanSquaredError", "MulticlassHinge", "RBFMaximumAPosteriori", "RBFMeanSquaredError",
           "SparseCategoricalCrossentropy", "SquaredHinge", "binary_crossentropy", "categorical_crossentropy",
           "categorical_hinge", "get", "hinge", "huber", "mean_absolute_error",
           "mean_squared_error", "multiclass_hinge", "serialize", "sparse_categorical_crossentropy", "squared_hinge"]
