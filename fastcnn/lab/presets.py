"""Networks to begin with, for images of any size, and how they are trained."""

from typing import NamedTuple

from fastcnn import networks
from fastcnn.lab.network import entries, written

_SGD = {"optimizer": "SGD", "learning_rate": 0.05, "momentum": 0.9, "weight_decay": 5e-4, "batch_size": 32}
_ADADELTA = {"optimizer": "Adadelta", "learning_rate": 1.0, "weight_decay": 5e-5, "batch_size": 20}  # ConvNetJS' 0.001 / 20
_ADAM = {"optimizer": "Adam", "learning_rate": 0.001, "momentum": 0.9, "batch_size": 32}
_SDLM = {"optimizer": "SDLM", "learning_rate": 5e-4, "batch_size": 8}


class Preset(NamedTuple):
    """A network to begin with.

    `text` makes what the page shows of (shape of the images, number of classes); `settings` are those of its training.
    """

    title: str
    settings: dict
    text: object
    digits: bool = False  # is it for grey images of 28 × 28 alone?


def _lenet5(variant):
    def text(shape, classes):
        first, *others = entries(networks.lenet5(classes, variant))
        return written([first if variant == "1998" else {**first, "shape": list(shape)}, *others])

    return text


def _convnetjs(cut, *stages):
    """ConvNetJS' definitions of stages (filters, size and stride of the pooling), for images whose border is cut off."""
    def text(shape, classes):
        height, width, depth = shape
        defs = [f"type:'input', out_sx:{width - cut}, out_sy:{height - cut}, out_depth:{depth}"]
        for filters, pool in stages:
            defs += [f"type:'conv', sx:5, filters:{filters}, stride:1, pad:2, activation:'relu'",
                     f"type:'pool', sx:{pool}, stride:{pool}"]
        pushed = [f"layer_defs.push({{{each}}});" for each in (*defs, f"type:'softmax', num_classes:{classes}")]
        return "\n".join(["layer_defs = [];", *pushed])

    return text


def _conv2d(filters, size):
    return {"layer": "Conv2D", "filters": filters, "kernel_size": size, "padding": "same", "activation": "relu",
            "kernel_initializer": "he_normal"}


def _chain(*own):
    """The text of these entries, between an input and classes."""
    return lambda shape, classes: written([{"layer": "Input", "shape": list(shape)}, *own,
                                           {"layer": "Dense", "units": classes, "activation": "softmax"}])


_NORMALIZED, _FLATTEN = {"layer": "LocalResponseNormalization"}, {"layer": "Flatten"}
_POOLED = {"layer": "MaxPooling2D", "pool_size": 3, "strides": 2, "padding": "same"}
_DENSE = {"layer": "Dense", "units": 256, "activation": "relu"}, {"layer": "Dropout", "rate": 0.5}

PRESETS = {
    "lenet5": Preset("LeNet-5, tanh", _SGD, _lenet5("tanh")),
    "lenet5-relu": Preset("LeNet-5, ReLU", _SGD, _lenet5("relu")),
    "lenet5-sigmoid": Preset("LeNet-5, sigmoid", {**_SGD, "learning_rate": 0.5, "weight_decay": 0.0}, _lenet5("sigmoid")),
    "lenet5-1998": Preset("LeNet-5 as published in 1998", _SDLM, _lenet5("1998"), digits=True),
    "convnetjs-mnist": Preset("ConvNetJS' net for MNIST", _ADADELTA, _convnetjs(4, (8, 2), (16, 3))),
    "convnetjs-cifar10": Preset("ConvNetJS' net for CIFAR-10", _ADADELTA, _convnetjs(0, (16, 2), (20, 2), (20, 2))),
    "alexnet": Preset("a small AlexNet", {**_SGD, "learning_rate": 0.01}, _chain(
        _conv2d(32, 5), _NORMALIZED, _POOLED, _conv2d(64, 5), _NORMALIZED, _POOLED, _conv2d(96, 3), _conv2d(96, 3),
        _conv2d(64, 3), _POOLED, _FLATTEN, *_DENSE, *_DENSE)),
    "resnet": Preset("ResNet-20, half as wide", _ADAM, lambda shape, classes: written(entries(
        networks.resnet(20, classes, cifar=True, width=0.5, input_shape=shape)))),
    "perceptron": Preset("no convolutions", _SGD, _chain(_FLATTEN, {"layer": "Dense", "units": 64, "activation": "relu"})),
}


def offered(shape):
    """{name: `Preset`} of those that fit images of a shape.

    Example:
        >>> "lenet5-1998" in offered((32, 32, 3)), "alexnet" in offered((32, 32, 3))
        (False, True)
    """
    return {name: preset for name, preset in PRESETS.items() if not preset.digits or shape == (28, 28, 1)}
