"""What a plan calls between its phases: layers and losses that compute in Python.

They are given arrays of their own, since they may write into what they are given: a batch of the user's, or a value that
others read, too.
"""

from time import thread_time

import numpy as np

from fastcnn import arguments


def _rows(array, batch, shape):
    return array[:batch].reshape(batch, *shape).copy()


def _shapes(layer):
    """Shapes of the layer's inputs."""
    return layer.input_size if layer.merges else (layer.input_size,)


def forward(plan, i, batch):
    """y of a layer."""
    node, layer = plan.nodes[i], plan.nodes[i].layer
    xs = [_rows(plan.values[value].array, batch, shape) for value, shape in zip(node.xs, _shapes(layer))]
    y = node.forward(xs, plan.network.training)
    y = arguments.returned(f"{layer.name}.forward", y, (batch, *layer.output_size))
    plan.values[node.y].array[:batch] = y.reshape(batch, -1)


def backward(plan, i, batch):
    """dx of a layer, and the gradients of its parameters."""
    layer = plan.nodes[i].layer
    dy = _rows(plan.dys[i].array, batch, layer.output_size)
    before = [p.gradient.copy() for p in layer.parameters] if i in plan.again else ()
    dxs = layer.backward(dy)
    for parameter, sum_so_far in zip(layer.parameters, before):
        parameter.gradient[...] += sum_so_far
    dxs = list(dxs) if layer.merges else [dxs]
    shapes = _shapes(layer)
    if len(dxs) != len(shapes):
        raise ValueError(f"{layer.name}.backward must return a gradient for each of {len(shapes)} inputs. "
                         f"Received: {len(dxs)}")
    for dx, buffer, shape in zip(dxs, plan.dxs[i], shapes):
        dx = arguments.returned(f"{layer.name}.backward", dx, (batch, *shape))
        if buffer is not None:
            buffer.array[:batch] = dx.reshape(batch, -1)


def loss(plan, number, batch):
    """A loss, and the gradient of its predictions."""
    node, target, weight = plan.network.losses[number], plan.targets[number], plan.sample_weights[number]
    y, name, shape = plan.values[node.x].array, type(node.loss).__name__, plan.loss_shapes[number]

    def given():
        return target[:batch].copy(), _rows(y, batch, shape)

    values = arguments.returned(f"{name}.forward", node.loss.forward(*given()), (batch,))
    weight = np.ones(batch, np.float32) if weight is None else weight[:batch]
    plan.losses[number][:batch] = values * weight
    dx, _ = plan.loss_dxs[number]
    if dx is not None:
        dy = arguments.returned(f"{name}.backward", node.loss.backward(*given()), (batch, *shape))
        dx.array[:batch] = dy.reshape(batch, -1) * (weight * plan.loss_weights[number] / batch)[:, None]


CALLS = {"forward": forward, "backward": backward, "loss": loss}


def call(calls, plan, kind, i, batch):
    """One of the calls; if somebody watches the plan, with the processor time that it takes."""
    if plan.called is None:
        calls[kind](plan, i, batch)
        return
    start = thread_time()
    calls[kind](plan, i, batch)
    plan.called[kind, i] = plan.called.get((kind, i), 0.0) + thread_time() - start
