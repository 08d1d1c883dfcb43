"""Training in several processes: what they agree on, and which samples each of them reads."""

import hashlib
from contextlib import contextmanager

from fastcnn import arguments
from fastcnn.engine.sharing import Share

_PARTS = "rank", "size", "exact", "gather", "add", "begin", "end", "agree", "fail"


def ranks(distribute):
    """The argument of `fit`, checked; None: this process trains alone."""
    missing = [part for part in _PARTS if not hasattr(distribute, part)]
    if distribute is not None and (missing or isinstance(distribute, type)):
        raise TypeError(f"distribute must be fastcnn.distributed.MPI() or None. Received: {arguments.shown(distribute)}")
    return distribute if distribute is not None and distribute.size > 1 else None


def begin(model, ranks, batches, validation, epochs):
    """Lets each process read its own samples, if all are about to do the same.

    Raises:
        ValueError: they are not: they must begin with the same weights and go through the same batches.
    """
    told = {"weights": _digest(model), "seed": model.seed, "epoch": [epochs.start, epochs.stop, model._standing.step],
            "batches": [batches.steps, batches.samples, batches.batch_size],
            "validation": validation and [validation.steps, validation.samples, validation.batch_size]}
    found = ranks.agree(told)
    for rank, other in enumerate(found):
        odd = [name for name in told if other[name] != found[0][name]]
        if odd:
            seed = "; give the model a seed, or call fastcnn.set_random_seed" if "seed" in odd else ""
            raise ValueError(f"all processes must begin alike{seed}. Received: another {', another '.join(odd)} on rank "
                             f"{rank} than on rank 0")
    for each in (batches, validation):
        if each is not None:
            each.share = Share(ranks)


def leave(batches, validation):
    """Ends that."""
    for each in (batches, validation):
        if each is not None:
            each.share = None


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
        batches.share.gather(n, [x for x in arrays[:len(model.graph.inputs)] if len(x)])


def settle(model, batches, plan, n, arrays):
    """Sees to it that this process has the samples that its part of the plan is about. Which those are, the first batch's
    reader did not know."""
    plan.parted = batches.share is not None
    if plan.parted and batches.share.chunk != plan.share.chunk:
        complete(model, batches, n, arrays)
        batches.share.chunk = plan.share.chunk


def stops(model, ranks):
    """Has training been stopped, in any process?"""
    if ranks:
        model.stop_training = any(ranks.agree(bool(model.stop_training)))
    return model.stop_training
