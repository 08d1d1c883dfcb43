"""benchmarks/keras_cifar10.py on a few small pictures: what it trains, compares and prints."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

import fastcnn

PATH = Path(__file__).resolve().parents[1] / "benchmarks" / "keras_cifar10.py"
if not PATH.exists():
    pytest.skip("the benchmarks are not beside the tests", allow_module_level=True)
spec = importlib.util.spec_from_file_location("keras_cifar10", PATH)
comparison = importlib.util.module_from_spec(spec)
spec.loader.exec_module(comparison)


@pytest.fixture
def pictures(monkeypatch):
    rng = np.random.default_rng(0)
    part = rng.integers(0, 256, (100, 32, 32, 3), np.uint8), rng.integers(0, 10, (100, 1)).astype(np.uint8)
    monkeypatch.setattr(fastcnn.datasets.cifar10, "load_data", lambda path: (part, part))
    return part


def result(side, seed, accuracy, seconds, predicted=(0.5,)):
    return {"side": side, "what": side.title(), "seed": seed, "seconds": seconds, "accuracy": accuracy, "loss": 1.0,
            "training_loss": [1.0], "predicted": list(predicted)}


def test_a_training_of_ours(pictures, tmp_path):
    data = comparison.prepare("cifar.zip", tmp_path, 70)
    made = data.stat().st_mtime_ns
    assert comparison.prepare("cifar.zip", tmp_path, 70) == data and data.stat().st_mtime_ns == made, "made once"
    found = comparison.child("fastcnn", data, 3, 2, 2)
    assert found["seed"] == 3 and found["what"].startswith("fastcnn") and len(found["training_loss"]) == 2
    assert 0 <= found["accuracy"] <= 1 and found["seconds"] > 0 and np.shape(found["predicted"]) == (32, 10)
    np.testing.assert_allclose(np.sum(found["predicted"], axis=1), 1, rtol=1e-5)
    again = comparison.child("fastcnn", data, 4, 1, 1)
    assert again["predicted"] == found["predicted"] and again["training_loss"][0] != found["training_loss"][0]
    assert json.loads(json.dumps(found)) == found


def test_it_is_the_program():
    """The network of tests/programs/cifar10_cnn.py."""
    from fastcnn.compat import keras

    model = comparison.network(keras, "rmsprop")
    names = [type(layer).__name__ for layer in model.layers]
    text = (Path(__file__).parent / "programs" / "cifar10_cnn.py").read_text()
    assert names == [line.split("(")[1] for line in text.splitlines() if line.startswith("model.add(")]
    assert model.count_params() == 1_250_858


def test_report(capsys):
    close = [result("fastcnn", 0, 0.70, 10), result("keras", 0, 0.71, 30), result("fastcnn", 1, 0.72, 12),
             result("keras", 1, 0.73, 24)]
    assert comparison.report(close, 1.5) and not comparison.report(close, 0.5)
    out = capsys.readouterr().out
    assert "Fastcnn: 71.00 % (70.00–72.00, 2 seeds), 11.0 s (median)" in out
    assert "-1.00 points (within 1.5); Keras takes 2.50 times as long (2.00–3.00)" in out and "(beyond 0.5)" in out
    assert comparison.report(close[:1], 1.5) and "points" not in capsys.readouterr().out
    comparison.check(close)
    with pytest.raises(AssertionError, match="wrong predictions: 0.1 apart"):
        comparison.check([*close, result("keras", 2, 0.7, 1, [0.6])])


def test_the_command_alone(monkeypatch, tmp_path, capsys):
    runs = []

    def run(side, data, seed, threads, epochs):
        runs.append((side, seed))
        return result(side, seed, 0.7 if side == "keras" else 0.75, 1)

    monkeypatch.setattr(comparison, "run", run)
    monkeypatch.setattr(comparison, "prepare", lambda *given: given)
    given = ["--data", "cifar.zip", "--output", str(tmp_path), "--seeds", "2"]
    assert comparison.main(given) == 1 and comparison.main([*given, "--within", "6"]) == 0
    assert runs[:4] == [("fastcnn", 0), ("keras", 0), ("fastcnn", 1), ("keras", 1)], "in turn"
    runs.clear()
    assert comparison.main([*given, "--keras-seeds", "0"]) == 0 and runs == [("fastcnn", 0), ("fastcnn", 1)]
    rows = [json.loads(row) for row in (tmp_path / "results.jsonl").read_text().splitlines()]
    assert [row["seed"] for row in rows] == [0, 1] and "seed 1: 75.00 % of the test set" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        comparison.main([])


def test_a_child_that_fails_says_why(tmp_path):
    with pytest.raises(RuntimeError, match="fastcnn, seed 0: .*nothing.npz"):
        comparison.run("fastcnn", tmp_path / "nothing.npz", 0, 1, 1)


def test_keras_trains_the_same(pictures, tmp_path):
    pytest.importorskip("keras")
    data = comparison.prepare("cifar.zip", tmp_path, 70)
    results = [comparison.run(side, data, 0, 1, 1) for side in comparison.SIDES]
    comparison.check(results)
    assert "Keras" in results[1]["what"]
