"""Sequential: how it is built, and that whole networks predict and train as the float64 reference does."""

import numpy as np
import pytest
from twin import Affine, Twin, assert_trained_alike, targets

import fastcnn
from fastcnn import layers as L
from fastcnn.losses import BinaryCrossentropy, CategoricalCrossentropy, SparseCategoricalCrossentropy
from fastcnn.optimizers import SGD, schedules

SPARSE, ONE_HOT = "sparse_categorical_crossentropy", "categorical_crossentropy"

# Building


def small(*first):
    return [*first, L.Conv2D(4, 3, activation="relu"), L.MaxPooling2D(), L.Flatten(), L.Dense(5)]


def test_three_ways_to_give_the_shape():
    by_argument = small()
    by_argument[0] = L.Conv2D(4, 3, activation="relu", input_shape=(8, 9, 2))
    added = fastcnn.Sequential(seed=3)
    for layer in small(fastcnn.Input((8, 9, 2))):
        added.add(layer)
    later = fastcnn.Sequential(small(), seed=3)
    later.build((None, 8, 9, 2))
    models = [
        fastcnn.Sequential(small(fastcnn.Input((8, 9, 2))), seed=3),
        fastcnn.Sequential(by_argument, seed=3),
        added,
        later,
    ]
    x = np.random.default_rng(0).standard_normal((3, 8, 9, 2))
    for model in models:
        assert (model.input_shape, model.output_shape) == ((None, 8, 9, 2), (None, 5))
        assert [layer.name for layer in model.layers] == ["conv2d", "max_pooling2d", "flatten", "dense"]
        assert model.count_params() == 76 + 185
    assert np.array_equal(models[0](x), models[3].predict(x))
    assert models[0].predict(x).shape == (3, 5)


def test_built_by_the_first_data():
    x, y = np.ones((4, 6)), np.ones((4, 2))
    called = fastcnn.Sequential([L.Dense(2)])
    assert called(x).shape == (4, 2) and called.input_shape == (None, 6)
    assert fastcnn.Sequential([L.Dense(2)]).predict(x).shape == (4, 2)
    fitted = fastcnn.Sequential([L.Dense(2)])
    fitted.compile("sgd", "mse", metrics=["mae"])
    assert fitted.fit(x, y, verbose=0).epoch == [0] and fitted.output_shape == (None, 2)


def test_names():
    model = fastcnn.Sequential(
        [
            L.Dense(2, input_shape=(3,)),
            L.Dense(2),
            L.LocalResponseNormalization(),
            L.Dense(2),
            L.Dense(2, name="head"),
        ]
    )
    assert [layer.name for layer in model.layers] == [
        "dense",
        "dense_1",
        "local_response_normalization",
        "dense_2",
        "head",
    ]
    assert model.get_layer("head") is model.layers[4] is model.get_layer(index=4)
    with pytest.raises(ValueError, match="Received: 'foot'"):
        model.get_layer("foot")
    with pytest.raises(ValueError, match="name or an index"):
        model.get_layer()
    with pytest.raises(ValueError, match="Received: 'head' twice"):
        model.add(L.Dense(2, name="head"))


def test_layers_called_before_they_are_added():
    """Names that nobody gave do not collide."""
    layers = [L.Dense(3), L.Dense(3)]
    for layer in layers:
        layer(np.ones((1, 3)))
    weights = [w for layer in layers for w in layer.get_weights()]
    model = fastcnn.Sequential([fastcnn.Input((3,)), *layers])
    assert len({layer.name for layer in model.layers}) == 2
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), weights)), "weights are kept"


