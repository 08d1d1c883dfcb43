"""Plans: what is fused, how steps are cut into phases, that no buffer is overwritten while needed, and right gradients."""

import tracemalloc
from functools import lru_cache

import numpy as np
import pytest
from twin import Affine, Doubled, Twin, assert_trained_alike, clear_batch, targets

import fastcnn
from fastcnn import layers as L
from fastcnn.plan import Plan

ENDS = [("mean_squared_error", False, "linear"), ("mean_squared_error", False, "scaled_tanh"),
        ("binary_crossentropy", False, "sigmoid"), ("binary_crossentropy", True, "linear"),
        ("sparse_categorical_crossentropy", False, "softmax"), ("sparse_categorical_crossentropy", True, "linear"),
        ("categorical_crossentropy", False, "softmax"), ("categorical_crossentropy", False, "sigmoid"),
        ("categorical_crossentropy", True, "linear"), ("sparse_categorical_crossentropy", True, "log_softmax")]
ACTIVATIONS = ["linear", "relu", "leaky_relu", "elu", "sigmoid", "tanh", "scaled_tanh", "softplus", "softmax"]
SPATIAL = ["conv", "conv", "conv", "max", "avg", "lrn", "activation", "dropout", "affine", "doubled"]


def pick(rng, options):
    return options[rng.integers(len(options))]


def spatial_layer(rng, kind, shape, seed, filters):
    """A random layer that fits on images of `shape`."""
    window = tuple(int(rng.integers(1, min(3, size) + 1)) for size in shape[:2])
    options = {"strides": int(rng.integers(1, 3)), "padding": pick(rng, ["valid", "same"])}
    if kind == "conv":
        groups = pick(rng, [g for g in (1, 1, 2, 3) if shape[2] % g == 0])
        return L.Conv2D(groups * int(rng.integers(1, filters)), window, groups=groups, use_bias=bool(rng.integers(4)),
                        activation=pick(rng, ACTIVATIONS), **options)
    return {
        "max": lambda: L.MaxPooling2D(window, **options), "avg": lambda: L.AveragePooling2D(window, **options),
        "lrn": lambda: L.LocalResponseNormalization(int(rng.integers(1, 6)), alpha=0.2, k=1.0),
        "activation": lambda: L.Activation(pick(rng, ACTIVATIONS)), "dropout": lambda: L.Dropout(0.25, seed=seed),
        "affine": Affine, "doubled": Doubled if shape[2] < 16 else Affine,
    }[kind]()


def random_model(seed, large=False):
    """A chain of up to five spatial layers and three dense ones, compiled."""
    rng = np.random.default_rng(seed)
    shape = (14, 15, 8) if large else tuple(int(n) for n in (*rng.integers(5, 12, 2), rng.integers(1, 5)))
    loss, from_logits, last = ENDS[seed % len(ENDS)]
    model = fastcnn.Sequential([fastcnn.Input(shape)], seed=seed)
    for i in range(int(rng.integers(2 if large else 0, 6))):
        kind = "conv" if large and i == 0 else pick(rng, SPATIAL)
        model.add(spatial_layer(rng, kind, model.layers[-1].output_size if i else shape, seed + i, 24 if large else 7))
    model.add(pick(rng, [L.Flatten, L.Flatten, L.GlobalMaxPooling2D, L.GlobalAveragePooling2D])())
    for _ in range(int(rng.integers(0, 3))):
        model.add(L.Dense(int(rng.integers(1, 40)), activation=pick(rng, ACTIVATIONS)))
        if rng.integers(4) == 0:
            model.add(pick(rng, [Affine, lambda: L.Dropout(0.5, seed=seed), lambda: L.LocalResponseNormalization(3)])())
    model.add(L.Dense(int(rng.integers(2, 7)), activation=last))
    model.compile(fastcnn.optimizers.SGD(1.0), {"class_name": loss, "config": {"from_logits": from_logits}}
                  if loss != "mean_squared_error" else loss)
    return model


