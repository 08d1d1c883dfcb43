"""The thread that trains: `fit`, with a look at the network now and then, and what pages ask for done between two steps."""

import threading
from collections import deque
from concurrent.futures import Future
from time import perf_counter

import numpy as np

from fastcnn.callbacks import Callback
from fastcnn.lab import frames
from fastcnn.lab.answers import Answers
from fastcnn.lab.curves import Curve

_POINT = 0.12  # seconds between two points of a curve, two frames, two looks at test images: at least …
_LOOKS = {"frame": (0.12, 0.03, 1.0), "check": (0.5, 0.02, 4.0)}  # … what part of the time they may take; seconds: at most
_CHECKED = 100, 1000, 0.3    # test images of such a look: so many, at most, and in so many seconds; after an epoch all are
_PATIENCE = 120              # seconds that a page waits for an answer


class Over(RuntimeError):
    """The lab is closed."""


class _Left(Exception):
    """`fit` is left between two steps; it can be resumed."""


class Trainer(Callback):
    """Trains a model and shows it.

    Args:
        begin: called in the thread, with the trainer: reads data, and calls `use`.

    Attributes:
        doing: "loading", "paused", "running", "comparing" or "over"; message: for people.
        images, model, curves: {"training", "test"} of this run.
        revision: counts networks.
        specimen: (kind, number): which image is shown; kind "test", "training" or "drawing".
        failure: the exception that has ended it.
    """

    def __init__(self, begin):
        self.changed, self.inbox, self.readers, self.asked = threading.Condition(), deque(), 0, deque()
        self.begin, self.doing, self.message, self.failure = begin, "loading", "", None
        self.images = self.model = self.frame = self.answers = self.comparison = None
        self.version = self.revision = self.step = self.seen = self.pending = 0
        self.batch_size, self.epochs, self.anew, self.leave, self.stale = 32, 20, True, False, True
        self.specimen, self.drawing, self.statistics = ("test", 0), None, {}
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
        """(version, frame) as soon as it is newer than `after`; the last one, if that does not happen in `patience` seconds.
        A frame is made if someone waits for it, and replaces the one before."""
        with self.changed:
            self.readers += 1
            self.changed.notify_all()
            try:
                self.changed.wait_for(lambda: self.version != after or self.doing == "over", patience)
            finally:
                self.readers -= 1
            return self.version, self.frame

    def say(self, message):
        """Shows a message."""
        self.message = message
        self._show(None)

    def close(self):
        """Ends training after the step that runs, and the thread."""
        with self.changed:
            self.doing = "over"
            self.changed.notify_all()
        if self.thread.is_alive() and threading.current_thread() is not self.thread:
            self.thread.join()

    # The thread

    def _run(self):
        try:
            self.begin(self)
            self._enter("paused")
            while self.doing != "over":
                self._obey(wait=True)
                if self.doing == "running":
                    self._train()
                elif self.doing == "comparing":
                    self.comparison.round(self.images)
        except BaseException as error:
            self.failure = error
        finally:
            with self.changed:
                self.doing = "over"
                for answer, *_ in self.inbox:
                    answer.set_exception(Over("the lab is closed"))
                self.inbox.clear()
                self.changed.notify_all()

    def _enter(self, state):
        with self.changed:
            if self.doing != "over":
                self.doing, self.stale = state, True

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
            self._look()

    def _train(self):
        anew, self.anew, self.leave = self.anew, False, False
        whence = {"initial_epoch": self.model.epochs_seen} if anew else {"resume": True}
        if anew:
            self.done, self.seen, self._before = self.done + self.seen, 0, (0, 0.0, 0.0)
        self._due = {"point": 0.0, "frame": 0.0, "check": perf_counter() + _LOOKS["check"][0]}
        self._clock.clear()
        self._clock.append((perf_counter(), self._total()))
        if self.model.epochs_seen >= self.epochs:
            self.message = f"{self.model.epochs_seen} epochs are done. To go on, let it stop after more."
            return self._enter("paused")
        self.message = ""
        try:
            self.model.fit(self.images.inputs, self.images.y, self.batch_size, self.epochs, 0, self, **whence)
            self.message = f"{self.epochs} epochs are done."
            self._enter("paused")
        except _Left:
            self.stale = True
        except Exception as error:
            self.message, self.anew = f"Training has stopped: {error}", True
            self._enter("paused")

    def on_train_batch_end(self, batch, logs=None):
        self.step, self.seen = self.step + 1, min((batch + 1) * self.batch_size, len(self.images.x))
        if self.pending:
            self.pending -= 1
            if not self.pending:
                self._note(logs)
                self._enter("paused")
        elif perf_counter() >= self._due["point"]:
            self._note(logs)
            self._due["point"] = perf_counter() + _POINT
            if self.readers:
                self._now_and_then("frame", self._look)
            self._now_and_then("check", self.check)

    def _now_and_then(self, name, look):
        """Takes a look, if it is time for it."""
        start = perf_counter()
        if start >= self._due[name]:
            look()
            least, part, most = _LOOKS[name]
            end = perf_counter()
            self._due[name] = end + min(max(least, (end - start) / part), most)

    def on_epoch_end(self, epoch, logs=None):
        self.done, self.seen = self.done + len(self.images.x), 0
        self._note(logs)
        self._before = 0, 0.0, 0.0
        self.check(whole=True)

    def settle(self):
        if self.inbox:
            self._obey()
        if self.doing != "running" or self.anew or self.leave:
            raise _Left

    # What is noted

    def _total(self):
        return self.done + self.seen

    def _note(self, logs):
        """A point of the training's curves: means since the last point."""
        accuracy = next((logs[name] for name in logs if name.endswith("accuracy")), None)
        (n, loss, right), seen = self._before, self.seen or len(self.images.x)
        sums = seen, logs["loss"] * seen, (accuracy or 0.0) * seen
        if seen > n:
            self.curves["training"].add([self._total(), (sums[1] - loss) / (seen - n),
                                         None if accuracy is None else (sums[2] - right) / (seen - n)])
            self._before = sums
        self._clock.append((perf_counter(), self._total()))

    def check(self, whole=False):
        """Predicts some test images, or all; a point of the test's curves."""
        start = perf_counter()
        self.answers = Answers(self.model, self.images, None if whole else self._count)
        least, most, seconds = _CHECKED
        self._count = int(min(max(self.answers.count * seconds / (perf_counter() - start), least), most))
        self.curves["test"].add([self._total(), self.answers.loss, self.answers.accuracy])

    def speed(self):
        """Images per second, lately."""
        (start, first), (end, last) = self._clock[0], self._clock[-1]
        return (last - first) / (end - start) if end > start and last > first else None

    # What is seen

    def use(self, model, images=None):
        """Trains this model from here on, as compiled."""
        self.images = images or self.images
        self.images.fit_to(model)
        self.model, self.anew, self.seen, self.step = model, True, 0, 0
        self.done, self._before = model.epochs_seen * len(self.images.x), (0, 0.0, 0.0)
        self.curves = {"training": Curve(), "test": Curve()}
        self._clock, self.statistics, self._probed = deque([(0.0, 0)], 20), {}, -9.0
        self.revision += 1
        self._count = _CHECKED[0]
        self.check()

    def shown_image(self):
        """(x, label or None, number) of the image that is shown."""
        kind, number = self.specimen
        if kind == "drawing":
            return self.drawing, None, None
        part, labels = (self.images.x, self.images.labels) if kind == "training" else (
            self.images.x_test, self.images.labels_test)
        if number is None:  # another one each time
            number = int(np.random.default_rng(self.version).integers(len(part)))
        return part[number], int(labels[number]), number

    def _look(self):
        """Makes a frame."""
        raw, label, number = self.shown_image()
        x = self.images.prepare(raw[None])
        probabilities = Answers.probabilities(self.model, self.model.predict_on_batch(x))[0]
        likeliest = np.argsort(-probabilities, kind="stable")[:5].tolist()
        state = {**self.status(), "specimen": {
            "kind": self.specimen[0], "number": number, "label": label, "follows": self.specimen[1] is None,
            "likeliest": [[i, float(probabilities[i])] for i in likeliest]}}
        target = self.images.targets([likeliest[0] if label is None else label])
        frame = frames.Frame(self.model, x, target, self.images.to_bytes(raw), state, self.statistics)
        if perf_counter() >= self._probed + 1 or self.doing == "paused":
            some = self.images.prepare(self.images.x_test[:frames.PROBED])
            frame.statistics = self.statistics = frames.statistics(self.model, some, frame.gradients)
            self._probed = perf_counter()
        self.stale = False
        self._show(frame)

    def status(self):
        """Where training stands, in JSON's types."""
        n, speed = len(self.images.x), self.speed() if self.doing == "running" else None
        left = max(0, (self.epochs - self.model.epochs_seen) * n - self.seen)
        return {"state": self.doing, "message": self.message, "revision": self.revision, "step": self.step,
                "epoch": self._total() / n, "images": n, "speed": speed, "left": left / speed if speed else None,
                "test": {"loss": self.answers.loss, "accuracy": self.answers.accuracy, "count": self.answers.count,
                         "of": len(self.images.x_test)}}

    def _show(self, frame):
        with self.changed:
            self.version, self.frame = self.version + 1, frame
            self.changed.notify_all()
