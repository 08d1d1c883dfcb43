"""Photographs in class folders, on disk or in an archive, and how their folders are laid out."""

from __future__ import annotations

from collections.abc import Sequence

from fastcnn import arguments
from fastcnn.datasets.image_files import ImageFiles
from fastcnn.datasets.listing import Listing
from fastcnn.typing import Pair, Path


class ImageFolder(ImageFiles):
    """A source of images for `fastcnn.images.ImageBatches`: one folder per class, any names.

        photos/train/daisy/1.jpg          ImageFolder("photos", folder="train")
        photos/train/tulip/2019/2.png     ImageFolder("photos.zip", folder="train"), the same, bit for bit

    Classes are the folders in the order of their names; all images below one, at any depth, belong to it, and come in the
    order of class and name. What is an image is told by its content (`fastcnn.images.decode_image`), hidden files are left
    out, and a folder or image counts once, however many links lead to it. Nothing is decoded before it is asked for.

    Args:
        path: a folder, a zip archive or a tar archive (also compressed); or a `Listing` of one.
        folder: where in it the class folders lie, as "train"; None: at its top.
        size: height and width of the images in pixels, of which the middle is cut out; or a pair, to which they are
            stretched.
        class_names: the classes and their order, as those of the training set; others are left out, and a class may be
            empty; None: all folders, none of them empty.
        channels: 3 for RGB, 1 for grey.
        ground: colour behind transparent parts.
        errors: what an image that cannot be decoded does: "skip": it is left out, so that its batch holds fewer images, and
            remembered in `broken`; "raise": ImageError, with its name.
        cache: keep decoded images in memory: a byte per pixel and channel.
        allow_empty: class_names may name folders that are not there, and without class_names folders without images are
            left out; False: either is a ValueError.

    Attributes:
        class_names, labels (N,) int32, paths (N names within path and folder), shape (height, width, channels),
        broken {number: what is wrong}, left_out {name: why it is not among the paths}.

    Raises:
        OSError: the path does not exist.
        ValueError: no archive, no class folders, or an empty one.
        ImportError: Pillow is missing: pip install pillow.

    Example:
        >>> source = ImageFolder("photos.zip", folder="train", size=256)  # doctest: +SKIP
        >>> image, label = source[0]  # doctest: +SKIP
        >>> image.shape, source.class_names[label]  # doctest: +SKIP
        ((256, 256, 3), 'daisy')
    """

    def __init__(self, path: Path | Listing, folder: str | None = None, size: Pair = 256,
                 class_names: Sequence[str] | None = None, channels: int = 3, ground: str = "white", errors: str = "skip",
                 cache: bool = False, allow_empty: bool = False) -> None:
        self._strict = not arguments.flag("allow_empty", allow_empty)
        super().__init__(path, folder, size, channels, ground, errors, cache, class_names=class_names)

    def _find(self, listing):
        names = self._once(listing.images)
        classes = {name: name.split("/")[0] for name in names if "/" in name}
        outside = {name: "outside of class folders" for name in names if "/" not in name}
        if not classes:
            raise ValueError(f"{self._where()} must hold a folder of images per class. Received: "
                             f"{len(outside)} images outside of class folders")
        folders = sorted({name.split("/")[0] for name in listing.folders} | set(classes.values()))
        full = {kind for name, kind in classes.items() if name not in listing.damaged}
        if self.class_names is None and self._strict:
            self._check_level(listing)
        elif absent := [name for name in self.class_names or () if name not in folders]:
            if self._strict or len(absent) == len(self.class_names):
                raise ValueError(f"classes must be folders of {self._where()}, which holds {folders}. Received: {absent}")
        empty = [name for name in folders if name not in full and name not in (self.class_names or ())]
        if empty and self.class_names is None and self._strict:
            raise ValueError(f"every class folder of {self._where()} must hold images (or the wanted classes be named). "
                             f"Received: none in {', '.join(empty[:5])}: {listing.inside(empty[0]).nothing()}")
        for name in empty:
            outside[f"{name}/"] = "without images"
            outside.update((path, listing.damaged[path]) for path, kind in classes.items() if kind == name)
        return self._classified({path: kind for path, kind in classes.items() if kind not in empty}, outside)

    def _check_level(self, listing):
        """Class folders one level further in must not pass for classes."""
        found = [name for name in listing.parts() if name]
        if found:
            raise ValueError(f"folder must say where in {self._where()} the class folders lie: "
                             f"{', '.join(map(repr, found))}. Received: {arguments.shown(self.folder)}")


def find_parts(path: Path) -> tuple[str | None, str | None]:
    """Where in a folder or an archive the class folders for training and for validation lie, as `ImageFolder`'s `folder`.

        photos/daisy/1.jpg                                         None (the top) and None
        photos/train/daisy/1.jpg, photos/val/daisy/2.jpg           "train" and "val"
        photos.zip: flowers/train/daisy/1.jpg                      "flowers/train" and None

    A folder "train" or "training" is for training. A folder beside it is for validation if it is called "val",
    "validation", "valid", "test" or "testing"; the first of these that there is. Folders that hold nothing but one folder
    are passed through.

    Args:
        path: a folder, a zip archive or a tar archive.

    Raises:
        OSError, ValueError: the path does not exist, or is neither.

    Example:
        >>> find_parts("photos")  # doctest: +SKIP
        ('train', 'val')
    """
    return Listing(path).parts()
