"""ZFNet."""

from __future__ import annotations

from collections.abc import Sequence

from fastcnn import initializers, layers
from fastcnn.model.sequential import Sequential
from fastcnn.networks import shared
from fastcnn.typing import Identifier

_CONVOLUTIONS = (  # filters, kernel size, strides, padding; is pooling, then is normalization behind it
    (96, 7, 2, 1, True, True), (256, 5, 2, 0, True, True), (384, 3, 1, 1, False, False), (384, 3, 1, 1, False, False),
    (256, 3, 1, 1, True, False),
)  # fmt: skip


def zfnet(classes: int = 1000, width: float = 1.0, input_shape: Sequence[int] | None = None, seed: int | None = None,
          initializer: Identifier | None = None) -> Sequential:
    """ZFNet: AlexNet as Zeiler and Fergus changed it after they had looked at its filters.

    conv1 96 filters 7×7, strides 2; conv2 256 5×5, strides 2; conv3, conv4 384 and conv5 256 3×3; none in groups. 3×3 max
    pooling with strides 2 follows conv1, conv2 and conv5, sizes rounded up; local response normalization, AlexNet's, follows
    the first two poolings. Dense 4096, dropout .5, dense 4096, dropout .5, dense `classes`, softmax. conv1 is padded by 1,
    with which all sizes are those of the paper's figure 3. Kernels start from N(0, .01), biases from 0. (Not part of the
    network: in training the authors keep each filter's root mean square at .1 at most.)

    Args:
        classes: number of outputs.
        width: factor of all numbers of filters and units.
        input_shape: (height, width, channels), at least 37 × 37; None: 224 × 224 × 3.
        seed: of the model; None: from `fastcnn.set_random_seed`'s source.
        initializer: of all kernels, by name or as an object; None: the values above.

    Shape:
        (N, 224, 224, 3) → (N, classes); 62,357,608 parameters and 1,168 M multiply-adds with 1000 classes

    Raises:
        TypeError, ValueError: as from the layers.

    Source:
        Zeiler, Fergus 2013, "Visualizing and understanding convolutional networks", figure 3.

    Example:
        >>> fastcnn.networks.zfnet().count_params()
        62357608
    """
    wide, start = shared.widened(width), shared.start(initializer, initializers.RandomNormal(stddev=0.01))
    found = [layers.Input(shared.image_shape(input_shape, (224, 224, 3)))]
    for number, (filters, kernel, strides, padding, pooled, normalized) in enumerate(_CONVOLUTIONS, 1):
        found.append(layers.Conv2D(wide(filters), kernel, strides=strides, padding=padding, activation="relu",
                                   name=f"conv{number}", **start))
        if pooled:
            found.append(layers.MaxPooling2D(3, strides=2, ceil_mode=True, name=f"pool{number}"))
        if normalized:
            found.append(layers.LocalResponseNormalization(name=f"norm{number}"))
    found.append(layers.Flatten(name="flatten"))
    for number in (6, 7):
        found += [layers.Dense(wide(4096), activation="relu", name=f"fc{number}", **start),
                  layers.Dropout(0.5, name=f"dropout{number}")]
    found.append(layers.Dense(classes, activation="softmax", name="fc8", **start))
    return Sequential(found, name="zfnet", seed=seed)
