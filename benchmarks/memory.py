"""Peak memory of training, each network in a process of its own. `python benchmarks/memory.py [--batch 128] [--steps 3]`

Peak: the most that was resident at any time (VmHWM, and ru_maxrss to compare), the images included. The loss must be finite
and change from step to step.
"""

import argparse
import json
import resource
import subprocess
import sys


def peak():
    """Most bytes ever resident in this process."""
    with open("/proc/self/status") as file:
        line = next(line for line in file if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def train(name, batch, steps):
    """Trains in this process and prints what it took as JSON."""
    import numpy as np

    import fastcnn

    imported, rng = peak(), np.random.default_rng(0)
    model = getattr(fastcnn.networks, name)(seed=0)
    model.compile(fastcnn.optimizers.SGD(0.01, momentum=0.9, weight_decay=5e-4, decoupled=False),
                  "sparse_categorical_crossentropy")
    shape, classes = model.input_shape[1:], model.output_shape[1]
    x, y = rng.standard_normal((batch, *shape), np.float32), rng.integers(0, classes, batch)
    built = peak()
    losses = [model.train_on_batch(x, y) for _ in range(steps)]
    plan = model._plans["train"]
    print(json.dumps({"peak": peak(), "rusage": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
                      "imported": imported, "built": built, "losses": losses, "parameters": 4 * model.count_params(),
                      "images": x.nbytes, "plan": plan.bytes}))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--networks", nargs="+", default=["alexnet", "lenet5"])
    parser.add_argument("--child", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        train(given.child, given.batch, given.steps)
        return
    print(f"training, batch {given.batch}, MB      peak  beyond import   weights   images   plan's arrays")
    for name in given.networks:
        command = [sys.executable, __file__, "--child", name, "--batch", str(given.batch), "--steps", str(given.steps)]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        losses = found["losses"]
        assert all(0 < loss < 100 for loss in losses) and len(set(losses)) == len(losses), f"{name} does not train: {losses}"
        assert abs(found["peak"] - found["rusage"]) < 2e6, "two accounts of the same differ"
        sizes = [found["peak"], found["peak"] - found["imported"], found["parameters"], found["images"], found["plan"]]
        print(f"{name:24}" + "".join(f"{size / 1e6:10.1f}" for size in sizes), flush=True)


if __name__ == "__main__":
    main()
