"""Soft and Lp pooling: random configurations within computed bounds, and the ends of float32's range."""

import numpy as np
import pytest
from buffers import TINY, UNIT, assert_within, normal, poisoned
from remembered import reference
from test_ops_random import each, either, overlap, random_pool2d, seeds

from fastcnn import ops
from fastcnn.reference import pool2d as pooling


def problem(rng):
    """x, options and the windows' axes; channels last, as the bounds are written."""
    x, options = random_pool2d(rng)
    if options.pop("data_format") == "channels_first":
        x = x.transpose(0, 2, 3, 1).copy()
    axes = pooling._prepare(x, *options.values(), "channels_last")[1]
    return x, options, axes


def compare(op, arrays, options, y_bound, dx_bound, what):
    """y into a NaN-filled `out`, and dx, whose bound is a function of dy."""
    y = getattr(reference, op)(*arrays, **options)
    out, dy = poisoned(y.shape), normal(np.random.default_rng(y.size), y.shape)
    assert getattr(ops, op)(*arrays, **options, out=out) is out
    assert_within(out, y, y_bound, f"y of {what}")
    dx, expected = (getattr(library, f"{op}_backward")(dy, *arrays, **options) for library in (ops, reference))
    assert_within(dx, expected, dx_bound(dy), f"dx of {what}")


def soft_bounds(x, options, axes):
    """Bounds of y and dx.

    z = x − max is one rounding, which e^z multiplies by |z|; with its own few, and n additions of the sum that divides,
    a weight's relative error is at most (|z| + Z + n + 12)·u, Z = Σ w·|z|. So s = Σ w·z is off by
    Σ w·|z|·(|z| + Z + 2n + 14)·u and y = max + s by one rounding more; dx = dy·w·(1 + z − s) by what its factors are,
    and by the additions where windows overlap.
    """
    largest, z, w = pooling._soft_windows(x.astype(float), axes)
    n, near, s = len(w), (w * np.abs(z)).sum(0), (w * z).sum(0)
    s_units = (w * np.abs(z) * (np.abs(z) + near + 2 * n + 14)).sum(0)
    slope_units = (np.abs(z) + near + n + 18 + overlap(options)) * np.abs(1 + z - s) + np.abs(z) + s_units + 1 + near
    return (
        UNIT * (s_units + np.abs(largest + s)) + TINY,
        lambda dy: UNIT * pooling._spread(np.abs(dy) * w * slope_units, x, axes) + 1e4 * TINY,
    )


@seeds(4)
def test_soft_pool2d(seed, isa):
    for rng, what in each(seed, "soft_pool2d"):
        x, options, axes = problem(rng)
        if rng.random() < 0.3:
            x = x / np.abs(x).max() * np.float32(rng.uniform(1, 50))
        compare("soft_pool2d", (x,), options, *soft_bounds(x, options, axes), f"{what} of x {x.shape}, {options}")


def lp_bounds(x, p, options, axes):
    """Bounds of y and dx.

    t = |x|/max is one rounding; t^(p−1), through a logarithm L = |ln t|, is off by (p−1)·(4L + 1) + 6 units, and
    S = Σ t^p by these weighted with t^p/S, and n. y = max·S^(1/p) has of S a p-th, of the power 4·ln S / p + 8;
    dx = dy·t^(p−1)·S^(1/p−1) has both factors', and the additions where windows overlap.
    """
    _, t, total = pooling._lp_windows(x.astype(float), axes, p)
    with np.errstate(divide="ignore", invalid="ignore"):
        powers = np.where(t > 0, (p - 1) * (4 * np.abs(np.log(t)) + 1) + 6, 0)
    s_units = (t**p * powers).sum(0) / total + len(t) + 2
    root_units = (s_units + 4 * np.log(total)) / p
    y = reference.lp_pool2d(x, p, **options)
    slopes = (t / total ** (1 / p)) ** (p - 1) * (powers + (p - 1) * root_units + 9 + overlap(options))
    return (
        UNIT * y * (root_units + 9) + TINY,
        lambda dy: UNIT * pooling._spread(np.abs(dy) * slopes, x, axes) + 1e4 * TINY,
    )


