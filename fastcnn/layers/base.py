"""What every layer is: parameters, shapes, and the ops it becomes."""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn, TypedDict, overload

import numpy as np

from fastcnn import _ops, activations, arguments, attributes, calling, constraints, initializers, registry, regularizers
from fastcnn.attributes import Settable, being_made, overrides
from fastcnn.engine.nodes import Node
from fastcnn.engine.parameters import Multiplier, Parameter
from fastcnn.layers.copying import Copied
from fastcnn.layers.symbols import Call, Symbol, symbols_in, turned
from fastcnn.random import new_seed
from fastcnn.typing import Array, ArrayLike, Config, Identifier, Nothing, Unpack

_AXES = {  # of samples that are no images: what is missing, or too much
    1: ", and these are rows of numbers: put it before Flatten(), or Reshape((height, width, channels)) before it",
    2: "; grey images have one channel: (height, width, 1); a single one is x[None], grey images without channels are "
       "x[..., None]",
    4: "; how many samples there are is no part of it",
}


class Options(TypedDict, total=False):
    """Arguments of every layer, but `trainable`, whose default differs."""

    name: str | None
    input_shape: Sequence[int] | None
    learning_rate_multiplier: float | Mapping[str, float] | None
    weight_decay_multiplier: float | Mapping[str, float] | None


class LayerOptions(Options, total=False):
    """Arguments of every layer; see `Layer`."""

    trainable: bool


