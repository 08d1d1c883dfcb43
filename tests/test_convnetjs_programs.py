"""Programs for ConvNetJS, its documentation's and its demos', line by line in Python: they run, and they learn."""

import json
import math
import random

import numpy as np
import pytest

import fastcnn
from fastcnn import convnetjs


@pytest.fixture(autouse=True)
def chance():
    """The programs draw from Python's own generator, as JavaScript's from Math.random."""
    random.seed(1)
    fastcnn.set_random_seed(1)


def made(*layer_defs):
    net = convnetjs.Net()
    net.makeLayers([dict(zip(("type", *names), values)) for names, values in layer_defs])
    return net


INPUT, FC, ACTIVE = ("out_sx", "out_sy", "out_depth"), ("num_neurons",), ("num_neurons", "activation")


def test_getting_started():
    net = made((INPUT, ("input", 1, 1, 2)), (ACTIVE, ("fc", 20, "relu")), (ACTIVE, ("fc", 20, "relu")),
               (("num_classes",), ("softmax", 2)))
    x = convnetjs.Vol([0.5, -1.3])
    before = net.forward(x).w[0]
    trainer = convnetjs.Trainer(net, {"learning_rate": 0.01, "l2_decay": 0.001})
    stats = trainer.train(x, 0)
    assert net.forward(x).w[0] > before and stats["cost_loss"] == pytest.approx(-math.log(before), rel=1e-5)
    assert 0 < stats["l2_decay_loss"] == pytest.approx(stats["loss"] - stats["cost_loss"], abs=1e-6)
    other = convnetjs.Net()
    other.fromJSON(json.loads(json.dumps(net.toJSON())))
    assert other.forward(x).w.tolist() == net.forward(x).w.tolist()


def test_getting_started_with_regression():
    net = made((INPUT, ("input", 1, 1, 2)), (ACTIVE, ("fc", 5, "sigmoid")), (FC, ("regression", 1)))
    x = convnetjs.Vol([0.5, -1.3])
    trainer = convnetjs.SGDTrainer(net, {"learning_rate": 0.01, "momentum": 0.0, "batch_size": 1, "l2_decay": 0.001})
    for _ in range(300):
        trainer.train(x, [0.7])
    assert abs(net.forward(x).w[0] - 0.7) < 0.05


def test_two_dimensions():
    """Points within a circle and without; the grid that the demo draws."""
    data = [[random.uniform(-3, 3), random.uniform(-3, 3)] for _ in range(60)]
    labels = [1 if math.hypot(*point) > 2 else 0 for point in data]
    net = made((INPUT, ("input", 1, 1, 2)), (ACTIVE, ("fc", 6, "tanh")), (ACTIVE, ("fc", 2, "tanh")),
               (("num_classes",), ("softmax", 2)))
    trainer = convnetjs.SGDTrainer(net, {"learning_rate": 0.01, "momentum": 0.1, "batch_size": 10, "l2_decay": 0.001})
    trainer.learning_rate = 0.1
    x, means = convnetjs.Vol(1, 1, 2), []
    for _ in range(60):
        loss = 0.0
        for point, label in zip(data, labels):
            x.w = point
            loss += trainer.train(x, label)["loss"]
        means.append(loss / len(data))
    assert means[-1] < 0.6 * means[0]
    x.w[0] = x.w[1] = 0.0
    a = net.forward(x, False)
    assert a.w[0] > a.w[1] and net.layers[4].out_act.w.shape == (2,), "the layer that the demo draws points by"


