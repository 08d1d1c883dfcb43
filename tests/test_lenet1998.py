"""LeNet-5 to the letter: its layers against the reference, its counts, its initial values, its losses and answers."""

import numpy as np
import pytest
from buffers import UNIT, assert_same, assert_within, integers
from remembered import reference
from test_reference import check_gradients, distinct, normal
from twin import Twin, assert_trained_alike

import fastcnn
from fastcnn import _ops, arguments, initializers, losses, ops
from fastcnn import layers as L
from fastcnn.networks.lenet import C3_TABLE

WIDTH = _ops.lanes_width()
MSE, MAP = "rbf_mean_squared_error", "rbf_maximum_a_posteriori"

# The reference, by central differences

SUBSAMPLINGS = {
    "plain": ((2, 4, 6, 3), {}),
    "overlapping": ((1, 5, 7, 2), {"pool_size": 3, "strides": 2}),
    "padded": ((2, 4, 5, 2), {"pool_size": (3, 2), "strides": (2, 1), "padding": ((1, 0), (1, 1))}),
    "same": ((1, 5, 3, 2), {"pool_size": 2, "padding": "same"}),
    "channels_first": ((2, 3, 4, 4), {"data_format": "channels_first"}),
}


@pytest.mark.parametrize("case", SUBSAMPLINGS)
def test_reference_of_subsample2d(case):
    shape, options = SUBSAMPLINGS[case]
    channels = shape[1 if options.get("data_format") else 3]
    check_gradients("subsample2d", normal(*shape), normal(channels), normal(channels, 1)[:, 0], **options)
    check_gradients("subsample2d", normal(*shape), normal(channels), **options)


def test_reference_of_subsample2d_by_hand():
    x = np.arange(8.0).reshape(1, 2, 2, 2)
    assert reference.subsample2d(x, [0.5, 2.0], [1.0, -1.0]).ravel().tolist() == [0.5 * 12 + 1, 2 * 16 - 1]


TABLES = {
    "paper": (C3_TABLE, 6),
    "one each": (((2,), (0,), (0,)), 3),
    "matrix": (np.array([[1, 0, 1, 1], [0, 1, 1, 0], [1, 1, 0, 0]], bool), 3),
}


@pytest.mark.parametrize("name", TABLES)
def test_reference_of_connection_tables(name):
    table, channels = TABLES[name]
    pairs = arguments.connections(arguments.connection_table(table), channels)
    x, kernel, bias = normal(2, 3, 4, channels), normal(2, 3, len(pairs)), normal(pairs[-1, 1] + 1)
    check_gradients("conv2d", x, kernel, bias, connection_table=table, padding=1, strides=(1, 2))
    y = reference.conv2d(x, kernel, connection_table=table)
    for o in range(pairs[-1, 1] + 1):  # an output is a convolution of its own channels
        own = np.flatnonzero(pairs[:, 1] == o)
        alone = reference.conv2d(x[..., pairs[own, 0]], kernel[:, :, own, None])
        np.testing.assert_allclose(y[..., [o]], alone, atol=1e-12)


def test_the_tables_of_the_paper():
    """Each of the three forms of table I; FACTS: 60 connections of maps."""
    matrix = np.zeros((6, 16), int)
    for o, row in enumerate(C3_TABLE):
        matrix[list(row), o] = 1
    turned = [list(row)[::-1] for row in C3_TABLE]
    assert arguments.connection_table(matrix) == C3_TABLE == arguments.connection_table(turned)
    assert [sum(map(len, C3_TABLE[a:b])) for a, b in ((0, 6), (6, 12), (12, 15), (15, 16))] == [18, 24, 12, 6]
    assert [row.count(1) for row in matrix.tolist()] == [10] * 6


def test_reference_of_rbf():
    check_gradients("rbf", normal(3, 5), normal(4, 5) + 1)
    assert reference.rbf([[1.0, 2.0]], [[1.0, 0.0], [0.0, 0.0]]).tolist() == [[4.0, 5.0]]


