"""torchvision's own networks beside ours, with the same random weights: logits, and the gradients of a training step.

`python -m benchmarks.torchvision_networks [vgg11 …] [--exact] [--large]`

Needs torchvision. torch in float64 is the judge; torch in float32 stands beside, to show what single precision costs. Errors
are parts of the largest value: of all logits, less their mean; of each parameter's gradient, or, where there is next to none
(biases before batch normalization), of a thousandth of the largest of all. In training normalizations take
the batch's statistics, dropout is left out, and GoogLeNet's further heads have .3 of the loss each. The exit code is 1
beyond 2e-5 and 1e-4.

Logits are those of images of full size, gradients those of small ones that keep clear of kinks: no value that ReLU takes is
as near to 0, no two in a window of max pooling as near to each other, as rounding reaches. In 224 × 224 pixels there are
millions of such places and always some that near. There float32 takes the other side, torch's as well as ours, and single
gradients differ by up to a few hundredths (--large shows it).
"""

import argparse
import sys
from functools import partial

import numpy as np
import torch
import torchvision
from torch.overrides import TorchFunctionMode

import fastcnn
from benchmarks.networks import changed, linear
from benchmarks.peers import translation

LOGITS, GRADIENTS = 2e-5, 1e-4
WEIGHTS = [1.0, 0.3, 0.3]  # of the losses of GoogLeNet's heads
CLEAR, DRAWS = 2e-6, 300  # how far from a kink, as a part of a layer's deviation; batches that are tried
NETWORKS = {  # ours, torchvision's; rows of the small images, and how many: as large as they can be kept clear of kinks
    "vgg11": (partial(fastcnn.networks.vgg, 11), torchvision.models.vgg11, 32, 2),
    "vgg11_bn": (partial(fastcnn.networks.vgg, 11, True), torchvision.models.vgg11_bn, 32, 4),
    "resnet18": (partial(fastcnn.networks.resnet, 18), torchvision.models.resnet18, 64, 2),
    "resnet50": (partial(fastcnn.networks.resnet, 50), torchvision.models.resnet50, 64, 2),
    "squeezenet1_0": (partial(fastcnn.networks.squeezenet, "1.0"), torchvision.models.squeezenet1_0, 64, 2),
    "squeezenet1_1": (partial(fastcnn.networks.squeezenet, "1.1"), torchvision.models.squeezenet1_1, 64, 2),
    "googlenet": (fastcnn.networks.googlenet, partial(torchvision.models.googlenet, init_weights=False), 64, 4),
}


def filled(model):
    """The model, with random weights. Kernels are He's; batch normalization leaves most values of a channel on one side of
    0, 3 deviations from it, which keeps them from ReLU's kink; what else there is shows when it is left out."""
    rng, weights = np.random.default_rng(0), []
    ranges = {"bias": (-0.2, 0.2), "gamma": (0.8, 1.2), "beta": (1, 2), "moving_mean": (-1, 1), "moving_variance": (5, 15)}
    for parameter in model.parameters:
        shape = parameter.shape
        if parameter.name == "kernel":
            weights.append(rng.standard_normal(shape, np.float32) * np.float32((2 / np.prod(shape[:-1])) ** 0.5))
            continue
        values = rng.uniform(*ranges[parameter.name], shape).astype(np.float32)
        weights.append(values * rng.choice([-1, 1], shape) if parameter.name == "beta" else values)
    model.set_weights(weights)
    return model


def fill(net, model):
    """Copies our weights into torchvision's network, layer by layer of the same name."""
    filled = set()
    with torch.no_grad():
        for step in translation.steps(model):
            module = net.get_submodule(step.name) if step.weights else None
            arrays = [*step.weights, *step.statistics]
            names = ("weight", "bias", "running_mean", "running_var")
            for name, array in zip(names, arrays):
                getattr(module, name).copy_(torch.from_numpy(array))
                filled.add(f"{step.name}.{name}")
    left = {name for name in net.state_dict() if not name.endswith("num_batches_tracked")} - filled
    if left:
        raise ValueError(f"torchvision has more: {sorted(left)}")
    for module in net.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return net


class Kinks(TorchFunctionMode):
    """Notes how near values come to kinks, as a part of their deviation."""

    def __init__(self):
        super().__init__()
        self.nearest = float("inf")

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function in (torch.nn.functional.relu, torch.relu, torch.relu_):
            self._note(args[0].abs(), args[0])
        if function in (torch.nn.functional.max_pool2d, torch.nn.functional.max_pool2d_with_indices, torch.max_pool2d):
            self._pool(args[0], args[1], **{k: v for k, v in (kwargs or {}).items() if k in ("stride", "padding")})
        return function(*args, **(kwargs or {}))

    def _note(self, distances, x):
        distances = distances[distances > 0]  # zeros that ReLU made are the same on both sides
        if len(distances):
            self.nearest = min(self.nearest, float(distances.min() / x.std()))

    def _pool(self, x, size, stride=None, padding=0):
        at_end = 0 if padding else size  # as sizes are rounded up
        padded = torch.nn.functional.pad(x, (padding, padding + at_end, padding, padding + at_end), value=-1e30)
        stride = stride or size
        windows = padded.unfold(2, size, stride).unfold(3, size, stride).flatten(4)
        largest = windows.topk(2).values
        gaps = (largest[..., 0] - largest[..., 1])[largest[..., 1] > 0]
        self._note(gaps, x)


