"""Optimizers in a model: ten steps of each against float64, bounds of gradients, large kernels, threads, files, refusals."""

import json

import inside
import numpy as np
import pytest
from twin import Twin, assert_trained_alike, clipped, kept, stepped

import fastcnn
from fastcnn import layers as L
from fastcnn import ops
from fastcnn import optimizers as O

RULE = {
    "sgd": lambda **o: O.SGD(0.1, **o),
    "momentum": lambda **o: O.SGD(0.1, momentum=0.9, **o),
    "nesterov": lambda **o: O.SGD(0.1, momentum=0.8, nesterov=True, **o),
    "rmsprop": lambda **o: O.RMSprop(0.01, **o),
    "rmsprop momentum": lambda **o: O.RMSprop(0.01, rho=0.7, momentum=0.9, epsilon=1e-3, **o),
    "rmsprop centered": lambda **o: O.RMSprop(0.01, centered=True, **o),
    "rmsprop centered momentum": lambda **o: O.RMSprop(0.01, rho=0.8, momentum=0.5, centered=True, **o),
    "windowgrad": lambda **o: O.WindowGrad(0.01, **o),
    "adagrad": lambda **o: O.Adagrad(0.1, **o),
    "adagrad from 0": lambda **o: O.Adagrad(0.1, initial_accumulator_value=0, epsilon=1e-6, **o),
    "adadelta": lambda **o: O.Adadelta(**o),
    "adadelta of convnetjs": lambda **o: O.Adadelta(1.0, epsilon=1e-6, **o),
    "adam": lambda **o: O.Adam(0.01, **o),
    "amsgrad": lambda **o: O.Adam(0.01, beta_1=0.5, beta_2=0.6, epsilon=1e-4, amsgrad=True, **o),
    "adamw": lambda **o: O.AdamW(0.01, 0.1, **o),
    "schedule": lambda **o: O.Adam(O.schedules.OneCycle(0.1, 8), **o),
}
COMMON = {
    "plain": {},
    "coupled": {"weight_decay": 0.3, "decoupled": False},
    "decoupled": {"weight_decay": 0.3},
    "clipvalue": {"clipvalue": 0.25, "weight_decay": 0.1, "decoupled": False},
    "clipnorm": {"clipnorm": 0.75, "weight_decay": 0.1},
    "global_clipnorm": {"global_clipnorm": 0.75, "weight_decay": 0.1, "decoupled": False},
}


def fitting(rule, common):
    """AdamW takes its weight decay in its own place, and decoupled only."""
    return common if rule != "adamw" else {k: v for k, v in common.items() if k not in ("weight_decay", "decoupled")}


class Given(fastcnn.losses.Loss):
    """A loss whose gradient is given: the kernel's gradient is then known exactly where x is the identity."""

    def forward(self, y_true, y_pred):
        return np.zeros(len(y_pred), np.float32)

    def backward(self, y_true, y_pred):
        return y_true


def given_gradients(steps):
    """Whole numbers, some of them 0 throughout; divided by the batch of 8 they stay exact."""
    g = np.random.default_rng(4).integers(-8, 9, (steps, 2, 8, 21)).astype(np.float32)
    g[:, :, :, 3] = 0
    g[:, 1] = np.where(np.arange(steps)[:, None, None] % 3, g[:, 1] / 8, 0)
    return g


