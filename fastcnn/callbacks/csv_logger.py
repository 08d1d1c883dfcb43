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
        >>> open("training.csv").read()
        'epoch,accuracy,loss\\n0,0.9,0.5\\n'
    """

    def __init__(self, filename, separator=",", append=False):
        self.filename = os.fspath(filename)
        if not isinstance(separator, str) or len(separator) != 1:
            raise ValueError(f"separator must be one character. Received: {separator!r}")
        self.separator, self.append = separator, arguments.flag("append", append)
        self._columns = None

    def on_train_begin(self, logs=None):
        import csv

        self._columns = None
        if self.append and os.path.exists(self.filename):
            with open(self.filename, newline="", encoding="utf-8") as file:
                self._columns = next(csv.reader(file, delimiter=self.separator), None)
        else:
            self._write("w")

    def on_epoch_end(self, epoch, logs=None):
        row = {"epoch": epoch, **(logs or {})}
        rows = []
        if self._columns is None:
            self._columns = ["epoch", *sorted(set(row) - {"epoch"})]
            rows.append(self._columns)
        if not set(row) <= set(self._columns):
            missing = ", ".join(sorted(set(row) - set(self._columns)))
            warnings.warn(f"{self.filename} has no column for {missing}.", stacklevel=2)
        self._write("a", *rows, [row.get(name, "NA") for name in self._columns])

    def _write(self, mode, *rows):
        """Open and closed each time: whatever ends training, the file is whole."""
        import csv

        with open(self.filename, mode, newline="", encoding="utf-8") as file:
            csv.writer(file, delimiter=self.separator, lineterminator="\n").writerows(rows)
