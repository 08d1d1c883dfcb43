"""Layer and group normalization: the reference, the ops, layers in training."""

import numpy as np
import pytest
from buffers import TINY, UNIT, assert_same, assert_within, integers, normal, poisoned
from remembered import reference
from test_ops_random import each, either, seeds
from test_reference import check_gradients
from twin import Twin, assert_trained_alike, clear_batch, targets

import fastcnn
from fastcnn import layers as L
from fastcnn import ops

SPARSE = "sparse_categorical_crossentropy"

# The reference


@pytest.mark.parametrize("axis", [-1, 3, (-2, -1), [1, 2, 3]], ids=str)
def test_reference_layers_are_the_definition(axis):
    x = 2.0 * np.random.default_rng(0).standard_normal((2, 3, 4, 5)) + 7
    axes = tuple(np.atleast_1d(axis))
    mean, deviation = x.mean(axis=axes, keepdims=True), np.sqrt(x.var(axis=axes, keepdims=True) + 0.5)
    np.testing.assert_allclose(reference.layer_norm(x, axis=axis, epsilon=0.5), (x - mean) / deviation, rtol=1e-13)


@pytest.mark.parametrize("groups", [1, 2, 3, 6, -1])
@pytest.mark.parametrize("shape", [(2, 3, 4, 6), (3, 6)], ids=str)
def test_reference_groups_are_the_definition(groups, shape):
    x = 2.0 * np.random.default_rng(1).standard_normal(shape) + 7
    width = 1 if groups == -1 else 6 // groups
    y = reference.group_norm(x, np.arange(6.0), np.ones(6), groups, 0.5)
    for n in range(len(x)):
        for c in range(6):
            own = x[n, ..., c // width * width : (c // width + 1) * width]
            expected = (x[n, ..., c] - own.mean()) / np.sqrt(own.var() + 0.5) * c + 1
            np.testing.assert_allclose(y[n, ..., c], expected, rtol=1e-12, atol=1e-13)


def test_reference_gradients():
    rng = np.random.default_rng(2)
    x, gamma, beta = rng.standard_normal((2, 2, 3, 4)), rng.standard_normal((2, 3, 4)), rng.standard_normal((2, 3, 4))
    for axis, last in (-1, (0, 0)), ((2, 3), (0,)), ((1, 2, 3), ()):
        check_gradients("layer_norm", x, gamma[last], beta[last], axis=axis, epsilon=0.1)
        check_gradients("layer_norm", x, axis=axis, epsilon=0.1)
    for groups in (1, 2, -1):
        check_gradients("group_norm", x, gamma[0, 0], beta[0, 0], groups=groups, epsilon=0.1)
        check_gradients("group_norm", x, groups=groups, epsilon=0.1)
    check_gradients("group_norm", x[:, 0, 0], gamma[0, 0], beta[0, 0], groups=2, epsilon=0.1)


def test_reference_by_hand():
    x = [[1.0, 3.0, 8.0, 4.0]]
    assert reference.layer_norm(x, epsilon=0).tolist() == [[(v - 4) / np.sqrt(6.5) for v in x[0]]]
    assert reference.group_norm(x, [1.0, 2.0, 3.0, 4.0], [0.0, 0.0, 1.0, 1.0], 2, 0).tolist() == [[-1, 2, 4, -3]]
    dx, dgamma, dbeta = reference.group_norm_backward([[1.0, 5.0, 2.0, 3.0]], x, np.ones(4), np.zeros(4), 2, 0)
    assert dx.tolist() == [[0, 0, 0, 0]], "two values of a group: the normal ones are ±1, whatever they are"
    assert dgamma.tolist() == [-1, 5, 2, -3] and dbeta.tolist() == [1, 5, 2, 3]


BAD = {
    "axis": lambda: reference.layer_norm(np.ones((2, 3, 4)), axis=1),
    "beyond": lambda: reference.layer_norm(np.ones((2, 3)), axis=2),
    "gamma": lambda: reference.layer_norm(np.ones((2, 3)), np.ones(2)),
    "epsilon": lambda: reference.layer_norm(np.ones((2, 3)), epsilon=-1),
    "groups": lambda: reference.group_norm(np.ones((2, 6)), groups=4),
    "no groups": lambda: reference.group_norm(np.ones((2, 6)), groups=0),
    "no batch": lambda: reference.group_norm(np.ones(6), groups=2),
    "no pixels": lambda: reference.group_norm(np.ones((2, 0, 6)), groups=2),
    "beta": lambda: reference.group_norm(np.ones((2, 6)), None, np.ones(5), 2),
    "dy": lambda: reference.group_norm_backward(np.ones((2, 5)), np.ones((2, 6)), groups=2),
}


@pytest.mark.parametrize("call", BAD.values(), ids=BAD)
def test_reference_refuses(call):
    with pytest.raises(ValueError, match="Received: "):
        call()


# The ops

EXACT = [  # shape, values of γ, what is normalized together, as the function's argument
    ("layer_norm", (40, 8, 4, 6), (6,), -1),
    ("layer_norm", (64, 37, 42), (42,), -1),
    ("layer_norm", (16, 8, 16, 32), (8, 16, 32), (1, 2, 3)),
    ("group_norm", (16, 8, 4, 6), (6,), 3),
    ("group_norm", (64, 40), (40,), 20),
    ("group_norm", (9, 16, 32, 96), (96,), 32),
    ("group_norm", (30, 16, 8, 5), (5,), -1),
]


def split(x, op, how):
    """x as (groups that are normalized on their own, values of one), and back."""
    if op == "layer_norm":
        width = np.prod(x.shape[len(x.shape) - len(np.atleast_1d(how)):])
        return x.reshape(-1, width), lambda parts: parts.reshape(x.shape)
    groups = x.shape[-1] if how == -1 else how
    parts = np.moveaxis(x.reshape(len(x), -1, groups, x.shape[-1] // groups), 2, 1)
    return parts.reshape(len(x) * groups, -1), lambda a: np.moveaxis(a.reshape(parts.shape), 1, 2).reshape(x.shape)


def options_of(op, how):
    return {"axis" if op == "layer_norm" else "groups": how}


@pytest.mark.parametrize("op, shape, own, how", EXACT, ids=str)
def test_exact(op, shape, own, how, isa, threads):
    """Half of the values lie one below their mean, the others one above; with ε = 3 all is exact but dx."""
    rng = np.random.default_rng(shape)
    parts, back = split(np.zeros(shape), op, how)
    sides = rng.permuted(np.tile([-1, 1], (len(parts), parts.shape[1] // 2)), axis=1)
    x = back(sides + rng.integers(-1000, 1000, (len(parts), 1))).astype(np.float32)
    sides, dy, gamma, beta = back(sides), integers(rng, shape), integers(rng, own), integers(rng, own)
    options = options_of(op, how) | {"epsilon": 3}
    assert_same(getattr(ops, op)(x, gamma, beta, **options), sides * gamma / 2 + beta, "y")
    dx, dgamma, dbeta = getattr(ops, f"{op}_backward")(dy, x, gamma, beta, **options)
    others = tuple(range(len(shape) - len(own)))
    assert_same(dbeta, dy.sum(axis=others), "dbeta")
    assert_same(dgamma, (dy * sides).sum(axis=others) / 2, "dgamma")
    expected = getattr(reference, f"{op}_backward")(dy, x, gamma, beta, **options)[0]
    assert_within(dx, expected, 8 * UNIT * 16, "dx")


def problem(rng):
    """(op, what it takes): x of any mean and spread, γ and β (either may be None)."""
    op = either(rng, "layer_norm", "group_norm")
    leading = tuple(int(v) for v in rng.integers(1, 12, rng.integers(op == "group_norm", 4)))
    c = int(rng.integers(1, either(rng, 3, 20, 300)))
    spread = 10.0 ** rng.integers(-2, 3, c if op == "group_norm" else 1)
    x = (normal(rng, (*leading, c)) * spread + spread * rng.choice([0, 3, 100])).astype(np.float32)
    if op == "layer_norm":
        how = tuple(range(-int(rng.integers(1, x.ndim + 1)), 0))
        own = x.shape[x.ndim - len(how):]
    else:
        how, own = int(rng.choice([g for g in range(1, c + 1) if c % g == 0] + [-1])), (c,)
    gamma, beta = (either(rng, None, normal(rng, own)) for _ in range(2))
    return op, x, gamma, beta, how, either(rng, 1e-3, 1e-5, 0.5)


def bounds(op, x, dy, gamma, beta, how, epsilon):
    """Of y and dx, dγ, dβ.

    A sum of n terms is off by a·u of their magnitudes, a = 76 + log₂ n: 64 + log₂ n of csrc/kernels/sums.h, a vector's lanes
    and the roundings around it, or 64 rows in float. So a mean is off by e = a·u·mean|x − the first value|, a variance by
    a·u of itself and by 2·e·σ, 1/√(σ² + ε) by half of that part of σ² + ε, and 3·u. All terms of y and dx have their share.
    """
    parts, back = split(x.astype(float), op, how)
    n = parts.shape[1]
    a = (76 + np.log2(n)) * UNIT
    mean, variance = parts.mean(1, keepdims=True), parts.var(1, keepdims=True)
    far = np.abs(parts - mean)
    e = a * (far.mean(1, keepdims=True) + far.max(1, keepdims=True))
    total = variance + epsilon
    relative = 3 * UNIT + (a * variance + 2 * e * np.sqrt(variance) + e * e) / total
    inverse = 1 / np.sqrt(total)
    hat = far * inverse
    hat_error = hat * (relative + 6 * UNIT) + (e + 2 * UNIT * far) * inverse
    own = (1,) if gamma is None else gamma.shape
    gamma, beta = (np.abs(0.0 + default if v is None else v) for v, default in ((gamma, 1), (beta, 0)))
    y = gamma * back(hat_error + 2 * UNIT * hat) + 2 * UNIT * beta
    rows, others = np.abs(dy), tuple(range(x.ndim - len(own)))
    dbeta = 76 * UNIT * rows.sum(axis=others)
    dgamma = (rows * back(hat_error)).sum(axis=others) + 80 * UNIT * (rows * back(hat)).sum(axis=others)
    g = split(rows * gamma, op, how)[0]
    k, l = g.mean(1, keepdims=True), (g * hat).mean(1, keepdims=True)
    l_error = (g * hat_error).mean(1, keepdims=True) + a * l
    dx = (g + k + hat * l) * (relative + 8 * UNIT) + a * k + hat * l_error + hat_error * l
    return y, back(2 * inverse * dx), dgamma, dbeta


@seeds(6)
def test_random(seed, isa):
    for rng, what in each(seed, "group_norm"):
        op, x, gamma, beta, how, epsilon = problem(rng)
        what, options = f"{what}: {op} of x {x.shape}, {how}, {epsilon}", options_of(op, how) | {"epsilon": epsilon}
        dy = normal(rng, x.shape)
        y_bound, dx, dgamma, dbeta = bounds(op, x, dy, gamma, beta, how, epsilon)
        out = poisoned(x.shape)
        assert getattr(ops, op)(x, gamma, beta, **options, out=out) is out
        y = getattr(reference, op)(x, gamma, beta, **options)
        assert_within(out, y, y_bound + 2 * UNIT * np.abs(y) + TINY, f"y of {what}")
        limits = [dx, *([] if gamma is None else [dgamma]), *([] if beta is None else [dbeta])]
        results = (getattr(library, f"{op}_backward")(dy, x, gamma, beta, **options) for library in (ops, reference))
        actual, expected = (r if isinstance(r, tuple) else (r,) for r in results)
        for a, e, bound in zip(actual, expected, limits, strict=True):
            assert_within(a, e, bound + TINY, f"gradient of {what}")


KINDS = [("layer_norm", -1), ("layer_norm", (1, 2, 3)), ("group_norm", 2), ("group_norm", -1)]


@pytest.mark.parametrize("op, how", KINDS, ids=str)
def test_a_small_spread_beside_a_large_mean(op, how, isa):
    """x − mean is what the numbers say: their mean is known beyond float32."""
    x = (1e5 + np.random.default_rng(0).standard_normal((4, 9, 9, 50))).astype(np.float32)
    options = options_of(op, how)
    assert_within(getattr(ops, op)(x, **options, epsilon=0), getattr(reference, op)(x, **options, epsilon=0), 3e-5, "y")


@pytest.mark.parametrize("op, how", KINDS, ids=str)
def test_large_images(op, how, isa):
    """Sums over 90,000 pixels, all terms of one sign or all equal."""
    x = np.random.default_rng(0).random((2, 300, 300, 4), np.float32) + np.float32(3)
    dy, own = np.full(x.shape, 0.1, np.float32), x.shape[1:] if how == (1, 2, 3) else (4,)
    gamma, beta, options = np.ones(own, np.float32), np.zeros(own, np.float32), options_of(op, how)
    y, *limits = bounds(op, x, dy, gamma, beta, how, 1e-3)
    found, expected = (getattr(m, op)(x, gamma, beta, **options) for m in (ops, reference))
    assert_within(found, expected, y + 2 * UNIT * np.abs(expected), "y")
    found, expected = (getattr(m, f"{op}_backward")(dy, x, gamma, beta, **options) for m in (ops, reference))
    for name, a, e, bound in zip(("dx", "dgamma", "dbeta"), found, expected, limits, strict=True):
        assert_within(a, e, bound + TINY, name)


def test_instance_normalization_is_batch_normalization_of_one_image():
    rng = np.random.default_rng(0)
    x, gamma, beta, dy = (normal(rng, shape) for shape in ((1, 13, 14, 21), 21, 21, (1, 13, 14, 21)))
    found, expected = ops.group_norm(x, gamma, beta, -1), ops.batch_norm(x, gamma, beta)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    found, expected = ops.group_norm_backward(dy, x, gamma, beta, -1), ops.batch_norm_backward(dy, x, gamma, beta)
    for a, b in zip(found, expected):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("op, how, value", [("layer_norm", -1, 7.0), ("group_norm", 2, -3.0)])
def test_constant_values(op, how, value):
    """… have no spread: y is β, and passes nothing back."""
    x, beta = np.full((2, 5, 6, 8), value, np.float32), np.arange(8, dtype=np.float32)
    options = options_of(op, how)
    assert_same(getattr(ops, op)(x, None, beta, **options), np.broadcast_to(beta, x.shape), "y")
    dx, dgamma = getattr(ops, f"{op}_backward")(np.ones_like(x), x, np.ones(8), **options)
    assert_within(dx, np.zeros(x.shape), 1e-4, "dx")
    assert_same(dgamma, np.zeros(8), "dgamma")


def test_a_single_value_is_its_mean(isa):
    """… and passes nothing back: not what γ·dy loses where it is rounded, which one rounding for both would leave."""
    dy, x, gamma = (normal(np.random.default_rng(0), shape) for shape in ((300, 1), (300, 1), 1))
    dx, *_ = ops.layer_norm_backward(dy, x, gamma, gamma, axis=-1)
    assert_same(dx, np.zeros((300, 1), np.float32), "dx")


# In a plan


def chain(*layers, shape=(9, 8, 3), seed=0):
    model = fastcnn.Sequential([fastcnn.Input(shape), *layers, L.Flatten(), L.Dense(5, "softmax")], seed=seed)
    model.compile(fastcnn.optimizers.SGD(0.1, momentum=0.5), SPARSE)
    return model


LEARNED = {"gamma_initializer": "random_uniform", "beta_initializer": "normal"}
NETWORKS = {
    "layers": lambda: [
        L.Conv2D(7, 3, activation="tanh"), L.LayerNormalization(**LEARNED), L.ReLU(), L.Conv2D(20, 2),
        L.LayerNormalization(scale=False), L.Activation("tanh"),
    ],
    "groups": lambda: [
        L.Conv2D(12, 3), L.GroupNormalization(4, **LEARNED), L.ReLU(), L.MaxPooling2D(), L.Conv2D(20, 2),
        L.GroupNormalization(5, center=False), L.ReLU(),
    ],
    "whole": lambda: [L.Conv2D(6, 3), L.LayerNormalization([1, 2, 3], **LEARNED), L.Activation("tanh"), L.Conv2D(4, 3)],
    "first": lambda: [
        L.LayerNormalization((2, 3), gamma_regularizer="l2", beta_regularizer="l1"), L.Conv2D(4, 3, activation="tanh"),
    ],
    "instance": lambda: [L.Conv2D(6, 3, use_bias=False), L.GroupNormalization(-1, **LEARNED), L.Activation("tanh")],
    "bare": lambda: [
        L.Conv2D(8, 3), L.GroupNormalization(2, center=False, scale=False), L.Activation("tanh"), L.Conv2D(5, 2),
        L.LayerNormalization(center=False, scale=False),
    ],
    "dense": lambda: [
        L.Flatten(), L.Dense(40, "tanh"), L.LayerNormalization(**LEARNED), L.ReLU(), L.Dense(600),
        L.GroupNormalization(30, **LEARNED), L.ReLU(), L.Dense(500, "tanh"),
    ],
    "frozen": lambda: [
        L.Conv2D(6, 3), L.GroupNormalization(3, trainable=False, **LEARNED), L.Activation("tanh"), L.Conv2D(4, 3),
        L.LayerNormalization(trainable=False, **LEARNED),
    ],
    "others": lambda: [
        L.Conv2D(8, 3, use_bias=False), L.BatchNormalization(), L.GroupNormalization(4, **LEARNED), L.PReLU("normal"),
        L.Dropout(0.3, seed=2), L.LayerNormalization(**LEARNED), L.MaxPooling2D(),
    ],
}


@pytest.mark.parametrize("batch, threads", [(1, 1), (6, 1), (19, 2), (5, 7)])
@pytest.mark.parametrize("name", NETWORKS)
def test_training(name, batch, threads):
    """Two steps against the float64 reference: weights, loss, and predictions after."""
    if name == "others" and batch == 1:
        pytest.skip("batch normalization of single images leaves gradients of 0")
    model, rng = chain(*NETWORKS[name]()), np.random.default_rng(batch)
    twin, before = Twin(model), [layer.get_weights() for layer in model.layers]
    with fastcnn.num_threads(threads):
        for _ in range(2):
            x, y = clear_batch(twin, rng, batch, (9, 8, 3)), targets(rng, SPARSE, batch, 5)
            assert model.train_on_batch(x, y) == pytest.approx(twin.step(x, y), rel=1e-4)
        assert assert_trained_alike(model, twin, before, 1e-3, steps=2) > 3
        np.testing.assert_allclose(model.predict(x), twin.predict(x), rtol=1e-3, atol=1e-5)


def trained(name, threads, batches=(7, 16, 40, 3)):
    model, rng = chain(*NETWORKS[name](), seed=4), np.random.default_rng(0)
    with fastcnn.num_threads(threads):
        for batch in batches:
            model.train_on_batch(rng.standard_normal((batch, 9, 8, 3)), rng.integers(0, 5, batch))
        y = model.predict(rng.standard_normal((21, 9, 8, 3)), batch_size=21)
    return [*(w.tobytes() for w in model.get_weights()), y.tobytes()]


@pytest.mark.parametrize("name", NETWORKS)
def test_the_same_bits_at_any_number_of_threads(name):
    assert trained(name, 1) == trained(name, 2) == trained(name, 7)


@pytest.mark.parametrize("layer", [lambda: L.LayerNormalization(**LEARNED), lambda: L.GroupNormalization(4, **LEARNED)])
def test_a_sample_does_not_see_the_others(layer):
    layer, x = layer(), np.random.default_rng(0).standard_normal((11, 7, 6, 8)).astype(np.float32)
    assert_same(layer(x), np.concatenate([layer(x[i : i + 1]) for i in range(len(x))]))


@pytest.mark.parametrize("layer", [lambda: L.LayerNormalization(), lambda: L.GroupNormalization(4)])
def test_images_of_channels_first(layer):
    """The axis is that of the channels, as everywhere behind the model's edge."""
    first, last = (
        fastcnn.Sequential([L.Conv2D(8, 3, data_format=data_format, input_shape=shape), layer(),
                            L.MaxPooling2D(data_format=data_format)], seed=1)
        for data_format, shape in (("channels_first", (2, 9, 8)), ("channels_last", (9, 8, 2)))
    )
    x = np.random.default_rng(0).standard_normal((3, 9, 8, 2)).astype(np.float32)
    assert_same(first.predict(x.transpose(0, 3, 1, 2)), last.predict(x).transpose(0, 3, 1, 2))


def test_saved_and_loaded(tmp_path):
    model = chain(L.Conv2D(8, 3), L.GroupNormalization(4, **LEARNED), L.LayerNormalization([1, 2, 3], **LEARNED))
    x = np.random.default_rng(0).standard_normal((5, 9, 8, 3)).astype(np.float32)
    model.save(tmp_path / "model.safetensors")
    assert_same(fastcnn.load_model(tmp_path / "model.safetensors").predict(x), model.predict(x))
