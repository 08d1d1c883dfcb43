"""Random configurations against the float64 reference, each element within a bound the reference computes.

u = 2⁻²⁴ is one rounding. A sum of n products, in any order, fused or not, is off by at most (n + 1)·u·Σ|x·w|
to first order; Σ|x·w| is the operation itself on absolute values. Each pytest item draws 50 configurations
from the seed in its name, 2100 in all on each ISA; a failure prints the configuration.
"""

import numpy as np
import pytest
from buffers import TINY, UNIT, assert_within, normal, poisoned
from remembered import reference

import fastcnn
from fastcnn import _ops, arguments, ops

pytestmark = pytest.mark.usefixtures("exact_sums")

GROUP = 50


def seeds(count):
    return pytest.mark.parametrize("seed", range(count), ids="seed{}".format)


def either(rng, *options):
    return options[rng.integers(len(options))]


def random_pair(rng, low, high):
    a, b = (int(v) for v in rng.integers(low, high + 1, 2))
    return either(rng, a, (a, b))


def as_pair(value):
    return value if isinstance(value, tuple) else (value, value)


def random_padding(rng, most):
    """Each of the accepted forms, no side above `most`."""
    (top, bottom), (left, right) = [[int(p) for p in rng.integers(0, m + 1, 2)] for m in most]
    return either(rng, "valid", "same", min(top, left), (top, left), ((top, bottom), (left, right)))


def fits(image, window, padding, dilation=(1, 1)):
    """Is there an output at all?"""
    pads = arguments.pads(padding, image, window, (1, 1), dilation)
    return padding == "same" or all(
        i + sum(p) > (k - 1) * d for i, p, k, d in zip(image, pads, window, dilation)
    )


def random_image(rng, channels):
    """(data_format, x): 1 to 6 images of up to 14 × 14 pixels, of any magnitude; one in ten is larger."""
    sides = rng.integers(1, 15, 2) + (16 if rng.random() < 0.1 else 0)
    x = normal(rng, (rng.integers(1, 7), *sides, channels)) * np.float32(10.0 ** rng.integers(-5, 6))
    data_format = either(rng, "channels_last", "channels_first")
    return data_format, x.transpose(0, 3, 1, 2).copy() if data_format == "channels_first" else x


def sides(x, options):
    """Height and width of a batch."""
    return x.shape[2:] if options["data_format"] == "channels_first" else x.shape[1:3]


def absolute(arrays):
    return [None if a is None else np.abs(a) for a in arrays]


def gradients(library, op, *arrays, **options):
    result = getattr(library, f"{op}_backward")(*arrays, **options)
    return result if isinstance(result, tuple) else (result,)


def check(op, arrays, options, terms, what, bound_arrays=None):
    """y into a NaN-filled `out`, and each gradient, within terms[…]·u of the operation on absolute values."""
    y = getattr(reference, op)(*arrays, **options)
    out = poisoned(y.shape)
    dy = normal(np.random.default_rng(y.size), y.shape)
    actual = getattr(ops, op)(*arrays, **options, out=out), *gradients(ops, op, dy, *arrays, **options)
    assert actual[0] is out
    expected = y, *gradients(reference, op, dy, *arrays, **options)
    sums = bound_arrays or absolute(arrays)
    sums = getattr(reference, op)(*sums, **options), *gradients(reference, op, np.abs(dy), *sums, **options)
    for name, a, e, n, s in zip(("y", "dx", "dkernel", "dbias"), actual, expected, terms, sums):
        assert_within(a, e, n * UNIT * np.abs(s) + TINY, f"{name} of {what}")
    assert len(actual) == len(expected) <= len(terms)


def each(seed, name):
    """Yields (rng, a line that says which) of every configuration, on one to four threads."""
    rng = np.random.default_rng([seed, *name.encode()])
    for i in range(GROUP):
        with fastcnn.num_threads(int(rng.integers(1, 5))):
            yield rng, f"seed {seed}, configuration {i}: {name}"


