"""ConvNetJS' volumes: width, height, depth, and their numbers pixel by pixel."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastcnn import arguments, calling
from fastcnn.random import new_seed
from fastcnn.typing import Array, ArrayLike, Config


@calling.hinting
class Vol:
    """A volume of numbers and of their gradients.

    Args:
        sx: its width; or a list of numbers, which makes a volume of 1 × 1 × their count.
        sy, depth: its height and depth. Sizes of 0 make one that waits for `fromJSON`.
        c: what all numbers begin as; None: they are drawn from N(0, 1/count).

    Example:
        >>> v = Vol(3, 2, 1, 0.0)
        >>> v.set(2, 1, 0, 5.0)
        >>> v.w.tolist(), v.image.shape
        ([0.0, 0.0, 0.0, 0.0, 0.0, 5.0], (2, 3, 1))
    """

    def __init__(self, sx: int | ArrayLike, sy: int | None = None, depth: int | None = None, c: float | None = None) -> None:
        if isinstance(sx, (list, tuple, np.ndarray)):
            if not (sy is depth is c is None):
                raise TypeError("a list of numbers has its size in itself. Received: "
                                + arguments.given(sy=sy, depth=depth, c=c))
            w = _flat("sx", sx).astype(np.float64)
            self._take(1, 1, w.size, w)
            return
        self._size(sx, sy, depth, 0)
        count = self.sx * self.sy * self.depth
        if c is None:
            self._w = np.random.default_rng(new_seed()).normal(0.0, max(count, 1)**-0.5, count)
        else:
            self._w = np.full(count, arguments.number("c", c))

    def _size(self, sx, sy, depth, least):
        self.sx, self.sy, self.depth = (arguments.integer(name, value, least)
                                        for name, value in (("sx", sx), ("sy", sy), ("depth", depth)))
        self._dw = None

    def _take(self, sx, sy, depth, w, dw=None):
        self.sx, self.sy, self.depth, self._w, self._dw = sx, sy, depth, w, dw

    @classmethod
    def of(cls, sx: int, sy: int, depth: int, w: Any, dw: Any = None) -> Vol:
        """A volume around arrays that exist already; what is written to it is written to them."""
        vol = cls.__new__(cls)
        vol._take(sx, sy, depth, w, dw)
        return vol

    @classmethod
    def from_image(cls, image: ArrayLike) -> Vol:
        """The volume of an array (height, width) or (height, width, depth).

        Example:
            >>> Vol.from_image([[1, 2, 3]]).sx
            3
        """
        image = np.array(image, np.float64)
        if image.ndim not in (2, 3) or not image.size:
            raise ValueError(f"image must be (height, width, depth). Received: shape {image.shape}")
        return cls.of(image.shape[1], image.shape[0], image[0, 0].size, image.reshape(-1))

    @property
    def image(self) -> Array:
        """The numbers as an array (sy, sx, depth)."""
        return self.w.reshape(self.sy, self.sx, self.depth)

    @property
    def w(self) -> Any:
        """The numbers, `w[(sx·y + x)·depth + d]`: rows of pixels of channels, like all of fastcnn's images. As many may be
        put in their place, in an array or a list.

        Example:
            >>> v = Vol(1, 1, 2)
            >>> v.w = [3, 4]
            >>> v.get(0, 0, 1)
            4.0
        """
        return self._w

    @w.setter
    def w(self, value: Any) -> None:
        self._w = self._as_many("w", value)

    @property
    def dw(self) -> Any:
        """The gradients, in the same places: 0 until someone gives others."""
        if self._dw is None:
            self._dw = np.zeros(self.w.size)
        return self._dw

    @dw.setter
    def dw(self, value: Any) -> None:
        self._dw = self._as_many("dw", value)

    def _as_many(self, name, value):
        value, count = _flat(name, value), self.sx * self.sy * self.depth
        if value.size != count:
            raise ValueError(f"{name} must hold sx·sy·depth = {count} numbers. Received: {value.size}")
        return value if value.dtype.kind == "f" else value.astype(np.float64)

    def _at(self, x, y, d):
        if not (0 <= x < self.sx and 0 <= y < self.sy and 0 <= d < self.depth):
            raise IndexError(f"x, y and d must be less than {self.sx}, {self.sy} and {self.depth}. Received: {x}, {y}, {d}")
        return (self.sx * y + x) * self.depth + d

    def get(self, x: int, y: int, d: int) -> float:
        """The number at column x, row y, depth d."""
        return float(self.w[self._at(x, y, d)])

    def set(self, x: int, y: int, d: int, v: float) -> None:
        """Puts a number there."""
        self.w[self._at(x, y, d)] = v

    def add(self, x: int, y: int, d: int, v: float) -> None:
        """Adds to the number there."""
        self.w[self._at(x, y, d)] += v

    def get_grad(self, x: int, y: int, d: int) -> float:
        """The gradient at column x, row y, depth d."""
        return float(self.dw[self._at(x, y, d)])

    def set_grad(self, x: int, y: int, d: int, v: float) -> None:
        """Puts a gradient there."""
        self.dw[self._at(x, y, d)] = v

    def add_grad(self, x: int, y: int, d: int, v: float) -> None:
        """Adds to the gradient there."""
        self.dw[self._at(x, y, d)] += v

    def cloneAndZero(self) -> Vol:
        """A volume of this size, all 0."""
        return Vol(self.sx, self.sy, self.depth, 0.0)

    def clone(self) -> Vol:
        """A volume of these numbers, without gradients."""
        return Vol.of(self.sx, self.sy, self.depth, np.array(self.w))

    def addFrom(self, V: Vol) -> None:
        """Adds another volume's numbers."""
        self.w += V.w

    def addFromScaled(self, V: Vol, a: float) -> None:
        """Adds a times another volume's numbers."""
        self.w += a * V.w

    def setConst(self, a: float) -> None:
        """Makes all numbers a."""
        self.w[:] = a

    def toJSON(self) -> Config:
        """Size and numbers in JSON's types; gradients are left out.

        Example:
            >>> Vol([1, 2]).toJSON()
            {'sx': 1, 'sy': 1, 'depth': 2, 'w': [1.0, 2.0]}
        """
        return {"sx": self.sx, "sy": self.sy, "depth": self.depth, "w": np.asarray(self.w, np.float64).tolist()}

    def fromJSON(self, json: Any) -> Vol:
        """Becomes what `toJSON` gave, here or in ConvNetJS: `w` is a list, or an object {"0": …} as JavaScript writes a
        typed array.

        Returns:
            the volume.

        Example:
            >>> Vol([0]).fromJSON({"sx": 2, "sy": 1, "depth": 1, "w": {"0": 3, "1": 4}}).w.tolist()
            [3.0, 4.0]
        """
        missing = [key for key in ("sx", "sy", "depth", "w") if not isinstance(json, dict) or key not in json]
        if missing:
            raise ValueError(f"a volume in JSON must have sx, sy, depth and w. Received: one without {', '.join(missing)}")
        self._size(json["sx"], json["sy"], json["depth"], 1)
        count, w = self.sx * self.sy * self.depth, json["w"]
        if isinstance(w, dict):
            if set(w) != {str(i) for i in range(count)}:
                raise ValueError(f"w must have the keys 0 to {count - 1}. Received: {len(w)} keys")
            w = [w[str(i)] for i in range(count)]
        self.w = _flat("w", w).astype(np.float64)
        if not np.isfinite(self.w).all():
            raise ValueError("w must hold finite numbers. Received: NaN or infinity")
        return self

    def __repr__(self):
        return f"<Vol {self.sx}x{self.sy}x{self.depth}>"


