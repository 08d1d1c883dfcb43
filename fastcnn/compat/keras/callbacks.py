"""Callbacks under Keras' names, logs that answer to old keys, and the models' own names of files."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, Any

from fastcnn import arguments, callbacks
from fastcnn.compat.keras.optimizers import set_starting_rate, starting_rate, with_decay
from fastcnn.compat.spellings import accepting, reexport, renamed, warn

if TYPE_CHECKING:  # other names are made when this runs
    def __getattr__(name: str) -> Any: ...


class Logs(dict):
    """Logs or a history by name; "acc" finds "accuracy" too, "val_acc" "val_accuracy", and "lr" "learning_rate".

    Example:
        >>> Logs(acc=0.9)["acc"], Logs(loss=1.0).get("acc")
        (0.9, None)
    """

    def __missing__(self, key):
        start, name = ("val_", key[4:]) if isinstance(key, str) and key.startswith("val_") else ("", key)
        modern = {"acc": f"{start}accuracy", "lr": "learning_rate"}.get(name)
        if modern not in self:
            raise KeyError(key)
        warn(f"history[{key!r}] or logs[{key!r}]", f"[{modern!r}]")
        return self[modern]

    def get(self, key, default=None):
        """The value of a key of any age, or the default."""
        try:
            return self[key]
        except KeyError:
            return default


def _period(what, old, given):
    period = arguments.integer("period", given.pop(old))
    if period != 1:
        raise ValueError(f"period must be 1; save_freq counts batches, so {period} epochs of n steps are save_freq={period} "
                         f"* n. Received: {period}")
    return "period=1", "save_freq='epoch'"


class _OldFields:
    """File names that may hold old keys of logs, as "{val_acc:.2f}"."""

    def path(self, epoch, batch, logs):
        """The file's name for an epoch and batch."""
        logs = Logs(logs)
        fields = {field for _, field, _, _ in string.Formatter().parse(self.filepath) if field}
        return super().path(epoch, batch, {**logs, **{name: logs[name] for name in fields
                                                       if logs.get(name) is not None}})


class _BeforeDecay:
    """Goes by the rate that an optimizer's `decay` starts from, and sets that, as Keras' callbacks did."""

    def rate(self):
        """That rate; the learning rate where there is no decay."""
        return starting_rate(self.model.optimizer)

    def set_rate(self, rate):
        """Sets it, unless another schedule does."""
        if with_decay(self.model.optimizer):
            set_starting_rate(self.model.optimizer, rate)
        else:
            super().set_rate(rate)


RULES = {
    "LearningRateScheduler": {},
    "ModelCheckpoint": {"period": _period},
    "ReduceLROnPlateau": {"epsilon": renamed("min_delta")},
}
_BASES = {"LearningRateScheduler": (_BeforeDecay,), "ModelCheckpoint": (_OldFields,), "ReduceLROnPlateau": (_BeforeDecay,)}
_found = reexport(globals(), callbacks)
globals().update({name: accepting(_found[name], rules, __name__, _BASES.get(name, ())) for name, rules in RULES.items()})
__all__ = sorted([*_found, "Logs"])
