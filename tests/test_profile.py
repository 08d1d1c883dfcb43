"""`model.profile`, `fastcnn profile`, and the ceilings and instruction counts beside them. Nothing here asserts a speed."""

import json
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest
from twin import Distance, Halved

import fastcnn
from fastcnn import _ops, cli, layers, processor, vis
from fastcnn.engine import ceilings

KEYS = {"phase", "layer", "op", "pass", "algorithm", "seconds", "share", "gflops", "bytes", "gbs", "ceiling", "of_ceiling"}
INSTRUCTIONS = Path(__file__).resolve().parents[1] / ".ci" / "instructions.py"


@pytest.fixture(autouse=True)
def fast_ceilings(monkeypatch):
    """Ceilings that nobody waits for."""
    found = ceilings.Ceilings(100.0, dict.fromkeys(ceilings.COPIES, 10.0))
    monkeypatch.setattr("fastcnn.model.profiling.measured", lambda threads, isa: found)


@pytest.fixture
def lenet():
    model = fastcnn.networks.lenet5(seed=0)
    model.compile(fastcnn.optimizers.SGD(0.1, momentum=0.9), "sparse_categorical_crossentropy")
    return model


def digits(n):
    return np.random.default_rng(0).random((n, 28, 28, 1)).astype(np.float32), np.arange(n) % 10


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("batch", [1, 9])
def test_every_step_has_a_row(batch, threads, training, lenet):
    x, y = digits(batch)
    with fastcnn.num_threads(threads):
        found = lenet.profile(x, y if training else None, seconds=0)
    assert (found.batch, found.threads, found.training, found.model) == (batch, threads, training, "lenet5")
    assert found.runs >= 3 and found.seconds > 0 and found.images_per_second == batch / found.seconds
    assert all(step.keys() == KEYS and step["seconds"] > 0 and step["bytes"] > 0 for step in found.steps)
    assert sum(step["share"] for step in found.steps) == pytest.approx(1)
    forward = [step for step in found.steps if step["op"].startswith("conv2d + tanh") and step["pass"] == "forward"]
    assert [step["layer"] for step in forward] == ["c1", "c3"]
    passes = {step["pass"] for step in found.steps}
    assert passes >= ({"forward", "data", "weights", "update"} if training else {"forward"})
    if not training:
        assert "data" not in passes and "update" not in passes


def test_products_and_bytes_are_those_of_the_layers():
    """Of a dense layer they can be counted by hand, forward and back, with the optimizer's step."""
    n, k, m = 5, 300, 200
    model = fastcnn.Sequential([fastcnn.Input((k,)), layers.Dense(m, name="a"), layers.Dense(1, name="b")], seed=0)
    model.compile(fastcnn.optimizers.SGD(0.1, momentum=0.9), "mse")
    x = np.ones((n, k), np.float32)
    found = {(s["layer"], s["pass"]): s for s in model.profile(x, np.ones((n, 1)), seconds=0).steps}
    for name in "forward", "weights":
        step = found["a", name]
        assert step["gflops"] * step["seconds"] == pytest.approx(2e-9 * n * k * m)
        assert step["gbs"] * step["seconds"] == pytest.approx(1e-9 * step["bytes"])
    assert ("a", "data") not in found, "nobody wants the gradient of the images"
    assert found["b", "data"]["gflops"] > 0 and found["", "update"]["gflops"] is None
    assert 4 * (k * m + n * (k + m)) <= found["a", "forward"]["bytes"] <= 8 * (k * m + n * (k + m))
    parameters = model.count_params()
    update = found["", "update"]["bytes"] / (4 * 5)  # weights and velocity read and written, gradients read
    assert parameters <= update < parameters + 4 * 64, "each array begins at a line of the cache"


def test_the_ceiling_that_binds(lenet, monkeypatch):
    """By how long the machine would need at each limit."""
    x, _ = digits(8)
    for gflops, gbs, name in (1e-3, 1e9, "arithmetic"), (1e9, 1e-3, "memory"):
        limits = ceilings.Ceilings(gflops, dict.fromkeys(ceilings.COPIES, gbs))
        monkeypatch.setattr("fastcnn.model.profiling.measured", lambda threads, isa, found=limits: found)
        for step in lenet.profile(x, seconds=0).steps:
            if step["gflops"]:
                assert step["ceiling"] == name
                part = step["gflops"] / gflops if name == "arithmetic" else step["gbs"] / gbs
                assert step["of_ceiling"] == pytest.approx(part)
            else:
                assert step["ceiling"] == "memory"


def test_the_model_stays_as_it_is(lenet):
    x, y = digits(4)
    lenet.train_on_batch(x, y)
    before, plans, step = lenet.get_weights(), dict(lenet._plans), lenet.optimizer.iterations
    random, loss = np.random.get_state()[1].copy(), lenet.test_on_batch(x, y)
    lenet.profile(x, y, seconds=0)
    lenet.profile(x, seconds=0)
    assert all(np.array_equal(a, b) for a, b in zip(before, lenet.get_weights())) and lenet.optimizer.iterations == step
    assert all(lenet._plans[mode] is plan for mode, plan in plans.items()) and lenet.test_on_batch(x, y) == loss
    assert np.array_equal(random, np.random.get_state()[1])


