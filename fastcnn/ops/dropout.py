"""Dropout."""

from fastcnn import _ops, arguments
from fastcnn.ops.shared import deliver, gradient, result, run


def _dropout(x, rate, seed, step, field, out):
    x = arguments.array("x" if field == "x" else "dy", x)
    rate = arguments.number("rate", rate, minimum=0, below=1)
    key = [arguments.integer(name, value, 0, 2**64 - 1) for name, value in (("seed", seed), ("step", step))]
    y = result(out, x.shape, x, in_place=True)
    if x.size:
        op = _ops.dropout(x.size, rate)
        run(op, 1, [["forward"]], [("x", x), ("y", y)], random=key)
    return deliver(y, out)


def dropout(x, rate, seed=0, step=0, *, out=None):
    """Inverted dropout: each value is 0 with probability `rate`, else divided by 1 − rate.

    Args:
        x: any array.
        rate: in [0, 1).
        seed, step: key and counter of the random numbers (Philox 4×32-10); the same pair drops the same places.
        out: array to write the result to.

    Shape:
        any → the same

    Example:
        >>> y = fastcnn.ops.dropout(np.ones(1000), 0.25, seed=1)
        >>> bool(700 < np.count_nonzero(y) < 800)
        True
    """
    return _dropout(x, rate, seed, step, "x", out)


def dropout_backward(dy, x, rate, seed=0, step=0):
    """Gradient of `dropout`: the same places, the same factor."""
    dy = gradient(dy, arguments.array("x", x).shape)
    return _dropout(dy, rate, seed, step, "dy", None)
