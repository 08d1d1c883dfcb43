"""Batches of images made by threads: the same bits whatever the threads, nothing lost, nothing left running."""

import gc
import threading
import time
import warnings

import numpy as np
import pytest

import fastcnn
from fastcnn import layers, ops
from fastcnn.datasets import ImageArray
from fastcnn.images import Augmentation, ImageBatches, ImageError, predict

N, SHAPE = 75, (20, 24, 3)
PCA = {"lighting": 0.1, "eigenvectors": np.eye(3), "eigenvalues": [50, 5, 1]}
CROP = Augmentation((16, 17), mean=[120, 110, 100], std=[58, 57, 57], **PCA)


def array_source(n=N):
    rng = np.random.default_rng(0)
    return ImageArray(rng.integers(0, 256, (n, *SHAPE), np.uint8), rng.integers(0, 5, n), "abcde")


class Slow(ImageArray):
    """Takes a while, longer for some; breaks or fails where told."""

    def __init__(self, n=N, broken=(), fails=(), errors=RuntimeError):
        super().__init__(array_source(n).x, array_source(n).labels, "abcde")
        self.bad, self.fails, self.error, self.reads = set(broken), set(fails), errors, 0

    def read(self, indices, out):
        time.sleep(0.002 * (indices[0] % 3))
        self.reads += 1
        good = super().read(indices, out)
        for row, i in enumerate(indices):
            if int(i) in self.fails:
                raise self.error(f"image {i}")
            if int(i) in self.bad:
                self.broken[int(i)] = f"image {i} is broken"
                good[row] = False
                out[row] = 99
        return good


def running():
    return [t.name for t in threading.enumerate() if t.name.startswith("fastcnn-images")]


def copies(batches, epoch=0, first=0):
    return [(x.copy(), y.copy()) for x, y in batches.epoch(epoch, first)]


def same(a, b):
    return len(a) == len(b) and all(np.array_equal(p[0], q[0]) and np.array_equal(p[1], q[1]) for p, q in zip(a, b))


@pytest.mark.parametrize("options", [{}, {"mixup": 0.4}, {"one_hot": True, "shuffle": False}], ids=str)
def test_the_same_bits_whatever_the_threads(options):
    expected = None
    for workers in (1, 2, 4, None):
        for prefetch in (1, 3):
            for count in (1, 3):
                with fastcnn.num_threads(count):
                    batches = ImageBatches(Slow(), 32, CROP, seed=7, workers=workers, prefetch=prefetch, **options)
                    actual = copies(batches, 2)
                expected = expected or actual
                assert same(actual, expected), (workers, prefetch, count)
    assert len(expected) == 3 and [len(y) for _, y in expected] == [32, 32, 11]
    assert all(x.dtype == np.float32 and x.shape[1:] == (16, 17, 3) for x, _ in expected)


def test_an_epoch_is_what_it_says():
    source = array_source()
    batches = ImageBatches(source, 32, CROP, seed=3)
    assert (len(batches), batches.samples, batches.class_names, batches.shape) == (3, N, list("abcde"), (16, 17, 3))
    for epoch in (0, 5):
        order = np.random.default_rng([3, epoch]).permutation(N)
        for i, (x, y) in enumerate(copies(batches, epoch)):
            numbers = order[32 * i : 32 * i + 32]
            assert np.array_equal(x, CROP(source.x[numbers], 3, epoch, numbers))
            assert y.dtype == np.int32 and np.array_equal(y, source.labels[numbers])
    assert not np.array_equal(copies(batches, 0)[0][0], copies(batches, 1)[0][0])
    for i in range(3):
        assert same([batches[i]], [copies(batches)[i]])
    assert same(copies(batches, 4)[2:], copies(batches, 4, first=2)) and copies(batches, 4, first=3) == []
    assert same(list(batches), copies(batches))
    for bad in (3, -1):
        with pytest.raises(IndexError, match="0 to 2"):
            batches[bad]
    plain = ImageBatches(source, 100, shuffle=False)[0]
    assert np.array_equal(plain[0], source.x) and np.array_equal(plain[1], source.labels)


def test_mixing():
    source = array_source()
    batches = ImageBatches(source, 40, CROP.evaluation(), seed=1, mixup=0.3, shuffle=False)
    weights = []
    for epoch in range(30):
        for i, (x, y) in enumerate(batches.epoch(epoch)):
            rng, numbers = np.random.default_rng([1, epoch, i, 1]), np.arange(N)[40 * i : 40 * i + 40]
            weight, partner = rng.beta(0.3, 0.3), rng.permutation(len(numbers))
            one_hot, images = np.eye(5)[source.labels[numbers]], CROP.evaluation()(source.x[numbers])
            np.testing.assert_allclose(y, weight * one_hot + (1 - weight) * one_hot[partner], atol=1e-6)
            np.testing.assert_allclose(x, weight * images + (1 - weight) * images[partner], atol=1e-5)
            weights.append(weight)
    assert np.mean(np.minimum(weights, np.subtract(1, weights)) < 0.1) > 0.4, "a Beta of 0.3 is at the ends mostly"


