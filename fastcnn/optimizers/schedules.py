"""Learning rates that change from step to step; the formulas are Keras'."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence

from fastcnn import arguments, registry
from fastcnn.typing import Identifier


class Schedule(registry.Configurable):
    """Base class: call it with the number of steps taken to get the learning rate of the next."""

    def __call__(self, step: int) -> float:
        """The learning rate after `step` steps."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(step)")


class OneCycle(Schedule):
    """Up to the peak along a cosine over the first part of training, then down to almost nothing.

    Args:
        peak: the largest learning rate.
        steps: optimizer steps of the whole training.
        warmup: part of the steps on the way up.
        start, end: first and last learning rate, as a part of the peak.

    Source:
        Smith, Topin 2018, "Super-convergence".

    Example:
        >>> rate = OneCycle(0.05, 100)
        >>> rate(30) == 0.05 and rate(0) < rate(10) and rate(100) < rate(60)
        True
    """

    config = ("peak", "steps", "warmup", "start", "end")

    def __init__(self, peak: float, steps: int, warmup: float = 0.3, start: float = 0.04, end: float = 1e-4) -> None:
        self.peak = arguments.number("peak", peak, 0)
        self.steps = arguments.integer("steps", steps)
        self.warmup = arguments.number("warmup", warmup, 0, 1)
        self.start, self.end = arguments.number("start", start, 0, 1), arguments.number("end", end, 0, 1)

    def __call__(self, step: int) -> float:
        top = self.warmup * self.steps
        if step < top:
            low, part = self.start, 1 - step / top
        else:
            low, part = self.end, min(1.0, (step - top) / max(self.steps - top, 1))
        return self.peak * (low + (1 - low) * (1 + math.cos(math.pi * part)) / 2)


class _Decay(Schedule):
    """What falls from an initial learning rate, by a rate and a number of steps."""

    config = ("initial_learning_rate", "decay_steps", "decay_rate", "staircase")

    def __init__(self, initial_learning_rate: float, decay_steps: float, decay_rate: float, staircase: bool = False) -> None:
        self.initial_learning_rate = arguments.number("initial_learning_rate", initial_learning_rate, 0)
        self.decay_steps = _positive("decay_steps", decay_steps)
        self.decay_rate = arguments.number("decay_rate", decay_rate, 0)
        self.staircase = arguments.flag("staircase", staircase)

    def _turns(self, step):
        turns = step / self.decay_steps
        return math.floor(turns) if self.staircase else turns


class ExponentialDecay(_Decay):
    """initial_learning_rate · decay_rate^(step / decay_steps).

    Args:
        initial_learning_rate: the first.
        decay_steps: steps after which it is decay_rate times as large, > 0.
        decay_rate: that factor.
        staircase: True: the exponent is rounded down, so the rate falls at every decay_steps-th step only.

    Example:
        >>> ExponentialDecay(0.1, 100, 0.5)(200)
        0.025
    """

    def __call__(self, step: int) -> float:
        return self.initial_learning_rate * self.decay_rate ** self._turns(step)


class InverseTimeDecay(_Decay):
    """initial_learning_rate / (1 + decay_rate · step / decay_steps); with decay_steps=1 it is old Keras' `decay`.

    Args:
        initial_learning_rate: the first.
        decay_steps: the unit of time, in steps, > 0.
        decay_rate: how much the denominator grows in it.
        staircase: True: step / decay_steps is rounded down.

    Example:
        >>> InverseTimeDecay(0.1, 1, 0.5)(2)
        0.05
    """

    def __call__(self, step: int) -> float:
        return self.initial_learning_rate / (1 + self.decay_rate * self._turns(step))


class PiecewiseConstantDecay(Schedule):
    """values[0] up to and with step boundaries[0], values[1] up to and with boundaries[1], …, then the last value.

    Args:
        boundaries: steps, each greater than the one before.
        values: learning rates, one more than boundaries.

    Example:
        >>> rate = PiecewiseConstantDecay([100, 200], [0.1, 0.01, 0.001])
        >>> rate(100), rate(101), rate(1000)
        (0.1, 0.01, 0.001)
    """

    config = ("boundaries", "values")

    def __init__(self, boundaries: Sequence[float], values: Sequence[float]) -> None:
        for name, given in (("boundaries", boundaries), ("values", values)):
            if not isinstance(given, (list, tuple)):
                raise TypeError(f"{name} must be a list of numbers. Received: {arguments.shown(given)}")
        self.boundaries = [arguments.number("boundaries", step) for step in boundaries]
        self.values = [arguments.number("values", value, 0) for value in values]
        if len(self.values) != len(self.boundaries) + 1:
            raise ValueError(f"values must be one more than boundaries. Received: {len(self.boundaries)} boundaries, "
                             f"{len(self.values)} values")
        if any(b <= a for a, b in zip(self.boundaries, self.boundaries[1:])):
            raise ValueError(f"boundaries must grow. Received: {arguments.shown(boundaries)}")

    def __call__(self, step: int) -> float:
        return self.values[bisect_left(self.boundaries, step)]


