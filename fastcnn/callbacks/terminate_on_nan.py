"""Stopping when the loss is lost."""

from __future__ import annotations

import math
from typing import Any

from fastcnn.callbacks.base import Callback


class TerminateOnNaN(Callback):
    """Stops training after the batch that made the loss NaN or infinite.

    It reads the loss of each batch, which takes some microseconds.

    Example:
        >>> stop = TerminateOnNaN()
        >>> stop.on_train_batch_end(0, {"loss": 0.5})
    """

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        loss = (logs or {}).get("loss")
        if loss is not None and not math.isfinite(loss):
            self._say(f"Batch {batch}: invalid loss {loss}, terminating training")
            self.model.stop_training = True
