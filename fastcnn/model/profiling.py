"""Where the time of a model goes: what each step of its plan takes, and what part of the machine's limits that is."""

from __future__ import annotations

import copy
from time import perf_counter
from typing import Any

import numpy as np

from fastcnn import _ops
from fastcnn.engine.ceilings import measured
from fastcnn.engine.processor import processor
from fastcnn.tables import Table
from fastcnn.threads import get_num_threads
from fastcnn.typing import Axes, Figure

_PRODUCTS = "conv2d", "conv2d_transpose", "dense", "rbf"  # ops of which `cost` is multiply-adds, in these passes:
_PASSES = "forward", "data", "weights"
_ROWS = {"x": "in_size", "dx": "in_size"} | dict.fromkeys(("y", "dy", "x2", "dx2"), "out_size")  # of each sample
_ARRAYS = {"w": "w_size", "dw": "w_size", "b": "b_size", "db": "b_size", "packed": "packed_size",
           "packed_t": "packed_t_size", "half": "half_size", "scales": "scales_size"}
_ARRAYS |= dict.fromkeys(_STATES := ("state[0]", "state[1]", "state[2]"), "w_size")
_TWICE = {"mask": {"dy"}, "update": {"w", *_STATES}}  # read and written
_LEAST = 3  # runs
_MULTIPLE = ("B", 1), ("KB", 1 << 10), ("MB", 1 << 20), ("GB", 1 << 30)


class Profile:
    """What `Model.profile` found: `print` shows a table, a notebook too, and `plot` draws it.

    Attributes:
        steps: a dictionary for each step of the plan, in order: `phase`, `layer`, `op` (with what is fused into it), `pass`,
            `algorithm`; `seconds` of processor time, summed over threads, and its `share`; `gflops` of products as if
            computed directly, else None; `bytes` that it must read and write, and `gbs`; `ceiling`, "arithmetic" or
            "memory", whichever binds it, and `of_ceiling`, the part that the step reaches. Those in Python have seconds
            alone.
        model, training, batch, threads, isa: what was run, and how.
        runs, seconds: how often; how long the quickest run took.
        images_per_second: in that.
        processor: its name, family and caches.
        ceilings: of one core: "arithmetic" in GFLOP/s, and copies of four sizes in GB/s.
    """

    model: str
    training: bool
    batch: int
    threads: int
    isa: str
    runs: int
    seconds: float
    images_per_second: float
    processor: dict[str, Any]
    ceilings: dict[str, float]
    steps: list[dict[str, Any]]

    def __init__(self, found: dict[str, Any]) -> None:
        self.__dict__.update(found)

    def to_dict(self) -> dict[str, Any]:
        """The attributes, in JSON's types."""
        return dict(vars(self))

    def to_json(self) -> str:
        """The attributes as JSON.

        Example:
            >>> import json
            >>> profile = fastcnn.networks.lenet5().profile(np.zeros((1, 28, 28)), seconds=0)
            >>> sorted(json.loads(profile.to_json())) == sorted(vars(profile))
            True
        """
        import json

        return json.dumps(self.to_dict(), ensure_ascii=False)

    def plot(self, ax: Axes | None = None) -> Figure:
        """A bar for each step; see `fastcnn.vis.profile`."""
        from fastcnn import vis

        return vis.profile(self, ax=ax)

    def _caption(self):
        kind = "training" if self.training else "forward"
        threads = f"{self.threads} thread{'s' * (self.threads > 1)}"
        return (f'Model "{self.model}", {kind}, batch {self.batch}, {threads}, {self.isa}: '
                f"{_short(1e3 * self.seconds)} ms = {_short(self.images_per_second)} images/s, the quickest of {self.runs}")

    def _notes(self):
        copies = ", ".join(f"{gbs:.3g} ({name.removeprefix('copy.')})" for name, gbs in self.ceilings.items() if "." in name)
        yield f"one core: {self.ceilings['arithmetic']:.3g} GFLOP/s of multiply-adds; copies at {copies} GB/s"

    def _table(self):
        headings = ["Phase", "Layer", "Op", "Pass", "Algorithm", "ms", "Share", "GFLOP/s", "GB/s", "Bytes", "Of ceiling"]
        rows = [[str(s["phase"]), s["layer"], s["op"], s["pass"], s["algorithm"], _short(1e3 * s["seconds"]),
                 f"{s['share']:.1%}", _short(s["gflops"]), _short(s["gbs"]), _amount(s["bytes"]),
                 "" if s["of_ceiling"] is None else f"{s['of_ceiling']:.0%} {s['ceiling']}"] for s in self.steps]
        total = ["", "all, of all threads", "", "", "", _short(1e3 * sum(s["seconds"] for s in self.steps)), *[""] * 5]
        return Table(headings, rows, total, numbers=headings[5:])

    def __str__(self) -> str:
        return "\n".join([self._caption(), *self._table().lines(), *self._notes()])

    def _repr_html_(self):
        return self._table().html(self._caption(), self._notes())

    def __repr__(self):
        return f"<Profile of {self.model!r}: {len(self.steps)} steps>"


