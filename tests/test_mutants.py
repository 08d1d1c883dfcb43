"""Damaged files of other programs' formats: the first 500 mutants of each (`tests/mutants.py` makes 10,000)."""

import importlib.util
import os

import mutants
import pytest

NEEDED = {"onnx": ("onnx",), "caffe": ("onnx",), "keras": ("h5py",), "h5": ("h5py",), "torch": ()}  # format: packages


@pytest.mark.skipif(not hasattr(os, "fork") or not os.path.exists("/proc/self/statm"), reason="children are forked on Linux")
@pytest.mark.parametrize("kind", mutants.FORMATS)
def test_damaged_files_are_refused(kind, run_python):
    missing = [name for name in NEEDED[kind] if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} is not installed")
    run = run_python(mutants.__file__, kind, "--count", 500, timeout=600)
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.startswith(f"{kind}: 500 mutants: ") and "refused" in run.stdout and "loaded" in run.stdout


def test_what_goes_wrong_is_seen(tmp_path, monkeypatch):
    """Crashes, hangs, memory, files elsewhere and other errors."""
    import signal

    found = {}
    for name, act in {
        "hang": lambda path: signal.pause(), "crash by signal 11": lambda path: os.kill(os.getpid(), 11),
        "unclean error": lambda path: 1 / 0, "more than 1 GiB": lambda path: bytearray(2 << 30),
        "touched other files or ran something": lambda path: open(tmp_path.parent / "other", "w"),
    }.items():
        monkeypatch.setattr(mutants, "SECONDS", 1)
        monkeypatch.setattr(mutants.fastcnn, "load_model", act)
        found[name] = mutants.child(str(tmp_path / "m"))
    assert found == {name: name for name in found}
    with pytest.raises(KeyError):
        mutants.results("no format", 1)
