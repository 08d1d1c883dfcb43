"""Activations as functions, which layers take in the place of their names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fastcnn import activations, arguments, ops

if TYPE_CHECKING:  # other names are made when this runs
    def __getattr__(name: str) -> Any: ...


def linear(x):
    """x as it is. Shape: any → the same."""
    return np.array(x, np.float32)


FUNCTIONS = {name: getattr(ops, name) for name in activations.NAMES if hasattr(ops, name)} | {"linear": linear}
globals().update(FUNCTIONS)
__all__ = sorted([*FUNCTIONS, "name_of"])


def name_of(function):
    """The name of one of these functions.

    Raises:
        TypeError: another function.

    Example:
        >>> name_of(linear)
        'linear'
    """
    name = getattr(function, "__name__", None)
    if FUNCTIONS.get(name) is not function:
        raise TypeError("activation must be a name or a function of keras.activations. "
                        f"Received: {arguments.shown(function)}")
    return name
