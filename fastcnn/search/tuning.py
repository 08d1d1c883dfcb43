"""The search for a recipe's hyper-parameters: trials in processes, which Optuna proposes, prunes and remembers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from typing import Any

from fastcnn import arguments, calling
from fastcnn.callbacks.interruption import caught
from fastcnn.search.pruning import optuna
from fastcnn.search.spaces import HELD_OUT, SPACES, defaults, suggested
from fastcnn.search.table import Table
from fastcnn.threads import get_num_threads
from fastcnn.typing import Path

_STARTING = 5  # trials that nothing is concluded from
_HOME = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_WORKER = f"import sys; sys.path.append({_HOME!r}); from fastcnn.search import worker; worker.main()"  # as it is found here


class _Died(Exception):
    """A trial's process was killed; the search goes on."""


class _Stopped(Exception):
    """The search ends: in each of its threads."""


def tune(network: str, trials: int = 20, jobs: int = 1, storage: Path | None = None, save: Path | None = None,
         search_seed: int = 0, verbose: bool = True, **given: Any) -> Any:
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
        search_seed: of the sampler; with one job, the same seed makes the same search.
        verbose: print a row per trial, and on a terminal a line of those that run.
        given: arguments of the recipe, `fastcnn.recipes.train_lenet5` and so on, of JSON's types; what is given is not
            searched. The test images take no part: lenet5 and cifar10 hold out a tenth of their training images
            (`validation_split`), alexnet validates on what its recipe does.

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
    trials, jobs = arguments.integer("trials", trials), arguments.integer("jobs", jobs)
    known = defaults(network)
    for name in given:
        if name not in known:
            raise calling.unknown("tune", name, known)
    held_out = {"validation_split": HELD_OUT[network]} if network in HELD_OUT else {}
    search = _Search(network, json.loads(json.dumps({**held_out, **given}, default=_plain)), jobs, save)
    with _alone(storage) as path, _quiet(), caught(search.interrupt):
        search.open(path, trials, arguments.integer("search_seed", search_seed, 0), verbose)
        return search.run(trials)


