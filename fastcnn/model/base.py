"""What every model is before it is trained: layers and how they are connected, weights, names, a configuration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from fastcnn import arguments, attributes
from fastcnn.engine.parameters import Parameter
from fastcnn.hints import nearest
from fastcnn.layers.base import Layer
from fastcnn.layers.input import InputLayer
from fastcnn.layers.symbols import Call, Symbol
from fastcnn.model.graph import Graph
from fastcnn.model.naming import name_layers
from fastcnn.random import new_seed
from fastcnn.registry import unique
from fastcnn.typing import Array, ArrayLike, Config


class Layers(tuple[Any, ...]):
    """A model's layers, to look at: what changes a model are its methods. Parts of it, and sums, are lists of their own."""

    def _refuse(self, *args, **kwargs):
        """Refused: a model is changed by its methods."""
        raise TypeError("a model's layers cannot be changed through this list: a Sequential has add(layer) and pop(), and "
                        "Model(inputs, outputs) makes a model of part of another's layers and new ones. "
                        f"Received: a change of {len(self)} layers")

    def __getitem__(self, place: Any) -> Any:
        try:
            found = super().__getitem__(place)
            return list(found) if isinstance(place, slice) else found
        except (TypeError, IndexError) as error:
            hint = f"; get_layer({place!r}) takes names" if isinstance(place, str) else ""
            raise type(error)(f"a model's layers have numbers from 0 to {len(self) - 1}{hint}. "
                              f"Received: {arguments.shown(place)}") from None

    def __add__(self, others: Sequence[Any]) -> list[Any]:
        return [*self, *others]

    def __radd__(self, others: Sequence[Any]) -> list[Any]:
        return [*others, *self]

    def __eq__(self, other):
        return list(self) == list(other) if isinstance(other, (list, tuple)) else NotImplemented

    __hash__ = tuple.__hash__

    def copy(self) -> list[Any]:
        """A list of the same layers."""
        return list(self)

    if not TYPE_CHECKING:  # which find that there are no such methods
        append = clear = extend = insert = pop = remove = reverse = sort = _refuse
        __setitem__ = __delitem__ = __iadd__ = __imul__ = _refuse


class Parameters(list):
    """A list of parameters, to look at."""

    def __call__(self):
        """Refused: elsewhere it is a method, whose answer an optimizer is made with."""
        raise TypeError("parameters is a list, without brackets behind it; an optimizer needs none of them: did you mean "
                        "compile(optimizer, loss)? Received: a call of parameters")


