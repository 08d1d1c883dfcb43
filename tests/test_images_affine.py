"""fastcnn.images.affine: each pixel comes from where the matrix says, whatever lies outside of the image."""

import numpy as np
import pytest

from fastcnn.images.affine import FILL_MODES, affine_matrices, affine_transform


def pixel(image, row, column, fill_mode, cval):
    """One pixel between others, by the definition: the image continued as far as needed."""
    h, w, _ = image.shape
    if fill_mode == "constant" and not (-1e-6 <= row <= h - 1 + 1e-6 and -1e-6 <= column <= w - 1 + 1e-6):
        return np.full(image.shape[2], cval)
    if fill_mode in ("nearest", "constant"):
        continued, pad = np.pad(image, ((9 * h,) * 2, (9 * w,) * 2, (0, 0)), "edge"), (9 * h, 9 * w)
    else:
        name = {"reflect": "symmetric", "wrap": "wrap"}[fill_mode]
        continued, pad = np.pad(image, ((8 * h,) * 2, (8 * w,) * 2, (0, 0)), name), (8 * h, 8 * w)
    top, left = int(np.floor(row)), int(np.floor(column))
    down, right = row - top, column - left
    corners = continued[top + pad[0]:top + pad[0] + 2, left + pad[1]:left + pad[1] + 2]
    return ((1 - down) * ((1 - right) * corners[0, 0] + right * corners[0, 1])
            + down * ((1 - right) * corners[1, 0] + right * corners[1, 1]))


@pytest.mark.parametrize("fill_mode", FILL_MODES)
def test_against_the_definition(fill_mode):
    rng, shape = np.random.default_rng(1), (5, 7)
    x = rng.random((3, *shape, 2)).astype(np.float32)
    matrices = affine_matrices(shape, rng.uniform(-60, 60, 3), rng.uniform(-4, 4, (2, 3)), rng.uniform(-30, 30, 3),
                               rng.uniform(0.5, 2, (2, 3)))
    expected = [[[pixel(image, *(matrix @ (i, j, 1))[:2], fill_mode, 0.25) for j in range(7)] for i in range(5)]
                for image, matrix in zip(x.astype(np.float64), matrices)]
    np.testing.assert_allclose(affine_transform(x, matrices, fill_mode, 0.25), expected, rtol=0, atol=1e-6)


def test_identity_and_whole_steps_are_exact():
    x = np.random.default_rng(0).random((2, 6, 5, 3)).astype(np.float32)
    assert np.array_equal(affine_transform(x, affine_matrices((6, 5), rotation=[0, 0])), x)
    moved = affine_transform(x, affine_matrices((6, 5), shift=([2, 2], [-1, -1])), "constant", 7)
    assert np.array_equal(moved[:, :4, 1:], x[:, 2:, :4]) and np.all(moved[:, 4:] == 7) and np.all(moved[:, :, 0] == 7)
    around = affine_transform(x, affine_matrices((6, 5), shift=([2, -13], [0, 4])), "wrap")
    assert np.array_equal(around[0], np.roll(x[0], -2, 0)) and np.array_equal(around[1], np.roll(x[1], (13, -4), (0, 1)))


def test_directions():
    x = np.random.default_rng(0).random((1, 5, 5, 1)).astype(np.float32)
    for mode in FILL_MODES:
        turned = affine_transform(x, affine_matrices((5, 5), rotation=90), mode)
        np.testing.assert_allclose(turned[0], np.rot90(x[0]), atol=1e-6)
    line = np.zeros((1, 5, 5, 1), np.float32)
    line[0, :, 2] = 1
    slanted = affine_transform(line, affine_matrices((5, 5), shear=30))[0, ..., 0]
    centre = (slanted * np.arange(5)).sum(1) / slanted.sum(1)
    assert centre[0] < 1.5 and centre[2] == pytest.approx(2) and centre[4] > 2.5, "lower rows to the right"
    x = np.arange(9.0).reshape(1, 9, 1, 1)
    assert affine_transform(x, affine_matrices((9, 1), zoom=(0.5, 1)))[0, :, 0, 0].tolist() == [
        2, 2.5, 3, 3.5, 4, 4.5, 5, 5.5, 6], "below 1 the image grows"


def test_each_image_has_its_own_matrix():
    x = np.random.default_rng(0).random((3, 4, 4, 1)).astype(np.float32)
    together = affine_transform(x, affine_matrices((4, 4), rotation=[0, 10, 20], zoom=([1, 1.5, 1], 1)))
    for i, (angle, zoom) in enumerate(((0, 1), (10, 1.5), (20, 1))):
        alone = affine_transform(x[i:i + 1], affine_matrices((4, 4), angle, zoom=(zoom, 1)))
        assert np.array_equal(together[i:i + 1], alone)
    assert affine_transform(x[:0], np.zeros((0, 3, 3))).shape == (0, 4, 4, 1)


@pytest.mark.parametrize("change, message", [
    ({"x": np.zeros((4, 4, 1))}, "x must have 4 dimensions"),
    ({"matrices": np.zeros((3, 3))}, r"\(2, 3, 3\). Received: shape \(3, 3\)"),
    ({"fill_mode": "edge"}, "fill_mode must be one of 'nearest'.*'edge'"),
])
def test_what_is_refused(change, message):
    given = {"x": np.zeros((2, 4, 4, 1)), "matrices": np.zeros((2, 3, 3)), **change}
    with pytest.raises(ValueError, match=message):
        affine_transform(**given)
