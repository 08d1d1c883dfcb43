"""Second derivatives: the reference against explicit Jacobians and differences, C against the reference, and who may ask."""

import numpy as np
import pytest
from test_reference import away_from_zero, distinct, normal
from twin import Affine, Twin

import fastcnn
from fastcnn import layers as L
from fastcnn import reference as ref
from fastcnn.reference import curvature as ref_curvature

H = 1e-5
SPARSE = "sparse_categorical_crossentropy"


def positive(*shape):
    return np.abs(normal(*shape)) + 0.1


# The reference, op by op: h_x = Σ_i (∂y_i/∂x)²·h_i, with Jacobians by central differences


def jacobian(f, array):
    """(outputs, inputs)"""
    columns = []
    for index in np.ndindex(array.shape):
        values = []
        for step in (H, -H):
            moved = array.copy()
            moved[index] += step
            values.append(f(moved))
        columns.append(((values[0] - values[1]) / (2 * H)).ravel())
    return np.stack(columns, axis=1)


def check_op(name, *arrays, **options):
    """Each array's second derivatives are those of Σ ½·h·y², to first order in y, output by output."""
    forward, curved = getattr(ref, name), getattr(ref_curvature, f"{name}_curvature")
    y = forward(*arrays, **options)
    h = positive(*y.shape)
    results = curved(h, *arrays, **options)
    results = results if isinstance(results, tuple) else (results,)
    assert len(results) == len(arrays)
    for which, result in enumerate(results):
        def f(a, which=which):
            return forward(*arrays[:which], a, *arrays[which + 1 :], **options)

        expected = (jacobian(f, arrays[which]) ** 2 * h.ravel()[:, None]).sum(axis=0).reshape(arrays[which].shape)
        assert result.shape == arrays[which].shape and expected.max() > 1e-2
        np.testing.assert_allclose(result, expected, atol=1e-7 * expected.max())


OPS = {
    "dense": lambda: (("dense", normal(3, 4), normal(4, 5), normal(5)), {}),
    "conv2d": lambda: (("conv2d", normal(2, 4, 5, 2), normal(2, 3, 2, 3), normal(3)), {"padding": 1, "strides": (1, 2)}),
    "conv2d.table": lambda: (
        ("conv2d", normal(1, 4, 4, 3), normal(2, 2, 5), normal(2)),
        {"connection_table": ((0, 2), (0, 1, 2))},
    ),
    "conv2d.groups": lambda: (("conv2d", normal(1, 3, 3, 4), normal(2, 2, 2, 2)), {"groups": 2}),
    "subsample2d": lambda: (("subsample2d", normal(2, 4, 4, 2), normal(2), normal(2, 1)[:, 0]), {}),
    "subsample2d.overlapping": lambda: (("subsample2d", normal(1, 5, 5, 2), normal(2)), {"pool_size": 3, "strides": 1}),
    "max_pool2d": lambda: (("max_pool2d", distinct(2, 5, 5, 2)), {"pool_size": 3, "strides": 2}),
    "avg_pool2d": lambda: (("avg_pool2d", normal(1, 5, 5, 2)), {"pool_size": 3, "strides": 2, "padding": 1}),
    "avg_pool2d.counting": lambda: (
        ("avg_pool2d", normal(1, 5, 5, 2)),
        {"pool_size": 2, "padding": 1, "count_include_pad": True, "ceil_mode": True},
    ),
}


@pytest.mark.parametrize("case", OPS)
def test_reference_of_ops(case):
    arrays, options = OPS[case]()
    check_op(*arrays, **options)


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "elu", "sigmoid", "tanh", "scaled_tanh", "softplus", "silu", "gelu",
                                  "hard_silu"])
def test_reference_of_activations(name):
    x = away_from_zero(3, 4)
    h, slopes = positive(3, 4), np.diag(jacobian(getattr(ref, name), x)).reshape(3, 4)
    np.testing.assert_allclose(ref_curvature.activation_curvature(h, x, name), slopes**2 * h, atol=1e-7)


def second_difference(f, array):
    """∂²f/∂a² along each value, f giving a number."""
    result, step = np.empty(array.shape), 1e-4
    for index in np.ndindex(array.shape):
        values = []
        for move in (step, 0, -step):
            moved = array.copy()
            moved[index] += move
            values.append(f(moved))
        result[index] = (values[0] - 2 * values[1] + values[2]) / step**2
    return result


