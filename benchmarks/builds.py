"""Two builds of fastcnn in turn: is anything slower than it was?

`python -m benchmarks.builds OLD_PYTHON NEW_PYTHON [--rounds 9] [--only lenet5.forward …] [--threads N]`

OLD_PYTHON and NEW_PYTHON are interpreters of environments with either build installed. Each round starts a process of each,
in changing order, which measures for half a second after it has warmed up; a row is the ratio of the medians, new to old,
with the ratios of the quartiles. Both build the same network from one seed and must predict the same within 1e-4.
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
first = model.predict_on_batch(x[:2]).tolist()
model.compile(fastcnn.optimizers.SGD(1e-6, momentum=0.9), "sparse_categorical_crossentropy")
call = (lambda: model.predict_on_batch(x)) if stage == "forward" else (lambda: model.train_on_batch(x, y))
call()
start, count = time.perf_counter(), 0
while time.perf_counter() < start + 0.3:
    call()
start = time.perf_counter()
while count < 2 or time.perf_counter() < start + 0.5:
    call()
    count += 1
print(json.dumps([count * batch / (time.perf_counter() - start), first]))
"""


def measured(python, case, threads):
    """(images per second, predictions) of a build, in a process of its own."""
    output = subprocess.run([python, "-c", _CHILD, json.dumps([*case, threads])], check=True, capture_output=True, text=True)
    return json.loads(output.stdout)


def compare(pythons, case, rounds, threads):
    """[images per second] of both builds, a row each."""
    speeds = []
    for i in range(rounds):
        both = [measured(python, case, threads) for python in (pythons if i % 2 == 0 else pythons[::-1])]
        (old, first), (new, second) = both if i % 2 == 0 else both[::-1]
        if not np.allclose(first, second, rtol=1e-4, atol=1e-5):
            raise SystemExit(f"{case}: the builds predict other numbers")
        speeds.append((old, new))
    return np.array(speeds).T


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old")
    parser.add_argument("new")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--only", nargs="*", default=[""])
    given = parser.parse_args()
    for case in CASES:
        name = ".".join(map(str, case))
        if any(name.startswith(chosen) for chosen in given.only):
            old, new = (np.percentile(row, (25, 50, 75))
                        for row in compare((given.old, given.new), case, given.rounds, given.threads))
            low, ratio, high = new / old
            print(f"{name:24} {old[1]:10,.1f} {new[1]:10,.1f} images/s, {ratio:.3f} ({low:.3f}, {high:.3f})", flush=True)


if __name__ == "__main__":
    main()
