"""Numbers that are none: training on them ends with words, and predictions of them are nobody's."""

import warnings

import numpy as np
import pytest

import fastcnn
from fastcnn import layers as L
from fastcnn.callbacks import TerminateOnNaN
from fastcnn.compat import keras
from fastcnn.compat.keras import layers as KL

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((50, 6)).astype(np.float32), RNG.integers(0, 3, 50)
ODD = {"nan": np.nan, "inf": np.inf, "-inf": -np.inf}


class Own(fastcnn.losses.Loss):
    """Squares; whether targets are numbers is its own affair."""

    def forward(self, y_true, y_pred):
        return ((y_pred - y_true) ** 2).mean(axis=1)

    def backward(self, y_true, y_pred):
        return 2 * (y_pred - y_true) / y_pred.shape[1]


def model(loss="sparse_categorical_crossentropy", package=fastcnn, layers=L, rate=0.1, activation="softmax", metrics=()):
    found = package.Sequential([layers.Dense(8, "relu", input_shape=(6,)), layers.Dense(3, activation)], seed=0)
    found.compile(package.optimizers.SGD(rate), loss, metrics=list(metrics))
    return found


def spoiled(value, at, dtype=np.float32):
    x = X.astype(dtype)
    x[at, 4] = value
    return x


@pytest.mark.parametrize("package, layers", [(fastcnn, L), (keras, KL)])
@pytest.mark.parametrize("value", ODD)
@pytest.mark.parametrize("shuffle", [True, False])
def test_training_on_numbers_that_are_none(package, layers, value, shuffle):
    """The first sample of x is named, whatever the order in which samples came."""
    x = spoiled(ODD[value], [41, 44])
    message = rf"^x must hold numbers that are finite in float32. Received: {value} in x\[41\]. It has made the loss nan, " \
              r"and weights too: load the model or make it anew"
    for call in (lambda m: m.fit(x, Y, 8, epochs=3, verbose=0, shuffle=shuffle), lambda m: m.train_on_batch(x, Y),
                 lambda m: m.fit(x, Y, 8, verbose=0, validation_split=0.1)):
        with pytest.raises(ValueError, match=message):
            call(model(package=package, layers=layers, metrics=["accuracy"]))


def test_numbers_that_float32_cannot_hold():
    with pytest.raises(ValueError, match=r"finite in float32. Received: 1e\+300 in x\[3\]"), np.errstate(over="ignore"):
        model().fit(spoiled(1e300, 3, np.float64), Y, verbose=0)


def test_images_and_channels_first():
    x = RNG.standard_normal((20, 2, 5, 5))
    x[17, 1, 4, 4] = np.nan
    images = fastcnn.Sequential([L.Conv2D(3, 3, data_format="channels_first", activation="relu", input_shape=(2, 5, 5)),
                                 L.MaxPooling2D(data_format="channels_first"), L.Flatten(), L.Dense(3, "softmax")], seed=0)
    images.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.raises(ValueError, match=r"Received: nan in x\[17\]"):
        images.fit(x, Y[:20], 4, verbose=0)


def test_a_source_of_batches():
    x = spoiled(np.nan, 29)
    cut = [(x[i:i + 10], Y[i:i + 10]) for i in range(0, 50, 10)]
    with pytest.raises(ValueError, match=r"^batch 2 of the source: x must hold .*Received: nan in x\[9\]"):
        model().fit(iter(cut), verbose=0)
    with pytest.warns(RuntimeWarning, match=r"the loss is nan: batch 2 of the source: x .*Received: nan in x\[9\]$"):
        model().evaluate(iter(cut), verbose=0)


def test_several_inputs_and_outputs():
    x = [fastcnn.Input((6,), name="a"), fastcnn.Input((6,), name="b")]
    y = L.Concatenate()(x)
    two = fastcnn.Model(x, [L.Dense(3, "softmax", name="kind")(y), L.Dense(1, name="size")(y)])
    two.compile("sgd", ["sparse_categorical_crossentropy", Own()])
    size = X[:, :1].copy()
    with pytest.raises(ValueError, match=r"^x\['b'\] must hold .*Received: inf in x\['b'\]\[7\]"):
        two.fit([X, spoiled(np.inf, 7)], [Y, size], verbose=0)
    size[4] = np.nan
    with pytest.raises(ValueError, match=r"^y\['size'\] must hold .*Received: nan in y\['size'\]\[4\]"):
        two.fit([X, X], [Y, size], verbose=0)


