"""What a folder or an archive holds: its images, told by their content, why its other files are none, and its parts."""

import zlib

from fastcnn.datasets.opening import open_files
from fastcnn.images.openers import HEAD, named_like_image, pillow, unreadable

_TRAINING = ("train", "training")
_VALIDATION = ("val", "validation", "valid", "test", "testing")  # what folders beside those are called, the best first


class Listing:
    """The images below a folder or in an archive.

    Args:
        path: a folder, a zip archive or a tar archive; or its container.
        folder: where in it to look; None: everywhere.

    Attributes:
        images, folders: names within `folder`, in order. A file that is called like an image counts as one.
        damaged: {name: why it cannot be read} of the images.
        left_out: {name: why it is no image}; names of folders end with a slash.

    Raises:
        OSError, ValueError: the path does not exist, or is neither.
        ImportError: Pillow is missing: pip install pillow.

    Example:
        >>> Listing("photos").left_out  # doctest: +SKIP
        {'readme.txt': 'no image', '.DS_Store': 'hidden'}
    """

    def __init__(self, path, folder=None):
        pillow()  # a missing one is not the images' fault
        self.folder = None if folder is None else str(folder).strip("/") or None
        self.container = open_files(path, self.folder)
        self.path, prefix = self.container.path, f"{self.folder}/" if self.folder else ""
        self.images, self.damaged, self.left_out = [], {}, {}
        for name in self.container.files:
            why, inner = self._why(name), name[len(prefix):]
            if why is None or named_like_image(name):
                self.images.append(inner)
            if why is not None:
                (self.damaged if named_like_image(name) else self.left_out)[inner] = why
        self.left_out.update((name[len(prefix):], why) for name, why in self.container.left_out.items())
        self.folders = [name[len(prefix):] for name in self.container.folders]

    def _why(self, name):
        try:
            return unreadable(self.container.head(name, HEAD))
        except OSError as error:
            return f"unreadable ({error.strerror or error})"
        except (ValueError, zlib.error) as error:
            return str(error)

    def inside(self, folder):
        """The same of a folder within, which is not looked for again."""
        if not folder:
            return self
        start, part = f"{folder}/", object.__new__(Listing)
        part.folder = f"{self.folder}/{folder}" if self.folder else folder
        part.path, part.container = self.path, self.container
        part.images, part.folders = ([name[len(start):] for name in names if name.startswith(start)]
                                     for names in (self.images, self.folders))
        part.damaged, part.left_out = ({name[len(start):]: why for name, why in names.items() if name.startswith(start)}
                                       for names in (self.damaged, self.left_out))
        return part

    def parts(self):
        """(folder of class folders for training, folder of those for validation): see `find_parts`."""
        images = [name.split("/") for name in self.images]
        passed = _passed(images)
        images = [parts[len(passed):] for parts in images if parts[:len(passed)] == passed]
        tops = {name.lower(): name for name in sorted({parts[0] for parts in images if len(parts) > 2}, reverse=True)}
        training, validation = (next((tops[name] for name in names if name in tops), None)
                                for names in (_TRAINING, _VALIDATION))
        if training is None:
            return "/".join(passed) or None, None
        found = []
        for name in training, validation:
            inner = _passed([parts[1:] for parts in images if parts[0] == name]) if name else []
            found.append("/".join([*passed, name, *inner]) if name else None)
        return tuple(found)

    def where(self):
        """The path, with the folder within it."""
        return f"{self.path}/{self.folder}" if self.folder else str(self.path)

    def nothing(self):
        """What there is in place of what was looked for, for errors."""
        good = len(self.images) - len(self.damaged)
        images = f"{good:,} images elsewhere" if good else ""
        return ", ".join(filter(None, (images, told({**self.damaged, **self.left_out})))) or "no files"


def _passed(images):
    """The folders that hold nothing but one folder of folders of images, from the outside inwards."""
    passed = []
    while True:
        tops = {parts[0] for parts in images if len(parts) > 1}
        inner = {parts[1] for parts in images if len(parts) > 2}
        direct = any(len(parts) == 2 for parts in images)
        if len(tops) != 1 or not inner or direct and len(inner) == 1:
            return passed
        passed += tops
        images = [parts[1:] for parts in images if len(parts) > 1]


def told(left_out):
    """What was left out and why, as words: how many for each reason, and the first name.

    Example:
        >>> told({"a.txt": "no image", "b.csv": "no image", ".c": "hidden"})
        '2 × no image (a.txt …), 1 × hidden (.c)'
    """
    reasons = {}
    for name, why in left_out.items():
        reasons.setdefault(why, []).append(name)
    return ", ".join(f"{len(names):,} × {why} ({min(names)}{' …' if len(names) > 1 else ''})"
                     for why, names in sorted(reasons.items(), key=lambda item: (-len(item[1]), item[0])))
