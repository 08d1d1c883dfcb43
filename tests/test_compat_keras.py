"""fastcnn.compat.keras: old spellings, each with one warning that names the modern form; module paths; methods and files."""

import sys
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest

import fastcnn
from fastcnn.compat import keras
from fastcnn.compat.keras import absent, layers, optimizers
from fastcnn.compat.keras import backend as K
from fastcnn.compat.keras.models import Sequential, load_model, model_from_json

X = np.random.default_rng(0).random((12, 4), np.float32)
LABELS = np.arange(12) % 3
Y = np.eye(3, dtype=np.float32)[LABELS]


@pytest.fixture
def old():
    """The old and new forms that have warned so far, [(old, new)]; the warnings must point here."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")

        def seen():
            assert all(w.category is DeprecationWarning and w.filename == __file__ for w in caught)
            found = [tuple(str(w.message).split(" is an old spelling. Write ")) for w in caught]
            caught.clear()
            return found

        yield seen


def network(optimizer="sgd", metrics=("accuracy",), **options):
    model = Sequential([layers.Dense(3, activation="softmax", input_shape=(4,))], seed=1)
    model.compile(optimizer, "categorical_crossentropy", list(metrics), **options)
    return model


def batches(count=None):
    while count is None or count > 0:
        yield X[:6], Y[:6]
        count = None if count is None else count - 1


# Arguments

ARGUMENTS = [  # old call, old form, new form, what the modern call would be
    (lambda: layers.Dense(output_dim=2), "Dense(output_dim=2)", "Dense(units=2)", lambda: layers.Dense(2)),
    (lambda: layers.Dense(2, input_dim=3), "Dense(input_dim=3)", "Dense(input_shape=(3,))",
     lambda: layers.Dense(2, input_shape=(3,))),
    (lambda: layers.Dense(2, batch_input_shape=(None, 3)), "Dense(batch_input_shape=(None, 3))", "Dense(input_shape=(3,))",
     lambda: layers.Dense(2, input_shape=(3,))),
    (lambda: layers.Dense(2, init="he_normal"), "Dense(init='he_normal')", "Dense(kernel_initializer='he_normal')",
     lambda: layers.Dense(2, kernel_initializer="he_normal")),
    (lambda: layers.Dense(2, "uniform"), "Dense(init='uniform')", "Dense(kernel_initializer='uniform')",
     lambda: layers.Dense(2, kernel_initializer="random_uniform")),
    (lambda: layers.Dense(5, 2), "Dense(input_dim=5)", "Dense(input_shape=(5,))", lambda: layers.Dense(2, input_shape=(5,))),
    (lambda: layers.Dense(2, bias=False), "Dense(bias=False)", "Dense(use_bias=False)",
     lambda: layers.Dense(2, use_bias=False)),
    (lambda: layers.Dense(2, W_regularizer=keras.regularizers.l2(0.1)),
     "Dense(W_regularizer=L2(l2=0.1))", "Dense(kernel_regularizer=L2(l2=0.1))",
     lambda: layers.Dense(2, kernel_regularizer=keras.regularizers.L2(0.1))),
    (lambda: layers.Dense(2, b_constraint="nonneg"), "Dense(b_constraint='nonneg')", "Dense(bias_constraint='nonneg')",
     lambda: layers.Dense(2, bias_constraint=keras.constraints.NonNeg())),
    (lambda: layers.Conv2D(8, 3, W_constraint=keras.constraints.UnitNorm()), "Conv2D(W_constraint=UnitNorm(axis=0))",
     "Conv2D(kernel_constraint=UnitNorm(axis=0))", lambda: layers.Conv2D(8, 3, kernel_constraint="unit_norm")),
    (lambda: keras.constraints.maxnorm(3), "maxnorm(…)", "MaxNorm(…)", lambda: keras.constraints.max_norm(3)),
    (lambda: keras.constraints.nonneg(), "nonneg(…)", "NonNeg(…)", lambda: keras.constraints.non_neg()),
    (lambda: layers.InputLayer(input_shape=(8, 8, 1)), "InputLayer(input_shape=(8, 8, 1))", "InputLayer(shape=(8, 8, 1))",
     lambda: layers.InputLayer((8, 8, 1))),
    (lambda: layers.GaussianNoise(sigma=0.1), "GaussianNoise(sigma=0.1)", "GaussianNoise(stddev=0.1)",
     lambda: layers.GaussianNoise(0.1)),
    (lambda: layers.PReLU(init="ones"), "PReLU(init='ones')", "PReLU(alpha_initializer='ones')",
     lambda: layers.PReLU("ones")),
    (lambda: layers.Reshape(dims=(2, 3)), "Reshape(dims=(2, 3))", "Reshape(target_shape=(2, 3))",
     lambda: layers.Reshape((2, 3))),
    (lambda: layers.SeparableConv2D(8, 3, init="zeros"), "SeparableConv2D(init='zeros')",
     "SeparableConv2D(depthwise_initializer='zeros', pointwise_initializer='zeros')",
     lambda: layers.SeparableConv2D(8, 3, depthwise_initializer="zeros", pointwise_initializer="zeros")),
    (lambda: layers.Conv2DTranspose(8, 3, subsample=2), "Conv2DTranspose(subsample=2)", "Conv2DTranspose(strides=2)",
     lambda: layers.Conv2DTranspose(8, 3, 2)),
    (lambda: layers.Dropout(p=0.25), "Dropout(p=0.25)", "Dropout(rate=0.25)", lambda: layers.Dropout(0.25)),
    (lambda: layers.LeakyReLU(alpha=0.1), "LeakyReLU(alpha=0.1)", "LeakyReLU(negative_slope=0.1)",
     lambda: layers.LeakyReLU(0.1)),
    (lambda: layers.Conv2D(nb_filter=8, kernel_size=3), "Conv2D(nb_filter=8)", "Conv2D(filters=8)",
     lambda: layers.Conv2D(8, 3)),
    (lambda: layers.Conv2D(8, nb_row=3, nb_col=5), "Conv2D(nb_row=3, nb_col=5)", "Conv2D(kernel_size=(3, 5))",
     lambda: layers.Conv2D(8, (3, 5))),
    (lambda: layers.Conv2D(8, nb_col=5, nb_row=3), "Conv2D(nb_row=3, nb_col=5)", "Conv2D(kernel_size=(3, 5))",
     lambda: layers.Conv2D(8, (3, 5))),
    (lambda: layers.Conv2D(8, 3, border_mode="same"), "Conv2D(border_mode='same')", "Conv2D(padding='same')",
     lambda: layers.Conv2D(8, 3, padding="same")),
    (lambda: layers.Conv2D(8, 3, subsample=(2, 2)), "Conv2D(subsample=(2, 2))", "Conv2D(strides=(2, 2))",
     lambda: layers.Conv2D(8, 3, 2)),
    (lambda: layers.Conv2D(8, 3, atrous_rate=2), "Conv2D(atrous_rate=2)", "Conv2D(dilation_rate=2)",
     lambda: layers.Conv2D(8, 3, dilation_rate=2)),
    (lambda: layers.Conv2D(8, 3, dim_ordering="th"), "Conv2D(dim_ordering='th')", "Conv2D(data_format='channels_first')",
     lambda: layers.Conv2D(8, 3, data_format="channels_first")),
    (lambda: layers.MaxPooling2D((2, 2), border_mode="same"), "MaxPooling2D(border_mode='same')",
     "MaxPooling2D(padding='same')", lambda: layers.MaxPooling2D(2, padding="same")),
    (lambda: layers.AveragePooling2D(poolsize=(3, 3)), "AveragePooling2D(poolsize=(3, 3))",
     "AveragePooling2D(pool_size=(3, 3))", lambda: layers.AveragePooling2D(3)),
    (lambda: optimizers.SGD(lr=0.5), "SGD(lr=0.5)", "SGD(learning_rate=0.5)", lambda: optimizers.SGD(0.5)),
    (lambda: optimizers.SGD(decay=0), "SGD(decay=0.0)", "SGD()", lambda: optimizers.SGD()),
    (lambda: optimizers.Adam(decay=0.5), "Adam(decay=0.5)",
     "Adam(learning_rate=schedules.InverseTimeDecay(0.001, 1, 0.5))",
     lambda: optimizers.Adam(optimizers.schedules.InverseTimeDecay(0.001, 1, 0.5))),
    (lambda: optimizers.Adam(epsilon=None), "Adam(epsilon=None)", "Adam(epsilon=1e-07)", lambda: optimizers.Adam()),
    (lambda: optimizers.rmsprop(0.5), "rmsprop(…)", "RMSprop(…)", lambda: optimizers.RMSprop(0.5)),
    (lambda: keras.callbacks.ReduceLROnPlateau(epsilon=0.5), "ReduceLROnPlateau(epsilon=0.5)",
     "ReduceLROnPlateau(min_delta=0.5)", lambda: keras.callbacks.ReduceLROnPlateau(min_delta=0.5)),
    (lambda: keras.callbacks.ModelCheckpoint("a", period=1), "ModelCheckpoint(period=1)",
     "ModelCheckpoint(save_freq='epoch')", lambda: keras.callbacks.ModelCheckpoint("a")),
]


@pytest.mark.parametrize("call, spelled, modern, meant", ARGUMENTS, ids=[row[1] for row in ARGUMENTS])
def test_an_old_argument_warns_once_and_means_the_modern_one(call, spelled, modern, meant, old):
    made = call()
    assert old() == [(spelled, modern)]
    expected = meant()
    assert old() == [], "the modern form does not warn"
    if hasattr(made, "get_config"):
        assert made.get_config() == expected.get_config() and type(made).__name__ == type(expected).__name__
    else:
        assert {k: v for k, v in vars(made).items()} == vars(expected)
    assert isinstance(made, type(expected))


def test_convolution2d(old):
    layer = layers.Convolution2D(8, 3, 5, border_mode="same", subsample=(2, 1), input_shape=(8, 8, 3))
    assert old() == [("Convolution2D(…)", "Conv2D(…)"), ("Convolution2D(nb_row=3, nb_col=5)", "Conv2D(kernel_size=(3, 5))"),
                     ("Convolution2D(subsample=(2, 1))", "Conv2D(strides=(2, 1))"),
                     ("Convolution2D(border_mode='same')", "Conv2D(padding='same')")]
    assert (layer.kernel_size, layer.strides, layer.padding) == ((3, 5), (2, 1), "same")
    assert isinstance(layer, layers.Conv2D) and layer.default_name() == "conv2d"
    assert layers.Convolution2D(8, (3, 5)).kernel_size == (3, 5), "also in Keras 2's form"
    assert layers.Convolution2D(8, 3, 3, "he_normal", "relu").activation == ("relu", 0.0)
    old()
    assert layers.Conv2D(8, 3, 2).strides == (2, 2) and old() == [], "Conv2D's third is strides, as in Keras today"


@pytest.mark.parametrize("call, error, message", [
    (lambda: layers.Dense(2, units=3), TypeError, "units once"),
    (lambda: layers.Dense(2, output_dim=3), TypeError, "units once; output_dim is its old spelling"),
    (lambda: layers.Dense(2, outputdim=3), TypeError, "no argument 'outputdim'"),
    (lambda: layers.Dense(2, activation=np.tanh), TypeError, "function of keras.activations"),
    (lambda: layers.Conv2D(8, nb_row=3), TypeError, "nb_row together with nb_col"),
    (lambda: layers.Conv2D(8, 3, dim_ordering="ft"), ValueError, "'tf', 'th'.*Received: 'ft'"),
    (lambda: layers.Convolution2D(8, 3, 3, "he_normal", "relu", 1), TypeError, "others by name"),
    (lambda: layers.Deconvolution2D(8, 3, 3, (None, 9, 9, 8)), TypeError, r"no output_shape today.*\(None, 9, 9, 8\)"),
    (lambda: layers.SeparableConvolution2D(8, 3, 3, "zeros", "relu", 2), TypeError, "Received: 6 values"),
    (lambda: layers.Flatten(1, 2), TypeError, "Received: 2 values"),
    (lambda: optimizers.SGD(lr=0.1, learning_rate=0.1), TypeError, "learning_rate once"),
    (lambda: optimizers.SGD(decay=-1), ValueError, "decay"),
    (lambda: optimizers.SGD(lrr=0.1), TypeError, "no argument 'lrr'"),
    (lambda: keras.callbacks.ModelCheckpoint("a", period=2), ValueError, r"save_freq=2 \* n"),
    (lambda: network().fit(X, Y, nb_epoch=1, epochs=1), TypeError, "epochs once"),
    (lambda: network().fit(X, Y, nb_epochs=1), TypeError, "nb_epochs"),
    (lambda: network().fit(X, Y, steps_per_execution=4), TypeError, "no argument 'steps_per_execution'. Did you mean"),
    (lambda: network().fit(X, Y, validation_freq=2), ValueError, "validation_freq must come with .*Received: 2"),
    (lambda: network().evaluate(X, Y, callbacks=[]), TypeError, "no argument 'callbacks'. Accepted: x, y,"),
    (lambda: network(run_eagerly=True), TypeError, "no argument 'run_eagerly'. Accepted: optimizer, loss, metrics."),
    (lambda: layers.Conv2D(8, 3, padding="Full"), ValueError, "padding must be.*Received: 'full'"),
    (lambda: network()(layers.Input((5,))), ValueError, "takes samples of shape .* Received: .5,."),
    (lambda: network().fit_generator(batches(), 2, validation_freq=3), ValueError, "validation_freq must .*Received: 3"),
    (lambda: network().fit(X, Y, workers=2), ValueError, "source of batches.*Received: ndarray"),
    (lambda: network().fit(batches(3), workers=2), ValueError, "workers must be 1 .* Received: 2"),
    (lambda: network().fit(batches(3), use_multiprocessing=True), ValueError, "workers=4"),
    (lambda: network().fit_generator(batches()), ValueError, "steps_per_epoch must be given"),
    (lambda: network().fit_generator(batches(), 2, validation_data=batches()), ValueError, "validation_steps must be given"),
    (lambda: network().fit_generator(steps_per_epoch=2), TypeError, "takes a generator"),
    (lambda: network().fit_generator(batches(), 2, sample=1), TypeError, "no argument 'sample'. Accepted: generator, steps"),
    (lambda: network().fit_generator(batches(), 2, validation_data=(X, Y), nb_val_samples=6), ValueError, "nb_val_samples"),
    (lambda: network().compile("sgd", "mse", class_mode="ordinal"), ValueError, "class_mode must be one of"),
    (lambda: keras.utils.to_categorical([0, 3], 3), ValueError, "from 0 to 2. Received: 0 … 3"),
    (lambda: keras.utils.to_categorical([0.5]), TypeError, "integer labels"),
    (lambda: K.set_value(0.5, 0.1), TypeError, "optimizer's learning rate"),
    (lambda: K.set_floatx("float16"), ValueError, "'float32'"),
])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_what_means_nothing_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_every_layer_optimizer_and_callback_is_there():
    for ours, theirs in ((fastcnn.layers, layers), (fastcnn.optimizers, optimizers), (fastcnn.callbacks, keras.callbacks),
                         (fastcnn.losses, keras.losses), (fastcnn.metrics, keras.metrics),
                         (fastcnn.initializers, keras.initializers)):
        names = getattr(ours, "__all__", None) or ["GlorotUniform", "Zeros", "get"]
        assert [name for name in names if not hasattr(theirs, name)] == []
    assert keras.initializers.glorot_uniform(seed=1).seed == 1 and layers.MaxPool2D is layers.MaxPooling2D
    assert set(layers.RULES) & set(fastcnn.layers.__all__) >= {"Conv2D", "Dense", "Dropout", "MaxPooling2D"}


def test_the_package_does_without(run_python):
    run = run_python("-c", "import fastcnn, sys; print([name for name in sys.modules if 'compat' in name])")
    assert "fastcnn.compat" not in run.stdout and run.stdout.startswith("["), run.stderr


def test_the_documents_table_has_every_spelling():
    path = Path(__file__).resolve().parents[1] / "docs" / "keras.md"
    if not path.exists():
        pytest.skip("the documents are not beside the tests")
    text = path.read_text()
    from fastcnn.compat.keras import generators, models

    assert [name for names in absent.NAMES.values() for name in names if f"`{name}`" not in text] == []
    rules = [*layers.RULES.values(), layers._SHAPE, keras.callbacks.RULES["ModelCheckpoint"], models._FIT,
             generators.GENERATOR, keras.constraints.OLD_NAMES]
    spelled = {name for table in rules for name in table} | set(layers.OLD_NAMES) | set(keras._OLD)
    assert len(spelled) > 40 and sorted(name for name in spelled if f"`{name}" not in text) == []


# Modules


def test_old_paths_of_modules(old):
    from fastcnn.compat.keras.layers.convolutional import Conv2D

    assert Conv2D is layers.Conv2D
    assert old() == [("keras.layers.convolutional.Conv2D", "keras.layers.Conv2D")]
    from fastcnn.compat.keras.layers.experimental import preprocessing
    from fastcnn.compat.keras.optimizers.legacy import Adam
    from fastcnn.compat.keras.optimizers.schedules import ExponentialDecay

    assert preprocessing.Rescaling is layers.Rescaling and Adam is optimizers.Adam
    assert [new for _, new in old()] == ["keras.optimizers.Adam", "keras.layers.Rescaling"]
    assert ExponentialDecay is optimizers.schedules.ExponentialDecay
    assert keras.layers.core.Dense is layers.Dense and keras.objectives.mse is keras.losses.mse
    assert [new for _, new in old()] == ["keras.layers.Dense", "keras.losses.mse"]
    with pytest.raises(ImportError, match="Conv4D"):
        from fastcnn.compat.keras.layers.core import Conv4D  # noqa: F401


def test_install(run_python):
    code = """
