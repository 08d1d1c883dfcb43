"""AlexNet from photographs: `fastcnn train alexnet`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastcnn import arguments
from fastcnn.recipes import photographs
from fastcnn.recipes.photographs import TrainedOnImages
from fastcnn.recipes.sources import class_names
from fastcnn.typing import MPI, Callback, Identifier, Model, Path


def train_alexnet(data: Any, val: Any = None, variant: str = "paper", epochs: int = 40, batch_size: int = 64,
                  learning_rate: float = 0.02, mixup: float = 0.2, lighting: float = 0.1,
                  initializer: Identifier | None = "he_normal", schedule: str = "one_cycle",
                  validation_split: float | None = None, seed: int = 0, size: int | None = None, crop: int | None = None,
                  cache: bool = False, folder: str | None = None, classes: Sequence[str] | None = None,
                  labels: Path | Mapping[str, Any] | None = None,
                  val_labels: Path | Mapping[str, Any] | None = None, save: Path | None = None,
                  checkpoint_steps: int | None = None, best: Path | None = None, log: Path | None = None,
                  resume: Path | Model | None = None, verbose: int | str = "auto",
                  callbacks: Callback | Sequence[Callback] | None = None, width: float = 1.0,
                  dropout: float = 0.5, distribute: MPI | None = None) -> TrainedOnImages:
    """Train AlexNet on photographs, and evaluate it on others of the same classes.

    Random crops, mirroring, the paper's change of light, mixup; SGD with momentum 0.9 and coupled weight decay 5e-4;
    cross-entropy (docs/alexnet.md). Ctrl-C ends the step that runs, saves, and raises KeyboardInterrupt.

    Args:
        data: a folder or an archive (zip, tar) of class folders, or with folders "train" and "val" (or "test") of them; or a
            source such as `fastcnn.datasets.ImageArray`.
        val: the same, to validate on; None: data's "val" or "test", else a part of the training images.
        variant: of `fastcnn.networks.alexnet`.
        epochs: how often all training images are seen.
        batch_size: images per step.
        learning_rate: with "one_cycle" the peak, with "plateau" the first.
        mixup: α of the Beta distribution by which pairs are mixed; 0: not at all.
        lighting: standard deviation of the change of light; 0: none.
        initializer: of all kernels, with zero biases; None: the variant's own initial values.
        schedule: of the learning rate. "one_cycle": up to the peak and down to almost nothing; "plateau": the paper's,
            constant and divided by 10 when validation accuracy has not improved for 5 epochs.
        validation_split: which part of each class is held out, if there is nothing else to validate on: None: 0.2. Which
            images does not depend on the seed.
        seed: of initial values, order, augmentation and dropout; the same seed gives the same model, bit for bit.
        size: pixels to which the short side is resized; None: 256.
        crop: pixels of the network's input, height and width; None: the variant's, 227 or 224.
        cache: keep decoded photographs in memory: size² · 3 bytes each.
        folder: where in data the class folders, or "train" and "val", lie; None: they are looked for.
        classes: names of the classes, in the order of the model's outputs; others are left out. None: all.
        labels: a table with a row of image and class for each, or {image: class}, in the place of class folders.
        val_labels: the same for val; None: as labels.
        save: file that the model is written to after each epoch and on Ctrl-C, whole or not at all, with all that is needed
            to go on.
        checkpoint_steps: also save after so many steps.
        best: file for the model of the epoch with the best validation accuracy.
        log: CSV file with a row per epoch.
        resume: a file that `save` named, or the model loaded from it: go on exactly where it left off. All settings must
            be those it was begun with (`recorded_settings` has them); files may lie elsewhere. "plateau" can be given more
            epochs.
        verbose: as of `fit`: 0, 1, 2 or "auto".
        callbacks, distribute: for `fit`.
        width, dropout: of the network, as of `fastcnn.networks.alexnet`.

    Returns:
        TrainedOnImages. One line says what was found in data, and why other files were left out. The model's metadata hold
        what `fastcnn.images.Preparation.of(model)` returns.

    Raises:
        TypeError, ValueError: for such arguments; resuming with other settings or images.
        OSError, ImportError: files cannot be read; Pillow is missing.
        KeyboardInterrupt: on Ctrl-C.

    Example:
        >>> trained = train_alexnet("flowers.zip", save="flowers.safetensors")  # doctest: +SKIP
        >>> trained.accuracy, trained.ten_crop_accuracy  # doctest: +SKIP

    Source: Krizhevsky, Sutskever, Hinton 2012; Zhang, Cissé, Dauphin, Lopez-Paz 2018, "mixup"; He et al. 2015 for the
    initial values; Smith, Topin 2018 for one cycle.
    """
    settings = photographs.common_settings("alexnet", epochs, batch_size, learning_rate, mixup, seed)
    settings |= {"variant": variant, "schedule": arguments.choice("schedule", schedule, ("one_cycle", "plateau")),
                 "lighting": arguments.number("lighting", lighting, 0), "initializer": _named(initializer),
                 "crop": None if crop is None else arguments.integer("crop", crop),
                 "width": arguments.number("width", width, 0), "dropout": arguments.part("dropout", dropout)}
    sources = {"data": data, "val": val, "validation_split": validation_split, "size": size, "cache": cache,
               "folder": folder, "classes": classes, "labels": labels, "val_labels": val_labels}

    def begin(training, settings):
        return _begun(training, settings, initializer)

    return photographs.train(settings, sources, begin, photographs.Files(save, checkpoint_steps, best, log, resume), verbose,
                             callbacks, distribute=distribute)


def _named(initializer):
    """As a name or a configuration, for the record."""
    from fastcnn import initializers

    if initializer is None or isinstance(initializer, str):
        return initializer
    return initializers.serialize(initializers.get(initializer))


def _begun(training, settings, initializer):
    """A new network, and how its photographs are prepared."""
    from fastcnn.images import Augmentation
    from fastcnn.networks import alexnet

    crop = settings["crop"] or (224 if settings["variant"] == "torchvision" else 227)
    shape = (photographs.fitted_crop(crop, min(training.shape[:2])), crop, training.shape[2])
    model = alexnet(len(class_names(training)), settings["variant"], shape, settings["seed"], initializer,
                    settings["width"], settings["dropout"])
    pixels, measured = photographs.normalizing(training)
    light = {"lighting": settings["lighting"], **measured.pca} if settings["lighting"] else {}
    return model, Augmentation(crop, **pixels, **light)
