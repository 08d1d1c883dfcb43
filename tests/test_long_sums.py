"""Sums of many terms: off by a number of roundings that grows with the logarithm of the terms, not with the terms.

Of n terms csrc/kernels/sums.h adds 64 at a time one after the other, then pairs: at most 64 + log₂ n roundings, each of
u = 2⁻²⁴ of Σ|terms|, which the reference computes. Terms are equal, so that a running sum rounds all of them the same way,
or positive at random.
"""

import numpy as np
import pytest
from buffers import TINY, UNIT, assert_within
from remembered import reference
from test_batch_norm import bounds
from twin import Twin

import fastcnn
from fastcnn import layers as L
from fastcnn import ops

pytestmark = pytest.mark.usefixtures("exact_sums")


def roundings(n, more=4):
    """Of a sum of n terms, with some more before and after."""
    return (64 + np.log2(n) + more) * UNIT


def equal(shape):
    """0.1, 0.2 … by channel."""
    return np.broadcast_to(np.arange(1, shape[-1] + 1, dtype=np.float32) / np.float32(10), shape).copy()


def positive(shape):
    return np.random.default_rng(shape).random(shape, np.float32)


filled = pytest.mark.parametrize("fill", [equal, pytest.param(positive, marks=pytest.mark.long)])


def units(actual, expected, squares):
    """The largest error, in units of 2⁻²³ of the largest 2-norm of the products that are summed into one element."""
    return np.abs(actual - expected).max() / (2.0**-23 * np.sqrt(squares.max()))


@pytest.mark.parametrize("op, image, kernel", [
    ("conv2d", (6, 7, 512), (3, 3, 512, 20)), ("conv2d", (14, 9, 97), (5, 5, 97, 40)),
    ("conv2d", (20, 23, 24), (1, 1, 24, 30)), ("dense", (1000,), (1000, 30)), ("dense", (4100,), (4100, 300))], ids=str)
def test_products_are_summed_in_short_chains(op, image, kernel, isa):
    """Of 96 to 150 multiply-adds: tests/long.py shows the 99th percentile of 5,000 convolutions. Most of these cases fail
    with chains of 256."""
    rng = np.random.default_rng([*image, *kernel])
    x, w = (rng.standard_normal(shape, np.float32) for shape in ((13, *image), kernel))
    expected = getattr(reference, op)(x, w)
    dy = rng.standard_normal(expected.shape, np.float32)
    found = getattr(ops, op)(x, w), *getattr(ops, f"{op}_backward")(dy, x, w)[:2]
    squares = [np.square(a, dtype=np.float64) for a in (x, w, dy)]
    x2, w2, dy2 = squares
    sizes = getattr(reference, op)(x2, w2), *getattr(reference, f"{op}_backward")(dy2, x2, w2)[:2]
    right = expected, *getattr(reference, f"{op}_backward")(dy, x, w)[:2]
    for name, *three in zip(("y", "dx", "dkernel"), found, right, sizes):
        assert units(*three) < 10, name


def test_the_mean_of_ones_is_one(isa):
    """4200² of them: a running sum ends at 2²⁴."""
    assert ops.global_avg_pool2d(np.ones((1, 4200, 4200, 1), np.float32)).item() == 1


@filled
@pytest.mark.parametrize("c", [1, 7, 37])
def test_averages(c, fill, isa, threads):
    x = fill((2, 320, 250, c))
    expected = reference.global_avg_pool2d(x)
    assert_within(ops.global_avg_pool2d(x), expected, roundings(320 * 250) * expected, "whole images")
    windows = [x[:, i : i + 160, j : j + 125] for i in (0, 160) for j in (0, 125)]
    expected = np.stack([reference.global_avg_pool2d(w) for w in windows], axis=1).reshape(2, 2, 2, c)
    assert_within(ops.avg_pool2d(x, (160, 125)), expected, roundings(160 * 125) * expected, "windows")
    expected = expected * (160 * 125)
    assert_within(ops.subsample2d(x, np.ones(c), pool_size=(160, 125)), expected, roundings(160 * 125) * expected, "sums")
    expected = reference.upsample2d_backward(x, x[:, :2, :2], (160, 125))
    assert_within(
        ops.upsample2d_backward(x, x[:, :2, :2], (160, 125)), expected, roundings(160 * 125) * expected, "enlarged pixels"
    )


