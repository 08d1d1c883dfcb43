"""Standard output: a live line at the bottom, messages above it, and no harm if nobody listens. In a notebook the same, in
an output that is redrawn in place."""

import os
import sys

from fastcnn.callbacks import notebook

_live = ""      # the live line as it stands
_output = None  # in a notebook, its `notebook.Output`


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
    if notebook.shell() is not None:
        return notebook.WIDTH
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


def _in_notebook(make=False):
    """The output that this cell of a notebook redraws; None: there is none, or this is no notebook."""
    global _live, _output
    shell = notebook.shell()
    if shell is None:
        return None
    if _output is not None and _output.cell != shell.execution_count:  # one that an error has left
        _live, _output = "", None
    if _output is None and make:
        _output = notebook.Output(shell.execution_count)
    return _output


def redraw(line):
    """Put a line in the live line's place. It must be shorter than the terminal is wide."""
    global _live
    output = _in_notebook(make=True)
    before, _live = _live, line
    if output is not None:
        output.draw(line)
    else:
        write("\r" + line + " " * (len(before) - len(line)))


def finish(line):
    """Put a line in the live line's place, for good."""
    global _live
    output = _in_notebook()
    before, _live = _live, ""
    if output is not None:
        output.add(line)
    else:
        write(f"\r{' ' * len(before)}\r{line}\n" if before else f"{line}\n")


def say(message):
    """Print a message above the live line, if there is one."""
    before = _live
    finish(message)
    if before:
        redraw(before)


def is_busy():
    """Whether somebody's lines are shown that go on."""
    return _in_notebook() is not None or bool(_live)


def release():
    """End the live line where it stands: all is done, or something else is printed after an interruption."""
    global _live, _output
    before, _live = _live, ""
    if before and _in_notebook() is None:
        write("\n")
    _output = None
