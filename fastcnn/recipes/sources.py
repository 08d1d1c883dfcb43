"""What a recipe trains and is validated on: sources of photographs from folders, archives or arrays."""

import hashlib
import os
from collections import namedtuple

import numpy as np

from fastcnn import arguments, calling

FRACTION = 0.2  # of the training images, held out where there are no others
_BLOCK = 500    # images read in one go
SPLIT_SEED = 0  # not the training's: whatever its seed, the same images are held out

Sources = namedtuple("Sources", "training validation notes line")
Sources.__doc__ = ("What a recipe trains on and is validated on, what is to be remembered of them, and one line that "
                   "accounts for every file.")


def training_sources(data, val=None, validation_split=None, size=None, cache=False, folder=None, classes=None, labels=None,
                     val_labels=None, channels=3, ground="white"):
    """`Sources` for training.

    Args:
        data: a folder or an archive of class folders, or with folders "train" and "val" (or "test") of them; or a source
            such as `fastcnn.datasets.ImageArray`.
        val: the same, to validate on; None: data's "val" or "test", else a part of the training images, alike in every
            class.
        validation_split: how large a part; None: 0.2.
        size: to which photographs' short sides are resized, in pixels; None: 256. A source has its own.
        cache: keep decoded photographs in memory.
        folder: where in data the class folders (or train and val) lie; None: they are looked for.
        classes: names of the classes, in order; None: all.
        labels: a table (`fastcnn.datasets.labels`), or {file: class}, in the place of class folders.
        val_labels: the same for val; None: as labels.
        channels, ground: as of `fastcnn.datasets.ImageFolder`.

    Raises:
        TypeError, ValueError, OSError: for such arguments or files; ImportError: Pillow is missing.

    Example:
        >>> source = fastcnn.datasets.ImageArray(np.zeros((10, 8, 8, 3), np.uint8), [0, 1] * 5)
        >>> found = training_sources(source)
        >>> len(found.training), len(found.validation)
        (8, 2)
    """
    from fastcnn.datasets import split
    from fastcnn.recipes.account import readable, summary

    options = {"size": 256 if size is None else size, "cache": cache, "labels": labels, "channels": channels,
               "ground": ground}
    if val is None and val_labels is not None:
        raise ValueError(f"val_labels must be given with val. Received: {arguments.shown(val_labels)} alone")
    listing, training, inner = _listing(data, "data", size, cache, folder, classes, labels), data, None
    if listing is not None:
        first, inner = (None, None) if labels is not None else listing.parts()
        training = _source(listing, first, names=classes, **options)
    names = _checked_names(training, classes)
    inner, places = _known(listing, inner, names), [(listing, training)]
    if val is None and inner is None:
        fraction = arguments.number("validation_split", FRACTION if validation_split is None else validation_split, 0, 1)
        notes, whence = {"validation_split": fraction, "whole": digest(training)}, f"{fraction:g} of each class, held out"
        training, validation = split(training, fraction, SPLIT_SEED)
    else:
        notes, whence = {"validation_split": None, "whole": None}, f"the folder {inner}"
        if validation_split is not None:
            where = "val" if val is not None else f"{data}, which holds {inner!r} to validate on"
            raise ValueError(f"validation_split must not be given with {where}. "
                             f"Received: {arguments.shown(validation_split)}")
        if val is not None:
            labels = options["labels"] = labels if val_labels is None else val_labels
            listing, whence = _listing(val, "val", size, cache, labels=val_labels), "given as val"
            inner = None if listing is None or labels is not None else _validation_folder(listing, names)
        validation = val if listing is None else _source(listing, inner, names=names, **options)
        _check_validation(validation, training, names)
        places.append((listing, validation))
    notes = {**notes, "training": digest(training), "validation": digest(validation)}
    line = summary(_accounts(places), ["to train on", "to validate on"], whence, [readable(training), readable(validation)],
                   names)
    return Sources(training, validation, notes, line)


def _checked_names(training, classes):
    """Names of the classes of what is to be trained on."""
    if training.labels is None:
        raise ValueError("data must have labels. Received: a source without")
    names = class_names(training)
    counts = np.bincount(training.labels, minlength=len(names))
    without = [name for name, n in zip(names, counts) if classes and not n]
    if without:
        raise ValueError(f"classes must have images to train on. Received: {', '.join(without)}")
    if len(names) < 2:
        raise ValueError(f"data must hold images of two classes or more. Received: {', '.join(names)} alone")
    return names


def _check_validation(validation, training, names):
    if validation.labels is None or validation.labels.max(initial=0) >= len(names):
        raise ValueError(f"val must have labels below {len(names)}, as the training images. Received: "
                         f"{'none' if validation.labels is None else int(validation.labels.max())}")
    if validation.shape != training.shape:
        raise ValueError(f"val must have images of {training.shape}, as data. Received: {validation.shape}")


def _accounts(places):
    """Of each listing among (listing, source)."""
    from fastcnn.recipes.account import Account

    return [Account(listing, [source for place, source in places if place is listing])
            for listing in dict.fromkeys(listing for listing, _ in places) if listing is not None]