@pytest.mark.parametrize("common", COMMON)
@pytest.mark.parametrize("rule", RULE)
def test_ten_steps(rule, common, isa):
    """Parameters of two layers with multipliers, from gradients that are known exactly."""
    o = RULE[rule](**fitting(rule, COMMON[common]))
    halves = [
        L.Dense(21, input_shape=(8,), learning_rate_multiplier={"bias": 2.0}, weight_decay_multiplier={"bias": 0.0}),
        L.Dense(21, input_shape=(8,), learning_rate_multiplier=0.5, weight_decay_multiplier={"kernel": 3.0}),
    ]
    factors = [(1, 1), (2, 0), (0.5, 3), (0.5, 1)]
    models = []
    for i, half in enumerate(halves):  # one optimizer's constants for both; each model has its own global norm
        model = fastcnn.Sequential([half], seed=i)
        model.compile(RULE[rule](**fitting(rule, COMMON[common])), Given())
        models.append(model)
    gradients = given_gradients(10)
    for i, model in enumerate(models):
        start = [w.astype(np.float64) for w in model.get_weights()]
        w, states, moved = list(start), [[None] * kept(o)] * 2, [0.0, 0.0]
        for step, g in enumerate(gradients[:, i]):
            assert model.optimizer.iterations == step
            model.train_on_batch(np.eye(8), g)
            exact = g.astype(np.float64) / 8
            rate = o.schedule(step) if o.schedule else o.learning_rate
            for k, part in enumerate(clipped(o, [exact, exact.sum(0)])):
                own, decay = rate * factors[2 * i + k][0], o.weight_decay * factors[2 * i + k][1]
                before = w[k]
                shrunk = before * (1 - own * decay) if o.decoupled else before
                coupled = 0.0 if o.decoupled else decay
                w[k], *states[k] = stepped(o, shrunk, part, states[k], own, step + 1, coupled)
                states[k] = list(states[k])
                moved[k] += np.abs(w[k] - before)
                actual = model.get_weights()[k]
                bound = (step + 1) * 2.0**-23 * np.abs(w[k]) + 2e-6 * moved[k].max() + 1e-9
                assert np.all(np.abs(actual - w[k]) <= bound), f"{'kernel bias'.split()[k]}, step {step + 1}"
        assert np.abs(w[0] - start[0]).max() > 1e-6, "it moves"
        own = [s for s in states[0] if s is not None]
        for found, expected in zip(model._states.of(model.layers[0].parameters[0]), own, strict=True):
            assert np.all(np.abs(found - expected) <= 4e-6 * np.abs(expected).max())
        assert len(own) == len(o.states)


@pytest.mark.parametrize("common", COMMON)
@pytest.mark.parametrize("rule", RULE)
def test_a_network(rule, common):
    """Convolution, dense layers, a frozen one and multipliers, against the twin."""
    model = fastcnn.Sequential([
        L.Conv2D(3, 3, activation="tanh", input_shape=(6, 6, 2), learning_rate_multiplier={"bias": 2.0}),
        L.Flatten(),
        L.Dense(7, activation="tanh", weight_decay_multiplier=0.5),
        L.Dense(5, activation="tanh", trainable=False),
        L.Dense(4, activation="softmax"),
    ], seed=1)
    model.compile(RULE[rule](**fitting(rule, COMMON[common])), "sparse_categorical_crossentropy")
    twin, before, rng = Twin(model), [layer.get_weights() for layer in model.layers], np.random.default_rng(2)
    for _ in range(4):
        x, y = rng.standard_normal((6, 6, 6, 2)).astype(np.float32), rng.integers(0, 4, 6)
        assert model.train_on_batch(x, y) == pytest.approx(twin.step(x, y), rel=2e-5)
    assert assert_trained_alike(model, twin, before, 1e-3, steps=4) == 6  # Adam's first steps are signs of gradients


# Large dense kernels: steps within WEIGHTS, or after it where norms are needed

WIDE = {
    "momentum": (ops.sgd, 1, {"momentum": 0.9}),
    "rmsprop centered momentum": (ops.rmsprop, 3, {"rho": 0.8, "momentum": 0.5, "centered": True}),
    "windowgrad": (ops.rmsprop, 1, {"rho": 0.95, "epsilon": 1e-6}),
    "adadelta": (ops.adadelta, 2, {}),
    "adam": (ops.adam, 2, {}),
    "amsgrad": (ops.adam, 3, {"beta_1": 0.5, "beta_2": 0.6, "epsilon": 1e-4, "amsgrad": True}),
}


@pytest.mark.parametrize("rule", WIDE)
def test_a_fused_update_has_the_bits_of_gradient_and_step(rule):
    step, states, options = WIDE[rule]
    rng, o = np.random.default_rng(0), RULE[rule](weight_decay=0.25, decoupled=False)
    model = fastcnn.Sequential([L.Dense(530, input_shape=(601,), learning_rate_multiplier=0.5)], seed=0)
    model.compile(o, "mse")
    (w, b), kept = model.get_weights(), [None] * states
    for number, batch in enumerate((5, 3)):
        x, y = rng.standard_normal((batch, 601)).astype("f"), rng.standard_normal((batch, 530)).astype("f")
        dy = ops.mean_squared_error_backward(np.float32(1 / batch) * np.ones(batch, "f"), ops.dense(x, w, b), y)
        dw = ops.dense_backward(dy, x, w, b)[1]
        more = {"step": number + 1} if step is ops.adam else {}
        w, *kept = step(w, dw, *kept, learning_rate=o.learning_rate / 2, weight_decay=0.25, **options, **more)
        model.train_on_batch(x, y)
        assert np.array_equal(model.get_weights()[0], w)
        b = model.get_weights()[1]
    kernel = model.layers[0].parameters[0]
    assert kernel.gradient is None
    for found, expected in zip(model._states.of(kernel), [k for k in kept if k is not None], strict=True):
        assert np.array_equal(found, expected)


