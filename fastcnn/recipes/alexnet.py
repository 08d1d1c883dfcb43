"""AlexNet from photographs: `fastcnn train alexnet`."""

import os
from collections import namedtuple
from time import perf_counter

import numpy as np

from fastcnn import arguments
from fastcnn.callbacks.terminal import say
from fastcnn.recipes.sources import class_names, training_sources
from fastcnn.recipes.watching import Checkpoint, Pace

_SCHEDULES = ("one_cycle", "plateau")
_PLATEAU = {"monitor": "val_accuracy", "factor": 0.1, "patience": 5}  # the paper's: by 10 when validation stalls
_SGD = {"momentum": 0.9, "weight_decay": 5e-4, "decoupled": False}

TrainedOnImages = namedtuple("TrainedOnImages", "model history loss accuracy ten_crop_accuracy train_seconds test_seconds "
                             "train_images test_images images_per_second data_wait")
TrainedOnImages.__doc__ = (
    "What a recipe for photographs returns: the model, `fit`'s History; on the validation images, loss and accuracy of the "
    "centre crop and accuracy over ten crops; seconds of training (validation after each epoch included) and of this last "
    "evaluation; numbers of images; training images per second and the part of that time spent waiting for data.")


def train_alexnet(data, val=None, variant="paper", epochs=40, batch_size=64, learning_rate=0.02, mixup=0.2, lighting=0.1,
                  initializer="he_normal", schedule="one_cycle", validation_split=None, seed=0, size=None, crop=None,
                  cache=False, folder=None, classes=None, labels=None, val_labels=None, save=None, checkpoint_steps=None,
                  best=None, log=None, resume=None, verbose="auto", callbacks=None):
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
        callbacks: for `fit`.

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
    from fastcnn import callbacks as watching
    from fastcnn.images import Augmentation, ImageBatches

    settings = {"variant": variant, "epochs": arguments.integer("epochs", epochs),
                "batch_size": arguments.integer("batch_size", batch_size),
                "learning_rate": arguments.number("learning_rate", learning_rate, 0),
                "mixup": arguments.number("mixup", mixup, 0), "lighting": arguments.number("lighting", lighting, 0),
                "initializer": _named(initializer), "schedule": arguments.choice("schedule", schedule, _SCHEDULES),
                "crop": None if crop is None else arguments.integer("crop", crop),
                "seed": arguments.integer("seed", seed, 0)}
    optional = {"log": log, "best": best, "checkpoint_steps": checkpoint_steps}
    files = {name: None if path is None else os.fspath(path) for name, path in (("log", log), ("best", best))}
    checkpoint, pace = Checkpoint(save, checkpoint_steps), Pace()
    watchers = [*([watching.ReduceLROnPlateau(**_PLATEAU)] if schedule == "plateau" else []), *(callbacks or []),
                *([watching.CSVLogger(log)] if log is not None else []), pace,
                *([watching.ModelCheckpoint(best, "val_accuracy", save_best_only=True)] if best is not None else []),
                checkpoint]
    settings["callbacks"] = [type(watcher).__name__ for watcher in watchers]
    training, validation, images, line = training_sources(data, val, validation_split, size, cache, folder, classes, labels,
                                                              val_labels)
    if verbose:
        say(line)
    settings["size"], settings["validation_split"] = min(training.shape[:2]), images["validation_split"]
    model = None if resume is None else _resumed(resume, settings, images)
    if model is None:
        model = _begun(training, settings, images, initializer)
    model.metadata["training"]["optional"] = {**optional, **files}
    augmentation = Augmentation.from_config(model.metadata["training"]["augmentation"])
    batches = ImageBatches(training, batch_size, augmentation, seed=seed, mixup=mixup, one_hot=True, prefetch=1)
    judged = ImageBatches(validation, batch_size, augmentation.evaluation(), shuffle=False, one_hot=True, prefetch=1)
    start = perf_counter()
    with checkpoint.interruptible():
        history = model.fit(batches, epochs=epochs, verbose=verbose, callbacks=watchers, validation_data=judged,
                            resume=resume is not None)
    if save is not None and not checkpoint.saved:  # resumed when there was nothing left to do
        model.save(save)
    middle = perf_counter()
    loss, accuracy = model.evaluate(judged, verbose=0)
    ten = _ten_crops(model, validation, augmentation, batch_size)
    return TrainedOnImages(model, history, loss, accuracy, ten, middle - start, perf_counter() - middle, len(training),
                           len(validation), pace.images_per_second, pace.data_wait)


