"""Compares a function of `fastcnn.ops` with its NumPy float64 reference: error and speed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

_TICK = 1e-9  # seconds that a clock tells apart at best


class Comparison:
    """What `compare` found.

    Attributes:
        op: name of the function.
        error: largest |fast − reference|, one number per result.
        relative: the same divided by the reference's largest magnitude.
        seconds, reference_seconds: the best of the timed calls.
    """

    def __init__(self, op: str, error: Sequence[float], relative: Sequence[float], seconds: float,
                 reference_seconds: float) -> None:
        self.op, self.error, self.relative = op, error, relative
        self.seconds, self.reference_seconds = seconds, reference_seconds

    def __repr__(self):
        errors = ", ".join(f"{e:.2e} ({r:.1e} of the largest)" for e, r in zip(self.error, self.relative))
        return (f"{self.op}: error {errors}; {self.seconds * 1e3:.3f} ms, reference {self.reference_seconds * 1e3:.3f} ms: "
                f"{_times(self.reference_seconds / max(self.seconds, _TICK))} times as fast")


def _times(ratio):
    """A ratio in two digits or more, of which the first is not 0."""
    return f"{ratio:,.0f}" if ratio >= 10 else f"{max(ratio, _TICK):.2g}"


def compare(op: str, *arguments: Any, repeat: int = 3, **options: Any) -> Comparison:
    """Runs `fastcnn.ops.<op>` and `fastcnn.reference.<op>` on the same arguments.

    Args:
        op: name of the function, such as "conv2d" or "max_pool2d_backward".
        arguments, options: what the function takes.
        repeat: timed calls of each.

    Returns:
        Comparison

    Example:
        >>> fastcnn.compare("relu", np.linspace(-1, 1, 9)).error
        [0.0]
    """
    from time import perf_counter

    from fastcnn import ops, reference
    from fastcnn.arguments import integer, shown
    from fastcnn.hints import did_you_mean

    names = [name for name in dir(ops) if callable(getattr(ops, name)) and hasattr(reference, name)]
    if not isinstance(op, str) or op not in names:
        raise ValueError(f"op must name a function of fastcnn.ops. {did_you_mean(str(op), names)} Received: {shown(op)}")
    integer("repeat", repeat)
    results, seconds = [], []
    for module in (ops, reference):
        times = []
        for _ in range(repeat):
            start = perf_counter()
            result = getattr(module, op)(*arguments, **options)
            times.append(perf_counter() - start)
        results.append([r for r in (result if isinstance(result, tuple) else (result,)) if r is not None])
        seconds.append(min(times))
    error = [float(np.max(np.abs(np.subtract(a, b, dtype=np.float64)), initial=0)) for a, b in zip(*results)]
    largest = [float(np.max(np.abs(b), initial=0)) for b in results[1]]
    return Comparison(op, error, [e / m if m else e for e, m in zip(error, largest)], *seconds)
