"""Group "scaling": images per second over batch sizes, at each number of threads, in turn."""

import os
from functools import partial

import fastcnn
from benchmarks import peak
from benchmarks.jobs import Job, timed
from benchmarks.networks import batch_of, compiled, network

BATCHES = {"lenet5": (1, 4, 16, 64, 256, 1024), "alexnet": (1, 4, 16, 64)}


def jobs(settings):
    """Both networks, both stages."""
    return [Job("scaling", work, partial(_measure, work, stage, batch), stage, batch)
            for work, batches in BATCHES.items() for stage in ("forward", "training")
            for batch in settings.batches or batches
            if not (settings.quick and work == "alexnet" and batch > 16)]


def thread_counts():
    """1, 2, 4 … and as many as are granted."""
    most = max(fastcnn.get_num_threads(), os.cpu_count() or 1)
    return sorted({2**i for i in range(most.bit_length()) if 2**i <= most} | {fastcnn.get_num_threads()})


def _measure(work, stage, batch, settings):
    model = compiled(network(work))
    x, y = batch_of(model, batch)
    call = partial(model.predict_on_batch, x) if stage == "forward" else partial(model.train_on_batch, x, y)
    before = fastcnn.get_num_threads()
    counts = thread_counts()
    try:
        call()
        needs = peak.needs(model, call.func.__name__, batch)
        result, said, _ = peak.beside({count: call for count in counts}, *needs, settings, before,
                                      before={count: partial(fastcnn.set_num_threads, count) for count in counts})
    finally:
        fastcnn.set_num_threads(before)
    found = timed(batch, {before: result[before]}, before) | said
    found["by_threads"] = {str(count): batch / result[count].median for count in counts}
    found["note"] = "; ".join(f"{count} thread{'s' * (count > 1)} {batch / result[count].median:,.4g}" for count in counts)
    return found
