"""Plans run over batches: epochs of training, evaluation, prediction, and the callbacks around them.

`batches` is a `data.Batches` or a `streams.Stream`; arguments have been checked.
"""

import copy
import math
from collections.abc import Mapping
from contextlib import closing, contextmanager

import numpy as np

from fastcnn import callbacks, calling
from fastcnn.model import finite, resuming, sharing
from fastcnn.threads import get_num_threads


class Logs(Mapping):
    """Mean loss and metrics so far, read only when someone looks; `images` have been seen since the phase began."""

    def __init__(self, read, totals):
        self.read, self._totals, self._before = read, totals, totals[1]

    @property
    def images(self):
        """Number of samples since this object was made."""
        return self._totals[1] - self._before

    def __reduce__(self):
        return dict, (self.read(),)  # a copy has the means as they are now

    def end(self):
        """The means of the whole phase, as a dict; whoever keeps this object finds them in it, whatever comes later."""
        found = self.read()
        self.read = found.copy
        return found

    def __getitem__(self, key):
        return self.read()[key]

    def __iter__(self):
        return iter(self.read())

    def __len__(self):
        return len(self.read())

    def __repr__(self):
        return repr(self.read())


def watchers_of(model, given, batches, verbose, names, epochs=1, validation_freq=1):
    """Callbacks that have been told of the model and the numbers of a phase."""
    watchers = callbacks.CallbackList(given, model=model)
    watchers.set_params({"epochs": epochs, "steps": batches.steps, "samples": batches.samples,
                         "batch_size": batches.batch_size, "verbose": verbose, "metrics": names,
                         "validation_freq": validation_freq})
    return watchers


@contextmanager
def fresh_metrics(model):
    """A block with metrics that begin anew, and are this thread's; in the midst of an epoch they go on afterwards."""
    with model._measuring.now:
        found = model.metrics
        kept = [copy.deepcopy(resuming.metric_state(m)) for m in found] if model._standing.step else None
        for metric in found:
            metric.reset_state()
        try:
            yield
        finally:
            for metric, state in zip(found, kept or ()):
                resuming.set_metric_state(metric, state)


def no_totals(model):
    """Sums of an epoch before it has begun: of the loss, of samples, and of each output's loss where there are several."""
    return [0.0, 0] + [0.0] * (len(model._heads) if len(model._heads) > 1 else 0)


def step(model, plan, n, arrays, totals, threads):
    """Runs a batch, and adds it to sums and metrics."""
    with model._running.now:
        model._run(plan, n, arrays, threads)
        _count(model, plan, n, arrays, totals)


def _count(model, plan, n, arrays, totals):
    sums = iter([float(losses[0] if n == 1 else np.add.reduce(losses[:n], dtype=np.float64)) for losses in plan.losses])
    inputs, heads = len(model.graph.inputs), len(model._heads)
    for i, head in enumerate(model._heads):
        if head.loss is None:
            continue
        found = next(sums)
        totals[0] += found if head.weight == 1 else head.weight * found
        if heads > 1:
            totals[2 + i] += found
        if head.metrics:
            y = plan.predictions(i, n).reshape(n, *head.size)
            head.update(arrays[inputs + i], y, arrays[inputs + heads + i])
    totals[0] += n * plan.penalty()
    totals[1] += n


# Training


def fit(model, batches, epochs, resume, validation, verbose, given, ranks=None):
    """Trains over epochs; their History. ranks: the processes that share each batch."""
    history = callbacks.History()
    verbose = 0 if ranks and ranks.rank else verbose
    given = [history, *callbacks.CallbackList(given).callbacks, callbacks.Progress(verbose)]
    watchers = watchers_of(model, given, batches, verbose, model.metrics_names, epochs.stop, validation.freq)
    standing = model._standing if resume else resuming.Standing()
    if resume:
        states, arrays = standing.callbacks()
        if states:
            watchers.set_state(states)
            watchers.set_arrays(arrays)
    if not batches.timed:
        standing.rows = batches.size
    standing.watchers, model._standing = watchers, standing
    model.history, model.stop_training = history, False
    try:
        with sharing.together(ranks, model, batches, epochs, validation, watchers, standing):
            watchers.on_train_begin()
            _epochs(model, batches, epochs, validation, watchers, ranks)
            model._leave("train")
            watchers.on_train_end()
    except BaseException:
        callbacks.terminal.release()
        raise
    finally:
        standing.rest()
    return history


def _epochs(model, batches, epochs, validation, watchers, ranks):
    for epoch in epochs:
        if model.stop_training:
            break
        if epoch > epochs.start and sharing.anywhere(ranks, batches.is_dry()):
            calling.warn(f"x ran out of batches after epoch {epoch}, and training ends: an iterator runs once. Give "
                         f"an object that can be iterated anew, or steps_per_epoch.")
            break
        model.epochs_seen = epoch
        watchers.on_epoch_begin(epoch)
        logs = _epoch(model, batches, epoch, watchers, ranks)
        if validation.is_due(epoch + 1):
            model._leave("train")
            results = evaluate(model, validation.batches, watchers, float32=True, ranks=ranks)
            model._leave("test")
            logs.update({f"val_{name}": value for name, value in results.items()})
        model.epochs_seen, model._standing.step = epoch + 1, 0
        watchers.on_epoch_end(epoch, logs)


