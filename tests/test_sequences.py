"""Whatever is done to models in whatever order: they predict and train as fresh ones of their configuration and weights."""

import copy
import pickle

import numpy as np
import pytest
from twin import Affine

import fastcnn
from fastcnn import layers as L
from fastcnn import optimizers as O

SEQUENCES, BLOCKS, SHORT, LENGTH = 1000, 20, 4, 6  # of operations; blocks are tests, of which some run always
OWN = {"Affine": Affine}
SHAPE = (5, 6, 2)
ACTIVATIONS = ["linear", "relu", "tanh", "gelu", "softplus", "sigmoid"]


def chain(rng):
    """With chance, moving averages, a layer in Python and dense layers, some of them without a bias."""
    return fastcnn.Sequential([
        L.Conv2D(4, 3, padding="same", use_bias=bool(rng.integers(2)), input_shape=SHAPE), L.BatchNormalization(),
        L.Activation("relu"), L.MaxPooling2D(2), Affine(), L.Flatten(), L.Dropout(0.3), L.Dense(6, "tanh"),
        L.Dense(3, use_bias=False)], seed=int(rng.integers(9)))


def graph(rng):
    """A convolution that is used twice, a sum, a model among the layers, and maybe two outputs."""
    x = fastcnn.Input(SHAPE)
    conv, dense = L.Conv2D(2, 3, padding="same", activation="relu"), L.Dense(4, "relu", kernel_regularizer="l2")
    y = L.Add()([conv(conv(x)), L.BatchNormalization()(x)])
    inner = fastcnn.Sequential([L.Flatten(input_shape=SHAPE), L.Dense(5), L.LeakyReLU()], name="inner", seed=1)
    z = dense(L.Dropout(0.2)(L.Concatenate()([inner(y), inner(conv(y))])))
    ends = [L.Dense(2, name="end")(z), L.GlobalAveragePooling2D(name="mean")(y)]
    return fastcnn.Model(x, ends[:int(rng.integers(1, 3))], seed=int(rng.integers(9)))


def wide(rng):
    """A kernel beyond 1 MiB, which can be given up for one in fewer bits."""
    return fastcnn.Sequential([L.Dense(600, "relu", input_shape=(450,)), L.BatchNormalization(), L.Dense(3)], seed=5)


STARTS = [chain, chain, graph, graph, wide]


def few(rng, model, count=None):
    """Samples and targets."""
    n = count or int(rng.integers(1, 9))
    x, *ys = (rng.standard_normal((n, *symbol.size)).astype(np.float32) for symbol in (*model.inputs, *model.outputs))
    return x, ys[0] if len(ys) == 1 else ys


def pick(rng, options):
    return options[int(rng.integers(len(options)))]


def compile_(rng, model, *_):
    optimizer = pick(rng, [lambda: O.SGD(0.01), lambda: O.SGD(0.01, momentum=0.9, weight_decay=1e-3), lambda: O.Adam(0.01),
                           lambda: O.RMSprop(0.001, global_clipnorm=1.0), lambda: model.optimizer or O.SGD(0.02)])()
    model.compile(optimizer, "mse", metrics=pick(rng, [None, ["mae"]]) if len(model.outputs) == 1 else None)


def leaf(rng, model, name):
    """A layer with an attribute, or None."""
    found = [layer for layer in model._leaves() if name in type(layer).config]
    return pick(rng, found) if found else None


def setting(name, values):
    """Sets an attribute of a layer."""
    def change(rng, model, *_):
        layer = leaf(rng, model, name)
        if layer is not None:
            setattr(layer, name, pick(rng, values))

    return change


def set_optimizer(rng, model, *_):
    name, value = pick(rng, [("learning_rate", 0.003), ("learning_rate", O.schedules.ExponentialDecay(0.01, 2, 0.5)),
                             ("momentum", 0.5), ("weight_decay", 0.01)])
    if name == "learning_rate" or name in type(model.optimizer).config:
        setattr(model.optimizer, name, value)


def set_trainable(rng, model, *_):
    pick(rng, [model, *model._leaves()]).trainable = bool(rng.integers(2))


def set_multiplier(rng, model, *_):
    layer = pick(rng, model._leaves())
    if layer.parameters:
        layer.learning_rate_multiplier = pick(rng, [None, 0.5, {layer.parameters[0].name: 2.0}])


def set_weights(rng, model, *_):
    one = pick(rng, [model, *model._leaves()])
    one.set_weights([w + rng.uniform(-0.1, 0.1) for w in one.get_weights()])


