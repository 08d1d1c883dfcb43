"""What the machine can do at most: multiply-adds, and bytes copied, in a second. `profiling.py` and `fastcnn bench` measure
what steps and networks reach against it."""

import os
from functools import lru_cache, partial
from math import log2
from time import thread_time
from typing import NamedTuple

import numpy as np

from fastcnn import _ops

COPIES = {"copy.128KB": 1 << 17, "copy.1MB": 1 << 20, "copy.16MB": 1 << 24, "copy.256MB": 1 << 28}  # bytes read and written
_DEPTH = 256       # products of a sum: the tile's operands stay in L1
_REPEATS = 10000   # calls of the kernel at once, 5 to 30 ms: far more than handing them to a thread takes
_ROUNDS = 5        # of which the best counts


class Ceilings(NamedTuple):
    """Of one core, while all threads work: multiply-adds in GFLOP/s; copies of `COPIES`, {name: GB/s}."""

    gflops: float
    copies: dict

    def bandwidth(self, size):
        """GB/s of the copy that reads and writes about so many bytes."""
        return self.copies[copy_of(size)]


def copy_of(size):
    """The name of the copy that reads and writes about so many bytes.

    Example:
        >>> copy_of(0), copy_of(3 << 20)
        ('copy.128KB', 'copy.1MB')
    """
    return min(COPIES, key=lambda name: abs(log2(COPIES[name]) - log2(max(size, 1))))


def together(call, threads):
    """A function that lets so many threads at once do `call(number)`, which holds no lock: a list of what it returned."""
    from concurrent.futures import ThreadPoolExecutor  # only who measures waits for it

    if threads == 1:
        return lambda: [call(0)]
    pool = ThreadPoolExecutor(threads)
    return lambda: list(pool.map(call, range(threads)))


def multiply_adds(isa, threads):
    """(`call(thread)`, GFLOP of a call): the gemm tile on data in L1, on so many threads."""
    from fastcnn import _probe  # of single kernels

    _, mr, nr = _probe.tile(isa)
    a, b = (_ops.aligned(n * _DEPTH, zero=True).reshape(shape) for n, shape in ((mr, (mr, _DEPTH)), (nr, (_DEPTH, nr))))
    c = [_ops.aligned(mr * nr, zero=True).reshape(mr, nr) for _ in range(threads)]  # in lines of the cache of their own
    repeat = _REPEATS if isa != "scalar" else _REPEATS // 50
    return lambda i: _probe.gemm(isa, a, b, c[i], repeat=repeat), 2e-9 * mr * nr * _DEPTH * repeat


def copying(size, threads):
    """([`call(thread)` of NumPy's copy, and of our relu], GB of a call): over arrays of `size` bytes in all."""
    from fastcnn import _probe

    each, isa = max(1, size // (8 * threads)), _ops.active_isa()
    x, y = ([_ops.aligned(each) for _ in range(threads)] for _ in range(2))
    for array in (*x, *y):
        array[...] = 1
    repeat = max(1, (1 << 24) // size)

    def copy(i):
        for _ in range(repeat):
            np.copyto(y[i], x[i])

    return [copy, lambda i: _probe.activate(isa, "relu", x[i], y[i], repeat=repeat)], 8e-9 * each * repeat


def _seconds(call, i):
    start = thread_time()
    call(i)
    return thread_time() - start


def _best(call, amount, threads):
    """The most of `amount` per second of processor time, which other processes hardly disturb."""
    run = together(partial(_seconds, call), threads)
    return amount / min(sum(run()) / threads for _ in range(_ROUNDS))


@lru_cache
def measured(threads, isa):
    """The `Ceilings` of an instruction set beside so many threads, no more than there are processors; in about two seconds,
    once in a process.

    What multiplies and adds most counts, on one thread or on all: a processor's clock, and what others do, change."""
    threads = min(threads, os.cpu_count() or 1)
    gflops = max(_best(*multiply_adds(isa, count), count) for count in {1, threads})
    copies, most = {}, 0.0
    for name, size in reversed(COPIES.items()):  # what is slower than larger arrays was disturbed
        loops, amount = copying(size, threads)
        copies[name] = most = max(most, *(_best(loop, amount, threads) for loop in loops))
    return Ceilings(gflops, {name: copies[name] for name in COPIES})
