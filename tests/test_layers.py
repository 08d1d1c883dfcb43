"""Layers one by one: outputs against the reference, shapes and counts, configurations, weights, errors."""

import json
import math

import numpy as np
import pytest
from buffers import UNIT, assert_within
from twin import Affine, run_layer

import fastcnn
from fastcnn import layers as L

# layer, sample, output, parameters, multiply-adds, connections
CASES = {
    "conv2d": (lambda: L.Conv2D(6, 5), (9, 8, 3), (5, 4, 6), 456, 20 * 450, 20 * 456),
    "conv2d.all": (
        lambda: L.Conv2D(8, (3, 2), (2, 1), "same", groups=2, activation="elu", bias_initializer="normal"),
        (9, 7, 4),
        (5, 7, 8),
        104,
        35 * 96,
        35 * 104,
    ),
    "conv2d.dilated": (
        lambda: L.Conv2D(
            3,
            3,
            padding=((2, 1), (0, 3)),
            dilation_rate=(2, 1),
            use_bias=False,
            activation={"name": "leaky_relu", "negative_slope": 0.5},
        ),
        (6, 5, 2),
        (5, 6, 3),
        54,
        30 * 54,
        30 * 54,
    ),
    "conv2d.softmax": (
        lambda: L.Conv2D(4, 1, activation="softmax"),
        (2, 3, 5),
        (2, 3, 4),
        24,
        6 * 20,
        6 * 24,
    ),
    "depthwise": (lambda: L.DepthwiseConv2D(3, bias_initializer="normal"), (9, 8, 5), (7, 6, 5), 50, 42 * 45, 42 * 50),
    "depthwise.all": (
        lambda: L.DepthwiseConv2D((3, 2), (2, 3), "same", 3, dilation_rate=(1, 2), activation="elu"),
        (9, 7, 4),
        (5, 3, 12),
        84,
        15 * 72,
        15 * 84,
    ),
    "depthwise.one_channel": (
        lambda: L.DepthwiseConv2D(3, depth_multiplier=4, use_bias=False, activation="softmax"),
        (6, 5, 1),
        (4, 3, 4),
        36,
        12 * 36,
        12 * 36,
    ),
    "separable": (
        lambda: L.SeparableConv2D(7, 3, bias_initializer="normal", activation="tanh"),
        (6, 5, 4),
        (4, 3, 7),
        36 + 28 + 7,
        12 * 64,
        12 * 71,
    ),
    "separable.all": (
        lambda: L.SeparableConv2D(5, (2, 3), 2, ((1, 0), (2, 1)), None, 2, 3, "softmax", False),
        (7, 8, 2),
        (3, 4, 5),
        36 + 30,
        12 * 66,
        12 * 66,
    ),
    "transpose": (
        lambda: L.Conv2DTranspose(4, 3, bias_initializer="normal"), (5, 6, 3), (7, 8, 4), 112, 30 * 108, 30 * 108 + 56 * 4
    ),
    "transpose.all": (
        lambda: L.Conv2DTranspose(6, (3, 4), (2, 3), "same", (1, 0), None, (1, 2), "softmax", False, groups=2),
        (4, 3, 2),
        (8, 7, 6),
        72,
        12 * 72,
        12 * 72,
    ),
    "dense": (lambda: L.Dense(7, bias_initializer="normal"), (11,), (7,), 84, 77, 84),
    "dense.softmax": (lambda: L.Dense(10, activation="softmax", use_bias=False), (84,), (10,), 840, 840, 840),
    "dense.wide": (lambda: L.Dense(600, activation="tanh"), (500,), (600,), 300600, 300000, 300600),
    "max_pool": (lambda: L.MaxPooling2D(3, strides=2, padding="same"), (7, 8, 5), (4, 4, 5), 0, 0, 80 * 9),
    "max_pool.ceil": (lambda: L.MaxPooling2D((2, 3), ceil_mode=True), (7, 8, 2), (4, 3, 2), 0, 0, 24 * 6),
    "avg_pool": (
        lambda: L.AveragePooling2D((2, 3), 2, padding=1, count_include_pad=True),
        (6, 7, 3),
        (4, 4, 3),
        0,
        0,
        48 * 6,
    ),
    "avg_pool.same": (lambda: L.AveragePooling2D(3, 2, padding="same"), (6, 7, 3), (3, 4, 3), 0, 0, 36 * 9),
    "soft_pool": (lambda: L.SoftPooling2D(3, strides=2, padding="same"), (7, 8, 5), (4, 4, 5), 0, 0, 80 * 9),
    "lp_pool": (lambda: L.LpPooling2D(3, (2, 3), ceil_mode=True), (7, 8, 2), (4, 3, 2), 0, 0, 24 * 6),
    "lp_pool.broken": (lambda: L.LpPooling2D(1.5, 2, 1, padding=1), (4, 3, 9), (5, 4, 9), 0, 0, 180 * 4),
    "global_max": (L.GlobalMaxPooling2D, (4, 5, 6), (6,), 0, 0, 120),
    "adaptive": (lambda: L.AdaptiveAveragePooling2D((3, 4)), (6, 8, 5), (3, 4, 5), 0, 0, 240),
    "adaptive.irregular": (lambda: L.AdaptiveAveragePooling2D((3, 5)), (7, 4, 2), (3, 5, 2), 0, 0, 2 * 9 * 8),
    "global_max.kept": (lambda: L.GlobalMaxPooling2D(keepdims=True), (4, 5, 6), (1, 1, 6), 0, 0, 120),
    "global_avg.kept": (lambda: L.GlobalAveragePooling2D(keepdims=True), (4, 5, 6), (1, 1, 6), 0, 0, 120),
    "global_avg": (L.GlobalAveragePooling2D, (4, 5, 6), (6,), 0, 0, 120),
    "lrn": (L.LocalResponseNormalization, (3, 4, 9), (3, 4, 9), 0, 0, 0),
    "lrn.mean": (lambda: L.LocalResponseNormalization(4, 0.5, 0.6, 1.0, "mean"), (7,), (7,), 0, 0, 0),
    "lrn.groups": (lambda: L.LocalResponseNormalization(3, 0.5, groups=3), (4, 5, 9), (4, 5, 9), 0, 0, 0),
    "lrn.within": (
        lambda: L.LocalResponseNormalization(3, 1.0, 0.75, 1.0, "mean", "within_channel"),
        (4, 5, 3),
        (4, 5, 3),
        0,
        0,
        0,
    ),
    "batch_norm": (
        lambda: L.BatchNormalization(
            gamma_initializer="normal",
            beta_initializer="normal",
            moving_mean_initializer="normal",
            moving_variance_initializer="random_uniform",
            epsilon=0.5,
        ),
        (3, 4, 9),
        (3, 4, 9),
        36,
        108,
        216,
    ),
    "batch_norm.bare": (
        lambda: L.BatchNormalization(1, momentum=0.9, center=False, scale=False, moving_mean_initializer="normal"),
        (7,),
        (7,),
        14,
        0,
        0,
    ),
    "layer_norm": (
        lambda: L.LayerNormalization(gamma_initializer="normal", beta_initializer="normal"), (3, 4, 9), (3, 4, 9), 18,
        108, 216,
    ),
    "layer_norm.whole": (
        lambda: L.LayerNormalization([1, 2, 3], 0.5, gamma_initializer="normal"), (3, 4, 9), (3, 4, 9), 216, 108, 216,
    ),
    "layer_norm.rows": (
        lambda: L.LayerNormalization((-2, -1), scale=False, beta_initializer="normal"), (3, 4, 9), (3, 4, 9), 36, 0, 108,
    ),
    "layer_norm.bare": (lambda: L.LayerNormalization(1, center=False, scale=False), (7,), (7,), 0, 0, 0),
    "group_norm": (
        lambda: L.GroupNormalization(3, gamma_initializer="normal", beta_initializer="normal"), (3, 4, 9), (3, 4, 9), 18,
        108, 216,
    ),
    "group_norm.instance": (
        lambda: L.GroupNormalization(-1, 3, 0.5, scale=False, beta_initializer="normal"), (3, 4, 5), (3, 4, 5), 5, 0, 60,
    ),
    "group_norm.rows": (lambda: L.GroupNormalization(4, center=False, gamma_initializer="normal"), (40,), (40,), 40, 40, 40),
    "flatten": (L.Flatten, (3, 4, 2), (24,), 0, 0, 0),
    "zero_padding": (lambda: L.ZeroPadding2D(((1, 0), (2, 3))), (3, 4, 5), (4, 9, 5), 0, 0, 0),
    "cropping": (lambda: L.Cropping2D((1, 2)), (4, 6, 5), (2, 2, 5), 0, 0, 0),
    "upsampling": (lambda: L.UpSampling2D((2, 3)), (4, 3, 5), (8, 9, 5), 0, 0, 0),
    "upsampling.bilinear": (lambda: L.UpSampling2D(3, interpolation="bilinear"), (4, 3, 5), (12, 9, 5), 0, 0, 0),
    "reshape": (lambda: L.Reshape((4, -1)), (3, 4, 2), (4, 6), 0, 0, 0),
    "permute": (lambda: L.Permute((2, 3, 1)), (3, 4, 2), (4, 2, 3), 0, 0, 0),
    "permute.unmoved": (lambda: L.Permute((2, 1, 3)), (1, 4, 2), (4, 1, 2), 0, 0, 0),
    "dropout": (lambda: L.Dropout(0.5, seed=3), (3, 4), (3, 4), 0, 0, 0),
    "spatial_dropout": (lambda: L.SpatialDropout2D(0.5, seed=3), (3, 4, 2), (3, 4, 2), 0, 0, 0),
    "noise": (lambda: L.GaussianNoise(0.5, seed=3), (3, 4), (3, 4), 0, 0, 0),
    "rescaling": (lambda: L.Rescaling(2.0, 0.5), (5, 7), (5, 7), 0, 0, 0),
    "rescaling.channels": (lambda: L.Rescaling([1.5, -2.0, 3.0], (0.1, 0.2, 0.3)), (3, 2, 3), (3, 2, 3), 0, 0, 0),
    "normalization": (lambda: L.Normalization(mean=[0.5, -2.0], variance=(2, 0.1)), (3, 2, 2), (3, 2, 2), 0, 0, 0),
    "normalization.one": (lambda: L.Normalization(None, 0.5, 0.25), (11,), (11,), 0, 0, 0),
    "normalization.inverse": (lambda: L.Normalization(2, 0.5, [0.25, 4], invert=True), (3, 2), (3, 2), 0, 0, 0),
    "leaky_relu": (lambda: L.LeakyReLU(0.1), (9,), (9,), 0, 0, 0),
    "elu": (lambda: L.ELU(0.7), (2, 5), (2, 5), 0, 0, 0),
    "prelu": (lambda: L.PReLU("normal"), (3, 4, 5), (3, 4, 5), 60, 60, 60),
    "prelu.shared": (lambda: L.PReLU("normal", [1, 2]), (3, 4, 5), (3, 4, 5), 5, 60, 60),
    "prelu.one": (lambda: L.PReLU("normal", 1), (40,), (40,), 1, 40, 40),
    "maxout": (L.Maxout, (3, 4, 6), (3, 4, 3), 0, 0, 72),
    "maxout.five": (lambda: L.Maxout(5), (35,), (7,), 0, 0, 35),
    "conv2d.silu": (lambda: L.Conv2D(4, 2, activation="swish"), (3, 3, 2), (2, 2, 4), 36, 4 * 32, 4 * 36),
    "dense.hard_silu": (lambda: L.Dense(7, activation="hard_swish"), (11,), (7,), 84, 77, 84),
    "dense.gelu": (lambda: L.Dense(7, activation="gelu"), (11,), (7,), 84, 77, 84),
    "relu": (L.ReLU, (2, 2, 3), (2, 2, 3), 0, 0, 0),
    "relu.leaky": (lambda: L.ReLU(negative_slope=0.25), (7,), (7,), 0, 0, 0),
    "relu.six": (lambda: L.ReLU(6.0), (7,), (7,), 0, 0, 0),
    "relu6": (L.ReLU6, (2, 2, 3), (2, 2, 3), 0, 0, 0),
    "softmax": (L.Softmax, (3, 11), (3, 11), 0, 0, 0),
    **{
        f"activation.{name}": (lambda name=name: L.Activation(name), (3, 7), (3, 7), 0, 0, 0)
        for name in (
            "linear",
            "relu",
            "leaky_relu",
            "elu",
            "sigmoid",
            "tanh",
            "scaled_tanh",
            "softplus",
            "softsign",
            "hard_sigmoid",
            "selu",
            "exponential",
            "relu6",
            "silu",
            "gelu",
            "hard_silu",
            "softmax",
            "log_softmax",
        )
    },
}
each_case = pytest.mark.parametrize("case", CASES)


