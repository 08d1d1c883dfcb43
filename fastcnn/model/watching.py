"""What layers give during training, and its gradients, looked at between steps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from fastcnn import arguments
from fastcnn.typing import Model


class Seen(NamedTuple):
    """Of one layer, in the last step: what it gave, and the gradient of the mean loss with respect to that; (samples, …).
    There is no gradient of a model's outputs, which a step goes past: softmax and cross-entropy are one op."""

    output: np.ndarray
    gradient: np.ndarray | Any


class Watched:
    """What `Model.watch` gives: copies of the arrays of the last step of training, by layer."""

    def __init__(self, model: Model) -> None:
        self._model, self.names = model, model._seen

    def __getitem__(self, name: str) -> Seen:
        plan = self._model._made_plans.get("train")  # what it holds is of the last step, whatever has changed
        if name not in self.names:
            raise KeyError(f"watched are {', '.join(self.names) or 'no layers'}. Received: {arguments.shown(name)}")
        if plan is None or name not in plan.seen or not plan.rows:
            raise ValueError("there has been no step of training since watching began")
        value, size = plan.seen[name]
        output = plan.values[value].array[:plan.rows].reshape(plan.rows, *size).copy()
        gradient = plan.gradient(value, plan.rows)
        return Seen(output, None if gradient is None else gradient.reshape(output.shape).copy())

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def close(self) -> None:
        """Ends watching."""
        if self._model._seen == self.names:
            self._model._seen = ()
            self._model._plans.pop("train", None)

    def __enter__(self) -> Watched:
        return self

    def __exit__(self, *error: Any) -> None:
        self.close()
