"""Optimizers under Keras' names of any age, with `lr` and `decay`."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from fastcnn import arguments, optimizers, registry
from fastcnn.compat.keras.backend import Variable
from fastcnn.compat.spellings import accepting, place, renamed, short, warn
from fastcnn.optimizers import schedules

if TYPE_CHECKING:  # other names are made when this runs
    def __getattr__(name: str) -> Any: ...


class _Rate:
    """`lr`, the old name of `learning_rate`, or of the rate that `decay` starts from; `backend.set_value` can set both."""

    @property
    def learning_rate(self):
        return Variable(super().learning_rate, lambda value: setattr(self, "learning_rate", value))

    @learning_rate.setter
    def learning_rate(self, value):
        optimizers.Optimizer.learning_rate.fset(self, value)

    @property
    def lr(self):
        warn("optimizer.lr", "optimizer.learning_rate")
        return Variable(starting_rate(self), lambda value: set_starting_rate(self, value))

    @lr.setter
    def lr(self, value):
        warn(f"optimizer.lr = {short(value)}", f"optimizer.learning_rate = {short(value)}")
        set_starting_rate(self, value)


def _decay(rate):
    """A rule for decay: after t steps the learning rate is learning_rate / (1 + decay·t). `rate`: where none is given."""

    def rule(what, old, given):
        decay = arguments.number("decay", given.pop(old), 0)
        if not decay:
            return f"decay={decay!r}", ""
        schedule = schedules.InverseTimeDecay(given.pop("learning_rate", rate), 1, decay)
        place(what, given, "learning_rate", schedule, old)
        form = f"InverseTimeDecay({schedule.initial_learning_rate!r}, 1, {decay!r})"
        return f"decay={decay!r}", f"learning_rate=schedules.{form}"

    return rule


def with_decay(optimizer):
    """Does its learning rate fall as `decay` says?

    Example:
        >>> with_decay(CLASSES["SGD"](schedules.InverseTimeDecay(0.1, 1, 1e-6))), with_decay(CLASSES["SGD"](0.1))
        (True, False)
    """
    schedule = optimizer.schedule
    return type(schedule) is schedules.InverseTimeDecay and schedule.decay_steps == 1 and not schedule.staircase


def starting_rate(optimizer):
    """The rate that `decay` starts from; the learning rate where there is none."""
    return optimizer.schedule.initial_learning_rate if with_decay(optimizer) else float(optimizer.learning_rate)


def set_starting_rate(optimizer, rate):
    """Sets that rate; `decay` stays as it is."""
    if with_decay(optimizer):
        rate = schedules.InverseTimeDecay(rate, 1, optimizer.schedule.decay_rate)
    optimizer.learning_rate = rate


def _epsilon(default):
    """A rule for epsilon=None, which once stood for the default."""

    def rule(what, old, given):
        if given[old] is not None:
            return None
        given[old] = default
        return "epsilon=None", f"epsilon={default!r}"

    return rule


def _classes():
    found = {"Optimizer": optimizers.Optimizer}
    for name in optimizers.__all__:
        cls = getattr(optimizers, name)
        if isinstance(cls, type) and cls is not optimizers.Optimizer:
            parameters = inspect.signature(cls).parameters
            rules = {"lr": renamed("learning_rate"), "decay": _decay(parameters["learning_rate"].default)}
            if "epsilon" in parameters:
                rules["epsilon"] = _epsilon(parameters["epsilon"].default)
            found[name] = accepting(cls, rules, __name__, (_Rate,))
            found[name.lower()] = accepting(cls, rules, __name__, (found[name],), name.lower())
    return found


CLASSES = _classes()
globals().update(CLASSES)
__all__ = sorted([*CLASSES, "get", "schedules", "serialize"])
serialize = registry.serialize


def get(identifier):
    """An optimizer from here by its name, class, configuration or itself.

    Example:
        >>> get("rmsprop").rho
        0.9
    """
    modern = {name: cls for name, cls in CLASSES.items() if not name.islower()}
    with registry.custom_objects({**modern, **{name.lower(): cls for name, cls in modern.items()}}):
        return optimizers.get(identifier)
