"""The network of an estimator that is not told which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastcnn import arguments
from fastcnn.layers import Conv2D, Dense, Dropout, Flatten, Input, MaxPooling2D
from fastcnn.model.sequential import Sequential
from fastcnn.typing import ActivationName


def small_network(input_shape: Sequence[int], outputs: int, seed: int | None = None, filters: Sequence[int] = (16, 32),
                  units: Sequence[int] = (64,), dropout: float = 0.0, activation: ActivationName = "relu",
                  last: ActivationName = "softmax") -> Sequential | Any:
    """3×3 convolutions, each with 2×2 max pooling as long as there are pixels, and dense layers; of samples without rows and
    columns dense layers alone.

    Args:
        input_shape: of a sample: (height, width, channels), or (features,).
        outputs: number of classes, or of numbers to predict.
        seed: of the model.
        filters: of each convolution.
        units: of each inner dense layer.
        dropout: the part of these layers' values that training drops.
        activation: of the inner layers.
        last: that of the last layer: "softmax" of classes, "linear" of numbers.

    Shape:
        (N, *input_shape) → (N, outputs)

    Raises:
        TypeError, ValueError: as from the layers.

    Example:
        >>> small_network((8, 8, 1), 10).count_params()
        13706
        >>> [layer.name for layer in small_network((4,), 3, units=[5]).layers]
        ['dense', 'dense_1']
    """
    shape = arguments.shape("input_shape", input_shape)
    found, size = [Input(shape)], min(shape[:2])
    for count in filters if len(shape) == 3 else ():
        found.append(Conv2D(count, 3, padding="same", activation=activation))
        if size > 1:
            found.append(MaxPooling2D(2))
            size //= 2
    found += [Flatten()] if len(shape) == 3 else []
    for count in units:
        found += [Dense(count, activation=activation), *([Dropout(dropout)] if dropout else [])]
    return Sequential([*found, Dense(outputs, activation=last)], seed=seed)
