"""Images as lanes: where a plan takes them, and that results stay what they are on channels as lanes."""

import numpy as np
import pytest
from buffers import assert_same, guarded, integers, poisoned
from twin import Twin, assert_trained_alike, clear_batch, targets

import fastcnn
from fastcnn import _ops, networks
from fastcnn import layers as L
from fastcnn.engine import lanes
from fastcnn.model import profiling
from fastcnn.optimizers import SGD

SPARSE = "sparse_categorical_crossentropy"
WIDTH = _ops.lanes_width()

pytestmark = pytest.mark.skipif(WIDTH == 1, reason="vectors of one float have no lanes")


def chain(*layers, shape=(12, 11, 2), seed=0, units=5):
    model = fastcnn.Sequential([fastcnn.Input(shape), *layers, L.Flatten(), L.Dense(units, "softmax")], seed=seed)
    model.compile(SGD(1.0), SPARSE)
    return model


def names(model, batch=None, mode="train"):
    return [op.name if op else None for op in model._plan(mode, batch or 2 * WIDTH, True).ops]


def stages(model, batch=None):
    """The names of the ops between each to_lanes and from_lanes."""
    found, inside = [], False
    for name in names(model, batch):
        if name == "to_lanes":
            found.append([])
        elif found and inside and name != "from_lanes":
            found[-1].append(name)
        inside = name != "from_lanes" and (inside or name == "to_lanes")
    return found


def without(monkeypatch):
    monkeypatch.setattr("fastcnn.engine.plan.in_lanes", lambda network, batch: network)


# Where


def test_lenet_is_one_stage():
    model = fastcnn.networks.lenet5(seed=0)
    model.compile("sgd", SPARSE)
    assert stages(model) == [["conv2d", "avg_pool2d"] * 2 + ["dense"] * 3]
    assert stages(model, WIDTH) and not stages(model, WIDTH - 1)


def test_what_ends_a_stage():
    def narrow():
        return L.Conv2D(3, 3)

    assert stages(chain(narrow(), L.ReLU())) == [["conv2d", "dense"]]
    assert stages(chain(L.ReLU(), narrow(), L.MaxPooling2D(), L.ReLU())) == [["conv2d", "max_pool2d", "activation", "dense"]]
    assert stages(chain(narrow(), L.Dropout(0.5), narrow())) == [["conv2d"], ["conv2d", "dense"]]
    assert stages(chain(narrow(), L.LocalResponseNormalization(3), narrow())) == [["conv2d"], ["conv2d", "dense"]]
    within = L.LocalResponseNormalization(3, mode="within_channel")
    for layer in L.PReLU(), within, L.BatchNormalization(), L.BatchNormalization(trainable=False):
        assert stages(chain(narrow(), layer, narrow())) == [["conv2d"], ["conv2d", "dense"]], layer.name
    assert stages(chain(L.Conv2D(3, 3, strides=2), narrow())) == [["conv2d", "dense"]]
    assert stages(chain(narrow(), L.Conv2D(3, 3, dilation_rate=2))) == [["conv2d"]]
    assert stages(chain(narrow(), L.Conv2D(6, 3, groups=3))) == [["conv2d"]]
    assert stages(chain(L.Flatten(), L.Dense(4))) == [], "no convolution"
    assert stages(chain(narrow(), L.Reshape((9, 10, 3)), narrow())) == [["conv2d", "conv2d", "dense"]]


@pytest.mark.parametrize("layer", [
    L.ZeroPadding2D, L.Cropping2D, L.UpSampling2D, lambda: L.Permute((2, 1, 3)), lambda: L.GaussianNoise(0.1),
    lambda: L.SpatialDropout2D(0.5), lambda: L.Rescaling(2.0), lambda: L.Normalization(mean=0.5, variance=2.0),
    lambda: L.DepthwiseConv2D(3), lambda: L.Conv2DTranspose(3, 3),
])
def test_layers_without_such_a_form_end_a_stage(layer):
    assert stages(chain(L.Conv2D(3, 3), layer(), L.Conv2D(3, 3))) == [["conv2d"], ["conv2d", "dense"]]
    assert stages(chain(layer(), L.Conv2D(3, 3))) == [["conv2d", "dense"]]


