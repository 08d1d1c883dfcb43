"""No operation touches memory that is not its own: every buffer ends, or begins, at an unreadable page.

Inputs and `out` do, and so do gradients, packed weights, partial sums and scratch: the allocation functions
that fastcnn uses are replaced. What is to be written holds NaN before, so a value left out shows. Each ISA
runs in a process of its own (`python test_memory.py avx2 0`), whose crash is a failed test, not a dead pytest.
"""

import sys
from inspect import signature
from itertools import chain

import numpy as np
import pytest
from buffers import assert_same, guarded, guarded_before, integers, normal, poisoned
from cases import ADAPTIVE, CALLS, CONV2D, DENSE, LRN, POOL2D, SHAPING
from test_conv2d_transpose import EXACT
from test_conv2d_transpose import arrays as transposed
from test_ops_random import random_conv2d, random_pool2d

import fastcnn
from fastcnn import _ops, ops

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="guard pages need Linux' mmap and mprotect")
PARTS = 3  # of the problems
GUARDS = {"after": guarded, "before": guarded_before}
POOLS = {"max_pool2d": {}, "avg_pool2d": {}, "soft_pool2d": {}, "lp_pool2d": {"p": 2.5}}
NUMPY = [module for name, module in sorted(sys.modules.items()) if name.startswith("fastcnn.ops.") and hasattr(module, "np")]


