"""Rows measured in a process of its own, which peers may crash: what happens is told in lines of JSON."""

import json
import os
import signal
import threading

from benchmarks import suite
from benchmarks.jobs import Crashed, Settings


class _Told(Settings):
    """Settings that tell which contestant is at work.

    Args:
        tell: called with at=name.
        given: of `Settings`.
    """

    def __init__(self, tell, given):
        super().__init__(**given)
        self.tell, self.refused = tell, {}

    def at(self, name):
        """Tells, or raises what the contestant crashed by."""
        if name in self.refused:
            raise Crashed(self.refused[name])
        self.tell(at=name)


def main(given, work):
    """Measures. Standard input ends when the process that asks has ended, however it did.

    Args:
        given: arguments of `Settings`.
        work: [(a row's id, {peer that is not to be tried: how it crashed})].
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever else prints, prints on standard error
    threading.Thread(target=_end_with_input, daemon=True).start()

    def tell(**told):
        try:
            print(json.dumps(told), file=answers, flush=True)
        except OSError:  # a broken pipe: who asks has been killed
            _end()

    settings = _Told(tell, given)
    found = {job.id: job for job in suite.all_jobs(settings)}
    for name, settings.refused in work:
        tell(row=suite.measured(found[name], settings))


def _end_with_input():
    while os.read(0, 1):
        pass
    _end()


def _end():
    """Nobody wants the rows any more: ends without a word, and with it what it has started."""
    if hasattr(os, "killpg"):
        os.killpg(0, signal.SIGKILL)
    os._exit(1)
