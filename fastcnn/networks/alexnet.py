"""AlexNet and its variants."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import count
from typing import Any

from fastcnn import arguments, initializers, layers
from fastcnn.model.model import Model
from fastcnn.model.sequential import Sequential
from fastcnn.networks import shared
from fastcnn.typing import Identifier

_KERNELS = 11, 5, 3, 3, 3
_PAPER = {"filters": (96, 256, 384, 384, 256), "groups": (1, 2, 1, 2, 2), "size": 227, "padding": 0, "last_pool": 3}
_VARIANTS = {
    "paper": _PAPER,
    "towers": _PAPER,
    "caffe": _PAPER,
    "torchvision": {"filters": (64, 192, 384, 256, 256), "groups": (1,) * 5, "size": 224, "padding": 2, "last_pool": 3},
    "tutorial": {"filters": (96, 256, 384, 384, 256), "groups": (1,) * 5, "size": 227, "padding": 0, "last_pool": 2},
}


def alexnet(classes: int = 1000, variant: str = "paper", input_shape: Sequence[int] | None = None, seed: int | None = None,
            initializer: Identifier | None = None, width: float = 1.0, dropout: float = 0.5) -> Sequential | Any:
    """AlexNet: five convolutions with ReLU, three max poolings, three dense layers, softmax.

    - "paper": input 227 × 227 × 3 (the paper writes 224). conv1 96 filters 11×11, strides 4; conv2 256 5×5 in 2 groups;
      conv3 384 3×3; conv4 384 3×3 in 2 groups; conv5 256 3×3 in 2 groups. Local response normalization (size 5, k 2,
      α 1e-4, β .75) and then 3×3 max pooling with strides 2 follow conv1 and conv2; pooling follows conv5. Dense 4096,
      dropout .5, dense 4096, dropout .5, dense `classes`. Kernels start from N(0, .01), biases of conv2, conv4, conv5,
      fc6 and fc7 from 1, others from 0. As in the authors' own training, biases learn at twice the rate and do not decay.
    - "towers": the paper's figure. Two towers, one for each of the authors' GPUs, have half of the filters and units each
      ("conv1a", "conv1b" …). They see each other's maps in conv3, and each other's units in the dense layers; normalization
      sees those of its own tower. In value it is "paper" with `LocalResponseNormalization(groups=2)`, as a `Model`.
    - "caffe": Caffe's reference model. The paper's, with pooling before normalization, which is Caffe's: k = 1, and α is
      divided by the size (`alpha_mode="mean"`); fc6 and fc7 start from N(0, .005). fastcnn's pooling rounds sizes down,
      Caffe's up: the same at 227.
    - "torchvision": the one tower of Krizhevsky 2014. 64, 192, 384, 256, 256 filters, input 224 × 224 × 3 with conv1 padded
      by 2, no groups, no normalization, dropout before fc6 and fc7. Kernels and biases start from U(±1/√fan-in),
      torch's default. There is no adaptive pooling: at other input sizes fc6 sees another number of inputs.
    - "tutorial": what most Keras tutorials call AlexNet. The paper's without groups, normalization and multipliers, the last
      pooling 2×2; glorot_uniform kernels, zero biases.

    Args:
        classes: number of outputs.
        variant: "paper", "towers", "caffe", "torchvision" or "tutorial".
        input_shape: (height, width, channels); None: the variant's. At least 67 × 67 in "paper", "towers" and "caffe",
            63 × 63 in "torchvision", 51 × 51 in "tutorial".
        seed: of the model; None: from `fastcnn.set_random_seed`'s source.
        initializer: of all kernels, by name or as an object, with zero biases; None: the variant's own initial values.
        width: factor of all numbers of filters, and of the units of both inner dense layers; they stay even.
        dropout: the part of these units' values that training drops.

    Shape:
        (N, 227, 227, 3) → (N, classes). With 1000 classes 60,965,224 parameters and 724 M multiply-adds ("paper", "towers",
        "caffe"), 61,100,840 and 714 M ("torchvision"), 62,378,344 and 1,135 M ("tutorial")

    Raises:
        TypeError, ValueError: another variant, an input that is too small.

    Source:
        Krizhevsky, Sutskever, Hinton 2012, "ImageNet classification with deep convolutional neural networks"; Krizhevsky
        2014, "One weird trick for parallelizing convolutional neural networks"; Caffe, models/bvlc_reference_caffenet.

    Example:
        >>> fastcnn.networks.alexnet(10, input_shape=(67, 67, 3)).layers[0].output_shape
        (None, 15, 15, 96)
    """
    arguments.choice("variant", variant, tuple(_VARIANTS))
    classes = arguments.integer("classes", classes)
    wide = shared.widened(width)
    v = {**_VARIANTS[variant], "filters": [2 * wide(n // 2) for n in _VARIANTS[variant]["filters"]],
         "units": 2 * wide(2048), "dropout": dropout}
    shape = _input_shape(v, variant, input_shape)
    if variant == "towers":
        return _towers(v, classes, shape, seed, initializer)
    inputs = [channels // groups for channels, groups in zip((shape[2], *v["filters"]), v["groups"])]
    found = [layers.Input(shape)]
    for number, (filters, groups, seen) in enumerate(zip(v["filters"], v["groups"], inputs), 1):
        found += _stage(variant, initializer, number, seen, filters, groups)
    found.append(layers.Flatten(name="flatten"))
    inputs = math.prod(_extent(n, v) for n in shape[:2]) * v["filters"][-1]
    for number, units in ((6, v["units"]), (7, v["units"]), (8, classes)):
        dense, *drop = _dense(variant, initializer, number, inputs, units, dropout)
        found += [*drop, dense] if variant == "torchvision" else [dense, *drop]
        inputs = units
    return Sequential(found, name="alexnet", seed=seed)


def _towers(v, classes, shape, seed, initializer):
    inputs, both = layers.Input(shape), iter(("join2", "join5", "join6", "join7"))
    towers = [inputs] * 2
    for number, (filters, groups) in enumerate(zip(v["filters"], v["groups"]), 1):
        if number > 1 and groups == 1:
            towers = [layers.Concatenate(name=next(both))(towers)] * 2
        seen = towers[0].shape[-1]
        towers = [_through(_stage("towers", initializer, number, seen, filters // 2, 1, tower), x)
                  for tower, x in zip("ab", towers)]
    x = layers.Flatten(name="flatten")(layers.Concatenate(name=next(both))(towers))
    for number in (6, 7):
        towers = [_through(_dense("towers", initializer, number, x.shape[1], v["units"] // 2, v["dropout"], tower), x)
                  for tower in "ab"]
        x = layers.Concatenate(name=next(both))(towers)
    return Model(inputs, _through(_dense("towers", initializer, 8, x.shape[1], classes, 0), x), name="alexnet", seed=seed)


def _through(chain, x):
    for layer in chain:
        x = layer(x)
    return x


def _stage(variant, initializer, number, inputs, filters, groups, tower=""):
    """A convolution of so many inputs per group, and what follows it: normalization and pooling."""
    v, kernel = _VARIANTS[variant], _KERNELS[number - 1]
    found = [layers.Conv2D(filters, kernel, name=f"conv{number}{tower}", strides=1 if number > 1 else 4, groups=groups,
                           activation="relu", padding=kernel // 2 if number > 1 else v["padding"],
                           **_start(variant, initializer, f"conv{number}", inputs * kernel * kernel))]
    if number in (1, 2, 5):
        found.append(layers.MaxPooling2D(v["last_pool"] if number == 5 else 3, strides=2, name=f"pool{number}{tower}"))
    if number < 3 and variant == "caffe":
        found.append(layers.LocalResponseNormalization(k=1.0, alpha_mode="mean", name=f"lrn{number}"))
    elif number < 3 and variant in ("paper", "towers"):
        found.insert(1, layers.LocalResponseNormalization(name=f"lrn{number}{tower}"))
    return found


def _dense(variant, initializer, number, inputs, units, dropout, tower=""):
    """A dense layer and, but for the last, its dropout."""
    last = number == 8
    dense = layers.Dense(units, activation="softmax" if last else "relu", name=f"fc{number}{tower}",
                         **_start(variant, initializer, f"fc{number}", inputs))
    return [dense] if last else [dense, layers.Dropout(dropout, name=f"dropout{number}{tower}")]


def _start(variant, initializer, name, fan_in):
    """A layer's initial values, and what multiplies its rate and decay."""
    options = shared.BIASES if variant in ("paper", "towers", "caffe") else {}
    if variant == "tutorial":
        return shared.start(initializer, "glorot_uniform")
    if variant == "torchvision":
        uniform = shared.uniform_by(fan_in)
        return shared.start(initializer, uniform, uniform)
    stddev = 0.005 if variant == "caffe" and name in ("fc6", "fc7") else 0.01
    bias = 0.0 if name in ("conv1", "conv3", "fc8") else 1.0
    return {**shared.start(initializer, initializers.RandomNormal(stddev=stddev), initializers.Constant(bias)), **options}


def _extent(size, v):
    """Rows (or columns) behind the last pooling; less than 1 if the input is too small."""
    size = (size + 2 * v["padding"] - 11) // 4 + 1
    for pool in (3, 3, v["last_pool"]):
        size = (size - pool) // 2 + 1
    return size


def _input_shape(v, variant, shape):
    shape = shared.image_shape(shape, (v["size"], v["size"], 3))
    least = next(n for n in count(1) if _extent(n, v) > 0)
    if min(shape[:2]) < least:
        raise ValueError(f'input_shape must be at least {least} × {least} for variant "{variant}". Received: {shape}')
    return shape