def built(case, batch=3):
    """(layer, its entry of CASES, a batch, its output)."""
    fastcnn.set_random_seed(len(case))
    layer = CASES[case][0]()
    x = np.random.default_rng(len(case)).standard_normal((batch, *CASES[case][1])).astype(np.float32)
    return layer, CASES[case], x, layer(x)


def magnitude(layer, x):
    """The sum of the absolute terms behind each output, to which roundings are proportional."""
    if isinstance(layer, (L.Conv2D, L.Conv2DTranspose, L.DepthwiseConv2D, L.SeparableConv2D, L.Dense)):
        bare = type(layer).from_config({**layer.get_config(), "activation": "linear"})
        terms = run_layer(bare, np.abs(x), [np.abs(w) for w in layer.get_weights()])[0]
        return terms.max(axis=-1, keepdims=True) if "softmax" in layer.activation[0] else terms
    return run_layer(layer, np.abs(x))[0] if "Pooling" in type(layer).__name__ else 1.0


@each_case
def test_output(case):
    layer, _, x, y = built(case)
    expected = run_layer(layer, x, layer.get_weights())[0]
    assert_within(y, expected, 8 * UNIT * (magnitude(layer, x) + np.abs(expected)), case)


@each_case
def test_shape_and_counts(case):
    layer, (_, sample, output, *counts), _, y = built(case)
    assert (layer.input_shape, layer.output_shape, y.shape[1:]) == ((None, *sample), (None, *output), output)
    assert [layer.count_params(), layer.multiply_adds(), layer.connections()] == counts
    assert layer.count_params() == sum(w.size for w in layer.get_weights())


