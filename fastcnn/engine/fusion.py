"""From layers to the list of ops that a plan runs: pure functions, list to list."""

from fastcnn import _ops
from fastcnn.engine.nodes import Computed, Node, PythonEntry


def fuse(entries, training):
    """The same list with activations fused behind convolutions and dense layers; and, where nothing is trained,
    normalizations folded into their weights."""
    fused = []
    for entry in entries:
        before = fused[-1] if fused else None
        if isinstance(before, Node) and before.op.activation == "linear" and not isinstance(entry, PythonEntry):
            if entry.op.name == "activation" and before.op.takes_activation:
                fused[-1] = before.with_op(before.op.with_activation(entry.op.activation, entry.op.alpha))
                continue
            if not training and before.fold is None and before.table is None and _folds(before.op, entry.op):
                fused[-1] = _folded(before, entry)
                continue
        fused.append(entry)
    return fused


def _folds(op, norm):
    """Are both about the same channels? A copy of large dense weights would cost more than the normalization does."""
    return op.folds and norm.name == "fixed_norm" and norm.in_shape[2] == op.out_shape[2] and not op.wide


def _folded(node, norm):
    folded = node.with_op(node.op.with_bias())
    folded.w, folded.b = Computed(node.op.w_size), Computed(node.op.out_shape[2])
    folded.fold = node.w, node.b, norm
    return folded


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
    return (entry is not None and not isinstance(entry, PythonEntry) and entry.op.takes_activation
            and entry.op.activation != "linear")
