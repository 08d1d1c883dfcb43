"""Names of models' files, and weights alone: by name, by order, those that fit."""

import importlib.util
import os
import sys

import numpy as np
import pytest

import fastcnn
from fastcnn import layers as L
from fastcnn.compat import keras
from fastcnn.compat.keras import layers as KL
from fastcnn.io import formats

FOREIGN = ["pkl", "npz", "json", "tflite", "bin", "weights.pb", "TFLITE"]
KERAS = ["h5", "hdf5", "keras", "weights.h5", "H5"]
NEEDS = {"onnx": "onnx", "keras": "h5py"}  # format: the package it needs
OWN = ["m.safetensors", "m.SafeTensors", "m", "best-0.98", "m.05-1.5", "a.b/m"]


def network(names=("one", "two", "three"), units=(5, 4, 3), inputs=6, package=fastcnn, layers=L, seed=0):
    first = {"input_shape": (inputs,)}
    return package.Sequential([layers.Dense(n, name=name, **(first if i == 0 else {}))
                               for i, (name, n) in enumerate(zip(names, units))], seed=seed)


def same(a, b, layers=None):
    pairs = [(u, b.get_layer(u.name)) for u in a.layers if layers is None or u.name in layers]
    return pairs and all(np.array_equal(p, q) for u, v in pairs for p, q in zip(u.get_weights(), v.get_weights()))


@pytest.mark.parametrize("ending", FOREIGN)
def test_a_name_that_promises_another_format_is_refused(ending, tmp_path):
    model, path = network(), tmp_path / f"m.{ending}"
    message = rf"a model's file must end in .safetensors, .onnx, .*, or in none. Received: .*m\.{ending}$"
    model.compile("sgd", "mse")
    fit = {"x": np.zeros((2, 6)), "y": np.zeros((2, 3)), "verbose": 0}
    for call in (model.save, model.save_weights, lambda p: model.save(str(p)), lambda p: model.save(os.fsencode(p)),
                 lambda p: model.fit(**fit, callbacks=[fastcnn.callbacks.ModelCheckpoint(p)])):
        with pytest.raises(ValueError, match=message):
            call(path)
    assert model.optimizer.iterations == 0 and os.listdir(tmp_path) == [], "nothing was trained and lost"


