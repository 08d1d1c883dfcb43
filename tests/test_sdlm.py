"""Stochastic diagonal Levenberg–Marquardt: its steps, when the Hessian is estimated and on what, files, and going on."""

import inside
import numpy as np
import pytest
from buffers import UNIT, assert_same, assert_within, guarded, guarded_before, integers
from remembered import reference
from test_curvature import expected_diagonal, published
from twin import Twin

import fastcnn
from fastcnn import callbacks, ops
from fastcnn import layers as L
from fastcnn.optimizers import SDLM

MAP = "rbf_maximum_a_posteriori"


def data(n, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, 12, 12, 1)).astype(np.float32), rng.integers(0, 4, n)


def compiled(samples=20, loss=MAP, **options):
    model = published(seed=1)
    model.compile(SDLM(0.01, mu=0.05, samples=samples, **options), loss, metrics=["accuracy"])
    return model


# One step


@pytest.mark.parametrize("size", [1, 7, 19, 100_003])
def test_step_is_exact(size, isa, threads):
    """Powers of two: no rounding."""
    rng = np.random.default_rng(size)
    w, dw = integers(rng, size), integers(rng, size)
    h = rng.choice([0.0, 0.5, 1.5, 3.5], size).astype(np.float32)
    assert_same(ops.sdlm(w, dw, h, 0.25, 0.5), reference.sdlm(w, dw, h, 0.25, 0.5))


def test_step():
    rng = np.random.default_rng(0)
    w, dw, h = rng.standard_normal((3, 40, 5)).astype(np.float32)
    expected = reference.sdlm(w, dw, abs(h), 0.3, 0.02)
    assert_within(ops.sdlm(w, dw, abs(h), 0.3, 0.02), expected, 4 * UNIT * (abs(w) + abs(w - expected)))
    assert ops.sdlm([], [], []).shape == (0,)


@pytest.mark.parametrize("guard", [guarded, guarded_before])
def test_nothing_outside_the_arrays_is_touched(guard, isa):
    for size in (1, 7, 8, 9, 33):
        arrays = [guard(np.abs(integers(np.random.default_rng(size), size))) for _ in range(3)]
        assert_within(ops.sdlm(*arrays), reference.sdlm(*arrays), 1e-4 + 1e-5 * np.abs(reference.sdlm(*arrays)))


@pytest.mark.parametrize("arguments, error, message", [
    (([1.0], [1.0, 2.0], [1.0]), ValueError, "dw must have w's shape"),
    (([1.0], [1.0], [[1.0]]), ValueError, "h must have w's shape"),
    (([1.0], [1.0], [-1.0]), ValueError, "h must be at least 0. Received: -1"),
    (([1.0], [1.0], [np.nan]), ValueError, "h must be at least 0. Received: nan"),
    (([1.0], [1.0], [1.0], -1), ValueError, "learning_rate .*Received: -1"),
    (([1.0], [1.0], [1.0], 1, 0), ValueError, "mu .*Received: 0"),
    ((["a"], [1.0], [1.0]), TypeError, "Received: dtype"),
])  # fmt: skip
def test_what_the_function_refuses(arguments, error, message):
    with pytest.raises(error, match=message):
        ops.sdlm(*arguments)
    if error is ValueError and "rate" not in message:
        with pytest.raises(error, match="Received"):
            reference.sdlm(*arguments)


def test_what_the_optimizer_refuses():
    for arguments, message in (({"mu": 0}, "mu .*Received: 0"), ({"samples": 0}, "samples .*Received: 0"),
                               ({"first_mu": 0.01}, "first_mu .*Received: 0.01"), ({"mu": np.inf}, "finite"),
                               ({"learning_rate": -1}, "Received: -1")):
        with pytest.raises(ValueError, match=message):
            SDLM(**arguments)


def test_configuration():
    optimizer = fastcnn.optimizers.get(fastcnn.optimizers.serialize(SDLM.published(10, 0.5)))
    assert isinstance(optimizer, SDLM) and (optimizer.mu, optimizer.samples) == (0.02, 500)
    rates = [optimizer.schedule(step) for step in (0, 19, 20, 49, 50, 79, 80, 119, 120, 10**6)]
    assert rates == [0.5 * r for r in (5e-4, 5e-4, 2e-4, 2e-4, 1e-4, 1e-4, 5e-5, 5e-5, 1e-5, 1e-5)], "the paper's epochs"
    assert fastcnn.optimizers.get("sdlm").learning_rate == 5e-4


# Training


