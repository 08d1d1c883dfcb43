"""Where the boxes of a drawn graph stand: in rows, branches side by side, long graphs in several columns. Numbers only.

A box stands one row below the lowest of those that it takes something from. Where an arrow passes a row, it takes a narrow
place there. Boxes and places that follow each other without a branch are a *run*: they stand above each other, unless runs
cross.
"""

from itertools import pairwise

_LIGHT = 0.002   # weight of a run of places beside one of boxes: arrows make way
_SWEEPS = 8      # of ordering rows
_STEPS = 60      # of moving runs towards those they are connected with
_FAN = 2         # rows that a cut may be moved by so that no arrows fan out behind it
_PLACE = 0.16    # inches that an arrow takes in a row
_APART = 0.16    # inches between boxes of a row


class Layering:
    """Rows of items, boxes first: their numbers are those of `sources`; the others are places of arrows.

    Args:
        sources: for each box the numbers of the boxes it takes something from, smaller than its own.
        width: of a box, in inches.

    Attributes:
        row, x: of each item; x is that of its middle.
        paths: [items of an arrow, from box to box].
        rows: items of each row, from left to right.
    """

    def __init__(self, sources, width):
        self.count, self.width = len(sources), width
        self.row = _rows(sources)
        self.paths = [self._path(source, box) for box, taken in enumerate(sources) for source in taken]
        self.above, self.below = [[] for _ in self.row], [[] for _ in self.row]
        for path in self.paths:
            for a, b in pairwise(path):
                self.below[a].append(b)
                self.above[b].append(a)
        self.rows = [[] for _ in range(max(self.row) + 1)]
        for item, row in enumerate(self.row):
            self.rows[row].append(item)
        self._order()
        self._spread()

    def _path(self, source, box):
        """An arrow's items; makes places in the rows between."""
        between = range(self.row[source] + 1, self.row[box])
        first = len(self.row)
        self.row += between
        return [source, *range(first, len(self.row)), box]

    # The order in rows

    def _order(self):
        """Orders each row by where what it is connected with stands; the order with the fewest crossings stays."""
        best, fewest = [list(row) for row in self.rows], self._crossings()
        for sweep in range(_SWEEPS):
            down = sweep % 2 == 0
            near, rows = (self.above, self.rows) if down else (self.below, self.rows[::-1])
            for before, row in pairwise(rows):
                place = {item: i for i, item in enumerate(before)}
                middles = {item: sum(place[other] for other in near[item]) / len(near[item])
                           if near[item] else row.index(item) for item in row}
                row.sort(key=middles.get)
            crossings = self._crossings()
            if crossings < fewest:
                best, fewest = [list(row) for row in self.rows], crossings
        self.rows = best

    def _crossings(self):
        total = 0
        for upper, lower in pairwise(self.rows):
            place = {item: i for i, item in enumerate(lower)}
            ends = [place[b] for a in upper for b in sorted(self.below[a], key=place.get)]
            total += sum(first > second for i, first in enumerate(ends) for second in ends[i + 1:])
        return total

    # Places within rows

    def _spread(self):
        """Draws runs to those they are connected with, and keeps neighbours in a row apart."""
        for run in (self._runs(), range(len(self.row))):  # where runs cross, each item for itself
            heavy = [_LIGHT] * len(run)
            for box in range(self.count):
                heavy[run[box]] = 1.0
            x, need = self._begin(run)
            near = [{} for _ in run]  # of each run: {run that it is connected with: weight}
            for a, others in enumerate(self.below):
                for b in others:
                    if run[a] != run[b]:
                        near[run[a]][run[b]] = heavy[run[b]]
                        near[run[b]][run[a]] = heavy[run[a]]
            for _ in range(_STEPS):
                for r, others in enumerate(near):
                    if others:
                        x[r] += 0.6 * (sum(x[o] * w for o, w in others.items()) / sum(others.values()) - x[r])
                _part(x, need, heavy, 4)
            _part(x, need, heavy, 100)
            if _settle(x, need):
                break
        self.x = [x[r] for r in run]

    def _begin(self, run):
        """(x of each run to begin with, {runs beside each other: how far apart they must be})."""
        x, need = [0.0] * len(run), {}
        for row in self.rows:
            at = 0.0
            places = {}
            for item in row:
                places[item] = at + self._broad(item) / 2
                x[run[item]] = max(x[run[item]], places[item])
                at += self._broad(item) + _APART
            for neighbours in (row, [item for item in row if item < self.count]):  # boxes need not wait for what is light
                for left, right in pairwise(neighbours):
                    pair = run[left], run[right]
                    need[pair] = max(need.get(pair, 0), places[right] - places[left])
        return x, need

    def _broad(self, item):
        return self.width if item < self.count else _PLACE

    def _runs(self):
        """For each item the number of its run."""
        run = list(range(len(self.row)))
        for a in sorted(range(len(self.row)), key=self.row.__getitem__):
            if len(self.below[a]) == 1 and len(self.above[self.below[a][0]]) == 1:
                run[self.below[a][0]] = run[a]
        return run

    # Columns

    def cut(self, columns):
        """First rows of so many columns, about equally long, cut where few arrows pass."""
        length, starts = len(self.rows) / columns, [0]
        for k in range(1, columns):
            found = range(max(starts[-1] + 1, round((k - 0.3) * length)), round((k + 0.3) * length) + 1)
            starts.append(min(found, key=lambda row: self._harm(row, k * length)))
        return starts

    def _harm(self, row, wanted):
        items, arrows = self.passing(row)
        return items, abs(row - wanted) + _FAN * (arrows > items)

    def passing(self, row):
        """(how many items of the row before have arrows into this one, how many arrows)."""
        found = [len(self.below[item]) for item in self.rows[row - 1] if self.below[item]]
        return len(found), sum(found)

    def aside(self):
        """For each row but the first, how far arrows from the row before go aside."""
        return [max((abs(self.x[a] - self.x[b]) for a in row for b in self.below[a]), default=0.0) for row in self.rows[:-1]]

    def extent(self, first, last):
        """(left, right) of the rows from first up to last."""
        items = [item for row in self.rows[first:last] for item in row]
        return (min(self.x[item] - self._broad(item) / 2 for item in items),
                max(self.x[item] + self._broad(item) / 2 for item in items))