@pytest.mark.parametrize("name, options", [(MSE, {}), (MAP, {}), (MAP, {"j": -2.0})], ids=str)
def test_reference_of_losses(name, options):
    check_gradients(name, distinct(4, 5) * 20, fixed=(np.array([0, 4, 2, 2]),), **options)


def test_reference_of_map_by_hand_and_far_away():
    x, t = np.array([[1.0, 3.0]]), [1]
    expected = 3 + np.log(np.exp(-0.1) + np.exp(-1) + np.exp(-3))
    assert reference.rbf_maximum_a_posteriori(x, t)[0] == pytest.approx(expected, rel=1e-14)
    assert reference.rbf_maximum_a_posteriori([[5000.0, 4000.0]], [0])[0] == pytest.approx(4999.9, rel=1e-12)
    assert reference.rbf_maximum_a_posteriori([[-5000.0, -4000.0]], [1])[0] == pytest.approx(1000.0, rel=1e-12)


# C against the reference


def compare(op, arrays, options, exact=True):
    """Forward and gradients: bit for bit on integers, else within a bound of roundings."""
    y = getattr(reference, op)(*arrays, **options)
    dy = integers(np.random.default_rng(y.size), y.shape) if exact else normal(*y.shape)
    pairs = [(getattr(ops, op)(*arrays, **options), y)]
    pairs += zip(getattr(ops, f"{op}_backward")(dy, *arrays, **options),
                 getattr(reference, f"{op}_backward")(dy, *arrays, **options))
    for number, (actual, expected) in enumerate(pairs):
        if exact:
            assert_same(actual, expected, f"{op}: result {number}")
        else:
            assert_within(actual, expected, 64 * UNIT * np.abs(expected).max(), f"{op}: result {number}")


@pytest.mark.parametrize("shape, options", [
    ((3, 28, 28, 6), {}), ((2, 10, 10, 16), {}), ((5, 5, 7, 3), {"pool_size": 3, "strides": 2, "padding": 1}),
    ((2, 3, 3, 1), {"pool_size": (3, 1)}), ((2, 9, 4, 37), {"padding": "same"}), ((2, 4, 1, 8), {"pool_size": (2, 1)}),
], ids=str)  # fmt: skip
def test_subsample2d(shape, options, isa, threads):
    rng = np.random.default_rng(shape)
    arrays = [integers(rng, shape), integers(rng, shape[3]), integers(rng, shape[3])]
    compare("subsample2d", arrays, options)
    compare("subsample2d", arrays[:2], options)


@pytest.mark.parametrize("n, inputs, units", [(3, 84, 10), (1, 1, 1), (20, 7, 33), (5, 100, 3)])
def test_rbf(n, inputs, units, isa, threads):
    rng = np.random.default_rng([n, inputs, units])
    compare("rbf", [integers(rng, (n, inputs)), integers(rng, (units, inputs))], {})


TABLED = {
    "lenet.c3": ((14, 14, 6), C3_TABLE, (5, 5), {}),
    "padded": ((6, 5, 3), ((0, 2), (1,), (0, 1, 2), (2,)), (3, 2), {"padding": ((2, 1), (0, 1))}),
    "strided": ((9, 8, 4), ((0, 1), (2, 3), (3,)), (3, 3), {"strides": (2, 3), "padding": "same"}),
    "dilated": ((9, 8, 2), ((1,), (0,), (0, 1)), (2, 3), {"dilation_rate": 2}),
    "wide": ((4, 4, 40), tuple((i, i + 1, i + 20) for i in range(19)) + ((39,),), (3, 3), {"padding": 1}),
    "one pixel": ((1, 1, 2), ((1,),), (1, 1), {}),
}


@pytest.mark.parametrize("name", TABLED)
def test_connection_tables(name, isa, threads):
    shape, table, window, options = TABLED[name]
    rng, count = np.random.default_rng(len(name)), sum(map(len, table))
    for n in (1, 4):
        arrays = [integers(rng, (n, *shape)), integers(rng, (*window, count)), integers(rng, len(table))]
        compare("conv2d", arrays, {**options, "connection_table": table})
    compare("conv2d", arrays[:2], {**options, "connection_table": table})


