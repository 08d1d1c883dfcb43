"""Group "package": what fastcnn costs to have: import time beyond NumPy's, its size installed, the wheel's."""

import statistics
import subprocess
import sys
import tempfile
import zipfile
from functools import partial
from importlib import metadata
from pathlib import Path

import fastcnn
from benchmarks import peers
from benchmarks.jobs import ROOT, Job, in_child
from benchmarks.timing import quartiles

RUNS = 15
NOT_INSTALLED = (".pyx", ".pxd", ".c", ".h", ".pyc")
DATA = "_mnist"  # the folder of bundled data


def jobs(settings):
    """Import, size installed and, except in a hurry, size of a wheel."""
    found = [Job("package", "import", _import), Job("package", "installed", _installed)]
    return found if settings.quick else [*found, Job("package", "wheel", _wheel)]


def _import(settings):
    """In new processes, in turn; the first of each finds nothing in the system's cache."""
    modules, seconds, missing = ["fastcnn", *(name for name in settings.peers if name in ("torch",))], {}, {}
    for _ in range(min(RUNS, settings.windows * 2) + 1):
        for name in modules:
            if name not in missing:
                try:
                    seconds.setdefault(name, []).append(in_child("children", "import_seconds", name))
                except RuntimeError as error:
                    missing[name] = {"error": peers.reason(error)}
    median = {name: statistics.median(runs[1:]) for name, runs in seconds.items()}
    ours = median.pop("fastcnn")
    others = {name: {"value": value, "ratio": value / ours} for name, value in median.items()}
    return {"unit": "s", "ours": ours, "quartiles": quartiles(seconds["fastcnn"][1:]), "peers": {**others, **missing}}


def _installed(settings):
    """Files that an installation has, without bundled data; peers' as they are installed here."""
    folder = Path(fastcnn.__file__).parent
    found = sum(path.stat().st_size for path in folder.rglob("*")
                if path.is_file() and DATA not in path.parts and path.suffix not in NOT_INSTALLED)
    others = {}
    for name in settings.peers:
        try:
            files = metadata.distribution(name).files or []
            size = sum(path.stat().st_size for path in map(partial(metadata.distribution(name).locate_file), files)
                       if path.is_file() and path.suffix != ".pyc")
            others[name] = {"value": size / 1e6, "ratio": size / found}
        except metadata.PackageNotFoundError:
            others[name] = {"error": "not installed"}
    return {"unit": "MB", "ours": found / 1e6, "peers": others}


def _wheel(settings):
    """A wheel of this checkout, without bundled data; there must be no sources in it."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, str(ROOT)],
                       check=True, capture_output=True)
        wheel = next(Path(folder).glob("*.whl"))
        infos = zipfile.ZipFile(wheel).infolist()
        data = sum(i.compress_size for i in infos if f"/{DATA}/" in i.filename)
        foreign = [i.filename for i in infos if i.filename.endswith((".c", ".h", ".pyx", ".pxd"))]
        if foreign:
            raise RuntimeError(f"sources in the wheel: {foreign}")
        return {"unit": "MB", "ours": (wheel.stat().st_size - data) / 1e6, "note": f"(and {data / 1e6:.1f} MB of MNIST)"}