def check_gradients(model, batch, threads, rng):
    """One step of SGD moves each weight as the float64 reference does."""
    with fastcnn.num_threads(threads):
        twin, before = Twin(model), [layer.get_weights() for layer in model.layers]
        shape = model.layers[0].input_size
        x = clear_batch(twin, rng, batch, shape)
        target = targets(rng, model.loss.name, batch, model.output_shape[1])
        loss = model.train_on_batch(x, target)
        assert loss == pytest.approx(twin.step(x, target), rel=2e-5, abs=1e-6)
        assert assert_trained_alike(model, twin, before, tolerance=5e-5) > 0


@pytest.mark.parametrize("seed", range(70))
def test_random_networks(seed):
    rng = np.random.default_rng([seed, 1])
    check_gradients(random_model(seed), int(rng.integers(1, 20)), 1, rng)


@pytest.mark.parametrize("seed", range(70, 90))
def test_random_networks_shared_by_threads(seed):
    """Large enough for several threads: gradients do not mix."""
    rng = np.random.default_rng([seed, 1])
    check_gradients(random_model(seed, large=True), int(rng.integers(16, 40)), 2 + seed % 2, rng)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("batch", [1, 4, 16, 20, 64])
def test_lenet(batch, threads):
    model = fastcnn.networks.lenet5(seed=1)
    model.compile(fastcnn.optimizers.SGD(1.0), "sparse_categorical_crossentropy")
    check_gradients(model, batch, threads, np.random.default_rng(batch))


# Memory: the steps are acted out, each write leaving its name and each read looking for it


class Memory:
    """Who wrote each float of a plan's buffers last."""

    def __init__(self, plan):
        self.plan, self.owners, self.tags = plan, {}, {}

    def _floats(self, buffer, place):
        """The owners of one row; a local buffer has rows [threads · chunk] or [threads][chunk]."""
        row = buffer.array[place] if buffer.array.ndim == len(place) + 1 else buffer.array[
            place[0] * self.plan.chunk + place[1]]
        base = row
        while base.base is not None:
            base = base.base
        if id(base) not in self.owners:
            self.owners[id(base)] = np.full(base.size, -1)
        start = (row.__array_interface__["data"][0] - base.__array_interface__["data"][0]) // 4
        return self.owners[id(base)][start:start + buffer.size]

    def touch(self, reads, writes, images, thread=0, image0=0):
        chunk = self.plan.chunk
        for buffers, write in ((reads, False), (writes, True)):
            for buffer in buffers:
                if buffer is None or buffer.array is None and buffer in (self.plan.values[0], self.plan.values[-1]):
                    continue  # absent, or the caller's
                for image in images:
                    floats = self._floats(buffer, divmod(thread * chunk + image - image0, chunk) if buffer.local else (image,))
                    tag = self.tags.setdefault((id(buffer), image), len(self.tags))
                    if write:
                        floats[...] = tag
                    assert np.all(floats == tag), f"{self.name(buffer)} of image {image} was overwritten"

    def name(self, buffer):
        for kind in ("values", "gradients"):
            if buffer in getattr(self.plan, kind):
                return f"{kind}[{getattr(self.plan, kind).index(buffer)}]"
        return "loss_y"


def effects(plan, i, name):
    """(buffers read, buffers written) by a pass of op i; kept apart from plan.py's own account."""
    if i == plan.loss_index:
        softmax = plan.ops[i].name == "softmax_cross_entropy"
        if name == "forward":
            return [plan.values[-1]], [plan.loss_y]
        return [plan.loss_y if softmax else plan.values[-1]], [plan.gradients[-1]]
    if i >= len(plan.entries) or name in ("pack", "reduce", "update"):
        return [], []
    x, y = plan.values[i:i + 2]
    if name == "forward":
        return [x], [y]
    dx, dy = plan.gradients[i:i + 2]
    if name == "data":
        op = plan.ops[i].name
        besides = x if op in ("max_pool2d", "local_response_norm") else y if op in ("activation", "softmax", "log_softmax") \
            else None
        return [dy, besides], [dx]
    return ([y, dy], [dy]) if name == "mask" else ([x, dy], [])


