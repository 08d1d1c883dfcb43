"""Training that stops, is loaded and goes on ends with the bits of one that never stopped; however it is killed."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import inside
import numpy as np
import pytest
from test_streams import Epochs, Iterable, Sequence, cut, endless

import fastcnn
from fastcnn import callbacks as C
from fastcnn import layers as L
from fastcnn.io import FileFormatError, load_file, save_file
from fastcnn.optimizers import SGD, schedules

COUNT, SIZE = 46, 8  # six batches, the last of six samples


def samples():
    rng = np.random.default_rng(0)
    return rng.standard_normal((COUNT, 6, 6, 1)).astype(np.float32), rng.integers(0, 3, COUNT)


X, Y = samples()


def network(rate=0.05):
    """Convolution, dropout, momentum, and a metric with arrays."""
    model = fastcnn.Sequential([L.Conv2D(4, 3, activation="relu", input_shape=(6, 6, 1)), L.Flatten(), L.Dropout(0.4),
                                L.Dense(3, "softmax")], seed=2)
    model.compile(SGD(rate, momentum=0.9, weight_decay=1e-3), "sparse_categorical_crossentropy",
                  metrics=["acc", Confusion()])
    return model


class Confusion(fastcnn.metrics.Metric):
    """How often class 0 was predicted; keeps the whole matrix."""

    def reset_state(self):
        self.matrix = np.zeros((3, 3), np.int64)

    def update_state(self, y_true, y_pred, sample_weight=None):
        np.add.at(self.matrix, (y_true, y_pred.argmax(1)), 1)

    def result(self):
        return self.matrix[:, 0].sum() / max(self.matrix.sum(), 1)


def load(path):
    return fastcnn.load_model(path, custom_objects={"Confusion": Confusion})


def state(model):
    """All that training depends on, as bytes and numbers."""
    return [w.tobytes() for w in model.get_weights()], inside.state(model).tobytes(), model.optimizer.iterations, \
        model.optimizer.get_config()


def logs(history):
    return {name: values for name, values in history.history.items() if name != "data_wait"}


BATCHES = cut(X, Y, SIZE)
SOURCES = {
    "arrays": (lambda: (X, Y), {"batch_size": SIZE}),
    "arrays in order": (lambda: (X, Y), {"batch_size": SIZE, "shuffle": False}),
    "arrays, steps": (lambda: (X, Y), {"batch_size": SIZE, "steps_per_epoch": 4}),
    "sequence": (lambda: (Sequence(BATCHES),), {}),
    "sequence, steps": (lambda: (Sequence(BATCHES),), {"steps_per_epoch": 4}),
    "epochs": (lambda: (Epochs(BATCHES),), {}),
    "epochs, steps": (lambda: (Epochs(BATCHES),), {"steps_per_epoch": 4}),
    "iterable": (lambda: (Iterable(BATCHES),), {}),
    "iterable, steps": (lambda: (Iterable(BATCHES),), {"steps_per_epoch": 4}),
    "endless": (lambda: (endless(BATCHES),), {"steps_per_epoch": 4}),
    "growing": (lambda: (Iterable(BATCHES[::-1]),), {}),
    "shrinking": (lambda: (Iterable([(X[:30], Y[:30]), *BATCHES[:3]]),), {}),  # the largest decides how sums are cut
    "shrinking to few": (lambda: (Iterable([(X[:30], Y[:30]), *cut(X, Y, 5)[:3]]),), {}),  # also below a vector's width
}


class Stop(C.Callback):
    """Ends the process' training for good at a step, as a kill would: nothing runs after it."""

    def __init__(self, after):
        self.left = after

    def on_train_batch_begin(self, batch, logs=None):
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt


def fit(model, source, watchers=(), **options):
    make, fixed = SOURCES[source]
    return model.fit(*make(), verbose=0, callbacks=list(watchers), **{**fixed, **options})


