"""fastcnn: classic convolutional networks, trained and run fast on a CPU.

Example:
    >>> import fastcnn
    >>> (x_train, y_train), (x_test, y_test) = fastcnn.datasets.mnist.load_data()
    >>> model = fastcnn.networks.lenet5()
    >>> model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
"""

from fastcnn import (
    callbacks,
    constraints,
    datasets,
    images,
    initializers,
    io,
    layers,
    losses,
    metrics,
    networks,
    ops,
    optimizers,
    regularizers,
)
from fastcnn.comparison import compare
from fastcnn.configuration import __version__, config_context, get_config, set_config, show_config
from fastcnn.io.model_file import load_model
from fastcnn.layers import Input
from fastcnn.model import Sequential
from fastcnn.random import set_random_seed
from fastcnn.threads import get_num_threads, num_threads, set_num_threads

__all__ = [
    "Input", "Sequential", "__version__", "callbacks", "compare", "config_context", "constraints", "convnetjs", "datasets",
    "get_config", "get_num_threads", "images", "initializers", "io", "layers", "load_model", "losses", "metrics", "networks",
    "num_threads", "ops", "optimizers", "reference", "regularizers", "set_config", "set_num_threads", "set_random_seed",
    "show_config", "vis",
]


def __getattr__(name):
    if name in ("convnetjs", "reference", "vis"):  # only who compares, plots or comes from there needs them
        from importlib import import_module

        return import_module(f"fastcnn.{name}")
    raise AttributeError(f"module 'fastcnn' has no attribute {name!r}")