def test_batches_may_be_kept_and_memory_is_used_again():
    batches = ImageBatches(array_source(400), 16, CROP, workers=2)
    kept = list(batches.epoch(1))
    assert same(kept, copies(batches, 1))
    part = [x[3, 2:4] for x, _ in batches.epoch(1)]  # a view of a view keeps the memory, too
    assert all(np.array_equal(p, x[3, 2:4]) for p, (x, _) in zip(part, kept))
    del kept, part
    places = {x.ctypes.data for x, _ in batches.epoch(0)}
    assert len(places) <= batches.prefetch + 2 < len(batches)


def test_work_ahead_is_bounded():
    source = Slow(320)
    batches = ImageBatches(source, 16, None, workers=4, prefetch=2)
    iterator = batches.epoch(0)
    assert source.reads == 0 and running() == [], "nothing begins before the first batch is asked for"
    for taken in (1, 2):
        next(iterator)
        until = time.monotonic() + 100
        while source.reads < taken + 2 and time.monotonic() < until:
            time.sleep(0.01)
        time.sleep(0.1)
        assert source.reads == taken + 2
    iterator.close()


@pytest.mark.parametrize("end", ["exhausted", "closed", "forgotten", "interrupted", "failed", "never begun"])
def test_no_thread_stays(end):
    batches = ImageBatches(Slow(), 4, CROP, workers=4, prefetch=4)
    iterator = batches.epoch(0)
    if end == "exhausted":
        assert len(list(iterator)) == 19
    elif end == "never begun":
        del iterator
    else:
        next(iterator)
        assert running()
        if end == "closed":
            iterator.close()
        elif end == "forgotten":
            del iterator
            gc.collect()
        else:
            with pytest.raises(KeyboardInterrupt if end == "interrupted" else ZeroDivisionError):
                iterator.throw(KeyboardInterrupt if end == "interrupted" else ZeroDivisionError)
    assert running() == []


def test_ctrl_c_while_waiting(run_python):
    code = (
        "import _thread, threading, time, numpy as np\n"
        "from fastcnn.datasets import ImageArray; from fastcnn.images import ImageBatches\n"
        "class Source(ImageArray):\n"
        "    def read(self, indices, out):\n"
        "        reads.append(indices)\n"
        "        if len(reads) == 3: _thread.interrupt_main()\n"
        "        time.sleep(0.5); return super().read(indices, out)\n"
        "reads = []\n"
        "batches = ImageBatches(Source(np.zeros((64, 4, 4, 3), np.uint8), [0] * 64), 4, workers=2)\n"
        "try:\n    list(batches.epoch(0))\n"
        "except KeyboardInterrupt:\n"
        "    names = [t.name for t in threading.enumerate() if t.name.startswith('fastcnn')]\n"
        "    print('stopped', names, len(reads) < 9)\n"
    )
    run = run_python("-c", code)
    assert run.stdout == "stopped [] True\n", run.stderr


@pytest.mark.parametrize("workers", [1, 4])
def test_errors_reach_the_consumer(workers):
    batches = ImageBatches(Slow(fails=[40]), 16, CROP, shuffle=False, workers=workers)
    seen = 0
    with pytest.raises(RuntimeError, match="image 40"):
        for _ in batches.epoch(0):
            seen += 1
    assert seen == 2 and running() == []
    with pytest.raises(RuntimeError, match="image 40"):
        batches[2]


def test_broken_images_are_left_out_with_one_warning():
    expected = None
    for workers in (1, 2, 4):
        source = Slow(broken=[0, 33, 34, 35, 50])
        batches = ImageBatches(source, 16, CROP, shuffle=False, seed=5, workers=workers)
        with pytest.warns(UserWarning, match="5 of 75 images .* left out: image 0 is broken; .*and 2 more") as caught:
            actual = copies(batches, 1)
        assert len(caught) == 1
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            copies(batches, 2)  # no news
        expected = expected or actual
        assert same(actual, expected)
    assert [len(y) for _, y in expected] == [15, 16, 13, 15, 11]
    numbers = np.setdiff1d(np.arange(32, 48), [33, 34, 35])
    assert np.array_equal(expected[2][0], CROP(source.x[numbers], 5, 1, numbers))


def test_a_batch_is_never_empty():
    source = Slow(broken=range(64, 75))
    batches = ImageBatches(source, 16, CROP, shuffle=False, seed=5)
    with pytest.warns(UserWarning, match="11 of 75"):
        last = copies(batches, 1)[-1]
    assert same([last], [(CROP(source.x[:1], 5, 1, [0]), source.labels[:1])])
    with pytest.raises(ValueError, match="75 images, none of them readable"):
        list(ImageBatches(Slow(broken=range(75)), 16, CROP).epoch(0))


