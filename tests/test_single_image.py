"""Paths of their own for few images: planes under few filters, dense weights as they lie, predictions without ado."""

import numpy as np
import pytest
from buffers import assert_same, guarded, guarded_before, integers, normal
from remembered import reference
from twin import Twin, assert_trained_alike

import fastcnn
from fastcnn import layers as L
from fastcnn import ops
from fastcnn.optimizers import SGD


@pytest.mark.parametrize("filters", [1, 2, 5, 6, 7, 8, 9])
@pytest.mark.parametrize("width", [7, 8, 13, 16, 19, 33])
def test_planes_are_exact(isa, filters, width):
    """Few filters over one channel: whole numbers come out whole, whatever the row's overlapping vectors."""
    rng = np.random.default_rng(filters * 100 + width)
    uneven = ((1, 0), (3, 1))
    for padding, strides, dilation in (("same", 1, 1), ("valid", (2, 1), 1), (uneven, 1, (2, 2)), ("same", (1, 2), 1)):
        x, kernel, bias = integers(rng, (2, 9, width, 1)), integers(rng, (3, 3, 1, filters)), integers(rng, (filters,))
        expected = reference.conv2d(x, kernel, bias, strides, padding, dilation)
        for guard in guarded, guarded_before:
            y = ops.conv2d(guard(x), guard(kernel), guard(bias), strides, padding, dilation,
                           out=guard(np.full(expected.shape, np.nan, np.float32)))
            np.testing.assert_array_equal(y, expected)


def test_planes_keep_the_order_of_sums(isa):
    """One image and many take different paths to the same bits."""
    rng = np.random.default_rng(0)
    x = normal(rng, (16, 28, 28, 1))
    with fastcnn.config_context(exact=True):
        model = fastcnn.networks.lenet5(seed=3)
    assert model.predict(x).tobytes() == b"".join(model.predict_on_batch(x[i:i + 1]).tobytes() for i in range(16))


@pytest.mark.parametrize("size, channels, filters, kernel, groups", [
    ((7, 7), 64, 72, 3, 1), ((10, 9), 56, 65, 3, 1), ((8, 6), 49, 50, 5, 1), ((9, 10), 130, 120, 3, 2),
    ((5, 4), 200, 67, 3, 1), ((12, 4), 64, 60, 3, 1), ((13, 14), 100, 70, 3, 2)])
def test_winograds_filters_on_the_way(isa, threads, size, channels, filters, kernel, groups):
    """A single image has them transformed where they are needed, many have them packed so: the same bits."""
    conv = L.Conv2D(filters, kernel, padding="same", groups=groups, activation="relu", input_shape=(*size, channels))
    model = fastcnn.Sequential([conv], seed=1)
    x = normal(np.random.default_rng(0), (3, *size, channels))
    many = model.predict_on_batch(x)
    np.testing.assert_array_equal(np.concatenate([model.predict_on_batch(x[i:i + 1]) for i in range(3)]), many)
    assert conv.op.algorithm("forward").startswith("F(")
    model.set_weights([w * 2 for w in model.get_weights()])
    np.testing.assert_array_equal(model.predict_on_batch(x[:1]), many[:1] * 2)
    expected = np.maximum(reference.conv2d(x, *model.get_weights(), padding="same", groups=groups), 0)
    assert np.abs(model.predict_on_batch(x[2:]) - expected[2:]).max() < 1e-5 * expected.max()


@pytest.mark.parametrize("bend", [None, "relu", pytest.param("tanh", marks=pytest.mark.long)])
@pytest.mark.parametrize("kind", ["alone", "sum", "join"])
@pytest.mark.parametrize("size, channels, filters, kernel, groups", [
    ((13, 13), 70, 150, 1, 1), ((7, 6), 512, 97, 1, 1), ((9, 11), 64, 200, 2, 2), ((4, 4), 1040, 520, 1, 4)])
def test_threads_share_columns(isa, size, channels, filters, kernel, groups, kind, bend):
    """A single image of few rows, but much work, is cut by output channels, too: the same bits in one piece and in many."""
    x = fastcnn.Input((*size, channels))
    y = L.Conv2D(filters, kernel, padding="same", groups=groups, bias_initializer="normal")(x)
    if kind == "sum":
        y = L.Add()([y, L.Conv2D(filters, 3, padding="same")(x)])
    if bend:
        y = L.Activation(bend)(y)
    if kind == "join":
        y = L.Concatenate()([L.ZeroPadding2D(0)(x), y])
    model, images = fastcnn.Model(x, y, seed=1), normal(np.random.default_rng(0), (5, *size, channels))
    with fastcnn.num_threads(1):
        expected = model.predict_on_batch(images)
    for threads in 1, 2, 3, 16:
        with fastcnn.num_threads(threads):
            for n in 1, 2:
                assert_same(model.predict_on_batch(images[:n]), expected[:n])


