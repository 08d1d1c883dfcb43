"""Second derivatives of a model's loss along each parameter: a program of its own, over some samples.

The diagonal of the Hessian by Gauss and Newton, carried backwards layer by layer (csrc/ops/curvature.c): a forward pass,
then the backward passes of ops *of curvature*, on squared weights and squared inputs. Steps run one after the other, each
over the batch.
"""

from contextlib import closing
from itertools import islice

import numpy as np

from fastcnn import _ops
from fastcnn.engine.fusion import fuse, fuse_loss
from fastcnn.engine.nodes import PythonEntry, entries_of

_BATCH = 50  # samples at a time: LeNet-5's values for them are 2 MB
_OWN = ("rbf",)  # takes weights and inputs as they are


class Curvature:
    """The program of one model.

    Args:
        layers: built layers.
        loss: a `losses.Loss` of fastcnn's own.
        flat: the model's `parameters.Flat`.
        sparse: targets are labels.

    Raises:
        ValueError: a layer or the loss has no second derivatives here.
    """

    def __init__(self, layers, loss, flat, sparse):
        self.flat, self.batch, self.sparse = flat, _BATCH, sparse
        self.entries, kind = fuse_loss(fuse(entries_of(layers, False), training=True), loss)
        curved = [self._curved(entry) for entry in self.entries]
        last = self.entries[-1].op.out_size if self.entries else layers[-1].output_size[0]
        gradient = None if kind is None else _ops.loss(kind, last, sparse, **loss.constants)
        bent = None if gradient is None else gradient.with_curvature()
        if bent is None:
            raise ValueError(f"second derivatives need a loss that has them: mean squared error, binary cross-entropy, "
                             f"cross-entropy of a softmax, or a loss of distances. Received: {loss.name!r}")
        self.lowest = next((i for i, entry in enumerate(self.entries) if self._learns(entry)), len(self.entries))
        count = len(self.entries)
        squares = [_ops.plain("square", 1, entry.op.in_size) for entry in self.entries]
        self.ops = [entry.op for entry in self.entries] + curved + squares + [gradient, bent]
        self.loss = 3 * count
        self._order(count)
        self._bind(count, last)

    def _curved(self, entry):
        op = None if isinstance(entry, PythonEntry) else entry.op.with_curvature()
        if op is None or op.name in _OWN and entry is not self.entries[-1]:
            raise ValueError(f"second derivatives cannot be carried through {type(entry.layer).__name__} layers, nor "
                             f"through RBF but at the end. Received: {entry.layer.name!r}")
        return op

    def _learns(self, entry):
        return entry.w is not None and entry.layer.trainable

    def _order(self, count):
        """The steps, each a phase."""
        steps = [(i + side * count, "pack") for i in range(count) for side in (0, 1)
                 if self.ops[i].packed_size or self.ops[count + i].packed_t_size]
        steps += [(i, "forward") for i in range(count)]
        steps += [(self.loss, "forward"), (self.loss, "data"), (self.loss + 1, "data")]
        for i in reversed(range(self.lowest, count)):
            op, learns = self.ops[count + i], self._learns(self.entries[i])
            if op.activation != "linear" and not op.name.startswith("activation"):
                steps.append((count + i, "mask"))
            if learns:
                steps += [] if op.name in _OWN else [(2 * count + i, "forward")]
                steps += [(count + i, "weights")] + ([(count + i, "reduce")] if op.partial else [])
            if i > self.lowest:
                steps.append((count + i, "data"))
        self.chunk = -(-self.batch // 16)  # at most 16 partial sums
        self.program = _ops.Program(self.ops, steps, [(n, 1, self.chunk, True) for n in range(len(steps))])

    def _bind(self, count, last):
        sizes = [op.in_size for op in self.ops[:count]] + [last]
        self.values, self.h = ([_ops.aligned(self.batch * size) for size in sizes] for _ in range(2))
        self.gradient, self.y = (_ops.aligned(self.batch * last) for _ in range(2))  # of the loss
        self.squared = _ops.aligned(self.batch * max(sizes))
        self.weights = _ops.aligned(self.flat.values.size)  # squared
        self.sums = _ops.aligned(self.flat.values.size, zero=True)
        self.losses = np.zeros(self.batch, np.float32)
        self.square = _ops.Program([_ops.plain("square", 1, self.flat.values.size)], [(0, "forward")], [(0, 1, 1, True)])
        self.square.bind_rows(0, "x", self.flat.values, self.flat.values.size)
        self.square.bind_rows(0, "y", self.weights, self.weights.size)
        for i, entry in enumerate(self.entries):
            self._bind_entry(i, entry, count)
        for n, dx in ((self.loss, self.gradient), (self.loss + 1, self.h[-1])):
            for field, array in (("x", self.values[-1]), ("y", self.y), ("dx", dx)):
                self.program.bind_rows(n, field, array, last)
            self.program.bind(n, "loss", self.losses)

    def _bind_entry(self, i, entry, count):
        """The forward op, the one of curvature, and the one that squares the input."""
        forward, curved, square, program = i, count + i, 2 * count + i, self.program
        op, own = self.ops[curved], self.ops[curved].name in _OWN
        x, y = self.values[i], self.values[i + 1]
        rows = [(forward, "x", x), (forward, "y", y), (square, "x", x), (square, "y", self.squared),
                (curved, "x", x if own or entry.w is None else self.squared), (curved, "y", self.gradient if own else y),
                (curved, "dx", self.h[i]), (curved, "dy", self.h[i + 1])]
        for n, field, array in rows:
            program.bind_rows(n, field, array, op.out_size if field in ("y", "dy") and n != square else op.in_size)
        if entry.w is None:
            return
        program.bind(forward, "w", entry.w.value)
        program.bind(forward, "b", None if entry.b is None else entry.b.value)
        program.bind(forward, "packed", _ops.aligned(max(self.ops[forward].packed_size, 1)))
        program.bind(curved, "w", entry.w.value if own else self.flat.view(self.weights, entry.w))
        program.bind(curved, "packed_t", _ops.aligned(max(op.packed_t_size, 1)))
        program.bind(curved, "dw", self.flat.view(self.sums, entry.w))
        program.bind(curved, "db", None if entry.b is None else self.flat.view(self.sums, entry.b))
        if op.partial:
            program.bind(curved, "partial", _ops.aligned(-(-self.batch // self.chunk) * op.partial_size))
        for n in (forward, curved):
            program.bind(n, "table", entry.table)

    def estimate(self, x, target, weight, threads):
        """The mean over all samples, as a flat array of the parameters' layout; 0 where nothing is trained."""
        total = np.zeros_like(self.sums)
        self.square.run(1, threads)
        for n in (self.loss, self.loss + 1):
            self.program.set_scale(n, 1 / len(x))
        for first in range(0, len(x), self.batch):
            part = slice(first, first + self.batch)
            count = len(x[part])
            self.values[0].reshape(self.batch, -1)[:count] = x[part].reshape(count, -1)
            for n in (self.loss, self.loss + 1):
                self.program.bind(n, "target", np.ascontiguousarray(target[part]))
                self.program.bind(n, "sample_weight", None if weight is None else np.ascontiguousarray(weight[part]))
            self.program.run(count, threads)
            total += self.sums
        return total


def first_samples(batches, epoch, count):
    """(x, target, sample_weight, whether targets are labels) of the first `count` samples of an epoch, copied.

    Args:
        batches: a `data.Batches` or `streams.Stream`.

    Raises:
        ValueError: a source that cannot be gone through twice.
    """
    if batches.timed and (batches.one_shot or batches.limit and batches.length is None):
        raise ValueError("this optimizer looks at the first samples of an epoch before it begins, so the source must be one "
                         "that can be gone through again: a sequence, or an object with epoch(). Received: "
                         f"{type(batches.source).__name__}")
    parts, left = [], count
    with closing(batches.epoch(epoch)) as items:
        for n, arrays, sparse in islice(items, batches.steps):
            parts.append(([None if a is None else np.array(a[:left]) for a in arrays], sparse))
            left -= min(n, left)
            if not left:
                break
    columns = zip(*(arrays for arrays, _ in parts))
    return *(None if column[0] is None else np.concatenate(column) for column in columns), parts[0][1]
