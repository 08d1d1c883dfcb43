"""What a recipe trains and is validated on: sources of photographs from folders, archives or arrays."""

import hashlib
import os

from fastcnn import arguments

_FRACTION = 0.2  # of the training images, held out where there are no others
_SPLIT_SEED = 0  # not the training's: whatever its seed, the same images are held out


def training_sources(data, val=None, validation_split=None, size=None, cache=False):
    """(training, validation, what is to be remembered of them).

    Args:
        data: a folder or a zip archive of class folders, or with folders "train" and "val" (or "test") of them; or a source
            such as `fastcnn.datasets.ImageArray`.
        val: the same, to validate on; None: data's "val" or "test", else a part of the training images, alike in every
            class.
        validation_split: how large a part; None: 0.2.
        size: to which photographs' short sides are resized, in pixels; None: 256. A source has its own.
        cache: keep decoded photographs in memory.

    Raises:
        TypeError, ValueError, OSError: for such arguments or files; ImportError: Pillow is missing.

    Example:
        >>> source = fastcnn.datasets.ImageArray(np.zeros((10, 8, 8, 3), np.uint8), [0, 1] * 5)
        >>> training, validation, _ = training_sources(source)
        >>> len(training), len(validation)
        (8, 2)
    """
    from fastcnn.datasets import split

    training, inner = _open(data, "data", size, cache, first="train")
    if training.labels is None:
        raise ValueError("data must have labels. Received: a source without")
    names = class_names(training)
    if val is not None or inner is not None:
        if validation_split is not None:
            where = "val" if val is not None else f"{data}, which holds {inner!r} to validate on"
            raise ValueError(f"validation_split must not be given with {where}. Received: {validation_split!r}")
        given, options = (data, {"folder": inner}) if val is None else (val, {})
        validation, _ = _open(given, "val", size, cache, first="val", names=names, **options)
        if validation.labels is None or validation.labels.max(initial=0) >= len(names):
            raise ValueError(f"val must have labels below {len(names)}, as the training images. Received: "
                             f"{'none' if validation.labels is None else int(validation.labels.max())}")
        if validation.shape != training.shape:
            raise ValueError(f"val must have images of {training.shape}, as data. Received: {validation.shape}")
        notes = {"validation_split": None, "whole": None}
    else:
        fraction = arguments.number("validation_split", _FRACTION if validation_split is None else validation_split, 0, 1)
        notes = {"validation_split": fraction, "whole": digest(training)}
        training, validation = split(training, fraction, _SPLIT_SEED)
    return training, validation, {**notes, "training": digest(training), "validation": digest(validation)}


def evaluation_source(data, preparation, notes=None):
    """(source, whether it is what training held out) for evaluating a model on photographs.

    Args:
        data: a folder or a zip archive, as for training; of its parts, "val" or "test" is taken.
        preparation: the model's `fastcnn.images.Preparation`.
        notes: what `training_sources` remembered: if these are the images that a part was held out of, that part is taken.

    Raises:
        ValueError, OSError: as `fastcnn.datasets.ImageFolder`.

    Example:
        >>> evaluation_source("flowers.zip", preparation)  # doctest: +SKIP
    """
    from fastcnn.datasets import split

    p = preparation
    source, _ = _open(data, "data", p.size, False, first="val", names=p.class_names, channels=p.channels, ground=p.ground)
    if notes and notes.get("validation_split") and digest(source) == notes["whole"]:
        return split(source, notes["validation_split"], _SPLIT_SEED)[1], True
    return source, False


def class_names(source):
    """The source's own, or "0", "1" … up to its largest label.

    Example:
        >>> class_names(fastcnn.datasets.ImageArray(np.zeros((2, 8, 8, 3), np.uint8), [0, 2]))
        ['0', '1', '2']
    """
    names = getattr(source, "class_names", None)
    return list(names) if names else [str(i) for i in range(int(source.labels.max()) + 1)]


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


def _open(data, name, size, cache, first, folder=None, names=None, **options):
    """(a source, the folder beside it to validate on, or None)."""
    from fastcnn.datasets import ImageFolder, find_parts

    if hasattr(data, "read") and hasattr(data, "shape"):
        if size not in (None, min(data.shape[:2])):
            raise ValueError(f"size must not be given with a source, whose images are of {data.shape}. Received: {size!r}")
        if cache:
            raise ValueError("cache must not be given with a source, which decides itself. Received: True")
        return data, None
    if not isinstance(data, (str, os.PathLike)):
        raise TypeError(f"{name} must be a folder, a zip archive or a source of images. Received: {type(data).__name__}")
    inner = None
    if folder is None:
        train, inner = find_parts(data)
        folder = train if first == "train" else inner or train
    size = 256 if size is None else size
    return ImageFolder(data, folder, size, class_names=names, cache=cache, **options), inner