def augment(V: Vol, crop: int, dx: int | None = None, dy: int | None = None, fliplr: bool = False) -> Vol:
    """A square cut out of a volume, maybe mirrored; what lies outside of it is 0.

    Args:
        V: a `Vol`.
        crop: width and height of what is cut out.
        dx, dy: its left and upper edge; None: drawn evenly from 0 … V.sx − crop − 1, as in ConvNetJS (0 if that is empty).
        fliplr: exchange left and right.

    Returns:
        Vol: a new one.

    Example:
        >>> augment(Vol.from_image([[1, 2, 3], [4, 5, 6]]), 2, 1, 0, True).w.tolist()
        [3.0, 2.0, 6.0, 5.0]
    """
    crop = arguments.integer("crop", crop)
    rng = np.random.default_rng(new_seed()) if dx is None or dy is None else None
    dx, dy = (int(rng.integers(max(size - crop, 1))) if edge is None else arguments.integer(name, edge, -2**31)
              for name, edge, size in (("dx", dx, V.sx), ("dy", dy, V.sy)))
    cut, image = np.zeros((crop, crop, V.depth)), V.image
    top, left = max(dy, 0), max(dx, 0)
    inside = image[top:max(dy + crop, 0), left:max(dx + crop, 0)]
    cut[top - dy:top - dy + inside.shape[0], left - dx:left - dx + inside.shape[1]] = inside
    return Vol.from_image(cut[:, ::-1] if arguments.flag("fliplr", fliplr) else cut)


def img_to_vol(img: Any, convert_grayscale: bool = False) -> Vol:
    """The volume of a picture, red, green, blue and alpha, from −0.5 to 0.5.

    Args:
        img: a Pillow image, or bytes as an array (height, width), or (height, width, channels) of 1 (grey), 3 or 4 channels.
        convert_grayscale: keep the first channel alone, as ConvNetJS does: of pictures in grey that is all.

    Returns:
        Vol: of depth 4, or 1.

    Raises:
        ValueError: something else.

    Example:
        >>> v = img_to_vol(np.array([[0, 255]], np.uint8))
        >>> v, v.w.tolist()
        (<Vol 2x1x4>, [-0.5, -0.5, -0.5, 0.5, 0.5, 0.5, 0.5, 0.5])
    """
    pixels = np.asarray(img.convert("RGBA") if hasattr(img, "convert") else img)
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or not pixels.size or pixels.shape[2] not in (1, 3, 4):
        raise ValueError("img must be a Pillow image, or bytes (height, width) or (height, width, 1, 3 or 4). "
                         f"Received: shape {pixels.shape}, dtype {pixels.dtype}")
    if arguments.flag("convert_grayscale", convert_grayscale):
        return Vol.from_image(pixels[..., :1] / 255 - 0.5)
    colours = pixels[..., :3] if pixels.shape[2] > 1 else np.repeat(pixels, 3, axis=2)
    alpha = pixels[..., 3:] if pixels.shape[2] == 4 else np.full((*pixels.shape[:2], 1), 255, np.uint8)
    return Vol.from_image(np.concatenate([colours, alpha], axis=2) / 255 - 0.5)


def _flat(name, value):
    value = np.asarray(value)
    if value.dtype.kind not in "fiu" or value.ndim != 1 or not value.size:
        raise ValueError(f"{name} must be a list of numbers. Received: shape {value.shape}, dtype {value.dtype}")
    return value