class _Search:
    """A study, and the processes of its trials."""

    def __init__(self, network, fixed, jobs, save):
        self.network, self.fixed, self.jobs = network, fixed, jobs
        self.save = None if save is None else os.fspath(save)
        self.threads = max(1, get_num_threads() // jobs)
        self.processes, self.reason, self.said, self.lock = set(), None, set(), threading.Lock()

    def open(self, path, trials, seed, verbose):
        """Makes the study, or finds it, and sets right what a sudden end has left."""
        found = defaults(self.network) | self.fixed
        epochs = found["epochs"]
        settings = json.dumps({"network": self.network, **self.fixed}, sort_keys=True)
        samplers, pruners = optuna().samplers, optuna().pruners
        try:
            self.study = study = optuna().create_study(
                storage=path and _journal(path), study_name=self.network, direction="maximize", load_if_exists=True,
                pruner=pruners.MedianPruner(_STARTING, n_warmup_steps=epochs // 4))
        except (KeyError, ValueError) as error:
            raise ValueError(f"storage must be a file that such a search wrote, or a new one. Received: {path} "
                             f"({error})") from None
        begun = study.user_attrs.get("settings", settings)
        if begun != settings:
            raise ValueError(f"storage must be of a search with the same arguments. Received: {settings}; {path} was begun "
                             f"with {begun}")
        study.sampler = samplers.TPESampler(seed=seed + len(study.trials), n_startup_trials=_STARTING)
        if not study.trials:
            study.set_user_attr("settings", settings)
            study.enqueue_trial({name: found[name] for name in SPACES[self.network] if name not in self.fixed})
        self._settle()
        self.table = Table(self.network, trials, epochs, self.fixed, verbose)

    def _settle(self):
        """Trials that were running when the search ended are to be made again; a model that was to be kept is kept."""
        states, trials = optuna().trial.TrialState, self.study.get_trials(deepcopy=False)
        again = {trial.user_attrs.get("again") for trial in trials}
        for trial in trials:
            if trial.state == states.RUNNING:
                self.study.tell(trial.number, state=states.FAIL)
            lost = trial.state == states.RUNNING or trial.state == states.FAIL and "error" not in trial.user_attrs
            if lost and trial.number not in again:
                asked = trial.system_attrs.get("fixed_params", {})
                self.study.enqueue_trial({**asked, **trial.params}, user_attrs={"again": trial.number})
            self._keep(trial.number)

    def ended(self):
        """The trials that count."""
        states = optuna().trial.TrialState
        return [t for t in self.study.get_trials(deepcopy=False) if t.state in (states.COMPLETE, states.PRUNED)
                or t.state == states.FAIL and "error" in t.user_attrs]

    def best(self):
        """(accuracy, number) of the best trial, or None."""
        states = optuna().trial.TrialState
        if not self.study.get_trials(deepcopy=False, states=(states.COMPLETE,)):
            return None
        trial = self.study.best_trial
        return trial.value, trial.number

    def run(self, trials):
        """Makes the trials that are missing; returns the study."""
        missing = trials - len(self.ended())
        self.table.begin(trials - missing, self.best())
        try:
            if missing > 0:
                self.study.optimize(self._objective, missing, n_jobs=min(self.jobs, missing), catch=(_Died,),
                                    callbacks=[self._ended])
        except _Stopped:
            raise self.reason from None
        finally:
            self.stop(self.reason)
        return self.study

    def interrupt(self):
        """Ctrl-C."""
        self.stop(KeyboardInterrupt("Interrupted; the same command goes on, if it has a storage"))

    def stop(self, reason):
        """Ends all processes."""
        self.reason = self.reason or reason
        for process in list(self.processes):
            process.kill()

    def _objective(self, trial):
        searched = suggested(trial, self.network, self.fixed)
        trial.set_user_attr("arguments", searched)
        self.table.watch(trial.number)
        job = {"network": self.network, "trial": trial.number, "arguments": {**self.fixed, **searched},
               "save": self._path(trial.number)}
        value = error = None
        with self._process(job) as process:
            for line in process.stdout:
                told = json.loads(line)
                if "warning" in told:
                    self._warn(told["warning"])
                elif "epoch" in told:
                    value = told["value"]
                    self.table.watch(trial.number, **told)
                    trial.report(value, told["epoch"])
                    if trial.should_prune():
                        raise optuna().TrialPruned
                elif "error" in told:
                    error = told["error"]
                else:
                    return value
        if self.reason:
            raise _Stopped
        killed = not error and process.returncode < 0
        error = error or f"its process ended with {process.returncode}"
        trial.set_user_attr("error", error)
        if not killed:
            self.stop(RuntimeError(f"trial {trial.number} failed: {error}. Received: {arguments.given(**searched)}"))
            raise _Stopped
        raise _Died

    @contextmanager
    def _process(self, job):
        """The process of a trial, gone when the block ends; it ends by itself if this one does."""
        threads = str(self.threads)
        process = subprocess.Popen(
            [sys.executable, "-c", _WORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            start_new_session=True, env={**os.environ, "FASTCNN_NUM_THREADS": threads, "OMP_NUM_THREADS": threads})
        with self.lock:
            self.processes.add(process)
        try:
            with process:
                try:
                    with suppress(BrokenPipeError):  # it has died; its end says so
                        if not self.reason:
                            process.stdin.write(json.dumps(job) + "\n")
                            process.stdin.flush()
                    yield process
                finally:
                    process.kill()
        finally:
            with self.lock:
                self.processes.discard(process)

    def _ended(self, study, trial):
        """Optuna calls it when a trial's end is in the journal."""
        self._keep(trial.number)
        error = trial.user_attrs.get("error")
        if error or trial.state != optuna().trial.TrialState.FAIL:
            self.table.end(trial, self.best(), error)

    def _path(self, number):
        """Where a trial's model lies until it is known whether it is the best."""
        if self.save is None:
            return None
        stem, ending = os.path.splitext(self.save)
        return f"{stem}-trial{number}{ending}"

    def _keep(self, number):
        """A trial's model becomes the best one's, or goes."""
        path = self._path(number)
        if path is not None and os.path.exists(path):
            with self.lock:
                if (self.best() or (0, None))[1] == number:
                    os.replace(path, self.save)
                else:
                    os.remove(path)

    def _warn(self, text):
        """Once, whichever trial says it."""
        if text not in self.said:
            self.said.add(text)
            calling.warn(text)


def _plain(value):
    """A value in JSON's types."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise TypeError(f"arguments of a recipe must be of JSON's types. Received: {arguments.shown(value)}")


def _journal(path):
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock

    return JournalStorage(JournalFileBackend(path, JournalFileSymlinkLock(path, grace_period=3)))


@contextmanager
def _alone(storage):
    """The path, which no other search uses until the block ends, however it does; None: there is none."""
    if storage is None:
        yield None
        return
    path = os.fspath(arguments.path("storage", storage))
    with open(path, "ab") as file:
        try:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except ImportError:  # no such system
            pass
        except BlockingIOError:
            raise ValueError(f"storage must not be in use. Received: {path}, which another search uses") from None
        yield path


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
