"""What takes a night: many random convolutions, damaged files and killed saves, counted.

    python tests/long.py [--seeds 5] [--convolutions 1000] [--files 10000] [--kills 1000]

Of convolutions it prints m: the largest error of an element, in units of 2⁻²³ · s, where s is the largest 2-norm of the
products that are added up into one element; worst, and the 99th percentile over all configurations. By Winograd's
algorithms the largest error as a part of the largest output, and that in the 2-norm. Ends with code 1 if a file crashed or
hung its reader, took too much memory or raised an unclean error, or if a killed save lost a file.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np
from buffers import normal
from building import CORES
from mutants import bad
from sound_files import FORMATS
from test_io import KILLER
from test_ops_random import either, gradients, random_conv2d
from test_winograd_lanes import errors as errors_of_rows
from test_winograd_lanes import random_layer

import fastcnn
from fastcnn import ops, reference

_NAMES = "y", "dx", "dkernel"


def exact_conv2d(rng):
    """(x, kernel, options) of any size, as the tests have them."""
    x, kernel, _, options = random_conv2d(rng)
    return x, kernel, options


def winograd_conv2d(rng):
    """Those that Winograd's algorithms are chosen for, of few and many channels."""
    k, (in_c, out_c) = either(rng, 3, 5), (int(c) for c in 2.0 ** rng.uniform(2, 7, 2))
    height, width = (int(n) for n in rng.integers(6, 25, 2))
    x = normal(rng, (int(rng.integers(1, 4)), height, width, in_c))
    return x, normal(rng, (k, k, in_c, out_c)), {"padding": "same"}


def everything(library, dy, x, kernel, options):
    """[y, dx, dkernel]"""
    return [library.conv2d(x, kernel, **options), *gradients(library, "conv2d", dy, x, kernel, **options)]


def errors(draw, seed, number, exact):
    """For each of y, dx and dkernel (m, largest error / largest value, the same in the 2-norm)."""
    rng = np.random.default_rng([seed, number])
    x, kernel, options = draw(rng)
    dy = normal(rng, reference.conv2d(x, kernel, **options).shape)
    with fastcnn.config_context(exact=exact):
        actual = everything(ops, dy, x, kernel, options)
    expected = everything(reference, dy, x, kernel, options)
    squares = everything(reference, *(np.square(a, dtype=np.float64) for a in (dy, x, kernel)), options)
    found = []
    for a, e, s in zip(actual, expected, squares):
        off = np.abs(a - e)
        found.append((part(off.max(), 2.0**-23 * np.sqrt(s.max())), part(off.max(), np.abs(e).max()),
                      part(np.linalg.norm(off), np.linalg.norm(e))))
    return found


def part(error, whole):
    """What part of the whole an error is: none if there is none, even of nothing, as where windows see padding alone."""
    return error / whole if whole else np.inf if error else 0.0


def convolutions(seeds, count):
    """Prints the errors of convolutions."""
    for title, draw, exact in (("exact sums", exact_conv2d, True), ("by default", winograd_conv2d, False)):
        found = np.array([errors(draw, seed, number, exact) for seed in range(seeds) for number in range(count)])
        print(f"{title}: {len(found)} convolutions on {seeds} seeds")
        for name, (m, most, norm) in zip(_NAMES, found.transpose(1, 2, 0)):
            print(f"  {name}: m worst {m.max():.1f}, p99 {np.percentile(m, 99):.1f}; largest error {most.max():.1e} of the "
                  f"largest value, {norm.max():.1e} in the 2-norm", flush=True)


def rows_in_tiles(seeds, count):
    """Prints the errors of convolutions in lanes, of the passes that Winograd's algorithm along rows computes."""
    found = {}
    for seed in range(seeds):
        for number in range(count):
            layer = random_layer(np.random.default_rng([seed, number]))
            for name, (algorithm, most, norm) in errors_of_rows(*layer).items():
                found.setdefault((algorithm, name), []).append((most, norm))
    print(f"in lanes: {seeds * count} convolutions on {seeds} seeds")
    for (algorithm, name), passes in sorted(found.items()):
        most, norm = np.max(passes, axis=0)
        print(f"  {algorithm} {name}, {len(passes)}: largest error {most:.1e} of the largest, {norm:.1e} in the 2-norm",
              flush=True)


def kills(count):
    """Prints what became of saves that were killed; 1 if a file was lost."""
    package = os.path.dirname(os.path.dirname(fastcnn.io.__file__))
    with tempfile.TemporaryDirectory() as folder:
        run = subprocess.run([sys.executable, "-c", KILLER, package, os.path.join(folder, "f"), str(count)],
                             capture_output=True, text=True, check=False)
    if run.returncode:
        print(f"kills: a file was lost, or the test failed\n{run.stderr}")
        return 1
    seen, interrupted = json.loads(run.stdout)
    print(f"kills: {sum(seen.values())} saves, {interrupted} of them in the midst of writing, files lost: 0")
    return 0


def main(argv=None):
    parser = argparse.ArgumentParser(description="Random convolutions, damaged files and killed saves, counted")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--convolutions", type=int, default=1000, help="of each seed")
    parser.add_argument("--files", type=int, default=10_000, help="of each format")
    parser.add_argument("--kills", type=int, default=1000)
    options = parser.parse_args(argv)
    convolutions(options.seeds, options.convolutions)
    rows_in_tiles(options.seeds, options.convolutions)
    with ProcessPoolExecutor(CORES) as processes:
        crashes = sum(processes.map(partial(bad, count=options.files), FORMATS))
    lost = kills(options.kills)
    print(f"crashes: {crashes}, lost: {lost}")
    return int(bool(crashes or lost))


if __name__ == "__main__":
    sys.exit(main())
