"""Tables: as lines of text that fit into a width, and as HTML, which notebooks show."""

import re
import textwrap
from html import escape
from itertools import zip_longest

_GAP = "  "     # between columns
_READABLE = 24  # letters of a column in which texts are rarely broken


_PARTS = re.compile(r"(\s+|(?<=_)(?=\w)|(?<=[a-z])(?=[A-Z]))")  # of names: behind underscores, before capitals


class _InNames(textwrap.TextWrapper):
    """Breaks lines within names, too."""

    wordsep_simple_re = _PARTS


def wrapped(text, width):
    """The lines of a text, of at most so many letters each: broken at spaces; within names if they are too long.

    Example:
        >>> wrapped("max_pooling2d_1 (MaxPooling2D)", 16)
        ['max_pooling2d_1', '(MaxPooling2D)']
        >>> wrapped("max_pooling2d_1", 10)
        ['max_', 'pooling2d_', '1']
    """
    lines = textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
    return [part for line in lines for part in _InNames(width, break_on_hyphens=False).wrap(line)]


class Table:
    """Rows of texts under headings, and perhaps a last row of sums.

    Args:
        headings: of the columns.
        rows: a list of texts for each row.
        total: the last row; None: there is none.
        numbers: headings of columns that stand on the right and are never broken.
        whole: headings of columns that are broken only if there is no other way.

    Example:
        >>> table = Table(["name", "size"], [["a long name", "1"], ["b", "20"]], numbers=("size",))
        >>> print(*table.lines(), sep="\\n")
        ─────────────────
        name         size
        ─────────────────
        a long name     1
        b              20
    """

    def __init__(self, headings, rows, total=None, numbers=(), whole=()):
        self.headings, self.rows, self.total = headings, rows, total
        self.numbers, self.whole = frozenset(numbers), frozenset(whole)

    def without(self, heading):
        """The table without one of its columns."""
        column = self.headings.index(heading)

        def less(row):
            return [*row[:column], *row[column + 1:]]

        total = None if self.total is None else less(self.total)
        return Table(less(self.headings), [less(row) for row in self.rows], total, self.numbers, self.whole)

    def _columns(self):
        return zip(*filter(None, [self.headings, *self.rows, self.total]))

    def _longest(self):
        return [max(map(len, column)) for column in self._columns()]

    def is_crowded(self, width):
        """Would lines of so many letters break most texts?"""
        return not self._fits([n if heading in self.numbers | self.whole else min(n, _READABLE)
                               for heading, n in zip(self.headings, self._longest())], width)

    @staticmethod
    def _fits(widths, width):
        return sum(widths) + len(_GAP) * (len(widths) - 1) <= width

    def _widths(self, width):
        """Letters of each column, so that lines have at most `width`: words stay whole if there is room."""
        longest = self._longest()
        if width is None:
            return longest
        words, parts = ([n if heading in self.whole else max(len(part) for text in column for part in split(text))
                         for heading, n, column in zip(self.headings, longest, self._columns())]
                        for split in (re.compile(r"\s+").split, _PARTS.split))
        for least in words, parts, [1] * len(words):
            for most in range(max(longest), 0, -1):
                found = [n if heading in self.numbers else max(min(n, word), min(n, most))
                         for heading, n, word in zip(self.headings, longest, least)]
                if self._fits(found, width):
                    return found
        return found

    def lines(self, width=None):
        """The lines: headings between rules, the rows, and a total below another rule.

        Args:
            width: the most letters of a line; None: as many as it takes.
        """
        widths = self._widths(width)
        head, rows = self._broken(self.headings, widths), [self._broken(row, widths) for row in self.rows]
        total = self._broken(self.total, widths) if self.total else []
        rule = "─" * max(len(line) for lines in (head, *rows, total) for line in lines)
        return [rule, *head, rule, *(line for lines in rows for line in lines), *([rule] if total else []), *total]

    def _broken(self, row, widths):
        """The lines of a row."""
        texts = [wrapped(text, width) for text, width in zip(row, widths)]
        return [_GAP.join(text.rjust(width) if heading in self.numbers else text.ljust(width)
                          for heading, text, width in zip(self.headings, line, widths)).rstrip()
                for line in zip_longest(*texts, fillvalue="")]

    def html(self, caption=None, notes=()):
        """A table of HTML; numbers stand where notebooks put them, on the right.

        Args:
            caption: above it; None: there is none.
            notes: lines below it.

        Example:
            >>> Table(["a", "n"], [["<b>", "1"]], numbers=("n",)).html()[-37:]
            '&lt;b&gt;</td><td>1</td></tr></table>'
        """
        def line(row, kind):
            styles = ("" if heading in self.numbers else ' style="text-align: left"' for heading in self.headings)
            cells = "".join(f"<{kind}{style}>{escape(text)}</{kind}>" for text, style in zip(row, styles))
            return f"<tr>{cells}</tr>"

        above = "" if caption is None else f"<caption>{escape(caption)}</caption>"
        rows = [line(self.headings, "th"), *(line(row, "td") for row in self.rows)]
        rows += [line(self.total, "th")] if self.total else []
        return f"<table>{above}{''.join(rows)}</table>" + "".join(f"<div>{escape(note)}</div>" for note in notes)
