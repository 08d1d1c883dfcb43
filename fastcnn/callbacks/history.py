"""The record of training that `fit` returns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastcnn.callbacks.base import Callback
from fastcnn.typing import Axes, Figure, FigureBase

_SHOWN = 10  # epochs at each end of a long table


def short(value):
    """A value in a table: a number in five digits.

    Example:
        >>> short(0.123456), short(3), short("best")
        ('0.12346', '3', 'best')
    """
    return f"{value:.5g}" if isinstance(value, float) else str(value)


class History(Callback):
    """Keeps every epoch's logs; `fit` adds one and returns it.

    `history` is {name: [value of each epoch]}, `epoch` the list of epoch numbers from 0, `params` what `fit`
    was called with.

    Example:
        >>> history = History()
        >>> history.on_epoch_end(0, {"loss": 0.5})
        >>> history.epoch, history.history
        ([0], {'loss': [0.5]})
    """

    state = ("epoch", "history")
    reports = True

    def __init__(self) -> None:
        self.epoch: list[int] = []
        self.history: dict[str, list[Any]] = {}

    def on_train_begin(self, logs: Any = None) -> None:
        if self._starts_anew():
            self.epoch = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value.item() if hasattr(value, "item") else value)

    def __repr__(self):
        count = len(self.epoch)
        return f"History of {count} {'epoch' if count == 1 else 'epochs'}: {', '.join(self.history) or 'nothing yet'}"

    def _repr_html_(self):
        """The table that notebooks show: a row per epoch, of many the first and the last."""
        from fastcnn.tables import Table

        rows = len(max(self.history.values(), key=len, default=[]))
        epochs = [epoch + 1 for epoch in self.epoch[-rows:]] if len(self.epoch) >= rows else list(range(1, rows + 1))
        shown = list(range(rows)) if rows <= 2 * _SHOWN else [*range(_SHOWN), None, *range(rows - _SHOWN, rows)]
        lines = [["…"] * (1 + len(self.history)) if i is None else
                 [str(epochs[i]), *(short(column[i]) if i < len(column) else "" for column in self.history.values())]
                 for i in shown]
        headings = ["epoch", *self.history]
        return Table(headings, lines, numbers=headings).html()

    def plot(self, names: str | Sequence[str] | None = None, figure: FigureBase | None = None,
             ax: Axes | None = None) -> Figure:
        """Loss and metrics over the epochs, of training and of validation; see `fastcnn.vis.history`.

        Args:
            names: of the panels, without "val_"; None: all.
            figure, ax: of matplotlib's, to draw on; None: a new figure.

        Returns:
            the matplotlib figure, which nothing has shown yet.

        Raises:
            ImportError: matplotlib is missing: pip install matplotlib.

        Example:
            >>> history = model.fit(x, y, epochs=5)  # doctest: +SKIP
            >>> history.plot().savefig("history.png")  # doctest: +SKIP
        """
        from fastcnn import vis

        return vis.history(self, names, figure, ax)
