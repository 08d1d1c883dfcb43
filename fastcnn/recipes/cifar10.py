"""A residual network on CIFAR-10: `fastcnn train cifar10`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fastcnn import arguments
from fastcnn.recipes import photographs
from fastcnn.recipes.photographs import TrainedOnImages
from fastcnn.recipes.sources import SPLIT_SEED
from fastcnn.typing import MPI, Callback, Model, Path

_PADDING = 4  # pixels beyond the edges, from which crops are taken: He et al., section 4.2
_SMOOTHING = 0.1
_LOOKED_AT = 2000  # images whose patches' principal components the first filters are


def train_cifar10(data: Path | None = None, depth: int = 9, width: float = 0.5, epochs: int = 24,
                  batch_size: int = 128, learning_rate: float = 0.2, mixup: float = 0.0, seed: int = 0,
                  save: Path | None = None, checkpoint_steps: int | None = None, log: Path | None = None,
                  resume: Path | Model | None = None, verbose: int | str = "auto",
                  callbacks: Callback | Sequence[Callback] | None = None, dropout: float = 0.0,
                  validation_split: float | None = None, distribute: MPI | None = None) -> TrainedOnImages:
    """Train `networks.resnet(depth, cifar=True)` on CIFAR-10, and evaluate it on the test images.

    Crops of images that go on for 4 pixels beyond their edges, mirroring; SGD with Nesterov's momentum 0.9, coupled weight
    decay 5e-4 and one cycle of the learning rate; cross-entropy with a tenth of each label spread over all classes. The
    first filters begin as the principal components of the images' patches, divided by what they vary, and their negatives.
    Chosen on held-out training images (docs/tutorials/resnet.md). Nothing is chosen by the test images, whose accuracy is
    shown after each epoch. Ctrl-C ends the step that runs, saves, and raises KeyboardInterrupt.

    Args:
        data: as `fastcnn.datasets.cifar10.load_data` takes it; None: what was downloaded before, or is now.
        depth: of the network: 9, 10, 18, 20, 32, 44, 56, 110.
        width: factor of all its numbers of filters.
        epochs: how often all training images are seen.
        batch_size: images per step.
        learning_rate: the peak.
        mixup: α of the Beta distribution by which pairs are mixed; 0: not at all.
        seed: of initial values, order and augmentation; the same seed gives the same model, bit for bit.
        save, checkpoint_steps, log, resume, verbose, callbacks, distribute: as of `train_alexnet`.
        dropout: of the network, as of `fastcnn.networks.resnet`.
        validation_split: validate on this part of each class of the training images, which is not trained on, and leave the
            test images alone; None: on the test images.

    Returns:
        TrainedOnImages; its validation images are CIFAR-10's test images, or that part, and its loss spreads labels as
        training's does.

    Raises:
        TypeError, ValueError, OSError: for such arguments or files; ImportError: images need Pillow, which is missing.
        KeyboardInterrupt: on Ctrl-C.

    Example:
        >>> trained = train_cifar10("cifar-10-python.tar.gz", save="resnet9.safetensors")  # doctest: +SKIP
        >>> trained.accuracy  # doctest: +SKIP

    Source: Page 2018, "How to train your ResNet"; He, Zhang, Ren, Sun 2015, section 4.2; Smith, Topin 2018 for one cycle;
    Jordan 2024, "94% on CIFAR-10 in 3.29 seconds on a single GPU", section 3.2, for the first filters.
    """
    from fastcnn.datasets import ImageArray, cifar10, split
    from fastcnn.losses import CategoricalCrossentropy

    settings = photographs.common_settings("cifar10", epochs, batch_size, learning_rate, mixup, seed)
    settings.update(depth=arguments.integer("depth", depth), width=arguments.number("width", width, 0),
                    dropout=arguments.part("dropout", dropout), validation_split=validation_split)
    training, test = (ImageArray(x, y, cifar10.CLASS_NAMES) for x, y in cifar10.load_data(data))
    if validation_split is not None:
        training, test = split(training, validation_split, SPLIT_SEED)
    return photographs.train(settings, {"data": training, "val": test}, _begun,
                             photographs.Files(save, checkpoint_steps, None, log, resume), verbose, callbacks,
                             loss=CategoricalCrossentropy(label_smoothing=_SMOOTHING), nesterov=True, distribute=distribute)


def _begun(training, settings):
    from fastcnn.images import Augmentation
    from fastcnn.networks import resnet

    pixels, _ = photographs.normalizing(training)
    size = {name: settings[name] for name in ("width", "dropout", "seed")}
    model = resnet(settings["depth"], len(training.class_names), cifar=True, **size)
    _decorrelate(model.get_layer("conv1").kernel, training, pixels["std"])
    return model, Augmentation(min(training.shape[:2]), padding=_PADDING, **pixels)


def _decorrelate(kernel, training, std):
    """Makes filters the principal components of the images' patches, divided by what they vary, and their negatives."""
    height, width, channels, filters = kernel.shape
    images = np.empty((min(_LOOKED_AT, len(training)), *training.shape), np.uint8)
    images = images[training.read(np.arange(len(images)), images)]
    patches = np.lib.stride_tricks.sliding_window_view(images, (height, width), (1, 2))[:, ::2, ::2]
    patches = patches.transpose(0, 1, 2, 4, 5, 3).reshape(-1, height * width * channels).astype(np.float64)
    mean = patches.sum(axis=0) / len(patches)  # sums of bytes and of their products are exact, in whatever order
    each = np.tile(std, height * width)
    values, vectors = np.linalg.eigh((patches.T @ patches / len(patches) - np.outer(mean, mean)) / np.outer(each, each))
    values, vectors = values[::-1][:filters // 2], vectors[:, ::-1][:, :filters // 2]
    if not len(values) or values[0] <= 0:  # a single filter; images of one colour
        return
    vectors = vectors * np.where(vectors.sum(axis=0) < 0, -1, 1) / np.sqrt(np.maximum(values, 1e-6 * values[0]))
    pairs = np.concatenate([vectors, -vectors], axis=1).reshape(height, width, channels, -1)
    value = kernel.value.copy()
    value[..., :pairs.shape[-1]] = pairs * (value.std() / pairs.std())
    kernel.value = value
