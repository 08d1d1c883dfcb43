"""Where a plan takes the image as lane: a pure function, network to network.

Where channels are few, a vector of channels is mostly empty. A *lane stage* interleaves the images of a chunk, as many as a
vector has floats: each op then fills its vectors whatever the channels. It begins with `to_lanes`, which makes the zero edge
of a first convolution too, and ends with `from_lanes`. It is a chain within the network, of values that nobody else reads.
"""

from fastcnn import _ops
from fastcnn.engine.nodes import Node

_NARROW = 16        # channels: a convolution with fewer on one side leaves vectors of channels partly empty
_NARROW_FIVES = 24  # the same of one 5 wide, whose rows take 9 products for 5 outputs in lanes
_FIVES = "F(5, 5)"
_LARGEST = 1 << 21  # floats: input and output of an op for a chunk; 64 filters on 32 × 32 gain 2.4 times, beyond L2


def in_lanes(network, batch):
    """The same network with its lane stages for batches of `batch` images."""
    width = _ops.lanes_width()
    if width == 1 or batch < width:
        return network
    wiring, nodes, i = network.wiring(), [], 0
    while i < len(network.nodes):
        stage = _stage(network, wiring, i, width)
        nodes += stage or network.nodes[i:i + 1]
        i += len(stage) - 2 if stage else 1
    return network.with_nodes(nodes)


def _stage(network, wiring, first, width):
    """The stage in lanes that this node begins: [to_lanes, ops, from_lanes], or nothing."""
    nodes, last = [], 0
    for place, node in enumerate(network.nodes[first:], first):
        if nodes and wiring.before(node) != place - 1:
            break
        op = None if node.op is None or not _fits(node.op, width) else node.op.with_lanes()
        if op is None or not nodes and op.name != "conv2d":
            break
        nodes.append(node.with_op(op))
        if op.name == "conv2d" and min(op.in_shape[2], op.out_shape[2]) >= (_NARROW_FIVES if _fives(op) else _NARROW):
            break
        last = len(nodes)
    nodes = nodes[:last]
    if not any(node.op.name == "conv2d" and (_fives(node.op) or node.op.out_shape[2] < _NARROW) for node in nodes):
        return []  # forward passes fill their vectors as they are
    start, op = _ops.to_lanes(nodes[0].op)
    edge, end = Node(start, xs=nodes[0].xs), Node(_ops.from_lanes(nodes[-1].op.out_size))
    edge.y, end.y = network.value(start.out_size), nodes[-1].y
    nodes[0] = nodes[0].with_op(op, xs=(edge.y,))
    nodes[-1] = nodes[-1].with_op(nodes[-1].op, y=network.value(nodes[-1].op.out_size))
    end.xs = (nodes[-1].y,)
    return [edge, *nodes, end]


def _fits(op, width):
    return (op.in_size + op.out_size) * width <= _LARGEST


def _fives(op):
    return op.algorithm("forward") == _FIVES
