"""Small integers, exact sums: the reference's results bit for bit, on every ISA and thread count.

|v| ≤ 4, so no partial sum here reaches 2²⁴ and the order of additions cannot matter. A run of less than 1.5
million multiply-adds stays on one thread: `images` therefore gives named layers batches larger than that, and
`test_threads_have_work` says which cases threads share; the smallest odd shapes stay below.
"""

from functools import lru_cache

import numpy as np
import pytest
from buffers import assert_same, integers
from cases import CONV2D, DENSE, POOL2D
from remembered import reference

from fastcnn import _ops, arguments, ops

pytestmark = pytest.mark.usefixtures("exact_sums")

SERIAL = 1.5e6  # multiply-adds: csrc/run.c, SERIAL_COST
WIDE = 262144  # weights: csrc/ops/dense.c
SMALL_WEIGHTS = 65536  # csrc/ops/conv2d_weights.c: up to here partial sums per chunk of images


def images(cost, least=3, most=70):
    """A batch that is worth two threads if `most` images are enough for that."""
    return int(min(max(least, 1.1 * SERIAL // cost + 1), most))


def conv2d_batch(case):
    return images(case.multiply_adds, least=1 if case.name == "alexnet.conv1" else 2)


def pool_cost(case):
    return _ops.pool2d("max", case.image, case.pool_size, case.strides, ((0, 0), (0, 0))).cost


def generator(case):
    return np.random.default_rng(list(case.name.encode()))


def compare(call, expected, what):
    actual = call()
    for name, a, e in zip(what.split(), actual, expected, strict=True):
        assert_same(a, e, name)


@lru_cache(maxsize=None)  # each serves all ISAs and thread counts
def conv2d_problem(case, batch):
    """x, kernel, bias, dy and, by the reference, y, dx, dw, db."""
    rng = generator(case)
    shapes = (batch, *case.image), case.kernel_shape, (case.filters,), (batch, *case.out_shape)
    x, kernel, bias, dy = (integers(rng, shape) for shape in shapes)
    y = reference.conv2d(x, kernel, bias, **case.options)
    gradients = reference.conv2d_backward(dy, x, kernel, bias, **case.options)
    return x, kernel, bias, dy, *(a.astype(np.float32) for a in (y, *gradients))


@pytest.mark.parametrize("case", CONV2D, ids=lambda case: case.name)
def test_conv2d(case, isa, threads):
    x, kernel, bias, dy, y, *gradients = conv2d_problem(case, conv2d_batch(case))
    assert_same(ops.conv2d(x, kernel, bias, **case.options), y, "y")
    assert_same(ops.conv2d(x, kernel, None, **case.options), y - bias, "y without bias")
    compare(lambda: ops.conv2d_backward(dy, x, kernel, bias, **case.options), gradients, "dx dw db")


@pytest.mark.parametrize("batch", [1, 16, 17, 33])
@pytest.mark.parametrize("name", ["lenet5.conv2", "odd.heavy", "odd.strided_few_channels"])
def test_conv2d_batches(name, batch, isa, threads):
    """Partial sums belong to chunks of ⌈batch/16⌉ images: one, sixteen, nine of which the last is short, …"""
    case = next(case for case in CONV2D if case.name == name)
    x, kernel, _, dy, y, dx, dw, _ = conv2d_problem(case, batch)
    compare(lambda: ops.conv2d_backward(dy, x, kernel, **case.options), (dx, dw), "dx dw")


@lru_cache(maxsize=None)
def dense_problem(case, batch):
    rng = generator(case)
    shapes = (batch, case.inputs), (case.inputs, case.units), (case.units,), (batch, case.units)
    x, kernel, bias, dy = (integers(rng, shape) for shape in shapes)
    y, gradients = reference.dense(x, kernel, bias), reference.dense_backward(dy, x, kernel, bias)
    return x, kernel, bias, dy, *(a.astype(np.float32) for a in (y, *gradients))


REDUCED = list(
    {(case.inputs, case.units): case for case in (case.reduced() for case in reversed(DENSE))}.values()
)


def dense_cases():
    for case in REDUCED:
        for batch in (1, 3, 5) if case.inputs + case.units > 10000 else (1, 3, 20, 131):
            yield pytest.param(case, batch, id=f"{case.name}-{batch}")


@pytest.mark.parametrize("case, batch", list(dense_cases()))
def test_dense(case, batch, isa, threads):
    """Wide weights: a batch of 1 or 3 takes them as they lie, 20 packs them; dw takes 131 in two steps."""
    x, kernel, bias, dy, y, *gradients = dense_problem(case, batch)
    assert_same(ops.dense(x, kernel, bias), y, "y")
    assert_same(ops.dense(x, kernel), y - bias, "y without bias")
    compare(lambda: ops.dense_backward(dy, x, kernel, bias), gradients, "dx dw db")


@lru_cache(maxsize=None)
def pool_problem(case, kind, batch):
    """Many equal values, so that maxima tie."""
    rng = generator(case)
    x, dy = integers(rng, (batch, *case.image)), integers(rng, (batch, *case.out_shape))
    y = getattr(reference, f"{kind}_pool2d")(x, **case.options)
    dx = getattr(reference, f"{kind}_pool2d_backward")(dy, x, **case.options)
    return x, dy, y.astype(np.float32), dx.astype(np.float32)


@pytest.mark.parametrize("case", POOL2D, ids=lambda case: case.name)
def test_max_pool2d(case, isa, threads):
    x, dy, y, dx = pool_problem(case, "max", images(pool_cost(case)))
    assert_same(ops.max_pool2d(x, **case.options), y, "y")
    assert_same(ops.max_pool2d_backward(dy, x, **case.options), dx, "dx")


@pytest.mark.parametrize("image", [(1, 2, 2, 1), (1, 2, 4, 3)], ids=str)
def test_ceil_mode_window_beyond_the_image(image):
    """A first window that passes the end is one that ceil_mode keeps, as torch and the reference do."""
    x = integers(np.random.default_rng(image), image)
    for op, pool_size in ("max_pool2d", 3), ("avg_pool2d", (3, 2)):
        y, expected = (getattr(library, op)(x, pool_size, 2, ceil_mode=True) for library in (ops, reference))
        assert_same(y, expected, op)


def only_powers_of_two(case):
    """Do windows, also where the image's edge cuts them, hold 1, 2, 4, 8 … values, whose mean is exact?"""
    held = reference.avg_pool2d(np.ones((1, *case.image)), **case.options, count_include_pad=True)
    held = held * case.pool_size[0] * case.pool_size[1]  # all of them but where ceil_mode passes the padding
    return not case.ceil_mode and np.all(np.frexp(held)[0] == 0.5)


AVERAGED = [case for case in POOL2D if only_powers_of_two(case)]


@pytest.mark.parametrize("case", AVERAGED, ids=lambda case: case.name)
def test_avg_pool2d(case, isa, threads):
    x, dy, y, dx = pool_problem(case, "avg", images(pool_cost(case)))
    assert_same(ops.avg_pool2d(x, **case.options), y, "y")
    assert_same(ops.avg_pool2d_backward(dy, x, **case.options), dx, "dx")


@pytest.mark.parametrize("case", AVERAGED, ids=lambda case: case.name)
def test_soft_pool2d(case, isa, threads):
    """Of equal values, however large, it is the mean; and so is its gradient."""
    batch = images(pool_cost(case))
    x = np.broadcast_to(integers(generator(case), case.image[2], 10**6), (batch, *case.image))
    _, dy, _, dx = pool_problem(case, "avg", batch)
    assert_same(ops.soft_pool2d(x, **case.options), x[:, : dy.shape[1], : dy.shape[2]], "y")
    assert_same(ops.soft_pool2d_backward(dy, x, **case.options), dx, "dx")


@pytest.mark.parametrize("case", POOL2D, ids=lambda case: case.name)
def test_lp_pool2d(case, isa, threads):
    """Sums of magnitudes."""
    x, dy, *_ = pool_problem(case, "max", images(pool_cost(case)))
    y, dx = reference.lp_pool2d(x, 1, **case.options), reference.lp_pool2d_backward(dy, x, 1, **case.options)
    assert_same(ops.lp_pool2d(x, 1, **case.options), y, "y")
    assert_same(ops.lp_pool2d_backward(dy, x, 1, **case.options), dx, "dx")


@pytest.mark.parametrize("image", [(8, 4, 6), (1, 1, 3), (16, 32, 37)], ids=str)
def test_global_pool2d(image, isa, threads):
    rng = np.random.default_rng(image)
    x, dy = integers(rng, (90, *image)), integers(rng, (90, image[2]))
    for kind in ("max", "avg"):
        forward, backward = f"global_{kind}_pool2d", f"global_{kind}_pool2d_backward"
        assert_same(getattr(ops, forward)(x), getattr(reference, forward)(x), forward)
        assert_same(getattr(ops, backward)(dy, x), getattr(reference, backward)(dy, x), backward)


@pytest.mark.parametrize("shape", [(1,), (7, 5), (3, 11, 4096 + 13), (40, 20000)], ids=str)
def test_relu(shape, isa, threads):
    rng = np.random.default_rng(shape)
    x, dy = integers(rng, shape), integers(rng, shape)
    assert_same(ops.relu(x), reference.relu(x), "y")
    assert_same(ops.relu_backward(dy, x), reference.relu_backward(dy, x), "dx")


@pytest.mark.parametrize("nesterov", [False, True], ids=["heavy_ball", "nesterov"])
@pytest.mark.parametrize("size", [1, 19, 2_000_003])
def test_sgd(size, nesterov, isa, threads):
    """Powers of two as constants keep the update exact too."""
    rng = np.random.default_rng(size)
    w, dw, v = (integers(rng, size) for _ in range(3))
    options = {"learning_rate": 0.5, "momentum": 0.25, "nesterov": nesterov, "weight_decay": 0.125}
    compare(lambda: ops.sgd(w, dw, v, **options), reference.sgd(w, dw, v, **options), "w v")


def test_threads_have_work():
    """Which of the cases above are shared by threads, and which path they take."""
    shared = {case.name for case in CONV2D if case.multiply_adds * conv2d_batch(case) >= SERIAL}
    lonely = {case.name for case in CONV2D} - shared
    assert {case.name for case in CONV2D if not case.name.startswith("odd.")} <= shared
    assert "odd.heavy" in shared and "odd.heavy_groups" in shared and len(shared) > 15
    assert all(name.startswith("odd.") for name in lonely)
    partial = {case.name for case in CONV2D if case.weights <= SMALL_WEIGHTS} & shared
    assert len(partial) >= 5 and len(shared - partial) >= 5
    assert sum(case.multiply_adds > WIDE and 20 * case.multiply_adds >= SERIAL for case in REDUCED) >= 4
    pools = {case.name for case in POOL2D if pool_cost(case) * images(pool_cost(case)) >= SERIAL}
    assert {"alexnet.pool1", "alexnet.pool2"} <= pools
    assert {"lenet5.pool1", "odd.same", "odd.whole_image", "odd.wide"} <= {case.name for case in AVERAGED}


@pytest.mark.parametrize("case", CONV2D, ids=lambda case: case.name)
def test_case_describes_its_layer(case):
    """`multiply_adds`, `weights` and `out_shape` of a case are those of the operation."""
    pads = arguments.pads(case.padding, case.image[:2], case.kernel_size, case.strides, case.dilation_rate)
    window = case.kernel_size, case.strides, case.dilation_rate
    op = _ops.conv2d(case.image, case.filters, *window, pads, case.groups, True)
    assert (op.cost, op.w_size, op.out_shape) == (case.multiply_adds, case.weights, case.out_shape)