@pytest.mark.parametrize("name", [MSE, MAP])
def test_losses(name, isa):
    rng = np.random.default_rng(0)
    x, t = (30 * rng.random((7, 10))).astype(np.float32), rng.integers(0, 10, 7)
    x[0], x[1] = 5000 + x[0], -x[1]
    assert_within(getattr(ops, name)(x, t), getattr(reference, name)(x, t), 2 * UNIT * (1 + np.abs(x).max(1)))
    dy = rng.standard_normal(7).astype(np.float32)
    expected = getattr(reference, f"{name}_backward")(dy, x, t)
    assert_within(getattr(ops, f"{name}_backward")(dy, x, t), expected, 4 * UNIT * np.abs(dy)[:, None])


# In a model: one image at a time, channels as lanes, and images as lanes


def small(seed=0, **options):
    """The network's kinds of layers on 12 × 12 pixels."""
    table = ((0, 1), (1, 2), (0, 2), (0, 1, 2), (2,))
    return fastcnn.Sequential([
        L.Conv2D(3, 3, activation="scaled_tanh", input_shape=(12, 12, 1)),
        L.Subsampling2D(activation="scaled_tanh", bias_initializer="normal"),
        L.Conv2D(5, 2, activation="scaled_tanh", connection_table=table),
        L.Subsampling2D(activation="scaled_tanh", use_bias=False),
        L.Conv2D(9, 2, activation="scaled_tanh"),
        L.Flatten(),
        L.Dense(7, activation="scaled_tanh"),
        L.RBF(4, **options),
    ], seed=seed)  # fmt: skip


@pytest.mark.parametrize("loss", [MSE, MAP])
@pytest.mark.parametrize("batch", [1, 3, 2 * WIDTH + 3])
@pytest.mark.parametrize("trainable", [False, True])
def test_gradients_of_a_model(loss, batch, trainable, isa):
    model, rng = small(trainable=trainable), np.random.default_rng(batch)
    model.compile(fastcnn.optimizers.SGD(0.1), loss)
    twin, before = Twin(model), [layer.get_weights() for layer in model.layers]
    x, y = rng.standard_normal((batch, 12, 12, 1)).astype(np.float32), rng.integers(0, 4, batch)
    assert model.train_on_batch(x, y) == pytest.approx(twin.step(x, y), rel=2e-5)
    assert assert_trained_alike(model, twin, before, 5e-5) == 11 + trainable
    names = [op.name for op in model._plans["train"].ops if op]
    assert ("to_lanes" in names) == (batch >= _ops.lanes_width() > 1)
    y = model.predict(x, batch_size=batch)
    np.testing.assert_allclose(y, twin.predict(x), rtol=1e-4)
    assert np.array_equal(y, model.predict(x, batch_size=1)), "the batch size changes no bit"


@pytest.mark.parametrize("options", [{"padding": "same"}, {"padding": ((3, 1), (0, 4))}, {"use_bias": False}], ids=str)
def test_tables_in_lanes(options):
    """At the image's edge, and beyond it."""
    range5 = tuple(range(5))

    def make():
        return fastcnn.Sequential([L.Conv2D(5, (3, 2), connection_table=((0, 1), (1,), (0,), (0, 1), (1,)), **options),
                                   L.Conv2D(4, (2, 5), connection_table=((0, 4), (1, 2, 3), range5, (3,)), **options),
                                   L.Flatten(), L.Dense(3, "softmax")], seed=3)

    batch, rng = 2 * WIDTH + 1, np.random.default_rng(0)
    x, y = rng.standard_normal((batch, 7, 6, 2)).astype(np.float32), rng.integers(0, 3, batch)
    model = make()
    model.build((7, 6, 2))
    model.compile(fastcnn.optimizers.SGD(1.0), "sparse_categorical_crossentropy")
    twin, before = Twin(model), [layer.get_weights() for layer in model.layers]
    assert model.train_on_batch(x, y) == pytest.approx(twin.step(x, y), rel=2e-5)
    assert assert_trained_alike(model, twin, before, 5e-5) > 3


