"""Two builds of fastcnn in turn: is anything slower than it was?

`python -m benchmarks.builds OLD_PYTHON NEW_PYTHON [--rounds 41] [--only lenet5.forward …] [--threads N]`

OLD_PYTHON and NEW_PYTHON are interpreters of environments with either build installed. For each row both have a process, and
these measure in turn, in changing order, for a fifth of a second at a time or one call. A row shows the medians, and of the
ratios within each round, new to old, median and quartiles: what others do on the machine for seconds meets both. Both
networks have one seed and must predict the same within 1e-4.
"""

import argparse
import json
import subprocess

import numpy as np

CASES = [(network, stage, batch) for network, batches in (("lenet5", (1, 16, 128, 1024)), ("alexnet", (1, 32, 128)))
         for stage in ("forward", "training") for batch in batches if (network, stage, batch) != ("alexnet", "training", 1)]
_CHILD = """
import json, sys, time
import numpy as np, fastcnn
network, stage, batch, threads = json.loads(sys.argv[1])
if threads:
    fastcnn.set_num_threads(threads)
model = getattr(fastcnn.networks, network)(seed=1)
rng = np.random.default_rng(0)
x = rng.standard_normal((batch, *model.input_shape[1:]), np.float32)
y = rng.integers(0, model.output_shape[1], batch)
print(json.dumps(model.predict_on_batch(x[:2]).tolist()), flush=True)
model.compile(fastcnn.optimizers.SGD(1e-6, momentum=0.9), "sparse_categorical_crossentropy")
call = (lambda: model.predict_on_batch(x)) if stage == "forward" else (lambda: model.train_on_batch(x, y))
for _ in sys.stdin:
    call()
    start, count = time.perf_counter(), 0
    while count < 1 or time.perf_counter() < start + 0.2:
        call()
        count += 1
    print(count * batch / (time.perf_counter() - start), flush=True)
"""


class Build:
    """A process that measures when it is asked to."""

    def __init__(self, python, case, threads):
        self.process = subprocess.Popen([python, "-c", _CHILD, json.dumps([*case, threads])], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.first = json.loads(self.process.stdout.readline())

    def speed(self):
        """Images per second."""
        print(file=self.process.stdin, flush=True)
        return float(self.process.stdout.readline())


def compare(pythons, case, rounds, threads):
    """[images per second] of both builds, a row each."""
    builds = [Build(python, case, threads) for python in pythons]
    if not np.allclose(builds[0].first, builds[1].first, rtol=1e-4, atol=1e-5):
        raise SystemExit(f"{case}: the builds predict other numbers")
    speeds = np.empty((2, rounds))
    for i in range(-2, rounds):
        for k in (0, 1) if i % 2 else (1, 0):
            speeds[k, i] = builds[k].speed()  # the first rounds, numbered from the end, are measured again
    for build in builds:
        build.process.communicate()
    return speeds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old")
    parser.add_argument("new")
    parser.add_argument("--rounds", type=int, default=41)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--only", nargs="*", default=[""])
    given = parser.parse_args()
    for case in CASES:
        name = ".".join(map(str, case))
        if any(name.startswith(chosen) for chosen in given.only):
            old, new = compare((given.old, given.new), case, given.rounds, given.threads)
            low, ratio, high = np.percentile(new / old, (25, 50, 75))
            print(f"{name:22} {np.median(old):9,.1f} {np.median(new):9,.1f} images/s, {ratio:.3f} ({low:.3f} to {high:.3f})",
                  flush=True)


if __name__ == "__main__":
    main()
