"""What plots are drawn from: outputs and gradients of all layers, against the reference; the model stays as it was."""

import inside
import numpy as np
import pytest
from twin import Twin

import fastcnn
from fastcnn import initializers, layers, reference
from fastcnn.layers import Activation, BatchNormalization, Conv2D, Dense, Dropout, Flatten, MaxPooling2D
from fastcnn.vis.probing import Gradients, Score, chosen, one_sample, outputs, samples


class Half(layers.Layer):
    """A layer in Python."""

    def build(self, shape):
        self.factor = self.add_weight("factor", (1,), "ones")

    def forward(self, x, training=False):
        self.x = x
        return x * self.factor.value / 2

    def backward(self, dy):
        self.factor.gradient[...] = np.sum(dy * self.x) / 2
        return dy * self.factor.value / 2


def network(**last):
    model = fastcnn.Sequential([
        Conv2D(5, 3, activation="tanh", name="conv", input_shape=(8, 9, 2), learning_rate_multiplier=0.0, padding="same"),
        MaxPooling2D(2, name="pool"), Half(name="half"), Dropout(0.5, name="dropout"), Flatten(name="flatten"),
        Dense(4, name="dense", **(last or {"activation": "softmax"}))], seed=3, name="net")
    model.compile(fastcnn.optimizers.SGD(0.1, momentum=0.9), "sparse_categorical_crossentropy")
    return model


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    return rng.normal(size=(6, 8, 9, 2)).astype(np.float32), rng.integers(0, 4, 6)


def expected(model, x, dlogits):
    """(outputs up to the logits, gradients of them and of x, gradients of the parameters) by the reference."""
    w = [a.astype(np.float64) for a in model.get_weights()]
    z = reference.conv2d(x, w[0], w[1], padding="same")
    conv = np.tanh(z)
    pool = reference.max_pool2d(conv, 2)
    half = pool * w[2] / 2
    flat = half.reshape(len(x), -1)
    logits = reference.dense(flat, w[3], w[4])
    dy = dlogits(logits)
    dflat, dkernel, dbias = reference.dense_backward(dy, flat, w[3], w[4])
    dhalf = dflat.reshape(half.shape)
    dpool = dhalf * w[2] / 2
    dconv = reference.max_pool2d_backward(dpool, conv, 2)
    dx, dfilters, dshift = reference.conv2d_backward(reference.tanh_backward(dconv, z), x, w[0], w[1], padding="same")
    ys = {"conv": conv, "pool": pool, "half": half, "flatten": flat}
    dys = {"conv": dconv, "pool": dpool, "half": dhalf, "flatten": dflat}
    parameters = {"conv": {"kernel": dfilters, "bias": dshift}, "half": {"factor": np.array([np.sum(dhalf * pool) / 2])},
                  "dense": {"kernel": dkernel, "bias": dbias}}
    return ys, dys, dx, parameters, logits


def close(actual, wanted):
    return np.abs(actual - wanted).max() <= 2e-6 * max(1e-3, np.abs(wanted).max())


def test_outputs(data):
    model, (x, _) = network(), data
    found = outputs(model, samples(model, x))
    ys, *_, logits = expected(model, x, lambda logits: np.zeros_like(logits))
    assert [layer.name for layer, _ in found] == [layer.name for layer in model.layers]
    for layer, y in found:
        if layer.name in ys:
            assert close(y, ys[layer.name]), layer.name
    assert np.array_equal(found[-1][1], model.predict(x)) and close(found[-1][1], reference.softmax(logits))


def test_gradients(data):
    model, (x, y) = network(), data
    found = Gradients(model, x, y, model.loss)
    _, dys, dx, parameters, logits = expected(
        model, x, lambda logits: reference.softmax_cross_entropy_backward(np.ones(len(x)), logits, y))
    assert set(found.outputs) == set(dys) and close(found.input, dx)
    for name, dy in dys.items():
        assert close(found.outputs[name], dy), name
    assert set(found.parameters) == set(parameters)
    for name, arrays in parameters.items():
        assert set(found.parameters[name]) == set(arrays)
        for key, gradient in arrays.items():
            assert close(found.parameters[name][key], gradient / len(x)), (name, key)
    assert close(found.loss, reference.softmax_cross_entropy(logits, y).mean())


