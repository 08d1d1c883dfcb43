"""Second derivatives of a model's loss along each parameter: the plan of gradients, of other ops.

The diagonal of the Hessian by Gauss and Newton is carried backwards as gradients are, by ops *of curvature*
(csrc/ops/curvature.c). Where those of a layer with weights go back through squared inputs and squared weights, one node goes
forward and another, of curvature, goes back.
"""


import numpy as np

from fastcnn import _ops, arguments
from fastcnn.engine.nodes import LossNode, Node
from fastcnn.engine.parameters import trained
from fastcnn.ops.shared import run

SAMPLES = 50  # at a time
_OWN = ("rbf",)  # takes weights and inputs as they are, and first derivatives besides


def curved(network):
    """The network, a chain with its loss, with second derivatives in the place of gradients.

    Raises:
        ValueError: branches; or a layer or the loss has no second derivatives here.
    """
    _need_chain(network)
    (loss,), nodes = network.losses, []
    ops = [_of_curvature(node, node is network.nodes[-1]) for node in network.nodes]
    bent = None if loss.op is None else loss.op.with_curvature()
    if bent is None:
        raise ValueError(f"second derivatives need a loss that has them: mean squared error, binary cross-entropy, "
                         f"cross-entropy of a softmax, or a loss of distances. Received: {arguments.shown(loss.loss.name)}")
    slope = None
    if ops and ops[-1].name in _OWN:
        slope = network.value(network.sizes[loss.x])
        network.watched |= {slope}  # until the prototypes have had their second derivatives
    for node, op in zip(network.nodes, ops):
        if op.name in _OWN:
            nodes.append(node.with_op(op, xs=(*node.xs, slope)))
        elif node.w is None:
            nodes.append(node.with_op(op))
        else:
            nodes += _both_ways(network, node, op)
    network = network.with_nodes(nodes)
    network.losses = [LossNode(loss.loss, bent, loss.x, loss.y, slope)]
    return network


def _need_chain(network):
    """Second derivatives of sums over branches would need those across them."""
    before, shared = network.inputs[0], set()
    for node in network.nodes:
        if node.xs != (before,):
            raise ValueError(f"second derivatives are carried through chains of layers only. Received: a network with "
                             f"branches, at layer {arguments.shown(node.layer.name)}")
        if node.w is not None and node.w in shared:
            raise ValueError(f"second derivatives need layers that are used once. "
                             f"Received: {arguments.shown(node.layer.name)}, used "
                             f"twice")
        shared.add(node.w)
        before = node.y
    if len(network.inputs) != 1 or len(network.losses) != 1 or network.losses[0].x != before:
        raise ValueError(f"second derivatives need one input and one loss, at the end. Received: {len(network.inputs)} "
                         f"inputs, {len(network.losses)} losses")


def _of_curvature(node, last):
    op = None if node.op is None else node.op.with_curvature()
    if op is None or op.name in _OWN and not last:
        raise ValueError(f"second derivatives cannot be carried through {type(node.layer).__name__} layers, nor "
                         f"through RBF but at the end. Received: {arguments.shown(node.layer.name)}")
    return op


def _both_ways(network, node, op):
    """The nodes of one with weights: forward, and back through squares. A square hands on what goes back to it."""
    squared, xs, squares = node.w.twin(), node.xs, []
    squared.array = _ops.aligned(node.w.size).reshape(node.w.shape)
    if node.learns:
        square = Node(_ops.plain("square", 1, node.op.in_size), xs=xs)
        square.y = network.value(node.op.in_size)
        xs, squares = (square.y,), [square]
    return [node.with_op(node.op, only="forward"), *squares, node.with_op(op, w=squared, xs=xs, only="backward")]


def estimate(plan, x, target, weight, threads, version):
    """The diagonal's mean over some samples by a plan of mode "curvature": {flat array: an array of its layout}, 0 where
    nothing is trained. The arrays of gradients hold those of some samples for a while."""
    found = {flat: np.zeros_like(flat.values) for flat in plan.flats}
    for node in plan.nodes:
        if node.only == "backward":
            squares = [("x", node.w.of(node.w.flat.values)), ("y", node.w.array)]
            run(_ops.plain("square", 1, node.w.size), 1, [["forward"]], squares)
    for first in range(0, len(x), plan.batch):
        part, *given = (None if a is None else np.ascontiguousarray(a[first:first + plan.batch])
                        for a in (x, target, weight))
        plan.set_inputs([part])
        plan.set_targets(*([a] for a in given))
        plan.run(len(part), threads, version)
        for p in trained(plan.items):
            p.of(found[p.flat])[...] += np.float32(len(part) / len(x)) * p.of(p.flat.gradients)
    return found