import fastcnn.compat.keras
fastcnn.compat.keras.install()
fastcnn.compat.keras.install("tensorflow.keras")
import keras, keras.backend as K, tensorflow as tf, tensorflow.keras.layers
from keras.layers import Dense
from keras.layers.core import Dropout
from keras.preprocessing.image import ImageDataGenerator
from keras.datasets.mnist import load_data
from tensorflow.keras.models import Sequential
from tensorflow import keras as other
assert Dense is fastcnn.compat.keras.layers.Dense is tf.keras.layers.Dense and other is keras
assert keras.models.Sequential is Sequential
try:
    import keras.applications
except ModuleNotFoundError as error:
    print(error)
"""
    run = run_python("-W", "ignore", "-c", code)
    assert run.stdout == "No module named 'keras.applications'\n", run.stderr


def test_install_refuses_beside_the_real_one(monkeypatch):
    real = type(sys)("keras")
    monkeypatch.setitem(sys.modules, "keras", real)
    with pytest.raises(ImportError, match="keras has been imported already"):
        keras.install()
    assert sys.modules["keras"] is real
    with pytest.raises(ValueError, match="'theano'"):
        keras.install("theano")


# Compiling and training


def test_optimizers_by_name_have_lr(old):
    model = network("rmsprop")
    assert type(model.optimizer) is optimizers.RMSprop and old() == []
    model.optimizer.lr = 0.25
    assert model.optimizer.lr == model.optimizer.learning_rate == 0.25
    assert old() == [("optimizer.lr = 0.25", "optimizer.learning_rate = 0.25"), ("optimizer.lr", "optimizer.learning_rate")]
    K.set_value(model.optimizer.learning_rate, 0.125)
    assert K.get_value(model.optimizer.learning_rate) == 0.125 and type(K.get_value(model.optimizer.learning_rate)) is float
    assert model.optimizer.learning_rate.numpy() == 0.125 and old() == []


def test_decay_is_old_keras_formula(old):
    for order in ({"lr": 0.5, "decay": 0.1}, {"decay": 0.1, "lr": 0.5}):
        optimizer = optimizers.SGD(momentum=0.9, nesterov=True, **order)
        assert [new for _, new in old()] == ["SGD(learning_rate=0.5)",
                                             "SGD(learning_rate=schedules.InverseTimeDecay(0.5, 1, 0.1))"]
        model = network(optimizer)
        model.fit(X, Y, batch_size=4, epochs=1, verbose=0)
        assert optimizer.iterations == 3 and optimizer.learning_rate == pytest.approx(0.5 / (1 + 0.1 * 3), rel=1e-12)


def test_history_answers_to_acc(old):
    history = network().fit(X, Y, epochs=2, verbose=0, validation_data=(X, Y)).history
    assert sorted(history) == ["accuracy", "loss", "val_accuracy", "val_loss"] and old() == []
    assert history["acc"] is history["accuracy"] and history.get("val_acc") is history["val_accuracy"]
    assert [new for _, new in old()] == ["['accuracy']", "['val_accuracy']"]
    with pytest.raises(KeyError, match="val_lr"):
        history["val_lr"]
    assert history.get("f1", 7) == 7 and history.get(3) is None
    named = network(metrics=["acc"]).fit(X, Y, verbose=0, validation_data=(X, Y)).history
    assert sorted(named) == ["acc", "loss", "val_acc", "val_loss"] and len(named["acc"]) == 1 and old() == []


def test_callbacks_find_acc(old, tmp_path):
    seen = []

    class Watch(keras.callbacks.Callback):
        def on_batch_end(self, batch, logs=None):
            seen.append(logs.get("acc"))

        def on_epoch_end(self, epoch, logs=None):
            seen.append(logs["val_acc"])

    save = keras.callbacks.ModelCheckpoint(str(tmp_path / "{epoch}-{val_acc:.3f}.safetensors"), monitor="val_acc")
    stop = keras.callbacks.EarlyStopping(monitor="val_acc", patience=5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        history = network().fit(X, Y, verbose=0, validation_data=(X, Y), callbacks=[Watch(), save, stop]).history
    assert seen == [history["accuracy"][0], history["val_accuracy"][0]]
    assert stop.best == history["val_accuracy"][0]
    assert [p.name for p in tmp_path.iterdir()] == [f"1-{history['val_accuracy'][0]:.3f}.safetensors"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_lr_is_what_decay_starts_from():
    optimizer = optimizers.Adam(lr=0.5, decay=0.25)
    optimizer.iterations = 4
    assert (K.get_value(optimizer.lr), float(optimizer.learning_rate)) == (0.5, 0.25)
    K.set_value(optimizer.lr, 0.25)
    assert (optimizer.lr, optimizer.learning_rate) == (0.25, 0.125)
    optimizer.lr = 1.0
    assert (optimizer.lr, optimizer.learning_rate) == (1.0, 0.5)
    optimizer.learning_rate = 1.0
    assert (optimizer.lr, optimizer.learning_rate) == (1.0, 1.0), "no decay any more"


@pytest.mark.parametrize("resumed", [False, True])
def test_callbacks_set_the_rate_that_decay_starts_from(old, resumed, tmp_path):
    """As in Keras 2: the rate is set for each epoch, and all steps so far count for the decay."""
    seen = []

    class Watch(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            seen.append(float(self.model.optimizer.learning_rate))

    def fit(model, epochs):
        schedule = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate if epoch < 1 else rate / 2)
        return model.fit(X, Y, batch_size=4, epochs=epochs, verbose=0, callbacks=[schedule, Watch()], resume=True)

    model = network(optimizers.SGD(lr=0.5, decay=0.1))
    if resumed:
        fit(model, 2)
        model.save(tmp_path / "m")
        model = load_model(tmp_path / "m")
    history = fit(model, 3).history
    base = [0.5] * 3 + [0.25] * 3 + [0.125] * 3
    assert seen == pytest.approx([rate / (1 + 0.1 * step) for step, rate in enumerate(base)], rel=1e-12)
    assert history["lr"] == [0.5, 0.25, 0.125]
    reduce = keras.callbacks.ReduceLROnPlateau("loss", factor=0.1, patience=1, min_delta=100)
    assert model.fit(X, Y, epochs=3, verbose=0, callbacks=[reduce]).history["learning_rate"] == pytest.approx(
        [0.125, 0.125, 0.0125])
    other = network(optimizers.SGD(optimizers.schedules.ExponentialDecay(0.5, 10, 0.9)))
    with pytest.raises(TypeError, match="LearningRateScheduler needs a learning rate that is a number.*ExponentialDecay"):
        fit(other, 1)
    assert all(form.startswith(("SGD(", "history[")) for form, _ in old())


def test_keras_0_asks_for_accuracy_when_training(old):
    model = network(metrics=(), class_mode="categorical")
    assert old() == [("compile(class_mode='categorical')", "compile(…, metrics=['accuracy'])")]
    history = model.fit(X, Y, nb_epoch=1, show_accuracy=True, verbose=0)
    assert [new for _, new in old()] == ["fit(epochs=1)", "fit(…) after compile(…, metrics=['accuracy'])"]
    assert sorted(history.history) == ["acc", "loss"]
    loss, accuracy = model.evaluate(X, Y, show_accuracy=True, verbose=0)
    assert accuracy == np.mean(model.predict(X).argmax(1) == LABELS)
    wrong = network(metrics=(), class_mode="binary")
    assert wrong.evaluate(X, Y, show_accuracy=True, verbose=0)[1] == pytest.approx(
        np.mean((wrong.predict(X) > 0.5) == Y), abs=1e-6), "class_mode chose the kind"


def test_losses_and_metrics_as_functions():
    model = Sequential([layers.Dense(3, activation=keras.activations.softmax, input_shape=(4,))])
    model.compile(keras.optimizers.SGD(), keras.losses.categorical_crossentropy, [keras.metrics.categorical_accuracy])
    assert model.loss.name == "categorical_crossentropy" and model.metrics_names == ["loss", "categorical_accuracy"]
    model.compile("sgd", "categorical_crossentropy", "accuracy")
    assert model.metrics_names == ["loss", "accuracy"]
    y = model.predict(X)
    np.testing.assert_allclose(keras.losses.categorical_crossentropy(Y, y), -np.log((y * Y).sum(1)), rtol=1e-5)
    assert keras.losses.mse.__name__ == "mean_squared_error"
    assert keras.activations.linear([1.0]).tolist() == [1.0]


def test_fit_generator_is_fit(old):
    expected = network().fit(batches(6), epochs=2, steps_per_epoch=3, verbose=0).history["loss"]
    model = network()
    assert model.fit_generator(batches(), 3, 2, 0).history["loss"] == expected
    assert old() == [("fit_generator(generator, …)", "fit(generator, …)")]
    history = network().fit_generator(batches(), samples_per_epoch=15, nb_epoch=2, verbose=0, validation_data=batches(),
                                      nb_val_samples=7, max_q_size=10).history
    assert history["loss"] == expected and len(history["val_loss"]) == 2


@pytest.mark.parametrize("steps", [len(X) / 6 + 0.5, np.ceil(len(X) / 5.0), np.float32(2.2), np.array(len(X) / 5)[()], 3])
def test_numbers_of_steps_may_be_floats(steps, old):
    """`len(x) / 32` and np.ceil's: Keras went on until so many were done."""
    wanted = int(np.ceil(steps))
    assert wanted == 3
    expected = network().fit(batches(12), epochs=2, steps_per_epoch=3, verbose=0, validation_data=batches(12),
                             validation_steps=3).history
    for fit in (network().fit_generator, network().fit):
        source = {"generator": batches()} if fit.__name__ == "fit_generator" else {"x": batches()}
        found = fit(**source, steps_per_epoch=steps, epochs=2, verbose=0, validation_data=batches(), validation_steps=steps)
        assert {k: v for k, v in found.history.items() if k != "data_wait"} == {
            k: v for k, v in expected.items() if k != "data_wait"}
    model = network()
    for name, given in (("evaluate", {"steps": 3, "verbose": 0}), ("predict", {"steps": 3})):
        whole = getattr(model, name)(batches(), **given)
        assert np.array_equal(getattr(model, name)(batches(), **{**given, "steps": steps}), whole)
        assert np.array_equal(getattr(model, f"{name}_generator")(batches(), steps), whole)
    assert network().fit_generator(batches(), samples_per_epoch=15.0, nb_epoch=1, verbose=0).epoch == [0]
    for wrong in (0.0, -1.5, float("nan"), "3"):
        with pytest.raises((TypeError, ValueError), match="Received: "):
            network().fit_generator(batches(), wrong, verbose=0)


