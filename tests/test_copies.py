"""Models and layers go through pickle and copy with all that they have learned, and train on as if nothing had happened."""

import copy
import pickle
import sys
import threading

import inside
import numpy as np
import pytest
from test_graphs import inception, residual, shared
from twin import Affine

import fastcnn
from fastcnn import callbacks as C
from fastcnn import layers as L
from fastcnn import optimizers as O

COPIES = {"pickle": lambda value: pickle.loads(pickle.dumps(value)), "deepcopy": copy.deepcopy, "copy": copy.copy,
          "oldest pickle": lambda value: pickle.loads(pickle.dumps(value, 0))}
RNG = np.random.default_rng(0)
SPARSE = "sparse_categorical_crossentropy"


class Distance(fastcnn.losses.Loss):
    """A loss of one's own."""

    def forward(self, y_true, y_pred):
        return ((y_pred - y_true) ** 2).sum(axis=1)

    def backward(self, y_true, y_pred):
        return 2 * (y_pred - y_true)


class Worst(fastcnn.metrics.Metric):
    """A metric of one's own, with a state."""

    def reset_state(self):
        self.worst = 0.0

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.worst = max(self.worst, float(np.abs(y_pred).max()))

    def result(self):
        return self.worst


def ones(shape):
    return np.ones(shape)


def chain():
    """Chance, moving averages, a layer in Python, initial values from a function."""
    model = fastcnn.Sequential([
        L.Conv2D(6, 3, padding="same", kernel_regularizer="l2", input_shape=(8, 8, 3)), L.BatchNormalization(),
        L.Activation("relu"), L.MaxPooling2D(2), Affine(), L.GaussianNoise(0.1), L.Flatten(), L.Dropout(0.3),
        L.Dense(9, "tanh", kernel_constraint="max_norm", bias_initializer=ones), L.Dense(5, "softmax")], seed=3)
    return model, (RNG.standard_normal((30, 8, 8, 3)).astype(np.float32),), (RNG.integers(0, 5, 30),), SPARSE, ["acc"]


def pairs():
    """Two inputs and outputs, layers and a model that are used twice, a loss and metrics for each output."""
    x = tuple(RNG.standard_normal((30, 8, 8, 2)).astype(np.float32) for _ in range(2))
    y = {"class": RNG.integers(0, 5, 30), "distance": RNG.standard_normal((30, 2)).astype(np.float32)}
    return shared(), x, y, {"class": SPARSE, "distance": Distance()}, {"class": ["acc"], "distance": [Worst()]}


def nested():
    """A network with branches in a chain, and that in another."""
    inner = fastcnn.Sequential([residual((8, 8, 3), norm=True), L.Dense(6, "tanh")], name="inner")
    model = fastcnn.Sequential([inner, L.Dropout(0.2), L.Dense(5)], seed=6)
    loss = fastcnn.losses.SparseCategoricalCrossentropy(from_logits=True)
    return model, (RNG.standard_normal((30, 8, 8, 3)).astype(np.float32),), (RNG.integers(0, 5, 30),), loss, ["acc"]


MODELS = {"chain": chain, "pairs": pairs, "nested": nested}
OPTIMIZERS = {
    "sgd": lambda: O.SGD(0.05, momentum=0.9, nesterov=True, weight_decay=1e-3),
    "adam": lambda: O.Adam(O.schedules.ExponentialDecay(0.01, 3, 0.5), amsgrad=True), "adadelta": lambda: O.Adadelta(0.5),
    "rmsprop": lambda: O.RMSprop(0.01, centered=True, momentum=0.5, clipnorm=1.0),
    "adagrad": lambda: O.Adagrad(0.05, global_clipnorm=0.5), "plain": lambda: O.SGD(0.05, clipvalue=0.1),
}


def compiled(name, optimizer):
    model, x, y, loss, metrics = MODELS[name]()
    model.compile(OPTIMIZERS[optimizer](), loss, metrics)
    return model, x[0] if len(x) == 1 else list(x), y[0] if isinstance(y, tuple) else y


