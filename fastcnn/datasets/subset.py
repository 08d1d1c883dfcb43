"""A part of a source of images, and the cutting of one into training and validation."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastcnn import arguments
from fastcnn.attributes import Declared
from fastcnn.typing import Array, ArrayLike


class Subset(Declared):
    """Some images of a source, as a source.

    Args:
        source: `ImageFolder`, `ImageArray`, or any object with their interface.
        indices: numbers of the images, in the order wanted.

    Raises:
        TypeError, ValueError: numbers that are not the source's.

    Example:
        >>> source = fastcnn.datasets.ImageArray(np.zeros((5, 8, 8, 3), np.uint8), [0, 1, 2, 3, 4])
        >>> Subset(source, [4, 1]).labels.tolist()
        [4, 1]
    """

    def __init__(self, source: Any, indices: ArrayLike) -> None:
        indices = np.asarray(indices)
        if indices.ndim != 1 or indices.dtype.kind not in "iu" and indices.size:
            raise TypeError(f"indices must be a list of integers. Received: {indices.dtype}, shape {indices.shape}")
        if indices.size and not (0 <= indices.min() and indices.max() < len(source)):
            raise ValueError(f"indices must be from 0 to {len(source) - 1}. Received: {indices.min()} … {indices.max()}")
        self.source, self.indices = source, indices.astype(np.int64)
        self.shape: tuple[int, ...] = source.shape
        self.class_names: Any = getattr(source, "class_names", None)
        self.ground = getattr(source, "ground", "white")
        self.labels: Any = None if source.labels is None else source.labels[self.indices]
        paths = getattr(source, "paths", None)
        self.paths = None if paths is None else [paths[i] for i in self.indices]
        self._rows = {int(i): row for row, i in enumerate(self.indices)}

    @property
    def broken(self) -> dict[int, str]:
        """{number within the subset: what is wrong}, in the order of finding out."""
        found = list(getattr(self.source, "broken", {}).items())
        return {self._rows[i]: text for i, text in found if i in self._rows}

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, i: int) -> tuple[Array, int | None]:
        return self.source[int(self.indices[i])]

    def read(self, indices: ArrayLike, out: Array) -> Array:
        """As the source's: the images of these numbers of the subset.

        Example:
            >>> source = fastcnn.datasets.ImageArray(np.arange(5, dtype=np.uint8).reshape(5, 1, 1, 1), [0, 1, 2, 3, 4])
            >>> out = np.empty((1, 1, 1, 1), np.uint8)
            >>> Subset(source, [4, 1]).read([0], out).tolist(), int(out[0, 0, 0, 0])
            ([True], 4)
        """
        return self.source.read(self.indices[np.asarray(indices)], out)


def split(source: Any, fraction: float = 0.2, seed: int = 0) -> tuple[Subset, Subset]:
    """Cuts a source in two: the rest, and a part held out for validation, alike in every class.

    Of a class of n images, fraction · n (rounded, at least one, never all) are held out; a class of one image stays whole.
    Which ones depends on the seed, the class' number and n alone.

    Args:
        source: of images, with labels.
        fraction: of each class, between 0 and 1.
        seed: of the choice.

    Raises:
        TypeError, ValueError: another fraction; no labels; no class with two images.

    Example:
        >>> source = fastcnn.datasets.ImageArray(np.zeros((15, 8, 8, 3), np.uint8), [0] * 10 + [1] * 5)
        >>> rest, part = split(source, 0.2)
        >>> rest.labels.tolist(), part.labels.tolist()
        ([0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1], [0, 0, 1])
    """
    fraction, seed = arguments.part("fraction", fraction), arguments.integer("seed", seed, 0)
    if not fraction:
        raise ValueError(f"fraction must be greater than 0. Received: {arguments.shown(fraction)}")
    if arguments.source(source, "__len__", "labels", "read").labels is None:
        raise ValueError("source must have labels to be split alike in every class. Received: none")
    held = np.zeros(len(source), bool)
    for label in np.unique(source.labels):
        numbers = np.flatnonzero(source.labels == label)
        count = min(max(1, round(fraction * len(numbers))), len(numbers) - 1)
        held[np.random.default_rng([seed, int(label)]).permutation(numbers)[:count]] = True
    if not held.any():
        raise ValueError(f"a class must have two images to hold one out. Received: {len(source)} images, one per class")
    return Subset(source, np.flatnonzero(~held)), Subset(source, np.flatnonzero(held))