def test_generators_for_evaluating_and_predicting(old):
    model = network()
    whole = model.evaluate(X[:6], Y[:6], verbose=0)
    assert model.evaluate_generator(batches(), 2) == pytest.approx(whole)
    assert model.evaluate_generator(batches(), val_samples=12) == pytest.approx(whole)
    assert np.array_equal(model.predict_generator(batches(), steps=1), model.predict(X[:6]))
    assert [new for _, new in old()] == [
        "evaluate(generator, …)", "evaluate_generator(steps=2)", "evaluate(generator, …)", "predict(generator, …)"]
    assert np.array_equal(model.predict_classes(X), model.predict(X).argmax(1))
    assert np.array_equal(model.predict_proba(X), model.predict(X)) and len(old()) == 2
    single = Sequential([layers.Dense(1, activation="sigmoid", input_shape=(4,))])
    assert np.array_equal(single.predict_classes(X), single.predict(X) > 0.5)


class Batches(keras.utils.Sequence):
    """Twelve samples, a third at a time."""

    ended = 0

    def __len__(self):
        return 3

    def __getitem__(self, i):
        return X[4 * i:4 * i + 4], Y[4 * i:4 * i + 4]

    def on_epoch_end(self):
        self.ended += 1


@pytest.mark.parametrize("shuffle", [True, False])
def test_workers_change_nothing_but_time(shuffle):
    expected, found, source = network(), network(), Batches()
    expected.fit(Batches(), epochs=3, shuffle=shuffle, verbose=0)
    found.fit(source, epochs=3, shuffle=shuffle, verbose=0, workers=3, max_queue_size=2, use_multiprocessing=False)
    assert all(np.array_equal(a, b) for a, b in zip(expected.get_weights(), found.get_weights())) and source.ended == 3
    model = network()
    with pytest.warns(DeprecationWarning):
        assert np.array_equal(model.predict_generator(Batches(), workers=2), model.predict(X))


