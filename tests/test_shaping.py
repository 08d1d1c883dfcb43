"""Edges, enlarged images, other orders and shapes: reference, fast operations and layers."""

import itertools
from functools import lru_cache

import numpy as np
import pytest
from buffers import UNIT, assert_same, assert_within, integers, normal
from cases import SHAPING
from remembered import reference
from test_reference import check_gradients
from twin import Twin, assert_trained_alike, clear_batch

import fastcnn
from fastcnn import layers as L
from fastcnn import ops

each_case = pytest.mark.parametrize("case", SHAPING, ids=str)


# The reference


@each_case
def test_reference_gradients(case):
    """Against central differences; the largest images halved."""
    shape = tuple(min(n, 5) if case.op != "crop2d" else n for n in case.image)
    if case.op == "crop2d":
        shape = *case.image[:2], 2
    check_gradients(case.op, np.random.default_rng(len(case.name)).standard_normal((2, *shape)), **case.options)


def image(rows):
    return np.array(rows, np.float64)[None, :, :, None]


def test_reference_edges_by_hand():
    x = image([[1, 2], [3, 4]])
    y = reference.zero_pad2d(x, ((1, 0), (0, 2)))
    assert y[0, :, :, 0].tolist() == [[0, 0, 0, 0], [1, 2, 0, 0], [3, 4, 0, 0]]
    assert reference.zero_pad2d(x)[0, :, :, 0].sum(1).tolist() == [0, 3, 7, 0]
    assert reference.zero_pad2d(x, (0, 1))[0, :, :, 0].tolist() == [[0, 1, 2, 0], [0, 3, 4, 0]]
    assert reference.crop2d(y, ((1, 1), (1, 0))).ravel().tolist() == [2, 0, 0]
    assert np.array_equal(reference.crop2d(x), x)


def test_reference_upsampling_by_hand():
    x = image([[0, 8], [16, 24]])
    assert reference.upsample2d(x, (1, 2))[0, :, :, 0].tolist() == [[0, 0, 8, 8], [16, 16, 24, 24]]
    y = reference.upsample2d(x, interpolation="bilinear")[0, :, :, 0]
    assert y.tolist() == [[0, 2, 6, 8], [4, 6, 10, 12], [12, 14, 18, 20], [16, 18, 22, 24]]
    # centres of thirds: 0 − 1/3 (held at 0), 0, 1/3, 2/3, 1, 1 + 1/3
    y = reference.upsample2d(image([[0], [3]]), (3, 1), "bilinear").ravel()
    np.testing.assert_allclose(y, [0, 0, 1, 2, 3, 3], rtol=0, atol=1e-15)
    y = reference.upsample2d_backward(np.ones((1, 6, 1, 1)), image([[0], [3]]), (3, 1), "bilinear")
    np.testing.assert_allclose(y.ravel(), [3, 3], rtol=0, atol=1e-15)


def test_reference_permutation_by_hand():
    x = np.arange(12.0).reshape(1, 2, 3, 2)
    assert reference.permute(x, (3, 1, 2))[0].tolist() == [[[0, 2, 4], [6, 8, 10]], [[1, 3, 5], [7, 9, 11]]]


BAD = {
    "padding": lambda x: reference.zero_pad2d(x, -1),
    "three sides": lambda x: reference.zero_pad2d(x, ((1, 1), (1, 2, 3))),
    "all rows": lambda x: reference.crop2d(x, ((1, 1), (0, 0))),
    "more than all": lambda x: reference.crop2d(x, 7),
    "size": lambda x: reference.upsample2d(x, 0),
    "interpolation": lambda x: reference.upsample2d(x, 2, "cubic"),
    "dims": lambda x: reference.permute(x, (1, 1, 2)),
    "dy": lambda x: reference.zero_pad2d_backward(x, x, 1),
    "dy of crop": lambda x: reference.crop2d_backward(x, x, ((1, 0), (0, 0))),
    "dy of permute": lambda x: reference.permute_backward(x, x, (3, 1, 2)),
}