@seeds(4)
def test_lp_pool2d(seed, isa):
    """Also with zeros among the values, whose gradient is 0."""
    for rng, what in each(seed, "lp_pool2d"):
        x, options, axes = problem(rng)
        if rng.random() < 0.3:
            x[rng.random(x.shape) < 0.3] = 0
        p = either(rng, 1, 2, 3, 1.5, 2.5, 7.0, 30.0)
        bounds = lp_bounds(x, p, options, axes)
        compare("lp_pool2d", (x, p), options, *bounds, f"{what} of p = {p}, x {x.shape}, {options}")


def image(*values):
    """One channel, 2 × 2 pixels."""
    return np.array(values, np.float32).reshape(1, 2, 2, 1)


@pytest.mark.parametrize("strides", [2, 1], ids=["fresh", "added"])
def test_soft_pool2d_at_the_ends_of_the_range(strides, isa):
    """Values far apart give their maximum, infinite or not; NaN stays NaN."""
    inf = np.inf
    for values, y, dx in [
        ((1e30, 1e30, -1e30, 0), 1e30, (0.5, 0.5, 0, 0)),
        ((3e38, -3e38, 0, 0), 3e38, (1, 0, 0, 0)),
        ((inf, 5, -inf, 0), inf, (1, 0, 0, 0)),
        ((-inf, 7, -inf, -inf), 7, (0, 1, 0, 0)),
        ((-inf, -inf, -inf, -inf), -inf, (0.25, 0.25, 0.25, 0.25)),
        ((np.nan, 1, 2, 3), np.nan, (np.nan,) * 4),
    ]:
        x, dy = image(*values), np.ones((1, 1, 1, 1))
        for library in (ops, reference):
            np.testing.assert_array_equal(library.soft_pool2d(x, 2, strides).ravel(), np.float32(y))
            np.testing.assert_array_equal(library.soft_pool2d_backward(dy, x, 2, strides).ravel(), dx)


@pytest.mark.parametrize("strides", [2, 1], ids=["fresh", "added"])
@pytest.mark.parametrize("p", [1, 2, 3, 1.25, 11])
def test_lp_pool2d_at_the_ends_of_the_range(p, strides, isa):
    """No power leaves float32; a window of zeros has the gradient 0, though the norm has none there."""
    inf, root = np.inf, 2 ** (1 / p)
    for values, y, dx in [
        ((0, 0, 0, -0.0), 0, (0, 0, 0, 0)),
        ((-1e30, 0, 0, 1e30), 1e30 * root, (-(root ** (1 - p)), 0, 0, root ** (1 - p))),
        ((1e-30, 0, 0, -1e-30), 1e-30 * root, (root ** (1 - p), 0, 0, -(root ** (1 - p)))),
        ((0, 0, -3e38, 0), 3e38, (0, 0, -1, 0)),
        ((inf, 0, 0, 0), inf, (1, 0, 0, 0)),
        ((np.nan, 1, 2, 3), np.nan, None),
    ]:
        x, dy = image(*values), np.ones((1, 1, 1, 1))
        for library in (ops, reference):
            np.testing.assert_allclose(library.lp_pool2d(x, p, 2, strides).ravel(), y, rtol=2e-6)
            if dx:
                found = library.lp_pool2d_backward(dy, x, p, 2, strides).ravel()
                np.testing.assert_allclose(found, dx, rtol=2e-6, atol=0)


def test_large_powers_are_nearly_the_maximum(isa):
    x = normal(np.random.default_rng(0), (2, 6, 6, 9))
    y, largest = ops.lp_pool2d(x, 1e6, 3), ops.max_pool2d(np.abs(x), 3)
    np.testing.assert_allclose(y, largest, rtol=3e-6)
    assert np.isfinite(ops.lp_pool2d_backward(np.ones_like(y), x, 1e6, 3)).all()
