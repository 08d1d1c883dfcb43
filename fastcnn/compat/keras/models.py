"""Models under Keras' names of any age: `Sequential` with the methods of early days, `Model` over a chain, and files."""

import json
import os

import numpy as np

import fastcnn
from fastcnn import arguments, metrics, registry
from fastcnn.compat.keras import layers, optimizers
from fastcnn.compat.keras.callbacks import Logs
from fastcnn.compat.keras.chain import Chain
from fastcnn.compat.keras.files import target
from fastcnn.compat.keras.generators import STEPS, THREADS, every_epoch, fit_over_batches, over_batches, threaded
from fastcnn.compat.keras.layers import Input
from fastcnn.compat.keras.losses import modern as modern_loss
from fastcnn.compat.keras.metrics import modern as modern_metric
from fastcnn.compat.spellings import bound, known, renamed, translate, warn
from fastcnn.io.safetensors import FileFormatError, load_file, save_file
from fastcnn.model.loading import load_as

__all__ = ["Input", "Model", "Sequential", "load_model", "model_from_json", "save_model"]

_WEIGHTS = "fastcnn weights 1"
_CLASS_MODES = {"categorical": "categorical_accuracy", "binary": "binary_accuracy"}


def _kept(new):
    """A rule for an argument that stays, and gets a text of what to write."""
    return lambda what, old, given: (f"{old}={given[old]!r}", new)


_FIT = {"nb_epoch": renamed("epochs"), "show_accuracy": _kept("…) after compile(…, metrics=['accuracy']"),
        "validation_freq": every_epoch, **STEPS}


