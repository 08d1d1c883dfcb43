"""Faults of a long life: models that are dropped, threads that share one, forks in the midst of work."""

import copy
import gc
import os
import sys
import threading
import weakref
from functools import partial

import numpy as np
import pytest
from sound_files import small
from twin import Distance, Halved

import fastcnn
from fastcnn import callbacks, layers
from fastcnn.io import load_file
from fastcnn.locks import Lock

fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")


def chain(*more, loss="sparse_categorical_crossentropy", optimizer="sgd", metrics=("accuracy",)):
    model = fastcnn.Sequential([
        layers.Conv2D(4, 3, activation="relu", input_shape=(8, 8, 1)), layers.MaxPooling2D(), layers.Flatten(), *more,
        layers.Dense(3, "softmax")], seed=1)
    model.compile(optimizer, loss, metrics=list(metrics))
    return model


def data(n=24):
    rng = np.random.default_rng(n)
    return rng.standard_normal((n, 8, 8, 1)).astype(np.float32), rng.integers(0, 3, n)


# Memory


def trained(**options):
    model, (x, y) = chain(), data()
    model.fit(x, y, epochs=2, verbose=0, validation_split=0.25, **options)
    return model


class Keeping(callbacks.Callback):
    """Keeps all that it is given."""

    def __init__(self, kept):
        self.kept = kept

    def on_train_batch_end(self, batch, logs=None):
        self.kept += [logs]


def used(kept):
    """All that one does with a model."""
    model, (x, y) = trained(), data()
    model.evaluate(x, y, verbose=0), model.predict(x), model.predict_on_batch(x), model(x), model(x, training=True)
    model.train_on_batch(x, y), model.test_on_batch(x, y), model.predict_classes(x)
    model.gradients(x, y, wrt=["weights", "inputs", "conv2d"])
    _, gradients = model.gradients(x, y)
    model.optimizer.apply(model, gradients)
    with model.watch("conv2d"):
        model.train_on_batch(x, y)
    model.save("m.safetensors")
    return model


def with_callbacks(kept):
    """Of all kinds, which the user keeps; the model's History, too."""
    made = [callbacks.EarlyStopping("loss", restore_best_weights=True), callbacks.ReduceLROnPlateau("loss"),
            callbacks.ModelCheckpoint("m.safetensors"), callbacks.CSVLogger("m.csv"), Keeping([])]
    kept += made
    model = trained(callbacks=made)
    kept.append(model.history)
    return model


def closed_over(kept):
    """A callback that knows the model by itself."""
    model, (x, y) = chain(), data()
    model.fit(x, y, verbose=0, callbacks=[callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: model.evaluate(
        x, y, verbose=0))])
    return model


def interrupted(kept):
    def stop(batch, logs):
        raise KeyboardInterrupt

    model, (x, y) = chain(), data()
    with pytest.raises(KeyboardInterrupt):
        model.fit(x, y, verbose=0, callbacks=[callbacks.LambdaCallback(on_train_batch_end=stop)])
    return model


def in_python(kept):
    model, (x, y) = chain(Halved(), Halved(), loss=Distance()), data()
    model.fit(x, np.eye(3)[y], verbose=0)
    return model


def in_few_bits(kept):
    model = fastcnn.Sequential([layers.Dense(600, input_shape=(600,)), layers.Dense(3)], seed=0)
    model.half_weights("float16", free=True)
    model.predict(np.ones((2, 600)))
    return model


def with_branches(kept):
    x, y = data()
    inner = fastcnn.Sequential([layers.Conv2D(1, 3, padding="same", input_shape=(8, 8, 1))])
    start = layers.Input((8, 8, 1))
    value = layers.Add()([inner(start), inner(inner(start))])
    model = fastcnn.Model(start, layers.Dense(3, "softmax")(layers.Flatten()(value)))
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x, y, verbose=0)
    kept.append(model.get_weights())
    return model


def curved(kept):
    model, (x, y) = chain(optimizer=fastcnn.optimizers.SDLM(0.01)), data()
    model.fit(x, y, verbose=0)
    model.hessian_diagonal(x, y)
    return model


def copied(kept):
    return copy.deepcopy(fastcnn.load_model((used(kept), "m.safetensors")[1]))


def called_alone(kept):
    """Layers on arrays, in no model."""
    found = [layers.Conv2D(2, 3), layers.Flatten(), layers.Dense(2), Halved()]
    x, _ = data()
    for layer in found:
        x = layer(x)
    return found[0], found[2], found[3]


LIVES = [used, with_callbacks, closed_over, interrupted, in_python, in_few_bits, with_branches, curved, copied, called_alone]


