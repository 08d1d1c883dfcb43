"""The processes of trials, of which none outlives the search."""

import json
import os
import subprocess
import sys
from contextlib import contextmanager, suppress

from fastcnn.threads import get_num_threads

_HOME = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_WORKER = f"import sys; sys.path.append({_HOME!r}); from fastcnn.search import worker; worker.main()"  # as it is found here


class Processes:
    """Starts workers.

    Args:
        jobs: how many will run at a time: each has an equal share of the threads.

    Example:
        >>> processes = Processes(2)
        >>> processes.stop(KeyboardInterrupt())
    """

    def __init__(self, jobs):
        self.threads = str(max(1, get_num_threads() // jobs))
        self.running, self.reason = set(), None

    def stop(self, reason):
        """Ends all, for good: those that begin end at once.

        Args:
            reason: the exception that says why.
        """
        self.reason = self.reason or reason
        for process in list(self.running):
            process.kill()

    @contextmanager
    def started(self, job):
        """A block with a process that has been told a job; gone when the block ends."""
        share = {"FASTCNN_NUM_THREADS": self.threads, "OMP_NUM_THREADS": self.threads}
        with subprocess.Popen([sys.executable, "-c", _WORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                              start_new_session=True, env={**os.environ, **share}) as process:
            self.running.add(process)
            try:
                if self.reason:
                    process.kill()
                with suppress(BrokenPipeError):  # it has died; its end says so
                    os.write(process.stdin.fileno(), json.dumps(job).encode() + b"\n")  # nothing is left for close to write
                yield process
            finally:
                self.running.discard(process)
                process.kill()