def test_a_table_of_all_connections_is_the_plain_layer():
    """The same weights in the same order, the same bits, one by one and in lanes."""
    x = np.random.default_rng(0).standard_normal((WIDTH + 3, 9, 8, 3)).astype(np.float32)
    plain, tabled = (fastcnn.Sequential([L.Conv2D(4, 3, padding=1, input_shape=(9, 8, 3), connection_table=table)], seed=0)
                     for table in (None, [[0, 1, 2]] * 4))
    kernel, bias = plain.get_weights()
    tabled.set_weights([kernel.transpose(0, 1, 3, 2).reshape(3, 3, 12), bias])
    for batch in (1, len(x)):
        assert np.array_equal(plain.predict(x, batch_size=batch), tabled.predict(x, batch_size=batch))


def test_initial_values_count_the_inputs_that_a_filter_sees():
    """Filters of 2 and of 50 inputs: each has the limit, or deviation, of a kernel of so many; a seed gives no two alike."""
    table = [[0, 1]] * 300 + [list(range(50))] * 300

    def parts(initializer):
        layer = L.Conv2D(600, 3, connection_table=table, kernel_initializer=initializer, input_shape=(4, 4, 50))
        kernel = fastcnn.Sequential([layer], seed=1).get_weights()[0]
        return kernel[:, :, :600].reshape(9, 300, 2), kernel[:, :, 600:].reshape(9, 300, 50)

    for initializer, limits in (("lecun_uniform", [(3 / 18) ** 0.5, (3 / 450) ** 0.5]),
                                ("glorot_uniform", [(6 / (18 + 5400)) ** 0.5, (6 / (450 + 5400)) ** 0.5]),
                                (initializers.FanInUniform(seed=3), [2.4 / 18, 2.4 / 450])):
        for part, limit in zip(parts(initializer), limits):
            assert 0.99 * limit < np.abs(part).max() <= 1.0001 * limit
            assert len(np.unique(part[0, :, 0])) > 290
    few, many = parts("he_normal")
    assert few.std() == pytest.approx((2 / 18) ** 0.5, rel=0.05) and many.std() == pytest.approx((2 / 450) ** 0.5, rel=0.02)
    plain, tabled = (fastcnn.Sequential([L.Conv2D(4, 3, input_shape=(9, 8, 3), connection_table=table)], seed=0)
                     for table in (None, [[0, 1, 2]] * 4))
    assert np.array_equal(tabled.get_weights()[0], plain.get_weights()[0].transpose(0, 1, 3, 2).reshape(3, 3, 12))


def test_a_convolution_that_covers_its_image_is_dense():
    conv = fastcnn.Sequential([L.Conv2D(7, (3, 4), activation="tanh", input_shape=(3, 4, 5)), L.Flatten()], seed=0)
    dense = fastcnn.Sequential([L.Flatten(input_shape=(3, 4, 5)), L.Dense(7, activation="tanh")], seed=0)
    dense.set_weights([conv.get_weights()[0].reshape(60, 7), conv.get_weights()[1]])
    x = np.random.default_rng(0).standard_normal((3, 3, 4, 5)).astype(np.float32)
    assert np.array_equal(conv.predict(x), dense.predict(x))
    assert [node.op.name for node in conv.layers[0].nodes()] == ["dense"]
    for options in ({"groups": 5, "filters": 5}, {"padding": 1}, {"kernel_size": 3}):
        layer = L.Conv2D(**{"filters": 7, "kernel_size": (3, 4), **options}, input_shape=(3, 4, 5))
        fastcnn.Sequential([layer])
        assert [node.op.name for node in layer.nodes()] == ["conv2d"]


# The network