@pytest.mark.parametrize("call", BAD.values(), ids=BAD)
def test_reference_refuses(call):
    with pytest.raises(ValueError, match="Received: "):
        call(np.zeros((1, 2, 3, 4)))


# The fast operations


@lru_cache(maxsize=None)
def problem(case):
    """x, dy, y, dx of integers; bilinear factors are powers of two, so that all sums are exact."""
    rng = np.random.default_rng(list(case.name.encode()))
    batch = 3 if case.image[0] * case.image[1] * case.image[2] < 2000 else 150  # the large ones are shared by threads
    x, dy = integers(rng, (batch, *case.image)), integers(rng, (batch, *case.out_shape))
    y, dx = getattr(reference, case.op)(x, **case.options), getattr(reference, f"{case.op}_backward")(dy, x, **case.options)
    return x, dy, y.astype(np.float32), dx.astype(np.float32)


@pytest.mark.parametrize("threads", [1, 3])
@each_case
def test_exact(case, isa, threads):
    x, dy, y, dx = problem(case)
    with fastcnn.num_threads(threads):
        assert_same(getattr(ops, case.op)(x, **case.options), y, "y")
        assert_same(getattr(ops, f"{case.op}_backward")(dy, x, **case.options), dx, "dx")


@pytest.mark.parametrize("size", [1, 2, 3, 5, (3, 7), (6, 1)], ids=str)
@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 3, 1), (5, 4, 9), (3, 2, 31)], ids=str)
def test_bilinear(shape, size, isa):
    """Two blends of two values: five roundings of the sum of absolute terms, and dx one for each value of dy besides."""
    rng = np.random.default_rng(shape)
    x = normal(rng, (2, *shape))
    y = reference.upsample2d(x, size, "bilinear")
    bound = 6 * UNIT * reference.upsample2d(np.abs(x), size, "bilinear")
    assert_within(ops.upsample2d(x, size, "bilinear"), y, bound, "y")
    dy, terms = normal(rng, y.shape), 6 + 3 * np.sum(size) * (2 if np.ndim(size) == 0 else 1)
    bound = terms * UNIT * reference.upsample2d_backward(np.abs(dy), x, size, "bilinear")
    assert_within(
        ops.upsample2d_backward(dy, x, size, "bilinear"),
        reference.upsample2d_backward(dy, x, size, "bilinear"),
        bound,
        "dx",
    )


def test_permutations_of_many_axes(isa):
    """All orders of four axes, and ones of eight of which some have one value or stay together."""
    rng = np.random.default_rng(0)
    shapes = [((3, 4, 1, 5), itertools.permutations((1, 2, 3, 4)))]
    shapes.append(((2, 1, 3, 2, 1, 2, 3, 2), [(8, 7, 2, 1, 3, 5, 4, 6), (1, 3, 2, 4, 5, 6, 8, 7), (8, 6, 5, 7, 4, 3, 2, 1)]))
    for shape, orders in shapes:
        x = normal(rng, (2, *shape))
        for dims in orders:
            y = ops.permute(x, dims)
            assert_same(y, reference.permute(x, dims), dims)
            assert_same(ops.permute_backward(y, x, dims), x, dims)


def test_too_many_axes_apart():
    with pytest.raises(ValueError, match="at most 6 axes"):
        ops.permute(np.zeros((1, *[2] * 8)), (8, 7, 6, 5, 4, 3, 2, 1))


# Layers


def test_reshape_costs_nothing():
    model = fastcnn.Sequential([L.Reshape((4, 4, 1), input_shape=(16,)), L.Permute((2, 1, 3)), L.Reshape((-1,)),
                                L.Permute((1,)), L.Dense(2)], seed=0)
    assert [op.name for op in model._plan("predict", 3).ops] == ["permute", "dense"]
    x = np.random.default_rng(0).standard_normal((3, 16)).astype(np.float32)
    kernel = model.get_weights()[0]
    np.testing.assert_allclose(model.predict(x), x.reshape(3, 4, 4).transpose(0, 2, 1).reshape(3, 16) @ kernel, rtol=1e-5)


