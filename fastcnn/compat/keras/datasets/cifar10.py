"""CIFAR-10 in the backend's data format."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastcnn.compat.keras import backend
from fastcnn.datasets import cifar10
from fastcnn.typing import Array, Path


def load_data(path: Path | None = None) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """As `fastcnn.datasets.cifar10.load_data`; images are (3, 32, 32) where the backend's data format is "channels_first".

    Example:
        >>> (x_train, y_train), (x_test, y_test) = load_data()  # doctest: +SKIP
        >>> x_train.shape  # doctest: +SKIP
        (50000, 32, 32, 3)
    """
    return delivered(cifar10.load_data(path) if path is not None else cifar10.load_data())


def delivered(parts: Any) -> Any:
    """(x, y) of parts, x in the backend's data format."""
    if backend.image_data_format() == "channels_last":
        return parts
    return tuple((np.ascontiguousarray(x.transpose(0, 3, 1, 2)), y) for x, y in parts)