class Sequential(fastcnn.Sequential):
    """`fastcnn.Sequential` with Keras' spellings of any age, and the methods of early days.

    Args:
        layers, name, seed: as `fastcnn.Sequential`.

    Example:
        >>> from fastcnn.compat.keras.layers import Dense
        >>> model = Sequential([Dense(1, input_shape=(1,))])
        >>> model.compile("sgd", "mse", ["acc"])
        >>> sorted(model.fit(np.arange(4.0), np.arange(4.0), verbose=0).history)
        ['acc', 'loss']
    """

    _class_mode = None

    def __call__(self, x):
        """The model's output for a batch; a model is no layer of another."""
        if isinstance(x, (Chain, fastcnn.Input)):
            raise TypeError("x must be a batch; a model's layers are called on an Input, not the model. "
                            f"Received: {arguments.shown(x)}")
        return super().__call__(x)

    # Compiling

    def compile(self, *args, **given):
        """As `fastcnn.Sequential.compile`; takes functions of keras.losses, classes of keras.metrics and a lone metric, too.

        Args:
            class_mode: of Keras 0, "categorical" or "binary": which accuracy `show_accuracy` means.
        """
        given = bound(super().compile, args, given)
        given = translate("compile", given, {"class_mode": _kept("…, metrics=['accuracy']")})
        mode = given.pop("class_mode", None)
        self._class_mode = None if mode is None else _CLASS_MODES[arguments.choice("class_mode", mode, tuple(_CLASS_MODES))]
        given["optimizer"] = optimizers.get(given.get("optimizer", "sgd"))
        given["loss"] = modern_loss(given.get("loss"))
        wanted = given.get("metrics") or []
        wanted = wanted if isinstance(wanted, (list, tuple)) else [wanted]
        given["metrics"] = [modern_metric(metric) for metric in wanted]
        super().compile(**known("compile", super().compile, given))

    def _show_accuracy(self, given):
        """Adds the accuracy that Keras 0 asked for when training, not when compiling."""
        if arguments.flag("show_accuracy", given.pop("show_accuracy", False)):
            if not any(metric in ("acc", "accuracy") for metric in self._given_metrics):
                metric = "acc"
                if self._class_mode is not None:
                    metric = metrics.get(self._class_mode)
                    metric.name = "acc"
                self._given_metrics.append(metric)
                if self.built:
                    self._resolve_metrics()

    def _results(self, totals):
        return Logs(super()._results(totals))

    def _fit(self, *args):
        history = super()._fit(*args)
        history.history = Logs(history.history)
        return history

    # Training

    def fit(self, *args, **given):
        """As `fastcnn.Sequential.fit`.

        Args:
            nb_epoch, show_accuracy: old spellings of `epochs` and of a metric.
            workers, max_queue_size: for a sequence of batches: threads that make them, and how many they make ahead.
            use_multiprocessing: False: there are threads only.
        """
        given = translate("fit", bound(super().fit, args, given), {**_FIT, **THREADS})
        self._show_accuracy(given)
        return super().fit(**known("fit", super().fit, threaded(given, self.seed)))

    def fit_generator(self, *args, **given):
        """Training on batches, which `fit` does today.

        Args:
            generator: of batches, endless or with a length.
            steps_per_epoch, epochs, verbose, callbacks, validation_data, validation_steps, class_weight, max_queue_size,
                workers, use_multiprocessing, shuffle, initial_epoch: as in `fit`.
            samples_per_epoch, nb_epoch, nb_val_samples, max_q_size, nb_worker, pickle_safe: old spellings.

        Returns:
            History.
        """
        return super().fit(**threaded(fit_over_batches(args, given), self.seed))

    def evaluate(self, *args, **given):
        """As `fastcnn.Sequential.evaluate`; `show_accuracy` is Keras 0's."""
        rules = {"show_accuracy": _FIT["show_accuracy"], **STEPS}
        given = translate("evaluate", bound(super().evaluate, args, given), rules)
        self._show_accuracy(given)
        return super().evaluate(**known("evaluate", super().evaluate, given))

    def evaluate_generator(self, *args, **given):
        """Loss and metrics over batches, which `evaluate` gives today.

        Args:
            generator, steps, max_queue_size, workers, use_multiprocessing, verbose: as in `fit_generator`.
            val_samples: old spelling of `steps`.
        """
        given = over_batches("evaluate", args, given)
        return super().evaluate(**threaded({"verbose": 0, **given}, self.seed, ordered=True))

    # Predicting

    def predict(self, *args, **given):
        """As `fastcnn.Sequential.predict`."""
        given = translate("predict", bound(super().predict, args, given), STEPS)
        return super().predict(**known("predict", super().predict, given))

    def predict_generator(self, *args, **given):
        """Predictions for batches, which `predict` makes today.

        Args:
            generator, steps, max_queue_size, workers, use_multiprocessing, verbose: as in `fit_generator`.
            val_samples: old spelling of `steps`.
        """
        return super().predict(**threaded(over_batches("predict", args, given), self.seed, ordered=True))

    def predict_classes(self, x, batch_size=None, verbose=0):
        """As `fastcnn.Sequential.predict_classes`, but of a single output a column.

        Shape:
            (N, …) → (N,), or (N, 1) with a single output; integers
        """
        warn("predict_classes(x)", "np.argmax(model.predict(x), axis=-1), or (model.predict(x) > 0.5) for a single output")
        classes = super().predict_classes(x, batch_size, verbose)
        return classes if self.output_shape[-1] > 1 else classes[:, None].astype(np.int32)

    def predict_proba(self, x, batch_size=None, verbose=0):
        """The output, as `predict` gives it."""
        warn("predict_proba(x)", "predict(x)")
        return self.predict(x, batch_size, verbose)

    # Files

    def save(self, filepath, overwrite=True):
        """Writes the model in fastcnn's format, whatever the file is called; see `fastcnn.Sequential.save`.

        Args:
            filepath: of the file. A name of HDF5 or of Keras' archive warns: it is neither.
            overwrite: False: a file that exists is an error.
        """
        super().save(target("save", filepath, overwrite))

    def save_weights(self, filepath, overwrite=True):
        """Writes all parameters into a .safetensors file, named layer/parameter; arguments as `save`."""
        path = target("save_weights", filepath, overwrite)
        self._need_built()
        save_file({name: parameter.value for name, parameter in self._named_parameters()}, path, {"format": _WEIGHTS})

    def load_weights(self, filepath):
        """Takes all parameters from a file that `save_weights` or `save` wrote.

        Raises:
            FileFormatError: no such file, or one that lacks a parameter of this model.
        """
        self._need_built()
        tensors, _ = load_file(filepath)
        missing = [name for name, _ in self._named_parameters() if name not in tensors]
        if missing:
            found = ", ".join(list(tensors)[:5])
            raise FileFormatError(f"{os.fsdecode(filepath)} must hold {missing[0]}. Received: {found} …")
        self.set_weights([tensors[name] for name, _ in self._named_parameters()])

    def _named_parameters(self):
        return [(f"{layer.name}/{p.name}", p) for layer in self.layers for p in layer.parameters]

    def to_json(self):
        """The architecture as text, for `model_from_json`."""
        return json.dumps({"class_name": "Sequential", "config": self.get_config()})

    @classmethod
    def from_config(cls, config, custom_objects=None, check=None):
        """A new model from `get_config`'s answer; see `fastcnn.Sequential.from_config`."""
        return super().from_config(config, {**layers.CLASSES, **registry.custom(), **(custom_objects or {})}, check)


