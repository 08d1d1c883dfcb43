"""Times contestants in turn, in windows that other processes left alone.

On a shared machine a window of time counts only if other processes used little of the CPUs in it
(/proc/stat less our own CPU time). Contestants take turns, so that slow drifts of the machine meet all of them: quote
ratios.
"""

import os
import statistics
import time

QUIET = 0.06    # share of the CPUs that others may use
WINDOW = 0.1    # seconds
SETTLE = 0.05   # seconds before a window: the threads of the last contestant's library stop spinning


class Timing:
    """Seconds per call of one contestant: `median`, `best`, `kept` windows of `windows`."""

    def __init__(self, samples, windows):
        self.kept, self.windows = len(samples), windows
        self.median, self.best = statistics.median(samples), min(samples)

    def __repr__(self):
        return f"{self.median * 1e3:.3f} ms (best {self.best * 1e3:.3f}, {self.kept} of {self.windows} windows)"


def _cpu_seconds():
    """(busy seconds of all CPUs, our own)."""
    own = os.times()
    with open("/proc/stat") as file:
        fields = [int(v) for v in file.readline().split()[1:]]
    busy = sum(fields) - fields[3] - fields[4] - (fields[8] if len(fields) > 8 else 0)
    return busy / os.sysconf("SC_CLK_TCK"), own.user + own.system


def _window(call, count):
    """(seconds per call, share of the CPUs that others used)."""
    time.sleep(SETTLE)
    call()
    others, own = _cpu_seconds()
    start = time.perf_counter()
    for _ in range(count):
        call()
    seconds = time.perf_counter() - start
    others_after, own_after = _cpu_seconds()
    used = (others_after - others) - (own_after - own)
    return seconds / count, max(0.0, used) / (seconds * os.cpu_count())


def in_turn(contestants, windows=7, window=WINDOW, most=60):
    """Times callables in turn.

    Args:
        contestants: {name: callable without arguments}.
        windows: quiet windows wanted of each.
        window: seconds of each.
        most: windows of each at most; if too few were quiet, the quietest count.

    Returns:
        {name: Timing}
    """
    counts = {}
    for name, call in contestants.items():
        call()
        start, calls = time.perf_counter(), 0
        while time.perf_counter() - start < window / 2:
            call()
            calls += 1
        counts[name] = max(1, round(calls * window / (time.perf_counter() - start)))
    samples = {name: [] for name in contestants}
    rounds = 0
    while rounds < most and any(sum(share < QUIET for _, share in s) < windows for s in samples.values()):
        rounds += 1
        for name, call in contestants.items():
            samples[name].append(_window(call, counts[name]))
    result = {}
    for name, found in samples.items():
        quiet = [seconds for seconds, share in found if share < QUIET]
        if len(quiet) < 3:
            quiet = [seconds for seconds, _ in sorted(found, key=lambda f: f[1])[:3]]
        result[name] = Timing(quiet, rounds)
    return result
