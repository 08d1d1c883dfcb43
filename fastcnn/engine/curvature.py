"""Second derivatives of a model's loss along each parameter: a program of its own, over some samples.

The diagonal of the Hessian by Gauss and Newton, carried backwards layer by layer (csrc/ops/curvature.c): a forward pass,
then the backward passes of ops *of curvature*, on squared weights and squared inputs. Steps run one after the other, each
over the batch.
"""

from contextlib import closing
from itertools import islice

import numpy as np

from fastcnn import _ops
from fastcnn.engine.fusion import fuse
from fastcnn.engine.network import attach

_BATCH = 50  # samples at a time: LeNet-5's values for them are 2 MB
_OWN = ("rbf",)  # takes weights and inputs as they are


class Curvature:
    """The program of one chain of layers.

    Args:
        network: as `network.lower` makes it for predictions.
        losses: of its outputs.
        flats: the flat arrays that its parameters lie in.
        sparse: targets are labels, one flag for each output.

    Raises:
        ValueError: branches; or a layer or the loss has no second derivatives here.
    """

    def __init__(self, network, losses, flats, sparse):
        self.flats, self.batch, self.sparse = flats, _BATCH, sparse
        network = attach(fuse(network, False), losses, sparse)
        self._need_chain(network)
        self.entries, (loss,) = network.nodes, network.losses
        curved = [self._curved(entry) for entry in self.entries]
        last = network.sizes[loss.x]
        bent = None if loss.op is None else loss.op.with_curvature()
        if bent is None:
            raise ValueError(f"second derivatives need a loss that has them: mean squared error, binary cross-entropy, "
                             f"cross-entropy of a softmax, or a loss of distances. Received: {loss.loss.name!r}")
        self.lowest = next((i for i, entry in enumerate(self.entries) if self._learns(entry)), len(self.entries))
        count = len(self.entries)
        squares = [_ops.plain("square", 1, entry.op.in_size) for entry in self.entries]
        self.ops = [entry.op for entry in self.entries] + curved + squares + [loss.op, bent]
        self.loss = 3 * count
        self._order(count)
        self._bind(count, last)

    @staticmethod
    def _need_chain(network):
        """Second derivatives of sums over branches would need those across them."""
        before, shared = network.inputs[0], set()
        for node in network.nodes:
            if node.xs != (before,):
                raise ValueError(f"second derivatives are carried through chains of layers only. Received: a network with "
                                 f"branches, at layer {node.layer.name!r}")
            if node.w is not None and node.w in shared:
                raise ValueError(f"second derivatives need layers that are used once. Received: {node.layer.name!r}, used "
                                 f"twice")
            shared.add(node.w)
            before = node.y
        if len(network.inputs) != 1 or len(network.losses) != 1 or network.losses[0].x != before:
            raise ValueError(f"second derivatives need one input and one loss, at the end. Received: {len(network.inputs)} "
                             f"inputs, {len(network.losses)} losses")

    def _curved(self, entry):
        op = None if entry.op is None else entry.op.with_curvature()
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
        self.weights = {flat: _ops.aligned(flat.values.size) for flat in self.flats}  # squared
        self.sums = {flat: _ops.aligned(flat.values.size, zero=True) for flat in self.flats}
        self.losses = np.zeros(self.batch, np.float32)
        self.squares = [self._square(flat) for flat in self.flats]
        for i, entry in enumerate(self.entries):
            self._bind_entry(i, entry, count)
        for n, dx in ((self.loss, self.gradient), (self.loss + 1, self.h[-1])):
            for field, array in (("x", self.values[-1]), ("y", self.y), ("dx", dx)):
                self.program.bind_rows(n, field, array, last)
            self.program.bind(n, "loss", self.losses)

    def _square(self, flat):
        """A program that squares all weights of a flat array."""
        program = _ops.Program([_ops.plain("square", 1, flat.values.size)], [(0, "forward")], [(0, 1, 1, True)])
        program.bind_rows(0, "x", flat.values, flat.values.size)
        program.bind_rows(0, "y", self.weights[flat], flat.values.size)
        return program

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
        program.bind(curved, "w", entry.w.value if own else entry.w.of(self.weights[entry.w.flat]))
        program.bind(curved, "packed_t", _ops.aligned(max(op.packed_t_size, 1)))
        program.bind(curved, "dw", entry.w.of(self.sums[entry.w.flat]))
        program.bind(curved, "db", None if entry.b is None else entry.b.of(self.sums[entry.b.flat]))
        if op.partial:
            program.bind(curved, "partial", _ops.aligned(-(-self.batch // self.chunk) * op.partial_size))
        for n in (forward, curved):
            program.bind(n, "table", entry.table)

    def estimate(self, x, target, weight, threads):
        """The mean over all samples: {flat array: an array of its layout}; 0 where nothing is trained."""
        total = {flat: np.zeros_like(sums) for flat, sums in self.sums.items()}
        for square in self.squares:
            square.run(1, threads)
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
            for flat, sums in self.sums.items():
                total[flat] += sums
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