def test_a_generator_runs_ahead_in_one_thread():
    drawn = []

    def counted():
        for number in range(100):
            drawn.append(number)
            yield X[:6], Y[:6]

    expected, model = network(), network()
    expected.fit(batches(4), epochs=2, steps_per_epoch=2, verbose=0)
    model.fit(counted(), epochs=2, steps_per_epoch=2, verbose=0, max_queue_size=3)
    assert all(np.array_equal(a, b) for a, b in zip(expected.get_weights(), model.get_weights()))
    assert 4 <= len(drawn) <= 4 + 1 + 3, "no further ahead than asked for"
    assert network().fit(batches(5), epochs=1, workers=1, verbose=0).history["loss"] == network().fit(
        batches(5), epochs=1, workers=0, verbose=0).history["loss"]


def test_workers_errors_arrive():
    class Broken(Batches):
        def __getitem__(self, i):
            raise OSError(f"batch {i}")

    with pytest.raises(OSError, match="batch"):
        network().fit(Broken(), workers=2, verbose=0)


# Files


def test_save_under_keras_names(old, tmp_path, monkeypatch):
    """Without h5py; tests/test_io_keras.py has it with."""
    monkeypatch.setitem(sys.modules, "h5py", None)
    model = network(optimizers.RMSprop(0.01, momentum=0.5))
    model.fit(X, Y, verbose=0)
    path = tmp_path / "model.h5"
    model.save(str(path))
    assert old() == [(f"save('{path}')", f"save('{tmp_path / 'model.safetensors'}'), or pip install h5py: safetensors is "
                                         "what is written under either name, not h5")]
    again = load_model(path)
    assert type(again) is Sequential and type(again.layers[0]) is layers.Dense
    assert type(again.optimizer) is optimizers.RMSprop and again.optimizer.iterations == 1
    assert np.array_equal(again.predict(X), model.predict(X)) and old() == []
    assert np.array_equal(fastcnn.load_model(path).predict(X), model.predict(X)), "plain fastcnn reads it too"
    before = path.read_bytes()
    with pytest.raises(FileExistsError, match="model.h5"):
        model.save(path, overwrite=False)
    assert path.read_bytes() == before


