"""Penalties on weights, by Keras' names: counted in the loss, and in the gradient that the optimizer takes."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastcnn import arguments, registry
from fastcnn.typing import Identifier

_PIECE = 1 << 20  # values that are taken together


class Regularizer(registry.Configurable):
    """l1 · Σ|w| + l2 · Σw², which all penalties here are; a layer's `kernel_regularizer` or `bias_regularizer`.

    The loss that `fit` and `evaluate` tell has the penalties of all trainable parameters in it, once per batch and whatever
    the sample weights, as in Keras. The gradient gains l1·sign(w) + 2·l2·w before it is clipped.

    Example:
        >>> isinstance(fastcnn.regularizers.get("l2"), Regularizer)
        True
    """

    l1: float = 0.0
    l2: float = 0.0

    def __call__(self, w: Any) -> float:
        """The penalty of an array, in float64.

        Example:
            >>> L1L2(0.5, 0.25)([[1.0, -2.0]])
            2.75
        """
        w, total = arguments.array("w", w).reshape(-1), 0.0
        for start in range(0, w.size, _PIECE):
            piece = np.abs(w[start:start + _PIECE], dtype=np.float64)
            total += self.l1 * piece.sum() + self.l2 * np.square(piece).sum()
        return float(total)


class L1(Regularizer):
    """l1 · Σ|w|: small weights become 0.

    Args:
        l1: a number ≥ 0.

    Example:
        >>> fastcnn.layers.Dense(10, kernel_regularizer=L1(1e-4)).kernel_regularizer
        L1(l1=0.0001)
    """

    config = ("l1",)

    def __init__(self, l1: float = 0.01) -> None:
        self.l1 = arguments.number("l1", l1, 0)


class L2(Regularizer):
    """l2 · Σw²: all weights shrink. Its gradient is 2·l2·w, so it is SGD's coupled weight decay of 2·l2.

    Args:
        l2: a number ≥ 0.

    Example:
        >>> fastcnn.layers.Dense(10, kernel_regularizer="l2").kernel_regularizer
        L2(l2=0.01)
    """

    config = ("l2",)

    def __init__(self, l2: float = 0.01) -> None:
        self.l2 = arguments.number("l2", l2, 0)


class L1L2(Regularizer):
    """l1 · Σ|w| + l2 · Σw².

    Args:
        l1, l2: numbers ≥ 0. The name "l1_l2" stands for .01 both.

    Example:
        >>> get("l1_l2")
        L1L2(l1=0.01, l2=0.01)
    """

    config = ("l1", "l2")

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        self.l1, self.l2 = arguments.number("l1", l1, 0), arguments.number("l2", l2, 0)


l1, l2, l1_l2 = L1, L2, L1L2


def get(identifier: Identifier | None) -> Regularizer | None:
    """A regularizer from whatever a layer's `kernel_regularizer=` may be.

    Args:
        identifier: None; "l1", "l2" or "l1_l2"; a `Regularizer` or a class of them; or what `serialize` returned.

    Raises:
        TypeError, ValueError: something else, an unknown name.

    Example:
        >>> get({"class_name": "L1", "config": {"l1": 0.5}}), get(None)
        (L1(l1=0.5), None)
    """
    if identifier is None:
        return None
    if isinstance(identifier, str) and identifier == "l1_l2":
        return L1L2(0.01, 0.01)
    known = {"L1": L1, "l1": L1, "L2": L2, "l2": L2, "L1L2": L1L2}
    found, _ = registry.resolve("regularizer", Regularizer, known, identifier)
    if not isinstance(found, Regularizer) or type(found).__call__ is not Regularizer.__call__:
        raise TypeError("regularizer must be 'l1', 'l2', 'l1_l2' or an L1, L2 or L1L2, whose gradients C computes. "
                        f"Received: {arguments.shown(identifier)}")
    return found


serialize = registry.serialize