@each_case
def test_configuration_round_trip(case):
    layer, (_, sample, *_), x, y = built(case)
    config = json.loads(
        json.dumps({**layer.get_config(), "name": "other", "input_shape": sample, "trainable": False})
    )
    other = type(layer).from_config(config)
    assert (other.name, other.given_shape, other.trainable) == ("other", sample, False)
    assert json.loads(json.dumps(other.get_config())) == config
    other.build_for(sample)
    other.seed_parameters(0)
    other.set_weights(layer.get_weights())
    assert np.array_equal(other(x), y)


@each_case
def test_one_batch_as_single_samples(case):
    layer, _, x, y = built(case, 5)
    assert np.array_equal(np.concatenate([layer(x[i : i + 1]) for i in range(5)]), y)


@pytest.mark.parametrize("case", ["conv2d", "dense", "dense.wide", "max_pool", "activation.tanh", "flatten"])
def test_empty_batch(case):
    layer, _, x, y = built(case)
    assert layer(x[:0]).shape == (0, *y.shape[1:])
    assert np.array_equal(layer(x), y)


@pytest.mark.parametrize("case", ["conv2d", "conv2d.all", "dense", "dense.wide"])
def test_set_weights(case):
    layer, _, x, y = built(case)
    weights = layer.get_weights()
    weights[0][...] = 0
    assert layer.get_weights()[0].any(), "get_weights gives copies"
    layer.set_weights([2 * w for w in layer.get_weights()])
    changed = layer(x)
    assert not np.array_equal(changed, y), "packed copies are renewed"
    assert_within(changed, run_layer(layer, x, layer.get_weights())[0], 1e-4)
    assert all(
        np.array_equal(a, b) and not a.flags.writeable for a, b in zip(layer.weights, layer.get_weights())
    )
    for wrong in (weights[:1], [*weights, weights[0]], [w[..., :-1] for w in weights]):
        with pytest.raises(ValueError, match="Received: "):
            layer.set_weights(wrong)
    with pytest.raises(TypeError, match="Received: dtype complex"):
        layer.set_weights([w.astype(complex) for w in weights])
    assert np.array_equal(layer(x), changed), "refused weights change nothing"