class BaseModel(Layer):
    """The layers of a model; being a layer itself, a model can be called on symbols, as part of another.

    Args:
        name: of the model.
        seed: of initial values, the order of samples and dropout; None: from `fastcnn.set_random_seed`'s source.
    """

    def __init__(self, name: str, seed: int | None = None) -> None:
        self.graph = None
        super().__init__()
        if not isinstance(name, str) or not name:
            raise TypeError(f"name must be a text. Received: {arguments.shown(name)}")
        self.name = self.given_name = name
        self.seed = new_seed() if seed is None else seed
        self.metadata: dict[str, Any] = {}
        self.notes: tuple[str, ...] = ()  # of a model of another program: what became of what

    @property
    def seed(self) -> int:
        """What initial values, the order of samples and dropout come from."""
        return self._seed

    @seed.setter
    def seed(self, value: int) -> None:
        before, self._seed = vars(self).get("_seed", value), arguments.integer("seed", value, 0, 2**32 - 1)
        if before != value:
            attributes.changed()

    # Layers

    def _connect_layers(self, inputs, outputs):
        """Becomes the network between some symbols."""
        graph = Graph(inputs, outputs)
        formats = {symbol.first for symbol in graph.inputs} - {None}
        if len(formats) > 1:
            raise ValueError("all inputs of a model must have one data_format. Received: channels_first and channels_last")
        name_layers(graph.layers)
        sizes = [symbol.size for symbol in graph.inputs]
        with attributes.being_made(self):
            self.graph, self.built = graph, True
            self.first = bool(formats and formats.pop())
            self.merges = len(sizes) > 1
            self.input_size, self.output_size = sizes if self.merges else sizes[0], graph.outputs[0].size
        number = 0
        for layer in self._leaves():
            number = layer.seed_parameters(self.seed, number)

    @property
    def layers(self) -> Layers:
        """The layers in the order in which they were called, to look at."""
        return Layers(() if self.graph is None else self.graph.layers)

    def _leaves(self):
        """All layers that compute, those of models among the layers in the place of these."""
        found = {}
        for layer in () if self.graph is None else self.graph.layers:
            found.update(dict.fromkeys(layer._leaves() if isinstance(layer, BaseModel) else [layer]))
        return list(found)

    @property
    def _items(self):
        """(layer, parameter) of all layers, each parameter once."""
        return [(layer, parameter) for layer in self._leaves() for parameter in layer.parameters]

    @property
    def parameters(self) -> list[Parameter]:
        """The parameters of all layers."""
        return Parameters(parameter for _, parameter in self._items)

    def _named_layers(self, prefix=""):
        """[(name, layer)] of those that compute; of a model among the layers with the model's name and a slash in front."""
        found = {}
        for layer in () if self.graph is None else self.graph.layers:
            name = prefix + layer.name
            inner = layer._named_layers(f"{name}/") if isinstance(layer, BaseModel) else [(name, layer)]
            for own, leaf in inner:
                found.setdefault(leaf, own)
        return [(name, leaf) for leaf, name in found.items()]

    def get_layer(self, name: str | None = None, index: int | None = None) -> Any:
        """A layer by name or by index."""
        if (name is None) == (index is None):
            raise ValueError(f"a name or an index must be given. Received: {arguments.given(name=name, index=index)}")
        layers = self.layers
        if index is not None:
            return layers[arguments.integer("index", index, -len(layers), len(layers) - 1)]
        names = [layer.name for layer in layers]
        if isinstance(name, str) and name in names:
            return layers[names.index(name)]
        near = nearest(name, names) if isinstance(name, str) else None
        raise ValueError(f"the model's layers are {', '.join(names)}{f'; did you mean {near}?' if near else '.'} "
                         f"Received: {arguments.shown(name)}")

    @property
    def trainable(self) -> bool:
        """False keeps all layers' parameters as they are; setting it sets it in every layer."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = arguments.flag("trainable", value)
        for layer in () if self.graph is None else self.graph.layers:
            layer.trainable = value

    _kind = "Model"  # in files

    def _need_built(self):
        if not self.built:
            raise ValueError("the model has no input shape yet: start it with Input(shape) or input_shape=, or call "
                             "build(shape)")

    # Being a layer

    def _left_out(self, method):
        return NotImplementedError(f"a model has no {method} to call: predict(x) computes, gradients(x, y) goes back, and "
                                   "fit(x, y) does both")

    def _connect(self, symbols):
        self._need_built()
        if len(symbols) != len(self.graph.inputs):
            raise ValueError(f"model {self.name!r} takes {len(self.graph.inputs)} inputs. Received: {len(symbols)}")
        for symbol, own in zip(symbols, self.graph.inputs):
            if own.first is not None:
                symbol.decide(own.first, self)
            if symbol.size != own.size:
                raise ValueError(f"model {self.name!r} takes samples of shape {own.shape[1:]} for {own.name!r}. "
                                 f"Received: {symbol.shape[1:]}")
        call = Call(self, symbols)
        given = [self.given(Symbol(call, i, output.size, output.first)) for i, output in enumerate(self.graph.outputs)]
        return given if len(given) > 1 else given[0]

    # Shapes

    @property
    def inputs(self) -> list[Symbol]:
        """The values that the model begins with."""
        self._need_built()
        return list(self.graph.inputs)

    @property
    def outputs(self) -> list[Symbol]:
        """The values that the model gives."""
        self._need_built()
        return list(self.graph.outputs)

    @property
    def input(self) -> Any:
        """The value that the model begins with; a list, if there are several."""
        return self.inputs if len(self.inputs) > 1 else self.inputs[0]

    @property
    def output(self) -> Any:
        """The value that the model gives; a list, if there are several."""
        return self.outputs if len(self.outputs) > 1 else self.outputs[0]

    @property
    def input_names(self) -> list[str]:
        """Names of the inputs, as a dictionary of arrays may have them."""
        return [symbol.name for symbol in self.inputs]

    @property
    def output_names(self) -> list[str]:
        """Names of the outputs: those of the layers that give them."""
        return unique([symbol.name for symbol in self.outputs])

    def _shapes(self, found):
        shapes = [(None, *self._turned(symbol.size)) for symbol in found]
        return shapes if len(shapes) > 1 else shapes[0]

    def _turned(self, size):
        return (size[2], *size[:2]) if self.first and len(size) == 3 else size

    @property
    def input_shape(self) -> Any:
        """Shape of the input, the batch as None; of several inputs a list."""
        return self._shapes(self.inputs)

    @property
    def output_shape(self) -> Any:
        """Shape of the output, the batch as None; of several outputs a list."""
        return self._shapes(self.outputs)

    def multiply_adds(self) -> int:
        """Multiplications with a parameter, per sample."""
        return sum(len(self.graph.sources(layer)) * layer.multiply_adds() for layer in self.layers)

    def connections(self) -> int:
        """Inputs and biases read per sample, counted once per output they reach."""
        return sum(len(self.graph.sources(layer)) * layer.connections() for layer in self.layers)

    # Weights

    def count_params(self) -> int:
        """Number of parameters."""
        self._need_built()
        return super().count_params()

    @property
    def weights(self) -> list[Array]:
        """All parameters' arrays, read-only."""
        self._need_built()
        return super().weights

    def get_weights(self) -> list[Array]:
        """Copies of all parameters' arrays."""
        self._need_built()
        return super().get_weights()

    def set_weights(self, weights: Sequence[ArrayLike]) -> None:
        """Replaces all parameters; nothing changes unless all shapes are right.

        Args:
            weights: arrays in the order of `get_weights`.
        """
        self._need_built()
        self._need_float32("set_weights")
        weights = self._checked_weights(weights, [f"{name}/{p.name}" for name, layer in self._named_layers()
                                                  for p in layer.parameters])
        for parameter, value in zip(self.parameters, weights):
            parameter.array[...] = value
        self.touch()

    def summary(self, print_fn: Callable[[str], Any] | None = None, algorithms: bool = False,
                line_length: int | None = None) -> None:
        """Prints each layer's output shape, parameters, multiply-adds, connections, and in a network with branches the
        layers that it takes values from.

        Args:
            print_fn: called with each line; None: print.
            algorithms: also say how convolutions are computed: "direct", or Winograd's "F(4×4, 3×3)" and the like, where
                the passes differ for each of them.
            line_length: the most letters of a line, at least 40: shapes are shortened, connections and multiply-adds left
                out and names broken as far as need be. None: as a terminal is wide, elsewhere as many as it takes.

        Example:
            >>> fastcnn.Sequential([fastcnn.layers.Dense(3, input_shape=(4,))]).summary(line_length=40)
            Model "sequential"
            ───────────────────────────────────────
            Layer (type)   Output shape  Parameters
            ───────────────────────────────────────
            dense (Dense)  3                     15
            ───────────────────────────────────────
            total                                15
            trainable parameters: 15; kept as they
            are: 0
            left out for want of room: connections,
            multiply-adds
        """
        from fastcnn.model import summary

        self._need_built()
        algorithms = arguments.flag("algorithms", algorithms)
        if print_fn is not None and not callable(print_fn):
            raise TypeError(f"print_fn must be a function of a line, as print. Received: {arguments.shown(print_fn)}")
        if line_length is not None:
            line_length = arguments.integer("line_length", line_length, 40)
        elif print_fn is None:
            line_length = summary.columns()
        for line in summary.lines(self, algorithms, line_length):
            (print_fn or summary.show)(line)

    def _repr_html_(self):
        """The table that notebooks show."""
        from fastcnn.model.summary import html

        return html(self)

    def __repr__(self):
        shapes = f": {self.input_shape} → {self.output_shape}" if self.built and self.layers else ""
        return f"<{type(self).__name__} {self.name!r}{shapes}, {len(self.layers)} layers>"

    # Configuration

    def get_config(self) -> Config:
        """The architecture in JSON's types."""
        from fastcnn.model.configuring import entry_of

        return self._described(entry_of)

    def _described(self, entry):
        """The configuration, with `entry(layer)` for each layer."""
        from fastcnn.model.configuring import config_of

        return config_of(self, entry)


def input_of(layer):
    """The symbol of an `InputLayer`, or of what `Input` gave; None: it is something else."""
    if isinstance(layer, InputLayer):
        return layer.symbol()
    return layer if isinstance(layer, Symbol) and isinstance(layer.layer, InputLayer) else None
