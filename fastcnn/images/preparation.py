"""What a model must be told about images: how they are decoded and prepared, and what its classes are called."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastcnn import arguments, calling
from fastcnn.images.augmentation import Augmentation
from fastcnn.images.decode import decode_image, frame
from fastcnn.images.distortion import Distortion
from fastcnn.typing import Array, Model, Path


@calling.hinting
@dataclass(frozen=True, eq=False)
class Preparation:
    """How images become a model's input; kept in the model's metadata, under "images" and "class_names".

    This is the one form in which a model says so: all recipes store it, and `fastcnn evaluate`, `predict` and `classify` do
    as it says. A model without it is told on the command line, or refused.

    Args:
        size: pixels to which the short side is resized, before the middle is cut out; or a pair (height, width), to which
            the whole image is stretched, as digits are.
        augmentation: of evaluation: an `Augmentation` with a mean per channel, or a `Distortion`, which can pad.
        class_names: the classes in the order of the model's outputs; of a single output, the one for 0 and the one for 1.
        channels: 3 for RGB, 1 for grey.
        ground: colour behind transparent parts.

    Raises:
        TypeError, ValueError: naming the argument and what was received.

    Example:
        >>> model = fastcnn.networks.lenet5()
        >>> Preparation(32, Augmentation(28, std=255).evaluation(), list("0123456789"), channels=1).put(model)
        >>> Preparation.of(model).size
        32
    """

    size: int | tuple
    augmentation: Augmentation | Distortion
    class_names: list
    channels: int = 3
    ground: str = "white"

    def __post_init__(self):
        object.__setattr__(self, "size", frame(self.size))
        if not isinstance(self.augmentation, (Augmentation, Distortion)):
            raise TypeError(f"augmentation must be an Augmentation or a Distortion. "
                            f"Received: {arguments.shown(self.augmentation)}")
        if self.channels not in (1, 3):
            raise ValueError(f"channels must be 3 (RGB) or 1 (grey). Received: {arguments.shown(self.channels)}")
        names = self.class_names
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise TypeError(f"class_names must be a list of strings. Received: {arguments.shown(names)}")
        if unwritable := [name for name in names if not name.isascii() and name != name.encode(errors="replace").decode()]:
            raise ValueError(f"class_names must be text that can be kept in a file. Received: {unwritable}")

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of a decoded image, in bytes."""
        return (*((self.size, self.size) if isinstance(self.size, int) else self.size), self.channels)

    def decode(self, source: Path, ground: str | None = None, name: str | None = None) -> Array:
        """An image file as bytes of that shape; see `fastcnn.images.decode_image`. ground: in the place of its own."""
        return decode_image(source, self.size, self.channels, ground or self.ground, name)

    def put(self, model: Model) -> None:
        """Writes it to the model's metadata, so that it is saved with the model."""
        config = self.augmentation.get_config()
        model.metadata["class_names"] = list(self.class_names)
        model.metadata["images"] = {
            "size": self.size if isinstance(self.size, int) else list(self.size), "channels": self.channels,
            "ground": self.ground, "augmentation": {name: list(value) if isinstance(value, tuple) else value
                                                    for name, value in config.items()}}

    @classmethod
    def of(cls, model: Model) -> Preparation | Any:
        """That of a model, or None if its metadata say nothing of images.

        Raises:
            ValueError: the metadata are damaged, or do not fit the model.
        """
        images = model.metadata.get("images")
        if images is None:
            return None
        try:
            config = images["augmentation"]
            augmentation = Distortion(**config) if "background" in config else Augmentation.from_config(config)
            found = cls(images["size"], augmentation, model.metadata["class_names"], images["channels"], images["ground"])
            shape = augmentation.out_shape(found.shape)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f'metadata must say how images are prepared in "images" and "class_names". Received: '
                             f"{type(error).__name__}: {error}") from None
        if math.prod(shape) != math.prod(model.input_shape[1:]) or len(found.class_names) != _classes(model):
            raise ValueError(f"metadata must fit the model, {model.input_shape} → {model.output_shape}. Received: images of "
                             f"{shape} and {len(found.class_names)} class names")
        return found

    @classmethod
    def asked(cls, model: Model, scale: float = 1.0, mean: float | Sequence[float] = 0.0, std: float | Sequence[float] = 1.0,
              class_names: Sequence[str] | None = None) -> Preparation:
        """That of a model whose metadata say nothing: images are stretched to its input, and pixels become
        (x · scale − mean) / std, as it was trained.

        Args:
            model: takes images; grey ones may be (height, width), and square ones flat.
            scale: of bytes; as 1/255.
            mean, std: a number, or one per channel; of scaled pixels.
            class_names: in the order of the outputs; None: those in the metadata, or numbers.

        Raises:
            ValueError: the model takes no images; other numbers, or not as many names as classes.

        Example:
            >>> p = Preparation.asked(fastcnn.networks.lenet5(), 1 / 255)
            >>> p.shape, float(p.augmentation(np.full((1, 28, 28, 1), 255, np.uint8)).max())
            ((28, 28, 1), 1.0)
        """
        scale, mean, std = arguments.number("scale", scale, 1e-30), np.asarray(mean, float), np.asarray(std, float)
        h, w, c = _pixels(tuple(model.input_shape[1:]))
        names = class_names or model.metadata.get("class_names") or [str(i) for i in range(_classes(model))]
        if len(names) != _classes(model):
            raise ValueError(f"class_names must be {_classes(model)}, as the model has classes. Received: {names}")
        bare = not mean.any() and (std == 1).all() and scale == 1
        augmentation = Augmentation(None, False, False, *(() if bare else (mean / scale, std / scale)))
        return cls((h, w), augmentation, list(names), c, "black" if c == 1 else "white")


def _classes(model):
    """How many a model tells apart: a single output tells two."""
    outputs = math.prod(model.output_shape[1:])
    return 2 if outputs == 1 else outputs


def _pixels(shape):
    """Height, width and channels of the images that an input is."""
    if len(shape) == 1:
        for c in 1, 3:
            side = math.isqrt(shape[0] // c)
            if side * side * c == shape[0]:
                return side, side, c
    elif len(shape) == 2:
        return *shape, 1
    elif len(shape) == 3 and shape[2] in (1, 3):
        return shape
    raise ValueError(f"a model must take grey or RGB images to be given some. Received: a model of {(None, *shape)}")
