"""Optimizers and learning rate schedules, in Keras' vocabulary."""

from fastcnn.optimizers import schedules
from fastcnn.optimizers.base import Optimizer, get, serialize
from fastcnn.optimizers.sgd import SGD

__all__ = ["SGD", "Optimizer", "get", "schedules", "serialize"]
