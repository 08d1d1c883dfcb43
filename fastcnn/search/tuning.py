"""The search for a recipe's hyper-parameters: trials in processes, which Optuna proposes, prunes and remembers."""

from __future__ import annotations

import json
import os
import threading
from contextlib import contextmanager
from typing import Any

from fastcnn import arguments, calling
from fastcnn.callbacks.interruption import caught
from fastcnn.search.processes import Processes
from fastcnn.search.pruning import optuna
from fastcnn.search.spaces import HELD_OUT, SPACES, defaults, suggested
from fastcnn.search.storage import alone, study_in
from fastcnn.search.table import Table
from fastcnn.typing import Path

_STARTING = 5  # trials that nothing is concluded from


class _Died(Exception):
    """A trial's process was killed; the search goes on."""


class _Stopped(Exception):
    """The search ends: in each of its threads."""


def tune(network: str, trials: int = 20, jobs: int = 1, storage: Path | None = None, save: Path | None = None,
         verbose: bool = True, **given: Any) -> Any:
    """Search the hyper-parameters of a recipe that give the highest accuracy on images that it does not train on.

    Optuna's TPE sampler proposes learning rate, batch size, width, dropout and augmentation (`search.spaces`), its median
    pruner ends trials early, and its journal remembers all. The first trial is the recipe as it is. Each trial is a process
    of its own with its share of the threads. After a stop, however it came, the same call goes on; trials that were
    running begin anew.

    Args:
        network: "lenet5", "alexnet" or "cifar10".
        trials: how many, those of earlier calls on the same storage included.
        jobs: how many run at a time.
        storage: file for Optuna's journal; None: only this call knows them.
        save: file for the model of the best trial, replaced whenever a better one has ended; None: it is not kept.
        verbose: print a row per trial, and on a terminal a line of those that run.
        given: arguments of the recipe, `fastcnn.recipes.train_lenet5` and so on, of JSON's types; what is given is not
            searched. `seed` is the sampler's, too. The test images take no part: lenet5 and cifar10 hold out a tenth of
            their training images (`validation_split`), alexnet validates on what its recipe does.

    Returns:
        `optuna.study.Study`. The saved model's metadata["search"] holds its trial and arguments.

    Raises:
        TypeError, ValueError: for such arguments; a storage that was begun with others, or is in use.
        RuntimeError: a trial failed; says why.
        KeyboardInterrupt: on Ctrl-C and SIGTERM; no process goes on.
        ImportError: Optuna is missing.

    Example:
        >>> study = tune("lenet5", trials=20, storage="lenet5.journal", save="best.safetensors")  # doctest: +SKIP
        >>> study.best_value, study.best_params  # doctest: +SKIP
    """
    trials, jobs, known = arguments.integer("trials", trials), arguments.integer("jobs", jobs), defaults(network)
    for name in given:
        if name not in known:
            raise calling.unknown("tune", name, known)
    fixed = {**({"validation_split": HELD_OUT[network]} if network in HELD_OUT else {}), **given}
    fixed, processes = json.loads(json.dumps(fixed, default=_plain)), Processes(jobs)
    interrupted = KeyboardInterrupt("Interrupted; with a storage, the same command goes on")
    with _quiet(), alone(storage) as path, caught(lambda: processes.stop(interrupted)):
        return _Search(network, fixed, path, save, processes).run(trials, jobs, verbose)


