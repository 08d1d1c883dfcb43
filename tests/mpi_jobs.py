"""Jobs of several processes that `mpiexec` starts, for the tests and for deaths.py."""

import os
import shutil
import subprocess
import sys
import sysconfig

import fastcnn

PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "ranks_program.py")
MPIEXEC = shutil.which("mpiexec", path=os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", "")]))
PATIENCE = 900  # seconds; for machines that do much else: whatever has not ended by then hangs


def has_mpi():
    """Can ranks be started?"""
    if MPIEXEC is None:
        return False
    try:
        return run(2, "-c", "from mpi4py import MPI; assert MPI.COMM_WORLD.size == 2", patience=120)[0] == 0
    except subprocess.TimeoutExpired:
        return False


def command(size, *words):
    """So many ranks of a program."""
    return [MPIEXEC, "-n", str(size), sys.executable, *map(str, words)]


def environment():
    """Where ranks find the package under test, and what lies beside this file."""
    root = os.path.dirname(os.path.dirname(os.path.abspath(fastcnn.__file__)))
    return {**os.environ, "PYTHONPATH": os.pathsep.join([root, os.path.dirname(PROGRAM)]), "FASTCNN_NUM_THREADS": "1"}


def alone(*words, **variables):
    """The `CompletedProcess` of one process that no launcher has started."""
    return subprocess.run([sys.executable, *map(str, words)], capture_output=True, text=True, timeout=PATIENCE,
                          env={**environment(), **variables})


def run(size, *words, folder=None, patience=PATIENCE):
    """(exit code, standard output, standard error) of so many ranks of a program."""
    done = subprocess.run(command(size, *words), capture_output=True, text=True, timeout=patience, env=environment(),
                          cwd=folder)
    return done.returncode, done.stdout, done.stderr