COUNTS = {  # output shape, parameters, connections: the paper's
    "c1": ((None, 28, 28, 6), 156, 122_304),
    "s2": ((None, 14, 14, 6), 12, 5_880),
    "c3": ((None, 10, 10, 16), 1_516, 151_600),
    "s4": ((None, 5, 5, 16), 32, 2_000),
    "c5": ((None, 1, 1, 120), 48_120, 48_120),
    "flatten": ((None, 120), 0, 0),
    "f6": ((None, 84), 10_164, 10_164),
    "output": ((None, 10), 840, 840),
}


def test_counts_are_the_papers():
    model, printed = fastcnn.networks.lenet5(variant="1998"), []
    assert {n.name: (n.output_shape, n.count_params(), n.connections()) for n in model.layers} == COUNTS
    assert model.input_shape == (None, 32, 32, 1)
    model.summary(printed.append)
    assert printed[-1] == "trainable parameters: 60,000; kept as they are: 840"
    for name, (_, parameters, connections) in COUNTS.items():
        row = next(line for line in printed if line.startswith(f"{name} ("))
        assert row.endswith(f"{connections:,}") and f" {parameters:,} " in row


def test_the_network_is_the_papers_formulas():
    """Squashed by 1.7159·tanh(2a/3) everywhere up to F6, then squared distances from the drawings."""
    model = fastcnn.networks.lenet5(variant="1998", seed=2)
    c1, b1, s2, t2, c3, b3, s4, t4, c5, b5, f6, b6, drawn = [w.astype(np.float64) for w in model.get_weights()]
    x = normal(3, 32, 32, 1)

    def squash(a):
        return 1.7159 * np.tanh(2 * a / 3)

    y = squash(reference.subsample2d(squash(reference.conv2d(x, c1, b1)), s2, t2))
    y = squash(reference.subsample2d(squash(reference.conv2d(y, c3, b3, connection_table=C3_TABLE)), s4, t4))
    y = squash(squash(reference.conv2d(y, c5, b5)).reshape(3, 120) @ f6 + b6)
    expected = ((y[:, None] - drawn) ** 2).sum(axis=2)
    np.testing.assert_allclose(model.predict(x), expected, rtol=1e-5)


def test_subsampling_begins_as_average_pooling():
    x = normal(2, 6, 9, 3).astype(np.float32)
    np.testing.assert_allclose(L.Subsampling2D((2, 3))(x), ops.avg_pool2d(x, (2, 3)), atol=1e-6)


def test_cost_is_that_of_the_connections():
    layer = fastcnn.networks.lenet5(variant="1998").get_layer("c3")
    assert layer.op.cost == layer.multiply_adds() == 150_000 and layer.op.with_lanes().packed_size == 1_500


def test_initial_values():
    """Uniform in ± 2.4 / fan-in, each array and each of C3's maps filling its own range."""
    model = fastcnn.networks.lenet5(variant="1998", seed=3)
    fans = {"c1": 25, "s2": 4, "s4": 4, "c5": 400, "f6": 120}
    for name, fan in fans.items():
        for w in model.get_layer(name).get_weights():
            assert np.abs(w).max() <= np.float32(2.4) / fan * 1.0001
            assert np.abs(w).max() > 2.4 / fan * (0.95 if w.size > 100 else 0.3)
    kernel, bias = model.get_layer("c3").get_weights()
    pairs = arguments.connections(C3_TABLE, 6)
    for o, row in enumerate(C3_TABLE):
        limit, own = 2.4 / (25 * len(row)), kernel[:, :, pairs[:, 1] == o]
        assert 0.9 * limit < np.abs(own).max() <= 1.0001 * limit and abs(bias[o]) <= 1.0001 * limit
    assert abs(kernel.mean()) < 0.003


