"""What ends a training in several processes: a stop or an interruption in any of them, after the step, in all."""

from contextlib import contextmanager

from fastcnn.callbacks.base import Callback
from fastcnn.callbacks.interruption import caught


class Agreement(Callback):
    """The last callback of each of the processes.

    Args:
        ranks: `fastcnn.distributed.MPI`, or whatever has its `agree`.

    Raises:
        KeyboardInterrupt: in training, in all processes, where one was interrupted within its `interruptible` block.
    """

    def __init__(self, ranks):
        self._ranks, self._interrupted = ranks, False

    def on_train_begin(self, logs=None):
        self.settle()

    def on_train_batch_end(self, batch, logs=None):
        """Then all settle."""

    def on_epoch_end(self, epoch, logs=None):
        """Then all settle."""

    def settle(self):
        """Hears what the others say."""
        stopped, interrupted = zip(*self._ranks.agree((bool(self.model.stop_training), self._interrupted)))
        self.model.stop_training = any(stopped)
        if any(interrupted):
            raise KeyboardInterrupt

    @contextmanager
    def interruptible(self):
        """A block in which the first Ctrl-C, SIGTERM or SIGHUP waits for the step: the others would wait for a process that
        leaves in its midst. The second one does not wait."""
        def interrupt():
            self._interrupted = True

        with caught(interrupt):
            yield
