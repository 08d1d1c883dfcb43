"""Batch normalization: the op, its place in a plan, moving averages, folding into the weights before it, files."""

import inside
import numpy as np
import pytest
from buffers import TINY, UNIT, assert_same, assert_within, integers, normal, poisoned
from remembered import reference
from test_ops_random import each, either, seeds
from twin import Twin, assert_trained_alike, clear_batch, targets

import fastcnn
from fastcnn import layers as L
from fastcnn import ops
from fastcnn.optimizers import SGD

SPARSE = "sparse_categorical_crossentropy"

# The op


@pytest.mark.parametrize("shape", [(4, 1), (8, 37), (16, 8, 4, 5), (32, 16, 32, 96), (64, 2, 2, 300)], ids=str)
def test_exact(shape, isa, threads):
    """Half of a channel's values lie one below its mean, the others one above; with ε = 3 all is exact."""
    rng = np.random.default_rng(shape)
    sides = rng.permutation(np.repeat([-1, 1], np.prod(shape[:-1]) // 2)).reshape(*shape[:-1], 1)
    sides = sides * rng.choice([-1, 1], shape[-1])
    mean, gamma, beta = (integers(rng, shape[-1], largest) for largest in (1000, 4, 4))
    x, dy = (mean + sides).astype(np.float32), integers(rng, shape)
    assert_same(ops.batch_norm(x, gamma, beta, epsilon=3), sides * gamma / 2 + beta, "y")
    dx, dgamma, dbeta = ops.batch_norm_backward(dy, x, gamma, beta, epsilon=3)
    axes = tuple(range(dy.ndim - 1))
    assert_same(dbeta, dy.sum(axis=axes), "dbeta")
    assert_same(dgamma, (dy * sides).sum(axis=axes) / 2, "dgamma")
    expected = reference.batch_norm_backward(dy, x, gamma, beta, epsilon=3)[0]
    assert_within(dx, expected, 4 * UNIT * np.abs(gamma) * 4, "dx")


def problem(rng):
    """x of any mean and spread, γ, β (either may be None), and statistics or none."""
    leading = tuple(int(v) for v in rng.integers(1, 12, rng.integers(1, 4)))
    c = int(rng.integers(1, either(rng, 3, 20, 300)))
    spread = 10.0 ** rng.integers(-2, 3, c)
    x = (normal(rng, (*leading, c)) * spread + spread * rng.choice([0, 3, 100], c)).astype(np.float32)
    gamma, beta = (either(rng, None, normal(rng, c)) for _ in range(2))
    given = {"mean": normal(rng, c), "variance": np.abs(normal(rng, c))} if rng.random() < 0.3 else {}
    return x, gamma, beta, {**given, "epsilon": either(rng, 1e-3, 1e-5, 0.5)}


def bounds(x, dy, gamma, options):
    """Of y and dx, dγ, dβ.

    Sums take up to 64 values in float, then go on in double: 67 units of their absolute terms, with the roundings of
    partial sums and of the result. So the mean is off by e = 68·u·mean|x − a pixel| + 2·u·|mean|, and the variance, of
    deviations from it, by 70·u of it and by 2·e·σ; a = γ/√(σ² + ε) by half of that part of σ² + ε, and 3·u. All terms of y
    and dx have their share.
    """
    c, fixed = x.shape[-1], "mean" in options
    pixels, rows = x.reshape(-1, c).astype(float), np.abs(dy.reshape(-1, c).astype(float))
    mean, variance = (options["mean"], options["variance"]) if fixed else (pixels.mean(0), pixels.var(0))
    far = np.abs(pixels - pixels.mean(0))
    e = 0 if fixed else UNIT * (68 * (far.mean(0) + far.max(0)) + 2 * np.abs(mean))
    total, scale = variance + options["epsilon"], np.abs(1.0 if gamma is None else gamma)
    relative = 3 * UNIT + (0 if fixed else (72 * UNIT * variance + 2 * e * np.sqrt(variance) + e * e) / total)
    inverse, apart = 1 / np.sqrt(total), np.abs(pixels - mean)
    hat = apart * inverse
    hat_error = hat * (relative + 2 * UNIT) + e * inverse
    y = scale * (hat_error + 2 * UNIT * hat) + 3 * UNIT
    n = len(rows)
    dbeta = 68 * UNIT * rows.sum(0)
    dgamma = (rows * hat_error).sum(0) + 70 * UNIT * (rows * hat).sum(0)
    dx = rows * (relative + 4 * UNIT)
    if not fixed:
        k, m = rows.sum(0) / n, (rows * hat).sum(0) / n
        dx = dx + (dbeta + hat * dgamma) / n + hat_error * m + (4 * UNIT + relative) * (k + hat * m)
    return y.reshape(x.shape), (scale * inverse * dx).reshape(x.shape) * 2, dgamma, dbeta


@seeds(4)
def test_batch_norm(seed, isa):
    for rng, what in each(seed, "batch_norm"):
        x, gamma, beta, options = problem(rng)
        what = f"{what} of x {x.shape}, {options.keys()}"
        dy = normal(rng, x.shape)
        y_bound, dx, dgamma, dbeta = bounds(x, dy, gamma, options)
        y_bound = y_bound + UNIT * 2 * np.abs(0 if beta is None else beta)
        out = poisoned(x.shape)
        assert ops.batch_norm(x, gamma, beta, **options, out=out) is out
        y = reference.batch_norm(x, gamma, beta, **options)
        assert_within(out, y, y_bound + 2 * UNIT * np.abs(y) + TINY, f"y of {what}")
        limits = [dx, *([] if gamma is None else [dgamma]), *([] if beta is None else [dbeta])]
        actual, expected = (library.batch_norm_backward(dy, x, gamma, beta, **options) for library in (ops, reference))
        if len(limits) == 1:
            actual, expected = (actual,), (expected,)
        for a, e, bound in zip(actual, expected, limits, strict=True):
            assert_within(a, e, bound + TINY, f"gradient of {what}")


def test_a_small_spread_beside_a_large_mean(isa):
    """Where sums of squares would have no digit left: the mean is right to a unit of its last place, the variance too."""
    rng = np.random.default_rng(0)
    x = (1e4 + rng.standard_normal((64, 9, 9, 5))).astype(np.float32)
    y = ops.batch_norm(x, epsilon=0)
    np.testing.assert_allclose(y, reference.batch_norm(x, epsilon=0), rtol=0, atol=1e-3)
    np.testing.assert_allclose(y.std(axis=(0, 1, 2)), 1, rtol=1e-5)


def test_mean_and_variance_go_together():
    for name in ("mean", "variance"):
        with pytest.raises(ValueError, match="go together. Received: mean="):
            ops.batch_norm(np.ones((2, 3)), **{name: np.ones(3)})


# In a plan


def chain(*layers, shape=(9, 8, 3), seed=0, units=5, loss=SPARSE):
    model = fastcnn.Sequential([fastcnn.Input(shape), *layers, L.Flatten(), L.Dense(units, "softmax")], seed=seed)
    model.compile(SGD(1.0, momentum=0.5), loss)
    return model


def norm(momentum=0.9, **options):
    return L.BatchNormalization(momentum=momentum, gamma_initializer="random_uniform", beta_initializer="normal", **options)


def bare(filters, size, **options):
    """A convolution without bias, whose gradient before a normalization is 0 but for roundings."""
    return L.Conv2D(filters, size, use_bias=False, **options)


NETWORKS = {
    "conv": lambda: [bare(7, 3), norm(), L.ReLU(), L.MaxPooling2D(), bare(20, 2), norm(), L.ReLU()],
    "first": lambda: [norm(gamma_regularizer="l2", beta_regularizer="l1"), L.Conv2D(4, 3, activation="tanh")],
    "frozen below": lambda: [L.Conv2D(4, 3, trainable=False), norm(), L.Activation("tanh")],
    "bare": lambda: [bare(4, 3), norm(center=False, scale=False), L.Activation("tanh"), norm(scale=False)],
    "bare below": lambda: [L.Conv2D(4, 3, trainable=False), norm(center=False, scale=False), L.Conv2D(3, 2)],
    "dense": lambda: [
        L.Flatten(), L.Dense(40, "tanh"), norm(), L.ReLU(), L.Dense(600, use_bias=False), norm(), L.Dense(500, "tanh"),
    ],
    "twice": lambda: [bare(6, 3), norm(center=False), norm(1.0, epsilon=0.5, moving_mean_initializer="normal"), L.ReLU()],
    "others": lambda: [L.LocalResponseNormalization(alpha=0.2), norm(), L.PReLU("normal"), L.Dropout(0.3, seed=2), norm()],
    "large": lambda: [bare(24, 3, padding="same"), norm(), L.Activation("tanh"), bare(150, 5), norm(), L.Activation("tanh")],
}


@pytest.mark.parametrize("batch, threads", [(1, 1), (6, 1), (19, 2), (5, 7)])
@pytest.mark.parametrize("name", NETWORKS)
def test_training(name, batch, threads):
    """Two steps against the float64 reference: weights, moving averages, loss, and predictions by the latter."""
    model, rng = chain(*NETWORKS[name]()), np.random.default_rng(batch)
    twin, before = Twin(model), [layer.get_weights() for layer in model.layers]
    with fastcnn.num_threads(threads):
        for _ in range(2):
            x, y = clear_batch(twin, rng, batch, (9, 8, 3)), targets(rng, SPARSE, batch, 5)
            assert model.train_on_batch(x, y) == pytest.approx(twin.step(x, y), rel=1e-4)
        assert assert_trained_alike(model, twin, before, 1e-3, steps=2) > 3
        np.testing.assert_allclose(model.predict(x), twin.predict(x), rtol=1e-3, atol=1e-5)
    moved = [layer.moving_mean.value for layer in model.layers if isinstance(layer, L.BatchNormalization)]
    assert moved and all(m.any() for m in moved)


def trained(name, threads, batches=(7, 16, 40, 3)):
    model, rng = chain(*NETWORKS[name](), seed=4), np.random.default_rng(0)
    with fastcnn.num_threads(threads):
        for batch in batches:
            model.train_on_batch(rng.standard_normal((batch, 9, 8, 3)), rng.integers(0, 5, batch))
        y = model.predict(rng.standard_normal((21, 9, 8, 3)), batch_size=21)
    return [*(w.tobytes() for w in model.get_weights()), y.tobytes()]


@pytest.mark.parametrize("name", ["conv", "dense", "others", "large"])
def test_the_same_bits_at_any_number_of_threads(name):
    assert trained(name, 1) == trained(name, 2) == trained(name, 7)


def test_the_phases():
    """One cut forward and one backward; both sides of a cut see the whole batch; the layer's output is local, and computed
    again on the way back."""
    p = chain(L.Conv2D(16, 3), norm(), L.ReLU(), L.MaxPooling2D())._plan("train", 12, True)
    assert [p.ops[i].name for i in range(3)] == ["conv2d", "batch_norm", "max_pool2d"] and p.ops[1].activation == "relu"
    phases = [p.steps[first : first + count] for first, count, *_ in p.phases]
    names = [[name for i, name in steps if i == 1] for steps in phases]
    assert [n for n in names if n] == [["statistics"], ["combine"], ["forward"], ["forward", "mask", "weights"], ["reduce"],
                                       ["data"]]
    found = [(0, "forward") in phases[1], (2, "forward") in phases[3], (2, "data") in phases[5]]
    assert all(found), "depth first on both sides"
    values, gradients = inside.values(p), inside.gradients(p)
    assert not values[1].local and not gradients[2].local and values[2].local and gradients[1].local


def test_sums_wait_where_nothing_below_learns():
    p = chain(L.Conv2D(16, 3, trainable=False), norm())._plan("train", 12, True)
    assert (1, "data") not in p.steps and p.steps.index((1, "reduce")) > p.steps.index((1, "weights")) + 1


# Moving averages, frozen layers


def test_moving_averages():
    rng = np.random.default_rng(0)
    model = fastcnn.Sequential([L.BatchNormalization(momentum=0.75, input_shape=(3, 2)), L.Flatten(), L.Dense(1)], seed=0)
    model.compile(SGD(0.0), "mse")
    layer, mean, variance = model.layers[0], np.zeros(2), np.ones(2)
    for batch in (8, 8, 5):
        x = 3 * rng.standard_normal((batch, 3, 2)).astype(np.float32) + 1
        model.train_on_batch(x, np.zeros(batch))
        mean, variance = 0.75 * mean + 0.25 * x.mean((0, 1)), 0.75 * variance + 0.25 * x.var((0, 1))
        np.testing.assert_allclose(layer.moving_mean.value, mean, rtol=1e-5)
        np.testing.assert_allclose(layer.moving_variance.value, variance, rtol=1e-5)
    gamma, beta, *moving = layer.get_weights()
    assert_same(layer(x), ops.batch_norm(x, gamma, beta, *moving))
    assert all(np.array_equal(a, b) for a, b in zip(layer.get_weights()[2:], moving)), "a call changes nothing"
    before = model.get_weights()
    model.evaluate(x, np.zeros(len(x)), verbose=0), model.predict(x)
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), before)), "nor does evaluation"


