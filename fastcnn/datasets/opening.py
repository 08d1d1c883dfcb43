"""What a path leads to, told by its content: a folder or an archive."""

import os

from fastcnn import arguments
from fastcnn.datasets.archives import Tar, Zip
from fastcnn.datasets.files import Folder

_KINDS = {b"Rar!": "a rar archive", b"7z\xbc\xaf\x27\x1c": "a 7z archive", b"(\xb5/\xfd": "a zstd archive",
          b"\x89HDF": "an HDF5 file", b"%PDF": "a PDF file", b"\xff\xd8\xff": "a single JPEG image",
          b"\x89PNG": "a single PNG image"}


def open_files(path, folder=None, most=None):
    """The container at a path: a folder, or an archive, told by its content.

    Args:
        path: a folder, a zip archive, or a tar archive, compressed or not.
        folder: within it; of other files nothing is known then.
        most: bytes that a tar archive may have when it is decompressed; None: as many as the disk has room for.

    Raises:
        OSError: the path does not exist, or cannot be read.
        ValueError: it is something else, or damaged.

    Example:
        >>> open_files("photos").files  # doctest: +SKIP
        ['cat/1.jpg']
    """
    path = os.fsdecode(arguments.path("path", path))
    if os.path.isdir(path):
        return Folder(path, folder)
    from zipfile import is_zipfile

    with open(path, "rb") as file:
        head = file.read(512)
    if head[257:262] == b"ustar" or head.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0")):
        found = Tar(path, most)
    elif head.startswith(b"PK\3\4") or is_zipfile(path):
        found = Zip(path)
    else:
        begins = f"a file that begins with {arguments.shown(head[:8])}" if head else "an empty file"
        kind = next((name for start, name in _KINDS.items() if head.startswith(start)), begins)
        raise ValueError(f"{path}: must be a folder, or an intact zip or tar archive. Received: {kind}")
    return found if folder is None else found.within(folder)
