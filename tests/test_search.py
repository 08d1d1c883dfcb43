"""fastcnn.search: pruning, `fastcnn tune`, and that a search goes on after whatever ended it. Needs Optuna."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import fastcnn
from fastcnn.cli import main
from fastcnn.search import PruningCallback, tune

optuna = pytest.importorskip("optuna", reason="Optuna is not installed")
from fastcnn.search import processes, spaces, storage  # noqa: E402

FEW = {"limit": 120, "epochs": 2}
COMMAND = ["tune", "lenet5", "--limit", "120", "--epochs", "2", "--trials", "6", "--jobs", "2", "--storage", "s.journal"]


def trained(trial, **options):
    rate = trial.suggest_float("learning_rate", 0.01, 0.1, log=True)
    history = fastcnn.recipes.train_lenet5(2, learning_rate=rate, limit=200, verbose=0, validation_split=0.2,
                                           callbacks=[PruningCallback(trial, **options)]).history.history
    return history[options.get("monitor", "val_accuracy")][-1]


def test_a_pruner_ends_a_training():
    study = optuna.create_study(direction="maximize", pruner=optuna.pruners.ThresholdPruner(lower=2.0))
    study.optimize(trained, n_trials=1)
    assert [t.state.name for t in study.trials] == ["PRUNED"] and list(study.trials[0].intermediate_values) == [0]
    study = optuna.create_study(direction="minimize", pruner=optuna.pruners.NopPruner())
    study.optimize(lambda trial: trained(trial, monitor="val_loss"), n_trials=1)
    assert list(study.trials[0].intermediate_values) == [0, 1]
    assert study.trials[0].intermediate_values[1] == study.best_value


def test_what_cannot_be_pruned():
    with pytest.raises(ValueError, match="must maximize val_accuracy.*Received: minimize"):
        optuna.create_study().optimize(trained, n_trials=1)
    with pytest.raises(TypeError, match=r"trial must be an optuna.trial.Trial. Received: 3"):
        PruningCallback(3)


def states(study):
    return [trial.state.name for trial in study.trials]


def test_a_search(tmp_path, capsys):
    """The recipe as it is comes first; the model kept is the best trial's; more trials go on from there."""
    where = {"storage": tmp_path / "s.journal", "save": tmp_path / "best.safetensors"}
    study = tune("lenet5", trials=2, **where, **FEW, batch_size=16)
    first = study.trials[0]
    assert first.params == {"learning_rate": 0.05, "width": 1.0, "dropout": 0.0, "distort": False}
    assert states(study) == ["COMPLETE"] * 2 and study.user_attrs["settings"] == json.dumps(
        {"batch_size": 16, "epochs": 2, "limit": 120, "network": "lenet5", "validation_split": 0.1})
    study = tune("lenet5", trials=3, **where, **FEW, batch_size=16)
    assert len(study.trials) == 3 and sorted(os.listdir(tmp_path)) == ["best.safetensors", "s.journal"]
    model = fastcnn.load_model(where["save"])
    assert model.metadata["search"]["trial"] == study.best_trial.number
    best = model.metadata["search"]["arguments"]
    again = fastcnn.recipes.train_lenet5(**best, verbose=0)
    assert again.history.history["val_accuracy"][-1] == study.best_value
    assert all((a == b).all() for a, b in zip(again.model.get_weights(), model.get_weights())), "the trial, bit for bit"
    out = capsys.readouterr().out
    assert "2 of 3 trials were done before; the best: " in out and out.count("complete") == 3
    for trial in study.trials:
        assert f"{spaces.rounded(trial.params)['learning_rate']}" in out


def test_threads_are_shared(monkeypatch):
    seen = []

    def popen(*words, env, **options):
        seen.append(env["FASTCNN_NUM_THREADS"])
        return subprocess.Popen(*words, env=env, **options)

    monkeypatch.setattr(processes, "subprocess", type("Own", (), {"Popen": popen, "PIPE": subprocess.PIPE}))
    with fastcnn.num_threads(7):
        study = tune("lenet5", trials=3, jobs=3, verbose=False, **FEW)
    assert seen == ["2"] * 3 and len(study.trials) == 3


@pytest.mark.parametrize("gone", [True, False], ids=["before-it-is-told", "when-it-is-told"])
def test_a_process_that_dies_is_one_trial(monkeypatch, capsys, gone):
    class Popen(subprocess.Popen):
        count = 0

        def __init__(self, *words, **options):
            super().__init__(*words, **options)
            Popen.count += 1
            if Popen.count == 1:
                self.kill()
                if gone:
                    self.wait()

    monkeypatch.setattr(processes.subprocess, "Popen", Popen)
    study = tune("lenet5", trials=2, **FEW)
    assert states(study) == ["FAIL", "COMPLETE"] and study.best_trial.number == 1
    assert "its process ended with -9" in capsys.readouterr().out