def recorded_settings(model):
    """The arguments that a model of `train_alexnet` was trained with, to resume with; files and data aside.

    Args:
        model: loaded from the file that `save` named.

    Raises:
        ValueError: the model was not made by `train_alexnet`.

    Example:
        >>> model = fastcnn.load_model("flowers.safetensors")  # doctest: +SKIP
        >>> train_alexnet("flowers.zip", resume=model, **recorded_settings(model))  # doctest: +SKIP
    """
    recorded = _record(model)
    settings = {name: value for name, value in recorded["settings"].items() if name != "callbacks"}
    return {**settings, **recorded["optional"]}


def _record(model):
    if not isinstance(getattr(model, "metadata", None), dict):
        raise TypeError(f"resume must be a file or a model. Received: {model!r}")
    found = model.metadata.get("training")
    if not isinstance(found, dict) or not {"settings", "optional", "images", "augmentation"} <= set(found):
        raise ValueError("a training is resumed from a file that train_alexnet saved. Received: a model without its "
                         "settings")
    return found


def _named(initializer):
    """As a name or a configuration, for the record."""
    from fastcnn import initializers

    if initializer is None or isinstance(initializer, str):
        return initializer
    return initializers.serialize(initializers.get(initializer))


def _begun(training, settings, images, initializer):
    """A new model, compiled, with its record."""
    from fastcnn.images import Augmentation, Preparation, statistics
    from fastcnn.networks import alexnet
    from fastcnn.optimizers import SGD, schedules

    names, channels = class_names(training), training.shape[2]
    crop = settings["crop"] or (224 if settings["variant"] == "torchvision" else 227)
    if crop > settings["size"]:
        raise ValueError(f"crop must be at most the images' size, {settings['size']} pixels. Received: {crop}")
    model = alexnet(len(names), settings["variant"], (crop, crop, channels), settings["seed"], initializer)
    measured, lighting = statistics(training), settings["lighting"]
    augmentation = Augmentation(crop, mean=measured.mean, std=np.maximum(measured.std, 1), lighting=lighting,
                                **(measured.pca if lighting else {}))
    ground = getattr(training, "ground", "white")
    Preparation(settings["size"], augmentation.evaluation(), names, channels, ground).put(model)
    model.metadata["training"] = {"settings": settings, "images": images, "augmentation": augmentation.get_config()}
    rate = settings["learning_rate"]
    if settings["schedule"] == "one_cycle":
        rate = schedules.OneCycle(rate, settings["epochs"] * -(-len(training) // settings["batch_size"]))
    model.compile(SGD(rate, **_SGD), "categorical_crossentropy", metrics=["accuracy"])
    return model


def _resumed(resume, settings, images):
    """The model to go on with; refuses what would not be the same training."""
    from fastcnn import load_model

    model = load_model(resume) if isinstance(resume, (str, os.PathLike)) else resume
    recorded = _record(model)
    before = dict(recorded["settings"])
    if settings["schedule"] == "plateau":
        before["epochs"] = settings["epochs"]  # the rate does not depend on how many there will be
    changed = [name for name, value in settings.items() if before.get(name) != value]
    if changed:
        raise ValueError("resuming exactly needs the settings that training was begun with: "
                         f"{', '.join(f'{name}={before.get(name)!r}' for name in changed)}. Received: "
                         f"{', '.join(f'{name}={settings[name]!r}' for name in changed)}")
    changed = [name for name in ("training", "validation") if recorded["images"][name] != images[name]]
    if changed:
        raise ValueError("resuming exactly needs the images that training was begun with. Received: other names, classes or "
                         f"sizes of {' and '.join(changed)} images")
    recorded["settings"]["epochs"] = settings["epochs"]
    return model


def _ten_crops(model, source, augmentation, batch_size):
    """Accuracy over ten crops of the images that can be read."""
    from fastcnn.images import predict_batches

    right = count = 0
    for numbers, y in predict_batches(model, source, augmentation, 10, batch_size):
        right += int((y.argmax(1) == source.labels[numbers])[~np.isnan(y).any(axis=1)].sum())
        count += len(numbers)
    return right / count if count else float("nan")
