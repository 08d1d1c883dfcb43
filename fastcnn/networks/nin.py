"""Network in Network."""

from __future__ import annotations

from collections.abc import Sequence

from fastcnn import initializers, layers
from fastcnn.model.sequential import Sequential
from fastcnn.networks import shared
from fastcnn.typing import Identifier

_STAGES = ((192, 160, 96), 5), ((192, 192, 192), 5), ((192, 192, None), 3)  # filters, None: classes; first one's kernel size


def nin(classes: int = 10, width: float = 1.0, input_shape: Sequence[int] | None = None, seed: int | None = None,
        initializer: Identifier | None = None) -> Sequential:
    """Network in Network, as its authors made it for CIFAR-10: convolutions whose filters are small networks themselves.

    Three stages of a 5×5 (the last: 3×3) convolution and two 1×1, all with ReLU: 192, 160, 96 filters; 192, 192, 192; 192,
    192, `classes`. 3×3 max pooling, then average pooling, with strides 2 and sizes rounded up, and dropout .5 stand between
    them. A mean over the image takes the place of dense layers; softmax. Kernels start from N(0, .05), biases from 0. As in
    the authors' own training, biases learn at twice the rate and do not decay.

    Args:
        classes: number of outputs.
        width: factor of all numbers of filters.
        input_shape: (height, width, channels); None: 32 × 32 × 3.
        seed: of the model; None: from `fastcnn.set_random_seed`'s source.
        initializer: of all kernels, by name or as an object; None: the values above.

    Shape:
        (N, 32, 32, 3) → (N, classes); 966,986 parameters and 222 M multiply-adds with 10 classes

    Raises:
        TypeError, ValueError: as from the layers.

    Source:
        Lin, Chen, Yan 2013, "Network in network", and its authors' files for Caffe.

    Example:
        >>> fastcnn.networks.nin().count_params()
        966986
    """
    wide, start = shared.widened(width), shared.start(initializer, initializers.RandomNormal(stddev=0.05))
    found, perceptrons = [layers.Input(shared.image_shape(input_shape, (32, 32, 3)))], 0
    for stage, (filters, kernel) in enumerate(_STAGES, 1):
        if stage > 1:
            pooling = layers.MaxPooling2D if stage == 2 else layers.AveragePooling2D
            found += [pooling(3, strides=2, ceil_mode=True, name=f"pool{stage - 1}"),
                      layers.Dropout(0.5, name=f"drop{stage - 1}")]
        for place, count in enumerate(filters):
            perceptrons += place > 0
            name = f"cccp{perceptrons}" if place else f"conv{stage}"
            size = 1 if place else kernel
            found.append(layers.Conv2D(classes if count is None else wide(count), size, padding=size // 2, activation="relu",
                                       name=name, **start, **shared.BIASES))
    found += [layers.GlobalAveragePooling2D(name="pool3"), layers.Softmax(name="softmax")]
    return Sequential(found, name="nin", seed=seed)
