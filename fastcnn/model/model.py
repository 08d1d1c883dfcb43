"""Models, and what users may ask of them: compile, fit, evaluate, predict, gradients; arguments are checked here."""

import numpy as np

from fastcnn import arguments, callbacks
from fastcnn.batches import data, streams
from fastcnn.layers.symbols import symbols_in
from fastcnn.model import feeding, loops, resuming
from fastcnn.model.configuring import symbols_of
from fastcnn.model.gradients import apply_gradients, gradients_of, probe_of
from fastcnn.model.graph import symbols
from fastcnn.model.heads import Head, loss_list, metric_lists, weight_list
from fastcnn.model.machine import Machine
from fastcnn.threads import get_num_threads


class Model(Machine):
    """A network of layers: of one or several inputs and outputs, with branches, with layers that are used twice.

    Layers are called on an `Input`, and on what other layers gave when called so. The model is what lies between inputs and
    outputs; models over the same layers share their weights. A model can be called as a layer.

    Args:
        inputs: what `Input` gave, a list or a dictionary of such; or any value that a layer gave.
        outputs: what layers gave, likewise. Names of dictionaries name inputs and outputs for arrays and losses; otherwise
            they are called as their layers.
        name: of the model.
        seed: of initial values, the order of samples and dropout; None: from `fastcnn.set_random_seed`'s source.

    Raises:
        TypeError: something else than such values.
        ValueError: outputs that depend on an input that is not given, an input without effect, names that are not unique.

    Example:
        >>> from fastcnn.layers import Add, Conv2D, Dense, Flatten
        >>> x = fastcnn.Input((8, 8, 3))
        >>> y = Conv2D(4, 3, padding="same", activation="relu")(x)
        >>> y = Add()([y, Conv2D(4, 3, padding="same")(y)])
        >>> model = fastcnn.Model(x, Dense(10, activation="softmax")(Flatten()(y)))
        >>> model.predict(np.zeros((2, 8, 8, 3))).shape
        (2, 10)
        >>> fastcnn.Model(model.input, model.get_layer("add").output).output_shape
        (None, 8, 8, 4)

    Source: Keras' functional API.
    """

    def __init__(self, inputs, outputs, name="model", seed=None):
        super().__init__(name, seed)
        self._begin()
        starts, input_names = symbols("inputs", inputs)
        ends, output_names = symbols("outputs", outputs)
        self._given_names = {"input_names": input_names, "output_names": output_names}
        self._connect_layers(starts, ends)
        self._changed()

    def _begin(self):
        super()._begin()
        self._reset_training()

    _given_names = {"input_names": None, "output_names": None}  # of dictionaries that the model was made of

    def _reset_training(self):
        self._losses = self._loss_weights = self._given_metrics = None
        self.stop_training = False
        self.history = None
        self.epochs_seen = 0
        self._standing = resuming.Standing()

    def _changed(self):
        super()._changed()
        self._heads = []

    @property
    def input_names(self):
        """Names of the inputs, as a dictionary of arrays may have them."""
        return self._given_names["input_names"] or super().input_names

    @property
    def output_names(self):
        """Names of the outputs: those of the layers that give them, unless a dictionary named them."""
        return self._given_names["output_names"] or super().output_names

    def __call__(self, x, training=False):
        """The model's output for a batch; builds the model if need be. On symbols: a part of another model.

        Args:
            x: a batch of samples; of several inputs a list or dictionary.
            training: compute as layers do in training: dropout drops, with new random numbers at each call, and
                normalizations take the statistics of this batch. Weights and moving averages stay as they are.

        Example:
            >>> model = fastcnn.Sequential([fastcnn.layers.Dropout(0.5, input_shape=(1000,))], seed=0)
            >>> bool(400 < np.count_nonzero(model(np.ones((1, 1000)), training=True)) < 600)
            True
        """
        found = symbols_in(list(x.values()) if isinstance(x, dict) else x)
        if found is not None:
            return self._connect(found)
        if not arguments.flag("training", training):
            return self.predict(x, batch_size=max(1, len(x)))
        xs = self._dense(x)
        return self._predicted(self._plan("sample", len(xs[0])), xs, self._drawn())

    def _drawn(self):
        """A step of random numbers that no step of training has."""
        self._draws += 1
        return 2**62 + self._draws

    def _predicted(self, plan, xs, step=None):
        """What a plan makes of one batch."""
        n = len(xs[0])
        ys = [np.empty((n, *symbol.size), np.float32) for symbol in self.graph.outputs]
        if n:
            self._forward(plan, xs, [y.reshape(n, -1) for y in ys], get_num_threads(), step)
        return self._given_back(ys)

    def _given_back(self, ys):
        """Predictions as users see them: an array, or several."""
        ys = [feeding.edge(self, y) for y in ys]
        if len(ys) == 1:
            return ys[0]
        return dict(zip(self.output_names, ys)) if self._given_names["output_names"] else ys

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """A new model from `get_config`'s answer.

        Args:
            config: the architecture.
            custom_objects: {name: class} of layers that are not fastcnn's own.
        """
        from fastcnn.registry import custom_objects as scope

        with scope(custom_objects):
            model = cls._from_config(config)
        if "half_weights" in config:
            from fastcnn.engine.half_weights import DTYPES

            model._half_dtype = arguments.choice("half_weights", config["half_weights"], DTYPES)
        return model

    _kinds = {}  # name in configurations: class, of models that serve as layers

    @classmethod
    def _from_config(cls, config):
        return cls(*symbols_of(config, cls._kinds), name=config["name"], seed=config["seed"])

    def save(self, path):
        """Writes architecture, weights, optimizer state, metadata and a digest of everything into one .safetensors file.

        The file appears whole or not at all: a crash leaves the old one. It also holds where training stands, with the
        states of the callbacks, for `fit(resume=True)`. Under a name that ends as another program's files do, such as
        .onnx, `export` writes that format.

        Args:
            path: of the file.

        Raises:
            TypeError: metadata, or the state of a callback or metric, is not of JSON's types.
            ValueError: the file's ending is that of no format; or its format has no such layers.
        """
        from fastcnn.io import formats
        from fastcnn.model.saving import save_model

        self._need_built()
        if formats.writer(path) is None:
            save_model(self, path)
        else:
            self.export(path)

    def export(self, path, **options):
        """Writes the network for another program, in the format that the file's ending says: architecture, weights and
        metadata; nothing of its training.

        Args:
            path: of the file.
            options: of the format (docs/interchange.md): of .onnx opset, input_layout, logits, preparation.

        Returns:
            What the format has no word for, a line each.

        Raises:
            ValueError: another ending; or layers that the format does not have: all of them are named.
            ImportError: the format's package is not installed.
        """
        from fastcnn.io import formats

        writer = formats.writer(path)
        if writer is None:
            raise ValueError(f"export writes other programs' formats, {', '.join(formats.FOREIGN)}; save writes fastcnn's "
                             f"own. Received: {path}")
        description = self._described()
        writer.write(description, path, **options)
        return description.notes

    def _described(self):
        """The model as other programs' formats take it."""
        from fastcnn.model.describing import describe

        self._need_built()
        return describe(self)

    def _take_arrays(self, arrays):
        """Takes the arrays of such a description."""
        from fastcnn.model.describing import take

        take(self, arrays)

    # Compiling

    def compile(self, optimizer="sgd", loss=None, metrics=None, loss_weights=None):
        """Chooses how the model is trained.

        Args:
            optimizer: name or `fastcnn.optimizers.Optimizer`. The one that the model has goes on with what it keeps; any
                other begins at step 0.
            loss: name or `fastcnn.losses.Loss`. Of several outputs one for all, or a list or dictionary by output; an output
                without a loss is not trained on.
            metrics: names, `fastcnn.metrics.Metric`s or functions (y_true, y_pred) → values; "accuracy" picks the
                kind that fits the loss. Those given by name know which output is the answer: the largest, or in a model of
                distances the smallest. Weights of samples and classes count in them, as in Keras' weighted_metrics. Of
                several outputs a list of lists, or a dictionary by output.
            loss_weights: of several outputs, numbers that their losses are multiplied with in the sum that is trained on;
                a list or dictionary; None: 1.

        Example:
            >>> model = fastcnn.networks.lenet5()
            >>> model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
        """
        names = self.output_names if self.built else ["output"]
        found, weights = loss_list(loss, names), weight_list(loss_weights, names)
        given = metric_lists(metrics, names)
        before, self.optimizer = self.optimizer, optimizer
        if self.optimizer is not before:
            self.optimizer.iterations = 0  # it may have trained another model
        self._losses, self._loss_weights, self._given_metrics = found, weights, given
        self._plans, self._heads = {}, []
        self._standing = resuming.Standing()
        if not self.optimizer.states:
            self._states = None
        if self.built:
            self._resolve()

    def _resolve(self):
        """Makes the outputs' heads, if they are not there."""
        if self._heads or self._losses is None:
            return
        layers = [symbol.layer for symbol in self.graph.outputs]
        best = ["smallest" if _smallest(layer, loss) else "largest" for layer, loss in zip(layers, self._losses)]
        given = zip(self._losses, self._loss_weights, self._given_metrics, best)
        self._heads = [Head(name, symbol.size, *own)
                       for name, symbol, own in zip(self.output_names, self.graph.outputs, given)]

    @property
    def loss(self):
        """The loss; of several outputs a list, None for those without one."""
        if self._losses is None:
            return None
        return self._losses[0] if len(self._losses) == 1 else list(self._losses)

    @property
    def smallest_wins(self):
        """Is the smallest output the answer? So it is where the last layer, or the loss, speaks of distances."""
        last = self.graph.outputs[0].layer if self.graph is not None else self.layers[-1] if self.layers else None
        return _smallest(last, None if self._losses is None else self._losses[0])

    @property
    def metrics(self):
        """The metrics that `compile` was given, as objects."""
        return [metric for head in self._heads for metric in head.metrics]

    @property
    def metrics_names(self):
        """Names of what `evaluate` returns. Of several outputs each has a loss, and its name before that of its metrics."""
        self._resolve()
        if len(self._heads) < 2:
            return ["loss", *(m.name for m in self.metrics)]
        return ["loss", *(f"{head.name}_loss" for head in self._heads if head.loss is not None),
                *(f"{head.name}_{m.name}" for head in self._heads for m in head.metrics)]

    def _results(self, totals):
        """Means of losses and values of metrics, by name."""
        n = max(totals[1], 1)
        means = [totals[0] / n, *(total / n for total, head in zip(totals[2:], self._heads) if head.loss is not None)]
        return dict(zip(self.metrics_names, [*means, *(m.result() for m in self.metrics)]))

    def _need_loss(self):
        if self._losses is None or not any(self._losses):
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
            batches = feeding.stream_of(self, "steps_per_epoch", x, steps_per_epoch, class_weight, seed=seed, training=True,
                                        skip=self._standing.drawn if resume else 0)
        else:
            arrays, sparse = feeding.prepared(self, x, y, sample_weight)
            if part and validation_data is None:
                arrays, tail = data.split(arrays, part)
            arrays = feeding.weighted(self, arrays, class_weight, arrays[len(self.graph.inputs)])
            batches = feeding.batches_of(self, "steps_per_epoch", arrays, sparse, batch_size, steps_per_epoch, seed,
            repeat=True)
        if tail is not None:
            validation = feeding.batches_of(self, "validation_steps", tail, sparse, batch_size, validation_steps)
        else:
            validation = feeding.validation(self, validation_data, batch_size, validation_steps)
        if resume:
            self._standing.check(batches)
        return self._fit(batches, range(self.epochs_seen if resume else initial_epoch, epochs), resume, validation, verbose,
                         callbacks)

    def _fit(self, *given):
        return loops.fit(self, *given)

    def train_on_batch(self, x, y, sample_weight=None, class_weight=None):
        """One step of training on one batch.

        Returns:
            the loss, or [loss, *metrics], of this batch, before the step.
        """
        self._need_loss()
        self._need_float32("train_on_batch")
        return loops.once(self, "train", *self._one_batch(x, y, sample_weight, class_weight))

    def test_on_batch(self, x, y, sample_weight=None):
        """The loss, or [loss, *metrics], of one batch."""
        self._need_loss()
        return loops.once(self, "test", *self._one_batch(x, y, sample_weight))

    def _one_batch(self, x, y, sample_weight, class_weight=None):
        """(arrays, whether targets are labels) of one batch."""
        arrays, sparse = feeding.prepared(self, x, y, sample_weight)
        arrays, inputs = feeding.weighted(self, arrays, class_weight, y), len(self.graph.inputs)
        return [*map(data.dense, arrays[:inputs]), *arrays[inputs:]], sparse

    # Gradients

    def gradients(self, x, y, sample_weight=None, wrt="weights", training=True):
        """The loss of one batch, and its gradients: what a step of training computes before the optimizer changes anything.

        `optimizer.apply(model, gradients)` takes the step. Sums of gradients may be applied, too: accumulating them over
        small batches trains as a large batch does.

        Args:
            x, y, sample_weight: one batch, as `fit` takes it.
            wrt: "weights": all that training changes, named layer/parameter, penalties of regularizers included. "inputs":
                by name of input. Or names of layers: with respect to what they give. Or a list of such.
            training: compute as in training: dropout drops what the next step would drop, normalizations take the batch's
                statistics, and moving averages follow them. False: as the model predicts.

        Returns:
            (loss, {name: array}): the mean loss, and arrays of their own with its gradient: of weights in their shapes, of
            inputs and layers (samples, …).

        Raises:
            ValueError: no loss; another name.

        Example:
            >>> model = fastcnn.Sequential([fastcnn.layers.Dense(1, input_shape=(2,), kernel_initializer="ones")])
            >>> model.compile("sgd", "mse")
            >>> loss, gradients = model.gradients([[1.0, 2.0]], [[1.0]])
            >>> loss, gradients["dense/kernel"].tolist(), gradients["dense/bias"].tolist()
            (4.0, [[4.0], [8.0]], [4.0])
            >>> model.optimizer.apply(model, gradients)
        """
        self._need_loss()
        arrays, sparse = self._one_batch(x, y, sample_weight)
        wanted = [wrt] if isinstance(wrt, str) else list(wrt)
        return gradients_of(self, arrays, sparse, wanted, arguments.flag("training", training))

    def _apply_gradients(self, optimizer, gradients):
        """What `optimizer.apply(model, gradients)` does."""
        self._need_built()
        self._need_float32("apply")
        apply_gradients(self, optimizer, gradients)

    def _samples(self, name, x):
        """The arrays of samples for each input as layers see them, channels last, of any dtype; `name`: the argument's."""
        return feeding.samples(self, name, x)

    def _dense(self, x):
        """The arrays of one batch for each input, as layers compute with them."""
        return [data.dense(part) for part in feeding.samples(self, "x", x)]

    def _passed(self, x, seen=(), y=None, loss=None, wrt=(), change=None, step=None, keep=False):
        """One batch that passes through the model and, with a loss, back: `gradients.Found`, penalties left out. For plots,
        and for those who show layers.

        Args:
            x: the batch.
            seen: names of layers whose outputs are looked at.
            y, loss: targets, and a `Loss` at the first output, whichever the model has; None: forward only.
            wrt: as of `gradients`.
            change: of the network, as `engine.network.unsquashed`.
            step: of random numbers, if layers are to compute as in training; None: as in prediction.
            keep: will this be done again and again?
        """
        xs, losses, targets = self._dense(x), {}, []
        if loss is not None:
            target, sparse = loss.prepare(y, self.graph.outputs[0].size)
            others, targets = len(self.outputs) - 1, [target]
            losses = {"losses": [loss] + [None] * others, "sparse": (sparse,) + (False,) * others,
                      "shapes": [symbol.size for symbol in self.graph.outputs]}
        probe = probe_of(self, len(xs[0]), losses, wrt, seen, step is not None, change, keep)
        return probe.run(self, xs, targets, [None] * len(targets), step)

    def watch(self, *names):
        """Keeps what some layers give during training, and its gradients, for someone to look at between steps.

        Args:
            names: of layers; None of them: watching ends.

        Returns:
            Watched: `watched[name]` has `output` and `gradient` of the last step; it can be used in a `with` statement, at
            whose end watching ends. It costs the memory of these arrays, and what fusing across them would have saved;
            bits of the training stay what they are.

        Example:
            >>> model = fastcnn.networks.lenet5(seed=0)
            >>> model.compile("sgd", "sparse_categorical_crossentropy")
            >>> with model.watch("c3") as watched:
            ...     _ = model.train_on_batch(np.ones((2, 28, 28, 1)), [3, 4])
            ...     watched["c3"].output.shape, watched["c3"].gradient.shape
            ((2, 10, 10, 16), (2, 10, 10, 16))
        """
        from fastcnn.model.watching import Watched

        self._need_built()
        for name in names:
            self.get_layer(name)
        self._seen = tuple(dict.fromkeys(names))
        self._plans.pop("train", None)
        return Watched(self)

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
        if len(self.inputs if self.built else ()) > 1 or len(self._losses) > 1:
            raise ValueError(f"second derivatives need one input and one loss. Received: inputs "
                             f"{', '.join(self.input_names)}, outputs {', '.join(self.output_names)}")
        self._need_float32("hessian_diagonal")
        arrays, sparse = self._one_batch(x, y, sample_weight)
        found = self._curvature(*arrays, sparse)
        return [p.of(found[p.flat]) for p in self.parameters]

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
            batches = feeding.stream_of(self, "steps", x, steps)
        else:
            batches = feeding.batches_of(self, "steps", *feeding.prepared(self, x, y, sample_weight), batch_size, steps)
        watchers = loops.watchers_of(self, [callbacks.Progress(verbose)], batches, verbose, self.metrics_names)
        values = loops.evaluate(self, batches, watchers)
        return values if len(values) > 1 else values[0]

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
        ys = None
        if streams.is_stream(x):
            streams.refuse(batch_size=batch_size)
            batches = feeding.stream_of(self, "steps", x, steps, targets=False)
        else:
            xs = feeding.samples(self, "x", x)
            batches = feeding.batches_of(self, "steps", xs, False, batch_size, steps)
            rows = min(len(xs[0]), batches.steps * batches.size)
            ys = [np.empty((rows, *symbol.size), np.float32) for symbol in self.graph.outputs]
        given = [callbacks.Progress(verbose)] if verbose else []
        return self._given_back(loops.predict(self, batches, loops.watchers_of(self, given, batches, verbose, []), ys))

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
        if len(self.outputs if self.built else ()) > 1:
            raise ValueError(f"predict_classes needs a model of one output. Received: {', '.join(self.output_names)}")
        y = self.predict(x, batch_size, verbose, steps)
        if y.shape[-1] == 1:
            loss = self._heads[0].loss if self._heads else None
            return (y[..., 0] > (0.5 if loss is None else loss.threshold)).astype(np.int64)
        return y.argmin(-1) if self.smallest_wins else y.argmax(-1)

    def predict_on_batch(self, x):
        """What the model makes of one batch, in a single step."""
        plan = self._plans.get("predict")
        if plan is not None and plan.half is self._half and not self.first and plan.ends is not None:
            with plan.lock:
                y = plan.predict(x, self.input_size, self.output_size, get_num_threads(), self.version)
            if y is not None:
                return y
        xs = self._dense(x)
        return self._predicted(self._plan("predict", max(1, len(xs[0]))), xs)


def _smallest(layer, loss):
    return bool(layer is not None and layer.smallest_wins or loss is not None and loss.smallest_wins)
