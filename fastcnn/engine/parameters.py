"""Parameters, and the flat arrays they lie in: with gradients and optimizer states of the same layout."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any, NamedTuple

import numpy as np

from fastcnn import _ops, arguments, attributes
from fastcnn.typing import Array, ArrayLike

_LINE = 16  # floats: every parameter starts at a cache line
_PLANNED = "trainable", "regularizer", "constraint", "learning_rate_multiplier", "weight_decay_multiplier"
_PLACES = "flat", "stored"
_versions = count(1)  # of values: no two states of a parameter have the same
_moves = 0


def moves():
    """A number that grows whenever parameters move from one array to another, or become fewer bits."""
    return _moves


class Parameter:
    """An array that training may change, optimizers if it is `trainable`.

    It has initial values from the start, which are drawn when someone asks for them: `key` is the seed they come from. A
    model puts its parameters into a `Flat`; `array` and `gradient` are views of its arrays then. There is no gradient of a
    dense kernel beyond 1 MiB whose gradient is used up block by block (`absorbed`). Of a kernel that exists in fewer bits
    only (`stored`), `array` is restored each time it is asked for.

    `value` is what users see. What they assign to it counts from the next call on. They can write into it where Python
    computes with it (`open`), not where packed copies of it may exist, which would know nothing of that."""

    def __init__(self, name: str, shape: Sequence[int], initializer: Callable[..., Any], regularizer: Any = None,
                 trainable: bool = True, constraint: Any = None) -> None:
        self.name, self.shape, self.initializer, self.regularizer = name, tuple(shape), initializer, regularizer
        self.trainable, self.constraint = trainable, constraint
        self.key = self.flat = self.stored = self._value = self._gradient = None
        self.start, self._version, self.absorbed, self.open = 0, 0, False, True
        self.learning_rate_multiplier = self.weight_decay_multiplier = 1.0  # a layer's `Multiplier` sets them

    def __getstate__(self):
        """Copies have their values to themselves, outside of any flat array."""
        own = {"flat": None, "start": 0, "absorbed": False, "_gradient": None}
        return vars(self) | own

    def __setstate__(self, state):
        vars(self).update(state, _version=next(_versions))

    def __setattr__(self, name, value):
        global _moves
        before = vars(self).get(name, value)
        object.__setattr__(self, name, value)
        if name in _PLACES and before is not value:
            _moves += 1
        elif name in _PLANNED and before is not value and before != value:
            attributes.changed()

    @property
    def value(self) -> Array:
        """The array, read-only unless it is open."""
        if self.open:
            return self.array
        view = self.array.view()
        view.flags.writeable = False
        return view

    @value.setter
    def value(self, array: ArrayLike) -> None:
        array = arguments.array(self.name, array)
        if array.shape != self.shape:
            raise ValueError(f"{self.name} must have shape {self.shape}. Received: {array.shape}")
        self.need_float32("a new value")
        self.array[...] = array
        self.touch()

    @property
    def array(self) -> Array:
        """The array, to write into and `touch`."""
        if self.stored is not None:
            return self.stored.restored()
        if self._value is None:
            self._value = np.array(self._drawn(), np.float32, order="C")
        return self._value

    @array.setter
    def array(self, array: Array) -> None:
        self._value, self.stored = array, None

    def _drawn(self):
        return self.initializer(self.shape, np.random.default_rng(self.key))

    @property
    def gradient(self) -> Any:
        """The gradient's array, or None."""
        if self.absorbed:
            return None
        if self.flat is not None:
            return None if self.flat.gradients is None else self.of(self.flat.gradients)
        if self._gradient is None:
            self._gradient = np.zeros(self.shape, np.float32)
        return self._gradient

    def of(self, array: Array) -> Array:
        """The part of an array of the flat array's layout that belongs to the parameter, in its shape."""
        return array[self.start:self.start + self.size].reshape(self.shape)

    def twin(self) -> Parameter:
        """Another parameter in the same place, which may be given other values."""
        other = Parameter.__new__(Parameter)
        vars(other).update(vars(self))
        return other

    def place(self, flat: Flat, start: int) -> None:
        """Moves into a flat array."""
        view = flat.values[start:start + self.size].reshape(self.shape)
        view[...] = self._drawn() if self._value is None else self._value
        self.flat, self.start, self._value, self._gradient = flat, start, view, None

    def leave(self) -> None:
        """Moves out of the flat array."""
        self._value, self.flat = self._value.copy(), None

    def keep_only(self, stored: Any) -> None:
        """Gives up the array for one in fewer bits."""
        self._value = self._gradient = self.flat = None
        self.stored = stored

    def touch(self) -> None:
        """Says that values have changed, so that packed copies are made again."""
        if self.flat is None:
            self._version = next(_versions)
        else:
            self.flat.touch()

    @property
    def version(self) -> int:
        """Changes whenever values do."""
        return self._version if self.flat is None else self.flat.version

    def need_float32(self, what: str) -> None:
        """A ValueError if the parameter exists in fewer bits only."""
        if self.stored is not None:
            raise ValueError(f"{what} needs the float32 kernels that half_weights(..., free=True) gave up; "
                             f"half_weights('float32') brings them back, rounded as they are. Received: a model with "
                             f"{self.stored.name} as {self.stored.dtype} only")

    @property
    def size(self) -> int:
        """Number of values."""
        return math.prod(self.shape)

    @property
    def penalty(self) -> tuple[float, float]:
        """(l1, l2) of its regularizer."""
        return (0.0, 0.0) if self.regularizer is None else (self.regularizer.l1, self.regularizer.l2)


