"""Stochastic gradient descent."""

from fastcnn import _ops, arguments
from fastcnn.optimizers.base import Optimizer


class SGD(Optimizer):
    """Stochastic gradient descent with momentum.

        v ← momentum·v − learning_rate·g      w ← w + v      (Nesterov: w + momentum·v − learning_rate·g)

    Args:
        learning_rate: number, or a schedule of `fastcnn.optimizers.schedules`.
        momentum: in [0, 1).
        nesterov: look ahead along the velocity.
        weight_decay: how much weights shrink.
        decoupled: True, as in Keras: w loses learning_rate·weight_decay·w before the step. False, as in torch and
            AlexNet's paper: g gains weight_decay·w and so enters the velocity.

    A layer's `learning_rate_multiplier` and `weight_decay_multiplier` change both numbers for its parameters.

    Example:
        >>> fastcnn.optimizers.SGD(0.01, momentum=0.9, weight_decay=5e-4, decoupled=False).momentum
        0.9
    """

    config = ("momentum", "nesterov", "weight_decay", "decoupled")

    def __init__(self, learning_rate=0.01, momentum=0.0, nesterov=False, weight_decay=0.0, decoupled=True):
        super().__init__(learning_rate)
        self.momentum = arguments.number("momentum", momentum, 0, below=1)
        self.nesterov = arguments.flag("nesterov", nesterov)
        self.weight_decay = arguments.number("weight_decay", 0 if weight_decay is None else weight_decay, 0)
        self.decoupled = arguments.flag("decoupled", decoupled)

    @property
    def has_state(self):
        return self.momentum > 0

    def op(self, size, weight_decay_multiplier=1.0):
        decay = self.weight_decay * weight_decay_multiplier
        return _ops.sgd(size, self.momentum, self.nesterov, decay, self.decoupled)
