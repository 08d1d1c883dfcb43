"""Small images moved and bent by chance, as an object; and batches of arrays that are prepared as they are wanted."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

import numpy as np

from fastcnn import arguments, ops
from fastcnn.attributes import Declared
from fastcnn.images.augmentation import Augmentation
from fastcnn.registry import Configurable
from fastcnn.typing import Array, ArrayLike, Pair

_BLOCK = 256  # images prepared at a time, at least: enough for threads to share


class Distortion(Configurable):
    """Planar affine maps by chance: images are moved, scaled, squeezed and sheared. Calls `fastcnn.ops.distort`.

    Args:
        size: height and width of the result in pixels, integer or pair; None: those of the images, which are padded with
            background or cropped around their centre.
        translation: up to so many pixels, up or down and left or right.
        scaling: larger or smaller by up to this part.
        squeezing: up to this part wider and flatter, or narrower and taller.
        shearing: rows shifted sideways by up to this part of their distance from the middle one.
        background: value outside of the image, in units of the pixels.
        mean: subtracted from the pixels.
        std: the result is divided by it.

    Shape:
        uint8 or float32 (N, H, W, C) → float32 (N, *size, C)

    Raises:
        TypeError, ValueError: naming the argument, what was received and what is accepted.

    Example:
        >>> distortion = Distortion(32, translation=2, scaling=0.1, mean=20, std=200)
        >>> distortion(np.zeros((1, 28, 28, 1), np.uint8), seed=1, epoch=5).shape
        (1, 32, 32, 1)

    Source: LeCun, Bottou, Bengio, Haffner 1998, III.A.
    """

    config = ("size", "translation", "scaling", "squeezing", "shearing", "background", "mean", "std")

    def __init__(self, size: Pair | None = None, translation: float = 0.0, scaling: float = 0.0, squeezing: float = 0.0,
                 shearing: float = 0.0, background: float = 0.0, mean: float = 0.0, std: float = 1.0) -> None:
        self.size = None if size is None else arguments.pair("size", size)
        self.translation = arguments.number("translation", translation, 0, 2**20)
        self.scaling = arguments.number("scaling", scaling, 0, 0.9)
        self.squeezing = arguments.number("squeezing", squeezing, 0, 0.9)
        self.shearing = arguments.number("shearing", shearing, 0, 2**20)
        self.background, self.mean = arguments.number("background", background), arguments.number("mean", mean)
        self.std = arguments.number("std", std)
        if self.std <= 0:
            raise ValueError(f"std must be greater than 0. Received: {arguments.shown(std)}")

    def __call__(self, x: Array, seed: int = 0, epoch: int = 0, index: ArrayLike | None = None,
                 out: Array | None = None) -> Array:
        """The images as a network takes them.

        Args:
            x: images, uint8 or float32.
            seed, epoch, index: what chance depends on: an image has one draw per seed, epoch and number in its data set;
                index None: 0, 1, 2 …
            out: array to write the result to.
        """
        return ops.distort(x, self.size, self.translation, self.scaling, self.squeezing, self.shearing, self.background,
                           self.mean, 1 / self.std, index, seed, epoch, out=out)

    def evaluation(self) -> Distortion:
        """The same without chance.

        Example:
            >>> Distortion(2, translation=3).evaluation()(np.ones((1, 1, 2, 1), np.uint8)).ravel().tolist()
            [0.5, 0.5, 0.5, 0.5]
        """
        return Distortion(self.size, background=self.background, mean=self.mean, std=self.std)

    def out_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        """(height, width, channels) of what an image of `shape` becomes.

        Example:
            >>> Distortion(32).out_shape((28, 28, 1))
            (32, 32, 1)
        """
        return (*(shape[:2] if self.size is None else self.size), shape[2])


class ArrayBatches(Declared):
    """Batches of arrays whose images are prepared as they are wanted, for `fit` and `evaluate`: without threads of its own,
    so that batches may be as small as one image.

    Everything depends on seed and epoch alone: the order of the images is default_rng([seed, epoch]).permutation, and chance
    in the augmentation belongs to the image's number. A batch's memory is used again for later ones.

    Args:
        x: images; of the dtype that the augmentation takes.
        y: labels or other targets, one for each image.
        batch_size: images per batch; the last one of an epoch may be smaller.
        augmentation: a `Distortion` or an `Augmentation`.
        shuffle: a new order in every epoch.
        seed: of order and augmentation.

    Shape:
        x (N, H, W, C) or (N, H, W)

    Raises:
        TypeError, ValueError: naming the argument and what was received.

    Example:
        >>> x, y = np.zeros((5, 28, 28), np.uint8), np.arange(5)
        >>> batches = ArrayBatches(x, y, 2, Distortion(32, translation=2))
        >>> [(a.shape, b.tolist()) for a, b in ArrayBatches(x, y, 2, Distortion(32), shuffle=False).epoch(0, first=1)]
        [((2, 32, 32, 1), [2, 3]), ((1, 32, 32, 1), [4])]
    """

    def __init__(self, x: Array, y: ArrayLike, batch_size: int = 1, augmentation: Any = None, shuffle: bool = True,
                 seed: int = 0) -> None:
        x, y = np.asarray(x), np.asarray(y)
        x = x[..., None] if x.ndim == 3 else x
        if x.ndim != 4 or len(x) == 0 or y.ndim == 0 or len(y) != len(x):
            raise ValueError(f"x must be images (samples, height, width, channels), and y as many targets. Received: shapes "
                             f"{x.shape} and {y.shape}")
        if not isinstance(augmentation, (Distortion, Augmentation)):
            raise TypeError(f"augmentation must be a Distortion or an Augmentation. "
                            f"Received: {arguments.shown(augmentation)}")
        self.x, self.y, self.augmentation, self.samples = x, y, augmentation, len(x)
        self.shape = augmentation.out_shape(x.shape[1:])
        self.batch_size = arguments.integer("batch_size", batch_size)
        self.shuffle, self.seed = arguments.flag("shuffle", shuffle), arguments.integer("seed", seed, 0, 2**64 - 1)

    def __len__(self) -> int:
        return -(-self.samples // self.batch_size)

    def epoch(self, number: int = 0, first: int = 0) -> Generator[tuple[Array, Array], None, None]:
        """An iterator over the batches (x, y) of an epoch, from batch `first` on.

        Raises:
            TypeError, ValueError: no such numbers.
        """
        number = arguments.integer("number", number, 0, 2**63 - 1)
        first = arguments.integer("first", first, 0, len(self))
        order = np.arange(self.samples)
        if self.shuffle:
            order = np.random.default_rng([self.seed, number]).permutation(self.samples)
        return self._batches(number, order[first * self.batch_size:])

    def _batches(self, number, order):
        block = self.batch_size * -(-_BLOCK // self.batch_size)
        memory = np.empty((min(block, len(order)), *self.shape), np.float32)
        for start in range(0, len(order), block):
            numbers = order[start:start + block]
            x = self.augmentation(self.x[numbers], self.seed, number, numbers, out=memory[:len(numbers)])
            y = self.y[numbers]
            for i in range(0, len(numbers), self.batch_size):
                yield x[i:i + self.batch_size], y[i:i + self.batch_size]
