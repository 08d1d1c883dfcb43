"""Replace a file as a whole: a reader sees the old content or the new, whatever happens in between."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from fastcnn.typing import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

_TEMPORARY = re.compile(r"\..{1,40}\.[0-9a-f]{16}\.fastcnn\.tmp", re.DOTALL)

# What a file system answers when it cannot sync a directory; every other error is real.
_NO_DIRECTORY_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EACCES, errno.EBADF}


def write_atomically(path: Path, chunks: Iterable[Any]) -> None:
    """Write a file so that it is either wholly replaced or left as it was; see `replacing`.

    Args:
        path: the file to write, `str`, `bytes` or `os.PathLike`.
        chunks: iterable of bytes-like objects, written one after another.

    Raises:
        FileNotFoundError, NotADirectoryError: the directory does not exist, or is none.
        IsADirectoryError: `path` is a directory.
        PermissionError: the file or its directory may not be written.
        OSError: `path` is a device, a pipe or a loop of links; the disk is full; ... The error names the file.

    Example:
        >>> write_atomically("greeting.txt", [b"hello, ", b"world"])
        >>> open("greeting.txt", "rb").read()
        b'hello, world'
    """
    with replacing(path) as file:
        file.writelines(chunks)


@contextmanager
def replacing(path: Path) -> Iterator[Any]:
    """A block that writes a file which then takes the place of another, or is gone if the block fails.

    The bytes go to a temporary file in the same directory, are synced to the disk, and the temporary takes
    the file's name in one step. A symbolic link is followed. An existing file keeps its permission bits; a
    new one gets those that `open` would give. If the process is killed, a hidden `.*.fastcnn.tmp` file may remain,
    until something is written into the same directory.

    Args:
        path: the file to write, as `write_atomically`, which says what is raised.

    Example:
        >>> with replacing("greeting.txt") as file:
        ...     _ = file.write(b"hello")
        >>> open("greeting.txt", "rb").read()
        b'hello'
    """
    from fastcnn import arguments

    target = os.path.realpath(os.fsdecode(arguments.path("path", path)))
    directory, name = os.path.split(target)
    mode = _mode_of_existing(target, directory)
    _sweep(directory)
    temporary, descriptor = _begin(directory, name, 0o666 if mode is None else mode)
    kept = os.dup(descriptor) if fcntl else None  # the lock lasts until the file has its name
    try:
        with naming(target), open(descriptor, "w+b") as file:
            if mode is not None and hasattr(os, "fchmod"):
                os.fchmod(descriptor, mode)
            yield file
            file.flush()
            os.fsync(descriptor)
        os.replace(temporary, target)
    except BaseException:
        try:
            os.unlink(temporary)
        except OSError:
            pass  # the first error is the one to report
        raise
    finally:
        if kept is not None:
            os.close(kept)
    _sync_directory(directory)


def _begin(directory, name, mode):
    """(path, descriptor) of a new temporary file, which is locked while this process writes it."""
    while True:
        # The name is cut so that the temporary's fits wherever the file's own name fits.
        path = os.path.join(directory, f".{name[:40]}.{os.urandom(8).hex()}.fastcnn.tmp")
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
        if fcntl is not None:
            with suppress(OSError):  # a file system without locks, where nothing is swept either
                fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return path, descriptor
        os.close(descriptor)  # another process swept it away before it was locked


def _sweep(directory):
    """Removes temporary files of processes that were killed: nobody has them locked."""
    if fcntl is None:
        return
    with suppress(OSError):  # a directory that cannot be listed
        for name in filter(_TEMPORARY.fullmatch, os.listdir(directory)):
            path = os.path.join(directory, name)
            with suppress(OSError):  # it is locked, gone, or somebody else's
                descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    os.unlink(path)
                finally:
                    os.close(descriptor)


@contextmanager
def naming(path):
    """A block of writing to a file whose errors name it: a full disk, a file that grew too large, a quota.

    Example:
        >>> try:
        ...     with naming("log.csv"): raise OSError(28, "No space left on device")
        ... except OSError as error: print(error.filename)
        log.csv
    """
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno is not None:
            error.filename = os.fsdecode(path)
        raise


def _mode_of_existing(target, directory):
    """The permission bits of the file to be replaced, None if there is none; refuses all but a file."""
    if not os.path.lexists(directory):
        raise FileNotFoundError(errno.ENOENT, "the directory to write into does not exist", directory)
    if not os.path.isdir(directory):
        raise NotADirectoryError(errno.ENOTDIR, "the place to write into is no directory", directory)
    try:
        mode = os.lstat(target).st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "a directory stands where the file should be written", target)
    if stat.S_ISLNK(mode):
        raise OSError(errno.ELOOP, "symbolic links form a loop", target)
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "only a regular file can be replaced", target)
    if not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, "the file is write-protected", target)
    return stat.S_IMODE(mode) & 0o777


def _sync_directory(directory):
    """Make the new name durable too, where the system can."""
    if os.name != "posix":
        return
    try:
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in _NO_DIRECTORY_SYNC:
            raise
