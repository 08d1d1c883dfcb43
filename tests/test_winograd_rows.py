"""Winograd's algorithm along rows, with channels as lanes: close to the float64 reference, with the bits of images as lanes,
and only where it is chosen.

Bounds: 1e-5 of the largest |y|, 2e-6 in the 2-norm.
"""

import numpy as np
import pytest
from buffers import assert_same, guarded, guarded_before, normal, poisoned
from cases import Conv2DCase
from remembered import reference
from test_ops_random import either
from test_winograd import descriptor
from test_winograd_lanes import lanes

import fastcnn
from fastcnn import layers as L
from fastcnn import ops

CASES = [Conv2DCase("rows.lenet5", (14, 14, 6), 16, (5, 5)),
         Conv2DCase("rows.same", (13, 19, 7), 11, (5, 5), padding="same"),
         Conv2DCase("rows.asymmetric", (9, 33, 10), 35, (3, 5), padding=((2, 0), (1, 3))),
         Conv2DCase("rows.three", (12, 30, 14), 14, (4, 3), padding="same"),
         Conv2DCase("rows.one_row", (5, 60, 5), 40, (5, 5)),
         Conv2DCase("rows.wide", (17, 210, 3), 33, (5, 5), padding="same"),
         Conv2DCase("rows.long_sums", (9, 25, 15), 12, (7, 5), padding="same")]
BY_NAME = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def algorithm(case):
    return descriptor(case).algorithm("forward")


def problem(case, batch=3):
    rng = np.random.default_rng(list(case.name.encode()))
    return [normal(rng, shape) for shape in ((batch, *case.image), case.kernel_shape, (case.filters,))]


def assert_close(y, expected, what=""):
    assert np.abs(y - expected).max() <= 1e-5 * np.abs(expected).max(), what
    assert np.linalg.norm(y - expected) <= 2e-6 * np.linalg.norm(expected), what


@BY_NAME
def test_close_to_the_reference(case, isa, threads):
    x, kernel, bias = problem(case)
    assert algorithm(case) == ("F(4, 3)" if case.kernel_size[1] == 3 else "F(5, 5)")
    for guard in guarded, guarded_before:
        arrays = [guard(a) for a in (x, kernel, bias)]
        y = ops.conv2d(*arrays, **case.options, out=poisoned((3, *case.out_shape), guard))
        assert_close(y, reference.conv2d(x, kernel, bias, **case.options))
    assert_close(ops.conv2d(x, kernel, **case.options), reference.conv2d(x, kernel, **case.options))


@pytest.mark.parametrize("seed", range(4))
def test_random_layers(seed, isa):
    rng, seen = np.random.default_rng(seed), set()
    for _ in range(40):
        image, filters = tuple(int(n) for n in (*rng.integers(6, 40, 2), rng.integers(1, 16))), int(rng.integers(1, 70))
        padding = tuple(tuple(int(n) for n in rng.integers(0, 5, 2)) for _ in range(2))
        case = Conv2DCase("random", image, filters, (int(rng.integers(1, 7)), either(rng, 3, 5)), padding=padding)
        seen.add(algorithm(case))
        if algorithm(case) in ("F(5, 5)", "F(4, 3)"):
            arrays = problem(case, int(rng.integers(1, 4)))
            assert_close(ops.conv2d(*arrays, **case.options), reference.conv2d(*arrays, **case.options), case)
    assert {"F(5, 5)", "F(4, 3)"} <= seen


@BY_NAME
def test_same_bits_at_any_number_of_threads_and_images(case, isa):
    x, kernel, bias = problem(case, 7)
    with fastcnn.num_threads(1):
        expected = ops.conv2d(x, kernel, bias, **case.options)
    for threads in 1, 2, 3, 16:
        with fastcnn.num_threads(threads):
            for n in 1, 2, 7:
                assert_same(ops.conv2d(x[:n], kernel, bias, **case.options), expected[:n])


@pytest.mark.parametrize("image, filters, kernel", [((14, 14, 6), 16, 5), ((12, 17, 10), 15, 5), ((9, 30, 8), 9, (2, 5)),
                                                   ((14, 22, 9), 15, 3)])
