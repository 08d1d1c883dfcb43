"""Predictions for photographs: from the centre, or averaged over ten crops as in the AlexNet paper."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from numbers import Integral
from typing import Any

import numpy as np

from fastcnn import arguments
from fastcnn.images.augmentation import CORNERS
from fastcnn.images.decode import ImageError
from fastcnn.typing import Array, Augmentation, Distortion, Model

_PIECE = 16  # images a thread decodes at once


def predict(model: Model, x: Any, augmentation: Augmentation | Distortion, crops: int = 1, batch_size: int = 128) -> Array:
    """What a model makes of images, prepared as in training but without chance.

    Args:
        model: takes (N, crop height, crop width, C).
        x: images, uint8 (N, H, W, C), or a source: `fastcnn.datasets.ImageFolder`, `ImageArray`.
        augmentation: the `Augmentation` of training, or with one crop a `Distortion`.
        crops: 1: the centre; 10: the mean over the four corners, the centre, and the mirror images of these five.
        batch_size: images per step; does not change the result.

    Shape:
        (N, H, W, C) → (N, *output), float32

    Raises:
        ImageError: an image of the source cannot be read.
        TypeError, ValueError: as usual.

    Example:
        >>> model = fastcnn.networks.lenet5()
        >>> x = np.zeros((2, 32, 32, 1), np.uint8)
        >>> predict(model, x, fastcnn.images.Augmentation(28, std=255), crops=10).shape
        (2, 10)

    Source: Krizhevsky, Sutskever, Hinton 2012, §4.1.
    """
    batch_size, views = arguments.integer("batch_size", batch_size), _views(crops, augmentation)
    if isinstance(x, np.ndarray):
        starts = range(0, max(len(x), 1), batch_size)
        return np.concatenate([_mean(model, x[i:i + batch_size], views, batch_size) for i in starts])
    result = []
    for numbers, y in predict_batches(model, x, augmentation, crops, batch_size):
        result.append(y)
        if len(y) < min(batch_size, len(x) - batch_size * (len(result) - 1)):
            broken = sorted(set(range(batch_size * (len(result) - 1), batch_size * len(result))) - set(numbers.tolist()))
            raise ImageError("every image must be readable for a prediction. Received: "
                             + "; ".join(x.broken[i] for i in broken[:3] if i in x.broken))
    return np.concatenate(result) if result else np.empty((0, *model.output_shape[1:]), np.float32)


def predict_batches(model: Model, source: Any, augmentation: Augmentation | Distortion, crops: int = 1,
                    batch_size: int = 64) -> Iterator[tuple[Array, Array]]:
    """The same, batch by batch, of a source that may hold broken images; threads read ahead while the model works.

    Args:
        model, augmentation, crops, batch_size: as `predict`.
        source: `fastcnn.datasets.ImageFolder`, `ImageFiles`, `ImageArray`, `Subset` …

    Yields:
        (numbers, y): of the images of a batch that could be read, in order, and what the model makes of them; others are
        left out, and `source.broken` says why.

    Raises:
        TypeError, ValueError: as usual.

    Example:
        >>> source = fastcnn.datasets.ImageArray(np.zeros((5, 32, 32, 1), np.uint8))
        >>> augmentation = fastcnn.images.Augmentation(28, std=255)
        >>> [(numbers.tolist(), y.shape) for numbers, y in
        ...  predict_batches(fastcnn.networks.lenet5(), source, augmentation, batch_size=3)]
        [([0, 1, 2], (3, 10)), ([3, 4], (2, 10))]
    """
    views, batch_size = _views(crops, augmentation), arguments.integer("batch_size", batch_size)
    return _predicted(model, arguments.source(source, "__len__", "shape", "read"), views, batch_size)


def _predicted(model, source, views, batch_size):
    for numbers, pixels in _ahead(source, batch_size):
        if len(numbers):
            yield numbers, _mean(model, pixels, views, batch_size)
        else:
            yield numbers, np.empty((0, *model.output_shape[1:]), np.float32)


def _views(crops, augmentation):
    """Functions from bytes to floats, one for each crop."""
    if not isinstance(crops, Integral) or isinstance(crops, bool) or crops not in (1, 10):
        raise ValueError(f"crops must be 1 (the centre) or 10 (corners, centre, mirrored). "
                         f"Received: {arguments.shown(crops)}")
    if not hasattr(augmentation, "at"):
        if crops != 1:
            raise ValueError(f"ten crops need an Augmentation. Received: {arguments.shown(augmentation)}")
        if not hasattr(augmentation, "evaluation"):
            raise TypeError("augmentation must be an Augmentation or a Distortion. "
                            f"Received: {arguments.shown(augmentation)}")
        return [augmentation.evaluation()]
    places = [("centre", "never")] if crops == 1 else [(p, f) for f in ("never", "always") for p in CORNERS]
    return [partial(augmentation.at, position=position, flip=flip) for position, flip in places]


def _mean(model, pixels, views, batch_size):
    total = 0.0
    for view in views:
        x = as_input(model, view(pixels))
        total = total + model.predict(x, batch_size=batch_size).astype(np.float64)
    return (total / len(views)).astype(np.float32)


def as_input(model, x):
    """Images in the shape of a model's input, which may be flat, or without channels.

    Example:
        >>> model = fastcnn.Sequential([fastcnn.layers.Dense(10, input_shape=(784,))])
        >>> as_input(model, np.zeros((2, 28, 28, 1), np.float32)).shape
        (2, 784)
    """
    shape = tuple(model.input_shape[1:]) if model.built else ()  # its first samples build it
    return x.reshape(len(x), *shape) if math.prod(shape) == math.prod(x.shape[1:]) else x


def _ahead(source, batch_size):
    """(numbers, pixels) of the readable images of each batch; the next batch is being read already."""
    from concurrent.futures import ThreadPoolExecutor

    from fastcnn.threads import get_num_threads

    with ThreadPoolExecutor(min(get_num_threads(), 8), "fastcnn-images") as executor:
        def begin(start):
            numbers = np.arange(start, min(start + batch_size, len(source)))
            pixels = np.empty((len(numbers), *source.shape), np.uint8)
            pieces = [slice(i, i + _PIECE) for i in range(0, len(numbers), _PIECE)]
            return numbers, pixels, [executor.submit(source.read, numbers[p], pixels[p]) for p in pieces]

        following = begin(0)
        for start in range(batch_size, len(source) + batch_size, batch_size):
            numbers, pixels, readings = following
            following = begin(start) if start < len(source) else None
            good = np.concatenate([reading.result() for reading in readings]) if readings else np.zeros(0, bool)
            yield (numbers, pixels) if good.all() else (numbers[good], pixels[good])
