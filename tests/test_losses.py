"""Losses as classes, functions and names: values, gradients, training, targets, refusals."""

import json

import numpy as np
import pytest
from twin import Twin, assert_trained_alike

import fastcnn
from fastcnn import layers as L
from fastcnn import losses, reference
from fastcnn.losses import base
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
    "sparse smooth": (losses.SparseCategoricalCrossentropy(label_smoothing=0.1), LABELS, "softmax",
                      ("categorical_cross_entropy", {"label_smoothing": 0.1})),
    "sparse logits smooth": (losses.SparseCategoricalCrossentropy(True, label_smoothing=0.3), LABELS, None,
                             ("softmax_cross_entropy", {"label_smoothing": 0.3})),
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


IGNORING = [(from_logits, ignored, smoothing) for from_logits in (False, True) for ignored in (-1, 2, 255)
            for smoothing in (0.0, 0.2)]


@pytest.mark.parametrize("from_logits, ignored, smoothing", IGNORING)
def test_ignored_labels(from_logits, ignored, smoothing):
    """They have no loss and no gradient, and the mean is that of the others."""
    loss = losses.SparseCategoricalCrossentropy(from_logits, ignored, smoothing)
    y, x = np.where(np.arange(9) % 3, LABELS, ignored), RNG.uniform(0.05, 0.95, (9, 4)).astype(np.float32)
    counts, name = y != ignored, "softmax_cross_entropy" if from_logits else "categorical_cross_entropy"
    expected = getattr(reference, name)(x, y, smoothing, ignored)
    assert 3 <= (~counts).sum() < 9 and np.all(expected[~counts] == 0)
    np.testing.assert_allclose(loss.forward(y, x), expected, rtol=3e-6)
    np.testing.assert_allclose(getattr(fastcnn.ops, name)(x, y, smoothing, ignored), expected, rtol=3e-6)
    dx = getattr(reference, f"{name}_backward")(np.ones(9), x, y, smoothing, ignored)
    np.testing.assert_allclose(loss.backward(y, x), dx, rtol=1e-5, atol=3e-7)
    assert np.all(loss.backward(y, x)[~counts] == 0) and np.all(np.any(dx[counts] != 0, axis=1))
    alone = losses.SparseCategoricalCrossentropy(from_logits, label_smoothing=smoothing)
    assert loss(y, x) == pytest.approx(alone(y[counts], x[counts]), rel=1e-6)
    assert loss(np.full(9, ignored), x) == 0.0
    target, sparse = loss.prepare(y, (4,))
    assert sparse and np.array_equal(loss.counts(target), counts) and alone.counts(target) is None
    with pytest.raises(ValueError, match="labels from 0 to 3"):
        loss.prepare(np.full(9, 4), (4,))


def test_ignored_samples_do_not_train():
    """Whatever they are: weights move by the others alone."""
    ignored, rng = np.arange(9) % 3 == 0, np.random.default_rng(1)
    x, y, moved = rng.standard_normal((9, 5)), np.where(ignored, -1, LABELS), []
    for more in (0, 100):
        model = fastcnn.Sequential([L.Dense(4, "softmax", input_shape=(5,))], seed=2)
        model.compile("sgd", losses.SparseCategoricalCrossentropy(ignore_class=-1))
        before = model.get_weights()
        model.train_on_batch(x + more * ignored[:, None], y)
        moved.append(np.concatenate([(a - b).ravel() for a, b in zip(model.get_weights(), before)]))
    np.testing.assert_allclose(moved[1], moved[0], rtol=1e-5, atol=1e-8)
    assert np.abs(moved[0]).max() > 0


BAD_TARGETS = [  # (loss, a model's last activation, outputs, targets, what to say)
    ("binary_crossentropy", "sigmoid", 1, [0, 7], "from 0 to 1 for binary_crossentropy; −1 and 1 go with hinge, labels of"),
    ("binary_crossentropy", "sigmoid", 1, [-1, 1], "Received: -1 … 1"),
    ("binary_crossentropy", "sigmoid", 2, [[0, 1.1], [0, 1]], "Received: 0 … 1.1"),
    ("binary_crossentropy", "sigmoid", 1, [0, np.nan], "Received: nan … nan"),
    ("categorical_crossentropy", "softmax", 2, [[2, -1], [0, 1]], "from 0 to 1 for categorical_cros.*Received: -1 … 2"),
    ("categorical_hinge", None, 2, [[-1, 1], [0, 1]], "from 0 to 1 for categorical_hinge. Received: -1 … 1"),
    ("mse", None, 1, [0, np.nan], "finite numbers for mean_squared_error. Received: nan"),
    ("mae", None, 1, [0, np.inf], "finite numbers for mean_absolute_error. Received: 0 … inf"),
    ("huber", None, 2, [[0, 1], [0, -np.inf]], "finite numbers for huber"),
]


@pytest.mark.parametrize("loss, activation, outputs, y, message", BAD_TARGETS)
def test_targets_that_mean_something_else(loss, activation, outputs, y, message):
    model = fastcnn.Sequential([L.Dense(outputs, activation, input_shape=(3,))], seed=0)
    model.compile("sgd", loss)
    for call in (model.fit, model.evaluate, model.train_on_batch, model.test_on_batch):
        with pytest.raises(ValueError, match=message):
            call(np.zeros((2, 3)), np.array(y))


