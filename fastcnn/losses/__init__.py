"""Losses, in Keras' vocabulary."""

from fastcnn.losses.base import Loss, get, serialize
from fastcnn.losses.crossentropy import BinaryCrossentropy, CategoricalCrossentropy, SparseCategoricalCrossentropy
from fastcnn.losses.regression import MeanSquaredError

__all__ = ["BinaryCrossentropy", "CategoricalCrossentropy", "Loss", "MeanSquaredError", "SparseCategoricalCrossentropy",
           "get", "serialize"]
