"""Regularizers: the penalty in the loss, its slope in the gradient, with every optimizer and path of the weights."""

import json

import numpy as np
import pytest
import twin
from twin import Twin, assert_trained_alike

import fastcnn
from fastcnn import _ops
from fastcnn import layers as L
from fastcnn import optimizers as O
from fastcnn import regularizers as R

OPTIMIZERS = {
    "sgd": lambda: O.SGD(0.1, momentum=0.9),
    "weight decay": lambda: O.SGD(0.1, momentum=0.9, weight_decay=0.2, decoupled=False),
    "clipvalue": lambda: O.SGD(0.1, clipvalue=0.05),
    "clipnorm": lambda: O.SGD(0.1, clipnorm=0.2),
    "global_clipnorm": lambda: O.Adam(0.01, global_clipnorm=0.2),
    "rmsprop": lambda: O.RMSprop(0.01),
}


class Affine(twin.Affine):
    """A layer in NumPy with a penalty on its factor."""

    def build(self, shape):
        self.factor = self.add_weight("factor", shape[-1:], "ones", R.L2(0.3))
        self.shift = self.add_weight("shift", shape[-1:], "zeros")


def network():
    return fastcnn.Sequential([
        L.Conv2D(4, 3, activation="tanh", kernel_regularizer=R.L1L2(0.02, 0.03), bias_initializer="ones",
                 bias_regularizer="l1", input_shape=(6, 6, 2)),
        Affine(),
        L.Flatten(),
        L.Dense(9, activation="tanh", kernel_regularizer=R.L2(0.05), learning_rate_multiplier=0.5),
        L.Dense(5, activation="tanh", kernel_regularizer=R.L1(0.7), trainable=False),
        L.Dense(4, activation="softmax", kernel_regularizer=R.L1(0.01)),
    ], seed=1)


def batch(seed, count=6):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((count, 6, 6, 2)).astype(np.float32), rng.integers(0, 4, count)


def written_out(model):
    """The penalties of a model's trainable weights."""
    parameters = [p for layer in model.layers if layer.trainable for p in layer.parameters]
    return sum(p.regularizer(p.value) for p in parameters if p.regularizer)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_training(name):
    model = network()
    model.compile(OPTIMIZERS[name](), "sparse_categorical_crossentropy")
    double, before = Twin(model), [layer.get_weights() for layer in model.layers]
    for step in range(4):
        x, y = batch(step)
        weight = np.linspace(0.5, 2, 6).astype(np.float32)
        assert model.train_on_batch(x, y, weight) == pytest.approx(double.step(x, y, weight), rel=2e-5)
    assert assert_trained_alike(model, double, before, 1e-3, steps=4) == 8


def test_the_loss_that_is_told():
    """Once per batch, whatever the batches and the weights of samples; weights as they were before the step."""
    model, plain = network(), network()
    model.compile(O.SGD(0.1), "sparse_categorical_crossentropy")
    for layer in plain.layers:
        for parameter in layer.parameters:
            parameter.regularizer = None
    plain.compile(O.SGD(0.1), "sparse_categorical_crossentropy")
    x, y = batch(0, 20)
    penalty = written_out(model)
    assert penalty > 0.5
    for size in (20, 7):
        for weight in (None, np.linspace(0, 1, 20)):
            alone, whole = (m.evaluate(x, y, batch_size=size, sample_weight=weight, verbose=0) for m in (plain, model))
            assert whole - alone == pytest.approx(penalty, rel=1e-5)
    assert model.test_on_batch(x, y) - plain.test_on_batch(x, y) == pytest.approx(penalty, rel=1e-5)
    assert model.train_on_batch(x, y) - plain.train_on_batch(x, y) == pytest.approx(penalty, rel=1e-5)
    assert written_out(model) < 0.99 * penalty
    history = model.fit(x, y, batch_size=20, epochs=1, verbose=0, validation_data=(x, y))
    assert history.history["val_loss"][0] == pytest.approx(model.evaluate(x, y, verbose=0))
    assert model.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0), "the packed weights are used again"


