"""Group "peak": ceilings of this machine – multiply-adds in registers, sgemm, memory – that other rows are a part of."""

import os
from collections import namedtuple
from functools import partial

import numpy as np

import fastcnn
from benchmarks.jobs import Job
from benchmarks.timing import ratio
from fastcnn import _ops
from fastcnn.engine import ceilings
from fastcnn.engine.ceilings import COPIES, copy_of
from fastcnn.model.profiling import products

Ceiling = namedtuple("Ceiling", "call amount unit variant")  # a call, its work in units of one second; which was the best


def jobs(settings):
    """Ceilings of each instruction set on one core, and of all threads."""
    found = [Job("peak", f"fma.{isa}.one_core", partial(_measure, partial(_fma, isa, 1))) for isa in _ops.usable_isas()]
    return found + [Job("peak", name, partial(_measure, partial(contestant, name))) for name in ("fma", "sgemm", *COPIES)]


def _measure(make, settings):
    call, amount, unit, variant = make(settings)
    timing = settings.in_turn({"call": call})["call"]
    return {"unit": unit, "ours": amount / timing.median, "quartiles": sorted(amount / t for t in timing.quartiles),
            "windows": timing.kept, "rounds": timing.rounds, "note": variant}


def contestant(name, settings):
    """The `Ceiling` "fma", "sgemm" or "copy.…" of all threads; kept for the run."""
    key = "ceiling", name
    if key not in settings.known:
        make = {"fma": _multiply_adds, "sgemm": _sgemm}.get(name) or partial(_copy, COPIES[name])
        settings.known[key] = make(settings)
    return settings.known[key]


def rate(name, settings):
    """What a ceiling reached when it was first asked for, in its unit."""
    key = "rate", name
    if key not in settings.known:
        ceiling = contestant(name, settings)
        settings.known[key] = ceiling.amount / settings.in_turn({"call": ceiling.call})["call"].median
    return settings.known[key]


def beside(sides, gflop, gb, settings, ours="fastcnn", others=(), **more):
    """Times contestants, and in turn with them the ceiling that binds a call of ours, that of multiply-adds or of memory.

    Args:
        sides: {name: callable}.
        gflop, gb: what a call of ours must compute, and read and write.
        ours: the one that is a part of the ceiling.
        others: further ceilings of multiply-adds to be timed.
        more: for `in_turn`.

    Returns:
        ({name: Timing} of the contestants, what a row says of ceilings, {ceiling: part of it}).
    """
    needs = {"fma": gflop, copy_of(1e9 * gb): gb}
    name = max(needs, key=lambda key: needs[key] and needs[key] / rate(key, settings))
    limits = {key: contestant(key, settings) for key in (name, *others)}
    result = settings.in_turn({**sides, **{key: limit.call for key, limit in limits.items()}}, **more)
    times = {key: result.pop(key) for key in limits}
    parts = {key: ratio(result[ours], times[key])[0] * needs.get(key, gflop) / limits[key].amount for key in limits}
    speed = "gflops" if name == "fma" else "gbs"
    return result, {"ceiling": name, "of_ceiling": parts[name], speed: needs[name] / result[ours].median,
                    "ceilings": {key: limits[key].amount / times[key].median for key in limits}}, parts


def needs(model, call, batch):
    """(GFLOP, GB) of a model's `predict_on_batch` or `train_on_batch`, which has been called: products as if computed
    directly; images, and parameters, which training also writes, as it reads and writes what the optimizer keeps of them."""
    plan = model._plans["predict" if call == "predict_on_batch" else "train"]
    moved = 2 + 2 * len(model.optimizer.states) if plan.training else 1
    half = {"float16": 2, "int8": 1}.get(model.dense_dtype, 4)
    dense = sum(layer.parameters[0].size for layer in model.layers if isinstance(layer, fastcnn.layers.Dense))
    floats = moved * model.count_params() + batch * int(np.prod(model.input_shape[1:]))
    return sum(products(plan, batch)), 1e-9 * (4 * floats - (4 - half) * dense)


def _count():
    return min(fastcnn.get_num_threads(), os.cpu_count() or 1)


def _fma(isa, threads, settings):
    """The gemm tile on data in L1."""
    call, amount = ceilings.multiply_adds(isa, threads)
    return Ceiling(ceilings.together(call, threads), amount * threads, "GFLOP/s", f"{isa}, {threads} threads")


def _multiply_adds(settings):
    """Whatever multiplies and adds most: the tile of an instruction set, on one thread or all, or sgemm. On all threads need
    not be the most: they may share a core, or the system may leave them on one."""
    found = [_fma(isa, threads, settings) for isa in _ops.usable_isas()[-2:] for threads in sorted({1, _count()})]
    found.append(contestant("sgemm", settings))
    times = settings.in_turn({ceiling.variant: ceiling.call for ceiling in found})
    return max(found, key=lambda ceiling: ceiling.amount / times[ceiling.variant].median)


def _sgemm(settings, size=1536):
    """NumPy's sgemm, all its threads."""
    a, b = (np.random.default_rng(i).normal(size=(size, size)).astype("f") for i in range(2))
    return Ceiling(partial(np.dot, a, b, out=np.empty_like(a)), 2e-9 * size**3, "GFLOP/s", "sgemm")


def _copy(size, settings):
    """The faster of two loops over arrays of `size` bytes in all: NumPy's copy, and our relu."""
    threads = _count()
    loops, amount = ceilings.copying(size, threads)
    calls = {name: ceilings.together(loop, threads) for name, loop in zip(("NumPy's copy", "relu"), loops)}
    found = settings.in_turn(calls)
    best = min(found, key=lambda name: found[name].median)
    return Ceiling(calls[best], amount * threads, "GB/s", best)
