"""What every initializer is: an object that fills a shape with numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastcnn import arguments, registry
from fastcnn.typing import Array


class Initializer(registry.Configurable):
    """Base of all initial values: `__call__(shape, rng)` gives a new float32 array.

    Subclass it for your own: write `__call__`, and name what `__init__` takes in `config` for saved models.

    Raises:
        TypeError, ValueError: arguments of a wrong type, bad values.

    Example:
        >>> class Diagonal(Initializer):
        ...     def __call__(self, shape, rng=None):
        ...         return np.eye(*shape, dtype=np.float32)
        >>> Diagonal()((2, 2)).tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """

    def __call__(self, shape: Any, rng: np.random.Generator | None = None) -> Array:
        raise NotImplementedError(f"{type(self).__name__} must define __call__(shape, rng)")


def sizes(shape):
    """A shape as a tuple of integers, checked."""
    return tuple(arguments.integer("shape", size, 0) for size in shape)
