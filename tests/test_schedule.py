"""What a training plan computes again, when weight gradients run, when large dense kernels change, what memory it takes."""

import inside
import numpy as np
import pytest
from twin import Twin, assert_trained_alike, clear_batch

import fastcnn
from fastcnn import _ops, ops
from fastcnn import layers as L
from fastcnn.engine import plan
from fastcnn.engine.buffers import Buffer, pack_lives
from fastcnn.engine.schedule import Schedule, thrifty
from fastcnn.optimizers import SGD

SPARSE = "sparse_categorical_crossentropy"


def small(frozen=False):
    """AlexNet's parts in its order; convolutions whose weight gradients sum over the batch, and wide dense layers."""
    layers = [
        L.Conv2D(40, 3, activation="relu", input_shape=(19, 19, 3), trainable=not frozen),
        L.LocalResponseNormalization(alpha=0.1),
        L.MaxPooling2D(3, 2),
        L.Conv2D(168, 5, padding="same", activation="tanh"),
        L.LocalResponseNormalization(alpha=0.1),
        L.MaxPooling2D(3, 2),
        L.Conv2D(76, 3, padding="same", activation="tanh"),
        L.Conv2D(96, 3, padding="same", activation="tanh"),
        L.MaxPooling2D(3, 2),
        L.Flatten(),
        L.Dense(3000, activation="tanh", learning_rate_multiplier={"bias": 2.0}),
        L.Dropout(0.5, seed=3),
        L.Dense(300, activation="tanh", weight_decay_multiplier=0.5),
        L.Dense(5, "softmax"),
    ]
    model = fastcnn.Sequential(layers, seed=1)
    model.compile(SGD(0.02, momentum=0.9, weight_decay=0.05, decoupled=False), SPARSE)
    return model


def trained(model, batch=12, steps=2, threads=1):
    rng = np.random.default_rng(0)
    with fastcnn.num_threads(threads):
        for _ in range(steps):
            x = rng.standard_normal((batch, 19, 19, 3)).astype(np.float32)
            model.train_on_batch(x, rng.integers(0, 5, batch))
    return model.get_weights()


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


@pytest.fixture
def apart(monkeypatch):
    """Normalization and pooling as ops of their own, as those are whose shapes do not allow one."""
    monkeypatch.setattr(plan, "fuse_passes", lambda network: network)


def steps_of(p):
    return [p.steps[first : first + count] for first, count, *_ in p.phases]


# Computed again


def test_normalized_values_are_not_kept(apart):
    p = small()._plan("train", 12, True)
    again = sorted({i for i, name in p.steps if name == "forward" and p.steps.count((i, name)) == 2})
    assert [p.ops[i].name for i in again] == ["local_response_norm"] * 2
    assert all(p.values[i + 1].local and not p.values[i].local for i in again)
    phases = steps_of(p)
    for i in again:
        backward = [steps for steps in phases if (i, "forward") in steps][1]
        assert backward.index((i, "forward")) < backward.index((i + 1, "data")) < backward.index((i, "data"))


def test_nothing_is_computed_again_without_need(apart):
    """All in one phase, read over the whole batch, read by Python, or not at all: the forward pass' values do."""
    def twice(model, mode="train"):
        p = model._plan(mode, 3, True)  # too few for images as lanes, which would add ops
        return sorted({i for i, name in p.steps if name == "forward" and p.steps.count((i, name)) > 1})

    def chain(*layers):
        model = fastcnn.Sequential([fastcnn.Input((9, 9, 8)), *layers, L.Flatten(), L.Dense(5, "softmax")], seed=0)
        model.compile("sgd", SPARSE)
        return model

    norm, wide = L.LocalResponseNormalization, lambda: [L.Flatten(), L.Dense(1000), L.Dense(700)]
    assert twice(chain(L.Conv2D(8, 3), norm(), L.MaxPooling2D())) == []
    assert twice(chain(L.Conv2D(8, 3), norm(), L.MaxPooling2D(), *wide())) == [1]
    assert twice(chain(L.Conv2D(32, 3), norm(), L.Conv2D(50, 7), *wide())) == [], "its weights' gradient sums over the batch"
    assert twice(chain(L.Conv2D(8, 3), norm(), L.Conv2D(8, 3), *wide())) == [1], "its weights' gradient is by chunks"
    assert twice(chain(L.Conv2D(8, 3), norm(), L.PReLU(), *wide())) == [1], "so is that of slopes"
    assert twice(chain(L.Conv2D(8, 3), norm(), L.AveragePooling2D(), *wide())) == [], "nobody reads it"
    assert twice(chain(norm(), L.Conv2D(8, 3), *wide())) == [0], "from the input"
    assert twice(chain(L.MaxPooling2D(), norm(), L.MaxPooling2D(), *wide())) == [], "no gradient goes there"
    assert twice(chain(L.Conv2D(8, 3), norm(), norm(), L.MaxPooling2D(), *wide())) == [1], "one of two in a row"
    assert twice(small(), "predict") == twice(small(), "test") == []


