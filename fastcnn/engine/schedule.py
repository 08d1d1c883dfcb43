"""In which order a plan's steps run, cut into phases, and which buffers each of them touches. Integers only.

The backward pass is scheduled for speed and memory:

- What is cheap to compute is not kept (`_AGAIN`): a normalization that the backward pass reads in a chunk is computed
  again there, from the input that is kept for its own gradient.
- Weight gradients that sum over the whole batch need dy of the whole batch. They wait until the end, where they share the
  threads' time best, unless running some of them earlier saves memory (`thrifty`).
- A normalization over the batch needs sums over it, forward and backward, before it can go on: it cuts the chunk phase in
  two, and both parts read its input, or dy, of the whole batch.
- The optimizer changes a large dense kernel while its gradient's tiles are in cache, once nothing else reads the kernel.
"""

from fastcnn.engine.buffers import Buffer, arrange
from fastcnn.engine.fusion import masks
from fastcnn.engine.nodes import PythonEntry

_READS_X = ("max_pool2d", "soft_pool2d", "lp_pool2d", "local_response_norm", "local_response_norm_within", "activation_of_x",
            "prelu", "maxout", "rbf", "batch_norm", "group_norm", "layer_norm")
_READS_Y = ("activation", "softmax", "log_softmax")
_READS_IN_DATA = dict.fromkeys(_READS_X, "x") | dict.fromkeys(_READS_Y, "y") | {"lrn_max_pool2d": "xy"}
_AGAIN = ("local_response_norm", "local_response_norm_within", "batch_norm")  # 2 ms per 32 images of AlexNet's first
_WORTH = 0.95  # with early weight gradients a plan must need less than this part of the memory …
_SAME = 1.02   # … and those that save less than this part wait all the same


def thrifty(make):
    """The schedule with all weight gradients at the end; or, if that saves memory, with some of them earlier.

    Args:
        make: frozenset of entries → schedule in which these entries' weight gradients do not wait.
    """
    plain = make(frozenset())
    early = frozenset(plain.waiting)
    if not early:
        return plain
    best = make(early)
    most = best.floats * _SAME
    for i in sorted(early):
        other = make(early - {i})
        if other.floats <= most:
            early, best = early - {i}, other
    return best if best.floats < plain.floats * _WORTH else plain


