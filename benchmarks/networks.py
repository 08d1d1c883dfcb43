"""Group "networks": images per second of LeNet-5 and AlexNet, forward and training, in turn with peers.

Before anything is timed, predictions are compared with the NumPy float64 reference, and peers' with ours; a training step
with the reference's loss; and three steps without dropout with torch's, parameter by parameter. Weights are drawn so that
classes differ, and AlexNet's images are as large as photographs less their mean: else normalization would do nothing, and
a wrong one would pass.
"""

import gc
import math
from functools import lru_cache, partial

import numpy as np

import fastcnn
from benchmarks import expected, peers
from benchmarks.jobs import Job, WrongResult, timed
from fastcnn import reference

BATCHES = {("lenet5", "forward"): (1, 16, 128, 1024), ("lenet5", "training"): (1, 16, 128, 1024),
           ("alexnet", "forward"): (1, 32, 128), ("alexnet", "training"): (32, 128)}
CHECKED_RATES = {"lenet5": 1e-3, "alexnet": 1e-5}  # small enough for every step to lower the loss
RATE, MOMENTUM, DECAY = 1e-6, 0.9, 5e-4  # so small a rate that thousands of steps on one batch change little


def jobs(settings):
    """Both networks, both stages, each batch of the table of targets; and what a call costs beside its kernels."""
    return [Job("networks", work, partial(_measure, work, stage, batch), stage, batch)
            for (work, stage), batches in BATCHES.items() for batch in settings.batches or batches
            if not (settings.quick and work == "alexnet" and batch > 32)] + [Job("networks", "call", _call)]


def network(work, dropout=True, **options):
    """A model whose classes differ; without dropout, trainings can be compared. `options`: of alexnet."""
    if work == "lenet5":
        model = fastcnn.networks.lenet5(seed=1)
    else:
        model = fastcnn.networks.alexnet(seed=1, initializer="zeros", **options)
        model.set_weights(_weights(tuple(w.shape for w in model.get_weights())))
    if dropout:
        return model
    config = model.get_config()
    for layer in config["layers"]:
        if layer["class_name"] == "Dropout":
            layer["config"]["rate"] = 0.0
    plain = fastcnn.Sequential.from_config(config)
    plain.set_weights(model.get_weights())
    return plain


@lru_cache(1)
def _weights(shapes):
    """He's normal kernels, drawn once; the last so much smaller that images of deviation 60 make logits of order 1."""
    rng = np.random.default_rng(1)
    found = [rng.standard_normal(shape, np.float32) * np.float32((2 / math.prod(shape[:-1])) ** 0.5) if len(shape) > 1
             else np.zeros(shape, np.float32) for shape in shapes]
    found[-2] *= np.float32(0.02)
    return found


def batch_of(model, batch):
    """(x, y)."""
    rng = np.random.default_rng(0)
    shape, classes = model.input_shape[1:], model.output_shape[1]
    x = rng.standard_normal((batch, *shape), np.float32)
    return x * np.float32(60 if shape[2] == 3 else 1), rng.integers(0, classes, batch)


def compiled(model, rate=RATE, decay=DECAY):
    """The model, ready to train as peers do: SGD with momentum and coupled weight decay."""
    optimizer = fastcnn.optimizers.SGD(rate, momentum=MOMENTUM, weight_decay=decay, decoupled=False)
    model.compile(optimizer, "sparse_categorical_crossentropy")
    return model


def checked(work, batch):
    """(model, x, y, predictions of x), compared with the reference on two images."""
    model = network(work)
    x, y = batch_of(model, batch)
    logits = expected.logits(model, x[:2])
    predictions = model.predict_on_batch(x)
    expected.check_predictions(predictions[:2], reference.softmax(logits), f"{work}, batch {batch}", 2e-5)
    plain = compiled(network(work, dropout=False), CHECKED_RATES[work])
    losses = [plain.train_on_batch(x[:2], y[:2]) for _ in range(3)]
    right = reference.softmax_cross_entropy(logits, y[:2]).mean()
    if not abs(losses[0] - right) < 1e-4 * right:
        raise WrongResult(f"{work}, batch {batch}: loss {losses[0]}, not {right}")
    if not losses[2] < losses[0]:
        raise WrongResult(f"{work}: steps do not lower the loss: {losses}")
    return model, x, y, predictions