@filled
def test_smooth_pooling(fill, isa):
    x, size = fill((1, 200, 300, 5)), (200, 300)
    expected = reference.soft_pool2d(x, size)
    assert_within(ops.soft_pool2d(x, size), expected, 3 * roundings(60000, 12) * np.abs(x).max(), "soft")
    dy = np.ones((1, 1, 1, 5), np.float32)
    dx = reference.soft_pool2d_backward(dy, x, size)
    assert_within(ops.soft_pool2d_backward(dy, x, size), dx, 6 * roundings(60000, 12) * dx, "soft, dx")
    for p in (1, 2, 3, 2.5):
        expected = reference.lp_pool2d(x, p, size)
        assert_within(ops.lp_pool2d(x, p, size), expected, roundings(60000, 40) * expected, f"p = {p}")
        dx = reference.lp_pool2d_backward(dy, x, p, size)
        assert_within(ops.lp_pool2d_backward(dy, x, p, size), dx, p * roundings(60000, 40) * dx, f"p = {p}, dx")


CONVOLUTIONS = {  # shapes of x, kernel and dy, options
    "conv2d": ((2, 300, 400, 3), (1, 1, 3, 5), (2, 300, 400, 5), {}),
    "conv2d winograd": ((1, 200, 300, 16), (3, 3, 16, 20), (1, 198, 298, 20), {}),
    "conv2d large": ((20000, 1, 1, 256), (1, 1, 256, 260), (20000, 1, 1, 260), {}),
    "depthwise_conv2d": ((2, 300, 400, 6), (1, 1, 6, 1), (2, 300, 400, 6), {}),
    "conv2d_transpose": ((1, 100, 200, 3), (2, 2, 5, 3), (1, 200, 400, 5), {"strides": 2}),
    "dense": ((40000, 3), (3, 37), (40000, 37), {}),
    "dense wide": ((10000, 600), (600, 500), (10000, 500), {}),
}


