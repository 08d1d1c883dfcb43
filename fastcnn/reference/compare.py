"""Compares a function of `fastcnn.ops` with its NumPy float64 reference: error and speed."""

import numpy as np


class Comparison:
    """What `compare` found.

    Attributes:
        op: name of the function.
        error: largest |fast − reference|, one number per result.
        relative: the same divided by the reference's largest magnitude.
        seconds, reference_seconds: the best of the timed calls.
    """

    def __init__(self, op, error, relative, seconds, reference_seconds):
        self.op, self.error, self.relative = op, error, relative
        self.seconds, self.reference_seconds = seconds, reference_seconds

    def __repr__(self):
        errors = ", ".join(f"{e:.2e} ({r:.1e} of the largest)" for e, r in zip(self.error, self.relative))
        return (f"{self.op}: error {errors}; {self.seconds * 1e3:.3f} ms, reference {self.reference_seconds * 1e3:.3f} ms: "
                f"{self.reference_seconds / self.seconds:.0f} times as fast")


def compare(op, *arguments, repeat=3, **options):
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
    from fastcnn.arguments import integer

    names = [name for name in dir(ops) if callable(getattr(ops, name)) and hasattr(reference, name)]
    if op not in names:
        raise ValueError(f"op must be one of {', '.join(names)}. Received: {op!r}")
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