def contestants(work, stage, batch, settings):
    """({name: callable} of ours and of the peers that compute the same, {name: {"error": why not}} of the others)."""
    model, x, y, predictions = checked(work, batch)
    missing = {}
    if stage == "forward":
        found = {"fastcnn": partial(model.predict_on_batch, x)}
    else:
        compiled(model)
        found = {"fastcnn": partial(model.train_on_batch, x, y)}
    if settings.peers:
        loss = None if stage == "forward" else float(model.train_on_batch(x, y))
        for name, build in peers.contestants(stage, settings.peers):
            try:
                call = build(model, x) if stage == "forward" else build(model, x, y, RATE, MOMENTUM, DECAY)
                if stage == "forward":
                    expected.check_predictions(call(), predictions, name)
                else:
                    _check_loss(call(), loss, name, any(type(layer).__name__ == "Dropout" for layer in model.layers))
                    if name == "torch":
                        check_steps(work)
                found[name] = call
            except Exception as error:  # noqa: BLE001  a peer that cannot is no reason to stop
                missing[name] = {"error": peers.reason(error)}
    return found, missing


def _measure(work, stage, batch, settings):
    sides, missing = contestants(work, stage, batch, settings)
    found = timed(batch, settings.in_turn(sides))
    found["peers"].update(missing)
    del sides
    gc.collect()
    return found


def _call(settings):
    """Microseconds around the kernels: a network of four numbers."""
    model = fastcnn.Sequential([fastcnn.Input((4,)), fastcnn.layers.Dense(4)], seed=1)
    x = np.ones((1, 4), np.float32)
    right = reference.dense(x, *model.get_weights())
    if not np.allclose(model.predict_on_batch(x), right, rtol=1e-5):
        raise WrongResult(f"predictions {model.predict_on_batch(x)}, not {right}")
    own = settings.in_turn({"fastcnn": partial(model.predict_on_batch, x)})["fastcnn"]
    return {"unit": "µs", "ours": 1e6 * own.median, "quartiles": [1e6 * t for t in own.quartiles], "windows": own.kept,
            "rounds": own.rounds}


def _check_loss(found, ours, name, has_dropout):
    """The first step's loss; with dropout, which each draws for itself, only roughly."""
    found = float(found)
    if not abs(found - ours) < (0.3 if has_dropout else 1e-4) * abs(ours):
        raise WrongResult(f"loss {found:.5g}, ours {ours:.5g}")


def check_steps(work, batch=4, decay=1.0):
    """Three steps without dropout must move every parameter as torch does (so large a decay shows if it is wrong)."""
    from benchmarks.peers import pytorch

    rate = CHECKED_RATES[work]
    model = compiled(network(work, dropout=False), rate, decay)
    x, y = batch_of(model, batch)
    before = pytorch.parameters_of(model)
    step = pytorch.training(model, x, y, rate, MOMENTUM, decay)
    theirs = [float(step()) for _ in range(3)]
    ours = [float(model.train_on_batch(x, y)) for _ in range(3)]
    if not np.allclose(ours, theirs, rtol=1e-3):
        raise WrongResult(f"losses of three steps {theirs}, ours {ours}")
    for i, (start, mine, other) in enumerate(zip(before, pytorch.parameters_of(model), step.parameters())):
        error = np.abs(mine - other).max() / np.abs(mine - start).max()
        if not error < 0.02:
            raise WrongResult(f"three steps move parameter {i} differently, by {error:.1e} of the move")
