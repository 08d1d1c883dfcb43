"""Losses as classes, functions and names: values, gradients, training, targets, refusals."""

import json

import numpy as np
import pytest
from twin import Twin, assert_trained_alike

import fastcnn
from fastcnn import layers as L
from fastcnn import losses, reference
from fastcnn.optimizers import SGD

RNG = np.random.default_rng(0)
ROWS, LABELS = np.eye(4, dtype=np.float32)[RNG.integers(0, 4, 9)], RNG.integers(0, 4, 9)
REAL, SIGNS = RNG.standard_normal((9, 4)).astype(np.float32), RNG.choice(np.float32([-1, 1]), (9, 4))
CASES = {  # name: (loss, targets, the model's last activation, the reference with its options)
    "mse": (losses.MeanSquaredError(), REAL, None, ("mean_squared_error", {})),
    "mae": (losses.MeanAbsoluteError(), REAL, None, ("mean_absolute_error", {})),
    "huber": (losses.Huber(), REAL, None, ("huber", {})),
    "huber .2": (losses.Huber(0.2), REAL, None, ("huber", {"delta": 0.2})),
    "hinge": (losses.Hinge(), SIGNS, None, ("hinge", {})),
    "hinge 01": (losses.Hinge(), ROWS, "tanh", ("hinge", {})),
    "squared_hinge": (losses.SquaredHinge(), SIGNS, None, ("squared_hinge", {})),
    "categorical_hinge": (losses.CategoricalHinge(), ROWS, None, ("categorical_hinge", {})),
    "svm": (losses.MulticlassHinge(), LABELS, None, ("multiclass_hinge", {})),
    "categorical": (losses.CategoricalCrossentropy(), ROWS, "softmax", ("categorical_cross_entropy", {})),
    "categorical smooth": (losses.CategoricalCrossentropy(label_smoothing=0.1), ROWS, "softmax",
                           ("categorical_cross_entropy", {"label_smoothing": 0.1})),
    "categorical sigmoid smooth": (losses.CategoricalCrossentropy(label_smoothing=0.1), ROWS, "sigmoid",
                                   ("categorical_cross_entropy", {"label_smoothing": 0.1})),
    "categorical logits smooth": (losses.CategoricalCrossentropy(True, 0.3), ROWS, None,
                                  ("softmax_cross_entropy", {"label_smoothing": 0.3})),
    "binary smooth": (losses.BinaryCrossentropy(label_smoothing=0.2), ROWS, "sigmoid",
                      ("binary_cross_entropy", {"label_smoothing": 0.2})),
    "binary logits smooth": (losses.BinaryCrossentropy(True, 0.2), ROWS, None,
                             ("binary_cross_entropy", {"from_logits": True, "label_smoothing": 0.2})),
    "sparse": (losses.SparseCategoricalCrossentropy(), LABELS, "softmax", ("categorical_cross_entropy", {})),
}


@pytest.mark.parametrize("case", CASES)
def test_values_and_gradients(case):
    """`forward`, `backward` and the mean against the reference."""
    loss, target, _, (name, options) = CASES[case]
    x = RNG.uniform(0.05, 0.95, (9, 4)).astype(np.float32)
    expected = getattr(reference, name)(x, target, **options)
    np.testing.assert_allclose(loss.forward(target, x), expected, rtol=3e-6)
    dx = getattr(reference, f"{name}_backward")(np.ones(9), x, target, **options)
    np.testing.assert_allclose(loss.backward(target, x), dx, rtol=1e-5, atol=3e-7)
    weight = RNG.random(9)
    assert loss(target, x) == pytest.approx(expected.mean(), rel=1e-5)
    assert loss(target, x, weight) == pytest.approx((expected * weight).mean(), rel=1e-5)


