"""A table of all epochs in a file."""

import os
import warnings

from fastcnn import arguments
from fastcnn.callbacks.base import Callback


class CSVLogger(Callback):
    """Writes a row per epoch: its number from 0, then the logs by name; "NA" for what is missing.

    Args:
        filename: the file.
        separator: between values, one character.
        append: continue an existing file, in its order of columns, rather than begin a new one.

    Raises:
        TypeError, ValueError: for such arguments. OSError: the file cannot be written.

    Example:
        >>> log = CSVLogger("training.csv")
        >>> log.on_train_begin()
        >>> log.on_epoch_end(0, {"loss": 0.5, "accuracy": 0.9})
        >>> log.on_train_end()
        >>> open("training.csv").read()
        'epoch,accuracy,loss\\n0,0.9,0.5\\n'
    """

    def __init__(self, filename, separator=",", append=False):
        self.filename = os.fspath(filename)
        if not isinstance(separator, str) or len(separator) != 1:
            raise ValueError(f"separator must be one character. Received: {separator!r}")
        self.separator, self.append = separator, arguments.flag("append", append)
        self._file = self._writer = self._columns = None

    def on_train_begin(self, logs=None):
        import csv

        self._columns = None
        if self.append and os.path.exists(self.filename):
            with open(self.filename, newline="", encoding="utf-8") as file:
                self._columns = next(csv.reader(file, delimiter=self.separator), None)
        self._file = open(self.filename, "a" if self.append else "w", newline="", encoding="utf-8")
        self._writer = csv.writer(self._file, delimiter=self.separator, lineterminator="\n")

    def on_epoch_end(self, epoch, logs=None):
        row = {"epoch": epoch, **(logs or {})}
        if self._columns is None:
            self._columns = ["epoch", *sorted(set(row) - {"epoch"})]
            self._writer.writerow(self._columns)
        if not set(row) <= set(self._columns):
            missing = ", ".join(sorted(set(row) - set(self._columns)))
            warnings.warn(f"{self.filename} has no column for {missing}.", stacklevel=2)
        self._writer.writerow([row.get(name, "NA") for name in self._columns])
        self._file.flush()

    def on_train_end(self, logs=None):
        self._file.close()
