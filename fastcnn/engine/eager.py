"""One layer called on an array, outside any model."""

import math

import numpy as np

from fastcnn.engine.nodes import entries_of
from fastcnn.engine.plan import Plan
from fastcnn.threads import get_num_threads


class Eager:
    """Runs one layer on batches of any size."""

    def __init__(self, layer):
        self.layer, self.plan = layer, None

    def __call__(self, x):
        threads, batch = get_num_threads(), x.shape[0]
        entries = entries_of([self.layer], False)
        if not entries:
            return x.reshape(batch, *self.layer.output_size).copy()
        if self.plan is None or self.plan.batch < batch or self.plan.threads < threads:
            self.plan = Plan([self.layer], "predict", max(batch, 1), threads)
        y = np.empty((batch, *self.layer.output_size), np.float32)
        with self.plan.lock:
            self.plan.set_input(x)
            self.plan.set_output(y.reshape(batch, math.prod(self.layer.output_size)))
            self.plan.run(batch, threads, self.layer.version)
        return y
