"""Seeds: where models and initial values get their random numbers from."""

from __future__ import annotations

import numpy as np

from fastcnn import arguments

_source = None  # made when first needed: importing numpy.random takes time


def set_random_seed(seed: int) -> None:
    """Makes everything random that is created after it repeatable: initial values, the order of samples, dropout.

    Args:
        seed: integer from 0 to 2³² − 1.

    Example:
        >>> import fastcnn
        >>> fastcnn.set_random_seed(1)
    """
    global _source
    _source = np.random.default_rng(arguments.integer("seed", seed, 0, 2**32 - 1))


def new_seed():
    """A fresh seed from the process' source."""
    global _source
    if _source is None:
        _source = np.random.default_rng()
    return int(_source.integers(2**32))