def test_layers_and_losses_in_python():
    model = fastcnn.Sequential([fastcnn.Input((6,)), layers.Dense(4), Halved(name="halve"), layers.Dense(2)], seed=0)
    model.compile("sgd", Distance())
    found = model.profile(np.ones((3, 6)), np.ones((3, 2)), seconds=0)
    python = [(s["layer"], s["op"], s["pass"]) for s in found.steps if s["algorithm"] == "Python"]
    assert sorted(python) == [("", "Distance", "loss"), ("halve", "Halved", "backward"), ("halve", "Halved", "forward")]
    assert all(s["seconds"] > 0 and s["bytes"] is None for s in found.steps if s["algorithm"] == "Python")
    assert "Halved" in str(found) and "halve" in str(found.to_dict())
    assert len(model.profile(np.ones((3, 6)), seconds=0).steps) >= 3


def test_algorithms_and_formats():
    model = fastcnn.Sequential([
        layers.Conv2D(32, 3, padding="same", activation="relu", input_shape=(12, 12, 32), name="conv"),
        layers.Flatten(), layers.Dense(1000, name="wide"), layers.Dense(10, "softmax")], seed=0)
    steps = {(s["layer"], s["pass"]): s for s in model.profile(np.ones((4, 12, 12, 32)), seconds=0).steps}
    assert steps["conv", "forward"]["algorithm"] == model.layers[0].op.algorithm("forward")
    assert steps["wide", "forward"]["algorithm"] == "wide"
    before = steps["wide", "forward"]["bytes"]
    model.half_weights("int8")
    step, = (s for s in model.profile(np.ones((4, 12, 12, 32)), seconds=0).steps
             if (s["layer"], s["pass"]) == ("wide", "forward"))
    assert step["algorithm"] == "wide, int8" and step["bytes"] < before / 3
    found = fastcnn.networks.lenet5().profile(digits(64)[0], seconds=0)
    assert any("lanes" in s["algorithm"] for s in found.steps)


def test_networks_with_branches():
    x = fastcnn.Input((8, 8, 3))
    y = layers.Conv2D(4, 3, padding="same", name="first")(x)
    model = fastcnn.Model(x, layers.Dense(2)(layers.Flatten()(layers.Add()([y, layers.Conv2D(4, 3, padding="same")(y)]))))
    model.compile("adam", "mse")
    found = model.profile(np.ones((2, 8, 8, 3)), np.ones((2, 2)), seconds=0)
    assert {s["pass"] for s in found.steps} >= {"forward", "data", "weights", "update"}


def test_table_and_json(lenet):
    found = lenet.profile(digits(2)[0], seconds=0)
    assert json.loads(found.to_json()) == found.to_dict()
    head, _, columns, *_ = str(found).splitlines()
    assert head.startswith('Model "lenet5", forward, batch 2') and columns.split()[-2:] == ["Of", "ceiling"]
    assert "<table>" in found._repr_html_() and "GFLOP/s" in str(found).splitlines()[-1]
    assert repr(found) == f"<Profile of 'lenet5': {len(found.steps)} steps>"


@pytest.mark.parametrize("given, error, message", [
    ({"x": np.zeros((0, 28, 28, 1))}, ValueError, "at least one sample"),
    ({"x": np.zeros((1, 27, 28, 1))}, ValueError, "Received"),
    ({"x": np.zeros((1, 28, 28, 1)), "y": [1, 2]}, ValueError, "Received"),
    ({"x": np.zeros((1, 28, 28, 1)), "y": [1], "seconds": -1}, ValueError, r"seconds must lie in \[0"),
    ({"x": np.zeros((1, 28, 28, 1)), "seconds": "long"}, TypeError, "seconds must be a real number"),
    ({"x": np.zeros((0, 28, 28, 1)), "y": []}, ValueError, "Received"),
])
def test_wrong_arguments(given, error, message, lenet):
    with pytest.raises(error, match=message):
        lenet.profile(**given)


def test_training_needs_a_loss():
    with pytest.raises(ValueError, match="needs a loss"):
        fastcnn.networks.lenet5().profile(np.zeros((1, 28, 28, 1)), [1])


# The picture


def test_picture(lenet, tmp_path):
    pytest.importorskip("matplotlib")
    found = lenet.profile(digits(2)[0], seconds=0)
    figure = vis.profile(json.loads(found.to_json()))
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == [f"{s['layer'] or s['op']}  {s['pass']}" for s in found.steps]
    few = found.plot(ax=vis.profile(found, limit=3).axes[0])
    assert few.axes
    labels = [label.get_text() for label in vis.profile(found, limit=3).axes[0].get_yticklabels()]
    assert len(labels) == 3 and labels[-1] == f"{len(found.steps) - 2} others"
    for wrong in None, {}, {"steps": []}, "profile":
        with pytest.raises(TypeError, match="what Model.profile returned"):
            vis.profile(wrong)
    with pytest.raises(ValueError, match="limit"):
        vis.profile(found, limit=0)


