"""Adaptive average pooling: reference, fast operation on every ISA and thread count, layer."""

import numpy as np
import pytest
from buffers import TINY, UNIT, assert_same, assert_within, integers, normal, poisoned
from cases import ADAPTIVE
from remembered import reference
from test_reference import check_gradients
from twin import Twin, assert_trained_alike, clear_batch, targets

import fastcnn
from fastcnn import _ops, ops
from fastcnn import layers as L

each_case = pytest.mark.parametrize("case", ADAPTIVE, ids=str)
APART = [case for case in ADAPTIVE if case.name in ("adaptive.apart", "adaptive.all")]


def bounds(size, count):
    """First and last pixel of each window of an axis, one by one."""
    found = []
    for i in range(count):
        pixels = [p for p in range(size) if (p + 1) * count > i * size and p * count < (i + 1) * size]
        found.append((pixels[0], pixels[-1]))
    return found


@each_case
def test_reference_is_the_definition(case):
    """A window is all pixels of which some part lies in the i-th of `count` equal parts of the axis."""
    x = np.random.default_rng(0).standard_normal((2, *case.image))
    y = reference.adaptive_avg_pool2d(x, **case.options)
    assert y.shape == (2, *case.out_shape)
    rows, cols = (bounds(size, count) for size, count in zip(case.image, case.out_shape[:2]))
    for i, (top, bottom) in enumerate(rows):
        for j, (left, right) in enumerate(cols):
            window = x[:, top : bottom + 1, left : right + 1]
            np.testing.assert_allclose(y[:, i, j], window.mean(axis=(1, 2)), rtol=1e-13, atol=1e-15)


@each_case
def test_reference_gradients(case):
    image = *case.image[:2], min(case.image[2], 2)
    check_gradients("adaptive_avg_pool2d", np.random.default_rng(1).standard_normal((1, *image)), **case.options)


@each_case
def test_ops(case, isa, threads):
    """n terms, a reciprocal and a product are n + 2 roundings; a pixel is in up to four windows of one size, or in many."""
    rng = np.random.default_rng(list(case.name.encode()))
    x, dy, out = normal(rng, (9, *case.image)), normal(rng, (9, *case.out_shape)), poisoned((9, *case.out_shape))
    assert ops.adaptive_avg_pool2d(x, **case.options, out=out) is out
    sizes = [max(last - first + 1 for first, last in bounds(*axis)) for axis in zip(case.image, case.out_shape[:2])]
    bound = (np.prod(sizes) + 2) * UNIT * reference.adaptive_avg_pool2d(np.abs(x), **case.options)
    assert_within(out, reference.adaptive_avg_pool2d(x, **case.options), bound + TINY, "y")
    windows = np.prod([-(-count // size) + 1 for size, count in zip(case.image, case.out_shape[:2])])
    bound = (windows + 2) * UNIT * reference.adaptive_avg_pool2d_backward(np.abs(dy), x, **case.options)
    dx = ops.adaptive_avg_pool2d_backward(dy, x, **case.options)
    assert_within(dx, reference.adaptive_avg_pool2d_backward(dy, x, **case.options), bound + TINY, "dx")


@pytest.mark.parametrize("case", APART, ids=str)
def test_exact(case, isa):
    """Windows of 2ⁿ pixels, each in one of them."""
    rng = np.random.default_rng(0)
    x, dy = integers(rng, (5, *case.image)), integers(rng, (5, *case.out_shape))
    assert_same(ops.adaptive_avg_pool2d(x, **case.options), reference.adaptive_avg_pool2d(x, **case.options), "y")
    dx = ops.adaptive_avg_pool2d_backward(dy, x, **case.options)
    assert_same(dx, reference.adaptive_avg_pool2d_backward(dy, x, **case.options), "dx")


@pytest.mark.parametrize("size, count, pool, stride", [(12, 4, 3, 3), (13, 6, 3, 2), (7, 6, 2, 1), (5, 1, 5, 1)])
def test_regular_windows_are_those_of_pooling(size, count, pool, stride):
    x = np.random.default_rng(0).standard_normal((2, size, size, 7)).astype(np.float32)
    dy = np.random.default_rng(1).standard_normal((2, count, count, 7)).astype(np.float32)
    assert_same(ops.adaptive_avg_pool2d(x, count), ops.avg_pool2d(x, pool, stride), "y")
    found = ops.adaptive_avg_pool2d_backward(dy, x, count), ops.avg_pool2d_backward(dy, x, pool, stride)
    assert_same(*found, "dx")
    assert _ops.adaptive_avg_pool2d((size, size, 7), (count, count)).name == "avg_pool2d"


def test_second_derivatives():
    """Of an average they pass with the squares of its factors, whatever the windows."""
    op = _ops.adaptive_avg_pool2d((5, 1, 1), (2, 1)).with_curvature()
    dy, dx = np.array([9.0, 18.0], np.float32), poisoned(5)
    program = _ops.Program([op], [(0, "data")], [(0, 1, 1, True)])
    program.bind_rows(0, "dy", dy, 2), program.bind_rows(0, "dx", dx, 5)
    program.run(1, 1)
    np.testing.assert_allclose(dx, [1, 1, 3, 2, 2], rtol=1e-6)


def test_attributes_count_from_the_next_call_on():
    layer, x = L.AdaptiveAveragePooling2D((2, 3)), np.random.default_rng(0).standard_normal((1, 4, 5, 6))
    layer.data_format = "channels_first"
    assert layer(x).shape == (1, 4, 2, 3) and layer.get_config()["output_size"] == (2, 3)
    with pytest.raises(AttributeError, match="another layer is needed"):
        layer.data_format = "channels_last"


@pytest.mark.parametrize("batch, threads", [(1, 1), (6, 1), (19, 2), (40, 3)])
@pytest.mark.parametrize("filters", [3, 24], ids=["lanes", "channels"])
def test_training(filters, batch, threads):
    model = fastcnn.Sequential(
        [L.Conv2D(filters, 3, activation="tanh", input_shape=(13, 12, 2)), L.AdaptiveAveragePooling2D((4, 6)),
         L.Conv2D(5, 2, activation="tanh"), L.GlobalAveragePooling2D(keepdims=True), L.Conv2D(4, 1), L.Flatten(),
         L.Activation("softmax")], seed=0)
    model.compile(fastcnn.optimizers.SGD(1.0), "sparse_categorical_crossentropy")
    twin, rng, before = Twin(model), np.random.default_rng(batch), [layer.get_weights() for layer in model.layers]
    x, y = clear_batch(twin, rng, batch, (13, 12, 2)), targets(rng, "sparse_categorical_crossentropy", batch, 4)
    with fastcnn.num_threads(threads):
        assert model.train_on_batch(x, y) == pytest.approx(twin.step(x, y), rel=1e-5)
        np.testing.assert_allclose(model.predict(x), twin.predict(x), rtol=1e-4, atol=1e-6)
    assert assert_trained_alike(model, twin, before, 2e-5) == 6
