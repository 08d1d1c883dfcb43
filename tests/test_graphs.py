"""Networks with branches: values and gradients against the reference, bits, files, names, errors."""

import json

import numpy as np
import pytest
from graph_twin import GraphTwin

import fastcnn
from fastcnn import layers as L
from fastcnn.optimizers import SGD, Adam

RNG = np.random.default_rng(0)
SPARSE = "sparse_categorical_crossentropy"


def residual(shape=(12, 11, 3), norm=False, filters=8, bend="relu"):
    """Two blocks whose ends are sums, one of them with a convolution beside it."""
    x = start = fastcnn.Input(shape)
    x = L.Conv2D(filters, 3, padding="same", activation=bend)(x)
    for strides in (1, 2):
        short, y = x, L.Conv2D(filters * strides, 3, strides=strides, padding="same")(x)
        y = L.BatchNormalization()(y) if norm else y
        y = L.Conv2D(filters * strides, 3, padding="same")(L.Activation(bend)(y))
        y = L.BatchNormalization()(y) if norm else y
        if strides > 1:
            short = L.Conv2D(filters * strides, 1, strides=strides)(x)
        x = L.Activation(bend)(L.Add()([y, short]))
    x = L.GlobalAveragePooling2D()(x)
    return fastcnn.Model(start, L.Dense(5, activation="softmax")(x), seed=1)


def inception(shape=(10, 9, 4)):
    """Four branches that are concatenated, one of them a pooling; an average of two."""
    x = start = fastcnn.Input(shape)
    x = L.Conv2D(6, 3, activation="tanh")(x)
    a = L.Conv2D(5, 1, activation="relu")(x)
    b = L.Conv2D(7, 3, padding="same", activation="relu")(L.Conv2D(3, 1, activation="tanh")(x))
    c = L.Conv2D(20, 5, padding="same")(x)
    d = L.MaxPooling2D(3, 1, padding="same")(x)
    x = L.Concatenate()([a, b, c, d])
    x = L.LocalResponseNormalization(alpha=0.1)(x)
    x = L.MaxPooling2D(2)(x)
    x = L.Average()([L.Conv2D(9, 1, activation="sigmoid")(x), L.Conv2D(9, 3, padding="same")(x)])
    return fastcnn.Model(start, L.Dense(5, activation="softmax")(L.Flatten()(x)), seed=2)


def shared(shape=(8, 8, 2)):
    """One convolution, one dense layer and one small model, each used twice; two inputs and two outputs."""
    a, b = fastcnn.Input(shape, name="a"), fastcnn.Input(shape, name="b")
    conv, wide = L.Conv2D(6, 3, activation="tanh"), L.Dense(9, activation="tanh", kernel_regularizer=None)
    inner = fastcnn.Sequential([L.Dense(7, activation="tanh", input_shape=(9,)), L.Dense(4)], name="inner", seed=3)
    left, right = (wide(L.Flatten()(conv(x))) for x in (a, b))
    both = L.Multiply()([inner(left), inner(right)])
    far = L.Maximum()([left, right, L.Subtract()([left, right])])
    near = L.Minimum()([far, right])
    first = L.Dense(5, activation="softmax", name="first")(L.Concatenate()([both, near]))
    return fastcnn.Model([a, b], {"class": first, "distance": L.Dense(2, name="second")(L.Add()([far, near]))}, seed=4)


def compiled(model, **options):
    losses = SPARSE if len(model.outputs) == 1 else {"class": SPARSE, "distance": "mse"}
    model.compile(SGD(0.1, momentum=0.9), losses, **options)
    return model


def batch(model, n):
    """(samples for each input, targets for each output)."""
    xs = [RNG.standard_normal((n, *symbol.size)).astype(np.float32) for symbol in model.inputs]
    return xs, [RNG.integers(0, 5, n), RNG.standard_normal((n, 2)).astype(np.float32)][:len(model.outputs)]


def given(parts):
    return parts if len(parts) > 1 else parts[0]


