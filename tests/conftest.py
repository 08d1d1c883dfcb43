"""Fixtures: every ISA of this build, thread counts, a fresh Python to try things in, and pyplot."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy comes: its threads spin while they wait for small products

import fastcnn  # noqa: E402
from fastcnn import _ops  # noqa: E402

WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 1))  # of `pytest -n 2`: they share the processors
fastcnn.set_num_threads(max(1, fastcnn.get_num_threads() // WORKERS))

# In the background a shell has pytest ignore Ctrl-C, as nohup has it ignore a hang-up: what the tests start would do so, too
for name, handler in ("SIGINT", signal.default_int_handler), ("SIGHUP", lambda *_: None):
    if signal.getsignal(getattr(signal, name, signal.SIGINT)) == signal.SIG_IGN:
        signal.signal(getattr(signal, name), handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Workers begin with a half each, so that neighbours, who ask the same of the reference, stay together; who is done
    takes of the others' tests, so that all end at once."""
    from xdist.scheduler import WorkStealingScheduling

    return WorkStealingScheduling(config, log)


def pytest_report_header():
    lacking = [isa for isa in ("scalar", "neon", "avx2", "avx512") if isa not in _ops.built_isas()]
    return f"instruction sets: {', '.join(_ops.built_isas())}; not in this build: {', '.join(lacking) or 'none'}"


@pytest.fixture(params=_ops.built_isas())
def isa(request):
    """Each instruction set of this build in turn; those that this CPU lacks are skipped."""
    if request.param not in _ops.usable_isas():
        pytest.skip(f"{request.param} is not in this CPU")
    before = _ops.active_isa()
    _ops.select_isa(request.param)
    yield request.param
    _ops.select_isa(before)


@pytest.fixture(params=[1, *(pytest.param(n, marks=pytest.mark.long) for n in (2, 3)), 7], ids="{}threads".format)
def threads(request):
    """Each of these thread counts in turn, more than the machine has processors among them."""
    with fastcnn.num_threads(request.param):
        yield request.param


@pytest.fixture
def run_python():
    """Runs a new interpreter that can import fastcnn. Environment variables by keyword; None removes one."""

    def run(*arguments, timeout=300, **environment):
        source = str(Path(fastcnn.__file__).parents[1])
        path = os.pathsep.join(filter(None, (source, os.environ.get("PYTHONPATH"))))
        merged = {**os.environ, "PYTHONPATH": path, **environment}
        return subprocess.run(
            [sys.executable, *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=timeout,
            env={name: value for name, value in merged.items() if value is not None},
        )

    return run


@pytest.fixture
def exact_sums():
    """Convolutions as sums of products only: what elementwise bounds and bit for bit comparisons speak of."""
    with fastcnn.config_context(exact=True):
        yield


@pytest.fixture
def plt():
    """matplotlib's pyplot, for plots that open no window and change no settings."""
    matplotlib = pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    settings = dict(matplotlib.rcParams)
    yield pyplot
    assert dict(matplotlib.rcParams) == settings, "a plot changed matplotlib's settings"
    pyplot.close("all")
