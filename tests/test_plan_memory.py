"""No buffer of a plan is overwritten while needed: steps are acted out, each write leaves its name."""

from functools import lru_cache

import numpy as np
import pytest
from random_networks import pick, random_model
from twin import targets

import fastcnn
from fastcnn import layers as L


class Memory:
    """Who wrote each float of a plan's buffers last."""

    def __init__(self, plan):
        self.plan, self.owners, self.tags = plan, {}, {}
        inside = [i for i, op in enumerate(plan.ops[: len(plan.nodes)]) if op and op.lanes and op.name != "from_lanes"]
        self.lanes = {id(b) for i in inside for b in (plan.values[plan.nodes[i].y], plan.dys[i]) if b is not None}

    def rows(self, buffer, images):
        """The images whose rows a step touches: in lanes those of whole chunks."""
        if id(buffer) not in self.lanes:
            return images
        return range(images[0], -(-(images[-1] + 1) // self.plan.chunk) * self.plan.chunk)

    def _floats(self, buffer, image, thread, image0):
        """The owners of one row; thread None: all threads share the batch."""
        if buffer.local:
            offset, stride, slots = buffer.place
            alone = (thread or 0) * stride + offset + (image - image0) * buffer.size
            start = offset * slots + image * buffer.size if thread is None else alone
            row = buffer.array[start : start + buffer.size]
        else:
            row = buffer.array[image]
        assert row.size == buffer.size
        base = row
        while base.base is not None:
            base = base.base
        if id(base) not in self.owners:
            self.owners[id(base)] = np.full(base.size, -1)
        start = (row.__array_interface__["data"][0] - base.__array_interface__["data"][0]) // 4
        return self.owners[id(base)][start : start + buffer.size]

    def touch(self, reads, writes, images, thread=None, image0=0):
        network = self.plan.network
        callers = [self.plan.values[v] for v in (*network.inputs, *(network.outputs if self.plan.mode == "predict" else ()))]
        for buffers, write in ((reads, False), (writes, True)):
            for buffer in buffers:
                if buffer is None or buffer in callers:
                    continue  # absent, or the caller's
                for image in self.rows(buffer, images):
                    floats = self._floats(buffer, image, thread, image0)
                    tag = self.tags.setdefault((id(buffer), image), len(self.tags))
                    if write:
                        floats[...] = tag
                    assert np.all(floats == tag), f"{self.name(buffer)} of image {image} was overwritten"

    def name(self, buffer):
        kinds = {"value": self.plan.values, "dy": self.plan.dys, "dx": [b for dxs in self.plan.dxs for b in dxs]}
        return next((f"{kind}[{found.index(buffer)}]" for kind, found in kinds.items() if buffer in found), "another")


def effects(plan, i, name):
    """(buffers read, buffers written) by a pass of op i; kept apart from schedule.py's own account."""
    if i >= len(plan.ops):
        _, part, total, add = plan.joins[i - len(plan.ops)]
        return [part, total] if add else [part], [total]
    if i in plan.loss_places:
        number = plan.loss_places.index(i)
        loss, softmax = plan.network.losses[number], plan.ops[i].name == "softmax_cross_entropy"
        x, y = plan.values[loss.x], None if loss.y is None else plan.values[loss.y]
        if name == "forward":
            return [x], [y]
        return [y if softmax else x], plan.loss_dxs[number]
    if i >= len(plan.nodes) or name in ("pack", "reduce", "update"):
        return [], []
    node = plan.nodes[i]
    xs, y = [plan.values[v] for v in node.xs], plan.values[node.y]
    if name == "forward":
        return xs, [] if node.same else [y]
    if name in ("statistics", "combine"):
        return xs if name == "statistics" else [], []
    dy = plan.dys[i]
    if name == "data":
        op = plan.ops[i].name
        of_xs = ("pool2d" in op and op != "avg_pool2d" or op.startswith("local_response_norm")
                 or op in ("activation_of_x", "prelu", "maxout", "batch_norm", "multiply", "maximum", "minimum"))
        besides = xs if of_xs else [y] if op in ("activation", "softmax", "log_softmax") else []
        return [dy, *besides], plan.dxs[i]
    return ([y, dy], [dy]) if name == "mask" else ([xs[0], dy], [])


def act_out(plan, batch, threads, rng):
    """Runs through the program as threads in a random order may, then reads the predictions."""
    memory, seen, calls = Memory(plan), set(), list(plan.script)
    images = range(batch)
    for p in range(len(plan.phases) + 1):
        while calls and calls[0][0] == p:
            memory.touch(*call_effects(plan, *calls.pop(0)[1:], seen), images)
        if p == len(plan.phases):
            break
        first, count, parts, *_ = plan.phases[p]
        steps = [plan.steps[s] for s in range(first, first + count)]
        chunks = -(-batch // plan.chunk)
        if parts:
            rng.shuffle(steps)
        if parts or 1 < threads > chunks:
            for step in steps:
                memory.touch(*effects(plan, *step), images)
            continue
        at, waiting = {}, list(range(chunks))
        while at or waiting:
            thread = int(rng.integers(threads))
            if thread not in at:
                if not waiting:
                    thread = pick(rng, sorted(at))
                else:
                    at[thread] = [waiting.pop(0), 0]
            chunk, step = at[thread]
            begin = chunk * plan.chunk
            memory.touch(
                *effects(plan, *steps[step]), range(begin, min(begin + plan.chunk, batch)), thread, begin
            )
            at[thread][1] += 1
            if at[thread][1] == count:
                del at[thread]
    memory.touch([plan.values[v] for v in plan.network.outputs], [], images)


def call_effects(plan, kind, i, seen):
    """The same of a Python call. A layer may keep a view of its input until it computes gradients."""
    if kind == "loss":
        return [plan.values[plan.network.losses[i].x]], plan.loss_dxs[i]
    node = plan.nodes[i]
    xs = [plan.values[v] for v in node.xs]
    if i in seen:
        return [plan.dys[i], *xs], plan.dxs[i]
    seen.add(i)
    return xs, [plan.values[node.y]]


@lru_cache(maxsize=None)
def plan_model(seed):
    return random_model(seed, large=seed % 5 == 0)


@pytest.mark.parametrize("mode", ["train", "test", "predict"])
@pytest.mark.parametrize("seed", range(0, 90, 2))
def test_no_buffer_is_overwritten_while_needed(seed, mode):
    model, rng = plan_model(seed), np.random.default_rng(seed)
    model._prepare_training()
    for batch, threads in ((int(rng.integers(1, 9)), 1), (int(rng.integers(8, 30)), 2), (3, 5)):
        model._plans = {}
        with fastcnn.num_threads(threads):
            plan = model._plan(mode, batch, model.loss.name.startswith("sparse"))
        act_out(plan, batch, threads, rng)
        if batch > 1:
            act_out(plan, batch - 1, threads, rng)


@pytest.mark.parametrize(
    "loss, activation", [("mse", "linear"), ("sparse_categorical_crossentropy", "softmax")]
)
def test_predictions_outlive_the_step(loss, activation):
    """Metrics read them after the backward pass."""
    rng = np.random.default_rng(0)
    model = fastcnn.Sequential(
        [
            L.Conv2D(4, 3, activation="relu", input_shape=(10, 10, 1)),
            L.Flatten(),
            L.Dense(1100, activation="tanh"),
            L.Dense(700, activation="tanh"),
            L.Dense(10, activation=activation),
        ],
        seed=0,
    )
    model.compile(fastcnn.optimizers.SGD(0.0), loss)
    x, y = rng.standard_normal((9, 10, 10, 1)).astype(np.float32), targets(rng, model.loss.name, 9, 10)
    model.train_on_batch(x, y)
    np.testing.assert_allclose(model._plans["train"].predictions(0, 9), model.predict(x), rtol=1e-5, atol=1e-6)


def test_a_used_buffer_is_noticed():
    """The test of memory can fail: two buffers are laid upon each other."""
    model = fastcnn.networks.lenet5(seed=0)
    model.compile("sgd", "sparse_categorical_crossentropy")
    plan = model._plan("train", 8, True)
    found = [b for b in (*plan.values[1:], *plan.dys) if b is not None and b.array is not None and not b.local]
    wide = list(dict.fromkeys(found))
    wide[0].array = (
        wide[1].array[:, :1].repeat(wide[0].size, 1) if wide[1].size < wide[0].size else wide[1].array
    )
    wide[1].array, wide[1].size = wide[0].array, wide[0].size
    with pytest.raises(AssertionError, match="overwritten"):
        act_out(plan, 8, 1, np.random.default_rng(0))
