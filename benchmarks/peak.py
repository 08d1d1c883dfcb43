"""Group "peak": ceilings of this machine – multiply-adds in registers, sgemm, memory – that other rows are a part of."""

import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from math import log2

import numpy as np

import fastcnn
from benchmarks.jobs import Job
from fastcnn import _ops, _probe

COPIES = {"copy.128KB": 1 << 17, "copy.1MB": 1 << 20, "copy.16MB": 1 << 24, "copy.256MB": 1 << 28}  # bytes read and written


def jobs(settings):
    """Ceilings of each instruction set on one core, and of all threads."""
    found = [Job("peak", f"fma.{isa}.one_core", partial(_measure, partial(_fma, isa, 1))) for isa in _ops.usable_isas()]
    return found + [Job("peak", name, partial(_measure, partial(contestant, name))) for name in ("fma", "sgemm", *COPIES)]


def _measure(make, settings):
    call, amount, unit = make(settings)
    timing = settings.in_turn({"call": call})["call"]
    return {"unit": unit, "ours": amount / timing.median, "quartiles": sorted(amount / t for t in timing.quartiles),
            "windows": timing.kept, "rounds": timing.rounds}


def contestant(name, settings):
    """(callable, work of a call, its unit per second) of "fma", "sgemm" or "copy.…", all threads; kept for the run."""
    key = "ceiling", name
    if key not in settings.known:
        make = {"fma": partial(_fma, None, None), "sgemm": _sgemm}.get(name) or partial(_copy, COPIES[name])
        settings.known[key] = make(settings)
    return settings.known[key]


def copy_of(size):
    """The name of the copy that reads and writes about so many bytes."""
    return min(COPIES, key=lambda name: abs(log2(COPIES[name]) - log2(max(size, 1))))


def _threaded(call, threads):
    """`call(number)`, which holds no lock, by so many threads at once."""
    if threads == 1:
        return partial(call, 0)
    pool = ThreadPoolExecutor(threads)
    return lambda: list(pool.map(call, range(threads)))


def _count():
    return min(fastcnn.get_num_threads(), os.cpu_count() or 1)


def _fma(isa, threads, settings):
    """The gemm tile on data in L1."""
    isa, threads = isa or _ops.active_isa(), threads or _count()
    _, mr, nr = _probe.tile(isa)
    a, b = np.ones((mr, 256), "f"), np.ones((256, nr), "f")
    c = [np.zeros((mr, nr), "f") for _ in range(threads)]
    repeat = 10000 if isa != "scalar" else 200
    call = _threaded(lambda i: _probe.gemm(isa, a, b, c[i], repeat=repeat), threads)
    return call, 2e-9 * mr * nr * 256 * repeat * threads, "GFLOP/s"


def _sgemm(settings, size=1536):
    """NumPy's sgemm, all its threads."""
    a, b = (np.random.default_rng(i).normal(size=(size, size)).astype("f") for i in range(2))
    return partial(np.dot, a, b, out=np.empty_like(a)), 2e-9 * size**3, "GFLOP/s"


def _copy(size, settings):
    """The faster of two loops over arrays of `size` bytes in all: NumPy's copy, and our relu."""
    threads = _count()
    each = max(1, size // (8 * threads))
    x, y = ([_ops.aligned(each) for _ in range(threads)] for _ in range(2))
    for a in (*x, *y):
        a[...] = 1
    isa, repeat = _ops.active_isa(), max(1, (1 << 24) // size)

    def copy(i):
        for _ in range(repeat):
            np.copyto(y[i], x[i])

    loops = [_threaded(loop, threads) for loop in (copy, lambda i: _probe.activate(isa, "relu", x[i], y[i], repeat=repeat))]
    found = settings.in_turn(dict(enumerate(loops)))
    return loops[min(found, key=lambda i: found[i].median)], 8e-9 * each * threads * repeat, "GB/s"
