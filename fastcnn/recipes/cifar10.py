"""A residual network on CIFAR-10: `fastcnn train cifar10`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastcnn import arguments
from fastcnn.recipes import photographs
from fastcnn.recipes.photographs import TrainedOnImages
from fastcnn.recipes.sources import SPLIT_SEED
from fastcnn.typing import Callback, Model, Path

_PADDING = 4  # pixels beyond the edges, from which crops are taken: He et al., section 4.2


def train_cifar10(data: Path | None = None, depth: int = 20, width: float = 1.0, epochs: int = 30,
                  batch_size: int = 128, learning_rate: float = 0.2, mixup: float = 0.0, seed: int = 0,
                  save: Path | None = None, checkpoint_steps: int | None = None, log: Path | None = None,
                  resume: Path | Model | None = None, verbose: int | str = "auto",
                  callbacks: Callback | Sequence[Callback] | None = None, dropout: float = 0.0,
                  validation_split: float | None = None, distribute: Any = None) -> TrainedOnImages:
    """Train `networks.resnet(depth, cifar=True)` on CIFAR-10, and evaluate it on the test images.

    Crops of images that go on for 4 pixels beyond their edges, mirroring; SGD with momentum 0.9, coupled weight decay 5e-4
    and one cycle of the learning rate; cross-entropy. Chosen on the last 5,000 training images
    (docs/tutorials/resnet.md). Nothing is chosen by the test images, whose accuracy is shown after each epoch. Ctrl-C ends
    the step that runs, saves, and raises KeyboardInterrupt.

    Args:
        data: as `fastcnn.datasets.cifar10.load_data` takes it; None: what was downloaded before, or is now.
        depth: of the network: 20, 32, 44, 56, 110.
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
        TrainedOnImages; its validation images are CIFAR-10's test images, or that part.

    Raises:
        TypeError, ValueError, OSError: for such arguments or files; ImportError: images need Pillow, which is missing.
        KeyboardInterrupt: on Ctrl-C.

    Example:
        >>> trained = train_cifar10("cifar-10-python.tar.gz", save="resnet20.safetensors")  # doctest: +SKIP
        >>> trained.accuracy  # doctest: +SKIP

    Source: He, Zhang, Ren, Sun 2015, section 4.2; Smith, Topin 2018 for one cycle.
    """
    from fastcnn.datasets import ImageArray, cifar10, split

    settings = photographs.common_settings("cifar10", epochs, batch_size, learning_rate, mixup, seed)
    settings.update(depth=arguments.integer("depth", depth), width=arguments.number("width", width, 0),
                    dropout=arguments.part("dropout", dropout), validation_split=validation_split)
    training, test = (ImageArray(x, y, cifar10.CLASS_NAMES) for x, y in cifar10.load_data(data))
    if validation_split is not None:
        training, test = split(training, validation_split, SPLIT_SEED)
    return photographs.train(settings, {"data": training, "val": test}, _begun,
                             photographs.Files(save, checkpoint_steps, None, log, resume), verbose, callbacks,
                             distribute=distribute)


def _begun(training, settings):
    from fastcnn.images import Augmentation
    from fastcnn.networks import resnet

    pixels, _ = photographs.normalizing(training)
    size = {name: settings[name] for name in ("width", "dropout", "seed")}
    return (resnet(settings["depth"], len(training.class_names), cifar=True, **size),
            Augmentation(min(training.shape[:2]), padding=_PADDING, **pixels))
