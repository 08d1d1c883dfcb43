"""What is set on a layer, an optimizer, a loss or a model counts from the next call on, or is refused."""

import copy

import numpy as np
import pytest

import fastcnn
from fastcnn import attributes, losses
from fastcnn import layers as L
from fastcnn.callbacks import Callback, EarlyStopping, LambdaCallback
from fastcnn.convnetjs import Net, Trainer
from fastcnn.images import ImageBatches
from fastcnn.images.image_array import ImageArray
from fastcnn.optimizers import SGD

X, Y = np.random.default_rng(0).standard_normal((8, 6, 6, 2)).astype(np.float32), np.arange(8) % 3


def model(**dense):
    layers = [L.Conv2D(4, 3, activation="relu", input_shape=(6, 6, 2)), L.BatchNormalization(), L.Dropout(0.5), L.Flatten(),
              L.Dense(3, **dense), L.Softmax()]
    found = fastcnn.Sequential(layers, seed=1)
    found.compile(SGD(0.1, momentum=0.5), "sparse_categorical_crossentropy")
    return found


SET = {
    "activation": lambda m: setattr(m.layers[0], "activation", "tanh"), "rate": lambda m: setattr(m.layers[2], "rate", 0.1),
    "epsilon": lambda m: setattr(m.layers[1], "epsilon", 0.5), "momentum": lambda m: setattr(m.optimizer, "momentum", 0.9),
    "regularizer": lambda m: setattr(m.layers[4], "kernel_regularizer", "l2"),
    "constraint": lambda m: setattr(m.layers[4], "kernel_constraint", "non_neg"),
    "trainable": lambda m: setattr(m.layers[0], "trainable", False), "all": lambda m: setattr(m, "trainable", False),
    "multiplier": lambda m: setattr(m.layers[4], "learning_rate_multiplier", 3.0),
    "decay": lambda m: setattr(m.optimizer, "weight_decay", 0.1),
}


@pytest.mark.parametrize("name", SET)
def test_what_is_set_counts_from_the_next_call_on(name):
    """Whatever plans there are: as if it had been set before there was one."""
    late, early = model(), model()
    weights = early.get_weights()
    late.predict(X), late.evaluate(X, Y, verbose=0), late.train_on_batch(X, Y), late.gradients(X, Y)
    late.set_weights(weights)
    late.compile(SGD(0.1, momentum=0.5), "sparse_categorical_crossentropy")
    late.predict(X)
    for m in (late, early):
        SET[name](m)
        m.predict(X), m.train_on_batch(X, Y)
    assert np.array_equal(late.predict(X), early.predict(X))
    assert all(np.array_equal(a, b) for a, b in zip(late.get_weights(), early.get_weights()))


@pytest.mark.parametrize("change, message", [
    (lambda m: setattr(m.layers[0], "filters", 5), "layer 'conv2d' has been built"),
    (lambda m: setattr(m.layers[0], "strides", 2), "layer 'conv2d' has been built"),
    (lambda m: setattr(m.layers[0], "data_format", "channels_first"), "layer 'conv2d' has been built"),
    (lambda m: setattr(m.layers[0], "name", "c1"), "'conv2d' has its name for good"),
    (lambda m: setattr(m.layers[0], "activaton", "relu"), "Did you mean 'activation'"),
    (lambda m: setattr(m.optimizer, "lr", 0), "Did you mean learning_rate"),
    (lambda m: setattr(m, "trainble", False), "Did you mean 'trainable'"),
    (lambda m: setattr(m, "layers", []), r"pop\(\)"),
    (lambda m: setattr(m, "loss", "mse"), "compile"),
])
def test_what_would_have_no_effect_is_refused(change, message):
    m = model()
    before = m.predict(X)
    with pytest.raises(AttributeError, match=message):
        change(m)
    assert np.array_equal(m.predict(X), before)


@pytest.mark.parametrize("owner, name", [("optimizer", "iterations"), ("model", "epochs_seen")])
@pytest.mark.parametrize("value", [-1, "a", 1.5, None])
def test_numbers_that_no_file_could_hold(owner, name, value, tmp_path):
    m = model()
    found = m.optimizer if owner == "optimizer" else m
    setattr(found, name, 3)
    with pytest.raises((TypeError, ValueError), match=f"{name} must be an integer"):
        setattr(found, name, value)
    m.save(tmp_path / "m")
    again = fastcnn.load_model(tmp_path / "m")
    assert getattr(again.optimizer if owner == "optimizer" else again, name) == 3


def test_other_models_change_nothing():
    before = attributes.changes()
    model().fit(X, Y, verbose=0)
    assert attributes.changes() == before


@pytest.mark.parametrize("calls", [1, 2])
def test_what_users_keep_on_their_layers(calls):
    """It counts at once, also where a layer is called several times."""
    class Gain(L.Layer):
        gain = 2.0

        def forward(self, x, training=False):
            self.used = self.gain
            return x * self.used

        def backward(self, dy):
            return dy * self.used

    layer, x = Gain(), fastcnn.Input((3,))
    y = x
    for _ in range(calls):
        y = layer(y)
    m = fastcnn.Model(x, y)
    assert m.predict(np.ones((1, 3)))[0, 0] == 2.0**calls
    layer.gain = 3.0
    assert m.predict(np.ones((1, 3)))[0, 0] == 3.0**calls
    m.compile("sgd", "mse")
    assert m.gradients(np.ones((1, 3)), np.zeros((1, 3)), wrt="inputs")[1]["input_layer"][0, 0] == pytest.approx(
        2 * 9.0**calls / 3)


