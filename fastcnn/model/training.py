"""Compiling, training, evaluating and predicting: the arguments that users give, checked."""

import numpy as np

from fastcnn import arguments, callbacks, losses, metrics, optimizers
from fastcnn.batches import data, streams
from fastcnn.model import resuming
from fastcnn.model.feeding import Feeding
from fastcnn.model.loops import Loops
from fastcnn.threads import get_num_threads


class Training(Feeding, Loops):
    """What `Sequential` can do once it is built."""

    def _reset_training(self):
        self.optimizer = self.loss = None
        self._metrics, self._given_metrics = [], []
        self._plans = {}
        self.stop_training = False
        self.history = None
        self.epochs_seen = 0
        self._standing = resuming.Standing()

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
            optimizer: name or `fastcnn.optimizers.Optimizer`. The one that the model has goes on with what it keeps; any
                other begins at step 0.
            loss: name or `fastcnn.losses.Loss`.
            metrics: names, `fastcnn.metrics.Metric`s or functions (y_true, y_pred) → values; "accuracy" picks the
                kind that fits the loss. Those given by name know which output is the answer: the largest, or in a model of
                distances the smallest. Weights of samples and classes count in them, as in Keras' weighted_metrics.

        Example:
            >>> model = fastcnn.networks.lenet5()
            >>> model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
        """
        before, self.optimizer = self.optimizer, optimizers.get(optimizer)
        goes_on = self.optimizer is before
        if not goes_on:
            self.optimizer.iterations = 0  # it may have trained another model
        self.loss = None if loss is None else losses.get(loss)
        if metrics is not None and not isinstance(metrics, (list, tuple)):
            raise TypeError(f"metrics must be a list of names, metrics or functions. Received: {metrics!r}")
        self._given_metrics = list(metrics or [])
        self._plans = {}
        self._metrics = None
        self._standing = resuming.Standing()
        if self.built:
            if not goes_on or len(self._flat.state if self._flat.state is not None else ()) != len(self.optimizer.states):
                self._flat.drop_state()
            self._resolve_metrics()

    def _resolve_metrics(self):
        self._metrics = [self._metric(m) for m in self._given_metrics]

    def _metric(self, identifier):
        best = "smallest" if self.smallest_wins else "largest"
        if identifier in ("accuracy", "acc"):
            return metrics.resolve_accuracy(self.loss.name if self.loss else None, self.output_shape, identifier, best)
        metric = metrics.get(identifier)
        if isinstance(identifier, str) and "best" in metric.config:
            metric.best = best
        return metric

    @property
    def smallest_wins(self):
        """Is the smallest output the answer? So it is where the last layer, or the loss, speaks of distances."""
        return bool(self.layers and self.layers[-1].smallest_wins or self.loss is not None and self.loss.smallest_wins)

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

    # Training

    def fit(self, x, y=None, batch_size=None, epochs=1, verbose="auto", callbacks=None, validation_split=0.0,
            validation_data=None, shuffle=True, class_weight=None, sample_weight=None, initial_epoch=0,
            steps_per_epoch=None, validation_steps=None, resume=False):
        """Trains the model, on arrays or on a source of batches (docs/training.md).

        Args:
            x, y: samples and targets. Or x alone, a source of batches (x, y) or (x, y, sample_weight): a sequence
                (`len(x)`, `x[i]`, and `on_epoch_end()` if it has it), an object with `epoch(number, first=0)`, or
                anything that can be iterated.
            batch_size: samples per step, 32 unless given; a source has its own.
            epochs: number of the last epoch (so `epochs − initial_epoch` are run).
            verbose: 0 silent, 1 a live line, 2 a line per epoch; "auto": 1 on a terminal, else 2.
            callbacks: list of `fastcnn.callbacks.Callback`, or one.
            validation_split: part of the samples, from the end, to validate on in place of training.
            validation_data: (x, y), (x, y, sample_weight) or a source of batches to validate on; given both, as in Keras,
                it is this, and nothing is split off.
            shuffle: a new order each epoch, from the model's seed and the epoch's number: of samples, or of a sequence's
                batches. Other sources order their batches themselves.
            class_weight: {label: weight}; of one-hot rows, the place of the largest entry is the label.
            sample_weight: one number per sample.
            initial_epoch: number of epochs done before.
            steps_per_epoch: steps of an epoch; None: until all samples were seen. With steps the next epoch goes on
                where the last one ended.
            validation_steps: validate on so many batches; None: on all.
            resume: go on where `load_model`'s file, or the last `fit`, left off, in the midst of an epoch if need be.
                With the same data, the same arguments and callbacks of the same classes in the same order, the bits are
                those of a training that never stopped: weights, optimizer, logs, the callbacks' states and History.
                A model that was never trained begins at the beginning.

        Returns:
            History: `.history` (lists by name), `.epoch`, `.params`. Sources of batches add "data_wait", the part of the
            epoch's time that was spent waiting for them.

        Raises:
            TypeError, ValueError: for such arguments, or such a batch.
            KeyboardInterrupt: on Ctrl-C, after the current step; the model stays as that step left it.

        Example:
            >>> model = fastcnn.Sequential([fastcnn.Input((1,)), fastcnn.layers.Dense(1)])
            >>> model.compile("sgd", "mse")
            >>> model.fit(np.arange(4.0), 2 * np.arange(4.0), epochs=2, verbose=0).epoch
            [0, 1]
            >>> model.fit(iter([(np.ones(4), np.ones(4))]), epochs=3, verbose=0, resume=True).epoch
            [0, 1, 2]
        """
        self._need_loss()
        self._need_float32("fit")
        epochs, initial_epoch = arguments.integer("epochs", epochs, 0), arguments.integer("initial_epoch", initial_epoch, 0)
        shuffle, resume = arguments.flag("shuffle", shuffle), arguments.flag("resume", resume)
        part = arguments.part("validation_split", validation_split)
        if resume and initial_epoch:
            raise ValueError(f"initial_epoch must not be given with resume=True, which knows it. Received: {initial_epoch}")
        seed, tail = self.seed if shuffle else None, None
        if streams.is_stream(x):
            streams.refuse(y=y, batch_size=batch_size, sample_weight=sample_weight, validation_split=part or None,
                           shuffle=False if not shuffle and callable(getattr(x, "epoch", None)) else None)
            batches = self._stream("steps_per_epoch", x, steps_per_epoch, class_weight, seed=seed, training=True,
                                   skip=self._standing.drawn if resume else 0)
        else:
            *arrays, sparse = self._prepared(x, y, sample_weight)
            if part and validation_data is None:
                arrays, tail = data.split(arrays, part)
            arrays[2] = data.weights(arrays[2], class_weight, arrays[1], len(arrays[0]))
            batches = self._batches("steps_per_epoch", arrays, sparse, batch_size, steps_per_epoch, seed, repeat=True)
        if tail is not None:
            validation = self._batches("validation_steps", tail, sparse, batch_size, validation_steps)
        else:
            validation = self._validation(validation_data, batch_size, validation_steps)
        if resume:
            self._standing.check(batches)
        return self._fit(batches, range(self.epochs_seen if resume else initial_epoch, epochs), resume, validation, verbose,
                         callbacks)

    def train_on_batch(self, x, y, sample_weight=None, class_weight=None):
        """One step of training on one batch.

        Returns:
            the loss, or [loss, *metrics], of this batch, before the step.
        """
        self._need_loss()
        self._need_float32("train_on_batch")
        *arrays, sparse = self._prepared(x, y, sample_weight)
        arrays[2] = data.weights(arrays[2], class_weight, y, len(arrays[0]))
        return self._once("train", arrays, sparse)

    def test_on_batch(self, x, y, sample_weight=None):
        """The loss, or [loss, *metrics], of one batch."""
        self._need_loss()
        *arrays, sparse = self._prepared(x, y, sample_weight)
        return self._once("test", arrays, sparse)

    def hessian_diagonal(self, x, y, sample_weight=None):
        """Second derivatives of the mean loss along each parameter, by Gauss and Newton, layer by layer.

        What `optimizers.SDLM` divides its steps by: derivatives across two values are left out, and those of a weight
        that is used in many places are added up (LeCun et al. 1998, appendix C). At least 0; without the penalties of
        regularizers.

        Args:
            x, y, sample_weight: as `fit`.

        Returns:
            arrays in the order and of the shapes of `get_weights`; 0 for layers that are not trained.

        Raises:
            ValueError: a layer or the loss has no second derivatives here.

        Example:
            >>> model = fastcnn.Sequential([fastcnn.layers.Dense(1, input_shape=(2,))], seed=0)
            >>> model.compile("sgd", "mse")
            >>> [h.ravel().tolist() for h in model.hessian_diagonal([[1.0, 3.0]], [0.0])]
            [[2.0, 18.0], [2.0]]
        """
        self._need_loss()
        x, target, weight, sparse = self._prepared(x, y, sample_weight)
        flat = self._flat
        found = self._curvature(data.dense(x), target, weight, sparse)
        return [found[start:start + p.size].reshape(p.shape) for (_, p), start in zip(flat.items, flat.starts)]

    # Evaluating and predicting

    def evaluate(self, x, y=None, batch_size=None, verbose="auto", sample_weight=None, steps=None):
        """Loss and metrics over samples.

        Args:
            x, y, sample_weight, verbose: as `fit`; x may be a source of batches.
            batch_size: samples per step, 32 unless given; does not change the result.
            steps: number of batches; None: all.

        Returns:
            the loss, or [loss, *metrics].
        """
        self._need_loss()
        if streams.is_stream(x):
            streams.refuse(y=y, batch_size=batch_size, sample_weight=sample_weight)
            batches = self._stream("steps", x, steps)
        else:
            *arrays, sparse = self._prepared(x, y, sample_weight)
            batches = self._batches("steps", arrays, sparse, batch_size, steps)
        values = self._evaluate(batches, self._watchers([callbacks.Progress(verbose)], batches, verbose, self.metrics_names))
        return values if self._metrics else values[0]

    def predict(self, x, batch_size=None, verbose=0, steps=None):
        """What the model makes of samples.

        Args:
            x: samples, or a source of batches: x, or tuples of which the first is x.
            batch_size: samples per step, 32 unless given; does not change the result.
            verbose: 0 silent, 1 or "auto" a live line on a terminal.
            steps: number of batches; None: all.

        Shape:
            (N, …) → (N, *output)

        Example:
            >>> fastcnn.networks.lenet5().predict(np.zeros((2, 28, 28, 1))).shape
            (2, 10)
        """
        y = None
        if streams.is_stream(x):
            streams.refuse(batch_size=batch_size)
            batches = self._stream("steps", x, steps, targets=False)
        else:
            x = self._samples("x", x)
            batches = self._batches("steps", (x, None, None), False, batch_size, steps)
            y = np.empty((min(len(x), batches.steps * batches.size), *self.layers[-1].output_size), np.float32)
        given = [callbacks.Progress(verbose)] if verbose else []
        return self._edge(self._predict(batches, self._watchers(given, batches, verbose, []), y))

    def predict_classes(self, x, batch_size=None, verbose=0, steps=None):
        """Numbers of the classes that samples belong to: the place of the largest output, or of the smallest in a model that
        ends in `RBF`; of a single output, whether it is above one half.

        Args:
            x, batch_size, verbose, steps: as `predict`.

        Shape:
            (N, …) → (N,), integers

        Example:
            >>> fastcnn.networks.lenet5().predict_classes(np.zeros((2, 28, 28, 1))).shape
            (2,)
        """
        y = self.predict(x, batch_size, verbose, steps)
        if y.shape[-1] == 1:
            return (y[..., 0] > 0.5).astype(np.int64)
        return y.argmin(-1) if self.smallest_wins else y.argmax(-1)

    def predict_on_batch(self, x):
        """What the model makes of one batch, in a single step."""
        plan = self._plans.get("predict")
        if plan is not None and plan.half is self._half and not self._channels_first:
            with plan.lock:
                y = plan.predict(x, get_num_threads(), self._flat.version)
            if y is not None:
                return y
        x = data.dense(self._samples("x", x))
        y = np.empty((len(x), *self.layers[-1].output_size), np.float32)
        if len(x):
            self._forward(self._plan("predict", len(x)), x, y.reshape(len(x), -1), get_num_threads())
        return self._edge(y)
