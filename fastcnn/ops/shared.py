"""What the functions of this package have in common."""

import numpy as np

from fastcnn import _ops, arguments
from fastcnn.threads import get_num_threads


def run(op, batch, phases, rows=(), arrays=(), states=(), scale=None, correction=1.0, random=None, chunk=1):
    """Runs a program of one op. rows: (field, array) with one row per image; arrays: (field, array); states: an
    optimizer's."""
    steps = [(0, name) for phase in phases for name in phase]
    ends = np.cumsum([len(phase) for phase in phases]).tolist()
    program = _ops.Program([op], steps, [(end - len(p), len(p), chunk, True) for end, p in zip(ends, phases)])
    for field, value in rows:
        program.bind_rows(0, field, value, value.size // max(batch, 1))
    for field, value in arrays:
        program.bind(0, field, value)
    program.bind_states(0, states)
    if scale is not None:
        program.set_scale(0, scale, correction)
    if random is not None:
        program.set_random(0, *random)
    program.run(batch, get_num_threads())


def result(out, shape, *inputs, in_place=False):
    """The array to compute into: `out`, or a new one where there is no out or it overlaps an input. in_place: it may be
    one of the inputs itself."""
    if out is None:
        return np.empty(shape, np.float32)
    flags = getattr(out, "flags", None)
    if not isinstance(out, np.ndarray) or out.dtype != np.float32 or not (flags.c_contiguous and flags.aligned
                                                                         and flags.writeable):
        raise TypeError(f"out must be a writable, aligned, C-contiguous float32 array. Received: {describe(out)}")
    if out.shape != tuple(shape):
        raise ValueError(f"out must have shape {tuple(shape)}. Received: shape {out.shape}")
    for x in inputs:
        same = x.ctypes.data == out.ctypes.data and x.shape == out.shape
        if np.may_share_memory(x, out) and not (in_place and same):
            return np.empty(shape, np.float32)
    return out


def deliver(y, out):
    """y where the caller wants it."""
    if out is None or y is out:
        return y
    out[...] = y
    return out


def describe(value):
    """What was received, in the words of an error."""
    if isinstance(value, np.ndarray):
        kind = "" if value.flags.c_contiguous else ", not contiguous"
        return f"ndarray of {value.dtype}, shape {value.shape}{kind}{'' if value.flags.writeable else ', read-only'}"
    what = f"of length {len(value)}" if isinstance(value, (tuple, list)) else arguments.shown(value)
    return f"{type(value).__name__} {what}"


def gradient(dy, shape):
    """dy as an array of the output's shape."""
    dy = arguments.array("dy", dy)
    if dy.shape != tuple(shape):
        raise ValueError(f"dy must have the output's shape {tuple(shape)}. Received: shape {dy.shape}")
    return dy


def last(x, first, name="x"):
    """An image batch as a contiguous NHWC array."""
    x = arguments.array(name, x, 4, contiguous=not first)
    return arguments.dense(x.transpose(0, 2, 3, 1)) if first else x


def finish(y, first, out):
    """y in the caller's layout; with `out` and channels_first the transpose is written there."""
    if not first:
        return deliver(y, out)
    y = arguments.dense(y.transpose(0, 3, 1, 2))
    result(out, y.shape)
    return deliver(y, out)


def forward(op, first, x, shape, out):
    """The result of an op of images that has no parameters; `shape`: its, channels last."""
    y = result(None if first else out, shape, x)
    run(op, shape[0], [["forward"]], [("x", x), ("y", y)])
    return finish(y, first, out)


def backward(dy, op, first, x, shape):
    """dx of such an op."""
    dy, dx = gradient(last(dy, first, "dy"), shape), np.empty_like(x)
    run(op, shape[0], [["data"]], [("x", x), ("dy", dy), ("dx", dx)])
    return finish(dx, first, None)


def biases(bias, count):
    """The bias as an array of `count` numbers, or None."""
    if bias is not None:
        bias = arguments.array("bias", bias, 1)
        if bias.shape != (count,):
            raise ValueError(f"bias must have shape ({count},). Received: shape {bias.shape}")
    return bias


def partials(op, n):
    """(images per chunk, room for the chunks' partial sums, at most 16 whatever the batch; None where the op has none)."""
    chunk = max(1, -(-n // 16))
    return chunk, _ops.aligned(-(-n // chunk) * op.partial_size) if op.partial else None


def random_key(seed, name, value, largest=2**64 - 1):
    """Key and counter of the random numbers."""
    return arguments.integer("seed", seed, 0, 2**64 - 1), arguments.integer(name, value, 0, largest)


def numbers(name, value, n, below):
    """n integers from 0 as int32, or None."""
    if value is None:
        return None
    value = np.asarray(value)
    if value.dtype.kind not in "iu" or value.shape != (n,):
        raise ValueError(f"{name} must be {n} integers, one per image. Received: {describe(value)}")
    if n and not (0 <= value.min() and value.max() < below):
        raise ValueError(f"{name} must lie in 0 … {below - 1}. Received: {value.min()} … {value.max()}")
    return np.ascontiguousarray(value, np.int32)


FORWARD = object()  # in place of dy: no gradient is wanted
