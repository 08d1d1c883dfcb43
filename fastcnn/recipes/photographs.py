"""What the recipes for photographs have in common: data, records, checkpoints, going on where a training left off."""

from __future__ import annotations

import os
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from fastcnn import arguments
from fastcnn.callbacks.terminal import say
from fastcnn.recipes.sources import class_names, training_sources
from fastcnn.recipes.watching import Checkpoint, Pace, is_first
from fastcnn.typing import Array, History, Model, Path

_PLATEAU = {"monitor": "val_accuracy", "factor": 0.1, "patience": 5}  # Krizhevsky's: by 10 when validation stalls
_SGD = {"momentum": 0.9, "weight_decay": 5e-4, "decoupled": False}


class TrainedOnImages(NamedTuple):
    """What a recipe for photographs returns: the model, `fit`'s History; on the validation images, loss and accuracy of the
    centre crop and accuracy over ten crops; seconds of training (validation after each epoch included) and of this last
    evaluation; numbers of images; training images per second and the part of that time spent waiting for data; the source
    of the validation images; of those that can be read, their numbers and probabilities over ten crops."""

    model: Model
    history: History
    loss: float
    accuracy: float
    ten_crop_accuracy: float
    train_seconds: float
    test_seconds: float
    train_images: int
    test_images: int
    images_per_second: float
    data_wait: float
    validation: Any
    answers: tuple[Array, Array]


class Files(NamedTuple):
    """What a training writes, and the file or model that it goes on from."""

    save: Path | None
    checkpoint_steps: int | None
    best: Path | None
    log: Path | None
    resume: Path | Model | None


def common_settings(recipe, epochs, batch_size, learning_rate, mixup, seed):
    """What all recipes record of a training, checked."""
    return {"recipe": recipe, "epochs": arguments.integer("epochs", epochs),
            "batch_size": arguments.integer("batch_size", batch_size),
            "learning_rate": arguments.number("learning_rate", learning_rate, 0),
            "mixup": arguments.number("mixup", mixup, 0), "seed": arguments.integer("seed", seed, 0)}


def train(settings, sources, begin, files, verbose, callbacks, keep_best=False, expected=None, fewer=None,
          loss="categorical_crossentropy", nesterov=False, distribute=None):
    """Trains, evaluates, and returns `TrainedOnImages`.

    Args:
        settings: the recipe's arguments, JSON-able, which the result depends on; those of `training_sources` are added.
        sources: arguments of `training_sources`.
        begin: function of (training source, settings) that returns (model, augmentation), if nothing is resumed.
        files: `Files`.
        verbose, callbacks, distribute: as of `fit`.
        keep_best: end with the weights of the epoch with the best validation accuracy.
        expected: function of the training source that returns a line on what so many images can give.
        fewer: function of the training source that returns how many epochs are enough, if these are fewer.
        loss, nesterov: what a new model is compiled with.

    Raises:
        KeyboardInterrupt: on Ctrl-C, when the step that runs has ended and all is saved.
    """
    from fastcnn import callbacks as watching
    from fastcnn.images import Augmentation, ImageBatches

    save, checkpoint_steps, best, log, resume = files
    paths = {name: None if path is None else os.fspath(path) for name, path in (("log", log), ("best", best))}
    checkpoint, pace = Checkpoint(save, checkpoint_steps, distribute), Pace()
    verbose = verbose if is_first(distribute) else 0
    watchers = [*([watching.ReduceLROnPlateau(**_PLATEAU)] if _stalls(settings) else []), *(callbacks or []),
                *([watching.CSVLogger(log)] if log is not None else []), pace,
                *([watching.ModelCheckpoint(best, "val_accuracy", save_best_only=True)] if best is not None else []),
                *([watching.EarlyStopping("val_accuracy", patience=settings["epochs"], restore_best_weights=True)]
                  if keep_best else []), checkpoint]
    settings["callbacks"] = [type(watcher).__name__ for watcher in watchers]
    training, validation, images, line = training_sources(**sources)
    if fewer is not None:
        settings["epochs"] = min(settings["epochs"], fewer(training))
    if verbose:
        say(line)
        if expected is not None:
            say(expected(training))
    if "validation_split" in sources:
        settings.update(size=settings.get("size", min(training.shape[:2])), validation_split=images["validation_split"])
    model = None if resume is None else _resumed(resume, settings, images)
    if model is None:
        model = _begun(*begin(training, settings), training, settings, images, loss, nesterov)
    model.metadata["training"]["optional"] = {"checkpoint_steps": checkpoint_steps, **paths}
    augmentation = Augmentation.from_config(model.metadata["training"]["augmentation"])
    options = {"batch_size": settings["batch_size"], "one_hot": True, "prefetch": 1}
    batches = ImageBatches(training, augmentation=augmentation, seed=settings["seed"], mixup=settings["mixup"], **options)
    judged = ImageBatches(validation, augmentation=augmentation.evaluation(), shuffle=False, **options)
    start = perf_counter()
    with checkpoint.interruptible():
        history = model.fit(batches, epochs=settings["epochs"], verbose=verbose, callbacks=watchers, validation_data=judged,
                            resume=resume is not None, distribute=distribute)
    ended = keep_best or not checkpoint.saved  # not saved: resumed when there was nothing left to do
    if save is not None and is_first(distribute) and ended:
        model.save(save)
    middle = perf_counter()
    loss, accuracy = model.evaluate(judged, verbose=0)
    numbers, y = answers = _ten_crops(model, validation, augmentation, settings["batch_size"])
    right = (y.argmax(axis=1) == validation.labels[numbers]) & ~np.isnan(y).any(axis=1)  # a prediction of NaN is wrong
    ten = float(right.mean()) if len(numbers) else float("nan")
    return TrainedOnImages(model, history, loss, accuracy, ten, middle - start, perf_counter() - middle, len(training),
                           len(validation), pace.images_per_second, pace.data_wait, validation, answers)


