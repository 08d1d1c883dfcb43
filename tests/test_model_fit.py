"""fit as in Keras: History, validation, the order of samples, weights, callbacks, errors; and Ctrl-C."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import fastcnn
from fastcnn import layers as L
from fastcnn.callbacks import Callback
from fastcnn.optimizers import SGD


def classifier(metrics=("acc",), seed=0, rate=0.1, loss="sparse_categorical_crossentropy"):
    model = fastcnn.Sequential([L.Dense(6, "tanh", input_shape=(4,)), L.Dense(3, "softmax")], seed=seed)
    model.compile(SGD(rate), loss, metrics=list(metrics))
    return model


def samples(count=50):
    rng = np.random.default_rng(count)
    x = rng.standard_normal((count, 4)).astype(np.float32)
    return x, np.argmax(x[:, :3], axis=1)


def same(a, b):
    return all(np.array_equal(v, w) for v, w in zip(a.get_weights(), b.get_weights()))


def one_by_one(model, x, y, order, batch, weight=None):
    """Trains on batches in a given order."""
    for start in range(0, len(order), batch):
        part = order[start : start + batch]
        model.train_on_batch(x[part], y[part], None if weight is None else weight[part])


class Order(Callback):
    """Which samples the batches of each epoch hold: x is the sample's number, and so is the prediction."""

    def on_train_begin(self, logs=None):
        self.epochs = []

    def on_epoch_begin(self, epoch, logs=None):
        self.epochs.append([])

    def on_train_batch_end(self, batch, logs=None):
        rows = self.params["samples"] - batch * self.params["batch_size"]
        plan = self.model._plans["train"]
        self.epochs[-1] += (
            plan.predictions(0, min(rows, self.params["batch_size"])).ravel().round().astype(int).tolist()
        )


def orders(seed=3, **options):
    model = fastcnn.Sequential([L.Dense(1, kernel_initializer="ones", input_shape=(1,))], seed=seed)
    model.compile(SGD(0.0), "mse")
    watch = Order()
    model.fit(np.arange(20.0), np.zeros(20), batch_size=6, verbose=0, callbacks=[watch], **options)
    return watch.epochs


def test_history():
    x, y = samples()
    model = classifier(("acc", "accuracy", "sparse_categorical_accuracy"))
    history = model.fit(x, y, epochs=3, verbose=0, validation_split=0.2)
    names = ["loss", "acc", "accuracy", "sparse_categorical_accuracy"]
    assert list(history.history) == names + [f"val_{name}" for name in names]
    assert all(
        len(values) == 3 and all(type(v) is float for v in values) for values in history.history.values()
    )
    assert history.epoch == [0, 1, 2] and model.history is history
    assert history.params["epochs"] == 3 and history.params["steps"] == 2
    assert (
        history.history["acc"]
        == history.history["sparse_categorical_accuracy"]
        == history.history["accuracy"]
    )
    assert history.history["loss"][2] < history.history["loss"][0]


def test_one_callback_needs_no_list():
    x, y = samples()
    watch = fastcnn.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(epoch))
    for given in (watch, [watch], (watch,), fastcnn.callbacks.CallbackList([watch])):
        seen = []
        classifier().fit(x, y, epochs=2, verbose=0, callbacks=given)
        assert seen == [0, 1]


def test_validation_split_is_the_tail_before_shuffling():
    x, y = samples(51)
    model = classifier()
    history = model.fit(x, y, verbose=0, validation_split=0.3)
    tail = model.evaluate(x[35:], y[35:], verbose=0)
    assert [history.history["val_loss"][0], history.history["val_acc"][0]] == tail
    alone = classifier()
    alone.fit(x[:35], y[:35], verbose=0)
    assert same(model, alone)
    for order in orders(validation_split=0.5, epochs=2):
        assert sorted(order) == list(range(10)) != order


def test_validation_data_takes_the_place_of_a_split():
    """As in Keras: then nothing is split off."""
    x, y = samples()
    other, labels = samples(13)
    models = [classifier() for _ in range(2)]
    both = models[0].fit(x, y, verbose=0, validation_data=(other, labels), validation_split=0.4).history
    assert both == models[1].fit(x, y, verbose=0, validation_data=(other, labels)).history and same(*models)


