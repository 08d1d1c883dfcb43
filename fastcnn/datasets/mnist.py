"""MNIST: 70,000 handwritten digits, bundled with the package."""

from __future__ import annotations

import os

import numpy as np

from fastcnn.datasets.idx_set import read_idx_set
from fastcnn.typing import Array, Path

_FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "_mnist")


def load_data(path: Path | None = None) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Load the MNIST digits; nothing is downloaded.

    Pixels run from 0 (background) to 255 (ink). Over the training images divided by 255, the mean is 0.1307
    and the standard deviation 0.3081. The data are CC BY-SA 3.0, by Y. LeCun and C. Cortes.

    Args:
        path: None: the digits that come with the package; else other files of this kind: an .npz file as Keras keeps it, or
            a folder or archive of four IDX files, as train-images-idx3-ubyte.gz or train-images.idx3-ubyte.

    Shape:
        (x_train, y_train), (x_test, y_test), all uint8:
        x_train (60000, 28, 28), y_train (60000,), x_test (10000, 28, 28), y_test (10000,); labels 0 to 9.

    Raises:
        OSError, ValueError: files are missing or damaged.

    Example:
        >>> (x_train, y_train), (x_test, y_test) = load_data()
        >>> x_train.shape, y_test[:5].tolist()
        ((60000, 28, 28), [7, 2, 1, 0, 4])

    Source: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document
    recognition", Proceedings of the IEEE 86(11), 1998.
    """
    if path is not None and zipped_arrays(path):
        return read_arrays(path)
    parts = read_idx_set(_FOLDER if path is None else path)
    if parts[1] is None:
        raise ValueError(f"{os.fsdecode(path)}: must hold images and labels to test on. Received: a training set alone")
    return parts


def zipped_arrays(path: Path) -> bool:
    """Whether a file is an .npz file: a zip archive of .npy files.

    Example:
        >>> zipped_arrays(_FOLDER)
        False
    """
    import zipfile

    if not os.path.isfile(path) or not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return bool(archive.namelist()) and all(name.endswith(".npy") for name in archive.namelist())


def read_arrays(path: Path) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """The data set in an .npz file, with the names that Keras gives to its arrays.

    Shape:
        (x_train, y_train), (x_test, y_test), uint8: x (N, height, width), y (N,)

    Raises:
        ValueError: no such file, or damaged.

    Example:
        >>> np.savez("digits.npz", **{f"{a}_{b}": np.zeros((1, 28, 28) if a == "x" else 1, np.uint8)
        ...                           for a in "xy" for b in ("train", "test")})
        >>> read_arrays("digits.npz")[0][0].shape
        (1, 28, 28)
    """
    import zipfile
    import zlib

    names = [f"{kind}_{part}" for part in ("train", "test") for kind in "xy"]
    try:
        with np.load(path, allow_pickle=False) as file:
            missing = [name for name in names if name not in file]
            if missing:
                raise ValueError(f"arrays must be called {', '.join(names)}. Received: {', '.join(file)}")
            arrays = [file[name] for name in names]
    except (ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{os.fsdecode(path)}: must be an intact .npz file. Received: {error}") from None
    for x, y in zip(arrays[::2], arrays[1::2]):
        if x.dtype != np.uint8 or x.ndim != 3 or y.shape != x.shape[:1] or y.dtype.kind not in "iu":
            raise ValueError(f"{os.fsdecode(path)}: must hold uint8 images (N, height, width) and as many labels. Received: "
                             f"{x.dtype} of shape {x.shape}, {y.dtype} of shape {y.shape}")
    return tuple(arrays[:2]), tuple(arrays[2:])