class Schedule:
    """The steps of one plan.

    Args:
        entries: of the network, and `ops`: theirs, then the loss' if C has it.
        sizes: floats per image of each value: one more than entries.
        batch, chunks: images, and chunks of them.
        loss: None; "c" or "python".
        loss_size: floats per image of the loss' own result, or 0.
        training: with a backward pass?
        updates: number of optimizer steps over parts of the flat array, whose ops follow the others.
        norms: do they need norms of the gradient?
        penalties: ops that depend on the weights alone, packed with them.
        early: entries whose weight gradients do not wait for the end.
        folds: (normalization, fold) ops that make weights of others.
    """

    def __init__(self, entries, ops, sizes, batch, chunks, loss, loss_size, training, updates=0, norms=False,
                 early=frozenset(), penalties=(), folds=()):
        self.entries, self.ops, self.early = entries, ops, early
        self.values = [Buffer(size) for size in sizes]
        self.values[0].pinned = self.values[-1].pinned = self.values[-1].kept = True
        self.gradients = [Buffer(size) for size in sizes] if training else []
        self.loss_y = Buffer(loss_size) if loss_size else None
        if loss_size:
            self.loss_y.pinned = self.loss_y.kept = True
        self.waiting = []   # entries whose weight gradients wait for others
        self.steps, self.phases, self.script = [], [], []  # phases: [first step, steps, parts?, moment]
        self.moment, self.open = 0, None
        count = len(entries)
        for stage in zip(*folds):
            self._phase([(i, "pack") for i in stage], parts=True)
        packs = [op and op.has("pack") and (op.packed_size or training and op.packed_t_size) for op in ops[:count]]
        self._phase([(i, "pack") for i in (*(i for i in range(count) if packs[i]), *penalties)], parts=True)
        self.pack_phases = len(self.phases)
        self.partials = {i: Buffer(op.partial_size, chunks) for i, op in enumerate(ops[:count])
                         if training and op and op.partial and (self._learns(i) or op.has("statistics"))}
        for i in range(count):
            self._forward(i)
        if loss == "python":
            self._hook("loss", None, [self.values[-1]], self.gradients[-1:])
        elif loss:
            self._phase([(count, "forward")] + ([(count, "data")] if training else []), False)
        if training:
            self.late = []
            self.lowest = next((i for i in range(count) if self._learns(i)), count)
            for i in reversed(range(self.lowest, count)):
                self._backward(i)
            self._phase(self.late, parts=True)
            first = count + (loss == "c")
            for name in ["reduce"] * norms + ["update"]:
                self._phase([(first + i, name) for i in range(updates)], parts=True)
        chunked = {moment for _, _, parts, moment in self.phases if not parts}
        self.buffers = [b for b in (*self.values, *self.gradients, self.loss_y, *self.partials.values()) if b and b.times]
        for buffer in self.buffers:
            buffer.choose(chunked)
        self.floats = arrange([b for b in self.buffers if not b.local and b is not self.values[0]], batch)[1]

    def _phase(self, steps, parts):
        """Opens a phase; chunk phases stay open for further steps."""
        if not steps:
            return
        if parts or self.open is None:
            self.moment += 1
            self.phases.append([len(self.steps), 0, parts, self.moment])
            self.open = None if parts else self.phases[-1]
        for i, name in steps:
            self.steps.append((i, name))
            self.phases[-1][1] += 1
            time = self.moment, 0 if parts else len(self.steps)
            for buffers, write in zip(self._touched(i, name), (False, True)):
                for buffer in buffers:
                    if buffer is not None:
                        buffer.touch(time, write)

    def _hook(self, kind, i, read, written):
        """A Python call between phases."""
        self.open = None
        self.script.append((len(self.phases), kind, i))
        self.moment += 1
        for buffers, write in ((read, False), (written, True)):
            for buffer in buffers:
                buffer.pinned = True
                buffer.touch((self.moment, 0), write)

    def _touched(self, i, name):
        """(buffers that the step reads, buffers that it writes)."""
        if name == "pack" or i >= len(self.entries) and name in ("reduce", "update"):  # of weights, or the optimizer
            return [], []
        if i == len(self.entries):  # the loss
            if name == "forward":
                return [self.values[-1]], [self.loss_y]
            return [self.values[-1], self.loss_y], [self.gradients[-1]]
        x, y = self.values[i], self.values[i + 1]
        if name == "forward":
            return [x], [y]
        if name == "statistics":
            return [x], [self.partials[i]]
        if name in ("combine", "reduce"):
            return [self.partials[i]], []
        dx, dy = self.gradients[i], self.gradients[i + 1]
        if name == "weights":
            return [x, dy], [self.partials.get(i)]
        if name == "mask":
            return [y, dy], [dy]
        reads = _READS_IN_DATA.get(self.ops[i].name, "")
        return [dy, *(buffer for which, buffer in (("x", x), ("y", y)) if which in reads)], [dx]

    # Forward and backward

    def _learns(self, i):
        entry = self.entries[i]
        if isinstance(entry, PythonEntry):
            return bool(entry.layer.parameters) and entry.layer.trainable
        return (entry.w is not None or entry.b is not None) and entry.layer.trainable

    def _forward(self, i):
        if self.ops[i] is None:
            self._hook("forward", i, [self.values[i]], [self.values[i + 1]])
        else:
            if self.ops[i].has("statistics"):
                self._phase([(i, "statistics")], parts=False)
                self._phase([(i, "combine")], parts=True)
            self._phase([(i, "forward")], parts=self.ops[i].wide)

    def _backward(self, i):
        op, needs_dx = self.ops[i], i > self.lowest
        if op is None:  # the layer may have kept views of its input and output
            self._hook("backward", i, [self.values[i], self.values[i + 1], self.gradients[i + 1]], [self.gradients[i]])
            return
        if self._masks(i):
            self._phase([(i, "mask")], parts=False)
        self._renew(i, needs_dx)
        if op.has("statistics"):
            self._phase([(i, "weights")], parts=False)
            if needs_dx:
                self._phase([(i, "reduce")], parts=True)
            else:
                self.late.append((i, "reduce"))
        elif self._learns(i) and op.partial:
            self._phase([(i, "weights")], parts=False)
            self.late.append((i, "reduce"))
        elif self._learns(i) and not op.wide:
            self.late.append((i, "weights"))
            if i in self.early:
                self._phase(self.late, parts=True)
                self.late = []
            else:
                self.waiting.append(i)
        if needs_dx:
            self._phase([(i, "data")], parts=op.wide)
        if self._learns(i) and op.wide:
            self._phase([(i, "weights")], parts=True)

    def _masks(self, i):
        """Is there a mask, which the gradient of the op behind has not applied already?"""
        after = self.ops[i + 1] if i + 1 < len(self.entries) else None
        return masks(self.entries[i]) and not (after and after.name == "lrn_max_pool2d" and after.activation == "relu")

    # What is computed again

    def _renew(self, i, needs_dx):
        """Computes value i again before entry i's backward steps, if they read it and that spares keeping it."""
        reads = self._learns(i) or needs_dx and "x" in _READS_IN_DATA.get(self.ops[i].name, "")
        here = self.open[3] if self.open else None
        if reads and self._cheap(i) and self.values[i].times[-1][0] != here:
            self._phase([(i - 1, "forward")], parts=False)

    def _cheap(self, i):
        """Is value i made by a cheap op, from a value that the backward pass reads in any case, and read in chunks only?"""
        if i == 0 or self.ops[i - 1] is None or self.ops[i - 1].name not in _AGAIN or self.ops[i].has("statistics"):
            return False
        in_chunks = self.ops[i].partial or not self._learns(i)
        return in_chunks and (i == 1 or i - 1 > self.lowest and not self._cheap(i - 1))