def test_a_layer_follows_its_model():
    """`layer(x)` uses the weights of now, however they came: set, trained, or moved into a model."""
    x = np.random.default_rng(0).standard_normal((4, 6)).astype(np.float32)
    layer = L.Dense(3)
    layer(x)
    model = fastcnn.Sequential([layer], seed=0)
    model.build((6,))
    assert np.array_equal(layer(x), model.predict(x))
    model.set_weights([np.ones((6, 3)), np.ones(3)])
    assert np.array_equal(layer(x), model.predict(x))
    layer.set_weights([np.full((6, 3), 2), np.ones(3)])
    assert np.array_equal(layer(x), model.predict(x))
    model.compile(fastcnn.optimizers.SGD(0.5), "mse")
    model.train_on_batch(x, np.zeros((4, 3)))
    assert np.array_equal(layer(x), model.predict(x))
    model.add(L.Dense(2))
    model.train_on_batch(x, np.zeros((4, 2)))
    assert np.array_equal(model.layers[1](layer(x)), model.predict(x))


def test_a_layer_that_packs_its_weights_follows_its_model():
    """What it packed for the first call is made again when the model has changed them."""
    x = np.random.default_rng(0).standard_normal((2, 9, 8, 20)).astype(np.float32)
    layer = L.Conv2D(24, 3)
    model = fastcnn.Sequential([layer, L.Flatten(), L.Dense(2)], seed=0)
    model.build((9, 8, 20))
    model.compile(fastcnn.optimizers.SGD(0.5), "mse")
    before = layer(x)
    model.set_weights([w + 1 for w in model.get_weights()])
    assert np.abs(layer(x) - before).max() > 1
    before = layer(x)
    model.train_on_batch(x, np.zeros((2, 2)))
    kernel, bias = layer.get_weights()
    assert np.array_equal(layer(x), fastcnn.ops.conv2d(x, kernel, bias)) and not np.array_equal(layer(x), before)


@pytest.mark.parametrize("x", [np.float64, np.uint8, np.dtype(">f4"), bool], ids=str)
def test_any_real_dtype(x):
    layer = L.Conv2D(3, 3, activation="relu", kernel_initializer="ones")
    values = np.random.default_rng(0).integers(0, 2, (2, 5, 6, 2)).astype(x)
    plain = np.ascontiguousarray(values, np.float32)
    assert np.array_equal(layer(values), layer(plain))
    assert np.array_equal(layer(values[::-1, :, ::-1]), layer(np.ascontiguousarray(plain[::-1, :, ::-1])))
    assert np.array_equal(layer(plain.tolist()), layer(plain))


FIRST = [
    (
        L.Conv2D,
        {"filters": 6, "kernel_size": (3, 2), "strides": (1, 2), "padding": ((1, 0), (2, 0)), "groups": 2},
    ),
    (L.DepthwiseConv2D, {"kernel_size": (3, 2), "strides": (1, 2), "padding": "same", "depth_multiplier": 2}),
    (L.Conv2DTranspose, {"filters": 5, "kernel_size": (3, 2), "strides": (2, 1), "padding": ((1, 0), (0, 1))}),
    (L.SeparableConv2D, {"filters": 5, "kernel_size": (3, 2), "padding": ((1, 0), (2, 0))}),
    (L.MaxPooling2D, {"pool_size": (3, 2), "strides": (1, 2)}),
    (L.AveragePooling2D, {"pool_size": (2, 3)}),
    (L.SoftPooling2D, {"pool_size": (2, 3)}),
    (L.LpPooling2D, {"p": 2, "pool_size": (2, 3)}),
    (L.ZeroPadding2D, {"padding": ((1, 0), (0, 3))}),
    (L.Cropping2D, {"cropping": ((1, 0), (0, 3))}),
    (L.UpSampling2D, {"size": (1, 2), "interpolation": "bilinear"}),
    (L.SpatialDropout2D, {"rate": 0.5}),
    (L.AdaptiveAveragePooling2D, {"output_size": (3, 2)}),
    (L.GlobalAveragePooling2D, {}),
    (L.GlobalMaxPooling2D, {}),
    (L.GlobalAveragePooling2D, {"keepdims": True}),
]


