"""ConvNetJS' trainer: each method against its formula in float64, one by one and in batches, and its options."""

import json
import math

import numpy as np
import pytest

import fastcnn
from fastcnn.convnetjs import Net, SGDTrainer, Trainer

LAYERS = [
    {"type": "input", "out_sx": 1, "out_sy": 1, "out_depth": 5},
    {"type": "fc", "num_neurons": 6, "activation": "tanh", "l1_decay_mul": 2.0, "l2_decay_mul": 0.5},
    {"type": "softmax", "num_classes": 3},
]
OPTIONS = {
    "sgd": {"learning_rate": 0.2, "momentum": 0.0},
    "momentum": {"method": "sgd", "learning_rate": 0.2},
    "nesterov": {"method": "netsterov", "learning_rate": 0.2, "momentum": 0.8},
    "adagrad": {"method": "adagrad", "learning_rate": 0.1},
    "windowgrad": {"method": "windowgrad", "learning_rate": 0.05, "ro": 0.9},
    "adadelta": {"method": "adadelta", "learning_rate": 7.0, "eps": 1e-4},
    "adam": {"method": "adam", "learning_rate": 0.05},
}


def samples(count=30, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(count, 5)), rng.integers(0, 3, count)


def costs_and_gradients(weights, x, y):
    """(mean cost, mean gradients) in float64."""
    w1, b1, w2, b2 = weights
    hidden = np.tanh(x @ w1 + b1)
    logits = hidden @ w2 + b2
    p = np.exp(logits - logits.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    cost = -np.log(p[np.arange(len(y)), y])
    dy = (p - np.eye(3)[y]) / len(y)
    dh = dy @ w2.T * (1 - hidden**2)
    return cost, [x.T @ dh, dh.sum(0), hidden.T @ dy, dy.sum(0)]


class Formula:
    """ConvNetJS' rules as its code reads, one array after the other, in float64."""

    def __init__(self, method, weights, batch_size, faithful=False, learning_rate=0.01, momentum=0.9, ro=0.95, eps=None,
                 beta1=0.9, beta2=0.999, l1_decay=0.0, l2_decay=0.0):
        self.method, self.batch_size, self.faithful = method, batch_size, faithful
        self.w = [w.astype(np.float64) for w in weights]
        self.rate, self.momentum, self.ro, self.b1, self.b2 = learning_rate, momentum, ro, beta1, beta2
        self.eps, self.k = eps or (1e-8 if method == "adam" else 1e-6), 0
        self.l1_decay, self.l2_decay = l1_decay, l2_decay
        self.gsum, self.xsum = [np.zeros(w.shape) for w in self.w], [np.zeros(w.shape) for w in self.w]

    def step(self, gradients):
        self.k += self.batch_size
        for i, (l1, l2, g) in enumerate(zip((2, 0, 0, 0), (0.5, 0, 1, 0), gradients)):
            g = g + (self.l1_decay * l1 * np.sign(self.w[i]) + self.l2_decay * l2 * self.w[i]) / self.batch_size
            self.w[i] = self.w[i] + self.moved(i, g)

    def moved(self, i, g):
        if self.method == "sgd":
            self.gsum[i] = self.momentum * self.gsum[i] - self.rate * g
            return self.gsum[i]
        if self.method == "netsterov":
            before, self.gsum[i] = self.gsum[i], self.momentum * self.gsum[i] + self.rate * g
            return self.momentum * before - (1 + self.momentum) * self.gsum[i]
        if self.method == "adam":
            self.gsum[i] = self.b1 * self.gsum[i] + (1 - self.b1) * g
            self.xsum[i] = self.b2 * self.xsum[i] + (1 - self.b2) * g * g
            if self.faithful:
                factor = (1 - self.b1**self.k) / math.sqrt(1 - self.b2**self.k)
            else:
                t = self.k // self.batch_size
                factor = math.sqrt(1 - self.b2**t) / (1 - self.b1**t)
            return -self.rate * factor * self.gsum[i] / (np.sqrt(self.xsum[i]) + self.eps)
        if self.method == "adagrad":
            self.gsum[i] = self.gsum[i] + g * g
            return -self.rate / np.sqrt(self.gsum[i] + self.eps) * g
        self.gsum[i] = self.ro * self.gsum[i] + (1 - self.ro) * g * g
        if self.method == "windowgrad":
            return -self.rate / np.sqrt(self.gsum[i] + self.eps) * g
        moved = -np.sqrt((self.xsum[i] + self.eps) / (self.gsum[i] + self.eps)) * g
        self.xsum[i] = self.ro * self.xsum[i] + (1 - self.ro) * moved**2
        return moved


def pair(rule, faithful=False, batch_size=6):
    """(trainer, the formula's twin)."""
    net, options = Net(LAYERS, faithful, seed=2), {"l1_decay": 0.2, "l2_decay": 0.3, **OPTIONS[rule]}
    method = options.pop("method", "sgd")
    return (Trainer(net, method, batch_size, **options),
            Formula(method, net.model.get_weights(), batch_size, faithful, **options))


@pytest.mark.parametrize("faithful", [False, True])
@pytest.mark.parametrize("rule", OPTIONS)
def test_rules(rule, faithful):
    """Five steps, samples one by one."""
    trainer, twin = pair(rule, faithful)
    x, y = samples()
    start = list(twin.w)
    for step in range(5):
        part = slice(6 * step, 6 * step + 6)
        cost, gradients = costs_and_gradients(twin.w, x[part], y[part])
        told = [trainer.train(image, int(label)) for image, label in zip(x[part], y[part])]
        assert np.allclose([stats["cost_loss"] for stats in told], cost, rtol=1e-4)
        l1, l2 = 0.2 * 2 * np.abs(twin.w[0]).sum(), 0.3 / 2 * (0.5 * np.sum(twin.w[0] ** 2) + np.sum(twin.w[2] ** 2))
        assert [stats["l1_decay_loss"] for stats in told] == [0] * 5 + [pytest.approx(l1, rel=1e-4)]
        assert [stats["l2_decay_loss"] for stats in told] == [0] * 5 + [pytest.approx(l2, rel=1e-4)]
        assert told[-1]["loss"] == pytest.approx(told[-1]["cost_loss"] + l1 + l2, rel=1e-4)
        twin.step(gradients)
        for found, right in zip(trainer.net.model.get_weights(), twin.w):
            assert np.abs(found - right).max() < 1e-5
    assert trainer.k == 30 and max(np.abs(a - b).max() for a, b in zip(start, twin.w)) > 1e-2


def test_the_mistaken_correction_makes_a_difference():
    ends = []
    for faithful in (False, True):
        trainer, _ = pair("adam", faithful)
        trainer.train_batch(*batch(samples(6)))
        ends.append(trainer.net.model.get_weights()[0])
    assert np.abs(ends[0] - ends[1]).max() > 1e-3


def batch(found):
    x, y = found
    return x[:, None, None], y


@pytest.mark.parametrize("rule", OPTIONS)
def test_batches_are_the_same_steps(rule):
    one, many = pair(rule)[0], pair(rule)[0]
    x, y = samples(18)
    for step in range(3):
        part = slice(6 * step, 6 * step + 6)
        weights = many.net.model.get_weights()
        for image, label in zip(x[part], y[part]):
            last = one.train(image, label)
        told = many.train_batch(x[part, None, None], y[part])
        assert told.keys() == last.keys()
        assert [told[f"l{i}_decay_loss"] for i in (1, 2)] == [last[f"l{i}_decay_loss"] for i in (1, 2)]
        costs, _ = costs_and_gradients(weights, x[part], y[part])
        assert told["cost_loss"] == pytest.approx(costs.mean(), rel=1e-4), "without the decays"
    assert [w.tobytes() for w in one.net.model.get_weights()] == [w.tobytes() for w in many.net.model.get_weights()]
    assert one.k == many.k == 18


def test_fit():
    x, y = batch(samples(20))
    trainer, twin = pair("adadelta")[0], pair("adadelta")[0]
    history = trainer.fit(x, y, epochs=2, shuffle=False, verbose=0)
    for _ in range(2):
        for i in range(0, 20, 6):
            twin.train_batch(x[i:i + 6], y[i:i + 6])
    assert [w.tobytes() for w in trainer.net.model.get_weights()] == [w.tobytes() for w in twin.net.model.get_weights()]
    assert len(history.history["loss"]) == 2 and trainer.k == 48
    assert trainer.fit(x, y, validation_data=(x, y), verbose=0).history["val_loss"]


def test_the_mistakes_of_costs_are_told():
    x, y = samples(6)
    for end, ys in (("svm", y), ("regression", np.eye(3)[y])):
        layers = [*LAYERS[:-1], {"type": end, "num_classes": 3} if end == "svm" else {"type": end, "num_neurons": 3}]
        right, wrong = (Net(layers, faithful, seed=2) for faithful in (False, True))
        told = [Trainer(net, batch_size=6).train_batch(x[:, None, None], ys)["cost_loss"] for net in (right, wrong)]
        assert told[1] == pytest.approx(told[0] + 1 if end == "svm" else 4 * told[0])
        one = np.mean([Net(layers, True, seed=2).getCostLoss(image, target) for image, target in zip(x, ys)])
        assert one == pytest.approx(told[1], rel=1e-5)


# Options


def test_options_in_a_dictionary():
    """As JavaScript gives them."""
    options = {"method": "windowgrad", "learning_rate": 0.2, "ro": 0.8, "batch_size": 6, "l2_decay": 0.1}
    one, two = Trainer(Net(LAYERS, seed=1), options), SGDTrainer(Net(LAYERS, seed=1), **options)
    for trainer in (one, two):
        trainer.train_batch(*batch(samples(6)))
    assert one.method == "windowgrad" and one.ro == 0.8
    assert [w.tobytes() for w in one.net.model.get_weights()] == [w.tobytes() for w in two.net.model.get_weights()]
    for wrong in (lambda: Trainer(Net(LAYERS), {"rho": 0.9}), lambda: Trainer(Net(LAYERS), options, momentum=0.5)):
        with pytest.raises(TypeError, match="rho|not both"):
            wrong()
    with pytest.raises(AttributeError):
        one.method = "sgd"
    assert one.method == "windowgrad"


def test_options_change_between_steps():
    x, y = batch(samples(6))
    trainer, twin = pair("momentum")
    for change in ({}, {"learning_rate": 0.5}, {"l1_decay": 0.1}, {"l2_decay": 0.0}, {"momentum": 0.5, "learning_rate": 0.1},
                   {"l1_decay": 0.0}):
        for name, value in change.items():
            setattr(trainer, name, value)
            setattr(twin, {"learning_rate": "rate"}.get(name, name), value)
        trainer.train_batch(x, y)
        twin.step(costs_and_gradients(twin.w, x[:, 0, 0], y)[1])
    assert max(np.abs(a - b).max() for a, b in zip(trainer.net.model.get_weights(), twin.w)) < 1e-5
    assert trainer.net.model.optimizer.iterations == 6
    trainer.momentum = 0.0
    trainer.train_batch(x, y)
    trainer.momentum = 0.9
    before = trainer.net.model.get_weights()
    trainer.train_batch(x, y)
    _, gradients = costs_and_gradients([w.astype(np.float64) for w in before], x[:, 0, 0], y)
    for old, new, g in zip(before, trainer.net.model.get_weights(), gradients):
        assert np.abs(old - 0.1 * g - new).max() < 1e-6, "velocity begins anew"


def test_batch_size_changes_between_steps():
    trainer, _ = pair("sgd", batch_size=4)
    x, y = samples(8)
    for i in range(3):
        trainer.train(x[i], y[i])
    assert trainer.net.model.optimizer is None or trainer.net.model.optimizer.iterations == 0
    trainer.batch_size = 2
    trainer.train(x[3], y[3])
    assert trainer.net.model.optimizer.iterations == 1
    trainer.train(x[4], y[4])
    trainer.train(x[5], y[5])
    assert trainer.net.model.optimizer.iterations == 2


def test_a_network_made_anew_is_trained_anew():
    trainer, _ = pair("momentum")
    trainer.train_batch(*batch(samples(6)))
    trainer.net.makeLayers(LAYERS)
    trainer.train_batch(*batch(samples(6)))
    assert trainer.net.model.optimizer.iterations == 1


def test_what_is_given_may_change_afterwards():
    """Samples wait until a batch is full."""
    x, y = samples(6)
    one, two = pair("sgd")[0], pair("sgd")[0]
    image = np.empty(5, np.float32)
    for own, label in zip(x, y):
        image[:] = own
        one.train(image, label)
        two.train(own, label)
    assert [w.tobytes() for w in one.net.model.get_weights()] == [w.tobytes() for w in two.net.model.get_weights()]


@pytest.mark.parametrize("options, error, message", [
    ({"method": "sdg"}, ValueError, "Received: 'sdg'"), ({"batch_size": 0}, ValueError, "batch_size"),
    ({"momentum": 1.0}, ValueError, "momentum must be less than 1"), ({"l2_decay": -1}, ValueError, "l2_decay"),
    ({"l1_decay": -1}, ValueError, "l1_decay"),
    ({"eps": 0}, ValueError, "eps"), ({"learning_rate": None}, TypeError, "learning_rate"), ({"rho": 0.9}, TypeError, "rho"),
])
def test_wrong_options(options, error, message):
    with pytest.raises(error, match=message):
        Trainer(Net(LAYERS), **options)
    with pytest.raises(TypeError, match="net must be"):
        Trainer(fastcnn.networks.lenet5())
    trainer = Trainer(Net(LAYERS))
    for name, value in options.items():
        if name not in ("method", "rho"):
            with pytest.raises(error, match=message):
                setattr(trainer, name, value)


def test_untrained_targets_are_refused_before_anything_happens():
    trainer, _ = pair("sgd")
    before = json.dumps(trainer.net.toJSON())
    with pytest.raises(ValueError, match="from 0 to 2"):
        trainer.train(samples()[0][0], 3)
    assert trainer.k == 0 and json.dumps(trainer.net.toJSON()) == before


def test_training_learns():
    x, y = samples(200, seed=5)
    y = (x[:, 0] > 0).astype(int) + (x[:, 1] > 0)
    trainer = Trainer(Net(LAYERS, seed=1), method="adadelta", batch_size=10, l2_decay=0.001)
    trainer.fit(x[:, None, None], y, epochs=30, verbose=0)
    assert (trainer.net.predict(x[:, None, None]).argmax(1) == y).mean() > 0.9