def state(model):
    """All that training depends on."""
    kept = [] if model._states is None else [a for p in model.parameters for a in model._states.of(p)]
    return [a.tobytes() for a in [*model.get_weights(), *kept]], model.optimizer.iterations, model.epochs_seen, model._draws


def trained_on(model, x, y):
    """Three epochs more, and what they came to."""
    logs = model.fit(x, y, batch_size=8, epochs=5, initial_epoch=2, verbose=0, validation_split=0.2).history
    loss, gradients = model.gradients(x, y)
    return state(model), logs, loss, {name: g.tobytes() for name, g in gradients.items()}, model.train_on_batch(x, y)


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("name, optimizer", [
    *(("chain", optimizer) for optimizer in OPTIMIZERS), ("pairs", "sgd"), ("pairs", "adagrad"), ("nested", "adam")])
def test_training_goes_on(name, optimizer, how):
    model, x, y = compiled(name, optimizer)
    model.metadata["classes"] = ["a", "b"]
    model.fit(x, y, batch_size=8, epochs=2, verbose=0, callbacks=[C.EarlyStopping("loss")])
    again = COPIES[how](model)
    assert type(again) is type(model) and again is not model and again.get_config() == model.get_config()
    assert state(again) == state(model) and again.metadata == model.metadata and again.metrics_names == model.metrics_names
    assert again.history.history == model.history.history and again.optimizer is not model.optimizer
    before = state(model)
    found = trained_on(again, x, y)
    assert state(model) == before, "the copy has arrays of its own"
    expected = trained_on(model, x, y)
    assert [repr(one) for one in found] == [repr(one) for one in expected]
    assert [repr(model(x, training=True)) for model in (model, again)][0] == repr(again(x, training=True)) or name != "pairs"