def test_decay_and_momentum_leave_moving_averages_alone():
    layer = L.BatchNormalization(momentum=1.0, input_shape=(4,), moving_mean_initializer="ones")
    model = fastcnn.Sequential([layer, L.Dense(1)], seed=0)
    model.compile(SGD(0.1, momentum=0.9, weight_decay=0.5), "mse")
    for _ in range(3):
        model.train_on_batch(np.random.default_rng(0).standard_normal((6, 4)), np.zeros(6))
    gamma, _, mean, variance = model.layers[0].get_weights()
    assert np.all(mean == 1) and np.all(variance == 1) and not np.any(gamma == 1)


def test_frozen_layers_use_moving_averages():
    """… while training too, and keep them."""
    layers = [L.Conv2D(16, 3), norm(trainable=False, moving_mean_initializer="normal"), L.Activation("tanh")]
    model, rng = chain(*layers), np.random.default_rng(0)
    before, twin = [layer.get_weights() for layer in model.layers], Twin(model)
    x, y = rng.standard_normal((10, 9, 8, 3)).astype(np.float32), rng.integers(0, 5, 10)
    assert model.train_on_batch(x, y) == pytest.approx(twin.step(x, y), rel=1e-5)
    assert_trained_alike(model, twin, before, 1e-4)
    assert all(np.array_equal(a, b) for a, b in zip(model.layers[1].get_weights(), before[1]))
    assert [op.name for op in model._plans["train"].ops[:2]] == ["conv2d", "fixed_norm"]


