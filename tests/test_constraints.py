"""Constraints: the formulas, and that training keeps to them with every optimizer, layer and path of the weights."""

import json

import numpy as np
import pytest
from twin import Twin, assert_trained_alike, constrained

import fastcnn
from fastcnn import constraints as C
from fastcnn import layers as L
from fastcnn import optimizers as O

OURS = [C.NonNeg(), C.MaxNorm(0.7), C.MaxNorm(1.5, axis=-1), C.UnitNorm(), C.MinMaxNorm(0.5, 0.9),
        C.MinMaxNorm(0.4, 0.6, 0.3)]
HALF_ULP = 2.0**-24  # the product is taken in float64 and rounded once


@pytest.mark.parametrize("constraint", OURS, ids=repr)
@pytest.mark.parametrize("shape", [(1,), (7,), (5, 4), (3, 5, 2, 6)], ids=str)
def test_formulas(constraint, shape):
    w = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    before, expected = w.copy(), constrained(constraint, w.astype(np.float64))
    bounded = constraint(w)
    assert np.array_equal(w, before) and bounded.dtype == np.float32
    np.testing.assert_allclose(bounded, expected, rtol=1.01 * HALF_ULP)
    constraint.apply(w)
    assert np.array_equal(w, bounded), "in place as well"


def test_a_filters_norm():
    w = np.random.default_rng(0).standard_normal((3, 3, 4, 8)).astype(np.float32)
    bounded = C.MaxNorm(2, axis=[0, 1, 2])(w)
    assert np.sqrt((bounded**2).sum((0, 1, 2))) == pytest.approx(np.full(8, 2), rel=1e-6)
    assert np.array_equal(bounded, C.MaxNorm(2, axis=(0, -2, 1))(w))
    whole = C.UnitNorm([0, 1, 2, 3])(w)
    assert np.sqrt((whole.astype(float)**2).sum()) == pytest.approx(1, rel=1e-7)


def test_what_is_within_stays_bit_for_bit():
    w = np.random.default_rng(0).standard_normal((4, 1000)).astype(np.float32)
    norms = np.sqrt((w.astype(float)**2).sum(0))
    for constraint, within in ((C.MaxNorm(2.0), norms <= 2),
                               (C.MinMaxNorm(1.0, 2.5, rate=0.1), (1 <= norms) & (norms <= 2.5))):
        assert 100 < within.sum() < 900
        assert np.array_equal(np.all(constraint(w) == w, axis=0), within)


def test_extremes():
    w = np.array([[0, 2**-100, 3 * 2.0**100, np.nan], [0, 0, 4 * 2.0**100, 1]], np.float32)
    assert C.UnitNorm()(w)[:, :3].tolist() == [[0, 1, np.float32(0.6)], [0, 0, np.float32(0.8)]]
    assert C.MaxNorm(0)(w)[:, :3].tolist() == [[0, 0, 0], [0, 0, 0]]
    assert np.array_equal(C.MaxNorm(1)(w)[:, 3], w[:, 3], equal_nan=True), "a NaN is not hidden"


# Training

OPTIMIZERS = {
    "sgd": lambda: O.SGD(0.2, momentum=0.9),
    "adam": lambda: O.Adam(0.02),
    "clipnorm": lambda: O.SGD(0.2, clipnorm=0.5),
}


class Scale(L.Layer):
    """A layer in NumPy whose factors are bounded."""

    def build(self, shape):
        self.factor = self.add_weight("factor", shape[-1:], "ones", constraint=C.UnitNorm())

    def forward(self, x, training=False):
        self.x = x
        return x * self.factor.value

    def backward(self, dy):
        self.factor.gradient[...] = (dy * self.x).sum(axis=tuple(range(dy.ndim - 1)))
        return dy * self.factor.value


def network():
    return fastcnn.Sequential([
        L.Conv2D(4, 3, activation="tanh", kernel_constraint=C.MaxNorm(0.8, [0, 1, 2]), bias_constraint="non_neg",
                 input_shape=(8, 8, 2)),
        L.BatchNormalization(gamma_constraint=C.MaxNorm(1.2), beta_constraint="non_neg"),
        L.DepthwiseConv2D(3, padding="same", depthwise_constraint="unit_norm", bias_constraint="max_norm"),
        L.SeparableConv2D(6, 3, activation="tanh", depthwise_constraint=C.MaxNorm(0.5), bias_constraint="non_neg",
                          pointwise_constraint=C.MinMaxNorm(0.6, 0.8, axis=2)),
        L.Conv2DTranspose(3, 2, kernel_constraint=C.NonNeg(), bias_constraint=C.MaxNorm(0.01)),
        L.Flatten(),
        L.Dense(9, "tanh", kernel_constraint=C.UnitNorm(), bias_constraint=C.MinMaxNorm(0.1, 0.2), bias_initializer="ones"),
        L.Dense(7, "tanh", kernel_constraint="unit_norm", trainable=False),
        L.Dense(4, "softmax", kernel_constraint=C.MinMaxNorm(0.2, 0.5, rate=0.5, axis=1)),
    ], seed=1)


