"""Copies of one network that learn side by side from the same images, each by an optimizer of its own."""

from time import perf_counter

import numpy as np

from fastcnn import arguments
from fastcnn.lab import settings
from fastcnn.lab.answers import Answers
from fastcnn.lab.curves import Curve

_PAUSE = 0.4     # seconds between two points, at least
_CHECKED = 500   # test images for each point
_MOST = 6        # copies


class Comparison:
    """A comparison of optimizers.

    Args:
        make: () → a new network, which begins as the others.
        chosen: list of {"optimizer", "learning_rate", "momentum", "weight_decay"}, as `settings.made` takes them.
        batch_size: images per step.

    Raises:
        ValueError: for such settings.
    """

    def __init__(self, make, chosen, batch_size):
        if not isinstance(chosen, list) or not 1 <= len(chosen) <= _MOST or not all(isinstance(one, dict) for one in chosen):
            raise ValueError(f"optimizers must be a list of 1 to {_MOST}. Received: {arguments.shown(chosen)}")
        optimizers = [settings.made(one) for one in chosen]
        self.names = [f"{one['optimizer']} {optimizer.learning_rate:g}" for one, optimizer in zip(chosen, optimizers)]
        self.models = [make() for _ in chosen]
        for model, optimizer in zip(self.models, optimizers):
            model.compile(optimizer, model.loss)
        self.curves = [Curve(300) for _ in chosen]
        self.batch_size, self.seen, self.order, self.due = batch_size, 0, None, 0.0
        self.sums = np.zeros((len(chosen), 2))

    def round(self, images):
        """One step of each; now and then a point of its curve."""
        start = self.seen % len(images.x)
        if start == 0 or self.order is None:
            self.order = np.random.default_rng(self.seen).permutation(len(images.x))
        mine = self.order[start:start + self.batch_size]
        x, y = images.inputs[mine], images.y[mine]
        for model, sums in zip(self.models, self.sums):
            sums += model.train_on_batch(x, y) * len(mine), len(mine)
        self.seen += len(mine)
        begun = perf_counter()
        if begun >= self.due:
            for model, sums, curve in zip(self.models, self.sums, self.curves):
                curve.add([self.seen, sums[0] / sums[1], Answers(model, images, _CHECKED).accuracy])
            self.sums[...] = 0
            now = perf_counter()
            self.due = now + max(_PAUSE, 4 * (now - begun))

    def told(self):
        """All of it, in JSON's types."""
        return {"names": self.names, "seen": self.seen, "curves": [curve.rows for curve in self.curves]}
