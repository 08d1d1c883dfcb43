"""In which order a plan's steps run, cut into phases, and which buffers each of them touches. Integers only.

Forward, the nodes run in their order; backward, in the opposite one. A value's gradient has as many parts as the value has
readers: the first that is computed is the gradient's buffer, the others are added to it (`_part`, `_settle`). A sum hands
its gradient on to both of its terms without computing anything.

The backward pass is scheduled for speed and memory:

- What is cheap to compute is not kept: a normalization that the backward pass reads in a chunk is computed again there, from
  the input that is kept for its own gradient.
- Weight gradients that sum over the whole batch need dy of the whole batch. They wait until the end, where they share the
  threads' time best, unless running some of them earlier saves memory (`thrifty`).
- A normalization over the batch needs sums over it, forward and backward, before it can go on: it cuts the chunk phase in
  two, and both parts read its input, or dy, of the whole batch.
- The optimizer changes a large dense kernel while its gradient's tiles are in cache, once nothing else reads the kernel.
"""

from typing import NamedTuple

from fastcnn import _ops
from fastcnn.engine.buffers import Buffer, peak
from fastcnn.engine.fusion import masks
from fastcnn.engine.sharing import halves

_WORTH = 0.95  # with early weight gradients a plan must need less than this part of the memory …
_SAME = 1.02   # … and those that save less than this part wait all the same


class Request(NamedTuple):
    """What a schedule is to do besides the forward pass.

    Attributes:
        backward: go back from the losses?
        learn: compute the gradients of parameters, too?
        wanted: values whose gradients are to be kept.
        updates: places of the optimizer's ops on runs of parameters; norms: do they need norms of the gradient?
        penalties: places of ops that depend on weights alone, packed with them.
        folds: (normalization, fold) places of ops that make weights of others.
        sums: lists of places of ops that add up gradients of parameters with several readers, a list a phase.
        losses: places of the losses' ops, None for one in Python.
        ranks: the processes that share the plan (sharing.py), or None.
    """

    backward: bool = False
    learn: bool = True
    wanted: frozenset = frozenset()
    updates: range = range(0)
    norms: bool = False
    penalties: range = range(0)
    folds: tuple = ()
    sums: tuple = ()
    losses: tuple = ()
    ranks: object = None


