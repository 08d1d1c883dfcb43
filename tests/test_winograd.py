"""Convolutions by Winograd's algorithm: close to the reference, the same bits whatever the cut, and only where chosen.

Bounds: 1e-5 of the largest |y| (|dx|, |dw|), 2e-6 in the 2-norm, 2.5e-6 of F(4×4, 5×5).
"""

from functools import lru_cache

import numpy as np
import pytest
from buffers import guarded, guarded_before, normal, poisoned
from cases import CONV2D, Conv2DCase
from remembered import reference

import fastcnn
from fastcnn import _ops, arguments, ops
from fastcnn.layers import Conv2D

THREE, WIDER, FOUR = "F(4×4, 3×3)", "F(5×5, 3×3)", "F(3×3, 4×4)"
FIVE, MANY = "F(3×3, 5×5)", "F(4×4, 5×5)"  # of few channels, of many
ALEXNET = [case for case in CONV2D if case.name.startswith("alexnet")]
CASES = [*ALEXNET, *[case for case in CONV2D if case.name in ("cifar.conv2", "odd.prime_channels", "odd.heavy_groups")],
         Conv2DCase("wino.valid", (9, 10, 16), 16, (3, 3)),
         Conv2DCase("wino.asymmetric", (12, 17, 20), 19, (3, 3), padding=((2, 0), (1, 2))),
         Conv2DCase("wino.tails", (29, 8, 35), 37, (3, 3), padding="same"),
         Conv2DCase("wino.groups", (15, 14, 57), 60, (3, 3), padding="same", groups=3),
         Conv2DCase("wino.four", (14, 19, 17), 26, (4, 4), padding="same"),
         Conv2DCase("wino.four_asymmetric", (16, 11, 36), 40, (4, 4), padding=((1, 3), (3, 0)), groups=2),
         Conv2DCase("wino.five", (13, 19, 17), 26, (5, 5), padding="same"),
         Conv2DCase("wino.five_asymmetric", (16, 12, 36), 40, (5, 5), padding=((1, 4), (3, 0)), groups=2),
         Conv2DCase("wino.wide", (8, 301, 16), 16, (3, 3), padding="same"),
         Conv2DCase("wino.space_to_depth", (33, 30, 5), 19, (9, 9), strides=(3, 3), padding="same"),
         Conv2DCase("wino.first_of_resnet", (61, 45, 3), 20, (7, 7), strides=(2, 2), padding=((3, 3), (3, 3))),
         Conv2DCase("wino.space_to_depth_four", (40, 37, 7), 18, (8, 8), strides=(2, 2), padding=((3, 1), (0, 5))),
         Conv2DCase("wino.space_to_depth_five", (40, 37, 4), 18, (10, 10), strides=(2, 2), padding=((3, 1), (0, 5)))]


def pads_of(case):
    return arguments.pads(case.padding, case.image[:2], case.kernel_size, case.strides, case.dilation_rate)


def descriptor(case, exact=False):
    return _ops.conv2d(case.image, case.filters, case.kernel_size, case.strides, case.dilation_rate, pads_of(case),
                       case.groups, True, exact)


@lru_cache(maxsize=None)
def problem(case):
    """x, kernel, bias, dy and, by the reference, y, dx, dkernel, dbias; images enough for a block to hold several."""
    rng = np.random.default_rng(list(case.name.encode()))
    batch = 1 if case.name == "alexnet.conv1" else 2 if case.name.startswith("alexnet") else 5
    shapes = (batch, *case.image), case.kernel_shape, (case.filters,), (batch, *case.out_shape)
    x, kernel, bias, dy = (normal(rng, shape) for shape in shapes)
    y = reference.conv2d(x, kernel, bias, **case.options)
    return x, kernel, bias, dy, y, reference.conv2d_backward(dy, x, kernel, bias, **case.options)


