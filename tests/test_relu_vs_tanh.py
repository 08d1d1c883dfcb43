"""benchmarks/relu_vs_tanh.py on a few small pictures: what it computes, writes and prints."""

import csv
import importlib.util
import math
import sys
from pathlib import Path

import numpy as np
import pytest

PATH = Path(__file__).resolve().parents[1] / "benchmarks" / "relu_vs_tanh.py"
if not PATH.exists():
    pytest.skip("the benchmarks are not beside the tests", allow_module_level=True)
spec = importlib.util.spec_from_file_location("relu_vs_tanh", PATH)
figure = importlib.util.module_from_spec(spec)
spec.loader.exec_module(figure)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Two classes of ten 32 × 32 photographs: bright above, bright below."""
    Image = pytest.importorskip("PIL.Image")
    folder, rng = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    for name, rows in (("above", slice(0, 16)), ("below", slice(16, 32))):
        (folder / "train" / name).mkdir(parents=True)
        for i in range(10):
            x = rng.integers(0, 60, (32, 32, 3), np.uint8)
            x[rows] += 150
            Image.fromarray(x).save(folder / "train" / name / f"{i}.jpg", quality=95)
    return folder


def test_load_decodes_once(pictures, tmp_path, monkeypatch):
    x, y = figure.load(pictures, tmp_path)
    assert x.shape == (20, 32, 32, 3) and x.dtype == np.uint8 and y.tolist() == [0] * 10 + [1] * 10
    assert (x[:10, :14].mean() > 150) and (x[10:, :14].mean() < 60)
    monkeypatch.setattr(figure.ImageFolder, "read", None)
    assert np.array_equal(figure.load(pictures, tmp_path)[0], x)


def test_prepare():
    x, y = np.random.default_rng(0).integers(0, 256, (50, 4, 4, 3), np.uint8), np.arange(50)
    inputs, labels = figure.prepare(x, y, 20, seed=1)
    assert inputs.dtype == np.float32 and len(inputs) == len(set(labels)) == 20
    assert np.abs(inputs - (x[labels] - x[labels].mean(axis=0))).max() < 1e-4
    again = figure.prepare(x, y, 20, seed=1, standardize=True)
    assert np.array_equal(again[1], labels) and again[0].std() == pytest.approx(1, abs=1e-5)


def test_crossing():
    curve = [(0.5, 0.6, 0.7), (1.0, 0.4, 0.5), (1.5, 0.2, 0.3), (2.0, 0.3, 0.1)]
    assert figure.crossing(curve, 0.25) == pytest.approx(1.375)
    assert figure.crossing(curve, 0.25, column=2) == pytest.approx(1.625)
    assert figure.crossing(curve, 0.65) == 0.5 and figure.crossing(curve, 0.1) is None
    assert figure.crossing([], 0.5) is None


class Imagined:
    """A run whose curve is known beforehand: (rate, error after each epoch)."""

    def __init__(self, rate, *errors, target=0.25):
        self.rate, self.errors, self.target, self.curve = rate, errors, target, []

    def train(self, x, y, epochs):
        self.curve = [(i + 1, error, error) for i, error in enumerate(self.errors[:epochs])]
        return self

    @property
    def error(self):
        return self.curve[-1][1]


def test_race():
    """Half of them leave after each epoch; the first to arrive wins even where another stands better afterwards."""
    slow, wild, good, poor = (Imagined(1, 0.8, 0.7, 0.6, 0.2), Imagined(2, 0.9, 0.1, 0.1, 0.1),
                              Imagined(3, 0.6, 0.5, 0.4, 0.2), Imagined(4, 0.85, 0.1, 0.1, 0.1))
    assert figure.race([slow, wild, good, poor], None, None, 4) is good
    assert [len(run.curve) for run in (slow, wild, good, poor)] == [2, 1, 4, 1]
    early, late = Imagined(1, 0.24, 0.24), Imagined(2, 0.30, 0.1)
    assert figure.race([late, early], None, None, 2) is early


def test_run_goes_on_as_if_it_had_never_stopped():
    x, y = np.random.default_rng(0).normal(0, 60, (40, 32, 32, 3)).astype("f"), np.arange(40) % 3
    runs = [figure.Run("tanh", 0.001, batch_size=8, seed=1, classes=3) for _ in range(2)]
    for epochs in (1, 2):
        runs[0].train(x, y, epochs)
    runs[1].train(x, y, 2)
    assert runs[0].curve == runs[1].curve and len(runs[0].curve) == 5 and runs[0].images == 80
    assert [point[0] for point in runs[0].curve] == pytest.approx([0.4, 0.8, 1.2, 1.6, 2.0])
    assert all(np.array_equal(a, b) for a, b in zip(*(run.network.get_weights() for run in runs)))
    expected = np.mean(runs[0].network.predict(x).argmax(axis=1) != y)
    assert runs[0].error == pytest.approx(expected), "the network as it stands, on the training images"
    figure.check(runs[0], x[:3])
    runs[0].network.set_weights([w + 0.01 for w in runs[1].network.get_weights()])
    figure.check(runs[0], x[:3])


def test_a_lost_network_stops_and_does_not_win():
    x, y = np.random.default_rng(0).normal(0, 60, (32, 32, 32, 3)).astype("f"), np.arange(32) % 2
    lost = figure.Run("relu", 1e6, batch_size=8, classes=2).train(x, y, 50)
    assert lost.done and lost.error == 1 and math.isnan(lost.curve[-1][2]) and len(lost.curve) < 50
    fine = figure.Run("relu", 1e-4, batch_size=8, classes=2)
    assert figure.race([lost, fine], x, y, 1) is fine


@pytest.mark.parametrize("drawn", [True, False])
def test_all_of_it(pictures, tmp_path, capsys, monkeypatch, drawn):
    if drawn:
        pytest.importorskip("matplotlib")
    else:
        monkeypatch.setitem(sys.modules, "matplotlib", None)
    figure.main(["--data", str(pictures), "--output", str(tmp_path), "--learning-rates", "0.001", "0.0001",
                 "--epochs", "12", "--limit", "18", "--error", "0.2", "--initializer", "glorot_uniform"])
    printed = capsys.readouterr().out.splitlines()
    with open(tmp_path / "relu_vs_tanh.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == figure.COLUMNS and {row["activation"] for row in rows} == {"relu", "tanh"}
    assert {(row["activation"], row["learning_rate"]) for row in rows if row["chosen"] == "1"} < {
        (row["activation"], row["learning_rate"]) for row in rows}
    picture = tmp_path / "relu_vs_tanh.png"
    assert picture.exists() == drawn and printed[-1].startswith(f"figure: {picture}" if drawn else "figure: not drawn")
    summary = [line for line in printed if "images/s" in line]
    assert len(summary) == 2 and all("20 % training error" in line for line in summary)
