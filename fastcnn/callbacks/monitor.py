"""Following one entry of an epoch's logs: what early stopping, checkpoints and the plateau rule share."""

from __future__ import annotations

import math
from typing import Any

from fastcnn import arguments, calling
from fastcnn.callbacks.base import Callback


class MonitorCallback(Callback):
    """Base of callbacks that ask whether a value has become better.

    Args:
        monitor: the key in the logs, as "val_loss".
        mode: "min" (less is better), "max", or "auto": told by the metric of that name.
        min_delta: a change must exceed it to count.

    Example:
        >>> watch = MonitorCallback("val_accuracy")
        >>> watch.improves(0.9, than=0.8), watch.improves(0.9, than=None), watch.improves(float("nan"), 0.8)
        (True, True, False)
    """

    def __init__(self, monitor: str = "val_loss", mode: str = "auto", min_delta: float = 0) -> None:
        if not isinstance(monitor, str):
            raise TypeError(f"monitor must be a string. Received: {arguments.shown(monitor)}")
        self.monitor = monitor
        self.mode = arguments.choice("mode", mode, ("auto", "min", "max"))
        self.min_delta = abs(arguments.number("min_delta", min_delta))

    def improves(self, value: float, than: float | None) -> bool:
        """Whether `value` is better by more than min_delta; anything but NaN is better than None.

        Raises:
            ValueError: mode="auto", and nothing tells whether more or less is better.
        """
        direction = self._direction()
        if math.isnan(value):
            return False
        if than is None:
            return True
        return value - self.min_delta > than if direction == "max" else value + self.min_delta < than

    def value(self, logs: dict[str, Any] | None) -> float | None:
        """The monitored value as a float; None, and a warning unless it pauses, if the logs lack it."""
        value = (logs or {}).get(self.monitor)
        if value is None:
            if not self.pauses():
                calling.warn(f"{type(self).__name__} misses {self.monitor!r} in the logs, which have "
                             f"{', '.join(map(repr, logs or ())) or 'nothing'}.")
            return None
        return float(value)

    def pauses(self) -> bool:
        """Is it a value of validation, which not every epoch ends with?"""
        return self.monitor.startswith("val_") and (self.params or {}).get("validation_freq", 1) != 1

    def _direction(self):
        if self.mode != "auto":
            return self.mode
        name = self.monitor.removeprefix("val_")
        if name == "loss":
            return "min"
        for metric in getattr(self.model, "metrics", None) or ():
            if getattr(metric, "name", None) == name and getattr(metric, "direction", None):
                return metric.direction
        if name == "acc" or name.endswith("accuracy"):
            return "max"
        if name.lower() in ("mse", "mae") or name.endswith(("error", "loss", "crossentropy")):
            return "min"
        raise ValueError(f"{type(self).__name__} needs mode='min' or mode='max' for this monitor. "
                         f"Received: monitor={arguments.shown(self.monitor)}, mode='auto'")
