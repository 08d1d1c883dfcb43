"""Images in memory, with the interface of `ImageFolder`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastcnn.attributes import Declared
from fastcnn.typing import Array, ArrayLike


class ImageArray(Declared):
    """An array of bytes as a source of images for `fastcnn.images.ImageBatches`.

    Args:
        x: images, uint8.
        y: labels, integers from 0; None: unknown.
        class_names: what the labels mean; None: nothing is known.

    Shape:
        x (N, H, W, C) or (N, H, W), y (N,)

    Raises:
        TypeError, ValueError: naming the argument and what was received.

    Example:
        >>> source = ImageArray(np.zeros((5, 32, 32, 3), np.uint8), [0, 1, 0, 1, 1], ["cat", "dog"])
        >>> len(source), source[1][0].shape, source[1][1]
        (5, (32, 32, 3), 1)
    """

    def __init__(self, x: Array, y: ArrayLike | None = None, class_names: Sequence[str] | None = None) -> None:
        if not isinstance(x, np.ndarray) or x.dtype != np.uint8 or x.ndim not in (3, 4):
            what = f"{x.dtype}, shape {x.shape}" if isinstance(x, np.ndarray) else type(x).__name__
            raise TypeError(f"x must be a uint8 array of images (N, height, width, channels). Received: {what}")
        self.x = x if x.ndim == 4 else x[..., None]
        self.shape = self.x.shape[1:]
        self.class_names: Any = None if class_names is None else [str(name) for name in class_names]
        self.labels: Any = None if y is None else _labels(y, len(x), self.class_names)
        self.broken = {}

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, i: int) -> tuple[Array, int | None]:
        return self.x[i], None if self.labels is None else int(self.labels[i])

    def read(self, indices: ArrayLike, out: Array) -> Array:
        """Copies the images of these numbers to `out`, one a row; returns whether each could be read: all.

        Example:
            >>> out = np.empty((1, 2, 2, 1), np.uint8)
            >>> ImageArray(np.ones((3, 2, 2, 1), np.uint8)).read([2], out).tolist(), int(out.sum())
            ([True], 4)
        """
        out[:len(indices)] = self.x[np.asarray(indices)]
        return np.ones(len(indices), bool)


def _labels(y, n, class_names):
    y = np.asarray(y)
    y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y  # as CIFAR's labels come
    if y.dtype.kind not in "iu" or y.shape != (n,):
        raise ValueError(f"y must be {n} integers, one label per image. Received: {y.dtype}, shape {y.shape}")
    most = 2**31 if class_names is None else len(class_names)
    if n and not (0 <= y.min() and y.max() < most):
        raise ValueError(f"y must hold labels from 0 to {most - 1}. Received: {y.min()} … {y.max()}")
    return y.astype(np.int32)