def random_conv2d(rng):
    groups = either(rng, 1, 1, 1, 2, 3, 7)
    in_c, out_c = (int(v) for v in rng.integers(1, either(rng, 3, 9, 24), 2))  # per group
    while True:
        data_format, x = random_image(rng, in_c * groups)
        options = {
            "strides": random_pair(rng, 1, 4),
            "padding": random_padding(rng, (3, 3)),
            "dilation_rate": random_pair(rng, 1, 3),
            "groups": groups,
            "data_format": data_format,
        }
        window = tuple(int(v) for v in rng.integers(1, 6, 2))
        if fits(sides(x, options), window, options["padding"], as_pair(options["dilation_rate"])):
            break
    kernel = normal(rng, (*window, in_c, groups * out_c))
    return x, kernel, either(rng, None, normal(rng, groups * out_c)), options


@seeds(16)
def test_conv2d(seed, isa):
    for rng, what in each(seed, "conv2d"):
        x, kernel, bias, options = random_conv2d(rng)
        what = f"{what} of x {x.shape}, kernel {kernel.shape}, {options}"
        kh, kw, in_c, out_c = kernel.shape
        pixels = reference.conv2d(x, kernel, **options).size // out_c
        terms = kh * kw * in_c + 3, kh * kw * out_c // options["groups"] + 2, pixels + 2, pixels + 2
        check("conv2d", (x, kernel, bias), options, terms, what)


@seeds(6)
def test_dense(seed, isa):
    """One in ten has weights that are too large to pack."""
    for rng, what in each(seed, "dense"):
        wide = rng.random() < 0.1
        inputs, units = (int(v) for v in rng.integers(1, 70, 2) + (512 if wide else 0))
        leading = tuple(int(v) for v in rng.integers(1, either(rng, 3, 8, 15), rng.integers(0, 3)))
        x = normal(rng, (*leading, inputs)) * np.float32(10.0 ** rng.integers(-5, 6))
        kernel = normal(rng, (inputs, units))
        bias = either(rng, None, normal(rng, units))
        rows = int(np.prod(leading))
        check(
            "dense",
            (x, kernel, bias),
            {},
            (inputs + 3, units + 2, rows + 2, rows + 2),
            f"{what} of x {x.shape}, kernel {kernel.shape}, bias {bias is not None}",
        )


def random_pool2d(rng):
    while True:
        data_format, x = random_image(rng, int(rng.integers(1, either(rng, 3, 9, 40))))
        pool_size = random_pair(rng, 1, 5)
        options = {
            "pool_size": pool_size,
            "strides": either(rng, None, random_pair(rng, 1, 4)),
            "padding": random_padding(rng, [k - 1 for k in as_pair(pool_size)]),
            "ceil_mode": either(rng, False, True),
            "data_format": data_format,
        }
        if fits(sides(x, options), as_pair(pool_size), options["padding"]):
            return x, options