@pytest.mark.parametrize("case", CASES)
def test_training(case):
    """Steps of a model, weighted samples among them, against the float64 twin; evaluate agrees with the loss itself."""
    loss, target, activation, _ = CASES[case]
    model = fastcnn.Sequential([L.Dense(6, "tanh", input_shape=(5,)), L.Dense(4, activation)], seed=2)
    model.compile(SGD(0.1), loss)
    twin, before = Twin(model), [layer.get_weights() for layer in model.layers]
    rng = np.random.default_rng(5)
    for _ in range(3):
        x, weight = rng.standard_normal((9, 5)).astype(np.float32), rng.random(9).astype(np.float32)
        assert model.train_on_batch(x, target, weight) == pytest.approx(twin.step(x, target, weight), rel=1e-5)
    assert assert_trained_alike(model, twin, before, 2e-5, steps=3) == 4
    assert model.evaluate(x, target, verbose=0) == pytest.approx(loss(target, model.predict(x)), rel=1e-5)


@pytest.mark.parametrize("case", CASES)
def test_one_op_of_the_training_program(case):
    model = fastcnn.Sequential([L.Dense(4, CASES[case][2], input_shape=(5,))], seed=2)
    model.compile("sgd", CASES[case][0])
    plan = model._plan("train", 9, CASES[case][0].prepare(CASES[case][1], (4,))[1])
    assert plan.loss_places[0] is not None and len(plan.script) == 0, "no Python between its phases"


FUNCTIONS = {
    "mean_squared_error": losses.MeanSquaredError, "mean_absolute_error": losses.MeanAbsoluteError, "huber": losses.Huber,
    "hinge": losses.Hinge, "squared_hinge": losses.SquaredHinge, "categorical_hinge": losses.CategoricalHinge,
    "multiclass_hinge": losses.MulticlassHinge, "binary_crossentropy": losses.BinaryCrossentropy,
    "categorical_crossentropy": losses.CategoricalCrossentropy,
    "sparse_categorical_crossentropy": losses.SparseCategoricalCrossentropy,
}
ALIASES = {"mse": "mean_squared_error", "MSE": "mean_squared_error", "mae": "mean_absolute_error",
           "MAE": "mean_absolute_error", "bce": "binary_crossentropy", "BCE": "binary_crossentropy", "huber_loss": "huber",
           "svm": "multiclass_hinge"}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_names_and_functions(name):
    cls = FUNCTIONS[name]
    for identifier in (name, cls.__name__, cls, getattr(losses, name)):
        assert type(losses.get(identifier)) is cls and losses.get(identifier).name == name
    x = RNG.uniform(0.1, 0.9, (9, 4)).astype(np.float32)
    target = LABELS if name in ("multiclass_hinge", "sparse_categorical_crossentropy") else ROWS
    assert np.array_equal(getattr(losses, name)(target, x), cls().forward(target, x))


def test_weights_of_samples():
    loss = losses.MeanSquaredError()
    assert loss([[1.0], [2.0]], [[0.0], [0.0]], [3, 0.5]) == 2.5
    for wrong in (np.ones((2, 1)), np.ones(3), 2.0):
        with pytest.raises(ValueError, match=r"one number per sample, shape \(2,\). Received: shape "):
            loss([[1.0], [2.0]], [[0.0], [0.0]], wrong)


def test_functions_options():
    x = RNG.uniform(0.1, 0.9, (9, 4)).astype(np.float32)
    for actual, expected in (
        (losses.huber(REAL, x, delta=0.1), losses.Huber(0.1).forward(REAL, x)),
        (losses.binary_crossentropy(ROWS, x, True, 0.2), losses.BinaryCrossentropy(True, 0.2).forward(ROWS, x)),
        (losses.categorical_crossentropy(ROWS, x, label_smoothing=0.2),
         losses.CategoricalCrossentropy(label_smoothing=0.2).forward(ROWS, x)),
        (losses.sparse_categorical_crossentropy(LABELS, x, from_logits=True),
         losses.SparseCategoricalCrossentropy(True).forward(LABELS, x)),
    ):
        assert np.array_equal(actual, expected)


@pytest.mark.parametrize("alias", ALIASES)
def test_aliases(alias):
    assert losses.get(alias).name == ALIASES[alias]


@pytest.mark.parametrize("case", CASES)
def test_serialize_there_and_back(case):
    loss = CASES[case][0]
    again = losses.get(json.loads(json.dumps(losses.serialize(loss))))
    assert type(again) is type(loss) and again.get_config() == loss.get_config()