def remains(model):
    """Weak references to a model, its layers, parameters and arrays; or to those of layers alone."""
    found = list(model) if isinstance(model, tuple) else [model, *model.layers]
    found += [p for layer in found for p in layer.parameters]
    found += [p.flat.values.base for p in found if getattr(p, "flat", None) is not None]
    found += [p.stored for p in found if getattr(p, "stored", None) is not None]
    return [(type(one).__name__, weakref.ref(one)) for one in found]


@pytest.mark.parametrize("life", LIVES, ids=lambda life: life.__name__)
def test_a_dropped_model_is_gone_at_once(life, tmp_path, monkeypatch):
    """No circle of references waits for the garbage collector, whatever callbacks and histories are kept."""
    monkeypatch.chdir(tmp_path)
    kept = []
    gc.collect()
    gc.disable()
    try:
        left = remains(life(kept))
        assert len(left) > 4 and [name for name, reference in left if reference() is not None] == []
    finally:
        gc.enable()


def test_a_callback_says_that_its_model_is_gone():
    history = trained().history
    with pytest.raises(ReferenceError, match="as long as someone keeps it.*Received: History.model of a model that is gone"):
        history.model.predict(data()[0])
    assert callbacks.History().model is None and len(history.history["loss"]) == 2


# Threads that share a model


def all_at_once(calls, times=15):
    """Calls each function over and over, in a thread each; the errors and the answers that are not the first one's."""
    expected, wrong, start = [call() for call in calls], [], threading.Barrier(len(calls))

    def work(i):
        start.wait()
        for _ in range(times):
            try:
                if not np.array_equal(calls[i](), expected[i]):
                    wrong.append(i)
            except Exception as error:  # noqa: BLE001  whatever goes wrong in a thread
                wrong.append(error)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=work, args=(i,)) for i in range(len(calls))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(300)
    finally:
        sys.setswitchinterval(before)
    assert not any(thread.is_alive() for thread in threads)
    return wrong


def test_threads_share_a_model():
    """Each gets its own loss, metrics, predictions and gradients."""
    model, (x, y) = chain(layers.Dropout(0.5), metrics=["accuracy", lambda y_true, y_pred: y_pred[:, 0]]), data()
    parts = [slice(0, 3), slice(3, 16), slice(16, 24), slice(0, 24)]
    calls = [partial(model.test_on_batch, x[part], y[part]) for part in parts[:2]]
    calls += [partial(model.evaluate, x[part], y[part], batch_size=5, verbose=0) for part in parts]
    calls += [partial(model.predict, x[part], batch_size=5) for part in parts[:2]]
    calls += [partial(model.predict_on_batch, x[part]) for part in parts[2:]]
    calls.append(lambda: model.gradients(x[:7], y[:7], wrt="inputs", training=False)[1]["input"])
    assert all_at_once(calls) == []


def test_a_model_is_built_by_one_of_the_threads_that_call_it():
    x = data()[0]
    for _ in range(5):
        model = fastcnn.Sequential([layers.Flatten(), layers.Dense(8), layers.Dense(3)], seed=3)
        answers, start = [], threading.Barrier(4)

        def work(model=model, answers=answers, start=start):
            start.wait()
            answers.append(model.predict(x))

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(300)
        assert len(answers) == 4 and all(np.array_equal(y, answers[0]) for y in answers)
        assert len({id(p.flat) for p in model.parameters}) == 1 and np.array_equal(model.predict(x), answers[0])


def test_threads_call_a_layer():
    x, layer = data()[0], layers.Conv2D(3, 3)
    layer(x)
    assert all_at_once([partial(layer, x[:n]) for n in (3, 7, 1, 24)]) == []


def test_others_evaluate_and_predict_while_a_model_is_trained():
    """The logs of training are its own; what others see are the weights between two steps: here always the same."""
    (x, y), model, alone = data(200), *(chain(optimizer=fastcnn.optimizers.SGD(0.0)) for _ in range(2))
    calls = [lambda: model.fit(x, y, batch_size=4, verbose=0).history["accuracy"],
             partial(model.evaluate, x[:9], y[:9], batch_size=4, verbose=0), partial(model.predict, x[:9])]
    assert all_at_once(calls, 4) == []
    assert model.history.history == alone.fit(x, y, batch_size=4, verbose=0).history


# Forks


