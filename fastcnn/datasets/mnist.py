"""MNIST: 70,000 handwritten digits, bundled with the package."""

import os

from .idx import read_idx

_FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "_mnist")


def load_data():
    """Load the MNIST digits; nothing is downloaded.

    Pixels run from 0 (background) to 255 (ink). Over the training images divided by 255, the mean is 0.1307
    and the standard deviation 0.3081. The data are CC BY-SA 3.0, by Y. LeCun and C. Cortes.

    Shape:
        (x_train, y_train), (x_test, y_test), all uint8:
        x_train (60000, 28, 28), y_train (60000,), x_test (10000, 28, 28), y_test (10000,); labels 0 to 9.

    Raises:
        OSError, IdxError: the installed files are missing or damaged.

    Example:
        >>> (x_train, y_train), (x_test, y_test) = load_data()
        >>> x_train.shape, y_test[:5].tolist()
        ((60000, 28, 28), [7, 2, 1, 0, 4])

    Source: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document
    recognition", Proceedings of the IEEE 86(11), 1998.
    """
    return _load_part("train"), _load_part("t10k")


def _load_part(part):
    images, labels = (f"{part}-{kind}-ubyte.gz" for kind in ("images-idx3", "labels-idx1"))
    return read_idx(os.path.join(_FOLDER, images)), read_idx(os.path.join(_FOLDER, labels))