class Model(Sequential):
    """A network over layers that were called one on the other, from an `Input` on; otherwise a `Sequential`.

    Args:
        inputs: the `Input`.
        outputs: what the last layer gave.
        name, seed: as `Sequential`.
        input, output: old spellings of the first two.

    Raises:
        TypeError: anything else; so a class of one's own with `call` is refused.
        ValueError: several inputs or outputs, or others than the ends of one chain.

    Example:
        >>> from fastcnn.compat.keras.layers import Conv2D, Dense, Flatten
        >>> inputs = Input(shape=(28, 28, 1))
        >>> x = Conv2D(6, 5, padding="same", activation="tanh")(inputs)
        >>> x = Flatten()(x)
        >>> Model(inputs=inputs, outputs=Dense(10, activation="softmax")(x)).output_shape
        (None, 10)
    """

    def __init__(self, *args, **given):
        rules = {"input": renamed("inputs"), "output": renamed("outputs")}
        given = known("Model", _model, translate("Model", bound(_model, args, given), rules))
        start, chain = _end("inputs", fastcnn.Input, given), _end("outputs", Chain, given)
        if chain.start is not start:
            raise ValueError("inputs must be the Input that outputs began with. "
                             f"Received: {arguments.shown(start)} and {arguments.shown(chain.start)}")
        super().__init__([start, *chain.layers], given.get("name", "model"), given.get("seed"))

    @classmethod
    def from_config(cls, config, custom_objects=None, check=None):
        """A `Sequential` from `get_config`'s answer."""
        return Sequential.from_config(config, custom_objects, check)


def _model(inputs, outputs, name="model", seed=None):
    """The order of Model's arguments."""


def _end(name, kind, given):
    """Where a chain begins or ends: one object, maybe in a list."""
    value = given.get(name)
    if isinstance(value, (list, tuple)):
        if len(value) != 1:
            raise ValueError(f"{name} must be one: networks are chains of layers. Received: {len(value)}")
        value = value[0]
    if not isinstance(value, kind):
        what = "an Input" if name == "inputs" else "what a layer gave, called on an Input or on what another layer gave"
        raise TypeError(f"{name} must be {what}. Networks are chains of layers: Sequential([…]), or Model(inputs, outputs); "
                        "a layer of one's own is a subclass of Layer with forward and backward. "
                        f"Received: {arguments.shown(value)}")
    return value


def save_model(model, filepath, overwrite=True):
    """`model.save(filepath, overwrite)`.

    Example:
        >>> from fastcnn.compat.keras.layers import Dense
        >>> save_model(Sequential([Dense(2, input_shape=(3,))]), "model.safetensors")
    """
    model.save(filepath, overwrite)


def load_model(filepath, custom_objects=None, compile=True):
    """Reads a model that `save` wrote, with layers and optimizers from here; see `fastcnn.load_model`.

    Raises:
        FileFormatError: another file. HDF5 and Keras' archives are not read.

    Example:
        >>> from fastcnn.compat.keras.layers import Dense
        >>> Sequential([Dense(2, input_shape=(3,))]).save("model.safetensors")
        >>> load_model("model.safetensors").count_params()
        8
    """
    return load_as(Sequential, filepath, custom_objects, compile)


def model_from_json(json_string, custom_objects=None):
    """A new model from `to_json`'s text.

    Example:
        >>> from fastcnn.compat.keras.layers import Dense
        >>> model_from_json(Sequential([Dense(2, input_shape=(3,))]).to_json()).output_shape
        (None, 2)
    """
    return Sequential.from_config(json.loads(json_string)["config"], custom_objects)
