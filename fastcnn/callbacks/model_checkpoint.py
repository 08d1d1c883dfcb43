"""Saving the model while it trains."""

from __future__ import annotations

import os
from typing import Any

from fastcnn import arguments
from fastcnn.callbacks.monitor import MonitorCallback
from fastcnn.callbacks.terminal import say
from fastcnn.typing import Model, Path


class ModelCheckpoint(MonitorCallback):
    """Saves the model after each epoch, after some batches, or when it got better.

    The file also holds the place in the epoch and the states of all callbacks, as they are when all have seen the epoch
    or batch, whatever their order: `fit(resume=True)` goes on from it as if training had never stopped.

    Args:
        filepath: where to; may hold "{epoch:02d}" (from 1), "{batch}" (from 1) and names of logs such as
            "{val_loss:.2f}". Missing folders are made.
        monitor: the key in the logs that says whether the model got better.
        verbose: 1 says what is saved.
        save_best_only: save only if the monitored value improved.
        save_weights_only: write the weights alone, as `Model.save_weights` does.
        mode: "min", "max" or "auto".
        save_freq: "epoch", or a number of batches.
        initial_value_threshold: the value to improve on at first.

    Raises:
        TypeError, ValueError: for such arguments; in training if `filepath` names what the logs lack.

    Example:
        >>> save = ModelCheckpoint("lenet-{epoch:02d}-{val_accuracy:.4f}.safetensors", "val_accuracy")
        >>> save.path(2, None, {"val_accuracy": 0.991})
        'lenet-03-0.9910.safetensors'
    """

    state = ("best", "seen")
    reports = True
    writes = True

    def __init__(self, filepath: Path, monitor: str = "val_loss", verbose: int = 0, save_best_only: bool = False,
                 save_weights_only: bool = False, mode: str = "auto", save_freq: str | int = "epoch",
                 initial_value_threshold: float | None = None) -> None:
        super().__init__(monitor, mode)
        self.filepath = os.fspath(arguments.path("filepath", filepath))
        self.verbose = arguments.integer("verbose", verbose, 0)
        self.save_best_only = arguments.flag("save_best_only", save_best_only)
        self.save_weights_only = arguments.flag("save_weights_only", save_weights_only)
        threshold = initial_value_threshold
        self.best: Any = None if threshold is None else arguments.number("initial_value_threshold", threshold)
        self.save_freq = save_freq if save_freq == "epoch" else arguments.integer("save_freq", save_freq)
        self.seen, self.epoch, self._due = 0, 0, None

    def set_model(self, model: Model) -> None:
        """Also checks that the model can write a file of that name."""
        getattr(model, "_check_path", bool)(self.filepath)  # models of others may take any
        super().set_model(model)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.epoch = epoch

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self.save_freq == "epoch":
            self._save(epoch, None, logs or {})

    @property
    def on_train_batch_end(self) -> Any:
        """After a step: counts, and saves after every `save_freq`. With "epoch" nobody asks for it, and it costs nothing."""
        return super().on_train_batch_end if self.save_freq == "epoch" else self._after_batch

    def _after_batch(self, batch, logs=None):
        self.seen += 1
        if self.seen >= self.save_freq:
            self.seen = 0
            self._save(self.epoch, batch, logs or {})

    def path(self, epoch: int, batch: int | None, logs: dict[str, Any]) -> str:
        """The file's name for an epoch and batch (both from 0, batch may be None)."""
        names = dict(logs)
        names["epoch"] = epoch + 1
        if batch is not None:
            names.setdefault("batch", batch + 1)
        try:
            return self.filepath.format(**names)
        except LookupError as error:
            raise ValueError(f"filepath may name {', '.join(names)}. Received: {arguments.shown(self.filepath)}") from error

    def _save(self, epoch, batch, logs):
        if not self.save_best_only or self._better(epoch, logs):
            self._due = self.path(epoch, batch, logs)

    def settle(self) -> None:
        """Writes what is due."""
        path, self._due = self._due, None
        if path is None:
            return
        if os.path.dirname(path):
            os.makedirs(os.path.dirname(path), exist_ok=True)
        if self.verbose:
            say(f"Epoch {self.epoch + 1}: saving the model to {path}")
        (self.model.save_weights if self.save_weights_only else self.model.save)(path)

    def _better(self, epoch, logs):
        value, best = self.value(logs), self.best
        if value is None:
            return not self.pauses()  # rather a file too many
        better = self.improves(value, best)
        if better:
            self.best = value
        if self.verbose:
            known = "nothing" if best is None else f"{best:.5f}"
            change = f"improved from {known} to {value:.5f}" if better else f"did not improve from {known}"
            say(f"Epoch {epoch + 1}: {self.monitor} {change}")
        return better
