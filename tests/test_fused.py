"""Ops that take another one along: the bits are those of the two, on every ISA and thread count."""

import numpy as np
import pytest
from buffers import assert_same, poisoned

import fastcnn
from fastcnn import _ops, arguments
from fastcnn import layers as L
from fastcnn.engine import plan
from fastcnn.optimizers import SGD

SPARSE = "sparse_categorical_crossentropy"


def run(ops, steps, arrays, batch, threads, chunk=2, parts=False, random=None):
    """Runs steps (op, pass) on the rows {(op, field): array}, as one phase of chunks, or each as parts."""
    phases = [(i, 1, chunk, True) for i in range(len(steps))] if parts else [(0, len(steps), chunk, False)]
    program = _ops.Program(ops, steps, phases)
    for (op, field), array in arrays.items():
        if field in ("w", "b", "packed"):
            program.bind(op, field, array)
        else:
            program.bind_rows(op, field, array, array.size // batch)
    if random is not None:
        program.set_random(random, 3, 5)
    program.run(batch, threads)


# Normalization and max pooling

SHAPES = [  # image, pool_size, strides, padding, ceil_mode
    ((27, 27, 96), 3, 2, 0, False),
    ((13, 15, 256), 3, 2, 0, False),
    ((8, 7, 19), 3, 2, 0, True),
    ((9, 6, 5), 2, 2, 0, False),
    ((6, 9, 33), (4, 5), 1, 0, False),
    ((7, 8, 21), 3, 1, 1, False),
    ((11, 10, 3), (2, 1), (5, 3), 0, False),
    ((8, 9, 8), (2, 4), 3, 0, True),
    ((5, 6, 17), (4, 2), (1, 2), ((3, 0), (0, 1)), False),
    ((4, 6, 1), (4, 6), 1, 0, False),
    ((1, 1, 40), 1, 1, 0, False),
]
NORMS = [(5, 1e-2, 0.75, 2.0), (4, 0.1, 0.5, 1.0), (3, 0.3, 0.6, 1.0), (9, 1e-4, 1.0, 0.5)]  # size, alpha, beta, k


def pair(image, pool_size, strides, padding, ceil_mode, norm=NORMS[0], groups=1):
    """(normalization, pooling)."""
    size, strides = arguments.pair("pool_size", pool_size), arguments.pair("strides", strides)
    pads = arguments.pads(padding, image[:2], size, strides)
    h, w, c = image
    normalization = _ops.local_response_norm(h * w, c, *norm, False, groups)
    return normalization, _ops.pool2d("max", image, size, strides, pads, ceil_mode)


def apart(norm, pool, x, dy, relu, batch):
    """y and dx by one op after the other."""
    middle, y, d, dx = (np.empty((batch, size), "f") for size in (norm.in_size, pool.out_size, norm.in_size, norm.in_size))
    arrays = {(0, "x"): x, (0, "y"): middle, (0, "dy"): d, (0, "dx"): dx}
    arrays |= {(1, "x"): middle, (1, "y"): y, (1, "dy"): dy, (1, "dx"): d}
    run([norm, pool], [(0, "forward"), (1, "forward"), (1, "data"), (0, "data")], arrays, batch, 1)
    return y, np.where(x > 0, dx, 0) if relu else dx


def check_pair(norm, pool, x, dy, batch, threads):
    fused = _ops.lrn_pool2d(norm, pool)
    for relu in (False, True):
        y, dx = apart(norm, pool, x, dy, relu, batch)
        op = fused.with_activation("relu") if relu else fused
        for parts in (False, True):
            found_y, found_dx = poisoned(y.shape), poisoned(dx.shape)
            run([op], [(0, "forward"), (0, "data")],
                {(0, "x"): x, (0, "y"): found_y, (0, "dy"): dy, (0, "dx"): found_dx}, batch, threads, parts=parts)
            assert_same(found_y, y, f"y, parts {parts}")
            assert_same(found_dx, dx, f"dx, relu {relu}, parts {parts}")


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_normalized_pool(shape, isa, threads):
    """Many zeros and equal values, so that maxima tie."""
    rng = np.random.default_rng(shape[0])
    for norm in NORMS[: 1 if shape[0][2] > 90 else None]:
        first, second = pair(*shape, norm)
        x = np.maximum(rng.integers(-3, 4, (3, first.in_size)), rng.choice([-9, 0])).astype("f")
        check_pair(first, second, x, rng.standard_normal((3, second.out_size)).astype("f"), 3, threads)


@pytest.mark.parametrize("shape, groups", [(SHAPES[0], 2), (SHAPES[4], 3), (SHAPES[5], 7), (SHAPES[6], 3)], ids=str)
def test_normalized_pool_in_groups(shape, groups, isa, threads):
    """… and each group has the bits that it has alone."""
    (h, w, c), *window = shape
    first, second = pair(*shape, groups=groups)
    rng = np.random.default_rng(groups)
    x, dy = (rng.standard_normal((2, size)).astype("f") for size in (first.in_size, second.out_size))
    check_pair(first, second, x, dy, 2, threads)
    y, dx = apart(first, second, x, dy, False, 2)
    parts = [np.split(a.reshape(2, -1, c), groups, axis=-1) for a in (x, dy, y, dx)]
    for x, dy, y, dx in zip(*parts):
        arrays = [np.ascontiguousarray(a).reshape(2, -1) for a in (x, dy)]
        own = apart(*pair((h, w, c // groups), *window), *arrays, False, 2)
        assert_same(own[0].reshape(y.shape), y, "y")
        assert_same(own[1].reshape(dx.shape), dx, "dx")


def test_normalized_pool_of_what_is_no_number(isa):
    """The first NaN of a window takes the gradient; infinity, signed zeros."""
    first, second = pair((9, 8, 11), 3, 2, 0, False)
    rng = np.random.default_rng(1)
    x = rng.choice(np.array([0.0, -0.0, 1.0, -2.0, np.nan, np.inf, -np.inf, 1e20], "f"), (4, first.in_size),
                   p=[0.3, 0.3, 0.15, 0.15, 0.025, 0.025, 0.025, 0.025])
    check_pair(first, second, x, rng.standard_normal((4, second.out_size)).astype("f"), 4, 1)


def test_what_is_no_pair():
    norm, pool = pair((6, 6, 4), 2, 2, 0, False)
    average = _ops.pool2d("avg", (6, 6, 4), (2, 2), (2, 2), ((0, 0), (0, 0)))
    assert _ops.lrn_pool2d(norm, pool) is not None
    assert _ops.lrn_pool2d(norm, average) is None
    assert _ops.lrn_pool2d(pool, norm) is None
    assert _ops.lrn_pool2d(norm, pool.with_lanes()) is None
    assert _ops.lrn_pool2d(pair((6, 6, 5), 2, 2, 0, False)[0], pool) is None
    assert _ops.lrn_pool2d(pair((6, 4, 6), 2, 2, 0, False)[0], pool) is None, "groups cut through pixels"
    assert _ops.lrn_pool2d(pair((9, 4, 4), 2, 2, 0, False)[0], pool) is not None, "as many pixels"
    assert _ops.lrn_pool2d(*pair((30, 600, 64), 3, 2, 0, False)) is None, "rows too large"


# Dropout behind dense and relu


@pytest.mark.parametrize("units, inputs, batch", [(300, 1000, 2), (301, 1000, 9), (37, 20, 1), (37, 20, 5)])
def test_dropped_dense(units, inputs, batch, isa, threads):
    """Large weights with few images and many, small ones with one and several."""
    rng = np.random.default_rng(units)
    x, w, b, dy = (rng.standard_normal(n).astype("f") for n in ((batch, inputs), (inputs, units), units, (batch, units)))
    dense, dropout = _ops.dense(inputs, units, True).with_activation("relu"), _ops.dropout(units, 0.4)
    fused, packed = dense.with_dropout(dropout), _ops.aligned(max(dense.packed_size, 1))
    middle, y, d = (np.empty((batch, units), "f") for _ in range(3))
    given = {(0, "x"): x, (0, "w"): w, (0, "b"): b, (0, "packed"): packed}
    run([dense, dropout], [(0, "pack"), (0, "forward"), (1, "forward"), (1, "data"), (0, "mask")],
        {**given, (0, "y"): middle, (1, "x"): middle, (1, "y"): y, (1, "dy"): dy, (1, "dx"): d, (0, "dy"): d}, batch, 1,
        parts=True, random=1)
    assert 0.2 < (y == 0).mean() < 0.9 and dense.wide == (units * inputs > 262144)
    found_y, found_d = poisoned(y.shape), dy.copy()
    arrays = {**given, (0, "y"): found_y, (0, "dy"): found_d}
    run([fused], [(0, "pack"), (0, "forward"), (0, "mask")], arrays, batch, threads, parts=True, random=0)
    assert_same(found_y, y, "y")
    assert_same(found_d, d, "dy")


def test_what_drops_nothing():
    dense, dropout = _ops.dense(8, 6, True), _ops.dropout(6, 0.5)
    relu = dense.with_activation("relu")
    assert relu.with_dropout(dropout).dropped and not relu.dropped
    assert dense.with_dropout(dropout) is None and dense.with_activation("tanh").with_dropout(dropout) is None
    assert relu.with_dropout(_ops.dropout(5, 0.5)) is None and relu.with_dropout(relu) is None
    assert dropout.with_dropout(dropout) is None and relu.with_dropout(dropout).with_dropout(dropout) is None
    assert relu.with_lanes().with_dropout(dropout) is None
    assert relu.with_dropout(dropout).with_lanes() is None
    assert relu.with_dropout(_ops.dropout(3, 0.5, 2)) is None, "drops whole channels"


# Models


def model(*layers, shape=(19, 19, 16)):
    found = fastcnn.Sequential([fastcnn.Input(shape), *layers], seed=1)
    found.compile(SGD(0.05, momentum=0.9), SPARSE)
    return found


def net(activation="relu"):
    norm = L.LocalResponseNormalization
    return model(L.Conv2D(32, 3, activation=activation), norm(alpha=0.1, groups=2), L.MaxPooling2D(3, 2),
                 L.Conv2D(48, 3, activation="relu"), L.MaxPooling2D(2), norm(), L.Conv2D(24, 1, activation="tanh"),
                 norm(3), L.MaxPooling2D(2, 1), L.Flatten(), L.Dense(700, "relu"), L.Dropout(0.3), L.Dense(400, "relu"),
                 L.Dropout(0.5), L.Dense(30, "relu"), L.Dropout(0.2, seed=4), L.Dense(5, "softmax"))


def names(m, mode="train"):
    return [(op.name + (" relu" if op.name == "lrn_max_pool2d" and op.activation == "relu" else "")
             + (" dropped" if op.dropped else "")) for op in m._plan(mode, 9, True).ops]


def test_what_a_plan_fuses():
    fused = ["conv2d", "lrn_max_pool2d relu", "conv2d", "max_pool2d", "local_response_norm", "conv2d", "lrn_max_pool2d",
             "dense dropped", "dense dropped", "dense dropped", "dense", "softmax_cross_entropy"]
    assert names(net())[:12] == fused
    assert names(net("elu"))[1] == "lrn_max_pool2d"
    assert names(net(), "test")[7:11] == ["dense"] * 4
    steps = [(names(net())[i], name) for i, name in net()._plan("train", 9, True).steps if name == "mask"]
    assert steps == [("dense dropped", "mask")] * 3 + [("conv2d", "mask")] * 2, "the first is masked with its normalization"
    frozen = net()
    frozen.layers[0].trainable = False
    assert (1, "data") not in frozen._plan("train", 9, True).steps
    alexnet = fastcnn.networks.alexnet(seed=0, initializer="zeros")
    assert [op.name for op in alexnet._plan("predict", 2).ops].count("lrn_max_pool2d") == 2
    caffe = fastcnn.networks.alexnet(seed=0, initializer="zeros", variant="caffe")
    assert [op.name for op in caffe._plan("predict", 2).ops].count("local_response_norm") == 2


def trained(m, threads, batch=9):
    rng = np.random.default_rng(0)
    with fastcnn.num_threads(threads):
        for _ in range(3):
            m.train_on_batch(rng.standard_normal((batch, 19, 19, 16)).astype("f"), rng.integers(0, 5, batch))
        return [*m.get_weights(), m.predict(rng.standard_normal((3, 19, 19, 16)), batch_size=1)]


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_a_fused_plan_has_the_same_bits(activation, monkeypatch):
    found = [trained(net(activation), threads) for threads in (1, 2, 3)]
    monkeypatch.setattr(plan, "fuse_passes", lambda entries: entries)
    m = net(activation)
    expected = trained(m, 1)
    assert "dropout" in names(m) and "lrn_max_pool2d" not in names(m)
    for arrays in found:
        for a, e in zip(arrays, expected, strict=True):
            assert_same(a, e, "weights or predictions")
