"""keras.utils: one-hot rows, normalized rows, images from files, and the base of sequences of batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import fastcnn
from fastcnn import arguments
from fastcnn.compat.keras.preprocessing.files import array_to_img, img_to_array, load_img, save_img
from fastcnn.compat.spellings import bound, renamed, translate, warn
from fastcnn.typing import Array, ArrayLike

__all__ = ["PyDataset", "Sequence", "array_to_img", "img_to_array", "load_img", "normalize", "save_img", "set_random_seed",
           "to_categorical"]

_RULES = {"nb_classes": renamed("num_classes")}


def to_categorical(*labels: Any, **given: Any) -> Array:
    """to_categorical(y, num_classes=None): labels as one-hot rows.

    Warns, as fastcnn needs no such rows: "sparse_categorical_crossentropy" takes labels.

    Args:
        y: integers from 0.
        num_classes: length of the rows; None: the largest label and 1. (Once `nb_classes`.)

    Shape:
        (N,), (N, 1) or any other → (N, num_classes) or (…, num_classes), float32

    Raises:
        TypeError, ValueError: labels that are no integers, or not below num_classes.

    Example:
        >>> import warnings
        >>> with warnings.catch_warnings():
        ...     warnings.simplefilter("ignore")
        ...     to_categorical([0, 2], 3).tolist()
        [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    given = translate("to_categorical", bound(_one_hot, labels, given), _RULES)
    warn("to_categorical(y)", "loss='sparse_categorical_crossentropy': it takes the labels y as they are")
    return _one_hot(**given)


def _one_hot(y, num_classes=None):
    y = np.asarray(y)
    if y.dtype.kind not in "iub" and not (y.dtype.kind == "f" and np.all(y == np.floor(y))):
        raise TypeError(f"y must hold integer labels. Received: dtype {y.dtype}")
    y = y.astype(np.int64)
    shape = y.shape[:-1] if y.ndim > 1 and y.shape[-1] == 1 else y.shape
    largest = int(y.max(initial=-1))
    num_classes = largest + 1 if num_classes is None else arguments.integer("num_classes", num_classes)
    if y.min(initial=0) < 0 or largest >= num_classes:
        raise ValueError(f"y must hold labels from 0 to {num_classes - 1}. Received: {y.min()} … {largest}")
    rows = np.zeros((y.size, num_classes), np.float32)
    rows[np.arange(y.size), y.ravel()] = 1
    return rows.reshape(*shape, num_classes)


def normalize(x: ArrayLike, axis: int = -1, order: int = 2) -> Array:
    """x divided by its norm along an axis; where that is 0, x.

    Args:
        x: numbers.
        axis: along which the norm is taken.
        order: of the norm, 2: the root of the sum of squares.

    Shape:
        any → the same

    Example:
        >>> normalize(np.array([[3.0, 4.0]])).tolist()
        [[0.6, 0.8]]
    """
    x = np.asarray(x)
    norm = np.atleast_1d(np.linalg.norm(x, order, axis))
    norm[norm == 0] = 1
    return x / np.expand_dims(norm, axis)


def set_random_seed(seed: int) -> None:
    """Seeds everything random: Python's `random`, NumPy's old generator, and fastcnn, which takes no seed from the others.

    Args:
        seed: integer from 0 to 2³² − 1.

    Example:
        >>> set_random_seed(1)
    """
    import random

    fastcnn.set_random_seed(seed)
    random.seed(seed)
    np.random.seed(seed)


class Sequence:
    """Base of sequences of batches: override `__len__` and `__getitem__`, and `on_epoch_end` if need be.

    Example:
        >>> class Batches(Sequence):
        ...     def __len__(self):
        ...         return 2
        ...     def __getitem__(self, i):
        ...         return np.full((4, 1), i), np.zeros(4)
        >>> [float(x[0, 0]) for x, y in Batches()]
        [0.0, 1.0]
    """

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__} must define __len__()")

    def __getitem__(self, i: int) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must define __getitem__(i)")

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def on_epoch_end(self) -> None:
        """After each epoch."""


PyDataset = Sequence  # what Keras calls it today