def test_a_separable_convolution_is_two():
    """The second, of single pixels, begins a stage."""
    assert stages(chain(L.Conv2D(3, 3), L.SeparableConv2D(4, 3), L.ReLU())) == [["conv2d"], ["conv2d", "dense"]]


def test_wide_convolutions_stay():
    assert stages(chain(L.Conv2D(16, 3))) == [], "its vectors of channels are full"
    assert stages(chain(L.Conv2D(6, 3), L.Conv2D(16, 3))) == [["conv2d", "conv2d", "dense"]]
    assert stages(chain(L.Conv2D(8, 3), L.Conv2D(16, 3), L.Conv2D(40, 3, exact=True))) == [["conv2d"] * 2]
    assert stages(chain(L.Conv2D(6, 3), shape=(300, 300, 1))) == [], "beyond the cache"
    alexnet = fastcnn.networks.alexnet(seed=0, initializer="zeros")
    assert lanes.in_lanes(alexnet._plan("predict", 1).network, 128).nodes == alexnet._plans["predict"].nodes


# The same results


@pytest.mark.parametrize("batch", [WIDTH, WIDTH + 1, 3 * WIDTH, 4 * WIDTH - 1])
@pytest.mark.parametrize("exact", [True, False], ids=["exact", ""])
def test_predictions(exact, batch, monkeypatch):
    """They have the same bits, since both sum in the same order."""
    x = np.random.default_rng(0).standard_normal((batch, 28, 28, 1)).astype(np.float32)
    with fastcnn.config_context(exact=exact):
        inside, outside = (fastcnn.networks.lenet5(seed=1) for _ in range(2))
        y = inside.predict(x, batch_size=batch, verbose=0)
        without(monkeypatch)
        expected = outside.predict(x, batch_size=batch, verbose=0)
    assert "to_lanes" in [op.name for op in inside._plans["predict"].ops]
    assert "to_lanes" not in [op.name for op in outside._plans["predict"].ops]
    assert np.array_equal(y, expected)


def test_few_images_do_not_take_the_plan_of_many():
    """What was predicted before changes no bit, and nothing is planned again where few and many come in turn."""
    x = np.random.default_rng(0).standard_normal((3 * WIDTH, 28, 28, 1)).astype(np.float32)
    model = fastcnn.networks.lenet5(seed=1)
    model.compile("sgd", SPARSE)
    few, y, kept = x[:WIDTH - 1], np.zeros(3 * WIDTH, int), set()
    expected = [model.predict_on_batch(few), model.test_on_batch(few, y[:WIDTH - 1], return_dict=True)]
    for _ in range(3):
        model.predict_on_batch(x), model.test_on_batch(x, y)
        found = [model.predict_on_batch(few), model.test_on_batch(few, y[:WIDTH - 1], return_dict=True)]
        assert np.array_equal(found[0], expected[0]) and found[1] == expected[1]
        kept.add(frozenset(map(id, model._plans.values())))
    assert len(kept) == 1 and len(model._plans) == 4


@pytest.mark.parametrize("filters, size", [(12, 5), (15, 4), (100, 3)])
def test_long_sums_have_the_same_bits(filters, size):
    """Sums of 300, 240 and 900 products, of which a filter's row has 60, 60 and 300; 616 in the dense layer."""
    model = chain(L.Conv2D(filters, (2, 1), activation="tanh"), L.Conv2D(11, size, padding="same", exact=True), L.Flatten(),
                  L.Dense(9), shape=(8, 8, 1))
    x = np.random.default_rng(0).standard_normal((2 * WIDTH, 8, 8, 1)).astype(np.float32)
    y = model.predict_on_batch(x)
    assert "to_lanes" in [op.name for op in model._plans["predict"].ops]
    assert y.tobytes() == b"".join(model.predict_on_batch(x[i:i + 1]).tobytes() for i in range(len(x)))


