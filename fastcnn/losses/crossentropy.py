"""Cross-entropies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastcnn import arguments, calling
from fastcnn.losses.base import LabelLoss, OpLoss
from fastcnn.typing import Array

_SINGLE = "'sigmoid' and binary_crossentropy"
_APART = 0.01  # of a sum of probabilities from 1


class SparseCategoricalCrossentropy(LabelLoss):
    """Cross-entropy with integer labels.

    Args:
        from_logits: predictions are logits, not probabilities. (A softmax at the model's end is fused into the loss
            either way.)
        ignore_class: the label of samples that do not count, any integer (often −1 or 255); None: all count. They have no
            loss and no gradient, and no part in the mean that a call returns; `fit` divides by the whole batch, as for
            samples of weight 0.
        label_smoothing: s in [0, 1]: the label's target becomes 1 − s + s/C, that of the other classes s/C.

    Shape:
        labels (N,) or (N, 1), predictions (N, C) → (N,)

    Example:
        >>> loss = fastcnn.losses.SparseCategoricalCrossentropy()
        >>> round(loss([1], [[0.5, 0.5]]), 4)
        0.6931
    """

    name = "sparse_categorical_crossentropy"
    config = ("from_logits", "ignore_class", "label_smoothing")
    needs_classes = _SINGLE

    def __init__(self, from_logits: bool = False, ignore_class: int | None = None, label_smoothing: float = 0.0) -> None:
        self.from_logits = arguments.flag("from_logits", from_logits)
        self.ignore_class = None if ignore_class is None else arguments.integer("ignore_class", ignore_class, -2**31)
        self.label_smoothing = arguments.number("label_smoothing", label_smoothing, 0, 1)

    @property
    def function(self) -> str:
        """The op: softmax and cross-entropy together, or the latter alone."""
        return "softmax_cross_entropy" if self.from_logits else "categorical_cross_entropy"

    @property
    def link(self) -> str | None:
        """What makes probabilities of predictions."""
        return "softmax" if self.from_logits else None

    @property
    def constants(self) -> dict[str, Any]:
        return {"label_smoothing": self.label_smoothing}

    @property
    def options(self) -> dict[str, Any]:
        return {**self.constants, "ignore_class": None if self.ignore_class is None else -1}  # as `prepare` calls it


class CategoricalCrossentropy(OpLoss):
    """Cross-entropy with one-hot rows, or any probabilities.

    Args:
        from_logits: predictions are logits, not probabilities.
        label_smoothing: s in [0, 1]: targets become t·(1 − s) + s/C.

    Shape:
        targets and predictions (N, C) → (N,)

    Example:
        >>> loss = fastcnn.losses.CategoricalCrossentropy()
        >>> round(loss([[0.0, 1.0]], [[0.5, 0.5]]), 4)
        0.6931
    """

    name = "categorical_crossentropy"
    config = ("from_logits", "label_smoothing")
    function = SparseCategoricalCrossentropy.function
    least, most, needs_classes = 0, 1, _SINGLE
    link = SparseCategoricalCrossentropy.link

    def __init__(self, from_logits: bool = False, label_smoothing: float = 0.0) -> None:
        self.from_logits = arguments.flag("from_logits", from_logits)
        self.label_smoothing = arguments.number("label_smoothing", label_smoothing, 0, 1)

    def prepare(self, y: Any, output_size: Sequence[int]) -> tuple[Array, bool]:
        shape = np.shape(y)
        if len(output_size) == 1 < output_size[0] and shape[1:] in ((), (1,)):
            raise ValueError(f"y must be one-hot rows {(None, *output_size)} for {self.name}; labels go with "
                             f"sparse_categorical_crossentropy. Received: shape {shape}")
        y, sparse = super().prepare(y, output_size)
        sums = y.sum(axis=-1).reshape(-1)
        odd = np.flatnonzero(np.abs(sums - 1) > _APART)
        if len(odd):
            calling.warn(f"y should hold rows of sum 1 for {self.name}, what is of several classes or of none goes with "
                         f"'sigmoid' and binary_crossentropy. Received: a row of sum {sums[odd[0]]:.3g}")
        return y, sparse

    @property
    def constants(self) -> dict[str, Any]:
        return {"label_smoothing": self.label_smoothing}


class BinaryCrossentropy(OpLoss):
    """Cross-entropy of independent yes-or-no outputs, averaged over them.

    Args:
        from_logits: predictions are logits, not probabilities.
        label_smoothing: s in [0, 1]: targets become t·(1 − s) + s/2.

    Shape:
        targets and predictions (N, C) → (N,)

    Example:
        >>> loss = fastcnn.losses.BinaryCrossentropy()
        >>> round(loss([[1.0]], [[0.5]]), 4)
        0.6931
    """

    name = "binary_crossentropy"
    function = "binary_cross_entropy"
    config = ("from_logits", "label_smoothing")
    least, most = 0, 1
    elsewhere = "; −1 and 1 go with hinge, labels of several classes with sparse_categorical_crossentropy"

    def __init__(self, from_logits: bool = False, label_smoothing: float = 0.0) -> None:
        self.from_logits = arguments.flag("from_logits", from_logits)
        self.label_smoothing = arguments.number("label_smoothing", label_smoothing, 0, 1)

    @property
    def threshold(self) -> float:
        """Half a probability, whose logit is 0."""
        return 0.0 if self.from_logits else 0.5

    @property
    def link(self) -> str | None:
        """What makes probabilities of predictions."""
        return "sigmoid" if self.from_logits else None

    @property
    def constants(self) -> dict[str, Any]:
        return {"from_logits": self.from_logits, "label_smoothing": self.label_smoothing}
