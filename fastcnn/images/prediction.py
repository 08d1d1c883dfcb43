"""Predictions for photographs: from the centre, or averaged over ten crops as in the AlexNet paper."""

import numpy as np

from fastcnn import arguments
from fastcnn.images.augmentation import CORNERS
from fastcnn.images.decode import ImageError


def predict(model, x, augmentation, crops=1, batch_size=128):
    """What a model makes of images, prepared as in training but without chance.

    Args:
        model: takes (N, crop height, crop width, C).
        x: images, uint8 (N, H, W, C), or a source: `fastcnn.datasets.ImageFolder`, `ImageArray`.
        augmentation: the `Augmentation` of training.
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
    batch_size = arguments.integer("batch_size", batch_size)
    if crops not in (1, 10) or isinstance(crops, bool):
        raise ValueError(f"crops must be 1 (the centre) or 10 (corners, centre, mirrored). Received: {crops!r}")
    views = [("centre", "never")] if crops == 1 else [(p, f) for f in ("never", "always") for p in CORNERS]
    pixels, result = None, []
    for start in range(0, max(len(x), 1), batch_size):
        if isinstance(x, np.ndarray):
            pixels = x[start:start + batch_size]
        else:
            pixels = _read(x, np.arange(start, min(start + batch_size, len(x))), pixels)
        total = 0.0
        for position, flip in views:
            total = total + model.predict(augmentation.at(pixels, position, flip), batch_size=batch_size).astype(np.float64)
        result.append((total / len(views)).astype(np.float32))
    return np.concatenate(result)


def _read(source, numbers, pixels):
    if pixels is None:
        pixels = np.empty((len(numbers), *source.shape), np.uint8)
    pixels = pixels[:len(numbers)]
    broken = numbers[~source.read(numbers, pixels)]
    if len(broken):
        raise ImageError("every image must be readable for a prediction. Received: "
                         + "; ".join(source.broken[int(i)] for i in broken[:3]))
    return pixels