@pytest.mark.parametrize("clip", ["clipnorm", "global_clipnorm"])
def test_norms_need_the_whole_gradient(clip):
    """The large kernel's gradient exists then, also where the plan before went without."""
    model = fastcnn.Sequential([L.Dense(530, "tanh", input_shape=(601,)), L.Dense(3)], seed=0)
    twin_of = {}
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((4, 601)).astype("f"), rng.standard_normal((4, 3)).astype("f")
    for options in ({}, {clip: 0.01}, {}):
        model.compile(O.SGD(0.5, **options), "mse")
        twin, before = Twin(model), [layer.get_weights() for layer in model.layers]
        model.train_on_batch(x, y), twin.step(x, y)
        assert assert_trained_alike(model, twin, before, 2e-5) == 4
        assert (model.layers[0].parameters[0].gradient is None) == (not options)
        twin_of[bool(options)] = np.linalg.norm(model.get_weights()[0] - before[0][0])
    assert 0 < twin_of[True] <= 0.5 * 0.01 * 1.001 < twin_of[False]


def wide(optimizer):
    model = fastcnn.Sequential([L.Dense(600, "tanh", input_shape=(500,)), L.Dense(200, "tanh"), L.Dense(10, "softmax")],
                               seed=0)
    model.compile(optimizer, "sparse_categorical_crossentropy")
    return model


@pytest.mark.parametrize("make", [
    lambda: O.SGD(0.1, momentum=0.9, clipnorm=0.01), lambda: O.Adam(clipnorm=0.01), lambda: O.Adam(global_clipnorm=0.01),
    lambda: O.RMSprop(centered=True, momentum=0.5, clipvalue=1e-3), lambda: O.Adadelta(1.0), lambda: O.Adagrad(),
], ids=["clipnorm", "adam clipnorm", "global_clipnorm", "rmsprop", "adadelta", "adagrad"])  # fmt: skip
def test_same_bits_at_any_number_of_threads(make):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((40, 500)), rng.integers(0, 10, 40)
    results = []
    for threads in (1, 2, 3, 7):
        with fastcnn.num_threads(threads):
            model = wide(make())
            model.fit(x, y, batch_size=16, epochs=2, verbose=0)
            results.append(([w.tobytes() for w in model.get_weights()], inside.state(model).tobytes()))
    assert all(result == results[0] for result in results)
    assert any(w.std() > 0 for w in model._states.of(model.layers[0].parameters[0]))


# Bounds


def one_step(gradient, start=0.0, **options):
    """What SGD with rate 1 takes from parameters that start alike, for a kernel's gradient (8, 21)."""
    model = fastcnn.Sequential([L.Dense(21, use_bias=False, kernel_initializer=fastcnn.initializers.Constant(start),
                                        input_shape=(8,))], seed=0)
    model.compile(O.SGD(1.0, **options), Given())
    model.train_on_batch(np.eye(8), 8 * np.asarray(gradient, np.float32))
    return start - model.get_weights()[0]


def test_gradients_within_their_bounds_stay_as_they_are():
    g = np.random.default_rng(0).integers(-8, 9, (8, 21)) / 64
    for options in ({"clipnorm": 100}, {"global_clipnorm": 100}, {"clipvalue": 0.125}):
        assert np.array_equal(one_step(g, **options), g)
    assert np.array_equal(one_step(g, clipvalue=0.0625), g.clip(-0.0625, 0.0625))


@pytest.mark.parametrize("clip", ["clipnorm", "global_clipnorm"])
@pytest.mark.parametrize("size", [1e-25, 1e-12, 1.0, 1e12])
def test_the_norm_becomes_the_bound(size, clip):
    g = (np.random.default_rng(0).standard_normal((8, 21)) * size).astype(np.float32)
    norm = np.linalg.norm(g.astype(np.float64))
    taken = one_step(g, **{clip: 0.5})
    np.testing.assert_allclose(taken, g if norm < 0.5 else g * (0.5 / norm), rtol=1e-6)
    assert not one_step(np.zeros((8, 21)), **{clip: 0.5}).any(), "a norm of 0"