def evaluation_source(data, preparation, notes=None, folder=None, labels=None):
    """(source, whether it is what training held out, a line that accounts for every file) for evaluating a model on
    photographs.

    Args:
        data: a folder or an archive, as for training; of its parts, "val" or "test" is taken.
        preparation: the model's `fastcnn.images.Preparation`.
        notes: what `training_sources` remembered: if these are the images that a part was held out of, that part is taken.
        folder, labels: as for training.

    Raises:
        ValueError, OSError: as `fastcnn.datasets.ImageFolder`.

    Example:
        >>> evaluation_source("flowers.zip", preparation)  # doctest: +SKIP
    """
    from fastcnn.datasets import split
    from fastcnn.recipes.account import readable, summary

    p = preparation
    listing = _listing(data, "data", folder=folder)
    inner = None if labels is not None else _validation_folder(listing, p.class_names)
    source = _source(listing, inner, p.size, False, labels, p.class_names, channels=p.channels, ground=p.ground)
    accounts, parts = _accounts([(listing, source)]), [source]
    held_out = bool(notes and notes.get("validation_split") and digest(source) == notes["whole"])
    if held_out:
        rest, source = split(source, notes["validation_split"], SPLIT_SEED)
        parts = [source, rest]
    line = summary(accounts, ["to test on", "that training had"], None, list(map(readable, parts)), p.class_names)
    return source, held_out, line


def class_names(source):
    """The source's own, or "0", "1" … up to its largest label.

    Example:
        >>> class_names(fastcnn.datasets.ImageArray(np.zeros((2, 8, 8, 3), np.uint8), [0, 2]))
        ['0', '1', '2']
    """
    names = getattr(source, "class_names", None)
    return list(names) if names else [str(i) for i in range(int(source.labels.max()) + 1)]


def decoded(source, say=lambda start: None):
    """(images, labels) of a source in memory; what cannot be read is left out, and warned of.

    Args:
        say: called with the number of images that have been read, now and then.

    Raises:
        ValueError: none can be read.

    Example:
        >>> x, labels = decoded(fastcnn.datasets.ImageArray(np.zeros((2, 8, 8, 3), np.uint8), [0, 1]))
        >>> x.shape, labels.tolist()
        ((2, 8, 8, 3), [0, 1])
    """
    x, good = np.empty((len(source), *source.shape), np.uint8), np.zeros(len(source), bool)
    for start in range(0, len(source), _BLOCK):
        say(start)
        rows = np.arange(start, min(start + _BLOCK, len(source)))
        good[rows] = source.read(rows, x[start:start + _BLOCK])
    if not good.any():
        raise ValueError(f"images must be readable. Received: {len(source)}, none of them readable")
    if not good.all():
        broken = list(source.broken.values())
        calling.warn(f"{len(broken)} of {len(source)} images cannot be decoded and are left out: {'; '.join(broken[:3])}")
        x = x[good]
    return x, source.labels[good]


def digest(source):
    """Whether two sources hold the same images in the same order, as far as names and labels tell; where they lie does not
    matter.

    Example:
        >>> source = fastcnn.datasets.ImageArray(np.zeros((2, 8, 8, 3), np.uint8), [0, 1])
        >>> len(digest(source))
        64
    """
    found = hashlib.sha256(repr((list(source.shape), class_names(source), getattr(source, "paths", None))).encode(
        "utf-8", "surrogateescape"))
    found.update(source.labels.tobytes())
    return found.hexdigest()


def _listing(data, name, size=None, cache=False, folder=None, classes=None, labels=None):
    """What a folder or archive holds; None: data is a source."""
    from fastcnn.datasets.listing import Listing

    if hasattr(data, "read") and hasattr(data, "shape"):
        if size not in (None, min(data.shape[:2])):
            raise ValueError(f"size must not be given with a source, whose images are of {data.shape}. "
                             f"Received: {arguments.shown(size)}")
        for option, value in ("cache", cache or None), ("folder", folder), ("classes", classes), ("labels", labels):
            if value is not None:
                raise ValueError(f"{option} must not be given with a source, which decides itself. "
                                 f"Received: {arguments.shown(value)}")
        return None
    if not isinstance(data, (str, os.PathLike)):
        raise TypeError(f"{name} must be a folder, a zip or tar archive, or a source of images. "
                        f"Received: {type(data).__name__}")
    return Listing(data, folder)


def _source(listing, folder, size, cache, labels, names, **options):
    from fastcnn.datasets import ImageFiles, ImageFolder

    if labels is not None:
        return ImageFiles(listing, folder, size, cache=cache, labels=labels, class_names=names, **options)
    return ImageFolder(listing, folder, size, class_names=names, cache=cache, allow_empty=True, **options)


def _known(listing, folder, names):
    """The folder, if it holds images of such classes; else None."""
    if folder is None or not any(image.split("/")[0] in names for image in listing.inside(folder).images):
        return None
    return folder


def _validation_folder(listing, names):
    """Of the parts of a folder or archive, the one to validate on."""
    first, inner = listing.parts()
    return _known(listing, inner, names) or first
