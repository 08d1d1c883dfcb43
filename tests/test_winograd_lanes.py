"""Winograd's algorithm along rows, with images as lanes: close to the float64 reference, and only where it is chosen.

Bounds: 1e-5 of the largest |y| (|dx|, |dw|), 2e-6 in the 2-norm. Gradients of whole networks, and the same bits at any
number of threads: test_lanes.py.
"""

import numpy as np
import pytest
from buffers import normal
from remembered import reference
from test_ops_random import either

import fastcnn
from fastcnn import _ops
from fastcnn import layers as L

PASSES = "forward", "data", "weights"


def lanes():
    """Images of a chunk; skips a test where they are no lanes."""
    if _ops.lanes_width() == 1:
        pytest.skip("vectors of one float have no lanes")
    return _ops.lanes_width()


def one_layer(x, kernel, bias, padding):
    """A model of one convolution, in lanes; the algorithms of its passes."""
    layer = L.Conv2D(kernel.shape[3], kernel.shape[:2], padding=padding, name="c")
    model = fastcnn.Sequential([fastcnn.Input(x.shape[1:]), layer])
    model.compile("sgd", "mse")
    model.set_weights([kernel, bias])
    op, = [op for op in model._plan("train", len(x), True).ops if op and op.name == "conv2d"]
    assert op.lanes
    return model, [op.algorithm(name) for name in PASSES]


def random_layer(rng):
    """(x, kernel, bias, padding) of a convolution whose rows have tiles, at least as many images as lanes."""
    window, sides = (int(rng.integers(1, 7)), either(rng, 3, 5)), (int(n) for n in rng.integers(6, 25, 2))
    channels, filters = (int(n) for n in rng.integers(1, 16, 2))
    padding = tuple(tuple(int(n) for n in rng.integers(0, 5, 2)) for _ in range(2))
    x = normal(rng, (lanes() + int(rng.integers(0, 5)), *sides, channels))
    return x, normal(rng, (*window, channels, filters)), normal(rng, filters), padding


def errors(x, kernel, bias, padding):
    """{pass: (its algorithm, largest error / largest value, the same in the 2-norm)} of a layer, against float64."""
    model, algorithms = one_layer(x, kernel, bias, padding)
    y = reference.conv2d(x, kernel, bias, padding=padding)
    targets = normal(np.random.default_rng(0), y.shape)
    dy = 2 / y.size * (y - targets)
    dx, dw, _ = reference.conv2d_backward(dy, x, kernel, bias, padding=padding)
    _, found = model.gradients(x, targets, wrt=["weights", "inputs"])
    got = model.predict_on_batch(x), found[model.input_names[0]], found["c/kernel"]
    return {name: (algorithm, np.abs(a - e).max() / np.abs(e).max(), np.linalg.norm(a - e) / np.linalg.norm(e))
            for name, algorithm, a, e in zip(PASSES, algorithms, got, (y, dx, dw))}


@pytest.mark.parametrize("seed", range(8))
def test_close_to_the_reference(seed, isa):
    rng, seen = np.random.default_rng(seed), set()
    for _ in range(12):
        layer = random_layer(rng)
        for name, (algorithm, most, norm) in errors(*layer).items():
            what = f"{name} by {algorithm} of x {layer[0].shape}, kernel {layer[1].shape}, padding {layer[3]}"
            assert most <= 1e-5 and norm <= 2e-6, what
            seen.add(algorithm)
    assert "F(5, 5)" in seen


@pytest.mark.parametrize("kernel", [(3, 3), (4, 3), (2, 5), (5, 5)])
@pytest.mark.parametrize("padding", [((0, 0), (0, 0)), ((4, 3), (5, 6)), ((0, 6), (7, 0))])
def test_windows_that_see_padding_alone(kernel, padding, isa):
    rng = np.random.default_rng(3)
    x = normal(rng, (lanes() + 1, 7, 18, 13))
    found = errors(x, normal(rng, (*kernel, 13, 15)), normal(rng, 15), padding)
    assert {algorithm for algorithm, _, _ in found.values()} == {"F(4, 3)" if kernel[1] == 3 else "F(5, 5)"}
    assert all(most <= 1e-5 and norm <= 2e-6 for _, most, norm in found.values())


def test_where_it_is_chosen():
    width, rng = lanes(), np.random.default_rng(0)

    def algorithms(channels, filters, window, columns=18):
        x = normal(rng, (width, 12, columns, channels))
        return one_layer(x, normal(rng, (*window, channels, filters)), normal(rng, filters), "valid")[1]

    assert algorithms(6, 15, (5, 5)) == algorithms(6, 15, (3, 5)) == ["F(5, 5)"] * 3
    assert algorithms(9, 15, (3, 3)) == ["F(4, 3)"] * 3
    assert algorithms(9, 15, (3, 3), 7) == algorithms(9, 15, (5, 4)) == algorithms(1, 2, (5, 5)) == ["direct"] * 3
    assert algorithms(1, 6, (5, 5)) == ["direct", "direct", "F(5, 5)"], "transforms of few channels cost more than they save"
    with fastcnn.config_context(exact=True):
        assert algorithms(6, 15, (5, 5)) == ["direct"] * 3


def test_numbers_that_are_none_stay_in_their_tile():
    width, rng = lanes(), np.random.default_rng(0)
    x, kernel, bias = normal(rng, (width, 9, 14, 6)), normal(rng, (5, 5, 6, 15)), normal(rng, 15)
    model, _ = one_layer(x, kernel, bias, "valid")
    y = model.predict_on_batch(x)
    x[1, 2, 3, 4] = np.nan
    found = model.predict_on_batch(x)
    off = ~np.isfinite(found)
    assert off[1, :3, :5].all() and not off[[0, *range(2, width)]].any() and not off[1, 3:].any() and not off[1, :, 5:].any()
    assert np.array_equal(found[~off], y[~off])
