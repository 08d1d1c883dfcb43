"""A network as a program: ops, phases, and where each buffer lies. Integers only; all arithmetic is in C.

The network's nodes, after fusion, are the first ops. Losses, optimizer steps, penalties and whatever else depends on weights
alone follow, at last the joins that add up gradients. `schedule.py` cuts the phases; then each buffer is looked at: one that
only chunk phases touch, each writing it first, becomes local (a few images per thread, hot in cache), the others batch-wide;
buffers whose lives do not overlap share memory.
"""

from itertools import groupby

import numpy as np

from fastcnn import _ops
from fastcnn.engine import python_calls, sharing
from fastcnn.engine.buffers import arrange
from fastcnn.engine.fusion import fuse, fuse_joins, fuse_passes, fuse_pools
from fastcnn.engine.lanes import in_lanes
from fastcnn.engine.network import attach
from fastcnn.engine.parameters import runs, trained
from fastcnn.engine.schedule import Request, Schedule, thrifty
from fastcnn.engine.sharing import Share
from fastcnn.engine.update import bind_update, update_ops

_CACHE = 49152   # floats: what a chunk may occupy, of 512 KiB of L2 with weights beside it
_MOST = 8        # images per chunk
_UNIT = 32       # images whose gradients of many weights are summed together, at least
_UNITS = 64      # such sums of a batch, at most
_SHARES = 4      # chunks come in multiples of this, so that 2 and 4 threads get equal shares
_CALLS = {**python_calls.CALLS, **sharing.CALLS}


