"""Steps that shrink with the gradients seen: Adagrad, and Adadelta, which forgets them."""

from __future__ import annotations

from typing import Any

from fastcnn import arguments
from fastcnn.optimizers.base import Optimizer, Options
from fastcnn.optimizers.schedules import Schedule
from fastcnn.typing import Unpack


class Adagrad(Optimizer):
    """The gradient divided by the root of the sum of all its squares.

        a ← a + g²      w ← w − learning_rate·g / √(a + epsilon)

    Args:
        learning_rate: number, or a schedule of `fastcnn.optimizers.schedules`.
        initial_accumulator_value: what a starts from; Keras' .1, torch and ConvNetJS begin at 0.
        epsilon: keeps the root from 0.
        base: `weight_decay`, `decoupled`, `clipnorm`, `clipvalue`, `global_clipnorm`; see `Optimizer`.

    Example:
        >>> fastcnn.optimizers.Adagrad(0.01, initial_accumulator_value=0).initial
        0.0

    Source: Duchi, Hazan, Singer 2011, "Adaptive subgradient methods".
    """

    kind = "adagrad"
    states = ("accumulator",)
    config = ("initial_accumulator_value", "epsilon", *Optimizer.config)

    def __init__(self, learning_rate: float | Schedule = 0.001, initial_accumulator_value: float = 0.1,
                 epsilon: float = 1e-7, weight_decay: float | None = None, **base: Unpack[Options]) -> None:
        super().__init__(learning_rate, weight_decay, **base)
        self.initial_accumulator_value = arguments.number("initial_accumulator_value", initial_accumulator_value, 0)
        self.epsilon = arguments.small("epsilon", epsilon)

    @property
    def initial(self) -> float:
        return self.initial_accumulator_value

    @property
    def constants(self) -> dict[str, Any]:
        return {"epsilon": self.epsilon}


class Adadelta(Optimizer):
    """Steps in the units of the weights: the gradient times the ratio of two running roots of mean squares.

        a ← rho·a + (1 − rho)·g²      d = g·√((b + epsilon) / (a + epsilon))
        b ← rho·b + (1 − rho)·d²      w ← w − learning_rate·d

    Args:
        learning_rate: number, or a schedule of `fastcnn.optimizers.schedules`. Keras' .001 is small: the paper, torch and
            ConvNetJS have 1.
        rho: how much of the means stays at a step, in [0, 1).
        epsilon: keeps the roots from 0, and lets the first steps begin; ConvNetJS' is 1e-6.
        base: `weight_decay`, `decoupled`, `clipnorm`, `clipvalue`, `global_clipnorm`; see `Optimizer`.

    Example:
        >>> fastcnn.optimizers.Adadelta(1.0, epsilon=1e-6).rho
        0.95

    Source: Zeiler 2012, "ADADELTA: an adaptive learning rate method".
    """

    kind = "adadelta"
    states = ("accumulated_gradient", "accumulated_delta")
    config = ("rho", "epsilon", *Optimizer.config)

    def __init__(self, learning_rate: float | Schedule = 0.001, rho: float = 0.95, epsilon: float = 1e-7,
                 weight_decay: float | None = None, **base: Unpack[Options]) -> None:
        super().__init__(learning_rate, weight_decay, **base)
        self.rho, self.epsilon = arguments.part("rho", rho), arguments.small("epsilon", epsilon)

    @property
    def constants(self) -> dict[str, Any]:
        return {"rho": self.rho, "epsilon": self.epsilon}
