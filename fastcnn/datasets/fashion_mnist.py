"""Fashion-MNIST: 70,000 grey pictures of clothes and shoes, laid out as MNIST is."""

from __future__ import annotations

import os

from fastcnn.datasets.download import RemoteFile, data_folder, fetch
from fastcnn.datasets.idx_set import read_idx_set
from fastcnn.typing import Array, Path

CLASS_NAMES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")

_DEBIAN = "/usr/share/datasets/fashion-mnist"  # where Debian's package dataset-fashion-mnist puts the files
_MIRRORS = ("https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            "https://storage.googleapis.com/tensorflow/tf-keras-datasets/")


def _remote(name, size, sha256):
    return RemoteFile(name, size, sha256, tuple(mirror + name for mirror in _MIRRORS))


# The SHA-256 are those that Julia's Flux demands. The authors give MD5, in this order: 8d4fb7e6c68d591d4c3dfef9ec88bf0d,
# 25c81989df183df01b3e8a0aad5dffbe, bef4ecab320f06d8554ea6380940ec79, bb300cfdad3c16e7a12a480ee83cd310.
_FILES = (
    _remote("train-images-idx3-ubyte.gz", 26_421_880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
    _remote("train-labels-idx1-ubyte.gz", 29_515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
    _remote("t10k-images-idx3-ubyte.gz", 4_422_102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
    _remote("t10k-labels-idx1-ubyte.gz", 5_148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
)
_SHAPES = (60000, 28, 28), (60000,), (10000, 28, 28), (10000,)


def load_data(path: Path | None = None) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Load Fashion-MNIST, in Keras' shapes.

    Args:
        path: a folder or an archive of the four files, as train-images-idx3-ubyte.gz or train-images.idx3-ubyte,
            compressed or not. None: the folder fashion-mnist within that which FASTCNN_DATA names, or within a folder of
            the user's for caches; or that of Debian's package dataset-fashion-mnist; or else the files are downloaded to
            the former, 31 MB, once. Files in the former must have their official SHA-256.

    Shape:
        (x_train, y_train), (x_test, y_test), all uint8: x_train (60000, 28, 28), y_train (60000,), x_test (10000, 28, 28),
        y_test (10000,); labels 0 to 9 are `CLASS_NAMES`.

    Raises:
        ValueError: a file is damaged, incomplete or of another kind; the message names it and says what was expected.
        DownloadError: no mirror gave a file; the message says what to download by hand.
        OSError: a file is missing.

    Example:
        >>> (x_train, y_train), (x_test, y_test) = load_data("data/fashion")  # doctest: +SKIP
        >>> x_train.shape, CLASS_NAMES[y_test[0]]  # doctest: +SKIP
        ((60000, 28, 28), 'Ankle boot')

    Source: H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking machine learning
    algorithms", 2017, https://github.com/zalandoresearch/fashion-mnist
    """
    parts = read_idx_set(_find() if path is None else path)
    shapes = [array.shape for part in parts for array in part or ()]
    if shapes != list(_SHAPES):
        raise ValueError(f"{path or 'fashion-mnist'}: must hold arrays of shapes {_SHAPES}. Received: {shapes}")
    for part, (_, y) in zip(("training", "test"), parts):
        if y.max() > 9:
            raise ValueError(f"{path or 'fashion-mnist'}: {part} labels must lie from 0 to 9. Received: up to {y.max()}")
    return parts


def _find():
    """The folder of the four files."""
    folder = os.path.join(data_folder(), "fashion-mnist")
    if not all(os.path.exists(os.path.join(folder, remote.name)) for remote in _FILES) and all(
            os.path.exists(os.path.join(_DEBIAN, remote.name)) for remote in _FILES):
        return _DEBIAN
    for remote in _FILES:
        fetch(remote, folder)
    return folder