SPATIAL = {
    "padded": lambda: [L.Conv2D(5, 3, padding=((2, 0), (1, 3)), activation="tanh"), L.Conv2D(7, (2, 4), padding="same")],
    "beyond": lambda: [L.Conv2D(3, 2, padding=((3, 3), (2, 4))), L.Conv2D(2, 3, padding=((4, 2), (3, 5)), use_bias=False)],
    "full": lambda: [L.Conv2D(1, 1), L.Conv2D(13, (12, 1)), L.Conv2D(3, (1, 11))],
    "max": lambda: [L.Conv2D(6, 3), L.MaxPooling2D(3, 2, padding="same"), L.Conv2D(4, 2, activation="sigmoid")],
    "average": lambda: [L.Conv2D(6, 3), L.AveragePooling2D(2, 3), L.Activation("softplus"), L.Conv2D(9, 2)],
    "adaptive": lambda: [L.Conv2D(6, 3), L.AdaptiveAveragePooling2D((5, 4)), L.Conv2D(9, 2)],
    "smooth": lambda: [L.Conv2D(6, 3), L.SoftPooling2D(3, 2), L.Conv2D(5, 2), L.LpPooling2D(2, 2, 1), L.Conv2D(3, 2)],
    "units": lambda: [
        L.Conv2D(12, 3, activation="silu"), L.Maxout(3), L.Conv2D(6, 3), L.Activation("hard_swish"), L.Maxout(),
    ],
    "twice": lambda: [L.Conv2D(4, 3), L.Dropout(0.3, seed=2), L.Conv2D(4, 3, padding="same"), L.MaxPooling2D()],
    "dense": lambda: [L.Conv2D(4, 5, activation="elu"), L.Flatten(), L.Dense(101, activation="tanh"), L.Dense(26)],
    "fives": lambda: [L.Conv2D(9, 5, padding="same"), L.Conv2D(11, (4, 5), padding=((2, 0), (1, 3)), activation="tanh")],
    "threes": lambda: [L.Conv2D(14, 3, padding=((0, 2), (3, 1)), activation="tanh"), L.Conv2D(13, 3, padding="same")],
    "frozen": lambda: [L.Conv2D(4, 3, trainable=False), L.Conv2D(7, 3), L.AveragePooling2D()],
    "reshaped": lambda: [L.Conv2D(4, 3), L.Reshape((9, 5, 8)), L.Conv2D(6, 3), L.MaxPooling2D(2), L.Reshape((-1, 3, 2)),
                         L.Conv2D(3, 2)],
    "wide": lambda: [L.Conv2D(4, 3), L.DepthwiseConv2D(3, activation="tanh"), L.Conv2D(5, 3), L.SeparableConv2D(3, 2),
                     L.Conv2D(4, 1), L.Conv2DTranspose(2, 3, 2, activation="tanh"), L.Conv2D(3, 3)],
    "between": lambda: [L.Rescaling(0.5, 1.0), L.Conv2D(4, 3), L.SpatialDropout2D(0.4, seed=2), L.Cropping2D(1),
                        L.Conv2D(5, 3), L.UpSampling2D(2), L.GaussianNoise(0.5, seed=5), L.Conv2D(3, 2),
                        L.ZeroPadding2D(1), L.Conv2D(2, 3)],
    "after": lambda: [L.LocalResponseNormalization(3, alpha=0.1), L.Conv2D(4, 3, padding="same"), L.Conv2D(20, 3)],
}


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("batch", [WIDTH, 2 * WIDTH + 3, 5 * WIDTH - 1])
@pytest.mark.parametrize("name", SPATIAL)
def test_gradients(name, batch, threads):
    """Against the float64 reference."""
    model, rng = chain(*SPATIAL[name]()), np.random.default_rng(batch)
    assert stages(model)
    twin, before = Twin(model), [layer.get_weights() for layer in model.layers]
    with fastcnn.num_threads(threads):
        x, y = clear_batch(twin, rng, batch, (12, 11, 2)), targets(rng, SPARSE, batch, 5)
        assert model.train_on_batch(x, y) == pytest.approx(twin.step(x, y), rel=2e-5)
    assert assert_trained_alike(model, twin, before, 5e-5) > 0


def trained(name, batches, threads):
    model, rng = chain(*SPATIAL[name](), seed=4), np.random.default_rng(0)
    with fastcnn.num_threads(threads):
        for batch in batches:
            model.train_on_batch(rng.standard_normal((batch, 12, 11, 2)), rng.integers(0, 5, batch))
        y = model.predict(rng.standard_normal((3 * WIDTH + 1, 12, 11, 2)), batch_size=3 * WIDTH + 1)
    return [*(w.tobytes() for w in model.get_weights()), y.tobytes()]


@pytest.mark.parametrize("name", SPATIAL)
def test_the_same_bits_at_any_number_of_threads(name):
    batches = WIDTH, 3 * WIDTH + 1, 8 * WIDTH
    assert trained(name, batches, 1) == trained(name, batches, 2) == trained(name, batches, 7)


