"""Batches of images from arrays and folders: what `ImageDataGenerator.flow` and `flow_from_directory` return."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from fastcnn import arguments, calling
from fastcnn.compat.keras.preprocessing.files import array_to_img, img_to_array, opened
from fastcnn.datasets.listing import Listing
from fastcnn.random import new_seed
from fastcnn.typing import ArrayLike, Path

CLASS_MODES = ("categorical", "binary", "sparse", "input")
SUBSETS = ("training", "validation")


@calling.hinting
class ImageIterator:
    """Batches of images, prepared by an `ImageDataGenerator`, without end; for `fit`, `evaluate`, `predict` and loops.

    A batch depends on seed, epoch and place in the epoch alone: threads may make it, and training may be resumed.

    Attributes:
        n, samples: number of images.
        batch_size, image_shape.
    """

    def __init__(self, generator: Any, count: int, batch_size: int, shuffle: bool, seed: int | None, save: Any) -> None:
        self.generator, self.n, self.samples = generator, count, count
        self.batch_size, self.shuffle = arguments.integer("batch_size", batch_size), arguments.flag("shuffle", shuffle)
        self.seed = new_seed() if seed is None else arguments.integer("seed", seed, 0, 2**32 - 1)
        self.save = save
        if count == 0:
            raise ValueError("there must be at least one image. Received: none")
        self._orders, self._lock = {}, threading.Lock()
        self.reset()

    def __getstate__(self):
        return {name: value for name, value in vars(self).items() if name not in ("_orders", "_lock")}

    def __setstate__(self, state):
        vars(self).update(state, _orders={}, _lock=threading.Lock())

    def reset(self) -> None:
        """The next batch is the first again."""
        self._turn = self._place = 0

    def __len__(self) -> int:
        return -(-self.n // self.batch_size)

    def __getitem__(self, i: int) -> Any:
        if not 0 <= i < len(self):
            raise IndexError(f"an epoch has batches 0 to {len(self) - 1}. Received: {i}")
        return self.batch(self._turn, i)

    def __iter__(self) -> ImageIterator:
        return self

    def __next__(self) -> Any:
        batch = self.batch(self._turn, self._place)
        self._place += 1
        if self._place == len(self):
            self._turn, self._place = self._turn + 1, 0
        return batch

    def next(self) -> Any:
        """The next batch."""
        return next(self)

    def epoch(self, number: int, first: int = 0) -> Iterator[Any]:
        """The batches of an epoch, from batch `first` on."""
        return (self.batch(number, i) for i in range(first, len(self)))

    def batch(self, epoch: int, i: int) -> Any:
        """Batch i of an epoch: x, (x, y) or (x, y, sample_weight)."""
        index = self._order(epoch)[i * self.batch_size:(i + 1) * self.batch_size]
        x = self.generator.prepare(self._images(index), np.random.default_rng([self.seed, epoch, i]))
        if self.save is not None:
            self._save(x, index, epoch)
        return self._delivered(x, index)

    def _order(self, epoch):
        if not self.shuffle:
            return np.arange(self.n)
        with self._lock:
            if epoch not in self._orders:
                self._orders = {epoch: np.random.default_rng([self.seed, epoch]).permutation(self.n)}
            return self._orders[epoch]

    def _save(self, x, index, epoch):
        folder, prefix, suffix = self.save
        for image, number in zip(x, index):
            array_to_img(image, self.generator.data_format).save(os.path.join(folder, f"{prefix}_{number}_{epoch}.{suffix}"))

    def _images(self, index):
        """The images of these numbers, (n, H, W, C) float32, channels last."""
        raise NotImplementedError(f"{type(self).__name__} must define _images(index)")

    def _delivered(self, x, index):
        """What a batch holds beside the images."""
        raise NotImplementedError(f"{type(self).__name__} must define _delivered(x, index)")


@calling.hinting
class NumpyArrayIterator(ImageIterator):
    """Batches of arrays; see `ImageDataGenerator.flow`."""

    def __init__(self, generator: Any, x: ArrayLike, y: ArrayLike | None, batch_size: int, shuffle: bool,
                 sample_weight: ArrayLike | None, seed: int | None, save: Any, subset: str | None) -> None:
        x = np.asarray(x)
        if x.ndim != 4 or x.dtype.kind not in "fiub":
            raise ValueError(f"x must be images (N, H, W, C) of real numbers. Received: {x.dtype}, shape {x.shape}")
        columns = [None if column is None else np.asarray(column) for column in (y, sample_weight)]
        for name, column in zip(("y", "sample_weight"), columns):
            if column is not None and len(column) != len(x):
                raise ValueError(f"{name} must have as many entries as x, {len(x)}. Received: {len(column)}")
        part = generator.part(subset, len(x))
        self.x, self.y, self.sample_weight = x[part], *(c if c is None else c[part] for c in columns)
        if sample_weight is not None and y is None:
            raise ValueError("sample_weight must come with y. Received: sample_weight alone")
        self.image_shape = x.shape[1:]
        super().__init__(generator, len(self.x), batch_size, shuffle, seed, save)

    def _images(self, index):
        x = self.x[index].astype(np.float32)
        return x.transpose(0, 2, 3, 1) if self.generator.channels_first else x

    def _delivered(self, x, index):
        if self.y is None:
            return x
        return (x, self.y[index], *([] if self.sample_weight is None else [self.sample_weight[index]]))


@calling.hinting
class DirectoryIterator(ImageIterator):
    """Batches of the images in a folder of a folder per class; see `ImageDataGenerator.flow_from_directory`.

    Attributes:
        class_indices: {name of a class: its label}.
        classes: label of each image; filenames: names of the images within the folder; num_classes.
    """

    def __init__(self, generator: Any, directory: Path, target_size: Sequence[int], color_mode: str,
                 classes: Sequence[str] | None, class_mode: str | None, batch_size: int, shuffle: bool, seed: int | None,
                 save: Any, subset: str | None, interpolation: str) -> None:
        self.directory = os.fspath(directory)
        self.target_size = arguments.pair("target_size", target_size)
        self.channels = {"rgb": 3, "grayscale": 1}[arguments.choice("color_mode", color_mode, ("rgb", "grayscale"))]
        self.class_mode = None if class_mode is None else arguments.choice("class_mode", class_mode, CLASS_MODES)
        self.interpolation = interpolation
        self._listing = Listing(self.directory)
        self.class_indices, found = self._find(None if classes is None else [str(name) for name in classes])
        self.filenames, labels = [], []
        for label, names in enumerate(found):
            names = names[generator.part(subset, len(names))]
            self.filenames += names
            labels += [label] * len(names)
        self.classes, self.num_classes = np.array(labels, np.int32), len(self.class_indices)
        if self.class_mode == "binary" and self.num_classes != 2:
            raise ValueError(f"class_mode='binary' needs two classes. Received: {', '.join(self.class_indices)}")
        shape = (*self.target_size, self.channels)
        self.image_shape = (shape[2], *shape[:2]) if generator.channels_first else shape
        if not self.filenames:
            raise ValueError(f"{self.directory} must hold a folder of images per class. Received: no images")
        super().__init__(generator, len(self.filenames), batch_size, shuffle, seed, save)

    def _find(self, classes):
        """({class: label}, [names of each class])"""
        found = {name: [] for name in sorted(name for name in self._listing.folders if "/" not in name)}
        if classes is not None:
            missing = [name for name in classes if name not in found]
            if missing:
                raise ValueError(f"classes must be folders of {self.directory}, which holds {sorted(found)}. "
                                 f"Received: {missing}")
            found = {name: [] for name in classes}
        for name in self._listing.images:
            top = name.split("/")[0]
            if top in found and "/" in name:
                found[top].append(name)
        return {name: label for label, name in enumerate(found)}, list(found.values())

    def _images(self, index):
        return np.stack([img_to_array(self._opened(self.filenames[i]), "channels_last") for i in index])

    def _opened(self, name):
        data = self._listing.container.read(name)
        return opened(data, self.channels, self.target_size, self.interpolation, f"{self.directory}/{name}")

    def _delivered(self, x, index):
        if self.class_mode is None:
            return x
        if self.class_mode == "input":
            return x, x
        labels = self.classes[index]
        if self.class_mode == "categorical":
            return x, np.eye(self.num_classes, dtype=np.float32)[labels]
        return x, labels.astype(np.float32) if self.class_mode == "binary" else labels
