"""Where a plan takes the image as lane: a pure function, list to list.

Where channels are few, a vector of channels is mostly empty. A *lane stage* interleaves the images of a chunk, as many as a
vector has floats: each op then fills its vectors whatever the channels. It begins with `to_lanes`, which makes the zero edge
of a first convolution too, and ends with `from_lanes`.
"""

from fastcnn import _ops
from fastcnn.engine.nodes import Node, PythonEntry

_NARROW = 16        # channels: a convolution with fewer on one side leaves vectors of channels partly empty
_LARGEST = 1 << 18  # floats: input and output of an op for a chunk; 8 and 12 channels of 32 × 32 gain a third, beyond L2


def in_lanes(entries, batch):
    """The same network with its lane stages for batches of `batch` images."""
    width, result, i = _ops.lanes_width(), [], 0
    if width == 1 or batch < width:
        return entries
    while i < len(entries):
        stage = _stage(entries[i:], width)
        result += stage or entries[i:i + 1]
        i += len(stage) - 2 if stage else 1
    return result


def _stage(entries, width):
    """The stage in lanes that the first of these entries begins: [to_lanes, ops, from_lanes], or nothing."""
    nodes, last = [], 0
    for entry in entries:
        op = None if isinstance(entry, PythonEntry) or not _fits(entry.op, width) else entry.op.with_lanes()
        if op is None or not nodes and op.name != "conv2d":
            break
        nodes.append(entry.with_op(op))
        if op.name == "conv2d" and not _narrow(entry.op):
            break
        last = len(nodes)
    nodes = nodes[:last]
    if not any(node.op.name == "conv2d" and node.op.out_shape[2] < _NARROW for node in nodes):
        return []  # forward passes fill their vectors as they are
    to_lanes, first = _ops.to_lanes(nodes[0].op)
    return [Node(to_lanes), nodes[0].with_op(first), *nodes[1:], Node(_ops.from_lanes(nodes[-1].op.out_size))]


def _fits(op, width):
    return (op.in_size + op.out_size) * width <= _LARGEST


def _narrow(op):
    return op.algorithm("forward") == "direct" and min(op.in_shape[2], op.out_shape[2]) < _NARROW
