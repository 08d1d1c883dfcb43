"""Models under Keras' names of any age: `Sequential` and `Model` with the methods of early days, and files."""

from __future__ import annotations

from typing import Any

import numpy as np

import fastcnn
from fastcnn import arguments, metrics, registry
from fastcnn.compat.keras import files, layers, optimizers
from fastcnn.compat.keras.callbacks import Logs
from fastcnn.compat.keras.generators import THREADS, fit_over_batches, over_batches, threaded
from fastcnn.compat.keras.layers import Input
from fastcnn.compat.keras.losses import modern as modern_loss
from fastcnn.compat.keras.metrics import modern as modern_metric
from fastcnn.compat.spellings import bound, known, renamed, short, translate, warn
from fastcnn.model import weights
from fastcnn.model.cloning import clone_model
from fastcnn.model.loading import load_as
from fastcnn.model.saving import save_model as save_as_own
from fastcnn.typing import Array, Config, Data, LoadedWeights, Path

__all__ = ["Input", "Model", "Sequential", "clone_model", "load_model", "model_from_json", "save_model"]

_CLASS_MODES = {"categorical": "categorical_accuracy", "binary": "binary_accuracy"}


def _kept(new):
    """A rule for an argument that stays, and gets a text of what to write."""
    return lambda what, old, given: (f"{old}={short(given[old])}", new)


_FIT = {"nb_epoch": renamed("epochs"), "show_accuracy": _kept("…) after compile(…, metrics=['accuracy']")}


class _Methods:
    """Keras' spellings of any age, and the methods of early days."""

    _kinds = {}  # as of fastcnn's models
    _class_mode = None

    # Compiling

    def compile(self, *args: Any, **given: Any) -> None:
        """As `fastcnn.Sequential.compile`; takes functions of keras.losses, classes of keras.metrics and a lone metric, too.

        Args:
            class_mode: of Keras 0, "categorical" or "binary": which accuracy `show_accuracy` means.
        """
        given = bound(super().compile, args, given)
        given = translate("compile", given, {"class_mode": _kept("…, metrics=['accuracy']")})
        mode = given.pop("class_mode", None)
        self._class_mode = None if mode is None else _CLASS_MODES[arguments.choice("class_mode", mode, tuple(_CLASS_MODES))]
        given["optimizer"] = optimizers.get(given.get("optimizer", "sgd"))
        given["loss"] = _each(modern_loss, given.get("loss"))
        wanted = given.get("metrics") or []
        wanted = wanted if isinstance(wanted, (list, tuple, dict)) else [wanted]
        given["metrics"] = _each(modern_metric, wanted)
        super().compile(**known("compile", super().compile, given))

    def _show_accuracy(self, given):
        """Adds the accuracy that Keras 0 asked for when training, not when compiling."""
        if arguments.flag("show_accuracy", given.pop("show_accuracy", False)):
            if not any(metric in ("acc", "accuracy") for metric in self._given_metrics[0]):
                metric = "acc"
                if self._class_mode is not None:
                    metric = metrics.get(self._class_mode)
                    metric.name = "acc"
                self._given_metrics[0].append(metric)
                self._heads = []

    def _results(self, totals):
        return Logs(super()._results(totals))

    def _fit(self, *args):
        history = super()._fit(*args)
        history.history = Logs(history.history)
        return history

    # Training

    def fit(self, *args: Any, **given: Any) -> Any:
        """As `fastcnn.Sequential.fit`.

        Args:
            nb_epoch, show_accuracy: old spellings of `epochs` and of a metric.
            workers, max_queue_size: for a sequence of batches: threads that make them, and how many they make ahead.
            use_multiprocessing: False: there are threads only.
        """
        given = translate("fit", bound(super().fit, args, given), {**_FIT, **THREADS})
        self._show_accuracy(given)
        return super().fit(**known("fit", super().fit, threaded(given, self.seed)))

    def fit_generator(self, *args: Any, **given: Any) -> Any:
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

    def evaluate(self, *args: Any, **given: Any) -> Any:
        """As `fastcnn.Sequential.evaluate`; `show_accuracy` is Keras 0's."""
        rules = {"show_accuracy": _FIT["show_accuracy"]}
        given = translate("evaluate", bound(super().evaluate, args, given), rules)
        self._show_accuracy(given)
        return super().evaluate(**known("evaluate", super().evaluate, given))

    def evaluate_generator(self, *args: Any, **given: Any) -> Any:
        """Loss and metrics over batches, which `evaluate` gives today.

        Args:
            generator, steps, max_queue_size, workers, use_multiprocessing, verbose: as in `fit_generator`.
            val_samples: old spelling of `steps`.
        """
        given = over_batches("evaluate", args, given)
        return super().evaluate(**threaded({"verbose": 0, **given}, self.seed, ordered=True))

    # Predicting

    def predict(self, *args: Any, **given: Any) -> Any:
        """As `fastcnn.Sequential.predict`."""
        given = bound(super().predict, args, given)
        return super().predict(**known("predict", super().predict, given))

    def predict_generator(self, *args: Any, **given: Any) -> Any:
        """Predictions for batches, which `predict` makes today.

        Args:
            generator, steps, max_queue_size, workers, use_multiprocessing, verbose: as in `fit_generator`.
            val_samples: old spelling of `steps`.
        """
        return super().predict(**threaded(over_batches("predict", args, given), self.seed, ordered=True))

    def predict_classes(self, x: Data, batch_size: int | None = None, verbose: int = 0) -> Array:
        """As `fastcnn.Sequential.predict_classes`, but of a single output a column.

        Shape:
            (N, …) → (N,), or (N, 1) with a single output; integers
        """
        warn("predict_classes(x)", "np.argmax(model.predict(x), axis=-1), or (model.predict(x) > 0.5) for a single output")
        classes = super().predict_classes(x, batch_size, verbose)
        if self.output_shape[-1] > 1:
            return classes
        return classes[:, None].astype(np.int32) if classes.dtype.kind == "i" else classes[:, None]

    def predict_proba(self, x: Data, batch_size: int | None = None, verbose: int = 0) -> Any:
        """The output, as `predict` gives it."""
        warn("predict_proba(x)", "predict(x)")
        return self.predict(x, batch_size, verbose)

    # Files

    def save(self, filepath: Path, overwrite: bool = True) -> None:
        """Writes the model: .h5, .hdf5 and .keras are Keras' formats, if h5py is installed; see `fastcnn.Sequential.save`.

        Args:
            filepath: of the file. Without h5py a name of Keras' formats warns: fastcnn's own is written under it.
            overwrite: False: a file that exists is an error.
        """
        path, theirs = files.target("save", filepath, overwrite)
        self._need_built()
        if not theirs or not files.written(path, lambda: self.export(path)):
            save_as_own(self, path)

    def save_weights(self, filepath: Path, overwrite: bool = True) -> None:
        """Writes all parameters, in Keras' format or fastcnn's own; arguments as `save`."""
        path, theirs = files.target("save_weights", filepath, overwrite)
        self._need_built()
        if not theirs or not files.written(path, lambda: weights.save_weights(self, path)):
            weights.save_as_own(self, path)

    def load_weights(self, filepath: Path, by_name: bool = False, skip_mismatch: bool = False) -> LoadedWeights:
        """Takes parameters from a file that `save_weights`, `save` or Keras wrote; see `fastcnn.Sequential.load_weights`."""
        return super().load_weights(filepath, by_name, skip_mismatch)

    @staticmethod
    def _check_path(path):
        """Any name will do."""

    def to_json(self) -> str:
        """The architecture as text, for `model_from_json` here or in Keras."""
        return files.text(self)

    @classmethod
    def from_config(cls, config: Config, custom_objects: dict[str, Any] | None = None) -> Any:
        """A new model from `get_config`'s answer; see `fastcnn.Model.from_config`."""
        return super().from_config(config, {**layers.CLASSES, **registry.custom(), **(custom_objects or {})})


