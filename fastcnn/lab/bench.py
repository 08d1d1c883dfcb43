"""The work bench of a lab: which network lies on it, and all that may be done to it between two steps."""

import copy
import os
from collections import deque

from fastcnn import arguments, layers, optimizers
from fastcnn.convnetjs.text import Wrong
from fastcnn.lab import network, presets, settings
from fastcnn.lab.comparing import Comparison
from fastcnn.lab.data import load
from fastcnn.model.loading import load_model
from fastcnn.registry import custom_objects

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
        self.trainer, self.title, self.runs = trainer, "", deque(maxlen=_RUNS)

    # Networks

    def begin(self, model, data):
        """Reads the images, and takes the first network: a model, the path of a file, or a preset's name; None: one that
        fits the images."""
        named = isinstance(model, (str, os.PathLike))
        preset, title = model is None or named and model in presets.PRESETS, None
        if named and not preset:
            model, title = checked(load_model(model)), _title(model)
        images = self.trainer.images = load(data, None if preset else model, self.trainer.say)
        if preset:
            self.preset(model or ("lenet5" if images.shape[2] == 1 else "convnetjs-cifar10"))
        else:
            self._take(_compiled(model), title or model.name)

    def built(self, text):
        """The network of a text, with the classes of layers that are known here, and its loss."""
        images, model = self.trainer.images, self.trainer.model
        return network.build(text, images.shape, len(images.class_names), _own_layers(model), model.seed if model else 0)

    def apply(self, text):
        """Trains the network of a text, with the weights of all layers that it has in common with the one before."""
        before, (model, loss) = self.trainer.model, self.built(text)
        model.compile(copy.deepcopy(before.optimizer), loss, metrics=["accuracy"])
        self._take(model, "your network", text, network.keep_weights(model, before))

    def preset(self, name):
        """Takes a preset, and trains it as it should be."""
        images, preset = self.trainer.images, presets.PRESETS[name]
        text = preset.text(images.shape, len(images.class_names))
        model, loss = self.built(text)
        model.compile(optimizers.get(preset.optimizer), loss, metrics=["accuracy"])
        self.trainer.batch_size = preset.batch_size
        self._take(model, preset.title, text)

    def load(self, path):
        """Takes a saved model."""
        model = checked(load_model(path, _own_layers(self.trainer.model)))
        self._take(_compiled(model), _title(path))

    def _again(self):
        """A copy of the network as it began."""
        model = self.trainer.model
        with custom_objects(_own_layers(model)):
            again = type(model).from_config(model.get_config())
        again.compile(copy.deepcopy(model.optimizer), model.loss, metrics=["accuracy"])
        return again

    def _take(self, model, title, text=None, kept=()):
        trainer, classes, outputs = self.trainer, len(self.trainer.images.class_names), model.output_shape[1:]
        if outputs != (classes,) and (classes, outputs) != (2, (1,)):
            raise ValueError(f"the network must have {classes} outputs, as there are classes. Received: {outputs}")
        if trainer.model is not None and trainer.curves["training"].rows:
            optimizer = trainer.model.optimizer
            self.runs.append({"label": f"{self.title}, {settings.name_of(optimizer)} {optimizer.learning_rate:.3g}",
                              **{name: curve.rows for name, curve in trainer.curves.items()}})
        trainer.use(model)
        self.title, self.kept, self.entries, self.why_not = title, list(kept), None, None
        try:
            self.entries = network.entries(model)
            self.text = network.written(self.entries) if text is None else text
        except Wrong as error:
            self.text, self.why_not = "", str(error)

    # Training

    def go(self, action):
        """start, pause, step, or reset: begin anew with the weights of the beginning."""
        if action == "reset":
            return self._take(self._again(), self.title, self.text)
        self.trainer.pending = 1 if action == "step" else 0
        self.trainer.doing = "paused" if action == "pause" else "running"

    def set(self, values):
        """Sets numbers of the training: {name: value}."""
        trainer = self.trainer
        for name, value in values.items():
            if name == "batch_size":
                trainer.batch_size = arguments.integer(name, value, 1, min(_BATCH, len(trainer.images.x)))
                trainer.anew = True
            elif name == "epochs":
                trainer.epochs, trainer.leave = arguments.integer(name, value, 1, _EPOCHS), True
            else:
                settings.change(trainer.model, name, value)

    def compare(self, chosen):
        """Lets copies of the network learn side by side; None: no more."""
        if chosen is not None:
            self.trainer.comparison = Comparison(self._again, chosen, self.trainer.batch_size)
        self.trainer.doing = "paused" if chosen is None else "comparing"


def _own_layers(model):
    """{name: class} of a model's layers that are not fastcnn's own."""
    found = {type(layer).__name__: type(layer) for layer in (model.layers if model else ())}
    return {name: cls for name, cls in found.items() if getattr(layers, name, None) is not cls}


def _title(path):
    return os.path.splitext(os.path.basename(os.fsdecode(path)))[0]


def _compiled(model):
    if model.loss is None:
        model.compile(settings.made({"optimizer": "SGD", "momentum": 0.9}), network.loss_of(model), metrics=["accuracy"])
    return model


def checked(model):
    """The model, if it is one that the lab can show.

    Raises:
        TypeError, ValueError: it is not.
    """
    if not isinstance(model, network.Model):
        raise TypeError(f"model must be a fastcnn model. Received: {type(model).__name__}")
    model._need_built()
    model._need_float32("the lab")
    if len(model.inputs) != 1 or len(model.outputs) != 1 or len(model.input_shape) != 4 or len(model.output_shape) != 2:
        raise ValueError(f"the lab shows networks that take an image (height, width, channels) and name a class. Received: "
                         f"{model.input_shape} → {model.output_shape}")
    return model
