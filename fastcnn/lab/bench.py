"""The work bench of a lab: which network lies on it, and all that may be done to it between two steps."""

import copy
import os
from collections import deque

from fastcnn import arguments, layers
from fastcnn.lab import network, presets, settings
from fastcnn.lab.comparing import Comparison
from fastcnn.lab.text import Wrong

_RUNS = 4        # earlier trainings whose curves are kept
_BATCH = 4096    # images of a step, at most
_EPOCHS = 10**6


class Bench:
    """Changes what a `Trainer` trains. All but `built` is called in its thread.

    Args:
        trainer: the trainer.

    Attributes:
        title, text, entries: of the network; why_not: it cannot be edited, or None.
        kept: names of the layers that kept their weights at the last change.
        runs: curves of earlier trainings, [{"label", "training", "test"}].
    """

    def __init__(self, trainer):
        self.trainer, self.title, self.runs, self.kept = trainer, "", deque(maxlen=_RUNS), []
        self.text, self.entries, self.why_not = "", None, None

    # Networks

    def begin(self, model, images):
        """Takes the first network: a model, the name of a preset, or the path of a file."""
        self.trainer.images = images
        if isinstance(model, str) and model in presets.PRESETS:
            return self.preset(model)
        if isinstance(model, (str, os.PathLike)):
            return self.load(model)
        if model.loss is None:
            model.compile("sgd", network.loss_of(model), metrics=["accuracy"])
        self._take(model, model.name)

    def built(self, text):
        """The network of a text, with the classes of layers that are known here."""
        images, model = self.trainer.images, self.trainer.model
        own = {} if model is None else {type(layer).__name__: type(layer) for layer in model.layers}
        seed = 0 if model is None else model.seed
        return network.build(text, images.shape, len(images.class_names), own, seed)

    def apply(self, built, text):
        """Trains a network that `built` gave, with the weights of all layers that it has in common with the one before.

        Returns:
            names of these.
        """
        before = self.trainer.model
        built.model.compile(copy.deepcopy(before.optimizer), built.loss, metrics=["accuracy"])
        self._take(built.model, "your network", text)
        self.kept = network.keep_weights(built.model, before)
        self.trainer.check()
        return self.kept

    def preset(self, name):
        """Takes a preset, and its settings."""
        images, preset = self.trainer.images, presets.PRESETS[name]
        text = preset.text(images.shape, len(images.class_names))
        built = self.built(text)
        built.model.compile(settings.made(preset.settings), built.loss, metrics=["accuracy"])
        self.trainer.batch_size = preset.settings["batch_size"]
        self._take(built.model, preset.title, text)

    def reset(self):
        """Begins anew, with the weights that the network began with."""
        self._take(self._again(), self.title, self.text)

    def load(self, path):
        """Takes a saved model."""
        from fastcnn import load_model

        model = load_model(path)
        if model.loss is None:
            model.compile("sgd", network.loss_of(model), metrics=["accuracy"])
        checked(model)
        self._take(model, os.path.basename(os.fsdecode(path)).rpartition(".")[0])

    def _again(self):
        """A copy of the network as it began."""
        model = self.trainer.model
        with layers_known(model):
            again = type(model).from_config(model.get_config())
        again.compile(copy.deepcopy(model.optimizer), model.loss, metrics=["accuracy"])
        return again

    def _take(self, model, title, text=None):
        trainer = self.trainer
        classes, outputs = len(trainer.images.class_names), model.output_shape[1:]
        if outputs != (classes,) and (classes, outputs) != (2, (1,)):
            raise ValueError(f"the network must have {classes} outputs, as there are classes. Received: {outputs}")
        if trainer.model is not None and trainer.curves["training"].rows:
            self.runs.append({"label": self.label(), **{name: curve.rows for name, curve in trainer.curves.items()}})
        trainer.use(model)
        self.title, self.kept = title, []
        self.text, self.entries, self.why_not = self.written(model) if text is None else (text, *self.written(model)[1:])

    @staticmethod
    def written(model):
        """(text, entries, why there are none) of a network."""
        try:
            return network.text_of(model), network.entries(model), None
        except Wrong as error:
            return "", None, str(error)

    def label(self):
        """What this training is called beside others."""
        optimizer = self.trainer.model.optimizer
        return f"{self.title}, {settings.name_of(optimizer)} {optimizer.learning_rate:.3g}"

    # Training

    def go(self, action):
        """start, pause or step."""
        self.trainer.pending = 1 if action == "step" else 0
        self.trainer.doing = "paused" if action == "pause" else "running"

    def set(self, name, value):
        """Sets a number of the training."""
        trainer = self.trainer
        if name == "batch_size":
            trainer.batch_size = arguments.integer(name, value, 1, min(_BATCH, len(trainer.images.x)))
            trainer.anew = True
        elif name == "epochs":
            trainer.epochs, trainer.leave = arguments.integer(name, value, 1, _EPOCHS), True
        else:
            settings.change(trainer.model, name, value)

    def compare(self, chosen):
        """Lets copies of the network learn side by side; None: no more."""
        if chosen is None:
            self.trainer.doing = "paused"
            return
        self.trainer.comparison = Comparison(self._again, chosen, self.trainer.batch_size)
        self.trainer.doing = "comparing"


def layers_known(model):
    """A block in which a configuration may name the classes of the model's layers."""
    from fastcnn.registry import custom_objects

    return custom_objects({type(layer).__name__: type(layer) for layer in model.layers
                           if getattr(layers, type(layer).__name__, None) is not type(layer)})


def checked(model):
    """The model, if it is one that the lab can show.

    Raises:
        TypeError, ValueError: it is not.
    """
    from fastcnn.model.model import Model

    if not isinstance(model, Model):
        raise TypeError(f"model must be a fastcnn model. Received: {type(model).__name__}")
    model._need_built()
    model._need_float32("the lab")
    if len(model.inputs) != 1 or len(model.outputs) != 1 or len(model.input_shape) != 4 or len(model.output_shape) != 2:
        raise ValueError(f"the lab shows networks that take an image (height, width, channels) and name a class. Received: "
                         f"{model.input_shape} → {model.output_shape}")
    return model