@pytest.mark.parametrize("source", SOURCES)
def test_between_epochs(source, tmp_path):
    whole, half = network(), network()
    expected = fit(whole, source, epochs=4, validation_data=(X[:10], Y[:10]))
    fit(half, source, epochs=2, validation_data=(X[:10], Y[:10]))
    half.save(tmp_path / "m")
    loaded = load(tmp_path / "m")
    found = fit(loaded, source, epochs=4, resume=True, validation_data=(X[:10], Y[:10]))
    assert state(loaded) == state(whole) != state(half)
    assert logs(found) == logs(expected) and found.epoch == [0, 1, 2, 3]
    found = fit(loaded, source, epochs=4, resume=True)
    assert found.epoch == [0, 1, 2, 3] and state(loaded) == state(whole), "nothing is left to do"


@pytest.mark.parametrize("after", [1, 3, 4, 5, 6, 8, 11])
@pytest.mark.parametrize("source", SOURCES)
def test_within_an_epoch(source, after, tmp_path):
    """Saved after each step, killed after some."""
    def save():
        return C.ModelCheckpoint(tmp_path / "m", save_freq=1)

    whole, half = network(), network()
    expected = fit(whole, source, [save()], epochs=3, validation_data=(X[:10], Y[:10]))
    with pytest.raises(KeyboardInterrupt):
        fit(half, source, [save(), Stop(after)], epochs=3, validation_data=(X[:10], Y[:10]))
    loaded = load(tmp_path / "m")
    assert loaded.optimizer.iterations == after
    loaded.evaluate(X, Y, verbose=0)  # does not disturb the sums of the epoch's logs
    found = fit(loaded, source, [save()], epochs=3, resume=True, validation_data=(X[:10], Y[:10]))
    assert state(loaded) == state(whole) and logs(found) == logs(expected) and found.epoch == [0, 1, 2]
    assert state(load(tmp_path / "m")) == state(whole)


def stateful(folder, order=slice(None)):
    return [C.EarlyStopping("val_loss", patience=4, restore_best_weights=True),
            C.ReduceLROnPlateau("val_loss", patience=1, factor=0.5, cooldown=1),
            C.ModelCheckpoint(folder / "best", save_best_only=True),
            C.CSVLogger(folder / "log.csv"),
            C.ModelCheckpoint(folder / "last", save_freq=4)][order]


@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1)], ids=["saved last", "saved first"])
@pytest.mark.parametrize("after", [5, 13, 24, 42, 56, 77])
def test_the_states_of_callbacks(after, order, tmp_path):
    """Whatever their order: a checkpoint holds what all of them knew after that step."""
    options = {"epochs": 15, "validation_data": (X[:10], 2 - Y[:10])}  # another task: it gets worse
    for name in ("whole", "half"):
        (tmp_path / name).mkdir()
    whole, half = network(0.2), network(0.2)
    expected = fit(whole, "arrays", stateful(tmp_path / "whole", order), **options)
    rates = expected.history["learning_rate"]
    assert len(rates) < 15 and len(set(rates)) >= 3, "both did something"
    step = min(after, 6 * len(rates) - 1)
    with pytest.raises(KeyboardInterrupt):
        fit(half, "arrays", [*stateful(tmp_path / "half", order), Stop(step)], **options)
    loaded = load(tmp_path / "half" / "last")
    assert step - loaded.optimizer.iterations < 4
    watchers = stateful(tmp_path / "half", order)
    found = fit(loaded, "arrays", watchers, resume=True, **options)
    assert logs(found) == logs(expected) and state(loaded) == state(whole)
    assert read(tmp_path / "half" / "log.csv") == read(tmp_path / "whole" / "log.csv")
    assert state(load(tmp_path / "half" / "best")) == state(load(tmp_path / "whole" / "best"))
    again = load(tmp_path / "half" / "last")
    assert len(fit(again, "arrays", stateful(tmp_path / "half", order), resume=True, **options).epoch) == len(rates)


