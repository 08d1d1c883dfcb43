"""What Keras' fit, evaluate and their kin take: how often they validate, fractions of steps, answers by name."""

import numpy as np
import pytest

import fastcnn
from fastcnn import callbacks as C
from fastcnn import layers as L
from fastcnn.compat import keras
from fastcnn.compat.keras import layers as KL

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((70, 4)).astype(np.float32), RNG.integers(0, 3, 70)
PACKAGES = pytest.mark.parametrize("package, layers", [(fastcnn, L), (keras, KL)])


def model(package=fastcnn, layers=L, metrics=("accuracy",)):
    found = package.Sequential([layers.Dense(3, "softmax", input_shape=(4,))], seed=0)
    found.compile("sgd", "sparse_categorical_crossentropy", metrics=list(metrics))
    return found


def cut(n=32):
    return [(X[i:i + n], Y[i:i + n]) for i in range(0, len(X), n)]


def endless():
    while True:
        yield from cut()


@PACKAGES
@pytest.mark.parametrize("freq, expected", [(1, [1, 2, 3, 4, 5]), (2, [2, 4]), (np.int64(5), [5]), (9, []), ([1, 4], [1, 4]),
                                            ((5, 2, 9), [2, 5]), (range(3, 5), [3, 4]), ({2}, [2])])
def test_validation_freq(package, layers, freq, expected):
    """As in Keras: after every so many epochs, or after those of a list, counted from 1; what is trained is the same."""
    seen, every, some = [], model(package, layers), model(package, layers)
    watch = package.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append((epoch + 1, "val_loss" in logs)))
    whole = every.fit(X, Y, epochs=5, verbose=0, validation_split=0.2).history
    history = some.fit(X, Y, epochs=5, verbose=0, validation_split=0.2, validation_freq=freq, callbacks=[watch])
    assert [epoch for epoch, validated in seen if validated] == expected and len(seen) == 5
    assert history.history["loss"] == whole["loss"]
    for name in ("val_loss", "val_accuracy"):
        assert history.history.get(name, []) == [whole[name][epoch - 1] for epoch in expected]
        assert not expected or history.epochs_of(name) == expected
    assert history.epochs_of("loss") == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("freq, error, message", [
    (0, ValueError, "validation_freq must be an integer ≥ 1"), (2.5, TypeError, "an integer ≥ 1, or a list of epochs."),
    ("two", TypeError, "Received: 'two'"), ([0, 2], ValueError, "validation_freq .*: 0"), ([1, None], TypeError, "None"),
    (True, TypeError, "validation_freq .*Received: True")])
def test_wrong_validation_freq(freq, error, message):
    with pytest.raises(error, match=message):
        model().fit(X, Y, verbose=0, validation_data=(X, Y), validation_freq=freq)


@pytest.mark.filterwarnings("error")
def test_callbacks_wait_for_validation(tmp_path):
    """A checkpoint of the best keeps what it has, patience counts what was validated, and nothing warns."""
    best, stop = C.ModelCheckpoint(tmp_path / "best", save_best_only=True), C.EarlyStopping(patience=2, baseline=0.0)
    saved = []

    class Saves(C.Callback):
        def on_epoch_end(self, epoch, logs=None):
            saved.append((tmp_path / "best").stat().st_mtime_ns if (tmp_path / "best").exists() else None)

    found = model()
    history = found.fit(X, Y, epochs=20, verbose=0, validation_data=(X, Y), validation_freq=3,
                        callbacks=[best, stop, C.CSVLogger(tmp_path / "log.csv"), Saves()])
    assert history.epoch[-1] + 1 == 6 and history.epochs_of("val_loss") == [3, 6], "two validations without improvement"
    assert saved[:3] == [None] * 3 and saved[3] == saved[4] == saved[5] is not None
    rows = [row.split(",") for row in (tmp_path / "log.csv").read_text().split()]
    assert rows[0] == ["epoch", "accuracy", "loss", "val_accuracy", "val_loss"] and len(rows) == 7
    assert [row[4] == "NA" for row in rows[1:]] == [True, True, False] * 2


def test_history_s_table_and_plot_know_the_epochs(plt):
    history = model().fit(X, Y, epochs=5, verbose=0, validation_data=(X, Y), validation_freq=2)
    cells = [row.split("<td") for row in history._repr_html_().split("<tr>")[2:]]
    assert [[">" in cell and bool(cell.partition(">")[2].partition("<")[0]) for cell in row[4:]] for row in cells] == [
        [False, False], [True, True], [False, False], [True, True], [False, False]]
    lines = history.plot("loss").axes[0].lines
    assert [line.get_xdata().tolist() for line in lines] == [[1, 2, 3, 4, 5], [2, 4]]


@PACKAGES
def test_validation_batch_size(package, layers):
    sizes = []

    class Sizes(package.callbacks.Callback):
        def on_test_batch_end(self, batch, logs=None):
            sizes.append(logs.images)

    given = {"epochs": 1, "verbose": 0, "batch_size": 32, "callbacks": [Sizes()]}
    one, other = model(package, layers), model(package, layers)
    a = one.fit(X, Y, validation_data=(X, Y), validation_batch_size=30, **given).history
    assert sizes == [30, 60, 70]
    b = other.fit(X, Y, validation_data=(X, Y), **given).history
    assert sizes[3:] == [32, 64, 70] and a["val_accuracy"] == b["val_accuracy"]
    assert a["val_loss"] == pytest.approx(b["val_loss"])
    sizes.clear()
    one.fit(X, Y, validation_split=0.5, validation_batch_size=20, validation_steps=1, **given)
    assert sizes == [20]


