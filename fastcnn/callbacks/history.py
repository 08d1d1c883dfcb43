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

    def epochs_of(self, name: str) -> list[int]:
        """Numbers, from 1, of the epochs that a name has values of: with `validation_freq` not all.

        Example:
            >>> history = History()
            >>> history.epoch, history.history, history.params = [0, 1, 2], {"val_loss": [0.5]}, {"validation_freq": 2}
            >>> history.epochs_of("val_loss")
            [2]
        """
        count, freq = len(self.history[name]), (self.params or {}).get("validation_freq", 1)
        epochs = [epoch + 1 for epoch in self.epoch]
        if name.startswith("val_") and count < len(epochs):
            epochs = [epoch for epoch in epochs if (epoch % freq == 0 if isinstance(freq, int) else epoch in freq)]
        return epochs[-count:] if len(epochs) >= count else list(range(1, count + 1))

    def __repr__(self):
        count = len(self.epoch)
        return f"History of {count} {'epoch' if count == 1 else 'epochs'}: {', '.join(self.history) or 'nothing yet'}"

    def _repr_html_(self):
        """The table that notebooks show: a row per epoch, of many the first and the last."""
        from fastcnn.tables import Table

        columns = [dict(zip(self.epochs_of(name), values)) for name, values in self.history.items()]
        epochs = sorted(set().union(*columns))
        shown = epochs if len(epochs) <= 2 * _SHOWN else [*epochs[:_SHOWN], None, *epochs[-_SHOWN:]]
        lines = [["…"] * (1 + len(columns)) if epoch is None else
                 [str(epoch), *(short(column[epoch]) if epoch in column else "" for column in columns)] for epoch in shown]
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
