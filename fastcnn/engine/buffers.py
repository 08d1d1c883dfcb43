"""Where the arrays of a plan lie: whose lives do not overlap share memory."""

from bisect import insort
from itertools import accumulate

import numpy as np

_LINE = 16       # floats: every array starts at a cache line
_EVER = 1 << 30


class Buffer:
    """One array with a row per image: who touches it when, and where it ends up.

    Args:
        size: floats per row.
        rows: where that is not the number of images.
    """

    def __init__(self, size, rows=None):
        self.size, self.rows = size, rows
        self.pinned = rows is not None  # never local: Python looks at it between phases, or phases share it
        self.kept = False    # Python looks at it after the run
        self.times = []      # (phase, step)
        self.read = set()    # phases whose first touch reads
        self.local = False
        self.array = None
        self.place = ()      # local: offset, stride, slots

    def touch(self, time, write):
        """Notes a step that reads or writes the buffer."""
        if not self.times or self.times[-1][0] != time[0]:
            if not write:
                self.read.add(time[0])
        self.times.append(time)

    def choose(self, chunked):
        """Makes the buffer local if each phase that touches it is one of these, and writes before it reads."""
        moments = {phase for phase, _ in self.times}
        self.local = not self.pinned and moments <= chunked and not moments & self.read

    def lives(self):
        """[(first, last) moment, as (phase, step)]: one life per phase of a local buffer, else one in all."""
        if not self.local:
            return [((self.times[0][0], -1), (_EVER if self.kept else self.times[-1][0], _EVER))]
        phases = {}
        for phase, step in self.times:
            first, last = phases.get(phase, (step, step))
            phases[phase] = min(first, step), max(last, step)
        return [((phase, first), (phase, last)) for phase, (first, last) in sorted(phases.items())]

    def floats(self, rows):
        """Memory for so many rows."""
        return -(-self.size * (self.rows or rows) // _LINE) * _LINE


def peak(buffers, rows):
    """The most floats that buffers which are not local take at a time: what no arrangement of them goes below."""
    changes = {}
    for buffer in buffers:
        ((first, _), (last, _)), = buffer.lives()
        floats = buffer.floats(rows)
        changes[first] = changes.get(first, 0) + floats
        changes[last + 1] = changes.get(last + 1, 0) - floats
    return max(accumulate(changes[moment] for moment in sorted(changes)), default=0)


def arrange(buffers, rows):
    """(start of each buffer, floats in all) of an arena for buffers of `rows` rows each."""
    return pack_lives([(b.lives(), b.floats(rows)) for b in buffers])


def pack_lives(items):
    """(start of each item, total) so that items whose lives overlap do not share memory: the best of several first fits.

    Args:
        items: (lives, floats) of each.
    """
    def length(lives):
        return sum(last[0] - first[0] for first, last in lives)

    orders = (lambda lives, size: -size, lambda lives, size: (-length(lives), -size), lambda lives, size: (lives[0], -size),
              lambda lives, size: (-lives[-1][1][0], -size))
    near = _overlaps([lives for lives, _ in items])
    return min((_first_fit(items, near, order) for order in orders), key=lambda found: found[1])


def _overlaps(lives):
    """For each item the items that live at some time when it does, itself among them: rows of a matrix of booleans."""
    owner = np.array([i for i, own in enumerate(lives) for _ in own], np.int64)
    ends = np.array([[moment * (_EVER + 2) + step + 1 for moment, step in life] for own in lives for life in own], np.int64)
    found = np.zeros((len(lives), len(lives)), bool)
    for i, (first, last) in zip(owner, ends):
        found[i, owner[(ends[:, 0] <= last) & (ends[:, 1] >= first)]] = True
    return found


def _first_fit(items, near, order):
    """Each item in the lowest gap it fits in."""
    places, starts, total = [], [0] * len(items), 0  # places: (start, end, item), by start
    for index in sorted(range(len(items)), key=lambda i: order(*items[i])):
        start, size, beside = 0, items[index][1], near[index]
        for other_start, other_end, other in places:
            if not beside[other]:
                continue
            if start + size <= other_start:
                break
            if other_end > start:
                start = other_end
        insort(places, (start, start + size, index))
        starts[index] = start
        total = max(total, start + size)
    return starts, total
