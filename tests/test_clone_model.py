"""clone_model: the same architecture, layers of its own, initial values drawn anew."""

import numpy as np
import pytest
from test_graphs import inception, residual, shared

import fastcnn
from fastcnn import layers as L
from fastcnn.compat import keras


class Double(L.Layer):
    """A layer of one's own, with an argument."""

    config = ("by",)

    def __init__(self, by=2.0, **base):
        super().__init__(**base)
        self.by = by

    def build(self, shape):
        self.w = self.add_weight("w", shape[-1:], "normal")

    def forward(self, x, training=False):
        return self.by * x + self.w.value

    def backward(self, dy):
        self.w.gradient[...] = dy.sum(axis=tuple(range(dy.ndim - 1)))
        return self.by * dy


class Seven(fastcnn.initializers.Initializer):
    """All values 7."""

    def __call__(self, shape, rng=None):
        return np.full(shape, 7, np.float32)


def own():
    return fastcnn.Sequential([L.Dense(4, kernel_initializer=Seven(), bias_initializer=lambda shape: np.ones(shape)),
                               Double(3.0), L.Dropout(0.5, seed=1)], seed=1)


def built(size=3):
    model = own()
    model.build((size,))
    return model


MODELS = {
    "lenet": lambda: fastcnn.networks.lenet5(seed=1), "residual": lambda: residual(norm=True), "inception": inception,
    "shared": shared, "own": built, "nested": lambda: fastcnn.Sequential([residual(), built(5), L.Dense(2)], seed=2),
    "inner": lambda: view(),
    "keras": lambda: keras.models.Sequential([keras.layers.Conv2D(2, 3, input_shape=(6, 6, 1)), keras.layers.Flatten()]),
    "keras graph": lambda: keras.models.Model(*ends()),
}


def view():
    model = residual()
    return fastcnn.Model(model.layers[1].output, model.output)


def ends():
    x = keras.layers.Input((4,))
    return x, keras.layers.Dense(2)(x)


def described(model):
    """Its configuration, seeds left out."""
    def bare(value):
        if isinstance(value, dict):
            return {key: bare(part) for key, part in value.items() if key != "seed"}
        return [bare(part) for part in value] if isinstance(value, (list, tuple)) else value

    return bare(model.get_config())


@pytest.mark.parametrize("name", MODELS)
def test_clones(name):
    model = MODELS[name]()
    model.compile("sgd", "mse")
    before = model.get_weights()
    clone = fastcnn.clone_model(model)
    assert type(clone) is type(model) and described(clone) == described(model) and clone.seed != model.seed
    assert clone.optimizer is None and not set(clone._leaves()) & set(model._leaves())
    assert [type(layer) for layer in clone._leaves()][-3:] == [type(layer) for layer in model._leaves()][-3:]
    moved = [w for w, v in zip(clone.get_weights(), before) if w.std() > 0 and not np.array_equal(w, v)]
    random = [v for v in before if v.std() > 0]
    assert len(moved) == len(random) and all(np.array_equal(a, b) for a, b in zip(model.get_weights(), before))
    clone.set_weights(before)
    x = [np.random.default_rng(0).standard_normal((2, *shape[1:])).astype(np.float32)
         for shape in ([model.input_shape] if len(model.inputs) == 1 else model.input_shape)]
    given = x[0] if len(x) == 1 else x
    expected, found = model.predict(given), clone.predict(given)
    assert np.array_equal(expected, found) if isinstance(found, np.ndarray) else all(
        np.array_equal(expected[key], found[key]) for key in expected)


def test_values_are_drawn_from_the_source_of_seeds():
    model = fastcnn.networks.lenet5(seed=1)
    fastcnn.set_random_seed(5)
    first, second = fastcnn.clone_model(model), fastcnn.clone_model(model)
    fastcnn.set_random_seed(5)
    again = fastcnn.clone_model(model)
    assert np.array_equal(first.get_weights()[0], again.get_weights()[0])
    assert not np.array_equal(first.get_weights()[0], second.get_weights()[0])


def test_what_has_not_been_built():
    clone = fastcnn.clone_model(own())
    assert not clone.built and [type(layer).__name__ for layer in clone.layers] == ["Dense", "Double", "Dropout"]
    clone.build((5,))
    assert clone.get_weights()[0].tolist() == [[7.0] * 4] * 5 and clone.layers[1].by == 3.0


def test_choices_stay():
    model = fastcnn.networks.lenet5(seed=1)
    model.layers[0].trainable = False
    model.half_weights("int8")
    clone = fastcnn.clone_model(model)
    assert not clone.layers[0].trainable and clone.layers[1].trainable and clone.dense_dtype == "int8"


def test_inputs_given():
    model = fastcnn.Sequential([L.Conv2D(3, 3, input_shape=(8, 8, 2)), L.GlobalAveragePooling2D()])
    clone = fastcnn.clone_model(model, fastcnn.Input((16, 12, 2), name="photo"))
    assert clone.input_shape == (None, 16, 12, 2) and clone.input_names == ["photo"]
    x = fastcnn.Input((8, 8, 2))
    two = shared()
    other = fastcnn.clone_model(two, [x, L.Conv2D(2, 3, padding="same", name="before")(x)])
    assert other.inputs[0] is x and other.output_names == two.output_names
    assert fastcnn.Model(x, other.outputs).layers[1].name == "before"


def test_function_given():
    model = fastcnn.networks.lenet5(seed=1)
    seen = []

    def bent(layer):
        seen.append(layer.name)
        config = layer.get_config()
        return type(layer).from_config({**config, "activation": "relu"} if "activation" in config else config)

    clone = fastcnn.clone_model(model, clone_function=bent)
    assert seen == [layer.name for layer in model.layers] and clone.layers[0].activation[0] == "relu"
    same = fastcnn.clone_model(residual(), clone_function=lambda layer: layer)
    assert isinstance(same, fastcnn.Model)
    x = residual()
    twin = fastcnn.clone_model(x, clone_function=lambda layer: layer)
    assert [a is b for a, b in zip(twin.layers[1:], x.layers[1:])] == [True] * (len(x.layers) - 1)


@pytest.mark.parametrize("given, error, message", [
    ((3,), TypeError, "model must be a Sequential or a Model. Received: 3"),
    ((L.Dense(3),), TypeError, "model must be a Sequential or a Model. Received: <Dense"),
    ((residual(), [fastcnn.Input((12, 11, 3))] * 2), ValueError, "as many as the model's 1 inputs. Received: 2"),
    ((residual(), np.zeros((1, 12, 11, 3))), TypeError, "input_tensors must be an Input.*an array of float64"),
    ((own(), fastcnn.Input((3,))), ValueError, "no input shape yet"),
    ((residual(), None, "copy"), TypeError, "clone_function must be a function of a layer. Received: 'copy'"),
    ((residual(), None, lambda layer: None), TypeError,
     "clone_function must return a layer. Received: None for layer 'conv2d'"),
])
def test_what_makes_no_sense_is_refused(given, error, message):
    with pytest.raises(error, match=message):
        fastcnn.clone_model(*given)


def test_keras_has_it():
    assert keras.models.clone_model is fastcnn.clone_model
    with pytest.raises(TypeError, match="recursive"):
        keras.models.clone_model(residual(), recursive=True)
