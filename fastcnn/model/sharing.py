"""Training in several processes: what they agree on, and which samples each of them reads."""

import hashlib
import zlib
from contextlib import contextmanager
from itertools import chain

import numpy as np

from fastcnn import _ops, arguments
from fastcnn.batches.streams import END
from fastcnn.engine.sharing import Share

_PARTS = "rank", "size", "exact", "gather", "add", "begin", "end", "agree", "fail"
_HINTS = {"seed": "give the model a seed, or call fastcnn.set_random_seed",
          "instruction set": "FASTCNN_ISA chooses one that all have"}
_SAMPLES = 64  # of arrays, that are compared before training


def ranks(distribute):
    """The argument of `fit`, checked; None: this process trains alone."""
    missing = [part for part in _PARTS if not hasattr(distribute, part)]
    if distribute is not None and (missing or isinstance(distribute, type)):
        raise TypeError(f"distribute must be fastcnn.distributed.MPI() or None. Received: {arguments.shown(distribute)}")
    return distribute if distribute is not None and distribute.size > 1 else None


@contextmanager
def together(ranks, model, batches, epochs, validation, watchers, standing):
    """A block in which each process reads and trains on its part of the batches, if all are about to do the same; an
    exception in one ends all. ranks: None: this process trains alone.

    Raises:
        ValueError: they are not: they must begin with the same weights and go through the same batches.
    """
    if ranks is None:
        yield
        return
    from fastcnn.callbacks.agreement import Agreement  # which one process has no need of

    last, shared = Agreement(ranks), [each for each in (batches, validation.batches) if each is not None]
    last.set_model(model)
    watchers.append(last)
    watchers.mute(ranks.rank > 0)
    try:
        with last.interruptible():
            _compare(ranks, model, batches, epochs, validation, standing)
            for each in shared:
                each.share = Share(ranks)
            yield
    except BaseException as error:
        ranks.fail(error)
        raise
    finally:
        watchers.mute(False)
        for each in shared:
            each.share = None


def _compare(ranks, model, batches, epochs, validation, standing):
    optimizer = model.optimizer
    settings = [getattr(optimizer, name) for name in ("learning_rate", *optimizer.config)]
    told = {"instruction set": _ops.active_isa(), "mode": ranks.exact, "weights": _digest(model), "seed": model.seed,
            "optimizer": [type(optimizer).__name__, *settings],
            "epochs": [epochs.start, epochs.stop, standing.step], "batches": _told(batches), "data": _sums(batches),
            "validation": validation.batches and [validation.freq, _told(validation.batches), _sums(validation.batches)]}
    found = ranks.agree(told)
    for rank, other in enumerate(found):
        odd = [name for name in told if other[name] != found[0][name]]
        if odd:
            hints = "".join(f"; {hint}" for name, hint in _HINTS.items() if name in odd)
            raise ValueError(f"all processes must begin alike{hints}. Received: other {', '.join(odd)} on rank {rank} than "
                             f"on rank 0")


def _told(batches):
    return [batches.steps, batches.samples, batches.batch_size, batches.seed]


def _sums(batches):
    """Checksums of some samples; of sources `alike` compares each batch."""
    return [] if batches.timed else [_sum(a[::-(-len(a) // _SAMPLES)]) for a in batches.arrays if a is not None]


def _sum(array):
    return zlib.crc32(np.ascontiguousarray(array))


def alike(ranks, model, batches, items):
    """The items of an epoch; of a source that makes whole batches for each process, as long as they are the same for all.

    Raises:
        ValueError: a batch has another number of samples, or other targets, in another process.
    """
    if ranks is None or not batches.timed or batches.share is not None:
        yield from items
        return
    for place, item in enumerate(chain(items, [END])):
        told = [] if item is END else [item[0], *(_sum(a) for a in item[1][len(model.graph.inputs):] if a is not None)]
        found = ranks.agree(told)
        odd = [rank for rank, other in enumerate(found) if other != found[0]]
        if odd:
            counts = " and ".join(f"{(found[rank] or ['no'])[0]} samples on rank {rank}" for rank in (0, odd[0]))
            raise ValueError(f"a source must give all processes the same batches, of which each takes its part. Received: "
                             f"another batch {place}, {counts}")
        if item is not END:
            yield item


def _digest(model):
    """Of the weights and of what the optimizer keeps of them."""
    found = hashlib.sha256(str(model.optimizer.iterations).encode())
    states = model._kept()
    for parameter in model.parameters:
        for array in (parameter.value, *(states.of(parameter) if states else ())):
            found.update(array.tobytes())
    return found.hexdigest()


@contextmanager
def whole(batches):
    """A block in which all samples are read."""
    share = batches.share
    if share is not None:
        batches.share = None
    try:
        yield
    finally:
        if share is not None:
            batches.share = share


def complete(model, batches, n, arrays):
    """Brings the samples of a batch together that processes have read."""
    if batches.share is not None:
        batches.share.gather(n, arrays[:len(model.graph.inputs)])


def settle(model, batches, plan, n, arrays):
    """Sees to it that this process has the samples that its part of the plan is about. Which those are, the first batch's
    reader did not know."""
    plan.parted = batches.share is not None
    if plan.parted and batches.share.chunk != plan.share.chunk:
        complete(model, batches, n, arrays)
        batches.share.chunk = plan.share.chunk


def anywhere(ranks, found):
    """Is it so in this process, or in any that it trains with?"""
    return any(ranks.agree(bool(found))) if ranks else found
