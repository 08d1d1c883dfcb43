"""Plans: gradients of many random networks, what is fused, how steps are cut into phases, no allocation."""

import tracemalloc

import inside as insides
import numpy as np
import pytest
from random_networks import random_model
from twin import Affine, Twin, assert_trained_alike, clear_batch, targets

import fastcnn
from fastcnn import layers as L


def check_gradients(model, batch, threads, rng):
    """One step of SGD moves each weight as the float64 reference does."""
    with fastcnn.num_threads(threads):
        twin, before = Twin(model), [layer.get_weights() for layer in model.layers]
        shape = model.layers[0].input_size
        x = clear_batch(twin, rng, batch, shape)
        target = targets(rng, model.loss.name, batch, model.output_shape[1])
        loss = model.train_on_batch(x, target)
        assert loss == pytest.approx(twin.step(x, target), rel=2e-5, abs=1e-6)
        assert assert_trained_alike(model, twin, before, tolerance=5e-5) > 0


@pytest.mark.parametrize("seed", range(70))
def test_random_networks(seed):
    rng = np.random.default_rng([seed, 1])
    check_gradients(random_model(seed), int(rng.integers(1, 20)), 1, rng)


@pytest.mark.parametrize("seed", range(70, 90))
def test_random_networks_shared_by_threads(seed):
    """Large enough for several threads: gradients do not mix."""
    rng = np.random.default_rng([seed, 1])
    check_gradients(random_model(seed, large=True), int(rng.integers(16, 40)), 2 + seed % 2, rng)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("batch", [1, 4, 16, 20, 64])
def test_lenet(batch, threads):
    model = fastcnn.networks.lenet5(seed=1)
    model.compile(fastcnn.optimizers.SGD(1.0), "sparse_categorical_crossentropy")
    check_gradients(model, batch, threads, np.random.default_rng(batch))


MANY_WEIGHTS = {
    "direct": ((10, 11, 36), 100, 5, {"dilation_rate": 2}),
    "grouped": ((10, 9, 44), 130, 5, {"dilation_rate": 2, "groups": 2, "use_bias": False}),
    "winograd": ((5, 5, 130), 100, 3, {"padding": "same"}),
    "winograd, strided": ((8, 9, 64), 50, 5, {"padding": "same", "strides": 2}),
}


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", MANY_WEIGHTS)
def test_gradients_of_many_weights_are_added_by_halves(name, threads):
    """Of 128 images they are, to the bit, what four times 32 give, added in pairs."""
    shape, filters, size, options = MANY_WEIGHTS[name]
    model = fastcnn.Sequential([L.Conv2D(filters, size, input_shape=shape, **options), L.Flatten()], seed=1)
    model.compile("sgd", "mse")
    rng = np.random.default_rng(1)
    x, y = (rng.standard_normal((128, *shape[1:]), np.float32) for shape in (model.input_shape, model.output_shape))
    with fastcnn.num_threads(threads):
        found = [(plan.unit, plan.ops[0].halvings) for plan in (model._plan("train", n) for n in (128, 32))]
        assert found == [(32, 2), (0, 0)]
        _, whole = model.gradients(x, y)
        units = [model.gradients(x[i:i + 32], y[i:i + 32])[1] for i in range(0, 128, 32)]
    for key, gradient in whole.items():
        first, second, third, fourth = (unit[key] for unit in units)
        assert np.array_equal(4 * gradient, (first + second) + (third + fourth)), key


def lenet_plan(batch, mode="train", threads=2):
    model = fastcnn.networks.lenet5(seed=0)
    model.compile("sgd", "sparse_categorical_crossentropy")
    with fastcnn.num_threads(threads):
        return model._plan(mode, batch, True)


def names(model, mode):
    return [op.name if op else None for op in model._plan(mode, 4, model.loss.name.startswith("sparse")).ops]


def chain(*layers, loss="sparse_categorical_crossentropy"):
    model = fastcnn.Sequential([fastcnn.Input((8, 8, 2)), *layers], seed=0)
    model.compile("sgd", loss)
    return model


def test_fused():
    model = chain(
        L.Conv2D(3, 3),
        L.Activation("relu"),
        L.MaxPooling2D(),
        L.Flatten(),
        L.Dropout(0.5),
        L.Dense(5),
        L.ELU(0.5),
        L.Dense(4),
        L.Softmax(),
    )
    assert names(model, "train") == [
        "conv2d",
        "max_pool2d",
        "dropout",
        "dense",
        "dense",
        "softmax_cross_entropy",
        "sgd",
    ]
    assert names(model, "test") == ["conv2d", "max_pool2d", "dense", "dense", "softmax_cross_entropy"]
    assert names(model, "predict") == ["conv2d", "max_pool2d", "dense", "dense", "softmax"]
    assert [op.activation for op in model._plan("predict", 4).ops][:3] == ["relu", "linear", "elu"]


