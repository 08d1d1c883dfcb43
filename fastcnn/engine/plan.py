"""A built model as a program: ops, phases, and where each buffer lies. Integers only; all arithmetic is in C.

A model is a chain, so everything has an index: entry i turns value i into value i + 1; gradient i is the loss' gradient
with respect to value i. `schedule.py` cuts the phases; then each buffer is looked at: one that only chunk phases touch, each
writing it first, becomes local (a few images per thread, hot in cache), the others batch-wide; buffers whose lives do
not overlap share memory.
"""

import math
import threading

import numpy as np

from fastcnn import _ops
from fastcnn.engine.buffers import arrange
from fastcnn.engine.fusion import fuse, fuse_loss, fuse_passes
from fastcnn.engine.lanes import in_lanes
from fastcnn.engine.nodes import Node, PythonEntry, entries_of
from fastcnn.engine.schedule import Schedule, thrifty

_CACHE = 49152   # floats: what a chunk may occupy, of 512 KiB of L2 with weights beside it
_MOST = 8        # images per chunk
_SHARES = 4      # chunks come in multiples of this, so that 2 and 4 threads get equal shares


class Plan:
    """A program for one model, mode, batch size and number of threads.

    Args:
        layers: built layers.
        mode: "predict", "test" (predict and loss) or "train".
        batch: the most images per run.
        threads: the most threads.
        loss, optimizer: of "test" and "train".
        flat: the model's `parameters.Flat` in "train".
        half: the `HalfWeights` that dense layers read, or None: float32.
    """

    def __init__(self, layers, mode, batch, threads, loss=None, optimizer=None, flat=None, seed=0, sparse=False,
                 half=None):
        self.mode, self.batch, self.threads, self.loss, self.optimizer = mode, batch, threads, loss, optimizer
        self.training, self.sparse, self.half = mode == "train", sparse, half
        self.packed = None  # the version of the parameters that the packed copies were made of
        self.lock = threading.Lock()
        self.entries = fuse(entries_of(layers, self.training), self.training)
        loss_kind = None
        if loss is not None:
            self.entries, loss_kind = fuse_loss(self.entries, loss)
        for number, entry in enumerate(self.entries):
            entry.number = number  # what random numbers depend on
        if half is not None:
            self.entries = half.entries(self.entries)
        self.entries = fuse_passes(in_lanes(self.entries, batch))
        self.input_size, self.output_size = layers[0].input_size, layers[-1].output_size
        if not self.entries:  # nothing to compute: one op that copies
            self.entries = [Node(_ops.plain("activation", 1, math.prod(self.input_size)))]
        schedule = self._schedule(loss_kind, sparse, flat)
        self._place(schedule)
        self._bind(flat, seed, schedule.partials)

    def _schedule(self, loss_kind, sparse, flat):
        """Ops, and the order of their steps."""
        sizes = [math.prod(self.input_size)]
        for entry in self.entries:
            python = isinstance(entry, PythonEntry)
            sizes.append(math.prod(entry.layer.output_size) if python else entry.op.out_size)
        self.ops = [None if isinstance(e, PythonEntry) else e.op for e in self.entries]
        self.loss_index, loss, loss_size = None, self.loss and "python", 0
        if loss_kind is not None:
            self.loss_index, loss = len(self.entries), "c"
            self.ops.append(_ops.loss(loss_kind, sizes[-1], sparse, **self.loss.constants))
            loss_size = sizes[-1] if loss_kind == "softmax_cross_entropy" else 0
        self._cut()
        self.norms = None
        self.folds = {}  # entry → ops that make its weights
        for i, entry in enumerate(self.entries):
            if not isinstance(entry, PythonEntry) and entry.fold is not None:
                self.folds[i] = len(self.ops), len(self.ops) + 1
                norm = entry.fold[2].op
                self.ops += [norm, _ops.fold(entry.op, norm)]
        self.first_update, self.updates, self.inside = len(self.ops), [], {}  # inside: entry → op of its kernel's optimizer
        if self.training:
            wide = {i: e for i, e in enumerate(self.entries) if self.ops[i] and self.ops[i].wide and e.layer.trainable}
            if self.optimizer.needs_norms:  # of whole gradients, before any step
                wide = {}
            self.updates = flat.trainable_ranges([e.w for e in wide.values()], self.optimizer.clipnorm is not None)
            norms = self._norms([size for _, size, *_ in self.updates])
            self.ops += [self.optimizer.op(size, decay, penalty, place)
                         for (_, size, _, decay, penalty), place in zip(self.updates, norms)]
            for i, e in wide.items():
                self.inside[i] = len(self.ops)
                self.ops.append(self.optimizer.op(e.w.size, e.w.weight_decay_multiplier, e.w.penalty))
        rounded = () if self.half is None else self.half.kernels
        self.first_penalty, self.penalties = len(self.ops), flat.penalties(rounded) if self.loss is not None else []
        self.ops += [_ops.penalty(size, *penalty) for _, size, penalty in self.penalties]
        schedule = thrifty(lambda early: Schedule(self.entries, self.ops, sizes, self.batch, self.chunks, loss, loss_size,
                                                  self.training, len(self.updates), self.norms is not None, early,
                                                  range(self.first_penalty, len(self.ops)), list(self.folds.values())))
        self.values, self.gradients, self.loss_y = schedule.values, schedule.gradients, schedule.loss_y
        self.steps, self.phases, self.pack_phases = schedule.steps, schedule.phases, schedule.pack_phases
        self.script = [(phase, self._call(kind, i)) for phase, kind, i in schedule.script]
        fused_away = loss_size and not self.loss.from_logits  # then the loss' softmax is what the model predicts
        self.output = self.loss_y if fused_away else self.values[-1]
        return schedule

    def _norms(self, sizes):
        """Of each optimizer step on so many parameters: the place of its first sum of squares; the first and the number of
        those that make up the norm that bounds its gradient."""
        if not self.optimizer.needs_norms:
            return [(0, 0, 0)] * len(sizes)
        counts = [_ops.norm_blocks(size) for size in sizes]
        total = sum(counts)
        self.norms = _ops.aligned(max(total, 1))
        starts = [sum(counts[:i]) for i in range(len(counts))]
        if self.optimizer.global_clipnorm is not None:
            return [(start, 0, total) for start in starts]
        return [(start, start, count) for start, count in zip(starts, counts)]

    def _call(self, kind, i):
        if kind == "loss":
            return self._python_loss
        return {"forward": lambda n, i=i: self._python_forward(i, n),
                "backward": lambda n, i=i: self._python_backward(i, n)}[kind]

    def _cut(self):
        """How many images a chunk has: it does not depend on threads."""
        if any(op and op.lanes for op in self.ops):
            self.chunk = _ops.lanes_width()
            self.chunks = -(-self.batch // self.chunk)
            return
        footprint = max((op.in_size + op.out_size for op in self.ops if op and op.in_size), default=1)
        most = max(1, min(_MOST, _CACHE // footprint), *(op.images for op in self.ops if op))
        chunks = -(-self.batch // most)
        if most > 1:
            chunks = -(-chunks // _SHARES) * _SHARES
        self.chunk = -(-self.batch // chunks)
        self.chunks = -(-self.batch // self.chunk)

    # Memory

    def _place(self, schedule):
        """Gives every buffer its place."""
        self.bytes = 0
        outside = [self.values[0]] + ([self.output] if self.mode == "predict" else [])  # the caller's arrays
        lanes = any(op and op.lanes for op in self.ops)  # then the last chunk has all its rows
        for local, rows in ((True, self.chunk), (False, self.chunk * self.chunks if lanes else self.batch)):
            group = [b for b in schedule.buffers if b.local == local and b not in outside]
            starts, total = arrange(group, rows)
            arena = _ops.aligned(max(total, 1) * (self.threads if local else 1))
            for buffer, start in zip(group, starts):
                if local:
                    buffer.array, buffer.place = arena, (start, total, self.threads)
                else:
                    count = buffer.rows or rows
                    buffer.array = arena[start:start + buffer.size * count].reshape(count, buffer.size)
            self.bytes += arena.nbytes

    # Binding

    def _bind(self, flat, seed, partials):
        native = [i for i, op in enumerate(self.ops) if op is not None]
        number = {i: n for n, i in enumerate(native)}
        self.program = _ops.Program([self.ops[i] for i in native], [(number[i], name) for i, name in self.steps],
                                    [(first, count, self.chunk, parts) for first, count, parts, _ in self.phases])
        self.number = number
        needs_t = {i for i, name in self.steps if name == "data"}
        for i, indices in self.folds.items():
            self._bind_fold(self.entries[i], *(number[index] for index in indices))
        for i, entry in enumerate(self.entries):
            if isinstance(entry, PythonEntry):
                continue
            n, op = number[i], self.ops[i]
            self._rows(n, "x", self.values[i])
            self._rows(n, "y", self.values[i + 1])
            if self.training:
                self._rows(n, "dx", self.gradients[i])
                self._rows(n, "dy", self.gradients[i + 1])
            if entry.constant is not None:
                self.program.bind(n, "w", entry.constant)
            elif entry.w is not None or entry.b is not None or op.packed_size:
                self._bind_parameters(n, entry)
                alone = self.batch == 1 and op.name == "dense"  # a single image takes its weights as they lie
                if op.packed_size and not alone:
                    self.program.bind(n, "packed", _ops.aligned(op.packed_size))
                if op.packed_t_size and i in needs_t and not alone:
                    self.program.bind(n, "packed_t", _ops.aligned(op.packed_t_size))
                if i in self.inside:
                    entry.w.gradient = None  # it exists in blocks, one after the other, in a thread's scratch
                    self.program.bind_update(n, number[self.inside[i]])
                    self.program.bind_states(n, self.optimizer.in_order(flat.states_of(entry.w)))
                if self.training:
                    self.program.bind(n, "dw", None if entry.w is None else entry.w.gradient)
                    self.program.bind(n, "db", None if entry.b is None else entry.b.gradient)
                    if i in partials:
                        self.program.bind(n, "partial", partials[i].array)
        self.last = number.get(len(self.entries) - 1)
        self.randoms = [(number[i], (seed + e.number) % 2**64 if e.seed == -1 else e.seed)
                        for i, e in enumerate(self.entries) if getattr(e, "seed", None) is not None]
        if self.loss is not None:
            self.losses = np.zeros(self.batch, np.float32)
            if self.loss.kind is not None:
                n = number[self.loss_index]
                self._rows(n, "x", self.values[-1])
                if self.loss_y is not None:
                    self._rows(n, "y", self.loss_y)
                if self.training:
                    self._rows(n, "dx", self.gradients[-1])
                self.program.bind(n, "loss", self.losses)
        self.constraints = flat.constraints() if self.training else []
        if self.training:
            for i, (start, size, *_) in enumerate(self.updates):
                n = number[self.first_update + i]
                self.program.bind(n, "w", flat.values[start:start + size])
                self.program.bind(n, "dw", flat.gradients[start:start + size])
                self.program.bind(n, "partial", self.norms)
                rows = () if flat.state is None else flat.state
                self.program.bind_states(n, self.optimizer.in_order([row[start:start + size] for row in rows]))

        counts = [_ops.norm_blocks(size) for _, size, _ in self.penalties]
        self.penalty_parts = _ops.aligned(sum(counts)) if counts else None
        for i, (start, size, _) in enumerate(self.penalties):
            self.program.bind(number[self.first_penalty + i], "w", flat.values[start:start + size])
            self.program.bind(number[self.first_penalty + i], "partial", self.penalty_parts[sum(counts[:i]):])

    def _bind_parameters(self, n, entry):
        if entry.op.format == "float32":
            self.program.bind(n, "w", None if entry.w is None else entry.w.value)
        else:
            self.program.bind(n, "half", entry.w.half)
            self.program.bind(n, "scales", entry.w.scales)
        for field, parameter in zip(("b", "moving_mean", "moving_variance"), (entry.b, *(entry.moving or ()))):
            self.program.bind(n, field, None if parameter is None else parameter.value)
        self.program.bind(n, "table", entry.table)

    def _bind_fold(self, entry, norm, fold):
        """Gives a node whose weights are computed memory for them, and both ops that do so theirs."""
        w, b, node = entry.fold
        packed = _ops.aligned(node.op.packed_size)
        self._bind_parameters(norm, node)
        self.program.bind(norm, "packed", packed)
        for parameter in (entry.w, entry.b):
            parameter.value = _ops.aligned(parameter.size)
            self.bytes += parameter.value.nbytes
        for field, array in (("w", w.value), ("b", None if b is None else b.value), ("packed", packed),
                             ("dw", entry.w.value), ("db", entry.b.value)):
            self.program.bind(fold, field, array)

    def _rows(self, n, field, buffer):
        if buffer.array is not None:
            self.program.bind_rows(n, field, buffer.array, buffer.size, *buffer.place)

    # Running

    def set_input(self, x):
        """Binds a batch: float32, contiguous, one row per image."""
        self.x = x
        if self.number and 0 in self.number:
            self.program.bind_rows(self.number[0], "x", x, self.values[0].size)

    def set_output(self, y):
        """Predict: where the predictions go."""
        self.values[-1].array = y
        last = len(self.entries) - 1
        if last in self.number:
            self.program.bind_rows(self.number[last], "y", y, self.values[-1].size)

    def set_target(self, target, sample_weight):
        """Targets and weights of a batch."""
        self.target, self.sample_weight = target, sample_weight
        if self.loss.kind is not None:
            n = self.number[self.loss_index]
            self.program.bind(n, "target", target)
            self.program.bind(n, "sample_weight", sample_weight)

    def run(self, batch, threads, version):
        """One step on `batch` images: predicts, and by mode takes the loss and trains. `version` names the state of the
        parameters: while it stays, packed copies are used again."""
        first = 0
        if self.half is not None:
            self.half.refresh(version)
        if not self.training:
            first, self.packed = (self.pack_phases if self.packed == version else 0), version
        else:
            if self.loss.kind is not None:
                self.program.set_scale(self.number[self.loss_index], 1.0 / batch)
            for n, seed in self.randoms:
                self.program.set_random(n, seed, self.optimizer.iterations)
            rate, correction = self.optimizer.learning_rate, self.optimizer.correction
            for i, (_, _, multiplier, *_) in enumerate(self.updates):
                self.program.set_scale(self.number[self.first_update + i], rate * multiplier, correction)
            for i in self.inside:
                self.program.set_scale(self.number[i], rate * self.entries[i].w.learning_rate_multiplier, correction)
        threads = min(threads, self.threads)
        for phase, call in self.script:
            if phase > first:
                self.program.run(batch, threads, first, phase - first)
                first = phase
            call(batch)
        self.program.run(batch, threads, first)
        if self.training:
            for constraint, weights in self.constraints:
                constraint.apply(weights)
            self.optimizer.iterations += 1

    def predict(self, x, threads, version):
        """Predictions for a batch that needs neither conversion nor packing; None if that is more than can be said of it."""
        if self.packed != version or self.script or threads > self.threads:
            return None
        return self.program.predict(x, self.input_size, self.output_size, 0, self.last, self.batch, threads,
                                    self.pack_phases)

    def predictions(self, batch):
        """What the model predicts for the images of the last run."""
        return self.output.array[:batch].reshape(batch, *self.output_size)

    def penalty(self):
        """What regularizers add to the loss of the last run, for the weights as it read them."""
        parts = 0.0 if self.penalty_parts is None else float(np.add.reduce(self.penalty_parts, dtype=np.float64))
        return parts + (0.0 if self.half is None else self.half.penalty)

    # Layers and losses in Python

    def _value(self, i, batch):
        array = self.x if i == 0 else self.values[i].array
        return array[:batch].reshape(batch, *self._shape(i))

    def _shape(self, i):
        for entry, shape in ((self.entries[i] if i < len(self.entries) else None, "input_size"),
                             (self.entries[i - 1] if i else None, "output_size")):
            if isinstance(entry, PythonEntry):
                return getattr(entry.layer, shape)
        return self.output_size if i == len(self.entries) else (self.values[i].size,)

    def _python_forward(self, i, batch):
        layer = self.entries[i].layer
        y = np.asarray(layer.forward(self._value(i, batch), training=self.training))
        if y.shape != (batch, *layer.output_size):
            raise ValueError(f"{layer.name}.forward must return shape {(batch, *layer.output_size)}. Received: {y.shape}")
        self.values[i + 1].array[:batch] = y.reshape(batch, -1)

    def _python_backward(self, i, batch):
        layer = self.entries[i].layer
        dy = self.gradients[i + 1].array[:batch].reshape(batch, *layer.output_size)
        dx = np.asarray(layer.backward(dy))
        if dx.shape != (batch, *layer.input_size):
            raise ValueError(f"{layer.name}.backward must return shape {(batch, *layer.input_size)}. Received: {dx.shape}")
        self.gradients[i].array[:batch] = dx.reshape(batch, -1)

    def _python_loss(self, batch):
        y = self.predictions(batch)
        values = np.asarray(self.loss.forward(self.target[:batch], y), np.float32)
        if values.shape != (batch,):
            raise ValueError(f"{type(self.loss).__name__}.forward must return shape ({batch},). Received: {values.shape}")
        weight = np.ones(batch, np.float32) if self.sample_weight is None else self.sample_weight[:batch]
        self.losses[:batch] = values * weight
        if self.training:
            dy = np.asarray(self.loss.backward(self.target[:batch], y)).reshape(batch, -1)
            self.gradients[-1].array[:batch] = dy * (weight / batch)[:, None]
