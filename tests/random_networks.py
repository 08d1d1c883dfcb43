"""Networks made from a seed: chains of up to five spatial layers and three dense ones, fit to be trained."""

import numpy as np
from twin import Affine, Doubled

import fastcnn
from fastcnn import layers as L

ENDS = [
    ("mean_squared_error", False, "linear"),
    ("mean_squared_error", False, "scaled_tanh"),
    ("binary_crossentropy", False, "sigmoid"),
    ("binary_crossentropy", True, "linear"),
    ("sparse_categorical_crossentropy", False, "softmax"),
    ("sparse_categorical_crossentropy", True, "linear"),
    ("categorical_crossentropy", False, "softmax"),
    ("categorical_crossentropy", False, "sigmoid"),
    ("categorical_crossentropy", True, "linear"),
    ("sparse_categorical_crossentropy", True, "log_softmax"),
]
ACTIVATIONS = ["linear", "relu", "leaky_relu", "elu", "sigmoid", "tanh", "scaled_tanh", "softplus", "softmax", "softsign",
               "selu", "relu6", "silu", "gelu", "hard_silu"]
SPATIAL = ["conv", "conv", "conv", "max", "avg", "soft", "lp", "lrn", "within", "norm", "activation", "prelu", "maxout",
           "dropout", "affine", "doubled", "dense"]


def pick(rng, options):
    return options[rng.integers(len(options))]


def activation(rng, outputs):
    """A random one; a softmax of a single output is refused."""
    name = pick(rng, ACTIVATIONS)
    return "linear" if name == "softmax" and outputs == 1 else name


def spatial_layer(rng, kind, shape, seed, filters):
    """A random layer that fits on images of `shape`."""
    window = tuple(int(rng.integers(1, min(3, size) + 1)) for size in shape[:2])
    options = {"strides": int(rng.integers(1, 3)), "padding": pick(rng, ["valid", "same"])}
    if kind == "conv":
        groups = pick(rng, [g for g in (1, 1, 2, 3) if shape[2] % g == 0])
        count, use_bias = groups * int(rng.integers(1, filters)), bool(rng.integers(4))
        return L.Conv2D(
            count, window, groups=groups, use_bias=use_bias, activation=activation(rng, count), **options
        )
    return {
        "max": lambda: L.MaxPooling2D(window, **options),
        "avg": lambda: pick(
            rng, [L.AveragePooling2D(window, **options), L.AdaptiveAveragePooling2D((window[1] + 1, window[0] + 3))]
        ),
        "soft": lambda: L.SoftPooling2D(window, **options),
        "lp": lambda: L.LpPooling2D(pick(rng, [2, 3.5]), window, **options),
        "lrn": lambda: L.LocalResponseNormalization(
            int(rng.integers(1, 6)), alpha=0.2, k=1.0, groups=pick(rng, [g for g in (1, 2, 3) if shape[2] % g == 0])
        ),
        "norm": lambda: L.BatchNormalization(momentum=0.9, center=bool(rng.integers(2)), scale=bool(rng.integers(2))),
        "within": lambda: L.LocalResponseNormalization(3, alpha=0.2, k=1.0, mode="within_channel"),
        "activation": lambda: L.Activation(activation(rng, shape[2])),
        "prelu": lambda: L.PReLU("normal", pick(rng, [None, 3, (1, 2), (1, 2, 3)])),
        "maxout": lambda: L.Maxout(2 - shape[2] % 2),
        "dropout": lambda: L.Dropout(0.25, seed=seed),
        "affine": Affine,
        "doubled": Doubled if shape[2] < 16 else Affine,
        "dense": lambda: L.Dense(filters, activation(rng, filters), bool(rng.integers(4))),  # each pixel alone
    }[kind]()


def random_model(seed, large=False):
    """A chain of up to five spatial layers and three dense ones, compiled."""
    rng = np.random.default_rng(seed)
    shape = (14, 15, 8) if large else tuple(int(n) for n in (*rng.integers(5, 12, 2), rng.integers(1, 5)))
    loss, from_logits, last = ENDS[seed % len(ENDS)]
    model = fastcnn.Sequential([fastcnn.Input(shape)], seed=seed)
    for i in range(int(rng.integers(2 if large else 0, 6))):
        kind = "conv" if large and i == 0 else pick(rng, SPATIAL)
        model.add(
            spatial_layer(
                rng, kind, model.layers[-1].output_size if i else shape, seed + i, 24 if large else 7
            )
        )
    model.add(pick(rng, [L.Flatten, L.Flatten, L.GlobalMaxPooling2D, L.GlobalAveragePooling2D])())
    for _ in range(int(rng.integers(0, 3))):
        units = int(rng.integers(1, 40))
        model.add(L.Dense(units, activation=activation(rng, units)))
        if rng.integers(4) == 0:
            model.add(
                pick(
                    rng, [Affine, lambda: L.Dropout(0.5, seed=seed), lambda: L.LocalResponseNormalization(3)]
                )()
            )
    model.add(L.Dense(int(rng.integers(2, 7)), activation=last))
    model.compile(
        fastcnn.optimizers.SGD(1.0),
        {"class_name": loss, "config": {"from_logits": from_logits}}
        if loss != "mean_squared_error"
        else loss,
    )
    return model
