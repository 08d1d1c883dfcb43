"""Convolution channel by channel: reference, the op that serves it, and layers; dilation and groups besides."""

import itertools

import numpy as np
import pytest
from buffers import TINY, UNIT, assert_same, assert_within, integers, normal
from remembered import reference
from test_ops_random import check, either, random_pair
from test_reference import check_gradients
from twin import Twin, assert_trained_alike, clear_batch

import fastcnn
from fastcnn import _ops, ops
from fastcnn import layers as L
from fastcnn.optimizers import SGD
from fastcnn.regularizers import L2

WINDOWS = {
    "plain": ((2, 5, 4, 3), (3, 2), 1, {}),
    "two": ((1, 5, 6, 3), (2, 3), 2, {"padding": "same"}),
    "strided": ((1, 7, 6, 2), (3, 2), 3, {"strides": (2, 3), "padding": ((1, 0), (2, 1))}),
    "dilated": ((1, 7, 8, 2), (3, 2), 1, {"dilation_rate": (2, 3), "padding": "same"}),
    "dilated_strided": ((1, 9, 8, 2), (2, 3), 2, {"dilation_rate": (3, 2), "strides": 2, "padding": 2}),
    "one_channel": ((2, 4, 4, 1), (2, 2), 3, {}),
}
windows = pytest.mark.parametrize("case", WINDOWS.values(), ids=WINDOWS)


def arrays(case, seed=0):
    """x, kernel, bias, and the options."""
    shape, window, multiplier, options = case
    rng = np.random.default_rng(seed)
    shapes = shape, (*window, shape[3], multiplier), (shape[3] * multiplier,)
    return *(rng.standard_normal(s) for s in shapes), options


# The reference


@windows
def test_reference_is_a_convolution_of_groups(case):
    """As many groups as channels; the kernel's numbers lie in the same order."""
    x, kernel, bias, options = arrays(case)
    grouped, c = kernel.reshape(*kernel.shape[:2], 1, -1), x.shape[3]
    y = reference.depthwise_conv2d(x, kernel, bias, **options)
    np.testing.assert_allclose(y, reference.conv2d(x, grouped, bias, groups=c, **options), rtol=0, atol=1e-13)
    first = reference.depthwise_conv2d(x.transpose(0, 3, 1, 2), kernel, bias, data_format="channels_first", **options)
    np.testing.assert_array_equal(first, y.transpose(0, 3, 1, 2))


@windows
def test_reference_gradients(case):
    x, kernel, bias, options = arrays(case)
    check_gradients("depthwise_conv2d", x, kernel, bias, **options)
    check_gradients("depthwise_conv2d", x, kernel, **options)
    pointwise = np.random.default_rng(1).standard_normal((1, 1, bias.size, 4))
    check_gradients("separable_conv2d", x, kernel, pointwise, pointwise[0, 0, 0], **options)


def test_reference_by_hand():
    x = np.array([[1, 10], [2, 20]], float).reshape(1, 1, 2, 2)  # two pixels of two channels
    kernel = np.array([[[1, 2], [3, 4]], [[5, 6], [7, 8]]], float)[None]  # (1, 2, 2 channels, 2 filters)
    assert reference.depthwise_conv2d(x, kernel, [0, 0, 0, 0.5]).ravel().tolist() == [11, 14, 170, 200.5]
    pointwise = np.array([1, 0, 0, 10.0]).reshape(1, 1, 4, 1)
    assert reference.separable_conv2d(x, kernel, pointwise, [1]).ravel().tolist() == [2012]


BAD = {
    "kernel": lambda x: reference.depthwise_conv2d(x, np.zeros((2, 2, 3, 1))),
    "bias": lambda x: reference.depthwise_conv2d(x, np.zeros((2, 2, 4, 2)), np.zeros(4)),
    "pointwise": lambda x: reference.separable_conv2d(x, np.zeros((1, 1, 4, 2)), np.zeros((2, 1, 8, 3))),
    "dy": lambda x: reference.depthwise_conv2d_backward(x, x, np.zeros((2, 2, 4, 1))),
}


@pytest.mark.parametrize("call", BAD.values(), ids=BAD)
def test_reference_refuses(call):
    with pytest.raises(ValueError, match="Received: "):
        call(np.zeros((1, 2, 3, 4)))


# The op: which convolutions it takes, and random ones


def algorithms(in_c, out_c, groups):
    op = _ops.conv2d((9, 8, in_c), out_c, (3, 3), (1, 1), (1, 1), ((0, 0), (0, 0)), groups, False, False)
    return [op.algorithm(name) for name in ("forward", "data", "weights")]