def test_the_drawings():
    drawn = fastcnn.networks.rbf_prototypes()
    assert drawn.shape == (10, 12, 7) and drawn.dtype == np.float32 and set(np.unique(drawn)) == {-1.0, 1.0}
    prototypes = fastcnn.networks.lenet5(variant="1998").get_layer("output").get_weights()[0]
    assert np.array_equal(prototypes, drawn.reshape(10, 84))
    apart = (drawn.reshape(10, 1, 84) != drawn.reshape(1, 10, 84)).sum(2)
    assert apart[~np.eye(10, dtype=bool)].min() >= 8, "no two are alike"
    assert (apart == apart.T).all()
    for row in drawn:  # each touches its frame, as letters of one size do
        assert all((edge == 1).any() for edge in (row[0], row[-1], row[:, -1]))


def test_other_numbers_of_classes():
    prototypes = fastcnn.networks.lenet5(classes=26, variant="1998", seed=0).get_layer("output").get_weights()[0]
    assert prototypes.shape == (26, 84) and set(np.unique(prototypes)) == {-1.0, 1.0} and abs(prototypes.mean()) < 0.1


@pytest.mark.parametrize("variant", ["tanh", "sigmoid", "relu"])
def test_modern_variants(variant):
    model = fastcnn.networks.lenet5(variant=variant)
    assert model.count_params() == 61_706 and model.input_shape == (None, 28, 28, 1)
    assert [model.get_layer(n).activation[0] for n in ("c1", "c3", "c5", "f6", "output")] == [variant] * 4 + ["softmax"]
    assert {node.op.name for n in ("s2", "s4") for node in model.get_layer(n).nodes()} == {"avg_pool2d"}


def test_what_is_refused():
    for call, message in [
        (lambda: fastcnn.networks.lenet5(variant="2012"), "'1998'. Received: '2012'"),
        (lambda: L.Conv2D(3, 3, connection_table=[[0], [1]]), "each of 3 filters. Received: 2"),
        (lambda: L.Conv2D(2, 3, connection_table=[[0], []]), "Received: \\[\\] for output 1"),
        (lambda: L.Conv2D(2, 3, connection_table=[[0], [1, 1]]), "Received: \\[1, 1\\] for output 1"),
        (lambda: L.Conv2D(2, 3, connection_table=[[0], [-1]]), "Received: -1"),
        (lambda: L.Conv2D(2, 3, connection_table=np.full((2, 2), 2)), "True and False"),
        (lambda: L.Conv2D(2, 3, groups=2, connection_table=[[0], [1]]), "groups must be 1"),
        (lambda: L.Conv2D(1, 3, connection_table=[[5]])(np.ones((1, 4, 4, 3))), "0 to 2. Received: 5"),
        (lambda: ops.conv2d(np.ones((1, 4, 4, 3)), np.ones((3, 3, 2)), connection_table=[[0]]), "1 connections"),
        (lambda: reference.conv2d(np.ones((1, 4, 4, 3)), np.ones((3, 3, 2)), connection_table=[[0]]), "Received"),
        (lambda: L.RBF(3)(np.ones((1, 2, 2))), "Flatten"),
        (lambda: L.RBF(9, "digit_prototypes")(np.ones((1, 84))), "\\(9, 84\\)"),
        (lambda: L.Subsampling2D(2, padding=2)(np.ones((1, 4, 4, 1))), "padding .*Received: "),
        (lambda: initializers.FanInUniform()((3,)), "fan_in must be given"),
        (lambda: initializers.FanInUniform(fan_in=[1, 2])((2, 3)), "3 of them. Received: 2"),
        (lambda: losses.RBFMaximumAPosteriori(float("nan")), "finite"),
        (lambda: losses.RBFMeanSquaredError()([3], [[1.0, 2.0]]), "0 to 1. Received: 3"),
    ]:
        with pytest.raises(ValueError, match=message):
            call()
    with pytest.raises(TypeError, match="Received: 'all'"):
        L.Conv2D(2, 3, connection_table="all")


# Answers


