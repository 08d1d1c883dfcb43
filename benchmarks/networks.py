"""Group "networks": images per second, forward and training, in turn with peers; AlexNet with dense weights in fewer bits,
beside peers in float32, and with convolutions in int8 as well, beside itself; and how much that changes its predictions.

Before anything is timed, predictions are compared with the NumPy float64 reference, and peers' with ours; a training step
with the reference's loss; and three steps without dropout with torch's, parameter by parameter. Weights are drawn so that
classes differ, and AlexNet's images are as large as photographs less their mean: else normalization would do nothing, and
a wrong one would pass. GoogLeNet is torchvision's, without the heads that are for training only.
"""

import gc
import math
from functools import lru_cache, partial

import numpy as np

import fastcnn
from benchmarks import expected, peak, peers
from benchmarks.jobs import Job, WrongResult, timed
from fastcnn import reference

BUILDERS = {"lenet5": fastcnn.networks.lenet5, "alexnet": fastcnn.networks.alexnet,
            "vgg16": partial(fastcnn.networks.vgg, 16), "resnet18": partial(fastcnn.networks.resnet, 18),
            "googlenet": partial(fastcnn.networks.googlenet, auxiliary=False), "squeezenet": fastcnn.networks.squeezenet}
LATER = tuple(BUILDERS)[2:]  # than AlexNet: their images have deviation 1
BATCHES = {("lenet5", "forward"): (1, 16, 128, 1024), ("lenet5", "training"): (1, 16, 128, 1024),
           ("alexnet", "forward"): (1, 32, 128), ("alexnet", "training"): (32, 128),
           **{(work, stage): batches for work in LATER for stage, batches in (("forward", (1, 16)), ("training", (16,)))}}
HALF_BATCHES = {"float16": (1, 32), "int8": (1, 32)}
QUANTIZED_BATCHES = 1, 32
EFFECT_IMAGES = 64  # on which predictions are compared with float32's
# for every step to lower the loss
CHECKED_RATES = {"lenet5": 1e-3, "alexnet": 1e-5, **dict.fromkeys(LATER, 1e-3), "vgg16": 1e-4}
RATE, MOMENTUM, DECAY = 1e-6, 0.9, 5e-4  # so small a rate that thousands of steps on one batch change little


def jobs(settings):
    """Each network, both stages, each batch of the table of targets; AlexNet with half weights, and in int8; what a call
    costs beside its kernels."""
    found = [Job("networks", work, partial(_measure, work, stage, batch), stage, batch)
             for (work, stage), batches in BATCHES.items() for batch in settings.batches or batches
             if not (settings.quick and work == "alexnet" and batch > 32)]
    found += [Job("networks", f"alexnet.{dtype}", partial(_measure_half, dtype, batch), "forward", batch)
              for dtype, batches in HALF_BATCHES.items() for batch in settings.batches or batches]
    found += [Job("networks", "alexnet.quantized", partial(_measure_quantized, batch), "forward", batch)
              for batch in settings.batches or QUANTIZED_BATCHES]
    return found + [Job("networks", "call", _call)]


def network(work, dropout=True, **options):
    """A model whose classes differ; without dropout, trainings can be compared. `options`: of the builder."""
    if work == "lenet5":
        model = BUILDERS[work](seed=1)
    else:
        model = BUILDERS[work](seed=1, **{"initializer": "zeros", **options})
        shapes = tuple((p.name, p.shape) for p in model.parameters)
        model.set_weights(_weights(shapes, 0.02 if work == "alexnet" else 1.0))
        if any(name == "moving_mean" for name, _ in shapes):
            model = _calibrated(model)
    return model if dropout else changed(model, "Dropout", rate=0.0)


@lru_cache(1)
def _weights(shapes, last):
    """Weights by parameters' (name, shape), drawn once: He's normal kernels, the last times a factor that makes logits of
    order 1; ones for gamma, zeros for others."""
    rng = np.random.default_rng(1)
    found = [rng.standard_normal(shape, np.float32) * np.float32((2 / math.prod(shape[:-1])) ** 0.5) if name == "kernel"
             else np.full(shape, name in ("gamma", "moving_variance"), np.float32) for name, shape in shapes]
    next(w for w in reversed(found) if w.ndim > 1)[...] *= np.float32(last)
    return found


def _calibrated(model):
    """The network with moving averages of the images that it is measured on: predicting, it is what it is in training."""
    kept = model.get_config()
    forgetful = compiled(changed(changed(model, "BatchNormalization", momentum=0.0), "Dropout", rate=0.0))
    x, y = batch_of(model, 4)
    forgetful.gradients(x, y)
    found = type(model).from_config(kept)
    found.set_weights(forgetful.get_weights())
    return found


def changed(model, kind, **options):
    """The same network and weights, with other options for the layers of a class."""
    config = model.get_config()
    for layer in config["layers"]:
        if layer["class_name"] == kind:
            layer["config"].update(options)
    return _of(config, model)


def linear(model):
    """The same network and weights without the softmax at its end, so that errors show."""
    config = model.get_config()
    for layer in config["layers"]:
        if layer["class_name"] == "Softmax":
            layer.update(class_name="Activation", config={"activation": "linear", **layer["config"]})
        elif layer["config"].get("activation") == "softmax":
            layer["config"]["activation"] = "linear"
    return _of(config, model)


def _of(config, model):
    """A model of a configuration with another's weights."""
    found = type(model).from_config(config)
    found.set_weights(model.get_weights())
    return found