def thrifty(make):
    """The schedule with all weight gradients at the end; or, if that saves memory, with some of them earlier.

    Args:
        make: frozenset of nodes' places → schedule in which their weight gradients do not wait.
    """
    plain = make(frozenset())
    early = frozenset(plain.waiting)
    if not early:
        return plain
    best = make(early)
    most, groups = best.floats * _SAME, [sorted(early)]
    while groups:  # those that may wait after all: as large groups as possible at a time
        group = groups.pop(0)
        other = make(early - set(group))
        if other.floats <= most:
            early, best = early - set(group), other
        elif len(group) > 1:
            groups = [group[:len(group) // 2], group[len(group) // 2:], *groups]
    return best if best.floats < plain.floats * _WORTH else plain


class Schedule:
    """The steps of one plan.

    Args:
        network: its nodes in order.
        ops: theirs (None: in Python), then others.
        batch, chunks: images, and chunks of them.
        request: a `Request`.
        early: places of nodes whose weight gradients do not wait for the end.

    Attributes:
        steps: (place of op, pass); phases: [first step, steps, parts?, moment, whole?]; whole: of the batch, whoever shares
            it; pack_phases: how many of them pack.
        script: (phase before which it is called, what, its place, loss, places or buffers) of calls into Python.
        values: the buffer of each value; dys: of each node's gradient; dxs: those that each node's DATA writes, one per
            input, None where none is wanted; loss_dxs: of each loss.
        joins: (op, buffer read, buffer written, whether it is added to) of the ops that add up gradients; their places
            follow those of `ops`.
        wanted: the buffer of each value's gradient that was wanted.
        partials: of nodes.
        idle: places of nodes that learn, but that no loss reaches.
        waiting: places of nodes whose weight gradients wait for others.
        floats: memory, about.
    """

    def __init__(self, network, ops, batch, chunks, request, early=frozenset()):
        self.network, self.nodes, self.ops, self.request, self.early = network, network.nodes, ops, request, early
        self.wiring, self.values = network.wiring(), [Buffer(size) for size in network.sizes]
        for value in (*network.inputs, *network.outputs, *network.watched):
            self.values[value].pinned = True
        for value in (*network.outputs, *network.watched):
            self.values[value].kept = True
        self.waiting, self.joins, self.idle, self.wanted = [], [], [], {}
        self.steps, self.phases, self.script = [], [], []
        self.moment, self.open = 0, None
        count = len(self.nodes)
        self.dys, self.dxs = [None] * count, [()] * count
        self._pack(count)
        self.partials = {i: Buffer(ops[i].partial_size, ops[i].halvings or chunks)
                         for i in range(count) if ops[i] and ops[i].partial_size
                         and (ops[i].has("statistics") or request.backward and self._learns(i))}
        for i in range(count):
            self._forward(i)
        self._losses()
        if request.backward:
            self._back()
        chunked = {moment for _, _, parts, moment, *_ in self.phases if not parts}
        self.buffers = [b for b in dict.fromkeys(self._all_buffers()) if b.times]
        for buffer in self.buffers:
            buffer.choose(chunked)
        outside = {self.values[value] for value in network.inputs}
        self.floats = peak([b for b in self.buffers if not b.local and b not in outside], batch)

    def _all_buffers(self):
        found = [*self.values, *self.partials.values(), *self.dys, *self.wanted.values()]
        found += [b for dx in (*self.dxs, *self.loss_dxs) for b in dx]
        found += [b for _, part, total, _ in self.joins for b in (part, total)]
        return [b for b in found if b is not None]

    # Phases

    def _pack(self, count):
        ops, backward = self.ops, self.request.backward
        for stage in zip(*self.request.folds):
            self._phase([(i, "pack") for i in stage], parts=True)
        packs = [i for i in range(count) if ops[i] and ops[i].has("pack")
                 and (ops[i].packed_size or backward and ops[i].packed_t_size)]
        self._phase([(i, "pack") for i in (*packs, *self.request.penalties)], parts=True)
        self.pack_phases = len(self.phases)

    def _phase(self, steps, parts):
        """Opens a phase; chunk phases stay open for further steps."""
        if not steps:
            return
        if parts or self.open is None:
            self.moment += 1
            self.phases.append([len(self.steps), 0, parts, self.moment, self._whole(*steps[0])])
            self.open = None if parts else self.phases[-1]
        for i, name in steps:
            self.steps.append((i, name))
            self.phases[-1][1] += 1
            time = self.moment, 0 if parts else len(self.steps)
            for buffers, write in zip(self._touched(i, name), (False, True)):
                for buffer in buffers:
                    if buffer is not None:
                        buffer.touch(time, write)

    def _whole(self, i, name):
        """Does the step see the whole batch, or weights alone, rather than the images that a process has?"""
        if i >= len(self.nodes) or name in ("pack", "combine"):
            return name not in ("forward", "data")
        return name == "weights" and self._gathers(i) or name == "reduce" and self._gathers_partials(i)

    def _gathers(self, i):
        """Are the weight gradients of node i summed over gathered rows?"""
        op, ranks = self.ops[i], self.request.ranks
        return bool(ranks and ranks.exact and not op.partial and not (op.halvings and halves(ranks.size)))

    def _gathers_partials(self, i):
        """Are they summed over gathered partials, as those of normalizations over the batch?"""
        ranks = self.request.ranks
        return self.ops[i].name in ("batch_norm", "fixed_norm") or bool(ranks and ranks.exact and not halves(ranks.size))

    def _meet(self, kind, buffers, what=None):
        """Lets processes that share the plan exchange rows."""
        if self.request.ranks and buffers:
            buffers = list(dict.fromkeys(buffers))  # several may read one
            self._hook(kind, what or buffers, buffers, buffers)

    def _meet_partials(self, places):
        self._meet("gather_partials", [self.partials[i] for i in places], places)

    def _gradients(self, steps):
        """Weight gradients, over the whole batch or their last sums."""
        ranks = self.request.ranks
        whole = [step for step in steps if ranks and self._whole(*step)]
        own = [step for step in steps if step not in whole]
        self._phase(own, parts=True)
        if ranks and own:
            self._hook("add" if ranks.exact else "begin", sorted(i for i, _ in own), (), ())
        self._meet("gather", [b for i, name in whole if name == "weights"
                              for b in (self.values[self.nodes[i].xs[0]], self.dys[i])])
        self._meet_partials([i for i, name in whole if name == "reduce"])
        self._phase(whole, parts=True)

    def _hook(self, kind, i, read, written):
        """A Python call between phases."""
        self.open = None
        self.script.append((len(self.phases), kind, i))
        self.moment += 1
        for buffers, write in ((read, False), (written, True)):
            for buffer in buffers:
                if buffer is not None:
                    buffer.pinned = True
                    buffer.touch((self.moment, 0), write)

    def _touched(self, i, name):
        """(buffers that the step reads, buffers that it writes)."""
        if i >= len(self.ops):
            _, x, y, add = self.joins[i - len(self.ops)]
            return [x, y] if add else [x], [y]
        if i >= len(self.nodes):
            if i not in self.request.losses:
                return [], []  # of weights, or the optimizer
            loss = self.request.losses.index(i)
            found = self.network.losses[loss]
            x, y = self.values[found.x], None if found.y is None else self.values[found.y]
            return ([x], [y]) if name == "forward" else ([x, y], self.loss_dxs[loss])
        if name == "pack":
            return [], []
        node = self.nodes[i]
        xs, y = [self.values[v] for v in node.xs], self.values[node.y]
        if name == "forward":
            return xs + ([y] if node.same else []), [y]
        if name == "statistics":
            return xs[:1], [self.partials[i]]
        if name in ("combine", "reduce"):
            return [self.partials[i]], []
        dy = self.dys[i]
        if name == "weights":
            return [xs[0], dy], [self.partials.get(i)]
        if name == "mask":
            return [y, dy], [dy]
        reads = self.ops[i].data_reads
        return [dy, *(xs if "x" in reads else ()), *([y] if "y" in reads else ())], self.dxs[i]

    # Forward

    def _learns(self, i):
        node = self.nodes[i]
        if not self.request.learn or not node.learns:
            return False
        return bool(node.layer.parameters) if node.op is None else node.w is not None or node.b is not None

    def _forward(self, i):
        node, op = self.nodes[i], self.ops[i]
        if op is None:
            self._meet("gather", [self.values[v] for v in node.xs])
            self._hook("forward", i, [self.values[v] for v in node.xs], [self.values[node.y]])
            return
        if op.has("statistics"):
            self._phase([(i, "statistics")], parts=False)
            self._meet_partials([i])
            self._phase([(i, "combine")], parts=True)
        if node.only != "backward":
            self._phase([(i, "forward")], parts=op.wide)

    def _losses(self):
        """Losses, and where their gradients go."""
        self.gradients, self.handed, self.loss_dxs = {}, {}, [()] * len(self.network.losses)
        backward = self.request.backward
        self._needs = self._needed() if backward else set()
        for number, (loss, place) in enumerate(zip(self.network.losses, self.request.losses)):
            wanted = backward and loss.x in self._needs
            dx, first = self._part(loss.x) if wanted else (None, True)
            self.loss_dxs[number] = dx, None if loss.slope is None else self.values[loss.slope]
            if place is None:
                self._meet("gather", [self.values[loss.x]])
                self._hook("loss", number, [self.values[loss.x]], [dx])
            else:
                self._phase([(place, "forward")] + ([(place, "data")] if wanted else []), parts=False)
            if not first:
                self._add(dx, self.gradients[loss.x])

    # Backward

    def _needed(self):
        """The values whose gradients somebody wants: something that made them learns, or they are asked for."""
        needed = set(self.request.wanted)
        for i, node in enumerate(self.nodes):
            if self._learns(i) or any(v in needed for v in node.xs):
                needed.add(node.y)
        return needed

    def _back(self):
        self.late = []
        for i in reversed(range(len(self.nodes))):
            if self.nodes[i].y in self._needs and self.nodes[i].only != "forward":
                self._backward(i)
        for value in self.request.wanted:  # the inputs'; of others it was done before their makers' backward steps
            if value not in self.wanted:
                self._keep(value, self._settle(value, True))
        self._gradients(self.late)
        if self.request.ranks:
            self._hook("end", None, (), ())
        for stage in self.request.sums:
            self._phase([(i, "reduce") for i in stage], parts=True)
        for name in ["reduce"] * self.request.norms + ["update"]:
            self._phase([(i, name) for i in self.request.updates], parts=True)

    def _part(self, value):
        """(the buffer that a reader of a value writes its part of the gradient to, whether it is the first part)."""
        if value in self.gradients:
            return Buffer(self.network.sizes[value]), False
        self.gradients[value] = Buffer(self.network.sizes[value])
        return self.gradients[value], True

    def _add(self, part, total, add=True):
        """total += part, or total = part."""
        self.joins.append((_ops.join(1, total.size, total.size, 0, add), part, total, add))
        self._phase([(len(self.ops) + len(self.joins) - 1, "forward")], parts=False)

    def _settle(self, value, own):
        """The gradient of a value, all parts of it added; None: no loss depends on it. own: in a buffer of its own."""
        handed = self.handed.pop(value, [])
        if value not in self.gradients and len(handed) == 1 and not own:
            self.gradients[value] = handed.pop()
        for part in handed:
            if value in self.gradients:
                self._add(part, self.gradients[value])
            else:
                self._add(part, self._part(value)[0], add=False)
        return self.gradients.get(value)

    def _keep(self, value, gradient):
        """Puts a gradient that is wanted where it stays."""
        if gradient is None:
            return
        self.wanted[value] = kept = Buffer(gradient.size)
        kept.pinned = kept.kept = True
        self._add(gradient, kept, add=False)

    def _backward(self, i):
        node, op, masked = self.nodes[i], self.ops[i], masks(self.nodes[i])
        fresh = node.y not in self.wanted
        dy = self.dys[i] = self._settle(node.y, op is None or masked and self._masks(i))
        if dy is None:
            if self._learns(i):
                self.idle.append(i)
            return
        if node.y in self.request.wanted and fresh:
            self._keep(node.y, dy)
        needs = [v in self._needs for v in node.xs]
        if op is None:
            parts = [self._part(v) if wanted else (None, True) for v, wanted in zip(node.xs, needs)]
            self.dxs[i] = tuple(buffer for buffer, _ in parts)
            self._meet("gather", [dy])
            # the layer may have kept views of its input and output
            self._hook("backward", i, [*(self.values[v] for v in node.xs), self.values[node.y], dy], self.dxs[i])
            self._add_parts(node, parts)
            return
        if masked and self._masks(i):
            self._phase([(i, "mask")], parts=False)
        self._renew(i, any(needs))
        if op.has("statistics"):
            self._phase([(i, "weights")], parts=False)
            if any(needs):
                self._gradients([(i, "reduce")])
            else:
                self.late.append((i, "reduce"))
        elif self._learns(i) and op.partial:
            self._phase([(i, "weights")], parts=False)
            self.late.append((i, "reduce"))
        elif self._learns(i) and not op.wide:
            self.late.append((i, "weights"))
            if i in self.early or self.request.ranks and not self.request.ranks.exact:
                self._gradients(self.late)
                self.late = []
            else:
                self.waiting.append(i)
        self._data(i, dy, needs)
        if self._learns(i) and op.wide:
            self._gradients([(i, "weights")])

    def _data(self, i, dy, needs):
        """The gradients of what the node reads."""
        node, parts = self.nodes[i], []
        for number, (v, wanted) in enumerate(zip(node.xs, needs)):
            if wanted and self._hands_on(i, number):
                self.handed.setdefault(v, []).append(dy)
                wanted = False
            parts.append(self._part(v) if wanted else (None, True))
        self.dxs[i] = tuple(buffer for buffer, _ in parts)
        if any(buffer is not None for buffer in self.dxs[i]):
            self._phase([(i, "data")], parts=self.ops[i].wide)
            self._add_parts(node, parts)

    def _add_parts(self, node, parts):
        for v, (buffer, first) in zip(node.xs, parts):
            if not first:
                self._add(buffer, self.gradients[v])

    def _hands_on(self, i, number):
        """Is dy the gradient of this input as it is?"""
        return self.ops[i].passes_on(number)

    def _masks(self, i):
        """Is the mask left to do, which the gradient of the op behind may have applied already?"""
        behind = [self.ops[place] for place in self.wiring.reading.get(self.nodes[i].y, ())]
        return not any(op and op.name == "lrn_max_pool2d" and op.activation == "relu" for op in behind)

    # What is computed again

    def _renew(self, i, needs_dx):
        """Computes what node i reads again before its backward steps, if they read it and that spares keeping it."""
        reads = self._learns(i) or needs_dx and "x" in self.ops[i].data_reads
        here = self.open[3] if self.open else None
        value = self.nodes[i].xs[0]
        if reads and self._cheap(i) and self.values[value].times[-1][0] != here:
            self._phase([(self.wiring.maker(value), "forward")], parts=False)

    def _cheap(self, i):
        """Is what node i reads made for it alone, by a cheap op, from a value that the backward pass reads in any case, and
        read in chunks only?"""
        maker = self.wiring.before(self.nodes[i])
        if maker is None or self.ops[maker] is None or not self.ops[maker].cheap or self.ops[i].has("statistics"):
            return False
        source = self.nodes[maker].xs[0]
        in_chunks = self.ops[i].partial or not self._learns(i)
        return bool(in_chunks and (source in self.network.inputs or source in self._needs and not self._cheap(maker)))