class _Search:
    """A study, and how its trials are made."""

    def __init__(self, network, fixed, path, save, processes):
        self.network, self.fixed, self.processes = network, fixed, processes
        self.save, self.lock, self.said = None if save is None else os.fspath(save), threading.Lock(), set()
        self.found = defaults(network) | fixed
        pruner = optuna().pruners.MedianPruner(_STARTING, n_warmup_steps=self.found["epochs"] // 4)
        self.study = study = study_in(path, network, direction="maximize", pruner=pruner)
        settings = json.dumps({"network": network, **fixed}, sort_keys=True)
        if not study.trials:
            study.set_user_attr("settings", settings)
            study.enqueue_trial({name: self.found[name] for name in SPACES[network] if name not in fixed})
        if study.user_attrs["settings"] != settings:
            raise ValueError(f"storage must be of a search with the same arguments. Received: {settings}; {path} was begun "
                             f"with {study.user_attrs['settings']}")
        seed = (self.found["seed"] + len(study.trials)) % 2**32
        study.sampler = optuna().samplers.TPESampler(seed=seed, n_startup_trials=_STARTING)
        self._settle()

    def _settle(self):
        """What a sudden end has left: trials that were running are to be made again, a model that was to be kept is kept."""
        trials = self.study.trials
        again = {trial.user_attrs.get("again") for trial in trials}
        for trial in trials:
            if trial.state.name == "RUNNING":
                self.study.tell(trial.number, state=optuna().trial.TrialState.FAIL)
            if trial.state.name in ("RUNNING", "FAIL") and "error" not in trial.user_attrs and trial.number not in again:
                asked = trial.system_attrs.get("fixed_params", {})
                self.study.enqueue_trial({**asked, **trial.params}, user_attrs={"again": trial.number})
            self._keep(trial.number)

    def run(self, trials, jobs, verbose):
        """Makes the trials that are missing; returns the study."""
        ended = sum(t.state.name in ("COMPLETE", "PRUNED") or "error" in t.user_attrs for t in self.study.trials)
        self.table = Table(self.network, trials, self.found["epochs"], self.fixed, verbose)
        self.table.begin(ended, self._best())
        try:
            if ended < trials:
                self.study.optimize(self._objective, trials - ended, n_jobs=jobs, catch=(_Died,), callbacks=[self._ended])
        except _Stopped:
            raise self.processes.reason from None
        return self.study

    def _best(self):
        """(accuracy, number) of the best trial, or None."""
        if all(trial.state.name != "COMPLETE" for trial in self.study.trials):
            return None
        return self.study.best_value, self.study.best_trial.number

    def _objective(self, trial):
        searched, value, error = suggested(trial, self.network, self.fixed), None, None
        trial.set_user_attr("arguments", searched)
        self.table.watch(trial.number)
        job = {"network": self.network, "trial": trial.number, "arguments": {**self.fixed, **searched},
               "save": self._path(trial.number)}
        with self.processes.started(job) as process:
            for told in map(json.loads, process.stdout):
                if "warning" in told and told["warning"] not in self.said:  # once, whichever trial says it
                    self.said.add(told["warning"])
                    calling.warn(told["warning"])
                elif "epoch" in told:
                    value = told["value"]
                    self.table.watch(trial.number, **told)
                    trial.report(value, told["epoch"])
                    if trial.should_prune():
                        raise optuna().TrialPruned
                elif "done" in told:
                    return value
                error = told.get("error", error)
        if self.processes.reason:
            raise _Stopped
        killed = not error and process.returncode < 0
        error = error or f"its process ended with {process.returncode}"
        trial.set_user_attr("error", error)
        if killed:
            raise _Died
        self.processes.stop(RuntimeError(f"trial {trial.number} failed: {error} (with {arguments.given(**searched)})"))
        raise _Stopped

    def _ended(self, study, trial):
        """Optuna calls it when a trial's end is in the journal."""
        self._keep(trial.number)
        self.table.end(trial, self._best(), trial.user_attrs.get("error"))

    def _path(self, number):
        """Where a trial's model lies until it is known whether it is the best."""
        return self.save and f"-trial{number}".join(os.path.splitext(self.save))

    def _keep(self, number):
        """A trial's model becomes the best one's, or goes."""
        path = self._path(number)
        if path and os.path.exists(path):
            with self.lock:
                if (self._best() or (0, None))[1] == number:
                    os.replace(path, self.save)
                else:
                    os.remove(path)


def _plain(value):
    """A value in JSON's types."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise TypeError(f"arguments of a recipe must be of JSON's types. Received: {arguments.shown(value)}")


@contextmanager
def _quiet():
    """Optuna tells what the table tells."""
    logging = optuna().logging
    before = logging.get_verbosity()
    logging.set_verbosity(logging.CRITICAL)
    try:
        yield
    finally:
        logging.set_verbosity(before)
