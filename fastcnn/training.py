"""Compiling, training, evaluating and predicting: the part of a model that runs its plans."""

import math
from collections.abc import Mapping

import numpy as np

from fastcnn import arguments, callbacks, data, losses, metrics, optimizers
from fastcnn.plan import Plan
from fastcnn.threads import get_num_threads


class Logs(Mapping):
    """Mean loss and metrics so far; read only when someone looks."""

    def __init__(self, read):
        self.read = read

    def __getitem__(self, key):
        return self.read()[key]

    def __iter__(self):
        return iter(self.read())

    def __len__(self):
        return len(self.read())

    def __repr__(self):
        return repr(self.read())


class Training:
    """What `Sequential` can do once it is built."""

    def _reset_training(self):
        self.optimizer = self.loss = None
        self._metrics, self._given_metrics = [], []
        self._plans = {}
        self.stop_training = False
        self.history = None
        self.epochs_seen = 0

    def touch(self):
        """Says that parameters have changed, so that packed copies are made again."""
        self._flat.version += 1

    @property
    def version(self):
        """Changes whenever the parameters do."""
        return self._flat.version

    # Compiling

    def compile(self, optimizer="sgd", loss=None, metrics=None):
        """Chooses how the model is trained.

        Args:
            optimizer: name or `fastcnn.optimizers.Optimizer`.
            loss: name or `fastcnn.losses.Loss`.
            metrics: names, `fastcnn.metrics.Metric`s or functions (y_true, y_pred) → values; "accuracy" picks the
                kind that fits the loss.

        Example:
            >>> model = fastcnn.networks.lenet5()
            >>> model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
        """
        self.optimizer = optimizers.get(optimizer)
        self.loss = None if loss is None else losses.get(loss)
        self._given_metrics = list(metrics or [])
        self._plans = {}
        self._metrics = None
        if self.built:
            self._flat.drop_state()
            self._resolve_metrics()

    def _resolve_metrics(self):
        self._metrics = [self._metric(m) for m in self._given_metrics]

    def _metric(self, identifier):
        if identifier in ("accuracy", "acc"):
            metric = metrics.resolve_accuracy(self.loss.name if self.loss else None, self.output_shape)
            metric.name = identifier
            return metric
        return metrics.get(identifier)

    @property
    def metrics(self):
        """The metrics that `compile` was given, as objects."""
        return list(self._metrics or [])

    @property
    def metrics_names(self):
        """Names of what `evaluate` returns."""
        return ["loss", *(m.name for m in self._metrics)]

    def _need_loss(self):
        if self.loss is None:
            raise ValueError("this needs a loss: call compile(optimizer, loss) first")

    # Plans

    def _plan(self, mode, batch, sparse=False):
        threads = get_num_threads()
        plan = self._plans.get(mode)
        fits = plan is not None and plan.threads >= threads and plan.label_target == sparse
        if fits and (plan.batch == batch if mode == "train" else plan.batch >= batch):
            return plan
        if mode == "train":
            self._flat.prepare_training(self.optimizer.has_state)
        plan = Plan(self.layers, mode, batch, threads, None if mode == "predict" else self.loss, self.optimizer,
                    self._flat, self.seed, sparse)
        self._plans[mode] = plan
        return plan

    def _run(self, plan, n, arrays, threads):
        x, target, weight = arrays
        with plan.lock:
            plan.set_input(x)
            if plan.mode != "predict":
                plan.set_target(target, weight)
            plan.run(n, threads, self._flat.version)
        if plan.training:
            self._flat.version += 1

    # Training

    def fit(self, x, y, batch_size=32, epochs=1, verbose="auto", callbacks=None, validation_split=0.0,
            validation_data=None, shuffle=True, class_weight=None, sample_weight=None, initial_epoch=0):
        """Trains the model.

        Args:
            x, y: samples and targets.
            batch_size: samples per step.
            epochs: number of the last epoch (so `epochs − initial_epoch` are run).
            verbose: 0 silent, 1 a live line, 2 a line per epoch; "auto": 1 on a terminal, else 2.
            callbacks: list of `fastcnn.callbacks.Callback`.
            validation_split: part of the samples, from the end, to validate on.
            validation_data: (x, y) or (x, y, sample_weight) to validate on.
            shuffle: a new order of the samples each epoch, from the model's seed and the epoch's number.
            class_weight: {label: weight}.
            sample_weight: one number per sample.
            initial_epoch: number of epochs done before.

        Returns:
            History: `.history` (lists by name), `.epoch`, `.params`.

        Raises:
            KeyboardInterrupt: on Ctrl-C, after the current step; the model stays as that step left it.

        Example:
            >>> model = fastcnn.Sequential([fastcnn.Input((1,)), fastcnn.layers.Dense(1)])
            >>> model.compile("sgd", "mse")
            >>> model.fit(np.arange(4.0), 2 * np.arange(4.0), epochs=2, verbose=0).epoch
            [0, 1]
        """
        self._need_loss()
        batch_size, epochs = arguments.integer("batch_size", batch_size), arguments.integer("epochs", epochs, 0)
        initial_epoch = arguments.integer("initial_epoch", initial_epoch, 0)
        shuffle = arguments.flag("shuffle", shuffle)
        part = arguments.number("validation_split", validation_split, 0, below=1)
        x = self._samples("x", x)
        data.same_length(x, y, sample_weight)
        if len(x) == 0:
            raise ValueError("x must hold at least one sample. Received: 0 samples")
        target, sparse = self.loss.prepare(y, self.layers[-1].output_size)
        weight = data.weights(sample_weight, None, y, len(x))
        validation = None
        if validation_data is not None:
            if not isinstance(validation_data, (tuple, list)) or len(validation_data) not in (2, 3):
                raise ValueError(f"validation_data must be (x, y) or (x, y, sample_weight). "
                                 f"Received: {type(validation_data).__name__}")
            validation = self._prepared(*validation_data)
        elif part:
            (x, target, weight), tail = data.split((x, target, weight), part)
            validation = (*tail, sparse)
        weight = data.weights(weight, class_weight, target, len(x))
        batches = data.Batches(x, target, weight, min(batch_size, len(x)))
        return self._fit(batches, sparse, batch_size, epochs, initial_epoch, shuffle, validation, verbose, callbacks)

    def _samples(self, name, x):
        if not self.built and self.layers:
            self.build(np.shape(x)[1:] if np.ndim(x) != 1 else (1,))
        self._need_built()
        if self._metrics is None:
            self._resolve_metrics()
        return data.samples(name, x, self.layers[0].input_size, self._channels_first)

    def _prepared(self, x, y, sample_weight=None):
        x = self._samples("x", x)
        data.same_length(x, y, sample_weight)
        target, sparse = self.loss.prepare(y, self.layers[-1].output_size)
        return x, target, data.weights(sample_weight, None, y, len(x)), sparse

    def _fit(self, batches, sparse, batch_size, epochs, initial_epoch, shuffle, validation, verbose, given):
        history = callbacks.History()
        watchers = callbacks.CallbackList([history, *(given or []), callbacks.Progress(verbose)], model=self)
        watchers.set_params({"epochs": epochs, "steps": len(batches), "samples": len(batches.x),
                             "batch_size": batch_size, "verbose": verbose, "metrics": self.metrics_names})
        self.history, self.stop_training = history, False
        try:
            watchers.on_train_begin()
            self._epochs(batches, sparse, range(initial_epoch, epochs), shuffle, validation, batch_size, watchers)
            watchers.on_train_end()
        except BaseException:
            callbacks.terminal.release()
            raise
        return history

    def _epochs(self, batches, sparse, epochs, shuffle, validation, batch_size, watchers):
        for epoch in epochs:
            order = np.random.default_rng([self.seed, epoch]).permutation(len(batches.x)) if shuffle else None
            watchers.on_epoch_begin(epoch)
            logs = self._epoch(batches, sparse, order, watchers)
            if validation is not None:
                values = self._evaluate(*validation, batch_size, watchers)
                logs.update({f"val_{name}": value for name, value in zip(self.metrics_names, values)})
            self.epochs_seen = epoch + 1
            watchers.on_epoch_end(epoch, logs)
            if self.stop_training:
                break

    def _epoch(self, batches, sparse, order, watchers):
        plan = self._plan("train", batches.size, sparse)
        threads, totals = get_num_threads(), [0.0, 0]
        for metric in self._metrics:
            metric.reset_state()
        logs = Logs(lambda: self._results(totals))
        for i in range(len(batches)):
            watchers.on_train_batch_begin(i)
            n, arrays = batches.get(i, order)
            self._run(plan, n, arrays, threads)
            self._count(plan, n, arrays, totals)
            watchers.on_train_batch_end(i, logs)
            if self.stop_training:
                break
        return self._results(totals)

    def _count(self, plan, n, arrays, totals):
        totals[0] += float(plan.losses[:n].sum(dtype=np.float64))
        totals[1] += n
        if self._metrics:
            y = plan.predictions(n)
            for metric in self._metrics:
                metric.update_state(arrays[1], y, arrays[2])

    def _results(self, totals):
        return {"loss": totals[0] / max(totals[1], 1), **{m.name: m.result() for m in self._metrics}}

    def train_on_batch(self, x, y, sample_weight=None, class_weight=None):
        """One step of training on one batch.

        Returns:
            the loss, or [loss, *metrics], of this batch, before the step.
        """
        self._need_loss()
        x, target, weight, sparse = self._prepared(x, y, sample_weight)
        if class_weight is not None:
            weight = data.weights(sample_weight, class_weight, y, len(x))
        batches = data.Batches(x, target, weight, max(len(x), 1))
        return self._once("train", batches, sparse)

    def test_on_batch(self, x, y, sample_weight=None):
        """The loss, or [loss, *metrics], of one batch."""
        self._need_loss()
        x, target, weight, sparse = self._prepared(x, y, sample_weight)
        return self._once("test", data.Batches(x, target, weight, max(len(x), 1)), sparse)

    def _once(self, mode, batches, sparse):
        if len(batches.x) == 0:
            raise ValueError("x must hold at least one sample. Received: 0 samples")
        plan, totals = self._plan(mode, batches.size, sparse), [0.0, 0]
        for metric in self._metrics:
            metric.reset_state()
        n, arrays = batches.get(0)
        self._run(plan, n, arrays, get_num_threads())
        self._count(plan, n, arrays, totals)
        values = list(self._results(totals).values())
        return values if self._metrics else values[0]

    # Evaluating and predicting

    def evaluate(self, x, y, batch_size=32, verbose="auto", sample_weight=None):
        """Loss and metrics over samples.

        Args:
            x, y, sample_weight, verbose: as `fit`.
            batch_size: samples per step; does not change the result.

        Returns:
            the loss, or [loss, *metrics].
        """
        self._need_loss()
        batch_size = arguments.integer("batch_size", batch_size)
        x, target, weight, sparse = self._prepared(x, y, sample_weight)
        watchers = callbacks.CallbackList([callbacks.Progress(verbose)], model=self)
        watchers.set_params({"epochs": 1, "steps": -(-len(x) // batch_size), "samples": len(x), "batch_size": batch_size,
                             "verbose": verbose, "metrics": self.metrics_names})
        values = self._evaluate(x, target, weight, sparse, batch_size, watchers)
        return values if self._metrics else values[0]

    def _evaluate(self, x, target, weight, sparse, batch_size, watchers):
        if len(x) == 0:
            raise ValueError("x must hold at least one sample. Received: 0 samples")
        batches, totals = data.Batches(x, target, weight, min(batch_size, len(x))), [0.0, 0]
        plan, threads = self._plan("test", batches.size, sparse), get_num_threads()
        for metric in self._metrics:
            metric.reset_state()
        logs = Logs(lambda: self._results(totals))
        watchers.on_test_begin()
        for i in range(len(batches)):
            watchers.on_test_batch_begin(i)
            n, arrays = batches.get(i)
            self._run(plan, n, arrays, threads)
            self._count(plan, n, arrays, totals)
            watchers.on_test_batch_end(i, logs)
        watchers.on_test_end(self._results(totals))
        return list(self._results(totals).values())

    def predict(self, x, batch_size=32, verbose=0):
        """What the model makes of samples.

        Args:
            x: samples.
            batch_size: samples per step; does not change the result.
            verbose: 0 silent, 1 or "auto" a live line on a terminal.

        Shape:
            (N, …) → (N, *output)

        Example:
            >>> fastcnn.networks.lenet5().predict(np.zeros((2, 28, 28, 1))).shape
            (2, 10)
        """
        batch_size = arguments.integer("batch_size", batch_size)
        x = self._samples("x", x)
        y = np.empty((len(x), *self.layers[-1].output_size), np.float32)
        flat = y.reshape(len(x), math.prod(y.shape[1:]))
        batches, threads = data.Batches(x, None, None, max(1, min(batch_size, len(x)))), get_num_threads()
        plan = self._plan("predict", batches.size)
        watchers = callbacks.CallbackList([callbacks.Progress(verbose)] if verbose else [], model=self)
        watchers.set_params({"epochs": 1, "steps": len(batches), "samples": len(x), "batch_size": batch_size,
                             "verbose": verbose, "metrics": []})
        watchers.on_predict_begin()
        for i in range(len(batches)):
            watchers.on_predict_batch_begin(i)
            n, (images, _, _) = batches.get(i)
            start = i * batches.size
            self._forward(plan, images, flat[start:start + n], threads)
            watchers.on_predict_batch_end(i)
        watchers.on_predict_end()
        return self._edge(y)

    def predict_on_batch(self, x):
        """What the model makes of one batch, in a single step."""
        x = self._samples("x", x)
        x = x if x.dtype == np.float32 and x.flags.c_contiguous and x.flags.aligned else np.array(x, np.float32, order="C")
        y = np.empty((len(x), *self.layers[-1].output_size), np.float32)
        if len(x):
            self._forward(self._plan("predict", len(x)), x, y.reshape(len(x), -1), get_num_threads())
        return self._edge(y)

    def _forward(self, plan, x, y, threads):
        with plan.lock:
            plan.set_input(x)
            plan.set_output(y)
            plan.run(len(x), threads, self._flat.version)

    def _edge(self, y):
        return np.ascontiguousarray(y.transpose(0, 3, 1, 2)) if self._channels_first and y.ndim == 4 else y
