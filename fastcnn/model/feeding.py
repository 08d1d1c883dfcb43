"""What users give to train on, evaluate and predict, made into batches: the checks that need the model.

A batch's arrays are those of the inputs, then the targets of the outputs, then as many weights of samples.
"""

import math
from contextlib import closing
from functools import partial
from itertools import islice
from typing import NamedTuple

import numpy as np

from fastcnn import arguments, calling
from fastcnn.batches import data, streams
from fastcnn.model import classes


def ready(model, x):
    """Builds the model by a batch, if it has not been."""
    with model._running.now:
        if not model.built and model.layers:
            model.build(np.shape(x)[1:] if np.ndim(x) != 1 else (1,))
        model._need_built()
        model._resolve()


def samples(model, name, x):
    """The arrays of samples for each of the model's inputs, as long as each other."""
    ready(model, x)
    inputs, first = model.graph.inputs, model.first
    if len(inputs) == 1:
        return [data.samples(name, _only(x, inputs[0]), inputs[0].size, first)]
    xs = by_name(name, x, model.input_names, "input")
    found = [data.samples(f"{name}[{key!r}]", part, symbol.size, first)
             for key, part, symbol in zip(model.input_names, xs, inputs)]
    if len({len(part) for part in found}) > 1:
        raise ValueError(f"{name} must hold as many samples for each input. Received: "
                         + ", ".join(f"{len(part)} for {key!r}" for key, part in zip(model.input_names, found)))
    return found


def _only(x, symbol):
    """The array for a lone input, which may come in a list or dictionary of one."""
    if isinstance(x, dict):
        return by_name("x", x, [symbol.name], "input")[0]
    wrapped = isinstance(x, (list, tuple)) and len(x) == 1 and np.ndim(x[0]) == len(symbol.size) + 1
    return x[0] if wrapped else x


def by_name(name, value, names, what):
    """The entries of a list or dictionary, one for each name.

    Args:
        name: of the argument.
        value: what was given.
        names: of the inputs or outputs.
        what: "input" or "output".
    """
    if isinstance(value, dict):
        missing, foreign = [n for n in names if n not in value], [n for n in value if n not in names]
        if missing or foreign:
            raise ValueError(f"{name} must have an array for each {what}: {', '.join(names)}. "
                             f"Received: {', '.join(map(arguments.shown, value))}")
        return [value[n] for n in names]
    if isinstance(value, (list, tuple)) and len(value) == len(names):
        return list(value)
    given = f"a list of {len(value)}" if isinstance(value, (list, tuple)) else type(value).__name__
    raise ValueError(f"{name} must be a list or dictionary of {len(names)} arrays, one for each {what}: {', '.join(names)}. "
                     f"Received: {given}")


def prepared(model, x, y, sample_weight=None, learn=False):
    """(arrays of a batch, whether the targets of each output are labels), as long as each other and not empty.

    learn: may the model take names of classes from y?
    """
    if y is None:
        hint = "; did you mean (x, y) without a bracket around both?" if isinstance(x, (tuple, list)) and len(x) == 2 else \
            "; did you mean what it returns, x()?" if callable(x) else "."
        raise ValueError(f"y must be given when x is an array; batches are taken from a sequence, an iterator or an object "
                         f"with epoch(){hint} Received: x of type {type(x).__name__}, y=None")
    if not model.built and np.ndim(x) and np.ndim(y):  # before shapes are for good
        data.same_length(x, y, sample_weight)
    xs = samples(model, "x", x)
    heads = model._heads
    single = len(heads) == 1
    ys = [y[heads[0].name] if isinstance(y, dict) and list(y) == model.output_names else y] if single else _targets(model, y)
    given = [sample_weight] if single else _weights(sample_weight, model.output_names)
    targets, weights, sparse = [], [], []
    for head, target, weight in zip(heads, ys, given):
        if head.loss is None:
            targets.append(None), weights.append(None), sparse.append(False)
            continue
        data.same_length(xs[0], target, weight)
        if len(xs[0]) == 0:
            raise ValueError("x must hold at least one sample. Received: 0 samples")
        try:
            target, labels = head.loss.prepare(classes.numbered(model, head.loss, target, learn), head.size)
        except (TypeError, ValueError) as error:
            raise error if single else type(error)(f"output {head.name!r}: {error}") from None
        targets.append(target), sparse.append(labels)
        weights.append(_counted(head.loss, target, data.weights(weight, len(target))))
    return [*xs, *targets, *weights], tuple(sparse)