def _rows(sources):
    """The row of each box; what takes nothing stands right above the first that takes it."""
    row, readers = [], [[] for _ in sources]
    for box, taken in enumerate(sources):
        row.append(1 + max((row[source] for source in taken), default=-1))
        for source in taken:
            readers[source].append(box)
    for box, taken in enumerate(sources):
        if not taken and readers[box]:
            row[box] = min(row[reader] for reader in readers[box]) - 1
    return row


def _part(x, need, heavy, times):
    """Moves runs apart that are nearer than they need, the lighter ones farther, so many times at most."""
    for _ in range(times):
        moved = False
        for (left, right), distance in need.items():
            lack = distance - (x[right] - x[left])
            if lack > 1e-4:
                part = heavy[right] / (heavy[left] + heavy[right])
                x[left] -= lack * part
                x[right] += lack * (1 - part)
                moved = True
        if not moved:
            return


def _settle(x, need):
    """Moves runs to the right that are still too near to those on their left. False: runs cross, so that some would have to
    be on both sides of others."""
    waits, followers = [0] * len(x), [[] for _ in x]
    for left, right in need:
        waits[right] += 1
        followers[left].append(right)
    ready = [run for run, count in enumerate(waits) if count == 0]
    for left in ready:
        for right in followers[left]:
            x[right] = max(x[right], x[left] + need[left, right])
            waits[right] -= 1
            if waits[right] == 0:
                ready.append(right)
    return len(ready) == len(x)
