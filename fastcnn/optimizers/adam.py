"""Adam: running means of the gradient and of its square, corrected for their start at 0."""

from __future__ import annotations

import math
from typing import Any

from fastcnn import arguments
from fastcnn.optimizers.base import Optimizer, Options
from fastcnn.optimizers.schedules import Schedule
from fastcnn.typing import Unpack


class Adam(Optimizer):
    """The gradient's running mean divided by the root of the running mean of its square.

        m ← beta_1·m + (1 − beta_1)·g      v ← beta_2·v + (1 − beta_2)·g²
        w ← w − learning_rate·√(1 − beta_2ᵗ)/(1 − beta_1ᵗ) · m / (√v + epsilon)      at step t = 1, 2, …

    epsilon is added to the uncorrected root, as in Keras; torch adds it to the corrected one.

    Args:
        learning_rate: number, or a schedule of `fastcnn.optimizers.schedules`.
        beta_1, beta_2: how much of the means stays at a step, in [0, 1).
        epsilon: keeps the denominator from 0.
        amsgrad: divide by the root of the largest v so far.
        base: `weight_decay`, `decoupled`, `clipnorm`, `clipvalue`, `global_clipnorm`; see `Optimizer`.

    Example:
        >>> fastcnn.optimizers.Adam(amsgrad=True).states
        ('momentum', 'velocity', 'velocity_hat')

    Source: Kingma, Ba 2015, "Adam: a method for stochastic optimization", before section 2.1; Reddi, Kale, Kumar 2018.
    """

    kind = "adam"
    config = ("beta_1", "beta_2", "epsilon", "amsgrad", *Optimizer.config)

    def __init__(self, learning_rate: float | Schedule = 0.001, beta_1: float = 0.9, beta_2: float = 0.999,
                 epsilon: float = 1e-7, amsgrad: bool = False, weight_decay: float | None = None,
                 **base: Unpack[Options]) -> None:
        super().__init__(learning_rate, weight_decay, **base)
        self.beta_1, self.beta_2 = arguments.part("beta_1", beta_1), arguments.part("beta_2", beta_2)
        self.epsilon, self.amsgrad = arguments.small("epsilon", epsilon), arguments.flag("amsgrad", amsgrad)

    @property
    def states(self) -> tuple[str, ...]:
        return ("momentum", "velocity", *["velocity_hat"] * self.amsgrad)

    @property
    def correction(self) -> float:
        step = self.iterations + 1
        return math.sqrt(1 - self.beta_2**step) / (1 - self.beta_1**step)

    @property
    def constants(self) -> dict[str, Any]:
        return {"momentum": self.beta_1, "rho": self.beta_2, "epsilon": self.epsilon, "amsgrad": self.amsgrad}


class AdamW(Adam):
    """Adam with decoupled weight decay: w loses learning_rate·weight_decay·w before each step.

    Args:
        learning_rate, beta_1, beta_2, epsilon, amsgrad: as for `Adam`.
        weight_decay: how much weights shrink.
        base: `clipnorm`, `clipvalue`, `global_clipnorm`; see `Optimizer`.

    Example:
        >>> fastcnn.optimizers.AdamW(0.001).weight_decay
        0.004

    Source: Loshchilov, Hutter 2019, "Decoupled weight decay regularization".
    """

    def __init__(self, learning_rate: float | Schedule = 0.001, weight_decay: float | None = 0.004, beta_1: float = 0.9,
                 beta_2: float = 0.999, epsilon: float = 1e-7, amsgrad: bool = False, **base: Unpack[Options]) -> None:
        if weight_decay is None:
            raise TypeError("weight_decay of AdamW must be a number; Adam does without. Received: None")
        super().__init__(learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay, **base)
        if not self.decoupled:
            raise ValueError("AdamW's weight decay is decoupled: Adam takes decoupled=False. Received: decoupled=False")
