"""Cross-entropies."""

import numpy as np

from fastcnn import arguments
from fastcnn.losses.base import OpLoss, labels


class SparseCategoricalCrossentropy(OpLoss):
    """Cross-entropy with integer labels.

    Args:
        from_logits: predictions are logits, not probabilities. (A softmax at the model's end is fused into the loss
            either way.)

    Shape:
        labels (N,) or (N, 1), predictions (N, C) → (N,)

    Example:
        >>> loss = fastcnn.losses.SparseCategoricalCrossentropy()
        >>> round(loss([1], [[0.5, 0.5]]), 4)
        0.6931
    """

    name = "sparse_categorical_crossentropy"
    config = ("from_logits",)

    def __init__(self, from_logits=False):
        self.from_logits = arguments.flag("from_logits", from_logits)

    @property
    def function(self):
        """The op: softmax and cross-entropy together, or the latter alone."""
        return "softmax_cross_entropy" if self.from_logits else "categorical_cross_entropy"

    def prepare(self, y, output_size):
        return labels(self.name, y, output_size), True


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

    def __init__(self, from_logits=False, label_smoothing=0.0):
        self.from_logits = arguments.flag("from_logits", from_logits)
        self.label_smoothing = arguments.number("label_smoothing", label_smoothing, 0, 1)

    def prepare(self, y, output_size):
        shape = np.shape(y)
        if len(output_size) == 1 < output_size[0] and shape[1:] in ((), (1,)):
            raise ValueError(f"y must be one-hot rows {(None, *output_size)} for {self.name}; labels go with "
                             f"sparse_categorical_crossentropy. Received: shape {shape}")
        return super().prepare(y, output_size)

    @property
    def constants(self):
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

    def __init__(self, from_logits=False, label_smoothing=0.0):
        self.from_logits = arguments.flag("from_logits", from_logits)
        self.label_smoothing = arguments.number("label_smoothing", label_smoothing, 0, 1)

    @property
    def constants(self):
        return {"from_logits": self.from_logits, "label_smoothing": self.label_smoothing}
