"""What tests of other programs' formats share: networks of ours with random weights, narrow copies, errors of results."""

import numpy as np

import fastcnn
from fastcnn import networks as N

NETWORKS = {  # name: narrow copies, and at least as small as they may be
    "lenet5": N.lenet5,
    "resnet18": lambda: N.resnet(18, 10, width=0.25, input_shape=(64, 64, 3)),
    "squeezenet1.0": lambda: N.squeezenet("1.0", 10, width=0.25, input_shape=(67, 67, 3)),
    "squeezenet1.1": lambda: N.squeezenet("1.1", 10, width=0.25, input_shape=(64, 64, 3)),
    "googlenet": lambda: N.googlenet(10, width=0.25, input_shape=(64, 64, 3)),
}
ALEXNETS = {f"alexnet-{variant}": lambda variant=variant: N.alexnet(10, variant, input_shape=(67, 67, 3))
            for variant in ("paper", "towers", "caffe", "torchvision", "tutorial")}


def filled(model, seed=0):
    """The model, with random weights and the statistics of trained ones."""
    rng, weights = np.random.default_rng(seed), []
    ranges = {"bias": (-0.2, 0.2), "gamma": (0.5, 1.5), "beta": (-0.5, 0.5), "moving_mean": (-0.5, 0.5),
              "moving_variance": (0.5, 1.5), "alpha": (0, 0.5)}
    for p in model.parameters:
        if p.name in ranges:
            weights.append(rng.uniform(*ranges[p.name], p.shape))
        else:
            weights.append(rng.standard_normal(p.shape) * (2 / np.prod(p.shape[:-1])) ** 0.5)
    model.set_weights([w.astype(np.float32) for w in weights])
    return model


def linear(model):
    """The same network without the softmax at its end, so that errors show."""
    config = model.get_config()
    for entry in config["layers"]:
        if entry["class_name"] == "Softmax":
            entry.update(class_name="Activation", config={"activation": "linear", **entry["config"]})
        elif entry["config"].get("activation") == "softmax":
            entry["config"]["activation"] = "linear"
    plain = type(model).from_config(config)
    plain.set_weights(model.get_weights())
    return plain


def images(model, count=2, seed=1):
    """Random samples: an array, or one for each input."""
    rng = np.random.default_rng(seed)
    found = [rng.standard_normal((count, *symbol.shape[1:])).astype(np.float32) for symbol in model.inputs]
    return found if len(found) > 1 else found[0]


def several(ys):
    """Results as a list."""
    return list(ys) if isinstance(ys, (list, tuple)) else [ys]


def error(found, right):
    """The largest difference, as a part of the largest value."""
    pairs = list(zip(several(found), several(right), strict=True))
    return max(float(np.abs(np.asarray(a) - b).max() / max(np.abs(b).max(), 1e-9)) for a, b in pairs)


def same_weights(a, b):
    """Do two models have the same bits?"""
    return all(np.array_equal(v, w) for v, w in zip(a.get_weights(), b.get_weights(), strict=True))


def chain(shape, *layers):
    """A Sequential with random weights."""
    return filled(fastcnn.Sequential([fastcnn.Input(shape), *layers], seed=0))
