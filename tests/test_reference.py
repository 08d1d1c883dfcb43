"""The NumPy reference: forwards against hand-computed values, backwards against central differences."""

import doctest
import inspect
import itertools
import math

import numpy as np
import pytest
import remembered

from fastcnn import reference as ref

# Central differences with step H on values of size ~1 have a rounding error of eps/H ~ 2e-11 and a truncation
# error of H²·f‴/6 ~ 2e-11·f‴: relative to the largest gradient, 1e-6 leaves room for every operation here and
# is far below what a wrong term, window, count or sign would cause.
H = 1e-5
GRADIENT_TOLERANCE = 1e-6


def generator(*shape):
    """A random generator that depends on the case only."""
    return np.random.default_rng([len(shape), *shape])


def normal(*shape):
    return generator(*shape).standard_normal(shape)


def away_from_zero(*shape):
    """Random values with 0.1 <= |x|: a step of H does not cross a kink at 0."""
    rng = generator(*shape)
    return rng.uniform(0.1, 2.0, shape) * rng.choice([-1.0, 1.0], shape)


def distinct(*shape):
    """Random order, no two values closer than 0.01, both signs: a step of H never changes a maximum."""
    count = math.prod(shape)
    return 0.01 * (generator(*shape).permutation(count) - count // 2).reshape(shape)


def numeric_gradient(f, arrays, which, dy):
    """d(Σ dy·f(arrays)) / d(arrays[which]) by central differences (of y, then summed: less rounding)."""
    gradient = np.empty(arrays[which].shape)
    for index in np.ndindex(gradient.shape):
        values = []
        for step in (H, -H):
            moved = list(arrays)
            moved[which] = arrays[which].copy()
            moved[which][index] += step
            values.append(f(*moved))
        gradient[index] = (dy * (values[0] - values[1])).sum() / (2 * H)
    return gradient


def check_gradients(name, *arrays, fixed=(), **options):
    """Compares each gradient that <name>_backward returns with central differences of <name>.

    `fixed` are array arguments that get no gradient. Arguments are read-only, so that writing to one raises.
    """
    forward, backward = getattr(ref, name), getattr(ref, f"{name}_backward")
    arrays = [np.array(a, dtype=np.float64) for a in arrays]
    for a in arrays:
        a.flags.writeable = False

    def f(*values):
        return forward(*values, *fixed, **options)

    y = f(*arrays)
    dy = np.random.default_rng(y.size).uniform(0.5, 1.5, y.shape) * np.where(
        np.arange(y.size) % 3, 1, -1
    ).reshape(y.shape)
    dy.flags.writeable = False
    gradients = backward(dy, *arrays, *fixed, **options)
    assert isinstance(gradients, tuple) == (len(arrays) > 1)
    gradients = gradients if isinstance(gradients, tuple) else (gradients,)
    assert len(gradients) == len(arrays)
    for which, gradient in enumerate(gradients):
        expected = numeric_gradient(f, arrays, which, dy)
        scale = np.abs(expected).max()
        assert scale > 1e-3, "the case does not exercise the gradient"
        assert gradient.shape == arrays[which].shape
        assert gradient.dtype == np.float64
        np.testing.assert_allclose(gradient, expected, rtol=0, atol=GRADIENT_TOLERANCE * scale)


# ---------------------------------------------------------------------------------------------- convolution


def direct_conv2d(x, kernel, bias, strides, pads, dilation, groups):
    """The definition, one product at a time. `pads` are ((top, bottom), (left, right))."""
    (n_images, in_h, in_w, in_c), (filter_h, filter_w, _, out_c) = x.shape, kernel.shape
    (top, bottom), (left, right) = pads
    out_h = (in_h + top + bottom - (filter_h - 1) * dilation[0] - 1) // strides[0] + 1
    out_w = (in_w + left + right - (filter_w - 1) * dilation[1] - 1) // strides[1] + 1
    y = np.zeros((n_images, out_h, out_w, out_c))
    for n in range(n_images):
        for oh in range(out_h):
            for ow in range(out_w):
                for oc in range(out_c):
                    group = oc // (out_c // groups)
                    for fh in range(filter_h):
                        for fw in range(filter_w):
                            for ic in range(in_c // groups):
                                row = oh * strides[0] + fh * dilation[0] - top
                                col = ow * strides[1] + fw * dilation[1] - left
                                if 0 <= row < in_h and 0 <= col < in_w:
                                    pixel = x[n, row, col, group * (in_c // groups) + ic]
                                    y[n, oh, ow, oc] += pixel * kernel[fh, fw, ic, oc]
    return y + bias


# id: x shape, (kh, kw, out), arguments, pads worked out by hand
CONV_CASES = {
    "plain": ((2, 5, 4, 3), (3, 2, 2), {}, ((0, 0), (0, 0))),
    "1x1": ((2, 3, 3, 4), (1, 1, 3), {}, ((0, 0), (0, 0))),
    "whole_image": ((2, 3, 4, 2), (3, 4, 5), {}, ((0, 0), (0, 0))),
    "stride2": ((1, 6, 7, 2), (3, 3, 2), {"strides": 2}, ((0, 0), (0, 0))),
    "stride_pair_rows_left_over": ((1, 8, 6, 2), (2, 3, 2), {"strides": (3, 1)}, ((0, 0), (0, 0))),
    "stride_beyond_filter": ((1, 7, 7, 2), (2, 1, 2), {"strides": 3}, ((0, 0), (0, 0))),
    "pad_int": ((1, 4, 5, 2), (3, 3, 2), {"padding": 1}, ((1, 1), (1, 1))),
    "pad_pair": ((1, 4, 5, 2), (3, 3, 2), {"padding": (2, 0)}, ((2, 2), (0, 0))),
    "pad_four": ((1, 4, 5, 2), (3, 3, 2), {"padding": ((0, 2), (1, 3))}, ((0, 2), (1, 3))),
    "pad_beyond_filter": ((1, 2, 2, 2), (2, 2, 1), {"padding": 3}, ((3, 3), (3, 3))),
    "same_odd": ((1, 5, 4, 2), (3, 5, 2), {"padding": "same"}, ((1, 1), (2, 2))),
    "same_even_filter": ((1, 5, 4, 2), (2, 4, 2), {"padding": "same"}, ((0, 1), (1, 2))),
    # rows 8/2 = 4 windows: (4-1)·2 + 3 - 8 = 1; columns ⌈7/2⌉ = 4: 6 + 3 - 7 = 2
    "same_stride2": ((1, 8, 7, 2), (3, 3, 2), {"padding": "same", "strides": 2}, ((0, 1), (1, 1))),
    # ⌈6/4⌉ = 2 windows: 4 + 2 - 6 = 0, never negative; ⌈5/4⌉ = 2: 4 + 2 - 5 = 1
    "same_stride_beyond_filter": (
        (1, 6, 5, 2),
        (1, 2, 2),
        {"padding": "same", "strides": 4},
        ((0, 0), (0, 1)),
    ),
    # filter extents 5 and 3·1+1 = 4: 5 - 1 = 4 and 4 - 1 = 3
    "same_dilated": ((1, 5, 6, 2), (3, 2, 2), {"padding": "same", "dilation_rate": (2, 3)}, ((2, 2), (1, 2))),
    "dilated": ((1, 7, 6, 2), (3, 2, 2), {"dilation_rate": 2}, ((0, 0), (0, 0))),
    "dilated_strided_padded": (
        (1, 9, 8, 2),
        (2, 3, 2),
        {"dilation_rate": (3, 2), "strides": (2, 3), "padding": ((1, 0), (2, 1))},
        ((1, 0), (2, 1)),
    ),
    "groups2": ((1, 4, 4, 4), (3, 2, 6), {"groups": 2}, ((0, 0), (0, 0))),
    "groups3_strided_same": (
        (1, 5, 5, 6),
        (3, 3, 3),
        {"groups": 3, "strides": 2, "padding": "same"},
        ((1, 1), (1, 1)),
    ),
    "depthwise": ((1, 4, 4, 3), (2, 2, 3), {"groups": 3}, ((0, 0), (0, 0))),
    "depthwise_two_per_channel": ((1, 4, 4, 3), (2, 2, 6), {"groups": 3}, ((0, 0), (0, 0))),
    "large_filter_stride4": ((1, 11, 11, 2), (7, 7, 1), {"strides": 4}, ((0, 0), (0, 0))),
}
conv_cases = pytest.mark.parametrize("case", CONV_CASES.values(), ids=CONV_CASES.keys())


def conv_arrays(case):
    x_shape, (filter_h, filter_w, out_c), options, _ = case
    kernel_shape = (filter_h, filter_w, x_shape[3] // options.get("groups", 1), out_c)
    return normal(*x_shape), normal(*kernel_shape), normal(out_c)


def both(value):
    return value if isinstance(value, tuple) else (value, value)


@conv_cases
def test_conv2d_is_the_definition(case):
    x, kernel, bias = conv_arrays(case)
    _, _, options, pads = case
    expected = direct_conv2d(
        x,
        kernel,
        bias,
        both(options.get("strides", 1)),
        pads,
        both(options.get("dilation_rate", 1)),
        options.get("groups", 1),
    )
    y = ref.conv2d(x, kernel, bias, **options)
    assert y.shape == expected.shape
    # At most 98 products of size ~1, summed in another order: errors of some eps·√98, far below 1e-12.
    np.testing.assert_allclose(y, expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(ref.conv2d(x, kernel, **options), expected - bias, rtol=0, atol=1e-12)


@conv_cases
def test_conv2d_backward(case):
    check_gradients("conv2d", *conv_arrays(case), **case[2])


def test_conv2d_backward_without_bias():
    check_gradients("conv2d", normal(2, 4, 4, 2), normal(3, 3, 2, 3), padding="same")


@pytest.mark.parametrize("id", ["plain", "pad_four", "stride_pair_rows_left_over", "groups2"])
def test_conv2d_channels_first(id):
    x, kernel, bias = conv_arrays(CONV_CASES[id])
    options = CONV_CASES[id][2]
    y = ref.conv2d(x, kernel, bias, **options)
    dy = normal(*y.shape)
    dx, *rest = ref.conv2d_backward(dy, x, kernel, bias, **options)

    x, dy = x.transpose(0, 3, 1, 2), dy.transpose(0, 3, 1, 2)
    first = dict(options, data_format="channels_first")
    np.testing.assert_array_equal(ref.conv2d(x, kernel, bias, **first), y.transpose(0, 3, 1, 2))
    dx_first, *rest_first = ref.conv2d_backward(dy, x, kernel, bias, **first)
    np.testing.assert_array_equal(dx_first, dx.transpose(0, 3, 1, 2))
    for gradient_first, gradient in zip(rest_first, rest):
        np.testing.assert_array_equal(gradient_first, gradient)


def test_conv2d_shapes_of_alexnet():
    x = np.zeros((1, 227, 227, 3))
    assert ref.conv2d(x, np.zeros((11, 11, 3, 2)), strides=4).shape == (1, 55, 55, 2)
    x = np.zeros((1, 27, 27, 4))
    assert ref.conv2d(x, np.zeros((5, 5, 2, 4)), padding=2, groups=2).shape == (1, 27, 27, 4)


def test_conv2d_of_an_empty_batch():
    x, kernel, bias = np.zeros((0, 4, 4, 2)), normal(3, 3, 2, 5), normal(5)
    y = ref.conv2d(x, kernel, bias)
    assert y.shape == (0, 2, 2, 5)
    dx, dkernel, dbias = ref.conv2d_backward(y, x, kernel, bias)
    assert dx.shape == x.shape
    assert dkernel.shape == kernel.shape and not dkernel.any()
    assert dbias.shape == bias.shape and not dbias.any()


# -------------------------------------------------------------------------------------------------- pooling


def direct_pool2d(x, pool_size, strides, pads, out_size, count_include_pad):
    """The definition, one window at a time: the maxima and the means."""
    n_images, in_h, in_w, channels = x.shape
    (top, bottom), (left, right) = pads
    maxima = np.empty((n_images, *out_size, channels))
    means = np.empty(maxima.shape)
    for n, oh, ow, c in np.ndindex(maxima.shape):
        values, counted = [], 0
        for fh in range(pool_size[0]):
            for fw in range(pool_size[1]):
                row, col = oh * strides[0] + fh - top, ow * strides[1] + fw - left
                if 0 <= row < in_h and 0 <= col < in_w:
                    values.append(x[n, row, col, c])
                if row < in_h + bottom and col < in_w + right:
                    counted += 1
        maxima[n, oh, ow, c] = max(values)
        means[n, oh, ow, c] = sum(values) / (counted if count_include_pad else len(values))
    return maxima, means


NO_PADS = ((0, 0), (0, 0))
# id: x shape, arguments; pads and output size worked out by hand. All are valid for max and average pooling.
POOL_CASES = {
    "plain": ((2, 4, 6, 2), {"pool_size": 2}, NO_PADS, (2, 3)),
    "left_over": ((1, 5, 7, 2), {"pool_size": (2, 3)}, NO_PADS, (2, 2)),
    "overlapping": ((1, 7, 7, 2), {"pool_size": 3, "strides": 2}, NO_PADS, (3, 3)),
    "stride1": ((1, 5, 4, 2), {"pool_size": (3, 2), "strides": 1}, NO_PADS, (3, 3)),
    "gaps": ((1, 7, 8, 2), {"pool_size": 2, "strides": 3}, NO_PADS, (2, 3)),
    "stride_pair": ((1, 7, 6, 2), {"pool_size": (2, 3), "strides": (3, 1)}, NO_PADS, (2, 4)),
    "global": ((2, 3, 4, 2), {"pool_size": (3, 4)}, NO_PADS, (1, 1)),
    "pad_int": ((1, 5, 5, 2), {"pool_size": 3, "strides": 2, "padding": 1}, ((1, 1), (1, 1)), (3, 3)),
    "pad_pair": ((1, 5, 5, 2), {"pool_size": 3, "strides": 2, "padding": (2, 0)}, ((2, 2), (0, 0)), (4, 2)),
    "pad_four": (
        (1, 4, 5, 2),
        {"pool_size": 3, "strides": 1, "padding": ((0, 2), (1, 0))},
        ((0, 2), (1, 0)),
        (4, 4),
    ),
    "one_pixel": ((1, 1, 1, 2), {"pool_size": 3, "strides": 1, "padding": 2}, ((2, 2), (2, 2)), (3, 3)),
    # rows: 2 windows need 6 of 5 pixels
    "same": ((1, 5, 6, 2), {"pool_size": 3, "padding": "same"}, ((0, 1), (0, 0)), (2, 2)),
    # rows: 3 windows need 7 of 6; columns: 4 need 9 of 7
    "same_overlapping": (
        (1, 6, 7, 2),
        {"pool_size": 3, "strides": 2, "padding": "same"},
        ((0, 1), (1, 1)),
        (3, 4),
    ),
    "same_even": ((1, 5, 5, 2), {"pool_size": 2, "strides": 1, "padding": "same"}, ((0, 1), (0, 1)), (5, 5)),
    "same_ceil": (
        (1, 5, 6, 2),
        {"pool_size": 2, "strides": (2, 4), "padding": "same", "ceil_mode": True},
        ((0, 1), (0, 0)),
        (3, 2),
    ),
    "ceil": ((1, 6, 6, 2), {"pool_size": 3, "strides": 2, "ceil_mode": True}, NO_PADS, (3, 3)),
    "ceil_exact": ((1, 7, 5, 2), {"pool_size": 3, "strides": 2, "ceil_mode": True}, NO_PADS, (3, 2)),
    "ceil_padded": (
        (1, 6, 4, 2),
        {"pool_size": 3, "strides": 2, "padding": 1, "ceil_mode": True},
        ((1, 1), (1, 1)),
        (4, 3),
    ),
    "ceil_last_window_dropped": (
        (1, 5, 5, 2),
        {"pool_size": 2, "padding": 1, "ceil_mode": True},
        ((1, 1), (1, 1)),
        (3, 3),
    ),
    "ceil_image_less_than_window": (
        (1, 2, 2, 2),
        {"pool_size": 3, "strides": 2, "ceil_mode": True},
        NO_PADS,
        (1, 1),
    ),
}
pool_cases = pytest.mark.parametrize("case", POOL_CASES.values(), ids=POOL_CASES.keys())
both_counts = pytest.mark.parametrize("count_include_pad", [False, True], ids=["count_image", "count_padded"])


def row(*values):
    """A one-channel image of one row."""
    return np.array(values, dtype=np.float64).reshape(1, 1, -1, 1)


def rows(*values):
    """A one-channel image of one column."""
    return row(*values).transpose(0, 2, 1, 3)


@both_counts
@pool_cases
def test_pool2d_is_the_definition(case, count_include_pad):
    shape, options, pads, out_size = case
    x = normal(*shape)
    pool_size = both(options["pool_size"])
    strides = both(options.get("strides", pool_size))
    maxima, means = direct_pool2d(x, pool_size, strides, pads, out_size, count_include_pad)
    np.testing.assert_array_equal(ref.max_pool2d(x, **options), maxima)
    y = ref.avg_pool2d(x, count_include_pad=count_include_pad, **options)
    np.testing.assert_allclose(y, means, rtol=0, atol=1e-14)


@pool_cases
def test_max_pool2d_backward(case):
    check_gradients("max_pool2d", distinct(*case[0]), **case[1])


@both_counts
@pool_cases
def test_avg_pool2d_backward(case, count_include_pad):
    check_gradients("avg_pool2d", normal(*case[0]), count_include_pad=count_include_pad, **case[1])


def pooled_by(function, x, case):
    """`function` of the values of each window, one window at a time."""
    _, options, ((top, _), (left, _)), out_size = case
    (kh, kw), (sh, sw) = both(options["pool_size"]), both(options.get("strides", options["pool_size"]))
    y = np.empty((len(x), *out_size, x.shape[3]))
    for n, oh, ow, c in np.ndindex(y.shape):
        row, col = oh * sh - top, ow * sw - left
        y[n, oh, ow, c] = function(x[n, max(row, 0) : row + kh, max(col, 0) : col + kw, c])
    return y


@pool_cases
def test_smooth_pooling_is_the_definition(case):
    x = normal(*case[0])
    y = pooled_by(lambda v: (v * np.exp(v)).sum() / np.exp(v).sum(), x, case)
    np.testing.assert_allclose(ref.soft_pool2d(x, **case[1]), y, rtol=1e-12, atol=1e-15)
    for p in (1, 2, 3.5):
        y = pooled_by(lambda v, p=p: (np.abs(v) ** p).sum() ** (1 / p), x, case)
        np.testing.assert_allclose(ref.lp_pool2d(x, p, **case[1]), y, rtol=1e-12)


@pool_cases
def test_soft_pool2d_backward(case):
    check_gradients("soft_pool2d", normal(*case[0]), **case[1])


@pytest.mark.parametrize("p", [1, 2, 3.5])
@pool_cases
def test_lp_pool2d_backward(case, p):
    check_gradients("lp_pool2d", away_from_zero(*case[0]), p=p, **case[1])


def test_avg_pool2d_backward_of_empty_windows():
    check_gradients("avg_pool2d", normal(1, 2, 3, 2), pool_size=2, padding=((2, 0), (3, 4)))


@pytest.mark.parametrize("id", ["stride_pair", "pad_four", "ceil_padded"])
@pytest.mark.parametrize("name", ["max_pool2d", "avg_pool2d", "soft_pool2d", "lp_pool2d"])
def test_pool2d_channels_first(name, id):
    pool2d, backward = getattr(ref, name), getattr(ref, f"{name}_backward")
    shape, options, _, _ = POOL_CASES[id]
    options = {**options, "p": 3} if name == "lp_pool2d" else options
    x = normal(*shape)
    y = pool2d(x, **options)
    dy = normal(*y.shape)
    dx = backward(dy, x, **options)

    x, dy = x.transpose(0, 3, 1, 2), dy.transpose(0, 3, 1, 2)
    first = dict(options, data_format="channels_first")
    np.testing.assert_array_equal(pool2d(x, **first), y.transpose(0, 3, 1, 2))
    np.testing.assert_array_equal(backward(dy, x, **first), dx.transpose(0, 3, 1, 2))


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (1, 1, 1, 1), (3, 1, 5, 2)], ids=str)
def test_global_pool2d_backward(shape, data_format):
    check_gradients("global_avg_pool2d", normal(*shape), data_format=data_format)
    check_gradients("global_max_pool2d", distinct(*shape), data_format=data_format)


def test_pool2d_by_hand():
    x = np.array([[1, 2, 5, 3], [4, 0, -1, 7], [-8, -6, 2, 2], [-5, -7, 2, 6]], dtype=float).reshape(
        1, 4, 4, 1
    )
    assert ref.max_pool2d(x, 2).reshape(2, 2).tolist() == [[4, 7], [-5, 6]]
    assert ref.avg_pool2d(x, 2).reshape(2, 2).tolist() == [[1.75, 3.5], [-6.5, 3]]
    assert ref.max_pool2d(x, 3, strides=1).reshape(2, 2).tolist() == [[5, 7], [4, 7]]
    assert ref.global_avg_pool2d(x).tolist() == [[7 / 16]]
    assert ref.global_max_pool2d(x).tolist() == [[7]]


def test_global_pool2d_keeps_images_and_channels_apart():
    x = np.arange(12.0).reshape(2, 1, 3, 2)  # image 0: channels 0 2 4 and 1 3 5
    assert ref.global_avg_pool2d(x).tolist() == [[2, 3], [8, 9]]
    assert ref.global_max_pool2d(x).tolist() == [[4, 5], [10, 11]]


def test_max_pool2d_ignores_padding_though_it_is_zero_elsewhere():
    x = -1.0 - np.arange(4.0).reshape(1, 2, 2, 1)
    y = ref.max_pool2d(x, 2, strides=1, padding=1)
    assert y.reshape(3, 3).tolist() == [[-1, -1, -2], [-1, -1, -2], [-3, -3, -4]]


def test_max_pool2d_of_minus_infinity_beside_padding():
    x = np.full((1, 2, 2, 1), -np.inf)
    assert np.isneginf(ref.max_pool2d(x, 2, strides=2, padding=1)).all()
    dx = ref.max_pool2d_backward(np.ones((1, 2, 2, 1)), x, 2, strides=2, padding=1)
    assert dx.reshape(2, 2).tolist() == [[1, 1], [1, 1]]


# PyTorch's rule, each size by hand. size, pool, stride, padding, ceil_mode, output
POOL_SIZES = [
    (4, 3, 2, 0, False, 1),
    (4, 3, 2, 0, True, 2),  # ⌈1/2⌉ + 1
    (5, 3, 2, 0, True, 2),  # 2/2 is whole: ceil changes nothing
    (55, 3, 2, 0, False, 27),  # AlexNet
    (112, 3, 2, 0, False, 55),
    (112, 3, 2, 0, True, 56),
    (5, 2, 2, 1, False, 3),
    (5, 2, 2, 1, True, 3),  # ⌈5/2⌉ + 1 = 4, but window 3 would start at 6 = 5 + 1
    (6, 2, 3, 1, True, 3),  # ⌈6/3⌉ + 1 = 3: window 2 starts at 6 < 6 + 1
    (5, 1, 3, 0, True, 2),  # ⌈4/3⌉ + 1 = 3, but window 2 would start at 6 > 5
    (4, 3, 2, 1, True, 3),  # ⌈3/2⌉ + 1: window 2 starts at 4 < 5
    (2, 3, 2, 0, True, 1),  # the only window is wider than the image
]


@pytest.mark.parametrize("size, pool, stride, padding, ceil_mode, out", POOL_SIZES)
def test_pool2d_output_size(size, pool, stride, padding, ceil_mode, out):
    x = np.ones((1, size, 1, 1))
    for pool2d in (ref.max_pool2d, ref.avg_pool2d):
        y = pool2d(x, (pool, 1), (stride, 1), (padding, 0), ceil_mode)
        assert y.shape == (1, out, 1, 1)
        assert (y == 1).all()
        y = pool2d(x.transpose(0, 2, 1, 3), (1, pool), (1, stride), (0, padding), ceil_mode)
        assert y.shape == (1, 1, out, 1)


# x = 1 2 3 …, by hand. size, pool, stride, pads, ceil_mode, count_include_pad, means
AVERAGES = {
    "image_only": (4, 3, 2, (1, 1), False, False, [1.5, 3]),  # (1+2)/2, (2+3+4)/3
    "padding_counts": (4, 3, 2, (1, 1), False, True, [1, 3]),  # (0+1+2)/3
    "asymmetric": (3, 2, 2, (1, 0), False, True, [0.5, 2.5]),
    "ceil_overhang_never_counts": (4, 3, 2, (0, 0), True, True, [2, 3.5]),  # (3+4)/2
    "ceil_overhang_image_only": (4, 3, 2, (0, 0), True, False, [2, 3.5]),
    "ceil_overhang_beside_padding": (4, 3, 2, (1, 1), True, True, [1, 3, 2]),  # (4 + pad)/2
    "ceil_overhang_beside_padding_image_only": (4, 3, 2, (1, 1), True, False, [1.5, 3, 4]),
    "empty_window": (2, 2, 2, (2, 2), False, False, [0, 1.5, 0]),
    "empty_window_padding_counts": (2, 2, 2, (2, 2), False, True, [0, 1.5, 0]),
}


@pytest.mark.parametrize("case", AVERAGES.values(), ids=AVERAGES.keys())
def test_avg_pool2d_counts(case):
    size, pool, stride, pads, ceil_mode, count_include_pad, means = case
    x = row(*range(1, size + 1))
    y = ref.avg_pool2d(x, (1, pool), (1, stride), ((0, 0), pads), ceil_mode, count_include_pad)
    assert y.ravel().tolist() == means
    x = rows(*range(1, size + 1))
    y = ref.avg_pool2d(x, (pool, 1), (stride, 1), (pads, (0, 0)), ceil_mode, count_include_pad)
    assert y.ravel().tolist() == means


def test_avg_pool2d_counts_both_axes():
    y = ref.avg_pool2d(np.ones((1, 3, 3, 1)), 2, padding=((1, 0), (1, 0)), count_include_pad=True)
    assert y.reshape(2, 2).tolist() == [[0.25, 0.5], [0.5, 1]]


def test_same_pooling_pads_the_odd_pixel_at_the_end():
    x = row(1, 2, 3, 4)
    assert ref.avg_pool2d(x, (1, 2), 1, "same").ravel().tolist() == [1.5, 2.5, 3.5, 4]
    assert ref.max_pool2d(-x, (1, 2), 1, "same").ravel().tolist() == [-1, -2, -3, -4]


def test_max_pool2d_backward_of_ties_is_the_first_in_row_major_order():
    x = np.array([[1, 5, 5], [5, 2, 5], [0, 0, 0]], dtype=float).reshape(1, 3, 3, 1)
    dy = np.array([[1, 10], [100, 1000]], dtype=float).reshape(1, 2, 2, 1)
    dx = ref.max_pool2d_backward(dy, x, 2, strides=1)
    # windows: {1 5 | 5 2} → (0,1); {5 5 | 2 5} → (0,1); {5 2 | 0 0} → (1,0); {2 5 | 0 0} → (1,2)
    assert dx.reshape(3, 3).tolist() == [[0, 11, 0], [100, 0, 1000], [0, 0, 0]]
    assert ref.global_max_pool2d_backward([[7.0]], x).reshape(3, 3).tolist() == [
        [0, 7, 0],
        [0, 0, 0],
        [0, 0, 0],
    ]


def test_max_pool2d_passes_the_first_nan():
    nan = np.nan
    x = row(9, nan, nan, 1, 2, 3)
    assert np.array_equal(ref.max_pool2d(x, (1, 3)).ravel(), [nan, 3], equal_nan=True)
    assert ref.max_pool2d_backward(row(5, 6), x, (1, 3)).ravel().tolist() == [0, 5, 0, 0, 0, 6]
    assert np.isnan(ref.global_max_pool2d(x)).all()
    assert ref.global_max_pool2d_backward([[4.0]], x).ravel().tolist() == [0, 4, 0, 0, 0, 0]


# ----------------------------------------------------------------------------- local response normalization


def direct_local_response_norm(x, size, scale, beta, k):
    """The definition for a vector of channels, one neighbour at a time."""
    y = np.empty(len(x))
    for c in range(len(x)):
        energy = k
        for i in range(c - size // 2, c + (size - 1) // 2 + 1):
            if 0 <= i < len(x):
                energy += scale * x[i] ** 2
        y[c] = x[c] / energy**beta
    return y


LRN_CASES = list(itertools.product([1, 2, 3, 4, 5, 7, 8, 20], ["sum", "mean"], [0.5, 0.6, 0.75, 1.0]))


@pytest.mark.parametrize("size, alpha_mode, beta", LRN_CASES)
def test_local_response_norm_is_the_definition(size, alpha_mode, beta):
    x = 2.0 * normal(2, 3, 7)
    scale = 0.3 if alpha_mode == "sum" else 0.3 / size
    y = ref.local_response_norm(x, size, 0.3, beta, 1.5, alpha_mode)
    for index in np.ndindex(2, 3):
        expected = direct_local_response_norm(x[index], size, scale, beta, 1.5)
        np.testing.assert_allclose(y[index], expected, rtol=1e-14, atol=0)


# alpha of order 1, so that the second term of the gradient is as large as the first.
@pytest.mark.parametrize("size, alpha_mode, beta", LRN_CASES)
def test_local_response_norm_backward(size, alpha_mode, beta):
    check_gradients(
        "local_response_norm", normal(3, 7), size=size, alpha=0.8, beta=beta, k=1.0, alpha_mode=alpha_mode
    )


@pytest.mark.parametrize("shape", [(1,), (6,), (2, 2, 3, 6)], ids=str)
def test_local_response_norm_backward_of_any_rank(shape):
    check_gradients("local_response_norm", 30.0 * away_from_zero(*shape))  # AlexNet's constants


WITHIN = list(itertools.product([1, 2, 3, 4, 9], ["sum", "mean"], [0.5, 0.75, 1.0]))


@pytest.mark.parametrize("size, alpha_mode, beta", WITHIN)
def test_local_response_norm_within_channels_is_the_definition(size, alpha_mode, beta):
    x = 2.0 * normal(2, 5, 3, 2)
    scale = 0.3 if alpha_mode == "sum" else 0.3 / size**2
    y = ref.local_response_norm(x, size, 0.3, beta, 1.5, alpha_mode, "within_channel")
    before, after = size // 2, (size - 1) // 2
    for n, h, w, c in np.ndindex(x.shape):
        window = x[n, max(h - before, 0) : h + after + 1, max(w - before, 0) : w + after + 1, c]
        assert y[n, h, w, c] == pytest.approx(x[n, h, w, c] / (1.5 + scale * (window**2).sum()) ** beta, rel=1e-13)


@pytest.mark.parametrize("size, alpha_mode, beta", WITHIN)
def test_local_response_norm_within_channels_backward(size, alpha_mode, beta):
    options = {"size": size, "alpha": 0.8, "beta": beta, "k": 1.0, "alpha_mode": alpha_mode}
    check_gradients("local_response_norm", normal(2, 4, 3, 2), mode="within_channel", **options)


def test_local_response_norm_within_channels_by_hand():
    """Caffe's constants: one plus the mean of nine squares, zeros beyond the image among them."""
    y = ref.local_response_norm(np.full((1, 3, 3, 1), 6.0), 3, 1.0, 1.0, 1.0, "mean", "within_channel")
    corner, edge, middle = 6 / (1 + 4 * 4), 6 / (1 + 6 * 4), 6 / (1 + 9 * 4)
    np.testing.assert_allclose(y.ravel(), [corner, edge, corner, edge, middle, edge, corner, edge, corner], rtol=1e-14)


@pytest.mark.parametrize("groups", [1, 2, 3, 6])
def test_local_response_norm_in_groups(groups):
    """Each group is normalized as if it were alone."""
    x, options = 2.0 * normal(2, 3, 6), {"size": 3, "alpha": 0.8, "k": 1.0}
    alone = [ref.local_response_norm(part, **options) for part in np.split(x, groups, axis=-1)]
    assert np.array_equal(ref.local_response_norm(x, **options, groups=groups), np.concatenate(alone, axis=-1))
    check_gradients("local_response_norm", x, **options, groups=groups)


def test_local_response_norm_worked_example():
    y = ref.local_response_norm(np.arange(1.0, 9.0).reshape(1, 1, 1, 8), size=5, alpha=1.0, beta=1.0, k=0.0)
    expected = [
        0.07142857,
        0.06666667,
        0.05454545,
        0.04444445,
        0.03703704,
        0.03157895,
        0.04022989,
        0.05369128,
    ]
    # Eight printed digits, of float32 (4/90 is .04444444): half a unit of the last, and that one rounding.
    np.testing.assert_allclose(y.ravel(), expected, rtol=0, atol=1e-8)


def test_local_response_norm_of_an_even_size_looks_below():
    y = ref.local_response_norm([1.0, 2.0, 4.0], size=2, alpha=1.0, beta=1.0, k=0.0)
    assert y.tolist() == [1 / 1, 2 / (1 + 4), 4 / (4 + 16)]


def test_local_response_norm_defaults_are_alexnets():
    x = 100.0 * np.ones(9)
    assert ref.local_response_norm(x)[4] == pytest.approx(100 / (2 + 1e-4 * 5 * 1e4) ** 0.75, rel=1e-14)


# ------------------------------------------------------------------------------------ dense and activations


@pytest.mark.parametrize("leading", [(), (4,), (2, 3), (2, 1, 2)], ids=str)
def test_dense_backward(leading):
    check_gradients("dense", normal(*leading, 5), normal(5, 3), normal(3))
    check_gradients("dense", normal(*leading, 5), normal(5, 3))


def test_dense_by_hand():
    x, kernel = [[1.0, 2.0], [3.0, 4.0]], [[1.0, 0.0, -1.0], [10.0, 5.0, 2.0]]
    assert ref.dense(x, kernel).tolist() == [[21, 10, 3], [43, 20, 5]]
    assert ref.dense(x, kernel, [1.0, 2.0, 3.0]).tolist() == [[22, 12, 6], [44, 22, 8]]


ACTIVATIONS = {
    "relu": {},
    "leaky_relu": {},
    "leaky_relu-0.01": {"negative_slope": 0.01},
    "elu": {},
    "elu-0.3": {"alpha": 0.3},
    "sigmoid": {},
    "tanh": {},
    "scaled_tanh": {},
    "softplus": {},
    "softsign": {},
    "hard_sigmoid": {},
    "hard_sigmoid-0.1": {"slope": 0.1},
    "selu": {},
    "exponential": {},
    "relu6": {},
    "silu": {},
    "gelu": {},
    "hard_silu": {},
    "softmax": {},
    "log_softmax": {},
}
activations = pytest.mark.parametrize(
    "name, options",
    [(id.split("-")[0], options) for id, options in ACTIVATIONS.items()],
    ids=ACTIVATIONS.keys(),
)


@activations
@pytest.mark.parametrize("shape", [(7,), (3, 5), (2, 2, 2, 3)], ids=str)
def test_activation_backward(name, options, shape):
    check_gradients(name, 1.5 * away_from_zero(*shape), **options)


BATCH_NORM = {
    "both": ("gamma", "beta"),
    "gamma": ("gamma",),
    "beta": ("beta",),
    "neither": (),
    "given": ("gamma", "beta", "mean", "variance"),
}


@pytest.mark.parametrize("given", BATCH_NORM)
@pytest.mark.parametrize("shape", [(6, 3), (2, 2, 3, 2), (5,)], ids=str)
def test_batch_norm(shape, given):
    """By the definition, and backward."""
    names, c, x = BATCH_NORM[given], shape[-1], 2.0 * normal(*shape) + 1.0
    values = {name: np.arange(1.0, c + 1) / c + (name == "beta") for name in names}
    pixels = x.reshape(-1, c)
    mean, variance = values.get("mean", pixels.mean(0)), values.get("variance", ((pixels - pixels.mean(0)) ** 2).mean(0))
    expected = (x - mean) / np.sqrt(variance + 0.5) * values.get("gamma", 1) + values.get("beta", 0)
    np.testing.assert_allclose(ref.batch_norm(x, **values, epsilon=0.5), expected, rtol=1e-13, atol=1e-14)
    if pixels.shape[0] == 1 and "mean" not in values:
        return  # y is beta, whatever x

    fixed = {name: values[name] for name in ("mean", "variance") if name in values}
    learned = [name for name in names if name not in fixed]
    arrays = [x, *(values[name] for name in learned)]

    def forward(x, *learned_values):
        return ref.batch_norm(x, **dict(zip(learned, learned_values)), **fixed, epsilon=0.5)

    y = forward(*arrays)
    dy = np.random.default_rng(y.size).uniform(0.5, 1.5, y.shape) * np.where(np.arange(y.size) % 3, 1, -1).reshape(y.shape)
    gradients = ref.batch_norm_backward(dy, x, **dict(zip(learned, arrays[1:])), **fixed, epsilon=0.5)
    gradients = gradients if isinstance(gradients, tuple) else (gradients,)
    assert len(gradients) == len(arrays)
    for which, gradient in enumerate(gradients):
        expected = numeric_gradient(forward, arrays, which, dy)
        np.testing.assert_allclose(gradient, expected, rtol=0, atol=GRADIENT_TOLERANCE * np.abs(expected).max())


def test_batch_norm_by_hand():
    x = [[1.0, 0.0], [3.0, 8.0]]
    assert ref.batch_norm(x, epsilon=0).tolist() == [[-1, -1], [1, 1]]
    assert ref.batch_norm(x, [2.0, 3.0], [1.0, 0.0], epsilon=0).tolist() == [[-1, -3], [3, 3]]
    assert ref.batch_norm(x, mean=[1.0, 2.0], variance=[3.0, 0.0], epsilon=1).tolist() == [[0, -2], [1, 6]]
    dx, dgamma, dbeta = ref.batch_norm_backward([[1.0, 2.0], [1.0, 4.0]], x, [2.0, 3.0], [0.0, 0.0], epsilon=0)
    assert dx.tolist() == [[0, 0], [0, 0]], "two values per channel: the normal ones are ±1, whatever they are"
    assert dgamma.tolist() == [0, 2] and dbeta.tolist() == [2, 6]


SLOPES = [(5,), (4, 1, 5), (1, 3, 1), (3, 5), (4, 3, 1), (1,)]


@pytest.mark.parametrize("slopes", SLOPES, ids=str)
def test_prelu(slopes):
    x, alpha = away_from_zero(2, 4, 3, 5), normal(*slopes)
    np.testing.assert_array_equal(ref.prelu(x, alpha), np.where(x > 0, x, x * alpha))
    check_gradients("prelu", x, alpha)


def test_prelu_by_hand():
    assert ref.prelu([[-2.0, 0.0, 3.0]], [0.5, 7.0, 7.0]).tolist() == [[-1, 0, 3]]
    dx, dalpha = ref.prelu_backward([[10.0, 10.0, 10.0]], [[-2.0, 0.0, 3.0]], [0.5, 7.0, 7.0])
    assert dx.tolist() == [[5, 70, 10]] and dalpha.tolist() == [-20, 0, 0], "0 belongs to the negative side"


@pytest.mark.parametrize("group_size", [1, 2, 3])
@pytest.mark.parametrize("shape", [(6,), (4, 12), (2, 3, 2, 6)], ids=str)
def test_maxout_backward(group_size, shape):
    check_gradients("maxout", distinct(*shape), group_size=group_size)


def test_maxout_by_hand():
    nan = np.nan
    x = np.array([[3.0, 5, 5, 1, 7, 7], [-1, nan, nan, 2, 9, nan]])
    assert np.array_equal(ref.maxout(x, 3), [[5, 7], [nan, nan]], equal_nan=True)
    dx = ref.maxout_backward([[1.0, 2], [3, 4]], x, 3)
    assert dx.tolist() == [[0, 1, 0, 0, 2, 0], [0, 3, 0, 0, 0, 4]], "to the first maximum, or the first NaN"


def test_softmax_of_one_class_is_flat():
    assert ref.softmax([[3.0], [-2.0]]).tolist() == [[1], [1]]
    assert ref.softmax_backward([[5.0], [2.0]], [[3.0], [-2.0]]).tolist() == [[0], [0]]


LN3 = math.log(3.0)
ACTIVATION_VALUES = {  # name: (x, y) worked out by hand
    "relu": ([-2, 0, 3], [0, 0, 3]),
    "leaky_relu": ([-2, 0, 3], [-0.4, 0, 3]),
    "elu": ([-LN3, 0, 3], [-2 / 3, 0, 3]),
    "sigmoid": ([-LN3, 0, LN3], [1 / 4, 1 / 2, 3 / 4]),
    "tanh": ([-LN3, 0, LN3], [-4 / 5, 0, 4 / 5]),
    "scaled_tanh": ([-1.5 * LN3, 0, 1.5 * LN3], [-1.7159 * 4 / 5, 0, 1.7159 * 4 / 5]),
    "softplus": ([math.log(0.5), 0, LN3], [math.log(1.5), math.log(2), math.log(4)]),
    "softsign": ([-3, 0, 1], [-3 / 4, 0, 1 / 2]),
    "hard_sigmoid": ([-3, -1.5, 0, 4], [0, 1 / 4, 1 / 2, 1]),
    "selu": ([-LN3, 0, 3], [-1.0507009873554805 * 1.6732632423543772 * 2 / 3, 0, 3 * 1.0507009873554805]),
    "exponential": ([-LN3, 0, math.log(2)], [1 / 3, 1, 2]),
    "relu6": ([-2, 0, 3, 7], [0, 0, 3, 6]),
    "silu": ([-LN3, 0, LN3], [-LN3 / 4, 0, 3 * LN3 / 4]),
    "hard_silu": ([-4, -3, -1, 0, 1, 3, 5], [0, 0, -1 / 3, 0, 2 / 3, 3, 5]),
    "gelu": ([-1, 0, 1], [math.erf(math.sqrt(0.5)) / 2 - 0.5, 0, math.erf(math.sqrt(0.5)) / 2 + 0.5]),
    "softmax": ([0, math.log(2), LN3], [1 / 6, 2 / 6, 3 / 6]),
    "log_softmax": ([0, math.log(2), LN3], [-math.log(6), -math.log(3), -math.log(2)]),
}


@pytest.mark.parametrize("name", ACTIVATION_VALUES)
def test_activation_by_hand(name):
    x, y = ACTIVATION_VALUES[name]
    np.testing.assert_allclose(getattr(ref, name)([x]), [y], rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize(
    "name, options, slope",
    [
        ("relu", {}, 0.0),
        ("leaky_relu", {"negative_slope": 0.3}, 0.3),
        ("elu", {"alpha": 0.4}, 0.4),
        ("selu", {}, 1.0507009873554805 * 1.6732632423543772),
        ("relu6", {}, 0.0),
    ],
    ids=["relu", "leaky_relu", "elu", "selu", "relu6"],
)
def test_activation_gradient_at_zero(name, options, slope):
    backward = getattr(ref, f"{name}_backward")
    assert backward([2.0, 2.0], [0.0, -0.0], **options).tolist() == [2 * slope, 2 * slope]


# x = -1e4, 1e4: the values they tend to, and their slopes
LIMITS = {
    "relu": ([0, 1e4], [0, 1]),
    "leaky_relu": ([-2e3, 1e4], [0.2, 1]),
    "elu": ([-1, 1e4], [0, 1]),
    "sigmoid": ([0, 1], [0, 0]),
    "tanh": ([-1, 1], [0, 0]),
    "scaled_tanh": ([-1.7159, 1.7159], [0, 0]),
    "softplus": ([0, 1e4], [0, 1]),
    "softsign": ([-1 / 1.0001, 1 / 1.0001], [1 / 10001**2, 1 / 10001**2]),
    "hard_sigmoid": ([0, 1], [0, 0]),
    "selu": ([-1.0507009873554805 * 1.6732632423543772, 1.0507009873554805e4], [0, 1.0507009873554805]),
    "relu6": ([0, 6], [0, 0]),
    "silu": ([0, 1e4], [0, 1]),
    "gelu": ([0, 1e4], [0, 1]),
    "hard_silu": ([0, 1e4], [0, 1]),
    "softmax": ([0, 1], [0, 0]),
    "log_softmax": ([-2e4, 0], [1, -1]),
}


@pytest.mark.parametrize("name", LIMITS)
def test_activation_is_stable(name):
    values, slopes = LIMITS[name]
    x = np.array([-1e4, 1e4])
    # log_softmax couples its elements: with dy = (1, 0) dx is (1 - 0, 0 - 1).
    dy = [1.0, 0.0] if name == "log_softmax" else [1.0, 1.0]
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        assert getattr(ref, name)(x).tolist() == pytest.approx(values, abs=1e-300)
        assert getattr(ref, f"{name}_backward")(dy, x).tolist() == pytest.approx(slopes, abs=1e-300)


def test_tails_keep_their_relative_precision():
    tail = math.exp(-40.0)
    relative = {"rel": 1e-14, "abs": 0}
    assert ref.sigmoid([-40.0])[0] == pytest.approx(tail, **relative)
    assert ref.softplus([-40.0])[0] == pytest.approx(tail, **relative)
    assert ref.sigmoid_backward([1.0], [40.0])[0] == pytest.approx(tail, **relative)
    assert ref.tanh_backward([1.0], [20.0])[0] == pytest.approx(4 * tail, **relative)
    assert ref.scaled_tanh_backward([1.0], [30.0])[0] == pytest.approx(1.7159 * 2 / 3 * 4 * tail, **relative)


def test_softmax_is_shift_invariant_and_sums_to_one():
    x = normal(4, 6)
    np.testing.assert_allclose(ref.softmax(x).sum(axis=1), 1, rtol=1e-15)
    np.testing.assert_allclose(ref.softmax(x + 1e4), ref.softmax(x), rtol=1e-11)  # x + 1e4 rounds x to 1e-12
    np.testing.assert_allclose(ref.log_softmax(x), np.log(ref.softmax(x)), rtol=1e-13)


# -------------------------------------------------------------------------------------------------- dropout


def words(text):
    return [int(word, 16) for word in text.split()]


# Known answers of the generator's authors (Random123, kat_vectors, philox4x32-10).
PHILOX = {
    "zeros": ("0 0 0 0", "0 0", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    "ones": (
        "ffffffff ffffffff ffffffff ffffffff",
        "ffffffff ffffffff",
        "408f276d 41c83b0e a20bc7c6 6d5451fd",
    ),
    "pi": (
        "243f6a88 85a308d3 13198a2e 03707344",
        "a4093822 299f31d0",
        "d16cfe09 94fdcceb 5001e420 24126ea1",
    ),
}


@pytest.mark.parametrize("counter, key, expected", PHILOX.values(), ids=PHILOX.keys())
def test_philox_known_answers(counter, key, expected):
    y = ref.philox4x32(words(counter), words(key))
    assert y.dtype == np.uint32
    assert y.tolist() == words(expected)


def test_philox_is_vectorised():
    counters, keys, answers = ([words(vector[part]) for vector in PHILOX.values()] for part in range(3))
    assert ref.philox4x32(counters, keys).tolist() == answers
    one_key = ref.philox4x32(counters, keys[2])
    assert one_key.shape == (3, 4)
    assert one_key[2].tolist() == answers[2]
    assert one_key[0].tolist() != answers[0]


def expected_words(count, seed, step):
    """word_i, one element at a time."""
    low = 2**32
    result = []
    for i in range(count):
        counter = [i // 4 % low, i // 4 // low, step % low, step // low]
        result.append(int(ref.philox4x32(counter, [seed % low, seed // low])[i % 4]))
    return result


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.8])
@pytest.mark.parametrize("seed, step", [(0, 0), (7, 3), (2**40 + 5, 2**33 + 1), (2**64 - 1, 2**64 - 1)])
def test_dropout_mask(rate, seed, step):
    x = away_from_zero(3, 7)  # 21 elements: the last block is partial
    threshold = math.floor(rate * 2**32)
    kept = np.array([word >= threshold for word in expected_words(21, seed, step)]).reshape(3, 7)
    assert kept.any() and not kept.all()
    scale = 1 / (1 - rate)
    np.testing.assert_array_equal(ref.dropout(x, rate, seed, step), np.where(kept, x * scale, 0))
    dy = away_from_zero(7, 3).reshape(3, 7)
    np.testing.assert_array_equal(
        ref.dropout_backward(dy, x, rate, seed, step), np.where(kept, dy * scale, 0)
    )


def test_dropout_of_zero_keys_is_the_known_answer():
    # First words 6627e8d5 e169c58d bc57ac4c 9b00dbd8; half of 2³² is 80000000.
    assert ref.dropout(np.ones(4), 0.5).tolist() == [0, 2, 2, 2]
    assert ref.dropout(np.ones(4), 0x9B00DBD8 / 2**32).astype(bool).tolist() == [False, True, True, True]
    assert ref.dropout(np.ones(4), 0x9B00DBD9 / 2**32).astype(bool).tolist() == [False, True, True, False]


def test_dropout_drops_the_given_fraction():
    # 100,000 draws: a standard deviation of √(.3·.7/1e5) = .0014; the bound is five of them.
    y = ref.dropout(np.ones(100_000), 0.3, seed=1, step=2)
    assert abs((y == 0).mean() - 0.3) < 0.0073
    assert set(np.unique(y)) == {0.0, 1 / 0.7}


def test_dropout_masks_differ_by_seed_and_step():
    masks = [
        ref.dropout(np.ones(64), 0.5, seed, step).tolist() for seed, step in [(0, 0), (0, 1), (1, 0), (1, 1)]
    ]
    assert all(a != b for a, b in itertools.combinations(masks, 2))


def test_dropout_backward():
    check_gradients("dropout", normal(5, 3), rate=0.4, seed=3, step=9)


def test_dropout_of_rate_zero_is_the_identity():
    x = normal(2, 5)
    y = ref.dropout(x, 0.0)
    np.testing.assert_array_equal(y, x)
    assert not np.shares_memory(x, y)


# --------------------------------------------------------------------------------------------------- losses


def probabilities(*shape):
    """Rows that sum to 1, every element well inside the clipping range."""
    p = generator(*shape).uniform(0.1, 1.0, shape)
    return p / p.sum(axis=-1, keepdims=True)


LABELS = np.array([2, 0, 3, 2])
SIGNS = np.where(np.arange(20).reshape(4, 5) % 3, 1.0, -1.0)
LOSS_CASES = {  # id: loss, x, target, options
    "softmax_cross_entropy.labels": ("softmax_cross_entropy", normal(4, 5), LABELS, {}),
    "softmax_cross_entropy.probabilities": ("softmax_cross_entropy", normal(4, 5), probabilities(4, 5), {}),
    "softmax_cross_entropy.weights": ("softmax_cross_entropy", normal(4, 5), 3 * probabilities(4, 5), {}),
    "softmax_cross_entropy.images": ("softmax_cross_entropy", normal(4, 1, 1, 5), LABELS, {}),
    "categorical_cross_entropy.labels": ("categorical_cross_entropy", probabilities(4, 5), LABELS, {}),
    "categorical_cross_entropy.probabilities": (
        "categorical_cross_entropy",
        probabilities(4, 5),
        probabilities(4, 5)[::-1],
        {},
    ),
    "categorical_cross_entropy.unnormalized": (
        "categorical_cross_entropy",
        np.array([[2.0], [0.5], [5.0], [1.0]]) * probabilities(4, 5),
        probabilities(4, 5)[::-1],
        {},
    ),
    "mean_squared_error": ("mean_squared_error", normal(4, 5), normal(5, 4).T, {}),
    "mean_squared_error.images": ("mean_squared_error", normal(2, 3, 2, 2), normal(2, 3, 2, 2)[::-1], {}),
    "mean_squared_error.numbers": ("mean_squared_error", normal(6), np.zeros(6), {}),
    "binary_cross_entropy": ("binary_cross_entropy", probabilities(4, 5), probabilities(4, 5)[::-1], {}),
    "binary_cross_entropy.images": (
        "binary_cross_entropy",
        probabilities(2, 3, 1, 2),
        np.arange(12).reshape(2, 3, 1, 2) % 2,
        {},
    ),
    "softmax_cross_entropy.smooth": ("softmax_cross_entropy", normal(4, 5), LABELS, {"label_smoothing": 0.3}),
    "categorical_cross_entropy.smooth": (
        "categorical_cross_entropy",
        probabilities(4, 5),
        np.eye(5)[LABELS],
        {"label_smoothing": 0.2},
    ),
    "binary_cross_entropy.smooth": (
        "binary_cross_entropy",
        probabilities(4, 5),
        np.eye(5)[LABELS],
        {"label_smoothing": 0.4},
    ),
    "mean_absolute_error": ("mean_absolute_error", normal(4, 5), normal(5, 4).T, {}),
    "mean_absolute_error.images": ("mean_absolute_error", normal(2, 3, 2, 2), normal(2, 3, 2, 2)[::-1], {}),
    "huber": ("huber", normal(4, 5), normal(5, 4).T, {}),
    "huber.delta": ("huber", normal(4, 5), normal(5, 4).T, {"delta": 0.3}),
    "hinge": ("hinge", normal(4, 5), SIGNS, {}),
    "hinge.zeros": ("hinge", normal(4, 5), np.maximum(SIGNS, 0), {}),
    "squared_hinge": ("squared_hinge", normal(4, 5), SIGNS, {}),
    "squared_hinge.images": ("squared_hinge", normal(2, 1, 2, 5), SIGNS.reshape(2, 1, 2, 5), {}),
    "categorical_hinge": ("categorical_hinge", normal(4, 5), np.eye(5)[LABELS], {}),
    "multiclass_hinge": ("multiclass_hinge", normal(4, 5), LABELS, {}),
    "multiclass_hinge.images": ("multiclass_hinge", normal(4, 1, 1, 5), LABELS, {}),
    "binary_cross_entropy.logits": (
        "binary_cross_entropy",
        3 * normal(4, 5),
        probabilities(4, 5),
        {"from_logits": True},
    ),
}


@pytest.mark.parametrize("name, x, target, options", LOSS_CASES.values(), ids=LOSS_CASES.keys())
def test_loss_backward(name, x, target, options):
    assert getattr(ref, name)(x, target, **options).shape == x.shape[:1]
    check_gradients(name, x, fixed=(target,), **options)


def test_losses_by_hand():
    logits = [[0.0, math.log(2), LN3]]  # softmax 1/6 2/6 3/6
    assert ref.softmax_cross_entropy(logits, [1]) == pytest.approx([LN3], rel=1e-14)
    halves = [[0.5, 0.0, 0.5]]
    expected = [0.5 * math.log(6) + 0.5 * math.log(2)]
    assert ref.softmax_cross_entropy(logits, halves) == pytest.approx(expected, rel=1e-14)
    assert ref.categorical_cross_entropy([[1.0, 2.0, 3.0]], halves) == pytest.approx(expected, rel=1e-14)
    assert ref.categorical_cross_entropy([[1.0, 2.0, 3.0]], [1]) == pytest.approx([LN3], rel=1e-14)
    assert ref.mean_squared_error([[1.0, 2.0], [0.0, 0.0]], [[3.0, 3.0], [0.0, 1.0]]).tolist() == [2.5, 0.5]
    expected = [-(math.log(0.25) + 0.5 * math.log(0.2) + 0.5 * math.log(0.8)) / 2]
    assert ref.binary_cross_entropy([[0.25, 0.2]], [[1.0, 0.5]]) == pytest.approx(expected, rel=1e-14)


def test_regression_and_hinge_losses_by_hand():
    x, t = [[1.0, 2.0], [0.0, 0.0]], [[3.0, 3.0], [0.0, 0.5]]
    assert ref.mean_absolute_error(x, t).tolist() == [1.5, 0.25]
    assert ref.mean_absolute_error_backward([1.0, 4.0], x, t).tolist() == [[-0.5, -0.5], [0.0, -2.0]]
    # The example of Keras' documentation: a mean of .155.
    assert ref.huber([[0.6, 0.4], [0.4, 0.6]], [[0, 1], [0, 0]]).mean() == pytest.approx(0.155, rel=1e-12)
    assert ref.huber([[3.0, 0.5]], [[0.0, 0.0]]).tolist() == [(2.5 + 0.125) / 2]
    assert ref.huber([[3.0, 0.5]], [[0.0, 0.0]], delta=4.0).tolist() == [(4.5 + 0.125) / 2]
    assert ref.hinge([[0.5, 2.0, -3.0]], [[1.0, -1.0, -1.0]]).tolist() == [(0.5 + 3.0) / 3]
    assert ref.squared_hinge([[0.5, 2.0, -3.0]], [[1.0, -1.0, -1.0]]).tolist() == [(0.25 + 9.0) / 3]
    for name in ("hinge", "squared_hinge"):  # 0 stands for -1
        signs = getattr(ref, name)([[0.5, 2.0, -3.0]], [[1.0, -1.0, -1.0]])
        assert getattr(ref, name)([[0.5, 2.0, -3.0]], [[1.0, 0.0, 0.0]]) == signs
    rows = [[2.0, 2.5, 1.0], [2.0, 4.0, 1.0], [-5.0, -1.0, -4.0]]
    # 2 − 2.5 + 1; at a lead of 2 nothing; and Keras' maximum sees a 0 for the true class: 0 − (−1) + 1
    assert ref.categorical_hinge(rows, [[0, 1, 0]] * 3).tolist() == [0.5, 0.0, 2.0]
    assert ref.multiclass_hinge(rows, [1, 1, 1]).tolist() == [0.5, 0.0, 0.0]
    assert ref.multiclass_hinge([[1.0, 2.0, 1.5]], [2]).tolist() == [0.5 + 1.5]
    assert ref.multiclass_hinge_backward([2.0], [[1.0, 2.0, 1.5]], [2]).tolist() == [[2.0, 2.0, -4.0]]


def test_label_smoothing_by_hand():
    # t = (0, 1, 0)·.7 + .1
    expected = ref.softmax_cross_entropy([[1.0, 2.0, 4.0]], [[0.1, 0.8, 0.1]])
    np.testing.assert_allclose(ref.softmax_cross_entropy([[1.0, 2.0, 4.0]], [1], label_smoothing=0.3), expected, rtol=1e-14)
    p = [[0.2, 0.3, 0.5]]
    expected = ref.categorical_cross_entropy(p, [[0.1, 0.8, 0.1]])
    actual = ref.categorical_cross_entropy(p, [[0, 1, 0]], label_smoothing=0.3)
    np.testing.assert_allclose(actual, expected, rtol=1e-14)
    # t·.6 + .2
    for options in ({}, {"from_logits": True}):
        expected = ref.binary_cross_entropy(p, [[0.2, 0.8, 0.2]], **options)
        actual = ref.binary_cross_entropy(p, [[0, 1, 0]], label_smoothing=0.4, **options)
        np.testing.assert_allclose(actual, expected, rtol=1e-14)


def test_labels_are_one_hot_rows():
    one_hot = np.eye(5)[LABELS]
    for name in ("softmax_cross_entropy", "categorical_cross_entropy"):
        x = probabilities(4, 5)
        loss, backward = getattr(ref, name), getattr(ref, f"{name}_backward")
        np.testing.assert_array_equal(loss(x, LABELS), loss(x, one_hot))
        np.testing.assert_array_equal(backward(np.ones(4), x, LABELS), backward(np.ones(4), x, one_hot))


def test_logits_and_probabilities_agree():
    x, t = normal(4, 5), probabilities(4, 5)
    np.testing.assert_allclose(
        ref.softmax_cross_entropy(x, t), ref.categorical_cross_entropy(ref.softmax(x), t), rtol=1e-13
    )
    np.testing.assert_allclose(
        ref.binary_cross_entropy(x, t, from_logits=True),
        ref.binary_cross_entropy(ref.sigmoid(x), t),
        rtol=1e-13,
    )


def test_losses_from_logits_are_stable():
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        x = np.array([[1e4, -1e4], [-1e4, 1e4]])
        assert ref.softmax_cross_entropy(x, [0, 0]).tolist() == [0, 2e4]
        assert ref.softmax_cross_entropy_backward([1.0, 1.0], x, [0, 0]).tolist() == [[0, 0], [-1, 1]]
        assert ref.binary_cross_entropy(x, np.ones((2, 2)), from_logits=True).tolist() == [5e3, 5e3]
        dx = ref.binary_cross_entropy_backward([2.0, 2.0], x, np.ones((2, 2)), from_logits=True)
        assert dx.tolist() == [[0, -1], [-1, 0]]


def test_softmax_cross_entropy_ignores_classes_ruled_out():
    assert ref.softmax_cross_entropy([[0.0, -np.inf, 0.0]], [2]).tolist() == [math.log(2)]


def test_clipped_probabilities():
    lowest, highest = -math.log(1e-7), -math.log1p(-1e-7)
    with np.errstate(all="raise"):
        x = np.array([[0.0, 1.0], [1.0, 0.0]])
        assert ref.categorical_cross_entropy(x, [0, 0]) == pytest.approx([lowest, highest], rel=1e-8)
        assert not ref.categorical_cross_entropy_backward([1.0, 1.0], x, [0, 0]).any()
        expected = [(lowest + highest) / 2, (lowest + highest) / 2]
        assert ref.binary_cross_entropy(x, [[1, 1], [0, 0]]) == pytest.approx(expected, rel=1e-8)
        assert not ref.binary_cross_entropy_backward([1.0, 1.0], x, [[1, 1], [0, 0]]).any()


def test_a_clipped_element_leaves_the_others_their_gradient():
    # p = (1e-9, .25, .75 - 1e-9): the first is clipped, so loss = const - log(p1)/2 with p1 = x1 / Σ x.
    x, t = np.array([[1e-9, 0.25, 0.75 - 1e-9]]), [[0.5, 0.5, 0.0]]
    dx = ref.categorical_cross_entropy_backward([1.0], x, t)
    np.testing.assert_allclose(dx, [[0.5, 0.5 - 2.0, 0.5]], rtol=1e-12)
    dx = ref.binary_cross_entropy_backward([3.0], x, [[1.0, 1.0, 1.0]])
    np.testing.assert_allclose(dx, [[0.0, -4.0, -1 / (0.75 - 1e-9)]], rtol=1e-12)


# ------------------------------------------------------------------------------------------------ optimizer


def test_sgd_by_hand():
    w, v = ref.sgd([1.0, 2.0], [10.0, -20.0], learning_rate=0.1)
    assert w.tolist() == [0, 4]
    assert v is None
    # g = dw + .5·w = (10.5, -19); v = .5·(4, 8) - .1·g = (.95, 5.9)
    arguments = {"learning_rate": 0.1, "momentum": 0.5, "weight_decay": 0.5}
    w, v = ref.sgd([1.0, 2.0], [10.0, -20.0], [4.0, 8.0], **arguments)
    np.testing.assert_allclose(v, [0.95, 5.9], rtol=1e-14)
    np.testing.assert_allclose(w, [1.95, 7.9], rtol=1e-14)
    # w + .5·v - .1·g
    w, v = ref.sgd([1.0, 2.0], [10.0, -20.0], [4.0, 8.0], nesterov=True, **arguments)
    np.testing.assert_allclose(v, [0.95, 5.9], rtol=1e-14)
    np.testing.assert_allclose(w, [1 + 0.475 - 1.05, 2 + 2.95 + 1.9], rtol=1e-14)


def test_sgd_starts_at_rest_and_returns_new_arrays():
    w, dw = normal(3, 2), normal(2, 3).T
    before = w.copy()
    w1, v1 = ref.sgd(w, dw, momentum=0.9)
    np.testing.assert_array_equal(v1, -0.01 * dw)
    np.testing.assert_array_equal(w1, w - 0.01 * dw)
    held = v1.copy()
    ref.sgd(w1, dw, v1, momentum=0.9)
    np.testing.assert_array_equal(w, before)
    np.testing.assert_array_equal(v1, held)


def test_sgd_is_alexnets_rule():
    # v ← .9·v − .0005·ε·w − ε·g; w ← w + v
    w, g, v, rate = normal(5), normal(1, 5)[0], normal(5, 1)[:, 0], 0.01
    expected = 0.9 * v - 0.0005 * rate * w - rate * g
    w1, v1 = ref.sgd(w, g, v, rate, momentum=0.9, weight_decay=0.0005)
    np.testing.assert_allclose(v1, expected, rtol=1e-13)
    np.testing.assert_allclose(w1, w + expected, rtol=1e-13)


# ------------------------------------------------------------------------------------------- half weights


def test_half_weights_by_hand():
    """float16 has 11 bits, so 2049 lies between 2048 and 2050; a column's largest is 127 steps of int8."""
    kernel = np.array([[2049.0, 1 / 3, -127.0], [2051.0, 65504.0, 1.5], [2.0**-24, 2.0**-25, 0.49]])
    expected = [[2048.0, 0.333251953125, -127.0], [2052.0, 65504.0, 1.5], [2.0**-24, 0.0, 0.489990234375]]
    np.testing.assert_array_equal(ref.half_weights(kernel, "float16"), expected)
    kernel = np.array([[-254.0, 0.0, 127.0], [3.0, 0.0, 2.5], [-1.1, 0.0, 3.5]])
    expected = [[-254.0, 0.0, 127.0], [4.0, 0.0, 2.0], [-2.0, 0.0, 4.0]]
    np.testing.assert_array_equal(ref.half_weights(kernel, "int8"), expected)
    kernel = np.ones((257, 1)) / 4
    kernel[0], kernel[256] = 127, 1
    restored = ref.half_weights(kernel, "int8")[:, 0]
    assert restored[0] == 127 and not restored[1:256].any() and restored[256] == 1, "rows share a scale by 256"


def test_rmsprop_by_hand():
    # v = .1·100 = 10, step = .1·10/√10: the example of Keras' documentation
    w, v, m, average = ref.rmsprop([10.0], [10.0], learning_rate=0.1)
    assert (w.round(6).tolist(), v.round(12).tolist(), m, average) == ([9.683772], [10.0], None, None)
    # v = .75·4 + .25·4 = 4; average = .75·2 + .25·2 = 2 (no variance): step = .5·2/√.25 = 2; m = .5·6 + 2
    w, v, m, average = ref.rmsprop([1.0], [2.0], [4.0], [6.0], [2.0], 0.5, 0.75, 0.5, 0.25, True)
    assert [a.tolist() for a in (w, v, m, average)] == [[-4.0], [4.0], [5.0], [2.0]]
    # g = 1 + .5·2 = 2, v = .75·5 + .25·4 = 4.75, step = 2/√(4.75 + 4.25)
    w, v, *_ = ref.rmsprop([2.0], [1.0], [5.0], learning_rate=1.0, rho=0.75, epsilon=4.25, weight_decay=0.5)
    np.testing.assert_allclose((w[0], v[0]), (2 - 2 / 3, 4.75), rtol=1e-14)


def test_adagrad_by_hand():
    # a = 7 + 9 = 16, step = .5·3/√(16 + 9)
    w, a = ref.adagrad([1.0], [3.0], [7.0], learning_rate=0.5, epsilon=9.0)
    assert (w.tolist(), a.tolist()) == ([0.7], [16.0])


def test_adadelta_by_hand():
    # a = .5·2 + .5·4 = 3; d = √(8 + 1)/√(3 + 1)·2 = 3; b = .5·8 + .5·9
    w, a, b = ref.adadelta([1.0], [2.0], [2.0], [8.0], learning_rate=0.25, rho=0.5, epsilon=1.0)
    assert [x.tolist() for x in (w, a, b)] == [[0.25], [3.0], [8.5]]


def test_adam_by_hand():
    # m = .5·2 + .5·6 = 4; v = .75·4 + .25·36 = 12; step 2: √(1 − .5625)/(1 − .25) · 4/(√12 + 1)
    w, m, v, v_hat = ref.adam([1.0], [6.0], [2.0], [4.0], None, 2, 0.5, 0.5, 0.75, 1.0)
    assert (m.tolist(), v.tolist(), v_hat) == ([4.0], [12.0], None)
    np.testing.assert_allclose(w, 1 - 0.5 * math.sqrt(0.4375) / 0.75 * 4 / (math.sqrt(12) + 1), rtol=1e-14)
    w, m, v, v_hat = ref.adam([1.0], [6.0], [2.0], [4.0], [25.0], 2, 0.5, 0.5, 0.75, 1.0, True)
    assert (v.tolist(), v_hat.tolist()) == ([12.0], [25.0])
    np.testing.assert_allclose(w, 1 - 0.5 * math.sqrt(0.4375) / 0.75 * 4 / 6, rtol=1e-14)
    # The first step is the learning rate, whatever the gradient: both means are of one value.
    for g in (1e3, -1e-3):
        w, *_ = ref.adam([1.0], [g], learning_rate=0.1, epsilon=1e-30)
        np.testing.assert_allclose(w, 1 - 0.1 * np.sign(g), rtol=1e-12)


OPTIMIZERS = {"sgd": 1, "rmsprop": 3, "adagrad": 1, "adadelta": 2, "adam": 3}  # name: arrays kept


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers_return_new_arrays(name):
    arrays = [normal(4, 2 + i)[:, 0] ** 2 for i in range(2 + OPTIMIZERS[name])]
    for a in arrays:
        a.flags.writeable = False
    new = getattr(ref, name)(*arrays)
    assert len(new) == 1 + OPTIMIZERS[name]
    assert all(a.dtype == np.float64 and a.shape == (4,) for a in new if a is not None)


# ------------------------------------------------------------------------------------ arguments and results

IMAGE = np.zeros((1, 4, 4, 2))
KERNEL = np.zeros((3, 3, 2, 4))
BAD_CALLS = {  # id: call that must fail with ValueError
    "conv2d.rank": lambda: ref.conv2d(IMAGE[0], KERNEL),
    "conv2d.channels": lambda: ref.conv2d(IMAGE[..., :1], KERNEL),
    "conv2d.groups": lambda: ref.conv2d(np.zeros((1, 4, 4, 6)), KERNEL, groups=3),
    "conv2d.no_group": lambda: ref.conv2d(IMAGE, KERNEL, groups=0),
    "conv2d.filter_beyond_image": lambda: ref.conv2d(IMAGE[:, :2], KERNEL),
    "conv2d.empty_image": lambda: ref.conv2d(IMAGE[:, :0], KERNEL, padding="same"),
    "conv2d.bias": lambda: ref.conv2d(IMAGE, KERNEL, np.zeros(1)),
    "conv2d.dy": lambda: ref.conv2d_backward(np.zeros((1, 2, 2, 1)), IMAGE, KERNEL),
    "conv2d.dy_channels_first": lambda: ref.conv2d_backward(
        np.zeros((1, 2, 2, 4)), IMAGE.transpose(0, 3, 1, 2), KERNEL, data_format="channels_first"
    ),
    "conv2d.strides": lambda: ref.conv2d(IMAGE, KERNEL, strides=0),
    "conv2d.three_strides": lambda: ref.conv2d(IMAGE, KERNEL, strides=(1, 1, 1)),
    "conv2d.padding_word": lambda: ref.conv2d(IMAGE, KERNEL, padding="full"),
    "conv2d.padding_negative": lambda: ref.conv2d(IMAGE, KERNEL, padding=-1),
    "conv2d.data_format": lambda: ref.conv2d(IMAGE, KERNEL, data_format="NCHW"),
    "max_pool2d.padding": lambda: ref.max_pool2d(IMAGE, 2, padding=2),
    "max_pool2d.padding_end": lambda: ref.max_pool2d(IMAGE, 3, padding=((0, 0), (0, 3))),
    "max_pool2d.beyond_image": lambda: ref.max_pool2d(IMAGE, 5),
    "max_pool2d.ceil_beyond_image": lambda: ref.max_pool2d(IMAGE[:, :1], 3, strides=1, ceil_mode=True),
    "max_pool2d.dy": lambda: ref.max_pool2d_backward(np.zeros((1, 1, 1, 2)), IMAGE, 2),
    "soft_pool2d.padding": lambda: ref.soft_pool2d(IMAGE, 2, padding=2),
    "lp_pool2d.power": lambda: ref.lp_pool2d(IMAGE, 0.5, 2),
    "lp_pool2d.dy": lambda: ref.lp_pool2d_backward(np.zeros((1, 1, 1, 2)), IMAGE, 2, 2),
    "batch_norm.gamma": lambda: ref.batch_norm(np.zeros((2, 3)), np.zeros(2)),
    "batch_norm.epsilon": lambda: ref.batch_norm(np.zeros((2, 3)), epsilon=-1),
    "batch_norm.mean_alone": lambda: ref.batch_norm(np.zeros((2, 3)), mean=np.zeros(3)),
    "batch_norm.no_channels": lambda: ref.batch_norm(np.zeros((2, 0))),
    "prelu.shapes": lambda: ref.prelu(np.zeros((2, 3)), np.zeros(2)),
    "prelu.no_batch": lambda: ref.prelu(np.zeros(3), np.zeros(3)),
    "prelu.dy": lambda: ref.prelu_backward(np.zeros(3), np.zeros((2, 3)), np.zeros(3)),
    "maxout.group": lambda: ref.maxout(IMAGE, 3),
    "maxout.no_group": lambda: ref.maxout(IMAGE, 0),
    "global_avg_pool2d.empty": lambda: ref.global_avg_pool2d(IMAGE[:, :0]),
    "local_response_norm.size": lambda: ref.local_response_norm(IMAGE, size=0),
    "local_response_norm.groups": lambda: ref.local_response_norm(IMAGE, groups=IMAGE.shape[-1] + 1),
    "local_response_norm.no_groups": lambda: ref.local_response_norm(IMAGE, groups=0),
    "local_response_norm.groups_within": lambda: ref.local_response_norm(IMAGE, mode="within_channel", groups=2),
    "local_response_norm.alpha_mode": lambda: ref.local_response_norm(IMAGE, alpha_mode="max"),
    "local_response_norm.mode": lambda: ref.local_response_norm(IMAGE, mode="within"),
    "local_response_norm.no_images": lambda: ref.local_response_norm(IMAGE[0], mode="within_channel"),
    "local_response_norm.scalar": lambda: ref.local_response_norm(1.0),
    "dense.shapes": lambda: ref.dense(np.zeros((2, 3)), np.zeros((2, 3))),
    "half_weights.dtype": lambda: ref.half_weights(np.zeros((2, 3)), "int4"),
    "half_weights.rank": lambda: ref.half_weights(np.zeros(3), "int8"),
    "half_weights.overflow": lambda: ref.half_weights([[65505.0]], "float16"),
    "half_weights.nan": lambda: ref.half_weights([[1.0, np.nan]], "int8"),
    "dense.bias": lambda: ref.dense(np.zeros((2, 3)), np.zeros((3, 2)), np.zeros(3)),
    "softmax.no_classes": lambda: ref.softmax(np.zeros((2, 0))),
    "relu.dy_broadcast": lambda: ref.relu_backward(1.0, IMAGE),
    "dropout.rate_one": lambda: ref.dropout(IMAGE, 1.0),
    "dropout.rate_negative": lambda: ref.dropout(IMAGE, -0.1),
    "dropout.seed": lambda: ref.dropout(IMAGE, 0.5, seed=-1),
    "dropout.step": lambda: ref.dropout(IMAGE, 0.5, step=2**64),
    "softmax_cross_entropy.label": lambda: ref.softmax_cross_entropy(np.zeros((2, 3)), [0, 3]),
    "softmax_cross_entropy.negative_label": lambda: ref.softmax_cross_entropy(np.zeros((2, 3)), [0, -1]),
    "softmax_cross_entropy.labels": lambda: ref.softmax_cross_entropy(np.zeros((2, 3)), [0, 1, 2]),
    "mean_squared_error.shapes": lambda: ref.mean_squared_error(np.zeros((2, 3)), np.zeros((2, 1))),
    "huber.shapes": lambda: ref.huber(np.zeros((2, 3)), np.zeros((2, 1))),
    "multiclass_hinge.rows": lambda: ref.multiclass_hinge(np.zeros((2, 3)), np.zeros((2, 3))),
    "sgd.shapes": lambda: ref.sgd(np.zeros(3), np.zeros(1)),
    "rmsprop.shapes": lambda: ref.rmsprop(np.zeros(3), np.zeros(3), average=np.zeros(1)),
    "adam.shapes": lambda: ref.adam(np.zeros(3), np.zeros(3), np.zeros((1, 3))),
    "adam.step": lambda: ref.adam(np.zeros(3), np.zeros(3), step=0),
}


@pytest.mark.parametrize("call", BAD_CALLS.values(), ids=BAD_CALLS.keys())
def test_impossible_arguments(call):
    with pytest.raises(ValueError, match="Received: "):
        call()


@pytest.mark.parametrize("bad", [[[[[1j]]]], [[[["1"]]]], [[[[None]]]]], ids=["complex", "str", "object"])
@pytest.mark.parametrize(
    "call",
    [
        lambda bad: ref.conv2d(bad, np.ones((1, 1, 1, 1))),
        lambda bad: ref.conv2d(np.ones((1, 1, 1, 1)), bad),
        lambda bad: ref.max_pool2d(bad, 1),
        lambda bad: ref.local_response_norm(bad),
        lambda bad: ref.relu(bad),
        lambda bad: ref.relu_backward(bad, np.ones((1, 1, 1, 1))),
        lambda bad: ref.dropout(bad, 0.5),
        lambda bad: ref.mean_squared_error(np.ones((1, 1, 1, 1)), bad),
        lambda bad: ref.sgd(bad, bad),
    ],
    ids=["conv2d", "kernel", "max_pool2d", "lrn", "relu", "dy", "dropout", "target", "sgd"],
)
def test_only_real_numbers(call, bad):
    with pytest.raises(TypeError, match="must be an array of real numbers. Received: "):
        call(bad)


def test_only_integers_where_integers_are_due():
    with pytest.raises(TypeError, match="Received: 1.5"):
        ref.conv2d(IMAGE, KERNEL, strides=1.5)
    with pytest.raises(TypeError, match="Received: "):
        ref.conv2d(IMAGE, KERNEL, padding=(1, (0, 1)))
    with pytest.raises(TypeError, match="labels must be integers"):
        ref.softmax_cross_entropy(np.zeros((2, 3)), [0.0, 1.0])


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.int64, np.uint8, bool])
def test_everything_is_computed_in_float64(dtype):
    x = (np.arange(36) % 5).reshape(1, 3, 3, 4).astype(dtype)
    kernel = (np.arange(24) % 7).reshape(1, 1, 4, 6).astype(dtype)
    wide_x, wide_kernel = x.astype(np.float64), kernel.astype(np.float64)
    for f in (
        lambda x, kernel: ref.conv2d(x, kernel),
        lambda x, kernel: ref.dense(x, kernel[0, 0]),
        lambda x, kernel: ref.avg_pool2d(x, 2),
        lambda x, kernel: ref.local_response_norm(x),
        lambda x, kernel: ref.sigmoid(x),
        lambda x, kernel: ref.dropout(x, 0.1),
        lambda x, kernel: ref.softmax_cross_entropy(x, [1]),
        lambda x, kernel: ref.sgd(kernel, kernel)[0],
    ):
        y = f(x, kernel)
        assert y.dtype == np.float64
        np.testing.assert_array_equal(y, f(wide_x, wide_kernel))


def test_backward_takes_the_arguments_of_forward():
    names = [name for name in ref.__all__ if not name.endswith("_backward")]
    steps = {name for name in names if getattr(ref, name).__module__.endswith(".optimizers")}
    without = {*steps, "philox4x32", "augment", "distort", "half_weights", "conv2d_int8"}
    assert set(ref.__all__) - set(names) == {f"{name}_backward" for name in set(names) - without}
    for name in set(names) - without:
        forward = list(inspect.signature(getattr(ref, name)).parameters.values())
        backward = list(inspect.signature(getattr(ref, f"{name}_backward")).parameters.values())
        assert backward[0].name == "dy"
        assert [str(p) for p in backward[1:]] == [str(p) for p in forward], name


def test_every_operation_is_documented():
    for name in ref.__all__:
        assert (getattr(ref, name).__doc__ or "").strip(), name
    result = doctest.testmod(ref)
    assert result.attempted > 0 and result.failed == 0


def test_what_is_remembered_is_what_was_asked_for(monkeypatch):
    """Arguments and options tell results apart, which cannot be written to, and of which not too many are kept."""
    monkeypatch.setattr(remembered, "MOST", 1500)
    memory, x = remembered.Reference(), normal(1, 4, 4, 6)
    for pool_size in (2, 3, 2):
        for images in (x, x[:, ::-1], x.astype(np.float32), x.reshape(1, 4, 6, 4)):
            for p in (1, 2):
                y = memory.lp_pool2d(images, p, pool_size)
                np.testing.assert_array_equal(y, ref.lp_pool2d(images, p, pool_size))
    assert memory.lp_pool2d(x.reshape(1, 4, 6, 4), 2, 2) is y and not y.flags.writeable
    kept = sum(part.nbytes for result in memory.found.values() for part in remembered.parts(result))
    assert 0 < kept == memory.size <= 1500 and len(memory.found) < 16
