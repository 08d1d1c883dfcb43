"""Where the time of a model goes: a plan is run and watched, and each step compared with the machine's limits."""

import copy
from time import perf_counter

import numpy as np

from fastcnn import _ops, processor
from fastcnn.engine.ceilings import measured
from fastcnn.model.profile import Profile
from fastcnn.threads import get_num_threads

_PRODUCTS = "conv2d", "conv2d_transpose", "dense", "rbf"  # ops of which `cost` is multiply-adds, in these passes:
_PASSES = "forward", "data", "weights"
_ROWS = {"x": "in_size", "dx": "in_size"} | dict.fromkeys(("y", "dy", "x2", "dx2"), "out_size")  # of each sample
_ARRAYS = {"w": "w_size", "dw": "w_size", "b": "b_size", "db": "b_size", "packed": "packed_size",
           "packed_t": "packed_t_size", "half": "half_size", "scales": "scales_size"}
_ARRAYS |= dict.fromkeys(_STATES := ("state[0]", "state[1]", "state[2]"), "w_size")
_TWICE = {"mask": {"dy"}, "update": {"w", *_STATES}}  # read and written
_LEAST = 3  # runs


def profile(model, x, y, seconds):
    """The `Profile` of a batch: forward, or with y a step of training."""
    threads = get_num_threads()
    plan, n, run = prepared(model, x, y)
    runs, best, of_steps, of_calls = watched(plan, run, threads, seconds)
    limits = measured(threads, _ops.active_isa())
    steps = _steps(plan, n, of_steps.tolist(), limits) + _calls(plan, of_calls)
    whole = sum(step["seconds"] for step in steps)
    for step in steps:
        step["share"] = step["seconds"] / whole
    return Profile({
        "model": model.name, "training": y is not None, "batch": n, "threads": threads, "isa": _ops.active_isa(),
        "runs": runs, "seconds": best, "images_per_second": n / best, "processor": processor.facts(),
        "ceilings": {"arithmetic": limits.gflops, **limits.copies}, "steps": steps})


def prepared(model, x, y, threads=None):
    """(a plan of its own for a batch, forward, or with y for a step of training of a copy of the model; samples; a call that
    runs it, on so many threads: None: as many as the plan is for)."""
    threads = threads or get_num_threads()
    if y is None:
        xs = model._dense(x)
        n = _samples(xs)
        plan = _forward_plan(model, n)
        ys = [np.empty((n, plan.network.sizes[value]), np.float32) for value in plan.network.outputs]
        return plan, n, lambda: model._forward(plan, xs, ys, threads)
    twin = copy.deepcopy(model)
    arrays, sparse = twin._one_batch(x, y, None, learn=True)
    n = _samples(arrays)
    plan = twin._plan("train", n, sparse)
    return plan, n, lambda: twin._run(plan, n, arrays, threads)


def _samples(arrays):
    if not len(arrays[0]):
        raise ValueError("x must hold at least one sample. Received: none")
    return len(arrays[0])


def _forward_plan(model, n):
    """A plan of its own: those that `predict` keeps run on undisturbed."""
    if model._half_dtype is not None:
        model._make_half()
    return model._new_plan("predict", n, (False,) * len(model.outputs), model._half, model._int8)


def watched(plan, run, threads, longest):
    """(runs, seconds of the quickest; processor time of each step, an array, and of each call into Python, the quickest of
    each). Half of the time nobody looks at steps, which costs a little."""
    run()
    best, runs, start = float("inf"), 0, perf_counter()
    while runs < _LEAST or perf_counter() - start < longest / 2:
        begun = perf_counter()
        run()
        best, runs = min(best, perf_counter() - begun), runs + 1
    seconds, of_steps, of_calls, count, start = plan.program.watch(max(threads, plan.threads)), None, {}, 0, perf_counter()
    while count < _LEAST or perf_counter() - start < longest / 2:
        seconds[...], plan.called = 0, {}
        run()
        found = seconds.sum(axis=0)
        of_steps = found if of_steps is None else np.minimum(of_steps, found)
        of_calls = {key: min(spent, of_calls.get(key, spent)) for key, spent in plan.called.items()}
        count += 1
    plan.program.watch(0)
    plan.called = None
    return runs, best, of_steps, of_calls


