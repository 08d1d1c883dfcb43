"""Gradients of a model's loss without a step, with what layers give on the way; and steps on given gradients."""

from typing import NamedTuple

import numpy as np

from fastcnn import arguments
from fastcnn.engine.parameters import trained
from fastcnn.engine.plan import Plan
from fastcnn.engine.update import Update
from fastcnn.threads import get_num_threads


class Found(NamedTuple):
    """Of one batch: the mean loss, without penalties; gradients, and outputs of layers, by name, in arrays of their own."""

    loss: float
    gradients: dict
    outputs: dict


class Probe:
    """One batch through a network, and back again if there are losses; it is used again and again.

    Args:
        model: built.
        batch: the most samples.
        losses: arguments of a `Plan` that speak of losses; none of them: forward only.
        wrt: what gradients are with respect to: "weights", "inputs" and names of layers.
        seen: names of layers whose outputs are looked at.
        training: as layers compute in training?
        change: a function of the network, network → network; None: as it is.
    """

    def __init__(self, model, batch, losses, wrt=(), seen=(), training=False, change=None):
        self.losses, self.training, self.learn = losses, training, "weights" in wrt
        flats = model._flats  # parameters have their places from here on
        if losses:
            model._need_float32("gradients")
            for flat in flats:
                flat.prepare_gradients()
        layers = [name for name in wrt if name not in ("weights", "inputs")]
        network, values = model._lower(training, [*layers, *seen])
        self.wanted, self.seen = ({name: values[name] for name in names} for names in (layers, seen))
        if "inputs" in wrt:
            self.wanted.update({name: (number, symbol.size) for name, number, symbol in
                                zip(model.input_names, network.inputs, model.graph.inputs)})
        network = network if change is None else change(network)
        self.plan = Plan(network, "gradients" if losses else "predict", batch, get_num_threads(), **losses,
                         items=model._items, seed=model.seed, wanted=[number for number, _ in self.wanted.values()],
                         learn=self.learn, moving=bool(losses))

    def run(self, model, xs, targets=(), weights=(), step=None):
        """What is `Found` for one batch: the inputs, and targets and weights for each loss.

        step: of random numbers.
        """
        n, plan = len(xs[0]), self.plan
        plan.set_inputs(xs)
        plan.set_targets(targets, weights)
        if not self.losses:
            plan.set_outputs([np.empty((n, plan.network.sizes[v]), np.float32) for v in plan.network.outputs])
        plan.run(n, get_num_threads(), model.version, step)
        if self.training and self.losses:
            model.touch()  # moving averages
        loss = sum(weight * float(np.add.reduce(values[:n], dtype=np.float64))
                   for weight, values in zip(plan.loss_weights, plan.losses)) / n
        found = _of_weights(model) if self.learn else {}
        for name, (number, size) in self.wanted.items():
            rows = plan.gradient(number, n)
            found[name] = np.zeros((n, *size), np.float32) if rows is None else rows.reshape(n, *size).copy()
        outputs = {name: plan.values[number].array[:n].reshape(n, *size).copy()
                   for name, (number, size) in self.seen.items()}
        return Found(loss, found, outputs)


def probe_of(model, n, losses, wrt, seen=(), training=False, change=None, keep=True):
    """The model's `Probe` for n samples, made if it keeps none that fits."""
    key = "gradients" if losses else "outputs", tuple(wrt), tuple(seen), training, change
    probe, parameters = model._plans.get(key), trained(model._items)
    sums = bool(losses) or training  # over the batch, which the plan's size cuts: bits must not depend on former batches
    if (probe is None or (probe.plan.batch != n if sums else not probe.plan.least <= n <= probe.plan.batch)
            or probe.plan.threads < get_num_threads() or probe.losses != losses or probe.trained != parameters):
        probe = Probe(model, n, losses, wrt, seen, training, change)
        probe.trained = parameters
        if keep:
            model._plans[key] = probe
    return probe


def gradients_of(model, arrays, sparse, wrt, training):
    """(mean loss, {name: gradient}) of one batch by the model's own losses, penalties included."""
    probe = probe_of(model, len(arrays[0]), model._losses_of("gradients", sparse), wrt, (), training)
    loss, found, _ = probe.run(model, *model._parted(arrays), model.optimizer.iterations)
    for name, layer in model._named_layers() if probe.learn else ():
        for p in layer.parameters:
            if f"{name}/{p.name}" in found and any(p.penalty):
                l1, l2 = map(np.float32, p.penalty)
                found[f"{name}/{p.name}"] += l1 * np.sign(p.value) + 2 * l2 * p.value
    return loss + probe.plan.penalty(), found


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
    if not isinstance(gradients, dict):
        raise TypeError("gradients must be {layer/parameter: array}, as gradients(x, y) gives them beside the loss. "
                        f"Received: {arguments.shown(gradients)}")
    if set(names) != set(gradients):
        missing = [name for name in names if name not in gradients]
        foreign = [name for name in gradients if name not in names]
        raise ValueError(f"gradients must have an array for each of {', '.join(names)}. Received: "
                         f"{'none' if missing else 'one'} for {arguments.shown((missing or foreign)[0])}")
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