@pytest.mark.parametrize("weighted", [False, True])
def test_validation_data(weighted):
    x, y = samples()
    other, labels = samples(13)
    weight = np.linspace(0, 2, 13) if weighted else None
    model = classifier()
    history = model.fit(x, y, verbose=0, validation_data=(other, labels, weight)[: 2 + weighted]).history
    assert [history["val_loss"][0], history["val_acc"][0]] == pytest.approx(
        model.evaluate(other, labels, verbose=0, sample_weight=weight)
    )
    assert (history["val_loss"][0] != model.evaluate(other, labels, verbose=0)[0]) is weighted
    without = classifier()
    without.fit(x, y, verbose=0)
    assert same(model, without)


def test_shuffle():
    first, second = orders(epochs=2)
    assert sorted(first) == sorted(second) == list(range(20)) and first != second != list(range(20)) != first
    assert orders(epochs=2) == [first, second] and orders(seed=4) != [first]
    assert orders(epochs=2, shuffle=False) == [list(range(20))] * 2
    assert orders(epochs=2, initial_epoch=1) == [second]


def test_initial_epoch():
    x, y = samples()
    whole, parts = classifier(), classifier()
    whole.fit(x, y, epochs=5, verbose=0)
    assert parts.fit(x, y, epochs=2, verbose=0).epoch == [0, 1]
    assert parts.fit(x, y, epochs=5, initial_epoch=2, verbose=0).epoch == [2, 3, 4]
    assert same(whole, parts)
    assert parts.fit(x, y, epochs=5, initial_epoch=5, verbose=0).history == {}


def test_fit_is_train_on_batch():
    x, y = samples()
    weight = np.random.default_rng(0).random(50)
    a, b = classifier(), classifier()
    a.fit(x, y, batch_size=16, shuffle=False, verbose=0, sample_weight=weight)
    one_by_one(b, x, y, np.arange(50), 16, weight)
    for u, v in zip(a.get_weights(), b.get_weights()):
        np.testing.assert_allclose(u, v, rtol=0, atol=1e-6)


def test_class_weight():
    x, y = samples()
    table = {0: 1.0, 1: 0.25, 2: 3.0}
    weight = np.vectorize(table.get)(y)
    models = [classifier() for _ in range(4)]
    models[0].fit(x, y, verbose=0, class_weight=table)
    models[1].fit(x, y, verbose=0, sample_weight=weight)
    models[2].fit(x, y, verbose=0, class_weight=table, sample_weight=np.full(50, 0.5))
    models[3].fit(x, y, verbose=0, sample_weight=weight / 2)
    assert same(models[0], models[1]) and same(models[2], models[3]) and not same(models[0], models[2])
    one_hot = classifier(loss="categorical_crossentropy")
    one_hot.fit(x, np.eye(3)[y], verbose=0, class_weight=table)
    for u, v in zip(one_hot.get_weights(), models[0].get_weights()):
        np.testing.assert_allclose(u, v, rtol=0, atol=1e-6)
    assert models[0].train_on_batch(x, y, class_weight=table) == models[1].train_on_batch(
        x, y, sample_weight=weight
    )
    with pytest.raises(ValueError, match="no weight for \\[2\\]"):
        models[0].fit(x, y, verbose=0, class_weight={0: 1.0, 1: 1.0})
    with pytest.raises(TypeError, match="class_weight .*Received: list"):
        models[0].fit(x, y, verbose=0, class_weight=[1.0, 1.0, 1.0])


def test_class_weight_of_any_labels():
    """Labels −1 and 1 of a hinge, which are no places in a table, and those that do not begin at 0."""
    rng = np.random.default_rng(0)
    x, signs = rng.standard_normal((20, 4)), rng.choice([-1.0, 1.0], 20)
    for loss, y, table in (("hinge", signs, {-1: 4.0, 1: 0.5}), ("hinge", signs[:, None], {-1.0: 4.0, 1.0: 0.5}),
                           ("binary_crossentropy", signs > 0, {0: 4.0, 1: 0.5}),
                           ("mse", np.where(signs > 0, 2**40, -3), {-3: 4.0, 2**40: 0.5})):
        losses = []
        for options in ({"class_weight": table}, {"sample_weight": np.where(signs > 0, 0.5, 4.0)}):
            model = fastcnn.Sequential([L.Dense(1, input_shape=(4,))], seed=0)
            model.compile(SGD(0.0), loss)
            losses.append(model.fit(x, y, batch_size=20, verbose=0, **options).history["loss"])
        assert losses[0] == losses[1], loss
    for y, table, message in ((signs / 2, {0: 1.0}, "whole number"), (signs, {-1: 1.0, 1: "much"}, "class_weight.1."),
                              (signs, {1: 1.0}, r"no weight for \[-1\]")):
        with pytest.raises((TypeError, ValueError), match=message):
            model.fit(x, y, verbose=0, class_weight=table)


