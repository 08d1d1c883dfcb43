"""Noise, dropout of channels, rescaling and normalization: reference, fast operations, layers, training that goes on."""

import itertools

import numpy as np
import pytest
from buffers import TINY, UNIT, assert_same, assert_within, normal, poisoned
from remembered import reference
from test_fused import run
from test_reference import check_gradients, expected_words
from twin import Twin, assert_trained_alike, clear_batch

import fastcnn
from fastcnn import _ops, ops
from fastcnn import layers as L
from fastcnn.optimizers import SGD

KEYS = [(0, 0), (1, 2), (2**32 + 5, 2**40), (2**64 - 1, 2**62 - 1)]
each_key = pytest.mark.parametrize("seed, step", KEYS, ids=str)


# The reference


@each_key
def test_reference_noise_is_box_and_mullers(seed, step):
    """One number at a time."""
    words = expected_words(8, seed, step | 1 << 62)
    expected = []
    for a, b in zip(words[::2], words[1::2]):
        radius, angle = np.sqrt(-2 * np.log(((a >> 9) + 0.5) / 2**23)), 2 * np.pi * (b >> 8) / 2**24
        expected += [radius * np.cos(angle), radius * np.sin(angle)]
    y = reference.gaussian_noise(np.ones((1, 7)), 0.5, seed, step)
    np.testing.assert_allclose(y, 1 + 0.5 * np.array([expected[:7]]), rtol=1e-13)


def test_reference_noise_is_normal():
    """100,000 draws: the moments of N(0, 1) within five standard deviations of their means."""
    z = reference.gaussian_noise(np.zeros(100_000), 1.0, seed=1, step=2)
    for power, mean, variance in (1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96):
        assert abs((z**power).mean() - mean) < 5 * np.sqrt(variance / z.size), power
    assert abs(np.mean(np.abs(z) < 0.6744897501960817) - 0.5) < 0.008  # half of them
    assert abs(np.mean(z[::2] * z[1::2])) < 0.02 and abs(np.mean(z[1:-1:2] * z[2::2])) < 0.02


def test_reference_noise_differs():
    """By seed and step; and it is not made of the numbers that dropout or augmentation draw."""
    x = np.zeros(64)
    drawn = [reference.gaussian_noise(x, 1, *key).tolist() for key in [(0, 0), (0, 1), (1, 0), (0, 1 << 63)]]
    assert all(a != b for a, b in itertools.combinations(drawn, 2))
    assert not np.array_equal(expected_words(4, 0, 0), expected_words(4, 0, 1 << 62))


def test_reference_gradients():
    rng = np.random.default_rng(0)
    check_gradients("gaussian_noise", rng.standard_normal((3, 5)), stddev=0.7, seed=3, step=1)
    check_gradients("spatial_dropout2d", rng.standard_normal((3, 2, 3, 4)), rate=0.4, seed=3, step=9)
    check_gradients("spatial_dropout2d", rng.standard_normal((3, 2, 3, 4)), rate=0.4, data_format="channels_first")
    constants = rng.standard_normal((3, 4))
    check_gradients("rescale", rng.standard_normal((3, 2, 4)), scale=constants[0], offset=constants[1], mean=constants[2])
    check_gradients("rescale", rng.standard_normal((3, 2, 4)), scale=-2.5, offset=0.1)


@each_key
def test_reference_spatial_dropout_is_by_channel(seed, step):
    """Channel c of image n has word n·C + c."""
    words = np.array(expected_words(15, seed, step)).reshape(3, 5)
    y = reference.spatial_dropout2d(np.ones((3, 2, 4, 5)), 0.3, seed, step)
    assert np.array_equal(y, np.broadcast_to(np.where(words >= int(0.3 * 2**32), 1 / 0.7, 0)[:, None, None], y.shape))
    first = reference.spatial_dropout2d(np.ones((3, 5, 2, 4)), 0.3, seed, step, "channels_first")
    assert np.array_equal(first, y.transpose(0, 3, 1, 2))