@pytest.mark.parametrize("ending, package", [("h5", "h5py"), ("keras", "h5py"), ("onnx", "onnx")])
def test_what_a_format_needs_is_missed_before_training(ending, package, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    model, path = network(), tmp_path / f"m.{ending}"
    model.compile("sgd", "mse")
    with pytest.raises(ImportError, match=f"pip install {package}"):
        model.fit(np.zeros((2, 6)), np.zeros((2, 3)), verbose=0, callbacks=[fastcnn.callbacks.ModelCheckpoint(path)])
    assert model.optimizer.iterations == 0 and os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", OWN)
def test_names_that_promise_nothing(name, tmp_path):
    model, path = network(), tmp_path / name
    path.parent.mkdir(exist_ok=True)
    model.save(path)
    assert same(model, fastcnn.load_model(path))
    model.save_weights(path)
    assert same(model, fastcnn.io.load_file(path) and model)


def test_each_ending_has_a_writer(tmp_path):
    """What `formats.ENDINGS` names is written, and read again by its content, whatever it is called then."""
    for ending, module in formats.ENDINGS.items():
        if module in NEEDS and importlib.util.find_spec(NEEDS[module]) is None:
            continue
        model, other = network(), network(seed=1)
        model.save(tmp_path / f"m{ending}")
        os.rename(tmp_path / f"m{ending}", tmp_path / "any.bin")
        if module == "torch":  # weights alone
            fastcnn.io.torch.load(other, tmp_path / "any.bin")
        assert same(model, other if module == "torch" else fastcnn.load_model(tmp_path / "any.bin"))


@pytest.mark.parametrize("ending", ["onnx", "pt", "pth"])
def test_weights_alone_are_of_some_formats(ending, tmp_path):
    with pytest.raises(ValueError, match=rf"into files that end in .safetensors, .h5 or .hdf5; .* Received: .*m\.{ending}$"):
        network().save_weights(tmp_path / f"m.{ending}")
    with pytest.raises(ValueError, match="dtype must be 'float32' but of .safetensors. Received: 'float16'"):
        network().save(tmp_path / f"m.{ending}", dtype="float16")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("ending", [*FOREIGN, *KERAS, "safetensors", ""])
@pytest.mark.parametrize("method", ["save", "save_weights"])
def test_old_programs_go_on_with_a_warning(ending, method, tmp_path, recwarn, monkeypatch):
    """As on a machine without h5py."""
    monkeypatch.setitem(sys.modules, "h5py", None)
    model = network(package=keras, layers=KL)
    path = tmp_path / (f"m.{ending}" if ending else "m")
    getattr(model, method)(path)
    said = [str(warning.message) for warning in recwarn.list]
    if ending in ("", "safetensors"):
        assert said == []
    else:
        assert len(said) == 1 and said[0].startswith(f"{method}('{path}') is an old spelling. Write {method}('")
        assert ("or pip install h5py" in said[0]) == (ending in KERAS)
        assert said[0].endswith(f"safetensors is what is written under either name, not {ending.lower().rpartition('.')[2]}")
        assert recwarn.list[0].filename == __file__
    other = network(package=keras, layers=KL, seed=1)
    other.load_weights(path)
    assert same(model, other) and (method != "save" or same(model, keras.models.load_model(path)))


# Weights alone


@pytest.fixture
def files(tmp_path):
    """A model, and its weights in both kinds of files."""
    model = network()
    model.compile("adam", "mse")
    model.train_on_batch(np.ones((2, 6)), np.ones((2, 3)))
    model.save(tmp_path / "model.safetensors")
    model.save_weights(tmp_path / "weights.safetensors")
    return model, [tmp_path / "model.safetensors", tmp_path / "weights.safetensors"]


NAMES = ["one/kernel", "one/bias", "two/kernel", "two/bias", "three/kernel", "three/bias"]


def test_all_weights(files):
    model, paths = files
    for path in paths:
        other, ordered = network(seed=1), network(("a", "b", "c"), seed=1)
        assert other.load_weights(path) == (NAMES, [], [], [])
        assert ordered.load_weights(path).loaded == ["a/kernel", "a/bias", "b/kernel", "b/bias", "c/kernel", "c/bias"]
        x = np.random.default_rng(0).standard_normal((3, 6))
        assert np.array_equal(model.predict(x), other.predict(x)) and np.array_equal(model.predict(x), ordered.predict(x))


@pytest.mark.parametrize("package, layers", [(fastcnn, L), (keras, KL)])
def test_by_name(files, package, layers):
    """Layers that both have, wherever they stand; others stay as they are."""
    model, paths = files
    for path in paths:
        other = network(("new", "one", "head"), (6, 5, 2), package=package, layers=layers, seed=1)
        before = other.get_weights()
        found = other.load_weights(path, by_name=True)
        assert found.loaded == ["one/kernel", "one/bias"] and found.mismatched == []
        assert found.missing == ["new/kernel", "new/bias", "head/kernel", "head/bias"]
        assert found.unused == ["two/kernel", "two/bias", "three/kernel", "three/bias"]
        assert same(other, model, ["one"])
        assert all(np.array_equal(other.get_weights()[i], before[i]) for i in (0, 1, 4, 5))
        assert not np.array_equal(other.predict(np.ones((1, 6))), network(("new", "one", "head"), (6, 5, 2), seed=1).predict(
            np.ones((1, 6)))), "plans read the new weights"


def test_what_does_not_fit(files):
    model, paths = files
    for path in paths:
        other = network(units=(5, 4, 2), seed=1)
        before = other.get_weights()
        for given in ({}, {"by_name": True}):
            with pytest.raises(fastcnn.io.FileFormatError, match=r"three/kernel must have shape \(4, 2\); skip_mismatch="
                                                                 r"True leaves .*Received: shape \(4, 3\)"):
                other.load_weights(path, **given)
            assert all(np.array_equal(a, b) for a, b in zip(other.get_weights(), before)), "nothing changed"
        for given in ({}, {"by_name": True}):
            with pytest.warns(UserWarning, match="load_weights left three as they were: .* has other shapes or") as caught:
                found = other.load_weights(path, skip_mismatch=True, **given)
            assert len(caught) == 1 and caught[0].filename == __file__
            assert found == (NAMES[:4], [], ["three/kernel", "three/bias"], []) and same(other, model, ["one", "two"])
            assert all(np.array_equal(a, b) for a, b in zip(other.get_weights()[4:], before[4:])), "a layer as a whole"
        with pytest.raises(fastcnn.io.FileFormatError, match="must hold a layer of the model, which has x/kernel, .*: one"):
            network(("x", "y", "z"), seed=1).load_weights(path, by_name=True)
        with pytest.raises(fastcnn.io.FileFormatError, match="must hold x/kernel, or as many .*by_name=True.*: one"):
            network(("x",), seed=1).load_weights(path)
        for given in ({"by_name": 1}, {"skip_mismatch": "no"}):
            with pytest.raises(TypeError, match="must be True or False"):
                other.load_weights(path, **given)


def test_the_head_of_another_task(tmp_path):
    """What transfer learning does with it."""
    digits = fastcnn.networks.lenet5(seed=0)
    digits.save_weights(tmp_path / "digits")
    letters = fastcnn.networks.lenet5(26, seed=1)
    with pytest.warns(UserWarning, match="left output as they were"):
        found = letters.load_weights(tmp_path / "digits", by_name=True, skip_mismatch=True)
    assert found.mismatched == ["output/kernel", "output/bias"] and len(found.loaded) == 8
    assert same(letters, digits, [layer.name for layer in digits.layers[:-1] if layer.parameters])


def test_half_weights_are_not_written_over(tmp_path):
    model = fastcnn.Sequential([L.Dense(600, input_shape=(600,))], seed=0)
    model.save_weights(tmp_path / "w")
    model.half_weights("float16", free=True)
    with pytest.raises(ValueError, match="load_weights"):
        model.load_weights(tmp_path / "w")
