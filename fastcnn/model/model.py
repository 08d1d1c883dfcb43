"""Models, and what users may ask of them: compile, fit, evaluate, predict, gradients; arguments are checked here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fastcnn import arguments, callbacks
from fastcnn.batches import data, streams
from fastcnn.layers.symbols import Symbol, symbols_in
from fastcnn.model import classes, feeding, loops, resuming, sharing
from fastcnn.model.configuring import symbols_of
from fastcnn.model.gradients import apply_gradients, gradients_of, probe_of
from fastcnn.model.graph import symbols
from fastcnn.model.heads import Head, check_end, loss_list, metric_lists, weight_list
from fastcnn.model.machine import Machine
from fastcnn.threads import get_num_threads
from fastcnn.typing import (
    MPI,
    Array,
    Arrays,
    Callback,
    Config,
    Data,
    Each,
    History,
    Identifier,
    LoadedWeights,
    Optimizer,
    Path,
    Profile,
    Sequential,
    Watched,
)


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

    def __init__(self, inputs: Symbol | Sequence[Symbol] | Mapping[str, Symbol],
                 outputs: Symbol | Sequence[Symbol] | Mapping[str, Symbol], name: str = "model",
                 seed: int | None = None) -> None:
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
    _named = False  # does `predict_classes` answer in names?

    def _reset_training(self):
        self._losses = self._loss_weights = self._given_metrics = None
        self.stop_training = False
        self.history: Any = None
        self.epochs_seen = 0
        self._standing = resuming.Standing()

    def _changed(self):
        super()._changed()
        self._heads = []

    @property
    def epochs_seen(self) -> int:
        """Epochs of training that are done."""
        return self._epochs_seen

    @epochs_seen.setter
    def epochs_seen(self, number: int) -> None:
        self._epochs_seen = arguments.integer("epochs_seen", number, 0)

    @property
    def input_names(self) -> list[str]:
        """Names of the inputs, as a dictionary of arrays may have them."""
        return self._given_names["input_names"] or super().input_names

    @property
    def output_names(self) -> list[str]:
        """Names of the outputs: those of the layers that give them, unless a dictionary named them."""
        return self._given_names["output_names"] or super().output_names

    def __call__(self, x: Data, training: bool = False) -> Any:
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
            return self.predict_on_batch(x)
        xs = self._dense(x)
        with self._running.now:
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
    def from_config(cls, config: Config, custom_objects: dict[str, Any] | None = None) -> Sequential | Any:
        """A new model from `get_config`'s answer.

        Args:
            config: the architecture.
            custom_objects: {name: class} of layers that are not fastcnn's own.

        Raises:
            TypeError, ValueError: something else; layers that are not known.
        """
        from fastcnn.registry import custom_objects as scope

        if not isinstance(config, dict):
            raise TypeError(f"config must be what get_config() gave. Received: {arguments.shown(config)}")
        if lacking := [name for name in ("layers", "name", "seed") if name not in config]:
            raise ValueError(f"config must be what get_config() gave; it lacks {lacking[0]!r}. "
                             f"Received: {arguments.shown(config)}")
        with scope(custom_objects):
            model = cls._from_config(config)
        if "half_weights" in config:
            from fastcnn.engine.half_weights import DTYPES

            model._half_dtype = arguments.choice("half_weights", config["half_weights"], DTYPES)
        if "quantized" in config:
            from fastcnn.model.quantizing import checked

            model._int8 = checked(model, config["quantized"])
        model._named = config.get("predicts") == "names"
        return model

    _kinds = {}  # name in configurations: class, of models that serve as layers

    @classmethod
    def _from_config(cls, config):
        return cls(*symbols_of(config, cls._kinds), name=config["name"], seed=config["seed"])

    def save(self, path: Path, dtype: str = "float32") -> None:
        """Writes architecture, weights, optimizer state, metadata and a digest of everything into one .safetensors file.

        The file appears whole or not at all: a crash leaves the old one. It also holds where training stands, with the
        states of the callbacks, for `fit(resume=True)`. Under a name that ends as another program's files do, such as
        .onnx, `export` writes that format.

        Args:
            path: of the file; it ends in .safetensors, or has no ending.
            dtype: of the weights: "float16" makes the smallest file, rounds them, and leaves optimizer and training out.

        Raises:
            TypeError: metadata, or the state of a callback or metric, is not of JSON's types.
            ValueError: another dtype; weights beyond float16's 65,504; an ending that no format has; layers that the format
                does not have.
        """
        from fastcnn.io import formats
        from fastcnn.model.saving import save_model

        self._need_built()
        if formats.writer(path) is None:
            save_model(self, path, dtype)
        elif dtype != "float32":
            raise ValueError(f"dtype must be 'float32' but of .safetensors. Received: {arguments.shown(dtype)}, "
                             f"{arguments.shown(path)}")
        else:
            self.export(path)

    def export(self, path: Path, **options: Any) -> list[str]:
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
        description = self._description()
        writer.write(description, path, **options)
        return description.notes

    def _description(self):
        """The model as other programs' formats take it."""
        from fastcnn.model.describing import describe

        self._need_built()
        return describe(self)

    def _take_arrays(self, arrays):
        """Takes the arrays of such a description."""
        from fastcnn.model.describing import take

        take(self, arrays)

    def save_weights(self, path: Path) -> None:
        """Writes all parameters into one file: .safetensors, named layer/parameter; or as Keras has them.

        Args:
            path: of the file; .h5 and .hdf5 are Keras'. (`fastcnn.io.torch.save` writes them as PyTorch has them.)

        Raises:
            ValueError: an ending of a format that has no weights alone.
        """
        from fastcnn.model.weights import save_weights

        self._need_built()
        save_weights(self, path)

    def load_weights(self, path: Path, by_name: bool = False, skip_mismatch: bool = False) -> LoadedWeights:
        """Takes parameters from a file that `save_weights` or `save` wrote, or Keras; nothing changes unless all is right.

        Args:
            path: of the file.
            by_name: take the layers whose names the file has, and leave others as they are. False: all of them, by their
                names, or in their order if names differ.
            skip_mismatch: leave layers that have other shapes in the file, or are not there, as they are; a warning names
                them.

        Returns:
            LoadedWeights: names of parameters that were `loaded`, are `missing` in the file or `mismatched`, and of the
            file's that are `unused`.

        Raises:
            FileFormatError: another file, or one that does not fit; no layer fits.

        Example:
            >>> old, new = fastcnn.networks.lenet5(), fastcnn.networks.lenet5(classes=3)
            >>> old.save_weights("digits.safetensors")
            >>> new.pop().name, new.add(fastcnn.layers.Dense(3, "softmax", name="letters"))
            ('output', None)
            >>> found = new.load_weights("digits.safetensors", by_name=True)
            >>> found.missing, found.unused, len(found.loaded)
            (['letters/kernel', 'letters/bias'], ['output/kernel', 'output/bias'], 8)
        """
        from fastcnn.model.weights import load_weights

        self._need_built()
        self._need_float32("load_weights")
        return load_weights(self, path, by_name, skip_mismatch)

    @staticmethod
    def _check_path(path):
        """Refuses a file's name before there is work that would be lost."""
        from fastcnn.io import formats

        formats.check(path)

    # Compiling

    def compile(self, optimizer: Identifier | Optimizer = "sgd", loss: Each = None, metrics: Each = None,
                loss_weights: Sequence[float | None] | Mapping[str, float] | None = None) -> None:
        """Chooses how the model is trained.

        Args:
            optimizer: name or `fastcnn.optimizers.Optimizer`. The one that the model has goes on with what it keeps; any
                other begins at step 0.
            loss: name or `fastcnn.losses.Loss`. Of several outputs one for all, or a list or dictionary by output; an output
                without a loss is not trained on. A cross-entropy of probabilities warns if the last layer makes none, and
                one of logits if it makes them.
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
        for layer, loss in zip(layers, self._losses):
            check_end(layer, loss)

    @property
    def loss(self) -> Any:
        """The loss; of several outputs a list, None for those without one."""
        if self._losses is None:
            return None
        return self._losses[0] if len(self._losses) == 1 else list(self._losses)

    @property
    def smallest_wins(self) -> bool:
        """Is the smallest output the answer? So it is where the last layer, or the loss, speaks of distances."""
        last = self.graph.outputs[0].layer if self.graph is not None else self.layers[-1] if self.layers else None
        return _smallest(last, None if self._losses is None else self._losses[0])

    @property
    def metrics(self) -> list[Any]:
        """The metrics that `compile` was given, as objects."""
        return [metric for head in self._heads for metric in head.metrics]

    @property
    def metrics_names(self) -> list[str]:
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
        with self._measuring.now:
            return dict(zip(self.metrics_names, [*means, *(m.result() for m in self.metrics)]))

    def _need_loss(self):
        if self._losses is None or not any(self._losses):
            raise ValueError("this needs a loss: compile(optimizer, loss) gives the model one. Received: no loss")

    # Training

    def fit(self, x: Data, y: Arrays = None, batch_size: int | None = None, epochs: int = 1, verbose: int | str = "auto",
            callbacks: Callback | Sequence[Callback] | None = None, validation_split: float = 0.0,
            validation_data: Data = None, shuffle: bool = True, class_weight: Mapping[Any, float] | None = None,
            sample_weight: Arrays = None, initial_epoch: int = 0, steps_per_epoch: int | None = None,
            validation_steps: int | None = None, validation_batch_size: int | None = None,
            validation_freq: int | Sequence[int] = 1, resume: bool = False, distribute: MPI | None = None) -> History:
        """Trains the model, on arrays or on a source of batches (docs/training.md).

        Args:
            x, y: samples and targets, or the names of their classes. Or x alone, a source of batches (x, y) or (x, y,
                sample_weight): a sequence (`len(x)`, `x[i]`, and `on_epoch_end()` if it has it), an object with
                `epoch(number, first=0)`, or anything that can be iterated.
            batch_size: samples per step, 32 unless given; a source has its own.
            epochs: number of the last epoch (so `epochs − initial_epoch` are run).
            verbose: 0 silent, 1 a live line, 2 a line per epoch; "auto": 1 on a terminal, else 2.
            callbacks: list of `fastcnn.callbacks.Callback`, or one.
            validation_split: part of the samples, from the end, to validate on in place of training.
            validation_data: (x, y), (x, y, sample_weight) or a source of batches to validate on; given both, as in Keras,
                it is this, and nothing is split off.
            shuffle: a new order each epoch, from the model's seed and the epoch's number: of samples, or of a sequence's
                batches. Other sources order their batches themselves.
            class_weight: {label or name: weight}; of one-hot rows, the place of the largest entry is the label.
            sample_weight: one number per sample.
            initial_epoch: number of epochs done before.
            steps_per_epoch: steps of an epoch; None: until all samples were seen. With steps the next epoch goes on
                where the last one ended. A float, as len(x) / 32, is rounded up.
            validation_steps: validate on so many batches; None: on all.
            validation_batch_size: samples per step of validation; None: batch_size.
            validation_freq: validate after every so many epochs; or a list of epochs, counted from 1.
            resume: go on where `load_model`'s file, or the last `fit`, left off, in the midst of an epoch if need be.
                With the same data, the same arguments and callbacks of the same classes in the same order, the bits are
                those of a training that never stopped: weights, optimizer, logs, the callbacks' states and History.
                A model that was never trained begins at the beginning.
            distribute: `fastcnn.distributed.MPI()`: the processes of one MPI job share each batch (docs/distributed.md).

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
            arrays, sparse = feeding.prepared(self, x, y, sample_weight, learn=True)
            if part and validation_data is None:
                arrays, rest = data.split(arrays, part)
                tail = rest, sparse
            arrays = feeding.weighted(self, arrays, class_weight)
            batches = feeding.batches_of(self, "steps_per_epoch", arrays, sparse, batch_size, steps_per_epoch, seed,
                                         repeat=True)
        validation = feeding.validation(self, validation_data, tail, batch_size, validation_steps, validation_batch_size,
                                        validation_freq)
        if resume:
            self._standing.check(batches)
        return self._fit(batches, range(self.epochs_seen if resume else initial_epoch, epochs), resume, validation, verbose,
                         callbacks, sharing.ranks(distribute))

    def _fit(self, *given):
        return loops.fit(self, *given)

    def train_on_batch(self, x: Data, y: Arrays, sample_weight: Arrays = None,
                       class_weight: Mapping[Any, float] | None = None, return_dict: bool = False) -> Any:
        """One step of training on one batch.

        Returns:
            the loss, or [loss, *metrics], of this batch, before the step; with return_dict all of them by name.
        """
        self._need_loss()
        self._need_float32("train_on_batch")
        batch = self._one_batch(x, y, sample_weight, class_weight, learn=True)
        return self._told(loops.once(self, "train", *batch), return_dict)

    def test_on_batch(self, x: Data, y: Arrays, sample_weight: Arrays = None, return_dict: bool = False) -> Any:
        """The loss, or [loss, *metrics], of one batch; with return_dict all of them by name."""
        self._need_loss()
        return self._told(loops.once(self, "test", *self._one_batch(x, y, sample_weight)), return_dict)

    def _told(self, results, return_dict):
        """Results, {name: value}, as `evaluate` and its kin return them."""
        if arguments.flag("return_dict", return_dict):
            return results
        values = list(results.values())
        return values if len(values) > 1 else values[0]

    def _one_batch(self, x, y, sample_weight, class_weight=None, learn=False):
        """(arrays, whether targets are labels) of one batch."""
        arrays, sparse = feeding.prepared(self, x, y, sample_weight, learn)
        arrays, inputs = feeding.weighted(self, arrays, class_weight), len(self.graph.inputs)
        return [*map(data.dense, arrays[:inputs]), *arrays[inputs:]], sparse

    # Gradients

    def gradients(self, x: Data, y: Arrays, sample_weight: Arrays = None, wrt: str | Sequence[str] = "weights",
                  training: bool = True) -> tuple[float, dict[str, Array]]:
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
        training = arguments.flag("training", training)
        with self._running.now:
            return gradients_of(self, arrays, sparse, wanted, training)

    def _apply_gradients(self, optimizer, gradients):
        """What `optimizer.apply(model, gradients)` does."""
        self._need_built()
        self._need_float32("apply")
        with self._running.now:
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
            target, sparse = loss.prepare(classes.numbered(self, loss, y), self.graph.outputs[0].size)
            others, targets = len(self.outputs) - 1, [target]
            losses = {"losses": [loss] + [None] * others, "sparse": (sparse,) + (False,) * others,
                      "shapes": [symbol.size for symbol in self.graph.outputs]}
        with self._running.now:
            probe = probe_of(self, len(xs[0]), losses, wrt, seen, step is not None, change, keep)
            return probe.run(self, xs, targets, [None] * len(targets), step)

    def watch(self, *names: str | None) -> Watched:
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

    def profile(self, x: Data, y: Arrays = None, seconds: float = 1.0) -> Profile:
        """Where the time of a batch goes: of each step of each layer its time, its speed, how much memory it moves, by which
        algorithm, and what part of the machine's limits that is (docs/profile.md).

        Args:
            x: the samples of one batch.
            y: their targets: a step of training is looked at, on a copy of the model, which stays as it is. None: the
                forward pass, as `predict` makes it.
            seconds: for so long the batch is run again and again; the quickest run counts. The machine's limits are
                measured once in a process, in some two seconds more.

        Returns:
            Profile: `print` shows a table; `.steps` has its rows, `.to_json()` all of it; `.plot()` draws it.

        Raises:
            ValueError: no samples; y without a loss.

        Example:
            >>> profile = fastcnn.networks.lenet5().profile(np.zeros((16, 28, 28, 1)), seconds=0)
            >>> [step["layer"] for step in profile.steps if step["op"] == "conv2d + tanh"]
            ['c1', 'c3']
        """
        from fastcnn.model.profiling import profile

        if y is not None:
            self._need_loss()
            self._need_float32("profile of a training")
        return profile(self, x, y, arguments.number("seconds", seconds, 0))

    def hessian_diagonal(self, x: Data, y: Arrays, sample_weight: Arrays = None) -> list[Array]:
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

    def evaluate(self, x: Data, y: Arrays = None, batch_size: int | None = None, verbose: int | str = "auto",
                 sample_weight: Arrays = None, steps: int | None = None, return_dict: bool = False) -> Any:
        """Loss and metrics over samples.

        Args:
            x, y, sample_weight, verbose: as `fit`; x may be a source of batches.
            batch_size: samples per step, 32 unless given; does not change the result.
            steps: number of batches; None: all.
            return_dict: return all by name.

        Returns:
            the loss, or [loss, *metrics]; or {name: value}.
        """
        self._need_loss()
        if streams.is_stream(x):
            streams.refuse(y=y, batch_size=batch_size, sample_weight=sample_weight)
            batches = feeding.stream_of(self, "steps", x, steps)
        else:
            batches = feeding.batches_of(self, "steps", *feeding.prepared(self, x, y, sample_weight), batch_size, steps)
        watchers = loops.watchers_of(self, [callbacks.Progress(verbose)], batches, verbose, self.metrics_names)
        return self._told(loops.evaluate(self, batches, watchers), return_dict)

    def predict(self, x: Data, batch_size: int | None = None, verbose: int | str = 0,
                steps: int | None = None) -> Array | Any:
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

    def predict_classes(self, x: Data, batch_size: int | None = None, verbose: int | str = 0,
                        steps: int | None = None) -> Array:
        """The classes that samples belong to: the place of the largest output, or of the smallest in a model that ends in
        `RBF`; of a single output, whether it is above one half. Their names, if the model was trained on names.

        Args:
            x, batch_size, verbose, steps: as `predict`.

        Shape:
            (N, …) → (N,), integers or texts

        Raises:
            ValueError: predictions of NaN, which are of no class.

        Example:
            >>> fastcnn.networks.lenet5().predict_classes(np.zeros((2, 28, 28, 1))).shape
            (2,)
        """
        if len(self.outputs if self.built else ()) > 1:
            raise ValueError(f"predict_classes needs a model of one output. Received: {', '.join(self.output_names)}")
        y = self.predict(x, batch_size, verbose, steps)
        if y.shape[-1] == 1:
            loss = self._heads[0].loss if self._heads else None
            found = (y[..., 0] > (0.5 if loss is None else loss.threshold)).astype(np.int64)
        else:
            found = y.argmin(-1) if self.smallest_wins else y.argmax(-1)
        lost = np.flatnonzero(np.isnan(y).any(axis=tuple(range(1, y.ndim))))
        if len(lost):
            raise ValueError(f"a prediction of NaN is of no class. Received: NaN for {len(lost)} of {len(y)} samples, x"
                             f"[{lost[0]}] the first of them")
        return classes.answers(self, found)

    @property
    def class_names(self) -> list[str] | None:
        """What the outputs stand for, in their order (of a single output: what 0 and 1 do); None: nobody has said it.

        Training on names sets it, to the names in their order. It is kept in `metadata`, and so in files. Once it is set,
        targets may be names, and `predict_classes` answers in names.

        Example:
            >>> model = fastcnn.Sequential([fastcnn.layers.Dense(2, "softmax", input_shape=(1,))], seed=0)
            >>> model.compile("sgd", "sparse_categorical_crossentropy")
            >>> history = model.fit([1.0, -1.0] * 50, ["dog", "cat"] * 50, epochs=30, verbose=0)
            >>> model.class_names, model.predict_classes([3.0, -3.0]).tolist()
            (['cat', 'dog'], ['dog', 'cat'])
        """
        return self.metadata.get("class_names")

    @class_names.setter
    def class_names(self, names: Sequence[str] | None) -> None:
        self._named = names is not None
        if names is None:
            self.metadata.pop("class_names", None)
            return
        names = classes.checked(names)
        if self.built and len(self.graph.outputs) == 1 and len(names) != classes.count(self):
            raise ValueError(f"class_names must be {classes.count(self)}, as the model has classes. Received: {len(names)}")
        self.metadata["class_names"] = names

    def predict_on_batch(self, x: Data) -> Array | Any:
        """What the model makes of one batch, in a single step."""
        with self._running.now:
            plan = self._plans.get("predict")
            own = plan is not None and plan.half is self._half and plan.int8 is self._int8
            if own and not self.first and plan.ends is not None:
                y = plan.predict(x, self.input_size, self.output_size, get_num_threads(), self.version)
                if y is not None:
                    return y
        xs = self._dense(x)
        return self._predicted(self._plan("predict", max(1, len(xs[0]))), xs)


def _smallest(layer, loss):
    return bool(layer is not None and layer.smallest_wins or loss is not None and loss.smallest_wins)