def test_a_frozen_layers_penalty_does_not_count():
    model = fastcnn.Sequential([L.Dense(2, kernel_regularizer="l2", trainable=False, input_shape=(3,))], seed=0)
    model.compile("sgd", "mse")
    assert model.evaluate(np.zeros((2, 3)), np.zeros((2, 2)), verbose=0) == 0
    model.layers[0].trainable = True
    model.compile("sgd", "mse")
    expected = 0.01 * (model.get_weights()[0].astype(float) ** 2).sum()
    assert model.evaluate(np.zeros((2, 3)), np.zeros((2, 2)), verbose=0) == pytest.approx(expected)


@pytest.mark.parametrize("clip", [{}, {"clipnorm": 0.5}], ids=["fused", "whole gradient"])
def test_large_dense_kernels(clip):
    model = fastcnn.Sequential([L.Dense(530, kernel_regularizer=R.L1L2(1e-4, 1e-3), input_shape=(601,)), L.Dense(3)], seed=0)
    model.compile(O.SGD(0.5, momentum=0.5, **clip), "mse")
    double, before, rng = Twin(model), [layer.get_weights() for layer in model.layers], np.random.default_rng(0)
    for _ in range(2):
        x, y = rng.standard_normal((4, 601)).astype("f"), rng.standard_normal((4, 3)).astype("f")
        assert model.train_on_batch(x, y) == pytest.approx(double.step(x, y), rel=2e-5)
    assert assert_trained_alike(model, double, before, 3e-5, steps=2) == 4
    assert (model.layers[0].parameters[0].gradient is None) == (not clip)


@pytest.mark.parametrize("free", [False, True])
def test_kernels_in_fewer_bits(free):
    """`evaluate` tells the penalty of the weights that it reads: those of a wide kernel and of a small one, rounded."""
    model, rounded = (fastcnn.Sequential([L.Dense(530, kernel_regularizer=R.L1L2(1e-3, 1e-2), input_shape=(601,)),
                                          L.Dense(3, kernel_regularizer="l2", bias_regularizer="l1",
                                                  bias_initializer="ones")], seed=0) for _ in range(2))
    for kernel in (0, 2):
        weights = rounded.get_weights()
        weights[kernel] = fastcnn.reference.half_weights(weights[kernel], "int8").astype(np.float32)
        rounded.set_weights(weights)
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((4, 601)), rng.standard_normal((4, 3))
    for each in (model, rounded):
        each.compile("sgd", "mse")
    plain = model.evaluate(x, y, verbose=0)
    model.half_weights("int8", free=free)
    expected = rounded.evaluate(x, y, verbose=0)
    assert model.evaluate(x, y, verbose=0) == pytest.approx(expected, rel=1e-6)
    assert abs(expected - plain) > 1e-5 * plain, "else the test would tell nothing"
    if not free:  # what training changes is rounded anew
        for each in (model, rounded):
            each.set_weights([w / 2 for w in rounded.get_weights()])
        assert model.evaluate(x, y, verbose=0) == pytest.approx(rounded.evaluate(x, y, verbose=0), rel=1e-6)


