"""Photographs of a folder or an archive, decoded when they are asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fastcnn import arguments
from fastcnn.attributes import Declared
from fastcnn.datasets.listing import Listing
from fastcnn.datasets.opening import open_files
from fastcnn.images.decode import ImageError, decode_image, frame
from fastcnn.typing import Array, ArrayLike, Pair, Path


class ImageFiles(Declared):
    """All images below a folder, whatever the folders within are called: a source to be classified, or to be trained on if
    `labels` are given.

    Args:
        path: a folder, a zip archive or a tar archive (also compressed); or a `Listing` of one.
        folder: where in it to look; None: everywhere.
        size: height and width of the images in pixels, of which the middle is cut out; or a pair, to which they are
            stretched.
        channels: 3 for RGB, 1 for grey.
        ground: colour behind transparent parts.
        errors: what an image that cannot be decoded does: "skip": `read` says so and `broken` remembers it; "raise":
            ImageError, with its name.
        cache: keep decoded images in memory: a byte per pixel and channel.
        labels: {file: class}, or a table with a row per image: its name (or path, with or without its ending), its class,
            or a column of 0 and 1 for each class; None: unknown. Images that it does not name are left out.
        class_names: with labels: the classes and their order; others are left out. None: all, in the order of their names.

    Attributes:
        paths (N names within path and folder, in order), shape (height, width, channels), broken {number: what is wrong},
        labels (N,) int32 and class_names (None without labels), left_out {name: why it is not among the paths}.

    Raises:
        OSError: the path does not exist.
        ValueError: no archive, or no images; labels that fit none or several.
        ImportError: Pillow is missing: pip install pillow.

    Example:
        >>> ImageFiles("holiday", size=256).paths  # doctest: +SKIP
        ['beach/1.jpg', 'beach/2.jpg', 'cat.png']
        >>> ImageFiles("holiday", labels="labels.csv").class_names  # doctest: +SKIP
        ['beach', 'town']
    """

    def __init__(self, path: Path | Listing, folder: str | None = None, size: Pair = 256, channels: int = 3,
                 ground: str = "white", errors: str = "skip", cache: bool = False,
                 labels: Path | Mapping[str, Any] | None = None, class_names: Sequence[str] | None = None) -> None:
        listing = path.inside(folder) if isinstance(path, Listing) else Listing(path, folder)
        self.path, self.folder, self._files = listing.path, listing.folder, listing.container
        if channels not in (1, 3):
            raise ValueError(f"channels must be 3 (RGB) or 1 (grey). Received: {arguments.shown(channels)}")
        self.size = frame(size)
        self.shape = (*((self.size, self.size) if isinstance(self.size, int) else self.size), channels)
        self.ground, self.errors = ground, arguments.choice("errors", errors, ("skip", "raise"))
        self.labels: Any = None
        self.class_names: Any = None if class_names is None else [str(name) for name in class_names]
        self.left_out, self._prefix, self._given = dict(listing.left_out), f"{self.folder}/" if self.folder else "", labels
        if len(listing.images) == len(listing.damaged):
            self._refuse_nothing(listing)
        self.paths = self._find(listing)
        self.broken = {i: f"{self._where()}/{path}: must be an intact image. Received: {listing.damaged[path]}"
                       for i, path in enumerate(self.paths) if path in listing.damaged}
        self._cache = arguments.flag("cache", cache)
        self._remember()

    def _refuse_nothing(self, listing):
        tops = sorted({name.split("/")[0] for name in open_files(self.path).folders}) if self.folder else []
        if self.folder and self.folder.split("/")[0] not in tops:
            raise ValueError(f"folder must be within {self.path}, which holds {', '.join(map(repr, tops[:5])) or 'none'}. "
                             f"Received: {arguments.shown(self.folder)}")
        raise ValueError(f"{listing.where()} must hold images that can be read. Received: {listing.nothing()}")

    def _find(self, listing):
        """The paths, in order; sets labels and class names."""
        names = self._once(listing.images)
        if self._given is None:
            if self.class_names is not None:
                raise ValueError("class_names must be given with labels. "
                                 f"Received: {arguments.shown(self.class_names)} alone")
            return sorted(names)
        from fastcnn.datasets.labels import assigned

        return self._classified(*assigned(names, self._given, self._prefix))

    def _once(self, names):
        """Without links to images that are among them."""
        kept, twice = self._files.once([self._prefix + name for name in names])
        n = len(self._prefix)
        self.left_out.update((name[n:], why) for name, why in twice.items())
        return [name[n:] for name in kept]

    def _classified(self, classes, left_out):
        """The paths in the order of class and name, of {path: class}; sets labels and class names."""
        self.left_out.update(left_out)
        if self.class_names is None:
            found = set(classes.values())
            numbers = all(name.isdecimal() for name in found)
            self.class_names = sorted(found, key=lambda name: (int(name), name) if numbers else (0, name))
        number = {name: i for i, name in enumerate(self.class_names)}
        self.left_out.update((path, f"of another class ({name})") for path, name in classes.items() if name not in number)
        paths = sorted((number[name], path) for path, name in classes.items() if name in number)
        if not paths:
            raise ValueError(f"{self._where()} must hold images of {', '.join(self.class_names[:5])} … Received: none")
        self.labels = np.array([label for label, _ in paths], np.int32)
        return [path for _, path in paths]

    def _where(self):
        return f"{self.path}/{self.folder}" if self.folder else str(self.path)

    def _remember(self):
        """Room for decoded images."""
        self._decoded = np.empty((len(self.paths), *self.shape), np.uint8) if self._cache else None
        self._cached = np.zeros(len(self.paths), bool)

    def __getstate__(self):  # for copies and other processes, which decode for themselves
        return {name: value for name, value in self.__dict__.items() if name not in ("_decoded", "_cached")}

    def __setstate__(self, state):
        self.__dict__.update(state)
        self._remember()

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, i: int) -> tuple[Array, int | None]:
        i = int(i) + (len(self) if i < 0 else 0)
        if not 0 <= i < len(self):
            raise IndexError(f"the images have numbers from 0 to {len(self) - 1}. Received: {i}")
        image = np.empty(self.shape, np.uint8)
        self._read(i, image)
        return image, None if self.labels is None else int(self.labels[i])

    def read(self, indices: ArrayLike, out: Array) -> Array:
        """Decodes the images of these numbers into `out`, one a row; threads may do so at the same time.

        Args:
            indices: numbers of images.
            out: uint8, at least (len(indices), *shape).

        Returns:
            bool (len(indices),): whether each could be read. A row that could not holds anything.

        Raises:
            ImageError: with errors="raise", an image that cannot be decoded.

        Example:
            >>> source.read([3, 1], np.empty((2, 256, 256, 3), np.uint8))  # doctest: +SKIP
            array([ True,  True])
        """
        good = np.ones(len(indices), bool)
        for row, i in enumerate(indices):
            try:
                self._read(int(i), out[row])
            except ImageError:
                if self.errors == "raise":
                    raise
                good[row] = False
        return good

    def _read(self, i, out):
        if i in self.broken:
            raise ImageError(self.broken[i])
        if self._cached[i]:
            out[...] = self._decoded[i]
            return
        name = f"{self._where()}/{self.paths[i]}"
        try:
            try:
                data = self._files.read(self._prefix + self.paths[i])
            except (OSError, ValueError, KeyError) as error:
                raise ImageError(f"{name}: cannot be read. Received: {error}") from None
            out[...] = decode_image(data, self.size, self.shape[2], self.ground, name)
        except ImageError as error:
            self.broken[i] = str(error)
            raise
        if self._decoded is not None:
            self._decoded[i] = out
            self._cached[i] = True