def test_not_fused():
    model = chain(
        L.Conv2D(3, 3, activation="tanh"),
        L.Activation("relu"),
        L.MaxPooling2D(),
        L.ReLU(),
        L.Flatten(),
        L.Dense(4),
        Affine(),
        L.ReLU(),
        L.Dense(4, activation="sigmoid"),
        loss="categorical_crossentropy",
    )
    assert names(model, "test") == [
        "conv2d",
        "activation",
        "max_pool2d",
        "activation",
        "dense",
        None,
        "activation",
        "dense",
        "categorical_cross_entropy",
    ]
    logits = fastcnn.losses.CategoricalCrossentropy(from_logits=True)
    model = chain(L.Flatten(), L.Dense(4, activation="softmax"), loss=logits)
    assert names(model, "test") == ["dense", "softmax", "softmax_cross_entropy"]
    assert names(chain(L.Flatten(), L.Dense(4, activation="softmax"), loss="mse"), "test")[1] == "softmax"


@pytest.mark.parametrize("activation", ["relu", "tanh", "softplus", {"name": "elu", "alpha": 0.5}], ids=str)
def test_a_fused_activation_has_the_same_bits(activation):
    x = np.random.default_rng(0).standard_normal((5, 8, 8, 2)).astype(np.float32)
    apart = chain(L.Conv2D(7, 3), L.Activation(activation), L.Flatten(), L.Dense(5), L.Activation(activation))
    inside = chain(L.Conv2D(7, 3, activation=activation), L.Flatten(), L.Dense(5, activation=activation))
    inside.set_weights(apart.get_weights())
    assert np.array_equal(apart.predict(x), inside.predict(x))
    conv, after = apart.layers[:2]
    assert np.array_equal(inside.layers[0](x), after(conv(x)))


def test_lenet_trains_in_few_phases():
    plan = lenet_plan(128)
    assert len(plan.phases) <= 5 and sum(not parts for _, _, parts, *_ in plan.phases) == 1
    predict = lenet_plan(128, "predict")
    assert [parts for _, _, parts, *_ in predict.phases][-1:] == [False] and len(predict.phases) <= 2


def test_lenet_keeps_images_in_local_buffers():
    """Only what the dense layers' weight gradients read, and the result, is kept for the whole batch."""
    plan = lenet_plan(128)
    first = next(i for i, op in enumerate(plan.ops) if op.name == "dense")
    values, gradients = insides.values(plan), insides.gradients(plan)
    assert all(b.local for b in (*values[1:first], *gradients[2:first + 1]))
    assert not any(b.local for b in (*values[first:first + 3], *gradients[first + 1:first + 4]))
    rows = sum(b.size for b in (*values[1:], *gradients) if b) * 128 * 4
    assert plan.bytes < 0.3 * rows


@pytest.mark.parametrize("batch", [1, 7, 32, 100, 128, 1000])
def test_chunks_do_not_depend_on_threads(batch):
    assert len({lenet_plan(batch, "train", threads).chunk for threads in (1, 2, 3, 7)}) == 1


class Watch(fastcnn.callbacks.Callback):
    """Peak of memory taken between two steps of training."""

    def on_train_batch_end(self, batch, logs=None):
        if batch == 9:
            tracemalloc.start()
            tracemalloc.reset_peak()
            self.start = tracemalloc.get_traced_memory()[0]
        if batch == 59:
            self.taken = tracemalloc.get_traced_memory()[1] - self.start
            tracemalloc.stop()


def test_nothing_is_allocated_per_step():
    """50 steps of LeNet-5 on 64 images (200 kB a batch) take less than a tenth of a batch."""
    rng = np.random.default_rng(0)
    x, y = rng.random((64 * 60, 28, 28, 1), np.float32), rng.integers(0, 10, 64 * 60)
    model, watch = fastcnn.networks.lenet5(seed=0), Watch()
    model.compile(
        fastcnn.optimizers.SGD(0.01, momentum=0.9), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    model.fit(x, y, batch_size=64, verbose=0, callbacks=[watch])
    assert 0 < watch.taken < 20_000
