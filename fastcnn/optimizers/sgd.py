"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any

from fastcnn import arguments
from fastcnn.optimizers.base import Bounds, Optimizer
from fastcnn.optimizers.schedules import Schedule
from fastcnn.typing import Unpack


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
        base: `clipnorm`, `clipvalue`, `global_clipnorm`; see `Optimizer`.

    Example:
        >>> fastcnn.optimizers.SGD(0.01, momentum=0.9, weight_decay=5e-4, decoupled=False).momentum
        0.9
    """

    kind = "sgd"
    config = ("momentum", "nesterov", *Optimizer.config)

    def __init__(self, learning_rate: float | Schedule = 0.01, momentum: float = 0.0, nesterov: bool = False,
                 weight_decay: float | None = 0.0, decoupled: bool = True, **base: Unpack[Bounds]) -> None:
        super().__init__(learning_rate, weight_decay, decoupled, **base)
        self.momentum = arguments.part("momentum", momentum)
        self.nesterov = arguments.flag("nesterov", nesterov)

    @property
    def states(self) -> tuple[str, ...]:
        return ("velocity",) if self.momentum else ()

    @property
    def constants(self) -> dict[str, Any]:
        return {"momentum": self.momentum, "nesterov": self.nesterov}
