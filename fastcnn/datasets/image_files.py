"""Photographs of a folder or a zip archive, decoded when they are asked for."""

import os

import numpy as np

from fastcnn import arguments
from fastcnn.datasets.files import Folder, Zip
from fastcnn.images.decode import SUFFIXES, ImageError, decode_image, pillow


class ImageFiles:
    """All images below a folder, whatever the folders within are called: a source without labels, to be classified.

    Args:
        path: a folder, or a zip archive.
        folder: where in it to look; None: everywhere.
        size: height and width of the images in pixels.
        channels: 3 for RGB, 1 for grey.
        ground: colour behind transparent parts.
        errors: what an image that cannot be decoded does: "skip": `read` says so and `broken` remembers it; "raise":
            ImageError, with its name.
        cache: keep decoded images in memory: size² · channels bytes each.

    Attributes:
        paths (N names within path and folder, in order), shape (size, size, channels), broken {number: what is wrong},
        labels and class_names (None).

    Raises:
        OSError: the path does not exist.
        ValueError: no zip archive, or no images.
        ImportError: Pillow is missing: pip install pillow.

    Example:
        >>> ImageFiles("holiday", size=256).paths  # doctest: +SKIP
        ['beach/1.jpg', 'beach/2.jpg', 'cat.png']
    """

    labels = class_names = None

    def __init__(self, path, folder=None, size=256, channels=3, ground="white", errors="skip", cache=False):
        pillow()  # a missing one is not the images' fault
        self.path, self.folder = os.fspath(path), None if folder is None else str(folder).strip("/") or None
        self.size = arguments.integer("size", size, 1, 2**15)
        if channels not in (1, 3):
            raise ValueError(f"channels must be 3 (RGB) or 1 (grey). Received: {channels!r}")
        self.shape, self.ground = (self.size, self.size, channels), ground
        self.errors = arguments.choice("errors", errors, ("skip", "raise"))
        self.broken = {}
        self._files = Folder(self.path) if os.path.isdir(self.path) else Zip(self.path)
        self._prefix = f"{self.folder}/" if self.folder else ""
        self.paths = self._find(*self._listed())
        self._cache = np.empty((len(self.paths), *self.shape), np.uint8) if arguments.flag("cache", cache) else None
        self._cached = np.zeros(len(self.paths), bool)

    def _listed(self):
        """(images, folders) below `folder`, relative to it."""
        files, folders = self._files.names()
        start = self._prefix
        if start and not any(name.startswith(start) for name in (*files, *(f"{f}/" for f in folders))):
            tops = sorted({name.split("/")[0] for name in (*folders, *(f for f in files if "/" in f))})
            raise ValueError(f"folder must be within {self.path}, which holds "
                             f"{', '.join(map(repr, tops[:5])) or 'no folders'}. Received: {self.folder!r}")
        images = [name[len(start):] for name in files if name.startswith(start) and name.lower().endswith(SUFFIXES)]
        return images, [name[len(start):] for name in folders if name.startswith(start)]

    def _find(self, images, folders):
        """The paths, in order."""
        if not images:
            raise ValueError(f"{self._where()} must hold images. Received: none that end in {' '.join(SUFFIXES)}")
        return sorted(images)

    def _where(self):
        return f"{self.path}/{self.folder}" if self.folder else self.path

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, i):
        i = int(i) + (len(self) if i < 0 else 0)
        if not 0 <= i < len(self):
            raise IndexError(f"the images have numbers from 0 to {len(self) - 1}. Received: {i}")
        image = np.empty(self.shape, np.uint8)
        self._read(i, image)
        return image, None if self.labels is None else int(self.labels[i])

    def read(self, indices, out):
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
            out[...] = self._cache[i]
            return
        name = f"{self._where()}/{self.paths[i]}"
        try:
            try:
                data = self._files.read(self._prefix + self.paths[i])
            except (OSError, ValueError) as error:
                raise ImageError(f"{name}: cannot be read. Received: {error}") from None
            out[...] = decode_image(data, self.size, self.shape[2], self.ground, name)
        except ImageError as error:
            self.broken[i] = str(error)
            raise
        if self._cache is not None:
            self._cache[i] = out
            self._cached[i] = True
