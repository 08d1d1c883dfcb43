"""Keras, with whatever backend it is set to (KERAS_BACKEND). It has no local response normalization: LeNet-5 alone."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras  # noqa: E402
import numpy as np  # noqa: E402

from fastcnn import layers  # noqa: E402

_KEPT = {"Conv2D": ("filters", "kernel_size", "strides", "padding", "activation", "groups"),
         "Dense": ("units", "activation"),
         "AveragePooling2D": ("pool_size", "strides", "padding"), "MaxPooling2D": ("pool_size", "strides", "padding"),
         "Dropout": ("rate",), "Flatten": ()}


def network(model):
    """The same network, as Keras' vocabulary is ours."""
    found = [keras.Input(model.input_shape[1:])]
    for layer in model.layers:
        name = type(layer).__name__
        if isinstance(layer, layers.LocalResponseNormalization):
            raise NotImplementedError("Keras has no local response normalization")
        config = layer.get_config()
        found.append(getattr(keras.layers, name)(**{k: config[k] for k in _KEPT[name]}))
    net = keras.Sequential(found)
    net.set_weights(model.get_weights())
    return net


def forward(model, x):
    """Probabilities."""
    net = network(model)
    net.compile()
    return lambda: np.asarray(net.predict_on_batch(x))


def training(model, x, y, rate, momentum, decay):
    """A step; returns the loss. (Keras' decay is decoupled; at the rate that is timed nothing comes of it.)"""
    net = network(model)
    net.compile(keras.optimizers.SGD(rate, momentum=momentum, weight_decay=decay), "sparse_categorical_crossentropy")
    return lambda: float(np.ravel(net.train_on_batch(x, y))[0])