def mixed():
    return fastcnn.Sequential(
        [L.Conv2D(3, 3, input_shape=(8, 8, 2)), L.MaxPooling2D(data_format="channels_first")]
    )


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: fastcnn.Sequential([3]), TypeError, "Received: 3"),
        (lambda: fastcnn.Sequential([L.Dense]), TypeError, r"did you mean Dense\(…\)\? Received: the class Dense"),
        (lambda: fastcnn.Sequential(L.Dense(3)), TypeError, "layers must be a list: .* Received: <Dense"),
        (lambda: fastcnn.Sequential([L.Dense(3)]).build(28), TypeError, "input_shape must be a tuple .*Received: 28"),
        (lambda: dense().get_layer(index=1), ValueError, "index must be an integer from -1 to 0. Received: 1"),
        (lambda: fastcnn.Sequential(seed=-1), ValueError, "seed .*Received: -1"),
        (
            lambda: fastcnn.Sequential([L.Dense(2), fastcnn.Input((3,))]),
            ValueError,
            "Input must be the first",
        ),
        (
            lambda: fastcnn.Sequential([fastcnn.Input((8, 8, 1)), L.Conv2D(1, 9)]),
            ValueError,
            "larger than the padded input",
        ),
        (lambda: fastcnn.Sequential([fastcnn.Input((8,)), L.Conv2D(1, 9)]), ValueError, "Received: \\(8,\\)"),
        (mixed, ValueError, "data_format"),
        (lambda: fastcnn.Sequential().summary(), ValueError, "no layers"),
        (lambda: fastcnn.Sequential([L.Dense(2)]).count_params(), ValueError, "no input shape yet"),
        (lambda: dense().compile("adamm", "mse"), ValueError, "optimizer .*Received: 'adamm'"),
        (lambda: dense().compile("sgd", "mse", "mae"), TypeError, "metrics must be a list .*Received: 'mae'"),
        (lambda: dense().compile("sgd", "mse", fastcnn.metrics.Recall()), TypeError, "a list .*Received: Recall"),
        (lambda: dense().compile("sgd", "mze"), ValueError, "loss .*Received: 'mze'"),
        (lambda: dense().compile("sgd", "mse", metrics=["akkuracy"]), ValueError, "Received: 'akkuracy'"),
        (lambda: dense().fit(np.ones((2, 3)), np.ones((2, 2))), ValueError, "compile"),
        (lambda: dense().evaluate(np.ones((2, 3)), np.ones((2, 2))), ValueError, "compile"),
        (
            lambda: dense().predict(np.ones((2, 4))),
            ValueError,
            "x must have shape .*Received: shape \\(2, 4\\)",
        ),
        (lambda: dense().predict(np.ones((2, 3), complex)), TypeError, "Received: dtype complex"),
        (lambda: dense().predict(np.ones((2, 3)), batch_size=0), ValueError, "batch_size .*Received: 0"),
        (lambda: dense().set_weights([np.ones((3, 2))]), ValueError, "a list of 2 arrays.*Received: a list of 1"),
        (
            lambda: dense().set_weights([np.ones((3, 2)), np.ones(3)]),
            ValueError,
            "dense/bias .*Received: shape \\(3,\\)",
        ),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()


def dense():
    return fastcnn.Sequential([L.Dense(2, input_shape=(3,))], seed=0)


def test_models_share_a_layer():
    model, x = dense(), np.ones((1, 3))
    other = fastcnn.Sequential([model.layers[0], L.ReLU()])
    assert np.array_equal(other.predict(x), np.maximum(model.predict(x), 0))
    model.set_weights([w + 1 for w in model.get_weights()])
    assert np.array_equal(other.predict(x), np.maximum(model.predict(x), 0))
    with pytest.raises(ValueError, match="each layer once.*Received: 'dense'"):
        fastcnn.Sequential([model.layers[0], model.layers[0]])


def test_refused_weights_change_nothing():
    model = dense()
    before = model.get_weights()
    with pytest.raises(ValueError):
        model.set_weights([np.zeros((3, 2)), np.zeros(1)])
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), before))


def test_channels_first_is_transposed():
    def layers(data_format):
        options = {"data_format": data_format}
        return [
            L.Conv2D(
                5,
                3,
                activation="tanh",
                input_shape=(2, 9, 8) if "first" in data_format else (9, 8, 2),
                **options,
            ),
            L.LocalResponseNormalization(),
            L.MaxPooling2D(**options),
            L.Conv2D(3, 2, **options),
        ]

    last, first = (fastcnn.Sequential(layers(f"channels_{which}"), seed=1) for which in ("last", "first"))
    x = np.random.default_rng(0).standard_normal((4, 9, 8, 2)).astype(np.float32)
    assert (first.input_shape, first.output_shape) == ((None, 2, 9, 8), (None, 3, 2, 2))
    assert np.array_equal(first.predict(x.transpose(0, 3, 1, 2)), last.predict(x).transpose(0, 3, 1, 2))
    flat = [
        fastcnn.Sequential([*layers(f"channels_{which}"), L.Flatten(), L.Dense(3)], seed=1)
        for which in ("last", "first")
    ]
    for model in flat:
        model.compile("sgd", "mse")
    y = np.ones((4, 3))
    assert flat[0].train_on_batch(x, y) == flat[1].train_on_batch(x.transpose(0, 3, 1, 2), y)
    assert all(np.array_equal(a, b) for a, b in zip(flat[0].get_weights(), flat[1].get_weights()))


