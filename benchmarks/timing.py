"""Times contestants in turn, in windows that other processes left alone.

On a shared machine a window of time counts only if other processes used little of the CPUs in it
(/proc/stat less our own CPU time). Contestants take turns, so that slow drifts of the machine meet all of them: quote
ratios.
"""

import os
import statistics
import time

QUIET = 0.06    # share of the CPUs that others may use
WINDOW = 0.3    # seconds
SETTLE = 0.25   # seconds before a window: the threads of the last contestant's library spin for up to 0.2
LONG = 0.5      # seconds of a call that needs no call before it to warm up
WORKERS = set()  # numbers of processes that work for a contestant: theirs is our own time
LEAST = 3       # windows: if fewer were quiet, so many of the quietest count


class Timing:
    """Seconds per call of one contestant: `median`, `quartiles`, `best`, `kept` windows of `rounds`.

    Args:
        samples: (seconds per call, share of the CPUs that others used) of each round.
    """

    def __init__(self, samples):
        self.samples, self.rounds = samples, len(samples)
        kept = [samples[i][0] for i in quiet(share for _, share in samples)]
        self.kept = sum(share < QUIET for _, share in samples)
        self.median, self.quartiles, self.best = statistics.median(kept), quartiles(kept), min(kept)

    def __repr__(self):
        return f"{self.median * 1e3:.3f} ms (best {self.best * 1e3:.3f}, {self.kept} of {self.rounds} windows)"


def quiet(shares):
    """Numbers of the quiet rounds; of the quietest ones if there are too few."""
    shares = list(shares)
    found = [i for i, share in enumerate(shares) if share < QUIET]
    return found if len(found) >= LEAST else sorted(range(len(shares)), key=shares.__getitem__)[:LEAST]


def quartiles(values):
    """(lower, upper)."""
    if len(values) < 2:
        return values[0], values[0]
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, high


def ratio(ours, theirs):
    """(median, quartiles) of how many times as long they take, over the rounds in which both were left alone."""
    both = quiet(max(a, b) for (_, a), (_, b) in zip(ours.samples, theirs.samples))
    values = [theirs.samples[i][0] / ours.samples[i][0] for i in both]
    return statistics.median(values), quartiles(values)


def left_alone(ours, theirs):
    """In how many rounds both were left alone."""
    return sum(max(a, b) < QUIET for (_, a), (_, b) in zip(ours.samples, theirs.samples))


def is_watched():
    """Does this system tell what other processes use? If not, all windows count."""
    return os.path.exists("/proc/stat")


def busy():
    """(busy seconds of all CPUs, our own)."""
    if not is_watched():
        return 0.0, 0.0
    own = time.process_time() + sum(time.clock_gettime(~process << 3 | 2) for process in WORKERS)  # Linux' processes' clocks
    with open("/proc/stat") as file:
        fields = [int(v) for v in file.readline().split()[1:]]
    found = sum(fields) - fields[3] - fields[4] - (fields[8] if len(fields) > 8 else 0)
    return found / os.sysconf("SC_CLK_TCK"), own


def others_share(before, after, seconds):
    """Share of the CPUs that other processes used between two calls of `busy`."""
    used = (after[0] - before[0]) - (after[1] - before[1])
    return max(0.0, used) / (seconds * os.cpu_count())


def window_of(call, count, seconds):
    """(seconds per call, share of the CPUs that others used)."""
    time.sleep(SETTLE)
    if seconds < LONG:
        call()
    before = busy()
    start = time.perf_counter()
    for _ in range(count):
        call()
    seconds = time.perf_counter() - start
    return seconds / count, others_share(before, busy(), seconds)


def calls(call, window):
    """(calls that fill a window, seconds of one)."""
    start = time.perf_counter()
    call()
    if time.perf_counter() - start > 10 * window:  # even if it was a slow first call: one is a window
        start = time.perf_counter()
        call()
        seconds = time.perf_counter() - start
        if seconds > window:
            return 1, seconds
    start, calls = time.perf_counter(), 0
    while time.perf_counter() - start < window / 2:
        call()
        calls += 1
    seconds = (time.perf_counter() - start) / max(calls, 1)
    return max(1, round(window / seconds)), seconds


def in_turn(contestants, windows=7, window=WINDOW, most=60, longest=400, before=None):
    """Times callables in turn.

    Args:
        contestants: {name: callable without arguments}.
        windows: quiet windows wanted of each.
        window: seconds of each.
        most: windows of each at most; if too few were quiet, the quietest count.
        longest: seconds after which no round begins, once there are some.
        before: {name: called before each of its windows}.

    Returns:
        {name: Timing}
    """
    before, counts = before or {}, {}
    for name, call in contestants.items():
        before.get(name, int)()
        counts[name] = calls(call, window)
    samples = {name: [] for name in contestants}
    rounds, start = 0, time.perf_counter()
    while rounds < most and any(sum(share < QUIET for _, share in s) < windows for s in samples.values()):
        if rounds >= LEAST and time.perf_counter() - start > longest:
            break
        rounds += 1
        for name, call in contestants.items():
            before.get(name, int)()
            samples[name].append(window_of(call, *counts[name]))
    return {name: Timing(found) for name, found in samples.items()}
