"""What layers become for the engine: one node per op, in order, and one for each layer that computes in Python."""

import copy

from fastcnn import activations


class Node:
    """One op of a layer for the plan, with its weights; `constant`: an array in their place that training leaves alone;
    `moving`: the moving mean and variance of a normalization."""

    __slots__ = ("op", "w", "b", "seed", "constant", "table", "moving", "fold", "layer", "number")

    def __init__(self, op, w=None, b=None, seed=None, constant=None, table=None, moving=None):
        self.op, self.w, self.b, self.seed, self.constant, self.table, self.moving = op, w, b, seed, constant, table, moving
        self.layer = self.number = None
        self.fold = None  # (w, b, node of a normalization) that the plan makes this node's w and b of

    def with_op(self, op):
        """The same node with another op."""
        other = copy.copy(self)
        other.op = op
        return other


def activated(activation, op, w=None, b=None, table=None):
    """The nodes of an op with an activation behind it, fused where it can be; activation: as `activations.get` gives it."""
    if activations.fusable(activation):
        return [Node(op.with_activation(*activation), w, b, table=table)]
    return [Node(op, w, b, table=table), Node(activations.op(activation, op.out_size, op.out_shape[2]))]


class PythonEntry:
    """A layer that computes in Python."""

    def __init__(self, layer):
        self.layer = layer


class Computed:
    """In place of a parameter: an array that a plan computes of others before it runs."""

    def __init__(self, size):
        self.size, self.value = size, None


def entries_of(layers, training):
    """The nodes of the layers, in order; layers that compute in Python as one entry each."""
    entries = []
    for layer in layers:
        if layer.training_only and not training:
            continue
        nodes = layer.training_nodes() if training else layer.nodes()
        if nodes is None:
            entries.append(PythonEntry(layer))
        for node in nodes or ():
            node.layer = layer
            entries.append(node)
    return entries
