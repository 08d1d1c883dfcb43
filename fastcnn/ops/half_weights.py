"""Kernels of dense layers in fewer bits."""

from __future__ import annotations

import numpy as np

from fastcnn import _ops, arguments
from fastcnn.ops.shared import deliver, result, run
from fastcnn.typing import Array, ArrayLike

__all__ = ["half_weights"]

DTYPES = "float16", "int8"
_LARGEST = {"float16": np.float32(65504), "int8": np.finfo(np.float32).max}


def half_weights(kernel: ArrayLike, dtype: str, *, out: Array | None = None) -> Array:
    """What is left of a kernel that is stored in fewer bits, see `Sequential.half_weights`.

    Args:
        kernel: of a dense layer.
        dtype: "float16": IEEE's, to nearest even; or "int8": whole multiples, −127 to 127, of a scale for every 256 rows of
            a column.
        out: array to write the result to.

    Shape:
        (I, O) → (I, O)

    Raises:
        ValueError: the kernel holds NaN or infinities or, in float16, numbers beyond 65504.

    Example:
        >>> fastcnn.ops.half_weights([[1.0, 0.1], [254.0, 0.2]], "int8").tolist()
        [[0.0, 0.10078740119934082], [254.0, 0.20000000298023224]]
    """
    kernel = arguments.array("kernel", kernel, 2)
    arguments.choice("dtype", dtype, DTYPES)
    check("kernel", kernel, dtype)
    y = result(out, kernel.shape, kernel)
    if kernel.size:
        restore(dtype, *store(kernel, dtype), y)
    return deliver(y, out)


def check(name, kernel, dtype):
    """Refuses what the format cannot hold."""
    low, high = (kernel.min(), kernel.max()) if kernel.size else (0, 0)
    if not (low >= -_LARGEST[dtype] and high <= _LARGEST[dtype]):  # NaN neither
        bound = " and at most 65504" if dtype == "float16" else ""
        raise ValueError(f"{name} must be finite{bound} to be stored as {dtype}. Received: values from {low:g} to {high:g}")


def arrays(shape, dtype):
    """(half, scales) for a kernel of this shape: 16 or 8 bits per weight, in an order of their own."""
    op = _ops.half_weights(*shape, dtype)
    return _ops.aligned(op.half_size), _ops.aligned(op.scales_size)


def store(kernel, dtype, half=None, scales=None):
    """(half, scales) made of a kernel."""
    if half is None:
        half, scales = arrays(kernel.shape, dtype)
    run(_ops.half_weights(*kernel.shape, dtype), 1, [["forward"]], [("x", kernel)], [("half", half), ("scales", scales)])
    return half, scales


def restore(dtype, half, scales, out):
    """The kernel `out` in float32 again."""
    run(_ops.half_weights(*out.shape, dtype), 1, [["data"]], [("dx", out)], [("half", half), ("scales", scales)])
