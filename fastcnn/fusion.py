"""From layers to the list of ops that a plan runs: pure functions, list to list."""

from fastcnn import _ops
from fastcnn.layers.base import Node

_ACTIVATED = "conv2d", "conv2d_transpose", "dense", "scale"  # ops that take an activation along

class PythonEntry:
    """A layer that computes in Python."""

    def __init__(self, layer):
        self.layer = layer


def entries_of(layers, training):
    """The nodes of the layers, in order; layers that compute in Python as one entry each."""
    entries = []
    for layer in layers:
        if layer.training_only and not training:
            continue
        nodes = layer.nodes()
        if nodes is None:
            entries.append(PythonEntry(layer))
        for node in nodes or ():
            node.layer = layer
            entries.append(node)
    return entries


def fuse(entries):
    """The same list with activations fused behind convolutions and dense layers."""
    fused = []
    for entry in entries:
        before = fused[-1] if fused else None
        if (not isinstance(entry, PythonEntry) and entry.op.name == "activation" and before is not None
                and not isinstance(before, PythonEntry) and before.op.name in _ACTIVATED
                and before.op.activation == "linear"):
            fused[-1] = before.like(before.op.with_activation(entry.op.activation, entry.op.alpha))
        else:
            fused.append(entry)
    return fused


def fuse_loss(entries, loss):
    """(entries, kind of the loss op): softmax and cross-entropy become one op."""
    if loss.kind == "categorical_cross_entropy" and entries and not isinstance(entries[-1], PythonEntry):
        op = entries[-1].op
        if op.name == "softmax" and op.in_shape[0] == 1:
            return entries[:-1], "softmax_cross_entropy"
    return entries, loss.kind


def fuse_passes(entries):
    """The same list with each normalization and the max pooling behind it as one op, which leaves no normalized image, and
    with dropout fused behind dense layers with ReLU. Results keep their bits."""
    fused = []
    for entry in entries:
        before = fused[-1] if fused else None
        node = None
        if not isinstance(entry, PythonEntry) and before is not None and not isinstance(before, PythonEntry):
            node = _normalized_pool(before, entry, fused[:-1]) or _dropped(before, entry)
        if node is None:
            fused.append(entry)
        else:
            node.layer, node.number = before.layer, entry.number
            fused[-1] = node
    return fused


def _normalized_pool(norm, pool, before):
    op = _ops.lrn_pool2d(norm.op, pool.op)
    if op is None:
        return None
    last = before[-1] if before else None
    if masks(last) and last.op.activation == "relu":
        op = op.with_activation("relu")  # its gradient takes the convolution's mask along
    return Node(op)


def _dropped(dense, dropout):
    op = dense.op.with_dropout(dropout.op)
    return None if op is None else Node(op, dense.w, dense.b, dropout.seed)


def masks(entry):
    """Does the entry have an activation fused behind it, whose derivative its gradient is to be masked by?"""
    return (entry is not None and not isinstance(entry, PythonEntry) and entry.op.name in _ACTIVATED
            and entry.op.activation != "linear")