def write(rng, model, *_):
    """In place, behind everybody's back; those who do so say it."""
    layer = pick(rng, model._leaves())
    for parameter in layer.parameters:
        parameter.need_float32("write")
        parameter.array[...] *= np.float32(1.01)
    layer.touch()


def pop(rng, model, *_):
    if isinstance(model, fastcnn.Sequential) and len(model.layers) > 2:
        model.pop()


def add(rng, model, *_):
    if isinstance(model, fastcnn.Sequential) and len(model.layers) < 12:
        spatial = len(model.output_shape) == 4
        more = [L.BatchNormalization(), L.Activation("softplus"), Affine(), L.Dropout(0.5)]
        model.add(pick(rng, [*more, L.Conv2D(3, 2, padding="same"), L.Flatten()] if spatial else [*more, L.Dense(4)]))


def half(rng, model, *_):
    dtype = pick(rng, ["float16", "int8", "float32"])
    if any(isinstance(layer, L.Dense) for layer in model._leaves()):
        model.half_weights(dtype, free=dtype != "float32" and bool(rng.integers(2)))


def replaced(how):
    """All models at once become copies, so that they go on sharing layers; or one alone."""
    def change(rng, model, models, _):
        if rng.integers(2):
            models[:] = how(models)
        else:
            models[models.index(model)] = how(model)

    return change


def clone(rng, model, models, _):
    found = fastcnn.clone_model(model)
    assert {**found.get_config(), "seed": 0}.keys() == model.get_config().keys() and found.optimizer is None
    compile_(rng, found)
    models[models.index(model)] = found


def save(rng, model, models, path):
    model.save(path)
    models[models.index(model)] = fastcnn.load_model(path, OWN)


def view(rng, model, models, _):
    """Of an inner value, from the beginning or from another inner value."""
    values = [symbol for symbols in model.graph.given().values() for symbol in symbols if symbol.call.inputs]
    end = pick(rng, values)
    found = fastcnn.Model(model.inputs, end, seed=3)
    inner = [symbol for call in found.graph.order for symbol in call.inputs if symbol.call.inputs]
    if inner and rng.integers(3) == 0:
        try:
            found = fastcnn.Model(pick(rng, inner), end)
        except ValueError as error:  # the end depends on more than that
            assert "depend on an Input" in str(error)
    join(rng, found, models)


def share(rng, model, models, _):
    """The same layers, and one more behind them; or in another chain."""
    if isinstance(model, fastcnn.Sequential) and len(model.layers) > 1 and rng.integers(2):
        found = fastcnn.Sequential([fastcnn.Input(model.input_shape[1:]), *model.layers[:-1]], seed=4)
    else:
        found = fastcnn.Model(model.inputs, L.Dense(3)(L.Flatten()(model.outputs[0])), seed=4)
    join(rng, found, models)


def join(rng, model, models):
    """One more model, of three at most."""
    compile_(rng, model)
    if len(models) == 3:
        models.pop(int(rng.integers(3)))
    models.append(model)


def alone(rng, model, *_):
    """A layer is called outside of its models."""
    layer = pick(rng, [layer for layer in model._leaves() if not layer.merges])
    x = rng.standard_normal((int(rng.integers(1, 5)), *layer.input_size)).astype(np.float32)
    assert equal(layer(x), copy.copy(layer)(x)), "alone"


def gradients(rng, model, *_):
    wanted = pick(rng, ["weights", "inputs", ["weights", "inputs"]])
    model.gradients(*few(rng, model), wrt=wanted, training=bool(rng.integers(2)))


def apply(rng, model, *_):
    model.optimizer.apply(model, model.gradients(*few(rng, model))[1])


def fit(rng, model, *_):
    x, y = few(rng, model, 7)
    model.fit(x, y, batch_size=int(rng.integers(2, 8)), epochs=int(rng.integers(1, 3)), verbose=0,
              validation_split=pick(rng, [0, 0.3]))


