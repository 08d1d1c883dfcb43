"""Group "convnetjs": its MNIST demo's network, here and in node in turn: the same weights, digits and options.

Before anything is timed, outputs agree within 10⁻⁶, the costs of three steps of 20 images within 10⁻⁴. One image at a
time is how ConvNetJS trains; `training` gives ours 20 at once, `one_by_one` one after the other, as it does.
"""

from contextlib import ExitStack
from functools import partial

import numpy as np

import fastcnn
from benchmarks import expected, peers
from benchmarks.jobs import Job, WrongResult, timed
from fastcnn.convnetjs import Net, Trainer

BATCH = 20
OPTIONS = {"method": "adadelta", "batch_size": BATCH, "l2_decay": 0.001}
DEMO = [
    {"type": "input", "out_sx": 24, "out_sy": 24, "out_depth": 1},
    {"type": "conv", "sx": 5, "filters": 8, "stride": 1, "pad": 2, "activation": "relu"},
    {"type": "pool", "sx": 2, "stride": 2},
    {"type": "conv", "sx": 5, "filters": 16, "stride": 1, "pad": 2, "activation": "relu"},
    {"type": "pool", "sx": 3, "stride": 3},
    {"type": "softmax", "num_classes": 10},
]


def jobs(settings):
    """Forward image by image; training in batches, and image by image."""
    return [Job("convnetjs", "mnist_demo", run, stage, batch) for run, stage, batch in (
        (_forward, "forward", 1), (_training, "training", BATCH), (_one_by_one, "one_by_one", BATCH))]


def digits(count):
    """(x (count, 24, 24, 1), y) of the bundled MNIST, as the demo crops and scales them."""
    (x, y), _ = fastcnn.datasets.mnist.load_data()
    return np.ascontiguousarray(x[:count, 2:26, 2:26, None] / np.float32(255) - np.float32(0.5)), y[:count]


def _child(stack, settings, *arguments):
    """({"convnetjs": the process}, {}), or ({}, {"convnetjs": why there is none})."""
    if "convnetjs" not in settings.peers:
        return {}, {}
    try:
        from benchmarks.peers.convnetjs_node import Child

        child = Child(*arguments)
    except Exception as error:  # noqa: BLE001  a peer that cannot is no reason to stop
        return {}, {"convnetjs": {"error": peers.reason(error)}}
    stack.callback(child.close)
    return {"convnetjs": child}, {}


def _forward(settings):
    net, (x, _) = Net(DEMO, seed=1), digits(1)
    with ExitStack() as stack:
        others, missing = _child(stack, settings, net, x)
        for child in others.values():
            expected.check_predictions(np.array(child.ask("forward")), net.predict(x), "convnetjs", 1e-6)
        result = settings.in_turn({"fastcnn": partial(net.forward, x[0]),
                                   **{name: partial(child.ask, "forward") for name, child in others.items()}})
    found = timed(1, result)
    found["peers"].update(missing)
    return found


def _training(settings, one_by_one=False):
    (x, y), net = digits(BATCH), Net(DEMO, seed=1)
    trainer = Trainer(net, **OPTIONS)

    def step():
        if not one_by_one:
            return trainer.train_batch(x, y)["cost_loss"]
        return np.mean([trainer.train(image, label)["cost_loss"] for image, label in zip(x, y)])

    with ExitStack() as stack:
        others, missing = _child(stack, settings, net, x, y, OPTIONS)
        costs = [float(step()) for _ in range(3)]
        for child in others.values():
            theirs = [child.ask("step") for _ in range(3)]
            if not np.allclose(costs, theirs, rtol=1e-4):
                raise WrongResult(f"costs of three steps {theirs}, ours {costs}")
        result = settings.in_turn({"fastcnn": step,
                                   **{name: partial(child.ask, "step") for name, child in others.items()}})
    found = timed(BATCH, result)
    found["peers"].update(missing)
    return found


def _one_by_one(settings):
    return _training(settings, one_by_one=True)
