"""Standard output: a live line at the bottom, messages above it, and no harm if nobody listens."""

import os
import sys

_live = ""  # the live line as it stands


def write(text):
    """Write to standard output as it is now; a closed pipe or file is no error here."""
    stream = sys.stdout
    try:
        try:
            stream.write(text)
        except UnicodeEncodeError:
            stream.write(text.encode(stream.encoding, "replace").decode(stream.encoding))
        stream.flush()
    except (AttributeError, OSError, ValueError):  # no standard output, a broken pipe, a closed file
        pass


def is_live():
    """Whether a line can be redrawn on standard output: a terminal or a notebook."""
    stream = sys.stdout
    try:
        return stream.isatty() or type(stream).__module__.startswith("ipykernel.")
    except (AttributeError, OSError, ValueError):
        return False


def width():
    """Columns of the terminal; 80 if it does not tell."""
    try:
        return int(os.environ.get("COLUMNS", "")) or 80
    except ValueError:
        pass
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or 80
    except (AttributeError, OSError, ValueError):
        return 80


def can_show(text):
    """Whether standard output's encoding has these characters."""
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "ascii")
    except (LookupError, UnicodeEncodeError):
        return False
    return True


def redraw(line):
    """Put a line in the live line's place. It must be shorter than the terminal is wide."""
    global _live
    before, _live = _live, line
    write("\r" + line + " " * (len(before) - len(line)))


def finish(line):
    """Put a line in the live line's place, for good."""
    global _live
    before, _live = _live, ""
    write(f"\r{' ' * len(before)}\r{line}\n" if before else f"{line}\n")


def say(message):
    """Print a message above the live line, if there is one."""
    before = _live
    finish(message)
    if before:
        redraw(before)


def release():
    """End the live line where it stands, before something else is printed: after an interruption."""
    global _live
    before, _live = _live, ""
    if before:
        write("\n")