def overlap(options):
    """The most windows that hold one pixel."""
    strides = options["strides"] or options["pool_size"]
    return int(np.prod([-(-k // s) for k, s in zip(as_pair(options["pool_size"]), as_pair(strides))]))


@seeds(6)
def test_max_pool2d(seed, isa):
    """Half of them with equal values among x, and some with ±inf and NaN. y is exact."""
    for rng, what in each(seed, "max_pool2d"):
        x, options = random_pool2d(rng)
        if rng.random() < 0.5:
            x = np.round(x * (2 / np.abs(x).max()))
        if rng.random() < 0.25:
            x[rng.random(x.shape) < 0.1] = either(rng, np.nan, np.inf, -np.inf)
        what = f"{what} of x {x.shape}, {options}"
        y = reference.max_pool2d(x, **options)
        assert_within(ops.max_pool2d(x, **options), y, 0, f"y of {what}")
        dy = normal(rng, y.shape)
        bound = overlap(options) * UNIT * reference.max_pool2d_backward(np.abs(dy), x, **options)
        assert_within(
            ops.max_pool2d_backward(dy, x, **options),
            reference.max_pool2d_backward(dy, x, **options),
            bound,
            f"dx of {what}",
        )


@seeds(6)
def test_avg_pool2d(seed, isa):
    for rng, what in each(seed, "avg_pool2d"):
        x, options = random_pool2d(rng)
        options["count_include_pad"] = either(rng, False, True)
        terms = int(np.prod(as_pair(options["pool_size"]))) + 1, overlap(options) + 1
        check("avg_pool2d", (x,), options, terms, f"{what} of x {x.shape}, {options}")


def lrn_bounds(x, dy, options):
    """Bounds of y and dx.

    S = k + s·Σx² has positive terms: with a window of w values, its relative error is at most (w + 4)·u: a
    square, w − 1 additions, the constants s and k rounded, a multiplication and an addition. The power
    multiplies it by β and adds its own: 8u through square roots, or 5u·β·|ln S| + 8u through a logarithm and
    an exponential (each near 2u, β rounded, the product rounded); one more multiplication gives y:

        |δy| ≤ P·u·|y|,   P = β·(w + 4) + 9 + 5·β·|ln S|

    dx = A − B, A = dy·S^−β (error P·u·|A|), B = 2sβ·x·Σ_j t_j, t_j = dy_j·x_j·S_j^−β−1. A t has the error of
    A, one more of S and two roundings; the sum adds w, factor and multiplications 6, so that
    |δB| ≤ (P + 2w + 12)·u·|B|, |B| being the sum of absolute terms. The reference gives it: on absolute
    values dx = |A| − |B|, and |A| = |dy|·|y/x|.
    """
    y = reference.local_response_norm(x, **options)
    s = reference.local_response_norm(x, **{**options, "beta": -1.0}) / x
    w, beta = options["size"], options["beta"]
    w = min(w, x.shape[1]) * min(w, x.shape[2]) if options.get("mode") == "within_channel" else min(w, x.shape[-1])
    p = beta * (w + 4) + 9 + 5 * beta * np.abs(np.log(s)).max()
    a = np.abs(dy * y / x)
    b = a - reference.local_response_norm_backward(np.abs(dy), np.abs(x), **options)
    return p * UNIT * np.abs(y) + TINY, (p * a + (p + 2 * w + 12) * b) * UNIT + TINY


@seeds(8)
def test_local_response_norm(seed, isa):
    for rng, what in each(seed, "local_response_norm"):
        leading = tuple(int(v) for v in rng.integers(1, 8, rng.integers(0, 4)))
        x = normal(rng, (*leading, int(rng.integers(1, either(rng, 4, 20, 70)))))
        x *= np.float32(10.0 ** rng.integers(-2, 4))
        options = {
            "size": int(rng.integers(1, either(rng, 4, 9, 90))),
            "alpha": either(rng, 1e-4, 0.1, 1.0, 3.0),
            "beta": either(rng, 0.75, 0.75, 0.5, 1.0, 0.6, 2.0),
            "k": either(rng, 1.0, 2.0, 0.3),
            "alpha_mode": either(rng, "sum", "mean"),
            "groups": int(rng.choice([g for g in (1, 2, 3, 7) if x.shape[-1] % g == 0])),
        }
        if x.ndim == 4 and options["groups"] == 1:
            options["mode"] = either(rng, "across_channels", "within_channel", "within_channel")
        what = f"{what} of x {x.shape}, {options}"
        dy = normal(rng, x.shape)
        y_bound, dx_bound = lrn_bounds(x, dy, options)
        out = poisoned(x.shape)
        assert ops.local_response_norm(x, **options, out=out) is out
        assert_within(out, reference.local_response_norm(x, **options), y_bound, f"y of {what}")
        assert_within(
            ops.local_response_norm_backward(dy, x, **options),
            reference.local_response_norm_backward(dy, x, **options),
            dx_bound,
            f"dx of {what}",
        )


@pytest.mark.parametrize("beta", [0.5, 0.75, 0.6, 1.0])
def test_local_response_norm_of_huge_values(beta, isa):
    """Where the squares leave float32, y is 0 and not NaN; windows without them are as ever."""
    x = np.array([1e20, 1, 2, 3], np.float32)
    y, expected = (library.local_response_norm(x, beta=beta) for library in (ops, reference))
    assert y[:3].tolist() == [0, 0, 0]
    assert_within(y[3:], expected[3:], 20 * UNIT * expected[3:], "y")


# Wide ranges instead of configurations. A bound is a number of u, from the formulas of csrc/kernels


def wide_range(denormals=True):
    """Every magnitude of float32 with both signs, −110 … 110 closely, 0, −0, ±inf and NaN."""
    powers = np.geomspace(1e-45 if denormals else 2 * TINY, 2e38, 2000)
    x = np.concatenate([powers, -powers, np.linspace(-110, 110, 4001), [0.0, -0.0, np.inf, -np.inf, np.nan]])
    return x.astype(np.float32)


def e(x):
    return np.exp(np.minimum(x, 0))


def elu_units(x, y, alpha):
    """eˣ − 1 is a subtraction, so u of its terms; near 0 it is a series, so u of y."""
    return np.where(x > -0.01, 5 * np.abs(y), alpha * (4 * e(x) + 2) * (x <= 0))


def softplus_slope_units(x, y):
    """1 − e^−y, near 0 a series."""
    return np.where(y > 0.01, 8 * y * np.exp(-y) + 4, 12 * y)


def selu_units(x, y):
    return 1.06 * elu_units(x, y / 1.0507, 1.674) + 3 * np.abs(y)


def silu_slope_units(x, y):
    s = reference.sigmoid(x)
    return 12 * s * (1 + np.abs(x) * (1 - s))


def gelu_units(x, y):
    """The tail of the distribution has the error of e^−x²/2, x²/2 units and those of the fit."""
    tail = np.abs(reference.gelu(-np.abs(x)))
    return tail * (x * x / 2 + 12) + 4 * np.abs(y)


def gelu_slope_units(x, y):
    tail, density = np.abs(reference.gelu(-np.abs(x)) / x), np.exp(-x * x / 2) / 2
    return tail * (x * x / 2 + 12) + np.abs(x) * density * (x * x / 2 + 10) + 4


def representable(name, x):
    """x without those whose eˣ leaves float32 but not float64."""
    return x[~((x > 88) & (x < 710))] if name == "exponential" else x


ACTIVATIONS = {  # units of y and, of its slope, units that |dy| multiplies; both of (x, y)
    ("relu",): (lambda x, y: 0 * y, lambda x, y: 0 * y),
    ("leaky_relu",): (lambda x, y: 2 * np.abs(y), lambda x, y: 0.4 * (x <= 0)),
    ("leaky_relu", "negative_slope", 0.0): (lambda x, y: 0 * y, lambda x, y: 0 * y),
    ("leaky_relu", "negative_slope", 1.5): (lambda x, y: np.abs(y), lambda x, y: 1.5 * (x <= 0)),
    ("elu",): (lambda x, y: elu_units(x, y, 1), lambda x, y: elu_units(x, y, 1) + 2 * e(x)),
    ("elu", "alpha", 0.0): (lambda x, y: 0 * y, lambda x, y: 0 * y),
    ("elu", "alpha", 2.5): (lambda x, y: elu_units(x, y, 2.5), lambda x, y: elu_units(x, y, 2.5) + 5 * e(x)),
    ("sigmoid",): (lambda x, y: 6 * y, lambda x, y: 8 * y),
    ("tanh",): (lambda x, y: 8 * np.abs(y), lambda x, y: 2 + 16 * y * y),
    ("scaled_tanh",): (lambda x, y: 12 * np.abs(y), lambda x, y: 5 + 10 * y * y),
    ("softplus",): (lambda x, y: 8 * np.abs(y), softplus_slope_units),
    ("softsign",): (lambda x, y: 3 * np.abs(y), lambda x, y: 12 * (1 - np.abs(y)) + 32 * UNIT),
    ("hard_sigmoid",): (lambda x, y: 2 + 0 * y, lambda x, y: 0.4 + 0 * y),
    ("hard_sigmoid", "slope", 0.2): (lambda x, y: 2 + 0 * y, lambda x, y: 0.4 + 0 * y),
    ("hard_sigmoid", "slope", 0.0): (lambda x, y: 0 * y, lambda x, y: 0 * y),
    ("selu",): (selu_units, lambda x, y: selu_units(x, y) + 4),
    ("exponential",): (lambda x, y: 4 * y, lambda x, y: 4 * y),
    ("relu6",): (lambda x, y: 0 * y, lambda x, y: 0 * y),
    ("silu",): (lambda x, y: 8 * np.abs(y), silu_slope_units),
    ("gelu",): (gelu_units, gelu_slope_units),
    ("hard_silu",): (lambda x, y: 4 * np.abs(y), lambda x, y: (np.abs(x) < 3) * (2 + np.abs(x))),
}


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda a: "-".join(map(str, a)))
def test_activation(activation, isa):
    name, options = activation[0], dict([activation[1:]] if activation[1:] else [])
    y_units, slope_units = ACTIVATIONS[activation]
    flushed = 500 * TINY if name in _ops.OF_X else 3 * TINY  # x times what is flushed to 0, or that itself
    with np.errstate(all="ignore"):
        x = representable(name, wide_range()).astype(float)
        y = getattr(reference, name)(x, **options)
        assert_within(
            getattr(ops, name)(x, **options), y, np.nan_to_num(y_units(x, y)) * UNIT + flushed, "y"
        )
        # x that is flushed to 0 has the slope at 0, so only normal numbers here
        x = representable(name, wide_range(denormals=False)).astype(float)
        dy, y = normal(np.random.default_rng(x.size), x.shape), getattr(reference, name)(x, **options)
        bound = np.abs(dy) * np.nan_to_num(slope_units(x, y) + 1) * UNIT + flushed
        assert_within(
            getattr(ops, f"{name}_backward")(dy, x, **options),
            getattr(reference, f"{name}_backward")(dy, x, **options),
            bound,
            "dx",
        )


def random_rows(rng, c):
    """Rows of logits, from nearly equal to far apart; the last ones with −inf, inf and NaN among them."""
    x = normal(rng, (40, c)) * np.float32(10.0) ** rng.integers(-3, 4, (40, 1)).astype(np.float32)
    x[-3:, rng.integers(0, c)] = -np.inf, np.inf, np.nan
    return x


def softmax_units(x):
    """p, and units of softmax (relative) and of log_softmax (absolute).

    With z = max − x: u·z of the exponent's argument, weighted by p in the sum; about 2 of each exponential;
    c of the sum. The logarithm is another z, and what the sum was off by.
    """
    p = np.nan_to_num(reference.softmax(x))
    z = np.nan_to_num(x.max(-1, keepdims=True).astype(float) - x, posinf=0)
    inexact = (p * z).sum(-1, keepdims=True) + x.shape[-1] + 8
    return p, z + inexact, 2 * z + inexact


@pytest.mark.parametrize("c", [1, 2, 7, 10, 33, 1000])
def test_softmax(c, isa):
    rng = np.random.default_rng(c)
    x, dy = random_rows(rng, c), normal(rng, (40, c))
    with np.errstate(all="ignore"):
        p, units, log_units = softmax_units(x)
        assert_within(ops.softmax(x), reference.softmax(x), p * units * UNIT + TINY, "softmax")
        assert_within(ops.log_softmax(x), reference.log_softmax(x), log_units * UNIT, "log_softmax")
        terms = np.abs(dy) + (p * np.abs(dy)).sum(-1, keepdims=True)
        assert_within(
            ops.softmax_backward(dy, x),
            reference.softmax_backward(dy, x),
            p * (2 * units + c) * terms * UNIT + 2 * TINY,
            "softmax dx",
        )
        total = np.abs(dy).sum(-1, keepdims=True)
        assert_within(
            ops.log_softmax_backward(dy, x),
            reference.log_softmax_backward(dy, x),
            (p * (units + log_units + c) * total + np.abs(dy)) * UNIT + 2 * TINY,
            "log_softmax dx",
        )


@pytest.mark.parametrize("labels", [True, False], ids=["labels", "probabilities"])
@pytest.mark.parametrize("c", [1, 2, 10, 1000])
def test_softmax_cross_entropy(c, labels, isa):
    rng = np.random.default_rng(c)
    x, dy = random_rows(rng, c)[:-3], normal(rng, 37)
    target = rng.integers(0, c, 37) if labels else rng.dirichlet(np.ones(c), 37).astype(np.float32)
    t = np.eye(c)[target] if labels else target.astype(float)
    p, units, log_units = softmax_units(x)
    loss = reference.softmax_cross_entropy(x, target)
    bound = ((t * log_units).sum(-1) + 2 * np.abs(loss)) * UNIT
    assert_within(ops.softmax_cross_entropy(x, target), loss, bound, "loss")
    bound = np.abs(dy)[:, None] * (p * (units + 2) + t) * UNIT + 2 * TINY
    assert_within(
        ops.softmax_cross_entropy_backward(dy, x, target),
        reference.softmax_cross_entropy_backward(dy, x, target),
        bound,
        "dx",
    )


def probabilities(rng, shape):
    """In 0 … 1, with values at and beyond the clip of 1e-7 among them."""
    x = rng.random(shape).astype(np.float32)
    special = np.array([0, 1, 1e-9, 2e-7, 1 - 2**-24, 1 - 2**-22], np.float32)
    return np.where(rng.random(shape) < 0.2, rng.choice(special, shape), x)


def one_hot(rng, shape):
    return np.eye(shape[1], dtype=np.float32)[rng.integers(0, shape[1], shape[0])]


def with_equals(rng, shape):
    """Targets of which many are the very predictions that a case of this shape has."""
    x = normal(np.random.default_rng(shape), shape)
    return np.where(rng.random(shape) < 0.3, x, normal(rng, shape))


LOSSES = {  # op: (x, target, options); the sums are taken in double, so each result is one rounding off
    "categorical_cross_entropy": lambda rng, shape: (
        probabilities(rng, shape),
        probabilities(rng, shape),
        {},
    ),
    "binary_cross_entropy": lambda rng, shape: (probabilities(rng, shape), probabilities(rng, shape), {}),
    "binary_cross_entropy from_logits": lambda rng, shape: (
        normal(rng, shape) * np.float32(10.0 ** rng.integers(-3, 5)),
        probabilities(rng, shape),
        {"from_logits": True},
    ),
    "mean_squared_error": lambda rng, shape: (normal(rng, shape), normal(rng, shape) * np.float32(1e3), {}),
    "mean_absolute_error": lambda rng, shape: (normal(rng, shape), with_equals(rng, shape), {}),
    "huber": lambda rng, shape: (normal(rng, shape), normal(rng, shape), {"delta": 0.7}),
    "hinge": lambda rng, shape: (normal(rng, shape), rng.choice(np.float32([-1, 1]), shape), {}),
    "hinge 01": lambda rng, shape: (normal(rng, shape), rng.choice(np.float32([0, 1]), shape), {}),
    "squared_hinge": lambda rng, shape: (normal(rng, shape), rng.choice(np.float32([-1, 0, 1]), shape), {}),
    "categorical_hinge": lambda rng, shape: (normal(rng, shape), one_hot(rng, shape), {}),
    "multiclass_hinge": lambda rng, shape: (normal(rng, shape), rng.integers(0, shape[1], shape[0]), {}),
    "softmax_cross_entropy labels": lambda rng, shape: (
        normal(rng, shape),
        rng.integers(0, shape[1], shape[0]),
        {"label_smoothing": 0.1},
    ),
    "softmax_cross_entropy smooth": lambda rng, shape: (normal(rng, shape), one_hot(rng, shape), {"label_smoothing": 1.0}),
    "categorical_cross_entropy smooth": lambda rng, shape: (
        probabilities(rng, shape),
        one_hot(rng, shape),
        {"label_smoothing": 0.2},
    ),
    "binary_cross_entropy smooth": lambda rng, shape: (
        probabilities(rng, shape),
        rng.choice(np.float32([0, 1]), shape),
        {"label_smoothing": 0.3},
    ),
}


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("shape", [(1, 1), (5, 2), (33, 10), (3, 1000)], ids=str)
def test_loss(loss, shape, isa):
    rng = np.random.default_rng(shape)
    op = loss.split()[0]
    x, target, options = LOSSES[loss](rng, shape)
    x[:, 0] = np.maximum(x[:, 0], np.float32(0.01))  # no row of zeros only
    dy = normal(rng, shape[0])
    expected = getattr(reference, op)(x, target, **options)
    units = 40 if op == "softmax_cross_entropy" else 1.001  # its exponentials and their sum are float32
    assert_within(
        getattr(ops, op)(x, target, **options), expected, units * UNIT * np.abs(expected) + 1e-9, "loss"
    )
    dx = gradients(reference, op, dy, x, target, **options)[0]
    bound = units * UNIT * (np.abs(dx) if units < 2 else np.abs(dy)[:, None]) + 1e-12 * np.abs(dx).max() + TINY
    assert_within(*gradients(ops, op, dy, x, target, **options), dx, bound, "dx")


@pytest.mark.parametrize("rate", [0, 0.1, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("seed, step", [(0, 0), (1, 2), (2**32 + 5, 2**40), (2**64 - 1, 2**64 - 1)], ids=str)
def test_dropout(rate, seed, step, isa):
    """The same places as the reference exactly, which the words of Philox decide."""
    for shape in (1,), (7,), (3, 5), (33, 1001):
        rng = np.random.default_rng(shape)
        x, dy = normal(rng, shape), normal(rng, shape)
        y, dx = ops.dropout(x, rate, seed, step), ops.dropout_backward(dy, x, rate, seed, step)
        expected = reference.dropout(x, rate, seed, step)
        assert np.array_equal(y == 0, expected == 0) and np.array_equal(dx == 0, expected == 0)
        assert_within(y, expected, 2 * UNIT * np.abs(expected), "y")
        expected = reference.dropout_backward(dy, x, rate, seed, step)
        assert_within(dx, expected, 2 * UNIT * np.abs(expected), "dx")
    assert abs(np.mean(y == 0) - rate) < 0.01


@pytest.mark.parametrize("rate", [1 - 1e-7, 1 - 1e-9, 1 - 2**-53])
def test_dropout_of_nearly_all(rate, isa):
    """A rate below 1 that float32 rounds to 1 drops all but one in a billion."""
    x = np.ones(1000, np.float32)
    assert_within(ops.dropout(x, rate, 1, 2), reference.dropout(x, rate, 1, 2), 0, "y")


RULES = {  # op and a word: (arrays kept, options)
    "rmsprop": (1, {}),
    "rmsprop momentum": (2, {"momentum": 0.7, "rho": 0.0}),
    "rmsprop centered": (3, {"momentum": 0.7, "rho": 0.6, "centered": True, "epsilon": 1e-2}),
    "adagrad": (1, {"epsilon": 1e-3}),
    "adadelta": (2, {"rho": 0.8, "epsilon": 1e-6}),
    "adam": (2, {"step": 3}),
    "adam amsgrad": (3, {"beta_1": 0.3, "beta_2": 0.0, "amsgrad": True, "step": 10**6}),
}


@pytest.mark.parametrize("rule", RULES)
def test_optimizer(rule, isa):
    """w within some roundings of itself and of its step; where a running mean or a variance cancels, of its terms."""
    op, (kept, options) = rule.split()[0], RULES[rule]
    rng = np.random.default_rng(len(rule))
    for size in (*range(1, 40), 1003, 40_001):
        sign = rng.choice([-1.0, 1.0], size).astype(np.float32)  # of w and dw: decay does not cancel the gradient
        w, dw = (sign * np.abs(normal(rng, size)) * np.float32(10.0 ** rng.integers(-3, 3)) for _ in range(2))
        states = [np.abs(normal(rng, size)) * np.float32(10.0 ** rng.integers(-3, 3)) for _ in range(kept)]
        first = op == "adam" or op == "rmsprop" and kept > 1  # what may be negative
        if first:
            states[0 if op == "adam" else 1] *= rng.choice([-1.0, 1.0], size).astype(np.float32)
        if "centered" in options:
            states[2] = np.sqrt(states[0]) * rng.uniform(-0.5, 0.5, size).astype(np.float32)
        own = {**options, "learning_rate": float(rng.random()), "weight_decay": either(rng, 0.0, float(rng.random()))}
        given = [either(rng, None, a) if "centered" not in options else a for a in states]
        expected = getattr(reference, op)(w, dw, *given, **own)
        actual = getattr(ops, op)(w, dw, *given, **own)
        # The same with what cancels in magnitude: how large the terms are.
        terms = getattr(reference, op)(np.abs(w), np.abs(dw), *[None if a is None else np.abs(a) for a in given], **own)
        moved = np.abs(w) - terms[0]
        lost = expected[1] / (expected[1] - expected[3] ** 2) if "centered" in options else 1.0
        bound = (30 * lost * moved + np.abs(w) + np.abs(expected[0])) * UNIT + TINY
        assert_within(actual[0], expected[0], bound, f"w, {own}")
        for a, e, t in zip(actual[1:], expected[1:], terms[1:], strict=True):
            assert (a is None) == (e is None)
            if e is not None:
                assert_within(a, e, 30 * lost * np.abs(t) * UNIT + TINY, f"{own}")


@pytest.mark.parametrize("nesterov", [False, True], ids=["heavy_ball", "nesterov"])
def test_sgd(nesterov, isa):
    rng = np.random.default_rng(nesterov)
    for size in (*range(1, 40), 1003, 40_001):
        w, dw, v = (normal(rng, size) * np.float32(10.0 ** rng.integers(-4, 5)) for _ in range(3))
        rate, momentum, decay = (either(rng, 0.0, float(rng.random())) for _ in range(3))
        v = either(rng, v, None)
        options = {"learning_rate": rate, "momentum": momentum, "nesterov": nesterov, "weight_decay": decay}
        new_w, new_v = reference.sgd(w, dw, v, **options)
        moved = rate * (np.abs(dw) + decay * np.abs(w)) + momentum * np.abs(0 if v is None else v)
        actual_w, actual_v = ops.sgd(w, dw, v, **options)
        assert_within(actual_w, new_w, (8 * moved + np.abs(w) + np.abs(new_w)) * UNIT + TINY, f"w, {options}")
        assert (actual_v is None) == (new_v is None) == (momentum == 0)
        if momentum:
            assert_within(actual_v, new_v, 5 * moved * UNIT + TINY, f"v, {options}")


def test_no_error_where_windows_see_padding_alone():
    """tests/long.py prints numbers also of what is zero."""
    import long  # which draws convolutions from here

    one = np.ones((1, 1, 1, 1), np.float32)
    found = long.errors(lambda rng: (one, one, {"strides": 4, "padding": ((2, 2), (2, 2))}), 0, 0, exact=True)
    assert found == [(0, 0, 0)] * 3
