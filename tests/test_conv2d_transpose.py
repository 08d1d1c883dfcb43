"""Transposed convolution: reference, op and layer."""

import itertools

import numpy as np
import pytest
from buffers import assert_same, assert_within, integers, normal
from remembered import reference
from test_ops_random import check, either, random_pair
from test_reference import check_gradients
from twin import Twin, assert_trained_alike, clear_batch

import fastcnn
from fastcnn import _ops, arguments, ops
from fastcnn import layers as L
from fastcnn.optimizers import SGD

WINDOWS = {  # x, kernel size, filters, options
    "plain": ((2, 4, 3, 3), (3, 2), 2, {}),
    "same": ((1, 4, 5, 2), (3, 4), 3, {"padding": "same", "strides": 2}),
    "strided": ((2, 3, 4, 2), (3, 2), 3, {"strides": (2, 3), "padding": ((1, 0), (0, 1))}),
    "more": ((1, 3, 4, 2), (2, 3), 2, {"strides": 3, "output_padding": (2, 1)}),
    "same_more": ((1, 3, 4, 2), (3, 5), 2, {"strides": (2, 3), "padding": "same", "output_padding": (1, 0)}),
    "dilated": ((1, 4, 3, 2), (2, 3), 2, {"dilation_rate": (3, 2), "padding": 1}),
    "dilated_strided": ((1, 4, 3, 2), (3, 2), 2, {"dilation_rate": (2, 3), "strides": 2, "padding": "same"}),
    "grouped": ((1, 4, 3, 4), (3, 2), 6, {"groups": 2, "strides": 2, "padding": "same"}),
    "depthwise": ((1, 3, 4, 3), (3, 3), 3, {"groups": 3, "strides": (1, 2), "padding": 1, "dilation_rate": (2, 1)}),
    "depthwise_two": ((1, 3, 4, 4), (3, 2), 2, {"groups": 2, "strides": (2, 1), "padding": "same"}),
    "apart": ((1, 3, 2, 2), (1, 2), 2, {"strides": (3, 4)}),
}
windows = pytest.mark.parametrize("case", WINDOWS.values(), ids=WINDOWS)


