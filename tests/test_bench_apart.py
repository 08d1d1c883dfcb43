"""`fastcnn bench --peers`: a peer that crashes is missing in a row, and costs nothing else; no process is left behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import fastcnn

if not (Path(__file__).resolve().parents[1] / "benchmarks" / "suite.py").exists():
    pytest.skip("the benchmarks are not beside the tests", allow_module_level=True)

import bench_peers  # noqa: E402

from benchmarks import apart, jobs, peers  # noqa: E402

pytestmark = pytest.mark.skipif(os.name == "nt", reason="no signals end processes")


@pytest.fixture
def measured(monkeypatch):
    """The rows of these names beside these peers, {name: row}; they come in their order, each begun before."""
    monkeypatch.setattr(jobs, "CHILD", bench_peers.CHILD)

    def measure(names, *beside):
        found = [next(job for job in bench_peers.FAKES if job.work == name) for name in names]
        settings, begun, seen = jobs.Settings(beside, windows=1, window=0.001, most=1), [], []
        rows = apart.measure(found, settings, seen.append, lambda *words: begun.append(words))
        assert rows == seen and [row["work"] for row in rows] == names
        assert list(dict.fromkeys(begun)) == [(i, len(found), job.id) for i, job in enumerate(found, 1)]
        return {row["work"]: row for row in rows}

    return measure


def errors(row):
    return {name: peer["error"] for name, peer in row["peers"].items() if "error" in peer}


def test_a_peer_that_crashes_is_missing(measured):
    """While it is built, or timed; one that ends the process, too. Others have their figures."""
    row = measured(["a"], "torch", "keras", "mnn", "openvino")["a"]
    assert errors(row) == {"keras": "Crashed: SIGSEGV", "mnn": "Crashed: exit code 3", "openvino": "Crashed: SIGSEGV"}
    assert "error" not in row and row["peer"] == "torch" and row["ratio"] > 0 and row["ours"] > 0 and row["took"] >= 0


def test_a_peer_is_given_up_after_two_rows(measured):
    """A row that crashes by itself, which has the error, is between them."""
    rows = measured(["a", "crash", "b", "c"], "torch", "openvino")
    assert rows["crash"]["error"] == "Crashed: SIGSEGV"
    assert errors(rows["a"]) == errors(rows["b"]) == {"openvino": "Crashed: SIGSEGV"}
    assert errors(rows["c"]) == {"openvino": "Crashed: SIGSEGV in fake/a, SIGSEGV in fake/b; not tried again"}
    assert all(rows[name]["peer"] == "torch" for name in "abc")


def test_a_peer_that_crashes_when_it_is_imported(monkeypatch, tmp_path):
    """It is not there, and others are."""
    (tmp_path / "crashing.py").write_text("import os\nos.abort()\n")
    (tmp_path / "sound.py").write_text("")
    change = (f"from benchmarks import peers\npeers.__path__.append({str(tmp_path)!r})\n"
              "peers._MODULES.update(keras='crashing', torch='sound')\nfound = ")
    monkeypatch.setattr(jobs, "CHILD", jobs.CHILD.replace("found = ", change))
    assert peers.installed(("keras", "torch")) == (("torch",), {"keras": "Crashed: SIGABRT"})


@pytest.mark.parametrize("by, code", [("SIGINT", 130), ("SIGTERM", 143), ("SIGKILL", -9)])
def test_nothing_goes_on_without_the_command(by, code):
    """Whoever holds standard error goes on: the command, the process of the row, and one that it has started."""
    words = ["bench", "--peers", "torch", "--only", "fake/wait"]
    program = f"import sys, bench_peers; bench_peers.install(); from fastcnn.cli import main; sys.exit(main({words}))"
    path = os.pathsep.join([str(bench_peers.HERE), os.path.dirname(os.path.dirname(fastcnn.__file__))])
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          env={**os.environ, "PYTHONPATH": path}) as process:
        try:
            assert process.stderr.readline() == "waiting\n"
            process.send_signal(getattr(signal, by))
            _, err = process.communicate(timeout=100)
        finally:
            process.kill()
    assert (process.returncode, err) == (code, "fastcnn: Interrupted\n" if code > 0 else "")
