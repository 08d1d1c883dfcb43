"""Group "loaded": how much of its speed each side keeps while one other process is busy all the time.

On each round every contestant has a window beside the other process stopped, and one beside it running. What is kept is the
ratio of the two, over the rounds in which no third process took part. A peer's ratio says how many times as long it takes
beside the running process as we do there.
"""

import os
import signal
import statistics
import subprocess
import sys
import time
from contextlib import contextmanager
from functools import partial

from benchmarks import timing
from benchmarks.jobs import Job, timed
from benchmarks.networks import contestants

WORKS = (("lenet5", "training", 128), ("lenet5", "forward", 16), ("lenet5", "forward", 1024))


def jobs(settings):
    """LeNet-5, training and forward."""
    return [Job("loaded", work, partial(_measure, work, stage, batch), stage, batch) for work, stage, batch in WORKS]


@contextmanager
def neighbour():
    """A process that uses all the time it gets, stopped at first: (start, stop)."""
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as process:
        def send(number):
            process.send_signal(number)
            time.sleep(0.02)

        try:
            send(signal.SIGSTOP)
            yield partial(send, signal.SIGCONT), partial(send, signal.SIGSTOP)
        finally:
            process.kill()


def _measure(work, stage, batch, settings):
    if not hasattr(signal, "SIGSTOP"):
        raise RuntimeError("a process cannot be stopped and continued on this system")
    sides, missing = contestants(work, stage, batch, settings)
    counts, samples = {}, {name: [] for name in sides}
    for name, call in sides.items():
        settings.at(name)
        counts[name] = timing.calls(call, settings.window)
    start = time.perf_counter()
    with neighbour() as (begin, end):
        while not _enough(samples, settings.windows) and len(samples["fastcnn"]) < settings.most:
            if len(samples["fastcnn"]) >= timing.LEAST and time.perf_counter() - start > settings.longest:
                break
            for name, call in sides.items():
                settings.at(name)
                idle, others = timing.window_of(call, *counts[name])
                begin()
                busy, third = timing.window_of(call, *counts[name])
                end()
                # the neighbour has one CPU at most
                samples[name].append((idle, busy, max(others, third - 1 / (os.cpu_count() or 1))))
    settings.at(None)
    beside = {name: timing.Timing([(busy, share) for _, busy, share in found]) for name, found in samples.items()}
    kept = {name: [found[i][0] / found[i][1] for i in timing.quiet(share for *_, share in found)]
            for name, found in samples.items()}
    row, own = timed(batch, beside), kept["fastcnn"]
    for name, peer in row["peers"].items():
        peer["value"] = statistics.median(kept[name])
    return {**row, "unit": "of idle", "ours": statistics.median(own), "quartiles": timing.quartiles(own),
            "peers": {**row["peers"], **missing}}


def _enough(samples, windows):
    return all(sum(share < timing.QUIET for *_, share in found) >= windows for found in samples.values())