def test_whose_filters_are_transformed_on_the_way():
    """Those of few tiles, whose transforms would not stay in the cache: a single image then packs them as they are."""
    def packed(side, channels, kernel=3):
        conv = L.Conv2D(channels, kernel, padding="same", input_shape=(side, side, channels))
        fastcnn.Sequential([conv])
        return conv.op.packed_size / conv.op.alone().packed_size

    assert packed(7, 128) == 4  # 36 products of 9 taps
    assert packed(7, 32) == packed(64, 128) == packed(8, 128, 5) == packed(7, 128, 1) == 1


@pytest.mark.parametrize("inputs, units", [(300, 1000), (257, 1100), (2500, 130), (700, 4500), (256, 1200), (70_000, 4)])
def test_threads_share_rows_of_many_weights(isa, inputs, units):
    """A single image has them by rows, as they lie, and sums of all blocks of rows are added in order: the same bits as by
    columns (one thread), and as packed (many images)."""
    model = fastcnn.Sequential([L.Dense(units, "relu", bias_initializer="normal", input_shape=(inputs,))], seed=1)
    x = normal(np.random.default_rng(0), (13, inputs))
    expected = model.predict_on_batch(x)
    for threads in 1, 2, 3, 7, 16:
        with fastcnn.num_threads(threads):
            for i in 0, 5, 5:
                assert_same(model.predict_on_batch(x[i:i + 1]), expected[i:i + 1])
    kernel, bias = model.get_weights()
    model.set_weights([kernel * 2, bias * 2])
    assert_same(model.predict_on_batch(x[3:4]), expected[3:4] * 2)


def test_who_reads_rows_of_many_weights():
    """Threads, of layers of more than 262,144 weights and more than one block of 256 rows."""
    def sums(inputs, units, threads):
        model = fastcnn.Sequential([L.Dense(units, input_shape=(inputs,))])
        return model.layers[0].op.shared_by(threads).alone().packed_size

    assert sums(1000, 300, 2) == 4 * 300 + 16
    assert sums(1000, 300, 1) == sums(200, 2000, 2) == sums(100, 300, 2) == 0


@pytest.mark.parametrize("units", [1, 5, 8, 21])
def test_a_step_on_one_image(isa, threads, units):
    """Dense layers neither pack nor transpose for one image; what they learn is the reference's."""
    rng = np.random.default_rng(units)
    dense = [L.Dense(units, "tanh"), L.Dense(7, "sigmoid"), L.Dense(3, "softmax")]
    model = fastcnn.Sequential([fastcnn.Input((13,)), *dense], seed=1)
    model.compile(SGD(0.1, momentum=0.5), "sparse_categorical_crossentropy")
    twin, before = Twin(model), [layer.get_weights() for layer in model.layers]
    for step in range(3):
        x, y = normal(rng, (1, 13)), np.array([step])
        model.train_on_batch(x, y)
        twin.step(x, y)
    assert assert_trained_alike(model, twin, before) == 6


def test_predictions_without_ado_are_the_same():
    """Arrays that need no conversion skip the checks; all others still get them."""
    rng = np.random.default_rng(0)
    model, x = fastcnn.networks.lenet5(seed=0), normal(rng, (6, 28, 28, 1))
    expected = model.predict(x)
    for _ in range(2):
        for given in (x, x.astype(np.float64), x[::-1][::-1], np.asfortranarray(x), x[..., 0], x.tolist()):
            np.testing.assert_array_equal(model.predict_on_batch(given), expected)
    np.testing.assert_array_equal(model.predict_on_batch(x[2:3]), model.predict(x[2:3]))
    assert model.predict_on_batch(x[:0]).shape == (0, 10)
    assert model.predict_on_batch(np.concatenate([x, x])).shape == (12, 10)  # more than the plan was made for
    with pytest.raises(ValueError, match=r"Received: shape \(6, 28, 27, 1\)"):
        model.predict_on_batch(x[:, :, 1:])
    with pytest.raises(TypeError, match="dtype"):
        model.predict_on_batch(x.astype(complex))


def test_predictions_without_ado_see_new_weights():
    model, x = fastcnn.networks.lenet5(seed=0), np.ones((1, 28, 28, 1), np.float32)
    before = [model.predict_on_batch(x) for _ in range(2)][1]
    model.set_weights([2 * w for w in model.get_weights()])
    after = model.predict_on_batch(x)
    assert not np.array_equal(before, after)
    np.testing.assert_array_equal(after, model.predict(x))
    np.testing.assert_array_equal(model.predict_on_batch(x), after)
    np.testing.assert_array_equal(before, fastcnn.networks.lenet5(seed=0).predict(x))  # it was not written over


def test_predictions_without_ado_read_the_weights_that_are_wanted():
    model = fastcnn.Sequential([fastcnn.Input((600,)), L.Dense(600), L.Dense(3)], seed=0)
    x = normal(np.random.default_rng(0), (1, 600))
    exact = [model.predict_on_batch(x) for _ in range(2)][1]
    model.half_weights("int8")
    rounded = [model.predict_on_batch(x) for _ in range(2)]
    assert not np.array_equal(rounded[0], exact) and np.array_equal(*rounded)
    np.testing.assert_array_equal(rounded[0], model.predict(x))
    model.half_weights("float32")
    np.testing.assert_array_equal(model.predict_on_batch(x), exact)
