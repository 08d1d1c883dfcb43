"""Where the arrays of a plan lie: whose lives do not overlap share memory."""


class Buffer:
    """One array with a row per image: who touches it when, and where it ends up."""

    def __init__(self, size):
        self.size = size
        self.pinned = False  # Python looks at it between phases: never local
        self.kept = False    # … and after the run
        self.times = []      # (phase, step)
        self.local = False
        self.array = None
        self.place = ()      # local: offset, stride, slots

    def lives(self):
        """(first, last) moment, as (phase, step)."""
        first, last = self.times[0], self.times[-1]
        if self.local:
            return first, last
        return (first[0], -1), (1 << 30 if self.kept else last[0], 1 << 30)


def pack_lives(items):
    """First fit: (start of each item, total) so that items whose lives overlap do not share memory."""
    placed, starts, total = [], [0] * len(items), 0
    for index in sorted(range(len(items)), key=lambda i: -items[i][1]):
        (first, last), size = items[index]
        start = 0
        for other_start, other_end, (other_first, other_last) in sorted(placed):
            if other_last < first or last < other_first:
                continue
            if start + size <= other_start:
                break
            start = max(start, other_end)
        placed.append((start, start + size, (first, last)))
        starts[index] = start
        total = max(total, start + size)
    return starts, total
