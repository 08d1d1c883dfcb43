"""The four-layer network for CIFAR-10: shapes, counts, initial values, forward and gradients with either activation."""

import numpy as np
import pytest
from twin import Twin, assert_trained_alike, clear_batch

import fastcnn
from fastcnn.networks import cifar10

LAYERS = {  # output shape, parameters, multiply-adds; worked out by hand
    "conv1": ((None, 32, 32, 32), 2_432, 1024 * 25 * 3 * 32),
    "pool1": ((None, 16, 16, 32), 0, 0),
    "conv2": ((None, 16, 16, 32), 25_632, 256 * 25 * 32 * 32),
    "pool2": ((None, 8, 8, 32), 0, 0),
    "conv3": ((None, 8, 8, 64), 51_264, 64 * 25 * 32 * 64),
    "pool3": ((None, 4, 4, 64), 0, 0),
    "flatten": ((None, 1024), 0, 0),
    "fc10": ((None, 10), 10_250, 1024 * 10),
}


def test_shapes_and_counts():
    model = cifar10()
    found = {layer.name: (layer.output_shape, layer.count_params(), layer.multiply_adds()) for layer in model.layers}
    assert found == LAYERS and model.count_params() == 89_578 and model.input_shape == (None, 32, 32, 3)
    assert cifar10(3).output_shape == (None, 3) and cifar10(3).count_params() == 89_578 - 7 * 1025


def test_initial_values_and_multipliers():
    model = cifar10(seed=1)
    for layer in model.layers:
        if layer.parameters:
            kernel, bias = layer.get_weights()
            sigma = 1e-4 if layer.name == "conv1" else 0.01
            assert abs(kernel.std() / sigma - 1) < 4 / kernel.size**0.5 and not bias.any()
            factors = [(p.learning_rate_multiplier, p.weight_decay_multiplier) for p in layer.parameters]
            assert factors == [(1.0, 1.0), (2.0, 0.0)]
    kernels = cifar10(seed=1, initializer="he_normal").get_weights()[::2]
    assert all(k.var() == pytest.approx(2 / k[..., 0].size, rel=0.1) for k in kernels)


def test_activation():
    relu, tanh = (cifar10(seed=3, activation=name) for name in ("relu", "tanh"))
    assert all(np.array_equal(a, b) for a, b in zip(relu.get_weights(), tanh.get_weights())), "equivalent networks"
    assert [layer.get_config()["activation"] for layer in tanh.layers if layer.name.startswith("conv")] == ["tanh"] * 3
    with pytest.raises(ValueError, match="tanh.*Received: 'tan'"):
        cifar10(activation="tan")


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_forward_and_gradients(activation):
    model = cifar10(activation=activation, initializer="lecun_normal", seed=1)
    model.compile(fastcnn.optimizers.SGD(0.01, momentum=0.9), "sparse_categorical_crossentropy")
    twin, before, rng = Twin(model), [layer.get_weights() for layer in model.layers], np.random.default_rng(0)
    x, y = clear_batch(twin, rng, 2, (32, 32, 3)), rng.integers(0, 10, 2)
    np.testing.assert_allclose(model.predict(x), twin.predict(x), rtol=5e-5, atol=1e-6)
    assert model.train_on_batch(x, y) == pytest.approx(twin.step(x, y), rel=2e-5)
    assert assert_trained_alike(model, twin, before, tolerance=1e-4) == 8