@pytest.mark.parametrize("last", [{"activation": "softmax"}, {"activation": "sigmoid"}, {"activation": "hard_sigmoid"}, {},
                                  {"units": 4}])
def test_scores(data, last):
    """Of a class before the softmax, whether that is part of the last layer or a layer of its own."""
    x, y = data
    model = network(activation=None) if not last or "units" in last else network(**last)
    if "units" in last:
        model.add(Activation("softmax", name="softmax"))
    found = Gradients(model, x, y, Score(), scores=True)
    _, dys, dx, _, logits = expected(model, x, lambda logits: np.eye(4)[y])
    assert close(found.input, dx) and close(found.outputs["half"], dys["half"])
    assert close(found.loss, logits[np.arange(6), y].mean())


@pytest.mark.parametrize("count", [6, 1])
@pytest.mark.parametrize("options", [{}, {"scale": False}, {"center": False}, {"trainable": False}], ids=str)
def test_batch_normalization_by_its_moving_averages(options, count, data):
    """As the network predicts: with the batch's own statistics a single sample would have no gradient at all."""
    start = {"moving_mean_initializer": "normal", "moving_variance_initializer": initializers.RandomUniform(0.5, 2.0),
             **({} if options.get("scale") is False else {"gamma_initializer": initializers.RandomUniform(0.5, 2.0)})}
    model = fastcnn.Sequential([
        Conv2D(5, 3, name="conv", input_shape=(8, 9, 2)), BatchNormalization(name="norm", **start, **options),
        Activation("tanh", name="tanh"), Flatten(name="flatten"), Dense(6, name="dense"),
        BatchNormalization(name="last", **start, **options), Dense(4, activation="softmax", name="output")], seed=3)
    model.compile("sgd", "sparse_categorical_crossentropy")
    x, y = (part[:count] for part in data)
    before = model.get_weights()
    found = Gradients(model, x, y, model.loss)
    p, _, backwards = Twin(model).forward(x)
    dy, names = reference.categorical_cross_entropy_backward(np.ones(count), p, y), [layer.name for layer in model.layers]
    learned = [layer.name for layer in model.layers if layer.parameters and layer.trainable]
    assert list(found.parameters) == learned and all(map(np.array_equal, before, model.get_weights()))
    for i in reversed(range(len(names))):
        if names[i] in found.outputs:
            assert close(found.outputs[names[i]], dy), names[i]
        dy, *gradients = backwards[i](dy)
        own = found.parameters.get(names[i], {})
        assert len(own) == (len(gradients) if names[i] in learned else 0) and "moving_mean" not in own
        for actual, wanted in zip(own.values(), gradients):
            assert close(actual, wanted / count), names[i]
    assert close(found.input, dy) and np.abs(dy).max() > 1e-4


def test_frozen_layers_are_passed_through(data):
    model, (x, y) = network(), data
    whole = Gradients(model, x, y, model.loss)
    frozen = fastcnn.Sequential.from_config({**model.get_config(), "layers": [
        {**entry, "config": {**entry["config"], "trainable": entry["config"]["name"] == "conv"}}
        for entry in model.get_config()["layers"]]}, {"Half": Half})
    frozen.set_weights(model.get_weights())
    found = Gradients(frozen, x, y, model.loss)
    assert set(found.parameters) == {"conv"} and np.array_equal(found.input, whole.input)
    assert np.array_equal(found.parameters["conv"]["kernel"], whole.parameters["conv"]["kernel"])


def test_large_dense_kernels_have_gradients_too():
    model = fastcnn.Sequential([Dense(1100, activation="relu", input_shape=(300,)), Dense(3)], seed=0)
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).normal(size=(4, 300)).astype(np.float32)
    found = Gradients(model, x, np.zeros((4, 3)), model.loss)
    w = [a.astype(np.float64) for a in model.get_weights()]
    h = x @ w[0] + w[1]
    dh = (2 / 12 * (np.maximum(h, 0) @ w[2] + w[3]) @ w[2].T) * (h > 0)
    assert close(found.parameters["dense"]["kernel"], x.T @ dh)


