"""Values without numbers: what a layer gives when it is called on such, so that models can be written down as in Keras'
functional API."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any

from fastcnn import arguments

_order = count(1)
_COMPUTE = "only layers compute with values of a model that is being written down: layers.Activation('relu'), " \
           "layers.Rescaling(scale, offset), layers.Add()([a, b]) …, or a subclass of Layer; functions take arrays"


class Call:
    """One use of a layer.

    Args:
        layer: what is called.
        inputs: the `Symbol`s it was called on; none: an `InputLayer`.

    Attributes:
        number: grows from call to call, so that inputs come before what takes them.
    """

    __slots__ = ("layer", "inputs", "number")

    def __init__(self, layer, inputs=()):
        self.layer, self.inputs, self.number = layer, tuple(inputs), next(_order)

    def __reduce__(self):
        return _call_again, (self.layer, self.inputs, self.number)


class Symbol:
    """A value that a model will compute.

    Args:
        call: that gives it.
        index: its number among what the call gives.
        size: shape of one sample, without the batch, channels last.
        first: do users see channels first? None: nobody has said so yet.
        taken: by a layer to which it did not matter who sees what first?
    """

    __slots__ = ("call", "index", "size", "first", "taken", "__weakref__")

    def __init__(self, call: Call, index: int, size: Sequence[int], first: bool | None = None, taken: bool = False) -> None:
        self.call, self.index, self.size, self.first, self.taken = call, index, tuple(size), first, taken

    def __reduce__(self):
        return _symbol_again, (self.call, self.index, self.size, self.first, self.taken)

    @property
    def layer(self) -> Any:
        """The layer that gives it."""
        return self.call.layer

    @property
    def shape(self) -> tuple[Any, ...]:
        """As users see it, the batch as None."""
        return (None, *turned(self.size, self.first))

    @property
    def name(self) -> Any:
        """That of its layer."""
        return self.layer.name

    def decide(self, first: bool, layer: Any) -> None:
        """Takes the data format of a layer that is called on it.

        Raises:
            ValueError: it has another one.
        """
        if self.first is None and first and len(self.size) == 3:
            if self.call.inputs or self.taken:
                raise ValueError(f"layer {layer.name!r} has channels first, and what it is called on was built before that "
                                 f"was known: give Input(shape, data_format='channels_first')")
            self.size = self.size[1], self.size[2], self.size[0]
            self.layer.resize(self.size, first)
        elif self.first not in (None, first):
            names = {True: "channels_first", False: "channels_last"}
            raise ValueError(f"all layers of a model must have one data_format, {names[self.first]!r}. Received: "
                             f"{arguments.shown(names[first])} in layer {arguments.shown(layer.name)}")
        self.first = first

    def __repr__(self):
        return f"<Symbol of shape {self.shape}, from {self.layer.name!r}>"

    def _merged(self, name, other):
        if not isinstance(other, Symbol):
            raise self._refused(_COMPUTE, other)
        from fastcnn import layers

        return getattr(layers, name)()([self, other])

    def __add__(self, other: Symbol) -> Symbol:
        return self._merged("Add", other)

    def __sub__(self, other: Symbol) -> Symbol:
        return self._merged("Subtract", other)

    def __mul__(self, other: Symbol) -> Symbol:
        return self._merged("Multiply", other)

    # What is done with numbers alone

    def _refused(self, why, *others):
        return TypeError(f"{why}. Received: {' and '.join(map(arguments.shown, (self, *others)))}")

    def _compute(self, *others):
        raise self._refused(_COMPUTE, *others)

    __radd__ = __rsub__ = __rmul__ = __truediv__ = __rtruediv__ = __floordiv__ = __mod__ = __pow__ = __rpow__ = _compute
    __matmul__ = __rmatmul__ = __neg__ = __pos__ = __abs__ = __float__ = __int__ = _compute
    __lt__ = __le__ = __gt__ = __ge__ = _compute

    def __array__(self, dtype=None, copy=None):
        raise self._refused(_COMPUTE)

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        raise self._refused(_COMPUTE, *(other for other in inputs if other is not self))

    def _take_apart(self, *place: Any) -> Any:
        raise self._refused("the value of one layer cannot be taken apart; layers.Cropping2D, Reshape and Permute change "
                            "its shape", *place)

    __iter__ = __getitem__ = __len__ = _take_apart

    def __bool__(self):
        raise self._refused("a value that is not known yet is neither true nor false")


def _call_again(layer, inputs, number):
    """A copy, which keeps its place in the order of calls; those that are made from now on come after it."""
    global _order
    call = Call(layer, inputs)
    if number > call.number:
        _order = count(number + 1)
    call.number = number
    return call


def _symbol_again(call, *given):
    """A copy, which its layer knows."""
    return call.layer.given(Symbol(call, *given))


def turned(size, first):
    """A shape as users see it."""
    return (size[2], *size[:2]) if first and len(size) == 3 else tuple(size)


def symbols_in(x):
    """The symbols that a layer is called on, as a list; None: it is called on arrays.

    Raises:
        TypeError: some are symbols, others not.
    """
    if isinstance(x, Symbol):
        return [x]
    if not isinstance(x, (list, tuple)) or not any(isinstance(part, Symbol) for part in x):
        return None
    if not all(isinstance(part, Symbol) for part in x):
        raise TypeError(f"a layer is called on symbols or on arrays, not on both. Received: "
                        f"{', '.join(map(arguments.shown, x))}")
    return list(x)
