"""Dense over the last axis of images and of other shapes: the reference's formula, and a convolution of 1 × 1."""

import numpy as np
import pytest
from remembered import reference
from twin import Twin, assert_trained_alike, clear_batch

import fastcnn
from fastcnn import layers as L
from fastcnn.compat import keras
from fastcnn.compat.keras import layers as KL
from fastcnn.optimizers import SGD

RNG = np.random.default_rng(0)
SAMPLES = [(7, 5), (1, 5), (6, 5, 4), (1, 1, 4), (1, 9, 3), (2, 3, 4, 5)]


@pytest.mark.parametrize("shape", SAMPLES, ids=str)
@pytest.mark.parametrize("use_bias", [True, False])
def test_forward_is_the_reference_s(shape, use_bias, isa):
    layer, x = L.Dense(6, "tanh", use_bias, bias_initializer="normal"), RNG.standard_normal((11, *shape))
    y = layer(x)
    expected = np.tanh(reference.dense(x.astype(np.float32), *layer.get_weights()))
    assert y.shape == (11, *shape[:-1], 6) and layer.output_shape == (None, *shape[:-1], 6)
    assert [w.shape for w in layer.get_weights()] == [(shape[-1], 6), (6,)][:1 + use_bias]
    np.testing.assert_allclose(y, expected, rtol=0, atol=1e-6)
    rows = int(np.prod(shape[:-1]))
    assert layer.multiply_adds() == rows * shape[-1] * 6 and layer.connections() == rows * layer.count_params()


@pytest.mark.parametrize("shape", SAMPLES[:5], ids=str)
def test_training_is_the_reference_s(shape, isa, threads):
    pixels = [L.Dense(6, "tanh"), L.Dense(4, "sigmoid", use_bias=False), L.Dense(3, "softmax")]
    model = fastcnn.Sequential([fastcnn.Input(shape), *pixels, L.Flatten(), L.Dense(2, "softmax")], seed=1)
    model.compile(SGD(0.5, momentum=0.5), "sparse_categorical_crossentropy")
    twin, before = Twin(model), [layer.get_weights() for layer in model.layers]
    rng, y = np.random.default_rng(shape), np.arange(17) // 13  # more of one class: biases move, and not by rounding alone
    for _ in range(3):
        x = clear_batch(twin, rng, 17, shape)
        assert model.train_on_batch(x, y) == pytest.approx(twin.step(x, y), rel=1e-4)
    assert assert_trained_alike(model, twin, before, steps=3) == 7


def convolutional(dense, package=fastcnn, layers=L, seed=2, **given):
    """A network with layers of one pixel each in its midst: Dense, or convolutions of 1 × 1."""
    pixel = (lambda n, a: layers.Dense(n, activation=a)) if dense else (lambda n, a: layers.Conv2D(n, 1, activation=a))
    model = package.Sequential([layers.Conv2D(8, 3, padding="same", input_shape=(8, 6, 3), **given), pixel(16, "relu"),
                                layers.MaxPooling2D(), layers.BatchNormalization(), pixel(5, "softmax"), layers.Flatten(),
                                layers.Dense(4, activation="softmax")], seed=seed)
    model.compile(package.optimizers.SGD(0.1, momentum=0.9), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def test_it_is_a_convolution_of_one_pixel(isa, threads):
    """To the bit, in training, prediction and gradients."""
    dense, conv = convolutional(True), convolutional(False)
    conv.set_weights([w.reshape(v.shape) for w, v in zip(dense.get_weights(), conv.get_weights())])
    x, y = RNG.standard_normal((40, 8, 6, 3)).astype(np.float32), RNG.integers(0, 4, 40)
    assert dense.fit(x, y, 16, epochs=2, verbose=0).history == conv.fit(x, y, 16, epochs=2, verbose=0).history
    assert np.array_equal(dense.predict(x), conv.predict(x)) and np.array_equal(dense(x[:1]), conv(x[:1]))
    for u, v in zip(dense.get_weights(), conv.get_weights()):
        assert np.array_equal(u.ravel(), v.ravel())
    found, other = (m.gradients(x[:5], y[:5], wrt=["weights", "inputs"])[1] for m in (dense, conv))
    assert all(np.array_equal(a.ravel(), b.ravel()) for a, b in zip(found.values(), other.values()))


@pytest.mark.parametrize("package, layers, load", [(fastcnn, L, fastcnn.load_model), (keras, KL, keras.models.load_model)])
def test_files_summary_and_half_weights(package, layers, load, tmp_path, capsys):
    model = convolutional(True, package, layers)
    x, y = RNG.standard_normal((20, 8, 6, 3)), RNG.integers(0, 4, 20)
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "m")
    again = load(tmp_path / "m")
    assert np.array_equal(again.predict(x), model.predict(x)) and again.get_config() == model.get_config()
    assert again.fit(x, y, verbose=0).history == model.fit(x, y, verbose=0).history
    model.summary()
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if line.startswith("dense ")]
    assert lines == [["dense", "(Dense)", "(None,", "8,", "6,", "16)", "144", "6,144", "6,912"]]
    model.half_weights("float16")
    np.testing.assert_allclose(model.predict(x), again.predict(x), atol=2e-3)