def test_a_curve():
    data = [[random.random() * 10 - 5] for _ in range(20)]
    labels = [[x * math.sin(x)] for x, in data]
    net = made((INPUT, ("input", 1, 1, 1)), (ACTIVE, ("fc", 20, "relu")), (ACTIVE, ("fc", 20, "sigmoid")),
               (FC, ("regression", 1)))
    trainer = convnetjs.SGDTrainer(net, {"learning_rate": 0.01, "momentum": 0.0, "batch_size": 1, "l2_decay": 0.001})
    netx, means = convnetjs.Vol(1, 1, 1), []
    for _ in range(100):
        means.append(0.0)
        for x, y in zip(data, labels):
            netx.w = x
            means[-1] += trainer.train(netx, y)["loss"] / len(data)
    assert means[-1] < 0.5 * means[0]
    netx.w[0] = 1.5
    assert math.isfinite(net.forward(netx).w[0]) and len(net.layers[2].out_act.w) == 20


def test_a_picture():
    """Colours from coordinates: three outputs."""
    size = 16
    colour = [[[x / size, y / size, 0.5] for x in range(size)] for y in range(size)]
    net = made((INPUT, ("input", 1, 1, 2)), *[(ACTIVE, ("fc", 20, "relu"))] * 3, (FC, ("regression", 3)))
    trainer = convnetjs.SGDTrainer(net, {"learning_rate": 0.01, "momentum": 0.9, "batch_size": 5, "l2_decay": 0.0})
    v, losses = convnetjs.Vol(1, 1, 2), []
    for _ in range(1500):
        x, y = random.randrange(0, size), random.randrange(0, size)
        v.w[0], v.w[1] = (x - size / 2) / size, (y - size / 2) / size
        losses.append(trainer.train(v, colour[y][x])["loss"])
    assert sum(losses[-100:]) < 0.2 * sum(losses[:100])
    trainer.learning_rate = 10.0**-4
    assert net.forward(v).depth == 3


def test_an_autoencoder():
    """A volume's numbers are its own target."""
    (digits, _), _ = fastcnn.datasets.mnist.load_data()
    net = made((INPUT, ("input", 28, 28, 1)), (ACTIVE, ("fc", 50, "tanh")), (FC, ("fc", 2)), (ACTIVE, ("fc", 50, "tanh")),
               (FC, ("regression", 28 * 28)))
    trainer = convnetjs.SGDTrainer(net, {"learning_rate": 1, "method": "adadelta", "batch_size": 10, "l2_decay": 0.001,
                                         "l1_decay": 0.001})
    losses = []
    for pixels in list(digits[:50]) * 4:
        x = convnetjs.Vol(28, 28, 1, 0.0)
        x.w[:] = pixels.reshape(-1) / 255
        stats = trainer.train(x, x.w)
        losses.append(stats["cost_loss"])
        assert stats["l1_decay_loss"] == 0, "l1_decay_mul is 0 unless it is given"
    assert sum(losses[-50:]) < 0.7 * sum(losses[:50]) and len(net.layers[3].out_act.w) == 2


def test_trainers_side_by_side():
    lr, bs, l2 = 0.01, 8, 0.001
    trainer_defs = [
        {"learning_rate": 10 * lr, "method": "sgd", "momentum": 0.0, "batch_size": bs, "l2_decay": l2},
        {"learning_rate": lr, "method": "sgd", "momentum": 0.9, "batch_size": bs, "l2_decay": l2},
        {"learning_rate": lr, "method": "adam", "eps": 1e-8, "beta1": 0.9, "beta2": 0.99, "batch_size": bs, "l2_decay": l2},
        {"learning_rate": lr, "method": "adagrad", "eps": 1e-6, "batch_size": bs, "l2_decay": l2},
        {"learning_rate": lr, "method": "windowgrad", "eps": 1e-6, "ro": 0.95, "batch_size": bs, "l2_decay": l2},
        {"learning_rate": 1.0, "method": "adadelta", "eps": 1e-6, "ro": 0.95, "batch_size": bs, "l2_decay": l2},
        {"learning_rate": lr, "method": "nesterov", "momentum": 0.9, "batch_size": bs, "l2_decay": l2},
    ]
    (digits, labels), _ = fastcnn.datasets.mnist.load_data()
    nets, trainers = [], []
    for trainer_def in trainer_defs:
        net = made((INPUT, ("input", 24, 24, 1)), *[(ACTIVE, ("fc", 20, "relu"))] * 2, (("num_classes",), ("softmax", 10)))
        if nets:  # all begin alike
            for own, first in zip(net.getParamsAndGrads(), nets[0].getParamsAndGrads()):
                own["params"][:] = first["params"]
        nets.append(net)
        trainers.append(convnetjs.Trainer(net, trainer_def))
    losses = np.zeros((len(nets), 400))
    for step in range(losses.shape[1]):
        x = convnetjs.Vol(28, 28, 1, 0.0)
        x.w = digits[step % 100].reshape(-1) / 255.0
        x = convnetjs.augment(x, 24)
        for i, trainer in enumerate(trainers):
            losses[i, step] = trainer.train(x, int(labels[step % 100]))["loss"]
            assert 0 <= nets[i].getPrediction() < 10
    assert np.allclose(losses[:, 0] - losses[0, 0], 0, atol=1e-5)
    assert (losses[:, -100:].mean(axis=1) < losses[:, :100].mean(axis=1)).all()


