"""Keras' files, ours read by Keras 3 and its own read here: archives and HDF5, whole models and weights alone."""

import io
import json
import os
import zipfile

import numpy as np
import pytest
from foreign import ALEXNETS, NETWORKS, chain, error, filled, images, linear

import fastcnn
from fastcnn import layers as L
from fastcnn.io import FileFormatError

h5py = pytest.importorskip("h5py", reason="h5py is not installed")

ENDINGS = (".keras", ".h5")


@pytest.fixture(scope="module")
def keras():
    """Keras 3 on torch."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    pytest.importorskip("torch", reason="torch is not installed")
    return pytest.importorskip("keras", reason="keras is not installed")


def round_trip(keras, model, ending, folder):
    """Errors of Keras with our file, of us with that file, and of us with the one that Keras then writes."""
    path, theirs = folder / f"m{ending}", folder / f"k{ending}"
    x = images(model)
    y = model.predict(x)
    model.export(path)
    net = keras.models.load_model(path, compile=False)
    net.save(theirs)
    found = [net.predict(x, verbose=0), fastcnn.load_model(path).predict(x), fastcnn.load_model(theirs).predict(x)]
    return [error(one, y) for one in found]


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("name", [*NETWORKS, "alexnet-paper", "alexnet-caffe"])
def test_networks(name, ending, keras, tmp_path):
    model = linear(filled({**NETWORKS, **ALEXNETS}[name]()))
    assert max(round_trip(keras, model, ending, tmp_path)) < 1e-5
    back = fastcnn.load_model(tmp_path / f"m{ending}")
    assert type(back) is type(model)
    if name in ("lenet5", "alexnet-paper", "alexnet-caffe"):  # what is several layers in Keras is one again
        assert [type(layer) for layer in back.layers] == [type(layer) for layer in model.layers]


LAYERS = {
    "padding": lambda: chain((9, 8, 3), L.Conv2D(4, 3, strides=2, padding=((1, 2), (0, 1)), activation="relu"),
                             L.DepthwiseConv2D(3, padding=1, dilation_rate=2), L.SeparableConv2D(5, 3, padding=(0, 2))),
    "groups": lambda: chain((7, 7, 4), L.Conv2D(6, 3, groups=2, use_bias=False), L.BatchNormalization(scale=False)),
    "pooling": lambda: chain((9, 10, 3), L.MaxPooling2D(3, 2, padding=1), L.AveragePooling2D(2, 1, "same"),
                             L.MaxPooling2D(2, 2, ceil_mode=True)),
    "pooling up": lambda: chain((9, 10, 3), L.Conv2D(3, 1), L.MaxPooling2D(3, 2, padding=((1, 0), (0, 1)), ceil_mode=True),
                                L.AveragePooling2D(3, 2, padding=1)),
    "pooling zeros": lambda: chain((9, 10, 3), L.AveragePooling2D(3, 2, padding=1, count_include_pad=True),
                                   L.AdaptiveAveragePooling2D(2)),
    "activations": lambda: chain((6,), *[L.Dense(6, a) for a in (
        "scaled_tanh", "leaky_relu", {"name": "elu", "alpha": 0.5}, {"name": "hard_sigmoid", "slope": 0.25}, "silu")],
        L.Dense(6, "gelu"), L.Activation("softplus"), L.ReLU6(), L.LeakyReLU(0.1), L.ELU(), L.PReLU()),
    "transposed": lambda: chain((5, 5, 3), L.Conv2DTranspose(4, 3, strides=2, padding="same"), L.Conv2DTranspose(3, 4, 2),
                                L.Conv2DTranspose(3, 3, strides=2, padding=1)),
    "moving": lambda: chain((6, 4, 2), L.Permute((2, 1, 3)), L.ZeroPadding2D(((0, 1), (2, 0))), L.Cropping2D(1),
                            L.UpSampling2D(2, interpolation="bilinear"), L.Reshape((-1, 2)), L.Flatten(), L.Dense(3)),
    "normalizations": lambda: chain((6, 6, 8), L.LayerNormalization(), L.GroupNormalization(4), L.Maxout(2),
                                    L.Rescaling([1, 2, 3, 4], 0.5), L.Normalization(mean=0.5, variance=2.0)),
    "lrn": lambda: chain((5, 6, 8), L.LocalResponseNormalization(4, 0.1, 0.6, 1.5), L.LocalResponseNormalization(
        3, 0.2, k=1.0, alpha_mode="mean", groups=2), L.GlobalAveragePooling2D(), L.LocalResponseNormalization(5, 0.3)),
    "first": lambda: chain((3, 6, 5), L.Conv2D(4, 3, data_format="channels_first"),
                           L.MaxPooling2D(2, data_format="channels_first"), L.Flatten(), L.Dense(2)),
    "bounds": lambda: chain((5,), L.Dense(3, kernel_regularizer="l2", kernel_constraint="max_norm", trainable=False),
                            L.Dense(2, kernel_initializer="he_normal")),
}


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("name", LAYERS)
def test_layers(name, ending, keras, tmp_path):
    model = LAYERS[name]()
    assert max(round_trip(keras, model, ending, tmp_path)) < 1e-5


def test_branches_shared_layers_and_models_in_models(keras, tmp_path):
    a, b = fastcnn.Input((6,), name="a"), fastcnn.Input((6,), name="b")
    dense = L.Dense(6, activation="tanh", name="twice")
    inner = fastcnn.Sequential([L.Dense(4, name="one", input_shape=(6,)), L.Dense(6, name="two")], "inner", seed=1)
    y = L.Subtract()([L.Add()([dense(a), dense(dense(b))]), inner(b)])
    z = L.Average()([y, L.Maximum()([a, L.Minimum()([b, L.Multiply()([y, a])])])])
    model = filled(fastcnn.Model([a, b], [L.Dense(2, name="p")(L.Concatenate()([y, z])), L.Dense(3, name="q")(z)], seed=0))
    for ending in ENDINGS:
        assert max(round_trip(keras, model, ending, tmp_path)) < 1e-5


def built(keras):
    """{name: a function that makes a network of Keras' own}"""
    K = keras.layers

    def functional(function, *shape):
        def make():
            x = K.Input(shape)
            return keras.Model(x, function(x))

        return make

    def chained(shape, *found):
        return lambda: keras.Sequential([K.Input(shape), *[layer() for layer in found]])

    def nested(x):
        base = keras.Sequential([K.Input((8, 8, 3)), K.Conv2D(4, 3, activation="relu"), K.BatchNormalization(),
                                 keras.Sequential([K.Input((6, 6, 4)), K.Conv2D(5, 3)])])
        i = K.Input((4, 4, 5))
        two = keras.Model(i, [K.GlobalAveragePooling2D()(i), K.GlobalMaxPooling2D()(i)])
        return K.Dense(3)(K.Concatenate()(two(base(x))))

    def merges(x):
        found = [K.Dense(4)(x) for _ in range(3)]
        y = [getattr(K, name)()(found) for name in ("Add", "Average", "Maximum", "Minimum", "Multiply")]
        return K.Dense(2)(K.Concatenate()([*y, K.Subtract()(found[:2]), found[0] + found[1] * found[2]]))

    names = "relu elu selu sigmoid tanh softplus softsign exponential hard_sigmoid relu6 silu gelu hard_silu leaky_relu " \
            "log_softmax linear swish"
    return {
        "dense": chained((7,), lambda: K.Dense(5, "relu"), lambda: K.Dropout(0.5), lambda: K.Dense(3, "softmax")),
        "conv": chained((12, 11, 3), lambda: K.Conv2D(5, 3, strides=2, padding="same", activation="relu"),
                        lambda: K.BatchNormalization(), lambda: K.MaxPooling2D(3, 2, "same"), lambda: K.Flatten(),
                        lambda: K.Dense(4)),
        "separable": chained((9, 9, 3), lambda: K.DepthwiseConv2D(3, depth_multiplier=2),
                             lambda: K.SeparableConv2D(4, 3, padding="same", activation="elu"),
                             lambda: K.GlobalAveragePooling2D(keepdims=True), lambda: K.Flatten()),
        "transposed": chained((5, 5, 3), lambda: K.Conv2DTranspose(4, 3, strides=2, padding="same"),
                              lambda: K.Conv2DTranspose(3, 4, strides=2),
                              lambda: K.UpSampling2D(2, interpolation="bilinear")),
        "normalizations": chained((6, 6, 8), lambda: K.LayerNormalization(), lambda: K.GroupNormalization(4),
                                  lambda: K.PReLU(shared_axes=[1, 2]), lambda: K.LeakyReLU(0.1), lambda: K.ReLU(6.0),
                                  lambda: K.SpatialDropout2D(0.3), lambda: K.GaussianNoise(0.1)),
        "padding": chained((7, 7, 2), lambda: K.ZeroPadding2D(((0, 1), (2, 1))), lambda: K.Conv2D(3, 3, strides=2),
                           lambda: K.AveragePooling2D(2, 1, "same"), lambda: K.Permute((2, 1, 3)), lambda: K.Reshape((-1,)),
                           lambda: K.Dense(2)),
        "groups": chained((7, 7, 4), lambda: K.Conv2D(6, 3, groups=2, dilation_rate=2, use_bias=False),
                          lambda: K.BatchNormalization(scale=False), lambda: K.Softmax()),
        "rescaling": chained((4, 4, 3), lambda: K.Rescaling(1 / 255, offset=-0.5),
                             lambda: K.Normalization(mean=[0.1, 0.2, 0.3], variance=[1.0, 2.0, 3.0]),
                             lambda: K.AdaptiveAveragePooling2D(2), lambda: K.Flatten(),
                             lambda: K.Dense(2, kernel_regularizer="l2", kernel_constraint="max_norm",
                                             kernel_initializer="he_normal")),
        **{name: chained((6,), lambda name=name: K.Dense(5, name), lambda name=name: K.Activation(name))
           for name in names.split()},
        "merges": functional(merges, 5), "nested": functional(nested, 8, 8, 3),
        "augmented": chained((8, 8, 3), lambda: K.RandomFlip(), lambda: K.RandomRotation(0.1), lambda: K.Flatten(),
                             lambda: K.Dense(2)),
    }


KERAS_OWN = ("dense conv separable transposed normalizations padding groups rescaling merges nested augmented relu elu selu "
             "sigmoid tanh softplus softsign exponential hard_sigmoid relu6 silu gelu hard_silu leaky_relu log_softmax "
             "linear swish").split()


@pytest.mark.parametrize("name", KERAS_OWN)
def test_networks_of_keras_own(name, keras, tmp_path):
    keras.utils.set_random_seed(1)
    net, rng = built(keras)[name](), np.random.default_rng(0)
    net.set_weights([rng.uniform(0.5, 1.5, w.shape) if "variance" in v.path else rng.standard_normal(w.shape) * 0.5
                     for v, w in zip(net.weights, net.get_weights())])
    x = rng.standard_normal((3, *net.inputs[0].shape[1:])).astype(np.float32)
    y = net.predict(x, verbose=0)
    for ending in ENDINGS:
        net.save(tmp_path / f"k{ending}")
        model = fastcnn.load_model(tmp_path / f"k{ending}")
        assert error(model.predict(x), y) < 1e-5
    if name == "padding":
        assert [type(layer).__name__ for layer in model.layers][:1] == ["Conv2D"]
    if name == "augmented":
        assert sum("left out" in note for note in fastcnn.io.read(tmp_path / "k.h5").notes) == 2


def test_a_layer_used_twice_gets_weights_of_its_own(keras, tmp_path):
    K = keras.layers
    x, dense = K.Input((4,)), K.Dense(4, name="twice")
    net = keras.Model(x, K.Add()([dense(x), dense(dense(x))]))
    net.save(tmp_path / "k.keras")
    z = np.random.default_rng(0).standard_normal((2, 4)).astype(np.float32)
    assert error(fastcnn.load_model(tmp_path / "k.keras").predict(z), net.predict(z, verbose=0)) < 1e-5
    assert any("twice: is used 3 times" in note for note in fastcnn.io.read(tmp_path / "k.keras").notes)


def keras_2(path, channels_first=False):
    """A file as Keras 2 wrote them: names with :0, calls as lists, hard_sigmoid of slope .2."""
    rng, data_format = np.random.default_rng(0), "channels_first" if channels_first else "channels_last"
    arrays = {"c": {"kernel": rng.standard_normal((3, 3, 3, 4)), "bias": rng.standard_normal(4)},
              "d": {"kernel": rng.standard_normal((64, 2)), "bias": rng.standard_normal(2)}}
    config = {"class_name": "Model", "config": {"name": "m", "layers": [
        {"name": "i", "class_name": "InputLayer", "inbound_nodes": [], "config": {
            "batch_input_shape": [None, 3, 6, 6] if channels_first else [None, 6, 6, 3], "dtype": "float32", "sparse": False,
            "name": "i"}},
        {"name": "c", "class_name": "Conv2D", "inbound_nodes": [[["i", 0, 0, {}]]], "config": {
            "name": "c", "trainable": True, "filters": 4, "kernel_size": [3, 3], "strides": [1, 1], "padding": "valid",
            "data_format": data_format, "dilation_rate": [1, 1], "activation": "hard_sigmoid", "use_bias": True,
            "kernel_initializer": {"class_name": "VarianceScaling", "config": {"scale": 1.0, "mode": "fan_avg",
                                                                               "distribution": "uniform", "seed": None}},
            "bias_initializer": {"class_name": "Zeros", "config": {}}, "activity_regularizer": None}},
        {"name": "f", "class_name": "Flatten", "inbound_nodes": [[["c", 0, 0, {}]]], "config": {"name": "f"}},
        {"name": "d", "class_name": "Dense", "inbound_nodes": [[["f", 0, 0, {}]]], "config": {
            "name": "d", "units": 2, "activation": "linear", "use_bias": True}}],
        "input_layers": [["i", 0, 0]], "output_layers": [["d", 0, 0]]}}
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(config).encode()
        file.attrs["keras_version"] = b"2.2.4"
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = np.array([b"i", b"c", b"f", b"d"])
        for name in "icfd":
            layer, own = group.create_group(name), arrays.get(name, {})
            layer.attrs["weight_names"] = np.array([f"{name}/{key}:0".encode() for key in own], "S20")
            for key, array in own.items():
                layer.create_dataset(f"{name}/{key}:0", data=array.astype(np.float32))
    return arrays


@pytest.mark.parametrize("first", [False, True], ids=["last", "first"])
def test_a_file_of_keras_2(first, tmp_path):
    arrays = keras_2(tmp_path / "m.h5", first)
    model = fastcnn.load_model(tmp_path / "m.h5")
    x = np.random.default_rng(1).standard_normal((2, 6, 6, 3)).astype(np.float32)
    kernel = arrays["c"]["kernel"]
    y = sum(np.tensordot(x[:, i:i + 4, j:j + 4], kernel[i, j], 1) for i in range(3) for j in range(3))
    y = np.clip(0.2 * (y + arrays["c"]["bias"]) + 0.5, 0, 1)
    y = y.transpose(0, 3, 1, 2) if first else y  # what Flatten then sees
    right = y.reshape(2, -1) @ arrays["d"]["kernel"] + arrays["d"]["bias"]
    found = model.predict(np.ascontiguousarray(x.transpose(0, 3, 1, 2)) if first else x)
    assert error(found, right) < 1e-5


# Refused


def edited(path, change):
    """Changes an archive's configuration."""
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(entries["config.json"])
    change(config)
    entries["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)


@pytest.fixture
def archive(tmp_path):
    path = tmp_path / "m.keras"
    chain((4, 4, 1), L.Conv2D(2, 3, name="c"), L.Flatten(name="f"), L.Dense(2, name="d")).export(path)
    return path


def layer(config, number):
    return config["config"]["layers"][number]


@pytest.mark.parametrize("change, message", [
    (lambda c: [layer(c, i).update(class_name=n) for i, n in ((1, "Lambda"), (3, "LSTM"))], r"c \(Lambda\); d \(LSTM\)"),
    (lambda c: layer(c, 1).update(class_name="os.system"), r"c \(os.system\)"),
    (lambda c: layer(c, 1)["config"].update(activity_regularizer={"class_name": "L2"}), r"c \(Conv2D\): activity_regul"),
    (lambda c: layer(c, 1)["config"].update(lora=3), "lora"),
    (lambda c: layer(c, 1)["config"].update(filters=3), "c/kernel"),
    (lambda c: layer(c, 1)["config"].update(use_bias=False), "must have kernel. Received: 2 arrays"),
    (lambda c: layer(c, 0)["config"].update(batch_shape=[None, None, 4, 1]), "an input's size must be fixed"),
    (lambda c: layer(c, 1).update(inbound_nodes=layer(c, 3)["inbound_nodes"]), "circle"),
    (lambda c: layer(c, 3)["inbound_nodes"][0].update(kwargs={"training": True}), r"d \(Dense\): called with training"),
    (lambda c: c.update(class_name="MyModel"), "MyModel"),
])
def test_configurations_that_are_refused(change, message, archive):
    edited(archive, change)
    with pytest.raises(FileFormatError, match=message) as info:
        fastcnn.load_model(archive)
    assert archive.name in str(info.value)


def test_heaps_that_libhdf5_would_read_for_ever(tmp_path):
    """Texts lie in heaps: one with an empty rest, and many that each hold all that follow them."""
    path = tmp_path / "model.h5"
    fastcnn.Sequential([fastcnn.Input((2,)), fastcnn.layers.Dense(1)]).export(path)
    sound = path.read_bytes()
    heap = sound.index(b"GCOL\1")
    path.write_bytes(sound[:heap + 16] + bytes(16) + sound[heap + 32:])
    with pytest.raises(FileFormatError, match="model.h5: .* a heap of texts does not end"):
        fastcnn.load_model(path)
    inner = (1).to_bytes(8, "little") + (16).to_bytes(8, "little") + b"GCOL\1\0\0\0" + (1 << 40).to_bytes(8, "little")
    path.write_bytes(sound + inner * 100_000)
    with pytest.raises(FileFormatError, match="model.h5: .* a heap of texts does not end"):
        fastcnn.load_model(path)


def test_links_and_arrays_elsewhere_are_not_followed(tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = np.zeros((3, 3, 3, 4), np.float32)
    layout = h5py.VirtualLayout((3, 3, 3, 4), np.float32)
    layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "x", (3, 3, 3, 4))
    changes = {
        "external link": lambda g: g.__setitem__("kernel:0", h5py.ExternalLink(str(tmp_path / "other.h5"), "x")),
        "soft link": lambda g: g.__setitem__("kernel:0", h5py.SoftLink("/model_weights/c/c/bias:0")),
        "virtual": lambda g: g.create_virtual_dataset("kernel:0", layout),
        "external": lambda g: g.create_dataset("kernel:0", (3, 3, 3, 4), np.float32, external=str(tmp_path / "raw")),
        "promised": lambda g: g.create_dataset("kernel:0", (1 << 20, 1 << 20), np.float32, chunks=(1024, 1024)),
        "integers": lambda g: g.create_dataset("kernel:0", data=np.zeros((3, 3, 3, 4), np.int64)),
    }
    for name, change in changes.items():
        keras_2(tmp_path / "m.h5")
        with h5py.File(tmp_path / "m.h5", "r+") as file:
            group = file["model_weights/c/c"]
            del group["kernel:0"]
            change(group)
        with pytest.raises(FileFormatError, match="must lie in the file|must be an array of"):
            fastcnn.load_model(tmp_path / "m.h5")
            pytest.fail(name)


def test_archives_that_unpack_to_more_than_files_hold(archive):
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_DEFLATED) as file:
        file.writestr("assets", bytes(50_000_000))
    with pytest.raises(FileFormatError, match="must not hold more than its file can"):
        fastcnn.load_model(archive)


def test_compressed_archives_are_read(archive, tmp_path):
    with zipfile.ZipFile(archive) as file, zipfile.ZipFile(tmp_path / "z.keras", "w", zipfile.ZIP_DEFLATED) as smaller:
        for name in file.namelist():
            smaller.writestr(name, file.read(name))
    assert error(fastcnn.load_model(tmp_path / "z.keras").predict(np.ones((1, 4, 4, 1))),
                 fastcnn.load_model(archive).predict(np.ones((1, 4, 4, 1)))) == 0


def test_layers_that_keras_has_not_are_all_named(tmp_path):
    model = fastcnn.networks.lenet5(variant="1998")
    with pytest.raises(ValueError, match=r"s2 \(Subsampling2D\).*c3 \(Conv2D with a connection_table\).*output \(RBF\)"):
        model.export(tmp_path / "m.keras")
    assert list(tmp_path.iterdir()) == []


def test_what_keras_has_no_word_for_is_noted(tmp_path):
    model = chain((4,), L.Dense(2, kernel_initializer=fastcnn.initializers.RandomSigns(), learning_rate_multiplier=2.0,
                                name="d"))
    notes = model.export(tmp_path / "m.h5")
    assert notes == ["d: kernel_initializer=RandomSigns is left out", "d: learning_rate_multiplier is left out"]


def test_weights_alone_are_no_model(archive, tmp_path):
    with zipfile.ZipFile(archive) as file:
        (tmp_path / "m.weights.h5").write_bytes(file.read("model.weights.h5"))
    with pytest.raises(FileFormatError, match="weights alone"):
        fastcnn.load_model(tmp_path / "m.weights.h5")


def test_without_h5py(archive, monkeypatch, tmp_path):
    import sys

    monkeypatch.setitem(sys.modules, "h5py", None)
    model = chain((4,), L.Dense(2))
    for attempt in (lambda: fastcnn.load_model(archive), lambda: model.export(tmp_path / "n.h5")):
        with pytest.raises(ImportError, match="pip install h5py"):
            attempt()


def test_many_layers_have_names_in_parts(keras, tmp_path):
    """HDF5 holds no attribute beyond 64 KiB."""
    model = chain((2,), *[L.Activation("tanh", name="layer" * 40 + str(i)) for i in range(200)], L.Dense(2))
    assert max(round_trip(keras, model, ".h5", tmp_path)) < 1e-5
    with h5py.File(tmp_path / "m.h5") as file:
        assert "layer_names1" in file["model_weights"].attrs


def test_metadata_of_files(archive):
    with zipfile.ZipFile(archive) as file:
        assert sorted(file.namelist()) == ["config.json", "metadata.json", "model.weights.h5"]
        with h5py.File(io.BytesIO(file.read("model.weights.h5"))) as found:
            assert found["layers/conv2d/vars/0"].shape == (3, 3, 1, 2) and found["layers/conv2d/vars"].attrs["name"] == "c"


# compat.keras


@pytest.fixture
def old_program():
    """Modules of compat.keras, and their model."""
    from fastcnn.compat.keras import layers, models

    model = models.Sequential([layers.Conv2D(3, 3, activation="relu", input_shape=(6, 6, 1), name="c"), layers.Flatten(),
                               layers.Dense(4, activation="softmax", name="d")])
    model.compile("adam", "sparse_categorical_crossentropy", ["acc"])
    return models, filled(model)


X, Y = np.random.default_rng(2).standard_normal((8, 6, 6, 1)).astype(np.float32), np.arange(8) % 4


@pytest.mark.parametrize("ending", ENDINGS)
def test_old_programs_write_keras_files(ending, old_program, keras, tmp_path):
    models, model = old_program
    path = str(tmp_path / f"m{ending}")
    model.fit(X, Y, verbose=0)
    model.save(path)
    assert error(keras.models.load_model(path, compile=False).predict(X, verbose=0), model.predict(X)) < 1e-5
    again = models.load_model(path)
    assert type(again) is models.Sequential and type(again.layers[0]) is type(model.layers[0])
    assert again.evaluate(X, Y, verbose=0) == model.evaluate(X, Y, verbose=0) and again.optimizer.iterations == 1
    with pytest.raises(FileExistsError):
        model.save(path, overwrite=False)


@pytest.mark.parametrize("ending", [".h5", ".weights.h5"])
def test_old_programs_weights(ending, old_program, keras, tmp_path):
    models, model = old_program
    path = str(tmp_path / f"w{ending}")
    model.save_weights(path)
    net = keras.Sequential([keras.layers.Input((6, 6, 1)), keras.layers.Conv2D(3, 3, activation="relu", name="c"),
                            keras.layers.Flatten(), keras.layers.Dense(4, activation="softmax", name="d")])
    net.load_weights(path)
    assert error(net.predict(X, verbose=0), model.predict(X)) < 1e-5
    net.set_weights([w + 1 for w in net.get_weights()])
    net.save_weights(path, overwrite=True) if ending == ".weights.h5" else net.save(path)
    model.load_weights(path)
    assert error(model.predict(X), net.predict(X, verbose=0)) < 1e-5
    from fastcnn.compat.keras import layers

    other = models.Sequential([layers.Conv2D(3, 3, input_shape=(6, 6, 1), name="c"), layers.Flatten(),
                               layers.Dense(2, name="new")])
    before = other.layers[2].get_weights()
    with pytest.raises(FileFormatError, match="new/kernel must have shape"):
        other.load_weights(path)
    other.load_weights(path, by_name=True)
    assert np.array_equal(other.layers[0].get_weights()[0], net.layers[0].get_weights()[0])
    assert np.array_equal(other.layers[2].get_weights()[0], before[0])


def test_old_programs_json(old_program, keras):
    models, model = old_program
    net = keras.models.model_from_json(model.to_json())
    net.set_weights(model.get_weights())
    assert error(net.predict(X, verbose=0), model.predict(X)) < 1e-5
    again = models.model_from_json(net.to_json())
    again.set_weights(model.get_weights())
    assert type(again) is models.Sequential and np.array_equal(again.predict(X), model.predict(X))


def test_old_programs_run_with_layers_that_keras_has_not(tmp_path):
    from fastcnn.compat.keras import layers, models

    model = models.Sequential([layers.SoftPooling2D(input_shape=(4, 4, 1)), layers.Flatten(), layers.Dense(2)])
    with pytest.warns(UserWarning, match=r"m.h5 is written in fastcnn's own format. .*soft_pooling2d \(SoftPooling2D\)"):
        model.save(tmp_path / "m.h5")
    x = np.ones((1, 4, 4, 1))
    assert error(models.load_model(tmp_path / "m.h5").predict(x), model.predict(x)) == 0


def test_what_keras_compiled(keras, tmp_path):
    K = keras.layers
    net = keras.Sequential([K.Input((4,)), K.Dense(3, "softmax")])
    x, y = np.random.default_rng(0).standard_normal((8, 4)).astype(np.float32), np.arange(8) % 3
    for optimizer, loss in ((keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True), "sparse_categorical_crossentropy"),
                            ("adam", keras.losses.SparseCategoricalCrossentropy())):
        net.compile(optimizer, loss=loss, metrics=["accuracy"])
        right = net.evaluate(x, y, verbose=0)
        for ending in ENDINGS:
            net.save(tmp_path / f"k{ending}")
            model = fastcnn.load_model(tmp_path / f"k{ending}")
            assert np.allclose(model.evaluate(x, y, verbose=0), right, atol=1e-5)
            assert model.optimizer.learning_rate == pytest.approx(float(net.optimizer.learning_rate))
    net.compile("nadam", loss="sparse_categorical_crossentropy")
    net.save(tmp_path / "k.keras")
    with pytest.warns(UserWarning, match="the model is not compiled.*Nadam"):
        assert fastcnn.load_model(tmp_path / "k.keras").optimizer is None
