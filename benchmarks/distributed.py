"""Group "distributed": trainings in several processes, measured; what a model of their cost predicts for many machines; and
the threads of one process, by simulation.

The model: a step of R machines takes what each computes of its images, plus what every one computes of all (dense weights,
in exact mode), plus what is exchanged: bytes / bandwidth + messages · latency. In fast mode sums of dense layers' gradients
are hidden behind the backward pass of what lies before them. A machine of C cores takes as long as one of one core, divided
by C; the simulation of threads says how far that is true.
"""

import hashlib
import heapq
import json
import math
import os
import shutil
import subprocess
import sys
import sysconfig
import time
from functools import partial

import numpy as np

import fastcnn
from benchmarks import steps
from benchmarks.jobs import ROOT, Job, WrongResult, in_child
from benchmarks.link import Link
from benchmarks.networks import batch_of, compiled, network

BATCHES = {"lenet5": 128, "alexnet": 64, "resnet18": 64}
NODES, GBITS, THREADS = (2, 4, 8, 16, 32, 64), (1, 10, 100), (2, 4, 8, 16, 32, 64)
LINKS = 1, 5  # Gbit/s of links that are measured: one machine's two cores move little more
LATENCY = {1: 50e-6, 5: 50e-6, 10: 20e-6, 100: 3e-6}  # seconds per message
CORES, PER_NODE = 8, 128  # of a machine of the model; its images per step
BUSY, MOST_IMAGES = 0.9, 4096  # an efficiency that is asked for, and images of a machine up to which it is looked for


def jobs(settings):
    """Measured at 1, 2 and 4 ranks, and at 2 with a slow link between them; modelled; simulated."""
    found = []
    for work, batch in BATCHES.items():
        if settings.quick and work != "lenet5":
            continue
        size = (settings.batches or [batch])[0]
        found += [Job("distributed", work, partial(_measured, work, size, mode), mode, size) for mode in ("exact", "fast")]
        found += [Job("distributed", work, partial(_linked, work, size, mode, gbit), f"link-{mode}-{gbit}", size)
                  for mode in ("exact", "fast") for gbit in LINKS]
        found += [Job("distributed", work, partial(_modelled, work, mode), f"model-{mode}", PER_NODE)
                  for mode in ("exact", "fast")]
        found.append(Job("distributed", work, partial(_simulated, work, size), "threads", size))
    return found


# Measured


def rank_step(work, batch, mode, seconds=3.0):
    """What each rank of `mpiexec` does: the median seconds of a step, which rank 0 prints with what the first three steps
    have made: the loss of the third, and the weights' digest."""
    from fastcnn.distributed import MPI

    group = MPI(mode)
    model = compiled(network(work))
    x, y = batch_of(model, batch)
    plan = model._plan("train", batch, True, ranks=group if group.size > 1 else None)
    arrays = [np.ascontiguousarray(x, np.float32), y.astype(np.int32), None]
    for _ in range(3):
        model._run(plan, batch, arrays, fastcnn.get_num_threads())
    loss = float(np.sum(plan.losses[0][:batch], dtype=np.float64))
    weights = hashlib.sha256(b"".join(w.tobytes() for w in model.get_weights())).hexdigest()
    if len(set(group.agree(weights))) > 1:
        raise WrongResult(f"{work}, {mode}: after three steps ranks have different weights")
    found, begun = [], time.perf_counter()
    while not found or group.agree(time.perf_counter() - begun)[0] < seconds:
        start = time.perf_counter()
        model._run(plan, batch, arrays, fastcnn.get_num_threads())
        found.append(time.perf_counter() - start)
    if group.rank == 0:
        print(json.dumps({"seconds": float(np.median(found)), "loss": loss, "weights": weights}))


