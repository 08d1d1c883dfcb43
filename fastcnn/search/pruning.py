"""The callback by which an Optuna pruner ends a training."""

from __future__ import annotations

from typing import Any

from fastcnn import arguments
from fastcnn.callbacks.monitor import MonitorCallback
from fastcnn.importing import installed


def optuna():
    """The module, needed by whatever searches.

    Raises:
        ImportError: it is missing; says how to install it.

    Example:
        >>> optuna().__name__  # doctest: +SKIP
        'optuna'
    """
    return installed("optuna", "searching")


class PruningCallback(MonitorCallback):
    """Tells an Optuna trial how each epoch ended, and ends the training if the study's pruner expects too little of it.

    Args:
        trial: `optuna.trial.Trial`, as the objective function is given it.
        monitor: the key in the logs, as "val_accuracy" or "val_loss". The study must maximize it if more is better.
        mode: "min" (less is better), "max", or "auto": told by the metric of that name.

    Raises:
        TypeError: no trial; ValueError: when training begins, a study of the other direction.
        optuna.TrialPruned: in training; Optuna takes it.

    Example:
        >>> def objective(trial):  # doctest: +SKIP
        ...     rate = trial.suggest_float("learning_rate", 1e-3, 1e-1, log=True)
        ...     trained = fastcnn.recipes.train_lenet5(learning_rate=rate, validation_split=0.1,
        ...                                            callbacks=[PruningCallback(trial)])
        ...     return trained.history.history["val_accuracy"][-1]
        >>> optuna.create_study(direction="maximize").optimize(objective, n_trials=20)  # doctest: +SKIP

    Source: optuna.integration's callbacks.
    """

    reports = True

    def __init__(self, trial: Any, monitor: str = "val_accuracy", mode: str = "auto") -> None:
        super().__init__(monitor, mode)
        if not callable(getattr(trial, "should_prune", None)):
            raise TypeError(f"trial must be an optuna.trial.Trial. Received: {arguments.shown(trial)}")
        self.trial = trial

    def on_train_begin(self, logs: Any = None) -> None:
        study = getattr(self.trial, "study", None)  # a FixedTrial has none
        wanted = "minimize" if self._direction() == "min" else "maximize"
        if study is not None and study.direction.name.lower() != wanted:
            raise ValueError(f"the study must {wanted} {self.monitor}: optuna.create_study(direction={wanted!r}). "
                             f"Received: {study.direction.name.lower()}")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        value = self.value(logs)
        if value is not None:
            self.trial.report(value, epoch)
            if self.trial.should_prune():
                raise optuna().TrialPruned(f"pruned after epoch {epoch + 1}, {self.monitor} {value:.4f}")