class GuardedNumPy:
    """`numpy` for fastcnn.ops: new float32 arrays are guarded and hold NaN, even where zeros were wanted."""

    def __init__(self, guard):
        self.guard, self.count = guard, 0

    def __getattr__(self, name):
        return getattr(np, name)

    def empty(self, shape, dtype=np.float32):
        self.count += 1
        return poisoned(shape, self.guard) if dtype == np.float32 else np.empty(shape, dtype)

    def empty_like(self, a):
        return self.empty(a.shape, a.dtype)

    zeros_like = zeros = empty_like

    def aligned(self, size):
        """For `_ops.aligned`: starts at a cache line, so up to 15 floats may lie before the page."""
        return self.empty(-(-size // 16) * 16)[:size]


def named_problems(rng):
    """(name, op, array arguments, options); images of whole numbers."""
    for case in CONV2D:
        if not case.name.startswith("alexnet"):
            x, kernel, bias = (3, *case.image), case.kernel_shape, (case.filters,)
            yield case.name, "conv2d", [integers(rng, s) for s in (x, kernel, bias)], case.options
    for name, case in EXACT.items():
        *given, options = transposed(case, integers)
        yield f"transposed {name}", "conv2d_transpose", given, options
    for case in DENSE:
        case = case.reduced()
        for batch in 1, 7:
            shapes = (batch, case.inputs), (case.inputs, case.units), (case.units,)
            yield f"{case.name} × {batch}", "dense", [integers(rng, s) for s in shapes], {}
    for case in POOL2D:
        for op in POOLS if not case.name.startswith("alexnet") else ():
            yield case.name, op, [integers(rng, (3, *case.image))], {**POOLS[op], **case.options}
    for case in (*SHAPING, *ADAPTIVE):
        yield case.name, case.op, [integers(rng, (3, *case.image))], case.options
    for case in POOL2D:
        if not case.name.startswith("alexnet") and not case.ceil_mode:
            options = {key: value for key, value in case.options.items() if key not in ("ceil_mode", "dilation_rate")}
            shapes = (3, *case.image), case.image[2:], case.image[2:]
            yield case.name, "subsample2d", [integers(rng, s) for s in shapes], options
    for table in [[0, 1, 2], [1, 3], [2]], [[i] for i in range(4)], [list(range(4))] * 17:
        shapes = (3, 6, 7, 4), (3, 2, sum(map(len, table))), (len(table),)
        yield "table", "conv2d", [integers(rng, s) for s in shapes], {"connection_table": table, "padding": 1}
    for n, inputs, units in (3, 84, 10), (1, 17, 1), (5, 8, 33):
        yield "rbf", "rbf", [integers(rng, s) for s in ((n, inputs), (units, inputs))], {}
    for case in LRN:
        yield case.name, "local_response_norm", [integers(rng, (1, *case.image))], case.options


def sized_problems(rng):
    """Every number of values up to two vectors of the widest ISA and their tail, and more than a block."""
    for size in (*range(1, 36), 63, 64, 65, 4099, 20001):
        for call in CALLS:
            if set(call.shapes) == {"x"} and call.y == call.shapes["x"]:
                image = "data_format" in signature(getattr(ops, call.op)).parameters
                shape = (1, 2, 1, size) if image else (1, size)
                yield f"{size} values", call.op, [normal(rng, shape)], call.options
            elif "target" in call.shapes:
                target = (
                    np.array([size - 1], np.int32)
                    if call.shapes["target"] == "labels"
                    else normal(rng, (1, size))
                )
                yield (
                    f"{size} values",
                    call.op,
                    [np.abs(normal(rng, (1, size))), np.abs(target)],
                    call.options,
                )
        for x, alpha in ((3, size), (size,)), ((3, 5, size), (size,)), ((2, size, 3), (size, 1)), ((2, 3, size), (1, 1)):
            yield f"{alpha} slopes", "prelu", [normal(rng, x), normal(rng, alpha)], {}
        for x in (9, size), (5, 3, size), (2, 130, size % 40 + 1):
            yield f"{x[-1]} channels", "batch_norm", [normal(rng, s) for s in (x, x[-1:], x[-1:])], {}
            given = {"mean": normal(rng, x[-1]), "variance": np.abs(normal(rng, x[-1]))}
            yield f"{x[-1]} channels, given statistics", "batch_norm", [normal(rng, x), normal(rng, x[-1])], given
        for group in (1, 2, 3, 9):
            yield f"{size} groups of {group}", "maxout", [normal(rng, (2, group * size))], {"group_size": group}
        for op, options in POOLS.items():
            yield (
                f"{size} channels",
                op,
                [normal(rng, (1, 3, 2, size))],
                {**options, "pool_size": 2, "strides": 1, "padding": "same"},
            )


def random_problems(rng):
    for i in range(200):
        x, kernel, bias, options = random_conv2d(rng)
        yield f"random {i}", "conv2d", [x, kernel, *([] if bias is None else [bias])], options
        x, options = random_pool2d(rng)
        op = list(POOLS)[i % len(POOLS)]
        yield f"random {i}", op, [x], {**POOLS[op], **options}


def call(op, arrays, options, guard=None):
    """[y, *gradients]; with `guard` from and into guarded arrays."""
    y = getattr(ops, op)(*arrays, **options)
    dy = normal(np.random.default_rng(y.size), y.shape)
    if guard:
        dy = guard(dy)
        out = {"out": poisoned(y.shape, guard)} if "out" in signature(getattr(ops, op)).parameters else {}
        y = getattr(ops, op)(*arrays, **options, **out)
    gradients = getattr(ops, f"{op}_backward")(dy, *arrays, **options)
    return [y, *(gradients if isinstance(gradients, tuple) else (gradients,))]


def check(name, op, arrays, options):
    print(name, op, [a.shape for a in arrays], options, flush=True)
    if options.get("data_format") == "channels_first":  # would be copied: its memory is not what kernels see
        options, arrays = (
            {**options, "data_format": "channels_last"},
            [np.moveaxis(arrays[0], 1, -1).copy(), *arrays[1:]],
        )
    expected = call(op, arrays, options)
    assert not any(np.isnan(e).any() for e in expected)
    for guard in GUARDS.values():
        replaced = GuardedNumPy(guard)
        with pytest.MonkeyPatch.context() as patch:
            for module in NUMPY:
                patch.setattr(module, "np", replaced)
            patch.setattr(_ops, "aligned", replaced.aligned)
            actual = call(op, [guard(a) for a in arrays], options, guard)
        assert replaced.count >= 2
        for a, e in zip(actual, expected, strict=True):
            assert_same(a, e, name)


def check_sgd(rng):
    for size in (*range(1, 66), 70_001):
        arrays = [integers(rng, size) for _ in range(3)]
        expected = ops.sgd(*arrays, momentum=0.5)
        for guard in GUARDS.values():
            out = poisoned(size, guard), poisoned(size, guard)
            for a, e in zip(ops.sgd(*map(guard, arrays), momentum=0.5, out=out), expected, strict=True):
                assert_same(a, e, f"sgd of {size}")


def check_optimizers(rng):
    """Beside sgd: all arrays that they can keep; and the sums of squares that norms are made of."""
    rules = {"rmsprop": {"momentum": 0.5, "centered": True}, "adagrad": {}, "adadelta": {}, "adam": {"amsgrad": True}}
    for op, options in rules.items():
        for size in (*range(1, 66), 70_001):
            arrays = [np.abs(normal(rng, size)) for _ in range({"adagrad": 3, "adadelta": 4}.get(op, 5))]
            expected = getattr(ops, op)(*arrays, **options)
            for guard in GUARDS.values():
                out = tuple(poisoned(size, guard) for _ in expected)
                for a, e in zip(getattr(ops, op)(*map(guard, arrays), out=out, **options), expected, strict=True):
                    assert_same(a, e, f"{op} of {size}")
    for size in (*range(1, 66), 1023, 1025, 70_001):
        blocks, (w, dw) = _ops.norm_blocks(size), normal(rng, (2, size))
        op = _ops.optimizer("sgd", size, clip_norm=0.5, norms=(0, 0, blocks))
        expected = w - dw * min(1, 0.5 / np.linalg.norm(dw.astype(np.float64)))
        for guard in GUARDS.values():
            program, new = _ops.Program([op], [(0, "reduce"), (0, "update")], [(0, 1, 1, True), (1, 1, 1, True)]), guard(w)
            for field, array in (("w", new), ("dw", guard(dw)), ("partial", poisoned(blocks, guard))):
                program.bind(0, field, array)
            program.set_scale(0, 1.0)
            program.run(1, 1)
            np.testing.assert_allclose(new, expected, rtol=1e-5, atol=1e-6)


def check_wide_row():
    """A single image's row of outputs that is longer than a thread's scratch. Zeros that nobody writes take no memory."""
    print("a wide row", flush=True)
    with fastcnn.num_threads(1), pytest.MonkeyPatch.context() as patch:
        patch.setattr(_ops, "aligned", GuardedNumPy(guarded).aligned)
        y = ops.dense(np.ones((1, 257), np.float32), np.zeros((257, 700_000), np.float32), np.ones(700_000, np.float32))
    assert (y == 1).all()


def check_wide_update(rng):
    """A wide dense op whose WEIGHTS pass takes the optimizer's steps, on blocks of all shapes."""
    for inputs, units, batch in ((700, 513, 5), (193, 1400, 3), (1025, 260, 130)):
        op, sgd = _ops.dense(inputs, units, True), _ops.optimizer("sgd", inputs * units, momentum=0.5, shrink=0.25)
        x, dy, w, v = (integers(rng, s) for s in ((batch, inputs), (batch, units), (inputs, units), (inputs, units)))
        dw = ops.dense_backward(dy, x, w)[1]
        expected = w * 0.875 + (0.5 * v - 0.5 * dw), 0.5 * v - 0.5 * dw, dy.sum(0)
        assert op.wide
        for guard in GUARDS.values():
            replaced = GuardedNumPy(guard)
            before, _ops.aligned = _ops.aligned, replaced.aligned
            actual = guard(w), guard(v), poisoned(units, guard)
            try:
                program = _ops.Program([op, sgd], [(0, "weights")], [(0, 1, 1, True)])
                program.bind_rows(0, "x", guard(x), inputs)
                program.bind_rows(0, "dy", guard(dy), units)
                program.bind(0, "w", actual[0])
                program.bind_states(0, [actual[1]])
                program.bind(0, "db", actual[2])
                program.bind_update(0, 1)
                program.set_scale(0, 0.5)
                program.run(batch, 1)
            finally:
                _ops.aligned = before
            assert replaced.count == 1, "the scratch"
            for a, e in zip(actual, expected, strict=True):
                assert_same(a, e, f"dense of {inputs} × {units}, updated")


def main(isa, part):
    """Every third problem, from number `part` on."""
    _ops.select_isa(isa)
    rng = np.random.default_rng(1)
    count = 0
    with fastcnn.num_threads(1):
        for number, problem in enumerate(chain(named_problems(rng), sized_problems(rng), random_problems(rng))):
            if number % PARTS == int(part):
                check(*problem)
                count += 1
        check_sgd(rng)
        check_optimizers(rng)
        check_wide_update(rng)
        check_wide_row()
    print(f"{count} problems")


@pytest.mark.parametrize("part", [0, *(pytest.param(part, marks=pytest.mark.long) for part in range(1, PARTS))])
def test_operations_stay_in_their_memory(part, isa, run_python):
    result = run_python(__file__, isa, part)
    last = result.stdout.splitlines()[-1:]
    assert result.returncode == 0, f"{isa} ended with {result.returncode} at {last}\n{result.stderr[-2000:]}"
    assert int(last[0].split()[0]) > 1000 / PARTS


ACCESS = """
import ctypes, sys
import numpy as np
sys.path.insert(0, {folder!r})
from buffers import guarded, guarded_before
from fastcnn import ops
a = {guard}(np.ones((3, 5), np.float32))
assert a.sum() == 15 and a.flags.aligned and a.flags.c_contiguous
a += 1
first, end = a.ctypes.data, a.ctypes.data + a.nbytes
ctypes.string_at(first, 60), ctypes.memset(first, 0, 60)
print("so far", flush=True)
{access}
"""
STRAY = {  # guard, what must crash
    "read after": ("guarded", "ctypes.string_at(end, 1)"),
    "write after": ("guarded", "ctypes.memset(end, 0, 1)"),
    "read before": ("guarded_before", "ctypes.string_at(first - 1, 1)"),
    "write before": ("guarded_before", "ctypes.memset(first - 1, 0, 1)"),
    "kernel": ("guarded", "ops.relu(np.lib.stride_tricks.as_strided(a, (16,), (4,)))"),
    "out": ("guarded", "ops.relu(np.zeros(16), out=np.lib.stride_tricks.as_strided(a, (16,), (4,)))"),
}


@pytest.mark.parametrize("stray", STRAY)
def test_stray_access_crashes(stray, run_python):
    """The guards themselves: one byte, or one float of an operation, beyond the array ends the process."""
    guard, access = STRAY[stray]
    folder = __file__.rsplit("/", 1)[0]
    result = run_python("-c", ACCESS.format(folder=folder, guard=guard, access=access))
    assert result.stdout == "so far\n", result.stderr
    assert result.returncode < 0, "the access went through"
    result = run_python("-c", ACCESS.format(folder=folder, guard=guard, access="ops.relu(a, out=a)"))
    assert result.returncode == 0, result.stderr


if __name__ == "__main__":
    main(*sys.argv[1:])