@pytest.mark.parametrize("cls, options", FIRST, ids=lambda v: getattr(v, "__name__", ""))
def test_channels_first_is_transposed(cls, options):
    x = np.random.default_rng(0).standard_normal((2, 4, 7, 6)).astype(np.float32)
    first, last = cls(**options, data_format="channels_first"), cls(**options)
    fastcnn.set_random_seed(0)
    y = first(x)
    last(x.transpose(0, 2, 3, 1))
    last.set_weights(first.get_weights())
    expected = last(x.transpose(0, 2, 3, 1))
    assert np.array_equal(y, expected.transpose(0, 3, 1, 2) if expected.ndim == 4 else expected)
    assert (first.input_shape, first.output_shape) == ((None, 4, 7, 6), (None, *y.shape[1:]))


ERRORS = [
    (lambda: L.Conv2D(8, 3, stride=2), TypeError, "Conv2D has no argument 'stride'. Did you mean 'strides'"),
    (lambda: L.Conv2D(8, 3, pading="same"), TypeError, "Did you mean 'padding'"),
    (lambda: L.Dense(3, kernal_initializer="zeros"), TypeError, "Did you mean 'kernel_initializer'"),
    (lambda: L.Dense(3, input_dim=4), TypeError, "Did you mean 'input_shape'"),
    (lambda: L.MaxPooling2D(size=2), TypeError, "has no argument 'size'"),
    (lambda: L.Softmax(axis=1), TypeError, "has no argument 'axis'. Accepted"),
    (lambda: L.Input((3,), dtype="float32"), TypeError, "argument 'dtype'"),
    (lambda: L.Conv2D(0, 3), ValueError, "filters .*Received: 0"),
    (lambda: L.Conv2D(8, 2**31), ValueError, "kernel_size .*Received: 2147483648"),
    (lambda: L.Conv2D(8, (3, 3, 3)), ValueError, "kernel_size .*Received: \\(3, 3, 3\\)"),
    (lambda: L.Conv2D(8, 3, strides=0), ValueError, "strides .*Received: 0"),
    (lambda: L.Conv2D(8, 3, strides=math.nan), TypeError, "strides .*Received: nan"),
    (lambda: L.Conv2D(8, 3, padding="full"), ValueError, "padding .*Received: 'full'"),
    (lambda: L.Conv2D(8, 3, padding=-1), ValueError, "padding .*Received: -1"),
    (lambda: L.Conv2D(8, 3, data_format="NCHW"), ValueError, "data_format .*Received: 'NCHW'"),
    (lambda: L.Conv2D(8, 3, data_format=""), ValueError, "data_format .*Received: ''"),
    (lambda: L.Conv2D(4, 3, groups=3), ValueError, "groups .*Received: 3"),
    (lambda: L.Conv2D(4, 3, groups=2)(np.ones((1, 5, 5, 3))), ValueError, "groups .*Received: 2"),
    (lambda: L.Conv2D(4, 3, activation="swush"), ValueError, "activation .*Received: 'swush'"),
    (lambda: L.Conv2D(4, 3, activation={"name": "relu", "alpha": 2}), ValueError, "alpha"),
    (lambda: L.Conv2D(4, 3, kernel_initializer="glorot"), ValueError, "glorot"),
    (lambda: L.Conv2D(4, 6)(np.ones((1, 5, 5, 3))), ValueError, "larger than the padded input"),
    (lambda: L.Conv2D(4, 3)(np.ones((5, 5))), ValueError, "Received: \\(5,\\)"),
    (lambda: L.DepthwiseConv2D(3, depth_multiplier=0), ValueError, "depth_multiplier .*Received: 0"),
    (lambda: L.DepthwiseConv2D(3, depthmultiplier=2), TypeError, "Did you mean 'depth_multiplier'"),
    (lambda: L.DepthwiseConv2D(3, kernel_initializer="ones"), TypeError, "Did you mean 'depthwise_initializer'"),
    (lambda: L.DepthwiseConv2D((3, 0)), ValueError, "kernel_size .*Received: 0"),
    (lambda: L.DepthwiseConv2D(6)(np.ones((1, 5, 5, 3))), ValueError, "larger than the padded input"),
    (lambda: L.SeparableConv2D(3), TypeError, "kernel_size"),
    (lambda: L.SeparableConv2D(0, 3), ValueError, "filters .*Received: 0"),
    (lambda: L.SeparableConv2D(4, 3, padding="causal"), ValueError, "padding .*Received: 'causal'"),
    (lambda: L.SeparableConv2D(4, 3, pointwise_initializer="glorot"), ValueError, "glorot"),
    (lambda: L.Conv2DTranspose(4, 3, 2, output_padding=2), ValueError, "output_padding .*Received: 2"),
    (lambda: L.Conv2DTranspose(4, 3, groups=3), ValueError, "filters = 4. Received: 3"),
    (lambda: L.Conv2DTranspose(4, 3, groups=2)(np.ones((1, 6, 2, 3))), ValueError, "3 channels. Received: 2"),
    (lambda: L.Conv2DTranspose(4, 3, outputpadding=0), TypeError, "Did you mean 'output_padding'"),
    (lambda: L.Conv2DTranspose(4, 3, padding=4)(np.ones((1, 6, 2, 1))), ValueError, "padding .*\\(0, -4\\) pixels"),
    (lambda: L.Dense(2.5), TypeError, "units .*Received: 2.5"),
    (lambda: L.Dense(True), TypeError, "units .*Received: True"),
    (lambda: L.Dense(-1), ValueError, "units .*Received: -1"),
    (lambda: L.Dense(2, use_bias=1), TypeError, "use_bias .*Received: 1"),
    (lambda: L.Dense(2)(np.ones(3)), ValueError, "must be a batch.*Received: shape \\(3,\\)"),
    (lambda: L.Dense(2)(np.ones(3)), ValueError, "Received: shape \\(3,\\)"),
    (lambda: L.Dense(2)(np.ones((2, 3), complex)), TypeError, "Received: dtype complex128"),
    (lambda: L.Dense(2)([["a"]]), TypeError, "Received: dtype"),
    (lambda: L.Dense(2, name="a/b"), ValueError, "name .*Received: 'a/b'"),
    (lambda: L.Dense(2, input_shape=4), TypeError, "input_shape .*Received: 4"),
    (lambda: L.Dense(2, input_shape=(0,)), ValueError, "input_shape .*Received: 0"),
    (lambda: L.Dense(2, trainable="no"), TypeError, "trainable .*Received: 'no'"),
    (lambda: L.Dropout(1.0), ValueError, "rate .*Received: 1.0"),
    (lambda: L.Dropout(-0.1), ValueError, "rate .*Received: -0.1"),
    (lambda: L.Dropout("half"), TypeError, "rate .*Received: 'half'"),
    (lambda: L.Dropout(0.5, seed=-1), ValueError, "seed .*Received: -1"),
    (lambda: L.LocalResponseNormalization(0), ValueError, "size .*Received: 0"),
    (lambda: L.LocalResponseNormalization(alpha=math.nan), ValueError, "alpha .*Received: nan"),
    (lambda: L.LocalResponseNormalization(alpha_mode="total"), ValueError, "alpha_mode .*Received: 'total'"),
    (lambda: L.LocalResponseNormalization(mode="within"), ValueError, "mode .*Received: 'within'"),
    (lambda: L.LocalResponseNormalization(mode="within_channel")(np.ones((2, 3))), ValueError, "Received: \\(3,\\)"),
    (lambda: L.LocalResponseNormalization(groups=0), ValueError, "groups .*Received: 0"),
    (lambda: L.LocalResponseNormalization(groups=2)(np.ones((2, 3))), ValueError, "divide the 3 channels. Received: 2"),
    (lambda: L.LocalResponseNormalization(mode="within_channel", groups=2), ValueError, "groups must be 1.*: groups=2"),
    (lambda: L.MaxPooling2D(2, padding=2)(np.ones((1, 4, 4, 1))), ValueError, "padding .*Received: "),
    (lambda: L.AveragePooling2D(5)(np.ones((1, 4, 4, 1))), ValueError, "larger than the padded input"),
    (lambda: L.AdaptiveAveragePooling2D(), TypeError, "output_size"),
    (lambda: L.AdaptiveAveragePooling2D((2, 0)), ValueError, "output_size .*Received: 0"),
    (lambda: L.AdaptiveAveragePooling2D(2)(np.ones((1, 4, 4))), ValueError, "Received: \\(4, 4\\)"),
    (lambda: L.GlobalMaxPooling2D(keepdims=1), TypeError, "keepdims .*Received: 1"),
    (lambda: L.LpPooling2D(0.5), ValueError, "p .*Received: 0.5"),
    (lambda: L.LpPooling2D(pool_size=2), TypeError, "LpPooling2D needs p"),
    (lambda: L.SoftPooling2D(poolsize=2), TypeError, "Did you mean 'pool_size'"),
    (lambda: L.ZeroPadding2D("same"), TypeError, "padding .*Received: 'same'"),
    (lambda: L.ZeroPadding2D((1, -1)), ValueError, "padding .*Received: -1"),
    (lambda: L.Cropping2D(((1, 2, 3), (1, 1))), ValueError, "cropping .*Received: "),
    (lambda: L.Cropping2D(2)(np.ones((1, 4, 9, 1))), ValueError, "one pixel of 4 × 9. Received: \\(\\(2, 2"),
    (lambda: L.UpSampling2D(0), ValueError, "size .*Received: 0"),
    (lambda: L.UpSampling2D(interpolation="cubic"), ValueError, "interpolation .*Received: 'cubic'"),
    (lambda: L.Reshape(4), TypeError, "target_shape .*Received: 4"),
    (lambda: L.Reshape((2, 0)), ValueError, "target_shape .*Received: \\(2, 0\\)"),
    (lambda: L.Reshape((-1, -1)), ValueError, "target_shape .*Received: \\(-1, -1\\)"),
    (lambda: L.Reshape((5, -1))(np.ones((1, 12))), ValueError, "the 12 values .*Received: \\(5, -1\\)"),
    (lambda: L.Reshape((5, 2))(np.ones((1, 12))), ValueError, "the 12 values .*Received: \\(5, 2\\)"),
    (lambda: L.Permute((1, 3)), ValueError, "dims .*Received: \\(1, 3\\)"),
    (lambda: L.Permute((2, 1))(np.ones((1, 2, 3, 4))), ValueError, "the 3 axes .*Received: \\(2, 1\\)"),
    (lambda: L.SpatialDropout2D(1), ValueError, "rate .*Received: 1"),
    (lambda: L.SpatialDropout2D(0.5)(np.ones((1, 2, 3))), ValueError, "Received: \\(2, 3\\)"),
    (lambda: L.GaussianNoise(-1), ValueError, "stddev .*Received: -1"),
    (lambda: L.GaussianNoise(0.5, seed=2**64), ValueError, "seed .*Received: "),
    (lambda: L.Rescaling("1/255"), TypeError, "scale .*Received: '1/255'"),
    (lambda: L.Rescaling(1, [1, math.inf]), ValueError, "offset .*Received: inf"),
    (lambda: L.Rescaling([1, 2])(np.ones((1, 3))), ValueError, "scale .* the 3 channels. Received: \\[1.0, 2.0\\]"),
    (lambda: L.Rescaling(1e39)(np.ones((1, 3))), ValueError, "scale .*float32.*Received: "),
    (lambda: L.Normalization(mean=1), ValueError, "come together. Received: mean=1, variance=None"),
    (lambda: L.Normalization(mean=1, variance=-1)(np.ones((1, 3))), ValueError, "variance .*Received: \\[-1.0"),
    (lambda: L.Normalization(axis=1.0), TypeError, "axis .*Received: 1.0"),
    (lambda: L.Normalization((1, 2)), TypeError, "axis .*Received: \\(1, 2\\)"),
    (lambda: L.Normalization(1)(np.ones((1, 3, 2))), ValueError, "axis .*Received: 1"),
    (lambda: L.Normalization(invert=0), TypeError, "invert .*Received: 0"),
    (lambda: L.Normalization()(np.ones((1, 3))), ValueError, "call adapt"),
    (lambda: L.Normalization().adapt(np.ones((0, 3))), ValueError, "Received: 0 samples"),
    (lambda: L.Normalization().adapt([[math.nan]]), ValueError, "finite .*Received: "),
    (lambda: L.Normalization().adapt([["a"]]), TypeError, "Received: texts"),
    (lambda: L.LeakyReLU(-1), ValueError, "negative_slope .*Received: -1"),
    (lambda: L.BatchNormalization(momentum=1.5), ValueError, "momentum .*Received: 1.5"),
    (lambda: L.BatchNormalization(epsilon=-1), ValueError, "epsilon .*Received: -1"),
    (lambda: L.BatchNormalization(scale=1), TypeError, "scale .*Received: 1"),
    (lambda: L.BatchNormalization(1.5), TypeError, "axis .*Received: 1.5"),
    (lambda: L.BatchNormalization(1)(np.ones((1, 2, 3, 4))), ValueError, "axis must be the last, -1 or 3 .*Received: 1"),
    (lambda: L.BatchNormalization(momentun=0.9), TypeError, "Did you mean 'momentum'"),
    (lambda: L.LayerNormalization(1)(np.ones((1, 2, 3, 4))), ValueError, "last of the axes 1 … 3.*Received: 1"),
    (lambda: L.LayerNormalization([1, 3])(np.ones((1, 2, 3, 4))), ValueError, "the axes 1 … 3.*Received: \\[1, 3\\]"),
    (lambda: L.LayerNormalization([0, 1])(np.ones((1, 2))), ValueError, "last of the axes 1 … 1.*Received: \\[0, 1\\]"),
    (lambda: L.LayerNormalization(4)(np.ones((1, 2, 3, 4))), ValueError, "axis .*-4 to 3. Received: 4"),
    (lambda: L.LayerNormalization("last"), TypeError, "axis .*Received: 'last'"),
    (lambda: L.LayerNormalization([1, 1.5]), TypeError, "axis .*Received: 1.5"),
    (lambda: L.LayerNormalization(epsilon=-1), ValueError, "epsilon .*Received: -1"),
    (lambda: L.LayerNormalization(rms_scaling=True), TypeError, "has no argument 'rms_scaling'"),
    (lambda: L.GroupNormalization()(np.ones((1, 2, 3, 8))), ValueError, "groups must divide the 8 channels.*Received: 32"),
    (lambda: L.GroupNormalization(0)(np.ones((1, 8))), ValueError, "groups must divide the 8 channels.*Received: 0"),
    (lambda: L.GroupNormalization(-2), ValueError, "groups .*Received: -2"),
    (lambda: L.GroupNormalization(2, 1)(np.ones((1, 2, 3, 4))), ValueError, "axis must be the last, -1 or 3 .*Received: 1"),
    (lambda: L.GroupNormalization(group=2), TypeError, "Did you mean 'groups'"),
    (lambda: L.PReLU(shared_axes=0), ValueError, "shared_axes .*Received: 0"),
    (lambda: L.PReLU(shared_axes=(1, 1.5)), TypeError, "shared_axes .*Received: 1.5"),
    (lambda: L.PReLU(shared_axes=(1, 4))(np.ones((1, 2, 3, 4))), ValueError, "shared_axes .*1 … 3.*Received: \\[1, 4\\]"),
    (lambda: L.PReLU(alpha=0.1), TypeError, "PReLU has no argument 'alpha'. Did you mean 'alpha_initializer'"),
    (lambda: L.Maxout(0), ValueError, "group_size .*Received: 0"),
    (lambda: L.Maxout(2)(np.ones((1, 5))), ValueError, "group_size .*5 channels. Received: 2"),
    (lambda: L.Activation({"name": "hard_sigmoid", "slope": -1}), ValueError, "slope .*Received: -1"),
    (lambda: L.Activation("geluu"), ValueError, "activation .*'gelu'.*Received: 'geluu'"),
    (lambda: L.ReLU(5), ValueError, "max_value=6 .*Received: max_value=5, negative_slope=0.0, threshold=0.0"),
    (lambda: L.ReLU(6, 0.5), ValueError, "max_value=6 with negative_slope=0.*Received: max_value=6, negative_slope=0.5"),
    (lambda: L.ReLU(threshold=1), ValueError, "threshold=0. Received: .*threshold=1"),
    (lambda: L.ReLU(negative_slope=-1), ValueError, "negative_slope .*Received: -1"),
    (lambda: L.ReLU("6"), TypeError, "max_value .*Received: '6'"),
    (lambda: L.ELU(alpha="x"), TypeError, "alpha .*Received: 'x'"),
    (lambda: L.Activation(None).from_config({"activation": 3}), ValueError, "activation .*Received: 3"),
]


