"""Counts the instructions of each step of LeNet-5 and of a narrow AlexNet, forward and training, and compares them with kept
ones: what no neighbour on the machine disturbs. A step, or a whole, that takes over 3 % and 2,000 instructions more fails.

    python .ci/instructions.py            compare
    python .ci/instructions.py --update   enter them into instructions.json

Callgrind (valgrind) counts; AVX2 and one thread, so that machines agree. Compilers do not: each has its own baseline, and
where there is none, nothing is counted, which is said.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

BASELINE = Path(__file__).with_suffix(".json")
GROWTH, FLOOR = 0.03, 2000  # a library's own copying differs by less than the second
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
CASES = {"lenet5.forward": 16, "lenet5.training": 16, "alexnet.forward": 4, "alexnet.training": 4}  # batch of each


def network(name):
    """The model, compiled; of zeros, as numbers do not change how many instructions there are."""
    import fastcnn
    from fastcnn import layers as L

    if name == "lenet5":
        model = fastcnn.networks.lenet5(seed=0)
    else:
        norm = {"size": 5, "alpha": 1e-4, "beta": 0.75, "k": 2}
        model = fastcnn.Sequential([
            L.Conv2D(24, 11, strides=4, activation="relu", name="conv1", input_shape=(227, 227, 3)),
            L.LocalResponseNormalization(**norm, name="norm1"), L.MaxPooling2D(3, 2, name="pool1"),
            L.Conv2D(64, 5, padding="same", groups=2, activation="relu", name="conv2"),
            L.LocalResponseNormalization(**norm, name="norm2"), L.MaxPooling2D(3, 2, name="pool2"),
            L.Conv2D(96, 3, padding="same", activation="relu", name="conv3"),
            L.Conv2D(96, 3, padding="same", groups=2, activation="relu", name="conv4"),
            L.Conv2D(64, 3, padding="same", groups=2, activation="relu", name="conv5"), L.MaxPooling2D(3, 2, name="pool5"),
            L.Flatten(name="flatten"), L.Dense(1024, "relu", name="fc6"), L.Dropout(0.5, name="drop6"),
            L.Dense(1024, "relu", name="fc7"), L.Dropout(0.5, name="drop7"), L.Dense(10, "softmax", name="fc8")], seed=0)
    optimizer = fastcnn.optimizers.SGD(1e-6, momentum=0.9, weight_decay=5e-4, decoupled=False)
    model.compile(optimizer, "sparse_categorical_crossentropy")
    return model


def run(case):
    """What callgrind looks at: each step of the plan by itself, so that it can tell them apart. Prints their names."""
    import numpy as np

    from fastcnn import _ops

    class Apart(_ops.Program):
        """A program in which every step is a phase."""

        def __new__(cls, ops, steps, phases, unit=0):
            return super().__new__(cls, ops, steps, [(i, 1, chunk, parts) for first, count, chunk, parts in phases
                                                     for i in range(first, first + count)], unit)

    _ops.Program = Apart
    model, n = network(case.split(".")[0]), CASES[case]
    x, y = np.zeros((n, *model.input_shape[1:]), np.float32), np.zeros(n, np.int64)
    if case.endswith("forward"):
        model.predict_on_batch(x)
        plan = model._plans["predict"]
    else:
        model.train_on_batch(x, y)
        plan = model._plans["train"]
    ops = plan.ops + [op for op, *_ in plan.joins]
    names = []
    for i, name in plan.steps:
        layer = plan.nodes[i].layer if i < len(plan.nodes) else None
        names.append(" ".join(filter(None, (layer and layer.name, ops[i].name, name))))
    print(json.dumps(names))
    for step in range(len(names)):
        plan.program.run(n, 1, step, 1)


def count(case):
    """{step: instructions} of a case."""
    environment = {**os.environ, "FASTCNN_ISA": "avx2", "FASTCNN_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
    with tempfile.TemporaryDirectory() as folder:
        found = subprocess.run(
            ["valgrind", "--tool=callgrind", "--collect-atstart=no", "--toggle-collect=fc_run", "--dump-before=fc_run",
             f"--callgrind-out-file={folder}/out", sys.executable, __file__, "--run", case],
            env=environment, capture_output=True, text=True)
        if found.returncode:
            raise SystemExit(f"{case}: {found.stderr[-2000:]}")
        dumps = sorted(map(part, Path(folder).iterdir()))  # each has what came after the one before it
    names, counts = json.loads(found.stdout), {}
    for name, (_, instructions) in zip(names, dumps[-len(names):], strict=True):
        counts[name] = counts.get(name, 0) + instructions
    return counts


def part(path):
    """(number, instructions) of one dump."""
    text = path.read_text(errors="replace")
    return tuple(int(re.search(rf"^{word}: (\d+)", text, re.MULTILINE)[1]) for word in ("part", "totals"))


def compare(case, now, was):
    """Lines on what grew too much."""
    both = [("in all", sum(now.values()), sum(was.values()))] + [(name, now[name], was[name]) for name in now if name in was]
    yield from (f"{case}, {name}: {before:,} → {after:,} instructions ({after / max(before, 1) - 1:+.1%})"
                for name, after, before in both if after > before * (1 + GROWTH) + FLOOR)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--run", choices=CASES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        run(options.run)
        return 0
    from fastcnn import _ops

    known, compiler, grown = json.loads(BASELINE.read_text()), _ops.compiler(), []
    lacks = ("valgrind" if shutil.which("valgrind") is None else "avx2" if "avx2" not in _ops.usable_isas() else
             f"baseline of {compiler}, but of {', '.join(known)}," if compiler not in known and not options.update else None)
    if lacks:
        print(f"SKIPPED: no {lacks} here")
        return 0
    with ThreadPoolExecutor(CORES) as pool:
        for case, now in zip(CASES, pool.map(count, CASES)):
            print(f"{case}: {sum(now.values()):,} instructions, {compiler}", flush=True)
            grown += [] if options.update else compare(case, now, known[compiler][case])
            known.setdefault(compiler, {})[case] = now
    if options.update:
        BASELINE.write_text(json.dumps(known, indent=1, ensure_ascii=False) + "\n")
    print("\n".join(grown or [f"entered into {BASELINE.name}" if options.update else "no step takes more than before"]))
    return 1 if grown else 0


if __name__ == "__main__":
    sys.exit(main())