# When


@pytest.mark.parametrize("fused", [True, False], ids=["fused", "apart"])
def test_gradients_of_the_net(fused, monkeypatch):
    """Recomputation, early weight gradients and fused updates against the float64 reference."""
    if not fused:
        monkeypatch.setattr(plan, "fuse_passes", lambda network: network)
    for threads, batch in ((1, 3), (2, 5), (3, 2)):
        model = small(frozen=batch == 5)
        twin, before = Twin(model), [layer.get_weights() for layer in model.layers]
        rng = np.random.default_rng(batch)
        with fastcnn.num_threads(threads):
            for _ in range(2):
                x, y = clear_batch(twin, rng, batch, (19, 19, 3)), rng.integers(0, 5, batch)
                assert model.train_on_batch(x, y) == pytest.approx(twin.step(x, y), rel=2e-5)
        assert assert_trained_alike(model, twin, before, 1e-4, steps=2) == (12 if batch == 5 else 14)


def test_the_same_bits_whatever_the_schedule(monkeypatch):
    expected = trained(small())
    for threads in (2, 3, 5):
        assert same(trained(small(), threads=threads), expected)
    monkeypatch.setattr(plan, "thrifty", lambda make: make(frozenset()))
    late = small()._plan("train", 12, True)
    _, a, b, c = (i for i, op in enumerate(late.ops) if op.name == "conv2d")
    for early in ({a}, {b, c}, {a, b, c}):
        monkeypatch.setattr(plan, "thrifty", lambda make, early=frozenset(early): make(early))
        model = small()
        assert same(trained(model, threads=2), expected)
        phases = steps_of(model._plans["train"])
        assert phases != steps_of(late)
        for i in early:
            at = next(n for n, steps in enumerate(phases) if (i, "weights") in steps)
            assert (i, "data") in phases[at + 1], "at once"


class Fake:
    def __init__(self, early, floats):
        self.early, self.floats, self.waiting = early, floats(early), [] if early else [1, 2, 3]


@pytest.mark.parametrize(
    "floats, early",
    [
        (lambda e: 100, set()),
        (lambda e: 100 - len(e), set()),
        (lambda e: 100 if 2 not in e else 90, {2}),
        (lambda e: 100 - 10 * len(e), {1, 2, 3}),
        (lambda e: 50 if e >= {1, 3} else 100, {1, 3}),
        (lambda e: 100 + 10 * len(e), set()),
    ],
)
def test_weight_gradients_run_early_where_that_saves_memory(floats, early):
    assert thrifty(lambda e: Fake(e, floats)).early == early


@pytest.mark.parametrize("needed", [set(), {7}, {3, 500}, set(range(40, 44))], ids=len)
def test_few_schedules_are_tried(needed):
    """Of 1,000 nodes: not one schedule a node, but a few for each that must not wait, and none for all the others."""
    tried = []

    class Made:
        def __init__(self, early):
            tried.append(early)
            self.early, self.waiting = early, [] if early else list(range(1000))
            self.floats = 50 if needed and early >= needed else 100

    found = thrifty(Made)
    assert found.early == needed
    assert len(tried) <= 3 + 2 * 10 * max(len(needed), 1)


@pytest.mark.parametrize("depth", [18, 50])
def test_a_residual_network_is_planned_in_few_schedules(depth, monkeypatch):
    tried = []
    monkeypatch.setattr(plan, "Schedule", lambda *a: tried.append(1) or Schedule(*a))
    model = fastcnn.networks.resnet(depth, seed=0)
    model.compile("sgd", SPARSE)
    model._plan("train", 16, True)
    assert 1 <= len(tried) <= depth


def test_lenet_waits():
    model = fastcnn.networks.lenet5(seed=0)
    model.compile("sgd", SPARSE)
    assert len(model._plan("train", 128, True).phases) == 4


# Large dense kernels