@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1)])
def test_two_checkpoints_know_of_each_other(order, tmp_path):
    """Each writes after both have decided."""
    model = network()
    pair = [C.ModelCheckpoint(tmp_path / "best", "loss", save_best_only=True), C.ModelCheckpoint(tmp_path / "last")][order]
    losses = fit(model, "arrays", [*pair, C.ReduceLROnPlateau("loss")], epochs=2).history["loss"]
    for name in ("best", "last"):
        history, *states, reduced = (entry["state"] for entry in load(tmp_path / name)._standing.callbacks()[0])
        assert states[order][0]["best"] == reduced["best"] == min(losses) == losses[1] and history["epoch"] == [0, 1]


def read(path):
    with open(path, newline="") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize("after", [2, 6, 8, 14])
def test_learning_rates(after, tmp_path):
    """A schedule by steps, and one by epochs that knows the rate before it."""
    for rate, more in ((schedules.OneCycle(0.2, 18), []), (0.2, [lambda: C.LearningRateScheduler(lambda epoch, r: r / 2)])):
        def watchers(more=more):
            return [make() for make in more] + [C.ModelCheckpoint(tmp_path / "m", save_freq=1)]

        whole, half = network(rate), network(rate)
        fit(whole, "arrays", watchers(), epochs=3)
        with pytest.raises(KeyboardInterrupt):
            fit(half, "arrays", [*watchers(), Stop(after)], epochs=3)
        loaded = load(tmp_path / "m")
        fit(loaded, "arrays", watchers(), epochs=3, resume=True)
        assert state(loaded) == state(whole)


def test_a_stopped_training_stays_stopped_unless_there_is_more_patience(tmp_path):
    def run(model, patience, **options):
        return fit(model, "arrays", [C.EarlyStopping("acc", patience=patience, min_delta=10)], epochs=9, **options)

    model = network()
    assert run(model, 2).epoch == [0, 1, 2]
    model.save(tmp_path / "m")
    loaded = load(tmp_path / "m")
    assert run(loaded, 2, resume=True).epoch == [0, 1, 2] and state(loaded) == state(model)
    assert run(loaded, 4, resume=True).epoch == [0, 1, 2, 3, 4]


def test_in_the_same_process(tmp_path):
    """After Ctrl-C, without a file; and a file from then on."""
    whole, model = network(), network()
    expected = fit(whole, "arrays", epochs=3)
    with pytest.raises(KeyboardInterrupt):
        fit(model, "arrays", [Stop(9)], epochs=3)
    model.save(tmp_path / "m")
    for again in (model, load(tmp_path / "m")):
        assert again.epochs_seen == 1
        assert logs(fit(again, "arrays", epochs=3, resume=True)) == logs(expected) and state(again) == state(whole)


def test_initial_epoch_alone_knows_nothing_of_the_place(tmp_path):
    """Keras' meaning: a new training, whose first epoch has that number."""
    model = network()
    with pytest.raises(KeyboardInterrupt):
        fit(model, "arrays", [C.ModelCheckpoint(tmp_path / "m", save_freq=3), Stop(9)], epochs=3)
    loaded = load(tmp_path / "m")
    assert fit(loaded, "arrays", epochs=3, initial_epoch=1).epoch == [1, 2]
    assert loaded.optimizer.iterations == 9 + 12


def test_a_model_that_was_never_trained(tmp_path):
    whole, model = network(), network()
    model.save(tmp_path / "m")
    loaded = load(tmp_path / "m")
    expected = fit(whole, "arrays", epochs=2)
    for again in (model, loaded):
        assert logs(fit(again, "arrays", epochs=2, resume=True)) == logs(expected) and state(again) == state(whole)


def test_compile_forgets_where_training_stood():
    model = network()
    with pytest.raises(KeyboardInterrupt):
        fit(model, "arrays", [Stop(9)], epochs=3)
    model.compile(SGD(0.05), "sparse_categorical_crossentropy")
    assert fit(model, "arrays", epochs=3, resume=True).epoch == [1, 2] and model.optimizer.iterations == 12


