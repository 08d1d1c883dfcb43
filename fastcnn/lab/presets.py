"""Networks to begin with, for images of any size, and how they are trained."""

from functools import partial
from typing import NamedTuple

from fastcnn import networks
from fastcnn.convnetjs import demos
from fastcnn.lab.network import entries, written


class Preset(NamedTuple):
    """A network to begin with.

    `text` makes what the page shows of (shape of the images, number of classes); `optimizer` is what `optimizers.get` takes.
    """

    title: str
    optimizer: object
    batch_size: int
    text: object
    digits: bool = False  # is it for grey images of 28 × 28 alone?


def _lenet5(variant):
    def text(shape, classes):
        first, *others = entries(networks.lenet5(classes, variant))
        return written([first if variant == "1998" else {**first, "shape": list(shape)}, *others])

    return text


def _conv2d(filters, size):
    return {"layer": "Conv2D", "filters": filters, "kernel_size": size, "padding": "same", "activation": "relu",
            "kernel_initializer": "he_normal"}


def _chain(*own):
    """The text of these entries, between an input and classes."""
    return lambda shape, classes: written([{"layer": "Input", "shape": list(shape)}, *own,
                                           {"layer": "Dense", "units": classes, "activation": "softmax"}])


def _sgd(learning_rate, weight_decay=5e-4):
    config = {"learning_rate": learning_rate, "momentum": 0.9, "weight_decay": weight_decay, "decoupled": False}
    return {"class_name": "SGD", "config": config}


_SDLM = {"class_name": "SDLM", "config": {"learning_rate": 5e-4, "mu": 0.4, "first_mu": 1.68}}
_DEMO = demos.OPTIMIZER, demos.BATCH_SIZE
_NORMALIZED, _FLATTEN = {"layer": "LocalResponseNormalization"}, {"layer": "Flatten"}
_POOLED = {"layer": "MaxPooling2D", "pool_size": 3, "strides": 2, "padding": "same"}
_DENSE = {"layer": "Dense", "units": 256, "activation": "relu"}, {"layer": "Dropout", "rate": 0.5}

PRESETS = {
    "lenet5": Preset("LeNet-5, tanh", _sgd(0.05), 32, _lenet5("tanh")),
    "lenet5-relu": Preset("LeNet-5, ReLU", _sgd(0.05), 32, _lenet5("relu")),
    "lenet5-sigmoid": Preset("LeNet-5, sigmoid", _sgd(0.5, 0.0), 32, _lenet5("sigmoid")),
    "lenet5-1998": Preset("LeNet-5 as published in 1998", _SDLM, 8, _lenet5("1998"), digits=True),
    "convnetjs-mnist": Preset("ConvNetJS' net for MNIST", *_DEMO, partial(demos.text, demos.MNIST)),
    "convnetjs-cifar10": Preset("ConvNetJS' net for CIFAR-10", *_DEMO, partial(demos.text, demos.CIFAR10)),
    "alexnet": Preset("a small AlexNet", _sgd(0.01), 32, _chain(
        _conv2d(32, 5), _NORMALIZED, _POOLED, _conv2d(64, 5), _NORMALIZED, _POOLED, _conv2d(96, 3), _conv2d(96, 3),
        _conv2d(64, 3), _POOLED, _FLATTEN, *_DENSE, *_DENSE)),
    "resnet": Preset("ResNet-20, half as wide", "adam", 32, lambda shape, classes: written(entries(
        networks.resnet(20, classes, cifar=True, width=0.5, input_shape=shape)))),
    "perceptron": Preset("no convolutions", _sgd(0.05), 32, _chain(
        _FLATTEN, {"layer": "Dense", "units": 64, "activation": "relu"})),
}


def offered(shape):
    """{name: `Preset`} of those that fit images of a shape.

    Example:
        >>> "lenet5-1998" in offered((32, 32, 3)), "alexnet" in offered((32, 32, 3))
        (False, True)
    """
    return {name: preset for name, preset in PRESETS.items() if not preset.digits or shape == (28, 28, 1)}
