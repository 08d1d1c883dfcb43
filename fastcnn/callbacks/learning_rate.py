"""Changing the learning rate from epoch to epoch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastcnn import arguments
from fastcnn.callbacks.base import Callback
from fastcnn.callbacks.monitor import MonitorCallback


class _Rate:
    """What a callback does with its model's learning rate."""

    def rate(self) -> float:
        """The learning rate."""
        return float(self.model.optimizer.learning_rate)

    def set_rate(self, rate: float) -> None:
        """Sets it, unless a schedule does."""
        optimizer = self.model.optimizer
        if getattr(optimizer, "schedule", None) is not None:
            raise TypeError(f"{type(self).__name__} needs a learning rate that is a number. "
                            f"Received: {type(optimizer.schedule).__name__}")
        optimizer.learning_rate = rate


class LearningRateScheduler(_Rate, Callback):
    """Sets the learning rate before each epoch, and adds it to the logs as "learning_rate".

    Args:
        schedule: a function f(epoch) or f(epoch, learning_rate) of the epoch from 0 and the rate so far.
        verbose: 1 says the new rate.

    Raises:
        TypeError: not callable. TypeError, ValueError in training: the function gives no number ≥ 0.

    Example:
        >>> halve = LearningRateScheduler(lambda epoch, rate: rate if epoch < 5 else rate / 2)
        >>> halve.schedule(6, 0.1)
        0.05
    """

    state = ("epoch",)

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        if not callable(schedule):
            raise TypeError(f"schedule must be callable. Received: {arguments.shown(schedule)}")
        self.schedule, self.verbose = schedule, arguments.integer("verbose", verbose, 0)
        self._takes_rate, self.epoch = _takes_two(schedule), None

    def on_train_begin(self, logs: Any = None) -> None:
        if self._starts_anew():
            self.epoch = None

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if epoch == self.epoch:  # resumed within the epoch: the rate is set
            return
        self.epoch = epoch
        rate = self.schedule(epoch, *([self.rate()] if self._takes_rate else []))
        self.set_rate(arguments.number("the result of schedule", rate, 0))
        if self.verbose:
            self._say(f"Epoch {epoch + 1}: LearningRateScheduler sets the learning rate to {float(rate):g}.")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if logs is not None:
            logs["learning_rate"] = self.rate()


class ReduceLROnPlateau(_Rate, MonitorCallback):
    """Multiplies the learning rate by a factor when a monitored value has not improved for some epochs.

    The rate goes to the logs as "learning_rate".

    Args:
        monitor: the key in the logs.
        factor: from 0 to less than 1.
        patience: epochs without improvement after which the rate is reduced.
        verbose: 1 says the new rate.
        mode: "min", "max" or "auto".
        min_delta: a smaller change is no improvement.
        cooldown: epochs after a reduction in which none are counted.
        min_lr: the rate never falls below it.

    Raises:
        TypeError, ValueError: for such arguments; ValueError in training if mode="auto" cannot tell.

    Example:
        >>> reduce = ReduceLROnPlateau("val_loss", factor=0.1, patience=5)
        >>> reduce.cooldown
        0
    """

    state = ("best", "wait", "cooldown_counter")
    best: Any

    def __init__(self, monitor: str = "val_loss", factor: float = 0.1, patience: int = 10, verbose: int = 0,
                 mode: str = "auto", min_delta: float = 1e-4, cooldown: int = 0, min_lr: float = 0.0) -> None:
        super().__init__(monitor, mode, min_delta)
        self.factor = arguments.part("factor", factor)
        self.patience = arguments.integer("patience", patience, 0)
        self.verbose = arguments.integer("verbose", verbose, 0)
        self.cooldown = arguments.integer("cooldown", cooldown, 0)
        self.min_lr = arguments.number("min_lr", min_lr, 0)
        self._reset()

    def _reset(self):
        self.best, self.wait, self.cooldown_counter = None, 0, 0

    def on_train_begin(self, logs: Any = None) -> None:
        if self._starts_anew():
            self._reset()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if logs is not None:
            logs["learning_rate"] = self.rate()
        value = self.value(logs)
        if value is None:
            return
        if self.cooldown_counter:
            self.cooldown_counter -= 1
            self.wait = 0
        if self.improves(value, self.best):
            self.best, self.wait = value, 0
        elif not self.cooldown_counter:
            self.wait += 1
            if self.wait >= self.patience:
                self._reduce(epoch)

    def _reduce(self, epoch):
        old = self.rate()
        if old > self.min_lr:
            self.set_rate(max(old * self.factor, self.min_lr))
            if self.verbose:
                self._say(f"Epoch {epoch + 1}: ReduceLROnPlateau reduces the learning rate to {self.rate():g}.")
            self.cooldown_counter, self.wait = self.cooldown, 0


def _takes_two(function):
    """Whether a function can be called with two positional arguments."""
    from inspect import signature

    try:
        signature(function).bind(0, 0.0)
    except (TypeError, ValueError):  # ValueError: a builtin that does not tell its arguments
        return False
    return True
