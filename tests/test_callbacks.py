"""Callbacks do what Keras' do, hook by hook, and continue from a saved state as if never interrupted."""

import copy
import csv
import doctest
import importlib
import json
import math
import os
import pickle
import re
from collections.abc import Mapping

import numpy as np
import pytest

import fastcnn
from fastcnn import callbacks as C

MODULES = ("base", "csv_logger", "early_stopping", "history", "lambda_callback", "learning_rate",
           "model_checkpoint", "monitor", "progress", "terminate_on_nan")


class Optimizer:
    learning_rate = 0.1


class FakeModel:
    """Its one weight is the number of epochs trained."""

    metrics = ()

    def __init__(self):
        self.optimizer, self.stop_training, self.weight = Optimizer(), False, np.zeros(1)

    def get_weights(self):
        return [self.weight.copy()]

    def set_weights(self, weights):
        self.weight = weights[0].copy()

    def save(self, path):
        with open(path, "w", encoding="utf-8") as file:
            file.write(str(int(self.weight[0])))


class Lazy(Mapping):
    """Logs that count how often they are read."""

    def __init__(self, **values):
        self.values_, self.reads = values, 0

    def __getitem__(self, name):
        self.reads += 1
        return self.values_[name]

    def __iter__(self):
        self.reads += 1
        return iter(self.values_)

    def __len__(self):
        self.reads += 1
        return len(self.values_)


def fit(callbacks, epochs, model=None, start=0, steps=2, anew=True):
    """Calls the hooks as `Model.fit` does, `epochs` being the logs of each. Returns (model, epochs run)."""
    model = model or FakeModel()
    model.stop_training = False
    watchers = callbacks if isinstance(callbacks, C.CallbackList) else C.CallbackList(callbacks)
    watchers.set_model(model)
    watchers.set_params({"epochs": len(epochs), "steps": steps, "samples": steps * 4, "batch_size": 4,
                         "verbose": 0, "metrics": ["loss"]})
    watchers.on_train_begin()
    done = start
    for epoch in range(start, len(epochs)):
        watchers.on_epoch_begin(epoch)
        for batch in range(steps):
            watchers.on_train_batch_begin(batch)
            watchers.on_train_batch_end(batch, Lazy(**epochs[epoch]))
            if model.stop_training:
                break
        model.weight += 1
        watchers.on_epoch_end(epoch, dict(epochs[epoch]))
        done = epoch + 1
        if model.stop_training:
            break
    watchers.on_train_end()
    return model, done


def losses(*values, name="val_loss"):
    return [{"loss": 1.0, name: value} for value in values]


