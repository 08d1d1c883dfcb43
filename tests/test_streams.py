"""Sources of batches in fit, evaluate and predict: the same as arrays, checked, in order, closed, and timed."""

import csv
import re

import numpy as np
import pytest
from test_model_fit import classifier, same, samples

import fastcnn
from fastcnn import layers as L
from fastcnn.batches import streams
from fastcnn.callbacks import Callback, CSVLogger, Progress
from fastcnn.optimizers import SGD


class Sequence:
    """Keras' protocol; notes what was asked for."""

    def __init__(self, batches):
        self.batches, self.asked, self.ends = batches, [], 0

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, i):
        self.asked.append(i)
        return self.batches[i]

    def on_epoch_end(self):
        self.ends += 1


class Epochs:
    """Ours: orders its batches itself, from any one on; counts iterators that were not closed."""

    def __init__(self, batches, length=None):
        self.batches, self.asked, self.open = batches, [], 0
        self.length, self.samples = length or len(batches), sum(len(batch[0]) for batch in batches)

    def __len__(self):
        return self.length

    def epoch(self, number, first=0):
        return Iterator(self, self.batches[number % len(self.batches):] + self.batches[:number % len(self.batches)], first)


class Iterator:
    def __init__(self, source, batches, first):
        self.source, self.items = source, iter(batches[first:])
        source.open += 1

    def __iter__(self):
        return self

    def __next__(self):
        return next(self.items)

    def close(self):
        self.source.open -= 1


class Iterable:
    """Can be iterated anew; no more than that."""

    def __init__(self, batches):
        self.batches = batches

    def __iter__(self):
        return iter(self.batches)


def endless(batches):
    while True:
        yield from batches


def cut(x, y, size, weight=None):
    arrays = [x, y] + ([] if weight is None else [weight])
    return [tuple(a[i : i + size] for a in arrays) for i in range(0, len(x), size)]


KINDS = {"sequence": Sequence, "iterable": Iterable, "epochs": lambda batches: Epochs(batches)}


def fitted(*arguments, loss="sparse_categorical_crossentropy", **options):
    model = classifier(loss=loss)
    history = model.fit(*arguments, verbose=0, **options)
    return model, history.history