@pytest.mark.parametrize("given, message", [
    ({"validation_batch_size": 4}, "validation_batch_size must come with validation_data or validation_split. Received: 4"),
    ({"validation_freq": 2}, "validation_freq must come with .*Received: 2"),
    ({"validation_steps": 2}, "validation_steps must come with .*Received: 2"),
    ({"validation_freq": [1]}, r"validation_freq must come with .*Received: \[1\]"),
    ({"validation_data": iter([]), "validation_batch_size": 4}, "validation_batch_size must not be given .*Received: 4"),
    ({"validation_data": (X, Y), "validation_batch_size": 0}, "validation_batch_size must be an integer ≥ 1")])
def test_nothing_is_ignored(given, message):
    for package, layers in ((fastcnn, L), (keras, KL)):
        with pytest.raises(ValueError, match=message):
            model(package, layers).fit(X, Y, verbose=0, **given)


@PACKAGES
@pytest.mark.parametrize("steps", [70 / 32, np.ceil(70 / 32), np.float32(3), np.float64(2.01), 3])
def test_steps_are_rounded_up(package, layers, steps):
    """len(x) / batch_size and np.ceil's floats, wherever a number of batches is taken."""
    found, whole = model(package, layers), model(package, layers)
    history = found.fit(endless(), steps_per_epoch=steps, epochs=2, verbose=0, validation_data=endless(),
                        validation_steps=steps)
    expected = whole.fit(X, Y, 32, epochs=2, verbose=0, shuffle=False, validation_data=(X, Y))
    assert history.params["steps"] == 3
    assert {k: v for k, v in history.history.items() if k != "data_wait"} == expected.history
    assert found.evaluate(endless(), steps=steps, verbose=0) == whole.evaluate(X, Y, steps=steps, verbose=0)
    assert np.array_equal(found.predict(endless(), steps=steps), whole.predict(X, steps=steps))
    for wrong in (float("nan"), float("inf"), 0.0, -1.5, "3"):
        with pytest.raises((TypeError, ValueError), match="steps_per_epoch must be an integer"):
            found.fit(endless(), steps_per_epoch=wrong, verbose=0)


@pytest.mark.filterwarnings("ignore:.*old spelling:DeprecationWarning")
def test_generators_of_old_programs():
    found, whole = model(keras, KL), model(keras, KL)
    history = found.fit_generator(endless(), steps_per_epoch=len(X) / 32, epochs=2, verbose=0, validation_data=endless(),
                                  validation_steps=np.ceil(len(X) / 32), validation_freq=2).history
    expected = whole.fit(X, Y, 32, epochs=2, verbose=0, shuffle=False, validation_data=(X, Y)).history
    assert history["loss"] == expected["loss"] and history["val_loss"] == expected["val_loss"][1:]
    assert found.evaluate_generator(endless(), len(X) / 32) == whole.evaluate(X, Y, verbose=0)
    assert found.predict_generator(endless(), steps=len(X) / 32).shape == (70, 3)


@PACKAGES
@pytest.mark.parametrize("metrics", [[], ["accuracy", "sparse_top_k_categorical_accuracy"]])
def test_return_dict(package, layers, metrics):
    found = model(package, layers, metrics)
    for call in (lambda **given: found.evaluate(X, Y, verbose=0, **given),
                 lambda **given: found.test_on_batch(X, Y, **given),
                 lambda **given: found.evaluate(iter(cut()), verbose=0, **given)):
        values, named = call(), call(return_dict=True)
        assert list(named) == found.metrics_names == ["loss", *metrics] and isinstance(named, dict)
        assert list(named.values()) == (values if metrics else [values])
    same = model(package, layers, metrics)
    values, named = found.train_on_batch(X, Y), same.train_on_batch(X, Y, return_dict=True)
    assert list(named.values()) == (values if metrics else [values]) and list(named) == found.metrics_names
    with pytest.raises(TypeError, match="return_dict must be True or False. Received: 1"):
        found.test_on_batch(X, Y, return_dict=1)


def test_metrics_are_those_of_the_batch():
    for call in model().train_on_batch, model().test_on_batch:
        with pytest.raises(TypeError, match="has no argument 'reset_metrics'. Metrics are those of this batch alone."):
            call(X, Y, reset_metrics=False)


def test_return_dict_of_several_outputs():
    x = fastcnn.Input((4,))
    two = fastcnn.Model(x, [L.Dense(3, "softmax", name="kind")(x), L.Dense(1, name="size")(x)])
    two.compile("sgd", ["sparse_categorical_crossentropy", "mse"], metrics=[["accuracy"], []])
    y = [Y, X[:, :1]]
    assert list(two.evaluate(X, y, verbose=0, return_dict=True)) == ["loss", "kind_loss", "size_loss", "kind_accuracy"]
    assert two.test_on_batch(X, y, return_dict=True)["kind_accuracy"] == two.test_on_batch(X, y)[3]