@pytest.mark.parametrize("module", MODULES)
def test_examples(module, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = doctest.testmod(importlib.import_module(f"fastcnn.callbacks.{module}"))
    assert result.attempted and not result.failed


# Dispatch


class Recorder(C.Callback):
    """Notes every call, with what it was given."""

    def __init__(self, calls, name="a"):
        self.calls, self.name = calls, name

    def on_train_begin(self, logs):
        self.calls.append((self.name, "train", logs))

    def on_epoch_begin(self, epoch, logs):
        self.calls.append((self.name, "epoch", epoch, logs))

    def on_train_batch_end(self, batch, logs):
        self.calls.append((self.name, "batch", batch, dict(logs)))

    def on_epoch_end(self, epoch, logs):
        self.calls.append((self.name, "end", epoch, dict(logs)))
        logs["seen_by_" + self.name] = 1


def test_order_of_hooks_and_logs_always_given():
    calls = []
    fit([Recorder(calls), Recorder(calls, "b")], [{"loss": 0.5}], steps=1)
    assert calls == [
        ("a", "train", {}), ("b", "train", {}), ("a", "epoch", 0, {}), ("b", "epoch", 0, {}),
        ("a", "batch", 0, {"loss": 0.5}), ("b", "batch", 0, {"loss": 0.5}),
        ("a", "end", 0, {"loss": 0.5}), ("b", "end", 0, {"loss": 0.5, "seen_by_a": 1}),
    ]


def test_hooks_nobody_wants_are_not_called(monkeypatch):
    def fail(*arguments):
        raise AssertionError("called")

    watchers = C.CallbackList([C.History(), C.EarlyStopping("loss"), C.ModelCheckpoint("x")])
    for name in ("on_train_batch_begin", "on_train_batch_end", "on_test_batch_end", "on_batch_end"):
        monkeypatch.setattr(C.Callback, name, fail)
    logs = Lazy(loss=1.0)
    watchers.on_train_batch_begin(0)
    watchers.on_train_batch_end(0, logs)
    watchers.on_test_batch_end(0, logs)
    assert logs.reads == 0


def test_older_names_of_batch_hooks():
    class Old(C.Callback):
        def __init__(self):
            self.seen = []

        def on_batch_begin(self, batch, logs=None):
            self.seen.append(("begin", batch))

        def on_batch_end(self, batch, logs=None):
            self.seen.append(("end", batch))

    old = Old()
    fit([old], [{}], steps=1)
    assert old.seen == [("begin", 0), ("end", 0)]


def test_hooks_of_test_and_predict():
    seen = []
    hooks = [f"on_{what}{batch}_{when}" for what in ("test", "predict") for batch in ("", "_batch")
             for when in ("begin", "end")]
    functions = {hook: lambda *given, hook=hook: seen.append((hook, len(given))) for hook in hooks}
    watchers = C.CallbackList(C.LambdaCallback(**functions))
    for hook in hooks:
        getattr(watchers, hook)(*[3] * ("batch" in hook))
    assert seen == [(hook, 1 + ("batch" in hook)) for hook in hooks]


def test_callback_list():
    model, history = FakeModel(), C.History()
    watchers = C.CallbackList([history], add_history=True, add_progbar=True, model=model, epochs=3, verbose=0)
    assert [type(c) for c in watchers.callbacks] == [C.History, C.Progress] and watchers.history is history
    assert all(c.model is model and c.params == {"epochs": 3, "verbose": 0} for c in watchers.callbacks)
    assert C.CallbackList(add_history=True).history.history == {} and C.CallbackList().history is None
    assert C.CallbackList(history).callbacks == C.CallbackList(C.CallbackList(history)).callbacks == [history]
    with pytest.raises(TypeError, match="Received: 5"):
        C.CallbackList([5])


def test_lambda_callback():
    seen = []
    made = C.LambdaCallback(on_epoch_begin=lambda epoch, logs: seen.append(("begin", epoch)),
                            on_train_end=lambda logs: seen.append("end"),
                            on_train_batch_end=lambda batch, logs: seen.append((batch, logs["loss"])))
    fit([made], [{"loss": 2.0}])
    assert seen == [("begin", 0), (0, 2.0), (1, 2.0), "end"]
    with pytest.raises(TypeError, match="Received: 'on_epoch_ends'"):
        C.LambdaCallback(on_epoch_ends=print)
    with pytest.raises(TypeError, match="Received: 3"):
        C.LambdaCallback(on_epoch_end=3)


def test_history():
    history = C.History()
    fit([history], [{"loss": np.float32(0.5), "acc": 0.25}, {"loss": 0.25, "acc": 0.5}])
    assert history.history == {"loss": [0.5, 0.25], "acc": [0.25, 0.5]} and history.epoch == [0, 1]
    assert type(history.history["loss"][0]) is float and history.params["epochs"] == 2
    fit([history], [{"loss": 0.5}] * 2, start=1)
    assert history.epoch == [1]


def test_history_in_a_notebook():
    """A table, whatever the logs hold; rows that callbacks left out are empty."""
    history = C.History()
    fit([history], [{"loss": 0.5, "<b>": 1}, {"loss": 0.25, "<b>": float("nan")}])
    rows = [re.findall(r"<t[hd]>(.*?)</t[hd]>", row) for row in re.findall("<tr>(.*?)</tr>", history._repr_html_())]
    assert rows == [["epoch", "loss", "&lt;b&gt;"], ["1", "0.5", "1"], ["2", "0.25", "nan"]]
    assert repr(history) == "History of 2 epochs: loss, <b>" and repr(C.History()) == "History of 0 epochs: nothing yet"
    assert C.History()._repr_html_() == "<table><tr><th>epoch</th></tr></table>"
    fit([history], [{"loss": 0.125}] * 3, start=2)  # goes on with what it has
    rows = history._repr_html_().split("<tr>")[1:]
    assert len(rows) == 4 and rows[-1].startswith("<td>3</td><td>0.125</td><td></td>")


def test_a_long_history_in_a_notebook():
    history = C.History()
    fit([history], [{"loss": 0.5}] * 1000)
    html = history._repr_html_()
    assert html.count("<tr>") == 22 and "<td>…</td><td>…</td>" in html and len(html) < 2000
    assert "<td>10</td>" in html and "<td>11</td>" not in html and "<td>1000</td>" in html


# Early stopping: (arguments, values) → (epochs run, epochs that the final weights have seen)

EARLY = {
    "patience 0": ({}, (3, 2, 2.5, 1), 3, 3),
    "patience 2": ({"patience": 2}, (3, 2, 2.5, 2.25, 2.1, 1), 4, 4),
    "patience starts again": ({"patience": 2}, (3, 2, 2.5, 1.9, 2, 2, 1), 6, 6),
    "never": ({"patience": 9}, (3, 2, 1), 3, 3),
    "equal is no better": ({"patience": 1}, (3, 3, 1), 2, 2),
    "not after the first epoch": ({}, (math.nan, math.nan, 1), 2, 2),
    "restored": ({"patience": 2, "restore_best_weights": True}, (3, 2, 2.5, 2.25, 1), 4, 2),
    "restored at the end": ({"patience": 9, "restore_best_weights": True}, (3, 1, 2), 3, 2),
    "nothing better to restore": ({"patience": 1, "restore_best_weights": True}, (math.nan,) * 4, 2, 1),
    "min_delta": ({"patience": 1, "min_delta": 0.5}, (3, 2.6, 1), 2, 2),
    "min_delta is absolute": ({"patience": 1, "min_delta": -0.5}, (3, 2.6, 1), 2, 2),
    "max": ({"patience": 1, "mode": "max"}, (1, 2, 1.5, 3), 3, 3),
    "max with min_delta": ({"patience": 1, "mode": "max", "min_delta": 1}, (1, 2.5, 3.2, 5), 3, 3),
    "baseline met": ({"patience": 2, "baseline": 2.5}, (3, 2, 1.5, 1.4), 4, 4),
    "baseline never met": ({"patience": 2, "baseline": 1}, (3, 2, 2.5, 1.5), 2, 2),
    "better than before, not than baseline": ({"patience": 2, "baseline": 1}, (3, 2.8, 2.6, 2.4, 2.5), 2, 2),
    "ever better, and never than baseline": ({"baseline": 1}, (3, 2.8, 2.6, 2.4), 2, 2),
    "baseline met in time": ({"patience": 3, "baseline": 2.7}, (3, 2.8, 2.6, 2.5, 2.6, 2.7, 2.6, 1), 7, 7),
    "baseline met, then restored": ({"patience": 2, "baseline": 2, "restore_best_weights": True}, (3, 2.8, 2.6), 2, 2),
    "baseline of what grows": ({"patience": 2, "baseline": 3, "mode": "max"}, (1, 1.5, 2, 4), 2, 2),
    "start_from_epoch": ({"patience": 1, "start_from_epoch": 3}, (1, 2, 3, 4, 5, 0), 5, 5),
}


@pytest.mark.parametrize("case", EARLY)
def test_early_stopping(case):
    arguments, values, run, weight = EARLY[case]
    callback = C.EarlyStopping(**arguments)
    for _ in range(2):  # an object may be used again
        model, done = fit([callback], losses(*values))
        assert (done, model.weight[0]) == (run, weight)
        assert callback.stopped_epoch == (run - 1 if run < len(values) or model.stop_training else 0)


def test_early_stopping_says_so(capsys):
    fit([C.EarlyStopping(patience=1, verbose=1, restore_best_weights=True)], losses(1, 2, 3))
    assert capsys.readouterr().out == "Epoch 2: early stopping\nRestoring the weights of the best epoch: 1.\n"


def test_missing_monitor_warns():
    for callback in C.EarlyStopping("val_acc"), C.ReduceLROnPlateau("val_acc"):
        with pytest.warns(UserWarning, match="misses 'val_acc'.*'loss', 'val_loss'"):
            assert fit([callback], losses(1, 2))[1] == 2


@pytest.mark.parametrize("monitor, direction", [
    ("loss", "min"), ("val_loss", "min"), ("acc", "max"), ("val_acc", "max"),
    ("val_sparse_categorical_accuracy", "max"), ("val_mse", "min"), ("mean_absolute_error", "min"),
    ("val_binary_crossentropy", "min"),
])
def test_auto_mode_by_name(monitor, direction):
    callback, model = C.EarlyStopping(monitor), FakeModel()
    callback.set_model(model)
    assert callback.improves(2.0, 1.0) == (direction == "max")
    assert callback.improves(1.0, 2.0) == (direction == "min")


def test_auto_mode_by_metric_or_not_at_all():
    class Model(FakeModel):
        metrics = (type("Metric", (), {"name": "score", "direction": "max"}),)

    _, done = fit([C.EarlyStopping("val_score")], losses(1, 2, 1.5, name="val_score"), Model())
    assert done == 3
    with pytest.raises(ValueError, match="mode='min' or mode='max'.*Received: monitor='val_score', mode='"):
        fit([C.EarlyStopping("val_score")], losses(1, 2, name="val_score"))


# Learning rates

RATES = {
    "patience": ({"patience": 2}, (1, 1, 1, 1, 1), (0.1, 0.1, 0.01, 0.01, 0.001)),
    "factor": ({"patience": 1, "factor": 0.5}, (1, 1, 0.5, 1), (0.1, 0.05, 0.05, 0.025)),
    "cooldown": ({"patience": 1, "cooldown": 2}, (1,) * 6, (0.1, 0.01, 0.01, 0.001, 0.001, 0.0001)),
    "min_lr": ({"patience": 1, "min_lr": 0.05}, (1, 1, 1), (0.1, 0.05, 0.05)),
    "min_delta": ({"patience": 1}, (1, 0.99995, 0.9998), (0.1, 0.01, 0.01)),
    "max": ({"patience": 1, "mode": "max"}, (1, 2, 3, 2), (0.1, 0.1, 0.1, 0.01)),
    "nan": ({"patience": 1}, (1, math.nan, 0.5), (0.1, 0.01, 0.01)),
}


@pytest.mark.parametrize("case", RATES)
def test_reduce_lr_on_plateau(case):
    arguments, values, expected = RATES[case]
    seen = []
    after = C.LambdaCallback(on_epoch_end=lambda *_: seen.append(after.model.optimizer.learning_rate))
    callback, history = C.ReduceLROnPlateau(**arguments), C.History()
    for _ in range(2):
        seen.clear()
        fit([callback, after, history], losses(*values))
        assert np.allclose(seen, expected, rtol=1e-9)
    # the logs hold the rate an epoch was trained with
    assert np.allclose(history.history["learning_rate"][:len(values)], [0.1, *expected[:-1]])


@pytest.mark.parametrize("schedule", [
    lambda epoch: 0.5 / (epoch + 1), lambda epoch, rate: [0.5, 0.25, 1 / 6][epoch] if epoch else rate * 5,
    lambda epoch, rate=None, *more: np.float32(0.5) / (epoch + 1),
])
def test_learning_rate_scheduler(schedule, capsys):
    history = C.History()
    model, _ = fit([C.LearningRateScheduler(schedule, verbose=1), history], losses(1, 2, 3))
    assert np.allclose(history.history["learning_rate"], [0.5, 0.25, 1 / 6])
    assert type(model.optimizer.learning_rate) is float
    assert "Epoch 2: LearningRateScheduler sets the learning rate to 0.25.\n" in capsys.readouterr().out


def test_learning_rate_scheduler_hides_no_error():
    def schedule(epoch, rate):
        return rate * "a"

    with pytest.raises(TypeError, match="multiply|sequence"):
        fit([C.LearningRateScheduler(schedule)], losses(1))
    for result, error in (("0.1", TypeError), (None, TypeError), (-1, ValueError), (math.nan, ValueError)):
        with pytest.raises(error, match="the result of schedule .*Received"):
            fit([C.LearningRateScheduler([result].__getitem__)], losses(1))


@pytest.mark.parametrize("callback", [
    C.LearningRateScheduler(lambda epoch: 0.1), C.ReduceLROnPlateau("loss", patience=0),
])
def test_not_beside_a_schedule(callback):
    model = FakeModel()
    model.optimizer = fastcnn.optimizers.SGD(fastcnn.optimizers.schedules.OneCycle(0.1, 100))
    with pytest.raises(TypeError, match="a learning rate that is a number. Received: OneCycle"):
        fit([callback], losses(1, 1, 1), model)


# Files


def test_model_checkpoint_each_epoch(tmp_path):
    fit([C.ModelCheckpoint(tmp_path / "new" / "m-{epoch:02d}-{val_loss:.2f}")], losses(0.5, 0.25))
    saved = {path.name: path.read_text() for path in (tmp_path / "new").iterdir()}
    assert saved == {"m-01-0.50": "1", "m-02-0.25": "2"}


@pytest.mark.parametrize("arguments, values, saved", [
    ({}, (3, 2, 2.5, 2), ["1", "2"]), ({"mode": "max"}, (3, 2, 4), ["1", "3"]),
    ({"initial_value_threshold": 2.2}, (3, 2, 1), ["2", "3"]), ({}, (math.nan, 2), ["2"]),
])
def test_model_checkpoint_best_only(tmp_path, capsys, arguments, values, saved):
    callback = C.ModelCheckpoint(str(tmp_path / "{epoch}"), save_best_only=True, verbose=1, **arguments)
    fit([callback], losses(*values))
    assert sorted(os.listdir(tmp_path)) == saved
    out = capsys.readouterr().out
    assert out.count("saving the model to") == out.count("val_loss improved from") == len(saved)
    assert out.count("did not improve") == len(values) - len(saved)


def test_model_checkpoint_every_so_many_batches(tmp_path):
    callback = C.ModelCheckpoint(tmp_path / "{epoch}-{batch}-{loss:.1f}", save_freq=3)
    fit([callback], [{"loss": 0.5}, {"loss": 0.25}, {"loss": 0.125}], steps=2)
    assert sorted(os.listdir(tmp_path)) == ["2-1-0.2", "3-2-0.1"]


def test_model_checkpoint_set_and_copied(tmp_path):
    """Copies count for themselves, and what is set later counts, as the argument would have done."""
    given = C.ModelCheckpoint(tmp_path / "given-{epoch}", save_freq=3)
    twins = copy.copy(given), copy.deepcopy(given), pickle.loads(pickle.dumps(given)), C.ModelCheckpoint("m")
    for i, twin in enumerate(twins):
        twin.filepath, twin.save_freq = str(tmp_path / f"{i}-{{epoch}}-{{batch}}"), 2
        fit([twin], [{"loss": 0.5}], steps=5)
    given.save_freq = "epoch"
    fit([given], [{"loss": 0.5}], steps=5)
    assert sorted(os.listdir(tmp_path)) == [*(f"{i}-1-{batch}" for i in range(4) for batch in (2, 4)), "given-1"]


def test_model_checkpoint_without_its_monitor_saves(tmp_path):
    with pytest.warns(UserWarning, match="misses 'val_loss'"):
        fit([C.ModelCheckpoint(tmp_path / "m", save_best_only=True)], [{"loss": 1.0}])
    assert (tmp_path / "m").read_text() == "1"


def test_model_checkpoint_weights_only(tmp_path):
    class Model(FakeModel):
        def save_weights(self, path):
            self.saved = path

    model, _ = fit([C.ModelCheckpoint(str(tmp_path / "w"), save_weights_only=True)], losses(1), Model())
    assert model.saved == str(tmp_path / "w") and not os.listdir(tmp_path)


@pytest.mark.parametrize("name", ["{val_acc}", "{}"])
def test_model_checkpoint_unknown_name(tmp_path, name):
    with pytest.raises(ValueError, match="filepath may name loss, val_loss, epoch. Received: .*{"):
        fit([C.ModelCheckpoint(tmp_path / name)], losses(1))


def read(path, **options):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.reader(file, **options))


