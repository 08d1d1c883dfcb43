"""One layer called on arrays, outside any model."""

import math
import weakref

import numpy as np

from fastcnn import attributes
from fastcnn.engine.network import lower
from fastcnn.engine.plan import Plan
from fastcnn.locks import Lock
from fastcnn.threads import get_num_threads


class Eager:
    """Runs one built layer on batches of any size.

    Args:
        sizes: shapes of its inputs.
    """

    def __init__(self, sizes):
        self.sizes, self.plan, self.arrays, self.old = sizes, None, None, None  # old: as many changes as the plan knows of
        self.lock = Lock()

    def __call__(self, layer, xs):
        with self.lock.now:
            return self._run(layer, xs)

    def _run(self, layer, xs):
        threads, batch = get_num_threads(), len(xs[0])
        arrays = [parameter.array for parameter in layer.parameters]
        moved = self.arrays is None or any(a is not b for a, b in zip(arrays, self.arrays))
        moved = moved or self.old != attributes.changes()
        if self.plan is None or moved or self.plan.batch < batch or self.plan.threads < threads:
            inputs = {number: math.prod(size) for number, size in enumerate(self.sizes)}
            self.old = attributes.changes()
            network, _ = lower([(layer, list(inputs), "y")], inputs, ["y"])
            self.plan, self.arrays = Plan(network, "predict", max(batch, 1), threads), arrays
            for node in self.plan.nodes:
                node.layer = weakref.proxy(layer)  # which has this object, and would be kept by it
        y = np.empty((batch, *layer.output_size), np.float32)
        self.plan.set_inputs(xs)
        self.plan.set_outputs([y.reshape(batch, math.prod(layer.output_size))])
        self.plan.run(batch, threads, layer.version)
        return y
