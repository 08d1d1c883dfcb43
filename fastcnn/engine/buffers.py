"""Where the arrays of a plan lie: whose lives do not overlap share memory."""

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
        if self.local:
            return [(min(steps), max(steps)) for steps in
                    ([t for t in self.times if t[0] == phase] for phase in sorted({phase for phase, _ in self.times}))]
        return [((self.times[0][0], -1), (_EVER if self.kept else self.times[-1][0], _EVER))]


def arrange(buffers, rows):
    """(start of each buffer, floats in all) of an arena for buffers of `rows` rows each."""
    return pack_lives([(b.lives(), -(-b.size * (b.rows or rows) // _LINE) * _LINE) for b in buffers])


def pack_lives(items):
    """(start of each item, total) so that items whose lives overlap do not share memory: the best of several first fits.

    Args:
        items: (lives, floats) of each.
    """
    def length(item):
        return sum(last[0] - first[0] for first, last in item[0])

    orders = (lambda item: -item[1], lambda item: (-length(item), -item[1]), lambda item: (item[0][0], -item[1]),
              lambda item: (-item[0][-1][1][0], -item[1]))
    return min((_first_fit(items, order) for order in orders), key=lambda found: found[1])


def _first_fit(items, order):
    """Each item in the lowest gap it fits in."""
    placed, starts, total = [], [0] * len(items), 0
    for index in sorted(range(len(items)), key=lambda i: order(items[i])):
        lives, size = items[index]
        start = 0
        for other_start, other_end, others in sorted(placed):
            if all(other_last < first or last < other_first for first, last in lives for other_first, other_last in others):
                continue
            if start + size <= other_start:
                break
            start = max(start, other_end)
        placed.append((start, start + size, lives))
        starts[index] = start
        total = max(total, start + size)
    return starts, total
