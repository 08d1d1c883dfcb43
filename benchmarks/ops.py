"""Times ops on named cases, forward and backward. `python benchmarks/ops.py [alexnet.conv lenet …] [--batch 32]`

Each result is compared with the NumPy float64 reference (on one image) before it is timed. A convolution's
speed is also given as a part of NumPy's sgemm, timed in turn with it.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from peak import sgemm
from timing import in_turn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
import cases  # noqa: E402

import fastcnn  # noqa: E402
from fastcnn import _ops, arguments, reference  # noqa: E402


def random(size, seed):
    """Aligned random floats."""
    array = _ops.aligned(size)
    array[...] = np.random.default_rng(seed).uniform(-1, 1, size)
    return array


class Problem:
    """One op with buffers for a batch, whose passes can be run one at a time."""

    def __init__(self, op, batch):
        self.op, self.batch = op, batch
        chunk = max(1, -(-batch // 16))
        self.passes = {"pack": [(0, "pack")], "forward": [(0, "forward")], "data": [(0, "data")],
                       "weights": [(0, "weights")] + ([(0, "reduce")] if op.partial else [])}
        if not op.w_size:
            self.passes = {name: self.passes[name] for name in ("forward", "data")}
        steps, phases, self.first = [], [], {}
        for name, found in self.passes.items():
            self.first[name] = len(phases), len(found)
            for step in found:
                phases.append((len(steps), 1, chunk, True))
                steps.append(step)
        self.program = _ops.Program([op], steps, phases)
        self.arrays = {"x": random(batch * op.in_size, 1), "y": random(batch * op.out_size, 2),
                       "dy": random(batch * op.out_size, 3), "dx": random(batch * op.in_size, 4)}
        for field, array in self.arrays.items():
            self.program.bind_rows(0, field, array, array.size // batch)
        sizes = {"w": op.w_size, "b": op.b_size, "dw": op.w_size, "db": op.b_size, "packed": op.packed_size,
                 "packed_t": op.packed_t_size, "partial": op.partial * -(-batch // chunk) * (op.w_size + op.b_size)}
        for i, (field, size) in enumerate(sizes.items()):
            if size:
                self.arrays[field] = random(size, 5 + i)
                self.program.bind(0, field, self.arrays[field])

    def run(self, name):
        """Runs one pass."""
        self.program.run(self.batch, fastcnn.get_num_threads(), *self.first[name])

    def image(self, field, shape):
        """The first image of x, y, dy or dx."""
        return self.arrays[field][:int(np.prod(shape))].reshape(1, *shape)


def close(found, expected):
    """Within float32's rounding of a long sum."""
    error = np.abs(found - expected).max() / np.abs(expected).max()
    assert error < 2e-5, f"wrong result: relative error {error:.1e}"


def make_op(case):
    """The descriptor of a named case."""
    if isinstance(case, cases.Conv2DCase):
        pads = arguments.pads(case.padding, case.image[:2], case.kernel_size, case.strides, case.dilation_rate)
        return _ops.conv2d(case.image, case.filters, case.kernel_size, case.strides, case.dilation_rate, pads, case.groups,
                           True)
    if isinstance(case, cases.PoolCase):
        pads = arguments.pads(case.padding, case.image[:2], case.pool_size, case.strides)
        return _ops.pool2d("max", case.image, case.pool_size, case.strides, pads, case.ceil_mode)
    if isinstance(case, cases.LRNCase):
        h, w, c = case.image
        return _ops.local_response_norm(h * w, c, case.size, case.alpha, case.beta, case.k, case.alpha_mode == "mean")
    return _ops.dense(case.inputs, case.units, True)


def check(case, op):
    """Compares all passes with the reference, on one image."""
    one = Problem(op, 1)
    for name in one.passes:
        one.run(name)
    options, parameters = case.options, []
    kind = {"max_pool2d": "max_pool2d"}.get(op.name, op.name)
    shape = case.image if hasattr(case, "image") else (case.inputs,)
    out = case.out_shape if hasattr(case, "out_shape") else shape if kind == "local_response_norm" else (case.units,)
    if op.w_size:
        kernel = case.kernel_shape if kind == "conv2d" else (case.inputs, case.units)
        parameters = [one.arrays["w"].reshape(kernel), one.arrays["b"]]
    x, dy = one.image("x", shape), one.image("dy", out)
    close(one.image("y", out), getattr(reference, kind)(x, *parameters, **options))
    gradients = getattr(reference, f"{kind}_backward")(dy, x, *parameters, **options)
    gradients = gradients if isinstance(gradients, tuple) else (gradients,)
    for field, expected in zip(("dx", "dw", "db"), gradients):
        close(one.arrays[field].reshape(expected.shape), expected)


def bench(found, batch):
    """Per case and pass: milliseconds; GFLOP/s and the part of sgemm, or GB/s."""
    call, gflop = sgemm()
    print(f"{'batch ' + str(batch):24}{'pass':9}{'ms':>9}{'GFLOP/s':>10}{'of sgemm':>10}{'GB/s':>8}   quiet windows")
    for case in found:
        op = make_op(case)
        check(case, op)
        problem = Problem(op, batch)
        for name in [n for n in ("pack", "forward", "data", "weights") if n in problem.passes]:
            problem.run(name)
        for name in [n for n in ("forward", "data", "weights") if n in problem.passes]:
            t = in_turn({"sgemm": call, "op": lambda p=problem, n=name: p.run(n)})
            line = f"{case.name:24}{name:9}{t['op'].median * 1e3:9.2f}"
            if op.w_size:
                speed = 2e-9 * op.cost * batch / t["op"].median
                line += f"{speed:10.1f}{speed / (gflop / t['sgemm'].median):10.0%}{'':8}"
            else:
                size = 4e-9 * batch * (op.in_size + op.out_size) * (1 if name == "forward" else 2)
                line += f"{'':20}{size / t['op'].median:8.1f}"
            print(f"{line}   {t['op'].kept} of {t['op'].windows}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", default=["alexnet.conv"], help="beginnings of names; default: alexnet.conv")
    parser.add_argument("--batch", type=int, default=32)
    given = parser.parse_args()
    fastcnn.show_config()
    everything = [*cases.CONV2D, *cases.POOL2D, *cases.LRN, *cases.DENSE]
    found = [case for case in everything if case.name.startswith(tuple(given.cases))]
    if not found:
        parser.error(f"no such case; there are {', '.join(case.name for case in everything)}")
    bench(found, given.batch)


if __name__ == "__main__":
    main()
