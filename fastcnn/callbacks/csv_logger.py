"""A table of all epochs in a file."""

from __future__ import annotations

import os
from typing import Any

from fastcnn import arguments, calling
from fastcnn.callbacks.base import Callback
from fastcnn.typing import Path


class CSVLogger(Callback):
    """Writes a row per epoch: its number from 0, then the logs by name; "NA" for what is missing.

    With `fit(resume=True)` the file goes on too; rows of epochs that are run again are cut off.

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

    state = ("rows",)
    writes = True

    def __init__(self, filename: Path, separator: str = ",", append: bool = False) -> None:
        self.filename = os.fspath(arguments.path("filename", filename))
        if not isinstance(separator, str) or len(separator) != 1:
            raise ValueError(f"separator must be one character. Received: {arguments.shown(separator)}")
        self.separator, self.append = separator, arguments.flag("append", append)
        self._columns, self.rows = None, 0  # rows: in the file, the header aside

    def on_train_begin(self, logs: Any = None) -> None:
        anew = self._starts_anew()
        found = self._read() if self.append or not anew else []
        kept = found if anew else found[:self.rows + 1]
        self._columns, self.rows = kept[0] if kept else None, max(len(kept) - 1, 0)
        if kept != found or not found:
            self._write("w", *kept)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        row = {"epoch": epoch, **(logs or {})}
        rows = []
        if self._columns is None:
            names, params = set(row) - {"epoch"}, self.params or {}
            if params.get("validation_freq", 1) != 1:  # what later epochs will have
                names.update(f"val_{name}" for name in params["metrics"])
            self._columns = ["epoch", *sorted(names)]
            rows.append(self._columns)
        if not set(row) <= set(self._columns):
            missing = ", ".join(sorted(set(row) - set(self._columns)))
            calling.warn(f"{self.filename} has no column for {missing}.")
        self._write("a", *rows, [row.get(name, "NA") for name in self._columns])
        self.rows += 1

    def _read(self):
        import csv

        if not os.path.exists(self.filename):
            return []
        with open(self.filename, newline="", encoding="utf-8") as file:
            return list(csv.reader(file, delimiter=self.separator))

    def _write(self, mode, *rows):
        """Open and closed each time: whatever ends training, the file is whole."""
        import csv

        from fastcnn.io.atomic import naming

        with naming(self.filename), open(self.filename, mode, newline="", encoding="utf-8") as file:
            csv.writer(file, delimiter=self.separator, lineterminator="\n").writerows(rows)
