"""What the suite's groups are made of: jobs, which measure rows; and what a row says."""

import json
import os
import platform
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from functools import lru_cache, partial
from importlib import metadata
from pathlib import Path
from typing import Callable

import fastcnn
from benchmarks import timing
from benchmarks.targets import TARGETS
from fastcnn import processor

ROOT = Path(__file__).resolve().parent.parent
PEERS = ("torch", "onnxruntime", "openvino", "keras", "ncnn", "mnn", "litert", "dlib", "convnetjs")
DIGITS = 5  # of what is written


class WrongResult(Exception):
    """What was to be timed computes something else."""


class Crashed(Exception):
    """A process has ended as none should: by a signal, or with an exit code."""


@dataclass
class Settings:
    """How the suite is run.

    Args:
        peers: names to compare with, of PEERS.
        quick: the large batches are left out, and no figure is official.
        windows, window, most, longest: as of `in_turn`.
        seeds: trainings per side to 99 %.
        epochs: of each of these; `digits`: images of MNIST they see (None: all).
        batches: instead of each job's own.
        photographs: folder or archive of the images group.
    """

    peers: tuple = ()
    quick: bool = False
    windows: int = 7
    window: float = timing.WINDOW
    most: int = 60
    longest: float = 400
    seeds: int = 5
    epochs: int = 3
    digits: int | None = None
    batches: list | None = None
    photographs: str | None = None
    known: dict = field(default_factory=dict)  # what jobs leave for others: ceilings

    def at(self, name):
        """Called with a contestant's name before it is built, checked or timed, and with None behind the last. It may refuse
        one, by an exception."""

    def in_turn(self, contestants, before=None, **more):
        """`timing.in_turn` as these settings say."""
        options = {"windows": self.windows, "window": self.window, "most": self.most, "longest": self.longest}
        told = {name: partial(self._before, name, (before or {}).get(name, int)) for name in contestants}
        try:
            return timing.in_turn(contestants, before=told, **{**options, **more})
        finally:
            self.at(None)

    def _before(self, name, call):
        self.at(name)
        call()


@dataclass
class Job:
    """One row, measured by `run(settings)`, which returns what `row` takes beyond the job's own words."""

    group: str
    work: str
    run: Callable
    stage: str | None = None  # the pass, such as "forward"
    batch: int | None = None

    @property
    def id(self):
        """Such as networks/alexnet.forward.32."""
        words = [self.work, self.stage, self.batch]
        return f"{self.group}/{'.'.join(str(word) for word in words if word is not None)}"


@lru_cache
def machine():
    """What a row says of where it was measured."""
    cpu = processor.facts()
    return {"cpu": processor.described(), "family": cpu["family"], "caches": cpu["caches"],
            "isa": fastcnn._ops.active_isa(), "compiler": fastcnn._ops.compiler(), "commit": _commit(),
            "versions": {"python": platform.python_version(), "fastcnn": fastcnn.__version__, **_versions()}}