def test_two_epochs_by_the_formulas():
    """h from the first samples of each epoch, as `fit` orders them, with the weights of that moment."""
    model, (x, y) = compiled(samples=10), data(12)
    twin, n = Twin(model), 4
    model.fit(x, y, n, epochs=2, verbose=0)
    double = published(seed=1)
    double.compile("sgd", MAP)
    for epoch in range(2):
        order = np.random.default_rng([1, epoch]).permutation(12)
        double.set_weights([w for layer in twin.weights for w in layer])
        h = iter(expected_diagonal(double, x[order[:10]], y[order[:10]], np.ones(10)))
        h = [[next(h) for _ in layer] for layer in twin.weights]
        for step in range(0, 12, n):
            part = order[step : step + n]
            _, gradients = twin.gradients(x[part], y[part])
            for layer, weights, own, curved in zip(model.layers, twin.weights, gradients, h):
                for i in range(len(weights) if layer.trainable else 0):
                    weights[i] = reference.sdlm(weights[i], own[i], curved[i], 0.01, 0.05)
    for actual, expected in zip(model.get_weights(), (w for layer in twin.weights for w in layer)):
        np.testing.assert_allclose(actual, expected, atol=3e-6)
    before = published(seed=1).get_weights()
    assert all(np.abs(a - b).max() > 1e-4 for a, b in zip(before[:-1], model.get_weights()))
    assert np.array_equal(before[-1], model.get_weights()[-1]), "prototypes are fixed"


def test_the_first_epoch_may_have_a_mu_of_its_own():
    x, y = data(10)
    found = []
    for first_mu in (None, 0.75):
        model = compiled(first_mu=first_mu)
        model.fit(x, y, 10, verbose=0)
        found.append(inside.state(model)[0])
    np.testing.assert_allclose(found[1], found[0] + (0.75 - 0.05), rtol=1e-6)
    model, other = compiled(first_mu=0.75), compiled()
    model.fit(x, y, 10, epochs=1, verbose=0)
    other.set_weights(model.get_weights())
    for m in (model, other):
        m.fit(x, y, 10, epochs=2, initial_epoch=1, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), other.get_weights())), "the first alone"


def test_multipliers():
    """A layer at twice the rate moves twice as far; one at none stays."""
    moved = []
    for factor in (1.0, 2.0, {"kernel": 0.0}):
        model = published(seed=1)
        model.layers[6].learning_rate_multiplier = factor
        model.compile(SDLM(1e-3), MAP)
        before = model.layers[6].get_weights()
        model.fit(*data(8), 8, verbose=0)
        moved.append([a - b for a, b in zip(model.layers[6].get_weights(), before)])
    np.testing.assert_allclose(moved[1][0], 2 * moved[0][0], rtol=1e-3, atol=1e-7)
    assert not moved[2][0].any() and np.array_equal(moved[2][1], moved[0][1])


def test_a_wide_layer():
    """Its kernel changes while its gradient is in cache, by the same steps; units that are 0 stay so."""
    def trained(units):
        rng = np.random.default_rng(0)
        model = fastcnn.Sequential([L.Dense(units, "tanh", input_shape=(300,)), L.Dense(2)], seed=0)
        model.compile(SDLM(0.01), "mse")
        kernel, last = np.zeros((300, units)), np.zeros((units, 2))
        kernel[:, :9], last[:9] = rng.standard_normal((300, 9)) / 10, rng.standard_normal((9, 2))
        model.set_weights([kernel, np.zeros(units), last, np.zeros(2)])
        model.fit(rng.standard_normal((16, 300)), rng.standard_normal((16, 2)), 8, epochs=2, verbose=0)
        assert model._plans["train"].ops[0].wide == (units > 16)
        return model.get_weights()[0], kernel

    (wide, _), (narrow, before) = trained(1000), trained(16)
    np.testing.assert_allclose(wide[:, :9], narrow[:, :9], atol=1e-5)
    assert np.abs(narrow - before)[:, :9].max() > 1e-3 and not wide[:, 9:].any()


@pytest.mark.parametrize("batch", [1, 5])
def test_the_same_bits_at_any_number_of_threads(batch):
    found = []
    for threads in (1, 2, 5):
        model = compiled()
        with fastcnn.num_threads(threads):
            model.fit(*data(30), batch, epochs=2, verbose=0)
        found.append([w.tobytes() for w in model.get_weights()])
    assert found[0] == found[1] == found[2]