class Layer(Copied, Settable):
    """Base class of layers; subclass it to write a layer of your own in NumPy.

    A subclass overrides `build(shape)` (declare parameters with `add_weight`, set `self.output_size` to the output's
    shape without the batch; by default it is the input's), `forward(x, training)` and `backward(dy)`, which returns dx
    and puts each parameter's gradient into `parameter.gradient[...]`. With `merges = True` a layer takes a list: `build` of
    shapes, `forward` of arrays, and `backward` returns as many gradients.

    Called on an array, a layer computes; called on an `Input`, or on what another layer gave when called so, it continues
    the network that `fastcnn.Model(inputs, outputs)` is made of. Each such call uses the same parameters.

    Args:
        name: unique within a model; by default made from the class' name.
        input_shape: shape of one sample, without the batch; needed by the first layer of a model only.
        trainable: False keeps the layer's parameters as they are.
        learning_rate_multiplier, weight_decay_multiplier: factors of the optimizer's, a number ≥ 0 or a dictionary by
            parameter, as {"bias": 2.0}.

    Example:
        >>> class Scale(fastcnn.layers.Layer):
        ...     def build(self, shape):
        ...         self.factor = self.add_weight("factor", (1,), "ones")
        ...     def forward(self, x, training=False):
        ...         self.x = x
        ...         return x * self.factor.value
        ...     def backward(self, dy):
        ...         self.factor.gradient[...] = np.sum(dy * self.x)
        ...         return dy * self.factor.value
        >>> Scale()(np.ones((1, 2))).tolist()
        [[1.0, 1.0]]
    """

    input_size: Any      # shape of a sample, without the batch, channels last; a list of shapes if the layer merges
    output_size: Any     # the same of its output
    spatial: bool = False  # does it work on (height, width, channels)?
    merges: bool = False   # does it take a list of inputs?
    training_only: bool = False
    smallest_wins: bool = False  # at a model's end: is the smallest output the answer, not the largest?
    made_anew = {"_eager": lambda: None, "_given": weakref.WeakSet}
    learning_rate_multiplier, weight_decay_multiplier = Multiplier(), Multiplier()

    def __init__(self, *, name: str | None = None, input_shape: Sequence[int] | None = None, trainable: bool = True,
                 learning_rate_multiplier: float | Mapping[str, float] | None = None,
                 weight_decay_multiplier: float | Mapping[str, float] | None = None, **unknown: Unpack[Nothing]) -> None:
        if unknown:
            calling.refuse(type(self), unknown)
        self.name = self.given_name = name
        self.given_shape = None if input_shape is None else arguments.shape("input_shape", input_shape)
        self.trainable = trainable
        self._parameters = []
        self.built = False
        self.settled = False  # has a model seen to it that its name is the only one?
        self.input_size = self.output_size = None
        self.first = False    # do users see channels first?
        self._eager, self._given = None, weakref.WeakSet()
        self.learning_rate_multiplier, self.weight_decay_multiplier = learning_rate_multiplier, weight_decay_multiplier

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        if overrides(cls, Layer, "nodes", "forward", "backward"):  # what a user's class computes is computed in Python
            cls.nodes, cls.training_nodes, cls.training_only = Layer.nodes, Layer.training_nodes, False

    def __setattr__(self, name: str, value: NoReturn) -> None:
        if isinstance(vars(self).get(name), Parameter):
            raise AttributeError(f"{name} of a {type(self).__name__} cannot be set; set_weights(arrays) does it. "
                                 f"Received: {arguments.shown(value)}")
        super().__setattr__(name, value)

    @classmethod
    def default_name(cls) -> str:
        """The class' name in snake_case: Conv2D → conv2d, MaxPooling2D → max_pooling2d."""
        return registry.snake(cls.__name__).replace("2_d", "2d")

    @property
    def parameters(self) -> list[Parameter]:
        """The `Parameter`s that `build` has declared, in order."""
        return self._parameters

    @property
    def trainable(self) -> bool:
        """False keeps the layer's parameters as they are, from the next call on."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        before, self._trainable = vars(self).get("_trainable"), arguments.flag("trainable", value)
        if before is not None and before != value:
            attributes.changed()

    @property
    def name(self) -> Any:
        """What the layer is called; for good, once it is built: models, files and callbacks know it by this name."""
        return self._name

    @name.setter
    def name(self, value: str | None) -> None:
        if vars(self).get("built") and value != self._name:
            raise AttributeError(f"layer {self._name!r} has its name for good; give name= when it is made. "
                                 f"Received: {arguments.shown(value)}")
        if value is not None and (not isinstance(value, str) or not value or "/" in value):
            raise ValueError(f"name must be a text without '/'. Received: {arguments.shown(value)}")
        self._name = value

    def _take(self, other, given):
        """Becomes what another layer is, if it has the same parameters and shapes: those are a built layer's for good."""
        mine = self.parameters
        if self.built:
            other.build_for(self.input_size)
            same = [(p.name, p.shape) for p in other.parameters] == [(p.name, p.shape) for p in mine]
            if not same or other.output_size != self.output_size or "data_format" in given:
                raise AttributeError(f"layer {self.name!r} has been built, for samples of shape {self.input_size}, and "
                                     f"another layer is needed for other weights, outputs or formats. Received: "
                                     f"{arguments.given(**given)}")
            for p, q in zip(mine, other.parameters):
                p.regularizer, p.constraint, p.initializer = q.regularizer, q.constraint, q.initializer
        kept, own = _STATE, {id(q): p for p, q in zip(mine, other.parameters)}
        vars(self).update((name, own.get(id(value), value)) for name, value in vars(other).items() if name not in kept)

    # Building

    def add_weight(self, name: str, shape: Sequence[int], initializer: Identifier = "glorot_uniform",
                   regularizer: Identifier | None = None, trainable: bool = True,
                   constraint: Identifier | None = None) -> Parameter:
        """Declares a parameter; call it from `build`. One that is not trainable is saved, but no optimizer changes it."""
        if any(p.name == name for p in self._parameters):
            raise ValueError(f"layer {self.name!r} has a parameter of this name already. Received: {arguments.shown(name)}")
        parameter = Parameter(name, shape, initializers.get(initializer), regularizers.get(regularizer),
                              arguments.flag("trainable", trainable), constraints.get(constraint))
        if parameter.constraint is not None:
            parameter.constraint.check(f"{self.name}/{name}", parameter.shape)
        parameter.open = type(self).nodes is Layer.nodes
        self._parameters.append(parameter)
        return parameter

    def build(self, shape: Any) -> None:
        """Declares parameters and sets `output_size` for inputs of `shape` (without the batch)."""

    def build_for(self, shape: Any) -> None:
        """Builds the layer for samples of `shape` (of shapes, if it merges); a second call must agree with the first."""
        shape = [tuple(part) for part in shape] if self.merges else tuple(shape)
        if self.built:
            if shape != self.input_size:
                raise ValueError(f"layer {self.name!r} was built for samples of shape {self.input_size}. Received: {shape}")
            return
        if self.spatial and len(shape) != 3:
            raise ValueError(f"{type(self).__name__} works on samples of shape (height, width, channels)"
                             f"{_AXES.get(len(shape), '')}. Received: {shape}")
        if self.name is None:
            self.name = self.default_name()
        self.input_size = self.output_size = shape
        with being_made(self):
            try:
                self.build(shape)
            except _ops.ShapeError as error:
                first = self.spatial and shape[0] in (1, 3) and shape[2] > 3
                hint = " (are the channels first? data_format='channels_first' says so)" if first else ""
                raise _ops.ShapeError(f"layer {self.name!r}: {error}{hint}") from None
        self.output_size = tuple(self.output_size)
        if isinstance(getattr(self, "activation", None), tuple):  # a user's class may call something else so
            activations.check(self.activation, self.output_size[-1])
        Layer.learning_rate_multiplier.apply(self, self.learning_rate_multiplier)
        Layer.weight_decay_multiplier.apply(self, self.weight_decay_multiplier)
        self.built = True

    def seed_parameters(self, seed: int, first: int = 0) -> int:
        """Says what the initial values of parameters that have none are drawn from: a seed, and numbers from `first` on. The
        number after the last."""
        for number, parameter in enumerate(self.parameters, first):
            if parameter.key is None:
                parameter.key = [seed, number]
        return first + len(self.parameters)

    def nodes(self) -> list[Node] | None:
        """The ops this layer becomes, first to last; None: it computes in Python (`forward`, `backward`)."""
        return None

    def training_nodes(self) -> list[Node] | None:
        """The same while training, for layers that then compute otherwise."""
        return self.nodes()

    # Shapes and counts, as users see them

    def _seen(self, size):
        if size is None:
            return None
        if isinstance(size, list):
            return [self._seen(part) for part in size]
        return (None, *turned(size, self.first or getattr(self, "data_format", None) == "channels_first"))

    @property
    def input_shape(self) -> Any:
        """Shape of the input, the batch as None; a list of them, if the layer merges."""
        return self._seen(self.input_size)

    @property
    def output_shape(self) -> Any:
        """Shape of the output, the batch as None."""
        return self._seen(self.output_size)

    def count_params(self) -> int:
        """Number of parameters."""
        return sum(p.size for p in self.parameters)

    def multiply_adds(self) -> int:
        """Multiplications with a parameter, per sample."""
        return 0

    def connections(self) -> int:
        """Inputs and biases read per sample, counted once per output they reach (LeCun et al. 1998)."""
        return self.multiply_adds()

    # Weights

    @property
    def weights(self) -> list[Array]:
        """The parameters' arrays, read-only; change them with `set_weights`."""
        views = []
        for parameter in self.parameters:
            view = parameter.value.view()
            view.flags.writeable = False
            views.append(view)
        return views

    @property
    def _items(self):
        """(layer, parameter) of all parameters: a model's layers have some each."""
        return [(self, parameter) for parameter in self.parameters]

    @property
    def trainable_weights(self) -> list[Array]:
        """Those of `weights` that training changes."""
        return [view for (layer, p), view in zip(self._items, self.weights) if layer.trainable and p.trainable]

    @property
    def non_trainable_weights(self) -> list[Array]:
        """Those of `weights` that training leaves alone, or that follow it: moving averages."""
        return [view for (layer, p), view in zip(self._items, self.weights) if not (layer.trainable and p.trainable)]

    def get_weights(self) -> list[Array]:
        """Copies of the parameters' arrays."""
        return [p.value.copy() for p in self.parameters]

    def set_weights(self, weights: Sequence[ArrayLike]) -> None:
        """Replaces the parameters.

        Args:
            weights: arrays of the parameters' shapes, in their order.
        """
        weights = self._checked_weights(weights, [f"{self.name}/{p.name}" for p in self.parameters])
        for parameter, value in zip(self.parameters, weights):
            parameter.array[...] = value
        self.touch()

    def _checked_weights(self, weights, names):
        """Arrays for all parameters, which are called so."""
        wanted, arrays = [f"{name} {p.shape}" for name, p in zip(names, self.parameters)], None
        if hasattr(weights, "__iter__") and not isinstance(weights, (str, dict)):
            arrays = list(weights)
        if arrays is None or len(arrays) != len(wanted):
            received = f"a list of {len(weights)}" if isinstance(weights, (list, tuple)) else arguments.shown(weights)
            raise (TypeError if arrays is None else ValueError)(
                f"weights must be a list of {len(wanted)} arrays, as get_weights() gives it: {', '.join(wanted[:4])}"
                f"{', …' * (len(wanted) > 4)}. Received: {received}")
        arrays = [arguments.array(name, array) for name, array in zip(names, arrays)]
        for name, parameter, value in zip(names, self.parameters, arrays):
            parameter.need_float32("set_weights")
            if value.shape != parameter.shape:
                hint = " (its transpose would fit)" if value.shape[::-1] == parameter.shape else ""
                raise ValueError(f"{name} has shape {parameter.shape}. Received: shape {value.shape}{hint}")
        return arrays

    def touch(self) -> None:
        """Says that parameters have changed, so that packed copies are made again."""
        for parameter in self.parameters:
            parameter.touch()

    @property
    def version(self) -> int:
        """Changes whenever the parameters do."""
        return max((parameter.version for parameter in self.parameters), default=0)

    # Being called

    @overload
    def __call__(self, x: Symbol | Sequence[Symbol]) -> Symbol: ...
    @overload
    def __call__(self, x: ArrayLike) -> Array: ...

    def __call__(self, x: Any, *more: Any) -> Any:
        """The layer's output: for a batch `x` an array, for an `Input` or what layers gave for one a `Symbol`. Builds the
        layer if need be.

        Args:
            x: array (samples, …), or a symbol; a list of them, if the layer merges.
            more: none; several inputs come in a list.
        """
        if more:
            raise TypeError(f"a layer is called on one value, or on a list of them: [a, b]. "
                            f"Received: {1 + len(more)} values")
        symbols = symbols_in(x)
        if symbols is None:
            return self._compute(x)
        if not self.merges and len(symbols) != 1:
            raise ValueError(f"{type(self).__name__} takes one input (Concatenate and Add make one of several). "
                             f"Received: a list of {len(symbols)}")
        return self._connect(symbols)

    def _connect(self, symbols):
        own = getattr(self, "data_format", None)
        if own is not None:
            for symbol in symbols:
                symbol.decide(own == "channels_first", self)
        first = {symbol.first for symbol in symbols} - {None}
        if len(first) > 1:
            raise ValueError(f"layer {self.name or type(self).__name__!r} is called on images with channels first and last. "
                             f"Received: shapes {', '.join(str(symbol.shape) for symbol in symbols)}")
        for symbol in symbols:
            symbol.taken |= symbol.first is None
        sizes = [symbol.size for symbol in symbols]
        self.build_for(sizes if self.merges else sizes[0])
        self.first = bool(first and first.pop())
        undecided = all(symbol.first is None for symbol in symbols)
        return self.given(Symbol(Call(self, symbols), 0, self.output_size, None if undecided else self.first))

    def given(self, symbol: Symbol) -> Symbol:
        """Remembers a value that the layer gives. The value, and models made of it, keep the layer, not the other way
        round."""
        vars(self).setdefault("_given", weakref.WeakSet()).add(symbol)  # none yet, if both are being copied
        return symbol

    @property
    def output(self) -> Any:
        """The value that the layer gave when it was first called on one."""
        known = list(self._given)
        if known:
            return min(known, key=lambda symbol: symbol.call.number)
        raise AttributeError(f"layer {self.name!r} has no output yet: it has not been called on an Input, nor built in a "
                             f"model")

    @property
    def input(self) -> Any:
        """The value that the layer was first called on; a list, if it merges."""
        taken = self.output.call.inputs
        return list(taken) if self.merges else taken[0] if taken else self.output

    def _compute(self, x):
        from fastcnn.engine.eager import Eager

        xs = [arguments.array("x", part) for part in (x if self.merges else [x])]
        if any(part.ndim < 2 for part in xs):
            raise ValueError(f"x must be a batch, (samples, …); a single sample is x[None]. Received: shape "
                             f"{', '.join(str(p.shape) for p in xs)}")
        first = getattr(self, "data_format", None) == "channels_first"
        if first:
            xs = [arguments.dense(part.transpose(0, 2, 3, 1)) if part.ndim == 4 else part for part in xs]
        sizes = [part.shape[1:] for part in xs]
        if not self.built:
            self.build_for(sizes if self.merges else sizes[0])
            self.seed_parameters(new_seed())
        elif sizes != (self.input_size if self.merges else [self.input_size]):
            raise ValueError(f"layer {self.name!r} takes samples of shape {self.input_size}. Received: shape "
                             f"{', '.join(str(part.shape) for part in xs)}")
        if len({len(part) for part in xs}) > 1:
            raise ValueError(f"x must hold as many samples in each input. Received: {', '.join(str(len(p)) for p in xs)}")
        if self._eager is None:
            self._eager = Eager(sizes)
        y = self._eager(self, xs)
        return np.ascontiguousarray(y.transpose(0, 3, 1, 2)) if first and y.ndim == 4 else y

    def forward(self, x: Any, training: bool = False) -> Any:
        """Output for a batch, in NumPy: written by layers that compute in Python."""
        raise self._left_out("forward(x, training)")

    def backward(self, dy: Any) -> Any:
        """Gradient of the input, in NumPy: written by layers that compute in Python."""
        raise self._left_out("backward(dy)")

    def _left_out(self, method):
        if type(self).config and self.nodes() is None:
            return NotImplementedError(f"{type(self).__name__} is made of a layer that computes in C and has no {method} in "
                                       f"NumPy to call: it must define both methods by itself")
        return NotImplementedError(f"{type(self).__name__} must define {method}")

    def get_config(self) -> Config:
        """The constructor's arguments in JSON's types."""
        config = {name: _plain(getattr(self, name)) for name in self.config}
        if self.name is not None:
            config["name"] = self.name
        if self.given_shape is not None:
            config["input_shape"] = list(self.given_shape)
        if not self.trainable:
            config["trainable"] = False
        for name in ("learning_rate_multiplier", "weight_decay_multiplier"):
            if getattr(self, name) is not None:
                config[name] = getattr(self, name)
        return config

    @classmethod
    def from_config(cls, config: Config) -> Any:
        """A new layer from `get_config`'s answer."""
        return cls(**{key: tuple(v) if key == "input_shape" else v for key, v in config.items()})

    def __repr__(self):
        return f"<{type(self).__name__} {arguments.given(**self.get_config())}>"

    def _repr_html_(self):
        """The table that notebooks show: shapes, parameters, and what the layer was made with."""
        from fastcnn.tables import Table

        rows = [["input", str(self.input_shape)], ["output", str(self.output_shape)]] if self.built else []
        rows += [[p.name, " × ".join(map(str, p.shape)) + f": {p.size:,} parameters"] for p in self.parameters]
        for key, value in self.get_config().items():
            if key != "name" and value is not None:
                text = value["class_name"] if isinstance(value, dict) and "class_name" in value else str(value)
                rows.append([key, text if len(text) < 80 else f"{text[:79]}…"])
        name = type(self).__name__ + (f' "{self.name}"' if self.name else "")
        return Table(["", ""], rows).html(name)


def _plain(value):
    if isinstance(value, initializers.Initializer):
        return initializers.serialize(value)
    if isinstance(value, regularizers.Regularizer):
        return regularizers.serialize(value)
    if isinstance(value, constraints.Constraint):
        return constraints.serialize(value)
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str):
        return activations.serialize(value)
    return value


_STATE = frozenset(vars(Layer()))  # what a layer is besides what its own class made of its arguments