@pytest.mark.parametrize("call, error, message", ERRORS, ids=[str(i) for i in range(len(ERRORS))])
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_layer_keeps_its_shape():
    layer = L.Dense(2)
    layer(np.ones((1, 3)))
    with pytest.raises(ValueError, match="takes samples of shape \\(3,\\). Received: shape \\(1, 4\\)"):
        layer(np.ones((1, 4)))
    with pytest.raises(ValueError, match="was built for samples of shape \\(3,\\). Received: \\(4,\\)"):
        layer.build_for((4,))


def test_dropout_close_to_one():
    """1 − 1e-9 is 1 in float32; values must stay finite all the same."""
    assert np.isfinite(fastcnn.ops.dropout(np.ones(64, np.float32), 1 - 1e-9)).all()


def test_parameters_of_one_name():
    class Twice(Affine):
        def build(self, shape):
            super().build(shape)
            self.add_weight("factor", (1,))

    with pytest.raises(ValueError, match="Received: 'factor'"):
        Twice()(np.ones((1, 2)))


LENET = {  # output shape, parameters, connections
    "c1": ((None, 28, 28, 6), 156, 122_304),
    "s2": ((None, 14, 14, 6), 0, 4_704),
    "c3": ((None, 10, 10, 16), 2_416, 241_600),
    "s4": ((None, 5, 5, 16), 0, 1_600),
    "flatten": ((None, 400), 0, 0),
    "c5": ((None, 120), 48_120, 48_120),
    "f6": ((None, 84), 10_164, 10_164),
    "output": ((None, 10), 850, 850),
}