def test_channels_first_from_a_layer_without_a_format():
    model = fastcnn.Sequential(
        [fastcnn.Input((2, 9, 8)), L.ReLU(), L.Conv2D(3, 3, data_format="channels_first")]
    )
    assert (model.input_shape, model.output_shape) == ((None, 2, 9, 8), (None, 3, 7, 6))


def test_same_seed_same_weights():
    def weights(**options):
        return fastcnn.networks.lenet5(**options).get_weights()[0]

    assert np.array_equal(weights(seed=5), weights(seed=5)) and not np.array_equal(
        weights(seed=5), weights(seed=6)
    )
    assert not np.array_equal(weights(), weights())
    fastcnn.set_random_seed(7)
    first = weights(), weights()
    fastcnn.set_random_seed(7)
    assert np.array_equal(first, (weights(), weights()))


def test_layers_start_from_different_numbers():
    """Layers of one shape are not copies of each other, however the model was put together."""
    layers = [fastcnn.Input((6,)), *(L.Dense(6) for _ in range(4))]
    together, later = fastcnn.Sequential(layers, seed=0), fastcnn.Sequential([L.Dense(6), L.Dense(6)], seed=0)
    later.build((6,))
    for kernels in (together.get_weights()[::2], later.get_weights()[::2]):
        for i, kernel in enumerate(kernels):
            assert all(abs(np.corrcoef(kernel.ravel(), other.ravel())[0, 1]) < 0.6 for other in kernels[:i])


# Whole networks against the reference


def lenet():
    return fastcnn.networks.lenet5(seed=2).layers


def alexnet():
    """All that is in AlexNet, small."""
    return [
        L.Conv2D(16, 5, strides=2, padding=2, activation="relu", input_shape=(23, 23, 3)),
        L.LocalResponseNormalization(alpha=0.1),
        L.MaxPooling2D(3, 2),
        L.Conv2D(24, 3, padding="same", groups=2, activation="relu", bias_initializer="ones"),
        L.LocalResponseNormalization(alpha=0.1),
        L.MaxPooling2D(3, 2),
        L.Flatten(),
        L.Dense(40, activation="relu"),
        L.Dropout(0.5, seed=1),
        L.Dense(30, activation="relu"),
        L.Dropout(0.25, seed=2),
        L.Dense(7, "softmax"),
    ]


def frozen():
    layers = [
        L.Conv2D(4, 3, activation="tanh", input_shape=(9, 9, 2)),
        L.Conv2D(5, 3, activation="tanh", trainable=False),
        L.AveragePooling2D(),
        L.Flatten(),
        L.Dense(8, activation="tanh", trainable=False),
        L.Dense(4, "softmax"),
    ]
    return layers


NETWORKS = {  # layers, loss, optimizer
    "lenet5": (lenet, SPARSE, SGD(0.05, momentum=0.9)),
    "alexnet": (alexnet, SPARSE, SGD(0.05, momentum=0.9, weight_decay=0.01, decoupled=False)),
    "wide dense": (
        lambda: [L.Flatten(input_shape=(12, 12, 4)), L.Dense(500, "tanh"), L.Dense(600, "tanh"), L.Dense(3)],
        "mse",
        SGD(0.02, momentum=0.8, nesterov=True),
    ),
    "large convolution": (
        lambda: [
            L.Conv2D(96, 3, padding="same", activation="tanh", input_shape=(6, 5, 96)),
            L.GlobalAveragePooling2D(),
            L.Dense(4, "softmax"),
        ],
        ONE_HOT,
        SGD(0.5),
    ),
    "regression": (lambda: [L.Dense(1, input_shape=(6,))], "mse", SGD(0.1, weight_decay=0.1)),
    "binary": (
        lambda: [L.Dense(8, "tanh", input_shape=(6,)), L.Dense(1, "sigmoid")],
        BinaryCrossentropy(),
        SGD(0.5, momentum=0.5, nesterov=True, weight_decay=0.1, decoupled=False),
    ),
    "binary logits": (
        lambda: [L.Dense(8, "tanh", input_shape=(6,)), L.Dense(3)],
        BinaryCrossentropy(from_logits=True),
        SGD(0.5),
    ),
    "labels logits": (
        lambda: [L.Dense(8, "elu", input_shape=(6,)), L.Dense(4)],
        SparseCategoricalCrossentropy(from_logits=True),
        SGD(schedules.OneCycle(0.5, 8), momentum=0.9),
    ),
    "softmax twice": (
        lambda: [L.Dense(4, "softmax", input_shape=(6,))],
        CategoricalCrossentropy(from_logits=True),
        SGD(1.0),
    ),
    "not fused": (lambda: [L.Dense(4, "sigmoid", input_shape=(6,))], ONE_HOT, SGD(0.5)),
    "softmax layer": (
        lambda: [L.Dense(4, input_shape=(6,)), L.Dropout(0.25, seed=9), L.Softmax()],
        SPARSE,
        SGD(0.5),
    ),
    "in numpy": (
        lambda: [
            L.Conv2D(3, 3, input_shape=(8, 8, 1)),
            L.MaxPooling2D(),
            Affine(),
            L.Flatten(),
            L.Dense(3, "tanh"),
        ],
        "mse",
        SGD(0.1, momentum=0.9),
    ),
    "frozen": (frozen, SPARSE, SGD(0.2, momentum=0.9, weight_decay=0.1)),
}