def test_saved_again_without_training(tmp_path):
    model = network()
    with pytest.raises(KeyboardInterrupt):
        fit(model, "arrays", [*stateful(tmp_path), Stop(9)], epochs=3, validation_split=0.2)
    model.save(tmp_path / "a")
    load(tmp_path / "a").save(tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_evaluating_within_an_epoch_leaves_its_logs_alone():
    class Look(C.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.evaluate(X, Y, verbose=0)

    assert logs(fit(network(), "arrays", [Look()])) == logs(fit(network(), "arrays"))


# Refusals


def interrupted(tmp_path, after=9, watchers=()):
    model = network()
    with pytest.raises(KeyboardInterrupt):
        fit(model, "arrays", [*watchers, Stop(after)], epochs=3)
    model.save(tmp_path / "m")
    return load(tmp_path / "m")


@pytest.mark.parametrize("arguments, options, message", [
    ((X, Y), {"batch_size": 4}, "needs batch_size=8, as before. Received: 4"),
    ((X[:16], Y[:16]), {"batch_size": 8}, "after step 3 of an epoch needs as many batches. Received: 2"),
    ((Sequence(BATCHES[:2]),), {}, "after step 3 .*Received: 2"),
    ((iter(BATCHES[:2]),), {}, "must reach the batch to go on at, 3. Received: 2 batches"),
    ((X, Y), {"batch_size": 8, "callbacks": [C.EarlyStopping()]}, "needs the callbacks .*EarlyStopping"),
    ((X, Y), {"batch_size": 8, "initial_epoch": 1}, "initial_epoch must not .*Received: 1"),
])
def test_what_cannot_go_on(arguments, options, message, tmp_path):
    model = interrupted(tmp_path)
    before = state(model)
    with pytest.raises(ValueError, match=message):
        model.fit(*arguments, epochs=3, resume=True, verbose=0, **options)
    assert state(model) == before


@pytest.mark.parametrize("change", [
    {"step": -1}, {"step": "3"}, {"rows": None}, {"totals": [1.0]}, {"totals": None}, {"callbacks": {}}, {"metrics": []},
    {"metrics": [{"a": 1}, {}]}, None,
])
def test_a_wrong_state_in_a_file_is_refused(change, tmp_path):
    interrupted(tmp_path)
    arrays, metadata = load_file(tmp_path / "m")
    training = json.loads(metadata["training"])
    training["standing"] = change if change is None else {**training["standing"], **change}
    save_file(arrays, tmp_path / "m", {**metadata, "training": json.dumps(training)})
    with pytest.raises(FileFormatError, match="training state"):
        load(tmp_path / "m")


def test_a_state_that_json_cannot_hold():
    class Mine(C.Callback):
        state = ("seen",)
        seen = (1, 2)

    model = network()
    fit(model, "arrays", [Mine()])
    with pytest.raises(TypeError, match=r"\['callbacks'\]\[1\]\['state'\]\['seen'\] must be of JSON's .*Received: tuple"):
        model.save("never")
    assert not Path("never").exists()


# Metadata


def test_metadata(tmp_path):
    notes = {"class_names": ["cat", "Hund", "猫"], "images": {"size": [6, 6], "mean": [0.1, 1e-300], "crop": None}}
    model = network()
    assert model.metadata == {}
    model.metadata.update(notes)
    model.save(tmp_path / "m")
    for compiled in (True, False):
        loaded = fastcnn.load_model(tmp_path / "m", custom_objects={"Confusion": Confusion}, compile=compiled)
        assert loaded.metadata == notes
    assert network().metadata == {}


@pytest.mark.parametrize("value, message", [
    ({"a": {"b": np.zeros(2)}}, r"metadata\['a'\]\['b'\] must be .*Received: ndarray"),
    ({"a": [1, (2, 3)]}, r"metadata\['a'\]\[1\] must be .*Received: tuple"),
    ({1: "a"}, "keys that are strings. Received: 1"), (["a"], "metadata must be a dict. Received: list"),
    ({"a": np.float32(1)}, "Received: float32"), ({"a": b""}, "Received: bytes"),
])
def test_metadata_that_json_cannot_hold(value, message, tmp_path):
    model = network()
    model.metadata = value
    with pytest.raises(TypeError, match=message):
        model.save(tmp_path / "m")
    assert os.listdir(tmp_path) == []


def test_files_of_before(tmp_path):
    """Without metadata and standing."""
    model = network()
    fit(model, "arrays", epochs=2)
    model.save(tmp_path / "m")
    arrays, metadata = load_file(tmp_path / "m")
    training = json.loads(metadata["training"])
    del training["standing"], metadata["metadata"]
    save_file(arrays, tmp_path / "m", {**metadata, "training": json.dumps(training)})
    loaded = load(tmp_path / "m")
    assert loaded.metadata == {} and loaded.epochs_seen == 2
    whole = network()
    fit(whole, "arrays", epochs=3)
    assert fit(loaded, "arrays", epochs=3, resume=True).epoch == [2] and state(loaded) == state(whole)


# Kills

KILLER = """
import json, os, random, signal, sys, time
import numpy as np, fastcnn
from fastcnn import callbacks as C, layers as L
from fastcnn.optimizers import SGD

folder, every, kills = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
path, epochs, rng = os.path.join(folder, "m"), 12, np.random.default_rng(0)
x, y = rng.standard_normal((300, 8, 8, 1)).astype(np.float32), rng.integers(0, 4, 300)

def fit(tell, path):
    if os.path.exists(path):
        model = fastcnn.load_model(path)
    else:
        model = fastcnn.Sequential([L.Conv2D(4, 3, activation="relu", input_shape=(8, 8, 1)), L.Flatten(), L.Dropout(0.3),
                                    L.Dense(4, "softmax")], seed=1)
        model.compile(SGD(0.05, momentum=0.9), "sparse_categorical_crossentropy", metrics=["acc"])
    def step(batch, logs):
        os.write(tell, model.optimizer.iterations.to_bytes(4, "little"))
        time.sleep(0.0005)
    watchers = [C.LambdaCallback(on_train_batch_end=step), C.ModelCheckpoint(path, save_freq=every),
                C.ReduceLROnPlateau("val_loss", patience=1, factor=0.7)]
    history = model.fit(x, y, batch_size=16, epochs=epochs, verbose=0, callbacks=watchers,
                        validation_data=(x[:40], y[:40]), resume=True)
    return [w.tobytes().hex() for w in model.get_weights()], history.history, model.optimizer.iterations

ready, tell = os.pipe()
os.set_blocking(tell, False)
started = time.perf_counter()
expected = fit(os.open(os.devnull, os.O_WRONLY), os.path.join(folder, "whole"))
span = time.perf_counter() - started
clock, lost, rounds, position = random.Random(int(sys.argv[4])), [], 0, 0
while len(lost) < kills:
    ready, tell = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            fit(tell, path)
            os._exit(0)
        finally:
            os._exit(1)
    os.close(tell)
    first = os.read(ready, 4)
    time.sleep(clock.uniform(0, span / 4))
    os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    data = first
    while more := os.read(ready, 65536):
        data += more
    os.close(ready)
    if not os.WIFSIGNALED(status):
        assert os.WEXITSTATUS(status) == 0, "the child failed by itself"
        rounds, position = rounds + 1, 0
        os.unlink(path)
        continue
    if not first:  # killed before it took a step
        assert position == expected[2]
        continue
    reached = int.from_bytes(data[-4:], "little")
    saved = fastcnn.load_model(path).optimizer.iterations if os.path.exists(path) else 0
    assert int.from_bytes(first, "little") == position + 1, "it did not go on where the file stands"
    assert saved % every == 0
    lost.append(reached - saved)
    position = saved
assert fit(os.open(os.devnull, os.O_WRONLY), path) == expected
print(json.dumps([lost, rounds, expected[2]]))
"""


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("every", [1, 5])
def test_killed_anywhere_nothing_but_the_last_steps_is_lost(every, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(Path(fastcnn.__file__).parents[1])}
    run = subprocess.run([sys.executable, "-c", KILLER, str(tmp_path), str(every), "10", "1"], capture_output=True,
                         text=True, timeout=900, env=environment)
    assert run.returncode == 0, run.stderr
    lost, rounds, steps = json.loads(run.stdout)
    assert steps == 12 * 19 and len(lost) == 10 and 0 <= min(lost) <= max(lost) <= every