def test_which_convolutions():
    assert algorithms(16, 16, 16) == algorithms(3, 6, 3) == algorithms(2, 2, 2) == ["depthwise"] * 3
    assert algorithms(1, 6, 1) == algorithms(16, 16, 8) == algorithms(2, 256, 2) == ["direct"] * 3
    assert algorithms(2, 64, 2) == ["direct", "depthwise", "depthwise"], "so many filters fill a tile"
    first = L.DepthwiseConv2D(3, input_shape=(9, 8, 4))
    model = fastcnn.Sequential([first, L.Conv2D(4, 3, groups=4), L.SeparableConv2D(3, 2)])
    lines = []
    model.summary(lines.append, algorithms=True)
    assert [line.rstrip().rsplit("  ", 1)[1] for line in lines[4:7]] == ["depthwise", "depthwise", "depthwise + direct"]


@pytest.mark.parametrize("seed", range(6))
def test_random(seed, isa, exact_sums):
    rng = np.random.default_rng(seed)
    for i in range(30):
        c, multiplier = int(rng.integers(2, either(rng, 4, 20, 70))), either(rng, 1, 1, 2, 3, 9)
        x = normal(rng, (int(rng.integers(1, 5)), *rng.integers(1, either(rng, 6, 30), 2), c))
        window = tuple(int(k) for k in rng.integers(1, either(rng, 4, 9), 2))
        options = {"strides": random_pair(rng, 1, 4), "dilation_rate": random_pair(rng, 1, 4)}
        reach = [(k - 1) * d for k, d in zip(window, np.broadcast_to(options["dilation_rate"], 2).tolist())]
        least = [max(0, r + 1 - n) for r, n in zip(reach, x.shape[1:3])]  # so that there is an output
        sides = [tuple(int(p) for p in rng.integers(0, 4, 2) + [n - n // 2, n // 2]) for n in least]
        options["padding"] = either(rng, "same", tuple(sides))
        kernel, bias = normal(rng, (*window, c, multiplier)), either(rng, None, normal(rng, c * multiplier))
        taps, pixels = window[0] * window[1], reference.depthwise_conv2d(x, kernel, **options).size // (c * multiplier)
        with fastcnn.num_threads(1 + i % 4):
            terms = taps + 3, taps * multiplier + 2, pixels + 2, pixels + 2
            check("depthwise_conv2d", (x, kernel, bias), options, terms, f"x {x.shape}, kernel {kernel.shape}, {options}")


def test_separable(isa, exact_sums):
    """A sum of sums: the bound of the inner ones goes through the outer."""
    rng = np.random.default_rng(0)
    for strides, padding, multiplier in itertools.product([1, (2, 1)], ["same", "valid"], [1, 2]):
        x, depthwise = normal(rng, (3, 9, 8, 5)), normal(rng, (3, 2, 5, multiplier))
        pointwise, bias = normal(rng, (1, 1, 5 * multiplier, 7)), normal(rng, 7)
        terms = 6 + 5 * multiplier + 6, 6 + 7 + 6, 200 + 10, 200 + 10, 200
        options = {"strides": strides, "padding": padding}
        values = x, depthwise, pointwise, bias
        y = reference.separable_conv2d(*values, **options)
        dy, sums = normal(rng, y.shape), [np.abs(v) for v in values]
        found = ops.separable_conv2d(*values, **options), *ops.separable_conv2d_backward(dy, *values, **options)
        expected = y, *reference.separable_conv2d_backward(dy, *values, **options)
        largest = reference.separable_conv2d(*sums, **options), *reference.separable_conv2d_backward(
            np.abs(dy), *sums, **options
        )
        for a, e, n, s in zip(found, expected, terms, largest, strict=True):
            assert_within(a, e, n * UNIT * s + TINY)


def test_edges_are_left_out(isa):
    """A tap beyond the image is no product with 0: infinite weights do not spoil what they do not meet."""
    kernel = np.ones((3, 3, 8, 1), np.float32)
    kernel[0] = np.inf
    y = ops.depthwise_conv2d(np.ones((1, 2, 3, 8)), kernel, padding="same")
    assert y[0, 0, 1].tolist() == [6] * 8 and np.isinf(y[0, 1]).all()


# Dilation and groups, of everything that has them, on every path


COMBINATIONS = [
    (groups, dilation, strides)
    for groups, dilation, strides in itertools.product([1, 2, 3, 6], [1, 2, (3, 1)], [1, 2, (1, 3)])
]


@pytest.mark.parametrize("groups, dilation, strides", COMBINATIONS, ids=str)
def test_dilated_and_grouped(groups, dilation, strides, isa):
    """Small integers, so exact; six channels to six and eighteen filters: 3 × 3 direct, depthwise where groups are six."""
    rng = np.random.default_rng(groups)
    for filters, padding in (6, "same"), (18, ((2, 1), (0, 3))):
        x, kernel = integers(rng, (2, 13, 12, 6)), integers(rng, (3, 3, 6 // groups, filters))
        options = {"strides": strides, "padding": padding, "dilation_rate": dilation, "groups": groups}
        y = reference.conv2d(x, kernel, **options)
        dy = integers(rng, y.shape)
        assert_same(ops.conv2d(x, kernel, **options), y)
        layer = L.Conv2D(filters, 3, use_bias=False, exact=True, **options)
        assert layer(x).shape == y.shape
        layer.set_weights([kernel])
        assert_same(layer(x), y)
        for a, e in zip(ops.conv2d_backward(dy, x, kernel, **options), reference.conv2d_backward(dy, x, kernel, **options)):
            assert_same(a, e)


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("dilation", [1, 2])
def test_dilated_convolutions_are_not_winograds(groups, dilation):
    pads = ((dilation, dilation),) * 2
    op = _ops.conv2d((13, 13, 64), 64, (3, 3), (1, 1), (dilation, dilation), pads, groups, False, False)
    assert (op.algorithm("forward") == "direct") == (dilation == 2)
    rng = np.random.default_rng(0)
    x, kernel = normal(rng, (2, 13, 13, 64)), normal(rng, (3, 3, 64 // groups, 64))
    options = {"padding": dilation, "dilation_rate": dilation, "groups": groups}
    y = reference.conv2d(x, kernel, **options)
    assert_within(ops.conv2d(x, kernel, **options), y, 1e-5 * np.abs(y).max())
    dy = normal(rng, y.shape)
    for a, e in zip(ops.conv2d_backward(dy, x, kernel, **options), reference.conv2d_backward(dy, x, kernel, **options)):
        assert_within(a, e, 1e-5 * np.abs(e).max())


# Layers


def network():
    return [
        L.DepthwiseConv2D(3, padding="same", depth_multiplier=4, activation="tanh", depthwise_regularizer="l2",
                          bias_regularizer="l1", input_shape=(10, 9, 3)),
        L.Conv2D(12, 3, dilation_rate=2, groups=2, padding="same", activation="tanh"),
        L.SeparableConv2D(20, 3, strides=2, padding="same", activation="gelu", depthwise_regularizer=L2(0.05),
                          pointwise_regularizer=L2(0.02)),
        L.MaxPooling2D(3, 1, padding="same"),
        L.Conv2D(20, 3, groups=20, dilation_rate=(2, 1), padding="same", use_bias=False),
        L.Activation("sigmoid"),
        L.SeparableConv2D(5, 2, depth_multiplier=2, use_bias=False),
        L.DepthwiseConv2D(2, strides=2, trainable=False),
        L.DepthwiseConv2D((2, 1)),
        L.Flatten(),
        L.Dense(3),
    ]


def compiled(seed=2):
    model = fastcnn.Sequential(network(), seed=seed)
    model.compile(SGD(0.1, momentum=0.9), "mse")
    return model


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("batch", [2, 21])
def test_training(batch, threads):
    model, rng = compiled(), np.random.default_rng(batch)
    twin, before = Twin(model), [layer.get_weights() for layer in model.layers]
    with fastcnn.num_threads(threads):
        for _ in range(2):
            x, y = clear_batch(twin, rng, batch, (10, 9, 3)), rng.standard_normal((batch, 3)).astype(np.float32)
            assert model.train_on_batch(x, y) == pytest.approx(twin.step(x, y), rel=2e-5)
    assert assert_trained_alike(model, twin, before, 5e-5, 2) > 12


def test_the_same_bits_at_any_number_of_threads():
    def trained(threads):
        model, rng = compiled(), np.random.default_rng(0)
        with fastcnn.num_threads(threads):
            for batch in 5, 40, 17:
                model.train_on_batch(rng.standard_normal((batch, 10, 9, 3)), rng.standard_normal((batch, 3)))
            y = model.predict(rng.standard_normal((3, 10, 9, 3)))
        return [w.tobytes() for w in model.get_weights()], y.tobytes()

    assert trained(1) == trained(2) == trained(7)


def test_files(tmp_path):
    model, x = compiled(), np.random.default_rng(0).standard_normal((3, 10, 9, 3)).astype(np.float32)
    model.save(tmp_path / "m")
    loaded = fastcnn.load_model(tmp_path / "m")
    assert_same(loaded.predict(x), model.predict(x))
    assert [w.shape for w in loaded.layers[2].get_weights()] == [(3, 3, 12, 1), (1, 1, 12, 20), (20,)]
    loaded.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "m").read_bytes()