def arrays(case, make=normal):
    """x, kernel, bias, and the options."""
    shape, window, filters, options = case
    rng = np.random.default_rng(shape[1])
    return *(make(rng, s) for s in (shape, (*window, filters // options.get("groups", 1), shape[3]), (filters,))), options


def way_back(x, window, options):
    """(size, options of the convolution whose gradient this is)."""
    given = {"strides": 1, "padding": "valid", "dilation_rate": 1, "output_padding": None, "groups": 1} | options
    strides, dilation = (arguments.pair(key, given[key]) for key in ("strides", "dilation_rate"))
    size, pads = arguments.transposed(given["padding"], given["output_padding"], x.shape[1:3], window, strides, dilation)
    return size, {"strides": strides, "padding": pads, "dilation_rate": dilation, "groups": given["groups"]}


# The reference


def test_reference_by_hand():
    x = np.array([[1, 10], [100, 1000]], float).reshape(1, 2, 2, 1)
    kernel = np.array([1, 2, 3], float).reshape(1, 3, 1, 1)
    y = reference.conv2d_transpose(x, kernel, [0.5], strides=(2, 2))
    rows = [1.5, 2.5, 13.5, 20.5, 30.5], [100.5, 200.5, 1300.5, 2000.5, 3000.5]
    assert y[0, :, :, 0].tolist() == [rows[0], [0.5] * 5, rows[1], [0.5] * 5]
    y = reference.conv2d_transpose(x, kernel, strides=(1, 2), padding="same")
    assert y[0, :, :, 0].tolist() == [[1, 2, 13, 20], [100, 200, 1300, 2000]], "of five columns the last is cut off"
    y = reference.conv2d_transpose(x, kernel, padding=(0, 1))
    assert y[0, :, :, 0].tolist() == [[12, 23], [1200, 2300]]
    kernel = np.array([1, 2, 10, 20], float).reshape(1, 1, 2, 2)  # two filters of two channels
    assert reference.conv2d_transpose(np.array([1, 2.0]).reshape(1, 1, 1, 2), kernel).ravel().tolist() == [5, 50]


@windows
def test_reference_is_the_gradient_of_a_convolution(case):
    x, kernel, bias, options = arrays(case)
    size, back = way_back(x, kernel.shape[:2], options)
    there = np.zeros((len(x), *size, bias.size))
    dx = reference.conv2d_backward(x, there, kernel, **back)[0]
    y = reference.conv2d_transpose(x, kernel, bias, **options)
    np.testing.assert_allclose(y, dx + bias, rtol=0, atol=1e-13)
    first = reference.conv2d_transpose(x.transpose(0, 3, 1, 2), kernel, bias, data_format="channels_first", **options)
    np.testing.assert_array_equal(first, y.transpose(0, 3, 1, 2))


@windows
def test_reference_gradients(case):
    x, kernel, bias, options = arrays(case)
    check_gradients("conv2d_transpose", x, kernel, bias, **options)
    check_gradients("conv2d_transpose", x, kernel, **options)


SIZES = [  # input, kernel, stride, dilation, padding, output_padding, output
    (4, 3, 1, 1, "valid", None, 6), (4, 3, 2, 1, "valid", None, 9), (4, 2, 3, 1, "valid", None, 12),
    (4, 3, 2, 2, "valid", None, 11), (4, 3, 2, 1, "valid", 1, 10), (4, 2, 3, 1, "valid", 0, 11),
    (4, 3, 1, 1, "same", None, 4), (4, 3, 2, 1, "same", None, 8), (4, 2, 3, 1, "same", None, 12),
    (4, 3, 2, 1, "same", 0, 7), (4, 3, 2, 1, "same", 1, 8), (4, 4, 3, 1, "same", 2, 11), (4, 3, 2, 2, "same", 1, 8),
    (4, 3, 2, 1, 1, None, 7), (4, 3, 2, 1, 1, 1, 8), (4, 5, 3, 1, 2, 2, 12), (1, 1, 1, 1, "same", None, 1),
]  # fmt: skip


@pytest.mark.parametrize("i, k, s, d, padding, more, out", SIZES)
def test_sizes(i, k, s, d, padding, more, out):
    """The reference's, the op's and the layer's; the convolution back has the input's size."""
    x, options = np.ones((1, i, i, 1)), {"strides": s, "padding": padding, "output_padding": more, "dilation_rate": d}
    assert reference.conv2d_transpose(x, np.ones((k, k, 1, 1)), **options).shape[1:3] == (out, out)
    y = ops.conv2d_transpose(x, np.ones((k, k, 1, 1)), **options)
    assert y.shape[1:3] == (out, out)
    assert L.Conv2DTranspose(1, k, **options)(x).shape[1:3] == (out, out)
    _, back = way_back(x, (k, k), options)
    assert ops.conv2d(y, np.ones((k, k, 1, 1)), **back).shape == x.shape


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("strides", [1, 2, (2, 3)])
def test_undoes_the_size_of_a_convolution(padding, strides):
    x = np.zeros((1, 13, 21, 2) if padding == "valid" else (1, 12, 18, 2))  # all windows whole
    assert L.Conv2DTranspose(2, 3, strides, padding)(L.Conv2D(5, 3, strides, padding)(x)).shape == x.shape


BAD = {
    "kernel": lambda x: reference.conv2d_transpose(x, np.zeros((2, 2, 4, 3))),
    "bias": lambda x: reference.conv2d_transpose(x, np.zeros((2, 2, 3, 4)), np.zeros(4)),
    "output_padding": lambda x: reference.conv2d_transpose(x, np.zeros((2, 2, 3, 4)), strides=2, output_padding=2),
    "groups": lambda x: reference.conv2d_transpose(x, np.zeros((2, 2, 3, 4)), groups=3),
    "padding": lambda x: reference.conv2d_transpose(x, np.zeros((2, 2, 3, 4)), padding="full"),
    "empty": lambda x: reference.conv2d_transpose(x, np.zeros((2, 2, 3, 4)), padding=2),
    "dy": lambda x: reference.conv2d_transpose_backward(x, x, np.zeros((2, 2, 3, 4))),
}


@pytest.mark.parametrize("call", BAD.values(), ids=BAD)
def test_reference_refuses(call):
    with pytest.raises(ValueError, match="Received: "):
        call(np.zeros((1, 2, 3, 4)))


# The op

EXACT = {
    **WINDOWS,
    "pixel": ((2, 1, 1, 1), (1, 1), 1, {}),
    "pixel_spread": ((3, 1, 1, 5), (7, 4), 9, {"padding": ((1, 2), (0, 3))}),
    "few_filters": ((3, 14, 13, 32), (5, 5), 3, {"strides": 2, "padding": "same"}),  # all residues in one product
    "two_joined": ((2, 6, 5, 17), (4, 3), 7, {"strides": (3, 2), "padding": ((2, 0), (1, 2)), "output_padding": 1}),
    "many_filters": ((2, 7, 6, 20), (3, 3), 33, {"strides": 2, "padding": "same"}),
    "beyond_kernel": ((2, 3, 4, 9), (2, 1), 18, {"strides": (3, 4)}),
    "beyond_and_dilated": ((1, 5, 4, 16), (2, 3), 24, {"strides": 4, "dilation_rate": (2, 3), "padding": "same"}),
    "heavy": ((2, 4, 5, 96), (3, 3), 80, {"padding": "same"}),  # more weights than partial sums are made of
    "cut_away": ((2, 5, 6, 4), (3, 3), 6, {"strides": 2, "padding": ((4, 3), (0, 5))}),
    "groups_apart": ((2, 5, 4, 12), (3, 3), 54, {"strides": 2, "padding": "same", "groups": 3}),
    "groups_joined": ((2, 6, 5, 8), (4, 3), 4, {"strides": 2, "padding": "same", "groups": 2}),
    "depthwise_spread": ((3, 7, 6, 20), (3, 3), 20, {"strides": 2, "padding": "same", "groups": 20}),
    "depthwise_folded": ((2, 5, 14, 21), (3, 2), 7, {"strides": (2, 1), "padding": 1, "groups": 7}),
    "depthwise_many": ((1, 4, 5, 96), (3, 3), 3, {"strides": (1, 2), "groups": 3}),
    "decoder": ((4, 16, 16, 16), (4, 4), 8, {"strides": 2, "padding": "same"}),
}


@pytest.fixture(scope="module")
def problems():
    """x, kernel, bias, dy, options and the reference's y, dx, dw, db of small integers, by name."""
    found = {}
    for name, case in EXACT.items():
        x, kernel, bias, options = arrays(case, integers)
        y = reference.conv2d_transpose(x, kernel, bias, **options)
        dy = integers(np.random.default_rng(1), y.shape)
        expected = y, *reference.conv2d_transpose_backward(dy, x, kernel, bias, **options)
        found[name] = x, kernel, bias, dy, options, [e.astype(np.float32) for e in expected]
    return found


@pytest.mark.parametrize("name", EXACT)
def test_exact(name, problems, isa, threads, exact_sums):
    x, kernel, bias, dy, options, (y, *gradients) = problems[name]
    assert_same(ops.conv2d_transpose(x, kernel, bias, **options), y, "y")
    assert_same(ops.conv2d_transpose(x, kernel, **options), y - bias, "y without bias")
    for what, a, e in zip(("dx", "dw", "db"), ops.conv2d_transpose_backward(dy, x, kernel, bias, **options), gradients,
                          strict=True):
        assert_same(a, e, what)
    for a, e in zip(ops.conv2d_transpose_backward(dy, x, kernel, **options), gradients[:2], strict=True):
        assert_same(a, e, "without bias")


def test_what_is_exercised():
    """Weights large and small, residues joined and apart."""
    made = {}
    for name, (shape, window, filters, options) in EXACT.items():
        size, back = way_back(np.empty(shape), window, options)
        made[name] = _ops.conv2d_transpose(shape[1:], (*size, filters), window, back["strides"], back["dilation_rate"],
                                           back["padding"], back["groups"], True)
    assert not made["heavy"].partial and made["decoder"].partial
    assert made["few_filters"].packed_size < made["many_filters"].packed_size
    found = {name: [op.algorithm(p) for p in ("forward", "data", "weights")] for name, op in made.items()}
    depthwise = [found.pop(name) for name in EXACT if name.startswith("depthwise")]
    assert depthwise == 4 * [["depthwise"] * 3] + [["depthwise", "direct", "depthwise"]]
    assert all(algorithms == ["direct"] * 3 for algorithms in found.values())


@pytest.mark.parametrize("seed", range(4))
def test_random(seed, isa, exact_sums):
    rng = np.random.default_rng(seed)
    for i in range(30):
        groups = either(rng, 1, 1, 2, 5)
        most = either(rng, 3, 20 if groups == 1 else 9, 40 // groups)
        c, filters = (int(n) for n in rng.integers(1, most, 2))  # per group
        x = normal(rng, (int(rng.integers(1, 5)), *rng.integers(1, either(rng, 5, 12), 2), c * groups))
        window = tuple(int(k) for k in rng.integers(1, either(rng, 4, 7), 2))
        options = {"strides": random_pair(rng, 1, 4), "dilation_rate": random_pair(rng, 1, 3), "groups": groups}
        strides = np.broadcast_to(options["strides"], 2).tolist()
        options["output_padding"] = either(rng, None, tuple(int(rng.integers(0, s)) for s in strides))
        options["padding"] = either(rng, "valid", "same", ((int(rng.integers(0, 2)), 0), (0, int(rng.integers(0, 2)))))
        kernel, bias = normal(rng, (*window, filters, c * groups)), either(rng, None, normal(rng, filters * groups))
        try:
            pixels = reference.conv2d_transpose(x, kernel, **options).size // (filters * groups)
        except ValueError:
            continue  # nothing would be left
        taps = window[0] * window[1]
        terms = taps * c + 2, taps * filters + 2, x.size // (c * groups) + 2, pixels + 2
        with fastcnn.num_threads(1 + i % 4):
            check("conv2d_transpose", (x, kernel, bias), options, terms, f"x {x.shape}, kernel {kernel.shape}, {options}")


@pytest.mark.parametrize("activation", ["linear", "tanh"])
@pytest.mark.parametrize("size", [13, 24])
def test_winograd(size, activation, isa):
    """Where the convolution is Winograd's, so is this; bias and activation come with its last transform."""
    rng, options = np.random.default_rng(size), {"padding": "same", "groups": 2 if size == 13 else 1}
    layer = L.Conv2DTranspose(32, 3, activation=activation, bias_initializer="normal", input_shape=(size, size, 64),
                              **options)
    model = fastcnn.Sequential([layer], seed=0)
    model.compile(SGD(1.0), "mse")
    assert [layer.op.algorithm(name)[:2] for name in ("forward", "data", "weights")] == ["F("] * 3
    lines = []
    model.summary(lines.append, algorithms=True)
    assert any("F(" in line for line in lines)
    x = normal(rng, (3, size, size, 64))
    kernel, bias = layer.get_weights()
    y = reference.conv2d_transpose(x, kernel, bias, **options)
    expected = np.tanh(y) if activation == "tanh" else y
    for batch in 1, 3:
        assert_within(model.predict(x, batch_size=batch), expected, 1e-5 * np.abs(y).max())
    dy = normal(rng, y.shape)
    gradients = reference.conv2d_transpose_backward(dy, x, kernel, bias, **options)
    for a, e in zip(ops.conv2d_transpose_backward(dy, x, kernel, bias, **options), gradients):
        assert_within(a, e, 1e-5 * np.abs(e).max())
    exact = L.Conv2DTranspose(32, 3, padding="same", exact=True)
    exact(x[:1])
    assert exact.op.algorithm("forward") == exact.op.algorithm("data") == "direct"


# Layers


def network():
    return [
        L.Conv2D(6, 3, strides=2, activation="tanh", input_shape=(9, 11, 2)),
        L.Conv2DTranspose(20, 3, padding="same", activation="silu", kernel_regularizer="l2", bias_regularizer="l1",
                          groups=2),
        L.Conv2DTranspose(3, (3, 2), strides=2, padding="same"),
        L.Activation("sigmoid"),
        L.LocalResponseNormalization(3),
        L.MaxPooling2D(2),
        L.Conv2DTranspose(4, 2, strides=(1, 3), output_padding=(0, 2), use_bias=False, trainable=False),
        L.Conv2DTranspose(5, 3, dilation_rate=2, padding=1, activation="softmax"),
        L.Conv2DTranspose(5, 2, groups=5, activation="tanh"),
        L.Conv2DTranspose(2, 1, activation="relu"),
        L.LocalResponseNormalization(2, alpha=0.1),
        L.MaxPooling2D(3, 2),
        L.Flatten(),
        L.Dense(3),
    ]


def compiled(seed=2):
    model = fastcnn.Sequential(network(), seed=seed)
    model.compile(SGD(0.1, momentum=0.9), "mse")
    return model


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("batch", [1, 21])
def test_training(batch, threads):
    """Activations fused behind it, also where a normalization with pooling takes their mask along."""
    model, rng = compiled(), np.random.default_rng(batch)
    twin, before = Twin(model), [layer.get_weights() for layer in model.layers]
    with fastcnn.num_threads(threads):
        for _ in range(2):
            x, y = clear_batch(twin, rng, batch, (9, 11, 2)), rng.standard_normal((batch, 3)).astype(np.float32)
            assert model.train_on_batch(x, y) == pytest.approx(twin.step(x, y), rel=2e-5)
    assert assert_trained_alike(model, twin, before, 5e-5, 2) > 9


def test_activations_are_fused():
    names = [op.name for op in compiled()._plan("predict", 2).ops]
    assert names.count("activation") == 0 and names.count("activation_of_x") == 1, "silu's derivative needs x"
    assert names.count("conv2d_transpose") == 6


def test_the_same_bits_at_any_number_of_threads():
    def trained(threads):
        model, rng = compiled(), np.random.default_rng(0)
        with fastcnn.num_threads(threads):
            for batch in 5, 40, 17:
                model.train_on_batch(rng.standard_normal((batch, 9, 11, 2)), rng.standard_normal((batch, 3)))
            y = model.predict(rng.standard_normal((3, 9, 11, 2)))
        return [w.tobytes() for w in model.get_weights()], y.tobytes()

    assert trained(1) == trained(2) == trained(7)


def test_files(tmp_path):
    model, x = compiled(), np.random.default_rng(0).standard_normal((3, 9, 11, 2)).astype(np.float32)
    model.save(tmp_path / "m")
    loaded = fastcnn.load_model(tmp_path / "m")
    assert_same(loaded.predict(x), model.predict(x))
    assert [w.shape for w in loaded.layers[2].get_weights()] == [(3, 2, 3, 20), (3,)]
    loaded.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "m").read_bytes()


def test_an_autoencoder_learns():
    """Down by strided convolutions, up again; the loss falls."""
    x = np.zeros((64, 8, 8, 1), np.float32)
    for image, (row, column) in zip(x, itertools.product(range(8), repeat=2)):
        image[row, :], image[:, column] = 1, 1
    model = fastcnn.Sequential([
        L.Conv2D(8, 3, 2, "same", activation="relu", input_shape=(8, 8, 1)), L.Conv2D(16, 3, 2, "same", activation="relu"),
        L.Conv2DTranspose(8, 3, 2, "same", activation="relu"), L.Conv2DTranspose(1, 3, 2, "same", activation="sigmoid"),
        L.Flatten(),
    ], seed=0)
    model.compile(SGD(2.0, momentum=0.9), "mse")
    flat = x.reshape(64, -1)
    first = model.evaluate(x, flat, verbose=0)
    model.fit(x, flat, batch_size=16, epochs=30, verbose=0)
    assert model.evaluate(x, flat, verbose=0) < 0.5 * first


@pytest.mark.parametrize("layer", [
    lambda: L.DepthwiseConv2D(3, depth_multiplier=2, use_bias=False), lambda: L.SeparableConv2D(6, 3),
    lambda: L.Conv2DTranspose(6, 3, 2), lambda: L.Conv2DTranspose(6, 3, groups=3, use_bias=False),
])
def test_batch_normalization_behind(layer):
    """In predictions it may be folded into a kernel; a transposed one's last axis is not the filters."""
    model = fastcnn.Sequential([layer(), L.BatchNormalization(), L.ReLU()], seed=0)
    model.build((None, 6, 5, 3))
    rng = np.random.default_rng(0)
    model.set_weights([rng.uniform(0.5, 2, w.shape) for w in model.get_weights()])
    x = normal(rng, (4, 6, 5, 3))
    apart = model.layers[2](model.layers[1](model.layers[0](x)))
    assert np.std(apart) > 0.1
    assert_within(model.predict(x, verbose=0), apart, 2e-6 * np.abs(apart).max())
