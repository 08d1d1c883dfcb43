"""keras.preprocessing.image: images turned, shifted, mirrored and normalized while a network trains."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fastcnn import arguments, calling
from fastcnn.compat.keras import backend
from fastcnn.compat.keras.layers import FORMATS
from fastcnn.compat.keras.preprocessing.files import array_to_img, img_to_array, load_img, save_img
from fastcnn.compat.keras.preprocessing.iterators import SUBSETS, DirectoryIterator, ImageIterator, NumpyArrayIterator
from fastcnn.compat.spellings import renamed, translate, warn
from fastcnn.images.affine import FILL_MODES, affine_matrices, affine_transform
from fastcnn.random import new_seed
from fastcnn.typing import Array, ArrayLike, Path

Iterator = ImageIterator

__all__ = ["DirectoryIterator", "ImageDataGenerator", "Iterator", "NumpyArrayIterator", "array_to_img", "img_to_array",
           "load_img", "save_img"]

_SMALL = 1e-6  # added to standard deviations


@calling.hinting
class ImageDataGenerator:
    """Augments and normalizes images: `flow` for arrays, `flow_from_directory` for folders. Warns, as today one writes
    `fastcnn.images.ImageBatches(source, augmentation=Augmentation(…))`.

    First chance: one affine map (rotation, shifts, shear and zoom about the centre, bilinear), channel shift, mirroring,
    brightness. Then `preprocessing_function`, `rescale`, and the normalizations in the order of the arguments.

    Args:
        featurewise_center, featurewise_std_normalization: take off the channels' mean over the data set, divide by their
            standard deviation; `fit` measures both.
        samplewise_center, samplewise_std_normalization: the same with each image's own mean and deviation.
        zca_whitening, zca_epsilon: decorrelate pixels by what `fit` measured; added to the variances.
        rotation_range: degrees, to either side.
        width_shift_range, height_shift_range: below 1 a part of the width or height, to either side; from 1 on, pixels; an
            integer n: a whole number between −n and n; a list: one of these.
        brightness_range: (least, largest) factor, of numbers that are then cut off at 0 and 255.
        shear_range: degrees, to either side.
        zoom_range: (least, largest) factor of coordinates, for rows and columns by themselves; z: (1 − z, 1 + z).
        channel_shift_range: the most that is added to all of an image, within its own range.
        fill_mode, cval: what lies outside of an image: "nearest", "reflect", "wrap", or "constant": cval.
        horizontal_flip, vertical_flip: mirror one image in two.
        rescale: a factor, as 1/255; None or 0: none.
        preprocessing_function: called with each image (H, W, C); returns one of the same shape.
        data_format: "channels_last", "channels_first", or None: the backend's. (Once dim_ordering.)
        validation_split: the part of the images, of each class, that is subset="validation".

    Raises:
        TypeError, ValueError: naming the argument.

    Example:
        >>> import warnings
        >>> with warnings.catch_warnings():
        ...     warnings.simplefilter("ignore")
        ...     generator = ImageDataGenerator(rotation_range=10, horizontal_flip=True, rescale=1 / 255)
        >>> x, y = next(generator.flow(np.zeros((50, 8, 8, 3)), np.arange(50), batch_size=16))
        >>> x.shape, y.shape
        ((16, 8, 8, 3), (16,))
    """

    def __init__(self, featurewise_center: bool = False, samplewise_center: bool = False,
                 featurewise_std_normalization: bool = False, samplewise_std_normalization: bool = False,
                 zca_whitening: bool = False, zca_epsilon: float = 1e-6, rotation_range: float = 0,
                 width_shift_range: Any = 0.0, height_shift_range: Any = 0.0,
                 brightness_range: Sequence[float] | None = None, shear_range: float = 0.0,
                 zoom_range: float | Sequence[float] = 0.0, channel_shift_range: float = 0.0, fill_mode: str = "nearest",
                 cval: float = 0.0, horizontal_flip: bool = False, vertical_flip: bool = False, rescale: float | None = None,
                 preprocessing_function: Callable[[Array], Array] | None = None, data_format: str | None = None,
                 validation_split: float = 0.0, **old: Any) -> None:
        warn("ImageDataGenerator(…)", "fastcnn.images.ImageBatches(source, augmentation=fastcnn.images.Augmentation(…))")
        if old:
            old = translate("ImageDataGenerator", old, {"dim_ordering": renamed("data_format", FORMATS)})
            data_format = old.pop("data_format", data_format)
        if old:
            calling.refuse(type(self), old)
        flags = dict(featurewise_center=featurewise_center, samplewise_center=samplewise_center,
                     featurewise_std_normalization=featurewise_std_normalization,
                     samplewise_std_normalization=samplewise_std_normalization, zca_whitening=zca_whitening,
                     horizontal_flip=horizontal_flip, vertical_flip=vertical_flip)
        for name, value in flags.items():
            setattr(self, name, arguments.flag(name, value))
        self.zca_epsilon = arguments.number("zca_epsilon", zca_epsilon, 0)
        self.rotation_range = arguments.number("rotation_range", rotation_range)
        self.width_shift_range = _shift_range("width_shift_range", width_shift_range)
        self.height_shift_range = _shift_range("height_shift_range", height_shift_range)
        self.brightness_range = None if brightness_range is None else _bounds("brightness_range", brightness_range)
        self.shear_range = arguments.number("shear_range", shear_range)
        if isinstance(zoom_range, (int, float)):
            zoom_range = 1 - zoom_range, 1 + zoom_range
        self.zoom_range = _bounds("zoom_range", zoom_range)
        self.channel_shift_range = arguments.number("channel_shift_range", channel_shift_range)
        self.fill_mode = arguments.choice("fill_mode", fill_mode, FILL_MODES)
        self.cval = arguments.number("cval", cval)
        self.rescale = arguments.number("rescale", rescale or 1)
        if preprocessing_function is not None and not callable(preprocessing_function):
            raise TypeError(f"preprocessing_function must be callable. Received: {arguments.shown(preprocessing_function)}")
        self.preprocessing_function = preprocessing_function
        self.data_format = backend.image_data_format() if data_format is None else data_format
        self.channels_first = arguments.data_format(self.data_format)
        self.validation_split = arguments.number("validation_split", validation_split, 0, below=1)
        self.mean = self.std = self.whitening = None

    # Sources

    def flow(self, x: ArrayLike, y: ArrayLike | None = None, batch_size: int = 32, shuffle: bool = True,
             sample_weight: ArrayLike | None = None, seed: int | None = None, save_to_dir: Path | None = None,
             save_prefix: str = "", save_format: str = "png", subset: str | None = None) -> NumpyArrayIterator:
        """Batches of arrays, without end.

        Args:
            x, y, sample_weight: images, what belongs to them, a number for each; the last two may be None.
            batch_size: images per batch; the last one of an epoch may be smaller.
            shuffle: a new order in each epoch.
            seed: of order and chance; None: from `fastcnn.set_random_seed`'s source.
            save_to_dir, save_prefix, save_format: also write each image into this folder (needs Pillow).
            subset: "training" or "validation", of which the last is the first `validation_split` of the images.

        Returns:
            NumpyArrayIterator, of x, (x, y) or (x, y, sample_weight).

        Shape:
            (N, H, W, C) → batches (n, H, W, C), float32

        Raises:
            TypeError, ValueError: naming the argument.
        """
        return NumpyArrayIterator(self, x, y, batch_size, shuffle, sample_weight, seed,
                                  _saving(save_to_dir, save_prefix, save_format), subset)

    def flow_from_directory(self, directory: Path, target_size: Sequence[int] = (256, 256), color_mode: str = "rgb",
                            classes: Sequence[str] | None = None, class_mode: str | None = "categorical",
                            batch_size: int = 32, shuffle: bool = True, seed: int | None = None,
                            save_to_dir: Path | None = None, save_prefix: str = "", save_format: str = "png",
                            subset: str | None = None, interpolation: str = "nearest") -> DirectoryIterator:
        """Batches of the images in a folder that holds a folder per class, without end; needs Pillow.

        Args:
            directory: the folder.
            target_size: (height, width) that all images are resized to.
            color_mode: "rgb" or "grayscale".
            classes: names of the classes' folders, in the order of labels; None: all, in the order of their names.
            class_mode: "categorical": one-hot rows; "binary": 0.0 or 1.0; "sparse": labels; "input": the images
                themselves; None: no targets.
            batch_size, shuffle, seed, save_to_dir, save_prefix, save_format, subset: as `flow`.
            interpolation: "nearest", "bilinear", "bicubic", "lanczos", "box" or "hamming".

        Returns:
            DirectoryIterator, with `class_indices`, `classes` and `filenames`.

        Shape:
            → batches (n, *target_size, 3 or 1), float32

        Raises:
            TypeError, ValueError: naming the argument, or an image that cannot be decoded (ImageError).
            OSError: no such folder.
            ImportError: Pillow is missing.
        """
        return DirectoryIterator(self, directory, target_size, color_mode, classes, class_mode, batch_size, shuffle, seed,
                                 _saving(save_to_dir, save_prefix, save_format), subset, interpolation)

    def part(self, subset: str | None, count: int) -> slice:
        """Which of `count` images are a subset, as a slice."""
        if subset is None:
            return slice(None)
        first = int(count * self.validation_split)
        if arguments.choice("subset", subset, SUBSETS) == "validation":
            if not self.validation_split:
                raise ValueError("subset='validation' needs a validation_split. Received: validation_split=0")
            return slice(0, first)
        return slice(first, None)

    # Measuring

    def fit(self, x: ArrayLike, augment: bool = False, rounds: int = 1, seed: int | None = None) -> None:
        """Measures what normalization over the data set needs: mean, standard deviation and, for ZCA, the covariance.

        Args:
            x: images, such as `flow` takes.
            augment: measure images changed by chance, `rounds` of each.
            rounds, seed: for `augment`.

        Raises:
            TypeError, ValueError: naming the argument.
        """
        x = arguments.array("x", x, 4)
        x = x.transpose(0, 2, 3, 1) if self.channels_first else x
        rounds = arguments.integer("rounds", rounds)
        if arguments.flag("augment", augment):
            rng = np.random.default_rng(new_seed() if seed is None else arguments.integer("seed", seed, 0, 2**32 - 1))
            x = np.concatenate([self._changed(x, rng) for _ in range(rounds)])
        x = self._of_samples(np.array(x, np.float32))
        if self.featurewise_center:
            self.mean = x.mean(axis=(0, 1, 2), dtype=np.float64).astype(np.float32)
            x = x - self.mean
        if self.featurewise_std_normalization:
            self.std = x.std(axis=(0, 1, 2), dtype=np.float64).astype(np.float32)
            x = x / (self.std + _SMALL)
        if self.zca_whitening:
            flat = x.reshape(len(x), -1)
            values, vectors = np.linalg.eigh((flat.T @ flat).astype(np.float64) / len(flat))
            scale = 1 / np.sqrt(values.clip(0) + self.zca_epsilon)
            self.whitening = ((vectors * scale) @ vectors.T).astype(np.float32)

    # Changing

    def standardize(self, x: Array) -> Array:
        """Images (N, H, W, C), or one (H, W, C), normalized; see the class."""
        x = arguments.array("x", x)
        batch = np.array(x if x.ndim == 4 else x[None], np.float32)
        y = self._given(self._normalized(self._last(batch)))
        return y if x.ndim == 4 else y[0]

    def random_transform(self, x: Array, seed: int | None = None) -> Array:
        """One image (H, W, C) changed by chance, not normalized."""
        x = arguments.array("x", x, 3)
        rng = np.random.default_rng(new_seed() if seed is None else arguments.integer("seed", seed, 0, 2**32 - 1))
        return self._given(self._changed(self._last(x[None]), rng))[0]

    def prepare(self, x: Array, rng: Any) -> Array:
        """Images with channels last, changed by chance and normalized, in this object's data format."""
        return self._given(self._normalized(self._changed(x, rng)))

    def _last(self, x):
        return x.transpose(0, 2, 3, 1) if self.channels_first else x

    def _given(self, x):
        return np.ascontiguousarray(x.transpose(0, 3, 1, 2) if self.channels_first else x)

    def _changed(self, x, rng):
        n, h, w, _ = x.shape
        rotation = rng.uniform(-self.rotation_range, self.rotation_range, n) if self.rotation_range else 0.0
        down, right = _shifts(self.height_shift_range, h, n, rng), _shifts(self.width_shift_range, w, n, rng)
        shear = rng.uniform(-self.shear_range, self.shear_range, n) if self.shear_range else 0.0
        zoom = (1.0, 1.0) if self.zoom_range == (1.0, 1.0) else rng.uniform(*self.zoom_range, (2, n))
        if any(np.ndim(part) for part in (rotation, down, right, shear, zoom[0])):
            matrices = affine_matrices((h, w), rotation, (down, right), shear, zoom)
            x = affine_transform(x, np.broadcast_to(matrices, (n, 3, 3)), self.fill_mode, self.cval)
        if self.channel_shift_range:
            shift = rng.uniform(-self.channel_shift_range, self.channel_shift_range, (n, 1, 1, 1)).astype(np.float32)
            axes = (1, 2, 3)
            x = np.clip(x + shift, x.min(axis=axes, keepdims=True), x.max(axis=axes, keepdims=True))
        for wanted, axis in ((self.horizontal_flip, 2), (self.vertical_flip, 1)):
            if wanted:
                mirrored = rng.random((n, 1, 1, 1)) < 0.5
                x = np.where(mirrored, np.flip(x, axis), x)
        if self.brightness_range is not None:
            x = (x * rng.uniform(*self.brightness_range, (n, 1, 1, 1)).astype(np.float32)).clip(0, 255)
        return x

    def _of_samples(self, x):
        """What normalization does with each image alone."""
        if self.preprocessing_function is not None:
            given = self._given(x)
            results = [np.asarray(self.preprocessing_function(image), np.float32) for image in given]
            other = [result.shape for result in results if result.shape != given.shape[1:]]
            if other:
                raise ValueError(f"preprocessing_function must keep the shape {given.shape[1:]}. Received: {other[0]}")
            x = self._last(np.stack(results))
        x = x * np.float32(self.rescale)
        if self.samplewise_center:
            x = x - x.mean(axis=(1, 2, 3), keepdims=True)
        if self.samplewise_std_normalization:
            x = x / (x.std(axis=(1, 2, 3), keepdims=True) + np.float32(_SMALL))
        return x

    def _normalized(self, x):
        x = self._of_samples(x)
        needs = {"featurewise_center": self.mean, "featurewise_std_normalization": self.std, "zca_whitening": self.whitening}
        missing = [name for name, value in needs.items() if getattr(self, name) and value is None]
        if missing:
            raise ValueError(f"{missing[0]} needs fit(x) first. Received: a generator that was not fitted")
        if self.featurewise_center:
            x = x - self.mean
        if self.featurewise_std_normalization:
            x = x / (self.std + np.float32(_SMALL))
        if self.zca_whitening:
            x = (x.reshape(len(x), -1) @ self.whitening).reshape(x.shape)
        return x


def _shift_range(name, value):
    """A float, an integer, or an array of shifts to choose from."""
    if np.ndim(value) == 1:
        return arguments.array(name, value)
    number = arguments.number(name, value)
    return int(value) if isinstance(value, (int, np.integer)) else number


def _shifts(given, size, n, rng):
    """A shift in pixels for each image, or 0.0."""
    if isinstance(given, np.ndarray):
        shifts = rng.choice(given, n) * rng.choice([-1, 1], n)
        return shifts * size if np.abs(given).max() < 1 else shifts
    if not given:
        return 0.0
    if isinstance(given, int):
        return rng.integers(-abs(given), abs(given), n, endpoint=True).astype(np.float64)
    return rng.uniform(-given, given, n) * (size if abs(given) < 1 else 1)


def _bounds(name, value):
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise ValueError(f"{name} must be a pair (least, largest). Received: {arguments.shown(value)}")
    low, high = (arguments.number(name, bound, 0) for bound in value)
    if low > high:
        raise ValueError(f"{name} must be a pair (least, largest). Received: {arguments.shown(value)}")
    return low, high


def _saving(folder, prefix, suffix):
    return None if folder is None else (folder, prefix, suffix)