def batch(seed, count=6):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((count, 8, 8, 2)).astype(np.float32), rng.integers(0, 4, count)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_training(name):
    model = network()
    model.compile(OPTIMIZERS[name](), "sparse_categorical_crossentropy")
    double, before = Twin(model), [layer.get_weights() for layer in model.layers]
    for step in range(3):
        x, y = batch(step)
        assert model.train_on_batch(x, y) == pytest.approx(double.step(x, y), rel=1e-4)
    assert assert_trained_alike(model, double, before, 1e-3, steps=3) >= 12
    for layer in model.layers:
        for parameter in layer.parameters:
            if parameter.constraint is not None and layer.trainable and getattr(parameter.constraint, "rate", 1) == 1:
                np.testing.assert_allclose(parameter.value, parameter.constraint(parameter.value), rtol=2e-7)


@pytest.mark.parametrize("cls, arguments, shape, parameters", [
    (L.Conv2D, (2, 3), (4, 4, 2), {"kernel": "kernel", "bias": "bias"}),
    (L.Conv2DTranspose, (2, 3), (4, 4, 2), {"kernel": "kernel", "bias": "bias"}),
    (L.Dense, (2,), (4,), {"kernel": "kernel", "bias": "bias"}),
    (L.DepthwiseConv2D, (3,), (4, 4, 2), {"depthwise": "kernel", "bias": "bias"}),
    (L.SeparableConv2D, (2, 3), (4, 4, 2),
     {"depthwise": "depthwise_kernel", "pointwise": "pointwise_kernel", "bias": "bias"}),
    (L.BatchNormalization, (), (4,), {"beta": "beta", "gamma": "gamma"}),
])
def test_each_argument_bounds_its_parameter(cls, arguments, shape, parameters):
    given = {f"{name}_constraint": C.MaxNorm(number + 1) for number, name in enumerate(parameters)}
    layer = cls(*arguments, **given)
    layer.build_for(shape)
    assert {p.name: p.constraint for p in layer.parameters if p.constraint} == {
        name: given[f"{argument}_constraint"] for argument, name in parameters.items()}
    again = cls.from_config(json.loads(json.dumps(layer.get_config())))
    assert all(repr(getattr(again, name)) == repr(constraint) for name, constraint in given.items())


def test_what_has_no_gradient_is_left_alone():
    model = network()
    model.compile("sgd", "sparse_categorical_crossentropy")
    frozen = model.layers[7].get_weights()
    model.fit(*batch(0), verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(frozen, model.layers[7].get_weights()))
    assert abs(np.square(frozen[0]).sum(0) - 1).max() > 0.1, "else there would be nothing to see"


def test_layers_in_python():
    model = fastcnn.Sequential([Scale(input_shape=(3,)), L.Dense(2)], seed=0)
    model.compile("sgd", "mse")
    assert np.square(model.get_weights()[0]).sum() == 3, "initial values are as they are"
    model.train_on_batch(np.ones((4, 3)), np.ones((4, 2)))
    assert np.square(model.get_weights()[0]).sum() == pytest.approx(1, rel=1e-6)


@pytest.mark.parametrize("clip", [{}, {"clipnorm": 0.5}], ids=["fused", "whole gradient"])
def test_large_dense_kernels(clip):
    model = fastcnn.Sequential([L.Dense(530, kernel_constraint=C.MaxNorm(0.9), input_shape=(601,)), L.Dense(3)], seed=0)
    model.compile(O.SGD(0.5, momentum=0.5, **clip), "mse")
    double, before, rng = Twin(model), [layer.get_weights() for layer in model.layers], np.random.default_rng(0)
    for _ in range(2):
        x, y = rng.standard_normal((4, 601)).astype("f"), rng.standard_normal((4, 3)).astype("f")
        assert model.train_on_batch(x, y) == pytest.approx(double.step(x, y), rel=2e-5)
        predicted = model.predict(x)
        np.testing.assert_allclose(predicted, double.predict(x), atol=2e-5 * np.abs(predicted).max())
    assert assert_trained_alike(model, double, before, 3e-5, steps=2) == 4
    norms = np.sqrt(np.square(model.get_weights()[0].astype(float)).sum(0))
    assert norms.max() <= 0.9 * (1 + 1e-7) and (norms > 0.8999).any()


def test_same_bits_at_any_number_of_threads():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((32, 500)), rng.integers(0, 10, 32)
    results = []
    for threads in (1, 2, 5):
        with fastcnn.num_threads(threads):
            model = fastcnn.Sequential([L.Dense(600, "tanh", kernel_constraint=C.MaxNorm(0.9), input_shape=(500,)),
                                        L.Dense(10, "softmax", kernel_constraint="unit_norm")], seed=0)
            model.compile("adam", "sparse_categorical_crossentropy")
            history = model.fit(x, y, batch_size=16, epochs=2, verbose=0).history
            results.append((history, [w.tobytes() for w in model.get_weights()]))
    assert all(result == results[0] for result in results)


