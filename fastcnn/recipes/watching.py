"""Callbacks of the recipes: a checkpoint that Ctrl-C brings about, and how fast training went."""

import os
from contextlib import contextmanager
from time import perf_counter

from fastcnn import arguments
from fastcnn.callbacks import Callback
from fastcnn.callbacks.interruption import caught
from fastcnn.callbacks.terminal import say


def is_first(ranks):
    """Is it this process that prints and saves?

    Example:
        >>> is_first(None)
        True
    """
    return ranks is None or ranks.rank == 0


class Checkpoint(Callback):
    """Saves the model after each epoch, after some steps, and when Ctrl-C, SIGTERM or SIGHUP interrupts training within its
    `interruptible` block: the step that runs is ended, so that `fit(resume=True)` goes on exactly where it was.

    Args:
        path: the model's file; None: nothing is saved, and such a signal just ends training.
        steps: also save after so many steps; None: at the end of each epoch only.
        ranks: the processes that train together: rank 0 saves, and an interruption of one interrupts all.

    Raises:
        ValueError: no such number of steps; steps without a path.
        KeyboardInterrupt: in training, after it has saved.

    Example:
        >>> checkpoint = Checkpoint("alexnet.safetensors", steps=100)
        >>> with checkpoint.interruptible():
        ...     pass  # model.fit(…, callbacks=[checkpoint])
    """

    state = ("seen",)
    reports = True

    def __init__(self, path, steps=None, ranks=None):
        self.path = None if path is None else os.fspath(path)
        if steps is not None and path is None:
            raise ValueError(f"steps between checkpoints need a file to save to. Received: {arguments.shown(steps)}")
        self.steps = None if steps is None else arguments.integer("steps", steps)
        self.seen, self.saved, self._due, self._interrupted, self._ranks = 0, False, False, False, ranks

    def set_model(self, model):
        """Also checks that the model can write a file of that name."""
        if self.path is not None:
            model._check_path(self.path)
        super().set_model(model)

    def on_train_begin(self, logs=None):
        if self._starts_anew():
            self.seen = 0

    def on_train_batch_end(self, batch, logs=None):
        self.seen += 1
        if self.steps and self.seen >= self.steps:
            self.seen, self._due = 0, True

    def on_epoch_end(self, epoch, logs=None):
        self._due = True

    def settle(self):
        """Saves if it is time, and lets an interruption through."""
        if self._ranks:
            self._interrupted = any(self._ranks.agree(self._interrupted))
        if self.path is not None and is_first(self._ranks) and (self._due or self._interrupted):
            if self._interrupted:  # said here: a signal's handler may have caught a print at work
                say(f"Interrupted: saving {self.path}")
            self.model.save(self.path)
            self.saved = True
        self._due = False
        if self._interrupted:
            if self._ranks:
                self._ranks.agree("saved")  # one that went on to its end before would end the job
            saved = f"Interrupted; training is saved in {self.path} and can be resumed" if self.path else "Interrupted"
            raise KeyboardInterrupt(saved)

    @contextmanager
    def interruptible(self):
        """A block in which the first Ctrl-C waits for the step and saves; the second one does not wait."""
        def interrupt():
            self._interrupted = True

        try:
            with caught(interrupt):
                yield
        finally:
            self._interrupted = False


class Pace(Callback):
    """Adds up training steps' images, seconds and the seconds spent waiting for data; validation is left out.

    Example:
        >>> pace = Pace()
        >>> pace.images, pace.images_per_second, pace.data_wait
        (0, 0.0, 0.0)
    """

    def __init__(self):
        self.images, self.seconds, self.waited, self.begun, self.logs = 0, 0.0, 0.0, 0.0, None

    @property
    def images_per_second(self):
        """Of training alone."""
        return self.images / self.seconds if self.seconds else 0.0

    @property
    def data_wait(self):
        """The part of those seconds in which the network waited, from 0 to 1."""
        return self.waited / self.seconds if self.seconds else 0.0

    def on_epoch_begin(self, epoch, logs=None):
        self.begun, self.logs = perf_counter(), None

    def on_train_batch_end(self, batch, logs=None):
        self.logs = logs

    def on_test_begin(self, logs=None):
        self._end()

    def on_epoch_end(self, epoch, logs=None):
        self._end()

    def _end(self):
        """The steps of this epoch are done; counted once."""
        if self.logs is not None:
            seconds = perf_counter() - self.begun
            self.images, self.seconds = self.images + self.logs.images, self.seconds + seconds
            self.waited, self.logs = self.waited + seconds * self.logs.get("data_wait", 0.0), None