@pytest.mark.parametrize("clip", ["clipnorm", "global_clipnorm"])
def test_a_gradient_that_is_not_a_number_does_not_pass_unseen(clip):
    g = np.zeros((8, 21))
    g[3, 4] = np.nan
    assert np.isnan(one_step(g, **{clip: 0.5})).all()
    assert np.isnan(one_step(g, clipvalue=0.5))[:, 4].all() and np.isnan(one_step(g, clipvalue=0.5)).sum() == 8


def test_clipping_comes_before_coupled_decay():
    g = np.full((8, 21), 4.0)
    assert np.array_equal(one_step(g, 2.0, clipvalue=1.0, weight_decay=0.25, decoupled=False), np.full((8, 21), 1.5))


def test_a_centered_variance_is_never_negative():
    """A constant gradient has none: rounding must not take the root of a negative number."""
    model = fastcnn.Sequential([L.Dense(21, use_bias=False, input_shape=(8,))], seed=0)
    model.compile(O.RMSprop(1e-3, centered=True), Given())
    for _ in range(300):
        model.train_on_batch(np.eye(8), np.full((8, 21), 77.7))
    assert np.isfinite(model.get_weights()[0]).all()


# Files


@pytest.mark.parametrize("rule", RULE)
def test_training_goes_on_from_a_file(rule, tmp_path):
    """3 steps, a file, 3 steps: the bits of 6; weights, all that the optimizer keeps, and its number of steps."""
    def network():
        model = fastcnn.Sequential([L.Conv2D(2, 3, input_shape=(5, 5, 1)), L.Flatten(), L.Dropout(0.3), L.Dense(3)], seed=3)
        model.compile(RULE[rule](clipnorm=2.0), "mse")
        return model

    def train(model, steps):
        for step in steps:
            rng = np.random.default_rng(step)
            model.train_on_batch(rng.standard_normal((4, 5, 5, 1)), rng.standard_normal((4, 3)))

    whole, half = network(), network()
    train(whole, range(6)), train(half, range(3))
    half.save(tmp_path / "m")
    loaded = fastcnn.load_model(tmp_path / "m")
    assert type(loaded.optimizer) is type(half.optimizer) and loaded.optimizer.get_config() == half.optimizer.get_config()
    assert loaded.optimizer.iterations == 3
    train(loaded, range(3, 6))
    assert [w.tobytes() for w in loaded.get_weights()] == [w.tobytes() for w in whole.get_weights()]
    assert (inside.state(loaded) is None) == (not whole.optimizer.states)
    assert inside.state(whole) is None or inside.state(loaded).tobytes() == inside.state(whole).tobytes()
    tensors = fastcnn.io.load_file(tmp_path / "m")[0]
    kept = {name.split("/")[1] for name in tensors if name.startswith("optimizer/")}
    assert kept == set(half.optimizer.states)


def test_a_file_of_another_optimizer_is_refused(tmp_path):
    model = fastcnn.Sequential([L.Dense(2, input_shape=(3,))], seed=0)
    model.compile("adam", "mse")
    model.train_on_batch(np.ones((2, 3)), np.ones((2, 2)))
    model.save(tmp_path / "m")
    arrays, metadata = fastcnn.io.load_file(tmp_path / "m")
    training = json.loads(metadata["training"])
    training["optimizer"] = {"class_name": "SGD", "config": {"momentum": 0.5}}
    fastcnn.io.save_file(arrays, tmp_path / "m", {**metadata, "training": json.dumps(training)})
    with pytest.raises(fastcnn.io.FileFormatError, match=r"SGD keeps \['velocity'\]. Received: \['momentum', 'velocity'\]"):
        fastcnn.load_model(tmp_path / "m")


# Compiling again


def trained(optimizer, steps=3, model=None):
    model = model or fastcnn.Sequential([L.Dense(3, input_shape=(4,))], seed=0)
    model.compile(optimizer, "mse")
    for _ in range(steps):
        model.train_on_batch(np.ones((2, 4)), np.ones((2, 3)))
    return model


def test_an_optimizer_begins_anew_with_another_model():
    """Without another's steps in its schedule and in Adam's correction."""
    def make():
        return O.Adam(O.schedules.ExponentialDecay(0.1, 3, 0.1))

    expected, shared = trained(make()), make()
    for model in (trained(shared), trained(shared)):
        assert shared.iterations == 3
        assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), expected.get_weights()))