def _counted(loss, target, weights):
    """Weights of samples, 0 for those that the loss does not count."""
    counts = loss.counts(target)
    if counts is None or counts.all():
        return weights
    return counts.astype(np.float32) if weights is None else np.where(counts, weights, 0).astype(np.float32)


def _targets(model, y):
    """Targets of each output; those without a loss need none."""
    names, trained = model.output_names, [head.name for head in model._heads if head.loss is not None]
    if isinstance(y, dict) and set(trained) <= set(y) <= set(names):
        return [y.get(name) for name in names]
    if len(trained) == 1 and not isinstance(y, (list, tuple, dict)):
        return [y if name == trained[0] else None for name in names]
    if isinstance(y, (list, tuple)) and len(y) == len(trained) < len(names):
        return [dict(zip(trained, y)).get(name) for name in names]
    return by_name("y", y, names, "output")


def _weights(given, names):
    """Weights of samples for each output: one array serves them all."""
    if isinstance(given, dict):
        foreign = [name for name in given if name not in names]
        if foreign:
            raise ValueError(f"sample_weight may name the outputs {', '.join(names)}. "
                             f"Received: {arguments.shown(foreign[0])}")
        return [given.get(name) for name in names]
    if isinstance(given, (list, tuple)) and len(given) == len(names) and all(w is None or np.ndim(w) for w in given):
        return list(given)
    return [given] * len(names)


def weighted(model, arrays, class_weight):
    """The arrays of a batch with the weights of classes in those of samples."""
    if class_weight is None:
        return arrays
    own, before = classes.weights(model, class_weight, arrays[len(model.graph.inputs)]), arrays[-1]
    return [*arrays[:-1], own if before is None else before * own]


def rounded(steps):
    """A number of steps, of a float as Keras took it, len(x) / 32 or np.ceil's: so many that none is missing.

    Example:
        >>> rounded(31.25), rounded(np.ceil(31.25)), rounded(5)
        (32, 32, 5)
    """
    return math.ceil(steps) if isinstance(steps, (float, np.floating)) and math.isfinite(steps) else steps


def batches_of(model, name, arrays, sparse, batch_size, steps, seed=None, repeat=False):
    """Arrays in batches; `name` is that of the argument `steps`."""
    size = arguments.integer("batch_size", 32 if batch_size is None else batch_size)
    count = len(arrays[0])
    steps = None if steps is None else arguments.integer(name, rounded(steps))
    batches = data.Batches(arrays, len(model.graph.inputs), max(1, min(size, count)), sparse, steps, seed)
    if not repeat and batches.steps > len(batches):
        calling.warn(f"{name} is {steps}, and there are {len(batches)} batches.")
        batches.steps, batches.samples = len(batches), count
    return batches


def stream_of(model, steps_name, source, steps, class_weight=None, targets=True, training=False, **options):
    """A source of batches; `steps_name` is that of the argument `steps`, options are those of a `Stream`."""
    steps = None if steps is None else arguments.integer(steps_name, rounded(steps))
    if hasattr(source, "read") and hasattr(source, "shape"):
        raise TypeError(f"{options.get('name') or 'x'} must give batches, not single images; did you mean "
                        f"images.ImageBatches(source, batch_size)? Received: an object of class {type(source).__name__}")
    prepare = partial(_batch, model, class_weight, training) if targets else partial(_unlabelled, model)
    stream = streams.Stream(source, prepare, steps, training=training, **options)
    if not model.built and model.layers:
        item = stream.peek()
        if item is streams.END:
            raise ValueError("the source of batches must hold at least one. Received: none")
        ready(model, item[0] if isinstance(item, (tuple, list)) and item else item)
    ready(model, ())
    return stream