def close(actual, expected, bound=2e-5):
    expected = np.asarray(expected)
    error = np.abs(actual - expected).max()
    assert error <= bound * max(np.abs(expected).max(), 1e-3), error


NETWORKS = {"residual": residual, "residual, normalized": lambda: residual(norm=True), "inception": inception,
            "shared": shared, "wide": lambda: residual((9, 9, 20), filters=24, bend="tanh")}


@pytest.mark.parametrize("n", [1, 3, 17, 40])
@pytest.mark.parametrize("name", NETWORKS)
def test_predictions(name, n):
    model = NETWORKS[name]()
    xs, _ = batch(model, n)
    found = model.predict(given(xs))
    found = list(found.values()) if isinstance(found, dict) else [found]
    for y, expected in zip(found, GraphTwin(model, training=False).predict(xs)):
        close(y, expected)
    for y, again in zip(found, [model(given(xs))] if len(found) == 1 else model(given(xs)).values()):
        assert np.array_equal(y, again)


@pytest.mark.parametrize("n", [1, 3, 17, 40])
@pytest.mark.parametrize("name", NETWORKS)
def test_gradients(name, n):
    """Of all weights and inputs; with lanes (few channels, many samples) and without."""
    model = compiled(NETWORKS[name]())
    xs, ys = batch(model, n)
    loss, found = model.gradients(given(xs), given(ys), wrt=["weights", "inputs"])
    total, expected, dxs = GraphTwin(model).gradients_of(xs, ys)
    assert loss == pytest.approx(total, rel=1e-5)
    names = {p: f"{own}/{p.name}" for own, layer in model._named_layers() for p in layer.parameters if p.trainable}
    assert set(found) == {*names.values(), *model.input_names}
    for p, name in names.items():
        close(found[name], expected[p].reshape(p.shape), 1e-4)
    for name, dx in zip(model.input_names, dxs):
        close(found[name], dx, 1e-4)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_step_is_gradient_and_update(name):
    """`fit` and the explicit loop give the same bits, whatever the batch's cut."""
    whole, parts = compiled(NETWORKS[name]()), compiled(NETWORKS[name]())
    xs, ys = batch(whole, 24)
    whole.fit(given(xs), given(ys), batch_size=8, epochs=2, shuffle=False, verbose=0)
    for _ in range(2):
        for i in range(0, 24, 8):
            part = slice(i, i + 8)
            _, gradients = parts.gradients(given([x[part] for x in xs]), given([y[part] for y in ys]))
            parts.optimizer.apply(parts, gradients)
    assert all(np.array_equal(a, b) for a, b in zip(whole.get_weights(), parts.get_weights()))


@pytest.mark.parametrize("name", NETWORKS)
def test_same_bits_at_any_number_of_threads(name):
    results = []
    for threads in (1, 2, 3, 7):
        with fastcnn.num_threads(threads):
            model = compiled(NETWORKS[name](), metrics=None)
            rng = np.random.default_rng(5)
            xs = [rng.standard_normal((40, *symbol.size)).astype(np.float32) for symbol in model.inputs]
            ys = [rng.integers(0, 5, 40), rng.standard_normal((40, 2)).astype(np.float32)][:len(model.outputs)]
            model.fit(given(xs), given(ys), batch_size=20, epochs=2, verbose=0)
            y = model.predict(given(xs))
            results.append([w.tobytes() for w in model.get_weights()]
                           + [part.tobytes() for part in (y.values() if isinstance(y, dict) else [y])])
    assert all(result == results[0] for result in results)


