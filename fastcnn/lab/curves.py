"""Curves of a training that never grow beyond a bound, and their tails, for those who know the beginning."""


class Curve:
    """Rows of numbers over the images seen. When there are many, neighbours become one.

    Args:
        names: of the columns.
        most: rows.

    Example:
        >>> curve = Curve(["images", "loss"], most=4)
        >>> for i in range(5):
        ...     curve.add([i, 2.0 * i])
        >>> curve.rows, curve.since("0.3")
        ([[1, 1.0], [3, 5.0], [4, 8.0]], {'from': 0, 'mark': '1.3', 'rows': [[1, 1.0], [3, 5.0], [4, 8.0]]})
        >>> curve.since("1.2")
        {'from': 2, 'mark': '1.3', 'rows': [[4, 8.0]]}
    """

    def __init__(self, names, most=1000):
        self.names, self.most = list(names), most
        self.rows, self._thinned = [], 0

    def add(self, row):
        """Appends a row: what it is over, then values or None."""
        if len(self.rows) >= self.most:
            halves = zip(self.rows[::2], self.rows[1::2])
            self.rows = [[b[0], *(_mean(p, q) for p, q in zip(a[1:], b[1:]))] for a, b in halves]
            self._thinned += 1
        self.rows.append(row)

    def since(self, mark):
        """The rows that someone lacks.

        Args:
            mark: that the last answer had, as "0.17"; what is no such mark: all rows.
        """
        rows, thinned = self.rows, self._thinned
        known, _, count = str(mark).partition(".")
        start = int(count) if known == str(thinned) and count.isdecimal() and int(count) <= len(rows) else 0
        return {"from": start, "mark": f"{thinned}.{len(rows)}", "rows": rows[start:]}


def _mean(p, q):
    return q if p is None else p if q is None else (p + q) / 2
