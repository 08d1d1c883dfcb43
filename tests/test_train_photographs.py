"""The recipe for photographs, on a small network in AlexNet's place: what it learns, keeps, resumes and refuses."""

import csv
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import inside
import numpy as np
import pytest

import fastcnn
from fastcnn import callbacks, layers, networks, recipes
from fastcnn.datasets import ImageArray
from fastcnn.images import Preparation, predict, statistics

N, SIZE, CROP = 40, 12, 9


def small(classes, variant, input_shape, seed, initializer, width=1.0, dropout=0.5):
    """A network with dropout, in the place of AlexNet's 61 million parameters."""
    return fastcnn.Sequential([
        layers.Conv2D(4, 3, activation="relu", input_shape=input_shape, kernel_initializer=initializer or "glorot_uniform"),
        layers.MaxPooling2D(3, strides=2), layers.Flatten(), layers.Dropout(0.3), layers.Dense(classes, "softmax"),
    ], seed=seed, name=variant)


@pytest.fixture(autouse=True)
def small_network(monkeypatch):
    monkeypatch.setattr(networks, "alexnet", small)


def source(n=N, seed=0):
    """Two classes: dark and light."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    x = rng.integers(0, 130, (n, SIZE, SIZE, 3)) + 120 * labels[:, None, None, None]
    return ImageArray(x.astype(np.uint8), labels, ["dark", "light"])


def train(data=None, val=None, **options):
    options = {"val": val, "epochs": 3, "batch_size": 8, "crop": CROP, "learning_rate": 0.05, "verbose": 0, **options}
    return recipes.train_alexnet(source() if data is None else data, **options)


def state(model):
    return [w.tobytes() for w in model.get_weights()], inside.state(model).tobytes(), model.optimizer.iterations


def logs(history):
    return {name: values for name, values in history.history.items() if name != "data_wait"}


class Stop(callbacks.Callback):
    """Ctrl-C, or another signal, in the midst of a step."""

    def __init__(self, after, times=1, by=signal.SIGINT):
        self.left, self.times, self.by = after, times, by

    def on_train_batch_begin(self, batch, logs=None):
        self.left -= 1
        if self.left < 0:
            for _ in range(self.times):
                signal.raise_signal(self.by)


def test_it_learns_and_says_how_well():
    result = train(epochs=12)
    assert result.accuracy == result.ten_crop_accuracy == 1.0 and result.loss < 0.4
    assert (result.train_images, result.test_images, len(result.history.epoch)) == (32, 8, 12)
    assert result.images_per_second > 0 and 0 <= result.data_wait <= 1 and result.train_seconds > 0 < result.test_seconds
    assert result.history.history["val_accuracy"][-1] == 1.0 and state(train(epochs=12).model) == state(result.model)
    assert result.history.history["loss"][0] > result.history.history["loss"][-1]


def test_statistics_are_of_the_training_images_alone():
    training, validation = source(), source(20, 1)
    model = train(training, validation, epochs=1, lighting=0.2).model
    measured = statistics(training)
    found = Preparation.of(model)
    assert (found.class_names, found.size) == (["dark", "light"], SIZE)
    assert found.augmentation.crop == (CROP, CROP) and not found.augmentation.random_crop and not found.augmentation.flip
    np.testing.assert_allclose(found.augmentation.mean, measured.mean, rtol=1e-12)
    np.testing.assert_allclose(found.augmentation.std, measured.std, rtol=1e-12)
    chance = model.metadata["training"]["augmentation"]
    assert chance["lighting"] == 0.2 and chance["random_crop"] and chance["flip"]
    np.testing.assert_allclose(chance["eigenvalues"], measured.eigenvalues, rtol=1e-12)


def test_the_last_figures_are_those_of_the_saved_model(tmp_path):
    validation = source(20, 1)
    result = train(None, validation, save=tmp_path / "m")
    model = fastcnn.load_model(tmp_path / "m")
    y = predict(model, validation.x, Preparation.of(model).augmentation)
    assert result.accuracy == np.mean(y.argmax(1) == validation.labels)
    assert result.loss == pytest.approx(-np.log(y[np.arange(20), validation.labels]).mean(), rel=1e-5)
    y = predict(model, validation.x, Preparation.of(model).augmentation, crops=10)
    assert result.ten_crop_accuracy == np.mean(y.argmax(1) == validation.labels)


@pytest.mark.parametrize("options", [
    {"mixup": 0.0}, {"mixup": 0.9}, {"lighting": 0.0}, {"seed": 1}, {"initializer": None}, {"initializer": "zeros"},
    {"schedule": "plateau"}, {"learning_rate": 0.01}, {"batch_size": 16}, {"validation_split": 0.4}, {"crop": 8},
    {"variant": "caffe"},
], ids=str)
def test_every_setting_does_something(options):
    plain, changed = train(epochs=1).model, train(epochs=1, **options).model
    assert state(plain) != state(changed) or plain.name != changed.name


def test_plateau_is_the_papers_rule(tmp_path):
    result = train(None, source(20, 1), schedule="plateau", learning_rate=0.0, epochs=2)
    assert result.history.history["learning_rate"] == [0, 0] and result.model.optimizer.schedule is None
    result = train(schedule="plateau", learning_rate=1e-9, epochs=12)  # nothing improves
    rates = result.history.history["learning_rate"]
    assert rates[5] == 1e-9 and rates[-1] == pytest.approx(1e-11)
    assert result.model.optimizer.get_config()["momentum"] == 0.9


def test_files(tmp_path):
    result = train(save=tmp_path / "m", best=tmp_path / "best", log=tmp_path / "log.csv")
    rows = list(csv.DictReader(open(tmp_path / "log.csv")))
    assert [float(row["val_accuracy"]) for row in rows] == result.history.history["val_accuracy"] and len(rows) == 3
    assert state(fastcnn.load_model(tmp_path / "m")) == state(result.model)
    best = fastcnn.load_model(tmp_path / "best")
    values = result.history.history["val_accuracy"]
    assert best.epochs_seen == values.index(max(values)) + 1 and Preparation.of(best)


@pytest.mark.parametrize("schedule", ["one_cycle", "plateau"])
@pytest.mark.parametrize("after", [1, 3, 4, 5, 9])
def test_ctrl_c_saves_and_resuming_gives_the_same_bits(after, schedule, tmp_path):
    """Four steps an epoch: within, at the end of and at the start of one."""
    def options(name):
        return {"schedule": schedule, "save": tmp_path / name, "log": tmp_path / f"{name}.csv", "best": tmp_path / "best"}

    whole = train(callbacks=[Stop(99)], **options("whole"))
    with pytest.raises(KeyboardInterrupt, match="saved in .*half and can be resumed"):
        train(callbacks=[Stop(after)], **options("half"))
    half = fastcnn.load_model(tmp_path / "half")
    assert half.optimizer.iterations == after + 1, "the step was ended"
    resumed = train(callbacks=[Stop(99)], resume=tmp_path / "half", **options("half"))
    assert state(resumed.model) == state(whole.model) and logs(resumed.history) == logs(whole.history)
    assert state(fastcnn.load_model(tmp_path / "half")) == state(whole.model)
    assert resumed[2:5] == whole[2:5], "loss and accuracies"
    half, whole = ([{**row, "data_wait": None} for row in csv.DictReader(open(tmp_path / f"{name}.csv"))]
                   for name in ("half", "whole"))
    assert half == whole and len(half) == 3
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="no SIGHUP")
@pytest.mark.parametrize("by", ["SIGTERM", "SIGHUP"])
def test_other_ends_save_as_ctrl_c_does(by, tmp_path):
    by = getattr(signal, by)
    with pytest.raises(KeyboardInterrupt, match="saved in .*m and can be resumed"):
        train(callbacks=[Stop(5, by=by)], save=tmp_path / "m")
    assert fastcnn.load_model(tmp_path / "m").optimizer.iterations == 6 and signal.getsignal(by) is signal.SIG_DFL
    with pytest.raises(KeyboardInterrupt, match="^$"):
        train(callbacks=[Stop(5, times=2, by=by)], save=tmp_path / "m")
    before = signal.signal(by, signal.SIG_IGN)
    try:
        assert train(callbacks=[Stop(5, by=by)], save=tmp_path / "m").model.epochs_seen == 3, "as under nohup"
    finally:
        signal.signal(by, before)


def test_a_second_ctrl_c_does_not_wait(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        train(callbacks=[Stop(5, times=2)], save=tmp_path / "m")
    assert fastcnn.load_model(tmp_path / "m").optimizer.iterations == 4, "that of the epoch's end"
    with pytest.raises(KeyboardInterrupt, match="^Interrupted$"):
        train(callbacks=[Stop(1)])


def test_checkpoints_between(tmp_path):
    class Watch(callbacks.Callback):
        found = []

        def on_train_batch_begin(self, batch, logs=None):
            if (tmp_path / "m").exists():
                self.found.append(fastcnn.load_model(tmp_path / "m").optimizer.iterations)

    train(epochs=2, save=tmp_path / "m", checkpoint_steps=3, callbacks=[Watch()])
    assert Watch.found == [3, 4, 4, 6, 6], "after steps 3 and 6, and at the end of each epoch"


def test_resuming_what_is_done(tmp_path):
    whole = train(save=tmp_path / "m")
    again = train(resume=tmp_path / "m", save=tmp_path / "other")
    assert state(again.model) == state(whole.model) and again.images_per_second == 0 and again.accuracy == whole.accuracy
    assert state(fastcnn.load_model(tmp_path / "other")) == state(whole.model)


def test_recorded_settings(tmp_path):
    options = {"epochs": 2, "mixup": 0.4, "lighting": 0.0, "schedule": "plateau", "seed": 3, "variant": "caffe",
               "initializer": fastcnn.initializers.RandomNormal(stddev=0.02), "validation_split": 0.25}
    train(save=tmp_path / "m", **options)
    model = fastcnn.load_model(tmp_path / "m")
    settings = recipes.recorded_settings(model)
    assert {**settings, "epochs": 2, "mixup": 0.4, "seed": 3, "crop": CROP, "validation_split": 0.25} == settings
    result = recipes.train_alexnet(source(), resume=model, verbose=0, **{**settings, "epochs": 4})
    whole = train(**{**options, "epochs": 4})
    assert state(result.model) == state(whole.model), "plateau can be given more epochs"
    with pytest.raises(ValueError, match="a recipe for photographs saved. Received"):
        recipes.recorded_settings(fastcnn.Sequential([layers.Dense(1, input_shape=(1,))]))


def shown(value):
    """An id without addresses of objects, which are others in each process."""
    return value.__name__ if isinstance(value, type) else re.sub(r"<[\w.]*?(\w+) object at \w+>", r"\1", str(value))


@pytest.mark.parametrize("changed", [
    {"epochs": 4}, {"batch_size": 4}, {"learning_rate": 0.1}, {"mixup": 0.0}, {"lighting": 0.0}, {"seed": 1}, {"crop": 10},
    {"variant": "caffe"}, {"initializer": None}, {"schedule": "plateau"}, {"validation_split": 0.4}, {"log": "log.csv"},
    {"callbacks": [callbacks.EarlyStopping()]}, {"width": 0.5}, {"dropout": 0.25},
], ids=shown)
def test_resuming_refuses_other_settings(changed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    train(epochs=3, save="m", callbacks=[])
    before = Path("m").read_bytes()
    with pytest.raises(ValueError, match="settings that training was begun with: .*Received: ") as caught:
        train(resume="m", save="m", **changed)
    name = next(iter(changed))
    assert ("callbacks" if name == "log" else name) in str(caught.value) and Path("m").read_bytes() == before


def test_resuming_refuses_other_images(tmp_path):
    train(save=tmp_path / "m")
    for data, parts in (source(44), "training and validation"), (ImageArray(source().x, 1 - source().labels), "training"):
        with pytest.raises(ValueError, match=f"images that training was begun with.*{parts}"):
            train(data, resume=tmp_path / "m")


@pytest.mark.parametrize("options, error", [
    ({"epochs": 0}, ValueError), ({"batch_size": 1.5}, TypeError), ({"learning_rate": -1}, ValueError),
    ({"mixup": -1}, ValueError), ({"lighting": "a"}, TypeError), ({"schedule": "cosine"}, ValueError),
    ({"seed": -1}, ValueError), ({"crop": 13}, ValueError), ({"size": 99}, ValueError), ({"cache": True}, ValueError),
    ({"checkpoint_steps": 0, "save": "m"}, ValueError), ({"checkpoint_steps": 3}, ValueError),
    ({"initializer": "he"}, ValueError),
    ({"validation_split": 1.5}, ValueError), ({"verbose": 9}, ValueError), ({"data": ImageArray(source().x)}, ValueError),
    ({"epoch": 3}, TypeError), ({"val": 3}, TypeError), ({"resume": 3}, TypeError),
], ids=shown)
def test_it_refuses(options, error, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match="Received|unexpected keyword"):
        train(**options)


def test_broken_images_are_left_out():
    class Broken(ImageArray):
        def read(self, indices, out):
            good = super().read(indices, out)
            for row, i in enumerate(indices):
                if int(i) in (3, 9):
                    self.broken[int(i)], good[row] = "broken", False
            return good

    plain = source(10)
    validation = Broken(plain.x, plain.labels, plain.class_names)
    with pytest.warns(UserWarning, match="2 of 10 images cannot be decoded"):
        result = train(None, validation, epochs=10)
    assert result.ten_crop_accuracy == 1.0


KILLED = """
import sys; sys.path.insert(0, sys.argv[1])
import test_train_photographs as t
from fastcnn import callbacks, networks
networks.alexnet = t.small
import os
import time
begun = os.path.exists("m")
class Slow(callbacks.Callback):
    steps = 0
    def on_train_batch_end(self, batch, logs=None):
        self.steps += 1
        time.sleep(0.03 if begun or self.steps < 12 else 1000)  # it is to be killed
t.train(epochs=6, save="m", checkpoint_steps=1, callbacks=[Slow()], resume="m" if begun else None)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
def test_a_killed_training_goes_on(tmp_path):
    """Killed some steps after its first checkpoint, however slow the machine is; then let through."""
    class Slow(callbacks.Callback):
        pass

    environment = {**os.environ, "PYTHONPATH": str(Path(fastcnn.__file__).parents[1])}
    words = [sys.executable, "-c", KILLED, str(Path(__file__).parent)]
    process = subprocess.Popen(words, cwd=tmp_path, env=environment)
    until = time.monotonic() + 300
    while not (tmp_path / "m").exists() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.01)
    time.sleep(0.1)
    process.kill()
    assert process.wait(300) == -signal.SIGKILL
    assert 0 < fastcnn.load_model(tmp_path / "m").optimizer.iterations < 24
    assert subprocess.run(words, cwd=tmp_path, env=environment, timeout=300).returncode == 0
    whole = train(epochs=6, callbacks=[Slow()])
    assert state(fastcnn.load_model(tmp_path / "m")) == state(whole.model)