def act_out(plan, batch, threads, rng):
    """Runs through the program as threads in a random order may, then reads the predictions."""
    memory, seen, calls = Memory(plan), set(), list(plan.script)
    images = range(batch)
    for p in range(len(plan.phases) + 1):
        while calls and calls[0][0] == p:
            memory.touch(*call_effects(plan, calls.pop(0)[1], seen), images)
        if p == len(plan.phases):
            break
        first, count, parts, _ = plan.phases[p]
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
            memory.touch(*effects(plan, *steps[step]), range(begin, min(begin + plan.chunk, batch)), thread,
                         begin)
            at[thread][1] += 1
            if at[thread][1] == count:
                del at[thread]
    memory.touch([plan.output], [], images)


def call_effects(plan, call, seen):
    """The same of a Python call. A layer may keep a view of its input until it computes gradients."""
    if call.__defaults__ is None:
        return [plan.values[-1]], plan.gradients[-1:]
    i = call.__defaults__[0]
    if i in seen:
        return [plan.gradients[i + 1], plan.values[i]], [plan.gradients[i]]
    seen.add(i)
    return [plan.values[i]], [plan.values[i + 1]]


@lru_cache(maxsize=None)
def plan_model(seed):
    return random_model(seed, large=seed % 5 == 0)


@pytest.mark.parametrize("mode", ["train", "test", "predict"])
@pytest.mark.parametrize("seed", range(0, 90, 2))
def test_no_buffer_is_overwritten_while_needed(seed, mode):
    model, rng = plan_model(seed), np.random.default_rng(seed)
    model._flat.prepare_training(False)
    for batch, threads in ((int(rng.integers(1, 9)), 1), (int(rng.integers(8, 30)), 2), (3, 5)):
        plan = Plan(model.layers, mode, batch, threads, None if mode == "predict" else model.loss, model.optimizer,
                    model._flat, 0, model.loss.name.startswith("sparse"))
        act_out(plan, batch, threads, rng)
        if batch > 1:
            act_out(plan, batch - 1, threads, rng)


@pytest.mark.parametrize("loss, activation", [("mse", "linear"), ("sparse_categorical_crossentropy", "softmax")])
def test_predictions_outlive_the_step(loss, activation):
    """Metrics read them after the backward pass."""
    rng = np.random.default_rng(0)
    model = fastcnn.Sequential([L.Conv2D(4, 3, activation="relu", input_shape=(10, 10, 1)), L.Flatten(),
                                L.Dense(1100, activation="tanh"), L.Dense(700, activation="tanh"),
                                L.Dense(10, activation=activation)], seed=0)
    model.compile(fastcnn.optimizers.SGD(0.0), loss)
    x, y = rng.standard_normal((9, 10, 10, 1)).astype(np.float32), targets(rng, model.loss.name, 9, 10)
    model.train_on_batch(x, y)
    np.testing.assert_allclose(model._plans["train"].predictions(9), model.predict(x), rtol=1e-5, atol=1e-6)


def test_a_used_buffer_is_noticed():
    """The test of memory can fail: two buffers are laid upon each other."""
    plan = lenet_plan(8)
    wide = [b for b in (*plan.values[1:], *plan.gradients) if b.array is not None and not b.local]
    wide[0].array = wide[1].array[:, :1].repeat(wide[0].size, 1) if wide[1].size < wide[0].size else wide[1].array
    wide[1].array, wide[1].size = wide[0].array, wide[0].size
    with pytest.raises(AssertionError, match="overwritten"):
        act_out(plan, 8, 1, np.random.default_rng(0))


# Fusion and phases


def lenet_plan(batch, mode="train", threads=2):
    model = fastcnn.networks.lenet5(seed=0)
    model.compile("sgd", "sparse_categorical_crossentropy")
    with fastcnn.num_threads(threads):
        return model._plan(mode, batch, True)


def names(model, mode):
    return [op.name if op else None for op in model._plan(mode, 4, model.loss.name.startswith("sparse")).ops]


def chain(*layers, loss="sparse_categorical_crossentropy"):
    model = fastcnn.Sequential([fastcnn.Input((8, 8, 2)), *layers], seed=0)
    model.compile("sgd", loss)
    return model


