"""Sums over processes whose bits are those of one process: recursive halving, and doubling back.

Process r has the r-th of 2ᵏ equal parts of the chunks, and its sum of them is a node of the tree by which
`csrc/ops/reduce.c` adds up all of them. Neighbours first, partners exchange halves of the array and add what they get to
what they keep: the tree's upper levels, one after the other, since a + b = b + a. Each process ends with a 2ᵏ-th of the sum,
and they hand it back the same way: 2·(1 − 2⁻ᵏ) times the array is all that a process sends.
"""

from fastcnn import _ops

_LINE = 16  # floats: halves begin at lines of the cache


def add_halves(comm, x, spare):
    """x, a vector, becomes the sum of those of all processes.

    Args:
        comm: an mpi4py communicator of 2ᵏ processes.
        x: float32.
        spare: as long.
    """
    rank, first, last, taken, bit = comm.Get_rank(), 0, x.size, [], 1
    while bit < comm.Get_size():
        middle = min(last, first + -(-(last - first) // (2 * _LINE)) * _LINE)
        kept, given = (slice(first, middle), slice(middle, last))[::-1 if rank & bit else 1]
        mine = x[kept]
        comm.Sendrecv(x[given], rank ^ bit, recvbuf=spare[:mine.size], source=rank ^ bit)
        _add(spare[:mine.size], mine)
        taken.append((bit, kept, given))
        first, last, bit = kept.start, kept.stop, 2 * bit
    for bit, kept, given in reversed(taken):
        comm.Sendrecv(x[kept], rank ^ bit, recvbuf=x[given], source=rank ^ bit)


def _add(part, total):
    """total += part, as the engine adds: numbers too small to be normal count as zeros."""
    if not total.size:
        return
    program = _ops.Program([_ops.gradient_sum(total.size)], [(0, "reduce")], [(0, 1, 1, True)])
    program.bind(0, "w", total)
    program.bind(0, "dw", part)
    program.run(1, 1)
