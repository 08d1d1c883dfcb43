"""What users are told when something goes wrong: one line on standard error."""

import sys
import warnings
from contextlib import contextmanager


class Failure(Exception):
    """What the user is told in one line."""


def complain(error, path=None):
    """One line on standard error, on a line of its own."""
    from fastcnn.callbacks.terminal import release

    release()
    tell(": ".join(["fastcnn", *described(error, path)]))


def tell(line):
    """Prints a line on standard error, if there is one."""
    if sys.stderr is not None:
        print(line, file=sys.stderr)


def described(error, path=None):
    """[the file concerned, unless it is unknown or named in the text, and the text]."""
    text = str(error)
    if isinstance(error, OSError) and error.strerror:
        text = error.strerror
        path = path or error.filename
    elif isinstance(error, MemoryError):
        text = text or "not enough memory"
    elif not isinstance(error, (Failure, KeyboardInterrupt, OSError, TypeError, ValueError, ImportError)):
        text = f"{type(error).__name__}: {text}"
    named = not path or str(path) in text
    text = " ".join(text.split())
    return [text] if named else [str(path), text]


@contextmanager
def warnings_in_one_line():
    """A block in which warnings are lines on standard error, without the place in the code they come from."""
    def show(message, category, filename, lineno, file=None, line=None):
        from fastcnn.callbacks.terminal import release

        release()
        tell(f"fastcnn: warning: {' '.join(str(message).split())}")

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield
