"""A model that is a chain of layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastcnn import arguments
from fastcnn.layers.base import Layer
from fastcnn.layers.input import InputLayer
from fastcnn.layers.symbols import Symbol
from fastcnn.model.base import BaseModel, Layers, input_of
from fastcnn.model.configuring import layer_of, with_choices
from fastcnn.model.model import Model
from fastcnn.model.naming import name_layers


class Sequential(Model):
    """A model that is a chain of layers.

    Args:
        layers: layers in order; the first is `Input(shape)` or has `input_shape=`. Without either, the model is built by
            the first data it sees.
        name: of the model.
        seed: of initial values, the order of samples and dropout; None: from `fastcnn.set_random_seed`'s source.

    `metadata` is a dict, empty at first, of whatever should be kept in the model's file, in JSON's types: names of classes,
    how images were prepared.

    Example:
        >>> model = fastcnn.Sequential([
        ...     fastcnn.layers.Conv2D(6, 5, padding="same", activation="tanh", input_shape=(28, 28, 1)),
        ...     fastcnn.layers.AveragePooling2D(),
        ...     fastcnn.layers.Flatten(),
        ...     fastcnn.layers.Dense(10, activation="softmax"),
        ... ])
        >>> model.output_shape
        (None, 10)
    """

    _kind = "Sequential"

    def __init__(self, layers: Sequence[Layer | Symbol] | None = None, name: str = "sequential",
                 seed: int | None = None) -> None:
        if layers is not None and not isinstance(layers, (list, tuple)):
            raise TypeError(f"layers must be a list: Sequential([layer, layer]). Received: {arguments.shown(layers)}")
        BaseModel.__init__(self, name, seed)
        self._begin()
        self._start, self._chain = None, []  # an Input says the shape, and is not one of the layers
        self._append(*layers or ())
        self._build_if_known()

    @property
    def layers(self) -> Layers:
        """The layers in order, to look at; `add` and `pop` change them."""
        return Layers(self._chain)

    def add(self, layer: Layer | Symbol) -> None:
        """Appends a layer."""
        self._need_float32("add")
        self._append(layer)
        if not self.built:
            self._build_if_known()

    def pop(self) -> Any:
        """Takes the last layer away.

        Returns:
            the layer, with its weights; another model may take it.

        Example:
            >>> model = fastcnn.networks.lenet5()
            >>> model.pop().name, model.output_shape
            ('output', (None, 84))
        """
        if not self._chain:
            raise ValueError("the model has no layers left")
        layer = self._chain.pop()
        if self.built and self._chain:
            self._connect_layers(self.graph.inputs, self.graph.calls[-1].inputs)
        elif not self._chain:
            self.graph, self.built = None, False
        self._changed()
        return layer

    def _append(self, *layers):
        chain = dict.fromkeys(self._chain)
        for layer in layers:
            start = input_of(layer)
            if start is not None:
                if chain or self._start is not None:
                    raise ValueError(f"Input must be the first entry of a model, and the only one. "
                                     f"Received: {arguments.shown(start)} behind {len(chain)} layers")
                self._start = start
                continue
            arguments.instance("a layer", layer, Layer, "a fastcnn.layers.Layer")
            if layer in chain:
                raise ValueError(f"a chain has each layer once; Model(inputs, outputs) may use one twice. "
                                 f"Received: {arguments.shown(layer.name)}")
            chain[layer] = None
        formats = {layer.data_format for layer in chain if getattr(layer, "data_format", None) is not None}
        if len(formats) > 1:
            raise ValueError(f"all layers of a model must have one data_format. Received: {', '.join(sorted(formats))}")
        name_layers(chain)
        for layer in chain if "channels_first" in formats else ():
            layer.first = True
        for layer in layers if self.built else ():
            before = self.graph.outputs
            self._connect_layers(self.graph.inputs, [layer(before[0] if len(before) == 1 else before)])
        self._chain = list(chain)
        self._changed()

    # Building

    def _build_if_known(self):
        first = self._chain[0] if self._chain else None
        if first is None:
            return
        if self._start is not None:
            self._build(self._start)
        elif first.given_shape is not None:
            self.build(first.given_shape)
        elif isinstance(first, BaseModel) and first.built:
            self.build(first.input_shape)

    def build(self, input_shape: Sequence[int]) -> None:
        """Builds all layers.

        Args:
            input_shape: of one sample, without the batch (a leading None is left out).
        """
        batch = isinstance(input_shape, (tuple, list)) and len(input_shape) > 0 and input_shape[0] is None
        shape = arguments.shape("input_shape", input_shape[1:] if batch else input_shape)
        self._build(InputLayer(shape, name="input").symbol())
        self._resolve()

    def _build(self, start):
        value = start
        for layer in self._chain:  # however late one says so
            if getattr(layer, "data_format", None) == "channels_first" or isinstance(layer, BaseModel) and layer.first:
                start.decide(True, layer)
        for layer in self._chain:
            value = layer(value)
        self._connect_layers([start], [value])
        self._changed()

    def _need_built(self):
        if not self._chain:
            raise ValueError("the model has no layers")
        super()._need_built()

    # Configuration

    def _described(self, entry):
        start = [] if self._start is None else [self._start.layer]
        config = {"name": self.name, "seed": self.seed,
                  "input_shape": list(self.input_shape[1:]) if self.built else None,
                  "layers": [entry(layer) for layer in (*start, *self._chain)]}
        return with_choices(self, config)

    @classmethod
    def _from_config(cls, config):
        model = cls([layer_of(entry, cls._kinds) for entry in config["layers"]], config["name"], config["seed"])
        if model._chain and not model.built and config["input_shape"] is not None:
            model.build(config["input_shape"])
        return model


Model._kinds.update(Model=Model, Sequential=Sequential)
