"""How photographs are prepared, as an object: for training with chance, for evaluation without."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fastcnn import arguments, ops
from fastcnn.registry import Configurable
from fastcnn.typing import Array, ArrayLike, Config, Pair

CORNERS = ("top_left", "top_right", "bottom_left", "bottom_right", "centre")


class Augmentation(Configurable):
    """Bytes to floats: crop, mirror, mean, standard deviation and light; on request padded, scaled, squeezed and sheared
    before. Calls `fastcnn.ops.distort` and `fastcnn.ops.augment`.

    Args:
        crop: height and width of the result in pixels, integer or pair; None: the whole image.
        random_crop: anywhere in the image; False: its centre.
        flip: mirror one image in two, left and right.
        mean: subtracted from the bytes: a number, one per channel, or an image (H, W, C); None: 0.
        std: the result is divided by it: a number, or one per channel; None: 1.
        lighting: standard deviation of the factors α by which the colours move along their principal components; the
            paper's is 0.1; 0: not at all.
        eigenvectors, eigenvalues: those components, as `statistics(source).pca` has them.
        padding: in training, images go on for so many pixels beyond their edges, mirrored there, before they are cropped.
        scaling: larger or smaller by up to this part; below .9.
        squeezing: up to this part wider and flatter, or narrower and taller; below .9.
        shearing: rows shifted sideways by up to this part of their distance from the middle one.

    Shape:
        uint8 (N, H, W, C) → float32 (N, crop height, crop width, C)

    Raises:
        TypeError, ValueError: naming the argument, what was received and what is accepted.

    Example:
        >>> augmentation = Augmentation(crop=2, mean=[1, 2, 3], std=2)
        >>> augmentation(np.full((1, 4, 4, 3), 9, np.uint8), seed=1, epoch=5)[0, 0, 0].tolist()
        [4.0, 3.5, 3.0]

    Source: Krizhevsky, Sutskever, Hinton 2012, §4.1.
    """

    config = ("crop", "random_crop", "flip", "mean", "std", "lighting", "eigenvectors", "eigenvalues", "padding", "scaling",
              "squeezing", "shearing")

    def __init__(self, crop: Pair | None = 227, random_crop: bool = True, flip: bool = True, mean: ArrayLike | None = None,
                 std: ArrayLike | None = None, lighting: float = 0.0, eigenvectors: ArrayLike | None = None,
                 eigenvalues: ArrayLike | None = None, padding: int = 0, scaling: float = 0.0, squeezing: float = 0.0,
                 shearing: float = 0.0) -> None:
        self.crop = None if crop is None else arguments.pair("crop", crop)
        self.random_crop = arguments.flag("random_crop", random_crop)
        self.flip = arguments.flag("flip", flip)
        self.mean = None if mean is None else _numbers("mean", mean, (0, 1, 3))
        self.std = None if std is None else _numbers("std", std, (0, 1))
        if self.std is not None and not (self.std > 0).all():
            raise ValueError(f"std must be greater than 0. Received: {self.std.tolist()}")
        self.lighting = arguments.number("lighting", lighting, 0)
        self.eigenvectors = None if eigenvectors is None else _numbers("eigenvectors", eigenvectors, (2,))
        self.eigenvalues = None if eigenvalues is None else _numbers("eigenvalues", eigenvalues, (1,))
        if self.lighting and (self.eigenvectors is None or self.eigenvalues is None):
            raise ValueError("lighting needs eigenvectors and eigenvalues, as statistics(source).pca has them. Received: "
                             f"lighting={arguments.shown(lighting)} alone")
        self.padding = arguments.integer("padding", padding, 0)
        self.scaling = arguments.number("scaling", scaling, 0, 0.9)
        self.squeezing = arguments.number("squeezing", squeezing, 0, 0.9)
        self.shearing = arguments.number("shearing", shearing, 0, 2**20)
        if self.padding and getattr(self.mean, "ndim", 0) == 3:
            raise ValueError(f"padding needs a mean per channel. Received: padding={self.padding} and a mean image")

    def __call__(self, x: Array, seed: int = 0, epoch: int = 0, index: ArrayLike | None = None,
                 partner: ArrayLike | None = None, weight: float = 1.0, out: Array | None = None) -> Array:
        """The images as a network takes them.

        Args:
            x: images, uint8.
            seed, epoch, index: what chance depends on: an image has one draw per seed, epoch and number in its data set;
                index None: 0, 1, 2 …
            partner, weight, out: as `fastcnn.ops.augment`.
        """
        crop = self.crop
        if isinstance(x, np.ndarray) and x.ndim == 4 and x.dtype == np.uint8:  # else `ops.augment` refuses it
            crop, x = self.out_shape(x.shape[1:])[:2], self._bent(x, seed, epoch, index)
        return ops.augment(x, crop, "random" if self.random_crop else "centre", "random" if self.flip else "never",
                           lighting=self.lighting, eigenvectors=self.eigenvectors, eigenvalues=self.eigenvalues, index=index,
                           partner=partner, weight=weight, seed=seed, epoch=epoch, out=out, **self._range())

    def _bent(self, x, seed, epoch, index):
        """Bytes padded, scaled, squeezed and sheared, by other chance than that of `ops.augment`."""
        if self.padding:
            x = np.pad(x, ((0, 0), (self.padding,) * 2, (self.padding,) * 2, (0, 0)), "symmetric")
        if not (self.scaling or self.squeezing or self.shearing):
            return x
        seed = arguments.integer("seed", seed, 0, 2**64 - 1) ^ 2**63
        x = ops.distort(x, scaling=self.scaling, squeezing=self.squeezing, shearing=self.shearing, index=index, seed=seed,
                        epoch=epoch)
        return np.rint(x).astype(np.uint8)

    def evaluation(self) -> Augmentation:
        """The same without chance: the centre, not mirrored, in its own light, its own size and form.

        Example:
            >>> Augmentation(2).evaluation()(np.arange(16, dtype=np.uint8).reshape(1, 4, 4, 1)).ravel().tolist()
            [5.0, 6.0, 9.0, 10.0]
        """
        return Augmentation(self.crop, False, False, self.mean, self.std)

    def at(self, x: Array, position: str, flip: str = "never", out: Array | None = None) -> Array:
        """A given crop without chance: position "centre", "top_left" …, flip "never" or "always".

        Example:
            >>> x = np.arange(16, dtype=np.uint8).reshape(1, 4, 4, 1)
            >>> Augmentation(2).at(x, "bottom_right", "always").ravel().tolist()
            [11.0, 10.0, 15.0, 14.0]
        """
        return ops.augment(x, self.crop, position, flip, out=out, **self._range())

    def out_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        """(height, width, channels) of what an image of `shape` becomes.

        Example:
            >>> Augmentation(227).out_shape((256, 256, 3))
            (227, 227, 3)
        """
        h, w, c = shape
        crop = (h, w) if self.crop is None else self.crop
        if crop[0] > h or crop[1] > w:
            raise ValueError(f"crop must fit into the images of {h} × {w} pixels. Received: {crop}")
        return (*crop, c)

    def get_config(self) -> Config:
        """The arguments of `__init__`, JSON-able.

        Raises:
            ValueError: the mean is an image, which belongs into no configuration.

        Example:
            >>> Augmentation.from_config(Augmentation(32, std=58).get_config()).std.tolist()
            58.0
        """
        if self.mean is not None and self.mean.ndim == 3:
            raise ValueError("a configuration holds a mean per channel. Received: a mean image of shape "
                             f"{self.mean.shape}; its mean per channel is {self.mean.mean((0, 1)).tolist()}")
        values = ((name, getattr(self, name)) for name in self.config)
        return {name: value.tolist() if isinstance(value, np.ndarray) else list(value) if isinstance(value, tuple) else value
                for name, value in values}

    @classmethod
    def from_config(cls, config: Config) -> Augmentation:
        """What `get_config` described."""
        return cls(**config)

    def __repr__(self):
        shown = {name: getattr(self, name) for name in self.config}
        shown = {name: f"image of shape {value.shape}" if getattr(value, "ndim", 0) == 3 else
                 value.tolist() if isinstance(value, np.ndarray) else value for name, value in shown.items()}
        return f"Augmentation({', '.join(f'{name}={value!r}' for name, value in shown.items() if value is not None)})"

    def _range(self):
        return {"mean": 0.0 if self.mean is None else self.mean, "scale": 1.0 if self.std is None else 1 / self.std}


def _numbers(name, value, dimensions):
    """A finite array of one of the numbers of dimensions."""
    result = np.asarray(value)
    if result.dtype.kind not in "fiu" or result.ndim not in dimensions or not np.isfinite(result).all():
        accepted = {0: "a number", 1: "one per channel", 2: "a matrix", 3: "an image (H, W, C)"}
        raise ValueError(f"{name} must be finite: {', or '.join(accepted[d] for d in dimensions)}. "
                         f"Received: {arguments.shown(value)}")
    return result.astype(np.float32 if result.ndim == 3 else np.float64)
