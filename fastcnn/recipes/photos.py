"""A small network for photographs of one's own, which may be few: `fastcnn train photos`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fastcnn import arguments
from fastcnn.recipes import photographs
from fastcnn.recipes.photographs import TrainedOnImages
from fastcnn.recipes.sources import class_names
from fastcnn.typing import MPI, Callback, Model, Path

# photographs of a class: kinds of flowers, percents right on other photographs (docs/photos.md)
_KNOWN = {40: ("three", 71), 500: ("five", 86)}
_BENT = {"padding": 4, "scaling": 0.2, "squeezing": 0.1, "shearing": 0.1}
_LIGHT = 0.1
_EPOCHS, _FEWEST, _SEEN = 50, 20, 90_000  # epochs, unless so many images make it fewer
_BEYOND = 8 / 64  # of the crop: so much larger than it photographs are decoded


def train_photos(data: Any, val: Any = None, size: int = 64, epochs: int | None = None, batch_size: int = 32,
                 learning_rate: float = 0.05, mixup: float = 0.2, weights: str | None = "cifar10",
                 validation_split: float | None = None, seed: int = 0, cache: bool = True, folder: str | None = None,
                 classes: Sequence[str] | None = None, labels: Path | Mapping[str, Any] | None = None,
                 val_labels: Path | Mapping[str, Any] | None = None, save: Path | None = None,
                 checkpoint_steps: int | None = None, log: Path | None = None,
                 resume: Path | Model | None = None, verbose: int | str = "auto",
                 callbacks: Callback | Sequence[Callback] | None = None, distribute: MPI | None = None) -> TrainedOnImages:
    """Train a residual network on photographs of one's own, a few dozen of each class or thousands, and evaluate it.

    The network is `networks.resnet(20, cifar=True)`, which has learnt from CIFAR-10 before: all its layers but the last
    start from there. Photographs are cropped, mirrored, scaled, squeezed, sheared, changed in light and mixed in pairs by
    chance; SGD with momentum 0.9, coupled weight decay 5e-4 and one cycle of the learning rate; cross-entropy. The model
    has the weights of the epoch with the best validation accuracy. How it was chosen: docs/photos.md. Ctrl-C ends the
    step that runs, saves, and raises KeyboardInterrupt.

    Args:
        data, val, validation_split, folder, classes, labels, val_labels: as of `train_alexnet`.
        size: height and width of the network's input, in pixels. Larger ones show more and take longer.
        epochs: how often all training images are seen; None: 50 times, or, where there are so many that this would be over
            90,000 images, as often as makes these, but at least 20 times.
        batch_size: images per step.
        learning_rate: the peak.
        mixup: α of the Beta distribution by which pairs are mixed; 0: not at all.
        weights: "cifar10": what the network starts from; None: from initial values.
        seed: of initial values, order and augmentation; the same seed gives the same model, bit for bit.
        cache: keep decoded photographs in memory: 1.3 · size² · 3 bytes each.
        save, checkpoint_steps, log, resume, verbose, callbacks, distribute: as of `train_alexnet`.

    Returns:
        TrainedOnImages.

    Raises:
        TypeError, ValueError, OSError, ImportError, KeyboardInterrupt: as `train_alexnet`.

    Example:
        >>> trained = train_photos("flowers.zip", save="flowers.safetensors")  # doctest: +SKIP
        >>> trained.accuracy  # doctest: +SKIP

    Source: He, Zhang, Ren, Sun 2015; Zhang, Cissé, Dauphin, Lopez-Paz 2018, "mixup"; Smith, Topin 2018 for one cycle.
    """
    most = _EPOCHS if epochs is None else epochs
    settings = photographs.common_settings("photos", most, batch_size, learning_rate, mixup, seed)
    size = arguments.integer("size", size)
    settings["size"] = size
    settings["weights"] = None if weights is None else arguments.choice("weights", weights, ("cifar10",))
    sources = {"data": data, "val": val, "validation_split": validation_split, "folder": folder, "classes": classes,
               "labels": labels, "val_labels": val_labels}
    if isinstance(data, (str, os.PathLike)):  # else a source, whose images have their size
        sources |= {"size": size + round(_BEYOND * size), "cache": cache}
    return photographs.train(settings, sources, _begun, photographs.Files(save, checkpoint_steps, None, log, resume),
                             verbose, callbacks, keep_best=True, expected=_expected,
                             fewer=_fewer if epochs is None else None, distribute=distribute)


def _expected(training):
    """What to expect of so few photographs, in a line."""
    fewest = min(np.bincount(training.labels, minlength=len(class_names(training))))
    known = max((n for n in _KNOWN if n <= fewest), default=min(_KNOWN))
    kinds, right = _KNOWN[known]
    return (f"the smallest class has {fewest:,} photographs to learn from: {known} of each of {kinds} flowers were enough "
            f"for {right} % right answers on others; more photographs help most")


def _fewer(training):
    """How many epochs thousands of photographs need."""
    return max(_FEWEST, _SEEN // len(training))


def _begun(training, settings):
    """The network with a last layer for these classes, and how its photographs are prepared."""
    from fastcnn import Model
    from fastcnn.images import Augmentation
    from fastcnn.layers import Dense
    from fastcnn.networks import resnet

    size, seed = photographs.fitted_crop(settings["size"], min(training.shape[:2])), settings["seed"]
    body = resnet(20, cifar=True, input_shape=(size, size, training.shape[2]), seed=seed, weights=settings["weights"])
    head = Dense(len(class_names(training)), activation="softmax", name="fc")
    model = Model(body.input, head(body.get_layer("avgpool").output), name="photos", seed=seed)
    pixels, measured = photographs.normalizing(training)
    return model, Augmentation(size, **pixels, **_BENT, lighting=_LIGHT, **measured.pca)