BAD = {
    "stddev": lambda x: reference.gaussian_noise(x, -1),
    "stddev NaN": lambda x: reference.gaussian_noise(x, np.nan),
    "rate": lambda x: reference.spatial_dropout2d(x, 1.0),
    "scale": lambda x: reference.rescale(x, [1.0, 2.0]),
    "dy": lambda x: reference.rescale_backward(x[..., 0], x),
    "dy of noise": lambda x: reference.gaussian_noise_backward(x[..., 0], x, 1),
    "dy of channels": lambda x: reference.spatial_dropout2d_backward(x[..., :1], x, 0.5),
}


@pytest.mark.parametrize("call", BAD.values(), ids=BAD)
def test_reference_refuses(call):
    with pytest.raises(ValueError, match="Received: "):
        call(np.zeros((1, 2, 3, 4)))


# The fast operations


@each_key
@pytest.mark.parametrize("stddev", [0.0, 0.1, 30.0])
def test_noise(stddev, seed, step, isa):
    """√, logarithm and sine are each two or three roundings off: 12 of the noise (|z| < 6), one of the sum."""
    for size in (*range(1, 20), 61, 62, 63, 64, 65, 127, 128, 129, 5003):
        x = normal(np.random.default_rng(size), size)
        y = reference.gaussian_noise(x, stddev, seed, step)
        bound = 12 * UNIT * np.abs(y - x) + 4 * UNIT * stddev + UNIT * np.abs(y) + TINY
        assert_within(ops.gaussian_noise(x, stddev, seed, step), y, bound, f"{size} values")
        assert_same(ops.gaussian_noise_backward(x, x, stddev, seed, step), x)


def test_noise_of_the_widest_range(isa):
    """Nearly all numbers that u and t can be: those of 300,000 values."""
    z = ops.gaussian_noise(np.zeros(300_000), 1.0, seed=5)
    assert np.abs(z - reference.gaussian_noise(np.zeros(300_000), 1.0, seed=5)).max() < 1e-6
    assert np.abs(z).max() > 4.4


@pytest.mark.parametrize("rate", [0, 0.2, 0.9])
@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (3, 2, 3, 5), (2, 1, 1, 40), (4, 5, 3, 16), (33, 8, 9, 27)], ids=str)
def test_spatial_dropout(shape, rate, isa, threads):
    rng = np.random.default_rng(shape)
    x, dy = normal(rng, shape), normal(rng, shape)
    x[0, 0, 0, 0] = np.inf
    for seed, step in KEYS:
        y = reference.spatial_dropout2d(x, rate, seed, step)
        actual = ops.spatial_dropout2d(x, rate, seed, step)
        assert np.array_equal(actual == 0, y == 0)
        assert_within(actual, y, 2 * UNIT * np.abs(y), "y")
        dx = reference.spatial_dropout2d_backward(dy, x, rate, seed, step)
        assert_within(ops.spatial_dropout2d_backward(dy, x, rate, seed, step), dx, 2 * UNIT * np.abs(dx), "dx")


@pytest.mark.parametrize("size", [1, 5, 7, 31, 130])
def test_rows_begin_anywhere_in_a_block_of_four_words(size, isa, threads):
    """The images of a batch draw what one array of all their values does."""
    x = normal(np.random.default_rng(size), (4, size))
    dropped = ops.dropout(x, 0.4, seed=3, step=5)
    for op, name, fields, expected in ((_ops.dropout(size, 0.4), "forward", ("x", "y"), dropped),
                                       (_ops.dropout(size, 0.4), "data", ("dy", "dx"), dropped),
                                       (_ops.gaussian_noise(size, 0.5), "forward", ("x", "y"),
                                        ops.gaussian_noise(x, 0.5, seed=3, step=5))):
        y = poisoned(x.shape)
        run([op], [(0, name)], dict(zip([(0, field) for field in fields], (x, y))), 4, threads, random=0)
        assert_same(y, expected, f"{op.name} {name}")


