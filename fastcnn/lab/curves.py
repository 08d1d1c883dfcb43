"""Curves of a training that never grow beyond a bound, and their tails, for those who know the beginning."""

from itertools import count

_marks = count(1)


class Curve:
    """Rows of numbers over the images seen. When there are many, neighbours become one.

    Args:
        most: rows.

    Example:
        >>> curve = Curve(most=4)
        >>> for i in range(5):
        ...     curve.add([i, 2.0 * i])
        >>> curve.rows
        [[1, 1.0], [3, 5.0], [4, 8.0]]
        >>> mark = curve.since("")["mark"]
        >>> curve.add([5, 10.0])
        >>> tail = curve.since(mark)
        >>> tail["from"], tail["rows"]
        (3, [[5, 10.0]])
    """

    def __init__(self, most=1000):
        self.most, self.rows, self._mark = most, [], next(_marks)

    def add(self, row):
        """Appends a row: what it is over, then values or None."""
        if len(self.rows) >= self.most:
            halves = zip(self.rows[::2], self.rows[1::2])
            self._mark, self.rows = next(_marks), [[b[0], *map(_mean, a[1:], b[1:])] for a, b in halves]
        self.rows.append(row)

    def since(self, mark):
        """The rows that someone lacks.

        Args:
            mark: that the last answer had; what is none of this curve's marks: all rows.
        """
        own, rows = self._mark, self.rows
        known, _, n = str(mark).partition(".")
        start = int(n) if known == str(own) and n.isdecimal() and int(n) <= len(rows) else 0
        return {"from": start, "mark": f"{own}.{len(rows)}", "rows": rows[start:]}


def _mean(p, q):
    return q if p is None else p if q is None else (p + q) / 2
