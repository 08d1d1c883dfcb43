"""Progress in a notebook: one output that is redrawn in place, whatever else the cell prints."""

import sys

_MOST = 100  # lines: all of them are sent at each redraw
WIDTH = 100  # columns


def shell():
    """IPython's shell, if this is a notebook and standard output is its own; else None.

    Example:
        >>> shell() is None
        True
    """
    found = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return found if hasattr(found, "kernel") and type(sys.stdout).__module__.startswith("ipykernel.") else None


class Output:
    """Lines, of which the last may be live.

    What else the cell prints, and warnings, come below and leave it alone; a saved notebook has the lines as they were last.

    Args:
        cell: number of the cell's execution, whose output this is.
    """

    def __init__(self, cell):
        self.cell, self.lines, self.cut, self.handle = cell, [], 0, None

    def draw(self, live=None):
        """Shows the lines, and a live one below them."""
        from IPython.display import display

        head = [f"… {self.cut} lines before"] if self.cut else []
        data = {"text/plain": "\n".join([*head, *self.lines, *([] if live is None else [live])])}
        if self.handle is None:
            self.handle = display(data, raw=True, display_id=True)
        else:
            self.handle.update(data, raw=True)

    def add(self, line):
        """One more line, for good; those beyond a hundred are left out."""
        self.lines.append(line)
        self.cut += max(0, len(self.lines) - _MOST)
        del self.lines[:-_MOST]
        self.draw()
