"""Pooling behind planes under few filters, which predictions fuse into the convolution: the bits are those of the two."""

import numpy as np
import pytest
from buffers import assert_same, guarded, guarded_before, integers, normal
from test_winograd_lanes import lanes

import fastcnn
from fastcnn import _ops
from fastcnn import layers as L


def pooled_and_apart(model, x):
    """Predictions, predictions with each layer's result kept, and what the ops of the first have pooled."""
    y = model.predict_on_batch(x)
    ops_of = model._plans["predict"].ops
    features = fastcnn.Model(model.inputs, [layer.output for layer in model.layers])
    return y, features.predict_on_batch(x)[-1], [op.pooled for op in ops_of]


@pytest.mark.parametrize("pool", [L.AveragePooling2D, L.MaxPooling2D])
@pytest.mark.parametrize("image, filters, options", [
    ((28, 28), 6, {"kernel_size": 5, "padding": "same", "activation": "tanh"}),
    ((29, 31), 6, {"kernel_size": 3, "activation": "relu"}),
    ((20, 17), 9, {"kernel_size": (2, 2), "use_bias": False}),
    ((33, 70), 4, {"kernel_size": (5, 3), "strides": (2, 1), "padding": "same", "activation": "selu"}),
    ((40, 41), 8, {"kernel_size": 3, "dilation_rate": 3, "activation": "sigmoid"}),
    ((150, 300), 3, {"kernel_size": 7, "padding": "same"}),
    ((18, 16), 1, {"kernel_size": (3, 1)})], ids=str)
def test_pooled_planes(pool, image, filters, options, isa, threads):
    conv = L.Conv2D(filters, **options, bias_initializer="normal", input_shape=(*image, 1))
    model = fastcnn.Sequential([conv, pool(2)], seed=1)
    rng = np.random.default_rng(0)
    for x in integers(rng, (3, *image, 1), 1), normal(rng, (1, *image, 1)):
        y, expected, fused = pooled_and_apart(model, x)
        wide = model.layers[0].output_shape[2] >= _ops.lanes_width() >= filters and _ops.lanes_width() > 1
        assert fused == ([{L.AveragePooling2D: "avg_pool2d", L.MaxPooling2D: "max_pool2d"}[pool]] if wide else [None, None])
        assert_same(y, expected)


@pytest.mark.parametrize("pool", [L.AveragePooling2D, L.MaxPooling2D])
def test_pooled_planes_of_what_is_no_number(pool, isa):
    rng = np.random.default_rng(1)
    values = np.array([0.0, -0.0, 1.0, -2.0, np.nan, np.inf, -np.inf], "f")
    x = rng.choice(values, (4, 20, 24, 1), p=[0.3, 0.3, 0.3, 0.07, 0.01, 0.01, 0.01])
    model = fastcnn.Sequential([L.Conv2D(3, 1, input_shape=(20, 24, 1), kernel_initializer="ones"), pool(2)], seed=1)
    y, expected, _ = pooled_and_apart(model, x)
    assert_same(y, expected)


def test_pooled_planes_stay_within_their_arrays(isa):
    conv = L.Conv2D(6, 5, padding="same", activation="tanh", input_shape=(28, 28, 1))
    model = fastcnn.Sequential([conv, L.AveragePooling2D(2)], seed=1)
    x = normal(np.random.default_rng(0), (2, 28, 28, 1))
    expected = model.predict_on_batch(x)
    for guard in guarded, guarded_before:
        assert_same(model.predict_on_batch(guard(x)), expected)


@pytest.mark.parametrize("pool", [L.AveragePooling2D, L.MaxPooling2D])
def test_pooled_planes_with_a_normalization_folded_in(pool, isa):
    rng = np.random.default_rng(0)
    conv = L.Conv2D(6, 5, padding="same", input_shape=(28, 28, 1))
    model = fastcnn.Sequential([conv, L.BatchNormalization(), L.Activation("relu"), pool(2)], seed=1)
    model.set_weights([rng.random(w.shape) + 0.1 for w in model.get_weights()])
    y, expected, fused = pooled_and_apart(model, normal(rng, (2, 28, 28, 1)))
    assert (fused[0] is None) == (_ops.lanes_width() < 6)
    np.testing.assert_allclose(y, expected, rtol=0, atol=1e-6 * np.abs(expected).max())


def test_which_pooling_is_fused():
    width = lanes()

    def fused(*layers, image=(2 * width, 2 * width, 1), filters=3):
        conv = L.Conv2D(filters, 3, padding="same", activation="relu", input_shape=image)
        model = fastcnn.Sequential([conv, *layers], seed=1)
        model.predict_on_batch(np.zeros((1, *image)))
        return [op.pooled for op in model._plans["predict"].ops][0]

    assert fused(L.MaxPooling2D(2)) == fused(L.MaxPooling2D(2, padding="same")) == "max_pool2d"
    assert fused(L.AveragePooling2D(2), L.Flatten(), L.Dense(3)) == "avg_pool2d"
    for other in (L.MaxPooling2D(3, strides=2), L.MaxPooling2D(2, strides=1), L.AveragePooling2D((2, 1)),
                  L.GlobalAveragePooling2D(), L.Activation("tanh")):
        assert fused(other) is None, other
    assert fused(L.MaxPooling2D(2, padding="same"), image=(2 * width + 1, 2 * width, 1)) is None, "windows reach beyond"
    assert fused(L.MaxPooling2D(2), image=(2 * width, 2 * width, 2)) is None
    assert fused(L.MaxPooling2D(2), filters=width + 1) is None
    model = fastcnn.networks.lenet5(seed=0)
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.train_on_batch(np.zeros((1, 28, 28, 1)), [0])
    model.test_on_batch(np.zeros((1, 28, 28, 1)), [0])
    assert {op.pooled for op in model._plans["train"].ops} == {None}, "the backward pass wants what is pooled"
    model.predict_on_batch(np.zeros((1, 28, 28, 1)))
    assert [op.pooled for op in model._plans["predict"].ops][0] == "avg_pool2d"