@pytest.mark.parametrize("target", [(2, 10, 3), (60,), (5, 12), (6, 5, -1), (-1, 1, 1), (1, 1, 60), (3, 1, 4, -1)], ids=str)
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_reshape_is_numpys(data_format, target):
    """As the user sees samples, whatever order they are in inside."""
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 5)).astype(np.float32)
    layer = L.Reshape(target, data_format)
    y = layer(x)
    assert_same(y, x.reshape(2, *target))
    assert (layer.input_shape, layer.output_shape) == ((None, 3, 4, 5), (None, *y.shape[1:]))


@pytest.mark.parametrize("dims", list(itertools.permutations((1, 2, 3))), ids=str)
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_permute_is_numpys(data_format, dims):
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 5)).astype(np.float32)
    layer = L.Permute(dims, data_format)
    assert_same(layer(x), x.transpose(0, *dims))
    assert layer.output_shape == (None, *(x.shape[d] for d in dims))


def test_reshape_in_a_model_of_channels_first():
    """From a vector to images: their order is the one that the convolution takes."""

    def build(data_format):
        shape = (2, 5, 4) if data_format == "channels_first" else (5, 4, 2)
        layers = [L.Reshape(shape, data_format, input_shape=(40,)), L.Conv2D(3, 2, data_format=data_format)]
        return fastcnn.Sequential(layers, seed=1)

    first, last = build("channels_first"), build("channels_last")
    x = np.random.default_rng(0).standard_normal((2, 2, 5, 4)).astype(np.float32)
    y = last.predict(x.transpose(0, 2, 3, 1).reshape(2, 40))
    assert_same(first.predict(x.reshape(2, 40)), y.transpose(0, 3, 1, 2))
    with pytest.raises(ValueError, match="one data_format. Received: channels_first, channels_last"):
        fastcnn.Sequential([L.Reshape((2, 5, 4), input_shape=(40,)), L.Conv2D(3, 2, data_format="channels_first")])


def network():
    return [
        L.ZeroPadding2D(((1, 0), (2, 1)), input_shape=(6, 5, 2)),
        L.Conv2D(4, 3, activation="tanh"),
        L.UpSampling2D((2, 1), interpolation="bilinear"),
        L.Cropping2D(((1, 0), (0, 2))),
        L.Conv2D(3, 2, activation="tanh"),
        L.UpSampling2D(),
        L.Permute((3, 1, 2)),
        L.Reshape((-1, 4)),
        L.Permute((2, 1)),
        L.Flatten(),
        L.Dense(3),
    ]


def compiled(layers, seed=2):
    model = fastcnn.Sequential(layers, seed=seed)
    model.compile(fastcnn.optimizers.SGD(0.1, momentum=0.9), "mse")
    return model


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("batch", [3, 21])
def test_training(batch, threads):
    """Gradients through all of them, against the float64 twin."""
    model, rng = compiled(network()), np.random.default_rng(batch)
    twin, before = Twin(model), [layer.get_weights() for layer in model.layers]
    with fastcnn.num_threads(threads):
        for _ in range(2):
            x, y = clear_batch(twin, rng, batch, (6, 5, 2)), rng.standard_normal((batch, 3)).astype(np.float32)
            assert model.train_on_batch(x, y) == pytest.approx(twin.step(x, y), rel=2e-5)
    assert assert_trained_alike(model, twin, before, 5e-5, 2) > 0


def test_files(tmp_path):
    model, x = compiled(network()), np.random.default_rng(0).standard_normal((3, 6, 5, 2)).astype(np.float32)
    model.save(tmp_path / "m")
    loaded = fastcnn.load_model(tmp_path / "m")
    assert_same(loaded.predict(x), model.predict(x))
    loaded.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "m").read_bytes()