@pytest.mark.parametrize("name", NETWORKS)
def test_files(name, tmp_path):
    """A training that stops, is saved and goes on has the bits of one that never stopped."""
    whole, first = compiled(NETWORKS[name]()), compiled(NETWORKS[name]())
    xs, ys = batch(whole, 20)
    options = {"batch_size": 8, "verbose": 0}
    whole.fit(given(xs), given(ys), epochs=3, **options)
    first.fit(given(xs), given(ys), epochs=1, **options)
    first.save(tmp_path / "m")
    second = fastcnn.load_model(tmp_path / "m")
    assert json.dumps(second.get_config()) == json.dumps(first.get_config())
    history = second.fit(given(xs), given(ys), epochs=3, resume=True, **options)
    assert all(np.array_equal(a, b) for a, b in zip(whole.get_weights(), second.get_weights()))
    assert history.history == whole.history.history


def test_training_on_graphs_learns():
    model = residual(norm=True)
    model.compile(Adam(0.003), SPARSE, metrics=["accuracy"])
    y = RNG.integers(0, 5, 64)
    x = RNG.standard_normal((64, 12, 11, 3)).astype(np.float32) * 0.3 + y[:, None, None, None]
    history = model.fit(x, y, batch_size=16, epochs=30, verbose=0).history
    assert max(history["accuracy"]) > 0.95


# Several inputs and outputs


def test_lists_dictionaries_and_names():
    model = compiled(shared(), metrics={"class": ["accuracy"], "distance": ["mae"]}, loss_weights={"distance": 0.5})
    assert model.input_names == ["a", "b"] and model.output_names == ["class", "distance"]
    assert model.metrics_names == ["loss", "class_loss", "distance_loss", "class_accuracy", "distance_mae"]
    (a, b), (y, z) = batch(model, 12)
    forms = [([a, b], [y, z]), ({"b": b, "a": a}, {"distance": z, "class": y}), ((a, b), (y, z))]
    results = [model.evaluate(x, target, verbose=0) for x, target in forms]
    assert results[0] == results[1] == results[2] and len(results[0]) == 5
    loss, first, second, *_ = results[0]
    assert loss == pytest.approx(first + 0.5 * second)
    history = model.fit({"a": a, "b": b}, {"class": y, "distance": z}, validation_split=0.25, epochs=2, verbose=0).history
    assert {"loss", "val_loss", "class_accuracy", "val_distance_mae"} <= set(history)
    stream = [({"a": a[i:i + 4], "b": b[i:i + 4]}, {"class": y[i:i + 4], "distance": z[i:i + 4]}) for i in (0, 4, 8)]
    assert np.allclose(model.evaluate(iter(stream), verbose=0), model.evaluate([a, b], [y, z], verbose=0), rtol=1e-5)
    predicted = model.predict(iter([(x,) for x, _ in stream]))
    assert np.array_equal(predicted["class"], model.predict([a, b])["class"])
    weights = np.arange(12.0)
    weighted = model.evaluate([a, b], [y, z], sample_weight={"class": weights}, verbose=0)
    assert weighted[2] == pytest.approx(model.evaluate([a, b], [y, z], verbose=0)[2]) and weighted[1] != results[0][1]


def test_an_output_without_a_loss():
    model = shared()
    model.compile("sgd", {"class": SPARSE})
    (a, b), (y, _) = batch(model, 8)
    before = model.get_weights()
    model.fit([a, b], {"class": y}, verbose=0)
    names = [f"{name}/{p.name}" for name, layer in model._named_layers() for p in layer.parameters]
    still = {name for name, old, new in zip(names, before, model.get_weights()) if np.array_equal(old, new)}
    assert still == {"second/kernel", "second/bias"}
    assert np.isfinite(model.evaluate([a, b], [y], verbose=0)).all()


# Views, models as layers, weights in common


def test_a_view_on_the_same_weights():
    model, x = residual(), RNG.standard_normal((5, 12, 11, 3)).astype(np.float32)
    inner = fastcnn.Model(model.input, model.get_layer("add").output)
    before = inner.predict(x)
    assert inner.output_shape == (None, 12, 11, 8)
    model.set_weights([1.5 * w for w in model.get_weights()])
    assert not np.allclose(inner.predict(x), before)
    twin = GraphTwin(model, training=False)
    twin.predict([x])
    close(inner.predict(x), twin.values[id(model.get_layer("add").output)])
    compiled(model).fit(x, RNG.integers(0, 5, 5), verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(inner.get_weights(), model.get_weights()))


