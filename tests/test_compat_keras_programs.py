"""Programs from Keras tutorials of any age run on fastcnn.compat.keras, unmodified but for their imports."""

import importlib.util
import re
import runpy
import sys
import types
import warnings
from pathlib import Path

import numpy as np
import pytest

import fastcnn
from fastcnn.compat.keras import backend

PROGRAMS = Path(__file__).resolve().parent / "programs"
H5PY = importlib.util.find_spec("h5py")  # without it a file of Keras' name is fastcnn's, which warns


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Runs a program of tests/programs: (its names, the old spellings that warned)."""

    def run(name, *arguments):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        np.random.seed(0)
        fastcnn.set_random_seed(0)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            names = runpy.run_path(str(PROGRAMS / name), run_name="__main__")
        assert all(w.category is DeprecationWarning and w.filename == str(PROGRAMS / name) for w in caught)
        return names, [str(w.message).partition(" is an old spelling. ")[0] for w in caught]

    return run


@pytest.fixture
def few_digits(monkeypatch):
    """MNIST with the first 6,000 and 1,000 images."""
    (x_train, y_train), (x_test, y_test) = fastcnn.datasets.mnist.load_data()
    few = (x_train[:6000], y_train[:6000]), (x_test[:1000], y_test[:1000])
    monkeypatch.setattr(fastcnn.datasets.mnist, "load_data", lambda: few)


def test_linear_regression(run, capsys):
    names, old = run("linear_regression.py")
    x, y = names["x"], names["y"]
    slope, intercept = np.polyfit(x, y, 1)
    assert names["w"][0][0] == pytest.approx(slope, abs=0.03) and names["b"][0] == pytest.approx(intercept, abs=0.02)
    assert names["w"][0][0] == pytest.approx(3, abs=0.2) and names["b"][0] == pytest.approx(0, abs=0.1)
    assert old == ["keras.layers.core.Dense", "Dense(input_dim=1)", "Dense(output_dim=1)", "Dense(init='uniform')",
                   "fit(nb_epoch=200)"]
    before, after = re.findall(r"w = (-?\d\.\d\d), b = (-?\d\.\d\d)", capsys.readouterr().out)
    assert abs(float(before[0])) <= 0.05 and before[1] == "0.00" and float(after[0]) > 2.8


def test_lenet5(run, few_digits, capsys):
    names, old = run("lenet5.py")
    assert [layer.output_shape[1:] for layer in names["model"].layers] == [
        (28, 28, 6), (14, 14, 6), (10, 10, 16), (5, 5, 16), (1, 1, 120), (120,), (84,), (10,)]
    assert names["model"].count_params() == 61_706 and names["score"][1] > 0.85
    assert names["history"].history["val_accuracy"][-1] == names["score"][1]
    assert old == ["keras.utils.np_utils.to_categorical", "to_categorical(y)"] * 2 + [
        "SGD(lr=0.1)", "history['val_acc'] or logs['val_acc']", "predict_classes(x)"]
    assert f"Test accuracy: {names['score'][1]}" in capsys.readouterr().out


class Pyplot(types.ModuleType):
    """Remembers what a program draws, in the place of matplotlib.pyplot."""

    def __init__(self):
        super().__init__("matplotlib.pyplot")
        self.calls = []

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *args, **options: self.calls.append((name, *args))


@pytest.fixture
def pyplot(monkeypatch):
    found = Pyplot()
    package = types.ModuleType("matplotlib")
    package.pyplot = found
    monkeypatch.setitem(sys.modules, "matplotlib", package)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", found)
    return found


@pytest.fixture
def few_photographs(monkeypatch):
    """CIFAR-10 with 320 and 100 images of ten kinds that a network can tell: where they are bright, in which colour."""
    rng = np.random.default_rng(0)

    def part(count):
        y = rng.integers(0, 10, (count, 1)).astype(np.uint8)
        x = rng.integers(0, 60, (count, 32, 32, 3)).astype(np.uint8)
        for image, label in zip(x, y[:, 0]):
            image[16 * (label % 2):16 * (label % 2) + 16, :, label // 2 % 3] += 150
            image[:, :16, 0] += 40 if label > 5 else 0
        return x, y

    data = part(320), part(100)
    monkeypatch.setattr(fastcnn.datasets.cifar10, "load_data", lambda: data)
    return data


def test_cifar10_cnn(run, few_photographs, pyplot, capsys):
    names, old = run("cifar10_cnn.py")
    model, history, scores = names["model"], names["history"], names["scores"]
    assert [layer.output_shape[1:] for layer in model.layers if layer.parameters] == [
        (32, 32, 32), (30, 30, 32), (15, 15, 64), (13, 13, 64), (512,), (10,)]
    assert model.count_params() == 1_250_858 and model.optimizer.iterations == 5 * 5
    assert history.history["loss"][-1] < history.history["loss"][0] and scores[1] > 0.2
    assert history.history["val_accuracy"][-1] == pytest.approx(scores[1], abs=1e-6)
    again = fastcnn.load_model("saved_models/cifar10_cnn.h5")
    assert np.array_equal(again.predict(names["x_test"]), model.predict(names["x_test"]))
    assert again.optimizer.learning_rate == pytest.approx(1e-3 / (1 + 1e-6 * 25), rel=1e-12)
    assert pyplot.calls[:2] == [("plot", history.history["accuracy"]), ("plot", history.history["val_accuracy"])]
    assert pyplot.calls[-1] == ("savefig", "accuracy.png")
    assert "Saved trained model at" in capsys.readouterr().out
    assert [form.split("(")[0].split("[")[0] for form in old] == [
        "to_categorical", "to_categorical", "rmsprop", "rmsprop", "rmsprop", *["save"] * (not H5PY), "history", "history"]


def test_cifar10_maxnorm(run, few_photographs, capsys):
    try:
        names, old = run("cifar10_maxnorm.py")
    finally:
        backend.set_image_data_format("channels_last")
    assert names["X_train"].shape == (320, 3, 32, 32)
    for model in names["models"]:
        assert model.output_shape == (None, 10) and model.layers[0].output_shape == (None, 16, 32, 32)
        for number, most in ((0, 0.2), (2, 0.1), (6, 1.0)):
            norms = np.sqrt(np.square(model.layers[number].get_weights()[0].astype(float)).sum(0)) / most
            assert norms.max() <= 1 + 1e-6 and np.any(norms > 1 - 1e-6), number
        assert model.optimizer.learning_rate == pytest.approx(0.01 / (1 + 0.01 * 10), rel=1e-12), "10 steps of decay"
    assert {"set_image_dim_ordering('th')", "maxnorm(…)", "maxnorm(m=0.2)", "SGD(lr=0.02)", "SGD(decay=0.01)",
            "keras.layers.normalization.BatchNormalization", "fit_generator(generator, …)"} <= set(old)
    assert sum(form.startswith("Convolution2D(W_constraint=MaxNorm") for form in old) == 2
    assert f"Accuracy: {100 * np.mean(names['scores']):.2f}%" in capsys.readouterr().out


def test_digits_functional(run, few_digits, capsys):
    names, old = run("digits_functional.py")
    model, history = names["model"], names["history"].history
    assert [layer.output_shape[1:] for layer in model.layers] == [
        (28, 28, 1), (28, 28, 8), (14, 14, 8), (12, 12, 16), (12, 12, 16), (6, 6, 16), (576,), (576,), (10,)]
    assert model.name == "digits" and model.layers[-1].name == "digit" and model.count_params() == 208 + 1168 + 5770
    assert history["learning_rate"] == [0.003, 0.003, 0.0015], "what decay starts from"
    assert names["accuracy"] > 0.85 and sorted(path.name for path in Path().iterdir()) == ["digits.csv", "digits.keras"]
    assert {"LeakyReLU(alpha=0.1)", "RMSprop(lr=0.003)", "RMSprop(decay=0.0001)", "history['lr'] or logs['lr']",
            *["save('digits.keras')"] * (not H5PY)} == set(old)
    assert "rates: [0.003, 0.003, 0.0015]" in capsys.readouterr().out


def test_alexnet(run, capsys):
    names, old = run("alexnet.py", 67, 5)
    model = names["model"]
    assert model.count_params() == fastcnn.networks.alexnet(5, "tutorial", (67, 67, 3)).count_params()
    assert model.output_shape == (None, 5) and names["history"].epoch == [0, 1]
    assert model.optimizer.iterations == 2 * 4 and "(16, 5)" in capsys.readouterr().out
    assert model.optimizer.learning_rate == pytest.approx(0.01 / (1 + 1e-6 * 8), rel=1e-12)
    assert {"Convolution2D(nb_row=11, nb_col=11)", "Convolution2D(subsample=(4, 4))", "Dropout(p=0.5)",
            "fit_generator(samples_per_epoch=32)", "predict_generator(val_samples=16)"} <= set(old)
    assert old.count("Convolution2D(…)") == 5 and old.count("Convolution2D(nb_filter=384)") == 2


def test_walk(run, capsys):
    run("walk.py")
    assert re.findall(r"(\w+) output shape: \((.*)\)", capsys.readouterr().out) == [
        ("Conv2D", "1, 28, 28, 6"), ("AveragePooling2D", "1, 14, 14, 6"), ("Conv2D", "1, 10, 10, 16"),
        ("AveragePooling2D", "1, 5, 5, 16"), ("Flatten", "1, 400"), ("Dense", "1, 120"), ("Dense", "1, 84"),
        ("Dense", "1, 10")]


def test_functional(run, few_digits):
    names, old = run("functional.py")
    toy, tickets = names["toy"], names["tickets"]
    assert old == [] and toy.count_params() == 54090 and {"val_acc", "loss"} < set(names["toy_history"].history)
    assert {"priority_loss", "department_loss"} < set(names["tickets_history"].history)
    assert set(tickets.predict([np.zeros((1, 20)), np.zeros((1, 12))])) == {"priority", "department"}
    assert names["larger_history"].history["accuracy"][-1] > 0.75
    losses = names["autoencoder_history"].history["loss"]
    assert losses[-1] < 0.8 * losses[0] and names["code"].shape == (3, 12)
    assert [a.shape[1:] for a in names["activations"]] == [layer.output_shape[1:] for layer in toy.layers]
