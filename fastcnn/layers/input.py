"""Where a model begins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastcnn import arguments
from fastcnn.engine.nodes import Node
from fastcnn.layers.base import Layer, LayerOptions
from fastcnn.layers.symbols import Call, Symbol
from fastcnn.typing import Config, Unpack


class InputLayer(Layer):
    """An input of a model, as one of its layers; `Input` makes one and gives its value.

    Args:
        shape: of one sample, without the batch.
        data_format: "channels_first": of images (channels, height, width); None: as the layers have it that take them.

    Example:
        >>> fastcnn.Sequential([fastcnn.layers.InputLayer((784,)), fastcnn.layers.Dense(10)]).output_shape
        (None, 10)
    """

    config = ("shape", "data_format")

    def __init__(self, shape: Sequence[int], data_format: str | None = None, **base: Unpack[LayerOptions]) -> None:
        super().__init__(**base)
        for name in ("learning_rate_multiplier", "weight_decay_multiplier"):
            getattr(Layer, name).apply(self, getattr(self, name))  # refused: there is nothing to multiply
        self.shape = arguments.shape("shape", shape)
        self.data_format = None if data_format is None else arguments.layout(data_format)
        first = self.data_format == "channels_first"
        size = self.shape
        self.build_for((size[1], size[2], size[0]) if first and len(size) == 3 else size)
        self.first = first

    def symbol(self) -> Symbol:
        """The input's value."""
        first = None if self.data_format is None else self.first
        return self.given(Symbol(Call(self), 0, self.output_size, first))

    def resize(self, size: tuple[int, ...], first: bool) -> None:
        """Takes the order of axes of the layers behind it."""
        self.input_size = self.output_size = size
        self.first = first

    def nodes(self) -> list[Node] | None:
        return []

    def get_config(self) -> Config:
        config = super().get_config()
        return {key: value for key, value in config.items() if key != "data_format" or value is not None}

    @classmethod
    def from_config(cls, config: Config) -> Any:
        return cls(**{**config, "shape": tuple(config["shape"])})


def input_for(symbol, name):
    """An input of the shape of a value."""
    formats = {True: "channels_first", False: "channels_last"}
    return InputLayer(symbol.shape[1:], formats.get(symbol.first) if len(symbol.size) == 3 else None, name=name)


def Input(shape: Sequence[int], name: str | None = None, data_format: str | None = None) -> Symbol:
    """Says what samples look like: the value that a model's first layer is called on, or a `Sequential`'s first entry.

    Args:
        shape: of one sample, without the batch.
        name: of the input.
        data_format: "channels_first": images come as (channels, height, width); None: as the layers have it that take them.

    Returns:
        Symbol: has a `shape`, the batch as None, and no numbers; layers can be called on it.

    Example:
        >>> x = fastcnn.Input((28, 28, 1))
        >>> y = fastcnn.layers.Dense(10)(fastcnn.layers.Flatten()(x))
        >>> fastcnn.Model(x, y).output_shape
        (None, 10)
        >>> fastcnn.Sequential([fastcnn.Input((784,)), fastcnn.layers.Dense(10)]).output_shape
        (None, 10)
    """
    return InputLayer(shape, data_format, name=name).symbol()
