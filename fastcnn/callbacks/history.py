"""The record of training that `fit` returns."""

from fastcnn.callbacks.base import Callback


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

    def __init__(self):
        self.epoch, self.history = [], {}

    def on_train_begin(self, logs=None):
        if self._starts_anew():
            self.epoch = []

    def on_epoch_end(self, epoch, logs=None):
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value.item() if hasattr(value, "item") else value)

    def plot(self, names=None, figure=None, ax=None):
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