def test_reference_of_rbf():
    """Exact: of the loss Σ dy·(y − y0) + ½·h·(y − y0)², for which nothing is left out along an axis."""
    x, w, dy, h = normal(2, 5), normal(3, 5) + 1, positive(2, 3), positive(3, 2).T
    y0 = ref.rbf(x, w)

    def loss(x, w):
        d = ref.rbf(x, w) - y0
        return (dy * d + 0.5 * h * d**2).sum()

    own_x, own_w = ref_curvature.rbf_curvature(h, dy, x, w)
    np.testing.assert_allclose(own_x, second_difference(lambda a: loss(a, w), x), rtol=1e-5)
    np.testing.assert_allclose(own_w, second_difference(lambda a: loss(x, a), w), rtol=1e-5)
    none = ref_curvature.rbf_curvature(0 * h, -dy, x, w)
    assert not none[0].any() and not none[1].any(), "nothing is negative"


LOSSES = {
    "rbf_mean_squared_error": ({}, "labels"),
    "rbf_maximum_a_posteriori": ({"j": 0.5}, "labels"),
    "softmax_cross_entropy": ({}, "labels"),
    "softmax_cross_entropy.probabilities": ({}, "like x"),
    "mean_squared_error": ({}, "like x"),
    "binary_cross_entropy": ({}, "like x"),
    "binary_cross_entropy.logits": ({"from_logits": True}, "like x"),
}


@pytest.mark.parametrize("case", LOSSES)
def test_reference_of_losses(case):
    (options, kind), name = LOSSES[case], case.split(".")[0]
    x, weight = np.random.default_rng(0).uniform(0.1, 0.9, (3, 4)), np.array([1.0, 0.5, 2.0])
    target = np.array([3, 0, 1]) if kind == "labels" else np.random.default_rng(1).random((3, 4))
    expected = second_difference(lambda a: (weight * getattr(ref, name)(a, target, **options)).sum(), x)
    found = getattr(ref_curvature, f"{name}_curvature")(weight, x, target, **options)
    np.testing.assert_allclose(found, expected, atol=1e-6 * max(1, np.abs(expected).max()))


def test_a_chain_of_single_units_is_exact():
    """Nothing is left out but the squashing functions' own curvature: h = (∂y/∂w)²·∂²L/∂y² of each sample."""
    model = fastcnn.Sequential([L.Dense(1, "tanh", input_shape=(1,)), L.Dense(1, "sigmoid"), L.Dense(1)], seed=1)
    model.compile("sgd", "mse")
    twin, x = Twin(model), np.array([[0.5], [-2.0], [1.5]])
    found = model.hessian_diagonal(x, [0.0, 1.0, 2.0])
    flat = np.array([w for layer in twin.weights for array in layer for w in array.ravel()])

    def y(values):
        parts = iter(values)
        twin.weights = [[np.full((1, 1), next(parts)), np.full(1, next(parts))] for _ in range(3)]
        return twin.predict(x)[:, 0]

    expected = 2 * (jacobian(y, flat) ** 2).mean(axis=0)
    np.testing.assert_allclose(np.concatenate([h.ravel() for h in found]), expected, rtol=2e-5)


# C against the reference, layer by layer


OPTIONS = {  # of the reference's op, by layer
    "Conv2D": ("conv2d", "strides padding dilation_rate groups connection_table"),
    "Subsampling2D": ("subsample2d", "pool_size strides padding"),
    "Dense": ("dense", ""),
    "RBF": ("rbf", ""),
    "MaxPooling2D": ("max_pool2d", "pool_size strides padding ceil_mode dilation_rate"),
    "AveragePooling2D": ("avg_pool2d", "pool_size strides padding ceil_mode count_include_pad dilation_rate"),
}
CONSTANTS = {"leaky_relu": "negative_slope", "elu": "alpha"}


def steps_of(model):
    """(layer, op of the reference, its weights, its options), in order; flattening is left to shapes."""
    for layer in model.layers:
        kind, (activation, constant) = type(layer).__name__, getattr(layer, "activation", ("linear", 0.0))
        if kind in OPTIONS:
            name, options = OPTIONS[kind]
            weights = [w.astype(np.float64) for w in layer.get_weights()]
            yield layer, name, weights, {option: getattr(layer, option) for option in options.split()}
        if activation != "linear":
            yield layer, activation, None, {CONSTANTS[activation]: constant} if activation in CONSTANTS else {}