# Configurations


class Clipped(C.Constraint):
    """One of a user's own."""

    config = ("most",)

    def __init__(self, most):
        self.most = most

    def __call__(self, w):
        return w.clip(-self.most, self.most)


def test_files(tmp_path):
    model = fastcnn.Sequential([L.Conv2D(2, 3, kernel_constraint=C.MaxNorm(3, (0, 1, 2)), input_shape=(4, 4, 1)),
                                L.Flatten(), L.Dense(2, kernel_constraint=Clipped(0.25))], seed=0)
    model.compile(O.SGD(0.5), "mse")
    x, y = np.ones((3, 4, 4, 1)), np.ones((3, 2))
    model.train_on_batch(x, y)
    assert np.abs(model.layers[2].get_weights()[0]).max() == 0.25
    model.save(tmp_path / "m")
    loaded = fastcnn.load_model(tmp_path / "m", custom_objects={"Clipped": Clipped})
    assert [repr(layer.kernel_constraint) for layer in loaded.layers[::2]] == [
        "MaxNorm(max_value=3.0, axis=[0, 1, 2])", "Clipped(most=0.25)"]
    assert loaded.train_on_batch(x, y) == model.train_on_batch(x, y)
    assert all(np.array_equal(a, b) for a, b in zip(loaded.get_weights(), model.get_weights()))
    with pytest.raises(fastcnn.io.FileFormatError, match="Clipped"):
        fastcnn.load_model(tmp_path / "m")


def test_names():
    assert (repr(C.get("max_norm")), repr(C.get("NonNeg"))) == ("MaxNorm(max_value=2.0, axis=0)", "NonNeg()")
    assert repr(C.get("min_max_norm")) == "MinMaxNorm(min_value=0.0, max_value=1.0, rate=1.0, axis=0)"
    assert C.get(None) is None and type(C.get(C.UnitNorm)) is C.UnitNorm and C.max_norm is C.MaxNorm
    for made in OURS:
        again = C.get(json.loads(json.dumps(C.serialize(made))))
        assert type(again) is type(made) and again.get_config() == made.get_config()
    assert L.Dense(2).get_config()["kernel_constraint"] is None


class Rows(C.Constraint):
    """It forgets the columns."""

    def __call__(self, w):
        return w[:, :1]


def misshapen():
    model = fastcnn.Sequential([L.Dense(2, kernel_constraint=Rows(), input_shape=(3,))])
    model.compile("sgd", "mse")
    model.train_on_batch(np.ones((1, 3)), np.ones((1, 2)))


@pytest.mark.parametrize("make, error, message", [
    (lambda: C.MaxNorm(-1), ValueError, "max_value .*Received: -1"), (lambda: C.MaxNorm("3"), TypeError, "Received: '3'"),
    (lambda: C.MinMaxNorm(2, 1), ValueError, r"max_value must lie in \[2.0, .*Received: 1"),
    (lambda: C.MinMaxNorm(rate=1.5), ValueError, "rate .*Received: 1.5"),
    (lambda: C.UnitNorm(axis="all"), TypeError, "axis .*Received: 'all'"),
    (lambda: L.Dense(2, kernel_constraint=C.MaxNorm(axis=2), input_shape=(3,)).build_for((3,)), ValueError,
     r"axis must name axes of dense/kernel, which has shape \(3, 2\).*Received: 2"),
    (lambda: L.Dense(2, bias_constraint=C.UnitNorm([0, 1])).build_for((3,)), ValueError, r"dense/bias.*Received: \[0, 1\]"),
    (lambda: C.UnitNorm([0, -2])(np.ones((2, 2))), ValueError, r"each once. Received: \[0, -2\]"),
    (lambda: C.UnitNorm([])(np.ones(2)), ValueError, r"Received: \[\]"),
    (lambda: L.Dense(2, kernel_constraint="max_nrm"), ValueError, "did you mean 'max_norm'.*Received: 'max_nrm'"),
    (lambda: L.Conv2D(2, 3, bias_constraint=3), TypeError, "constraint .*Received: 3"),
    (lambda: L.Dense(2, kernel_constraint=np.abs), TypeError, "Constraint. Received: the function absolute"),
    (lambda: L.Dense(2, kernel_constrain="max_norm"), TypeError, "Did you mean 'kernel_constraint'"),
    (lambda: C.Constraint()(np.ones(2)), NotImplementedError, "Constraint must define __call__"),
    (misshapen, ValueError, r"Rows\(w\) must return shape \(3, 2\). Received: shape \(3, 1\)"),
])
def test_refusals(make, error, message):
    with pytest.raises(error, match=message):
        make()
