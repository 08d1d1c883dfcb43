"""Gradients of a model's loss without a step, and steps on given gradients."""

import numpy as np

from fastcnn.engine.parameters import trained
from fastcnn.engine.plan import Plan
from fastcnn.engine.update import Update
from fastcnn.threads import get_num_threads


class Probe:
    """Gradients of a batch, for one choice of them; it is used again and again.

    Args:
        model: built.
        wrt: list of "weights", "inputs" and names of layers.
        training: as layers compute in training?
        losses: arguments of a `Plan` that speak of losses.
        batch: the most samples.
        change: a function of the network, network → network; None: as it is.
    """

    def __init__(self, model, wrt, training, losses, batch, change=None):
        layers = [name for name in wrt if name not in ("weights", "inputs")]
        for flat in model._flats:
            flat.prepare_gradients()
        network, seen = model._lower(training, layers)
        self.learn, self.training, self.wanted = "weights" in wrt, training, dict(seen)
        if "inputs" in wrt:
            self.wanted.update({name: (number, symbol.size) for name, number, symbol in
                                zip(model.input_names, network.inputs, model.graph.inputs)})
        network = network if change is None else change(network)
        self.plan = Plan(network, "gradients", batch, get_num_threads(), **losses, items=model._items, seed=model.seed,
                         wanted=[number for number, _ in self.wanted.values()], learn=self.learn)
        self.threads, self.sparse = self.plan.threads, losses["sparse"]

    def run(self, model, xs, targets, weights):
        """(mean loss without penalties, {name: gradient}) of one batch: the inputs, and targets and weights for each
        loss."""
        n, plan = len(xs[0]), self.plan
        with plan.lock:
            plan.set_inputs(xs)
            plan.set_targets(targets, weights)
            plan.run(n, get_num_threads(), model.version, 0 if model.optimizer is None else model.optimizer.iterations)
            if self.training:
                model.touch()  # moving averages
            loss = sum(weight * float(np.add.reduce(values[:n], dtype=np.float64))
                       for weight, values in zip(plan.loss_weights, plan.losses)) / n
            found = _of_weights(model) if self.learn else {}
            for name, (number, size) in self.wanted.items():
                rows = plan.gradient(number, n)
                found[name] = np.zeros((n, *size), np.float32) if rows is None else rows.reshape(n, *size).copy()
        return loss, found


def gradients_of(model, arrays, sparse, wrt, training):
    """(mean loss, {name: gradient}) of one batch by the model's own losses, penalties included."""
    key, n = ("gradients", training, tuple(wrt)), len(arrays[0])
    probe = model._plans.get(key)
    if probe is None or probe.plan.batch < n or probe.threads < get_num_threads() or probe.sparse != sparse:
        probe = model._plans[key] = Probe(model, wrt, training, model._losses_of("gradients", sparse), n)
    loss, found = probe.run(model, *model._parted(arrays))
    for name, layer in model._named_layers() if probe.learn else ():
        for p in layer.parameters:
            if f"{name}/{p.name}" in found and any(p.penalty):
                l1, l2 = map(np.float32, p.penalty)
                found[f"{name}/{p.name}"] += l1 * np.sign(p.value) + 2 * l2 * p.value
    return loss + probe.plan.penalty(), found


def outputs_of(model, xs, names):
    """{layer: what it gives} for a batch of samples, as in prediction."""
    network, seen = model._lower(False, names)
    plan = Plan(network, "predict", len(xs[0]), get_num_threads())
    ys = [np.empty((len(xs[0]), network.sizes[v]), np.float32) for v in network.outputs]
    model._forward(plan, xs, ys, get_num_threads())
    return {name: plan.values[number].array[:len(xs[0])].reshape(-1, *size).copy() for name, (number, size) in seen.items()}


def _of_weights(model):
    """Copies of the gradients of all that is trained, by layer/parameter."""
    kept, found = {}, {}
    for name, layer in model._named_layers():
        for p in layer.parameters if layer.trainable else ():
            if not p.trainable:
                continue
            if p.flat not in kept:
                kept[p.flat] = p.flat.gradients.copy()
            found[f"{name}/{p.name}"] = p.of(kept[p.flat])
    return found


def apply_gradients(model, optimizer, gradients):
    """One step of an optimizer on given gradients; see `Optimizer.apply`."""
    names = {f"{name}/{p.name}": p for name, layer in model._named_layers() for p in layer.parameters
             if layer.trainable and p.trainable}
    if set(names) != set(gradients):
        missing, foreign = sorted(set(names) - set(gradients)), sorted(set(gradients) - set(names))
        raise ValueError(f"gradients must have an array for each of {', '.join(names)}. Received: "
                         + (f"none for {missing[0]!r}" if missing else f"one for {foreign[0]!r}"))
    for name, p in names.items():
        if np.shape(gradients[name]) != p.shape:
            raise ValueError(f"the gradient of {name} has shape {p.shape}. Received: shape {np.shape(gradients[name])}")
    if model.optimizer is not optimizer:
        model.optimizer, model._states = optimizer, None
        model._plans.pop("train", None)
    model._prepare_training()
    plan = model._plans.get("update")
    if plan is None or plan.optimizer is not optimizer or plan.parameters != trained(model._items):
        plan = model._plans["update"] = Update(trained(model._items), optimizer, model._states)
    for name, p in names.items():
        p.of(p.flat.gradients)[...] = gradients[name]
    plan.run(get_num_threads())
    model.touch()