OPERATIONS = {
    "compile": compile_, "pop": pop, "add": add, "half": half, "clone": clone, "save": save, "view": view, "share": share,
    "pickle": replaced(lambda value: pickle.loads(pickle.dumps(value))), "deepcopy": replaced(copy.deepcopy),
    "copy": lambda rng, model, models, _: models.__setitem__(models.index(model), copy.copy(model)),
    "set_weights": set_weights, "write": write, "trainable": set_trainable, "multiplier": set_multiplier,
    "optimizer": set_optimizer, "rate": setting("rate", [0.1, 0.6]), "activation": setting("activation", ACTIVATIONS),
    "regularizer": setting("kernel_regularizer", [None, "l2", "l1"]), "epsilon": setting("epsilon", [1e-3, 0.1]),
    "constraint": setting("kernel_constraint", [None, "max_norm"]), "momentum": setting("momentum", [0.5, 0.99]),
    "fit": fit, "train_on_batch": lambda rng, model, *_: model.train_on_batch(*few(rng, model)),
    "gradients": gradients, "apply": apply, "alone": alone, "watch": lambda rng, model, *_: model.watch(
        *rng.choice([layer.name for layer in model.layers if not isinstance(layer, L.InputLayer)], 1)),
    "threads": lambda rng, *_: fastcnn.set_num_threads(int(rng.integers(1, 4))),
    "evaluate": lambda rng, model, *_: model.evaluate(*few(rng, model), verbose=0),
    "sample": lambda rng, model, *_: model(few(rng, model)[0], training=True),
    "predict": lambda rng, model, *_: model.predict(few(rng, model)[0], batch_size=int(rng.integers(1, 5))),
    "predict_on_batch": lambda rng, model, *_: model.predict_on_batch(few(rng, model)[0]),
}


def fresh(model):
    """A new model of the same configuration and weights."""
    again = fastcnn.Model._kinds[model._kind].from_config(model.get_config(), OWN)
    again.set_weights(model.get_weights())
    return again


def equal(a, b):
    a, b = (value if isinstance(value, list) else [value] for value in (a, b))
    return len(a) == len(b) and all(np.array_equal(u, v, equal_nan=True) for u, v in zip(a, b))


def check(rng, model):
    """It predicts as a fresh model does, at whatever batch sizes, and judges so."""
    again, (x, y), sizes = fresh(model), few(rng, model), rng.integers(1, 9, 2).tolist()
    if rng.integers(4):
        assert equal(model.predict(x, sizes[0]), again.predict(x, sizes[1])), "predict"
    else:
        again.compile("sgd", "mse", model._given_metrics)
        # means over other batches, in float64
        np.testing.assert_allclose(model.evaluate(x, y, sizes[0], 0), again.evaluate(x, y, sizes[1], 0), rtol=1e-13)


def check_training(rng, model, path):
    """It takes the step that a copy takes, or a model that was written to a file and read."""
    if any(parameter.stored is not None for parameter in model.parameters):
        return
    model.save(path)
    how = pick(rng, [lambda: pickle.loads(pickle.dumps(model)), lambda: copy.deepcopy(model),
                     lambda: fastcnn.load_model(path, OWN)])
    other, (x, y) = how(), few(rng, model)
    for number in range(2):
        expected, found = step(model, x, y), step(other, x, y)
        assert [equal(a, b) for a, b in zip(expected, found)] == [True] * 3, f"step {number}"


def step(model, x, y):
    """The loss before a step; gradients, which move averages; and weights behind it."""
    loss, gradients = model.gradients(x, y)
    return [loss, *np.atleast_1d(model.train_on_batch(x, y))], list(gradients.values()), model.get_weights()


@pytest.fixture(autouse=True)
def same_threads():
    """However many were set meanwhile."""
    with fastcnn.num_threads(fastcnn.get_num_threads()):
        yield


@pytest.mark.parametrize("block", [*range(SHORT), *(pytest.param(i, marks=pytest.mark.long) for i in range(SHORT, BLOCKS))])
def test_sequences(block, tmp_path):
    for number in range(block, SEQUENCES, BLOCKS):
        rng, done = np.random.default_rng(number), []
        models = [pick(rng, STARTS)(rng)]
        compile_(rng, models[0])
        try:
            for name in rng.choice(list(OPERATIONS), LENGTH).tolist():
                done.append(name)
                model = pick(rng, models)
                try:
                    OPERATIONS[name](rng, model, models, tmp_path / "m")
                except ValueError as error:  # half weights are all that is left of some: to be brought back first
                    assert "needs the float32 kernels" in str(error)
                    assert any(parameter.stored is not None for parameter in model.parameters)
                    model.half_weights("float32")
                check(rng, pick(rng, models))
            if number % 3 == 0:
                check_training(rng, pick(rng, models), tmp_path / "m")
        except Exception as error:
            raise AssertionError(f"sequence {number}: {' '.join(done)}: {error}") from error


# What sequences have found


def trained(layers, *shape, optimizer="sgd"):
    model = fastcnn.Sequential([fastcnn.Input(shape), *layers], seed=1)
    model.compile(optimizer, "mse")
    return model, *few(np.random.default_rng(0), model, 16)


