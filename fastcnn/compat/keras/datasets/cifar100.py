"""CIFAR-100 in the backend's data format."""

from __future__ import annotations

from fastcnn.compat.keras.datasets.cifar10 import delivered
from fastcnn.datasets import cifar100
from fastcnn.typing import Array, Path


def load_data(label_mode: str = "fine", path: Path | None = None) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """As `fastcnn.datasets.cifar100.load_data`; images are (3, 32, 32) where the backend's data format is "channels_first".

    Example:
        >>> (x_train, y_train), (x_test, y_test) = load_data(label_mode="coarse")  # doctest: +SKIP
        >>> x_train.shape  # doctest: +SKIP
        (50000, 32, 32, 3)
    """
    return delivered(cifar100.load_data(path, label_mode))