def _batch(model, class_weight, learn, item):
    """(samples, arrays, sparse) of a batch that a source gave."""
    if not isinstance(item, (tuple, list)) or len(item) not in (2, 3):
        what = f"{len(item)} values" if isinstance(item, (tuple, list)) else type(item).__name__
        raise ValueError(f"it must be (x, y) or (x, y, sample_weight). Received: {what}")
    arrays, sparse = prepared(model, *item, learn=learn)
    arrays, inputs = weighted(model, arrays, class_weight), len(model.graph.inputs)
    return len(arrays[0]), [*map(data.dense, arrays[:inputs]), *arrays[inputs:]], sparse


def _unlabelled(model, item):
    xs = [data.dense(x) for x in samples(model, "x", item[0] if isinstance(item, tuple) and item else item)]
    if len(xs[0]) == 0:
        raise ValueError("x must hold at least one sample. Received: 0 samples")
    return len(xs[0]), xs, False


class Validation(NamedTuple):
    """Batches to validate on, or None; and when: after every so many epochs, or a list of them, counted from 1."""

    batches: object
    freq: object

    def is_due(self, epoch):
        """After this epoch, counted from 1?"""
        return self.batches is not None and (epoch % self.freq == 0 if isinstance(self.freq, int) else epoch in self.freq)


def validation(model, given, tail, batch_size, steps, own_size, freq):
    """`Validation`, of arguments of `fit`.

    Args:
        given, steps, own_size, freq: validation_data, validation_steps, validation_batch_size, validation_freq.
        tail: (arrays, sparse) that were split off, or None.
        batch_size: of training.
    """
    if given is None and tail is None:
        for name, value in (("steps", steps), ("batch_size", own_size), ("freq", None if freq == 1 else freq)):
            if value is not None:
                raise ValueError(f"validation_{name} must come with validation_data or validation_split. "
                                 f"Received: {arguments.shown(value)}")
    if isinstance(freq, (list, tuple, set, range)):
        freq = sorted({arguments.integer("validation_freq", epoch) for epoch in freq})
    elif hasattr(freq, "__index__"):
        freq = arguments.integer("validation_freq", freq)
    else:
        raise TypeError(f"validation_freq must be an integer ≥ 1, or a list of epochs. Received: {arguments.shown(freq)}")
    size = batch_size if own_size is None else arguments.integer("validation_batch_size", own_size)
    if given is None and tail is None:
        return Validation(None, freq)
    if tail is None and streams.is_stream(given):
        if own_size is not None:
            raise ValueError(f"validation_batch_size must not be given when validation_data is a source of batches. "
                             f"Received: {arguments.shown(own_size)}")
        return Validation(stream_of(model, "validation_steps", given, steps, name="validation_data"), freq)
    if tail is None:
        if not isinstance(given, (tuple, list)) or len(given) not in (2, 3):
            received = f"{len(given)} values" if isinstance(given, (tuple, list)) else arguments.shown(given)
            raise ValueError(f"validation_data must be (x, y), (x, y, sample_weight) or a source of batches. "
                             f"Received: {received}")
        try:
            tail = prepared(model, *given)
        except (TypeError, ValueError) as error:
            raise type(error)(f"validation_data: {error}") from None
    return Validation(batches_of(model, "validation_steps", *tail, size, steps), freq)


def edge(model, y):
    """Predictions as users see them."""
    return np.ascontiguousarray(y.transpose(0, 3, 1, 2)) if model.first and y.ndim == 4 else y


def first_samples(batches, epoch, count):
    """(x, target, sample_weight, whether targets are labels) of the first `count` samples of an epoch, copied.

    Args:
        batches: a `data.Batches` or `streams.Stream`.

    Raises:
        ValueError: a source that cannot be gone through twice.
    """
    if batches.timed and (batches.one_shot or batches.limit and batches.length is None):
        raise ValueError("this optimizer looks at the first samples of an epoch before it begins, so the source must be one "
                         "that can be gone through again: a sequence, or an object with epoch(). Received: "
                         f"{type(batches.source).__name__}")
    parts, left = [], count
    with closing(batches.epoch(epoch)) as items:
        for n, arrays, sparse in islice(items, batches.steps):
            parts.append(([None if a is None else np.array(a[:left]) for a in arrays], sparse))
            left -= min(n, left)
            if not left:
                break
    columns = zip(*(arrays for arrays, _ in parts))
    return *(None if column[0] is None else np.concatenate(column) for column in columns), parts[0][1]