def test_class_weight_does_not_touch_validation():
    """As in Keras: it weighs training samples only."""
    x, y = samples()
    model = classifier()
    history = model.fit(x, y, verbose=0, class_weight={0: 5.0, 1: 0.5, 2: 3.0}, validation_split=0.4).history
    assert history["val_loss"][0] == pytest.approx(model.evaluate(x[30:], y[30:], verbose=0)[0])


@pytest.mark.parametrize(
    "options, error, message",
    [
        ({"y": np.zeros(49, int)}, ValueError, "x 50, y 49"),
        ({"sample_weight": np.ones(49)}, ValueError, "sample_weight 49"),
        ({"sample_weight": np.ones((50, 2))}, ValueError, "sample_weight"),
        ({"x": np.zeros((50, 5))}, ValueError, "Received: shape \\(50, 5\\)"),
        ({"x": np.zeros((0, 4)), "y": np.zeros(0, int)}, ValueError, "at least one sample"),
        ({"y": np.full(50, 3)}, ValueError, "labels from 0 to 2. Received: 3"),
        ({"y": np.full(50, -1)}, ValueError, "labels from 0 to 2. Received: -1"),
        ({"y": np.full(50, 0.5)}, TypeError, "integer labels"),
        ({"y": np.full(50, np.nan)}, (TypeError, ValueError), "label"),
        ({"y": np.zeros((50, 3))}, ValueError, "one-hot rows go with categorical_crossentropy"),
        ({"batch_size": 0}, ValueError, "batch_size .*Received: 0"),
        ({"batch_size": 2.0}, TypeError, "batch_size .*Received: 2.0"),
        ({"epochs": -1}, ValueError, "epochs .*Received: -1"),
        ({"initial_epoch": -1}, ValueError, "initial_epoch .*Received: -1"),
        ({"validation_split": 1.0}, ValueError, "validation_split .*Received: 1.0"),
        ({"validation_split": 0.999}, ValueError, "validation_split .*Received: 0.999"),
        ({"validation_data": np.zeros((3, 4))}, ValueError, "validation_data .*Received: an array of float64"),
        ({"validation_data": (np.zeros((3, 5)), np.zeros(3))}, ValueError, "Received: shape \\(3, 5\\)"),
        ({"shuffle": 1}, TypeError, "shuffle .*Received: 1"),
        ({"verbose": 5}, (TypeError, ValueError), "verbose .*Received: 5"),
        ({"callbacks": [3]}, TypeError, "Received: 3"),
        ({"callbacks": 3}, TypeError, "callbacks must be a list of .*Received: 3"),
        ({"y": 3}, TypeError, "y must be an array .*Received: 3"),
        ({"sample_weight": 0.5}, TypeError, "sample_weight must be an array .*Received: 0.5"),
    ],
)
def test_errors_change_nothing(options, error, message):
    x, y = samples()
    model, fresh = classifier(), classifier()
    with pytest.raises(error, match=message):
        model.fit(**{"x": x, "y": y, "verbose": 0, **options})
    assert same(model, fresh) and model.optimizer.iterations == 0


def test_verbose(capsys):
    x, y = samples()
    classifier().fit(x, y, epochs=2, verbose=0)
    assert capsys.readouterr() == ("", "")
    for verbose in (2, "auto"):  # no terminal here
        classifier().fit(x, y, epochs=2, verbose=verbose, validation_split=0.5)
        out, err = capsys.readouterr()
        lines = (out + err).strip().splitlines()
        assert len(lines) == 2 and all("loss" in line and "val_acc" in line for line in lines)
    classifier().predict(x)
    assert capsys.readouterr() == ("", "")


