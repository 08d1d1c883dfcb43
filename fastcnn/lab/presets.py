"""Networks to begin with, for images of any size, and how they are trained."""

from typing import NamedTuple

from fastcnn import layers, networks
from fastcnn.lab import network

_SGD = {"optimizer": "SGD", "learning_rate": 0.05, "momentum": 0.9, "weight_decay": 5e-4, "batch_size": 32}
_ADADELTA = {"optimizer": "Adadelta", "learning_rate": 1.0, "weight_decay": 5e-5, "batch_size": 20}  # ConvNetJS' 0.001 / 20
_ADAM = {"optimizer": "Adam", "learning_rate": 0.001, "momentum": 0.9, "weight_decay": 0.0, "batch_size": 32}
_SDLM = {"optimizer": "SDLM", "learning_rate": 5e-4, "weight_decay": 0.0, "batch_size": 8}

_DIGITS = """layer_defs = [];
layer_defs.push({{type:'input', out_sx:{width}, out_sy:{height}, out_depth:{depth}}});
layer_defs.push({{type:'conv', sx:5, filters:8, stride:1, pad:2, activation:'relu'}});
layer_defs.push({{type:'pool', sx:2, stride:2}});
layer_defs.push({{type:'conv', sx:5, filters:16, stride:1, pad:2, activation:'relu'}});
layer_defs.push({{type:'pool', sx:3, stride:3}});
layer_defs.push({{type:'softmax', num_classes:{classes}}});
"""
_PHOTOGRAPHS = """layer_defs = [];
layer_defs.push({{type:'input', out_sx:{width}, out_sy:{height}, out_depth:{depth}}});
layer_defs.push({{type:'conv', sx:5, filters:16, stride:1, pad:2, activation:'relu'}});
layer_defs.push({{type:'pool', sx:2, stride:2}});
layer_defs.push({{type:'conv', sx:5, filters:20, stride:1, pad:2, activation:'relu'}});
layer_defs.push({{type:'pool', sx:2, stride:2}});
layer_defs.push({{type:'conv', sx:5, filters:20, stride:1, pad:2, activation:'relu'}});
layer_defs.push({{type:'pool', sx:2, stride:2}});
layer_defs.push({{type:'softmax', num_classes:{classes}}});
"""
_PERCEPTRON = """[
  {{"layer": "Flatten"}},
  {{"layer": "Dense", "units": 64, "activation": "relu"}},
  {{"layer": "Dense", "units": {classes}, "activation": "softmax"}}
]"""


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
        own = network.entries(networks.lenet5(classes, variant))
        if variant != "1998":
            own[0]["shape"] = list(shape)
        return network.written(own)

    return text


def _filled(template, cut=0):
    def text(shape, classes):
        height, width, depth = shape
        return template.format(height=height - cut, width=width - cut, depth=depth, classes=classes)

    return text


def _alexnet(shape, classes):
    def stage(filters, size, normalized, pooled):
        yield {"layer": "Conv2D", "filters": filters, "kernel_size": size, "padding": "same", "activation": "relu",
               "kernel_initializer": "he_normal"}
        if normalized:
            yield {"layer": "LocalResponseNormalization"}
        if pooled:
            yield {"layer": "MaxPooling2D", "pool_size": 3, "strides": 2, "padding": "same"}

    stages = (32, 5, True, True), (64, 5, True, True), (96, 3, False, False), (96, 3, False, False), (64, 3, False, True)
    own = [{"layer": "Input", "shape": list(shape)}, *(entry for one in stages for entry in stage(*one)), {"layer": "Flatten"}]
    for _ in range(2):
        own += [{"layer": "Dense", "units": 256, "activation": "relu"}, {"layer": "Dropout", "rate": 0.5}]
    return network.written([*own, {"layer": "Dense", "units": classes, "activation": "softmax"}])


def _resnet(shape, classes):
    def normalized(x, filters, size, strides, name):
        x = layers.Conv2D(filters, size, strides=strides, padding="same", use_bias=False, kernel_initializer="he_normal",
                          name=name)(x)
        return layers.BatchNormalization(momentum=0.9, name=f"{name}.bn")(x)

    inputs = layers.Input(shape, name="input")
    x = layers.ReLU(name="relu")(normalized(inputs, 16, 3, 1, "conv"))
    for number, filters in enumerate((16, 32, 64), 1):
        strides, name = 1 if number == 1 else 2, f"block{number}"
        y = layers.ReLU(name=f"{name}.relu1")(normalized(x, filters, 3, strides, f"{name}.conv1"))
        y = normalized(y, filters, 3, 1, f"{name}.conv2")
        short = x if number == 1 else normalized(x, filters, 1, strides, f"{name}.short")
        x = layers.ReLU(name=f"{name}.relu2")(layers.Add(name=f"{name}.add")([y, short]))
    x = layers.Dense(classes, activation="softmax", name="output")(layers.GlobalAveragePooling2D(name="mean")(x))
    return network.text_of(network.Model(inputs, x))


PRESETS = {
    "lenet5": Preset("LeNet-5, tanh", _SGD, _lenet5("tanh")),
    "lenet5-relu": Preset("LeNet-5, ReLU", _SGD, _lenet5("relu")),
    "lenet5-sigmoid": Preset("LeNet-5, sigmoid", {**_SGD, "learning_rate": 0.5, "weight_decay": 0.0}, _lenet5("sigmoid")),
    "lenet5-1998": Preset("LeNet-5 as published in 1998", _SDLM, _lenet5("1998"), digits=True),
    "convnetjs-mnist": Preset("ConvNetJS' net for MNIST", _ADADELTA, _filled(_DIGITS, 4)),
    "convnetjs-cifar10": Preset("ConvNetJS' net for CIFAR-10", _ADADELTA, _filled(_PHOTOGRAPHS)),
    "alexnet": Preset("a small AlexNet", {**_SGD, "learning_rate": 0.01}, _alexnet),
    "resnet": Preset("a small ResNet", _ADAM, _resnet),
    "perceptron": Preset("no convolutions", _SGD, _filled(_PERCEPTRON)),
}


def offered(shape):
    """{name: `Preset`} of those that fit images of a shape.

    Example:
        >>> "lenet5-1998" in offered((32, 32, 3)), "alexnet" in offered((32, 32, 3))
        (False, True)
    """
    return {name: preset for name, preset in PRESETS.items() if not preset.digits or shape == (28, 28, 1)}