class Plan:
    """A program for one network, mode, batch size and number of threads.

    Args:
        network: as `network.lower` made it, of nodes that compute as the mode wants; the plan's own from now on.
        mode: "predict"; "test" (predict and losses); "gradients" (and go back from the losses); "train" (and take a step);
            "curvature" (as "gradients", with second derivatives in the place of gradients).
        batch: the most images per run.
        threads: the most threads.
        losses: a `Loss` or None for each output; sparse: are their targets labels? shapes: of the outputs.
        loss_weights: numbers that they count by; None: 1.
        items: (layer, parameter) of the network, in order.
        optimizer: of "train"; states: what it keeps, `States`.
        seed: of random numbers.
        half: the `HalfWeights` that dense layers read, or None: float32.
        int8: {layer: range of what its convolutions read} of those that compute in int8.
        wanted: of "gradients": values whose gradients are kept; learn: compute the gradients of parameters, too?
        moving: do moving averages follow those of the batch?
        ranks: the processes that share the plan (sharing.py); None: this one has it to itself.
    """

    def __init__(self, network, mode, batch, threads, losses=(), sparse=(), shapes=(), loss_weights=None, items=(),
                 optimizer=None, states=None, seed=0, half=None, int8=(), wanted=(), learn=True, moving=True, ranks=None):
        self.mode, self.batch, self.threads, self.sparse, self.half = mode, batch, threads, tuple(sparse), half
        self.training, self.backward = mode == "train", mode in ("train", "gradients", "curvature")
        self.optimizer, self.items, self.moving, self.ranks = optimizer, items, moving, ranks
        self.packed = None  # the version of the parameters that the packed copies were made of
        self.called = None  # {(what, place): seconds} of calls into Python, if somebody watches
        losses = losses if mode != "predict" else (None,) * len(network.outputs)
        network = attach(fuse(network, not self.backward), losses, sparse or (False,) * len(losses), wanted)
        for number, node in enumerate(node for node in network.nodes if node.seed is not None):
            node.number = number  # what random numbers depend on, whatever is fused or watched
        if half is not None:
            network = network.with_nodes([half.node(node) for node in network.nodes])
        if int8:
            from fastcnn.engine.int8 import in_int8  # what few models need

            network = network.with_nodes([in_int8(node, int8) for node in network.nodes])
        if mode == "curvature":
            from fastcnn.engine.curvature import curved  # what few models need

            network = curved(network)
        else:
            network = fuse_passes(in_lanes(network, batch))
        network = network if self.backward else fuse_joins(fuse_pools(network))
        self.network = network = network.with_nodes([node.with_op(self._suited(node.op)) for node in network.nodes])
        self.nodes = network.nodes
        self.loss_shapes = [shape for shape, loss in zip(shapes, losses) if loss is not None]
        self.loss_weights = [1.0 if loss_weights is None else weight
                             for weight, loss in zip(loss_weights or losses, losses) if loss is not None]
        schedule = self._schedule(wanted, learn)
        self._place(schedule)
        self._bind(schedule, states, seed)

    def _suited(self, op):
        """The same op for this batch, so many threads, a backward pass or none; None is a node's that computes in Python."""
        if op is None:
            return None
        op = op.shared_by(self.threads)
        op = op.trained() if self.backward else op
        return op.alone() if self.batch == 1 else op

    def _schedule(self, wanted, learn):
        """Ops, and the order of their steps."""
        nodes = self.nodes
        self.ops = [node.op for node in nodes]
        losses = tuple(self._append(loss.op) if loss.op is not None else None for loss in self.network.losses)
        self.loss_places = losses
        self._cut()
        self._halve(learn)
        self.share, self.parted, self.sums = self.ranks and Share(self.ranks, self.unit or self.chunk), False, {}
        self.folds = {}  # node's place → ops that make its weights
        for i, node in enumerate(nodes):
            if node.op is not None and node.fold is not None:
                norm = node.fold[2].op
                self.folds[i] = self._append(norm), self._append(_ops.fold(node.op, norm))
        self.uses, self.parts = {}, {}  # of parameters; (node's place, field) → its part of a shared one's gradient
        shared = self._shared() if self.backward and learn else []
        self.norms, self.updates, self.inside = None, [], {}  # inside: node → op of its kernel's optimizer
        if self.training:
            self._updates(nodes)
        updates = range(self.first_update, self.first_update + len(self.updates)) if self.training else range(0)
        penalized = [] if self.mode == "predict" else [
            p for p in trained(self.items) if any(p.penalty) and not (self.half and p in self.half.kernels)]
        self.penalties = [(p, self._append(_ops.penalty(p.size, *p.penalty))) for p in penalized]
        first_penalty = len(self.ops) - len(self.penalties)
        request = Request(self.backward, learn, frozenset(wanted), updates, self.norms is not None,
                          range(first_penalty, len(self.ops)), tuple(self.folds.values()), shared, losses, self.ranks)
        return thrifty(lambda early: Schedule(self.network, self.ops, self.batch, self.chunks, request, early))

    def _append(self, op):
        self.ops.append(op)
        return len(self.ops) - 1

    def _updates(self, nodes):
        """Appends the optimizer's steps."""
        wide = [i for i, node in enumerate(nodes) if node.op and node.op.wide and node.learns
                and self.uses[node.w] == 1 and not self.optimizer.needs_norms  # norms are of whole gradients
                and (self.ranks is None or self.ranks.exact)]
        kernels = [nodes[i].w for i in wide]
        self.updates = runs(trained(self.items), kernels, self.optimizer.needs_norms)
        ops, self.norms = update_ops(self.optimizer, self.updates)
        self.first_update = len(self.ops)
        self.ops += ops
        for i, kernel in zip(wide, kernels):
            self.inside[i] = self._append(self.optimizer.op(kernel.size, kernel.weight_decay_multiplier, kernel.penalty))

    def _shared(self):
        """Of parameters that several nodes read, ops that add up their gradients: a list of places for each phase."""
        stages = []
        for i, node in enumerate(self.nodes):
            for field, parameter in (("dw", node.w), ("db", node.b)) if node.op is not None else ():
                if parameter is None or not node.learns:
                    continue
                before = self.uses.get(parameter, 0)
                self.uses[parameter] = before + 1
                if before:
                    stages += [[]] * (before - len(stages))
                    part = _ops.aligned(parameter.size, zero=True).reshape(parameter.shape)
                    self.parts[i, field] = part, self._append(_ops.gradient_sum(parameter.size))
                    stages[before - 1] = [*stages[before - 1], self.parts[i, field][1]]
        return stages

    def _cut(self):
        """How many images a chunk has: it does not depend on threads."""
        self.least = 1  # images that should take this plan: fewer would leave lanes empty
        if any(op and op.lanes for op in self.ops):
            self.chunk = self.least = _ops.lanes_width()
            self.chunks = -(-self.batch // self.chunk)
            return
        footprint = max((op.in_size + op.out_size for op in self.ops if op and op.in_size), default=1)
        most = max(1, min(_MOST, _CACHE // footprint), *(op.images for op in self.ops if op))
        chunks = -(-self.batch // most)
        if most > 1:
            chunks = -(-chunks // _SHARES) * _SHARES
        self.chunk = -(-self.batch // chunks)
        self.chunks = -(-self.batch // self.chunk)

    def _halve(self, learn):
        """Lets convolutions of many weights add units of the batch by halves, which processes can share."""
        self.unit = 0  # images
        unit = -(-max(_UNIT, -(-self.batch // _UNITS)) // self.chunk) * self.chunk
        if not (self.backward and learn) or self.mode == "curvature" or unit >= self.batch:
            return
        halvings = (-(-self.batch // unit) - 1).bit_length()
        for i, node in enumerate(self.nodes):
            op = node.op.with_halvings(halvings) if node.op is not None and node.learns else None
            if op is not None:
                self.nodes[i], self.ops[i], self.unit = node.with_op(op), op, unit

    # Memory

    def _place(self, schedule):
        """Gives every buffer its place."""
        self.bytes = 0
        outside = {schedule.values[v] for v in self.network.inputs}  # the caller's arrays
        if self.mode == "predict":
            outside |= {schedule.values[v] for v in self.network.outputs}
        rows_in_all = self.chunk * self.chunks if self.least > 1 else self.batch  # in lanes the last chunk has all its rows
        for local, rows in ((True, self.chunk), (False, rows_in_all)):
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

    def _bind(self, schedule, states, seed):
        """The program, with all arrays that do not change from run to run."""
        self.values, self.wanted = schedule.values, schedule.wanted
        self.steps, self.phases, self.pack_phases = schedule.steps, schedule.phases, schedule.pack_phases
        self.dys, self.dxs, self.loss_dxs, self.script = schedule.dys, schedule.dxs, schedule.loss_dxs, schedule.script
        self.joins, self.partials = schedule.joins, schedule.partials
        layers = [id(node.layer.parameters) if node.op is None else None for node in self.nodes]
        self.again = {i for i, own in enumerate(layers) if own is not None and own in layers[i + 1:]}  # called twice
        ops = self.ops + [op for op, *_ in schedule.joins]
        native = [i for i, op in enumerate(ops) if op is not None]
        self.number = number = {i: n for n, i in enumerate(native)}
        self.program = _ops.Program([ops[i] for i in native], [(number[i], name) for i, name in self.steps],
                                    [(first, count, self.chunk, parts) for first, count, parts, *_ in self.phases],
                                    self.unit)
        self.uses_of = {}  # buffer of a value that is the caller's array → where it is bound
        self._bind_weights(schedule, states)
        for i, node in enumerate(self.nodes):
            if node.op is not None:
                self._bind_node(number[i], node, self.dys[i], self.dxs[i])
        for i, (_, part, total, _) in enumerate(schedule.joins, len(self.ops)):
            self._rows(number[i], "x", part)
            self._rows(number[i], "y", total)
        self._bind_losses()
        self.randoms = [(number[i], (seed + node.number) % 2**64 if node.seed == -1 else node.seed)
                        for i, node in enumerate(self.nodes) if node.op is not None and node.seed is not None]
        bound = trained(self.items) if self.training else ()
        self.constraints = [(p.constraint, p.array) for p in bound if p.constraint is not None]
        self.flats = {p.flat for _, p in self.items if p.flat is not None}
        ends = [self.uses_of.get(self.values[v], []) for v in (*self.network.inputs, *self.network.outputs)]
        self.ends = tuple(places[0][0] for places in ends) if len(ends) == 2 and all(len(p) == 1 for p in ends) else None

    def _bind_node(self, n, node, dy, dxs):
        for field, value in zip(("x", "x2"), node.xs):
            self._rows(n, field, self.values[value])
        self._rows(n, "y", self.values[node.y])
        if dy is not None:
            self._rows(n, "dy", dy)
        for field, buffer in zip(("dx", "dx2"), dxs):
            if buffer is not None:
                self._rows(n, field, buffer)

    def _bind_losses(self):
        self.losses = [np.zeros(self.batch, np.float32) for _ in self.network.losses]
        for loss, place, array, dxs in zip(self.network.losses, self.loss_places, self.losses, self.loss_dxs):
            if place is None:
                continue
            n = self.number[place]
            for field, buffer in (("x", self.values[loss.x]), ("y", None if loss.y is None else self.values[loss.y]),
                                  *zip(("dx", "dx2"), dxs)):
                if buffer is not None:
                    self._rows(n, field, buffer)
            self.program.bind(n, "loss", array)

    def _rows(self, n, field, buffer):
        if buffer.array is None:
            self.uses_of.setdefault(buffer, []).append((n, field))
        else:
            self.program.bind_rows(n, field, buffer.array, buffer.size, *buffer.place)

    def _bind_weights(self, schedule, states):
        """Parameters, their packed copies, gradients and optimizer states."""
        number, program = self.number, self.program
        forward, data = ({i for i, name in self.steps if name == way} for way in ("forward", "data"))
        for i, places in self.folds.items():
            self._bind_fold(self.nodes[i], *(number[place] for place in places))
        self.idle = []
        for i, node in enumerate(self.nodes):
            if node.op is None:
                continue
            n, op = number[i], node.op
            if node.constant is not None:
                program.bind(n, "w", node.constant)
            elif node.w is not None or node.b is not None or op.packed_size:
                self._bind_parameters(n, node)
                if op.packed_size and i in forward:
                    program.bind(n, "packed", _ops.aligned(op.packed_size))
                if op.packed_t_size and i in data:
                    program.bind(n, "packed_t", _ops.aligned(op.packed_t_size))
                if i in self.inside:
                    node.w.absorbed = True  # it exists in blocks, one after the other, in a thread's scratch
                    program.bind_update(n, number[self.inside[i]])
                    program.bind_states(n, self.optimizer.in_order(states.of(node.w)))
                if i in schedule.partials:
                    program.bind(n, "partial", schedule.partials[i].array)
                if self.backward and node.learns:
                    self._bind_gradients(i, n, node, schedule)
        for run, op in zip(self.updates, schedule.request.updates):
            bind_update(program, number[op], run, self.optimizer, states, self.norms)
        counts = [_ops.norm_blocks(p.size) for p, _ in self.penalties]
        self.penalty_parts = _ops.aligned(sum(counts)) if counts else None
        for i, (parameter, place) in enumerate(self.penalties):
            program.bind(number[place], "w", parameter.array)
            program.bind(number[place], "partial", self.penalty_parts[sum(counts[:i]):])

    def _bind_gradients(self, i, n, node, schedule):
        for field, parameter in (("dw", node.w), ("db", node.b)):
            array = None
            if (i, field) in self.parts:
                array, place = self.parts[i, field]
                self.program.bind(self.number[place], "w", parameter.of(parameter.flat.gradients))
                self.program.bind(self.number[place], "dw", array)
            elif parameter is not None and parameter.flat is not None and not (field == "dw" and i in self.inside):
                parameter.absorbed = False
                array = parameter.of(parameter.flat.gradients)
            self.program.bind(n, field, array)
            if array is not None:
                self.sums.setdefault(i, []).append(array)
            if i in schedule.idle and array is not None:
                self.idle.append(array)  # no loss depends on it

    def _bind_parameters(self, n, node):
        if node.op.format == "float32":
            self.program.bind(n, "w", None if node.w is None else node.w.array)
        else:
            self.program.bind(n, "half", node.w.half)
            self.program.bind(n, "scales", node.w.scales)
        self.program.bind(n, "b", None if node.b is None else node.b.array)
        for field, parameter in zip(("moving_mean", "moving_variance"), node.moving or ()):
            self.program.bind(n, field, parameter.array if self.moving or not node.op.has("combine") else None)
        self.program.bind(n, "table", node.table)

    def _bind_fold(self, node, norm, fold):
        """Gives a node whose weights are computed memory for them, and both ops that do so theirs."""
        w, b, folded = node.fold
        packed = _ops.aligned(folded.op.packed_size)
        self._bind_parameters(norm, folded)
        self.program.bind(norm, "packed", packed)
        for parameter in (node.w, node.b):
            parameter.array = _ops.aligned(parameter.size)
            self.bytes += parameter.array.nbytes
        for field, array in (("w", w.array), ("b", None if b is None else b.array), ("packed", packed),
                             ("dw", node.w.array), ("db", node.b.array)):
            self.program.bind(fold, field, array)

    # Running

    def set_inputs(self, xs):
        """Binds a batch: for each input a float32 array, contiguous, one row per image."""
        self._set(self.network.inputs, xs)

    def set_outputs(self, ys):
        """Predict: where the predictions go."""
        self._set(self.network.outputs, ys)

    def _set(self, values, arrays):
        for value, array in zip(values, arrays):
            buffer = self.values[value]
            buffer.array = array
            for n, field in self.uses_of.get(buffer, ()):
                self.program.bind_rows(n, field, array, buffer.size)

    def set_targets(self, targets, sample_weights):
        """Targets and weights of a batch, for each loss."""
        self.targets, self.sample_weights = targets, sample_weights
        for place, target, weight in zip(self.loss_places, targets, sample_weights):
            if place is not None:
                self.program.bind(self.number[place], "target", target)
                self.program.bind(self.number[place], "sample_weight", weight)

    def run(self, batch, threads, version, step=None):
        """One step on `batch` images: predicts, and by mode takes the losses, goes back and trains.

        Args:
            batch: images.
            threads: at most.
            version: names the state of the parameters: while it stays, packed copies are used again.
            step: of random numbers; None: the optimizer's.
        """
        first = 0
        if self.half is not None:
            self.half.refresh(version)
        if not self.backward and self.packed == version:
            first = self.pack_phases
        for place, weight in zip(self.loss_places if self.backward else (), self.loss_weights):
            if place is not None:
                self.program.set_scale(self.number[place], weight / batch)
        for n, seed in self.randoms:
            self.program.set_random(n, seed, self.optimizer.iterations if step is None else step)
        if self.training:
            self._set_rates()
        for array in self.idle:
            array[...] = 0
        threads, self.packed = min(threads, self.threads), None  # until the run has ended
        for phase, kind, i in self.script:
            if phase > first:
                self._run(batch, threads, first, phase)
                first = phase
            python_calls.call(_CALLS, self, kind, i, batch)
        self._run(batch, threads, first, len(self.phases))
        self.packed = version
        if self.training:
            for constraint, weights in self.constraints:
                constraint.apply(weights)
            self.optimizer.iterations += 1

    def _run(self, batch, threads, first, last):
        """Phases [first, last), those of images on the process' own."""
        if self.share is None:
            self.program.run(batch, threads, first, last - first)
            return
        own = self.share.images(batch)
        for whole, phases in groupby(range(first, last), lambda phase: self.phases[phase][4]):
            phases = list(phases)
            self.program.run(batch, threads, phases[0], len(phases), *((0, batch) if whole else own))

    def meet(self, batch, outputs):
        """Gathers what the last run has computed of each image: losses, predictions of some outputs, what is watched."""
        found = [*self.losses, *(self.values[self.network.outputs[i]].array for i in outputs),
                 *(self.values[v].array for v in self.network.watched), *(b.array for b in self.wanted.values())]
        self.share.gather(batch, found)

    def _set_rates(self):
        rate, correction = self.optimizer.learning_rate, self.optimizer.correction
        for i, run in enumerate(self.updates, self.first_update):
            self.program.set_scale(self.number[i], rate * run.learning_rate_multiplier, correction)
        for i in self.inside:
            self.program.set_scale(self.number[i], rate * self.nodes[i].w.learning_rate_multiplier, correction)

    def predict(self, x, in_size, out_size, threads, version):
        """Predictions for a batch that needs neither conversion nor packing; None if that is more than can be said of it."""
        if self.packed != version or self.script or self.ends is None or threads > self.threads:
            return None
        return self.program.predict(x, in_size, out_size, *self.ends, self.least, self.batch, threads, self.pack_phases)

    def predictions(self, output, batch):
        """What the network predicts for the images of the last run, a row each."""
        return self.values[self.network.outputs[output]].array[:batch]

    def gradient(self, value, batch):
        """The gradient of a wanted value at the images of the last run, a row each; None: no loss depends on it."""
        return self.wanted[value].array[:batch] if value in self.wanted else None

    def penalty(self):
        """What regularizers add to the loss of the last run, for the weights as it read them."""
        parts = 0.0 if self.penalty_parts is None else float(np.add.reduce(self.penalty_parts, dtype=np.float64))
        return parts + (0.0 if self.half is None else self.half.penalty)