@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", NETWORKS)
def test_network(name, threads, weighted):
    """Two epochs of two batches of 12 samples and one of 5."""
    layers, loss, optimizer = NETWORKS[name]
    model = fastcnn.networks.lenet5(seed=2) if layers is lenet else fastcnn.Sequential(layers(), seed=4)
    optimizer.iterations = 0
    model.compile(optimizer, loss)
    twin, before = Twin(model), [layer.get_weights() for layer in model.layers]
    rng = np.random.default_rng(len(name))
    x = rng.standard_normal((29, *model.layers[0].input_size)).astype(np.float32)
    y, weight = targets(rng, model.loss.name, 29, model.output_shape[1]), rng.random(29) if weighted else None
    with fastcnn.num_threads(threads):
        np.testing.assert_allclose(model.predict(x), twin.predict(x), rtol=1e-5, atol=2e-6)
        history = model.fit(
            x, y, batch_size=12, epochs=2, shuffle=False, sample_weight=weight, verbose=0
        ).history
        losses = []
        for _ in range(2):
            sums = 0.0
            for part in (slice(0, 12), slice(12, 24), slice(24, 29)):
                assert twin.margin(x[part]) > 1e-7, "at a kink: choose another seed"
                loss = twin.step(x[part], y[part], None if weight is None else weight[part])
                sums += loss * len(x[part])
            losses.append(sums / 29)
        np.testing.assert_allclose(history["loss"], losses, rtol=1e-5)
        moved = assert_trained_alike(model, twin, before, 1e-4, steps=6)
        np.testing.assert_allclose(model.predict(x), twin.predict(x), rtol=1e-4, atol=1e-5)
    assert (
        moved == sum(len(layer.parameters) for layer in model.layers if layer.trainable)
        and optimizer.iterations == 6
    )


def test_frozen_layers_stay():
    model = fastcnn.Sequential(frozen(), seed=0)
    model.compile(SGD(0.5, momentum=0.9, weight_decay=0.5), SPARSE)
    before = [layer.get_weights() for layer in model.layers]
    for _ in range(2):
        model.train_on_batch(np.ones((3, 9, 9, 2)), [0, 1, 2])
    for layer, old in zip(model.layers, before):
        assert all(np.array_equal(a, b) is not layer.trainable for a, b in zip(layer.get_weights(), old))
    lines = []
    model.summary(lines.append)
    assert lines[-1] == "trainable parameters: 112; kept as they are: 353"
    for layer in model.layers:
        layer.trainable = False
    model.compile("sgd", SPARSE)
    before = model.get_weights()
    assert np.isfinite(model.train_on_batch(np.ones((3, 9, 9, 2)), [0, 1, 2]))
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), before))


def test_one_cycle():
    rate = schedules.OneCycle(0.8, 100, warmup=0.25, start=0.1, end=0.01)
    assert [rate(step) for step in (0, 25, 100, 1000)] == pytest.approx([0.08, 0.8, 0.008, 0.008])
    assert rate(12.5) == pytest.approx((0.08 + 0.8) / 2) and rate(62.5) == pytest.approx((0.8 + 0.008) / 2)
    assert schedules.OneCycle(1.0, 10, warmup=0)(0) == 1.0