@pytest.mark.parametrize(
    "options, error, message",
    [
        ({"source": np.zeros((3, 4, 4, 3), np.uint8)}, TypeError, "Received: an array of uint8, .*without labels, read"),
        ({"source": ImageArray(np.zeros((3, 4, 4, 3), np.uint8))}, ValueError, "no labels"),
        ({"source": ImageArray(np.zeros((0, 4, 4, 3), np.uint8), np.zeros(0, int))}, ValueError, "no images"),
        ({"batch_size": 0}, ValueError, "Received: 0"),
        ({"augmentation": "flip"}, TypeError, "Received: 'flip'"),
        ({"augmentation": Augmentation(21)}, ValueError, r"20 × 24 pixels. Received: \(21, 21\)"),
        ({"shuffle": 1}, TypeError, "Received: 1"),
        ({"seed": -1}, ValueError, "Received: -1"),
        ({"mixup": -0.1}, ValueError, "Received: -0.1"),
        ({"workers": 0}, ValueError, "Received: 0"),
        ({"prefetch": 0}, ValueError, "Received: 0"),
    ],
)
def test_what_is_refused(options, error, message):
    with pytest.raises(error, match=message):
        ImageBatches(**{"source": array_source(), **options})


def test_epochs_are_checked_at_once():
    batches = ImageBatches(array_source(), 32)
    for arguments in ((-1,), (0, 4), (0.5,)):
        with pytest.raises((ValueError, TypeError), match="Received: "):
            batches.epoch(*arguments)


# Augmentation and prediction


def test_augmentation_is_the_op():
    x = array_source().x
    expected = ops.augment(x, (16, 17), "random", "random", [120, 110, 100], 1 / np.array([58, 57, 57]), seed=3, epoch=4,
                           index=np.arange(5, 80), **PCA)
    assert np.array_equal(CROP(x, 3, 4, np.arange(5, 80)), expected)
    plain = ops.augment(x, (16, 17), mean=[120, 110, 100], scale=1 / np.array([58, 57, 57]))
    assert np.array_equal(CROP.evaluation()(x, seed=9, epoch=9), plain) and np.array_equal(CROP.at(x, "centre"), plain)
    image = np.random.default_rng(1).random(SHAPE) * 255
    mean = Augmentation(10, mean=image)
    corner = mean.at(x, "bottom_right", "always")
    np.testing.assert_allclose(corner, (x - image)[:, 10:, 14:][:, :, ::-1], atol=1e-4)
    with pytest.raises(ValueError, match=r"Received: a mean image of shape \(20, 24, 3\)"):
        mean.get_config()
    assert "image of shape (20, 24, 3)" in repr(mean)


def test_augmentation_survives_json():
    import json

    x = array_source().x
    for augmentation in (CROP, Augmentation(), Augmentation(None, False, True, 3, 2.5), CROP.evaluation()):
        again = Augmentation.from_config(json.loads(json.dumps(augmentation.get_config())))
        assert again.get_config() == augmentation.get_config() and repr(again) == repr(augmentation)
        if augmentation.crop != (227, 227):
            assert np.array_equal(again(x, 1, 2), augmentation(x, 1, 2))


@pytest.mark.parametrize(
    "options, message",
    [({"std": 0}, "Received: 0"), ({"std": [1, -1, 1]}, "Received: "), ({"mean": "x"}, "Received: 'x'"), ({"crop": 0}, "0"),
     ({"lighting": 0.1}, "statistics"), ({"mean": np.nan}, "finite"), ({"std": np.ones(SHAPE)}, "one per channel")],
    ids=str,
)
def test_augmentations_that_make_no_sense(options, message):
    with pytest.raises(ValueError, match=message):
        Augmentation(**options)


@pytest.fixture
def model():
    return fastcnn.Sequential([fastcnn.Input((16, 17, 3)), layers.Conv2D(4, 5, strides=3, activation="relu"),
                               layers.Flatten(), layers.Dense(5, activation="softmax")])


def test_ten_crops_are_averaged(model):
    source = array_source(21)
    x, views = source.x.astype(np.float32), []
    for top, left in ((0, 0), (0, 7), (4, 0), (4, 7), (2, 3)):
        crop = x[:, top : top + 16, left : left + 17]
        views += [crop, crop[:, :, ::-1]]
    prepared = [(v - np.float32([120, 110, 100])) / np.float32([58, 57, 57]) for v in views]
    expected = np.mean([model.predict(np.ascontiguousarray(v)).astype(float) for v in prepared], axis=0)
    for images in (source.x, source):
        for batch_size in (4, 128):
            y = predict(model, images, CROP, crops=10, batch_size=batch_size)
            assert y.dtype == np.float32
            np.testing.assert_allclose(y, expected, atol=2e-5)
    assert np.ptp([model.predict(np.ascontiguousarray(v))[0, 0] for v in prepared]) > 1e-3, "the crops differ"
    np.testing.assert_allclose(predict(model, source, CROP), model.predict(CROP.evaluation()(source.x)), atol=1e-6)
    assert predict(model, source.x[:0], CROP, crops=10).shape == (0, 5)


def test_predictions_are_never_left_out(model):
    with pytest.raises(ImageError, match="image 12 is broken"):
        predict(model, Slow(21, broken=[12]), CROP)
    for crops in (5, True, "10"):
        with pytest.raises(ValueError, match="crops must be 1 .* or 10"):
            predict(model, array_source().x, CROP, crops=crops)