@pytest.mark.parametrize("nesterov", [False, True])
def test_a_fused_update_has_the_bits_of_gradient_and_step(nesterov):
    """… and the gradient is nowhere."""
    rng = np.random.default_rng(0)
    model = fastcnn.Sequential([L.Dense(530, input_shape=(601,), learning_rate_multiplier=0.5)], seed=0)
    model.compile(SGD(0.1, momentum=0.9, nesterov=nesterov, weight_decay=0.01, decoupled=False), "mse")
    (w, b), v = model.get_weights(), np.zeros((601, 530), np.float32)
    for batch in (150, 4):
        x, y = rng.standard_normal((batch, 601)).astype("f"), rng.standard_normal((batch, 530)).astype("f")
        dy = ops.mean_squared_error_backward(np.float32(1 / batch) * np.ones(batch, "f"), ops.dense(x, w, b), y)
        dw = ops.dense_backward(dy, x, w, b)[1]
        w, v = ops.sgd(w, dw, v, learning_rate=0.05, momentum=0.9, nesterov=nesterov, weight_decay=0.01)
        model.train_on_batch(x, y)
        assert np.array_equal(model.get_weights()[0], w)
        b = model.get_weights()[1]
    kernel, bias = model.layers[0].parameters
    assert kernel.gradient is None and bias.gradient.any() and not inside.flat(model).gradients[: kernel.size].any()


def test_a_kernel_changes_after_its_last_reader():
    for model in (small(), small(frozen=True)):
        p = model._plan("train", 12, True)
        assert [p.ops[i].w_size for i in p.inside] == [96 * 3000, 3000 * 300]
        phases = steps_of(p)
        for i in p.inside:
            last = max(n for n, steps in enumerate(phases) for j, name in steps if j == i)
            assert phases[last] == [(i, "weights")] and (i, "data") in phases[last - 1]


def test_frozen_wide_layers_stay():
    model = fastcnn.Sequential(
        [L.Dense(600, input_shape=(500,), trainable=False), L.Dense(600), L.Dense(600, trainable=False)], seed=0
    )
    model.compile(SGD(0.1, momentum=0.9, weight_decay=0.1), "mse")
    before = model.get_weights()
    model.train_on_batch(np.ones((3, 500)), np.ones((3, 600)))
    assert [np.array_equal(a, b) for a, b in zip(model.get_weights(), before)] == [True, True, False, False, True, True]


# Memory


def test_alexnet_fits():
    """Arenas of batch 128, and no gradient of its dense kernels: 455 MB, of 814 MB in values and gradients."""
    model = fastcnn.networks.alexnet(seed=0, initializer="zeros")
    model.compile(SGD(0.01, momentum=0.9), SPARSE)
    with fastcnn.num_threads(2):
        p = model._plan("train", 128, True)
    assert p.bytes < 460e6
    assert {p.ops[i].in_size for i in p.inside} == {9216, 4096}
    assert "local_response_norm" not in [op.name for op in p.ops], "normalized values"
    assert all(inside.gradients(p)[i].local for i in (1, 2, 4)), "of conv1's result, and of the first two poolings'"


@pytest.mark.parametrize("seed", range(30))
def test_packing(seed):
    """No two of one time overlap, several lives or one, and little more is taken than the fullest moment needs."""
    rng = np.random.default_rng(seed)
    items = []
    for _ in range(int(rng.integers(1, 25))):
        cuts = np.sort(rng.choice(40, 2 * int(rng.integers(1, 3)), replace=False)).tolist()
        items.append(([((a, 0), (b, 0)) for a, b in zip(cuts[::2], cuts[1::2])], int(rng.integers(1, 50)) * 16))
    starts, total = pack_lives(items)
    fullest = 0
    for moment in range(40):
        alive = [n for n, (lives, _) in enumerate(items) if any(a[0] <= moment <= b[0] for a, b in lives)]
        fullest = max(fullest, sum(items[n][1] for n in alive))
        spans = sorted((starts[n], starts[n] + items[n][1]) for n in alive)
        assert all(end <= start for (_, end), (start, _) in zip(spans, spans[1:]))
        assert not spans or spans[-1][1] <= total
    assert fullest <= total <= 1.3 * fullest


def test_a_buffer_is_local_only_if_written_first():
    buffer = Buffer(4)
    for time, write in (((1, 1), True), ((1, 2), False), ((3, 5), True), ((3, 9), False)):
        buffer.touch(time, write)
    buffer.choose({1, 3})
    assert buffer.local and buffer.lives() == [((1, 1), (1, 2)), ((3, 5), (3, 9))]
    buffer.choose({1})
    assert not buffer.local and buffer.lives() == [((1, -1), (3, 1 << 30))]
    buffer.touch((5, 10), False)
    buffer.choose({1, 3, 5})
    assert not buffer.local


def test_zeros_take_no_memory_until_they_change():
    zeros = _ops.aligned(1000, zero=True)
    assert not zeros.any() and zeros.ctypes.data % 64 == 0 and zeros.dtype == np.float32
