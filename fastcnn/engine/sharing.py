"""How several processes share a plan: each runs the same program on the same batch, and has some of its chunks.

What a process computes of an image needs no other. What sums over images is done in one of these ways, so that the bits are
those of one process:

- *gathered*: the rows of all processes come together, and each sums the whole batch: dense weights, whose x and dy are
  small beside them, the sums of normalizations, and layers in Python.
- *added*: each sums its own chunks, and the sums are added, by the same halves as `csrc/ops/reduce.c` adds chunks.

`ranks` is who does that: `fastcnn.distributed.MPI`, or whatever has its `rank`, `size`, `exact`, `gather`, `add`, `begin`
and `end`. With `exact` off, all weight gradients are added, in any order, while the backward pass goes on.
"""

import numpy as np

NEUTRAL = np.float32(-0.0)  # x + NEUTRAL is x, whichever zero x may be


def shares(chunks, size):
    """[(first, last)] chunk of each of `size` processes. Of 2ᵏ processes these are the parts of k-fold halving.

    Example:
        >>> shares(8, 4), shares(7, 2), shares(3, 4), shares(6, 3)
        ([(0, 2), (2, 4), (4, 6), (6, 8)], [(0, 4), (4, 7)], [(0, 1), (1, 2), (2, 3), (3, 3)], [(0, 2), (2, 4), (4, 6)])
    """
    if not halves(size):
        return [(chunks * i // size, chunks * (i + 1) // size) for i in range(size)]
    parts = [(0, chunks)]
    while len(parts) < size:
        parts = [half for first, last in parts for half in ((first, last - (last - first) // 2),
                                                            (last - (last - first) // 2, last))]
    return parts


def halves(size):
    """Do so many processes have the parts of k-fold halving?"""
    return size & (size - 1) == 0


class Share:
    """What each process has of a batch.

    Args:
        ranks: the processes.
        chunk: images that stay together; another number may be told later.
    """

    def __init__(self, ranks, chunk=1):
        self.ranks, self.chunk = ranks, chunk

    def images(self, n):
        """(first, last) image that this process has of n."""
        return self.ranges(n, n, self.chunk)[self.ranks.rank]

    def ranges(self, n, rows, unit):
        """(first, last) row of each process, of an array with `unit` rows for each chunk of n images, `rows` at most."""
        return [(min(first * unit, rows), min(last * unit, rows))
                for first, last in shares(-(-n // self.chunk), self.ranks.size)]

    def gather(self, n, arrays, unit=None):
        """Gives each process the rows that others have, of arrays about n images; unit: rows of a chunk, if not one each."""
        self.ranks.gather([(array, self.ranges(n, len(array), unit or self.chunk)) for array in arrays])


def gather(plan, buffers, n):
    """Rows of values, or of gradients of them. Those of the caller's arrays are there, unless they came in parts."""
    here = {plan.values[v] for v in plan.network.inputs} if not plan.parted else ()
    plan.share.gather(n, [b.array for b in buffers if b not in here])


def gather_partials(plan, places, n):
    """Partial sums of some nodes, a row for each chunk."""
    plan.share.gather(n, [plan.partials[i].array for i in places], plan.share.chunk // plan.chunk)


def _sums(plan, places, n):
    arrays = [array for place in places for array in plan.sums[place]]
    first, last = plan.share.images(n)
    for array in arrays if first == last else ():
        array[...] = NEUTRAL
    return arrays


def add(plan, places, n):
    """The gradients of some nodes' parameters."""
    plan.share.ranks.add(_sums(plan, places, n))


def begin(plan, places, n):
    """The same, while the plan goes on."""
    plan.share.ranks.begin(_sums(plan, places, n))


def end(plan, places, n):
    """All that has begun is done."""
    plan.share.ranks.end()


CALLS = {call.__name__: call for call in (gather, gather_partials, add, begin, end)}