def test_stop_training():
    class Stop(Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch == 1

    class StopBatch(Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = batch == 2

    x, y = samples()
    model = classifier()
    assert model.fit(x, y, epochs=9, verbose=0, callbacks=[Stop()]).epoch == [0, 1]
    model = classifier()
    assert model.fit(x, y, batch_size=5, epochs=9, verbose=0, callbacks=[StopBatch()]).epoch == [0]
    assert model.optimizer.iterations == 3
    assert len(model.fit(x, y, epochs=2, verbose=0).epoch) == 2, "a later fit starts anew"


def test_hooks_and_logs():
    seen = []

    class Hooks(Callback):
        def on_train_begin(self, logs=None):
            seen.append("train begin")

        def on_epoch_begin(self, epoch, logs=None):
            seen.append(f"epoch {epoch} begin")

        def on_train_batch_begin(self, batch, logs=None):
            seen.append(f"batch {batch} begin")

        def on_train_batch_end(self, batch, logs=None):
            seen.append(f"batch {batch} end {sorted(logs)}")

        def on_test_begin(self, logs=None):
            seen.append("test begin")

        def on_test_end(self, logs=None):
            seen.append("test end")

        def on_epoch_end(self, epoch, logs=None):
            seen.append(f"epoch {epoch} end {sorted(logs)}")

        def on_train_end(self, logs=None):
            seen.append("train end")

    x, y = samples()
    classifier().fit(x, y, batch_size=20, verbose=0, callbacks=[Hooks()], validation_split=0.5)
    assert seen == [
        "train begin",
        "epoch 0 begin",
        "batch 0 begin",
        "batch 0 end ['acc', 'loss']",
        "batch 1 begin",
        "batch 1 end ['acc', 'loss']",
        "test begin",
        "test end",
        "epoch 0 end ['acc', 'loss', 'val_acc', 'val_loss']",
        "train end",
    ]


def test_logs_are_means_since_the_epoch_began():
    class Logs(Callback):
        def on_train_begin(self, logs=None):
            self.losses = []

        def on_train_batch_end(self, batch, logs=None):
            self.losses.append(logs["loss"])

    x, y = samples(25)
    model, logs = classifier(rate=0.0), Logs()
    history = model.fit(x, y, batch_size=10, shuffle=False, verbose=0, callbacks=[logs]).history
    expected = [model.evaluate(x[:count], y[:count], verbose=0)[0] for count in (10, 20, 25)]
    assert logs.losses == pytest.approx(expected, rel=1e-6) and history["loss"] == logs.losses[-1:]


def test_linear_regression_converges():
    model = fastcnn.Sequential([L.Dense(1, input_shape=(1,))], seed=0)
    model.compile(SGD(0.1), "mse", metrics=["mae"])
    x = np.linspace(-1, 1, 40)
    history = model.fit(x, 3 * x, epochs=100, batch_size=8, verbose=0).history
    kernel, bias = model.get_weights()
    assert abs(kernel.item() - 3) < 1e-4 and abs(bias.item()) < 1e-4 and history["loss"][-1] < 1e-8
    np.testing.assert_allclose(model.predict(np.array([2.0])), [[6.0]], atol=1e-3)
    assert model.evaluate(x, 3 * x, verbose=0) == pytest.approx([0, 0], abs=1e-4)


INTERRUPTED = """
import json, sys, time
import numpy as np, fastcnn
from fastcnn.callbacks import Callback

class Started(Callback):
    ends = []
    def on_train_batch_end(self, batch, logs=None):
        self.ends.append(time.monotonic())
        if len(self.ends) == 8:
            print("started", flush=True)

rng = np.random.default_rng(0)
x, y = rng.random((6000, 28, 28, 1), np.float32), rng.integers(0, 10, 6000)
model, watch = fastcnn.networks.lenet5(seed=0), Started()
model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
try:
    model.fit(x, y, batch_size=1000, epochs=10_000, verbose=0, callbacks=[watch])
except KeyboardInterrupt:
    pass
finite = bool(np.isfinite(model.predict(x[:99])).all() and np.isfinite(model.train_on_batch(x, y)).all())
steps = model.optimizer.iterations - len(watch.ends)
epochs = len(model.fit(x, y, epochs=1, verbose=0).epoch)
print(json.dumps([watch.ends, finite, steps, epochs]))
"""


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_ctrl_c_stops_within_a_batch():
    environment = {**os.environ, "PYTHONPATH": str(Path(fastcnn.__file__).parents[1])}
    child = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED], stdout=subprocess.PIPE, text=True, env=environment
    )
    try:
        assert child.stdout.readline() == "started\n"
        time.sleep(0.25)
        child.send_signal(signal.SIGINT)
        sent = time.monotonic()
        ends, finite, steps, epochs = json.loads(child.communicate(timeout=300)[0])
    finally:
        child.kill()
    assert child.returncode == 0
    assert sum(end > sent for end in ends) <= 1, "batches that ended after the signal"
    assert (
        finite and steps in (1, 2) and epochs == 1
    )  # train_on_batch's step, and one that no callback saw the end of
