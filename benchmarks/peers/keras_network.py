"""Keras on torch, or on another backend that KERAS_BACKEND names. It has neither local response normalization
nor poolings that round sizes up or are padded by numbers: LeNet-5 and VGG.

Unless told so it would take TensorFlow, if that is installed, as it is for LiteRT; and torch.compile crashes in a process
that has imported TensorFlow first.
"""

import os

os.environ.setdefault("KERAS_BACKEND", "torch")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras  # noqa: E402
import numpy as np  # noqa: E402

from fastcnn import layers  # noqa: E402

_WINDOWS = ("pool_size", "strides", "padding")
_KEPT = {"Conv2D": ("filters", "kernel_size", "strides", "padding", "activation", "groups", "use_bias"),
         "Dense": ("units", "activation", "use_bias"), "BatchNormalization": ("momentum", "epsilon"),
         "AveragePooling2D": _WINDOWS, "MaxPooling2D": _WINDOWS, "GlobalAveragePooling2D": (), "Dropout": ("rate",),
         "Flatten": (), "Add": (), "Concatenate": (), "ReLU": (), "Softmax": ()}


def network(model):
    """The same network, as Keras' vocabulary is ours."""
    start = keras.Input(model.input_shape[1:])
    values = {id(model.graph.inputs[0]): start}
    for call in model.graph.order:
        taken = [values[id(symbol)] for symbol in call.inputs]
        answer = _layer(call.layer, taken if len(taken) > 1 else taken[0])
        values.update({id(symbol): answer for symbol in model.graph.given_by(call.layer)})
    return keras.Model(start, answer)


def _layer(layer, x):
    """What Keras' layer with the same weights makes of x; what is padded by numbers is padded before."""
    name = type(layer).__name__
    if name not in _KEPT or getattr(layer, "ceil_mode", False):
        raise NotImplementedError(f"Keras has no {name} like that")
    config = layer.get_config()
    options = {k: config[k] for k in _KEPT[name]}
    if isinstance(options.get("padding"), tuple):
        if not isinstance(layer, layers.Conv2D):
            raise NotImplementedError(f"Keras has no {name} padded by numbers")
        x, options["padding"] = keras.layers.ZeroPadding2D(options["padding"])(x), "valid"
    made = getattr(keras.layers, name)(**options)
    y = made(x)
    made.set_weights(layer.get_weights())
    return y


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