@filled
@pytest.mark.parametrize("case", CONVOLUTIONS)
def test_bias_gradients(case, fill, isa):
    """… over pixels and images; of many small images a batch is one sum."""
    x, kernel, dy, options = CONVOLUTIONS[case]
    x, kernel, dy = np.zeros(x, np.float32), np.zeros(kernel, np.float32), fill(dy)
    expected = dy.sum(axis=tuple(range(dy.ndim - 1)), dtype=float)
    with fastcnn.config_context(exact="winograd" not in case):
        db = getattr(ops, f"{case.split()[0]}_backward")(dy, x, kernel, np.zeros(dy.shape[-1]), **options)[2]
    assert_within(db, expected, roundings(dy.size // dy.shape[-1], 30) * expected, "db")


@filled
@pytest.mark.parametrize("c", [1, 7, 37])
def test_coefficients(c, fill, isa):
    """Of subsampling, and PReLU's slopes, however they are shared."""
    x, dy = fill((3, 250, 300, c)), positive((3, 250, 300, c))
    sums = (x.astype(float) * dy).sum(axis=(0, 1, 2)), dy.sum(axis=(0, 1, 2), dtype=float)
    found = ops.subsample2d_backward(dy, x, np.ones(c), np.zeros(c), pool_size=1)[1:]
    for name, actual, expected in zip(("coefficient", "bias"), found, sums):
        assert_within(actual, expected, roundings(3 * 250 * 300, 20) * expected, name)
    for slopes in (1, 1, c), (1, 1, 1), (250, 1, 1), (1, 300, 1), (1, 300, c), (250, 1, c):
        shared = tuple(i for i in range(1, 4) if slopes[i - 1] < x.shape[i])
        expected = -(x.astype(float) * dy).sum(axis=(0, *shared)).reshape(slopes)
        actual = ops.prelu_backward(dy, -x, np.zeros(slopes))[1]
        assert_within(actual, expected, roundings(3 * 250 * 300, 20) * -expected, f"slopes {slopes}")


@filled
def test_batch_norm(fill, isa):
    """Sums in float of 64 values, the rest in double: bounds of test_batch_norm.py."""
    x, dy = positive((3, 250, 300, 5)) + np.float32(3), fill((3, 250, 300, 5))
    gamma, beta, options = np.ones(5, np.float32), np.zeros(5, np.float32), {"epsilon": 1e-3}
    y, *limits = bounds(x, dy, gamma, options)
    assert_within(ops.batch_norm(x, gamma, beta, **options), reference.batch_norm(x, gamma, beta, **options), y, "y")
    found, expected = (library.batch_norm_backward(dy, x, gamma, beta, **options) for library in (ops, reference))
    for name, a, e, bound in zip(("dx", "dgamma", "dbeta"), found, expected, limits):
        assert_within(a, e, bound + TINY, name)


@filled
def test_windows_within_channels(fill, isa):
    """A window's rows are summed, then its columns: S is off by both, and y by β of that."""
    x, options = fill((1, 210, 220, 3)), {"size": 301, "alpha": 1.0, "beta": 0.75, "k": 1.0, "mode": "within_channel"}
    x *= np.float32(0.01)
    y, dx = reference.local_response_norm(x, **options), reference.local_response_norm_backward(x, x, **options)
    bound = 0.75 * (roundings(210) + roundings(220)) + 20 * UNIT
    assert_within(ops.local_response_norm(x, **options), y, bound * y, "y")
    own = x * (y / x)  # dx less what goes through neighbours
    assert_within(ops.local_response_norm_backward(x, x, **options), dx, 4 * bound * (2 * own - dx), "dx")


@pytest.mark.parametrize("op", ["softmax", "log_softmax"])
def test_many_classes(op, isa):
    """Each exponential is 4 units off, and its share of the sum is 1 / n."""
    n = 300_007
    x, dy = np.zeros((2, n), np.float32), np.concatenate([np.full((1, n), 0.1, np.float32), positive((1, n))])
    x[1] = positive((n,))
    y, dx = getattr(reference, op)(x), getattr(reference, f"{op}_backward")(dy, x)
    p = np.exp(y) if op == "log_softmax" else y
    sums = roundings(n, 40)
    assert_within(getattr(ops, op)(x), y, sums * (np.abs(y) if op == "softmax" else 1 + np.abs(y)), "y")
    terms = p * (dy + (p * dy).sum(-1, keepdims=True)) if op == "softmax" else dy + p * dy.sum(-1, keepdims=True)
    assert_within(getattr(ops, f"{op}_backward")(dy, x), dx, 3 * sums * terms, "dx")


def test_biases_in_lanes():
    """A plan's own sums, where images are lanes."""
    model = fastcnn.Sequential([L.Conv2D(3, 1, input_shape=(50, 60, 1)), L.GlobalAveragePooling2D()], seed=0)
    model.compile(fastcnn.optimizers.SGD(1.0), "mse")
    assert model._plan("train", 48, True).ops[1].lanes
    x, y = positive((48, 50, 60, 1)), np.full((48, 3), 1000.0)
    twin, before = Twin(model), model.get_weights()
    twin.step(x, y), model.train_on_batch(x, y)
    move = twin.weights[0][1] - before[1]
    assert_within(model.get_weights()[1], twin.weights[0][1], roundings(48 * 50 * 60, 20) * np.abs(move), "bias")
