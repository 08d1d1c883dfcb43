"""Files of data sets, downloaded once into a folder: from mirrors, checked, and there as a whole or not at all."""

import hashlib
import os
import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass

_CHUNK = 1 << 18
_TIMEOUT = 30  # seconds without a byte
_TRIES = 5     # connections to a mirror that break after having brought something


class DownloadError(OSError):
    """No mirror gave the file; the message says why, and what to download by hand.

    Example:
        >>> try: fetch(RemoteFile("a.bin", 3, "0" * 64, ("file:///nowhere/a.bin",)), ".")
        ... except DownloadError as error: print(str(error).split(":")[0])
        a.bin could not be downloaded
    """


@dataclass(frozen=True)
class RemoteFile:
    """A file that is to be had at several addresses.

    Args:
        name: of the file on disk.
        size: bytes.
        sha256: of the content, in hexadecimal.
        urls: of the file, the one to try first first.

    Example:
        >>> RemoteFile("a.bin", 3, hashlib.sha256(b"abc").hexdigest(), ("https://example.org/a.bin",)).size
        3
    """

    name: str
    size: int
    sha256: str
    urls: tuple


def data_folder():
    """Where data sets are looked for and downloaded to: `FASTCNN_DATA`, or a folder of the user's for caches.

    Example:
        >>> os.environ["FASTCNN_DATA"] = "data"
        >>> data_folder()
        'data'
        >>> del os.environ["FASTCNN_DATA"]
    """
    given = os.environ.get("FASTCNN_DATA")
    if given:
        return os.path.expanduser(given)
    home = os.path.expanduser("~")
    if os.name == "nt":
        base = os.environ.get("LOCALAPPDATA") or os.path.join(home, "AppData", "Local")
    elif sys.platform == "darwin":
        base = os.path.join(home, "Library", "Caches")
    else:
        base = os.environ.get("XDG_CACHE_HOME") or os.path.join(home, ".cache")
    return os.path.join(base, "fastcnn")


def fetch(remote, folder=None):
    """The path of a file, downloaded unless it is there, its size and SHA-256 checked in either case.

    Bytes go to a file of the same name and ".part", which takes the name when it is whole and right. A download that was
    interrupted goes on where it stopped, at the same or another mirror. Processes that ask for the same file at once wait
    for each other (on POSIX systems). On a terminal, standard error shows how far it is.

    Args:
        remote: a `RemoteFile`.
        folder: that holds it; made if need be. None: `data_folder()`.

    Raises:
        DownloadError: no mirror gave the file.
        ValueError: the file is there, and another one.
        OSError: the folder cannot be written.

    Example:
        >>> from pathlib import Path
        >>> _ = Path("mirror.bin").write_bytes(b"abc")
        >>> digest = hashlib.sha256(b"abc").hexdigest()
        >>> path = fetch(RemoteFile("a.bin", 3, digest, (Path("mirror.bin").absolute().as_uri(),)), "kept")
        >>> Path(path).read_bytes()
        b'abc'
    """
    folder = data_folder() if folder is None else os.fspath(folder)
    path = os.path.join(folder, remote.name)
    if not os.path.exists(path):
        try:
            os.makedirs(folder, exist_ok=True)
            _download(remote, path)
        except DownloadError:
            raise
        except OSError as error:
            raise OSError(error.errno, f"{remote.name} needs a folder that can be written; FASTCNN_DATA names another. "
                                       f"Received: {error.strerror or error}", folder) from None
    with open(path, "rb") as file:
        wrong = _difference(file, remote)
    if wrong:
        raise ValueError(f"{path}: {wrong}. Delete it, and it is downloaded again")
    return path


def _download(remote, path):
    """Makes the file at `path`, or raises `DownloadError`."""
    part, reasons = f"{path}.part", []
    with _alone(part) as file:
        if os.path.exists(path):  # another process has been as quick
            with suppress(OSError):
                os.unlink(part)
            return
        whole = any(_from_mirror(url, file, remote, reasons) for url in remote.urls)
        file.flush()
        os.fsync(file.fileno())
        if whole:
            if os.name == "nt":
                file.close()  # Windows renames no open file
            os.replace(part, path)
            return
    raise DownloadError("\n".join([
        f"{remote.name} could not be downloaded:", *(f"  {reason}" for reason in reasons),
        f"Download it by hand from one of these addresses to {path} ({remote.size:,} bytes, SHA-256 {remote.sha256}), or "
        f"set FASTCNN_DATA to a folder that holds it"]))


def _from_mirror(url, file, remote, reasons):
    """Whether the file is whole and right after what this mirror gave; if not, `reasons` gains why."""
    from http.client import HTTPException

    for _ in range(_TRIES):
        before = file.seek(0, os.SEEK_END)
        try:
            _receive(url, file, remote)
        except (OSError, HTTPException, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            reasons.append(f"{url}: {reason}")
            if file.seek(0, os.SEEK_END) <= before:
                return False
            continue
        wrong = _difference(file, remote)
        if not wrong:
            return True
        file.truncate(0)
        reasons.append(f"{url}: {wrong}")
        if not before:  # else it may have been the beginning, which came from elsewhere
            return False
    return False


def _receive(url, file, remote):
    """Appends what is missing."""
    from urllib.request import Request, urlopen

    start = file.seek(0, os.SEEK_END)
    if start > remote.size:
        start = 0
        file.truncate(0)
    if start == remote.size:
        return
    headers = {"User-Agent": "fastcnn", **({"Range": f"bytes={start}-"} if start else {})}
    with urlopen(Request(url, headers=headers), timeout=_TIMEOUT) as answer:
        resumes = answer.headers.get("Content-Range", "").startswith(f"bytes {start}-")
        length = answer.headers.get("Content-Length", "")
        if start and not resumes:
            start = 0
        if length.isdigit() and start + int(length) != remote.size:
            raise ValueError(f"must have {remote.size:,} bytes. Received: {start + int(length):,}")
        file.truncate(start)
        file.seek(start)
        try:
            while piece := answer.read(_CHUNK):
                start += len(piece)
                if start > remote.size:
                    file.truncate(0)
                    raise ValueError(f"must have {remote.size:,} bytes. Received: more")
                file.write(piece)
                _tell(f"{remote.name}: {start / 1e6:,.0f} of {remote.size / 1e6:,.0f} MB")
        finally:
            _tell("")
    if start < remote.size:
        raise OSError(f"must have {remote.size:,} bytes. Received: {start:,}, then the end")


def _difference(file, remote):
    """What is wrong with an open file; None: nothing."""
    size = file.seek(0, os.SEEK_END)
    if size != remote.size:
        return f"must have {remote.size:,} bytes. Received: {size:,}"
    digest = hashlib.sha256()
    file.seek(0)
    while piece := file.read(_CHUNK):
        digest.update(piece)
    if digest.hexdigest() != remote.sha256:
        return f"must have the SHA-256 {remote.sha256}. Received: {digest.hexdigest()}"
    return None


@contextmanager
def _alone(path):
    """The file, opened to be read and written; other processes wait until the block ends."""
    with open(path, "ab+") as file:
        try:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        except (ImportError, OSError):  # no such system, or a file system without locks: the digest still tells
            pass
        yield file


def _tell(line):
    """Shows a line in place of the last one, on a terminal."""
    try:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\033[K{line}")
            sys.stderr.flush()
    except (AttributeError, OSError, ValueError):  # no standard error, or a closed one
        pass