FORK = """
import os, signal, sys, threading
import numpy as np
import fastcnn
from fastcnn import layers

model = fastcnn.Sequential([layers.Conv2D(8, 3, input_shape=(16, 16, 4)), layers.Flatten(), layers.Dense(3)], seed=0)
model.compile("sgd", "mse", metrics=["mae"])
x, y = np.ones((40, 16, 16, 4), np.float32), np.zeros((40, 3))

def work():
    predicted = model.predict(x), model.predict_on_batch(x[:2])
    return [*model.evaluate(x, y, batch_size=8, verbose=0), *predicted[0].ravel(), *predicted[1].ravel()]

def others():
    while not stop.is_set():
        model.touch()  # weights are packed anew
        work()

expected, stop = work(), threading.Event()
threads = [threading.Thread(target=others) for _ in range(2)]
for thread in threads:
    thread.start()
for _ in range(25):
    child = os.fork()
    if not child:
        signal.alarm(60)  # a hang ends the child
        os._exit(0 if work() == expected and model.fit(x, y, verbose=0) else 1)
    assert os.waitpid(child, 0)[1] == 0, "wrong or stuck in the child"
stop.set()
for thread in threads:
    thread.join()
print("done")
"""


@fork
def test_fork_while_others_use_the_model(run_python):
    result = run_python("-W", "ignore", "-c", FORK)
    assert result.stdout == "done\n", result.stderr


@fork
@pytest.mark.parametrize("holder", ["nobody", "another", "this"])
def test_locks_of_a_forked_child(holder):
    """Open if another thread held them; still this thread's if it did."""
    lock, held, done = Lock(), threading.Event(), threading.Event()

    def hold():
        with lock.now:
            held.set()
            done.wait()

    thread = threading.Thread(target=hold)
    if holder == "another":
        thread.start()
        held.wait()
    before = lock.now
    if holder == "this":
        before.acquire()
    child = os.fork()
    if not child:
        same = lock.now is before
        os._exit(0 if lock.now.acquire(blocking=False) and same == (holder != "another") else 1)
    status = os.waitpid(child, 0)[1]
    if holder == "this":
        before.release()
    done.set()
    if holder == "another":
        thread.join()
    assert status == 0


def test_a_run_that_ends_in_the_midst_packs_again(monkeypatch):
    """Whether a layer raised, or a child took over from a thread that is not there."""
    model, (x, _) = chain(Halved()), data()
    expected = model.predict(x)
    plan = model._plans["predict"]
    monkeypatch.setattr(Halved, "forward", lambda self, x, training=False: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        model.predict(x)
    assert plan.packed is None
    monkeypatch.undo()
    assert np.array_equal(model.predict(x), expected) and plan.packed == model.version


def test_what_a_file_holds_after_training(tmp_path):
    """The states of callbacks, which the model does not keep."""
    stopping = callbacks.EarlyStopping("loss", patience=3, restore_best_weights=True)
    model = trained(callbacks=[stopping])
    assert model._standing.watchers is None
    model.save(tmp_path / "m.safetensors")
    arrays, metadata = load_file(tmp_path / "m.safetensors")
    assert '"class_name": "EarlyStopping"' in metadata["training"].replace('\\"', '"')
    assert any("best_weights" in name for name in arrays)


# Files of many layers


def operations(run):
    """How many instructions of Python's a call takes: the same on every machine, however busy."""
    count = 0

    def trace(frame, event, argument):
        nonlocal count
        frame.f_trace_opcodes = True
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        run()
    finally:
        sys.settrace(before)
    return count


def chain_of(n):
    return fastcnn.Sequential([layers.Input((2,)), *(layers.Dense(2) if i % 2 else layers.ReLU() for i in range(n))], seed=0)


def chain_of_calls(n):
    """Written down, of layers that are called once and one that is called over and over."""
    start, again = layers.Input((2,)), layers.Dense(2)
    x = start
    for _ in range(n // 2):
        x = again(layers.ReLU()(x))
    return fastcnn.Model(start, x, seed=0)


def wide(n):
    """Many inputs and outputs."""
    starts = [layers.Input((2,)) for _ in range(n // 2)]
    return fastcnn.Model(starts, [layers.Dense(2)(x) for x in starts], seed=0)


@pytest.mark.parametrize("make", [chain_of, chain_of_calls, wide])
def test_making_saving_and_loading_take_time_as_there_are_layers(make, tmp_path):
    """Eight times the layers take at most nine times the operations."""
    found = []
    for n in (24, 24, 192):  # the first call imports
        path = tmp_path / f"{n}.safetensors"
        parts = [lambda n=n, path=path: make(n).save(path), lambda path=path: fastcnn.load_model(path)]
        found.append([operations(part) for part in parts])
    for few, many in zip(*found[1:]):
        assert 1000 < few and many < 9 * few


def test_loading_draws_nothing(tmp_path, monkeypatch):
    """Initial values would be drawn to be overwritten."""
    model = small()
    model.save(tmp_path / "m.safetensors")
    weights = model.get_weights()
    monkeypatch.setattr(fastcnn.engine.parameters.Parameter, "_drawn", lambda self: 1 / 0)
    loaded = fastcnn.load_model(tmp_path / "m.safetensors")
    assert all(map(np.array_equal, loaded.get_weights(), weights))
    loaded.predict(np.ones((1, 8, 8, 2)))
