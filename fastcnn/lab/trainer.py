"""The thread that trains: `fit`, with a look at the network now and then, and what pages ask for done between two steps."""

import threading
from collections import deque
from concurrent.futures import Future
from time import perf_counter

import numpy as np

from fastcnn.callbacks import Callback
from fastcnn.lab import frames, settings
from fastcnn.lab.answers import Answers
from fastcnn.lab.curves import Curve

_LOOKS = {  # seconds from one to the next at least, the part of the time that they may take, seconds between them at most
    "point": (0.12, 1.0, 1.0), "frame": (0.18, 0.03, 1.0), "dead": (1.0, 0.005, 4.0), "check": (0.5, 0.005, 4.0),
    "whole": (0.0, 0.01, np.inf)}
_CHECKED = 100, 1000, 0.3  # test images of a check: at least, at most, and in so many seconds; all of them after an epoch
_PATIENCE = 120            # seconds that a page waits for an answer


class Over(RuntimeError):
    """The lab is closed."""


class _Left(Exception):
    """`fit` is left between two steps; it can be resumed."""


class Trainer(Callback):
    """Trains a model and shows it.

    Args:
        begin: called in the thread: reads data, and calls `use`.

    Attributes:
        doing: "loading", "paused", "running", "comparing" or "over"; message: for people.
        images, model, curves: {"training", "test"} of this run; revision: counts such runs.
        specimen: (kind, number): which image is shown; kind "test", "training" or "drawing".
        pending: steps until it pauses, 0: it does not; anew, leave: `fit` is to begin its epoch anew, or to be called again.
        failure: the exception that has ended it.
    """

    model = None  # it is kept here, not only known, as to other callbacks

    def __init__(self, begin):
        self.changed, self.inbox, self.readers = threading.Condition(), deque(), 0
        self.begin, self.doing, self.message, self.failure = begin, "loading", "", None
        self.images = self.model = self.frame = self.answers = self.comparison = self.drawing = None
        self.version = self.revision = self.pending = self.seen = self.step = self.done = 0
        self.anew, self.curves, self.dead = True, {}, {}  # of the model that is used
        self.batch_size, self.epochs, self.leave, self.stale, self.specimen = 32, 20, False, True, ("test", 0)
        self.thread = threading.Thread(target=self._run, name="fastcnn lab", daemon=True)

    # What other threads call

    def call(self, function, *arguments, shows=True):
        """What a function returns that is called between two steps, in the thread that trains.

        Args:
            shows: does what it does change what is seen?

        Raises:
            whatever it raises; Over: the lab is closed.
        """
        answer = Future()
        with self.changed:
            if self.doing == "over":
                raise Over("the lab is closed")
            self.inbox.append((answer, function, arguments, shows))
            self.changed.notify_all()
        return answer.result(_PATIENCE)

    def newest(self, after, patience):
        """(version, frame) as soon as it is newer than `after`, and than what has changed before this call; the last one, if
        that does not happen in `patience` seconds. A frame is made if someone waits for it, and replaces the one before."""
        with self.changed:
            self.readers, known = self.readers + 1, (after, self.version if self.stale else after)
            self.changed.notify_all()
            try:
                self.changed.wait_for(lambda: self.version not in known or self.doing == "over", patience)
            finally:
                self.readers -= 1
            return self.version, self.frame

    def close(self):
        """Ends training after the step that runs, and the thread."""
        self._enter("over")
        if self.thread.is_alive():
            self.thread.join()

    # The thread

    def say(self, message):
        """Shows a message, while there is nothing else to show."""
        self.message = message
        self._show(None)

    def _show(self, frame):
        with self.changed:
            self.version, self.frame = self.version + 1, frame
            self.changed.notify_all()

    def _enter(self, doing, message=None):
        with self.changed:
            self.doing, self.stale = self.doing if self.doing == "over" else doing, True
            self.message = self.message if message is None else message
            self.changed.notify_all()

    def _run(self):
        try:
            self.begin()
            self._enter("paused", "")
            while self.doing != "over":
                self._obey(wait=True)
                if self.doing == "running":
                    self._train()
                elif self.doing == "comparing":
                    self.comparison.round(self.images)
        except BaseException as error:
            self.failure = error
        self._enter("over", self.failure and str(self.failure))
        while self.inbox:
            self.inbox.popleft()[0].set_exception(Over("the lab is closed"))

    def _obey(self, wait=False):
        """Does what was asked for; waits until something is, if there is nothing else to do."""
        with self.changed:
            if wait:
                self.changed.wait_for(lambda: self.inbox or self.doing != "paused" or self.stale and self.readers)
        while self.inbox:
            answer, function, arguments, shows = self.inbox.popleft()
            try:
                answer.set_result(function(*arguments))
            except Exception as error:
                answer.set_exception(error)
            self.stale |= shows
        if self.doing != "running" and self.stale and self.readers:
            self._is_due("dead", self._find_dead)
            self._look()

    def _train(self):
        whence = {"initial_epoch": self.model.epochs_seen} if self.anew else {"resume": True}
        if self.anew:
            self.done, self.seen, self._before = self.done + self.seen, 0, np.zeros(3)
        self.anew = self.leave = False
        self._clock.clear()
        self._due.update(check=perf_counter() + _LOOKS["check"][0])
        try:
            if self.model.epochs_seen < self.epochs:
                self.message = ""
                self.model.fit(self.images.inputs, self.images.y, self.batch_size, self.epochs, 0, self, **whence)
            self._enter("paused", f"{self.model.epochs_seen} epochs are done. To go on, let it stop after more.")
        except _Left:
            self.stale = True
        except Exception as error:
            self.anew = True
            self._enter("paused", f"Training has stopped: {error}")

    def on_train_batch_end(self, batch, logs=None):
        self.step, self.seen, self.stale = self.step + 1, min((batch + 1) * self.batch_size, len(self.images.x)), True
        if self.pending == 1:
            self._note(logs)
            self._enter("paused")
        self.pending = max(0, self.pending - 1)
        self._is_due("point", self._note, logs)
        if self.readers:
            self._is_due("dead", self._find_dead)
            self._is_due("frame", self._look)
        self._is_due("check", self.check)

    def on_epoch_end(self, epoch, logs=None):
        self.done, self.seen = self.done + len(self.images.x), 0
        self._note(logs)
        self._before = np.zeros(3)
        if epoch + 1 == self.epochs:
            self._due["whole"] = 0
        self._is_due("whole", self.check, True)

    def settle(self):
        if self.inbox:
            self._obey()
        if self.doing != "running" or self.anew or self.leave:
            raise _Left

    def _is_due(self, name, look, *arguments):
        """Takes a look, if it is time for it. Was it?"""
        start = perf_counter()
        if start < self._due.get(name, 0):
            return False
        look(*arguments)
        (least, part, most), end = _LOOKS[name], perf_counter()
        self._due[name] = max(start + least, end + min((end - start) / part, most))
        return True

    # What is noted

    def use(self, model):
        """Trains this model from here on, as compiled, on `images`."""
        self.images.fit_to(model)
        self.model, self.anew, self.seen, self.step, self._before = model, True, 0, 0, np.zeros(3)
        self.done, self.message = model.epochs_seen * len(self.images.x), ""
        self.curves, self.dead, self._due = {"training": Curve(), "test": Curve()}, {}, {}
        self._clock, self._count, self.revision = deque(maxlen=20), _CHECKED[0], self.revision + 1
        self.check()

    def _note(self, logs):
        """A point of the training's curves: means since the last point."""
        accuracy = next((logs[name] for name in logs if name.endswith("accuracy")), np.nan)
        seen = self.seen or len(self.images.x)
        sums = np.array([seen, logs["loss"] * seen, accuracy * seen])
        n, loss, right = sums - self._before
        if n > 0:
            self.curves["training"].add([self.done + self.seen, loss / n, None if np.isnan(right) else right / n])
            self._before = sums
            self._clock.append((perf_counter(), self.done + self.seen))
            if not np.isfinite(loss):
                self._enter("paused", "The loss has grown beyond all numbers. Reset, and try a smaller learning rate.")

    def check(self, whole=False):
        """Predicts some test images, or all; a point of the test's curves."""
        start, (least, most, seconds) = perf_counter(), _CHECKED
        self.answers = Answers(self.model, self.images, None if whole else self._count)
        self._count = int(np.clip(self.answers.count * seconds / (perf_counter() - start), least, most))
        self.curves["test"].add([self.done + self.seen, self.answers.loss, self.answers.accuracy])

    # What is seen

    def shown_image(self):
        """(image, its label or None, its number) of what is shown."""
        kind, number = self.specimen
        if kind == "drawing":
            return self.drawing, None, None
        images, labels = (self.images.x, self.images.labels) if kind == "training" else (
            self.images.x_test, self.images.labels_test)
        number = int(np.random.default_rng(self.version).integers(len(images))) if number is None else number
        return images[number], int(labels[number]), number

    def _look(self):
        """Makes a frame."""
        raw, label, number = self.shown_image()
        x, said = self.images.prepare(raw[None]), []

        def target(answer):
            found = Answers.probabilities(self.model, answer)[0]
            said.extend([int(i), float(found[i])] for i in np.argsort(-found, kind="stable")[:5])
            return self.images.targets([said[0][0] if label is None else label])

        frame = frames.Frame(self.model, x, target, self.images.to_bytes(raw))
        specimen = {"kind": self.specimen[0], "number": number, "label": label, "follows": self.specimen[1] is None}
        frame.state = {**self._status(), "specimen": {**specimen, "likeliest": said}}
        frame.dead, self.stale = self.dead, False
        self._show(frame)

    def _find_dead(self):
        self.dead = frames.dead_units(self.model, self.images.prepare(self.images.x_test[:frames.PROBED]))

    def _status(self):
        """Where training stands, in JSON's types."""
        n, answers, speed = len(self.images.x), self.answers, None
        if self.doing == "running" and len(self._clock) > 1:
            (start, first), (end, last) = self._clock[0], self._clock[-1]
            speed = (last - first) / (end - start)
        left = max(0, (self.epochs - self.model.epochs_seen) * n - self.seen)
        return {"state": self.doing, "message": self.message, "revision": self.revision, "step": self.step, "images": n,
                "epoch": (self.done + self.seen) / n, "speed": speed, "left": left / speed if speed else None,
                "settings": settings.told(self.model, self.batch_size, self.epochs),
                "test": {"loss": answers.loss, "accuracy": answers.accuracy, "count": answers.count,
                         "of": len(self.images.x_test)}}