def test_two_models_train_the_same_layers():
    """Each has an optimizer of its own, and sees what the other has done."""
    base = fastcnn.Sequential([L.Dense(6, activation="tanh", input_shape=(4,)), L.Dense(3)], seed=0)
    other = fastcnn.Model(base.input, L.Dense(2)(base.layers[0].output), seed=1)
    base.compile(SGD(0.1, momentum=0.9), "mse"), other.compile(Adam(0.01), "mse")
    x = RNG.standard_normal((8, 4)).astype(np.float32)
    for model in (base, other, base):
        before = [w.copy() for w in (base.layers[0].get_weights()[0], model.get_weights()[-1])]
        model.fit(x, np.ones((8, model.output_shape[1])), verbose=0)
        after = base.layers[0].get_weights()[0], model.get_weights()[-1]
        assert all(not np.array_equal(a, b) for a, b in zip(before, after))
        assert np.array_equal(base.layers[0].get_weights()[0], other.layers[1].get_weights()[0])
    fresh = fastcnn.Sequential.from_config(base.get_config())
    fresh.set_weights(base.get_weights())
    assert np.array_equal(fresh.predict(x), base.predict(x))


def test_a_model_as_a_layer():
    chain = [L.Conv2D(4, 3, activation="relu", input_shape=(8, 8, 1)), L.Flatten()]
    encoder, x = fastcnn.Sequential(chain, name="encoder", seed=0), fastcnn.Input((8, 8, 1))
    model = fastcnn.Model(x, L.Dense(3)(encoder(x)), seed=1)
    assert [layer.name for layer in model.layers] == ["input_layer", "encoder", "dense"]
    images = RNG.standard_normal((5, 8, 8, 1)).astype(np.float32)
    dense = model.get_layer("dense")
    np.testing.assert_allclose(model.predict(images), encoder.predict(images) @ dense.get_weights()[0], rtol=1e-4, atol=1e-6)
    model.get_layer("encoder").trainable = False
    model.compile("sgd", "mse")
    kept = encoder.get_weights()[0]
    model.fit(images, np.ones((5, 3)), verbose=0)
    assert np.array_equal(encoder.get_weights()[0], kept)
    chain = fastcnn.Sequential([encoder, L.Dense(2)])
    assert chain.predict(images).shape == (5, 2) and chain.layers[0] is encoder


def test_a_layer_of_several_inputs_in_python():
    class Weighted(L.Layer):
        merges = True

        def build(self, shapes):
            self.factor = self.add_weight("factor", (len(shapes),), "ones")
            self.output_size = shapes[0]

        def forward(self, xs, training=False):
            self.xs = xs
            return sum(f * x for f, x in zip(self.factor.value, xs))

        def backward(self, dy):
            self.factor.gradient[...] = [np.sum(dy * x) for x in self.xs]
            return [f * dy for f in self.factor.value]

    x = fastcnn.Input((4,))
    layer = Weighted()
    y = layer([L.Dense(3)(x), L.Dense(3)(x)])
    y = layer([y, L.Dense(3)(y)])  # twice: its gradients are added up
    model = fastcnn.Model(x, y, seed=0)
    model.compile("sgd", "mse")
    x, target = RNG.standard_normal((6, 4)).astype(np.float32), RNG.standard_normal((6, 3)).astype(np.float32)
    loss, gradients = model.gradients(x, target)
    for name in ("weighted/factor", "dense/kernel"):
        p = next(p for own, layer in model._named_layers() for p in layer.parameters if f"{own}/{p.name}" == name)
        for place in np.ndindex(p.shape):
            kept, slope = p.array[place], []
            for step in (1e-2, -1e-2):
                p.array[place] = kept + step
                model.touch()
                slope.append(model.evaluate(x, target, verbose=0))
            p.array[place] = kept
            assert gradients[name][place] == pytest.approx((slope[0] - slope[1]) / 2e-2, rel=2e-2, abs=2e-3)