def test_summary_tells_what_is_trained():
    lines = []
    chain(L.BatchNormalization()).summary(lines.append)
    assert lines[-1] == f"trainable parameters: {6 + 9 * 8 * 3 * 5 + 5:,}; kept as they are: 6"


# Folding


FOLDED = {
    "conv": (lambda: [L.Conv2D(24, 3, bias_initializer="normal"), norm(), L.ReLU()], ["conv2d"]),
    "lanes": (lambda: [L.Conv2D(5, 3, use_bias=False), norm(), L.MaxPooling2D()], ["to_lanes", "conv2d", "max_pool2d"]),
    "winograd": (lambda: [L.Conv2D(32, 1), L.Conv2D(32, 3, padding="same", exact=False), norm()], ["conv2d", "conv2d"]),
    "groups": (lambda: [L.Conv2D(18, 3, groups=3), norm(center=False), L.ReLU()], ["conv2d"]),
    "depthwise": (lambda: [L.DepthwiseConv2D(3, depth_multiplier=6), norm(scale=False), L.ReLU()], ["conv2d"]),
    "separable": (lambda: [L.SeparableConv2D(18, 3, use_bias=False), norm()], ["conv2d", "conv2d"]),
    "dense": (lambda: [L.Flatten(), L.Dense(30, use_bias=False), norm(), L.ReLU()], ["dense"]),
}


