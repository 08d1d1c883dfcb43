"""What is seen of a search: a row per trial that has ended, below them a live line of those that run."""

import threading

from fastcnn.callbacks import terminal
from fastcnn.search.spaces import SPACES, rounded


class Table:
    """Prints rows as trials end.

    Args:
        network: what is searched for.
        trials, epochs: how many there will be.
        fixed: arguments that are not searched.
        show: False prints nothing.

    Example:
        >>> Table("lenet5", 20, 8, {"width": 1.0}, True).head()
        'trial  result    accuracy  epochs  seconds  learning_rate  batch_size  dropout  distort'
    """

    def __init__(self, network, trials, epochs, fixed, show):
        self.trials, self.epochs, self.show = trials, epochs, show
        self.names = [name for name in SPACES[network] if name not in fixed]
        self._running, self._ended, self._best, self._lock = {}, 0, None, threading.Lock()

    def head(self):
        """Names of the columns."""
        return "  ".join(["trial", "result  ", "accuracy", "epochs", "seconds", *self.names])

    def begin(self, ended, best):
        """Prints the head, and what there is already.

        Args:
            ended: how many trials have ended before.
            best: (accuracy, number) of the best of them, or None.
        """
        self._ended, self._best = ended, best
        if ended:
            self._say(f"{ended} of {self.trials} trials were done before" + (f"; the best: {_best(best)}" if best else ""))
        if ended < self.trials:
            self._say(self.head())

    def watch(self, number, epoch=None, value=None):
        """A trial runs: it has begun, or an epoch has ended."""
        with self._lock:
            self._running[number] = f"trial {number}" + ("" if epoch is None else
                                                         f": epoch {epoch + 1}/{self.epochs} {100 * value:.2f} %")
            self._redraw()

    def end(self, trial, best, error=None):
        """Prints the row of an Optuna trial that has ended."""
        with self._lock:
            self._running.pop(trial.number, None)
            self._ended, self._best = self._ended + 1, best
            values = trial.intermediate_values
            last = f"{100 * values[max(values)]:.2f} %" if values else ""
            seconds = f"{trial.duration.total_seconds():.1f}"
            known = rounded(trial.params)
            row = [f"{trial.number:5}", f"{trial.state.name.lower():8}", f"{last:>8}", f"{len(values):>6}", f"{seconds:>7}",
                   *(f"{known.get(name, '')!s:>{len(name)}}" for name in self.names), *([error] if error else [])]
            self._say("  ".join(row))
            self._redraw()

    def _redraw(self):
        if self.show and terminal.is_live():
            parts = [f"{self._ended}/{self.trials}", *self._running.values(), *([f"best {_best(self._best)}"] if self._best
                                                                               else [])]
            terminal.redraw("  ".join(parts)[:terminal.width() - 1])

    def _say(self, line):
        if self.show:
            terminal.say(line)


def _best(best):
    return f"{100 * best[0]:.2f} % (trial {best[1]})"
