"""All parameters of a model in one flat array, with gradients and optimizer state of the same layout."""

import numpy as np

from fastcnn import _ops

_LINE = 16  # floats: every parameter starts at a cache line


class Flat:
    """The flat arrays of some layers; their parameters become views of them.

    Args:
        layers: built layers, in order.
        seed: of the initial values of parameters that have none yet.
    """

    def __init__(self, layers, seed):
        self.layers, self.version = layers, 0  # the version changes with the values
        self.items = [(layer, p) for layer in layers for p in layer.parameters]
        self.starts, size = [], 0
        for _, parameter in self.items:
            self.starts.append(size)
            size += -(-parameter.size // _LINE) * _LINE
        self.size = size
        self.values = _ops.aligned(max(size, _LINE))
        self.values[...] = 0
        self.gradients = self.state = None
        for number, ((layer, parameter), start) in enumerate(zip(self.items, self.starts)):
            value = parameter.value
            if value is None:
                value = parameter.initializer(parameter.shape, np.random.default_rng([seed, number]))
            layer.forget_eager()
            parameter.value = self.values[start:start + parameter.size].reshape(parameter.shape)
            parameter.value[...] = value

    def prepare_training(self, has_state):
        """Makes the gradient array, and the optimizer's state where it keeps one."""
        if self.gradients is None:
            self.gradients = _ops.aligned(self.values.size)
            self.gradients[...] = 0
            for (_, parameter), start in zip(self.items, self.starts):
                parameter.gradient = self.gradients[start:start + parameter.size].reshape(parameter.shape)
        if has_state and self.state is None:
            self.state = _ops.aligned(self.values.size)
            self.state[...] = 0

    def drop_state(self):
        """Forgets the optimizer's state."""
        self.state = None

    def state_of(self, parameter):
        """The optimizer's state of one parameter, as a view; None without state."""
        if self.state is None:
            return None
        start = next(s for (_, p), s in zip(self.items, self.starts) if p is parameter)
        return self.state[start:start + parameter.size].reshape(parameter.shape)

    def trainable_ranges(self):
        """(start, size) of the longest runs of parameters that training changes."""
        ranges = []
        ends = self.starts[1:] + [self.size]
        for (layer, _), start, end in zip(self.items, self.starts, ends):
            if not layer.trainable:
                continue
            if ranges and ranges[-1][0] + ranges[-1][1] == start:
                ranges[-1] = (ranges[-1][0], end - ranges[-1][0])
            else:
                ranges.append((start, end - start))
        return ranges