def test_the_bits_of_images_as_lanes(image, filters, kernel, isa):
    """An image has the same bits alone and in a batch that is taken as lanes."""
    model = fastcnn.Sequential([L.Conv2D(filters, kernel, activation="tanh", input_shape=image)], seed=1)
    x = normal(np.random.default_rng(0), (2 * lanes() + 1, *image))
    y = model.predict_on_batch(x)
    op = next(op for op in model._plans["predict"].ops if op.name == "conv2d")
    assert op.lanes and op.algorithm("forward") == model.layers[0].op.algorithm("forward") != "direct"
    for n in {1, lanes() - 1}:
        assert_same(np.concatenate([model.predict_on_batch(x[i:i + n]) for i in range(0, len(x), n)]), y)


@pytest.mark.parametrize("kind", ["sum", "join"])
@pytest.mark.parametrize("bend", [None, "relu", "tanh"])
def test_what_is_fused_behind_it(kind, bend, isa, threads):
    x = fastcnn.Input((14, 14, 6))
    conv = L.Conv2D(16, 5, bias_initializer="normal")(x)
    other = L.Conv2D(16, 5, exact=True)(x)
    y = L.Add()([conv, other]) if kind == "sum" else L.Activation(bend)(conv) if bend else conv
    y = L.Concatenate()([other, y]) if kind == "join" else L.Activation(bend)(y) if bend else y
    model, images = fastcnn.Model(x, y, seed=1), normal(np.random.default_rng(0), (3, 14, 14, 6))
    one, two = (fastcnn.Model(x, z) for z in (conv, other))
    a, b = one.predict_on_batch(images), two.predict_on_batch(images)
    bent = {None: lambda a: a, "relu": lambda a: np.maximum(a, 0), "tanh": np.tanh}[bend]
    expected = bent(a + b) if kind == "sum" else np.concatenate([b, bent(a)], axis=-1)
    np.testing.assert_allclose(model.predict_on_batch(images), expected, rtol=0, atol=1e-6 * np.abs(expected).max())
    ops_of = model._plans["predict"].ops
    assert [op.name for op in ops_of] == ["conv2d", "conv2d"] and "F(5, 5)" in [op.algorithm("forward") for op in ops_of]


def test_where_it_is_chosen():
    def chosen(image, filters, kernel, **options):
        return algorithm(Conv2DCase("one", image, filters, kernel, **options))

    assert chosen((14, 14, 6), 16, (5, 5)) == chosen((14, 40, 6), 16, (3, 5)) == "F(5, 5)"
    assert chosen((14, 40, 12), 12, (3, 3)) == "F(4, 3)"
    assert chosen((14, 14, 6), 16, (5, 4)) == chosen((14, 14, 6), 16, (5, 5), strides=(1, 2)) == "direct"
    assert chosen((14, 14, 6), 16, (5, 5), dilation_rate=(2, 1)) == chosen((14, 14, 6), 16, (5, 5), groups=2) == "direct"
    assert chosen((14, 14, 6), 16, (9, 5), padding="same") == "F(5, 5)" and chosen((90, 14, 6), 16, (45, 5)) == "direct"
    assert chosen((13, 19, 17), 26, (5, 5), padding="same") == "F(3×3, 5×5)", "of more channels tiles are square"
    case = CASES[0]
    assert {descriptor(case).algorithm(name) for name in ("data", "weights")} == {"direct"}
    assert descriptor(case, exact=True).algorithm("forward") == "direct"
    with fastcnn.config_context(exact=True):
        model = fastcnn.Sequential([L.Conv2D(16, 5, input_shape=(14, 14, 6))])
    assert model.layers[0].op.algorithm("forward") == "direct"


def test_numbers_that_are_none_stay_in_their_tile(isa):
    x, kernel, bias = problem(CASES[0])
    y = ops.conv2d(x, kernel, bias)
    x[1, 2, 3, 4] = np.nan
    found = ops.conv2d(x, kernel, bias)
    off = ~np.isfinite(found)
    assert off[1, :3, :5].all() and not off[[0, 2]].any() and not off[1, 3:].any() and not off[1, :, 5:].any()
    assert_same(found[~off], y[~off])
