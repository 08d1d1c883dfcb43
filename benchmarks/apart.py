"""Rows measured in another process (worker.py), so that a peer that crashes is missing in a row, and costs nothing else."""

import json
import os
import signal
import subprocess
from contextlib import contextmanager, suppress

from benchmarks import jobs, peers

MOST = 2  # rows in which a peer may crash before it is no longer tried


def measure(found, settings, each, begin):
    """As `suite.measure`. When the process dies, a new one measures that row again, without the peer that was at work; if
    none was, the row has that error."""
    rows, crashes = [], {}  # crashes: {peer: {row's id: how}}

    def done(row):
        rows.append(row)
        each(row)

    while left := found[len(rows):]:
        with _worker(settings, [(job.id, _refused(crashes, job.id)) for job in left]) as worker:
            for job in left:
                begin(len(rows) + 1, len(found), job.id)
                row, at = _row(worker)
                if row is None:
                    how = jobs.crashed(worker.wait())
                    if peers.is_peer(at):
                        crashes.setdefault(at, {})[job.id] = str(how)
                    else:
                        done(jobs.row(job, settings, error=jobs.describe(how), took=None))
                    break
                done(row)
    return rows


def _refused(crashes, name):
    """{peer: how it crashed} of those that are not tried in the row of this id."""
    return {peer: found.get(name) or ", ".join(f"{how} in {row}" for row, how in found.items()) + "; not tried again"
            for peer, found in crashes.items() if name in found or len(found) >= MOST}


def _row(worker):
    """(the next row, None), or, if it dies before, (None, the contestant that was at work)."""
    at = None
    for line in worker.stdout:
        told = json.loads(line) if line.endswith("\n") else {}  # it may die in a line
        if "row" in told:
            return told["row"], None
        at = told.get("at", at)
    return None, at


@contextmanager
def _worker(settings, work):
    """A block with a process that measures; it has gone when the block ends, with all that it started."""
    given = {name: value for name, value in vars(settings).items() if name != "known"}
    with subprocess.Popen(**jobs.child("worker", "main", given, work), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          start_new_session=True) as process:
        try:
            yield process
        finally:
            if hasattr(os, "killpg"):
                with suppress(ProcessLookupError, PermissionError):  # none is left; macOS: but the dead
                    os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
