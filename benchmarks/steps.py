"""Where the time of the suite's networks goes: `fastcnn profile`, of a network with the suite's weights and images.

`python -m benchmarks.steps [alexnet] [--training] [--batch 32] [--threads 1] [--variant paper] [--seconds 10]`
"""

import argparse

import fastcnn
from benchmarks import networks
from fastcnn.model import profiling


def profile(work, training=False, batch=32, threads=1, seconds=10, **options):
    """The `Profile` of a network of `networks.BUILDERS`; `options`: of its builder."""
    model = networks.compiled(networks.network(work, **options))
    x, y = networks.batch_of(model, batch)
    with fastcnn.num_threads(threads):
        return model.profile(x, y if training else None, seconds)


def plan_of(model, batch, training, threads, run_by=None):
    """(a plan for a batch of the suite's images and so many threads, a call that runs it; run_by: on other threads)."""
    x, y = networks.batch_of(model, batch)
    if training:
        networks.compiled(model)
    with fastcnn.num_threads(threads):
        plan, _, run = profiling.prepared(model, x, y if training else None, run_by)
    return plan, run


def seconds_of(plan, run, threads, longest):
    """(the quickest processor time of each step, the quickest run, how many there were), in so many seconds."""
    runs, best, of_steps, _ = profiling.watched(plan, run, threads, longest)
    return of_steps, best, runs


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", nargs="?", default="alexnet", choices=tuple(networks.BUILDERS))
    parser.add_argument("--training", action="store_true")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--variant", default="paper", help="of alexnet")
    parser.add_argument("--seconds", type=float, default=10, help="as long as runs are repeated")
    given = parser.parse_args()
    options = {"variant": given.variant} if given.network == "alexnet" else {}
    print(profile(given.network, given.training, given.batch, given.threads, given.seconds, **options))


if __name__ == "__main__":
    main()
