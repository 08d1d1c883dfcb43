"""Files below a folder, whatever their number and depth, read by any number of threads at once.

A *container* has `files` (names, relative to it, with slashes), `folders` and `left_out`: {name: why it is not among them};
names of folders there end with a slash. What is wrong with one file does not stop the others.
"""

import os
from heapq import heappop, heappush
from stat import S_ISREG

MAX_FILE = 1 << 28  # bytes; no photograph is larger


class Container:
    """What folders and archives have in common.

    Args:
        path: of the folder or archive.
    """

    def __init__(self, path):
        self.path, self.files, self.folders, self.left_out, self.links = path, [], [], {}, {}

    def once(self, names):
        """Those names, without links to a file that is among them under another name: (names, left out)."""
        if not self.links:
            return names, {}
        seen, kept, left_out = {self._real(name) for name in names if name not in self.links}, [], {}
        for name in names:
            real = self.links.get(name)
            if real in seen:
                left_out[name] = "link to a file that is counted already"
                continue
            kept.append(name)
            if real is not None:
                seen.add(real)
        return kept, left_out

    def _real(self, name):
        return os.path.join(os.path.realpath(self.path), *name.split("/"))


def hidden(name):
    """Whether a file is hidden, or within a hidden folder, or one of those that macOS adds to archives."""
    return name.startswith(".") or "/." in name or "__MACOSX" in name.split("/")


class Folder(Container):
    """Files below a folder; each folder is walked once, however many links lead to it.

    Args:
        path: of the folder.
        folder: within it, to begin at.

    Raises:
        OSError: the folder itself cannot be read.

    Example:
        >>> Folder("photos").read("cat/1.jpg")  # doctest: +SKIP
    """

    def __init__(self, path, folder=None):
        super().__init__(path)
        start = folder.strip("/") if folder else ""
        first = os.path.join(path, *start.split("/"))
        walked, queue = set(), [(0, start, os.path.realpath(first), False)] if os.path.isdir(first) else []
        while queue:  # real folders first, then links, hidden ones last: files are called by the first of their names
            _, inner, real, through = heappop(queue)
            if real in walked:
                self.left_out[f"{inner}/"] = "link to a folder that is counted already"
                continue
            walked.add(real)
            try:
                with os.scandir(real) as entries:
                    found = list(entries)
            except OSError as error:
                if inner == start:
                    raise
                self.left_out[f"{inner}/"] = f"unreadable ({error.strerror})"
                continue
            if inner != start and not hidden(inner):
                self.folders.append(inner)
            for entry in found:
                self._enter(entry, f"{inner}/{entry.name}" if inner else entry.name, real, through, queue)
        self.files.sort()

    def _enter(self, entry, name, where, through, queue):
        """Lists a file, queues a folder. through: whether a link leads here."""
        link, real = entry.is_symlink(), os.path.join(where, entry.name)
        through, real = through or link, os.path.realpath(real) if link else real
        try:
            folder, file = entry.is_dir(), entry.is_file()
        except OSError as error:
            self.left_out[name] = f"unreadable ({error.strerror})"
            return
        if folder:
            heappush(queue, (2 if hidden(name) else int(through), name, real, through))
        elif hidden(name):
            self.left_out[name] = "hidden"
        elif file:
            self.files.append(name)
            if through:
                self.links[name] = real
        else:
            self.left_out[name] = "link to nothing" if link else "no regular file"

    def head(self, name, size):
        """The first bytes of a file."""
        with open(os.path.join(self.path, *name.split("/")), "rb") as file:
            return file.read(size)

    def read(self, name):
        """The bytes of a file.

        Raises:
            OSError: it cannot be read. ValueError: it is too large, or no longer a file.
        """
        with open(os.path.join(self.path, *name.split("/")), "rb") as file:
            status = os.fstat(file.fileno())
            if status.st_size > MAX_FILE or not S_ISREG(status.st_mode):
                raise ValueError(f"a file must have at most {MAX_FILE:,} bytes. Received: {status.st_size:,}")
            return file.read()
