"""What a data set of images is like: means, standard deviations, the principal components of its colours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fastcnn import arguments, calling
from fastcnn.threads import get_num_threads

_PIECE = 16  # images read at once


@calling.hinting
@dataclass(frozen=True, eq=False)
class Statistics:
    """Means of a data set of images, in units of their bytes.

    Args:
        images: how many were read.
        mean, std: of each channel (C,), over all pixels of all images.
        mean_image: (H, W, C).
        eigenvectors: of the channels' covariance, one in each column, the most important first (C, C).
        eigenvalues: the variances along them, of pixels from 0 to 1, times 255 (C,).

    Example:
        >>> grey = fastcnn.datasets.ImageArray(np.full((2, 8, 8, 3), 128, np.uint8), [0, 1], ["cat", "dog"])
        >>> found = fastcnn.images.statistics(grey)
        >>> isinstance(found, Statistics), found.images, found.mean.tolist()
        (True, 2, [128.0, 128.0, 128.0])
    """

    images: int
    mean: np.ndarray
    std: np.ndarray
    mean_image: np.ndarray
    eigenvectors: np.ndarray
    eigenvalues: np.ndarray

    @property
    def pca(self) -> dict[str, Any]:
        """The last two as arguments: Augmentation(…, lighting=0.1, **statistics.pca)."""
        return {"eigenvectors": self.eigenvectors, "eigenvalues": self.eigenvalues}


def statistics(source: Any, workers: int | None = None) -> Statistics:
    """Reads all images once and returns their `Statistics`; sums are exact, so the order of reading does not matter.

    The paper multiplies eigenvalues by α ~ N(0, 0.1) without saying in which units; as is customary, they are those of
    pixels from 0 to 1, and the shift of a colour is then scaled to bytes. Signs of the vectors are chosen so that each
    has a positive sum.

    Args:
        source: `fastcnn.datasets.ImageFolder`, `ImageArray`, or an array (N, H, W, C) of uint8. Broken images are left out.
        workers: threads that read; None: as many as fastcnn uses.

    Raises:
        ValueError: there is no readable image.

    Example:
        >>> s = statistics(np.array([0, 10], np.uint8).reshape(2, 1, 1, 1))
        >>> s.mean.tolist(), s.std.tolist(), s.images
        ([5.0], [5.0], 2)

    Source: Krizhevsky, Sutskever, Hinton 2012, §4.1.
    """
    from concurrent.futures import ThreadPoolExecutor

    from fastcnn.images.image_array import ImageArray

    source = ImageArray(source) if isinstance(source, np.ndarray) else arguments.source(source, "__len__", "shape", "read")
    workers = get_num_threads() if workers is None else arguments.integer("workers", workers, 1, 256)
    h, w, c = source.shape
    total, products, count = np.zeros((h, w, c), np.int64), np.zeros((c, c), np.int64), 0

    def measure(start):
        numbers = np.arange(start, min(start + _PIECE, len(source)))
        pixels = np.empty((len(numbers), h, w, c), np.uint8)
        pixels = pixels[source.read(numbers, pixels)]
        product = np.zeros((c, c), np.int64)
        for image in pixels:
            colours = image.reshape(-1, c).astype(np.float64)
            product += (colours.T @ colours).astype(np.int64)  # below 2^53: exact
        return len(pixels), pixels.sum(axis=0, dtype=np.int64), product

    with ThreadPoolExecutor(workers) as executor:
        for images, sums, product in executor.map(measure, range(0, len(source), _PIECE)):
            count, total, products = count + images, total + sums, products + product
    if not count:
        raise ValueError(f"statistics need a readable image. Received: {len(source)} images, none of them readable")
    n = count * h * w
    mean = total.sum(axis=(0, 1)) / n
    covariance = products / n - np.outer(mean, mean)
    values, vectors = np.linalg.eigh(covariance)
    values, vectors = np.maximum(values[::-1], 0), vectors[:, ::-1]
    vectors = vectors * np.where(vectors.sum(axis=0) < 0, -1.0, 1.0)
    return Statistics(count, mean, np.sqrt(np.maximum(np.diag(covariance), 0)), (total / count).astype(np.float32), vectors,
                      values / 255)