class PolynomialDecay(Schedule):
    """(initial_learning_rate − end_learning_rate) · (1 − step / decay_steps)^power + end_learning_rate.

    Args:
        initial_learning_rate: the first.
        decay_steps: steps of the way down, > 0; after them the rate stays at the end.
        end_learning_rate: the last.
        power: 1: a straight line.
        cycle: True: instead of staying, decay_steps becomes its first multiple that is not less than step.

    Example:
        >>> PolynomialDecay(1.0, 10, 0.0, power=2.0)(5)
        0.25
    """

    config = ("initial_learning_rate", "decay_steps", "end_learning_rate", "power", "cycle")

    def __init__(self, initial_learning_rate: float, decay_steps: float, end_learning_rate: float = 0.0001,
                 power: float = 1.0, cycle: bool = False) -> None:
        self.initial_learning_rate = arguments.number("initial_learning_rate", initial_learning_rate, 0)
        self.decay_steps = _positive("decay_steps", decay_steps)
        self.end_learning_rate = arguments.number("end_learning_rate", end_learning_rate, 0)
        self.power = arguments.number("power", power, 0)
        self.cycle = arguments.flag("cycle", cycle)

    def __call__(self, step: int) -> float:
        steps = self.decay_steps
        if self.cycle:
            steps *= max(1, math.ceil(step / steps))
        part = 1 - min(step, steps) / steps
        return (self.initial_learning_rate - self.end_learning_rate) * part**self.power + self.end_learning_rate


class CosineDecay(Schedule):
    """Half a cosine down, after a straight line up if there is a warm-up.

    Args:
        initial_learning_rate: the first.
        decay_steps: steps of the cosine, > 0.
        alpha: the last learning rate, as a part of the largest.
        warmup_target: the largest, reached after warmup_steps; None: no warm-up, the first is the largest.
        warmup_steps: steps of the line before the cosine.

    Source: Loshchilov, Hutter 2016, "SGDR: stochastic gradient descent with warm restarts".

    Example:
        >>> CosineDecay(0.2, 10)(5)
        0.1
        >>> CosineDecay(0.0, 10, warmup_target=0.2, warmup_steps=4)(2)
        0.1
    """

    config = ("initial_learning_rate", "decay_steps", "alpha", "warmup_target", "warmup_steps")

    def __init__(self, initial_learning_rate: float, decay_steps: float, alpha: float = 0.0,
                 warmup_target: float | None = None, warmup_steps: float = 0) -> None:
        self.initial_learning_rate = arguments.number("initial_learning_rate", initial_learning_rate, 0)
        self.decay_steps = _positive("decay_steps", decay_steps)
        self.alpha = arguments.number("alpha", alpha, 0, 1)
        self.warmup_target = None if warmup_target is None else arguments.number("warmup_target", warmup_target, 0)
        self.warmup_steps = arguments.number("warmup_steps", warmup_steps, 0)
        if warmup_target is None and warmup_steps:
            raise ValueError("warmup_steps must come with warmup_target. "
                             f"Received: warmup_steps={arguments.shown(warmup_steps)}")

    def __call__(self, step: int) -> float:
        largest = self.initial_learning_rate
        if self.warmup_target is not None:
            if step < self.warmup_steps:
                return largest + (self.warmup_target - largest) * step / self.warmup_steps
            largest = self.warmup_target
        part = min(step - self.warmup_steps, self.decay_steps) / self.decay_steps
        return largest * ((1 - self.alpha) * (1 + math.cos(math.pi * part)) / 2 + self.alpha)


class CosineDecayRestarts(Schedule):
    """Half a cosine down, time and again.

    Args:
        initial_learning_rate: the first.
        first_decay_steps: steps of the first way down, > 0.
        t_mul: how many times as long each way down is as the one before, ≥ 1.
        m_mul: how many times as high it begins.
        alpha: the last learning rate of the first way, as a part of the first.

    Source: Loshchilov, Hutter 2016, "SGDR: stochastic gradient descent with warm restarts".

    Example:
        >>> rate = CosineDecayRestarts(0.4, 10, m_mul=0.5)
        >>> rate(5), rate(10), rate(30)
        (0.2, 0.2, 0.1)
    """

    config = ("initial_learning_rate", "first_decay_steps", "t_mul", "m_mul", "alpha")

    def __init__(self, initial_learning_rate: float, first_decay_steps: float, t_mul: float = 2.0, m_mul: float = 1.0,
                 alpha: float = 0.0) -> None:
        self.initial_learning_rate = arguments.number("initial_learning_rate", initial_learning_rate, 0)
        self.first_decay_steps = _positive("first_decay_steps", first_decay_steps)
        self.t_mul = arguments.number("t_mul", t_mul, 1)
        self.m_mul = arguments.number("m_mul", m_mul, 0)
        self.alpha = arguments.number("alpha", alpha, 0, 1)

    def __call__(self, step: int) -> float:
        start, steps, height = 0.0, self.first_decay_steps, 1.0
        if self.t_mul == 1:
            turns = step // steps
            start, height = turns * steps, self.m_mul**turns
        while step >= start + steps:
            start, steps, height = start + steps, steps * self.t_mul, height * self.m_mul
        part = (step - start) / steps
        return self.initial_learning_rate * ((1 - self.alpha) * height * (1 + math.cos(math.pi * part)) / 2 + self.alpha)


def get(identifier: Identifier) -> Schedule:
    """A schedule from its name and configuration {"class_name", "config"}, or itself.

    Example:
        >>> get({"class_name": "CosineDecay", "config": {"initial_learning_rate": 1, "decay_steps": 4}})(2)
        0.5
    """
    known = (OneCycle, ExponentialDecay, InverseTimeDecay, PiecewiseConstantDecay, PolynomialDecay, CosineDecay,
             CosineDecayRestarts)
    schedule, _ = registry.resolve("learning_rate", Schedule, registry.names(*known), identifier)
    if not isinstance(schedule, Schedule):
        raise TypeError(f"learning_rate must be a number or a Schedule. Received: {arguments.shown(identifier)}")
    return schedule


def _positive(name, value):
    value = arguments.number(name, value)
    if value <= 0:
        raise ValueError(f"{name} must be greater than 0. Received: {arguments.shown(value)}")
    return value