def test_label_smoothing_is_keras():
    """The examples of Keras' arguments: .1/C elsewhere, .9 + .1/C at the target; 1 − s/2 and s/2."""
    p = np.float32([[0.1, 0.2, 0.3, 0.4]])
    expected = -(0.025 * np.log(p).sum() + 0.9 * np.log(0.3))
    assert losses.CategoricalCrossentropy(label_smoothing=0.1)([[0, 0, 1, 0]], p) == pytest.approx(expected, rel=1e-5)
    expected = -(0.9 * np.log(0.3) + 0.1 * np.log(0.7))
    assert losses.BinaryCrossentropy(label_smoothing=0.2)([[1.0]], np.float32([[0.3]])) == pytest.approx(expected, rel=1e-5)


def test_accuracy_fits_the_loss():
    for loss, target, expected in (
        ("svm", LABELS, "SparseCategoricalAccuracy"),
        ("sparse_categorical_crossentropy", LABELS, "SparseCategoricalAccuracy"),
        ("categorical_hinge", ROWS, "CategoricalAccuracy"), ("mse", ROWS, "CategoricalAccuracy"),
    ):
        model = fastcnn.Sequential([L.Dense(4, input_shape=(5,))], seed=2)
        model.compile("sgd", loss, metrics=["accuracy"])
        x = RNG.standard_normal((9, 5))
        right = (model.predict(x).argmax(1) == (target if target.ndim == 1 else target.argmax(1))).mean()
        assert model.evaluate(x, target, verbose=0)[1] == pytest.approx(right)
        assert type(model.metrics[0]).__name__ == expected


def test_a_loss_that_is_not_a_number_shows():
    x = np.float32([[np.nan, 0.0]])
    for loss, target in ((losses.Hinge(), [[1, -1]]), (losses.SquaredHinge(), [[1, -1]]), (losses.Huber(), [[1, 2]]),
                         (losses.CategoricalHinge(), [[1, 0]]), (losses.MulticlassHinge(), [0]),
                         (losses.MulticlassHinge(), [1]), (losses.MeanAbsoluteError(), [[1, 2]])):
        assert np.isnan(loss(target, x)), loss


@pytest.mark.parametrize("make, error, message", [
    (lambda: losses.get("hing"), ValueError, "did you mean 'hinge'.*Received: 'hing'"),
    (lambda: losses.get(lambda t, p: 0), TypeError, "it needs a gradient"),
    (lambda: losses.Huber(0), ValueError, "delta .*Received: 0"),
    (lambda: losses.CategoricalCrossentropy(label_smoothing=1.5), ValueError, "label_smoothing .*Received: 1.5"),
    (lambda: losses.BinaryCrossentropy(label_smoothing=True), TypeError, "label_smoothing .*Received: True"),
    (lambda: losses.BinaryCrossentropy(label_smoothing=-0.1), ValueError, "label_smoothing .*Received: -0.1"),
    (lambda: losses.Hinge()([[0.0, -1.0]], [[0.0, 0.0]]), ValueError, "−1 and 1, or 0 and 1.*Received: -1, 0"),
    (lambda: losses.SquaredHinge()([[0.5, 1.0]], [[0.0, 0.0]]), ValueError, "squared_hinge. Received: 0.5, 1"),
    (lambda: losses.MulticlassHinge()([[0.0, 1.0]], [[0.0, 0.0]]), ValueError, "labels .*for multiclass_hinge"),
    (lambda: losses.MulticlassHinge()([2], [[0.0, 0.0]]), ValueError, "from 0 to 1. Received: 2 … 2"),
    (lambda: losses.CategoricalCrossentropy()([1], [[0.5, 0.5]]), ValueError,
     r"labels go with sparse_categorical_crossentropy. Received: shape \(1,\)"),
    (lambda: losses.CategoricalCrossentropy()([[1, 0, 0]], [[0.5, 0.5]]), ValueError, r"output shape \(None, 2\)"),
    (lambda: losses.CategoricalHinge()([1], [[0.0, 0.0]]), ValueError, r"Received: shape \(1,\)"),
])
def test_refusals(make, error, message):
    with pytest.raises(error, match=message):
        make()