def test_channels_first():
    """Dense takes the channels, wherever users see them."""
    x = RNG.standard_normal((9, 8, 6, 3)).astype(np.float32)
    first = fastcnn.Sequential([L.Conv2D(8, 3, padding="same", data_format="channels_first", input_shape=(3, 8, 6)),
                                L.Dense(5, "relu")], seed=0)
    last = fastcnn.Sequential([L.Conv2D(8, 3, padding="same", input_shape=(8, 6, 3)), L.Dense(5, "relu")], seed=0)
    assert first.output_shape == (None, 5, 8, 6) and first.layers[1].output_shape == (None, 5, 8, 6)
    assert np.array_equal(first.predict(x.transpose(0, 3, 1, 2)), last.predict(x).transpose(0, 3, 1, 2))


def test_shared_and_frozen():
    """One Dense on several values, and one that does not learn."""
    start = fastcnn.Input((6, 5, 3))
    shared, frozen = L.Dense(4, "tanh", name="shared"), L.Dense(3, name="frozen", trainable=False)
    a, b = L.Conv2D(3, 3, padding="same")(start), L.Conv2D(3, 1)(start)
    y = L.Add()([shared(a), shared(b)])
    model = fastcnn.Model(start, L.Dense(2, "softmax")(L.GlobalAveragePooling2D()(frozen(y))), seed=0)
    model.compile("adam", "sparse_categorical_crossentropy")
    before = frozen.get_weights(), shared.get_weights()
    x, y = RNG.standard_normal((30, 6, 5, 3)), RNG.integers(0, 2, 30)
    model.fit(x, y, verbose=0)
    assert all(np.array_equal(u, v) for u, v in zip(frozen.get_weights(), before[0]))
    assert not any(np.array_equal(u, v) for u, v in zip(shared.get_weights(), before[1]))
    with pytest.raises(ValueError, match="layer 'shared' was built for samples of shape .6, 5, 3.. Received: .6, 5, 4."):
        shared(L.Conv2D(4, 1)(start))


def test_what_forgets_to_flatten_is_told():
    model = fastcnn.Sequential([L.Conv2D(4, 3, input_shape=(8, 8, 1)), L.Dense(10, "softmax")], seed=0)
    model.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.raises(ValueError, match=r"end in one dimension, as it does behind Flatten\(\).*output \(6, 6, 10\)"):
        model.fit(np.zeros((5, 8, 8, 1)), np.zeros(5), verbose=0)
    with pytest.raises(ValueError, match="RBF works on samples of one dimension; put Flatten"):
        L.RBF(3)(np.zeros((2, 4, 4, 3)))