def assert_close(actual, expected, algorithm):
    assert np.abs(actual - expected).max() <= 1e-5 * np.abs(expected).max()
    assert np.linalg.norm(actual - expected) <= (2.5e-6 if MANY in algorithm else 2e-6) * np.linalg.norm(expected)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_close_to_the_reference(case, isa):
    x, kernel, bias, dy, y, gradients = problem(case)
    out = poisoned(y.shape)
    ops.conv2d(x, kernel, bias, **case.options, out=out)
    op = descriptor(case)
    assert_close(out, y, op.algorithm("forward"))
    for actual, expected in zip(ops.conv2d_backward(dy, x, kernel, bias, **case.options), gradients, strict=True):
        assert_close(actual, expected, op.algorithm("weights"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_same_bits_at_any_number_of_threads(case):
    x, kernel, bias, dy, _, _ = problem(case)
    results = []
    for threads in (1, 2, 3, 7):
        with fastcnn.num_threads(threads):
            results.append([ops.conv2d(x, kernel, bias, **case.options),
                            *ops.conv2d_backward(dy, x, kernel, bias, **case.options)])
    for other in results[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(results[0], other, strict=True))


@pytest.mark.parametrize("case", [case for case in CASES if case.groups == 1 and case.strides == (1, 1)],
                         ids=lambda case: case.name)
def test_an_image_does_not_depend_on_its_batch(case):
    x, kernel, bias, _, _, _ = problem(case)
    x = np.concatenate([x, x[::-1]])
    whole = ops.conv2d(x, kernel, bias, **case.options)
    parts = [ops.conv2d(x[i:i + 1], kernel, bias, **case.options) for i in range(len(x))]
    assert np.array_equal(whole, np.concatenate(parts))


@pytest.mark.parametrize("guard", [guarded, guarded_before])
@pytest.mark.parametrize("case", CASES[5:], ids=lambda case: case.name)
def test_stays_within_its_arrays(case, guard):
    x, kernel, bias, dy, y, _ = problem(case)
    x, kernel, bias, dy = (guard(a) for a in (x, kernel, bias, dy))
    ops.conv2d(x, kernel, bias, **case.options, out=poisoned(y.shape, guard))
    ops.conv2d_backward(dy, x, kernel, bias, **case.options)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_reaches_only_the_tiles_whose_window_holds_it(value):
    rng = np.random.default_rng(0)
    x, kernel = normal(rng, (2, 16, 16, 16)), normal(rng, (3, 3, 16, 16))
    clean = ops.conv2d(x, kernel, padding="same")
    x[0, 9, 14, 3] = value
    y = ops.conv2d(x, kernel, padding="same")
    reached = ~np.isfinite(y).all(axis=-1)
    assert reached[0, 8:11, 13:16].all()  # the windows that hold the pixel
    allowed = np.zeros((2, 16, 16), bool)
    allowed[0, 8:12, 12:16] = True  # the tile of those windows
    assert not (reached & ~allowed).any()
    assert np.array_equal(y[~allowed], clean[~allowed])


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
def test_activation_behind_it(activation):
    x = normal(np.random.default_rng(1), (3, 13, 13, 18))
    layer = Conv2D(21, 3, padding="same", activation=activation, bias_initializer="random_normal")
    y = layer(x)
    linear = reference.conv2d(x, *(w.astype(np.float64) for w in layer.get_weights()), padding="same")
    expected = getattr(reference, activation)(linear)
    assert layer.op.algorithm("forward") == WIDER
    assert np.abs(y - expected).max() <= 1e-5 * np.abs(linear).max()


CHOSEN = {"alexnet.conv1": ("space to depth, " + WIDER, "direct", "space to depth, " + WIDER),
          "alexnet.conv2": (MANY,) * 3, "alexnet.conv3": (WIDER,) * 3, "alexnet.conv4": (WIDER,) * 3,
          "alexnet.conv5": (WIDER,) * 3, "cifar.conv2": (THREE,) * 3, "wino.four": (FOUR,) * 3, "wino.five": (FIVE,) * 3,
          "wino.first_of_resnet": ("space to depth, " + FOUR, "direct", "space to depth, " + FOUR),
          "lenet5.conv1": ("direct",) * 3, "lenet5.conv2": ("F(5, 5)", "direct", "direct"), "odd.dilated": ("direct",) * 3,
          "odd.strided_many_channels": ("direct",) * 3, "cifar.conv1": ("direct",) * 3}


@pytest.mark.parametrize("name", CHOSEN)
def test_algorithm_by_shape(name):
    case = next(case for case in [*CONV2D, *CASES] if case.name == name)
    passes = "forward", "data", "weights"
    assert tuple(descriptor(case).algorithm(p) for p in passes) == CHOSEN[name]
    assert {descriptor(case, exact=True).algorithm(p) for p in passes} == {"direct"}


def test_exact_by_layer_and_by_setting():
    def algorithm(**options):
        layer = Conv2D(16, 3, input_shape=(18, 18, 16), **options)
        return fastcnn.Sequential([layer]).layers[0].op.algorithm("forward")

    assert algorithm() == algorithm(exact=False) == THREE
    assert algorithm(exact=True) == "direct"
    with fastcnn.config_context(exact=True):
        assert fastcnn.get_config() == {"exact": True}
        assert algorithm() == "direct"
        assert algorithm(exact=False) == THREE
    assert fastcnn.get_config() == {"exact": False}
    with pytest.raises(TypeError, match="exact"):
        fastcnn.set_config(exact="yes")
    with pytest.raises(TypeError, match="exact"):
        Conv2D(16, 3, exact=1.5)


def test_training_takes_direct_sums_of_four_taps():
    """GoogLeNet's normalized layers make twenty times as much of what the first one rounds."""
    case = next(case for case in CASES if case.name == "wino.first_of_resnet")
    op = descriptor(case).trained()
    assert [op.algorithm(name) for name in ("forward", "weights")] == ["direct", "space to depth, " + FOUR]
    model = fastcnn.Sequential([Conv2D(20, 7, 2, "valid", use_bias=False, input_shape=(61, 45, 3))], seed=0)
    model.compile("sgd", "mse")
    x, y = normal(np.random.default_rng(0), (2, 61, 45, 3)), np.zeros((2, *model.output_shape[1:]), np.float32)
    loss, _ = model.gradients(x, y)
    exact = fastcnn.Sequential([Conv2D(20, 7, 2, "valid", use_bias=False, exact=True, input_shape=(61, 45, 3))])
    exact.set_weights(model.get_weights())
    outputs = exact.predict(x)
    assert loss == pytest.approx(float(np.square(outputs, dtype=np.float64).mean()), rel=2e-7)
    assert not np.array_equal(outputs, model.predict(x))


def test_exact_is_saved(tmp_path):
    model = fastcnn.Sequential([Conv2D(16, 3, exact=True, input_shape=(13, 13, 16))])
    model.save(tmp_path / "m.safetensors")
    assert fastcnn.load_model(tmp_path / "m.safetensors").layers[0].exact is True


def test_summary_says_the_algorithms():
    lines = []
    fastcnn.networks.alexnet().summary(lines.append, algorithms=True)
    conv1, conv2 = (next(line for line in lines if line.startswith(name)) for name in ("conv1 ", "conv2 "))
    assert conv1.endswith(f"space to depth, {WIDER}, data direct")
    assert conv2.endswith(MANY)
    assert not any("F(" in line for line in lines if line.startswith(("fc6", "pool1", "lrn1")))
    plain = []
    fastcnn.networks.alexnet().summary(plain.append)
    assert not any("F(" in line for line in plain)
