"""Distortions of images: against the reference, what is drawn, and that nothing but seed, epoch and number matters."""

import numpy as np
import pytest
from buffers import UNIT, assert_same, assert_within, guarded, guarded_before, poisoned
from remembered import reference

import fastcnn
from fastcnn import ops
from fastcnn.images import ArrayBatches, Augmentation, Distortion

CHANCE = {"translation": 2.5, "scaling": 0.2, "squeezing": 0.15, "shearing": 0.3}
SHAPES = [(1, 1, 1), (28, 28, 1), (5, 9, 3), (12, 4, 2), (3, 17, 5)]


def images(shape, n=5, dtype=np.uint8):
    x = np.random.default_rng(shape).integers(0, 256, (n, *shape), np.uint8)
    return x if dtype == np.uint8 else (x / 7 - 9).astype(np.float32)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_against_the_reference(shape, dtype, isa, threads):
    x, largest = images(shape, dtype=dtype), 256
    for size in (None, (32, 32), (3, 7)):
        options = {**CHANCE, "size": size, "background": 3, "mean": 20, "scale": 0.5, "seed": 7, "epoch": 2}
        bound = 16 * UNIT * largest * 0.5 + 1e-9
        assert_within(ops.distort(x, **options), reference.distort(x, **options), bound, str(size))


@pytest.mark.parametrize("guard", [guarded, guarded_before])
def test_nothing_outside_the_arrays_is_touched(guard, isa):
    for shape in SHAPES:
        for dtype in (np.uint8, np.float32):
            x = guard(images(shape, dtype=dtype))
            y = poisoned((len(x), 9, 6, shape[2]), guard)
            assert ops.distort(x, (9, 6), **CHANCE, out=y) is y
            assert_within(y, reference.distort(x, (9, 6), **CHANCE), 0.01)


def test_without_chance_images_are_centred(isa):
    x = images((28, 28, 1))
    y = ops.distort(x, 32, mean=20, scale=0.5)
    assert_same(y, np.pad((x - np.float32(20)) / 2, ((0, 0), (2, 2), (2, 2), (0, 0)), constant_values=-10))
    assert_same(ops.distort(x, (26, 20), epoch=3), x[:, 1:27, 4:24])
    assert_same(ops.distort(x, seed=9), x)


def test_each_map_by_hand():
    """A ramp shows where a pixel came from; each distortion alone moves it as its formula says."""
    rows, columns = np.mgrid[0:41, 0:31].astype(np.float32)
    x = np.broadcast_to(np.stack([rows, columns], -1), (300, 41, 31, 2)).copy()
    middle = np.array([20.0, 15.0])
    inner = np.s_[:, 10:31, 10:21]

    def moved(**options):
        return ops.distort(x, seed=1, **options)[inner] - x[inner]

    d = moved(translation=3.0)
    assert np.ptp(d, axis=(1, 2)).max() < 1e-4 and 2.9 < np.abs(d).max() <= 3
    assert abs(np.corrcoef(d[:, 0, 0].T)[0, 1]) < 0.2 and np.abs(d[:, 0, 0].mean(0)).max() < 0.35
    away = x[inner] - middle
    zoom = 1 / (1 + moved(scaling=0.25)[:, 0, 0] / away[:, 0, 0])
    np.testing.assert_allclose(zoom[:, 0], zoom[:, 1], rtol=1e-5)
    assert 0.75 <= zoom.min() < 0.76 and 1.24 < zoom.max() <= 1.2501
    ratio = 1 / (1 + moved(squeezing=0.25)[:, 0, 0] / away[:, 0, 0])
    np.testing.assert_allclose(ratio[:, 0] * ratio[:, 1], 1, rtol=1e-5)
    assert 0.75 <= ratio[:, 1].min() < 0.76 and 1.24 < ratio[:, 1].max() <= 1.2501
    d = moved(shearing=0.3)
    assert np.abs(d[..., 0]).max() < 1e-4
    shear = -d[:, 0, 0, 1] / away[:, 0, 0, 0]
    np.testing.assert_allclose(d[..., 1], -shear[:, None, None] * away[..., 0], atol=1e-4)
    assert -0.3 <= shear.min() < -0.29 and 0.29 < shear.max() <= 0.3


def test_threads_and_the_cut_do_not_matter():
    x, index = images((28, 28, 1), 300), np.random.default_rng(3).permutation(300)
    options = {"size": 32, "seed": 4, "epoch": 2, **CHANCE}
    assert fastcnn._ops.distort((28, 28, 1), (32, 32), 0, 0, 0, 0, 0, 0, 1).cost * 300 > 1.5e6, "enough for threads"
    whole = []
    for threads in (1, 2, 5):
        with fastcnn.num_threads(threads):
            whole.append(ops.distort(x, **options))
    assert np.array_equal(whole[0], whole[1]) and np.array_equal(whole[0], whole[2])
    assert np.array_equal(ops.distort(x[index], **options, index=index), whole[0][index])
    for i in (0, 17, 299):
        assert np.array_equal(ops.distort(x[i : i + 1], **options, index=[i])[0], whole[0][i])


def test_epochs_and_seeds_differ():
    x = images((10, 10, 1), 40)
    draws = [ops.distort(x, **CHANCE, seed=s, epoch=e) for s, e in ((0, 0), (0, 1), (1, 0), (2**64 - 1, 2**63 - 1))]
    for a in range(4):
        for b in range(a):
            assert not any(np.array_equal(p, q) for p, q in zip(draws[a], draws[b]))


IMAGE = np.zeros((2, 5, 6, 3), np.uint8)


