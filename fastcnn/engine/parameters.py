"""All parameters of a model in one flat array, with gradients and optimizer state of the same layout."""

import math

import numpy as np

from fastcnn import _ops, arguments

_LINE = 16  # floats: every parameter starts at a cache line


class Parameter:
    """An array that training may change, optimizers if it is `trainable`. `value` and `gradient` become views of the
    model's flat arrays; the gradient of a dense kernel beyond 1 MiB is None: it is used up block by block and never kept.
    Of a kernel that exists in fewer bits only (`stored`), `value` is restored each time it is asked for."""

    def __init__(self, name, shape, initializer, regularizer=None, trainable=True, constraint=None):
        self.name, self.shape, self.initializer, self.regularizer = name, tuple(shape), initializer, regularizer
        self.trainable, self.constraint = trainable, constraint
        self._value = self.stored = self.gradient = None
        self.learning_rate_multiplier = self.weight_decay_multiplier = 1.0  # a layer's `Multiplier` sets them

    @property
    def value(self):
        """The array."""
        return self._value if self.stored is None else self.stored.restored()

    @value.setter
    def value(self, array):
        self._value, self.stored = array, None

    def keep_only(self, stored):
        """Gives up the array for one in fewer bits."""
        self._value, self.stored = None, stored

    def need_float32(self, what):
        """A ValueError if the parameter exists in fewer bits only."""
        if self.stored is not None:
            raise ValueError(f"{what} needs the float32 kernels that half_weights(..., free=True) gave up; "
                             f"half_weights('float32') brings them back, rounded as they are. Received: a model with "
                             f"{self.stored.name} as {self.stored.dtype} only")

    @property
    def size(self):
        """Number of values."""
        return math.prod(self.shape)

    @property
    def penalty(self):
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
                raise TypeError(f"{self.name} must be a number or a dictionary by parameter's name. Received: {value!r}")
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
            raise ValueError(f"{type(layer).__name__} has no parameters, so it takes no {self.name}. Received: {value!r}")
        if isinstance(value, dict) and not set(value) <= set(names):
            raise ValueError(f"{self.name} may name {', '.join(names)} in layer {layer.name!r}. Received: {value!r}")
        for parameter in layer.parameters:
            factor = value.get(parameter.name) if isinstance(value, dict) else value
            setattr(parameter, self.name, 1.0 if factor is None else factor)


class Flat:
    """The flat arrays of some layers; their parameters become views of them.

    Args:
        layers: built layers, in order.
        seed: of the initial values of parameters that have none yet.
        version: the first; it changes with the values.
    """

    def __init__(self, layers, seed, version=0):
        self.layers, self.version = layers, version
        self.items = [(layer, p) for layer in layers for p in layer.parameters if p.stored is None]
        self.starts, size = [], 0
        for _, parameter in self.items:
            self.starts.append(size)
            size += -(-parameter.size // _LINE) * _LINE
        self.size = size
        self.values = _ops.aligned(max(size, _LINE))
        self.values[...] = 0
        self.gradients = self.state = None  # state: a row for each array that the optimizer keeps
        for layer in layers:
            layer.forget_eager()
        for number, ((_, parameter), start) in enumerate(zip(self.items, self.starts)):
            value = parameter.value
            if value is None:
                value = parameter.initializer(parameter.shape, np.random.default_rng([seed, number]))
            parameter.value = self.values[start:start + parameter.size].reshape(parameter.shape)
            parameter.value[...] = value

    def prepare_training(self, states, initial=0.0):
        """Makes the gradient array, and those that the optimizer keeps. What is never written takes no memory.

        Args:
            states: number of arrays that the optimizer keeps.
            initial: what they start from.
        """
        if self.gradients is None:
            self.gradients = _ops.aligned(self.values.size, zero=True)
        for (_, parameter), start in zip(self.items, self.starts):
            parameter.gradient = self.gradients[start:start + parameter.size].reshape(parameter.shape)
        if states and self.state is None:
            self.state = _ops.aligned(states * self.values.size, zero=True).reshape(states, -1)
            if initial:
                self.state[...] = initial

    def drop_state(self):
        """Forgets the optimizer's state."""
        self.state = None

    def states_of(self, parameter):
        """What the optimizer keeps of one parameter, as views."""
        rows = () if self.state is None else self.state
        return [self.view(row, parameter).reshape(parameter.shape) for row in rows]

    def view(self, array, parameter):
        """The part of an array of this layout that belongs to one parameter."""
        start = next(s for (_, p), s in zip(self.items, self.starts) if p is parameter)
        return array[start:start + parameter.size]

    def trainable_ranges(self, without=(), apart=False):
        """The longest runs of parameters, `without` some, that training changes alike: (start, size, learning rate's and
        weight decay's multiplier, (l1, l2)). apart: each parameter is a run of its own."""
        ranges = []
        ends = self.starts[1:] + [self.size]
        for (layer, parameter), start, end in zip(self.items, self.starts, ends):
            if not layer.trainable or not parameter.trainable or any(parameter is other for other in without):
                continue
            factors = parameter.learning_rate_multiplier, parameter.weight_decay_multiplier, parameter.penalty
            if not apart and ranges and ranges[-1][0] + ranges[-1][1] == start and ranges[-1][2:] == factors:
                ranges[-1] = (ranges[-1][0], end - ranges[-1][0], *factors)
            else:
                ranges.append((start, end - start, *factors))
        return ranges

    def penalties(self, without=()):
        """(start, size, (l1, l2)) of the trainable parameters, `without` some, that have a regularizer."""
        return [(start, parameter.size, parameter.penalty) for (layer, parameter), start in zip(self.items, self.starts)
                if layer.trainable and parameter.trainable and any(parameter.penalty)
                and not any(parameter is other for other in without)]

    def constraints(self):
        """(constraint, array) of the trainable parameters that have one."""
        return [(parameter.constraint, parameter.value) for layer, parameter in self.items
                if layer.trainable and parameter.trainable and parameter.constraint is not None]