def test_l2_is_coupled_weight_decay():
    """… of 2·l2, for SGD without bounds."""
    results = []
    for regularizer, decay in ((R.L2(0.05), 0.0), (None, 0.1)):
        model = fastcnn.Sequential([L.Dense(7, use_bias=False, kernel_regularizer=regularizer, input_shape=(5,))], seed=0)
        model.compile(O.SGD(0.1, momentum=0.9, weight_decay=decay, decoupled=False), "mse")
        for step in range(5):
            rng = np.random.default_rng(step)
            model.train_on_batch(rng.standard_normal((3, 5)), rng.standard_normal((3, 7)))
        results.append(model.get_weights()[0])
    np.testing.assert_allclose(*results, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("size", [1, 7, 16384, 16385, 100_003])
def test_penalty_is_exact_on_whole_numbers(size, isa):
    w = np.random.default_rng(size).integers(-4, 5, size).astype(np.float32)
    parts = np.full(_ops.norm_blocks(size), np.nan, np.float32)
    program = _ops.Program([_ops.penalty(size, 0.5, 0.25)], [(0, "pack")], [(0, 1, 1, True)])
    program.bind(0, "w", w)
    program.bind(0, "partial", parts)
    program.run(1, 2)
    assert parts.sum(dtype=np.float64) == 0.5 * np.abs(w).sum() + 0.25 * (w**2).sum()
    assert len(parts) == -(-size // 16384)


def test_l1_makes_no_step_at_zero():
    """The slope of |w| at 0 is 0: zeros stay, others reach at most one step beyond."""
    model = fastcnn.Sequential([L.Dense(4, use_bias=False, kernel_regularizer=R.L1(1.0), input_shape=(3,))])
    model.set_weights([np.array([[0, -0.0, 1, -1]] * 3, np.float32)])
    model.compile(O.SGD(0.25), "mse")
    for _ in range(2):
        model.train_on_batch(np.zeros((1, 3)), np.zeros((1, 4)))
    assert model.get_weights()[0].tolist() == [[0, 0, 0.5, -0.5]] * 3


def test_same_bits_at_any_number_of_threads():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((32, 500)), rng.integers(0, 10, 32)
    results = []
    for threads in (1, 2, 5):
        with fastcnn.num_threads(threads):
            model = fastcnn.Sequential([L.Dense(600, "tanh", kernel_regularizer=R.L1L2(1e-5, 1e-4), input_shape=(500,)),
                                        L.Dense(10, "softmax", kernel_regularizer="l2")], seed=0)
            model.compile(O.Adam(clipnorm=0.1), "sparse_categorical_crossentropy")
            history = model.fit(x, y, batch_size=16, epochs=2, verbose=0).history
            results.append((history, [w.tobytes() for w in model.get_weights()]))
    assert all(result == results[0] for result in results)


def test_files(tmp_path):
    model = network()
    model.compile("adam", "sparse_categorical_crossentropy")
    x, y = batch(0)
    model.train_on_batch(x, y)
    model.save(tmp_path / "m")
    loaded = fastcnn.load_model(tmp_path / "m", custom_objects={"Affine": Affine})
    assert [repr(layer.kernel_regularizer) for layer in (loaded.layers[0], loaded.layers[3])] == [
        "L1L2(l1=0.02, l2=0.03)", "L2(l2=0.05)"]
    assert loaded.train_on_batch(x, y) == model.train_on_batch(x, y)
    assert all(np.array_equal(a, b) for a, b in zip(loaded.get_weights(), model.get_weights()))


def test_names():
    assert (repr(R.get("l1")), repr(R.get("l2"))) == ("L1(l1=0.01)", "L2(l2=0.01)")
    assert (repr(R.get("l1_l2")), repr(R.l1_l2(l2=3))) == ("L1L2(l1=0.01, l2=0.01)", "L1L2(l1=0.0, l2=3.0)")
    assert R.get(None) is None and type(R.get(R.L2)) is R.L2
    for made in (R.L1(0.5), R.L2(0.25), R.L1L2(0.5, 0.25)):
        again = R.get(json.loads(json.dumps(R.serialize(made))))
        assert type(again) is type(made) and again.get_config() == made.get_config()
    assert L.Dense(2).get_config()["kernel_regularizer"] is None


class Mine(R.Regularizer):
    """A penalty that C does not know."""

    def __call__(self, w):
        return np.abs(w).max()


@pytest.mark.parametrize("make, error, message", [
    (lambda: R.L1(-1), ValueError, "l1 .*Received: -1"), (lambda: R.L2("much"), TypeError, "l2 .*Received: 'much'"),
    (lambda: R.L1L2(l2=np.inf), ValueError, "l2 .*Received: inf"),
    (lambda: L.Dense(2, kernel_regularizer="l3"), ValueError, "regularizer .*Received: 'l3'"),
    (lambda: L.Conv2D(2, 3, bias_regularizer=0.1), TypeError, "Received: 0.1"),
    (lambda: L.Dense(2, kernel_regularizer=lambda w: 0.0), TypeError, "whose gradients C computes"),
    (lambda: L.Dense(2, kernel_regularizer=Mine()), TypeError, "whose gradients C computes"),
    (lambda: L.Dense(2, kernel_regulariser="l2"), TypeError, "Did you mean 'kernel_regularizer'"),
])
def test_refusals(make, error, message):
    with pytest.raises(error, match=message):
        make()
