"""Steps divided by the root of a running mean of squared gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastcnn import arguments
from fastcnn.optimizers.base import Optimizer, Options
from fastcnn.optimizers.schedules import Schedule
from fastcnn.typing import Unpack


class RMSprop(Optimizer):
    """The gradient divided by the root of the running mean of its square.

        v ← rho·v + (1 − rho)·g²      w ← w − learning_rate·g / √(v + epsilon)

    epsilon stands inside the root, as in Keras; torch has it outside.

    Args:
        learning_rate: number, or a schedule of `fastcnn.optimizers.schedules`.
        rho: how much of the mean stays at a step, in [0, 1).
        momentum: in [0, 1): steps gather in a velocity, m ← momentum·m + step, w ← w − m.
        epsilon: keeps the root from 0.
        centered: divide by the root of the variance, v less the square of the gradient's own running mean.
        base: `weight_decay`, `decoupled`, `clipnorm`, `clipvalue`, `global_clipnorm`; see `Optimizer`.

    Example:
        >>> fastcnn.optimizers.RMSprop(0.01, centered=True).states
        ('velocity', 'average_gradient')

    Source: Tieleman, Hinton 2012, "Neural networks for machine learning", lecture 6e.
    """

    kind = "rmsprop"
    config = ("rho", "momentum", "epsilon", "centered", *Optimizer.config)

    def __init__(self, learning_rate: float | Schedule = 0.001, rho: float = 0.9, momentum: float = 0.0,
                 epsilon: float = 1e-7, centered: bool = False, weight_decay: float | None = None,
                 **base: Unpack[Options]) -> None:
        super().__init__(learning_rate, weight_decay, **base)
        self.rho, self.momentum = arguments.part("rho", rho), arguments.part("momentum", momentum)
        self.epsilon, self.centered = arguments.small("epsilon", epsilon), arguments.flag("centered", centered)

    @property
    def states(self) -> tuple[str, ...]:
        return ("velocity", *["momentum"] * (self.momentum > 0), *["average_gradient"] * self.centered)

    def in_order(self, arrays: Sequence[Any]) -> list[Any]:
        given = dict(zip(self.states, arrays, strict=True))
        return [given.get(name) for name in ("velocity", "momentum", "average_gradient")]

    @property
    def constants(self) -> dict[str, Any]:
        return {"rho": self.rho, "momentum": self.momentum, "epsilon": self.epsilon, "centered": self.centered}


class WindowGrad(Optimizer):
    """ConvNetJS' name for RMSprop with its own constants: Adagrad over a window.

        v ← rho·v + (1 − rho)·g²      w ← w − learning_rate·g / √(v + epsilon)

    Args:
        learning_rate: number, or a schedule of `fastcnn.optimizers.schedules`.
        rho: how much of the mean stays at a step, in [0, 1).
        epsilon: keeps the root from 0.
        base: `weight_decay`, `decoupled`, `clipnorm`, `clipvalue`, `global_clipnorm`; see `Optimizer`.

    Example:
        >>> fastcnn.optimizers.WindowGrad(0.01).rho
        0.95

    Source: Zeiler 2012, "ADADELTA: an adaptive learning rate method", idea 1.
    """

    kind = "rmsprop"
    states = ("velocity",)
    config = ("rho", "epsilon", *Optimizer.config)

    def __init__(self, learning_rate: float | Schedule = 0.01, rho: float = 0.95, epsilon: float = 1e-6,
                 weight_decay: float | None = None, **base: Unpack[Options]) -> None:
        super().__init__(learning_rate, weight_decay, **base)
        self.rho, self.epsilon = arguments.part("rho", rho), arguments.small("epsilon", epsilon)

    @property
    def constants(self) -> dict[str, Any]:
        return {"rho": self.rho, "epsilon": self.epsilon}
