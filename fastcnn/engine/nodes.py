"""What layers become for the engine: a node per op, which reads values and writes one."""

import copy

from fastcnn import activations

BEFORE = -1  # in place of a value's number: what the layer's node before wrote; its first node reads the layer's input 0


class Node:
    """One op, with its weights.

    A layer makes nodes that know its own inputs only; `network.lower` puts the numbers of the network's values in their
    place.

    Args:
        op: the descriptor.
        w, b: `Parameter`s, or None.
        seed: of random numbers; −1: the model's.
        constant: an array in the place of w that training leaves alone.
        table: of connections.
        moving: the moving mean and variance of a normalization.
        xs: which values it reads: numbers of the layer's inputs, or BEFORE.
        same: it writes into the value that the layer's node before began, as joins do.
        only: "forward" or "backward", where another node goes the other way; None: it goes both.
    """

    __slots__ = ("op", "w", "b", "seed", "constant", "table", "moving", "fold", "layer", "number", "xs", "y", "same", "only")

    def __init__(self, op, w=None, b=None, seed=None, constant=None, table=None, moving=None, xs=(BEFORE,), same=False):
        self.op, self.w, self.b, self.seed, self.constant, self.table, self.moving = op, w, b, seed, constant, table, moving
        self.xs, self.same = xs, same
        self.layer = self.number = self.y = self.only = None
        self.fold = None  # (w, b, node of a normalization) that the plan makes this node's w and b of

    @property
    def learns(self):
        """Do its parameters, if it has some, get gradients?"""
        return self.layer is not None and self.layer.trainable and self.only != "forward"

    def with_op(self, op, **changes):
        """The same node with another op, or with other attributes."""
        other = copy.copy(self)
        other.op = op
        for name, value in changes.items():
            setattr(other, name, value)
        return other


class PythonNode(Node):
    """A layer that computes in Python: `forward` of what it reads, `backward` of the gradient of what it writes.

    Args:
        layer: that computes.
        xs, y: the values it reads and writes.
        shared: it is called more than once, and each call keeps what its backward pass needs in an object of its own.
    """

    __slots__ = ("origin",)

    def __init__(self, layer, xs, y, shared):
        super().__init__(None, xs=xs)
        self.origin, self.layer, self.y = layer if shared else None, layer.alias() if shared else layer, y

    def forward(self, xs, training):
        """y, by the layer's attributes as they are now."""
        if self.origin is not None:
            vars(self.layer).update(vars(self.origin))
        return self.layer.forward(xs if self.layer.merges else xs[0], training=training)


class LossNode:
    """A loss at one of the network's outputs.

    Args:
        loss: the `Loss`.
        op: its descriptor; None: it computes in Python.
        x: the value it reads.
        y: the value of predictions that it makes of x, if it has a softmax in it; None: x is what the model predicts.
        slope: of second derivatives: the value that the first ones go to; None: nobody reads them.
    """

    def __init__(self, loss, op, x, y=None, slope=None):
        self.loss, self.op, self.x, self.y, self.slope = loss, op, x, y, slope


class Computed:
    """In place of a parameter: an array that a plan computes of others before it runs."""

    def __init__(self, size):
        self.size, self.value = size, None


def activated(activation, op, w=None, b=None, table=None):
    """The nodes of an op with an activation behind it, fused where it can be; activation: as `activations.get` gives it."""
    if activations.fusable(activation):
        return [Node(op.with_activation(*activation), w, b, table=table)]
    return [Node(op, w, b, table=table), Node(activations.op(activation, op.out_size, op.out_shape[2]))]
