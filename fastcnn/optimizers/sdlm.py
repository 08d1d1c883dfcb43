"""Stochastic diagonal Levenberg–Marquardt: the optimizer LeNet-5 was trained with."""

from __future__ import annotations

from typing import Any

from fastcnn import arguments
from fastcnn.optimizers.base import Optimizer, Options
from fastcnn.optimizers.schedules import PiecewiseConstantDecay, Schedule
from fastcnn.typing import Model, Unpack

_PUBLISHED = (5e-4, 2), (2e-4, 3), (1e-4, 3), (5e-5, 4), (1e-5, None)  # rate, passes through the training set


class SDLMOptions(Options, total=False):
    """What `SDLM.published` hands on to the constructor."""

    mu: float
    samples: int
    first_mu: float | None
    weight_decay: float | None


class SDLM(Optimizer):
    """Stochastic diagonal Levenberg–Marquardt: each parameter has a step of its own, the smaller the more the loss is
    curved.

        w ← w − learning_rate / (mu + h) · g

    h is the second derivative of the loss along that parameter, by Gauss and Newton: before each epoch, a second backward
    pass, with squared weights and squared slopes, over the first samples of the epoch, which `fit` has shuffled. It is kept
    in the model's file. Outside of `fit` h stays what it was, 0 at first.

    Args:
        learning_rate: number, or a schedule of `fastcnn.optimizers.schedules`; `SDLM.published` has the paper's.
        mu: > 0; keeps steps small where the loss is flat.
        samples: that h is estimated on.
        first_mu: ≥ mu, in its place during the first epoch of `fit`: initial values can leave h far smaller than it soon
            becomes, and an epoch keeps it; None: mu.
        base: `weight_decay`, `decoupled`, `clipnorm`, `clipvalue`, `global_clipnorm`; see `Optimizer`.

    Example:
        >>> model = fastcnn.Sequential([fastcnn.layers.Dense(1, input_shape=(1,), use_bias=False)], seed=0)
        >>> model.compile(fastcnn.optimizers.SDLM(0.5, mu=1e-6), "mse")
        >>> _ = model.fit(np.full((4, 1), 2.0), np.full(4, 6.0), batch_size=4, epochs=9, verbose=0)
        >>> model.get_weights()[0].round(1).tolist()
        [[3.0]]

    Source: LeCun, Bottou, Bengio, Haffner 1998, "Gradient-based learning applied to document recognition", appendix C.
    """

    kind = "sdlm"
    states = ("hessian_diagonal",)
    config = ("mu", "samples", "first_mu", *Optimizer.config)

    def __init__(self, learning_rate: float | Schedule = 5e-4, mu: float = 0.02, samples: int = 500,
                 first_mu: float | None = None, weight_decay: float | None = None, **base: Unpack[Options]) -> None:
        super().__init__(learning_rate, weight_decay, **base)
        self.mu = arguments.small("mu", mu)
        self.samples = arguments.integer("samples", samples)
        self.first_mu = None if first_mu is None else arguments.number("first_mu", first_mu, self.mu)

    @classmethod
    def published(cls, steps_per_epoch: int, factor: float = 1.0, **options: Unpack[SDLMOptions]) -> SDLM:
        """The optimizer with the paper's learning rates: 5e-4 for two epochs, 2e-4 for three, 1e-4 for three, 5e-5 for four,
        and 1e-5 after that.

        Args:
            steps_per_epoch: optimizer steps of one pass through the training set.
            factor: of all of them.
            options: of the constructor: mu, samples, first_mu.

        Example:
            >>> optimizer = SDLM.published(60000)
            >>> optimizer.learning_rate, optimizer.schedule(2 * 60000), optimizer.schedule(20 * 60000)
            (0.0005, 0.0002, 1e-05)
        """
        steps, factor = arguments.integer("steps_per_epoch", steps_per_epoch), arguments.number("factor", factor, 0)
        ends, passes = [], 0
        for _, more in _PUBLISHED[:-1]:
            passes += more
            ends.append(passes * steps - 1)
        return cls(PiecewiseConstantDecay(ends, [factor * rate for rate, _ in _PUBLISHED]), **options)

    @property
    def constants(self) -> dict[str, Any]:
        return {"epsilon": self.mu}

    def begin_epoch(self, model: Model, batches: Any, epoch: int) -> None:
        """Estimates h on the first samples of the epoch."""
        more = 0 if epoch or self.first_mu is None else self.first_mu - self.mu
        model.set_curvature(batches, epoch, self.samples, more)