@pytest.mark.parametrize("c", [1, 3, 8, 31, 255, 257, 5000])
@pytest.mark.parametrize("leading", [(), (1, 13), (7, 11)], ids=str)
def test_rescale(leading, c, isa, threads):
    rng = np.random.default_rng(c)
    x, dy = normal(rng, (*leading, c)), normal(rng, (*leading, c))
    for scale, offset, mean in [tuple(normal(rng, c) for _ in range(3)), (2.5, -1.0, 0.0), (1.0, normal(rng, c), 0.5)]:
        y = reference.rescale(x, scale, offset, mean)
        bound = 4 * UNIT * (np.abs(x - mean) * np.abs(scale) + np.abs(mean * scale) + np.abs(offset)) + TINY
        assert_within(ops.rescale(x, scale, offset, mean), y, bound, "y")
        dx = reference.rescale_backward(dy, x, scale, offset, mean)
        assert_within(ops.rescale_backward(dy, x, scale, offset, mean), dx, 2 * UNIT * np.abs(dx), "dx")


def test_rescale_of_large_means():
    """The difference is taken first, so that no digits are lost."""
    x = np.float32(1e6) + np.arange(8, dtype=np.float32)
    assert ops.rescale(x, 2.0, 0.0, 1e6).tolist() == [0, 2, 4, 6, 8, 10, 12, 14]


# Layers


def noisy(threads=1, batch=12, steps=3, seed=4):
    model = fastcnn.Sequential(network(), seed=seed)
    model.compile(SGD(0.05, momentum=0.9), "mse")
    rng = np.random.default_rng(0)
    with fastcnn.num_threads(threads):
        losses = [model.train_on_batch(rng.standard_normal((batch, 6, 5, 3)), np.zeros((batch, 2))) for _ in range(steps)]
    return losses, [w.tobytes() for w in model.get_weights()]


def network(seeds=(None, None)):
    return [
        L.Normalization(mean=[0.5, -1.0, 2.0], variance=[1.0, 0.25, 4.0], input_shape=(6, 5, 3)),
        L.GaussianNoise(0.3, seed=seeds[0]),
        L.Conv2D(20, 3, activation="tanh"),
        L.SpatialDropout2D(0.4, seed=seeds[1]),
        L.Rescaling(0.5, 0.1),
        L.Flatten(),
        L.Dense(2),
    ]


@pytest.mark.parametrize("batch", [2, 13, 70])
def test_the_same_bits_at_any_number_of_threads(batch):
    assert noisy(1, batch) == noisy(2, batch) == noisy(7, batch)


def test_each_step_draws_anew():
    def losses():
        layers = [L.GaussianNoise(1.0, input_shape=(50,)), L.Dense(1)]
        model = fastcnn.Sequential(layers, seed=3)
        model.compile(SGD(0.0), "mse")
        return [model.train_on_batch(np.ones((4, 50)), np.zeros(4)) for _ in range(4)]

    assert losses() == losses() and len(set(losses())) == 4
    assert noisy(seed=5) != noisy(seed=4) == noisy(seed=4)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("batch", [3, 21])
def test_training(batch, threads):
    """Against the float64 twin, which draws the same numbers."""
    model, rng = fastcnn.Sequential(network((7, 8)), seed=2), np.random.default_rng(batch)
    model.compile(SGD(0.1, momentum=0.9), "mse")
    twin, before = Twin(model), [layer.get_weights() for layer in model.layers]
    with fastcnn.num_threads(threads):
        for _ in range(2):
            x, y = clear_batch(twin, rng, batch, (6, 5, 3)), rng.standard_normal((batch, 2)).astype(np.float32)
            assert model.train_on_batch(x, y) == pytest.approx(twin.step(x, y), rel=2e-5)
    assert assert_trained_alike(model, twin, before, 5e-5, 2) > 0


def test_predictions_have_no_noise():
    model = fastcnn.Sequential(network(), seed=2)
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).standard_normal((3, 6, 5, 3)).astype(np.float32)
    assert_within(model.predict(x), Twin(model).predict(x), 1e-5)
    assert [op.name for op in model._plan("predict", 3).ops] == ["rescale", "conv2d", "rescale", "dense"]


