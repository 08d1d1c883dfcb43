"""Model files that are refused: any changed byte, wrong architectures and arrays, other formats."""

import json
import os
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
from test_save import same

import fastcnn
from fastcnn import layers as L
from fastcnn.io import FileFormatError, load_file, save_file
from fastcnn.optimizers import SGD


def tiny():
    return fastcnn.Sequential([L.Dense(2, name="d", input_shape=(3,))], "t", seed=0)


def refused(path, message=""):
    with pytest.raises(FileFormatError, match=message or None) as info:
        fastcnn.load_model(path)
    assert Path(path).name in str(info.value)


@pytest.mark.parametrize("change", [1, pytest.param(0x80, marks=pytest.mark.long)])
def test_every_changed_byte_is_refused(change, tmp_path):
    """All of the header, and each byte of the data."""
    path = tmp_path / "m"
    tiny().save(path)
    whole, survivors = path.read_bytes(), []
    assert len(whole) < 3000
    for position in range(len(whole)):
        damaged = bytearray(whole)
        damaged[position] ^= change
        path.write_bytes(damaged)
        try:
            fastcnn.load_model(path)
            survivors.append(position)
        except FileFormatError:
            pass
    assert survivors == []
    path.write_bytes(whole)
    assert same(fastcnn.load_model(path), tiny())