def test_channels_first():
    x = fastcnn.Input((3, 8, 9))
    y = L.Conv2D(4, 3, padding="same", data_format="channels_first")(x)
    z = L.Concatenate(axis=1)([y, L.Conv2D(2, 1, data_format="channels_first")(y)])
    model = fastcnn.Model(x, [z, L.GlobalAveragePooling2D(data_format="channels_first")(z)], seed=0)
    assert model.input_shape == (None, 3, 8, 9) and model.output_shape == [(None, 6, 8, 9), (None, 6)]
    image = RNG.standard_normal((2, 3, 8, 9)).astype(np.float32)
    maps, means = model.predict(image)
    assert maps.shape == (2, 6, 8, 9)
    np.testing.assert_allclose(maps.mean((2, 3)), means, rtol=1e-4, atol=1e-6)


# Chains that change


def test_pop_and_add():
    model = fastcnn.networks.lenet5(seed=0)
    x = RNG.standard_normal((3, 28, 28, 1)).astype(np.float32)
    model.predict(x)
    features = fastcnn.Model(model.input, model.layers[-2].output).predict(x)
    assert model.pop().name == "output" and np.array_equal(model.predict(x), features)
    model.add(L.Dense(3, activation="softmax", name="new"))
    assert model.predict(x).shape == (3, 3) and model.layers[-1].name == "new"
    for change in (lambda: model.layers.pop(), lambda: model.layers.append(L.Dense(2)),
                   lambda: model.layers.__setitem__(-1, L.Dense(2)), lambda: model.layers.__delitem__(-1)):
        with pytest.raises(TypeError, match="add.layer. and pop.*Model.inputs, outputs"):
            change()
    head = [L.Dense(3)]
    for chain in (model.layers[:-1] + head, model.layers.copy()[:-1] + head, [] + model.layers[:-1] + head):
        assert type(chain) is list and chain[:-1] == model.layers[:-1] and len(model.layers) == len(chain)
    assert fastcnn.Sequential([fastcnn.Input((28, 28, 1))] + model.layers).predict(x).shape == (3, 3)
    empty = fastcnn.Sequential([L.Dense(2, input_shape=(3,))])
    empty.pop()
    with pytest.raises(ValueError, match="no layers left"):
        empty.pop()


# Errors


def loose():
    x = fastcnn.Input((4,), name="x")
    return x, L.Dense(3)(x)


