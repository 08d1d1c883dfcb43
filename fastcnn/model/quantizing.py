"""What range of numbers convolutions read, which their eight bits are to span."""

import math
from contextlib import closing

import numpy as np

from fastcnn import arguments
from fastcnn.batches import streams
from fastcnn.engine.int8 import fits
from fastcnn.engine.plan import Plan
from fastcnn.model import feeding
from fastcnn.threads import get_num_threads


def calibrated(model, images):
    """{layer's name: (low, high)} of what each layer's convolutions read while the model predicts some images, in float32.

    Raises:
        ValueError: no layer that could be computed in int8; no images; what is read is not finite.
    """
    if streams.is_stream(images):
        batches = feeding.stream_of(model, "steps", images, None, targets=False, name="images")
    else:
        batches = feeding.batches_of(model, "steps", feeding.samples(model, "images", images), False, None, None)
    plan, ranges, inputs = None, {}, len(model.graph.inputs)
    with closing(batches.epoch(0)) as items:
        for n, arrays, _ in items:
            if plan is None or n > plan.batch:
                plan, readers = _plan(model, n)
            xs = arrays[:inputs]
            ys = [np.empty((n, plan.network.sizes[value]), np.float32) for value in plan.network.outputs]
            model._forward(plan, xs, ys, get_num_threads())
            for value, array in zip([*plan.network.inputs, *plan.network.outputs], [*xs, *ys]):
                for name in readers.get(value, ()):
                    low, high = ranges.get(name, (0.0, 0.0))
                    ranges[name] = float(np.minimum(low, array.min())), float(np.maximum(high, array.max()))  # NaN stays
    if plan is None:
        raise ValueError("the source of batches must hold at least one. Received: none")
    for name, (low, high) in ranges.items():
        if not math.isfinite(high - low):
            raise ValueError(f"what layer {name!r} reads must be finite. Received: values from {low:g} to {high:g}")
    return ranges


def _plan(model, n):
    """(a plan that gives what convolutions read as well, {value: names of the layers whose convolutions read it})."""
    _ = model._flats  # parameters have their places from here on
    network, _ = model._lower(False)
    readers, names = {}, {layer: name for name, layer in model._named_layers()}
    for node in filter(fits, network.nodes):
        readers.setdefault(node.xs[0], []).append(names[node.layer])
    if not readers:
        raise ValueError("the model has no Conv2D layer that could be computed in int8, of 16 filters in a group or more. "
                         f"Received: layers {', '.join(layer.name for layer in model.layers)}")
    network.outputs += [value for value in readers if value not in (*network.inputs, *network.outputs)]
    return Plan(network, "predict", n, get_num_threads(), items=model._items, seed=model.seed), readers


def checked(model, ranges):
    """Such ranges as a configuration holds them, of the model's layers."""
    pairs = ranges.values() if isinstance(ranges, dict) else [None]
    if not all(isinstance(pair, (list, tuple)) and len(pair) == 2 for pair in pairs):
        raise TypeError(f"quantized must be {{layer's name: [low, high]}}. Received: {arguments.shown(ranges)}")
    names = {name for name, _ in model._named_layers()}
    for name, (low, high) in ranges.items():
        if name not in names:
            raise ValueError(f"quantized must name layers of the model. Received: {arguments.shown(name)}")
        if arguments.number(f"quantized[{name!r}]", low) > arguments.number(f"quantized[{name!r}]", high):
            raise ValueError(f"quantized[{name!r}] must go from low to high. Received: {arguments.shown([low, high])}")
    return {name: tuple(map(float, pair)) for name, pair in ranges.items()}