def test_compiling_with_the_same_optimizer_loses_nothing():
    """As in Keras: to have another metric, say."""
    whole, adam, momentum = trained(O.Adam(0.1), 6), O.Adam(0.1), O.SGD(0.1, momentum=0.9)
    twice = trained(adam, 3, trained(adam, 3))
    assert adam.iterations == 6 and all(np.array_equal(a, b) for a, b in zip(whole.get_weights(), twice.get_weights()))
    model = trained(momentum)
    momentum.momentum = 0.0
    trained(momentum, model=model)
    assert inside.state(model) is None and momentum.iterations == 6, "it keeps nothing now"


# Names, configurations, refusals


@pytest.mark.parametrize("rule", RULE)
def test_serialize_there_and_back(rule):
    o = RULE[rule](global_clipnorm=3.0)
    again = O.get(json.loads(json.dumps(O.serialize(o))))
    assert type(again) is type(o) and again.get_config() == o.get_config() and repr(again) == repr(o)
    assert again.global_clipnorm == 3.0


def test_names():
    for name in ("SGD", "RMSprop", "Adagrad", "Adadelta", "Adam", "AdamW", "WindowGrad"):
        for spelled in (name, name.lower(), getattr(O, name)):
            assert type(O.get(spelled)) is getattr(O, name)


def test_keras_defaults():
    assert O.SGD().learning_rate == 0.01
    assert (O.RMSprop().learning_rate, O.RMSprop().rho, O.RMSprop().epsilon) == (0.001, 0.9, 1e-7)
    assert (O.Adagrad().learning_rate, O.Adagrad().initial_accumulator_value) == (0.001, 0.1)
    assert (O.Adadelta().learning_rate, O.Adadelta().rho, O.Adadelta().epsilon) == (0.001, 0.95, 1e-7)
    assert (O.Adam().learning_rate, O.Adam().beta_1, O.Adam().beta_2, O.Adam().epsilon) == (0.001, 0.9, 0.999, 1e-7)
    assert O.AdamW().weight_decay == 0.004 and O.Adam().weight_decay == 0 and O.SGD().decoupled is True


@pytest.mark.parametrize("make, error, message", [
    (lambda: O.get("adma"), ValueError, "did you mean 'adam'.*Received: 'adma'"),
    (lambda: O.get(3), TypeError, "Received: 3"),
    (lambda: O.SGD(lr=0.1), TypeError, "SGD has no argument 'lr'. Did you mean 'learning_rate'"),
    (lambda: O.Adam(beta1=0.9), TypeError, "Did you mean 'beta_1'"),
    (lambda: O.Adam(decay=1e-4), TypeError, "InverseTimeDecay"),
    (lambda: O.Adam(use_ema=True), TypeError, "Adam has no argument 'use_ema'. Accepted: learning_rate, beta_1"),
    (lambda: O.Adam(beta_1=1.0), ValueError, "beta_1 must be less than 1. Received: 1.0"),
    (lambda: O.Adam(beta_2=-0.1), ValueError, "beta_2 .*Received: -0.1"),
    (lambda: O.RMSprop(rho=1), ValueError, "rho .*Received: 1"),
    (lambda: O.RMSprop(momentum=1.5), ValueError, "momentum .*Received: 1.5"),
    (lambda: O.RMSprop(centered=1), TypeError, "centered .*Received: 1"),
    (lambda: O.RMSprop(epsilon=0), ValueError, "epsilon .*Received: 0"),
    (lambda: O.Adagrad(initial_accumulator_value=-1), ValueError, "initial_accumulator_value .*Received: -1"),
    (lambda: O.Adadelta(learning_rate="fast"), TypeError, "learning_rate .*Received: 'fast'"),
    (lambda: O.SGD(clipnorm=0), ValueError, "clipnorm .*Received: 0"),
    (lambda: O.SGD(clipvalue=-1), ValueError, "clipvalue .*Received: -1"),
    (lambda: O.SGD(clipnorm=1, clipvalue=2), ValueError, "at most one .*Received: clipnorm=1, clipvalue=2"),
    (lambda: O.Adam(weight_decay=-1), ValueError, "weight_decay .*Received: -1"),
    (lambda: O.AdamW(weight_decay=None), TypeError, "weight_decay .*Received: None"),
    (lambda: O.AdamW(decoupled=False), ValueError, "Adam takes decoupled=False"),
    (lambda: O.Optimizer(0.1).op(3), NotImplementedError, "Optimizer must name its kind"),
])
def test_refusals(make, error, message):
    with pytest.raises(error, match=message):
        make()