def expected_diagonal(model, x, target, weight):
    """By the reference's recursion, arrays in the order of `get_weights`."""
    steps, values, found = list(steps_of(model)), [x.astype(np.float64)], {}
    if steps[-1][1] == "softmax":
        steps.pop()  # the loss has it
    for _, name, weights, options in steps:
        value = values[-1].reshape(len(x), -1) if name in ("dense", "rbf") else values[-1]
        values.append(getattr(ref, name)(value, *(weights or ()), **options))
    kind = {SPARSE: "softmax_cross_entropy", "binary_crossentropy": "binary_cross_entropy"}
    kind = kind.get(model.loss.name, model.loss.name)
    options = {"j": model.loss.j} if kind == "rbf_maximum_a_posteriori" else {}
    options |= {"from_logits": model.loss.from_logits} if kind == "binary_cross_entropy" else {}
    arguments = weight / len(x), values[-1], target
    h, dy = (getattr(module, kind + suffix)(*arguments, **options)
             for module, suffix in ((ref_curvature, "_curvature"), (ref, "_backward")))
    for (layer, name, weights, options), value in zip(reversed(steps), values[-2::-1]):
        shape, value = value.shape, value.reshape(len(x), -1) if name in ("dense", "rbf") else value
        if weights is None:
            h = ref_curvature.activation_curvature(h, value, name, **options)
        elif name == "rbf":
            h, *found[layer] = ref_curvature.rbf_curvature(h, dy, value, *weights)
        elif weights:
            h, *found[layer] = getattr(ref_curvature, f"{name}_curvature")(h, value, *weights, **options)
        else:
            h = getattr(ref_curvature, f"{name}_curvature")(h, value, **options)
        h = h.reshape(shape)
    return [h if layer.trainable else 0 * h for layer in model.layers for h in found.get(layer, ())]


def published(seed=0, units=4, **options):
    table = ((0, 1), (1, 2), (0, 2), (0, 1, 2), (2,))
    return fastcnn.Sequential([
        L.Conv2D(3, 3, activation="scaled_tanh", input_shape=(12, 12, 1)),
        L.Subsampling2D(activation="scaled_tanh", bias_initializer="normal"),
        L.Conv2D(5, 2, activation="scaled_tanh", connection_table=table),
        L.Subsampling2D(activation="scaled_tanh", use_bias=False),
        L.Conv2D(9, 2, activation="scaled_tanh"),
        L.Flatten(),
        L.Dense(7, activation="scaled_tanh"),
        L.RBF(units, **options),
    ], seed=seed)  # fmt: skip


MODELS = {
    "published": (published, "rbf_mean_squared_error"),
    "published.map": (published, "rbf_maximum_a_posteriori"),
    "published.trainable": (lambda: published(trainable=True), "rbf_maximum_a_posteriori"),
    "modern": (lambda: fastcnn.Sequential([
        L.Conv2D(3, 3, padding="same", activation="tanh", input_shape=(12, 12, 1)), L.AveragePooling2D(3, 2, "same"),
        L.Conv2D(4, 3, strides=2, groups=1, activation="elu"), L.Activation("softplus"), L.Activation("gelu"),
        L.Flatten(), L.Dense(9, activation="sigmoid", use_bias=False), L.Dense(4, "softmax"),
    ], seed=1), SPARSE),
    "frozen": (lambda: fastcnn.Sequential([
        L.Conv2D(4, 5, activation="relu", trainable=False, input_shape=(12, 12, 1)), L.MaxPooling2D(),
        L.Conv2D(6, 2, activation="leaky_relu"), L.Flatten(), L.Dense(5, "tanh", trainable=False), L.Dense(4),
    ], seed=2), {"class_name": SPARSE, "config": {"from_logits": True}}),
    "winograd": (lambda: fastcnn.Sequential([
        L.Conv2D(16, 3, padding=1, activation="tanh", input_shape=(12, 12, 1)),
        L.Conv2D(16, 3, padding=1, activation="tanh"), L.AveragePooling2D(4), L.Flatten(), L.Dense(4, "sigmoid"),
    ], seed=3), "mean_squared_error"),
    "binary": (lambda: fastcnn.Sequential([L.Flatten(input_shape=(12, 12, 1)), L.Dense(4, "sigmoid")], seed=4),
               "binary_crossentropy"),
    "logits": (lambda: fastcnn.Sequential([L.Flatten(input_shape=(12, 12, 1)), L.Dense(4)], seed=4),
               {"class_name": "binary_crossentropy", "config": {"from_logits": True}}),
    "wide": (lambda: fastcnn.Sequential([L.Flatten(input_shape=(12, 12, 1)), L.Dense(1900, "tanh"), L.Dense(4)], seed=5),
             "mse"),
}  # fmt: skip


def problem(name, batch):
    make, loss = MODELS[name]
    model, rng = make(), np.random.default_rng(batch)
    model.compile("sgd", loss)
    x = rng.standard_normal((batch, 12, 12, 1)).astype(np.float32)
    labels = model.loss.name == SPARSE or model.smallest_wins
    return model, x, rng.integers(0, 4, batch) if labels else rng.random((batch, 4), np.float32)