@pytest.mark.parametrize("x, options, error, message", [
    (IMAGE.astype(np.float64), {}, TypeError, "uint8 or float32.*float64"),
    (IMAGE[0], {}, TypeError, r"shape \(5, 6, 3\)"), ([[1]], {}, TypeError, "Received: list"),
    (IMAGE, {"size": 0}, ValueError, "Received: 0"), (IMAGE, {"size": 2**21}, ValueError, "must stay in the range"),
    (IMAGE, {"translation": -1}, ValueError, "Received: -1"), (IMAGE, {"scaling": 1.0}, ValueError, "0.9.*Received: 1.0"),
    (IMAGE, {"squeezing": 0.95}, ValueError, "Received: 0.95"), (IMAGE, {"shearing": np.inf}, ValueError, "finite"),
    (IMAGE, {"mean": [1, 2, 3]}, TypeError, "mean"), (IMAGE, {"index": [0, -1]}, ValueError, "Received: -1 … 0"),
    (IMAGE, {"epoch": -1}, ValueError, "Received: -1"), (IMAGE, {"out": np.zeros((2, 5, 6, 3))}, TypeError, "float64"),
])  # fmt: skip
def test_what_is_refused(x, options, error, message):
    with pytest.raises(error, match=message):
        ops.distort(x, **options)


# As objects


def test_distortion_is_the_function():
    x, index = images((28, 28, 1)), [4, 0, 2, 2, 9]
    distortion = Distortion(32, **CHANCE, background=5, mean=20, std=4)
    expected = ops.distort(x, 32, **CHANCE, background=5, mean=20, scale=0.25, index=index, seed=3, epoch=8)
    assert_same(distortion(x, 3, 8, index), expected)
    again = Distortion(**distortion.get_config())
    assert_same(again(x, 3, 8, index), expected)
    assert_same(distortion.evaluation()(x, 3, 8), ops.distort(x, 32, background=5, mean=20, scale=0.25))
    assert distortion.out_shape((28, 28, 1)) == (32, 32, 1) and Distortion().out_shape((5, 6, 2)) == (5, 6, 2)
    for options in ({"std": 0}, {"scaling": 2}, {"size": 0}, {"background": np.nan}):
        with pytest.raises(ValueError, match="Received"):
            Distortion(**options)


@pytest.mark.parametrize("size", [1, 7, 300])
def test_batches_are_of_seed_and_epoch_alone(size):
    x, y = images((9, 8, 1), 600), np.arange(600)
    distortion = Distortion(10, **CHANCE, mean=3)
    batches = ArrayBatches(x[..., 0], y, size, distortion, seed=5)
    assert len(batches) == -(-600 // size) and batches.samples == 600
    order = np.random.default_rng([5, 2]).permutation(600)
    expected = distortion(x[order], 5, 2, order)
    found = [(a.copy(), b) for a, b in batches.epoch(2)]
    assert len(found) == len(batches) and {len(a) for a, _ in found[:-1]} <= {size}
    assert np.array_equal(np.concatenate([a for a, _ in found]), expected)
    assert np.array_equal(np.concatenate([b for _, b in found]), order)
    first = len(batches) // 2
    with fastcnn.num_threads(3):
        rest = [(a.copy(), b) for a, b in batches.epoch(2, first)]
    assert np.array_equal(np.concatenate([a for a, _ in rest]), expected[first * size :])
    assert not list(batches.epoch(2, len(batches)))
    assert not np.array_equal(next(batches.epoch(3))[0], found[0][0])


def test_batches_in_order_and_other_augmentations():
    x, y = images((9, 8, 3), 5), np.eye(5)
    batches = ArrayBatches(x, y, 2, Augmentation(6, flip=False, random_crop=False), shuffle=False)
    found = [(a.copy(), b) for a, b in batches.epoch()]
    assert np.array_equal(np.concatenate([a for a, _ in found]), x[:, 1:7, 1:7])
    assert np.array_equal(np.concatenate([b for _, b in found]), y)


def test_fit_takes_them_and_goes_on_exactly():
    x, y = images((12, 12, 1), 40), np.arange(40) % 3
    L = fastcnn.layers

    def trained(*epochs):
        model = fastcnn.Sequential([L.Flatten(input_shape=(12, 12, 1)), L.Dense(3, "softmax")], seed=0)
        model.compile("sgd", "sparse_categorical_crossentropy")
        batches = ArrayBatches(x, y, 4, Distortion(None, **CHANCE, mean=128, std=90), seed=1)
        for end in epochs:
            model.fit(batches, epochs=end, verbose=0, resume=True)
        return model.get_weights()

    assert all(np.array_equal(a, b) for a, b in zip(trained(3), trained(1, 3)))


@pytest.mark.parametrize("arguments, error, message", [
    ((np.zeros((2, 3)), [1, 2]), ValueError, r"shapes \(2, 3\) and \(2,\)"),
    ((IMAGE, [1]), ValueError, r"\(1,\)"), ((IMAGE[:0], []), ValueError, "shapes"),
    ((IMAGE, [1, 2], 0, Distortion()), ValueError, "batch_size"), ((IMAGE, [1, 2], 1), TypeError, "Received: None"),
    ((IMAGE, [1, 2], 1, ops.distort), TypeError, "Received: the function distort"),
])  # fmt: skip
def test_what_batches_refuse(arguments, error, message):
    with pytest.raises(error, match=message):
        ArrayBatches(*arguments)
    with pytest.raises(ValueError, match="first .*Received: 3"):
        ArrayBatches(IMAGE, [1, 2], 1, Distortion()).epoch(0, 3)
