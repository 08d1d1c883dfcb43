"""MNIST, with the argument that Keras has."""

from __future__ import annotations

import os

from fastcnn.datasets import mnist
from fastcnn.typing import Array, Path


def load_data(path: Path = "mnist.npz") -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """As `fastcnn.datasets.mnist.load_data`.

    Args:
        path: in Keras the file that the digits are kept in once they are downloaded. If there is such a file, here or in
            Keras' own folder, it is read; else the bundled digits are loaded, which are the same.

    Example:
        >>> (x_train, y_train), (x_test, y_test) = load_data(path="mnist.npz")
        >>> x_train.shape
        (60000, 28, 28)
    """
    folder = os.path.expanduser(os.path.join("~", ".keras", "datasets"))
    found = next(filter(os.path.exists, (path, os.path.join(folder, path))), None)
    return mnist.load_data() if found is None else mnist.load_data(found)