def without_wait(history):
    return {name: values for name, values in history.items() if name != "data_wait"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("weighted", [False, True])
def test_a_stream_is_as_arrays(kind, weighted):
    """50 samples in batches of 16: the last is smaller."""
    x, y = samples()
    weight = np.random.default_rng(0).random(50) if weighted else None
    arrays, expected = fitted(x, y, batch_size=16, shuffle=False, sample_weight=weight)
    options = {} if kind == "epochs" else {"shuffle": False}
    model, history = fitted(KINDS[kind](cut(x, y, 16, weight)), **options)
    assert same(model, arrays) and without_wait(history) == expected
    assert all(0 <= wait <= 1 for wait in history["data_wait"])


@pytest.mark.parametrize("make", [
    lambda x, y: (x.astype(np.float64), y.astype(np.uint8)),
    lambda x, y: (x.tolist(), y.tolist()),
    lambda x, y: [np.asfortranarray(x), y[:, None].astype(np.float32)],
    lambda x, y: (np.concatenate([x, x], axis=1)[:, :4], y),
])
def test_batches_are_converted_as_arrays_are(make):
    x, y = samples()
    arrays, _ = fitted(x, y, batch_size=16, shuffle=False)
    model, _ = fitted(Iterable([make(*batch) for batch in cut(x, y, 16)]))
    assert same(model, arrays)


def test_channels_first_and_one_hot():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((12, 2, 5, 4)), np.eye(3)[rng.integers(0, 3, 12)]

    def model():
        made = fastcnn.Sequential([L.Conv2D(3, 2, data_format="channels_first"), L.GlobalAveragePooling2D(
            data_format="channels_first"), L.Softmax()], seed=1)
        made.compile(SGD(0.1), "categorical_crossentropy", metrics=["acc"])
        return made

    arrays, stream = model(), model()  # not built before they see data
    expected = arrays.fit(x, y, 5, verbose=0, shuffle=False).history
    assert without_wait(stream.fit(Sequence(cut(x, y, 5)), verbose=0, shuffle=False).history) == expected
    assert same(arrays, stream)
    assert np.array_equal(arrays.predict(x), stream.predict(iter([(x[:5],), x[5:]])))


def test_class_weight():
    x, y = samples()
    table = {0: 1.0, 1: 0.25, 2: 3.0}
    weight = np.random.default_rng(0).random(50)
    arrays, _ = fitted(x, y, batch_size=16, shuffle=False, class_weight=table, sample_weight=weight)
    model, _ = fitted(Iterable(cut(x, y, 16, weight)), class_weight=table)
    assert same(model, arrays)
    with pytest.raises(ValueError, match="batch 0 of the source: .*no weight for \\[2\\]"):
        fitted(Iterable(cut(x, y, 16)), class_weight={0: 1.0, 1: 1.0})


def test_batches_of_any_size():
    x, y = samples()
    batches = [(x[a:b], y[a:b]) for a, b in ((0, 3), (3, 20), (20, 21), (21, 50))]
    stream, _ = fitted(Iterable(batches))
    single = classifier()
    for batch in batches:
        single.train_on_batch(*batch)
    for u, v in zip(stream.get_weights(), single.get_weights()):
        np.testing.assert_allclose(u, v, rtol=0, atol=1e-6)
    assert stream._plans["train"].batch == 29


# The order of batches, and epochs


def test_a_sequence_is_shuffled_by_seed_and_epoch():
    x, y = samples()

    def asked(seed=0, **options):
        source, model = Sequence(cut(x, y, 5)), classifier(seed=seed)
        model.fit(source, verbose=0, **options)
        return [source.asked[i : i + 10] for i in range(0, len(source.asked), 10)], source.ends

    (first, second), ends = asked(epochs=2)
    assert first == np.random.default_rng([0, 0]).permutation(10).tolist() != second and ends == 2
    assert second == np.random.default_rng([0, 1]).permutation(10).tolist()
    assert asked(epochs=2, initial_epoch=1)[0] == [second] and asked(seed=1)[0] != [first]
    assert asked(epochs=2, shuffle=False)[0] == [list(range(10))] * 2


def test_steps_per_epoch_of_each_kind():
    """Epochs go on where the last one ended, and so the whole source is seen; arrays too."""
    x, y = samples(20)
    whole, _ = fitted(x, y, batch_size=4, epochs=3)  # five batches, three times
    for steps, epochs in ((3, 5), (15, 1), (1, 15)):
        model, _ = fitted(x, y, batch_size=4, epochs=epochs, steps_per_epoch=steps)
        assert same(model, whole)
        source = Sequence(cut(x, y, 4))
        fitted(source, epochs=epochs, steps_per_epoch=steps)
        expected = [np.random.default_rng([0, turn]).permutation(5).tolist() for turn in range(3)]
        assert source.asked == sum(expected, []) and source.ends == epochs
    plain, _ = fitted(x, y, batch_size=4, epochs=3, shuffle=False)
    for source in (Iterable(cut(x, y, 4)), endless(cut(x, y, 4)), iter(cut(x, y, 4) * 3)):
        model, history = fitted(source, epochs=5, steps_per_epoch=3)
        assert same(model, plain) and len(history["loss"]) == 5
    turned, _ = fitted(Epochs(cut(x, y, 4)), epochs=3)
    source = Epochs(cut(x, y, 4))
    model, _ = fitted(source, epochs=5, steps_per_epoch=3)
    assert same(model, turned) and not same(model, plain) and source.open == 0


def test_an_iterator_that_runs_dry():
    x, y = samples(20)
    with pytest.warns(UserWarning, match="ran out of batches after epoch 1, .*iterator runs once"):
        model, history = fitted(iter(cut(x, y, 4)), epochs=3)
    assert len(history["loss"]) == 1 == model.epochs_seen
    with pytest.warns(UserWarning, match="ran out after 2 of 3 batches of epoch 2"):
        model, history = fitted(iter(cut(x, y, 4)), epochs=3, steps_per_epoch=3)
    assert len(history["loss"]) == 2 and model.optimizer.iterations == 5


def test_iterators_are_closed_whatever_ends_training():
    class Stop(Callback):
        def on_train_batch_end(self, batch, logs=None):
            if self.params["epochs"] == 1:
                raise KeyboardInterrupt
            self.model.stop_training = True

    x, y = samples()
    source = Epochs(cut(x, y, 5))
    assert len(fitted(source, epochs=2, callbacks=[Stop()])[1]["loss"]) == 1 and source.open == 0
    with pytest.raises(KeyboardInterrupt):
        fitted(source, callbacks=[Stop()])
    assert source.open == 0
    bad = Epochs([(x, y), (x, y[:3])])
    with pytest.raises(ValueError, match="batch 1 of the source: .*x 50, y 3"):
        fitted(bad)
    assert bad.open == 0
    classifier().evaluate(source, verbose=0, steps=2)
    classifier().predict(source, steps=1)
    assert source.open == 0


# Validation, evaluate, predict


@pytest.mark.parametrize("kind", KINDS)
def test_validation_on_a_stream(kind):
    x, y = samples()
    other, labels = samples(23)
    arrays, expected = fitted(x, y, batch_size=8, epochs=2, validation_data=(other, labels))
    source = KINDS[kind](cut(other, labels, 8))
    model, history = fitted(x, y, batch_size=8, epochs=2, validation_data=source)
    assert history == expected and same(model, arrays)
    if kind == "sequence":
        assert source.asked == [0, 1, 2] * 2 and source.ends == 0
    model, history = fitted(KINDS[kind](cut(x, y, 8)), validation_data=(other, labels), validation_steps=1)
    part = model.evaluate(other[:32], labels[:32], verbose=0)
    assert [history["val_loss"][0], history["val_acc"][0]] == part


def test_validation_steps():
    x, y = samples()
    model, history = fitted(x, y, validation_data=endless(cut(x, y, 10)), validation_steps=2)
    assert history["val_loss"][0] == pytest.approx(model.evaluate(x[:20], y[:20], verbose=0)[0])
    model, history = fitted(x, y, batch_size=10, validation_split=0.6, validation_steps=1)
    assert history["val_loss"][0] == pytest.approx(model.evaluate(x[20:30], y[20:30], verbose=0)[0])
    with pytest.raises(ValueError, match="validation_steps must come with validation_data or validation_split. Received: 2"):
        fitted(x, y, validation_steps=2)
    with pytest.warns(UserWarning, match="validation_steps is 9, and there are 2 batches"):
        fitted(x, y, validation_data=(x, y), validation_steps=9)


@pytest.mark.parametrize("kind", KINDS)
def test_evaluate_and_predict(kind):
    x, y = samples()
    model = classifier()
    source = KINDS[kind](cut(x, y, 16))
    assert model.evaluate(source, verbose=0) == pytest.approx(model.evaluate(x, y, verbose=0))
    assert model.evaluate(source, verbose=0, steps=2) == pytest.approx(model.evaluate(x[:32], y[:32], verbose=0))
    assert np.array_equal(model.predict(source), model.predict(x))
    assert np.array_equal(model.predict(source, steps=3), model.predict(x, batch_size=16, steps=3))
    assert np.array_equal(model.predict(iter([x[:3], x[3:9]])), model.predict(x[:9]))


def test_what_is_a_stream():
    arrays = [[1], (1,), np.zeros(2), range(3), memoryview(b"a"), {"a": 1}, 3, None, np.float32(1), "text"]
    assert not any(streams.is_stream(x) for x in arrays)
    assert all(streams.is_stream(x) for x in (Sequence([]), Epochs([(np.zeros(1),)]), Iterable([]), iter([])))


# Refusals


@pytest.mark.parametrize("options, message", [
    ({"y": np.zeros(3)}, "y must not be given .*Received: array"),
    ({"batch_size": 8}, "batch_size must not be given .*come from the source. Received: 8"),
    ({"sample_weight": [1.0]}, "sample_weight must not be given .*Received: .1.0"),
    ({"validation_split": 0.5}, "validation_split must not be given .*validation_data. Received: 0.5"),
    ({"steps_per_epoch": 0}, "steps_per_epoch .*Received: 0"),
    ({"validation_data": iter([])}, "at least one"),
])
def test_arguments_that_mean_nothing_are_refused(options, message):
    x, y = samples()
    with pytest.raises(ValueError, match=message):
        fitted(Sequence(cut(x, y, 8)), **options)


def test_shuffle_is_the_sources_own():
    with pytest.raises(ValueError, match="shuffle must not be given .*orders its batches itself. Received: False"):
        fitted(Epochs(cut(*samples(), 8)), shuffle=False)


@pytest.mark.parametrize("batches, error, message", [
    ([], ValueError, "at least one"),
    ([5], ValueError, "batch 0 of the source: it must be .*Received: int"),
    ([(1, 2, 3, 4)], ValueError, "Received: 4 values"),
    ([samples()[0]], ValueError, "Received: ndarray"),
    ([(samples()[0], None)], ValueError, "y=None"),
    ([(np.zeros((2, 5)), [0, 1])], ValueError, "batch 0 of the source: x must have shape .*Received: shape \\(2, 5\\)"),
    ([(np.zeros((0, 4)), [])], ValueError, "at least one sample"),
    ([samples(), (np.zeros((2, 4)), [0, 3])], ValueError, "batch 1 of the source: y must hold labels .*0 … 3"),
    ([(np.zeros((2, 4)), ["a", "b"])], ValueError, "batch 0 of the source: .*as many names"),
])
@pytest.mark.parametrize("kind", [*KINDS, "iterator"])
def test_wrong_batches(kind, batches, error, message):
    source = iter(batches) if kind == "iterator" else (
        Iterable(batches) if kind == "iterable" else Sequence(batches) if kind == "sequence" else Unsized(batches))
    options = {"shuffle": False} if kind == "sequence" else {}
    with pytest.raises(error, match=message):
        fitted(source, **options)


class Unsized:
    """Epochs without a length."""

    def __init__(self, batches):
        self.batches = batches

    def epoch(self, number, first=0):
        return iter(self.batches[first:])


def test_epochs_that_are_not_as_long_as_they_say():
    x, y = samples(20)
    with pytest.raises(ValueError, match="as many batches as its length says, 7. Received: 5"):
        fitted(Epochs(cut(x, y, 4), length=7), steps_per_epoch=6)
    with pytest.raises(TypeError, match="without __len__"):
        fitted(Unsized(cut(x, y, 4)), steps_per_epoch=6)
    assert fitted(Unsized(cut(x, y, 4)))[0].optimizer.iterations == 5


def test_y_is_needed_with_arrays():
    with pytest.raises(ValueError, match="y must be given when x is an array.*Received: x of type list, y=None"):
        fitted(cut(*samples(), 8))


def test_an_empty_stream_has_no_predictions():
    for call in (lambda m: m.predict(iter([])), lambda m: m.evaluate(iter([]), verbose=0)):
        with pytest.raises(ValueError, match="at least one. Received: none"):
            call(classifier())
    with pytest.raises(ValueError, match="at least one"):
        unbuilt = fastcnn.Sequential([L.Dense(2)])
        unbuilt.compile("sgd", "mse")
        unbuilt.fit(iter([]), verbose=0)


# What is seen of waiting


def test_data_wait_is_in_the_logs_of_streams_alone(tmp_path, capsys, monkeypatch):
    x, y = samples()
    seen, clock = [], [0.0]
    monkeypatch.setattr(streams, "perf_counter", lambda: clock[0])

    def slow(batches):
        for batch in batches:
            clock[0] += 3
            yield batch

    class Look(Callback):
        def on_train_batch_end(self, batch, logs=None):
            clock[0] += 1
            seen.append(logs["data_wait"])

    history = classifier().fit(slow(cut(x, y, 10)), verbose=2, callbacks=[CSVLogger(tmp_path / "log"), Look()],
                               validation_data=(x, y))
    (wait,) = history.history["data_wait"]
    assert wait == 0.75 and seen == [0.75] * 5
    with open(tmp_path / "log", newline="") as file:
        header, row = csv.reader(file)
    assert float(row[header.index("data_wait")]) == wait
    line = capsys.readouterr().out
    assert re.search(rf"[\d,]+ images/s  .*  wait {100 * wait:.0f} %  val_loss", line)
    assert "data_wait" not in fitted(x, y)[1]


@pytest.mark.parametrize("make, parts", [
    (lambda x, y: Sequence(cut(x, y, 5)), (r"\d+/10", "images/s", r"wait \d+ %", "left")),
    (lambda x, y: Unsized(cut(x, y, 5)), (r"\d+ batches", "images/s", r"wait \d+ %")),
])
def test_the_live_line_of_a_stream(make, parts, monkeypatch, capsys):
    from fastcnn.callbacks import progress, terminal

    monkeypatch.setattr(terminal, "is_live", lambda: True)
    monkeypatch.setattr(progress, "_INTERVAL", 0)
    monkeypatch.setenv("COLUMNS", "200")
    classifier().fit(make(*samples()), epochs=2, verbose=1)
    lines = capsys.readouterr().out.split("\r")
    assert any(all(re.search(part, line) for part in parts) for line in lines if line.startswith("Epoch 1/2"))
    assert any("10/10" in line and "left" in line for line in lines if line.startswith("Epoch 2/2"))


def test_images_are_counted_not_reckoned(capsys, monkeypatch):
    from fastcnn.callbacks import progress

    clock = [0.0]
    monkeypatch.setattr(progress, "perf_counter", lambda: clock[0])

    class Tick(Callback):
        def on_train_batch_end(self, batch, logs=None):
            clock[0] += 1

    x, y = samples(30)
    classifier().fit(Iterable([(x[:10], y[:10]), (x[10:], y[10:])]), verbose=2, callbacks=[Tick()])
    assert "2.00 s  15 images/s" in capsys.readouterr().out
    assert Progress(2).verbose == 2
