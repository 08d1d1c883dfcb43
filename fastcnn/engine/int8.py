"""Convolutions that compute in int8 what `predict` and `evaluate` ask for."""

from fastcnn.ops.conv2d_int8 import grid


def fits(node):
    """Is the node a convolution that can be computed in int8?"""
    return node.op is not None and node.op.with_int8(1, 0) is not None


def in_int8(node, ranges):
    """The same node, in int8 if the range of what its layer's convolutions read is known.

    Args:
        node: of a network.
        ranges: {layer: (low, high)}.
    """
    if not fits(node) or node.layer not in ranges:
        return node
    return node.with_op(node.op.with_int8(*grid(*ranges[node.layer])))
