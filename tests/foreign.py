"""What tests of other programs' formats share: networks of ours with random weights, narrow copies, errors of results.

`python tests/foreign.py` takes our networks in full size to Keras and torch, through .keras, .h5, .pt and source, and back;
`python tests/foreign.py torchvision` takes torchvision's with random weights here. Both print the largest differences of
logits, as parts of the largest logit, and end with code 1 beyond 1e-5.
"""

import os
import sys
import tempfile
from functools import partial
from pathlib import Path

import numpy as np

import fastcnn
from fastcnn import networks as N
from fastcnn.cli.bench import load_suite

load_suite(str(Path(__file__).resolve().parents[1] / "benchmarks"))
from benchmarks.networks import changed, linear  # noqa: E402

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


FULL = {
    "lenet5": N.lenet5, **{f"alexnet-{v}": partial(N.alexnet, variant=v) for v in (
        "paper", "towers", "caffe", "torchvision", "tutorial")},
    "resnet18": partial(N.resnet, 18), "squeezenet1.1": partial(N.squeezenet, "1.1"), "googlenet": N.googlenet,
}


def first(x):
    """Images with channels first."""
    return np.ascontiguousarray(x.transpose(0, 3, 1, 2)) if x.ndim == 4 else x


def module(model, state):
    """The torch module that a model's source makes, with a state dict."""
    names = {}
    exec(fastcnn.io.torch.code(model), names)
    net = names["Network"]()
    net.load_state_dict(state)
    return net.eval()


def computed(net, x):
    """What a torch module computes of images with channels last."""
    import torch

    with torch.no_grad():
        found = several(net(*[torch.from_numpy(first(part)) for part in several(x)]))
    return [y.numpy().transpose(0, 2, 3, 1) if y.ndim == 4 else y.numpy() for y in found]


def full_size(name, folder):
    """{way: error} of one of our networks."""
    import keras
    import torch

    model = linear(filled(FULL[name](seed=0)))
    x = images(model, 1)
    y, rows = model.predict(x), {}
    for ending in (".keras", ".h5"):
        model.export(folder / f"m{ending}")
        net = keras.models.load_model(folder / f"m{ending}", compile=False)
        rows[f"{ending} in Keras"] = error(net.predict(x, verbose=0), y)
        net.save(folder / f"k{ending}")
        rows[f"{ending} back"] = error(fastcnn.load_model(folder / f"k{ending}").predict(x), y)
    fastcnn.io.torch.save(model, folder / "m.pt")
    net = module(model, torch.load(folder / "m.pt", weights_only=True))
    rows["torch"] = error(computed(net, x), y)
    torch.save(net.state_dict(), folder / "t.pt")
    back = type(model).from_config(model.get_config())
    fastcnn.io.torch.load(back, folder / "t.pt")
    rows["torch back"] = error(back.predict(x), y)
    return rows


VISION = {  # torchvision's: ours, its input's size, a map of names
    "alexnet": (partial(N.alexnet, variant="torchvision"), 224, fastcnn.io.torch.ALEXNET),
    "vgg11": (partial(N.vgg, 11), 224, None), "resnet18": (partial(N.resnet, 18), 224, None),
    "squeezenet1_1": (partial(N.squeezenet, "1.1"), 224, None), "googlenet": (N.googlenet, 224, None),
}


def vision():
    """torchvision's models; its own operators need not load beside a torch for CPUs."""
    import torch

    try:
        vision.library = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            vision.library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    except RuntimeError:  # it has them
        pass
    from torchvision import models

    return models


def from_torchvision(name, folder, size=None):
    """{what: error} of one of torchvision's networks with random weights: logits; the losses of two steps of SGD without
    dropout, at a small rate where batch normalization of so few images makes much of last bits."""
    import torch

    build, own, names = VISION[name]
    torch.manual_seed(0)
    net = getattr(vision(), name)(**({"init_weights": False} if name == "googlenet" else {}))
    norms = any(isinstance(part, torch.nn.BatchNorm2d) for part in net.modules())
    for part in net.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.running_mean.uniform_(-0.1, 0.1), part.running_var.uniform_(0.5, 1.5)
        if isinstance(part, torch.nn.Conv2d) and norms:
            torch.nn.init.kaiming_normal_(part.weight)
        if isinstance(part, torch.nn.Dropout):
            part.p = 0.0
    torch.save(net.state_dict(), folder / "net.pth")
    model = changed(linear(build(input_shape=(size or own,) * 2 + (3,))), "Dropout", rate=0.0)
    fastcnn.io.torch.load(model, folder / "net.pth", names)
    x, y = images(model), np.array([3, 5])
    rows = {"logits": error(several(model.predict(x))[0], computed(net.eval(), x))}
    rate, right, heads = 1e-5 if norms else 1e-3, [], len(model.outputs)
    optimizer = torch.optim.SGD(net.train().parameters(), rate)
    for _ in range(2):
        given = several(net(torch.from_numpy(first(x))))
        loss = sum(torch.nn.functional.cross_entropy(z, torch.from_numpy(y)) for z in given)
        optimizer.zero_grad(), loss.backward(), optimizer.step()
        right.append(loss.item())
    model.compile(fastcnn.optimizers.SGD(rate), fastcnn.losses.SparseCategoricalCrossentropy(from_logits=True))
    found = [np.ravel(model.train_on_batch(x, y if heads == 1 else [y] * heads))[0] for _ in range(2)]
    rows["losses"] = max(abs(a / b - 1) for a, b in zip(found, right))
    return rows


def main(what=""):
    os.environ.setdefault("KERAS_BACKEND", "torch")
    worst, run, names = 0.0, *((from_torchvision, VISION) if what == "torchvision" else (full_size, FULL))
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            rows = run(name, Path(folder))
        worst = max(worst, *rows.values())
        print(f"{name:20}", ", ".join(f"{way} {value:.1e}" for way, value in rows.items()), flush=True)
    return int(worst > 1e-5)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
