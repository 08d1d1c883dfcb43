"""Learning rates and weight decays of single layers and parameters, against SGD written out in float64."""

import json

import inside
import numpy as np
import pytest
from twin import Affine, Twin, assert_trained_alike

import fastcnn
from fastcnn import layers as L
from fastcnn.optimizers import SGD, schedules


def model(**last):
    return fastcnn.Sequential(
        [
            L.Dense(5, "tanh", input_shape=(4,), learning_rate_multiplier={"bias": 2.0},
                    weight_decay_multiplier={"bias": 0.0}),
            L.Dense(3, "tanh", learning_rate_multiplier=0.5),
            L.Dense(6, "tanh", learning_rate_multiplier={"kernel": 0, "bias": 3}, weight_decay_multiplier=2),
            L.Dense(2, **last),
        ],
        seed=0,
    )


FACTORS = [(1, 1), (2, 0), (0.5, 1), (0.5, 1), (0, 2), (3, 2), (1, 1), (1, 1)]  # of each array


def test_runs_of_equal_multipliers():
    net = model()
    found = inside.ranges(net)
    assert [run[2:4] for run in found] == [(1, 1), (2, 0), (0.5, 1), (0, 2), (3, 2), (1, 1)]
    starts = [p.start for p in net.parameters]
    assert [start for start, *_ in found] == [starts[i] for i in (0, 1, 2, 4, 5, 6)]
    assert sum(size for _, size, *_ in found) == inside.flat(net).size
    assert inside.ranges(fastcnn.networks.lenet5()) == [(0, inside.flat(fastcnn.networks.lenet5()).size, 1, 1, (0, 0))]