# The command


def call(capsys, *words):
    code = cli.main(["profile", *map(str, words)])
    return (code, *capsys.readouterr())


def test_command(lenet, tmp_path, capsys):
    model, file = tmp_path / "lenet5.safetensors", tmp_path / "profile.json"
    lenet.save(model)
    code, out, err = call(capsys, model, "--batch", 3, "--seconds", 0, "--json", file)
    assert code == 0 and err == "" and out.startswith('Model "lenet5", forward, batch 3')
    assert json.loads(file.read_text())["batch"] == 3
    code, _, err = call(capsys, model, "--json", file)
    assert code == 1 and "--overwrite" in err
    code, out, err = call(capsys, model, "--training", "--batch", 3, "--seconds", 0, "--json", "-")
    assert code == 0 and err == "" and json.loads(out)["training"]


def test_command_on_models_that_come_with_fastcnn(capsys, tmp_path):
    pytest.importorskip("matplotlib")
    picture = tmp_path / "it.png"
    code, out, _ = call(capsys, "mnist", "--training", "--batch", 2, "--seconds", 0, "--plot", picture)
    assert code == 0 and "update" in out and picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("words, error", [
    (["missing.safetensors"], "missing.safetensors"), (["mnist", "--json", "missing/it.json"], "cannot write"),
    (["mnist", "--training", "--half-weights", "int8"], "needs all bits")])
def test_wrong_words(words, error, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, _, err = call(capsys, *words)
    assert code == 1 and error in err and len(err.splitlines()) == 1


# The machine


def test_processor():
    found = processor.facts()
    assert found["name"] and found["count"] >= 1 and all(size > 1024 for size in found["caches"].values())
    assert json.loads(json.dumps(found)) == found


def test_ceilings(monkeypatch):
    """They are measured, of one core, once."""
    monkeypatch.setattr(ceilings, "COPIES", {"copy.128KB": 1 << 17})
    monkeypatch.setattr(ceilings, "_REPEATS", 100)
    found = ceilings.measured(2, _ops.active_isa())
    assert found.gflops > 0 and found.bandwidth(1 << 17) > 0 and ceilings.measured(2, _ops.active_isa()) is found
    ceilings.measured.cache_clear()


def test_ceilings_come_when_they_are_needed():
    code = "import sys, numpy, fastcnn; fastcnn.networks.lenet5().predict(numpy.ones((1, 28, 28))); " \
           "print('fastcnn._probe' in sys.modules or 'fastcnn.engine.ceilings' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"


# Instruction counts


@pytest.fixture
def counting():
    if not INSTRUCTIONS.exists():
        pytest.skip(".ci is not beside the tests")
    spec = spec_from_file_location("instructions", INSTRUCTIONS)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_grew_is_named(counting):
    was = {"c1 conv2d forward": 100_000, "s2 avg_pool2d forward": 1000, "gone": 5}
    assert list(counting.compare("lenet5.forward", was, was)) == []
    assert list(counting.compare("lenet5.forward", {**was, "c1 conv2d forward": 105_000}, was)) == []
    assert list(counting.compare("lenet5.forward", {**was, "s2 avg_pool2d forward": 3030}, was)) == []
    line, = counting.compare("lenet5.forward", {**was, "s2 avg_pool2d forward": 3031}, was)
    assert line == "lenet5.forward, s2 avg_pool2d forward: 1,000 → 3,031 instructions (+203.1%)"
    lines = list(counting.compare("lenet5.forward", {**was, "c1 conv2d forward": 105_001}, was))
    assert lines == ["lenet5.forward, c1 conv2d forward: 100,000 → 105,001 instructions (+5.0%)"]
    lines = list(counting.compare("lenet5.forward", {"new op": 106_036}, was))
    assert lines == ["lenet5.forward, in all: 101,005 → 106,036 instructions (+5.0%)"]


def test_a_dump_of_callgrind_is_read(counting, tmp_path):
    path = tmp_path / "out.3"
    path.write_text("# callgrind format\nversion: 1\npid: 7\npart: 3\n\nevents: Ir\nfn=(1) fc_run\n0 12\n\ntotals: 1234\n")
    assert counting.part(path) == (3, 1234)


def test_kept_counts_are_of_all_steps(counting):
    """A step that nobody compares is no guard."""
    known = json.loads(counting.BASELINE.read_text())
    assert known and all(set(cases) == set(counting.CASES) for cases in known.values())
    for cases in known.values():
        assert {name.split()[0] for name in cases["alexnet.forward"]} >= {"conv1", "conv2", "conv5", "fc6", "fc7", "fc8"}
        assert {name.split()[-1] for name in cases["lenet5.training"]} >= {"forward", "data", "weights", "update"}
        assert all(count > 0 for counts in cases.values() for count in counts.values())
