"""Where the time of a network goes: milliseconds per step of its program, and what part of the machine's limits they use.

`python -m benchmarks.steps [alexnet] [--training] [--batch 32] [--threads 1] [--variant paper] [--seconds 10]`

A step's figure is processor time, that of its quickest run, summed over the threads that took part: other processes hold
it up only through memory and caches. "FMA" counts the multiply-adds of a *direct* computation; Winograd's algorithm needs
fewer.
"""

import argparse
import time

import numpy as np

import fastcnn
from benchmarks import networks, peak
from benchmarks.jobs import Settings


def plan_of(model, batch, training, threads):
    """(the model's plan, a call that runs it on one batch)."""
    x, y = networks.batch_of(model, batch)
    x = np.ascontiguousarray(x)
    if training:
        networks.compiled(model)
    with fastcnn.num_threads(threads):
        plan = model._plan("train" if training else "predict", batch, training)
    out = np.empty((batch, model.outputs[0].size[0]), np.float32)

    def run():
        if training:
            model._run(plan, batch, (x, y.astype(np.int32), np.ones(batch, np.float32)), threads)
        else:
            model._forward(plan, [x], [out], threads)

    return plan, run


def seconds_of(plan, run, threads, longest):
    """The quickest run of each step, and of all of them, in at least three runs and so many seconds."""
    run()
    seconds, best, total, start = plan.program.watch(threads), None, float("inf"), time.perf_counter()
    runs = 0
    while runs < 3 or time.perf_counter() - start < longest:
        seconds[...] = 0
        begun = time.perf_counter()
        run()
        total = min(total, time.perf_counter() - begun)
        best, runs = seconds.sum(axis=0) if best is None else np.minimum(best, seconds.sum(axis=0)), runs + 1
    plan.program.watch(0)
    return best, total, runs


def table(plan, seconds, batch):
    """Rows (layer, op, pass, algorithm, seconds, multiply-adds, phase) in order of the program's steps."""
    rows, phases = [], [n for n, (_, count, *_) in enumerate(plan.phases) for _ in range(count)]
    ops = plan.ops + [op for op, *_ in plan.joins]
    for (i, name), spent, phase in zip(plan.steps, seconds, phases):
        op = ops[i]
        layer = plan.nodes[i].layer.name if i < len(plan.nodes) and plan.nodes[i].layer is not None else ""
        products = op.cost * batch if op.w_size and name in ("forward", "data", "weights") else 0
        algorithm = op.algorithm(name) if op.name == "conv2d" and name in ("forward", "data", "weights") else ""
        rows.append((layer, op.name, name, algorithm, spent, products, phase))
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", nargs="?", default="alexnet", choices=tuple(networks.BUILDERS))
    parser.add_argument("--training", action="store_true")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--variant", default="paper", help="of alexnet")
    parser.add_argument("--seconds", type=float, default=10, help="as long as runs are repeated")
    given = parser.parse_args()
    model = networks.network(given.network, **({"variant": given.variant} if given.network == "alexnet" else {}))
    plan, run = plan_of(model, given.batch, given.training, given.threads)
    with fastcnn.num_threads(1):
        call, amount, _ = peak.contestant("fma", Settings())
    limit = amount / min(_timed(call) for _ in range(20))
    seconds, total, runs = seconds_of(plan, run, given.threads, given.seconds)
    whole = seconds.sum()
    print(f"{given.network}, {'training' if given.training else 'forward'}, batch {given.batch}, {given.threads} threads: "
          f"best of {runs} runs {total * 1e3:.1f} ms = {given.batch / total:.1f} images/s; "
          f"steps' best {whole * 1e3:.1f} ms; one core's multiply-adds {limit:.0f} GFLOP/s")
    print(f"{'phase':5} {'layer':10} {'op':22} {'pass':8} {'ms':>9} {'share':>6} {'µs/image':>9} {'FMA':>6}  algorithm")
    for layer, op, name, algorithm, spent, products, phase in table(plan, seconds, given.batch):
        part = f"{2e-9 * products / spent / limit:6.0%}" if products and spent else " " * 6
        print(f"{phase:5} {layer:10} {op:22} {name:8} {spent * 1e3:9.3f} {spent / whole:6.1%} "
              f"{spent / given.batch * 1e6:9.1f} {part}  {algorithm}")


def _timed(call):
    start = time.thread_time()
    call()
    return time.thread_time() - start


if __name__ == "__main__":
    main()