def test_csv_logger(tmp_path):
    path = tmp_path / "log.csv"
    fit([C.CSVLogger(path)], [{"loss": np.float64(0.1), "acc": 0.5}, {"loss": 1 / 3, "acc": 1}])
    assert read(path) == [["epoch", "acc", "loss"], ["0", "0.5", "0.1"], ["1", "1", repr(1 / 3)]]
    fit([C.CSVLogger(path, separator=";")], [{"loss": 2.0}])  # begins anew
    assert path.read_text() == "epoch;loss\n0;2.0\n"


def test_csv_logger_appends(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("loss,epoch,acc\n")
    with pytest.warns(UserWarning, match="no column for val_loss"):
        fit([C.CSVLogger(path, append=True)], [{"loss": 1.0, "val_loss": 2.0}])
    assert path.read_text() == "loss,epoch,acc\n1.0,0,NA\n"
    fit([C.CSVLogger(tmp_path / "fresh.csv", append=True)], [{"loss": 1.0}])
    assert (tmp_path / "fresh.csv").read_text() == "epoch,loss\n0,1.0\n"


def test_csv_logger_is_written_epoch_by_epoch(tmp_path):
    sizes, path = [], tmp_path / "log.csv"
    look = C.LambdaCallback(on_epoch_end=lambda epoch, logs: sizes.append(len(read(path))))
    fit([C.CSVLogger(path), look], losses(1, 2, 3))
    assert sizes == [2, 3, 4]


@pytest.mark.parametrize("loss, stops", [
    (math.nan, True), (math.inf, True), (-math.inf, True), (1e30, False),
])
def test_terminate_on_nan(loss, stops, capsys):
    model, done = fit([C.TerminateOnNaN()], [{"loss": 1.0}, {"loss": loss}, {"loss": 1.0}])
    assert model.stop_training == stops and done == (2 if stops else 3)
    assert ("Batch 0: invalid loss" in capsys.readouterr().out) == stops


# Resuming

STATEFUL = {
    "EarlyStopping": lambda path: C.EarlyStopping(patience=2, restore_best_weights=True),
    "ReduceLROnPlateau": lambda path: C.ReduceLROnPlateau(patience=2, cooldown=1),
    "ModelCheckpoint": lambda path: C.ModelCheckpoint(path / "{epoch}", save_best_only=True),
    "ModelCheckpoint.batches": lambda path: C.ModelCheckpoint(path / "{epoch}-{batch}", save_freq=3),
    "History": lambda path: C.History(),
}


@pytest.mark.parametrize("kind", STATEFUL)
@pytest.mark.parametrize("stop", range(1, 8))
def test_resuming_is_as_not_stopping(kind, stop, tmp_path):
    logs = losses(3, 2, 2.5, 1.5, 1.6, 1.4, 1.45, 1.5, 1)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    whole = STATEFUL[kind](tmp_path / "a")
    model, done = fit([whole], logs)
    first = C.CallbackList([STATEFUL[kind](tmp_path / "b")])
    half, reached = fit([interrupt(stop), *first.callbacks], logs)
    assert reached == stop < done
    state, arrays = json.loads(json.dumps(first.get_state())), first.get_arrays()
    resumed = FakeModel()
    resumed.weight, resumed.optimizer.learning_rate = np.full(1, float(stop)), half.optimizer.learning_rate
    second = C.CallbackList([STATEFUL[kind](tmp_path / "b")])
    second.set_state(state)
    second.set_arrays(arrays)
    resumed, end = fit(second, logs, resumed, start=reached)
    assert end == done and resumed.weight[0] == model.weight[0]
    assert resumed.optimizer.learning_rate == model.optimizer.learning_rate
    assert second.get_state() == C.CallbackList([whole]).get_state()
    assert sorted(os.listdir(tmp_path / "a")) == sorted(os.listdir(tmp_path / "b"))


def interrupt(stop):
    """Ends training after some epochs, without on_train_end mattering."""
    def end(epoch, logs):
        made.model.stop_training = epoch + 1 == stop

    made = C.LambdaCallback(on_epoch_end=end)
    return made


def test_state_lasts_for_one_training_only():
    callback = C.EarlyStopping(patience=2)
    callback.set_state({"wait": 1, "stopped_epoch": 0, "best": 1.0, "best_epoch": 0})
    assert fit([callback], losses(2, 2, 2, 2))[1] == 2      # one epoch of waiting was kept
    assert fit([callback], losses(2, 2, 2, 2))[1] == 3      # a new training starts anew
    fit([callback], losses(2))
    callback.set_state(callback.get_state())
    C.CallbackList([callback]).on_train_end()               # set within a training: not for the next
    assert fit([callback], losses(2, 2, 2, 2))[1] == 3


def test_resuming_without_arrays_warns():
    callback = C.EarlyStopping(patience=1, restore_best_weights=True)
    callback.set_state({"wait": 0, "stopped_epoch": 0, "best": 1.0, "best_epoch": 0})
    with pytest.warns(UserWarning, match="resumed without its arrays"):
        model, _ = fit([callback], losses(2, 2, 2))
    assert model.weight[0] == 2


@pytest.mark.parametrize("call, message", [
    (lambda: C.EarlyStopping().set_state({"wait": 1}), "keys .*Received: {'wait': 1}"),
    (lambda: C.EarlyStopping().set_state(3), "Received: 3"),
    (lambda: C.EarlyStopping().set_arrays({"a": 1}), r"Received: \['a'\]"),
    (lambda: C.History().set_arrays({"a": 1}), r"keeps no arrays. Received: \['a'\]"),
    (lambda: C.CallbackList([C.History()]).set_state([]), r"Received: \['History'\]"),
])
def test_wrong_states(call, message):
    with pytest.raises(ValueError, match=message):
        call()


BAD = {
    TypeError: [
        lambda: C.EarlyStopping(3), lambda: C.EarlyStopping(patience="3"), lambda: C.EarlyStopping(patient=3),
        lambda: C.EarlyStopping(restore_best_weights=1), lambda: C.LearningRateScheduler(0.1),
        lambda: C.ReduceLROnPlateau(epsilon=1e-4), lambda: C.ModelCheckpoint(3), lambda: C.CSVLogger(None),
        lambda: C.ModelCheckpoint("a", save_freq=2.5), lambda: C.ModelCheckpoint("a", period=2),
        lambda: C.CSVLogger("a", append=1), lambda: C.TerminateOnNaN(1),
    ],
    ValueError: [
        lambda: C.EarlyStopping(mode="least"), lambda: C.EarlyStopping(patience=-1),
        lambda: C.EarlyStopping(min_delta=math.nan), lambda: C.ReduceLROnPlateau(factor=1.0),
        lambda: C.ReduceLROnPlateau(min_lr=-1), lambda: C.ModelCheckpoint("a", save_freq=0),
        lambda: C.ModelCheckpoint("a", mode="best"), lambda: C.CSVLogger("a", separator=", "),
        lambda: C.Progress(3), lambda: C.Progress("yes"), lambda: C.Progress(1.0),
    ],
}


@pytest.mark.parametrize("error, call", [(error, call) for error, calls in BAD.items() for call in calls])
def test_bad_arguments(error, call):
    with pytest.raises(error, match="Received: |has no argument|takes no arguments|expected str"):
        call()


# With a true model


@pytest.fixture
def model():
    model = fastcnn.Sequential([fastcnn.layers.Dense(2, "softmax", input_shape=(3,))], seed=1)
    model.compile(fastcnn.optimizers.SGD(0.5), "sparse_categorical_crossentropy", metrics=["acc"])
    return model


X, Y = np.random.default_rng(0).standard_normal((40, 3)).astype(np.float32), np.arange(40) % 2


def test_fit_restores_the_best_weights(model):
    weights = {}
    keep = C.LambdaCallback(on_epoch_end=lambda epoch, logs: weights.update({epoch: model.get_weights()}))
    stop = C.EarlyStopping("val_loss", patience=2, restore_best_weights=True)
    history = model.fit(X, Y, 4, 60, 0, [keep, stop], validation_data=(X[::-1], Y))
    best = int(np.argmin(history.history["val_loss"]))
    assert len(history.epoch) < 60 and len(history.epoch) == best + 3  # the data are noise: it did stop
    assert all((a == b).all() for a, b in zip(model.get_weights(), weights[best]))


def test_fit_writes_files(model, tmp_path):
    files = [C.ModelCheckpoint(tmp_path / "m{epoch}.safetensors"), C.CSVLogger(tmp_path / "log.csv")]
    history = model.fit(X, Y, 8, 2, 0, files, validation_split=0.25)
    assert sorted(os.listdir(tmp_path)) == ["log.csv", "m1.safetensors", "m2.safetensors"]
    again = fastcnn.load_model(tmp_path / "m2.safetensors")
    assert all((a == b).all() for a, b in zip(model.get_weights(), again.get_weights()))
    header, *rows = read(tmp_path / "log.csv")
    assert header == ["epoch", "acc", "loss", "val_acc", "val_loss"]
    assert [float(row[2]) for row in rows] == history.history["loss"]


@pytest.mark.filterwarnings("ignore:the loss is nan:RuntimeWarning")
def test_fit_stops_at_nan_within_the_epoch(model):
    seen = []
    x = X.copy()
    x[20:] = np.nan
    note = C.LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(batch))
    model.fit(x, Y, 4, 3, 0, [C.TerminateOnNaN(), note], shuffle=False)
    assert seen == [0, 1, 2, 3, 4, 5]


def test_fit_changes_the_learning_rate(model):
    history = model.fit(X, Y, 8, 3, 0, [C.LearningRateScheduler(lambda epoch, rate: rate / 2)])
    assert model.optimizer.learning_rate == 0.0625
    assert history.history.get("learning_rate") == [0.25, 0.125, 0.0625]
