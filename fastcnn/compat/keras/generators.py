"""Arguments of the methods that Keras once had for sources of batches, and of threads that make batches."""

import itertools

from fastcnn import arguments
from fastcnn.batches import streams
from fastcnn.compat.keras.ahead import Ahead, AheadOfIterator
from fastcnn.compat.spellings import bound, known, place, renamed, translate, warn
from fastcnn.model.feeding import rounded


def _samples(source, steps):
    """A rule for a number of samples that is a number of batches today."""

    def rule(what, old, given):
        samples = arguments.integer(old, rounded(given.pop(old)))
        size = getattr(given.get(source), "batch_size", None)
        if not isinstance(size, int):
            if not streams.is_stream(given.get(source)):
                raise ValueError(f"{old} needs batches in {source}. Received: {type(given.get(source)).__name__}")
            given[source], size = _first_size(given[source])
        place(what, given, steps, -(-samples // size), old)
        return f"{old}={samples}", f"{steps}={given[steps]}"

    return rule


THREADS = {"max_q_size": renamed("max_queue_size"), "nb_worker": renamed("workers"),
           "pickle_safe": renamed("use_multiprocessing")}
GENERATOR = {"nb_epoch": renamed("epochs"), **THREADS,
             "samples_per_epoch": _samples("generator", "steps_per_epoch"),
             "nb_val_samples": _samples("validation_data", "validation_steps")}


def threaded(given, seed, ordered=False):
    """The arguments without `workers` and its kin, which may ask for batches made ahead, in order or shuffled by a seed."""
    names = "workers", "max_queue_size", "use_multiprocessing"
    rest, threads = ({k: v for k, v in given.items() if (k in names) is wanted} for wanted in (False, True))
    if threads.pop("use_multiprocessing", False):
        raise ValueError("use_multiprocessing must be False: threads (workers=4) make batches. Received: True")
    if threads:
        workers = arguments.integer("workers", threads.get("workers", 1), 0)
        size = arguments.integer("max_queue_size", threads.get("max_queue_size", 10))
        source = rest["x"]
        if not streams.is_stream(source):
            raise ValueError(f"{', '.join(threads)} speak of a source of batches. Received: {type(source).__name__}")
        if not hasattr(source, "__len__"):
            if workers > 1:
                raise ValueError(f"workers must be 1 for a source without length: one thread runs it. Received: {workers}")
            rest["x"] = AheadOfIterator(source, size) if workers else source
        elif workers:
            shuffle = not ordered and arguments.flag("shuffle", rest.pop("shuffle", True))
            rest["x"] = Ahead(source, workers, size, seed if shuffle else None)
    return rest


def _fit_generator(generator, steps_per_epoch=None, epochs=1, verbose="auto", callbacks=None, validation_data=None,
                   validation_steps=None, class_weight=None, max_queue_size=10, workers=1, use_multiprocessing=False,
                   shuffle=True, initial_epoch=0, validation_freq=1):
    """The order of fit_generator's arguments."""


def _over_generator(generator, steps=None, max_queue_size=10, workers=1, use_multiprocessing=False, verbose=0):
    """The order of evaluate_generator's and predict_generator's arguments."""


def fit_over_batches(args, given):
    """Arguments of fit_generator as `fit` takes them."""
    given = _named("fit_generator", _fit_generator, args, given, GENERATOR)
    warn("fit_generator(generator, …)", "fit(generator, …)")
    generator = given.pop("generator")
    _need_end("steps_per_epoch", generator, given)
    if given.get("validation_data") is not None:
        _need_end("validation_steps", given["validation_data"], given)
    return {"x": generator, **given}


def over_batches(today, args, given):
    """Arguments of evaluate_generator or predict_generator as `today`, evaluate or predict, takes them."""
    rules = {**THREADS, "val_samples": _samples("generator", "steps")}
    given = _named(f"{today}_generator", _over_generator, args, given, rules)
    warn(f"{today}_generator(generator, …)", f"{today}(generator, …)")
    generator = given.pop("generator")
    _need_end("steps", generator, given)
    return {"x": generator, **given}


def _named(name, order, args, given, rules):
    """Arguments by their modern names; unknown ones are refused."""
    given = known(name, order, translate(name, bound(order, args, given), rules))
    if "generator" not in given:
        raise TypeError(f"{name} takes a generator. Received: none")
    return given


def _first_size(source):
    """(the source, the number of samples in its first batch)"""
    if hasattr(source, "__getitem__"):
        return source, len(source[0][0])
    items = iter(source)
    first = next(items)
    whole = itertools.chain([first], items) if items is source else source
    return whole, len(first[0] if isinstance(first, tuple) else first)


def _need_end(name, source, given):
    """An endless source needs a number of steps."""
    if given.get(name) is None and streams.is_stream(source) and not hasattr(source, "__len__"):
        raise ValueError(f"{name} must be given for a generator, which has no length. Received: None")
