"""Plans run over batches: epochs of training, evaluation, prediction, and the callbacks around them."""

import copy
import warnings
from collections.abc import Mapping
from contextlib import closing, contextmanager

import numpy as np

from fastcnn import callbacks
from fastcnn.batches import data
from fastcnn.engine.plan import Plan
from fastcnn.model import resuming
from fastcnn.threads import get_num_threads

_LARGE = 1 << 26  # bytes of a plan's arrays: not kept beside those of the next phase


class Logs(Mapping):
    """Mean loss and metrics so far, read only when someone looks; `images` have been seen since the phase began."""

    def __init__(self, read, totals):
        self.read, self._totals, self._before = read, totals, totals[1]

    @property
    def images(self):
        """Number of samples since this object was made."""
        return self._totals[1] - self._before

    def __getitem__(self, key):
        return self.read()[key]

    def __iter__(self):
        return iter(self.read())

    def __len__(self):
        return len(self.read())

    def __repr__(self):
        return repr(self.read())


class Loops:
    """What `Training` does once arguments have been checked: `batches` is a `data.Batches` or a `streams.Stream`."""

    def _plan(self, mode, batch, sparse=False, float32=False):
        threads, half = get_num_threads(), None if float32 or mode == "train" else self._half
        plan = self._plans.get(mode)
        fits = plan is not None and plan.threads >= threads and plan.sparse == sparse and plan.half is half
        if fits and (plan.batch == batch if mode == "train" else plan.batch >= batch):
            return plan
        if mode == "train":
            self._flat.prepare_training(len(self.optimizer.states), self.optimizer.initial)
        plan = Plan(self.layers, mode, batch, threads, None if mode == "predict" else self.loss, self.optimizer,
                    self._flat, self.seed, sparse, half)
        self._plans[mode] = plan
        return plan

    def set_curvature(self, batches, epoch, count, more=0.0):
        """Puts the Hessian's diagonal, estimated on the first `count` samples of an epoch, where the optimizer reads it, and
        `more` on top of it."""
        from fastcnn.engine.curvature import first_samples

        self._flat.prepare_training(1)
        self._flat.state[0] = self._curvature(*first_samples(batches, epoch, count)) + np.float32(more)

    def _curvature(self, x, target, weight, sparse):
        """The Hessian's diagonal over some samples, flat."""
        from fastcnn.engine.curvature import Curvature  # for SDLM and whoever asks for second derivatives

        plan = self._plans.get("curvature")
        if plan is None or plan.sparse != sparse:
            self._plans["curvature"] = plan = Curvature(self.layers, self.loss, self._flat, sparse)
        return plan.estimate(x, target, weight, get_num_threads())

    def _leave(self, mode):
        """Gives up the plan of a phase that has ended, if it is large; the next such phase makes it anew."""
        plan = self._plans.get(mode)
        if plan is not None and plan.bytes > _LARGE:
            del self._plans[mode]

    def _run(self, plan, n, arrays, threads):
        x, target, weight = arrays
        with plan.lock:
            plan.set_input(x)
            if plan.mode != "predict":
                plan.set_target(target, weight)
            plan.run(n, threads, self._flat.version)
        if plan.training:
            self._flat.version += 1

    def _forward(self, plan, x, y, threads):
        with plan.lock:
            plan.set_input(x)
            plan.set_output(y)
            plan.run(len(x), threads, self._flat.version)

    def _count(self, plan, n, arrays, totals):
        losses = plan.losses[0] if n == 1 else np.add.reduce(plan.losses[:n], dtype=np.float64)
        totals[0] += float(losses) + n * plan.penalty()
        totals[1] += n
        if self._metrics:
            y = plan.predictions(n)
            for metric in self._metrics:
                metric.update_state(arrays[1], y, arrays[2])

    def _results(self, totals):
        return {"loss": totals[0] / max(totals[1], 1), **{m.name: m.result() for m in self._metrics}}

    @contextmanager
    def _fresh_metrics(self):
        """A block with metrics that begin anew; in the midst of an epoch they go on afterwards."""
        kept = [copy.deepcopy(resuming.metric_state(m)) for m in self._metrics] if self._standing.step else None
        for metric in self._metrics:
            metric.reset_state()
        try:
            yield
        finally:
            for metric, state in zip(self._metrics, kept or ()):
                resuming.set_metric_state(metric, state)

    # Training

    def _watchers(self, given, batches, verbose, names, epochs=1):
        watchers = callbacks.CallbackList(given, model=self)
        watchers.set_params({"epochs": epochs, "steps": batches.steps, "samples": batches.samples,
                             "batch_size": batches.batch_size, "verbose": verbose, "metrics": names})
        return watchers

    def _fit(self, batches, epochs, resume, validation, verbose, given):
        history = callbacks.History()
        given = [history, *callbacks.CallbackList(given).callbacks, callbacks.Progress(verbose)]
        watchers = self._watchers(given, batches, verbose, self.metrics_names, epochs.stop)
        standing = self._standing if resume else resuming.Standing()
        if resume:
            states, arrays = standing.callbacks()
            if states:
                watchers.set_state(states)
                watchers.set_arrays(arrays)
        if not batches.timed:
            standing.rows = batches.size
        standing.watchers, self._standing = watchers, standing
        self.history, self.stop_training = history, False
        try:
            watchers.on_train_begin()
            self._epochs(batches, epochs, validation, watchers)
            self._leave("train")
            watchers.on_train_end()
        except BaseException:
            callbacks.terminal.release()
            raise
        return history

    def _epochs(self, batches, epochs, validation, watchers):
        for epoch in epochs:
            if self.stop_training:
                break
            if epoch > epochs.start and batches.is_dry():
                warnings.warn(f"x ran out of batches after epoch {epoch}, and training ends: an iterator runs once. Give "
                              f"an object that can be iterated anew, or steps_per_epoch.", stacklevel=4)
                break
            self.epochs_seen = epoch
            watchers.on_epoch_begin(epoch)
            logs = self._epoch(batches, epoch, watchers)
            if validation is not None:
                self._leave("train")
                values = self._evaluate(validation, watchers, float32=True)
                self._leave("test")
                logs.update({f"val_{name}": value for name, value in zip(self.metrics_names, values)})
            self.epochs_seen, self._standing.step = epoch + 1, 0
            watchers.on_epoch_end(epoch, logs)

    def _epoch(self, batches, epoch, watchers):
        """The steps of one epoch that are left to do; its logs."""
        standing, threads, plan = self._standing, get_num_threads(), None
        if not standing.step:
            self.optimizer.begin_epoch(self, batches, epoch)
            standing.totals = [0.0, 0]
            for metric in self._metrics:
                metric.reset_state()
        totals = standing.totals

        def results():
            found = self._results(totals)
            if batches.timed:
                found["data_wait"] = batches.waiting()
            return found

        logs = Logs(results, totals)
        with closing(batches.epoch(epoch, standing.step)) as items:
            for n, arrays, sparse in items:
                if plan is None or n > plan.batch:
                    standing.rows = max(standing.rows, n)  # of the largest batch so far: the plan decides how sums are cut
                    plan = self._plan("train", standing.rows, sparse)
                watchers.on_train_batch_begin(standing.step)
                self._run(plan, n, arrays, threads)
                self._count(plan, n, arrays, totals)
                standing.step, standing.drawn = standing.step + 1, standing.drawn + 1
                watchers.on_train_batch_end(standing.step - 1, logs)
                if self.stop_training:
                    break
        if not standing.step:
            raise ValueError(f"the source of batches must hold at least one. Received: none in epoch {epoch + 1}")
        if batches.timed and batches.limit and standing.step < batches.limit and not self.stop_training:
            warnings.warn(f"x ran out after {standing.step} of {batches.limit} batches of epoch {epoch + 1}, and training "
                          f"ends.", stacklevel=5)
            self.stop_training = True
        return results()

    def _once(self, mode, arrays, sparse):
        n, arrays[0] = len(arrays[0]), data.dense(arrays[0])
        plan, totals = self._plan(mode, n, sparse), [0.0, 0]
        if not self._metrics:
            self._run(plan, n, arrays, get_num_threads())
            self._count(plan, n, arrays, totals)
            return totals[0] / n
        with self._fresh_metrics():
            self._run(plan, n, arrays, get_num_threads())
            self._count(plan, n, arrays, totals)
            return list(self._results(totals).values())

    # Evaluating and predicting

    def _evaluate(self, batches, watchers, float32=False):
        totals, plan, threads = [0.0, 0], None, get_num_threads()
        logs = Logs(lambda: self._results(totals), totals)
        watchers.on_test_begin()
        with self._fresh_metrics(), closing(batches.epoch(0)) as items:
            for i, (n, arrays, sparse) in enumerate(items):
                if plan is None or n > plan.batch:
                    plan = self._plan("test", n, sparse, float32)
                watchers.on_test_batch_begin(i)
                self._run(plan, n, arrays, threads)
                self._count(plan, n, arrays, totals)
                watchers.on_test_batch_end(i, logs)
            if not totals[1]:
                raise ValueError("the source of batches must hold at least one. Received: none")
            results = self._results(totals)
        watchers.on_test_end(results)
        return list(results.values())

    def _predict(self, batches, watchers, y=None):
        """Predictions for batches of samples, in the array y if their number is known."""
        size, rows, plan, threads = self.layers[-1].output_size, [], None, get_num_threads()
        totals = [0.0, 0]
        logs = Logs(dict, totals)
        watchers.on_predict_begin()
        with closing(batches.epoch(0)) as items:
            for i, (n, arrays, _) in enumerate(items):
                if plan is None or n > plan.batch:
                    plan = self._plan("predict", n)
                watchers.on_predict_batch_begin(i)
                if y is None:
                    rows.append(np.empty((n, *size), np.float32))
                part = rows[-1] if y is None else y[totals[1]:totals[1] + n]
                self._forward(plan, arrays[0], part.reshape(n, -1), threads)
                totals[1] += n
                watchers.on_predict_batch_end(i, logs)
        watchers.on_predict_end()
        if y is not None:
            return y
        if not rows:
            raise ValueError("the source of batches must hold at least one. Received: none")
        return np.concatenate(rows)