@pytest.mark.parametrize("how", COPIES)
def test_in_the_midst_of_an_epoch(how):
    """As a file would, but without one: the place in the epoch, sums and the callbacks' states."""
    kept = {}

    class Keep(C.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if self.model.optimizer.iterations == 6:
                kept["model"] = COPIES[how](self.model)

    (model, x, y), given = compiled("chain", "sgd"), {"batch_size": 8, "verbose": 0, "epochs": 4}
    whole = model.fit(x, y, **given, callbacks=[C.ReduceLROnPlateau("loss", patience=0), Keep()]).history
    again = kept["model"]
    assert again._standing.step == 2 and again.epochs_seen == 1
    plateau = C.ReduceLROnPlateau("loss", patience=0)
    assert again.fit(x, y, **given, resume=True, callbacks=[plateau]).history == whole and state(again) == state(model)


@pytest.mark.parametrize("how", COPIES)
def test_what_is_shared_stays_shared(how):
    """Models over the same layers, in one pickle."""
    model = residual()
    view, head = fastcnn.Model(model.input, model.layers[5].output), fastcnn.Model(model.layers[5].output, model.output)
    other = fastcnn.Model(model.input, L.Dense(2)(view.output) if len(view.output_shape) == 2
                          else L.Dense(2)(L.Flatten()(view.output)))
    x = RNG.standard_normal((3, 12, 11, 3)).astype(np.float32)
    for order in ((model, view, head, other), (other, head, view, model)):
        copies = {id(one): found for one, found in zip(order, COPIES[how](order))} if how != "copy" else {
            id(one): found for one, found in zip(order, copy.deepcopy(order))}
        a, v, h, o = (copies[id(one)] for one in (model, view, head, other))
        assert a.layers[5] is v.layers[5] is o.layers[5] is not model.layers[5] and h.layers == a.layers[6:]
        assert a.get_layer(a.layers[5].name).output is v.output and h.input is v.output
        v.set_weights([w + 1 for w in v.get_weights()])
        assert np.array_equal(a.get_weights()[0], view.get_weights()[0] + 1)
        assert np.array_equal(h.predict(v.predict(x)), a.predict(x))
        for one, found in zip((model, view, head, other), (a, v, h, o)):
            assert [layer.name for layer in found.layers] == [layer.name for layer in one.layers]
            assert found.get_config() == one.get_config()
            assert [symbol.name for symbol in found.inputs] == [symbol.name for symbol in one.inputs]
        whole = fastcnn.Model(a.input, [h.output, o.output])
        assert np.array_equal(whole.predict(x)[0], a.predict(x))


def test_new_layers_come_after_those_of_a_copy(tmp_path, run_python):
    """Also in another process, where fewer have been called: the order of layers is that of their calls."""
    model = fastcnn.Sequential([L.Dense(3, input_shape=(4,)), L.Dense(2)], seed=0)
    (tmp_path / "m").write_bytes(pickle.dumps(model))
    x = np.arange(8.0).reshape(2, 4)
    run = run_python("-c", "import pickle, sys, numpy as np, fastcnn; from fastcnn import layers as L\n"
                     f"m = pickle.loads(open({str(tmp_path / 'm')!r}, 'rb').read())\n"
                     "assert all(s.call.number < n.call.number for s, n in [(m.output, L.Dense(1)(m.output))])\n"
                     "more = fastcnn.Model(m.input, L.Dense(1, name='last')(m.output))\n"
                     "print([layer.name for layer in more.layers], m.predict(np.arange(8.0).reshape(2, 4)).tobytes().hex())")
    assert run.stdout.split("] ") == ["['input', 'dense', 'dense_1', 'last'", model.predict(x).tobytes().hex() + "\n"], run


def built():
    """Each layer of the package on some input: {name: (layer, arrays)}."""
    own = {"Conv2D": (4, 3), "Conv2DTranspose": (4, 3), "DepthwiseConv2D": (3,), "SeparableConv2D": (4, 3), "Dense": (4,),
           "Dropout": (0.5,), "SpatialDropout2D": (0.5,), "GaussianNoise": (0.5,), "Activation": ("gelu",), "Maxout": (2,),
           "Reshape": ((8, 18),), "Permute": ((3, 1, 2),), "LpPooling2D": (2,), "AdaptiveAveragePooling2D": (2,),
           "RBF": (3,), "Rescaling": (0.5,), "Normalization": (-1, 1.0, 4.0), "InputLayer": ((6, 6, 4),),
           "GroupNormalization": (2,)}
    merging = {"Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate"}
    for name in L.__all__:
        if name in ("Input", "Layer"):
            continue
        layer = getattr(L, name)(*own.get(name, ()))
        x = RNG.standard_normal((2, 144) if name in ("Dense", "RBF") else (2, 6, 6, 4)).astype(np.float32)
        yield name, layer, [x, x[::-1].copy()] if name in merging else x
    yield "table", L.Conv2D(2, 3, connection_table=[[0, 1], [2, 3]]), x
    yield "own", Affine(), x


@pytest.mark.parametrize("how", COPIES)
def test_all_layers(how):
    count = 0
    for name, layer, x in built():
        fresh = COPIES[how](layer)
        assert fresh.get_config() == layer.get_config() and fresh.built == layer.built, name
        fastcnn.set_random_seed(count)
        y = layer(x)
        again = COPIES[how](layer)
        assert type(again) is type(layer) and np.array_equal(again(x), y), name
        assert not any(np.shares_memory(a, b) for a, b in zip(again.weights, layer.weights)), name
        assert [p.name for p in again.parameters] == [p.name for p in layer.parameters]
        fastcnn.set_random_seed(count)
        assert np.array_equal(fresh(x), y), name
        count += 1
    assert count > 45


@pytest.mark.parametrize("how", COPIES)
def test_a_layer_of_a_model_goes_alone(how):
    """With its weights, and nothing that it is connected with."""
    model, x, _ = compiled("chain", "sgd")
    model.predict(x)
    layer = model.layers[0]
    again = COPIES[how](layer)
    assert np.array_equal(again(x), layer(x)) and len(pickle.dumps(layer)) < 6000
    with pytest.raises(AttributeError, match="no output yet"):
        _ = again.output
    taken = fastcnn.Sequential([again, L.Flatten(), L.Dense(2)], seed=0)
    assert taken.predict(x).shape == (30, 2) and again.parameters[0] is not layer.parameters[0]


def test_exact_sums_stay(exact_sums):
    """How convolutions are computed was settled when they were built."""
    layer = L.Conv2D(32, 3, input_shape=(13, 13, 32))
    model = fastcnn.Sequential([layer], seed=0)
    data = pickle.dumps(model)
    fastcnn.set_config(exact=False)
    try:
        assert pickle.loads(data).layers[0].op.algorithm("forward") == layer.op.algorithm("forward") == "direct"
    finally:
        fastcnn.set_config(exact=True)


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("free", [False, True])
@pytest.mark.parametrize("dtype", ["float16", "int8"])
def test_half_weights(dtype, free, how):
    model = fastcnn.Sequential([L.Flatten(input_shape=(8, 8, 8)), L.Dense(600, "relu"), L.Dense(3)], seed=1)
    model.compile("adam", "mse")
    x, y = RNG.standard_normal((4, 8, 8, 8)).astype(np.float32), np.ones((4, 3))
    model.fit(x, y, verbose=0)
    model.half_weights(dtype, free=free)
    expected = model.predict(x)
    again = COPIES[how](model)
    assert again.dense_dtype == dtype and np.array_equal(again.predict(x), expected)
    assert [np.array_equal(a, b) for a, b in zip(again.get_weights(), model.get_weights())] == [True] * 4
    assert (again.parameters[0].stored is not None) is free
    for one in (model, again):
        one.half_weights("float32")
        one.fit(x, y, epochs=2, initial_epoch=1, verbose=0)
    assert np.array_equal(again.predict(x), model.predict(x))


def blocks(count):
    x = start = fastcnn.Input((4, 4, 2))
    for _ in range(count):
        x = L.Add()([x, L.Conv2D(2, 1, kernel_initializer="zeros")(L.Activation("relu")(x))])
    return fastcnn.Model(start, x)


@pytest.mark.parametrize("how", ["pickle", "deepcopy"])
@pytest.mark.parametrize("name", ["blocks", "chain", "end of a chain"])
def test_deep_networks(name, how):
    """They are gone through without recursion, wherever the model begins."""
    if name == "blocks":
        model = blocks(200)
    else:
        x = start = fastcnn.Input((4,))
        for i in range(3000):
            x = L.Flatten(name=f"f{i}")(x)
        model = fastcnn.Model(start, x)
    if name == "end of a chain":
        model = fastcnn.Model(model.layers[2990].output, model.output)
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(min(limit, 400))
    try:
        again = COPIES[how](model)
    finally:
        sys.setrecursionlimit(limit)
    assert [layer.name for layer in again.layers] == [layer.name for layer in model.layers]
    if name != "chain":  # of which a plan would take a while
        x = RNG.standard_normal((1, *model.input_shape[1:])).astype(np.float32)
        assert np.array_equal(again.predict(x), model.predict(x))


def test_undrawn_values_stay_undrawn():
    """A network that nobody has used yet takes no room, and is drawn as it would have been."""
    model = fastcnn.networks.alexnet(seed=1)
    data = pickle.dumps(model)
    assert len(data) < 50_000
    small = fastcnn.networks.lenet5(seed=1)
    assert all(np.array_equal(a, b) for a, b in zip(pickle.loads(pickle.dumps(small)).get_weights(), small.get_weights()))


class Holding(L.Layer):
    """A layer of one's own that keeps something."""

    def __init__(self, what=None, **base):
        super().__init__(**base)
        self.what = what

    def forward(self, x, training=False):
        return x

    def backward(self, dy):
        return dy


def holding(what):
    return fastcnn.Sequential([L.Dense(2, input_shape=(3,)), Holding(what, name="mine")])


@pytest.mark.parametrize("make, message", [
    (lambda: holding(lambda x: x), "Holding 'mine' cannot be pickled with its what: .*lambda"),
    (lambda: holding({"a": [open]}), None),
    (lambda: holding(threading.Lock()), "Holding 'mine' cannot be pickled with its what: .*lock"),
    (lambda: fastcnn.Sequential([L.Dense(2, kernel_initializer=lambda s: np.ones(s), name="d", input_shape=(3,))]),
     "Dense 'd' cannot be pickled with its kernel_initializer: .*lambda"),
    (lambda: fastcnn.Sequential([Holding(fastcnn.Sequential([Holding(lambda: 0, name="in")]), name="out")]), "'in' cannot"),
    (lambda: measured(lambda t, y: y[:, 0]), "Sequential 'sequential' cannot be pickled with its metrics: .*lambda"),
])
def test_what_cannot_be_pickled_is_named(make, message):
    model = make()
    if message is None:
        assert pickle.loads(pickle.dumps(model)).layers[1].what == {"a": [open]}
        return
    with pytest.raises(pickle.PicklingError, match=message) as error:
        pickle.dumps(model)
    assert "0x" not in str(error.value)


def measured(metric):
    model = holding(None)
    model.compile("sgd", "mse", metrics=[metric])
    return model


def test_functions_without_a_name_are_copied():
    """By deepcopy; and by those picklers that know how."""
    model = fastcnn.Sequential([L.Dense(2, kernel_initializer=lambda s: np.ones(s), input_shape=(3,))])
    assert np.array_equal(copy.deepcopy(model).get_weights()[0], np.ones((3, 2)))
    scope = {"__name__": "joblib.externals.cloudpickle", "layer": model.layers[0]}
    exec("made = layer.__reduce_ex__(4)", scope)
    assert scope["made"][0] is not None


class Linked(L.Layer):
    """Knows the model that it is in."""

    model = None

    def forward(self, x, training=False):
        return x

    def backward(self, dy):
        return dy


@pytest.mark.parametrize("how", COPIES)
def test_circles(how):
    layer = Linked()
    layer.model = model = fastcnn.Sequential([L.Dense(2, input_shape=(3,)), layer], seed=0)
    model.compile(O.SGD(0.1, momentum=0.9), "mse")
    x, y = np.ones((2, 3)), np.ones((2, 2))
    model.fit(x, y, verbose=0)
    again, alone = COPIES[how](model), COPIES[how](layer)
    assert again.layers[1].model is again and alone.model.layers[1] is alone
    losses = [one.train_on_batch(x, y) for one in (model, again, alone.model)]
    assert losses[0] == losses[1] == losses[2] and again.layers[1].output is again.output


def test_a_view_of_inner_values_is_configured_and_saved(tmp_path):
    """A model that begins with a value that a layer gave: as if that were an input."""
    model = inception()
    view = fastcnn.Model(model.layers[1].output, model.get_layer("concatenate").output)
    x = RNG.standard_normal((2, *view.input_shape[1:])).astype(np.float32)
    again = fastcnn.Model.from_config(view.get_config())
    again.set_weights(view.get_weights())
    view.save(tmp_path / "view")
    for one in again, fastcnn.load_model(tmp_path / "view"), fastcnn.Model.from_config(again.get_config()):
        assert one.input_names == view.input_names and one.output_shape == view.output_shape
    assert np.array_equal(again.predict(x), view.predict(x))
    twice = fastcnn.Model([view.input, model.input], [view.output, L.Conv2D(2, 3)(model.input)])
    assert len(fastcnn.Model.from_config(twice.get_config()).layers) == len(twice.layers) + 1


def test_logs_and_what_else_holds_functions():
    seen = []
    model, x, y = compiled("chain", "sgd")
    model.fit(x, y, verbose=0, callbacks=[C.LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(logs))])
    for how in COPIES.values():
        again = how(seen[-1])
        assert type(again) is dict and again == dict(seen[-1]) and set(again) == {"loss", "acc"}
    with model.watch("dense") as watched:
        model.train_on_batch(x, y)
        again = pickle.loads(pickle.dumps((model, watched)))
        assert list(again[1]) == ["dense"] and again[0].train_on_batch(x, y) == model.train_on_batch(x, y)
        assert np.array_equal(again[1]["dense"].output, watched["dense"].output)