def _short(value):
    """Three digits; nothing for None."""
    return "" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _amount(size):
    """Bytes in the largest unit that they fill."""
    unit, one = next((u, n) for u, n in reversed(_MULTIPLE) if (size or 0) >= n or n == 1)
    return "" if size is None else f"{_short(size / one)} {unit}"


def profile(model, x, y, seconds):
    """The `Profile` of a batch: forward, or with y a step of training, on a copy."""
    threads = get_num_threads()
    if y is None:
        xs = model._dense(x)
        n = _samples(xs)
        plan = _forward_plan(model, n)
        ys = [np.empty((n, plan.network.sizes[value]), np.float32) for value in plan.network.outputs]

        def run():
            model._forward(plan, xs, ys, threads)
    else:
        model = copy.deepcopy(model)
        arrays, sparse = model._one_batch(x, y, None, learn=True)
        n = _samples(arrays)
        plan = model._plan("train", n, sparse)

        def run():
            model._run(plan, n, arrays, threads)

    runs, best, of_steps, of_calls = _measured(plan, run, threads, seconds)
    limits = measured(threads, _ops.active_isa())
    steps = _steps(plan, n, of_steps, limits) + _calls(plan, of_calls)
    whole = sum(step["seconds"] for step in steps)
    for step in steps:
        step["share"] = step["seconds"] / whole
    return Profile({
        "model": model.name, "training": y is not None, "batch": n, "threads": threads, "isa": _ops.active_isa(),
        "runs": runs, "seconds": best, "images_per_second": n / best, "processor": processor(),
        "ceilings": {"arithmetic": limits.gflops, **limits.copies}, "steps": steps})


def _samples(arrays):
    if not len(arrays[0]):
        raise ValueError("x must hold at least one sample. Received: none")
    return len(arrays[0])


def _forward_plan(model, n):
    """A plan of its own: those that `predict` keeps run on undisturbed."""
    if model._half_dtype is not None:
        model._make_half()
    return model._new_plan("predict", n, (False,) * len(model.outputs), model._half)


def _measured(plan, run, threads, longest):
    """(runs, seconds of the quickest, processor time of each step, of each call into Python), of the quickest run of each:
    half of the time nobody looks at steps, which costs a little."""
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
    return runs, best, of_steps.tolist(), of_calls


def _steps(plan, n, seconds, limits):
    """A dictionary for each step of the program that was run."""
    phases = [(number, parts) for number, (_, count, parts, _) in enumerate(plan.phases) for _ in range(count)]
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
    total = sum(_size(plan, op, field, n) * (1 + (field in _TWICE.get(name, ()))) for field in op.needs(name))
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
    return " + ".join(filter(None, (own, behind, "dropout" if op.dropped else None)))


def _algorithm(op, name):
    one_of_several = op.name.startswith("conv2d") and name in _PASSES
    words = (op.algorithm(name), one_of_several), ("lanes", op.lanes), ("wide", op.wide), (op.format, op.format != "float32")
    return ", ".join(word for word, is_so in words if is_so)
