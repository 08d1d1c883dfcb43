"""The augmentation of images: crops, mirrors, means, light and mixing against the reference, and what is drawn."""

import numpy as np
import pytest
from buffers import UNIT, assert_same, assert_within, guarded, guarded_before, poisoned
from remembered import reference

import fastcnn
from fastcnn import ops

POSITIONS = ["centre", "random", "top_left", "top_right", "bottom_left", "bottom_right"]
SHAPES = [(1, 1, 1), (5, 4, 3), (7, 9, 1), (6, 11, 2), (9, 17, 4), (12, 40, 3), (3, 33, 1)]  # height, width, channels
SIDES = pytest.mark.parametrize("guard", [guarded, guarded_before], ids=["after", "before"])


def images(shape, n=4):
    return np.random.default_rng(shape).integers(0, 256, (n, *shape), np.uint8)


def crops(shape):
    """Whole, one pixel less, a corner pixel, and something between."""
    h, w, _ = shape
    return sorted({(h, w), (max(h - 1, 1), max(w - 1, 1)), (1, 1), ((h + 1) // 2, (w + 2) // 3)})


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_crops_and_mirrors_are_exact(shape, isa):
    """Whole means and scales of powers of two: no rounding, so every bit is the reference's."""
    x, c = images(shape), shape[2]
    means = [0.0, 7.0, list(range(3, 3 + c)), np.random.default_rng(1).integers(0, 256, shape).astype(np.float32)]
    for number, crop in enumerate(crops(shape)):
        for position in POSITIONS:
            for flip in ("never", "random", "always"):
                for mean in means:
                    options = {"crop": crop, "position": position, "flip": flip, "mean": mean, "scale": 0.5,
                               "seed": number, "epoch": 3}
                    assert_same(ops.augment(x, **options), reference.augment(x, **options), str(options))


@SIDES
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_nothing_outside_the_arrays_is_touched(shape, guard, isa):
    x, mean = guard(images(shape)), guard(np.ones(shape, np.float32))
    for crop in crops(shape):
        for flip in ("never", "always"):
            for position in POSITIONS:
                y = poisoned((len(x), *crop, shape[2]), guard)
                options = {"crop": crop, "position": position, "flip": flip, "mean": mean, "partner": [1, 2, 3, 0],
                           "weight": 0.25}
                assert ops.augment(x, **options, out=y) is y
                assert_same(y, reference.augment(x, **options))


def pca(seed=0):
    vectors = np.linalg.qr(np.random.default_rng(seed).standard_normal((3, 3)))[0]
    return {"lighting": 0.1, "eigenvectors": vectors, "eigenvalues": [55.0, 4.8, 1.1]}


@pytest.mark.parametrize("seed, epoch", [(0, 0), (2**64 - 1, 2**63 - 1), (5, 2**33)], ids=str)
def test_light_scale_and_mixing(seed, epoch, isa):
    x = images((14, 19, 3), 7)
    options = {"crop": (11, 13), "position": "random", "flip": "random", "mean": [123.7, 116.3, 103.5],
               "scale": [0.017, 0.0175, 0.0174], "index": [5, 2**31 - 1, 0, 9, 77, 1, 5]}
    options |= {"seed": seed, "epoch": epoch, **pca()}
    bound = 300 * 0.0175 * 8 * UNIT  # |x − mean + light| < 300; at most eight roundings
    assert_within(ops.augment(x, **options), reference.augment(x, **options), bound, "light")
    options |= {"partner": [3, 1, 0, 6, 5, 4, 2], "weight": 0.3}
    assert_within(ops.augment(x, **options), reference.augment(x, **options), bound, "mixed")


def test_a_partner_has_its_own_draw():
    """Whole weights of 1 and 0: y is the image itself, or its partner as it stands in the same epoch."""
    x, partner = images((8, 8, 3), 6), [5, 4, 3, 2, 1, 0]
    options = {"crop": 5, "position": "random", "flip": "random", "index": [10, 11, 12, 13, 14, 15]}
    plain = ops.augment(x, **options)
    assert_same(ops.augment(x, **options, partner=partner, weight=1.0), plain)
    assert_same(ops.augment(x, **options, partner=partner, weight=0.0), plain[partner])


def test_threads_do_not_matter(isa, threads):
    """Images large enough for threads to be woken."""
    x = images((100, 110, 3), 10)
    options = {"crop": (91, 97), "position": "random", "flip": "random", "seed": 2, "mean": np.float32(x[0]), "scale": 0.25}
    assert fastcnn._ops.augment(x.shape[1:], (91, 97), "random", "random", None, [1] * 3, None).cost * 10 > 1.5e6
    y = ops.augment(x, **options)
    assert_same(y, reference.augment(x, **options))
    options |= {"partner": np.arange(10)[::-1], "weight": 0.3, **pca()}
    y = ops.augment(x, **options)
    with fastcnn.num_threads(1):
        assert_same(y, ops.augment(x, **options))


def test_the_cut_into_batches_does_not_matter():
    x, index = images((20, 20, 3), 24), np.random.default_rng(3).permutation(24)
    options = {"crop": 13, "position": "random", "flip": "random", "seed": 4, "epoch": 2, **pca()}
    whole = ops.augment(x, **options)
    assert_same(ops.augment(x[index], **options, index=index), whole[index])
    for i in range(24):
        assert_same(ops.augment(x[i : i + 1], **options, index=[i])[0], whole[i])


def test_statistics_of_the_draws():
    """20,000 images of one pixel that tell where they were cropped: every place alike, half of them mirrored."""
    n, size = 20_000, 6
    place = np.broadcast_to(np.arange(size * size, dtype=np.uint8).reshape(1, size, size, 1), (n, size, size, 1))
    drawn = ops.augment(place, crop=(2, 3), position="random", flip="random", seed=9)
    mirrored = drawn[:, 0, 0, 0] > drawn[:, 0, 2, 0]
    assert abs(mirrored.mean() - 0.5) < 4 * 0.5 / n**0.5
    corner = drawn.min(axis=(1, 2, 3)).astype(int)
    counts = np.bincount(corner, minlength=36).reshape(6, 6)
    assert counts[5:].sum() == counts[:, 4:].sum() == 0
    places = counts[:5, :4] / n
    assert np.abs(places - 1 / 20).max() < 4.5 * (0.05 * 0.95 / n) ** 0.5
    assert abs(np.corrcoef(mirrored, corner % 6)[0, 1]) < 4 / n**0.5
    light = ops.augment(np.zeros((n, 1, 1, 3), np.uint8), seed=9, **pca())[:, 0, 0]
    vectors, values = pca()["eigenvectors"], np.array(pca()["eigenvalues"])
    alpha = light @ vectors / values  # eigenvectors are orthonormal
    assert np.abs(alpha.mean(0)).max() < 4 * 0.1 / n**0.5
    np.testing.assert_allclose(alpha.std(0), 0.1, rtol=4 / (2 * n) ** 0.5)
    assert np.abs(np.corrcoef(alpha.T) - np.eye(3)).max() < 4 / n**0.5
    assert abs((np.abs(alpha) > 0.2).mean() - 0.0455) < 0.003  # two standard deviations: a normal distribution


def test_epochs_and_seeds_differ_and_dropout_is_apart():
    x = images((40, 40, 1), 50)
    draws = [ops.augment(x, crop=8, position="random", flip="random", seed=s, epoch=e) for s, e in ((0, 0), (0, 1), (1, 0))]
    for a in range(3):
        for b in range(a):
            assert np.mean([np.array_equal(p, q) for p, q in zip(draws[a], draws[b])]) < 0.1
    words = reference.philox4x32([0, 0, 0, 0], [0, 0])
    assert not np.array_equal(fastcnn.reference.augment.__globals__["words"]([0], 0, 0)[0], words)


def test_any_layout_and_no_images():
    x = images((6, 7, 3), 8)
    options = {"crop": (3, 4), "flip": "always"}
    expected = ops.augment(x, **options)
    assert_same(ops.augment(x[::2], **options), expected[::2])
    assert_same(ops.augment(np.asfortranarray(x), **options), expected)
    x.flags.writeable = False
    assert_same(ops.augment(x, **options), expected)
    assert ops.augment(x[:0], **options).shape == (0, 3, 4, 3)


IMAGE = np.zeros((2, 5, 6, 3), np.uint8)


@pytest.mark.parametrize(
    "x, options, error, message",
    [
        (IMAGE.astype(np.float32), {}, TypeError, "uint8.*float32"),
        (IMAGE[0], {}, TypeError, r"shape \(5, 6, 3\)"),
        ([[1]], {}, TypeError, "Received: list"),
        (np.zeros((1, 2, 2, 5), np.uint8), {}, TypeError, "1 to 4 channels.*5"),
        (np.zeros((1, 0, 2, 3), np.uint8), {}, TypeError, "Received"),
        (IMAGE, {"crop": (6, 6)}, ValueError, r"5 × 6 pixels. Received: \(6, 6\)"),
        (IMAGE, {"crop": 0}, ValueError, "Received: 0"),
        (IMAGE, {"position": "middle"}, ValueError, "'centre'.*Received: 'middle'"),
        (IMAGE, {"flip": True}, ValueError, "'always'. Received: True"),
        (IMAGE, {"mean": [1, 2]}, ValueError, r"3 channels. Received: \[1.0, 2.0\]"),
        (IMAGE, {"mean": np.zeros((5, 6, 1))}, ValueError, r"\(5, 6, 3\). Received: shape \(5, 6, 1\)"),
        (IMAGE, {"scale": [1, np.inf, 1]}, ValueError, "finite"),
        (IMAGE, {"lighting": 0.1}, ValueError, "Received: no eigenvectors"),
        (IMAGE[..., :1], {"lighting": 0.1}, ValueError, "Received: 1 channels"),
        (IMAGE, {"lighting": -1}, ValueError, "Received: -1"),
        (IMAGE, {"lighting": 1, "eigenvectors": np.eye(2), "eigenvalues": [1, 2, 3]}, ValueError, r"\(2, 2\)"),
        (IMAGE, {"index": [1]}, ValueError, r"2 integers.*shape \(1,\)"),
        (IMAGE, {"index": [0, -1]}, ValueError, "Received: -1 … 0"),
        (IMAGE, {"index": [0.0, 1.0]}, ValueError, "float64"),
        (IMAGE, {"partner": [0, 2]}, ValueError, "0 … 1. Received: 0 … 2"),
        (IMAGE, {"partner": [1, 0], "weight": 1.5}, ValueError, "Received: 1.5"),
        (IMAGE, {"seed": 2**64}, ValueError, "Received: 18446744073709551616"),
        (IMAGE, {"epoch": -1}, ValueError, "Received: -1"),
        (IMAGE, {"out": np.zeros((2, 5, 6, 3))}, TypeError, "float64"),
    ],
)
def test_what_is_refused(x, options, error, message):
    with pytest.raises(error, match=message):
        ops.augment(x, **options)


def test_the_bridge_checks_the_size_of_items():
    op = fastcnn._ops.augment((5, 6, 3), (5, 6), "centre", "never", [0] * 3, [1] * 3, None)
    program = fastcnn._ops.Program([op], [(0, "forward")], [(0, 1, 1, True)])
    with pytest.raises(ValueError, match="8-bit"):
        program.bind(0, "pixels", np.zeros(90, np.float32))
    with pytest.raises(ValueError, match="32-bit"):
        program.bind(0, "index", np.zeros(2, np.int64))


def test_padding_is_mirrored_and_cropped_by_chance():
    x = images((6, 5, 3), 30)
    augmentation = fastcnn.images.Augmentation(5, flip=False, padding=3)
    padded = np.pad(x, ((0, 0), (3, 3), (3, 3), (0, 0)), "symmetric")
    assert_same(augmentation(x, 4, 2), ops.augment(padded, 5, "random", seed=4, epoch=2))
    whole = fastcnn.images.Augmentation(None, flip=False, padding=3)
    assert whole.out_shape((6, 5, 3)) == whole(x).shape[1:] == (6, 5, 3)
    assert_same(augmentation.evaluation()(x), ops.augment(x, 5))
    with pytest.raises(ValueError, match="crop must fit into the images"):
        fastcnn.images.Augmentation(6, padding=3)(x)
    with pytest.raises(ValueError, match="padding needs a mean per channel"):
        fastcnn.images.Augmentation(5, mean=np.zeros((6, 5, 3)), padding=3)


@pytest.mark.parametrize("bent", ["scaling", "squeezing", "shearing"])
def test_bent_images(bent):
    x = images((12, 12, 3), 8)
    augmentation = fastcnn.images.Augmentation(8, random_crop=False, flip=False, **{bent: 0.3})
    y = augmentation(x, seed=1, epoch=5)
    assert_same(y, ops.augment(np.rint(ops.distort(x, **{bent: 0.3}, seed=1 ^ 2**63, epoch=5)).astype(np.uint8), 8))
    assert_same(y[3:4], augmentation(x[3:4], seed=1, epoch=5, index=[3]))
    assert not np.array_equal(y, augmentation(x, seed=1, epoch=6))
    assert fastcnn.images.Augmentation.from_config(augmentation.get_config()).get_config() == augmentation.get_config()
    assert_same(augmentation.evaluation()(x), ops.augment(x, 8))
    with pytest.raises(ValueError, match=f"{bent} must"):
        fastcnn.images.Augmentation(8, **{bent: -1})