def test_weights_alone(tmp_path):
    model, other = network(), network()
    model.save_weights(tmp_path / "w.safetensors")
    model.save(tmp_path / "m.safetensors")
    for name in ("w.safetensors", "m.safetensors"):
        other.set_weights([np.zeros_like(w) for w in other.get_weights()])
        other.load_weights(tmp_path / name)
        assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), other.get_weights()))
    renamed = Sequential([layers.Dense(3, name="other", input_shape=(4,))])
    renamed.load_weights(tmp_path / "w.safetensors")  # in their order, as in Keras
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), renamed.get_weights()))
    foreign = Sequential([layers.Dense(3, name="other", input_shape=(4,)), layers.Dense(2)])
    with pytest.raises(fastcnn.io.FileFormatError, match="other/kernel"):
        foreign.load_weights(tmp_path / "w.safetensors")


def test_files_of_keras_need_h5py(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    (tmp_path / "model.h5").write_bytes(b"\x89HDF\r\n\x1a\n0000")
    with zipfile.ZipFile(tmp_path / "model.keras", "w") as archive:
        for name in ("model.weights.h5", "config.json", "metadata.json"):
            archive.writestr(name, "{}")
    for name in ("model.h5", "model.keras"):
        for read in (load_model, network().load_weights):
            with pytest.raises(ImportError, match="reading or writing Keras' files needs h5py: pip install h5py"):
                read(tmp_path / name)


@pytest.mark.parametrize("text, message", [
    ("[]", "json_string must be what to_json gave, .*Received: '\\[\\]'"), ("{}", "json_string must be what to_json gave"),
    ("{", "json_string must be JSON"), (3, "json_string must be a text of JSON. Received: 3"),
    ('{"class_name": "Dense", "config": {"seed": 1}}', "class_name of json_string must be .*Received: 'Dense'"),
    ('{"class_name": "Model", "config": {"seed": 1}}', "config must be what get_config\\(\\) gave; it lacks 'layers'"),
])
def test_json_of_no_model(text, message):
    with pytest.raises((TypeError, ValueError), match=message):
        model_from_json(text)


def test_json():
    model = network()
    again = model_from_json(model.to_json())
    again.set_weights(model.get_weights())
    assert type(again) is Sequential and np.array_equal(again.predict(X), model.predict(X))


# What else tutorials use


def test_data_format(old):
    try:
        K.set_image_dim_ordering("th")
        assert old() == [("set_image_dim_ordering('th')", "set_image_data_format('channels_first')")]
        assert K.image_data_format() == "channels_first" and K.image_dim_ordering() == "th"
        model = Sequential([layers.Conv2D(4, 3, input_shape=(2, 8, 6)), layers.MaxPooling2D(), layers.Flatten()])
        assert model.layers[0].output_shape == (None, 4, 6, 4) and model.output_shape == (None, 4 * 3 * 2)
        assert layers.Conv2D(4, 3, data_format="channels_last").data_format == "channels_last"
        model.add(layers.BatchNormalization(axis=1))
        model.add(layers.GroupNormalization(4, axis=1))
        assert [layer.axis for layer in model.layers[-2:]] == [-1, -1]
    finally:
        K.set_image_data_format("channels_last")
    assert layers.Conv2D(4, 3).data_format == "channels_last" and layers.BatchNormalization(axis=1).axis == 1
    assert layers.Conv2D(4, 3, padding="Same", data_format="Channels_First").get_config() == layers.Conv2D(
        4, 3, padding="same", data_format="channels_first").get_config()


def test_photographs_in_the_backends_format(monkeypatch):
    data = tuple((np.arange(n * 32 * 32 * 3).reshape(n, 32, 32, 3), np.arange(n)[:, None]) for n in (3, 2))
    monkeypatch.setattr(fastcnn.datasets.cifar10, "load_data", lambda: data)
    assert keras.datasets.cifar10.load_data() is data
    try:
        K.set_image_data_format("channels_first")
        for (x, y), (first, labels) in zip(data, keras.datasets.cifar10.load_data()):
            assert first.shape == (len(x), 3, 32, 32) and labels is y and np.array_equal(first[:, 2], x[..., 2])
    finally:
        K.set_image_data_format("channels_last")


def test_to_categorical(old):
    rows = keras.utils.to_categorical(LABELS)
    assert np.array_equal(rows, Y) and rows.dtype == np.float32
    assert old() == [("to_categorical(y)", "loss='sparse_categorical_crossentropy': it takes the labels y as they are")]
    assert np.array_equal(keras.utils.to_categorical(LABELS[:, None], nb_classes=5), np.eye(5)[LABELS])
    assert old()[0] == ("to_categorical(nb_classes=5)", "to_categorical(num_classes=5)")
    assert keras.utils.to_categorical(np.zeros((2, 3), int), 4).shape == (2, 3, 4)


def test_one_seed_for_all():
    drawn = []
    for _ in range(2):
        keras.utils.set_random_seed(7)
        drawn.append((network().seed, Sequential().seed, np.random.random()))
    assert drawn[0][1:] == drawn[1][1:] and int(keras.__version__.split(".")[0]) >= 3


def test_small_things_of_the_backend_and_the_tools():
    assert K.cast_to_floatx([1, 2]).dtype == np.float32 and K.cast_to_floatx([1, 2]).tolist() == [1, 2]
    assert keras.utils.PyDataset is keras.utils.Sequence
    for name in ("load_img", "img_to_array", "array_to_img", "save_img"):
        assert getattr(keras.utils, name) is getattr(keras.preprocessing.image, name)


def test_normalize():
    rows = keras.utils.normalize(np.array([[3.0, 4.0], [0.0, 0.0]]))
    np.testing.assert_allclose(rows, [[0.6, 0.8], [0, 0]])
    np.testing.assert_allclose(keras.utils.normalize([[1.0, -3.0]], order=1), [[0.25, -0.75]])