@pytest.mark.parametrize("how", COPIES)
def test_convnetjs(how):
    from fastcnn.convnetjs import Net, Trainer, Vol

    net = Net([{"type": "input", "out_sx": 1, "out_sy": 1, "out_depth": 2}, {"type": "fc", "num_neurons": 4,
              "activation": "relu", "drop_prob": 0.5}, {"type": "softmax", "num_classes": 3}], seed=1)
    trainer = Trainer(net, {"method": "adadelta", "batch_size": 2})
    trainer.train(Vol([0.1, 0.2]), 1)
    again = COPIES[how](trainer) if how != "copy" else copy.deepcopy(trainer)
    assert again.net is not net
    for _ in range(5):
        losses = [one.train(Vol([0.1, 0.2]), 1)["loss"] for one in (trainer, again)]
        assert losses[0] == losses[1]
    assert net.toJSON() == again.net.toJSON()


def test_keras_names():
    from fastcnn.compat import keras

    model = keras.models.Sequential([keras.layers.Dense(2, input_dim=3), keras.layers.Dropout(0.5)])
    model.compile(keras.optimizers.SGD(lr=0.1, momentum=0.9), "mse", ["acc"])
    x, y = np.ones((4, 3)), np.ones((4, 2))
    model.fit(x, y, verbose=0)
    again = pickle.loads(pickle.dumps(model))
    assert type(again) is keras.models.Sequential and again.history.history["acc"] == model.history.history["acc"]
    assert again.train_on_batch(x, y) == model.train_on_batch(x, y)
    generator = keras.preprocessing.image.ImageDataGenerator(rotation_range=9)
    flow = generator.flow(RNG.random((4, 8, 8, 1)), np.arange(4), 2, seed=1)
    next(flow)
    copied = pickle.loads(pickle.dumps(flow))
    assert all(np.array_equal(a, b) for a, b in zip(next(flow), next(copied)))


def test_joblib(tmp_path):
    joblib = pytest.importorskip("joblib", reason="joblib is not installed")
    model, x, y = compiled("chain", "adam")
    model.fit(x, y, verbose=0)
    joblib.dump(model, tmp_path / "m")
    assert state(joblib.load(tmp_path / "m")) == state(model) and inside.state(model) is not None


def test_trainable_weights():
    model, _, _ = compiled("chain", "sgd")
    norm, dense = model.layers[1], model.layers[-1]
    assert [w.shape for w in norm.trainable_weights] == [w.shape for w in norm.non_trainable_weights] == [(6,), (6,)]
    assert all(np.shares_memory(a, b) for a, b in zip(norm.trainable_weights, norm.weights))
    dense.trainable = False
    assert dense.trainable_weights == [] and len(dense.non_trainable_weights) == 2
    assert L.Dense(3).trainable_weights == L.Dense(3).non_trainable_weights == []
    assert len(model.trainable_weights) == len(model.weights) - 4 and not model.trainable_weights[0].flags.writeable
    assert len(fastcnn.Sequential([model]).trainable_weights) == len(model.trainable_weights)
    model.trainable = False
    assert model.trainable_weights == [] and len(model.non_trainable_weights) == len(model.weights)