def test_fused():
    model = chain(L.Conv2D(3, 3), L.Activation("relu"), L.MaxPooling2D(), L.Flatten(), L.Dropout(0.5), L.Dense(5),
                  L.ELU(0.5), L.Dense(4), L.Softmax())
    assert names(model, "train") == ["conv2d", "max_pool2d", "dropout", "dense", "dense", "softmax_cross_entropy", "sgd"]
    assert names(model, "test") == ["conv2d", "max_pool2d", "dense", "dense", "softmax_cross_entropy"]
    assert names(model, "predict") == ["conv2d", "max_pool2d", "dense", "dense", "softmax"]
    assert [op.activation for op in model._plan("predict", 4).ops][:3] == ["relu", "linear", "elu"]


def test_not_fused():
    model = chain(L.Conv2D(3, 3, activation="tanh"), L.Activation("relu"), L.MaxPooling2D(), L.ReLU(), L.Flatten(),
                  L.Dense(4), Affine(), L.ReLU(), L.Dense(4, activation="sigmoid"), loss="categorical_crossentropy")
    assert names(model, "test") == ["conv2d", "activation", "max_pool2d", "activation", "dense", None, "activation",
                                    "dense", "categorical_cross_entropy"]
    logits = fastcnn.losses.CategoricalCrossentropy(from_logits=True)
    model = chain(L.Flatten(), L.Dense(4, activation="softmax"), loss=logits)
    assert names(model, "test") == ["dense", "softmax", "softmax_cross_entropy"]
    assert names(chain(L.Flatten(), L.Dense(4, activation="softmax"), loss="mse"), "test")[1] == "softmax"


@pytest.mark.parametrize("activation", ["relu", "tanh", "softplus", {"name": "elu", "alpha": 0.5}], ids=str)
def test_a_fused_activation_has_the_same_bits(activation):
    x = np.random.default_rng(0).standard_normal((5, 8, 8, 2)).astype(np.float32)
    apart = chain(L.Conv2D(7, 3), L.Activation(activation), L.Flatten(), L.Dense(5), L.Activation(activation))
    inside = chain(L.Conv2D(7, 3, activation=activation), L.Flatten(), L.Dense(5, activation=activation))
    inside.set_weights(apart.get_weights())
    assert np.array_equal(apart.predict(x), inside.predict(x))
    conv, after = apart.layers[:2]
    assert np.array_equal(inside.layers[0](x), after(conv(x)))


def test_lenet_trains_in_few_phases():
    plan = lenet_plan(128)
    assert len(plan.phases) <= 5 and sum(not parts for _, _, parts, _ in plan.phases) == 1
    predict = lenet_plan(128, "predict")
    assert [parts for _, _, parts, _ in predict.phases] == [True, False]


def test_lenet_keeps_images_in_local_buffers():
    """Only what the dense layers' weight gradients read, and the result, is kept for the whole batch."""
    plan = lenet_plan(128)
    assert all(b.local for b in (*plan.values[1:4], *plan.gradients[1:5]))
    assert not any(b.local for b in (*plan.values[4:7], *plan.gradients[5:8]))
    rows = sum(b.size for b in (*plan.values[1:], *plan.gradients[1:])) * 128 * 4
    assert plan.bytes < 0.3 * rows


@pytest.mark.parametrize("batch", [1, 7, 32, 100, 128, 1000])
def test_chunks_do_not_depend_on_threads(batch):
    assert len({lenet_plan(batch, "train", threads).chunk for threads in (1, 2, 3, 7)}) == 1


class Watch(fastcnn.callbacks.Callback):
    """Peak of memory taken between two steps of training."""

    def on_train_batch_end(self, batch, logs=None):
        if batch == 9:
            tracemalloc.start()
            tracemalloc.reset_peak()
            self.start = tracemalloc.get_traced_memory()[0]
        if batch == 59:
            self.taken = tracemalloc.get_traced_memory()[1] - self.start
            tracemalloc.stop()


def test_nothing_is_allocated_per_step():
    """50 steps of LeNet-5 on 64 images (200 kB a batch) take less than a tenth of a batch, metrics included."""
    rng = np.random.default_rng(0)
    x, y = rng.random((64 * 60, 28, 28, 1), np.float32), rng.integers(0, 10, 64 * 60)
    model, watch = fastcnn.networks.lenet5(seed=0), Watch()
    model.compile(fastcnn.optimizers.SGD(0.01, momentum=0.9), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, batch_size=64, verbose=0, callbacks=[watch])
    assert 0 < watch.taken < 20_000
