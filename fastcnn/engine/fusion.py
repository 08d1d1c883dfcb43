"""Several nodes made one: pure functions, network to network.

A node is fused behind another only if it is the one reader of what that one alone makes, and nobody watches it.
"""

from fastcnn import _ops
from fastcnn.engine.nodes import Computed, Node


def fuse(network, fold):
    """The same network with sums and activations fused behind convolutions, dense layers and normalizations; and, with fold,
    where nothing is differentiated, normalizations folded into weights."""
    network = _each(network, lambda before, node: _activated(before, node)
                    or (_folded(before, node) if fold and _folds(before, node) else None))
    return _each(_summed(network), _activated)


def fuse_passes(network):
    """The same network with each normalization and the max pooling behind it as one op, which leaves no normalized image,
    and with dropout fused behind dense layers with ReLU. Results keep their bits."""
    wiring = network.wiring()

    def one(norm, node):
        maker = network.nodes[wiring.before(norm)] if wiring.before(norm) is not None else None
        return _normalized_pool(norm, node, maker) or _dropped(norm, node)

    return _each(network, one)


def _each(network, join):
    """The network with pairs of nodes replaced by what `join(before, node)` makes of them, where it makes something."""
    wiring, fused, place = network.wiring(), [], {}  # place: of a value's maker among the fused
    for node in network.nodes:
        at = place.get(node.xs[0]) if wiring.before(node) is not None else None
        before = fused[at] if at is not None else None
        both = join(before, node) if before is not None and before.op is not None and node.op is not None else None
        if both:
            both.y = node.y
            fused[at] = both
            place[node.y] = at
        else:
            place[node.y] = len(fused)
            fused.append(node)
    return network.with_nodes(fused)


def _activated(before, node):
    if node.op.name == "activation" and before.op.takes_activation and before.op.activation == "linear":
        return before.with_op(before.op.with_activation(node.op.activation, node.op.alpha))
    return None


def _summed(network):
    """The network with each sum of two done by the op that makes one of them, the later one if both can: the end of a
    residual block is one pass."""
    wiring, nodes, gone = network.wiring(), list(network.nodes), set()
    for place, node in enumerate(network.nodes):
        if node.op is None or node.op.name != "add" or not (node.op.passes_on(0) and node.op.passes_on(1)):
            continue
        makers = [wiring.maker(x) if wiring.readers[x] == 1 else None for x in node.xs]
        for maker in sorted((m for m in makers if m is not None), reverse=True):
            before = nodes[maker]
            op = None if before.op is None or len(before.xs) != 1 else before.op.with_sum()
            if op is not None:
                other = node.xs[1 - makers.index(maker)]
                nodes[place] = before.with_op(op, xs=(*before.xs, other), y=node.y)
                gone.add(maker)
                break
    return _without(network, nodes, gone)


def fuse_pools(network):
    """A network of which only the forward pass is wanted, with the pooling behind convolutions of planes fused into them."""
    def pooled(before, node):
        op = before.op.with_pool(node.op)
        return None if op is None else before.with_op(op)

    return _each(network, pooled)


def fuse_joins(network):
    """A network of which only the forward pass is wanted, with convolutions that write into concatenations themselves."""
    wiring, nodes, gone = network.wiring(), list(network.nodes), set()
    for place, node in enumerate(network.nodes):
        maker = wiring.before(node) if node.op is not None and node.op.name == "join" else None
        op = nodes[maker].op.with_join(node.op) if maker is not None and nodes[maker].op is not None else None
        if op is not None:
            nodes[place] = nodes[maker].with_op(op, y=node.y, same=node.same)
            gone.add(maker)
    return _without(network, nodes, gone)


def _without(network, nodes, gone):
    return network.with_nodes([node for place, node in enumerate(nodes) if place not in gone])


def _folds(before, node):
    """Are both about the same channels? A copy of large dense weights would cost more than the normalization does."""
    op, norm = before.op, node.op
    return (norm.name == "fixed_norm" and op.folds and op.activation == "linear" and before.fold is None
            and before.table is None and norm.in_shape[2] == op.out_shape[2] and not op.wide)


def _folded(node, norm):
    folded = node.with_op(node.op.with_bias())
    folded.w, folded.b = Computed(node.op.w_size), Computed(node.op.out_shape[2])
    folded.fold = node.w, node.b, norm
    return folded


def _normalized_pool(norm, pool, maker):
    op = _ops.lrn_pool2d(norm.op, pool.op)
    if op is None:
        return None
    if masks(maker) and maker.op.activation == "relu":
        op = op.with_activation("relu")  # its gradient takes the convolution's mask along
    return _in_place_of(Node(op), norm, pool)


def _dropped(dense, dropout):
    op = dense.op.with_dropout(dropout.op)
    return None if op is None else _in_place_of(Node(op, dense.w, dense.b, dropout.seed), dense, dropout)


def _in_place_of(node, first, second):
    node.layer, node.number, node.xs = first.layer, second.number, first.xs
    return node


def masks(node):
    """Does the node have an activation fused behind it, whose derivative its gradient is to be masked by?"""
    return node is not None and node.op is not None and node.op.takes_activation and node.op.activation != "linear"
