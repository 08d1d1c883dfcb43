"""Fashion-MNIST, from a folder, Debian's package or a mirror."""

import os

import numpy as np
import pytest

from fastcnn.datasets import download, fashion_mnist
from fastcnn.datasets.idx import write_idx

SHAPES = (50, 28, 28), (50,), (20, 28, 28), (20,)


@pytest.fixture(autouse=True)
def small(monkeypatch, tmp_path):
    monkeypatch.setattr(fashion_mnist, "_SHAPES", SHAPES)
    monkeypatch.setattr(fashion_mnist, "_DEBIAN", str(tmp_path / "debian"))
    monkeypatch.setenv("FASTCNN_DATA", str(tmp_path / "data"))


def arrays(seed):
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 256 if len(shape) == 3 else 10, shape, np.uint8) for shape in SHAPES]


def files(folder, seed, suffix=".gz"):
    folder.mkdir(parents=True)
    for remote, array in zip(fashion_mnist._FILES, arrays(seed)):
        write_idx(folder / remote.name.replace(".gz", suffix), array)
    return folder


def same(data, seed):
    return all(np.array_equal(a, b) for a, b in zip(data[0] + data[1], arrays(seed)))


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    folder = files(tmp_path / "mirror", 9)
    remotes = []
    for remote in fashion_mnist._FILES:
        content = (folder / remote.name).read_bytes()
        digest = download.hashlib.sha256(content).hexdigest()
        remotes.append(download.RemoteFile(remote.name, len(content), digest, ((folder / remote.name).as_uri(),)))
    monkeypatch.setattr(fashion_mnist, "_FILES", tuple(remotes))
    return folder


@pytest.mark.parametrize("suffix", [".gz", ""])
def test_a_folder(tmp_path, suffix):
    data = fashion_mnist.load_data(files(tmp_path / "mine", 1, suffix))
    dotted = tmp_path / "dotted"
    dotted.mkdir()
    for file in (tmp_path / "mine").iterdir():
        file.rename(dotted / file.name.replace("-idx", ".idx"))
    assert same(fashion_mnist.load_data(dotted), 1)
    assert same(data, 1) and [a.shape for a in data[0] + data[1]] == list(SHAPES)
    assert all(a.dtype == np.uint8 for a in data[0] + data[1])


def test_debians_package(tmp_path, mirror):
    files(tmp_path / "debian", 2)
    assert same(fashion_mnist.load_data(), 2) and not (tmp_path / "data").exists()


def test_a_download(tmp_path, mirror):
    assert same(fashion_mnist.load_data(), 9)
    assert sorted(os.listdir(tmp_path / "data" / "fashion-mnist")) == sorted(r.name for r in fashion_mnist._FILES)
    files(tmp_path / "debian", 2)
    assert same(fashion_mnist.load_data(), 9), "the data folder comes first"
    (tmp_path / "data" / "fashion-mnist" / "t10k-labels-idx1-ubyte.gz").write_bytes(b"?")
    with pytest.raises(ValueError, match=r"t10k-labels-idx1-ubyte.gz: must have [\d,]+ bytes. Received: 1"):
        fashion_mnist.load_data()


def test_wrong_files(tmp_path):
    folder = files(tmp_path / "mine", 1)
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="train-images-idx3-ubyte.gz"):
        fashion_mnist.load_data(tmp_path / "empty")
    write_idx(folder / "t10k-labels-idx1-ubyte.gz", np.full(20, 10, np.uint8))
    with pytest.raises(ValueError, match="mine: test labels must lie from 0 to 9. Received: up to 10"):
        fashion_mnist.load_data(folder)
    write_idx(folder / "train-labels-idx1-ubyte.gz", np.zeros(49, np.uint8))
    with pytest.raises(ValueError, match=r"train-labels-idx1-ubyte.gz: must hold 50 labels, uint8. Received: .*49"):
        fashion_mnist.load_data(folder)
    (folder / "train-images-idx3-ubyte.gz").write_bytes((folder / "train-images-idx3-ubyte.gz").read_bytes()[:-1])
    with pytest.raises(ValueError, match="train-images-idx3-ubyte.gz: the gzip stream must be complete"):
        fashion_mnist.load_data(folder)


def test_the_real_data(monkeypatch):
    monkeypatch.undo()
    if not os.path.isdir(fashion_mnist._DEBIAN):
        pytest.skip("Debian's package dataset-fashion-mnist is not installed")
    (x_train, y_train), (x_test, y_test) = fashion_mnist.load_data(fashion_mnist._DEBIAN)
    assert x_train.shape == (60000, 28, 28) and x_test.shape == (10000, 28, 28)
    assert np.bincount(y_train).tolist() == [6000] * 10 and np.bincount(y_test).tolist() == [1000] * 10
    assert fashion_mnist.CLASS_NAMES[y_train[0]] == "Ankle boot"


def test_official_addresses():
    assert len(fashion_mnist._FILES) == 4
    for remote in fashion_mnist._FILES:
        assert len(remote.sha256) == 64 and all(url.endswith(f"/{remote.name}") for url in remote.urls)