@pytest.mark.parametrize("loss, with_what", [
    ("categorical_crossentropy", "'sigmoid' and binary_crossentropy"), ("multiclass_hinge", "hinge"),
    ("sparse_categorical_crossentropy", "'sigmoid' and binary_crossentropy"), ("categorical_hinge", "hinge")])
def test_one_output_is_not_compared_with_others(loss, with_what):
    """Refused when the model is compiled, or built after that, not when somebody trains it."""
    message = rf"{loss} needs an output for each class; a single output goes with {with_what}. Received: output \(None, 1\)"
    chain = fastcnn.Sequential([L.Dense(1, "sigmoid", input_shape=(3,))])
    x = fastcnn.Input((3,))
    two = fastcnn.Model(x, [L.Dense(2)(x), L.Dense(1)(x)])
    later = fastcnn.Sequential([L.Dense(1, "sigmoid")])
    later.compile("sgd", loss)
    for call in (lambda: chain.compile("sgd", loss), lambda: two.compile("sgd", loss), lambda: later.build((3,)),
                 lambda: later.fit(np.zeros((2, 3)), [0, 1])):
        with pytest.raises(ValueError, match=message):
            call()
    two.compile("sgd", [loss, "mse"])


@pytest.mark.parametrize("name, value", [("softmax", 1), ("log_softmax", 0)])
def test_no_softmax_of_one_output(name, value):
    image = fastcnn.Input((4, 4, 2))
    dense = L.Dense(1, "sigmoid", input_shape=(3,))
    fastcnn.Sequential([dense])
    for call in (lambda: fastcnn.Sequential([L.Dense(1, name, input_shape=(3,))]),
                 lambda: L.Conv2D(1, 3, activation=name)(image),
                 lambda: L.Conv2DTranspose(1, 3, activation=name)(image), lambda: L.Activation(name)(np.zeros((2, 1))),
                 lambda: fastcnn.Sequential([L.Dense(1, input_shape=(3,)), L.Activation(name)]),
                 lambda: setattr(dense, "activation", name)):
        with pytest.raises(ValueError, match=f"^{name} needs several outputs, of one it is always {value}; a single output "
                                             f"goes with 'sigmoid' and binary_crossentropy"):
            call()
    assert dense.activation[0] == "sigmoid"


def test_targets_that_are_rounded_are_taken():
    for loss in (losses.BinaryCrossentropy(), losses.CategoricalCrossentropy()):
        assert np.isfinite(loss([[1 + 1e-6, -1e-6]], [[0.5, 0.5]]))


class Own(losses.Loss):
    """A loss of one's own, with whatever it returns."""

    def __init__(self, values, gradient):
        self.values, self.gradient = values, gradient

    def forward(self, y_true, y_pred):
        return self.values(y_pred)

    def backward(self, y_true, y_pred):
        return self.gradient(y_pred)


def per_sample(y):
    return y.mean(axis=1)


@pytest.mark.parametrize("values, gradient, error, message", [
    (per_sample, lambda y: y.mean(), ValueError, r"Own.backward must return shape \(3, 2\). Received: \(\)"),
    (per_sample, lambda y: y[:1], ValueError, r"backward must return shape \(3, 2\). Received: \(1, 2\)"),
    (per_sample, lambda y: y[:, :1], ValueError, r"backward must return shape \(3, 2\). Received: \(3, 1\)"),
    (per_sample, lambda y: y.T, ValueError, r"backward must return shape \(3, 2\). Received: \(2, 3\)"),
    (per_sample, lambda y: y.ravel(), ValueError, r"backward must return shape \(3, 2\). Received: \(6,\)"),
    (per_sample, lambda y: None, TypeError, "the result of Own.backward must be an array of real numbers. Received: None"),
    (per_sample, lambda y: y * 1j, TypeError, "the result of Own.backward .*Received: dtype complex"),
    (lambda y: y.mean(), per_sample, ValueError, r"Own.forward must return shape \(3,\). Received: \(\)"),
    (lambda y: y, per_sample, ValueError, r"Own.forward must return shape \(3,\). Received: \(3, 2\)"),
])
def test_what_a_loss_of_one_s_own_returns(values, gradient, error, message):
    loss, y = Own(values, gradient), np.arange(6.0).reshape(3, 2)
    with pytest.raises(error, match=message):
        base.checked_forward(loss, y, y)
        base.checked_backward(loss, y, y)
    right = Own(per_sample, np.ones_like)
    assert base.checked_forward(right, y, y).tolist() == [0.5, 2.5, 4.5] and right(y, y) == 2.5
    assert base.checked_backward(right, y, y).dtype == np.float64


def test_where_yes_begins():
    for loss, threshold, link in (
        (losses.BinaryCrossentropy(), 0.5, None), (losses.BinaryCrossentropy(True), 0.0, "sigmoid"),
        (losses.Hinge(), 0.0, None), (losses.SquaredHinge(), 0.0, None), (losses.MeanSquaredError(), 0.5, None),
        (losses.CategoricalCrossentropy(True), 0.5, "softmax"), (losses.SparseCategoricalCrossentropy(True), 0.5, "softmax"),
        (Own(None, None), 0.5, None),
    ):
        assert (loss.threshold, loss.link) == (threshold, link), loss


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