def _ranks(work, batch, mode, size, link=None):
    mpiexec = shutil.which("mpiexec", path=os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", "")]))
    if mpiexec is None:
        raise RuntimeError("no mpiexec: pip install 'fastcnn[mpi]'")
    code = f"from benchmarks.distributed import rank_step; rank_step({work!r}, {batch}, {mode!r})"
    place = os.pathsep.join([str(ROOT), os.path.dirname(os.path.dirname(os.path.abspath(fastcnn.__file__)))])
    program = [sys.executable, "-c", code]
    command, more = link.command(mpiexec, *program) if link else ([mpiexec, "-n", str(size), *program], {})
    more["PYTHONPATH"] = place
    run = subprocess.run(command, capture_output=True, text=True, timeout=900, env={**os.environ, **more})
    if run.returncode:
        raise RuntimeError((run.stderr.strip().splitlines() or [f"exit code {run.returncode}"])[-1])
    return json.loads(run.stdout.splitlines()[-1])


def check(one, other, size, mode):
    """Compares what ranks have made with what one process has: in exact mode to the bit."""
    if mode == "exact" and other["weights"] != one["weights"]:
        raise WrongResult(f"after three steps {size} ranks have other weights than one process")
    if not abs(other["loss"] - one["loss"]) <= 1e-5 * abs(one["loss"]):
        raise WrongResult(f"after three steps the loss is {other['loss']} on {size} ranks, and {one['loss']} in one process")


def _measured(work, batch, mode, settings):
    made = {size: _ranks(work, batch, mode, size) for size in (1, 2, 4)}
    for size in (2, 4):
        check(made[1], made[size], size, mode)
    found = {size: each["seconds"] for size, each in made.items()}
    costs = in_child("distributed", "costs", work, batch)
    here = {size: predicted(costs, batch, size, mode, cores=max(1, fastcnn.get_num_threads() // size), images=batch // size,
                            latency=5e-6, bandwidth=2e9, beside=False) for size in (1, 2)}
    error = here[2] / here[1] / (found[2] / found[1]) - 1
    return {"unit": "images/s", "ours": batch / found[2], "seconds": found,
            "note": "; ".join(f"{size} ranks {batch / s:,.4g}" for size, s in found.items())
            + f"; model at 2: {100 * error:+.0f} %"}


def _linked(work, batch, mode, gbit, settings):
    """Two ranks that speak over a link of so many Gbit/s, and what the model says of them."""
    one = _ranks(work, batch, mode, 1)
    with Link(gbit) as link:
        two = _ranks(work, batch, mode, 2, link)
    check(one, two, 2, mode)
    costs = in_child("distributed", "costs", work, batch)
    threads = fastcnn.get_num_threads()
    here = [predicted(costs, batch, size, mode, max(1, threads // size), batch // size, LATENCY[gbit], gbit * 1.25e8)
            for size in (1, 2)]
    error = here[1] / here[0] / (two["seconds"] / one["seconds"]) - 1
    return {"unit": "images/s", "ours": batch / two["seconds"], "seconds": {1: one["seconds"], 2: two["seconds"]},
            "note": f"2 ranks over {gbit} Gbit/s; {batch / one['seconds']:,.4g} in one process; model {100 * error:+.0f} %"}


# Modelled


def costs(work, batch):
    """Of one process and thread, per image: seconds of all, of dense weight gradients, and of the backward pass before dense
    layers; floats that are gathered per image and chunk, and added; messages."""
    model = compiled(network(work))
    with fastcnn.num_threads(1):
        plan, run = steps.plan_of(model, batch, True, 1)
        seconds, _, _ = steps.seconds_of(plan, run, 1, 3.0)
    total = dense = before = constant = 0.0
    for (i, name), spent in zip(plan.steps, seconds):
        op = plan.ops[i] if i < len(plan.ops) else None
        if name in ("update", "pack"):
            constant += spent
            continue
        total += spent
        if name == "weights" and op.name in ("dense", "rbf"):
            dense += spent
        elif name in ("weights", "data"):
            before += spent
    nodes = [node for node in plan.nodes if node.op is not None and node.learns and (node.w or node.b)]
    added, whole = ([n for n in nodes if bool(n.op.partial or n.op.with_halvings(1)) == kind] for kind in (True, False))
    return {"total": total / batch, "dense": dense / batch, "before": before / batch, "constant": constant,
            "gathered": sum(n.op.in_size + n.op.out_size for n in whole),
            "normalized": sum(4 * n.op.partial_size for n in nodes if n.op.name == "batch_norm"), "chunk": plan.chunk,
            "added": sum(n.op.w_size + n.op.b_size for n in added if n.op.name != "batch_norm"),
            "weights": sum(n.op.w_size + n.op.b_size for n in whole),
            "meetings": 2 * len(whole) + 2 * sum(n.op.name == "batch_norm" for n in nodes) + 2}


def predicted(costs, batch, size, mode, cores, images, latency, bandwidth, beside=True):
    """Seconds of a step of `size` machines, of `images` each; bandwidth in bytes per second. beside: does a thread exchange
    in fast mode?"""
    rest, share = 4 * (size - 1) / size, math.ceil(math.log2(size)) if size > 1 else 0
    own = costs["total"] * images
    statistics = costs["normalized"] * images * size / costs["chunk"]
    if mode == "exact":
        own += costs["dense"] * images * (size - 1)
        floats = 2 * costs["added"] + costs["gathered"] * images * size + statistics
        hidden = 0.0
    else:
        floats = 2 * (costs["added"] + costs["weights"]) + statistics
        hidden = beside * min(rest * 2 * costs["weights"] / bandwidth, costs["before"] * images / cores)
    messages = latency * share * (costs["meetings"] + 2)
    return (own + costs["constant"]) / cores + rest * floats / bandwidth - hidden + messages


def efficiency(costs, mode, nodes, gbit, images=PER_NODE):
    """The speed of so many machines, each with so many images, in parts of their number times that of one."""
    one = predicted(costs, images, 1, mode, CORES, images, 0, 1)
    return one / predicted(costs, images * nodes, nodes, mode, CORES, images, LATENCY[gbit], gbit * 1.25e8)


def images_needed(costs, mode, nodes, gbit):
    """The fewest images of a machine with which machines are as busy as is asked for, in steps of 32; None: too many."""
    return next((images for images in range(32, MOST_IMAGES + 1, 32)
                 if efficiency(costs, mode, nodes, gbit, images) >= BUSY), None)


def _modelled(work, mode, settings):
    found = in_child("distributed", "costs", work, BATCHES[work])
    table = {f"{gbit} Gbit/s": {nodes: efficiency(found, mode, nodes, gbit) for nodes in NODES} for gbit in GBITS}
    needed = {gbit: images_needed(found, mode, NODES[-1], gbit) for gbit in GBITS}
    notes = [f"{net}: " + ", ".join(f"{nodes} {100 * part:.0f} %" for nodes, part in row.items())
             for net, row in table.items()]
    told = ", ".join(f"{images or f'over {MOST_IMAGES}'} at {gbit} Gbit/s" for gbit, images in needed.items())
    return {"unit": "efficiency", "ours": table["10 Gbit/s"][64], "table": table, "needed": needed,
            "note": "; ".join([*notes, f"images of each for {100 * BUSY:.0f} % at {NODES[-1]}: {told}"])}


# Simulated


def unit_seconds(plan, seconds, batch, threads):
    """The intervals of a plan's program, as csrc/run.c makes them for so many threads: lists of units' seconds."""
    chunks, found = -(-batch // plan.chunk), []
    for number, (first, count, parts, *_) in enumerate(plan.phases):
        spent = seconds[first:first + count]
        if not parts and chunks >= threads:
            found.append([spent.sum() / chunks] * chunks)
            continue
        units = [[s / n] * n for s, n in ((s, plan.program.units(number, step, batch, threads))
                                          for step, s in enumerate(spent, first)) if n]
        found += [[u for step in units for u in step]] if parts else units
    return found


def makespan(units, threads):
    """When the last of them ends: each goes to the thread that is free first, in order."""
    free = [0.0] * threads
    for unit in units:
        heapq.heapreplace(free, free[0] + unit)
    return max(free)


def simulate(work, batch):
    """{threads: efficiency} of a training step."""
    model = compiled(network(work))
    found, alone = {}, None
    for threads in (1, *THREADS):  # how finely ops are cut depends on threads, and what that costs counts
        plan, run = steps.plan_of(model, batch, True, threads, 1)
        seconds, _, _ = steps.seconds_of(plan, run, 1, 2.0)
        alone = alone or float(seconds.sum())
        intervals = unit_seconds(plan, seconds, batch, threads)
        found[threads] = alone / threads / sum(makespan(units, threads) for units in intervals)
    del found[1]
    return found


def _simulated(work, batch, settings):
    found = in_child("distributed", "simulate", work, batch)
    return {"unit": "efficiency", "ours": found["16"], "by_threads": found,
            "note": ", ".join(f"{threads} threads {100 * part:.0f} %" for threads, part in found.items())}
