"""Optimizers and learning rate schedules, in Keras' vocabulary."""

from fastcnn.optimizers import schedules
from fastcnn.optimizers.adagrad import Adadelta, Adagrad
from fastcnn.optimizers.adam import Adam, AdamW
from fastcnn.optimizers.base import Optimizer, get, serialize
from fastcnn.optimizers.rmsprop import RMSprop, WindowGrad
from fastcnn.optimizers.sdlm import SDLM
from fastcnn.optimizers.sgd import SGD

__all__ = ["Adadelta", "Adagrad", "Adam", "AdamW", "Optimizer", "RMSprop", "SDLM", "SGD", "WindowGrad", "get", "schedules",
           "serialize"]