def test_targets_and_weights():
    """Losses of fastcnn's own refuse targets before they train; weights of samples are refused, too."""
    y = RNG.standard_normal((50, 3))
    y[33, 2] = np.nan
    with pytest.raises(ValueError, match=r"^y must hold .*Received: nan in y\[33\]"):
        model(Own(), activation=None).fit(X, y, 8, verbose=0)
    for name in "mse", "mae", "huber":
        with pytest.raises(ValueError, match=f"finite numbers for {'huber' if name == 'huber' else 'mean_'}"):
            model(name, activation=None).fit(X, y, 8, verbose=0)
    for value in ODD.values():
        weight = np.ones(50)
        weight[12] = value
        for call in "fit", "evaluate":
            with pytest.raises(ValueError, match=f"sample_weight must hold finite numbers. Received: {value} for sample 12"):
                getattr(model(), call)(X, Y, sample_weight=weight, verbose=0)


def test_judging_numbers_that_are_none():
    """Nothing is spoiled: a warning says where they are, and metrics have them as wrong."""
    x, judged = spoiled(np.nan, [41, 44]), model(metrics=["accuracy"])
    with pytest.warns(RuntimeWarning, match=r"^the loss is nan: x must hold .*Received: nan in x\[41\]$"):
        loss, accuracy = judged.evaluate(x, Y, 8, verbose=0)
    right = judged.predict(X).argmax(1) == Y
    right[[41, 44]] = False
    assert np.isnan(loss) and accuracy == pytest.approx(right.mean())
    with pytest.warns(RuntimeWarning, match=r"^the loss is nan: x must hold .*Received: nan in x\[0\]$"):
        judged.test_on_batch(x[41:], Y[41:])
    with pytest.warns(RuntimeWarning, match=r"^the loss of validation is nan: x must hold .*Received: nan in x\[41\]$"):
        judged.fit(X, Y, verbose=0, validation_data=(x, Y))
    assert all(np.isfinite(w).all() for w in judged.get_weights())


def test_training_that_diverges():
    with pytest.warns(RuntimeWarning, match="^the loss is .*: x and y are finite, so training has diverged, if weights were "
                                            "finite before; a smaller learning_rate, clipnorm=1.0 or smaller x h") as caught:
        history = model("mse", rate=1e6, activation=None).fit(X, X[:, :3], 8, epochs=4, verbose=0).history
    assert len([w for w in caught if "diverged" in str(w.message)]) <= 4 and not np.isfinite(history["loss"][-1])
    lost = model()
    lost.set_weights([np.full_like(w, np.nan) if i == 2 else w for i, w in enumerate(lost.get_weights())])
    with pytest.warns(RuntimeWarning, match="^the loss is nan: weights of layer 'dense_1' are not finite$"):
        lost.evaluate(X, Y, verbose=0)


def test_who_watches_is_not_interrupted(capsys):
    """TerminateOnNaN ends training as it always did; what was wrong is said as well."""
    found = model()
    with pytest.warns(RuntimeWarning, match=r"Received: nan in x\[41\]"):
        history = found.fit(spoiled(np.nan, 41), Y, 8, epochs=3, verbose=0, shuffle=False, callbacks=[TerminateOnNaN()])
    assert history.epoch == [0] and "Batch 5: invalid loss nan" in capsys.readouterr().out


def test_finite_numbers_cost_nothing(monkeypatch):
    """Nobody looks for others as long as the loss is finite."""
    from fastcnn.model import finite

    monkeypatch.setattr(finite, "check", None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = model(metrics=["accuracy"])
        found.fit(X, Y, epochs=2, verbose=0, validation_data=(X, Y))
        found.evaluate(X, Y, verbose=0), found.train_on_batch(X, Y), found.test_on_batch(X, Y)
