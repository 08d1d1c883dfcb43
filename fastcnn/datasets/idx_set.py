"""Sets of images and labels in IDX files: MNIST and its relatives, under the names that they have in the world."""

import errno
import io
import os
import re

from fastcnn import arguments
from fastcnn.datasets.files import Folder
from fastcnn.datasets.idx import read_idx
from fastcnn.datasets.opening import open_files

# train-images-idx3-ubyte.gz, t10k-labels.idx1-ubyte, emnist-letters-test-images-idx3-ubyte
_NAME = re.compile(r"(.*?)(train|t10k|test)[-_.]?(images|labels)[-_.]idx\d[-_.]ubyte(\.gz)?", re.IGNORECASE)


def find_idx_sets(path):
    """{prefix of the names: {(part, kind): name}} of the IDX files of a folder or archive: part "train" or "test", kind
    "images" or "labels".

    Example:
        >>> find_idx_sets("emnist")["emnist-letters-"]["train", "labels"]  # doctest: +SKIP
        'emnist-letters-train-labels-idx1-ubyte.gz'
    """
    return _sets(open_files(path))


def _sets(files):
    found = {}
    for name in sorted(files.files, key=lambda name: (name.count("/"), name)):
        match = _NAME.fullmatch(name.rpartition("/")[2])
        if match:
            part = "train" if match[2].lower() == "train" else "test"
            found.setdefault(match[1], {}).setdefault((part, match[3].lower()), name)
    return found


def read_idx_set(path):
    """((x_train, y_train), (x_test, y_test)) of the four IDX files of a folder or archive; without a test part that is None.

    Files may be compressed, and called train-images-idx3-ubyte, train-images.idx3-ubyte …, t10k or test.

    Args:
        path: a folder, or an archive; where it holds several such sets, the file of training images of one.

    Shape:
        x uint8 (N, height, width), y uint8 (N,)

    Raises:
        FileNotFoundError: no images or labels to train on.
        ValueError: several sets; a file that is damaged, or does not belong to the others.

    Example:
        >>> read_idx_set("emnist/emnist-letters-train-images-idx3-ubyte.gz")[0][0].shape  # doctest: +SKIP
        (124800, 28, 28)
    """
    path, prefix = os.fsdecode(arguments.path("path", path)), None
    match = _NAME.fullmatch(os.path.basename(path))
    if match and os.path.isfile(path):
        path, prefix = os.path.dirname(path) or ".", match[1]
    files = open_files(path)
    sets = _sets(files)
    if prefix is None and len(sets) > 1:
        raise ValueError(f"{path} holds several sets: name the training images of one, as "
                         f"{next(iter(sets.values())).get(('train', 'images'))}. Received: {', '.join(sorted(sets))}")
    names = sets.get(next(iter(sets), None) if prefix is None else prefix, {})
    if ("train", "images") not in names or ("train", "labels") not in names:
        raise FileNotFoundError(errno.ENOENT, "a folder of MNIST's kind holds train-images-idx3-ubyte.gz, "
                                "train-labels-idx1-ubyte.gz, t10k-images-idx3-ubyte.gz and t10k-labels-idx1-ubyte.gz", path)
    return tuple(_part(files, path, names, part) for part in ("train", "test"))


def _part(files, path, names, part):
    if (part, "images") not in names or (part, "labels") not in names:
        return None
    (x, where), (y, labels) = (_array(files, path, names[part, kind]) for kind in ("images", "labels"))
    if x.dtype != "u1" or x.ndim != 3:
        raise ValueError(f"{where}: must hold uint8 images (N, height, width). Received: {x.dtype} of shape {x.shape}")
    if y.dtype != "u1" or y.shape != x.shape[:1]:
        raise ValueError(f"{labels}: must hold {len(x)} labels, uint8. Received: {y.dtype} of shape {y.shape}")
    return x, y


def _array(files, path, name):
    """(the array of a file, what the file is called)."""
    where = os.path.join(path, *name.split("/"))
    if isinstance(files, Folder):
        return read_idx(where), where
    source = io.BytesIO(files.read(name))
    source.name = where
    return read_idx(source), where