def double(layer):
    layer.kernel.value *= 2


def write(layer):
    layer.kernel.value[...] = 2 * layer.kernel.value


def bind(layer):
    layer.kernel.value = (2 * layer.kernel.value).tolist()


@pytest.mark.parametrize("place", [0, 4])
def test_values_that_are_set_count_from_the_next_call_on(place):
    """Packed copies of them may exist, which would know nothing of what is written into an array."""
    m = model()
    before = m.predict(X)
    for change in (double, write):
        with pytest.raises(ValueError, match="read-only"):
            change(m.layers[place])
    with pytest.raises(ValueError, match=r"kernel must have shape \(.*Received: \(2,\)"):
        m.layers[place].kernel.value = [1.0, 2.0]
    assert np.array_equal(m.predict(X), before)
    bind(m.layers[place])
    after, fresh = m.predict(X), model()
    fresh.set_weights(m.get_weights())
    assert np.array_equal(after, fresh.predict(X)) and not np.array_equal(after, before)


def test_users_layers_may_write_into_their_values():
    class Counting(L.Layer):
        def build(self, shape):
            self.calls = self.add_weight("calls", (1,), "zeros", trainable=False)

        def forward(self, x, training=False):
            self.calls.value += 1
            self.calls.value[0] += 1
            return x * self.calls.value

    m = fastcnn.Sequential([Counting(input_shape=(2,)), L.Dense(1)], seed=0)
    twice = m.predict(np.ones((1, 2)))
    np.testing.assert_allclose(m.predict(np.ones((1, 2))), 2 * twice, rtol=1e-6)
    assert m.get_weights()[0] == 4


CONSTANTS = [  # of classes; no constructor takes them
    (L.MaxPooling2D(), "kind"), (L.ELU(), "activation"), (L.Dense(3), "spatial"), (losses.Hinge(), "threshold"),
    (losses.MeanSquaredError(), "from_logits"), (losses.MeanSquaredError(), "forward"), (SGD(), "states"),
    (fastcnn.optimizers.Adam(), "initial"), (fastcnn.regularizers.L2(), "l1"), (fastcnn.initializers.HeNormal(), "mode"),
    (fastcnn.metrics.MeanSquaredError(), "direction"), (fastcnn.constraints.NonNeg(), "config"),
]


@pytest.mark.parametrize("found, name", CONSTANTS, ids=[f"{type(found).__name__}-{name}" for found, name in CONSTANTS])
def test_what_a_class_fixes_is_refused(found, name):
    before = getattr(found, name)
    with pytest.raises(AttributeError, match=name):
        setattr(found, name, before)
    assert getattr(found, name) == before


def test_what_users_override_is_used():
    class Twice(L.Dense):
        def forward(self, x, training=False):
            return 2 * (x @ self.kernel.value + self.bias.value)

    class Failing(losses.SparseCategoricalCrossentropy):
        def forward(self, y_true, y_pred):
            raise RuntimeError("it is called")

    twice, plain = (fastcnn.Sequential([layer(3, input_shape=(4,))], seed=0) for layer in (Twice, L.Dense))
    x = np.ones((2, 4), np.float32)
    np.testing.assert_allclose(twice.predict(x), 2 * plain.predict(x), rtol=1e-6)
    m = model()
    m.compile("sgd", Failing())
    with pytest.raises(RuntimeError, match="it is called"):
        m.train_on_batch(X, Y)


DECLARED = {  # {misspelt: an object}
    "patiance": lambda: EarlyStopping("loss", patience=2), "on_epoch_ends": lambda: LambdaCallback(),
    "batchsize": lambda: ImageBatches(ImageArray(np.zeros((4, 5, 5, 3), np.uint8), [0, 1, 0, 1]), 2),
    "learning_rte": lambda: Trainer(Net([{"type": "input", "out_sx": 1, "out_sy": 1, "out_depth": 2},
                                         {"type": "softmax", "num_classes": 2}])),
}


@pytest.mark.parametrize("name", DECLARED)
@pytest.mark.parametrize("copied", [lambda found: found, copy.copy], ids=["", "copied"])
def test_misspelt_attributes_are_refused(name, copied):
    """Those of callbacks, sources and ConvNetJS' trainers, too; their own can be set, and any that begins with _."""
    found = copied(DECLARED[name]())
    message = f"{type(found).__name__} has no attribute '{name}' that could be set. Did you mean "
    with pytest.raises(AttributeError, match=message):
        setattr(found, name, 1)
    found._own = 1
    for known in list(vars(found)):
        setattr(found, known, getattr(found, known))


def test_users_callbacks_keep_what_they_like():
    class Mine(EarlyStopping):
        def on_train_begin(self, logs=None):
            self.begun = True

    class Own(Callback):
        def __init__(self):
            self.count = 0

    mine, own = Mine("loss"), Own()
    model().fit(X, Y, epochs=1, verbose=0, callbacks=[mine, own])
    own.more = mine.more = 1
    assert mine.begun and own.count == 0
