"""Photographs in class folders, on disk or in a zip archive, decoded when they are asked for."""

import os

import numpy as np

from fastcnn import arguments
from fastcnn.datasets.files import Folder, Zip
from fastcnn.images.decode import SUFFIXES, ImageError, decode_image, pillow


class ImageFolder:
    """A source of images for `fastcnn.images.ImageBatches`: one folder per class, any names.

        photos/train/daisy/1.jpg        ImageFolder("photos", folder="train")
        photos/train/tulip/2.png        ImageFolder("photos.zip", folder="train"), the same, bit for bit

    Classes are the folders in the order of their names; images come in the order of class and name. Hidden files and names
    that end otherwise than in .jpg .jpeg .png .gif .bmp .tif .tiff .webp .ppm .pgm .pbm are ignored, and so are folders
    within class folders. Nothing is decoded before it is asked for; see `fastcnn.images.decode_image` for how.

    Args:
        path: a folder, or a zip archive.
        folder: where in it the class folders lie, as "train"; None: at its top.
        size: height and width of the images in pixels.
        class_names: the classes and their order, as those of the training set; others are ignored, and a class may be
            empty; None: all folders, none of them empty.
        channels: 3 for RGB, 1 for grey.
        ground: colour behind transparent parts.
        errors: what an image that cannot be decoded does: "skip": it is left out, so that its batch holds fewer images, and
            remembered in `broken`; "raise": ImageError, with its name.
        cache: keep decoded images in memory: size² · channels bytes each.

    Attributes:
        class_names, labels (N,) int32, paths (N names within path and folder), shape (size, size, channels),
        broken {number: what is wrong}.

    Raises:
        OSError: the path does not exist.
        ValueError: no zip archive, no class folders, or an empty one.
        ImportError: Pillow is missing: pip install 'fastcnn[image]'.

    Example:
        >>> source = ImageFolder("photos.zip", folder="train", size=256)  # doctest: +SKIP
        >>> image, label = source[0]  # doctest: +SKIP
        >>> image.shape, source.class_names[label]  # doctest: +SKIP
        ((256, 256, 3), 'daisy')
    """

    def __init__(self, path, folder=None, size=256, class_names=None, channels=3, ground="white", errors="skip",
                 cache=False):
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
        found = self._classes(None if class_names is None else [str(name) for name in class_names])
        self.class_names = list(found)
        self.paths = [name for names in found.values() for name in names]
        self.labels = np.repeat(np.arange(len(found), dtype=np.int32), [len(names) for names in found.values()])
        self._cache = np.empty((len(self.paths), *self.shape), np.uint8) if arguments.flag("cache", cache) else None
        self._cached = np.zeros(len(self.paths), bool)

    def _classes(self, wanted):
        """{class: its images, sorted}."""
        files, folders = self._files.names()
        images = [name for name in files if name.lower().endswith(SUFFIXES)]
        if self.folder and not any(name.startswith(self._prefix) for name in (*files, *(f"{f}/" for f in folders))):
            raise ValueError(f"folder must be within {self.path}, which holds {self._tops(files, folders)}. "
                             f"Received: {self.folder!r}")
        inner = [name[len(self._prefix):] for name in images if name.startswith(self._prefix)]
        found = {name[len(self._prefix):].split("/")[0]: [] for name in folders if name.startswith(self._prefix)}
        for name in inner:
            parts = name.split("/")
            if len(parts) == 2:
                found.setdefault(parts[0], []).append(name)
        if not any(found.values()):
            self._explain(images)
        if wanted is not None:
            missing = [name for name in wanted if name not in found]
            if missing:
                raise ValueError(f"class_names must be folders of {self._where()}, which holds {sorted(found)}. "
                                 f"Received: {missing}")
            found = {name: found[name] for name in wanted}
            if not any(found.values()):
                raise ValueError(f"class_names must include a class with images. Received: {wanted}")
        else:
            found = dict(sorted(found.items()))
            empty = [name for name, names in found.items() if not names]
            if empty:
                raise ValueError(f"every class folder of {self._where()} must hold images (or name the wanted ones in "
                                 f"class_names). Received: none in {', '.join(empty[:5])}")
        return {name: sorted(names) for name, names in found.items()}

    def _explain(self, images):
        """No class folder holds images: says what there is instead."""
        deeper = {"/".join(name.split("/")[:-2]) for name in images if name.count("/") > 1}
        deeper = sorted(name for name in deeper if not any(name.startswith(f"{other}/") for other in deeper))
        if deeper:
            raise ValueError(f"{self._where()} holds no class folders of images itself: choose folder= among "
                             f"{', '.join(map(repr, deeper[:5]))}. Received: folder={self.folder!r}")
        what = f"{len(images)} images outside of class folders" if images else "no images"
        raise ValueError(f"{self._where()} must hold a folder of images per class. Received: {what}")

    def _where(self):
        return f"{self.path}/{self.folder}" if self.folder else self.path

    @staticmethod
    def _tops(files, folders):
        tops = sorted({name.split("/")[0] for name in (*folders, *(f for f in files if "/" in f))})
        return ", ".join(map(repr, tops[:5])) or "no folders"

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, i):
        i = int(i) + (len(self) if i < 0 else 0)
        if not 0 <= i < len(self):
            raise IndexError(f"the images have numbers from 0 to {len(self) - 1}. Received: {i}")
        image = np.empty(self.shape, np.uint8)
        self._read(i, image)
        return image, int(self.labels[i])

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