class Multiplier:
    """An attribute of layers: a factor of the optimizer's learning rate or weight decay for the layer's parameters.

    It is a number ≥ 0 for all of them, or a dictionary {parameter's name: number} (1 for those it leaves out), or None: 1.
    What is set before `compile` counts.
    """

    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, layer, owner=None):
        return self if layer is None else layer.__dict__.get(self.name)

    def __set__(self, layer, value):
        if isinstance(value, dict):
            if not all(isinstance(key, str) for key in value):
                raise TypeError(f"{self.name} must be a number or a dictionary by parameter's name. "
                                f"Received: {arguments.shown(value)}")
            value = {key: arguments.number(f"{self.name}[{key!r}]", number, 0) for key, number in value.items()}
        elif value is not None:
            value = arguments.number(self.name, value, 0)
        if layer.built:
            self.apply(layer, value)
        layer.__dict__[self.name] = value

    def apply(self, layer, value):
        """Gives each parameter of a built layer its factor."""
        names = [parameter.name for parameter in layer.parameters]
        if value is not None and not names:
            raise ValueError(f"{type(layer).__name__} has no parameters, so it takes no {self.name}. "
                             f"Received: {arguments.shown(value)}")
        if isinstance(value, dict) and not set(value) <= set(names):
            raise ValueError(f"{self.name} may name {', '.join(names)} in layer {layer.name!r}. "
                             f"Received: {arguments.shown(value)}")
        for parameter in layer.parameters:
            factor = value.get(parameter.name) if isinstance(value, dict) else value
            setattr(parameter, self.name, 1.0 if factor is None else factor)


class Flat:
    """One array in which parameters lie, each from a cache line on, and their gradients in another.

    Layers that several models share lie where the first of them has put them: a model's parameters are in one such array,
    or in some. `version` changes with the values; the array is `left` when its parameters have moved elsewhere.
    """

    def __init__(self, parameters):
        starts, self.size = [], 0
        for parameter in parameters:
            starts.append(self.size)
            self.size += _whole_lines(parameter.size)
        self.values = _ops.aligned(max(self.size, _LINE))
        self.values[...] = 0
        self.gradients, self.version, self.left = None, next(_versions), False
        for parameter, start in zip(parameters, starts):
            parameter.place(self, start)

    def touch(self):
        """Says that values have changed."""
        self.version = next(_versions)

    def prepare_gradients(self):
        """Makes the gradients' array. What is never written takes no memory."""
        if self.gradients is None:
            self.gradients = _ops.aligned(self.values.size, zero=True)


def _whole_lines(size):
    return -(-size // _LINE) * _LINE


class States:
    """What an optimizer keeps of a model's parameters: for each flat array so many rows of its layout, and of a copy's
    parameters, which lie in none yet, arrays of their own.

    Args:
        names: of the rows.
        initial: what they start from.
    """

    def __init__(self, names, initial):
        self.names, self.initial, self.rows, self.loose = names, initial, {}, {}

    def cover(self, flats):
        """Makes rows for the flat arrays that have none."""
        count = len(self.names)
        for flat in flats if count else ():
            if flat not in self.rows:
                self.rows[flat] = _ops.aligned(count * flat.values.size, zero=True).reshape(count, -1)
                if self.initial:
                    self.rows[flat][...] = self.initial
        for parameter in [p for p in self.loose if p.flat in self.rows]:
            for row, array in zip(self.rows[parameter.flat], self.loose.pop(parameter)):
                parameter.of(row)[...] = array

    def of(self, parameter):
        """What is kept of one parameter, as views; of one that has taken no step, what it starts from."""
        if parameter in self.loose:
            return self.loose[parameter]
        if parameter.flat in self.rows:
            return [parameter.of(row) for row in self.rows[parameter.flat]]
        return [np.full(parameter.shape, self.initial, np.float32) for _ in self.names]

    def apart(self, parameters, names):
        """The same of some parameters, whatever arrays they lie in, for an optimizer that keeps arrays of these names."""
        other = States(names, self.initial)
        for parameter in parameters:
            kept = dict(zip(self.names, self.of(parameter)))
            other.loose[parameter] = [kept[name] if name in kept else np.full(parameter.shape, self.initial, np.float32)
                                      for name in names]
        return other

    def part(self, run):
        """What is kept of a run of parameters, as views."""
        return [row[run.start:run.start + run.size] for row in self.rows.get(run.flat, ())]


class Run(NamedTuple):
    """Parameters that lie one after the other, and that training changes alike."""

    flat: Flat
    start: int
    size: int
    learning_rate_multiplier: float
    weight_decay_multiplier: float
    penalty: tuple[float, float]

    def of(self, array):
        """Its part of an array of the flat array's layout."""
        return array[self.start:self.start + self.size]


def trained(items):
    """Those of [(layer, parameter)] that an optimizer changes."""
    return [parameter for layer, parameter in items if layer.trainable and parameter.trainable]


def runs(parameters, without=(), apart=False):
    """The longest `Run`s of parameters, `without` some. apart: each parameter is one."""
    found, excluded = [], set(map(id, without))
    for p in parameters:
        if id(p) in excluded:
            continue
        factors, size = (p.learning_rate_multiplier, p.weight_decay_multiplier, p.penalty), _whole_lines(p.size)
        last = found[-1] if found else None
        if last and not apart and last.flat is p.flat and last.start + last.size == p.start and last[3:] == factors:
            found[-1] = last._replace(size=last.size + size)
        else:
            found.append(Run(p.flat, p.start, size, *factors))
    return found