def test_bits_do_not_depend_on_former_batches():
    """A plan for more samples cuts the sums over a batch otherwise."""
    layers = [L.Conv2D(4, 3), L.BatchNormalization(), L.Flatten(), L.Dense(3)]
    (late, x, y), (early, _, _) = trained(layers, 9, 9, 2), trained([type(layer).from_config(layer.get_config())
                                                                    for layer in layers], 9, 9, 2)
    early.set_weights(late.get_weights())
    late.gradients(x, y), late(x, training=True)
    late.set_weights(early.get_weights())
    late._draws = 0
    assert equal(late(x[:5], training=True), early(x[:5], training=True))
    found, expected = late.gradients(x[:5], y[:5]), early.gradients(x[:5], y[:5])
    assert found[0] == expected[0] and equal(list(found[1].values()), list(expected[1].values()))


@pytest.mark.parametrize("free", [False, True])
def test_penalties_of_half_weights_follow_the_regularizer(free):
    model, x, y = trained([L.Dense(600, kernel_regularizer="l2"), L.Dense(2)], 450)
    model.half_weights("int8", free=free)
    before = model.evaluate(x, y, verbose=0)
    model.layers[0].kernel_regularizer = None
    bare = model.evaluate(x, y, verbose=0)
    model.layers[0].kernel_regularizer = fastcnn.regularizers.L2(0.02)
    assert before - bare > 0.1 and model.evaluate(x, y, verbose=0) - bare == pytest.approx(2 * (before - bare), rel=1e-5)


@pytest.mark.parametrize("optimizer, name, value", [(lambda: O.SGD(0.1), "momentum", 0.5), (
    lambda: O.RMSprop(0.1), "momentum", 0.5), (lambda: O.Adam(0.1), "amsgrad", True), (
        lambda: O.RMSprop(0.1, momentum=0.5), "momentum", 0.0)])
def test_an_optimizer_that_keeps_other_arrays_keeps_those_it_has(tmp_path, optimizer, name, value):
    model, x, y = trained([L.Dense(2)], 3, optimizer=optimizer())
    model.train_on_batch(x, y)
    kept = dict(zip(model.optimizer.states, model._states.of(model.parameters[0])))
    setattr(model.optimizer, name, value)
    model.save(tmp_path / "m")
    for one in (model, fastcnn.load_model(tmp_path / "m"), copy.deepcopy(model)):
        found = dict(zip(one.optimizer.states, one._kept().of(one.parameters[0]), strict=True))
        assert all(np.array_equal(found[key], kept[key] if key in kept else np.zeros((3, 2))) for key in found)
        one.train_on_batch(x, y)
        assert equal(one.get_weights(), model.get_weights()) and one.get_weights()[0].any()


def test_layers_added_after_training_are_saved(tmp_path):
    model, x, y = trained([L.Dense(2)], 3, optimizer=O.Adagrad(0.1))
    model.fit(x, y, verbose=0)
    model.add(L.Dense(2))
    model.save(tmp_path / "m")
    again = fastcnn.load_model(tmp_path / "m")
    assert again.train_on_batch(x, y) == model.train_on_batch(x, y) and equal(again.get_weights(), model.get_weights())


@pytest.mark.parametrize("dtype", ["float16", "float32", "int8"])
@pytest.mark.parametrize("free", [False, True])
def test_models_that_share_a_kernel_of_half_weights(dtype, free):
    """What one of them does with it moves it for the other, too."""
    model, x, y = trained([L.Dense(600, "relu"), L.Dense(2)], 450, optimizer=O.SGD(0.01, momentum=0.9))
    other = fastcnn.Sequential([fastcnn.Input((450,)), model.layers[0]])
    for one in (model, other):
        one.predict(x)
    model.half_weights("int8", free=True)
    model.predict(x)
    other.half_weights(dtype, free=free and dtype != "float32")
    for one in (model, other, model):
        assert equal(one.predict(x), fresh(one).predict(x))
    other.half_weights("float32")
    model.train_on_batch(x, y)
    other.set_weights([w / 2 for w in other.get_weights()])
    for one in (model, other):
        assert equal(one.predict(x), fresh(one).predict(x))
    plans = dict(model._plans)
    assert plans and equal(model.predict(x), model.predict(x)) and model._plans == plans, "plans are kept"


def test_given_up_kernels_stay_given_up_when_layers_change():
    model, x, _ = trained([L.Dense(600), L.Dense(5), L.Dense(2)], 450)
    model.half_weights("float16", free=True)
    model.predict(x)
    model.pop()
    assert equal(model.predict(x), fresh(model).predict(x))
    kernel = model.layers[0].parameters[0]
    assert model._half.kernels[kernel] is kernel.stored, "there is one of it"