def forwards(model):
    """Names of the ops that a prediction runs."""
    p = model._plan("predict", 4)
    return [p.ops[i].name for i, name in p.steps if name == "forward"]


@pytest.mark.parametrize("name", FOLDED)
def test_folded(name):
    """Predictions are those of the formulas, before and after training and whatever sets weights."""
    layers, ops_ = FOLDED[name]
    model, rng = chain(*layers(), shape=(9, 8, 3)), np.random.default_rng(0)
    x, y = rng.standard_normal((16, 9, 8, 3)).astype(np.float32), rng.integers(0, 5, 16)

    def compare():
        expected = Twin(model).predict(x)
        scale = {"winograd": 100, "depthwise": 10}.get(name, 1)  # its logits go up to 75
        np.testing.assert_allclose(model.predict(x), expected, rtol=2e-5 * scale, atol=1e-6 * scale)
        np.testing.assert_allclose(model.predict(x[:1]), expected[:1], rtol=2e-5 * scale, atol=1e-6 * scale)
        assert np.array_equal(model.predict_on_batch(x[:1]), model.predict_on_batch(x[:1])), "packed, then packed already"
        loss = -np.log(expected[range(16), y]).mean()
        np.testing.assert_allclose(model.evaluate(x, y, verbose=0), loss, rtol=1e-5 * scale)

    compare()
    model.train_on_batch(x, y)
    compare()
    model.set_weights([np.abs(w) + 0.1 for w in model.get_weights()])
    compare()
    model.predict(x)
    names = [op.name for op in model._plans["predict"].ops]
    assert names[: len(ops_)] == ops_ and names.count("fold") == 1
    assert "fixed_norm" not in forwards(model)