def test_the_smallest_output_is_the_answer():
    model, rng = small(), np.random.default_rng(0)
    x = rng.standard_normal((40, 12, 12, 1))
    y = model.predict(x).argmin(1)
    assert np.array_equal(model.predict_classes(x), y) and model.smallest_wins
    model.compile("sgd", MSE, metrics=["accuracy", "acc"])
    assert model.evaluate(x, y, verbose=0)[1:] == [1.0, 1.0]
    assert model.evaluate(x, (y + 1) % 4, verbose=0)[1:] == [0.0, 0.0]
    assert model.metrics[0].get_config() == {"name": "accuracy", "best": "smallest"}
    names = ["sparse_categorical_accuracy", "sparse_top_k_categorical_accuracy"]
    model.compile("sgd", MSE, metrics=[*names, fastcnn.metrics.SparseTopKCategoricalAccuracy(2, "two", "smallest")])
    second, last = model.predict(x).argsort(1)[:, [1, 3]].T
    assert model.evaluate(x, y, verbose=0)[1:] == [1.0, 1.0, 1.0]
    assert model.evaluate(x, second, verbose=0)[1:] == [0.0, 1.0, 1.0]
    assert model.evaluate(x, last, verbose=0)[1:] == [0.0, 1.0, 0.0]
    assert [metric.best for metric in model.metrics] == ["smallest"] * 3
    modern = fastcnn.networks.lenet5(seed=0)
    x = rng.standard_normal((9, 28, 28, 1))
    assert np.array_equal(modern.predict_classes(x), modern.predict(x).argmax(1)) and not modern.smallest_wins
    binary = fastcnn.Sequential([L.Dense(1, "sigmoid", input_shape=(3,))], seed=0)
    x = rng.standard_normal((9, 3))
    assert np.array_equal(binary.predict_classes(x), binary.predict(x)[:, 0] > 0.5)


def test_a_loss_of_distances_makes_any_model_one_of_distances():
    model = fastcnn.Sequential([L.Dense(3, input_shape=(2,))], seed=0)
    model.compile("sgd", MAP, metrics=["accuracy"])
    x = np.random.default_rng(0).standard_normal((20, 2))
    assert model.evaluate(x, model.predict(x).argmin(1), verbose=0)[1] == 1.0


@pytest.mark.parametrize("loss", [losses.RBFMeanSquaredError(), losses.RBFMaximumAPosteriori(0.5)], ids=lambda v: v.name)
def test_loss_objects(loss):
    x, y = np.random.default_rng(0).random((5, 4), np.float32) * 9, np.array([0, 3, 1, 1, 2])
    options = {"j": 0.5} if loss.config else {}
    assert loss(y, x) == pytest.approx(float(getattr(reference, loss.name)(x, y, **options).mean()), rel=1e-5)
    expected = getattr(reference, f"{loss.name}_backward")(np.ones(5), x, y, **options)
    np.testing.assert_allclose(loss.backward(y[:, None], x), expected, atol=1e-6)
    assert losses.get(losses.serialize(loss)).get_config() == loss.get_config()
    model = small()
    model.compile("sgd", loss)
    images = np.random.default_rng(1).standard_normal((5, 12, 12, 1))
    value = float(getattr(reference, loss.name)(model.predict(images), y, **options).mean())
    assert model.test_on_batch(images, y) == pytest.approx(value, rel=1e-5)


def test_a_saved_model_is_the_same(tmp_path):
    model = fastcnn.networks.lenet5(variant="1998", seed=5)
    model.compile("sgd", losses.RBFMaximumAPosteriori(0.3), metrics=["accuracy"])
    model.save(tmp_path / "m.safetensors")
    other = fastcnn.load_model(tmp_path / "m.safetensors")
    x = np.random.default_rng(0).standard_normal((3, 32, 32, 1))
    assert np.array_equal(model.predict(x), other.predict(x)) and other.get_config() == model.get_config()
    assert other.loss.j == 0.3 and other.metadata == model.metadata and not other.get_layer("output").trainable
    own = small(trainable=True)
    own.save(tmp_path / "n.safetensors")
    assert fastcnn.load_model(tmp_path / "n.safetensors").layers[-1].trainable
