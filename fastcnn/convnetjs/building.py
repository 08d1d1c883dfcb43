"""From the fields of ConvNetJS' layers to fastcnn's layers and losses."""

import numpy as np

from fastcnn import initializers, losses
from fastcnn import layers as L
from fastcnn.layers.normalization import LocalResponseNormalization
from fastcnn.losses.base import Loss


class HalfSquares(Loss):
    """Half the sum of (prediction − target)²: ConvNetJS' regression. Where the target is NaN, none is meant."""

    name = "half_squares"

    def _away(self, y_true, y_pred):
        return np.where(np.isnan(y_true), 0, y_pred - y_true)

    def forward(self, y_true, y_pred):
        return 0.5 * np.square(self._away(y_true, y_pred)).sum(axis=1)

    def backward(self, y_true, y_pred):
        return self._away(y_true, y_pred)


class MistakenNormalization(LocalResponseNormalization):
    """Local response normalization with the gradient that ConvNetJS gives it: where x_j has a part in y_i, it takes x_j²
    for x_i·x_j."""

    def nodes(self):
        return None

    def _window_sums(self, x):
        sums = np.zeros_like(x)
        half, depth = self.size // 2, x.shape[-1]
        for away in range(-min(half, depth - 1), min(half, depth - 1) + 1):
            sums[..., max(0, -away):depth - max(0, away)] += x[..., max(0, away):depth - max(0, -away)]
        return sums

    def forward(self, x, training=False):
        x = x.astype(np.float64)
        self._x, self._s = x, self.k + self.alpha * self._window_sums(x * x)
        return x * self._s**-self.beta

    def backward(self, dy):
        mistaken = self._window_sums(dy * self._s**(-self.beta - 1))
        return dy * self._s**-self.beta - 2 * self.alpha * self.beta * self._x**2 * mistaken


class _Unscaled(L.Rescaling):
    """Takes back, while training, what dropout and the factor of prediction multiply by."""

    training_only = True


def chain(fields, faithful=False):
    """fastcnn's layers for each of ConvNetJS'.

    Args:
        fields: as `definitions.fields` returns them.
        faithful: with ConvNetJS' mistakes.

    Returns:
        list of lists of layers; the input's and, except for softmax, the loss' are empty or of shape only.
    """
    found, flat = [], False
    for layer, before in zip(fields, [None, *fields]):
        kind, own = layer["layer_type"], []
        if kind in _FLAT and not flat:
            own.append(L.Flatten())
        elif kind in _SPATIAL and flat:
            own.append(L.Reshape((1, 1, before["out_depth"])))
        flat = kind in _FLAT or flat and kind not in _SPATIAL
        found.append(own + _BUILDERS[kind](layer, faithful))
    return found


_FLAT, _SPATIAL = ("fc", "softmax", "svm", "regression"), ("conv", "pool")


def _learned(layer, fan_in):
    return {"kernel_initializer": initializers.RandomNormal(0.0, fan_in**-0.5),
            "bias_initializer": initializers.Constant(layer["bias_pref"]),
            "weight_decay_multiplier": {"kernel": layer["l2_decay_mul"], "bias": 0.0}}


def _conv(layer, _):
    fan_in = layer["sx"] * layer["sy"] * layer["in_depth"]
    return [L.Conv2D(layer["out_depth"], (layer["sy"], layer["sx"]), strides=layer["stride"], padding=layer["pad"],
                     **_learned(layer, fan_in))]


def _fc(layer, _):
    return [L.Dense(layer["out_depth"], **_learned(layer, layer["num_inputs"]))]


def _pool(layer, _):
    return [L.MaxPooling2D((layer["sy"], layer["sx"]), strides=layer["stride"], padding=layer["pad"])]


def _lrn(layer, faithful):
    kind = MistakenNormalization if faithful else LocalResponseNormalization
    return [kind(2 * (layer["n"] // 2) + 1, layer["alpha"] / layer["n"], layer["beta"], layer["k"])]


def _dropout(layer, faithful):
    drop = layer["drop_prob"]
    if not faithful:
        return [L.Dropout(drop), L.Rescaling(1 - drop)]
    if not drop:
        raise ValueError("drop_prob must be more than 0 with faithful=True: ConvNetJS multiplies by it when it predicts. "
                         "Received: 0")
    return [L.Dropout(drop), _Unscaled((1 - drop) / drop), L.Rescaling(drop)]


_BUILDERS = {
    "input": lambda layer, _: [], "conv": _conv, "fc": _fc, "pool": _pool,
    "relu": lambda layer, _: [L.ReLU()], "sigmoid": lambda layer, _: [L.Activation("sigmoid")],
    "tanh": lambda layer, _: [L.Activation("tanh")], "maxout": lambda layer, _: [L.Maxout(layer["group_size"])],
    "dropout": _dropout, "lrn": _lrn, "softmax": lambda layer, _: [L.Softmax()],
    "svm": lambda layer, _: [], "regression": lambda layer, _: [],
}


def loss(kind):
    """The loss of a network that ends so, as one of fastcnn's losses."""
    if kind == "regression":
        return HalfSquares()
    return losses.get("sparse_categorical_crossentropy" if kind == "softmax" else "multiclass_hinge")