def _steps(plan, n, seconds, limits):
    """A dictionary for each step of the program that was run."""
    phases = [(number, parts) for number, (_, count, parts, *_) in enumerate(plan.phases) for _ in range(count)]
    ops, found = _ops_of(plan), []
    for (i, name), spent, (phase, parts), gflop in zip(plan.steps, seconds, phases, products(plan, n)):
        if not spent:  # weights that have not changed are not packed again
            continue
        op, size = ops[i], _bytes(plan, i, name, n)
        at_once = size if parts else _bytes(plan, i, name, min(plan.chunk, n))
        least = {"arithmetic": gflop / limits.gflops, "memory": 1e-9 * size / limits.bandwidth(at_once)}
        binds = max(least, key=least.get)
        found.append({
            "phase": phase, "layer": _layer(plan, i), "op": _words(op), "pass": name, "algorithm": _algorithm(op, name),
            "seconds": spent, "gflops": gflop / spent if gflop else None, "bytes": size, "gbs": 1e-9 * size / spent,
            "ceiling": binds, "of_ceiling": least[binds] / spent})
    return found


def products(plan, n):
    """GFLOP of each step on n samples, as if computed directly; 0 where sums of products are not what takes time."""
    ops = _ops_of(plan)
    return [2e-9 * ops[i].cost * n if ops[i].name in _PRODUCTS and name in _PASSES else 0.0 for i, name in plan.steps]


def _bytes(plan, i, name, n):
    """How many bytes a pass of an op must read and write for n samples: of each array once, or twice if it does both."""
    op = _ops_of(plan)[i]
    fields = set(op.needs(name))
    if name == "pack":
        fields |= {"packed", "packed_t"} if plan.backward else {"packed"}
    elif fields & {"packed", "packed_t"} and not op.wide:
        fields.discard("w")  # it is read as it was packed
    total = sum(_size(plan, op, field, n) * (1 + (field in _TWICE.get(name, ()))) for field in fields)
    if name == "weights" and i in plan.inside:  # the optimizer's step is taken on the way, the gradient not kept
        total += _bytes(plan, plan.inside[i], "update", n) - 2 * 4 * op.w_size
    return total


def _size(plan, op, field, n):
    """Bytes of an op's array."""
    if field == "partial":
        return 4 * op.partial_size * -(-n // plan.chunk)
    if field in _ROWS:
        return 4 * n * getattr(op, _ROWS[field])
    return 4 * getattr(op, _ARRAYS[field]) if field in _ARRAYS else 0  # others are small


def _ops_of(plan):
    return plan.ops + [op for op, *_ in plan.joins]


def _calls(plan, of_calls):
    """Those for layers and losses in Python."""
    of_loss = plan.network.losses
    return [{"phase": None, "layer": "" if kind == "loss" else plan.nodes[i].layer.name,
             "op": type(of_loss[i].loss if kind == "loss" else plan.nodes[i].layer).__name__, "pass": kind,
             "algorithm": "Python", "seconds": spent, **dict.fromkeys(("gflops", "bytes", "gbs", "ceiling", "of_ceiling"))}
            for (kind, i), spent in of_calls.items()]


def _layer(plan, i):
    """The name of the layer that an op is of; of one that several nodes were fused into, the first."""
    layer = plan.nodes[i].layer if i < len(plan.nodes) else None
    return "" if layer is None else layer.name


def _words(op):
    """An op's name, and what is fused into it."""
    own = op.activation if op.name in ("activation", "activation_of_x") else op.name
    behind = op.activation if own == op.name and op.activation != "linear" else None
    return " + ".join(filter(None, (own, behind, "dropout" if op.dropped else None, op.pooled)))


def _algorithm(op, name):
    one_of_several = op.name.startswith("conv2d") and name in _PASSES
    words = (op.algorithm(name), one_of_several), ("lanes", op.lanes), ("wide", op.wide), (op.format, op.format != "float32")
    return ", ".join(word for word, is_so in words if is_so)
