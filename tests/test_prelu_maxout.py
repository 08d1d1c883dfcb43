"""PReLU with slopes shared along any axes, and maxout: exact on whole numbers, on every ISA and thread count."""

from itertools import product

import numpy as np
import pytest
from buffers import TINY, UNIT, assert_same, assert_within, integers, normal
from remembered import reference
from test_ops_exact import images

from fastcnn import activations, ops

SAMPLES = [  # of a sample; the axes of each may share slopes in any combination
    (37,),
    (3, 1),
    (5, 6, 7),
    (16, 1, 300),
    (2, 3, 2, 5),
]


def slopes_of(sample):
    """Every combination of shared axes."""
    for shared in product([False, True], repeat=len(sample)):
        yield tuple(1 if s else size for s, size in zip(shared, sample))


PROBLEMS = [(sample, slopes) for sample in SAMPLES for slopes in slopes_of(sample)]


def check_prelu(x, alpha, dy, bounds=(0, 0, 0)):
    actual = ops.prelu(x, alpha), *ops.prelu_backward(dy, x, alpha)
    expected = reference.prelu(x, alpha), *reference.prelu_backward(dy, x, alpha)
    for a, e, bound, what in zip(actual, expected, bounds, ("y", "dx", "dalpha")):
        assert_within(a, e, bound, what)


@pytest.mark.parametrize("sample, slopes", PROBLEMS, ids=str)
def test_prelu(sample, slopes, isa, threads):
    """17 images: nine partial sums, the last of one image."""
    rng = np.random.default_rng(sample)
    x, dy = (integers(rng, (17, *sample)) for _ in range(2))
    check_prelu(x, integers(rng, slopes), dy)


@pytest.mark.parametrize("slopes", [(96,), (24, 23, 96), (24, 1, 96), (24, 23, 1), (1, 23, 1), (1, 1, 1)], ids=str)
def test_prelu_shared_by_threads(slopes, isa, threads):
    rng = np.random.default_rng(slopes)
    x, dy = (integers(rng, (images(24 * 23 * 96), 24, 23, 96)) for _ in range(2))
    assert x.size > 1.5e6
    check_prelu(x, integers(rng, slopes), dy)


@pytest.mark.parametrize("slopes", [(9,), (1, 4, 9), (7, 4, 9), (7, 1, 1)], ids=str)
def test_prelu_of_any_numbers(slopes, isa):
    """One rounding per product; dalpha sums one product for each value that shares a slope."""
    rng = np.random.default_rng(slopes)
    x, dy, alpha = normal(rng, (20, 7, 4, 9)), normal(rng, (20, 7, 4, 9)), normal(rng, slopes)
    terms = reference.prelu_backward(np.abs(dy), -np.abs(x), alpha)[1]
    bound = (x.size // alpha.size + 2) * UNIT * np.abs(terms)
    check_prelu(x, alpha, dy, (UNIT * np.abs(x * alpha) + TINY, UNIT * np.abs(dy * alpha) + TINY, bound))


def test_prelu_of_special_values(isa):
    x = np.array([[np.nan, np.inf, -np.inf, 0.0, -0.0]], np.float32)
    assert_same(ops.prelu(x, [2.0]), [[np.nan, np.inf, -np.inf, 0, 0]])
    assert_same(ops.prelu(x, [-2.0]), [[np.nan, np.inf, np.inf, 0, 0]])
    assert_same(ops.prelu_backward(np.ones((1, 5)), x, [-2.0])[0], [[-2, 1, -2, -2, -2]])


def test_slopes_shared_too_oddly():
    activations.prelu_op((2, 3, 2, 3, 2), (1, 3, 1, 3, 1))
    with pytest.raises(ValueError, match="two runs.*Received: \\(2, 1, 2, 1, 2\\) for samples of shape \\(2, 3, 2, 3, 2\\)"):
        activations.prelu_op((2, 3, 2, 3, 2), (2, 1, 2, 1, 2))


def test_axes_of_one_place_cut_no_runs():
    """(3, 1, 4) with slopes for rows and columns is one run, not three."""
    assert activations.prelu_op((3, 1, 4), (3, 1, 4)).packed_size == 0
    assert activations.prelu_op((3, 1, 4), (1, 1, 4)).w_size == 4


@pytest.mark.parametrize("group_size", [1, 2, 3, 8])
@pytest.mark.parametrize("shape", [(1,), (5,), (3, 33), (2, 3, 4, 9), (60, 30_000)], ids=str)
def test_maxout(group_size, shape, isa, threads):
    """Many equal values, so that maxima tie, and some NaN."""
    rng = np.random.default_rng(shape)
    x, dy = integers(rng, (*shape[:-1], shape[-1] * group_size)), integers(rng, shape)
    x[rng.random(x.shape) < 0.05] = np.nan
    assert_same(ops.maxout(x, group_size), reference.maxout(x, group_size), "y")
    assert_same(ops.maxout_backward(dy, x, group_size), reference.maxout_backward(dy, x, group_size), "dx")
