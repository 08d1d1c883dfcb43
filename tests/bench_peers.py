"""Peers and rows for test_bench_apart.py, in the processes that it starts: some peers end their process."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

from fastcnn.cli import bench

HERE = Path(__file__).resolve().parent
suite = bench.load_suite(str(HERE.parent / "benchmarks"))
from benchmarks import jobs, networks, peers, timing  # noqa: E402


def crash(*_):
    """As a library does that reads where it must not."""
    os.kill(os.getpid(), signal.SIGSEGV)


def leave(*_):
    """As a library does that ends its program."""
    os._exit(3)


BUILDERS = {"torch": lambda *_: int, "keras": crash, "mnn": leave, "openvino": lambda *_: crash}


def row(settings):
    """What rows of networks do."""
    found, missing = networks._rivals("forward", settings, lambda name, builder: builder())
    result = jobs.timed(1, settings.in_turn({"fastcnn": int, **found}))
    result["peers"].update(missing)
    return result


def wait(settings):
    """Has a process of its own, says that it waits, and does."""
    with subprocess.Popen([sys.executable, "-c", "import time; print('waiting', flush=True); time.sleep(1000)"]):
        pass


FAKES = [*(jobs.Job("fake", name, row) for name in "abc"), jobs.Job("fake", "crash", crash), jobs.Job("fake", "wait", wait)]
CHILD = jobs.CHILD.replace(
    "found = ", f"sys.path.insert(0, {str(HERE)!r})\nimport bench_peers\nbench_peers.install()\nfound = ")


def install():
    """Has this process, and those that it starts, no other rows, and these peers in the place of the real ones."""
    jobs.CHILD, suite.GROUPS, timing.SETTLE = CHILD, {"fake": SimpleNamespace(jobs=lambda settings: FAKES)}, 0
    peers._FORMS["forward"] = {name: (name, {}) for name in BUILDERS}
    for name, forward in BUILDERS.items():
        sys.modules[f"benchmarks.peers.{peers._MODULES[name]}"] = SimpleNamespace(forward=forward)