@pytest.mark.parametrize("make, error, message", [
    (lambda: fastcnn.Model(fastcnn.Input((4,), name="z"), loose()[1]), ValueError, "not given, 'x' of shape .*inputs 'z'"),
    (lambda: fastcnn.Model([loose()[0], fastcnn.Input((2,), name="z")], loose()[1]), ValueError, "not given, 'x'"),
    (lambda: (lambda x, y: fastcnn.Model([x, fastcnn.Input((2,), name="z")], y))(*loose()), ValueError,
     r"must lead to an output. Received: inputs\[1\], 'z'"),
    (lambda: (lambda x, y: fastcnn.Model([x, x], y))(*loose()), ValueError, "inputs must differ"),
    (lambda: L.Add()([loose()[1], fastcnn.Input((4,))]), ValueError, r"\(Add\) takes inputs of one shape. .*\(3,\), \(4,\)"),
    (lambda: L.Add()([loose()[1]]), ValueError, "at least 2 inputs. Received: 1"),
    (lambda: L.Subtract()([loose()[1]] * 3), ValueError, "takes two inputs. Received: 3"),
    (lambda: L.Concatenate()([fastcnn.Input((4, 4, 2)), fastcnn.Input((4, 5, 2))]), ValueError, "alike but along axis 3"),
    (lambda: L.Concatenate(axis=4)([fastcnn.Input((4, 4, 2))]), ValueError, "along one of them. Received: axis 4"),
    (lambda: L.Add()([loose()[1], np.ones((1, 3))]), TypeError, "on symbols or on arrays, not on both"),
    (lambda: L.Dense(3)([loose()[1], loose()[1]]), ValueError, "Dense takes one input .*Received: a list of 2"),
    (lambda: fastcnn.Model(np.ones((1, 3)), loose()[1]), TypeError, "inputs must be an Input"),
    (lambda: fastcnn.Model(*loose()).fit(np.ones((2, 4)), np.ones((2, 3))), ValueError, "needs a loss"),
    (lambda: np.ones(3) + loose()[1], TypeError,
     r"only layers compute .*Add\(\).* functions take arrays. Received: <Symbol of shape \(None, 3\), .* and array"),
    (lambda: fastcnn.ops.relu(loose()[1]), TypeError,
     r"x must be an array .*layers.Activation\('relu'\).* functions take arrays. Received: <Symbol of shape \(None, 3\)"),
    (lambda: fastcnn.Model(*(lambda x: (x, [L.Dense(2, name="d")(x), L.Dense(2, name="d")(x)]))(fastcnn.Input((3,)))),
     ValueError, "names must differ. Received: 'd' twice"),
])
def test_errors(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_wrong_arrays_are_named():
    model = compiled(shared())
    (a, b), (y, z) = batch(model, 6)
    for call, message in (
        (lambda: model.predict(a), "x must be a list or dictionary of 2 arrays, one for each input: a, b"),
        (lambda: model.predict([a, b[:3]]), "as many samples for each input. Received: 6 for 'a', 3 for 'b'"),
        (lambda: model.predict({"a": a, "c": b}), "for each input: a, b. Received: 'a', 'c'"),
        (lambda: model.fit([a, b], y), "y must be a list or dictionary of 2 arrays, one for each output: class, distance"),
        (lambda: model.fit([a, b], [y, z[:, :1]]), "output 'distance': y must have the model's output shape"),
        (lambda: model.compile("sgd", {"clas": SPARSE}), "loss may name the outputs class, distance. Received: 'clas'"),
        (lambda: model.compile("sgd", ["mse"]), "must have an entry for each of the outputs class, distance. Received: 1"),
        (lambda: model.predict_classes([a, b]), "one output. Received: class, distance"),
        (lambda: model.hessian_diagonal([a, b], [y, z]), "chains of layers only|one input"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_a_circle_in_a_file_is_named():
    config = residual().get_config()
    config["calls"][1][1] = [[5, 0]]
    with pytest.raises(ValueError, match="or there would be a circle. Received: 'conv2d' takes that of"):
        fastcnn.Model.from_config(config)


def test_summary_shows_what_is_connected():
    lines = []
    residual().summary(lines.append)
    row = next(line for line in lines if line.startswith("add (Add)"))
    assert row.split()[-2:] == ["conv2d_2,", "conv2d"] and lines[2].split()[-1] == "Takes"
    fastcnn.networks.lenet5().summary(lines.append)
    assert lines[-4].startswith("output (Dense)") and "Takes" not in " ".join(lines[-14:])


# Watching, dropout at prediction, accumulated gradients


def test_watching_changes_no_bits():
    plain, seen = compiled(residual(norm=True)), compiled(residual(norm=True))
    xs, ys = batch(plain, 10)
    plain.train_on_batch(xs[0], ys[0])
    with seen.watch("conv2d_1", "add", "dense") as watched:
        seen.train_on_batch(xs[0], ys[0])
        assert all(np.array_equal(a, b) for a, b in zip(plain.get_weights(), seen.get_weights()))
        fresh = compiled(residual(norm=True))
        _, gradients = fresh.gradients(xs[0], ys[0], wrt=["conv2d_1", "add"])
        for name in gradients:
            assert np.array_equal(watched[name].gradient, gradients[name]), name
        assert watched["dense"].gradient is None and watched["dense"].output.shape == (10, 5)
        twin = GraphTwin(compiled(residual(norm=True)))
        twin.predict(xs)
        for name in ("conv2d_1", "add"):
            close(watched[name].output, twin.values[id(twin.model.get_layer(name).output)], 1e-4)
    with pytest.raises(ValueError, match="no step"):
        watched["add"]
    with pytest.raises(KeyError):
        watched["ad"]


def test_dropout_at_prediction():
    model = fastcnn.Sequential([L.Dense(64, activation="relu", input_shape=(8,)), L.Dropout(0.5), L.Dense(3)], seed=0)
    x = np.ones((5, 8), np.float32)
    first, second = model(x, training=True), model(x, training=True)
    assert not np.array_equal(first, second) and np.array_equal(model(x), model.predict(x))
    many = np.mean([model(x, training=True) for _ in range(400)], axis=0)
    assert np.abs(many - model.predict(x)).max() < 0.15 * np.abs(model.predict(x)).max() + 0.05
    normed = residual(norm=True)
    before = normed.get_weights()
    y = normed(RNG.standard_normal((6, 12, 11, 3)), training=True)
    assert all(np.array_equal(a, b) for a, b in zip(before, normed.get_weights())) and y.shape == (6, 5)


@pytest.mark.parametrize("name", [name for name in NETWORKS if "normalized" not in name])  # by statistics of each part
@pytest.mark.parametrize("exact", [True, False])
def test_accumulated_gradients_are_those_of_the_whole_batch(name, exact):
    """To 1e-6 of the largest of each parameter; neither is further from float64's, but for Winograd's algorithm."""
    with fastcnn.config_context(exact=exact):
        model = compiled(NETWORKS[name]())
    xs, ys = batch(model, 128)
    _, whole = model.gradients(given(xs), given(ys))
    total = {key: np.zeros_like(g) for key, g in whole.items()}
    for i in range(0, 128, 32):
        part = slice(i, i + 32)
        for key, gradient in model.gradients(given([x[part] for x in xs]), given([y[part] for y in ys]))[1].items():
            total[key] += gradient / 4
    expected = GraphTwin(model).gradients_of(xs, ys)[1]
    for own, layer in model._named_layers():
        for p in layer.parameters:
            key, wanted = f"{own}/{p.name}", expected[p].reshape(p.shape)
            pairs = [(total[key], whole[key]), *([(total[key], wanted), (whole[key], wanted)] if exact else [])]
            assert max(np.abs(a - b).max() for a, b in pairs) <= 1e-6 * np.abs(wanted).max(), key


def test_penalties_are_part_of_the_gradients():
    model = fastcnn.Sequential([L.Dense(3, input_shape=(2,), kernel_regularizer="l2")], seed=0)
    model.compile("sgd", "mse")
    x, y = np.ones((4, 2), np.float32), np.zeros((4, 3), np.float32)
    loss, gradients = model.gradients(x, y)
    kernel = model.layers[0].parameters[0]
    assert loss == pytest.approx(model.evaluate(x, y, verbose=0))
    twin = GraphTwin(model)
    expected = twin.gradients_of([x], [y])[1][kernel] + 2 * kernel.regularizer.l2 * kernel.value
    close(gradients["dense/kernel"], expected)


# Sums in one pass


def ends(kind, shape=(9, 10, 6)):
    """A network that ends in a sum: what makes one of its terms does the sum, and the activation behind it."""
    x = start = fastcnn.Input(shape)
    y = {
        "direct": lambda: L.Conv2D(6, 3, padding="same", exact=True)(x),
        "planar": lambda: L.Conv2D(1, 3, padding="same")(x),
        "depthwise": lambda: L.DepthwiseConv2D(3, padding="same")(x),
        "Winograd": lambda: L.Conv2D(32, 3, padding="same")(x),
        "normalized": lambda: L.BatchNormalization(moving_variance_initializer="ones")(x),
        "folded": lambda: L.BatchNormalization(beta_initializer="ones")(L.Conv2D(6, 3, padding="same")(x)),
    }[kind]()
    return start, y, L.Activation("tanh")(L.Conv2D(y.size[-1], 1)(x))


@pytest.mark.parametrize("bend", ["linear", "relu", "tanh"])
@pytest.mark.parametrize("kind", ["direct", "planar", "depthwise", "Winograd", "normalized", "folded"])
def test_a_sum_is_done_where_its_term_is_made(kind, bend, isa):
    shape = {"planar": (20, 20, 1), "Winograd": (12, 13, 32)}.get(kind, (9, 10, 6))
    start, y, short = ends(kind, shape)
    model = fastcnn.Model(start, L.Flatten()(L.Activation(bend)(L.Add()([y, short]))), seed=0)
    apart = fastcnn.Model(start, [y, short])  # the same layers, with nothing to fuse
    bends = {"linear": lambda x: x, "relu": lambda x: np.maximum(x, 0), "tanh": lambda x: L.Activation("tanh")(x)}[bend]
    for n in (1, 5):
        x = RNG.standard_normal((n, *shape)).astype(np.float32)
        a, b = apart.predict(x)
        found = model.predict(x, batch_size=n).reshape(a.shape)
        names = [op.name for op in model._plans["predict"].ops]
        assert "add" not in names
        np.testing.assert_allclose(found, bends(a + b), rtol=1e-5, atol=1e-6)
    model.compile("sgd", "mse")
    target = RNG.standard_normal((5, model.output_shape[1])).astype(np.float32)
    loss, gradients = model.gradients(x, target, wrt=["weights", "inputs"])
    total, expected, (dx,) = GraphTwin(model).gradients_of([x], [target])
    assert "add" not in [op.name for op in model._plans[next(k for k in model._plans if k[0] == "gradients")].plan.ops if op]
    assert loss == pytest.approx(total, rel=1e-5)
    close(gradients["input_layer"], dx, 1e-4)
    for name, layer in model._named_layers():
        for p in layer.parameters:
            if p.trainable:
                close(gradients[f"{name}/{p.name}"], expected[p].reshape(p.shape), 1e-4)


@pytest.mark.parametrize("bend", ["linear", "relu", "tanh"])
@pytest.mark.parametrize("shape, groups", [((9, 10, 6), 1), ((9, 10, 6), 2), ((12, 13, 32), 1), ((7, 6, 1), 1)])
def test_convolutions_write_into_a_concatenation(shape, groups, bend, isa):
    """Direct ones, in groups, strided, Winograd's, folded ones; what reads them, or cannot, stays as it is."""
    x = start = fastcnn.Input(shape)
    many = 32 if shape[-1] == 32 else 6
    ys = [L.Conv2D(many, 1, activation=bend)(x),
          L.Conv2D(many + 2, 3, padding="same", groups=groups if shape[-1] % groups == 0 else 1, activation=bend)(x),
          L.MaxPooling2D(3, 1, padding="same")(x),
          L.Activation(bend)(L.BatchNormalization(beta_initializer="ones")(L.Conv2D(many, 3, padding="same")(x)))]
    two = L.Conv2D(many, 3, padding="same", activation=bend)(x)
    model = fastcnn.Model(start, [L.Concatenate()([*ys, two]), L.Conv2D(3, 1)(two)], seed=0)
    apart = fastcnn.Model(start, [*ys, two])
    for n in (1, 5, 17):  # with lanes, and without
        images = RNG.standard_normal((n, *shape)).astype(np.float32)
        found = model.predict(images, batch_size=n)[0]
        expected = np.concatenate(apart.predict(images, batch_size=n), axis=-1)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
        if n == 1 and shape[-1] > 1:  # those of one plane, or in lanes, have algorithms of their own
            names = [op.name for op in model._plans["predict"].ops]
            assert names.count("join") == 2, names
