"""Layers, losses and metrics that users write in NumPy train exactly as fastcnn's own."""

import numpy as np
import pytest
from twin import Affine, Doubled, Twin, assert_trained_alike, clear_batch

import fastcnn
from fastcnn import layers as L


class MyDense(L.Layer):
    """A dense layer in NumPy; it keeps its input as it comes."""

    config = ("units",)

    def __init__(self, units, **base):
        super().__init__(**base)
        self.units = units

    def build(self, shape):
        self.kernel = self.add_weight("kernel", (shape[0], self.units))
        self.bias = self.add_weight("bias", (self.units,), "zeros")
        self.output_size = (self.units,)

    def forward(self, x, training=False):
        self.x = x
        return x @ self.kernel.value + self.bias.value

    def backward(self, dy):
        self.kernel.gradient[...] = self.x.T @ dy
        self.bias.gradient[...] = dy.sum(axis=0)
        return dy @ self.kernel.value.T


class MyTanh(L.Layer):
    def forward(self, x, training=False):
        self.y = np.tanh(x)
        return self.y

    def backward(self, dy):
        return dy * (1 - self.y**2)


class MyPool(L.Layer):
    """The mean of 2 × 2 pixels."""

    def build(self, shape):
        self.output_size = (shape[0] // 2, shape[1] // 2, shape[2])

    def forward(self, x, training=False):
        n, h, w, c = x.shape
        return x.reshape(n, h // 2, 2, w // 2, 2, c).mean(axis=(2, 4))

    def backward(self, dy):
        return (dy / 4).repeat(2, axis=1).repeat(2, axis=2)


class MySquares(fastcnn.losses.Loss):
    def forward(self, y_true, y_pred):
        return ((y_pred - y_true) ** 2).mean(axis=1)

    def backward(self, y_true, y_pred):
        return 2 * (y_pred - y_true) / y_pred.shape[1]


def tanh():
    return L.Activation("tanh")


POSITIONS = {  # in fastcnn's own layers, and with some in NumPy
    "alone": ((12,), lambda: [L.Dense(3)], lambda: [MyDense(3)]),
    "alone without parameters": ((3,), lambda: [tanh()], lambda: [MyTanh()]),
    "first": ((12,), lambda: [L.Dense(9), tanh(), L.Dense(3)], lambda: [MyDense(9), tanh(), L.Dense(3)]),
    "first without parameters": (
        (8, 6, 2),
        lambda: [tanh(), L.Conv2D(3, 3), L.Flatten(), L.Dense(3)],
        lambda: [MyTanh(), L.Conv2D(3, 3), L.Flatten(), L.Dense(3)],
    ),
    "middle": (
        (8, 6, 2),
        lambda: [L.Conv2D(4, 3, padding="same"), tanh(), L.AveragePooling2D(), L.Flatten(), L.Dense(3)],
        lambda: [L.Conv2D(4, 3, padding="same"), MyTanh(), MyPool(), L.Flatten(), L.Dense(3)],
    ),
    "after pooling": (
        (8, 6, 2),
        lambda: [
            L.Conv2D(4, 3, padding="same"),
            L.AveragePooling2D(),
            L.Flatten(),
            L.Dense(9),
            tanh(),
            L.Dense(3),
        ],
        lambda: [
            L.Conv2D(4, 3, padding="same"),
            L.AveragePooling2D(),
            L.Flatten(),
            MyDense(9),
            tanh(),
            L.Dense(3),
        ],
    ),
    "last": ((12,), lambda: [L.Dense(9, "tanh"), L.Dense(3)], lambda: [L.Dense(9, "tanh"), MyDense(3)]),
    "last without parameters": (
        (12,),
        lambda: [L.Dense(9), L.Dense(3), tanh()],
        lambda: [L.Dense(9), L.Dense(3), MyTanh()],
    ),
    "all": ((12,), lambda: [L.Dense(9), tanh(), L.Dense(3)], lambda: [MyDense(9), MyTanh(), MyDense(3)]),
}


def trained(layers, shape, loss, weights=None, steps=6):
    """(weights before, losses, weights after, predictions) of a model trained for some steps."""
    rng = np.random.default_rng(0)
    model = fastcnn.Sequential([fastcnn.Input(shape), *layers], seed=0)
    if weights is not None:
        model.set_weights(weights)
    before = model.get_weights()
    model.compile(fastcnn.optimizers.SGD(0.1, momentum=0.9), loss)
    losses = []
    for _ in range(steps):
        x, y = rng.standard_normal((17, *shape)), rng.standard_normal((17, *model.output_shape[1:]))
        losses.append(model.train_on_batch(x, y, rng.random(17)))
    return before, losses, model.get_weights(), model.predict(x)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("position", POSITIONS)
def test_layer_in_numpy(position, threads):
    shape, own, mixed = POSITIONS[position]
    with fastcnn.num_threads(threads):
        weights, losses, after, y = trained(own(), shape, "mse")
        _, my_losses, my_after, my_y = trained(mixed(), shape, "mse", weights)
    assert bool(weights) is ("alone without" not in position)
    np.testing.assert_allclose(my_losses, losses, rtol=1e-5)
    np.testing.assert_allclose(my_y, y, rtol=0, atol=5e-6)
    for start, a, b in zip(weights, after, my_after):
        np.testing.assert_allclose(b, a, rtol=0, atol=3e-5 * np.abs(a - start).max())


def test_loss_in_numpy():
    _, losses, after, y = trained([L.Dense(9, "tanh"), L.Dense(3)], (12,), "mse")
    _, my_losses, my_after, my_y = trained([L.Dense(9, "tanh"), L.Dense(3)], (12,), MySquares())
    np.testing.assert_allclose(my_losses, losses, rtol=1e-6)
    np.testing.assert_allclose(my_y, y, rtol=0, atol=1e-6)
    for a, b in zip(after, my_after):
        np.testing.assert_allclose(b, a, rtol=0, atol=1e-6)


def test_against_the_reference():
    """Kept views of the input stay as they were until the gradient is computed."""
    rng = np.random.default_rng(0)
    model = fastcnn.Sequential(
        [
            L.Conv2D(4, 3, input_shape=(12, 12, 2)),
            L.MaxPooling2D(),
            Affine(),
            Doubled(),
            L.Conv2D(4, 3, activation="tanh"),
            L.Flatten(),
            L.Dense(3),
        ],
        seed=1,
    )
    model.compile(fastcnn.optimizers.SGD(0.5), "mse")
    twin, before = Twin(model), [layer.get_weights() for layer in model.layers]
    for _ in range(3):
        x, y = clear_batch(twin, rng, 16, (12, 12, 2)), rng.standard_normal((16, 3))
        assert model.train_on_batch(x, y) == pytest.approx(twin.step(x, y), rel=1e-5)
    assert assert_trained_alike(model, twin, before, 5e-5, 3) == 8


def test_frozen_layer_in_numpy():
    model = fastcnn.Sequential(
        [L.Dense(4, input_shape=(5,)), MyDense(4, trainable=False), L.Dense(2)], seed=0
    )
    model.compile(fastcnn.optimizers.SGD(0.1), "mse")
    before = model.get_weights()
    model.train_on_batch(np.ones((3, 5)), np.ones((3, 2)))
    changed = [not np.array_equal(a, b) for a, b in zip(before, model.get_weights())]
    assert changed == [True, True, False, False, True, True]


def test_training_flag_and_eager_call():
    class Flag(L.Layer):
        seen = ()

        def forward(self, x, training=False):
            Flag.seen += (training,)
            return x

        def backward(self, dy):
            return dy

    model = fastcnn.Sequential([fastcnn.Input((2,)), L.Dense(2), Flag()], seed=0)
    model.compile("sgd", "mse")
    x = np.ones((1, 2))
    model.train_on_batch(x, x), model.test_on_batch(x, x), model.predict(x), Flag()(x)
    assert Flag.seen == (True, False, False, False)


class Wrong(MyTanh):
    def forward(self, x, training=False):
        return x[:, :-1]


class WrongBackward(MyTanh):
    def backward(self, dy):
        return dy[:, :-1]


class NoForward(L.Layer):
    pass


class NoBackward(L.Layer):
    def forward(self, x, training=False):
        return x


@pytest.mark.parametrize(
    "layer, error, message",
    [
        (Wrong, ValueError, r"wrong.forward must return shape \(2, 3\). Received: \(2, 2\)"),
        (
            WrongBackward,
            ValueError,
            r"wrong_backward.backward must return shape \(2, 3\). Received: \(2, 2\)",
        ),
        (NoForward, NotImplementedError, "NoForward must define forward"),
        (NoBackward, NotImplementedError, "NoBackward must define backward"),
    ],
)
def test_layer_errors(layer, error, message):
    model = fastcnn.Sequential([L.Dense(3, input_shape=(4,)), layer(), L.Dense(1)], seed=0)
    model.compile("sgd", "mse")
    with pytest.raises(error, match=message):
        model.train_on_batch(np.ones((2, 4)), np.ones(2))


def test_loss_errors():
    class Short(MySquares):
        def forward(self, y_true, y_pred):
            return np.zeros(1)

    model = fastcnn.Sequential([L.Dense(3, input_shape=(4,))], seed=0)
    for loss, error, message in (
        (Short(), ValueError, r"Short.forward must return shape \(2,\). Received: \(1,\)"),
        (fastcnn.losses.Loss(), NotImplementedError, "must define forward"),
    ):
        model.compile("sgd", loss)
        with pytest.raises(error, match=message):
            model.test_on_batch(np.ones((2, 4)), np.ones((2, 3)))


def test_metric_functions_and_classes():
    def largest_error(y_true, y_pred):
        return np.abs(y_pred - y_true).max(axis=1)

    class Samples(fastcnn.metrics.Metric):
        count = 0

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.count += len(y_pred)

        def result(self):
            return float(self.count)

        def reset_state(self):
            self.count = 0

    model = fastcnn.Sequential([L.Dense(3, input_shape=(4,))], seed=0)
    model.compile("sgd", "mse", metrics=[largest_error, Samples(), "mae"])
    assert model.metrics_names == ["loss", "largest_error", "samples", "mae"]
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((25, 4)), rng.standard_normal((25, 3))
    error = np.abs(model.predict(x) - y)
    assert model.evaluate(x, y, batch_size=7, verbose=0) == pytest.approx(
        [(error**2).mean(), error.max(axis=1).mean(), 25, error.mean()], rel=1e-5
    )
    history = model.fit(x, y, batch_size=7, epochs=2, verbose=0, validation_split=0.2).history
    assert (
        history["samples"] == [20, 20]
        and history["val_samples"] == [5, 5]
        and len(history["largest_error"]) == 2
    )


# What users' code writes into


class Doubling(L.Layer):
    """In place, forwards and backwards."""

    def forward(self, x, training=False):
        x *= 2
        return x

    def backward(self, dy):
        dy *= 2
        return dy


class Twice(L.Layer):
    def forward(self, x, training=False):
        return 2 * x

    def backward(self, dy):
        return 2 * dy


class Wiping(fastcnn.losses.Loss):
    """Squares; leaves nothing of what it was given."""

    def forward(self, y_true, y_pred):
        values = ((y_pred - y_true) ** 2).mean(axis=1)
        y_true[...] = y_pred[...] = 0
        return values

    def backward(self, y_true, y_pred):
        gradient = 2 * (y_pred - y_true) / y_pred.shape[1]
        y_true[...] = y_pred[...] = 0
        return gradient


class WipingError(fastcnn.metrics.Metric):
    def reset_state(self):
        self.value = 0.0

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.value += float(np.abs(y_true - y_pred).sum())
        y_true[...] = y_pred[...] = 0

    def result(self):
        return self.value


def wiping(y_true, y_pred):
    """The mean absolute error, of which nothing is left."""
    values = np.abs(y_true - y_pred).mean(axis=1)
    y_true[...] = y_pred[...] = 0
    return values


@pytest.mark.parametrize("branch", [False, True])
@pytest.mark.parametrize("first", [False, True])
def test_a_layer_that_writes_into_what_it_is_given(first, branch):
    """Neither the user's arrays nor values and gradients that others read change by it."""
    rng, models = np.random.default_rng(0), []
    x, y = rng.standard_normal((20, 6, 6, 2)).astype(np.float32), rng.integers(0, 3, 20)
    for kind in Twice, Doubling:
        start = fastcnn.Input((6, 6, 2))
        value = start if first else L.Conv2D(4, 3, activation="tanh")(start)
        doubled = kind(name="doubled")(value)
        joined = L.Add()([doubled, L.Add()([value, doubled])]) if branch else doubled
        model = fastcnn.Model(start, L.Dense(3, "softmax")(L.Flatten()(joined)), seed=1)
        model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
        models.append(model)
    a, b = models
    given, targets = x.copy(), y.copy()
    for call in (lambda m: m.fit(given, targets, 20, verbose=0, shuffle=False).history, lambda m: m.predict(given).tolist(),
                 lambda m: m.fit(given, targets, 6, verbose=0).history, lambda m: m.predict_on_batch(given).tolist(),
                 lambda m: m.evaluate(given, targets, verbose=0), lambda m: m(given, training=True).tolist(),
                 lambda m: m.train_on_batch(given, targets), lambda m: m.gradients(given, targets)[0],
                 lambda m: m.gradients(given, targets, wrt="inputs")[1][m.input_names[0]].tolist(),
                 lambda m: m.test_on_batch(given[::2], targets[::2])):
        assert call(a) == call(b)
        assert np.array_equal(given, x) and np.array_equal(targets, y)
    for u, v in zip(a.get_weights(), b.get_weights()):
        np.testing.assert_array_equal(u, v)
    Doubling()(given)
    assert np.array_equal(given, x)


def test_a_loss_and_metrics_that_write_into_what_they_are_given():
    rng = np.random.default_rng(0)
    x, y = (rng.standard_normal((20, n)).astype(np.float32) for n in (5, 3))
    given, models = y.copy(), []
    for loss in "mse", Wiping():
        model = fastcnn.Sequential([L.Dense(3, input_shape=(5,))], seed=0)
        model.compile("sgd", loss, metrics=[wiping, WipingError(), fastcnn.metrics.MeanAbsoluteError("again"), "mae"])
        models.append(model)
    a, b = models
    for call in (lambda m: m.fit(x, given, 20, verbose=0, shuffle=False).history, lambda m: m.evaluate(x, given, verbose=0),
                 lambda m: m.fit(x, given, 6, verbose=0).history, lambda m: m.test_on_batch(x, given)):
        found, other = call(a), call(b)
        values, others = (list(r.values()) if isinstance(r, dict) else r for r in (found, other))
        np.testing.assert_allclose(np.ravel(values), np.ravel(others), rtol=1e-5)
        wiped, error, again, mae = np.ravel(values)[1:]
        assert wiped == pytest.approx(mae) and again == mae and error == pytest.approx(mae * 60) and np.array_equal(given, y)