def test_training_goes_on_as_if_it_had_not_stopped(tmp_path):
    """Saved after two epochs, loaded, trained for two more: the bits of four."""
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((30, 6, 5, 3)), rng.standard_normal((30, 2))

    def fresh():
        model = fastcnn.Sequential(network(), seed=6)
        model.compile(SGD(0.05, momentum=0.9), "mse")
        return model

    whole, half = fresh(), fresh()
    whole.fit(x, y, batch_size=8, epochs=4, verbose=0)
    half.fit(x, y, batch_size=8, epochs=2, verbose=0)
    half.save(tmp_path / "m")
    loaded = fastcnn.load_model(tmp_path / "m")
    loaded.fit(x, y, batch_size=8, epochs=4, resume=True, verbose=0)
    assert [w.tobytes() for w in loaded.get_weights()] == [w.tobytes() for w in whole.get_weights()]
    assert loaded.get_config() == whole.get_config()


# Normalization.adapt


def test_adapt():
    rng = np.random.default_rng(0)
    x = (rng.standard_normal((500, 4, 3)) * [1, 20, 0.5] + [1000, 0, -3]).astype(np.float32)
    layer = L.Normalization()
    layer.adapt(x)
    exact = x.astype(np.float64).reshape(-1, 3)
    np.testing.assert_allclose(layer.mean, exact.mean(0), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(layer.variance, exact.var(0), rtol=1e-12)
    assert_within(layer(x), (x - exact.mean(0)) / exact.std(0), 1e-4)
    one = L.Normalization(axis=None)
    one.adapt(x)
    np.testing.assert_allclose([*one.mean, *one.variance], [exact.mean(), exact.var()], rtol=1e-12)
    back = L.Normalization(mean=layer.mean, variance=layer.variance, invert=True)
    assert_within(back(layer(x)), x, 4 * UNIT * (np.abs(x) + 1000))


def test_adapt_to_batches():
    """What a source gives, a batch at a time, is what the array holds; new data replace the old."""
    x = np.random.default_rng(0).integers(0, 256, (50, 3, 2)).astype(np.uint8)
    whole, parts = L.Normalization(), L.Normalization()
    whole.adapt(x)
    parts.adapt(np.ones((2, 3, 2)))
    parts.adapt((x[i:i + 7], None) for i in range(0, 50, 7))
    np.testing.assert_allclose([*parts.mean, *parts.variance], [*whole.mean, *whole.variance], rtol=1e-13)
    constant = L.Normalization()
    constant.adapt(np.full((5, 2), 3.0))
    assert constant.variance == (0.0, 0.0) and constant(np.full((1, 2), 3.0)).tolist() == [[0, 0]]
    with pytest.raises(ValueError, match="Received: shape \\(2, 4\\)"):
        whole.adapt(np.ones((2, 4)))


def test_adapt_within_a_model(tmp_path):
    """Before the model is built, after it has predicted, with channels first; and the file keeps it."""
    x = np.random.default_rng(0).standard_normal((20, 3, 5, 4)).astype(np.float32) * 3 + 1
    layer = L.Normalization()
    model = fastcnn.Sequential([layer, L.Conv2D(2, 3, data_format="channels_first"), L.Flatten()], seed=0)
    layer.adapt(x)
    assert len(layer.mean) == 3
    np.testing.assert_allclose(layer.mean, x.mean((0, 2, 3)), rtol=1e-5)
    before = model.predict(x)
    layer.adapt(2 * x)
    after = model.predict(2 * x)
    assert_within(after, before, 1e-5)
    assert not np.allclose(model.predict(x), before, atol=0.1), "plans see the new numbers"
    model.save(tmp_path / "m")
    loaded = fastcnn.load_model(tmp_path / "m")
    assert_same(loaded.predict(2 * x), after)
    assert (loaded.layers[0].mean, loaded.layers[0].variance) == (layer.mean, layer.variance)


def test_a_layer_that_was_not_adapted():
    model = fastcnn.Sequential([L.Normalization(input_shape=(3,)), L.Dense(1)], seed=0)
    model.summary(lambda line: None)
    with pytest.raises(ValueError, match="layer 'normalization' needs a mean and a variance"):
        model.predict(np.ones((1, 3)))
    model.layers[0].adapt(np.arange(6.0).reshape(2, 3))
    assert model.predict(np.ones((1, 3))).shape == (1, 1)
