"""What is seen of training: a live line on a terminal, one line per epoch in a log."""

from __future__ import annotations

import math
from numbers import Integral
from time import perf_counter
from typing import Any

from fastcnn import arguments
from fastcnn.callbacks import terminal
from fastcnn.callbacks.base import Callback

_INTERVAL = 0.1  # seconds between two redraws
_BAR = 25        # columns, at most


class Progress(Callback):
    """Shows epoch, batch, images per second, loss, metrics and the time left; `fit` adds one.

    On a terminal or in a notebook a live line is redrawn at most ten times a second; elsewhere each epoch has
    one line with its seconds (validation included), images per second (of training alone), loss and metrics.
    Between redraws it costs a fraction of a microsecond per batch. An entry "data_wait" of the logs is the
    part of the time that was spent waiting for data.

    Args:
        verbose: 0 shows nothing, 2 a line per epoch even on a terminal; 1 and "auto" a live line where there
            can be one.

    Raises:
        ValueError: another verbose.

    Example:
        >>> progress = Progress(verbose=2)
        >>> progress.set_params({"epochs": 1, "steps": 10, "samples": 320, "batch_size": 32})
    """

    reports = True

    def __init__(self, verbose: int | str = "auto") -> None:
        if not isinstance(verbose, (Integral, str)) or verbose not in (0, 1, 2, "auto"):
            raise ValueError(f'verbose must be 0, 1, 2 or "auto". Received: {arguments.shown(verbose)}')
        self.verbose = verbose
        self._fitting = self._live = self._within = False  # within: a callback of another training has called
        self._epochs_left = self._count = 0  # epochs after this one; batches since this phase began
        self._done, self._batch_logs = 0, None  # batches of the epoch, those before a resumption too; the last one's logs
        self._epoch_seconds = self._extra_seconds = self._known_steps = None  # of the epoch before
        self._next, self._last = math.inf, -1

    def on_train_begin(self, logs: Any = None) -> None:
        self._fitting, self._within = True, terminal.is_busy()
        self._epoch_seconds = self._extra_seconds = self._known_steps = None

    def on_train_end(self, logs: Any = None) -> None:
        self._fitting = False
        self._end()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        epochs = self._param("epochs")
        self._epochs_left = max(0, epochs - epoch - 1) if epochs else 0
        self._begin(f"Epoch {epoch + 1}/{epochs}" if epochs else f"Epoch {epoch + 1}")

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._count, self._done, self._batch_logs = self._count + 1, batch + 1, logs
        if perf_counter() >= self._next or batch == self._last:
            self._redraw(batch + 1, logs)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._pause()
        self._known_steps = self._done
        self._epoch_seconds = perf_counter() - self._began
        self._extra_seconds = self._epoch_seconds - self._batch_seconds
        self._finish(logs)

    def on_test_begin(self, logs: Any = None) -> None:
        if not self._fitting:
            self._within = terminal.is_busy()
            self._begin("Evaluate")
            return
        self._pause()
        if self._live:
            terminal.redraw(_fitted([*self._parts, (0, "validating")], 1.0))

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        if not self._fitting:
            self.on_train_batch_end(batch, logs)

    def on_test_end(self, logs: Any = None) -> None:
        if not self._fitting:
            self._pause()
            self._finish(logs)
            self._end()

    def on_predict_begin(self, logs: Any = None) -> None:
        self._within = terminal.is_busy()
        self._begin("Predict")

    def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
        self.on_train_batch_end(batch, logs)

    def on_predict_end(self, logs: Any = None) -> None:
        self._pause()
        self._finish(None)
        self._end()

    def _end(self):
        if not self._within:
            terminal.release()

    def _begin(self, title):
        self._title, self._count, self._done, self._batch_seconds, self._batch_logs = title, 0, 0, None, None
        self._live = self.verbose in (1, "auto") and terminal.is_live()
        self._began = perf_counter()
        if self._live:
            self._redraw(0, None)
            self._last = (self._param("steps") or 0) - 1 if self._fitting else -1
        else:
            self._next, self._last = math.inf, -1

    def _pause(self):
        """The phase's last batch is over: note how long all of them took."""
        if self._batch_seconds is None:
            self._batch_seconds = perf_counter() - self._began

    def _finish(self, logs):
        if self.verbose:
            parts = [self._title, _seconds(perf_counter() - self._began), self._rate(self._batch_seconds)]
            terminal.finish("  ".join([part for part in parts if part] + _entries(logs)))
        self._batch_logs = None

    def _redraw(self, done, logs):
        seconds = perf_counter() - self._began
        steps = self._param("steps") or (self._known_steps if self._fitting else None)
        parts = [(0, self._title), (1, f"{done}/{steps}" if steps else f"{done} batches")]
        if self._count:
            parts.append((4, self._rate(seconds)))
            parts += [(2 if i == 0 else 5 + i, text) for i, text in enumerate(_entries(logs))]
        self._parts = [part for part in parts if part[1]]
        left = self._left(steps - done, steps, seconds) if steps and self._count else None
        terminal.redraw(_fitted(self._parts + ([(3, left)] if left else []), done / steps if steps else None))
        self._next = perf_counter() + _INTERVAL

    def _rate(self, seconds):
        """Images per second as text; None before the first batch."""
        size, samples = self._param("batch_size"), self._param("samples")
        if not self._count or seconds <= 0:
            return None
        images = getattr(self._batch_logs, "images", None)
        if images is None and not size:
            return f"{_grouped(self._count / seconds)} batches/s"
        if images is None:
            images = self._count * size if samples is None else min(self._count * size, samples)
        return f"{_grouped(images / seconds)} images/s"

    def _left(self, batches, steps, seconds):
        """The time left of all epochs: what this one needs at its pace, and the others at the last one's."""
        per_batch = seconds / self._count
        left = max(0, batches) * per_batch + (self._extra_seconds or 0)
        if self._fitting:
            left += self._epochs_left * (self._epoch_seconds or steps * per_batch)
        minutes, seconds = divmod(round(left), 60)
        hours, minutes = divmod(minutes, 60)
        return (f"{hours}:{minutes:02d}" if hours else f"{minutes}") + f":{seconds:02d} left"

    def _param(self, name):
        return (self.params or {}).get(name)


def _fitted(parts, fraction):
    """The parts in one line that the terminal has room for, the bar behind the first; high ranks go first."""
    parts, room = list(parts), terminal.width() - 1  # a full line would wrap
    while len(parts) > 1 and sum(len(text) + 2 for _, text in parts) - 2 > room:
        parts.remove(max(parts, key=lambda part: part[0]))
    texts = [text for _, text in parts]
    columns = min(_BAR, room - len("  ".join(texts)) - 2)
    if fraction is not None and columns >= 6:
        full, empty = "━─" if terminal.can_show("━─") else "=."
        done = int(columns * min(1.0, fraction))
        texts.insert(1, full * done + empty * (columns - done))
    return "  ".join(texts)[:room]


def _entries(logs):
    """The logs as texts: "loss 0.1234"."""
    return [f"wait {100 * value:.0f} %" if name == "data_wait" else f"{name} {_number(value)}"
            for name, value in (logs or {}).items()]


def _number(value):
    try:
        value = float(value)
    except (TypeError, ValueError):
        return str(value)
    return f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 1e4 else f"{value:.3g}"


def _grouped(rate):
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.2f}"


def _seconds(seconds):
    return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"