@pytest.mark.parametrize("variant", ["tanh", "sigmoid", "relu"])
def test_lenet5_variants(variant):
    model = fastcnn.networks.lenet5(variant=variant)
    assert model.count_params() == 61706 and model.output_shape == (None, 10)
    assert [layer.activation[0] for layer in model.layers if hasattr(layer, "activation")] == [variant] * 4 + ["softmax"]


def test_lenet5_has_no_such_variant():
    with pytest.raises(ValueError, match="variant must be one of .*'relu'.*Received: 'gelu'"):
        fastcnn.networks.lenet5(variant="gelu")


def test_lenet5_counts():
    model, printed = fastcnn.networks.lenet5(), []
    found = {
        layer.name: (layer.output_shape, layer.count_params(), layer.connections()) for layer in model.layers
    }
    assert found == LENET and model.count_params() == 61_706
    model.summary(printed.append)
    assert len(printed) == len(LENET) + 7
    for name, (shape, parameters, connections) in LENET.items():
        row = next(line for line in printed if line.startswith(f"{name} ("))
        assert row.endswith(f"{connections:,}") and str(shape) in row and f" {parameters:,} " in row
    total = next(line for line in printed if line.startswith("total"))
    assert total.split() == ["total", "61,706", "416,520", "429,342"]
    assert printed[-1] == "trainable parameters: 61,706; kept as they are: 0"
