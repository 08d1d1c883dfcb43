"""VGG."""

from __future__ import annotations

from collections.abc import Sequence

from fastcnn import arguments, initializers, layers
from fastcnn.model.sequential import Sequential
from fastcnn.networks import shared
from fastcnn.typing import Identifier

_CONVOLUTIONS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}  # before each pooling
_FILTERS = 64, 128, 256, 512, 512


def vgg(depth: int, batch_norm: bool = False, classes: int = 1000, width: float = 1.0,
        input_shape: Sequence[int] | None = None, seed: int | None = None,
        initializer: Identifier | None = None) -> Sequential:
    """VGG: 3×3 convolutions with ReLU alone, five max poolings, three dense layers, softmax.

    The paper's A (11 layers with weights), B (13), D (16) and E (19). Stages of 64, 128, 256, 512 and 512 filters end in
    2×2 max pooling; dense 4096, dropout .5, dense 4096, dropout .5, dense `classes`. Layers have torchvision's names, and
    initial values are torchvision's: kernels of convolutions are normal of variance 2 / fan-out, dense ones N(0, .01),
    biases 0. (The paper begins the deeper ones with A's trained layers, the rest being N(0, .01).) There is no adaptive
    pooling: at other input sizes the first dense layer sees another number of inputs.

    Args:
        depth: 11, 13, 16 or 19.
        batch_norm: batch normalization between each convolution and its ReLU; epsilon 1e-5, momentum .9, as torchvision's.
        classes: number of outputs.
        width: factor of all numbers of filters and units.
        input_shape: (height, width, channels), at least 32 × 32; None: 224 × 224 × 3.
        seed: of the model; None: from `fastcnn.set_random_seed`'s source.
        initializer: of all kernels, by name or as an object; None: the values above.

    Shape:
        (N, 224, 224, 3) → (N, classes). With 1000 classes 132,863,336 parameters and 7.61 G multiply-adds (11), 133,047,848
        and 11.31 G (13), 138,357,544 and 15.47 G (16), 143,667,240 and 19.63 G (19)

    Raises:
        TypeError, ValueError: another depth, an input that is too small.

    Source:
        Simonyan, Zisserman 2014, "Very deep convolutional networks for large-scale image recognition"; torchvision.

    Example:
        >>> fastcnn.networks.vgg(16).count_params()
        138357544
    """
    stages, wide = shared.entry("depth", depth, _CONVOLUTIONS), shared.widened(width)
    norm, number = arguments.flag("batch_norm", batch_norm), 0  # of a module of torchvision's, where ReLU counts
    own = shared.start(initializer, initializers.VarianceScaling(2.0, "fan_out", "untruncated_normal"))
    found = [layers.Input(shared.image_shape(input_shape, (224, 224, 3)))]
    for filters, count in zip(_FILTERS, stages):
        for _ in range(count):
            found.append(layers.Conv2D(wide(filters), 3, padding=1, activation=None if norm else "relu",
                                       name=f"features.{number}", **own))
            if norm:
                found += [layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"features.{number + 1}"),
                          layers.ReLU(name=f"features.{number + 2}")]
            number += 3 if norm else 2
        found.append(layers.MaxPooling2D(2, name=f"features.{number}"))
        number += 1
    own = shared.start(initializer, initializers.RandomNormal(stddev=0.01))
    found.append(layers.Flatten(name="flatten"))
    for number in (0, 3):
        found += [layers.Dense(wide(4096), activation="relu", name=f"classifier.{number}", **own),
                  layers.Dropout(0.5, name=f"classifier.{number + 2}")]
    found.append(layers.Dense(classes, activation="softmax", name="classifier.6", **own))
    return Sequential(found, name=f"vgg{depth}", seed=seed)