@pytest.mark.parametrize("batch", [1, 7, 60])
@pytest.mark.parametrize("name", MODELS)
def test_diagonal(name, batch, isa):
    """60 samples are more than are taken at a time."""
    model, x, y = problem(name, batch)
    weight = np.linspace(0.5, 1.5, batch)
    found = model.hessian_diagonal(x, y, weight)
    expected = expected_diagonal(model, x, y, weight)
    assert len(found) == len(expected) == len(model.get_weights())
    for h, e, w in zip(found, expected, model.get_weights()):
        assert h.shape == w.shape and (h >= 0).all()
        np.testing.assert_allclose(h, e, rtol=1e-3, atol=2e-5 * np.abs(e).max(initial=1e-30))
    assert sum(h.any() for h in found) == sum(len(layer.parameters) for layer in model.layers if layer.trainable)


@pytest.mark.parametrize("name", ["published.trainable", "winograd", "wide"])
def test_the_same_bits_at_any_number_of_threads(name):
    found = []
    for threads in (1, 2, 5):
        model, x, y = problem(name, 60)
        with fastcnn.num_threads(threads):
            found.append([h.tobytes() for h in model.hessian_diagonal(x, y)])
    assert found[0] == found[1] == found[2]


def test_it_changes_nothing():
    model, x, y = problem("published", 9)
    before = model.predict(x)
    first = model.hessian_diagonal(x, y)
    loss = model.train_on_batch(x, y)
    other, _, _ = problem("published", 9)
    assert other.train_on_batch(x, y) == loss and np.array_equal(other.predict(x), model.predict(x))
    assert not np.array_equal(before, model.predict(x))
    again = model.hessian_diagonal(x, y)
    assert not np.array_equal(first[0], again[0]), "of the weights of now"
    assert all(np.array_equal(a, b) for a, b in zip(again, other.hessian_diagonal(x, y)))


def test_dropout_is_left_out():
    layers = [L.Dense(5, "tanh", input_shape=(4,)), L.Dropout(0.5), L.Dense(2)]
    model, plain = fastcnn.Sequential(layers, seed=0), fastcnn.Sequential([L.Dense(5, "tanh", input_shape=(4,)), L.Dense(2)])
    plain.set_weights(model.get_weights())
    x, found = np.random.default_rng(0).standard_normal((6, 4)), []
    for m in (model, plain):
        m.compile("sgd", "mse")
        found.append(m.hessian_diagonal(x, np.zeros((6, 2))))
    assert all(np.array_equal(a, b) for a, b in zip(*found))


def test_weights_of_losses_count():
    model, x, y = problem("modern", 9)
    plain = model.hessian_diagonal(x, y)
    model.compile("sgd", model.loss, loss_weights=[2.0])
    assert all(np.allclose(2 * a, b, rtol=1e-5) for a, b in zip(plain, model.hessian_diagonal(x, y)))


def test_kernels_that_were_given_up():
    model, x, y = problem("wide", 3)
    model.half_weights("float16", free=True)
    with pytest.raises(ValueError, match="hessian_diagonal needs the float32 kernels"):
        model.hessian_diagonal(x, y)


class Absolute(fastcnn.losses.Loss):
    def forward(self, y_true, y_pred):
        return np.abs(y_pred - y_true).mean(axis=1)


REFUSED = {
    "normalization": ([L.LocalResponseNormalization(3), L.Dense(2)], "mse", "LocalResponseNormalization"),
    "over the batch": ([L.Dense(2), L.BatchNormalization()], "mse", "BatchNormalization"),
    "softmax within": ([L.Dense(3, "softmax"), L.Dense(2)], "mse", "Dense layers"),
    "softmax with another loss": ([L.Dense(2, "softmax")], "mse", "Dense layers"),
    "probabilities": ([L.Dense(2, "sigmoid")], "categorical_crossentropy", "Received: 'categorical_crossentropy'"),
    "RBF within": ([L.RBF(3), L.Dense(2)], "mse", "RBF"),
    "Python": ([Affine(), L.Dense(2)], "mse", "Affine"),
    "loss in Python": ([L.Dense(2)], Absolute(), "Received: 'loss'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_has_no_second_derivatives(case):
    layers, loss, message = REFUSED[case]
    layers = [type(layer).from_config(layer.get_config()) for layer in layers]
    model = fastcnn.Sequential([fastcnn.Input((4,)), *layers], seed=0)
    model.compile("sdlm", loss)
    with pytest.raises(ValueError, match=f"second derivatives .*{message}"):
        model.hessian_diagonal(np.ones((3, 4)), np.ones((3, 2)))
    with pytest.raises(ValueError, match="second derivatives"):
        model.fit(np.ones((3, 4)), np.ones((3, 2)), verbose=0)