def parts_trained(name, threads):
    """The bits of a step on fewer chunks than threads; of how many units passes have at most, by op and pass."""
    lenet, rng = name == "lenet5-1998", np.random.default_rng(0)
    batch = (2 if lenet else 40) * WIDTH  # small networks run on one thread unless there is much to do
    model = networks.lenet5(variant="1998", seed=4) if lenet else chain(*SPATIAL[name](), seed=4)
    if lenet:
        model.compile("sgd", "mean_squared_error")
    x, y = rng.standard_normal((batch, *model.input_shape[1:])), rng.integers(0, 5, batch)
    with fastcnn.num_threads(threads):
        loss = model.train_on_batch(x, np.eye(10)[y] if lenet else y)
        plan, _, _ = profiling.prepared(model, x, np.eye(10)[y] if lenet else y)
    units = {}
    for number, (first, count, *_) in enumerate(plan.phases):
        for step, (op, way) in enumerate(plan.steps[first:first + count], first):
            key = plan.ops[op] and plan.ops[op].name, way
            units[key] = max(units.get(key, 0), plan.program.units(number, step, batch, 1000))
    return [loss, *(w.tobytes() for w in model.get_weights())], units


@pytest.mark.parametrize("name", [*SPATIAL, "lenet5-1998"])
def test_threads_share_a_chunk(name):
    """Where chunks are fewer than threads."""
    chunks = 2 if name == "lenet5-1998" else 40
    (expected, units), (got, _) = parts_trained(name, 1), parts_trained(name, chunks + 9)
    assert got == expected
    assert units["conv2d", "forward"] > chunks and units["to_lanes", "forward"] > chunks


def test_empty_lanes_do_not_count():
    """A short last chunk: weights move as by the images that are there, whatever its buffers held before."""
    rng, (full, short) = np.random.default_rng(0), (2 * WIDTH, WIDTH + 1)
    x, y = rng.standard_normal((full, 12, 11, 2)).astype(np.float32), rng.integers(0, 5, full)
    model, fresh = chain(*SPATIAL["average"]()), chain(*SPATIAL["average"]())
    weights = model.get_weights()
    model.fit(1e3 * x, y, batch_size=full, verbose=0)
    model.set_weights(weights)
    plan = model._plans["train"]
    model._run(plan, short, (x[:short], y[:short].astype(np.int32), None), 1)
    fresh.fit(np.zeros_like(x), y, batch_size=full, verbose=0)
    fresh.set_weights(weights)
    fresh._run(fresh._plans["train"], short, (x[:short], y[:short].astype(np.int32), None), 1)
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), fresh.get_weights()))


def test_dropout_draws_the_same_numbers(monkeypatch):
    """Its key is the layer's place in the network, not in the plan."""
    def losses():
        model = chain(L.Conv2D(3, 3), L.Dropout(0.5), seed=3)
        x = np.random.default_rng(0).standard_normal((WIDTH, 12, 11, 2))
        return [model.train_on_batch(x, np.zeros(WIDTH, int)) for _ in range(3)], names(model, WIDTH)

    inside, ops = losses()
    without(monkeypatch)
    outside, others = losses()
    assert "to_lanes" in ops and "to_lanes" not in others
    assert inside == pytest.approx(outside, rel=1e-5)


@pytest.mark.parametrize("images", [1, WIDTH - 1, WIDTH, WIDTH + 1])
@pytest.mark.parametrize("size", [1, WIDTH, 3 * WIDTH + 1])
def test_images_that_are_not_there_are_left_alone(images, size):
    """Out of lanes come as many images as there are, into arrays that end behind them."""
    x, y = integers(np.random.default_rng(size), (images, size)), poisoned((images, size), guarded)
    chunks = -(-images // WIDTH)
    rows = np.ascontiguousarray(np.resize(x, (chunks, WIDTH, size)).swapaxes(1, 2)).reshape(chunks * WIDTH, size)
    program = _ops.Program([_ops.from_lanes(size)], [(0, "forward")], [(0, 1, WIDTH, True)])
    program.bind_rows(0, "x", rows, size)
    program.bind_rows(0, "y", y, size)
    program.run(images, 1)
    assert_same(y, x)