def _each(modern, given):
    """A function of an entry, or of those of lists and dictionaries."""
    if isinstance(given, dict) and "class_name" not in given:
        return {key: _each(modern, value) for key, value in given.items()}
    return [_each(modern, value) for value in given] if isinstance(given, (list, tuple)) else modern(given)


class Sequential(_Methods, fastcnn.Sequential):
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


class Model(_Methods, fastcnn.Model):
    """`fastcnn.Model`, with the same spellings and methods.

    Args:
        inputs, outputs: what `Input` and layers gave, or lists of such.
        name, seed: as `fastcnn.Model`.
        input, output: old spellings of the first two.

    Raises:
        TypeError: anything else; so a class of one's own with `call` is refused.

    Example:
        >>> from fastcnn.compat.keras.layers import Conv2D, Dense, Flatten
        >>> inputs = Input(shape=(28, 28, 1))
        >>> x = Conv2D(6, 5, padding="same", activation="tanh")(inputs)
        >>> x = Flatten()(x)
        >>> Model(inputs=inputs, outputs=Dense(10, activation="softmax")(x)).output_shape
        (None, 10)
    """

    def __init__(self, *args: Any, **given: Any) -> None:
        rules = {"input": renamed("inputs"), "output": renamed("outputs")}
        given = known("Model", _model, translate("Model", bound(_model, args, given), rules))
        if given.get("inputs") is None:
            raise TypeError("Model is made of inputs and outputs: Model(inputs, outputs), or Sequential([…]); a layer of "
                            "one's own is a subclass of Layer with forward and backward. Received: inputs=None")
        super().__init__(given["inputs"], given.get("outputs"), given.get("name", "model"), given.get("seed"))


_Methods._kinds.update(Model=Model, Sequential=Sequential)


def _model(inputs, outputs, name="model", seed=None):
    """The order of Model's arguments."""


def save_model(model: Any, filepath: Path, overwrite: bool = True) -> None:
    """`model.save(filepath, overwrite)`.

    Example:
        >>> from fastcnn.compat.keras.layers import Dense
        >>> save_model(Sequential([Dense(2, input_shape=(3,))]), "model.safetensors")
    """
    model.save(filepath, overwrite)


def load_model(filepath: Path, custom_objects: dict[str, Any] | None = None, compile: bool = True) -> Any:
    """Reads a model that `save` wrote, with layers and optimizers from here; see `fastcnn.load_model`.

    Raises:
        FileFormatError: another file, or one of Keras' with layers that fastcnn does not have.

    Example:
        >>> from fastcnn.compat.keras.layers import Dense
        >>> Sequential([Dense(2, input_shape=(3,))]).save("model.safetensors")
        >>> load_model("model.safetensors").count_params()
        8
    """
    return load_as(_Methods._kinds, filepath, custom_objects, compile)


def model_from_json(json_string: str, custom_objects: dict[str, Any] | None = None) -> Any:
    """A new model from `to_json`'s text, or that of Keras.

    Raises:
        TypeError, ValueError: something else; layers that are not known.

    Example:
        >>> from fastcnn.compat.keras.layers import Dense
        >>> model_from_json(Sequential([Dense(2, input_shape=(3,))]).to_json()).output_shape
        (None, 2)
    """
    found = files.architecture(json_string)
    kind = arguments.choice("class_name of json_string", found["class_name"], tuple(_Methods._kinds))
    return _Methods._kinds[kind].from_config(found["config"], custom_objects)