OPTIMIZERS = {
    "coupled": lambda: SGD(0.3, momentum=0.9, weight_decay=0.1, decoupled=False),
    "decoupled": lambda: SGD(0.3, momentum=0.9, weight_decay=0.1),
    "nesterov": lambda: SGD(0.2, momentum=0.5, nesterov=True, weight_decay=0.2, decoupled=False),
    "plain": lambda: SGD(0.5),
    "schedule": lambda: SGD(schedules.OneCycle(0.5, 6), momentum=0.8, weight_decay=0.1),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_steps_are_those_of_sgd(name):
    """v ← m·v − r·(g + d·w), w ← w + v, with r and d multiplied; decoupled: w ← (1 − r·d)·w instead."""
    net, o, rng = model(), OPTIMIZERS[name](), np.random.default_rng(0)
    net.compile(o, "mse")
    twin = Twin(net)
    w = [a.astype(np.float64) for a in net.get_weights()]
    v = [np.zeros_like(a) for a in w]
    for step in range(5):
        x, y = rng.standard_normal((7, 4)), rng.standard_normal((7, 2))
        twin.weights = [w[i : i + 2] for i in range(0, 8, 2)]
        gradients = [g for layer in twin.gradients(x, y)[1] for g in layer]
        rate = o.schedule(step) if o.schedule else o.learning_rate
        for i, (g, (rate_factor, decay_factor)) in enumerate(zip(gradients, FACTORS)):
            r, d = rate * rate_factor, o.weight_decay * decay_factor
            if o.decoupled:
                w[i] = w[i] - r * d * w[i]
            else:
                g = g + d * w[i]
            v[i] = o.momentum * v[i] - r * g
            w[i] = w[i] + (o.momentum * v[i] - r * g if o.nesterov else v[i])
        net.train_on_batch(x, y)
        for actual, expected in zip(net.get_weights(), w):
            np.testing.assert_allclose(actual, expected, rtol=2e-5, atol=1e-6)
    assert np.array_equal(net.get_weights()[4], model().get_weights()[4]), "rate 0 keeps the kernel"


def test_convolutions_and_layers_in_numpy():
    net = fastcnn.Sequential(
        [
            L.Conv2D(3, 3, input_shape=(6, 6, 2), weight_decay_multiplier=3, learning_rate_multiplier={"kernel": 0.25}),
            Affine(learning_rate_multiplier={"shift": 4.0}),
            L.Flatten(),
            L.Dense(2, trainable=False),
        ],
        seed=1,
    )
    net.compile(SGD(0.1, momentum=0.9, weight_decay=0.3, decoupled=False), "mse")
    twin, before, rng = Twin(net), [layer.get_weights() for layer in net.layers], np.random.default_rng(1)
    for _ in range(3):
        x, y = rng.standard_normal((4, 6, 6, 2)).astype(np.float32), rng.standard_normal((4, 2)).astype(np.float32)
        net.train_on_batch(x, y)
        twin.step(x, y)
    assert assert_trained_alike(net, twin, before, 1e-5, steps=3) == 4
    assert [run[2:4] for run in inside.ranges(net)] == [(0.25, 3), (1, 3), (1, 1), (4, 1)]


def test_configuration():
    """Said only when given, and kept by a saved model."""
    assert not {"learning_rate_multiplier", "weight_decay_multiplier"} & set(L.Dense(2).get_config())
    net = model()
    config = json.loads(json.dumps(net.get_config()))
    assert config["layers"][0]["config"]["learning_rate_multiplier"] == {"bias": 2.0}
    assert "weight_decay_multiplier" not in config["layers"][1]["config"]
    again = fastcnn.Sequential.from_config(config)
    assert inside.ranges(again) == inside.ranges(net)


def test_a_saved_model_keeps_them(tmp_path):
    net = model()
    net.save(tmp_path / "net")
    assert inside.ranges(fastcnn.load_model(tmp_path / "net")) == inside.ranges(net)


def test_set_on_a_built_layer():
    net = model()
    net.layers[0].learning_rate_multiplier = None
    net.layers[0].weight_decay_multiplier = 5
    net.compile(SGD(0.1), "mse")
    assert inside.ranges(net)[0][2:4] == (1.0, 5.0)
    with pytest.raises(ValueError, match="Received: {'kernels': 1.0}"):
        net.layers[0].learning_rate_multiplier = {"kernels": 1}
    assert net.layers[0].learning_rate_multiplier is None, "what was refused changes nothing"


@pytest.mark.parametrize("name", ["learning_rate_multiplier", "weight_decay_multiplier"])
@pytest.mark.parametrize(
    "make, error, message",
    [
        (lambda o: L.Dense(2, **{o: -1}), ValueError, "must lie in .*Received: -1"),
        (lambda o: L.Dense(2, **{o: "2"}), TypeError, "real number. Received: '2'"),
        (lambda o: L.Dense(2, **{o: True}), TypeError, "Received: True"),
        (lambda o: L.Dense(2, **{o: {"bias": float("nan")}}), ValueError, "'bias'.*finite. Received: nan"),
        (lambda o: L.Dense(2, **{o: {"bias": None}}), TypeError, "'bias'.*Received: None"),
        (lambda o: L.Dense(2, **{o: {1: 2.0}}), TypeError, "Received: {1: 2.0}"),
        (lambda o: L.Dense(2, **{o: {"biases": 2}})(np.ones((1, 3))), ValueError, "kernel, bias .*Received: {'biases'"),
        (lambda o: L.Dense(2, use_bias=False, **{o: {"bias": 2.0}})(np.ones((1, 3))), ValueError, "Received: {'bias'"),
        (lambda o: L.Flatten(**{o: 2.0})(np.ones((1, 3))), ValueError, "Flatten has no parameters.*Received: 2.0"),
        (lambda o: L.InputLayer((3,), **{o: 2.0}), ValueError, "InputLayer has no parameters.*Received: 2.0"),
        (lambda o: L.Dense(2, **{o[:-2]: 2.0}), TypeError, "Did you mean"),
    ],
)
def test_errors(name, make, error, message):
    with pytest.raises(error, match=message):
        make(name)