def _versions():
    found = {}
    for name in ("numpy", *PEERS, "onnx"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _commit():
    """The checkout's commit, with + if files differ from it; None outside git."""
    git = ["git", "-C", str(ROOT)]
    try:
        commit = subprocess.run([*git, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=True)
        changed = subprocess.run([*git, "status", "--porcelain", "-uno"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return commit.stdout.strip() + ("+" if changed.stdout.strip() else "")


def row(job, settings, unit=None, ours=None, quartiles=None, windows=None, rounds=None, peers=None, **more):
    """A row as it is written: the job's words, what was measured, the best peer and its ratio, targets, the machine.

    Args:
        unit: of `ours` and of each peer's value.
        ours, quartiles: the median and its spread.
        windows, rounds: how many windows were quiet, of how many; None: it was not measured in windows.
        peers: {name: {"value", "ratio", "quartiles", "both"} or {"error": why not}}; ratio: how many times better we are;
            both: in how many windows both were left alone.
        more: anything else worth keeping.
    """
    found = {"id": job.id, "group": job.group, "work": job.work, "pass": job.stage, "batch": job.batch, "unit": unit,
             "ours": ours, "quartiles": quartiles, "windows": windows, "rounds": rounds, "peers": peers or {}, **more}
    able = {name: peer for name, peer in found["peers"].items() if peer.get("ratio") is not None}
    best = min(able, key=lambda name: able[name]["ratio"], default=None)
    found.update(peer=best, ratio=able[best]["ratio"] if best else None,
                 ratio_quartiles=able[best].get("quartiles") if best else None)
    found.setdefault("watched", timing.is_watched())
    found.update(_targets(job.id, found), quiet=is_quiet(found))
    found.update(threads=fastcnn.get_num_threads(), quick=settings.quick, **machine())
    return json.loads(json.dumps(found, default=float), parse_float=lambda text: float(f"{float(text):.{DIGITS}g}"))


def is_quiet(row, peer=None):
    """Was what a row says, of itself or of its ratio to a peer, seen in enough quiet windows to count? Where windows are not
    watched, or there are none, it was."""
    if row.get("rounds") is None or not row.get("watched", timing.is_watched()):
        return True
    windows = row["windows"] if peer is None else row["peers"][peer].get("both", timing.LEAST)
    return windows >= timing.LEAST


def _targets(name, found):
    """{due, after, met}: met is "after", "due" or "no"; None where there is no target, nothing to judge, or too few windows
    were quiet."""
    target = TARGETS.get(name)
    if target is None:
        return {"due": None, "after": None, "met": None}
    value = found[target.field]
    if not is_quiet(found, found["peer"] if target.field == "ratio" else None):
        value = None
    met = None if value is None else "no"
    for word in ("due", "after"):
        aim = getattr(target, word)
        if value is not None and aim is not None and (value <= aim if target.at_most else value >= aim):
            met = word
    return {"due": target.due, "after": target.after, "met": met, "judged": target.field}


def timed(batch, result, ours="fastcnn"):
    """`row`'s arguments from what `in_turn` returned: images per second, and each peer's ratio."""
    own = result[ours]
    peers = {}
    for name, other in result.items():
        if name != ours:
            times, spread = timing.ratio(own, other)
            peers[name] = {"value": batch / other.median, "ratio": times, "quartiles": spread, "windows": other.kept,
                           "both": timing.left_alone(own, other)}
    return {"unit": "images/s", "ours": batch / own.median, "quartiles": sorted(batch / t for t in own.quartiles),
            "windows": own.kept, "rounds": own.rounds, "seconds": own.median, "peers": peers}


CHILD = """
import importlib, json, sys
from importlib.util import module_from_spec, spec_from_file_location
folder, place, module, function, arguments = json.loads(sys.argv[1])
sys.path.insert(0, place)
spec = spec_from_file_location("benchmarks", folder + "/__init__.py", submodule_search_locations=[folder])
sys.modules["benchmarks"] = module_from_spec(spec)
found = getattr(importlib.import_module("benchmarks." + module), function)(*arguments)
"""


def child(module, function, *arguments, then=""):
    """What `subprocess` takes to call benchmarks.<module>.<function> in a new process, with this process' fastcnn to import;
    `then` is done with what it has `found`."""
    folder, place = str(Path(__file__).parent), str(Path(fastcnn.__file__).resolve().parents[1])
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}  # as an installed package is
    environment["FASTCNN_NUM_THREADS"] = str(fastcnn.get_num_threads())
    work = json.dumps([folder, place, module, function, arguments])
    return {"args": [sys.executable, "-c", CHILD + then, work], "env": environment, "text": True}


def in_child(module, function, *arguments):
    """What benchmarks.<module>.<function> returns in a process of its own."""
    run = subprocess.run(**child(module, function, *arguments, then="print(json.dumps(found))"), capture_output=True)
    if run.returncode < 0:
        raise crashed(run.returncode)
    if run.returncode:
        raise RuntimeError((run.stderr.strip().splitlines() or [f"exit code {run.returncode}"])[-1])
    return json.loads(run.stdout.splitlines()[-1])


def describe(error, most=300):
    """An exception in one line."""
    words = " ".join(str(error).split())
    return f"{type(error).__name__}: {words[:most]}" if words else type(error).__name__


def crashed(code):
    """The exception that tells how a process ended, by its exit code."""
    try:
        return Crashed(signal.Signals(-code).name)
    except ValueError:
        return Crashed(f"exit code {code}")