def clear_images(net, shape, batch):
    """(x, y) of small images that keep clear of the kinks of torchvision's network in training."""
    for seed in range(DRAWS):
        x, y = images(shape, batch, seed)
        with torch.no_grad(), Kinks() as kinks:
            net.train()(torch.from_numpy(translation.channels_first(x)).double())
        if kinks.nearest > CLEAR:
            return x, y
    raise ValueError(f"{DRAWS} batches all come near a kink")


def images(shape, batch, seed=0):
    """(x, y)."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal((batch, *shape), np.float32), rng.integers(0, 1000, batch)


def logits_of(net, x, dtype):
    """torchvision's, as it predicts."""
    with torch.no_grad():
        return net.to(dtype).eval()(torch.from_numpy(translation.channels_first(x)).to(dtype)).numpy()


def gradients_of(net, x, y, dtype):
    """(loss, {name: gradient}) of torchvision's network in training."""
    heads, y = net.to(dtype).train()(torch.from_numpy(translation.channels_first(x)).to(dtype)), torch.from_numpy(y)
    heads = heads if isinstance(heads, tuple) else [heads]
    loss = sum(weight * torch.nn.functional.cross_entropy(head, y) for weight, head in zip(WEIGHTS, heads))
    net.zero_grad()
    loss.backward()
    return loss.item(), {name: p.grad.numpy().copy() for name, p in net.named_parameters()}


def own_gradients(model, x, y):
    """The same of ours, by torchvision's names."""
    heads = len(model.outputs)
    model.compile("sgd", "sparse_categorical_crossentropy", loss_weights=WEIGHTS if heads > 1 else None)
    loss, gradients = model.gradients(x, [y] * heads if heads > 1 else y)
    holder = type(model).from_config(model.get_config())  # gradients in the places of weights, to be translated alike
    holder.set_weights([gradients.get(f"{name}/{p.name}", np.zeros(p.shape, np.float32))
                        for name, layer in model._named_layers() for p in layer.parameters])
    return loss, {f"{step.name}.{kind}": w for step in translation.steps(holder)
                  for kind, w in zip(("weight", "bias"), step.weights)}


def _error(found, right, least=0.0):
    return float(np.abs(found - right).max() / max(np.abs(right).max(), least))


def logits_errors(name):
    """Errors of logits of full-sized images: ours, torch's."""
    model = without_dropout(name)
    x, _ = images(model.input_shape[1:], 2)
    net, found = fill(NETWORKS[name][1](), model), linear(model).predict(x)
    found = found[0] if isinstance(found, list) else found
    all_three = [found, logits_of(net, x, torch.float32), logits_of(net, x, torch.float64)]
    *both, right = [logits - logits.mean(1, keepdims=True) for logits in all_three]
    return [_error(logits, right) for logits in both]


def gradients_errors(name, large):
    """[(error of the loss, largest of the gradients', whose, their median)]: ours, torch's."""
    _, build, size, batch = NETWORKS[name]
    model, net = without_dropout(name, None if large else (size, size, 3)), build()
    if name.startswith("vgg") and not large:  # ours has no adaptive pooling
        net.avgpool, net.classifier[0] = torch.nn.Identity(), torch.nn.Linear(512 * (size // 32) ** 2, 4096)
    fill(net, model).double()
    x, y = images(model.input_shape[1:], batch) if large else clear_images(net, model.input_shape[1:], batch)
    right_loss, right = gradients_of(net, x, y, torch.float64)
    rows, least = [], 1e-3 * max(np.abs(gradient).max() for gradient in right.values())
    for loss, found in (own_gradients(model, x, y), gradients_of(net, x, y, torch.float32)):
        errors = {key: _error(found[key], right[key], least) for key in right}
        worst = max(errors, key=errors.get)
        rows.append((abs(loss / right_loss - 1), errors[worst], worst, np.median(list(errors.values()))))
    return rows


def without_dropout(name, shape=None):
    """Our network with random weights."""
    return changed(filled(NETWORKS[name][0](input_shape=shape, seed=1)), "Dropout", rate=0.0)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", choices=[*NETWORKS, []], help="all of them")
    parser.add_argument("--large", action="store_true", help="gradients of images of full size")
    parser.add_argument("--exact", action="store_true", help="without Winograd's algorithm")
    given = parser.parse_args()
    fastcnn.set_config(exact=given.exact)
    torch.set_num_threads(fastcnn.get_num_threads())
    good = True
    for name in given.networks or NETWORKS:
        rows = zip(("fastcnn", "torch"), logits_errors(name), gradients_errors(name, given.large))
        for who, logits, (loss, gradient, worst, median) in rows:
            print(f"{name:14} {who:8} logits {logits:.1e}, loss {loss:.1e}, gradients {gradient:.1e} ({worst}), median "
                  f"{median:.1e}", flush=True)
            good &= who == "torch" or logits < LOGITS and gradient < GRADIENTS
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