def recorded_settings(model: Model) -> dict[str, Any]:
    """The arguments that a model of a recipe for photographs was trained with, to resume with; files and data aside.

    Args:
        model: loaded from the file that `save` named.

    Raises:
        ValueError: no such recipe made the model.

    Example:
        >>> model = fastcnn.load_model("flowers.safetensors")  # doctest: +SKIP
        >>> train_alexnet("flowers.zip", resume=model, **recorded_settings(model))  # doctest: +SKIP
    """
    recorded = _record(model)
    settings = {name: value for name, value in recorded["settings"].items() if name not in ("callbacks", "recipe")}
    return {**settings, **{name: value for name, value in recorded["optional"].items() if value is not None}}


def recorded_recipe(model: Model) -> str:
    """The name of the recipe that a model was trained by: "alexnet", "cifar10" or "photos".

    Raises:
        ValueError: by none of them.

    Example:
        >>> recorded_recipe(fastcnn.load_model("flowers.safetensors"))  # doctest: +SKIP
        'photos'
    """
    return _record(model)["settings"].get("recipe", "alexnet")


def fitted_crop(crop, size):
    """The crop, if it fits into images of that size."""
    if crop > size:
        raise ValueError(f"crop must be at most the images' size, {size} pixels. Received: {crop}")
    return crop


def _stalls(settings):
    """Is the learning rate constant until validation stalls? Else it goes through one cycle."""
    return settings.get("schedule") == "plateau"


def _record(model):
    if not isinstance(getattr(model, "metadata", None), dict):
        raise TypeError(f"resume must be a file or a model. Received: {arguments.shown(model)}")
    found = model.metadata.get("training")
    if not isinstance(found, dict) or not {"settings", "optional", "images", "augmentation"} <= set(found):
        raise ValueError("a training is resumed from a file that a recipe for photographs saved. Received: a model without "
                         "its settings")
    return found


def _begun(model, augmentation, training, settings, images, loss, nesterov):
    """The new model, compiled, with its record."""
    from fastcnn.images import Preparation
    from fastcnn.optimizers import SGD, schedules

    height, width, channels = training.shape
    Preparation(min(height, width), augmentation.evaluation(), class_names(training), channels,
                getattr(training, "ground", "white")).put(model)
    model.metadata["training"] = {"settings": settings, "images": images, "augmentation": augmentation.get_config()}
    rate = settings["learning_rate"]
    if not _stalls(settings):
        rate = schedules.OneCycle(rate, settings["epochs"] * -(-len(training) // settings["batch_size"]))
    model.compile(SGD(rate, nesterov=nesterov, **_SGD), loss, metrics=["accuracy"])
    return model


def _resumed(resume, settings, images):
    """The model to go on with; refuses what would not be the same training."""
    from fastcnn import load_model

    model = load_model(resume) if isinstance(resume, (str, os.PathLike)) else resume
    recorded = _record(model)
    before = {"recipe": "alexnet", "width": 1.0, **recorded["settings"]}
    before.setdefault("dropout", 0.5 if before["recipe"] == "alexnet" else 0.0)
    if _stalls(settings):
        before["epochs"] = settings["epochs"]  # the rate does not depend on how many there will be
    changed = [name for name, value in settings.items() if before.get(name) != value]
    if changed:
        raise ValueError("resuming exactly needs the settings that training was begun with: "
                         f"{arguments.given(**{name: before.get(name) for name in changed})}. Received: "
                         f"{arguments.given(**{name: settings[name] for name in changed})}")
    changed = [name for name in ("training", "validation") if recorded["images"][name] != images[name]]
    if changed:
        raise ValueError("resuming exactly needs the images that training was begun with. Received: other names, classes or "
                         f"sizes of {' and '.join(changed)} images")
    recorded["settings"]["epochs"] = settings["epochs"]
    return model


def _ten_crops(model, source, augmentation, batch_size):
    """(numbers, probabilities) of the images that can be read."""
    from fastcnn.images import predict_batches

    pairs = list(predict_batches(model, source, augmentation, 10, batch_size))
    return tuple(np.concatenate(parts) for parts in zip(*pairs))


def normalizing(training):
    """(mean, std) of the pixels of a source, as an `Augmentation` takes them, and the `Statistics` they are from."""
    from fastcnn.images import statistics

    measured = statistics(training)
    return {"mean": measured.mean, "std": np.maximum(measured.std, 1)}, measured