def test_what_cannot_be_searched(tmp_path):
    with pytest.raises(TypeError, match="tune has no argument 'learning_rates'. Did you mean 'learning_rate'?"):
        tune("lenet5", learning_rates=1)
    with pytest.raises(ValueError, match="network must be one of 'lenet5', 'alexnet', 'cifar10'"):
        tune("lenet", trials=1)
    with pytest.raises(TypeError, match="of JSON's types. Received: array"):
        tune("lenet5", limit=np.arange(3))
    with pytest.raises(RuntimeError, match="trial 0 failed: ValueError: limit must be .* Received: "):
        tune("lenet5", trials=1, limit=-1, verbose=False)
    path = tmp_path / "s.journal"
    tune("lenet5", trials=1, storage=path, verbose=False, **FEW)
    with pytest.raises(ValueError, match='same arguments. Received: .*"epochs": 3.* was begun with .*"epochs": 2'):
        tune("lenet5", storage=path, limit=120, epochs=3)
    with open(path, "ab") as file:
        fcntl = pytest.importorskip("fcntl")
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(ValueError, match="must not be in use"):
            tune("lenet5", storage=path, **FEW)
    (tmp_path / "other").write_text("a letter\nto you\n")
    with pytest.raises(ValueError, match="storage must be a file that such a search wrote"):
        tune("lenet5", storage=tmp_path / "other", **FEW)
    assert (tmp_path / "other").read_text() == "a letter\nto you\n"


# The command


def command(folder):
    environment = {**os.environ, "PYTHONPATH": str(Path(fastcnn.__file__).parents[1])}
    return subprocess.Popen([sys.executable, "-m", "fastcnn", *COMMAND], cwd=folder, env=environment, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)


def children(pid):
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True).stdout.split()
    return [int(number) for number in found]


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def ended_in_the_midst(folder, number):
    """Ends a search by a signal while two trials run, one after another has ended; returns (process, what it said)."""
    process, workers = command(folder), []
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline and process.poll() is None:
        written = (folder / "s.journal").read_text() if (folder / "s.journal").exists() else ""
        workers = children(process.pid)
        if written.count('"state":1') and len(workers) == 2:
            break
        time.sleep(0.02)
    assert process.poll() is None and len(workers) == 2, process.communicate()
    os.kill(process.pid, number)
    said = process.communicate(timeout=60)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and any(map(alive, workers)):
        time.sleep(0.05)
    assert not any(map(alive, workers)), "no process goes on alone"
    return process, said


def worker(**streams):
    environment = {**os.environ, "PYTHONPATH": str(Path(fastcnn.__file__).parents[1])}
    return subprocess.Popen([sys.executable, "-c", "from fastcnn.search.worker import main; main()"], env=environment,
                            text=True, stdin=subprocess.PIPE, stderr=subprocess.PIPE, **streams)


@pytest.mark.parametrize("said", ["", '{"network": "lenet5"'], ids=["nothing", "half a line"])
def test_a_trial_ends_with_a_search_that_ends_before_it(said):
    """A search that is killed while a process of its starts has not told it what to train."""
    process = worker(stdout=subprocess.PIPE)
    assert (*process.communicate(said, timeout=120), process.returncode) == ("", "", 0)


@pytest.mark.parametrize("arguments", [FEW, {"limit": -1}], ids=["an epoch", "an error"])
def test_a_trial_ends_without_a_word_when_nobody_listens(arguments):
    """A search that is killed may lose its answers' pipe before the trial sees its standard input end."""
    reads, writes = os.pipe()
    with worker(stdout=writes) as process:
        os.close(writes)
        os.close(reads)
        job = {"network": "lenet5", "trial": 0, "save": None, "arguments": {**arguments, "validation_split": 0.2}}
        process.stdin.write(json.dumps(job) + "\n")
        process.stdin.flush()  # and it stays open
        assert process.wait(120) == 1 and process.stderr.read() == ""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it looks into /proc")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=["kill -9", "Ctrl-C"])
def test_a_search_goes_on(tmp_path, number, monkeypatch, capsys):
    process, said = ended_in_the_midst(tmp_path, number)
    assert process.returncode == (-9 if number == signal.SIGKILL else 130), said
    assert said[1] == "" or "the same command goes on" in said[1]
    monkeypatch.chdir(tmp_path)
    assert main(COMMAND) == 0
    out = capsys.readouterr().out
    study = storage.study_in("s.journal", "lenet5")
    lost = [t for t in study.trials if t.state.name == "FAIL"]
    again = {t.user_attrs["again"]: t for t in study.trials if "again" in t.user_attrs}
    assert 1 <= len(lost) <= 2 and {t.number for t in lost} == set(again)
    for trial in lost:
        assert {**trial.params, **again[trial.number].params} == again[trial.number].params, "the same arguments again"
    assert states(study).count("COMPLETE") + states(study).count("PRUNED") == 6 and len(study.trials) == 6 + len(lost)
    assert {"s.journal", "s.safetensors"} <= set(os.listdir()) <= {"s.journal", "s.safetensors", "s.png"}
    assert fastcnn.load_model("s.safetensors").metadata["search"]["trial"] == study.best_trial.number
    assert "of 6 trials were done before" in out and "Test loss" in out and "fastcnn train lenet5 --" in out


def test_a_plot(plt):
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(0))
    with pytest.raises(ValueError, match="a trial that has ended. Received: 0 trials"):
        fastcnn.search.plot(study)
    study.optimize(lambda trial: trial.suggest_float("great", 0, 1) + 0.01 * trial.suggest_float("small", 0, 1), n_trials=30)
    figure = fastcnn.search.plot(study)
    values, parts = figure.axes
    curve = values.lines[0].get_ydata()
    assert (np.diff(curve) >= 0).all() and curve[-1] == study.best_value and len(curve) == 30
    assert [label.get_text() for label in parts.get_yticklabels()] == ["small", "great"], "the largest on top"


def test_files_are_not_replaced_unasked(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("s.safetensors").write_text("mine")
    assert main(COMMAND) == 1 and "s.safetensors is there already" in capsys.readouterr().err
    assert Path("s.safetensors").read_text() == "mine" and not Path("s.journal").exists()