def test_truncated_or_longer_files(tmp_path):
    path = tmp_path / "m"
    tiny().save(path)
    whole = path.read_bytes()
    for length in {0, 1, 7, 8, 9, 63, 64, len(whole) // 2, len(whole) - 33, len(whole) - 1}:
        path.write_bytes(whole[:length])
        refused(path)
    path.write_bytes(whole + b"\0")
    refused(path)


def test_not_a_model(tmp_path):
    path = tmp_path / "f"
    save_file({"d/kernel": np.zeros((3, 2), np.float32)}, path)
    refused(path, "no model")
    save_file({}, path, {"format": "fastcnn model 3", "model": "{}", "training": "null"})
    refused(path, "Received: format 'fastcnn model 3'")
    path.write_bytes(pickle.dumps({"d": np.zeros(3)}))
    refused(path)
    path.write_bytes(os.urandom(4096))
    refused(path)
    with pytest.raises(FileNotFoundError):
        fastcnn.load_model(tmp_path / "none")


class Trap:
    """Unpickling it would leave a trace."""

    def __reduce__(self):
        return os.mkdir, ("unpickled",)


def test_a_pickle_is_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("f").write_bytes(pickle.dumps(Trap()))
    refused("f")
    assert not Path("unpickled").exists()


def edited(path, change, tensors=lambda tensors: None):
    """Rewrites a model's file with another architecture, training state or arrays, and a right checksum."""
    arrays, metadata = load_file(path)
    for key in ("model", "training"):
        metadata[key] = json.loads(metadata[key])
    change(metadata)
    tensors(arrays)
    for key in ("model", "training"):
        if key in metadata and not isinstance(metadata[key], str):
            metadata[key] = json.dumps(metadata[key])
    save_file(arrays, path, metadata)


def layer(metadata):
    return metadata["model"]["layers"][0]


ARCHITECTURES = {
    "shape": (lambda m: layer(m)["config"].update(units=3), "d/kernel must be float32 or float16 of shape \\(3, 3\\)"),
    "class": (lambda m: layer(m).update(class_name="Dens"), "'Dens'"),
    "base class": (lambda m: layer(m).update(class_name="Layer"), "'Layer'"),
    "private": (lambda m: layer(m).update(class_name="__import__"), "__import__"),
    "function": (lambda m: layer(m).update(class_name="os.system"), "os.system"),
    "class is a list": (lambda m: layer(m).update(class_name=["Dense"]), ""),
    "argument": (lambda m: layer(m)["config"].update(unit=3), "'unit'"),
    "name": (lambda m: layer(m)["config"].update(name="e"), "e/kernel"),
    "units": (lambda m: layer(m)["config"].update(units="2"), "units"),
    "input": (lambda m: layer(m)["config"].update(input_shape=[0]), "input_shape"),
    "no layers": (lambda m: m["model"].pop("layers"), ""),
    "layers is a number": (lambda m: m["model"].update(layers=3), ""),
    "layer is a text": (lambda m: m["model"].update(layers=["Dense"]), ""),
    "model is a list": (lambda m: m.update(model="[]"), ""),
    "no model": (lambda m: m.pop("model"), ""),
    "not JSON": (lambda m: m.update(model="{"), ""),
    "deep JSON": (lambda m: m.update(model="[" * 100_000), ""),
    "no training": (lambda m: m.pop("training"), ""),
    "optimizer": (lambda m: m["training"]["optimizer"].update(class_name="adamm"), "adamm"),
    "learning rate": (
        lambda m: m["training"]["optimizer"]["config"].update(learning_rate="fast"),
        "learning_rate",
    ),
    "iterations": (lambda m: m["training"].update(iterations="many"), ""),
    "negative iterations": (lambda m: m["training"].update(iterations=-1), ""),
    "training is a list": (lambda m: m.update(training="[3]"), ""),
    "loss": (lambda m: m["training"]["losses"][0].update(class_name="eval"), ""),
    "metric": (lambda m: m["training"].update(metrics=["eval"]), "eval"),
}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_wrong_architectures_are_refused(name, tmp_path):
    change, message = ARCHITECTURES[name]
    model = tiny()
    model.compile(SGD(0.1, momentum=0.5), "mse", metrics=["mae"])
    model.train_on_batch(np.ones((2, 3)), np.ones((2, 2)))
    model.save(tmp_path / "m")
    edited(tmp_path / "m", lambda metadata: None)
    assert same(fastcnn.load_model(tmp_path / "m"), model)
    edited(tmp_path / "m", change)
    refused(tmp_path / "m", message)


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.pop("d/bias"),
        lambda t: t.update({"d/bias": np.zeros(3, np.float32)}),
        lambda t: t.update({"d/bias": np.zeros(2, np.float64)}),
        lambda t: t.update({"d/bias": np.zeros(2, np.int32)}),
        lambda t: t.pop("optimizer/velocity/d/bias"),
        lambda t: t.update({"d/more": np.zeros(2, np.float32)}),
        lambda t: t.update({"optimizer/velocity/d/bias": np.zeros((2, 1), np.float32)}),
    ],
    ids=["missing", "shape", "float64", "int32", "velocity missing", "one too many", "velocity shape"],
)
def test_wrong_arrays_are_refused(change, tmp_path):
    model = tiny()
    model.compile(SGD(0.1, momentum=0.5), "mse")
    model.train_on_batch(np.ones((2, 3)), np.ones((2, 2)))
    model.save(tmp_path / "m")
    edited(tmp_path / "m", lambda metadata: None, change)
    refused(tmp_path / "m", "d/")


HUGE = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
import fastcnn
try:
    fastcnn.load_model(sys.argv[1])
except fastcnn.io.FileFormatError:
    with open("/proc/self/status") as file:  # ru_maxrss would count the parent's memory before exec too
        print(int(file.read().split("VmHWM:")[1].split()[0]) < 300_000)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits memory as Linux does")
@pytest.mark.parametrize("inputs, units", [(3, 10**8), (2**20, 2**20)])
def test_a_small_file_does_not_take_all_memory(inputs, units, tmp_path, run_python):
    """The arrays in the file are looked at before memory is taken for an architecture that claims more."""
    tiny().save(tmp_path / "m")
    edited(tmp_path / "m", lambda m: layer(m)["config"].update(units=units, input_shape=[inputs]))
    run = run_python(
        "-c", HUGE, tmp_path / "m", FASTCNN_NUM_THREADS="1", OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1"
    )
    assert run.stdout == "True\n", run.stderr[-500:]
