"""Photographs in class folders, on disk or in a zip archive, and how their folders are laid out."""

import os

import numpy as np

from fastcnn.datasets.files import Folder, Zip
from fastcnn.datasets.image_files import ImageFiles
from fastcnn.images.decode import SUFFIXES

_VALIDATION = ("val", "validation", "valid", "test")  # what folders beside "train" are called, the best first


class ImageFolder(ImageFiles):
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
        ImportError: Pillow is missing: pip install pillow.

    Example:
        >>> source = ImageFolder("photos.zip", folder="train", size=256)  # doctest: +SKIP
        >>> image, label = source[0]  # doctest: +SKIP
        >>> image.shape, source.class_names[label]  # doctest: +SKIP
        ((256, 256, 3), 'daisy')
    """

    def __init__(self, path, folder=None, size=256, class_names=None, channels=3, ground="white", errors="skip",
                 cache=False):
        self._wanted = None if class_names is None else [str(name) for name in class_names]
        super().__init__(path, folder, size, channels, ground, errors, cache)

    def _find(self, images, folders):
        found = {name.split("/")[0]: [] for name in folders}
        for name in images:
            parts = name.split("/")
            if len(parts) == 2:
                found.setdefault(parts[0], []).append(name)
        if not any(found.values()):
            self._explain(images)
        found = dict(sorted(found.items())) if self._wanted is None else self._chosen(found)
        empty = [name for name, names in found.items() if not names]
        if empty and self._wanted is None:
            raise ValueError(f"every class folder of {self._where()} must hold images (or name the wanted ones in "
                             f"class_names). Received: none in {', '.join(empty[:5])}")
        self.class_names = list(found)
        self.labels = np.repeat(np.arange(len(found), dtype=np.int32), [len(names) for names in found.values()])
        return [name for names in found.values() for name in sorted(names)]

    def _chosen(self, found):
        missing = [name for name in self._wanted if name not in found]
        if missing:
            raise ValueError(f"class_names must be folders of {self._where()}, which holds {sorted(found)}. "
                             f"Received: {missing}")
        found = {name: found[name] for name in self._wanted}
        if not any(found.values()):
            raise ValueError(f"class_names must include a class with images. Received: {self._wanted}")
        return found

    def _explain(self, images):
        """No class folder holds images: says what there is instead."""
        everywhere = [name for name in self._files.names()[0] if name.lower().endswith(SUFFIXES)]
        deeper = {"/".join(name.split("/")[:-2]) for name in everywhere if name.count("/") > 1}
        deeper = sorted(name for name in deeper if not any(name.startswith(f"{other}/") for other in deeper))
        if deeper:
            raise ValueError(f"{self._where()} holds no class folders of images itself: choose folder= among "
                             f"{', '.join(map(repr, deeper[:5]))}. Received: folder={self.folder!r}")
        what = f"{len(everywhere)} images outside of class folders" if everywhere else "no images"
        raise ValueError(f"{self._where()} must hold a folder of images per class. Received: {what}")


def find_parts(path):
    """Where in a folder or an archive the class folders for training and for validation lie, as `ImageFolder`'s `folder`.

        photos/daisy/1.jpg                                         None (the top) and None
        photos/train/daisy/1.jpg, photos/val/daisy/2.jpg           "train" and "val"
        photos.zip: flowers/train/daisy/1.jpg                      "flowers/train" and None

    A folder beside "train" is for validation if it is called "val", "validation", "valid" or "test"; the first of these that
    there is. Folders that hold nothing but one folder are passed through.

    Args:
        path: a folder, or a zip archive.

    Raises:
        OSError, ValueError: the path does not exist, or is neither.

    Example:
        >>> find_parts("photos")  # doctest: +SKIP
        ('train', 'val')
    """
    path = os.fspath(path)
    files, _ = (Folder(path) if os.path.isdir(path) else Zip(path)).names()
    images = [name.split("/") for name in files if name.lower().endswith(SUFFIXES)]
    passed = []
    while images and all(len(parts) > 2 and parts[0] == images[0][0] for parts in images):
        passed.append(images[0][0])
        images = [parts[1:] for parts in images]
    parts = {name.lower(): name for name in sorted({parts[0] for parts in images if len(parts) > 2}, reverse=True)}
    if "train" not in parts:
        return "/".join(passed) or None, None
    validation = next((parts[name] for name in _VALIDATION if name in parts), None)
    return "/".join([*passed, parts["train"]]), None if validation is None else "/".join([*passed, validation])