def _epoch(model, batches, epoch, watchers, ranks):
    """The steps of one epoch that are left to do; its logs."""
    standing, threads, plan = model._standing, get_num_threads(), None
    if not standing.step:
        with sharing.whole(batches):
            model.optimizer.begin_epoch(model, batches, epoch)
        standing.totals = no_totals(model)
    totals = standing.totals
    lost = not math.isfinite(totals[0])

    def results():
        found = model._results(totals)
        if batches.timed:
            found["data_wait"] = batches.waiting()
        return found

    logs = Logs(results, totals)
    with closing(batches.epoch(epoch, standing.step)) as items:
        for n, arrays, sparse in sharing.alike(ranks, model, batches, items):
            if plan is None or n > plan.batch or not model._has(plan):
                standing.rows = max(standing.rows, n)  # of the largest batch so far: the plan decides how sums are cut
                plan = model._plan("train", standing.rows, sparse, ranks=ranks)
            sharing.settle(model, batches, plan, n, arrays)
            watchers.on_train_batch_begin(standing.step)
            with model._measuring.now:
                for metric in model.metrics if not standing.step else ():
                    metric.reset_state()
                step(model, plan, n, arrays, totals, threads)
                standing.step, standing.drawn = standing.step + 1, standing.drawn + 1
            watchers.on_train_batch_end(standing.step - 1, logs)
            if not (lost or math.isfinite(totals[0])):
                lost = True
                sharing.complete(model, batches, n, arrays)
                finite.check(totals[0], model, batches, arrays, standing.step - 1, training=True)
            if model.stop_training:
                break
    if not standing.step:
        raise ValueError(f"the source of batches must hold at least one. Received: none in epoch {epoch + 1}")
    if batches.timed and batches.limit and standing.step < batches.limit and not model.stop_training:
        calling.warn(f"x ran out after {standing.step} of {batches.limit} batches of epoch {epoch + 1}, and training "
                     f"ends.")
        model.stop_training = True
    return logs.end()


def once(model, mode, arrays, sparse):
    """One batch alone: loss and metrics by name."""
    n, totals = len(arrays[0]), no_totals(model)
    plan = model._plan(mode, n, sparse)
    if not model.metrics and len(totals) == 2:
        step(model, plan, n, arrays, totals, get_num_threads())
        results = {"loss": totals[0] / n}
    else:
        with fresh_metrics(model):
            step(model, plan, n, arrays, totals, get_num_threads())
            results = model._results(totals)
    if not math.isfinite(totals[0]):
        finite.check(totals[0], model, None, arrays, 0, training=mode == "train")
    return results


# Evaluating and predicting


def evaluate(model, batches, watchers, float32=False, ranks=None):
    """Loss and metrics over batches, by name."""
    totals, plan, lost, threads = no_totals(model), None, False, get_num_threads()
    logs = Logs(lambda: model._results(totals), totals)
    watchers.on_test_begin()
    with fresh_metrics(model), closing(batches.epoch(0)) as items:
        for i, (n, arrays, sparse) in enumerate(sharing.alike(ranks, model, batches, items)):
            if plan is None or n > plan.batch or not model._has(plan):
                plan = model._plan("test", n, sparse, float32, ranks)
            sharing.settle(model, batches, plan, n, arrays)
            watchers.on_test_batch_begin(i)
            step(model, plan, n, arrays, totals, threads)
            if not (lost or math.isfinite(totals[0])):
                lost = True
                sharing.complete(model, batches, n, arrays)
                finite.check(totals[0], model, batches, arrays, i, training=False, validation=float32)
            watchers.on_test_batch_end(i, logs)
        if not totals[1]:
            raise ValueError("the source of batches must hold at least one. Received: none")
        results = logs.end()
    watchers.on_test_end(results)
    return results


def predict(model, batches, watchers, ys=None):
    """Predictions of each output for batches of samples, in the arrays ys if their number is known."""
    sizes, parts, plan, threads = [symbol.size for symbol in model.graph.outputs], [], None, get_num_threads()
    totals, inputs = [0.0, 0], len(model.graph.inputs)
    logs = Logs(dict, totals)
    watchers.on_predict_begin()
    with closing(batches.epoch(0)) as items:
        for i, (n, arrays, _) in enumerate(items):
            if plan is None or n > plan.batch or not model._has(plan):
                plan = model._plan("predict", n)
            watchers.on_predict_batch_begin(i)
            if ys is None:
                rows = [np.empty((n, *size), np.float32) for size in sizes]
                parts.append(rows)
            else:
                rows = [y[totals[1]:totals[1] + n] for y in ys]
            model._forward(plan, arrays[:inputs], [row.reshape(n, -1) for row in rows], threads)
            totals[1] += n
            watchers.on_predict_batch_end(i, logs)
    watchers.on_predict_end()
    if ys is not None:
        return ys
    if not parts:
        raise ValueError("the source of batches must hold at least one. Received: none")
    return [np.concatenate(rows) for rows in zip(*parts)]