def test_folded_into_rounded_kernels():
    """With dense kernels in fewer bits a small one is rounded before the normalization is folded in."""

    def layers():
        return [L.Flatten(), L.Dense(30), norm(moving_mean_initializer="normal"), L.ReLU()]

    model, x = chain(*layers()), np.random.default_rng(0).standard_normal((16, 9, 8, 3)).astype(np.float32)
    plain = model.predict(x)
    model.half_weights("float16")
    half = model.predict(x)
    rounded = chain(*layers())
    rounded.set_weights([w.astype(np.float16).astype(np.float32) if w.ndim == 2 else w for w in model.get_weights()])
    np.testing.assert_allclose(half, rounded.predict(x), rtol=1e-6)
    assert np.abs(half - plain).max() > 1e-6 and "fixed_norm" not in forwards(model)


def test_what_is_not_folded():
    def fixed(*layers):
        return [i for i, name in enumerate(forwards(chain(*layers))) if name == "fixed_norm"]

    assert fixed(L.Conv2D(16, 3, activation="relu"), norm()) == [1], "an activation lies between"
    assert fixed(L.MaxPooling2D(), norm()) == [1]
    assert fixed(L.Conv2DTranspose(16, 3), norm()) == [1], "channels are no last axis of its weights"
    assert fixed(L.Conv2D(3, 3, connection_table=[[0], [0, 2], [1]]), norm()) == [1], "nor of weights by connection"
    assert fixed(norm(), L.Conv2D(16, 3)) == [0]
    assert fixed(L.Conv2D(16, 3), L.Flatten(), norm()) == [1], "other channels"
    assert fixed(L.Flatten(), L.Dense(2000), norm()) == [1], "large weights"
    assert fixed(L.Conv2D(16, 3), norm(), norm()) == [1], "the second of two"


def test_folded_weights_are_packed_once():
    """Until parameters change."""
    model, x = chain(L.Conv2D(24, 3), norm()), np.ones((4, 9, 8, 3), np.float32)
    model.predict(x)
    plan = model._plans["predict"]
    folded = plan.nodes[0].w.array
    folded[...] = 0
    model.predict(x)
    assert not folded.any()
    model.layers[1].set_weights([w + 1 for w in model.layers[1].get_weights()])
    model.predict(x)
    assert folded.any()


# Files


def test_saved_and_resumed_exactly(tmp_path):
    """A training that stops, is saved and goes on has the bits of one that never stopped."""
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((50, 9, 8, 3)).astype(np.float32), rng.integers(0, 5, 50)

    def fit(model, epochs, **options):
        model.fit(x, y, batch_size=16, epochs=epochs, verbose=0, **options)
        return model

    whole = fit(chain(*NETWORKS["conv"]()), 4)
    part = fit(chain(*NETWORKS["conv"]()), 2)
    part.save(tmp_path / "model.safetensors")
    tensors, _ = fastcnn.io.safetensors.load_file(tmp_path / "model.safetensors")
    assert "batch_normalization/moving_mean" in tensors and "optimizer/velocity/batch_normalization/gamma" in tensors
    assert "optimizer/velocity/batch_normalization/moving_mean" not in tensors
    loaded = fastcnn.load_model(tmp_path / "model.safetensors")
    assert np.array_equal(loaded.predict(x), part.predict(x))
    resumed = fit(loaded, 4, resume=True)
    assert all(np.array_equal(a, b) for a, b in zip(resumed.get_weights(), whole.get_weights(), strict=True))