def test_penalties_are_left_out(data):
    model, (x, y) = network(activation="softmax"), data
    penalized = network(activation="softmax", kernel_regularizer="l2", bias_regularizer="l1")
    found, plain = (Gradients(m, x, y, m.loss) for m in (penalized, model))
    assert found.loss == plain.loss and penalized.layers[-1].kernel.regularizer is not None
    assert np.array_equal(found.parameters["dense"]["kernel"], plain.parameters["dense"]["kernel"])


def test_the_published_lenet5():
    """Tables, subsampling and distances: the gradient of the input, against differences."""
    model = fastcnn.networks.lenet5(variant="1998", seed=0)
    model.compile("sgd", "rbf_mean_squared_error")
    rng = np.random.default_rng(0)
    x, y = rng.uniform(-0.1, 1.175, (2, 32, 32, 1)).astype(np.float32), np.array([3, 7])
    found = Gradients(model, x, y, model.loss)
    step = np.float32(0.05) * np.sign(found.input)
    up, down = (model.predict(x + sign * step)[range(2), y].astype(np.float64) for sign in (1, -1))
    slope = (found.input * step).sum(axis=(1, 2, 3))
    assert np.abs((up - down) / 2 - slope).max() <= 5e-3 * np.abs(slope).min()
    assert set(found.parameters) == {"c1", "s2", "c3", "s4", "c5", "f6"}, "prototypes do not learn"
    assert found.parameters["c3"]["kernel"].shape == (5, 5, 60)


def test_the_model_stays_as_it_is(data):
    model, (x, y) = network(), data
    model.fit(x, y, epochs=1, verbose=0)
    weights, state = model.get_weights(), inside.state(model).copy()
    plans, iterations = dict(model._plans), model.optimizer.iterations
    Gradients(model, x, y, model.loss)
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), weights))
    assert np.array_equal(inside.state(model), state) and model.optimizer.iterations == iterations
    assert model._plans == plans
    assert model.layers[0].learning_rate_multiplier == 0.0


def test_channels_first(data):
    model = fastcnn.Sequential([Conv2D(3, 3, input_shape=(2, 8, 9), data_format="channels_first", name="conv"), Flatten(),
                                Dense(4, "softmax")], seed=1)
    twin = fastcnn.Sequential([Conv2D(3, 3, input_shape=(8, 9, 2), name="conv"), Flatten(), Dense(4, "softmax")], seed=1)
    twin.set_weights(model.get_weights())
    x, y = data
    loss = fastcnn.losses.SparseCategoricalCrossentropy()
    first, last = Gradients(model, x.transpose(0, 3, 1, 2), y, loss), Gradients(twin, x, y, loss)
    assert np.array_equal(first.input, last.input) and np.array_equal(first.outputs["conv"], last.outputs["conv"])
    assert np.array_equal(outputs(model, samples(model, x.transpose(0, 3, 1, 2)))[0][1], outputs(twin, x)[0][1])


def test_one_sample():
    model = fastcnn.networks.lenet5()
    for shape in ((28, 28), (28, 28, 1), (1, 28, 28), (1, 28, 28, 1)):
        assert one_sample(model, np.zeros(shape)).shape == (1, 28, 28, 1)
    first = fastcnn.Sequential([Conv2D(2, 3, input_shape=(3, 8, 9), data_format="channels_first")])
    assert one_sample(first, np.zeros((3, 8, 9))).shape == one_sample(first, np.zeros((1, 3, 8, 9))).shape == (1, 8, 9, 3)
    with pytest.raises(ValueError, match="x must be one sample. Received: 2 samples"):
        one_sample(model, np.zeros((2, 28, 28)))
    with pytest.raises(ValueError, match="x must hold at least one sample"):
        samples(model, np.zeros((0, 28, 28)))


def test_chosen_layers():
    model = network()
    assert chosen(model, None) == ["conv", "pool", "half", "dense"]
    assert chosen(model, "flatten") == ["flatten"] and chosen(model, ["dense", "conv"]) == ["dense", "conv"]
    with pytest.raises(ValueError, match="layers are conv, pool.* Received: 'cnov'"):
        chosen(model, ["cnov"])
    with pytest.raises(ValueError, match="at least one name"):
        chosen(model, [])
