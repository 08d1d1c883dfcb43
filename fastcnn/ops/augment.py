"""Photographs, from bytes to floats."""

from __future__ import annotations

import numpy as np

from fastcnn import _ops, arguments
from fastcnn.ops.shared import deliver, describe, numbers, random_key, result, run
from fastcnn.typing import Array, ArrayLike, Pair

__all__ = ["augment"]


def _light(c, lighting, eigenvectors, eigenvalues):
    """What the three normal numbers are multiplied by; None: nothing."""
    lighting = arguments.number("lighting", lighting, 0)
    if not lighting:
        return None
    if c != 3 or eigenvectors is None or eigenvalues is None:
        what = f"{c} channels" if c != 3 else "no eigenvectors" if eigenvectors is None else "no eigenvalues"
        raise ValueError(f"lighting needs images of 3 channels, eigenvectors and eigenvalues. Received: {what}")
    vectors, values = arguments.array("eigenvectors", eigenvectors, 2), arguments.array("eigenvalues", eigenvalues, 1)
    if vectors.shape != (3, 3) or values.shape != (3,) or not (np.isfinite(vectors).all() and np.isfinite(values).all()):
        raise ValueError("eigenvectors must be (3, 3), one in each column, and eigenvalues (3,), all finite. Received: "
                         f"shapes {vectors.shape} and {values.shape}")
    return (vectors.astype(np.float64) * values * lighting).tolist()


def augment(x: Array, crop: Pair | None = None, position: str = "centre", flip: str = "never", mean: ArrayLike = 0.0,
            scale: ArrayLike = 1.0, lighting: float = 0.0, eigenvectors: ArrayLike | None = None,
            eigenvalues: ArrayLike | None = None, index: ArrayLike | None = None, partner: ArrayLike | None = None,
            weight: float = 1.0, seed: int = 0, epoch: int = 0, *, out: Array | None = None) -> Array:
    """Bytes to the floats a network takes: crop, mirror, subtract the mean, scale, change the light, mix in pairs.

    Args:
        x: images, uint8.
        crop: height and width of the result in pixels, integer or pair; None: the whole image.
        position: of the crop: "centre", "random", "top_left", "top_right", "bottom_left", "bottom_right".
        flip: mirror left and right: "never", "random" (one image in two), "always".
        mean: a number, one per channel, or an image (H, W, C), which is cropped and mirrored alike; in units of x.
        scale: a number, or one per channel: 1 / standard deviation.
        lighting: standard deviation of α; 0: none.
        eigenvectors, eigenvalues: of the colours' covariance: (3, 3), one vector in each column, and (3,).
        index: numbers of the images in their data set, which the random numbers depend on; None: 0, 1, 2 …
        partner: for each image the place in the batch of the one that is mixed into it; None: no mixing.
        weight: of the first image where two are mixed, in [0, 1].
        seed, epoch: key and counter of the random numbers (Philox 4×32-10): each image has one draw per epoch.
        out: array to write the result to.

    Shape:
        x (N, H, W, C), C = 1 … 4 → (N, crop height, crop width, C)

    Raises:
        TypeError, ValueError: naming the argument, what was received and what is accepted.

    Example:
        >>> x = np.arange(9, dtype=np.uint8).reshape(1, 3, 3, 1)
        >>> fastcnn.ops.augment(x, crop=2, position="top_left", flip="always", mean=1).ravel().tolist()
        [0.0, -1.0, 3.0, 2.0]
    """
    if not isinstance(x, np.ndarray) or x.dtype != np.uint8 or x.ndim != 4 or not 1 <= x.shape[3] <= 4 or 0 in x.shape[1:]:
        raise TypeError("x must be a uint8 array of images (N, height, width, 1 to 4 channels). "
                        f"Received: {describe(x)}")
    x = arguments.dense(x)
    n, h, w, c = x.shape
    crop = (h, w) if crop is None else arguments.pair("crop", crop)
    if crop[0] > h or crop[1] > w:
        raise ValueError(f"crop must fit into the images of {h} × {w} pixels. Received: {crop}")
    position, flip = arguments.choice("position", position, _ops.POSITIONS), arguments.choice("flip", flip, _ops.FLIPS)
    image = None
    if np.ndim(mean) > 1:
        image = arguments.array("mean", mean)
        if image.shape != (h, w, c):
            raise ValueError(f"mean must be a number, {c} of them, or an image of shape {(h, w, c)}. "
                             f"Received: shape {image.shape}")
    op = _ops.augment((h, w, c), crop, position, flip, arguments.channels("mean", mean, c) if image is None else None,
                      arguments.channels("scale", scale, c), _light(c, lighting, eigenvectors, eigenvalues))
    index, partner = numbers("index", index, n, 2**31), numbers("partner", partner, n, n)
    weight = arguments.number("weight", weight, 0, 1)
    key = random_key(seed, "epoch", epoch, 2**63 - 1)
    y = result(out, (n, *crop, c), x, *([] if image is None else [image]))
    run(op, n, [["forward"]], [("y", y)], [("pixels", x), ("index", index), ("partner", partner), ("mean", image)],
         scale=weight, random=key)
    return deliver(y, out)
