"""Damaged files: the first 40 mutants of each format (`.ci/run`: 500, `tests/long.py`: 10,000), and those that are kept."""

import importlib.util
import os
import signal

import hostile
import mutants
import pytest
import sound_files

forked = pytest.mark.skipif(not hasattr(os, "fork") or not os.path.exists("/proc/self/statm"),
                            reason="children are forked on Linux")


@forked
@pytest.mark.parametrize("kind", sound_files.FORMATS)
def test_damaged_files_are_refused(kind, run_python):
    needed = sound_files.NEEDED.get(kind)
    if needed and importlib.util.find_spec(needed) is None:
        pytest.skip(f"{needed} is not installed")
    run = run_python(mutants.__file__, kind, "--count", 40, timeout=900)
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.startswith(f"{kind}: 40 mutants, ") and "refused" in run.stdout and "loaded" in run.stdout
    assert " 0 of the corpus" not in run.stdout


@forked
@pytest.mark.long
def test_hostile_files_are_refused_soon(run_python):
    """In little time and memory, by errors that name them."""
    if importlib.util.find_spec("PIL") is None:
        pytest.skip("Pillow is not installed")
    run = run_python(hostile.__file__, timeout=900)
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.count(": refused: ") == len(hostile.CASES) > 20


@forked
def test_what_goes_wrong_is_seen(tmp_path, monkeypatch):
    """Crashes, hangs, memory, files elsewhere and other errors."""
    path = str(tmp_path / "mutant")

    def refuse(_):
        raise ValueError("another file is damaged")

    wrong = {
        "crash by signal 11": lambda path: os.kill(os.getpid(), 11),
        "unclean error": lambda path: 1 / 0, "too much memory": lambda path: bytearray(2 << 30),
        "touched other files or ran something": lambda path: open(tmp_path.parent / "other", "w"),
    }
    assert {name: mutants.child(path, act)[0] for name, act in wrong.items()} == {name: name for name in wrong}
    with monkeypatch.context() as patch:
        patch.setattr(mutants, "WAITED", 1)
        assert mutants.child(path, lambda path: signal.pause())[0] == "hang"
    assert mutants.child(path, refuse) == ("unclean error", "ValueError: another file is damaged")
    assert mutants.child(path, str) == ("loaded", "")
    with pytest.raises(KeyError):
        mutants.results("no format", 1)
