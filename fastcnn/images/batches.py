"""Batches of a source's images, decoded and augmented by threads while the consumer works."""

from __future__ import annotations

import copy
import sys
import threading
from collections import deque
from collections.abc import Generator, Iterator
from typing import Any

import numpy as np

from fastcnn import arguments, calling
from fastcnn.attributes import Declared
from fastcnn.images.augmentation import Augmentation
from fastcnn.threads import get_num_threads, num_threads
from fastcnn.typing import Array, Distortion

_PIECE = 16  # images a thread decodes at once
_NAME = "fastcnn-images"  # of the threads


class ImageBatches(Declared):
    """Float batches of a source, for `fit`, `evaluate` and loops of one's own.

    Everything depends on source, seed and epoch alone, not on workers, threads or timing: the order of the images is
    default_rng([seed, epoch]).permutation, and chance in the augmentation belongs to the image's number. Images that cannot
    be decoded are missing from their batch, and one warning at the end of an epoch counts the new ones; a batch is never
    empty, it then holds the next readable image in the epoch's order.

    Args:
        source: `fastcnn.datasets.ImageFolder`, `ImageArray`, or an object of your own with `__len__`, `shape`, `labels`,
            `class_names`, `broken` and `read(indices, out)`.
        batch_size: images per batch; the last one of an epoch may be smaller.
        augmentation: an `Augmentation`; for evaluation its `.evaluation()`; None: the whole images, 0 to 255.
        shuffle: a new order in every epoch.
        seed: of order, augmentation and mixing.
        mixup: α of the Beta(α, α) distribution of each batch's λ; images and labels are mixed λ : 1 − λ with those of a
            permutation of the batch; 0: no mixing.
        one_hot: labels as float rows (always so with mixup).
        workers: threads that decode; None: as many as fastcnn uses, at most 8.
        prefetch: batches made ahead of the consumer; prefetch + 2 batches of floats are in memory at once (79 MB each for
            128 images of 227 × 227).

    Shape:
        x (n, height, width, channels) float32; y (n,) int32, or (n, classes) float32

    Raises:
        TypeError, ValueError: naming the argument and what was received.

    Example:
        >>> source = fastcnn.datasets.ImageArray(np.zeros((10, 8, 8, 3), np.uint8), np.arange(10) % 2)
        >>> batches = ImageBatches(source, 4, Augmentation(6, mean=1), seed=1)
        >>> [x.shape for x, y in batches.epoch(0)]
        [(4, 6, 6, 3), (4, 6, 6, 3), (2, 6, 6, 3)]

    Source: Krizhevsky, Sutskever, Hinton 2012, §4.1; Zhang, Cissé, Dauphin, Lopez-Paz 2018, "mixup".
    """

    _share: Any = None  # which images of each batch are decoded here, where several processes train together; None: all

    def __init__(self, source: Any, batch_size: int = 128, augmentation: Augmentation | Distortion | None = None,
                 shuffle: bool = True, seed: int = 0, mixup: float = 0.0, one_hot: bool = False, workers: int | None = None,
                 prefetch: int = 2) -> None:
        arguments.source(source, "__len__", "shape", "labels", "read")
        if source.labels is None or len(source) == 0:
            raise ValueError("source must have images and labels. Received: no "
                             + ("images" if len(source) == 0 else "labels"))
        if augmentation is None:
            augmentation = Augmentation(None, False, False)
        if not isinstance(augmentation, Augmentation):
            raise TypeError(f"augmentation must be an Augmentation or None. Received: {arguments.shown(augmentation)}")
        self.source, self.augmentation = source, augmentation
        self.batch_size = arguments.integer("batch_size", batch_size)
        self.shape = augmentation.out_shape(source.shape)
        self.shuffle, self.one_hot = arguments.flag("shuffle", shuffle), arguments.flag("one_hot", one_hot)
        self.seed, self.mixup = arguments.integer("seed", seed, 0, 2**64 - 1), arguments.number("mixup", mixup, 0)
        self.workers = None if workers is None else arguments.integer("workers", workers, 1, 256)
        self.prefetch = arguments.integer("prefetch", prefetch, 1, 1024)
        self.samples = len(source)
        self.class_names: Any = getattr(source, "class_names", None)
        self.classes = len(self.class_names) if self.class_names else int(np.max(source.labels)) + 1
        self._ring, self._lock = [], threading.Lock()
        self._known = 0  # broken images that a warning has named

    def __getstate__(self):  # for copies and other processes, which have memory of their own
        return {name: value for name, value in self.__dict__.items() if name not in ("_ring", "_lock")}

    def __setstate__(self, state):
        self.__dict__.update(state, _ring=[], _lock=threading.Lock())

    def __len__(self) -> int:
        return -(-self.samples // self.batch_size)

    def __getitem__(self, i: int) -> tuple[Array, Array]:
        if not 0 <= i < len(self):
            raise IndexError(f"an epoch has batches 0 to {len(self) - 1}. Received: {i}")
        batch = _Batch(self, 0, int(i), self._order(0))
        for piece in batch.pieces:
            batch.read(piece)
        return batch.x, batch.y

    def __iter__(self) -> Iterator[tuple[Array, Array]]:
        return self.epoch(0)

    def epoch(self, number: int = 0, first: int = 0) -> Generator[tuple[Array, Array], None, None]:
        """An iterator over the batches of an epoch, made ahead by threads, which end with it: when it is exhausted, closed
        or forgotten.

        A batch may be kept: its memory is used again only when nothing refers to it any more.

        Args:
            number: of the epoch, from 0.
            first: the batch to begin with, as when training is resumed.

        Raises:
            ImageError: an image cannot be decoded, and the source has errors="raise". Whatever else reading raises.

        Example:
            >>> source = fastcnn.datasets.ImageArray(np.zeros((10, 8, 8, 3), np.uint8), np.arange(10) % 2)
            >>> sum(len(y) for x, y in ImageBatches(source, 4).epoch(3, first=1))
            6
        """
        number = arguments.integer("number", number, 0, 2**63 - 1)
        return self._epoch(number, arguments.integer("first", first, 0, len(self)))

    def _epoch(self, number, first):
        from concurrent.futures import ThreadPoolExecutor

        order, following, queue = self._order(number), first, deque()
        executor = ThreadPoolExecutor(self.workers or min(get_num_threads(), 8), _NAME)
        try:
            while True:
                while following < len(self) and len(queue) <= self.prefetch:
                    queue.append(_Batch(self, number, following, order, executor))
                    following += 1
                if not queue:
                    break
                batch = queue.popleft()
                result = batch.result()
                del batch
                yield result
                del result  # else its memory would look used
        finally:
            for batch in queue:
                batch.stopped = True
            own = threading.current_thread().name.startswith(_NAME)  # garbage may be collected in any thread
            executor.shutdown(wait=not own, cancel_futures=True)
            with self._lock:
                self._ring.clear()  # memory for whoever works between two epochs, as validation does
        self._warn()

    def _order(self, number):
        if not self.shuffle:
            return np.arange(self.samples)
        return np.random.default_rng([self.seed, number]).permutation(self.samples)

    def _buffer(self):
        """Memory for a batch: used again where only the ring refers to it."""
        with self._lock:
            for i in range(len(self._ring)):
                if _references(self._ring, i) == _ALONE:
                    return self._ring[i]
            buffer = np.empty((min(self.batch_size, self.samples), *self.shape), np.float32)
            if len(self._ring) < self.prefetch + 2:
                self._ring.append(buffer)
            return buffer

    def _warn(self):
        broken = list(getattr(self.source, "broken", {}).values())
        new, self._known = broken[self._known:], len(broken)
        if new:
            more = f"; and {len(new) - 3} more" if len(new) > 3 else ""
            calling.warn(f"{len(new)} of {self.samples} images cannot be decoded and are left out: "
                         f"{'; '.join(sorted(new)[:3])}{more}")


def _references(ring, i):
    return sys.getrefcount(ring[i])


_ALONE = _references([object()], 0)


class _Batch:
    """One batch in the making: pieces that any thread decodes; who ends the last one augments. Of several processes that
    share it, each decodes its own images, and those that are mixed into them."""

    def __init__(self, owner, epoch, number, order, executor=None):
        self.owner, self.epoch, self.number, self.order = owner, epoch, number, order
        self.share = copy.copy(owner._share)  # as it is now: chunks may change later
        start = number * owner.batch_size
        self.numbers = order[start:start + owner.batch_size]
        self.rows = self._rows(len(self.numbers))
        self.pieces = range(0, len(self.rows), _PIECE)
        self.missing, self.good = len(self.pieces), np.zeros(len(self.rows), bool)
        self.pixels, self.lock, self.stopped = None, threading.Lock(), False
        self.x = owner._buffer()
        self.futures = [executor.submit(self.read, piece) for piece in self.pieces] if executor else []

    def _mixing(self, n):
        """(the places of the images that are mixed into each of n, their own weight), or (None, 1)."""
        if not self.owner.mixup:
            return None, 1.0
        rng = np.random.default_rng([self.owner.seed, self.epoch, self.number, 1])
        weight = float(rng.beta(self.owner.mixup, self.owner.mixup))
        return rng.permutation(n), weight

    def _rows(self, n):
        """The places, of n, of the images that are to be decoded here."""
        if self.share is None:
            return np.arange(n)
        own, partner = np.arange(*self.share.images(n)), self._mixing(n)[0]
        return own if partner is None else np.unique(np.concatenate([own, partner[own]]))

    def read(self, start):
        """Decodes a piece."""
        if self.stopped:
            return
        with self.lock:
            if self.pixels is None:
                self.pixels = np.empty((len(self.rows), *self.owner.source.shape), np.uint8)
        piece = slice(start, start + _PIECE)
        self.good[piece] = self.owner.source.read(self.numbers[self.rows[piece]], self.pixels[piece])
        with self.lock:
            self.missing -= 1
            last = self.missing == 0
        if last and (self.share is None or self.good.all()):  # else other processes must know first
            with num_threads(1):  # the other cores train
                self._augment()

    def _augment(self):
        if self.good.all():
            self._make(self.numbers, self.pixels)
        elif self.good.any():
            self._make(self.numbers[self.good], self.pixels[self.good])
        else:
            self._make(self._substitute(), self.pixels[:1])

    def _make(self, numbers, pixels):
        """x and y of the images of these numbers, of pixels in the rows that are decoded here."""
        owner, n, rows = self.owner, len(numbers), self._rows(len(numbers))
        partner, weight = self._mixing(n)
        self.x, self.y = self.x[:n], owner.source.labels[numbers]
        if owner.one_hot or owner.mixup:
            self.y = np.eye(owner.classes, dtype=np.float32)[self.y]
            if partner is not None:
                self.y = np.float32(weight) * self.y + np.float32(1 - weight) * self.y[partner]
        self.pixels = None
        if self.share is None:
            self.x = owner.augmentation(pixels, owner.seed, self.epoch, numbers, partner, weight, out=self.x)
        elif len(rows):
            places = None if partner is None else np.minimum(np.searchsorted(rows, partner[rows]), len(rows) - 1)
            made = owner.augmentation(pixels, owner.seed, self.epoch, numbers[rows], places, weight)
            own = np.arange(*self.share.images(n))
            self.x[own] = made[np.searchsorted(rows, own)]

    def _substitute(self):
        """The number of the next readable image, read into the first row."""
        end = self.number * self.owner.batch_size + len(self.numbers)
        pixels = np.empty((1, *self.owner.source.shape), np.uint8) if self.pixels is None else self.pixels[:1]
        for i in np.roll(self.order, -end):
            if self.owner.source.read([i], pixels)[0]:
                return np.array([i])
        raise ValueError(f"source must have a readable image. Received: {len(self.order)} images, none of them readable")

    def result(self):
        """x and y, when they are ready; the first exception in the order of the images, if there was one."""
        for future in self.futures:
            future.result()
        if self.share is not None:
            self._agree()
        return self.x, self.y

    def _agree(self):
        """Leaves out what any process could not decode; and shows others this one's images, if they compute on them now."""
        bad = np.unique(np.concatenate(self.share.ranks.agree(self.rows[~self.good])))
        if len(bad):  # so that the source knows of them here, too
            self.owner.source.read(self.numbers[bad], np.empty((len(bad), *self.owner.source.shape), np.uint8))
        numbers = np.delete(self.numbers, bad)
        if not len(numbers):
            numbers = self._substitute()
        if len(bad) or not len(self.rows):
            rows = self._rows(len(numbers))
            pixels = np.empty((len(rows), *self.owner.source.shape), np.uint8)
            self.owner.source.read(numbers[rows], pixels)
            self._make(numbers, pixels)
        if self.share.chunk != self.owner._share.chunk:
            self.share.gather(len(self.x), [self.x])
