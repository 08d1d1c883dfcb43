"""fastcnn.compat.keras: the functional API, a model that grows, and names that fastcnn does not have."""

import numpy as np
import pytest

import fastcnn
from fastcnn.compat import keras
from fastcnn.compat.keras import absent, layers
from fastcnn.compat.keras.models import Model, Sequential, load_model, model_from_json, save_model

X = np.random.default_rng(0).random((6, 8, 8, 1), np.float32)
Y = np.arange(6) % 3


def parts():
    return [layers.Conv2D(4, 3, activation="relu"), layers.MaxPooling2D(), layers.Flatten(), layers.Dense(3, "softmax")]


def ends(shape=(8, 8, 1)):
    start = x = keras.Input(shape=shape)
    for layer in parts():
        x = layer(x)
    return start, x


def test_a_chain_is_the_sequential_of_its_layers():
    model, expected = Model(*ends(), seed=1), Sequential([layers.Input((8, 8, 1)), *parts()], seed=1)
    for each in (model, expected):
        each.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
        each.fit(X, Y, batch_size=2, epochs=2, verbose=0)
    assert keras.Model is Model and keras.models.Input is layers.Input is keras.Input
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), expected.get_weights()))
    assert np.array_equal(model(X), expected.predict(X)) and model.input_shape == (None, 8, 8, 1)
    assert [layer.name for layer in model.layers] == ["input_layer", "conv2d", "max_pooling2d", "flatten", "dense"]


def test_layers_of_ones_own_continue_a_chain():
    class Doubled(keras.layers.Layer):
        def forward(self, x, training=False):
            return 2 * x

    x = keras.Input((4,))
    assert Model(x, Doubled()(x)).predict(np.ones((1, 4))).tolist() == [[2.0] * 4]
    assert repr(Doubled()(x)) == "<Symbol of shape (None, 4), from 'doubled'>"
    assert Doubled()(np.ones((1, 2))).tolist() == [[2.0, 2.0]]


def test_channels_first():
    keras.backend.set_image_data_format("channels_first")
    try:
        model = Model(*ends((1, 8, 8)))
    finally:
        keras.backend.set_image_data_format("channels_last")
    assert model.input_shape == (None, 1, 8, 8) and model.layers[1].output_shape == (None, 4, 6, 6)
    assert model.predict(X.transpose(0, 3, 1, 2)).shape == (6, 3)


def test_old_spellings():
    start, x = ends()
    with pytest.warns(DeprecationWarning) as caught:
        model = Model(input=start, output=[x])
    assert [str(w.message).split(" is an")[0].split("=")[0] for w in caught] == ["Model(input", "Model(output"]
    assert model.name == "model" and model.output_shape == (None, 3)


def test_files(tmp_path):
    model = Model(*ends(), name="net")
    save_model(model, tmp_path / "m.safetensors")
    for again in (load_model(tmp_path / "m.safetensors"), keras.saving.load_model(tmp_path / "m.safetensors")):
        assert type(again) is Model and again.name == "net" and np.array_equal(again.predict(X), model.predict(X))
    assert type(model_from_json(model.to_json())) is Model
    chain = Sequential([layers.Dense(2, input_shape=(3,))])
    assert type(model_from_json(chain.to_json())) is Sequential
    again = Model.from_config(model.get_config())
    assert again.count_params() == model.count_params()
    with pytest.raises(FileExistsError, match="m.safetensors"):
        save_model(model, tmp_path / "m.safetensors", overwrite=False)


class Subclass(keras.Model):
    def __init__(self):
        super().__init__()


@pytest.mark.parametrize("make, error, message", [
    (Subclass, TypeError, r"Model is made of inputs and outputs.*Received: inputs=None"),
    (lambda: Model([keras.Input((2,)), keras.Input((2,))], None), TypeError, "outputs must be .*what a layer gave.*None"),
    (lambda: Model(keras.Input((2,)), [1, 2, 3]), TypeError, "outputs must be .*Received: 1"),
    (lambda: Model(ends()[0], ends()[1]), ValueError, "depend on an Input that the model is not given, 'input_layer' of"),
    (lambda: Model([*ends()[:1], keras.Input((2,))], ends()[1]), ValueError, "not given"),
    (lambda: Model(ends()[0]), TypeError, "outputs must be .*Received: None"),
    (lambda: Model(*ends(), trainable=False), TypeError, "Model has no argument 'trainable'. Did you mean"),
    (lambda: layers.add(list(ends())), ValueError, r"\(Add\) takes inputs of one shape. Received: \(8, 8, 1\), \(3,\)"),
])
def test_what_is_no_network_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


# A model that grows


def test_adding_a_layer_keeps_the_weights():
    model = Sequential([layers.Conv2D(4, 3, input_shape=(8, 8, 1)), layers.Flatten(), layers.Dense(5)], seed=1)
    model.compile("sgd", "mse")
    model.fit(X, np.ones((6, 5)), verbose=0)
    weights, y = model.get_weights(), model.predict(X)
    model.add(layers.Activation("relu"))
    assert np.array_equal(model.predict(X), np.maximum(y, 0))
    model.add(layers.Dense(3, use_bias=False))
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), weights))
    np.testing.assert_allclose(model.predict(X), np.maximum(y, 0) @ model.get_weights()[-1], atol=1e-6)
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(X, Y, verbose=0)
    assert not np.array_equal(model.get_weights()[0], weights[0]), "and all of it is trained"


# What fastcnn has not


@pytest.mark.parametrize("path, name", [(path, name) for path, names in absent.NAMES.items() for name in names])
def test_absent_names_can_be_imported_and_refuse(path, name):
    module = keras.MODULES[path]
    with pytest.raises(NotImplementedError, match=rf"keras\.{path}\.{name} is not in fastcnn. Accepted: \S.*Received"):
        getattr(module, name)(1, any_argument=2)
    assert name not in getattr(module, "__all__", ()) and f"keras.{path}.{name}" in getattr(module, name).__doc__
    ours = getattr(fastcnn, path, None)
    assert not hasattr(ours, name), "else it would hide what there is"


def test_what_refusals_name_is_there():
    spelled = " ".join(instead for names in absent.NAMES.values() for instead in names.values())
    for name in ("Rescaling", "LocalResponseNormalization", "Conv2D", "SpatialDropout2D", "GaussianNoise", "LeakyReLU"):
        assert name in spelled and hasattr(layers, name)
    for name in ("RMSprop", "Adagrad", "Adadelta", "AdamW"):
        assert name in spelled and hasattr(keras.optimizers, name)
    for path in ("images.Augmentation", "datasets.ImageFolder", "images.ImageBatches", "vis"):
        assert f"fastcnn.{path}" in spelled
        module, _, name = path.partition(".")
        assert not name or hasattr(getattr(fastcnn, module), name)
