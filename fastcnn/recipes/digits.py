"""Digits, MNIST's or one's own: where they come from, and how LeNet-5 takes them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from fastcnn import arguments, calling
from fastcnn.typing import Array, ArrayLike, Config, Path, Preparation

SIDE = 28  # pixels of an image
_TABLES = (".csv", ".csv.gz", ".tsv", ".txt")
_MEAN, _STDDEV = 0.1307, 0.3081  # of MNIST's training images, divided by 255
_BENT = {"translation": 2.0, "scaling": 0.15, "squeezing": 0.15, "shearing": 0.2}


class Digits(NamedTuple):
    """Images (N, 28, 28) uint8 and labels to train on and to test on, what labels mean, what is to be remembered of them,
    and a line about them."""

    x_train: Array
    y_train: Array
    x_test: Array
    y_test: Array
    class_names: list[str] | None
    notes: Config | None
    line: str | None


def digits_preparation(variant: str = "tanh", class_names: Sequence[str] | None = None) -> Preparation:
    """The `fastcnn.images.Preparation` of LeNet-5's digits.

    Example:
        >>> digits_preparation().shape, digits_preparation("1998").augmentation.size
        ((28, 28, 1), (32, 32))
    """
    from fastcnn.images import Augmentation, Distortion, Preparation

    names = list("0123456789") if class_names is None else list(class_names)
    if variant == "1998":
        augmentation = Distortion(32, mean=20, std=200)  # background −0.1, ink 1.175
    else:
        augmentation = Augmentation(None, False, False, mean=255 * _MEAN, std=255 * _STDDEV)
    return Preparation((SIDE, SIDE), augmentation, names, channels=1, ground="black")


def prepare_digits(x: ArrayLike, variant: str = "tanh") -> Array:
    """Turn images of digits into what LeNet-5 takes: (x / 255 − 0.1307) / 0.3081; "1998": −0.1 (background) to 1.175 (ink),
    padded with background, or cropped, to 32 × 32.

    Args:
        x: uint8, 0 (background) to 255 (ink).
        variant: of `fastcnn.networks.lenet5`.

    Shape:
        (samples, 28, 28) or (samples, 28, 28, 1) → (samples, 28, 28, 1), float32; other sizes as well
        "1998": → (samples, 32, 32, 1)

    Raises:
        TypeError, ValueError: no uint8 array, or of another shape; an unknown variant.

    Example:
        >>> round(float(prepare_digits(np.full((1, 28, 28), 255, np.uint8))[0, 0, 0, 0]), 4)
        2.8215
        >>> prepare_digits(np.full((1, 28, 28), 255, np.uint8), "1998")[0, 1:3, 9, 0].round(4).tolist()
        [-0.10000000149011612, 1.1749999523162842]
    """
    arguments.choice("variant", variant, ("tanh", "sigmoid", "relu", "1998"))
    x = np.asarray(x)
    if x.dtype != np.uint8:
        raise TypeError(f"x must be of dtype uint8. Received: {x.dtype}")
    if x.ndim == 4 and x.shape[3] == 1:
        x = x[..., 0]
    if x.ndim != 3:
        raise ValueError(f"x must have shape (samples, height, width). Received: {x.shape}")
    return digits_preparation(variant).augmentation(x[..., np.newaxis])


def digits_distortion(variant):
    """What moves, scales, squeezes and shears training images by chance, and prepares them as `prepare_digits` does.

    Example:
        >>> digits_distortion("tanh").out_shape((28, 28, 1)), digits_distortion("1998").out_shape((28, 28, 1))
        ((28, 28, 1), (32, 32, 1))
    """
    from fastcnn.images import Distortion

    prepared = digits_preparation(variant).augmentation
    return Distortion(getattr(prepared, "size", None), mean=float(prepared.mean), std=float(prepared.std), **_BENT)


def load_digits(data: Path | None = None, val: Path | None = None, transpose: bool = False,
                limit: int | None = None) -> Digits:
    """`Digits` to train on and to test on.

    Args:
        data: None: the bundled MNIST. Else one's own: a folder or archive of IDX files (or the file of training images of
            one of several such sets), an .npz file as Keras keeps MNIST, a CSV file with a row of label and pixels per
            image, or a folder or archive of class folders of images.
        val: the same, to test on; None: data's own test set, or a fifth of each class, held out.
        transpose: exchange rows and columns, as the files of EMNIST need it.
        limit: use only the first so many images of each set.

    Raises:
        ValueError, OSError: no such files, or images of another size; ImportError: images need Pillow.

    Example:
        >>> load_digits().x_test.shape
        (10000, 28, 28)
    """
    transpose = arguments.flag("transpose", transpose)
    limit = None if limit is None else arguments.integer("limit", limit)
    notes = None
    if data is None:
        if val is not None:
            raise ValueError(f"val must be given with data. Received: val={arguments.shown(val)} alone")
        training, test, names, line = *_mnist(), list("0123456789"), "MNIST"
    elif holds_arrays(data):
        training, test, names, notes, line = _arrays(data, val, transpose)
    else:
        training, test, names, notes, line = _images(data, val)
    arrays = [array for part in (training, test) for array in _formed(*part, transpose, limit)]
    return Digits(*arrays, names, notes, line)


def test_digits(data, class_names, transpose=False, limit=None, notes=None):
    """(images (N, 28, 28) uint8, labels, whether it is what training held out) to test a model on.

    Args:
        data: None: the bundled MNIST's test images; else files of arrays, as `load_digits` takes them: their test set, or
            all.
        class_names: of the model.
        transpose, limit: as of `load_digits`.
        notes: what `load_digits` said is to be remembered.

    Raises:
        ValueError: other classes than the model's, or images of another size.

    Example:
        >>> test_digits(None, list("0123456789"), limit=3)[1].tolist()
        [7, 2, 1]
    """
    from fastcnn.datasets import ImageArray, split
    from fastcnn.recipes.sources import SPLIT_SEED, digest

    (x, y), test = _mnist() if data is None else _read(data, transpose)
    held_out = False
    if test is not None:
        x, y = test
    labels = [str(label) for label in np.unique(y)]
    unknown = [name for name in labels if name not in class_names]
    if unknown:
        raise ValueError(f"labels must be among the model's classes, {', '.join(class_names[:20])}. "
                         f"Received: {', '.join(unknown[:5])}")
    y = np.array([class_names.index(name) for name in labels])[np.searchsorted(np.unique(y), y)]
    if test is None and notes and notes.get("validation_split"):
        whole = ImageArray(x, y, class_names)
        if digest(whole) == notes["whole"]:
            part, held_out = split(whole, notes["validation_split"], SPLIT_SEED)[1].indices, True
            x, y = x[part], y[part]
    return *_formed(x, y, transpose, limit), held_out


def _mnist():
    from fastcnn.datasets import mnist

    return mnist.load_data()


def _formed(x, y, transpose, limit):
    """Images and labels as they are delivered."""
    if x.shape[1:] != (SIDE, SIDE):
        raise ValueError(f"digits must have {SIDE} × {SIDE} pixels. Received: {x.shape[1]} × {x.shape[2]}")
    x = x[:limit]
    return np.ascontiguousarray(x.transpose(0, 2, 1)) if transpose else x, y[:limit].astype(np.uint8)


def holds_arrays(data):
    """Whether a path leads to arrays of digits, in IDX, CSV or .npz files; else it may hold images.

    Example:
        >>> holds_arrays("digits.csv")
        True
    """
    from fastcnn.datasets import mnist
    from fastcnn.datasets.idx_set import find_idx_sets

    if not isinstance(data, (str, os.PathLike)):
        raise TypeError(f"data must be a file, a folder or an archive. Received: {type(data).__name__}")
    name = os.fsdecode(data).lower()
    return name.endswith(_TABLES) or mnist.zipped_arrays(data) or _is_idx(data) or bool(find_idx_sets(data))


def _is_idx(data):
    return "idx" in os.path.basename(os.fsdecode(data)) and os.path.isfile(data)


def _read(data, transpose):
    """(training, test or None) of files that hold arrays."""
    from fastcnn.datasets import mnist
    from fastcnn.datasets.digits_csv import read_digits_csv
    from fastcnn.datasets.idx_set import read_idx_set

    name = os.path.abspath(os.fsdecode(data)).lower()
    if "emnist" in name and not transpose:
        calling.warn("EMNIST's files hold images with rows and columns exchanged: transpose (--transpose) sets them "
                     "upright")
    if name.endswith(_TABLES):
        return read_digits_csv(data), None
    return mnist.read_arrays(data) if mnist.zipped_arrays(data) else read_idx_set(data)


def _arrays(data, val, transpose):
    """(training, test, class names, notes, line) of files that hold arrays."""
    from fastcnn.datasets import ImageArray, split
    from fastcnn.recipes.sources import FRACTION, SPLIT_SEED, digest

    training, test = _read(data, transpose)
    whence, notes = os.fsdecode(data), None
    if val is not None:
        test = next(part for part in reversed(_read(val, transpose)) if part is not None)
        whence += f" and {os.fsdecode(val)}"
    labels = np.unique(training[1])
    names = [str(label) for label in labels]
    if test is not None and not np.isin(test[1], labels).all():
        raise ValueError(f"labels to test on must be among those to train on, {', '.join(names[:20])}. Received: "
                         f"{np.setdiff1d(test[1], labels)[:5].tolist()}")
    training, test = (part and (part[0], np.searchsorted(labels, part[1])) for part in (training, test))
    if test is None:
        whole = ImageArray(*training, names)
        notes = {"validation_split": FRACTION, "whole": digest(whole)}
        training, test = ((whole.x[part.indices, ..., 0], part.labels) for part in split(whole, FRACTION, SPLIT_SEED))
    held = f" ({FRACTION:g} of each class, held out)" if notes else ""
    return training, test, names, notes, (
        f"{whence}: {len(training[0]):,} images to train on and {len(test[0]):,} to test on{held}; {len(names)} classes: "
        f"{', '.join(names)}")


def _images(data, val):
    """The same of a folder or archive of class folders."""
    from fastcnn.recipes.sources import class_names, decoded, training_sources

    found = training_sources(data, val, size=(SIDE, SIDE), channels=1, ground="black")
    parts = [(x[..., 0], labels) for x, labels in map(decoded, (found.training, found.validation))]
    return *parts, class_names(found.training), found.notes, found.line