def test_outside_of_fit():
    """Steps divided by mu alone before any estimate; by the last one after it."""
    x, y = data(6)
    model, plain = compiled(), published(seed=1)
    plain.compile(fastcnn.optimizers.SGD(0.01 / 0.05), MAP)
    model.train_on_batch(x, y), plain.train_on_batch(x, y)
    for a, b in zip(model.get_weights(), plain.get_weights()):
        np.testing.assert_allclose(a, b, atol=1e-6)
    model.fit(x, y, verbose=0)
    before = inside.state(model).copy()
    model.train_on_batch(x, y)
    assert before.any() and np.array_equal(before, inside.state(model))


# Files and going on


def state(model):
    return [w.tobytes() for w in model.get_weights()] + [inside.state(model).tobytes()]


def test_the_diagonal_is_in_the_file(tmp_path):
    model = compiled()
    model.fit(*data(30), 5, verbose=0)
    model.save(tmp_path / "m.safetensors")
    other = fastcnn.load_model(tmp_path / "m.safetensors")
    assert state(other) == state(model) and inside.state(model).any()
    assert other.optimizer.get_config() == model.optimizer.get_config() and other.optimizer.iterations == 6
    x, y = data(5, 1)
    assert other.train_on_batch(x, y) == model.train_on_batch(x, y) and state(other) == state(model)


@pytest.mark.parametrize("steps", [3, 6, 8, 12, 17])
def test_going_on_is_exact(steps, tmp_path):
    """Stopped in the midst of an epoch, or at its end."""
    class Stop(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if self.model.optimizer.iterations == steps:
                raise KeyboardInterrupt

    x, y = data(30)
    whole = compiled()
    whole.fit(x, y, 5, epochs=3, verbose=0)
    model = compiled()
    save = callbacks.ModelCheckpoint(tmp_path / "m.safetensors", save_freq=1)
    with pytest.raises(KeyboardInterrupt):
        model.fit(x, y, 5, epochs=3, verbose=0, callbacks=[save, Stop()])
    other = fastcnn.load_model(tmp_path / "m.safetensors")
    save = callbacks.ModelCheckpoint(tmp_path / "m.safetensors", save_freq=1)
    other.fit(x, y, 5, epochs=3, verbose=0, resume=True, callbacks=[save, callbacks.Callback()])
    assert state(other) == state(whole)


# Sources of batches


class Sequence:
    def __init__(self, x, y, size):
        self.x, self.y, self.size = x, y, size

    def __len__(self):
        return len(self.x) // self.size

    def __getitem__(self, i):
        part = slice(i * self.size, (i + 1) * self.size)
        return self.x[part], self.y[part]


class Epochs(Sequence):
    def epoch(self, number, first=0):
        for i in range(first, len(self)):
            yield self[(i + number) % len(self)]


@pytest.mark.parametrize("source", [Sequence, Epochs])
def test_sources(source):
    x, y = data(30)
    model, ended = compiled(samples=12), []
    given = source(x, y, 5)
    given.on_epoch_end = lambda: ended.append(1)
    model.fit(given, epochs=2, verbose=0)
    other = compiled(samples=12)
    for epoch in range(2):
        order = np.random.default_rng([1, epoch]).permutation(6) if source is Sequence else np.roll(np.arange(6), -epoch)
        order = (5 * order[:, None] + np.arange(5)).ravel()
        h = other.hessian_diagonal(x[order[:12]], y[order[:12]])
        other._prepare_training()
        for (_, p), value in zip(other._items, h):
            other._states.of(p)[0][...] = value
        for step in range(0, 30, 5):
            other.train_on_batch(x[order[step : step + 5]], y[order[step : step + 5]])
    assert state(other) == state(model)
    assert len(ended) == (2 if source is Sequence else 0), "looking ahead is no epoch"


def test_fewer_samples_than_wanted():
    model, (x, y) = compiled(samples=500), data(10)
    model.fit(Sequence(x, y, 5), verbose=0)
    other = compiled(samples=10)
    other.fit(Sequence(x, y, 5), verbose=0)
    assert state(model) == state(other)


def test_a_source_that_runs_once_is_refused():
    x, y = data(10)
    with pytest.raises(ValueError, match="gone through again.*Received: list_iterator"):
        compiled().fit(iter([(x, y)]), verbose=0)

    class Endless:
        def __iter__(self):
            while True:
                yield x, y

    with pytest.raises(ValueError, match="gone through again.*Received: Endless"):
        compiled().fit(Endless(), steps_per_epoch=2, verbose=0)