def batch_of(model, batch):
    """(x, y)."""
    rng = np.random.default_rng(0)
    shape, classes = model.input_shape[1:], model.output_shape[1]
    x = rng.standard_normal((batch, *shape), np.float32)
    return x * np.float32(60 if model.name == "alexnet" else 1), rng.integers(0, classes, batch)


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
    if any(isinstance(layer, fastcnn.layers.BatchNormalization) for layer in model.layers):
        logits = expected.logits(plain, x[:2], training=True)
    right = reference.softmax_cross_entropy(logits, y[:2]).mean()
    losses = [plain.train_on_batch(x[:2], y[:2]) for _ in range(3)]
    if not abs(losses[0] - right) < 1e-4 * right:
        raise WrongResult(f"{work}, batch {batch}: loss {losses[0]}, not {right}")
    if not losses[2] < losses[0]:
        raise WrongResult(f"{work}: steps do not lower the loss: {losses}")
    return model, x, y, predictions


def contestants(work, stage, batch, settings):
    """({name: callable} of ours and of the peers that compute the same, {name: {"error": why not}} of the others)."""
    model, x, y, predictions = checked(work, batch)
    if stage == "forward":
        found, missing = _rivals(stage, settings, partial(_forward, model, x, predictions))
        return {"fastcnn": partial(model.predict_on_batch, x), **found}, missing
    compiled(model)
    loss = float(model.train_on_batch(x, y)) if settings.peers else None
    found, missing = _rivals(stage, settings, partial(_training, work, model, x, y, loss))
    return {"fastcnn": partial(model.train_on_batch, x, y), **found}, missing


def _rivals(stage, settings, build):
    """The peers that `build(name, builder)` makes and checks, and why others cannot."""
    found, missing = {}, {}
    for name, builder in peers.contestants(stage, settings.peers) if settings.peers else ():
        try:
            settings.at(name)
            found[name] = build(name, builder)
        except Exception as error:  # noqa: BLE001  a peer that cannot is no reason to stop
            missing[name] = {"error": peers.reason(error)}
    settings.at(None)
    return found, missing


def _forward(model, x, predictions, name, builder):
    call = builder(model, x)
    expected.check_predictions(call(), predictions, name)
    return call


def _training(work, model, x, y, loss, name, builder):
    call = builder(model, x, y, RATE, MOMENTUM, DECAY)
    _check_loss(call(), loss, name, any(type(layer).__name__ == "Dropout" for layer in model.layers))
    if name == "torch":
        check_steps(work)
    return call


def _measure(work, stage, batch, settings):
    return in_turn(batch, settings, *contestants(work, stage, batch, settings))


def in_turn(batch, settings, sides, missing):
    """A row of contestants that are timed in turn, and of why others cannot; "fastcnn" calls a model's `predict_on_batch` or
    `train_on_batch`."""
    ours = sides["fastcnn"]
    ours()
    result, said, _ = peak.beside(sides, *peak.needs(ours.func.__self__, ours.func.__name__, batch), settings)
    found = timed(batch, result) | said
    found["peers"].update(missing)
    sides.clear()
    gc.collect()
    return found


def _measure_half(dtype, batch, settings):
    """AlexNet with dense weights in fewer bits; peers compute the float32 network."""
    model = network("alexnet")
    images, _ = batch_of(model, max(batch, EFFECT_IMAGES))
    x = images[:batch]
    found, missing = _rivals("forward", settings, partial(_forward, model, x, model.predict_on_batch(x)))
    changes = effect(model, dtype, images[:EFFECT_IMAGES])
    right = reference.softmax(expected.logits(model, images[:2], dtype))
    expected.check_predictions(model.predict_on_batch(images[:max(batch, 2)])[:2], right, f"alexnet, {dtype}", 2e-5)
    row = in_turn(batch, settings, {"fastcnn": partial(model.predict_on_batch, x), **found}, missing)
    return {**row, **changes, "note": _said(changes)}


def _measure_quantized(batch, settings):
    """AlexNet with convolutions and dense weights in int8, beside the network in float32, with either alone."""
    def made(quantized, half):
        model = network("alexnet")
        if quantized:
            model.quantize("int8", images)
        model.half_weights(half)
        return model

    images, _ = batch_of(network("alexnet"), max(batch, EFFECT_IMAGES))
    x, models = images[:batch], {"fastcnn": made(True, "int8"), "float32": made(False, None),
                                 "int8 convolutions": made(True, None), "int8 dense": made(False, "int8")}
    before, after = (_logits(models[name].predict(images[:EFFECT_IMAGES])) for name in ("float32", "fastcnn"))
    changes = change(before, after)
    if not 0 < changes["logit_change"] < 0.1:
        raise WrongResult(f"alexnet in int8: logits change by {changes['logit_change']:.1e} of the largest")
    row = in_turn(batch, settings, {name: partial(model.predict_on_batch, x) for name, model in models.items()}, {})
    return {**row, **changes, "note": _said(changes)}


def change(before, after):
    """What `effect` says of logits."""
    return {"logit_change": float(np.abs(after - before).max() / np.abs(before).max()),
            "same_class": float((after.argmax(1) == before.argmax(1)).mean())}


def _said(changes):
    return (f"logits change by {changes['logit_change']:.1e} of the largest, "
            f"{changes['same_class']:.1%} of {EFFECT_IMAGES} images keep their class")


def effect(model, dtype, x):
    """Gives the model half weights, and says what that does to its predictions of x, probabilities: the largest change of a
    logit, as a part of the largest logit (both less their mean, which no probability depends on), and the part of the
    images that keep their class."""
    model.half_weights("float32")
    before = _logits(model.predict(x))
    model.half_weights(dtype)
    return change(before, _logits(model.predict(x)))


def _logits(p):
    logs = np.log(np.maximum(p.astype(np.float64), 1e-30))
    return logs - logs.mean(1, keepdims=True)


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
