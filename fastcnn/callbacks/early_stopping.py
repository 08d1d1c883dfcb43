"""Stopping when nothing gets better."""

from __future__ import annotations

from typing import Any

from fastcnn import arguments, calling
from fastcnn.callbacks.monitor import MonitorCallback
from fastcnn.typing import Array


class EarlyStopping(MonitorCallback):
    """Stops training when a monitored value has not improved for some epochs.

    Args:
        monitor: the key in the logs.
        min_delta: a smaller change is no improvement.
        patience: epochs without improvement after which training stops.
        verbose: 1 says when it stops.
        mode: "min", "max" or "auto".
        baseline: training stops if after `patience` epochs the value is not better than this one; until it is, epochs count
            as without improvement, even if each is better than the one before. (So Keras' documentation has it; its code
            goes on as long as values improve.)
        restore_best_weights: go back, at the end, to the weights of the best epoch.
        start_from_epoch: epochs before this one are not looked at.

    Raises:
        TypeError, ValueError: for such arguments; ValueError in training if mode="auto" cannot tell.

    Example:
        >>> stop = EarlyStopping("val_accuracy", patience=3, restore_best_weights=True)
        >>> stop.patience
        3
    """

    state = ("wait", "stopped_epoch", "best", "best_epoch")
    best: Any
    best_weights: Any

    def __init__(self, monitor: str = "val_loss", min_delta: float = 0, patience: int = 0, verbose: int = 0,
                 mode: str = "auto", baseline: float | None = None, restore_best_weights: bool = False,
                 start_from_epoch: int = 0) -> None:
        super().__init__(monitor, mode, min_delta)
        self.patience = arguments.integer("patience", patience, 0)
        self.verbose = arguments.integer("verbose", verbose, 0)
        self.baseline = None if baseline is None else arguments.number("baseline", baseline)
        self.restore_best_weights = arguments.flag("restore_best_weights", restore_best_weights)
        self.start_from_epoch = arguments.integer("start_from_epoch", start_from_epoch, 0)
        self._reset()

    def _reset(self):
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best = self.best_weights = None

    def on_train_begin(self, logs: Any = None) -> None:
        if self._starts_anew():
            self._reset()
        elif self.stopped_epoch and self.wait >= self.patience:
            self.model.stop_training = True  # it had stopped, and does not go on unless there is more patience now
        else:
            self.stopped_epoch = 0

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        value = self.value(logs)
        if value is None or epoch < self.start_from_epoch:
            return
        self.wait += 1
        if self.improves(value, self.best):
            self.best = value
            self._keep_weights(epoch)
            if self.baseline is None or self.improves(value, self.baseline):
                self.wait = 0
                return
        elif self.best is None and self.best_weights is None:
            self._keep_weights(epoch)  # something to go back to, even if it is NaN
        if self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Any = None) -> None:
        if self.stopped_epoch and self.verbose:
            self._say(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if not self.restore_best_weights:
            return
        if self.best_weights is not None:
            if self.verbose:
                self._say(f"Restoring the weights of the best epoch: {self.best_epoch + 1}.")
            self.model.set_weights(self.best_weights)
        elif self.best is not None:
            calling.warn("EarlyStopping was resumed without its arrays, so the best weights cannot be "
                         "restored.")

    def _keep_weights(self, epoch):
        self.best_epoch = epoch
        if self.restore_best_weights:
            self.best_weights = self.model.get_weights()

    def get_arrays(self) -> dict[str, Array]:
        return {f"best_weights/{i}": weight for i, weight in enumerate(self.best_weights or ())}

    def set_arrays(self, arrays: dict[str, Array]) -> None:
        """Take back `get_arrays`' answer.

        Raises:
            ValueError: other names than "best_weights/0", "best_weights/1" ….
        """
        names = [f"best_weights/{i}" for i in range(len(arrays))]
        if set(names) != set(arrays):
            raise ValueError(f"arrays must be named {names}. Received: {sorted(arrays)}")
        self.best_weights = [arrays[name] for name in names] or None