def test_images_by_several_looks():
    """The demos of MNIST and CIFAR-10: shifted and mirrored images to train on, outputs of some added up to judge by."""
    rng = np.random.default_rng(3)
    pictures = [(np.roll(np.linspace(0, 1, 64 * 3), 40 * k) + rng.normal(0, 0.1, 192)).reshape(8, 8, 3) for k in (0, 1, 2)]
    conv, pool = ("sx", "filters", "stride", "pad", "activation"), ("sx", "stride")
    net = made((INPUT, ("input", 8, 8, 3)), (conv, ("conv", 3, 8, 1, 1, "relu")), (pool, ("pool", 2, 2)),
               (conv, ("conv", 3, 8, 1, 1, "relu")), (pool, ("pool", 2, 2)), (("num_classes",), ("softmax", 3)))
    trainer = convnetjs.SGDTrainer(net, {"method": "adadelta", "batch_size": 4, "l2_decay": 0.0001})

    def sample(label):
        x = convnetjs.Vol(8, 8, 3, 0.0)
        for dc in range(3):
            for yc in range(8):
                for xc in range(8):
                    x.set(xc, yc, dc, pictures[label][yc, xc, dc] - 0.5)
        x = convnetjs.augment(x, 8, math.floor(random.random() * 3 - 1), math.floor(random.random() * 3 - 1), False)
        return convnetjs.augment(x, 8, 0, 0, random.random() < 0.5)

    for step in range(120):
        trainer.train(sample(step % 3), step % 3)
    right = 0
    for y in range(3):
        aavg = convnetjs.Vol(1, 1, net.layers[len(net.layers) - 1].out_depth, 0.0)
        for _ in range(6):
            aavg.addFrom(net.forward(sample(y)))
        preds = sorted(({"k": k, "p": aavg.w[k]} for k in range(len(aavg.w))), key=lambda pred: -pred["p"])
        assert sum(pred["p"] for pred in preds) == pytest.approx(6, rel=1e-5)
        right += preds[0]["k"] == y
    assert right == 3


def test_values_of_actions():
    """What deepqlearn does: states as lists, one output's target at a time."""
    net = made((INPUT, ("input", 1, 1, 3)), (ACTIVE, ("fc", 10, "relu")), (FC, ("regression", 2)))
    trainer = convnetjs.SGDTrainer(net, {"learning_rate": 0.05, "momentum": 0.0, "batch_size": 4, "l2_decay": 0.0001})
    x = convnetjs.Vol(1, 1, 3)
    for step in range(800):
        state, action = [random.random() for _ in range(3)], step % 2
        x.w = state
        trainer.train(x, {"dim": action, "val": state[action]})
    x.w = [0.9, 0.1, 0.5]
    values = net.forward(x)
    assert values.w[0] > 0.6 and values.w[1] < 0.4
