"""What models are made of and trained with goes through pickle and copy.deepcopy, before and after training."""

import copy
import inspect
import pickle
import warnings
from operator import attrgetter

import numpy as np
import pytest

import fastcnn
from fastcnn import callbacks as C
from fastcnn import layers as L
from fastcnn.compat import keras

COPIES = {"pickle": lambda value: pickle.loads(pickle.dumps(value)), "deepcopy": copy.deepcopy, "copy": copy.copy,
          "oldest pickle": lambda value: pickle.loads(pickle.dumps(value, 2))}
PACKAGES = ("callbacks", "constraints", "initializers", "losses", "metrics", "optimizers", "optimizers.schedules",
            "regularizers")
ARGUMENTS = {"LearningRateScheduler": (len,), "ModelCheckpoint": ("x", "loss", 1, False, False, "auto", 3),
             "CSVLogger": ("x",), "PiecewiseConstantDecay": ([3], [0.1, 0.2])}


def classes(top):
    """{name: class} of what a package offers in these rooms."""
    for package in PACKAGES:
        for name, found in inspect.getmembers(attrgetter(package)(top), inspect.isclass):
            if not name.startswith("_") and name not in ("CallbackList", "Logs", "Variable"):
                if found.__module__.startswith("fastcnn"):
                    yield f"{package}.{name}", found


def made(cls):
    """An object of a class, with whatever it needs."""
    given = ARGUMENTS.get(cls.__name__)
    for values in (given,) if given is not None else ((), (0.5,), (0.5, 10), (0.5, 10, 0.5)):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # old spellings
                return cls(*values)
        except TypeError as error:
            last = error
    raise last


def state(value):
    """What an object holds, as far as it can be compared."""
    return repr(value) if hasattr(value, "get_config") else sorted(vars(value))


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("top", [fastcnn, keras], ids=["fastcnn", "keras"])
def test_every_object_is_copied(top, how):
    tried = 0
    for name, cls in classes(top):
        value = made(cls)
        again = COPIES[how](value)
        assert type(again) is type(value) and again is not value and state(again) == state(value), name
        tried += 1
    assert tried > 55


class Own(C.Callback):
    state = ("seen",)

    def __init__(self):
        self.seen = 0

    def on_epoch_end(self, epoch, logs=None):
        self.seen += 1


@pytest.fixture
def trained(tmp_path, monkeypatch):
    """A model that was trained under all callbacks, and they."""
    monkeypatch.chdir(tmp_path)
    model = fastcnn.Sequential([L.Dense(4, "tanh", input_shape=(3,)), L.Dense(1, "sigmoid")], seed=0)
    model.compile(fastcnn.optimizers.Adam(0.01), "binary_crossentropy",
                  metrics=["accuracy", "auc", "f1_score", "precision", fastcnn.metrics.Recall(), "mse"])
    given = [C.EarlyStopping("loss", restore_best_weights=True), C.ReduceLROnPlateau("loss"), C.CSVLogger("log.csv"), Own(),
             C.ModelCheckpoint("m.safetensors", save_freq=2), C.TerminateOnNaN(), C.Progress(1)]
    x, y = np.random.default_rng(0).standard_normal((40, 3)), np.arange(40) % 2
    return model, given, model.fit(x, y, epochs=2, callbacks=given, verbose=0)


@pytest.mark.parametrize("how", COPIES)
def test_history_goes_without_its_model(trained, how):
    """It is what other processes and notebooks keep of a training."""
    model, _, history = trained
    again = COPIES[how](history)
    assert again.history == history.history and again.epoch == history.epoch == [0, 1] and again.params == history.params
    assert again.model is None and history.model is model
    assert len(pickle.dumps(history)) < 3000, "no weights are in it"


@pytest.mark.parametrize("how", COPIES)
def test_all_of_it_after_training(trained, how):
    model, given, _ = trained
    for value in (*given, *model.metrics, model.optimizer, model.loss):
        again = COPIES[how](value)
        assert type(again) is type(value)
        if isinstance(value, C.Callback):
            assert again.model is None and again.get_state() == value.get_state()
            assert {k: v.tolist() for k, v in again.get_arrays().items()} == {
                k: v.tolist() for k, v in value.get_arrays().items()}
        if isinstance(value, fastcnn.metrics.Metric):
            assert again.result() == value.result()
    assert COPIES[how](model.optimizer).iterations == model.optimizer.iterations == 4


def test_copies_of_callbacks_train_again(trained):
    model, given, history = trained
    again = [pickle.loads(pickle.dumps(callback)) for callback in given]
    x, y = np.zeros((8, 3)), np.zeros(8)
    assert model.fit(x, y, epochs=3, callbacks=again, verbose=0).epoch[0] == 0 and again[3].model is model
    assert again[3].seen > given[3].seen and history.model is model


def test_old_names_of_keras_are_found():
    """The module has two classes of a name: `SGD` and the old `sgd`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for value in (keras.optimizers.sgd(lr=0.1), keras.constraints.maxnorm(3), keras.layers.Convolution2D(4, 3, 3)):
            assert pickle.loads(pickle.dumps(type(value))) is type(value)
        rate = pickle.loads(pickle.dumps(keras.optimizers.SGD(0.5).learning_rate))
        assert type(rate) is float and rate == 0.5
        old = keras.optimizers.sgd(lr=0.25)
        assert pickle.loads(pickle.dumps(old)).learning_rate == 0.25 and type(old).__name__ == "SGD"
