"""Cross-entropies."""

import numpy as np

from fastcnn import arguments, ops
from fastcnn.losses.base import Loss


class _Crossentropy(Loss):
    config = ("from_logits",)

    def __init__(self, from_logits=False):
        self.from_logits = arguments.flag("from_logits", from_logits)

    @property
    def kind(self):
        return "softmax_cross_entropy" if self.from_logits else "categorical_cross_entropy"

    def forward(self, y_true, y_pred):
        y_true, _ = self.prepare(y_true, np.shape(y_pred)[1:])
        return getattr(ops, self.kind)(y_pred, y_true)

    def backward(self, y_true, y_pred):
        y_true, _ = self.prepare(y_true, np.shape(y_pred)[1:])
        return getattr(ops, f"{self.kind}_backward")(np.ones(len(y_pred), np.float32), y_pred, y_true)


class SparseCategoricalCrossentropy(_Crossentropy):
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

    def prepare(self, y, output_size):
        y = np.asarray(y)
        if y.ndim == 2 and y.shape[1] == 1:
            y = y[:, 0]
        if y.ndim != 1 or len(output_size) != 1:
            raise ValueError(f"y must be labels (samples,) for {self.name}, and the model end in one dimension; "
                             f"one-hot rows go with categorical_crossentropy. Received: shape {y.shape}, output "
                             f"{output_size}")
        if y.dtype.kind not in "iu":
            if y.dtype.kind not in "fb" or not np.all(y == np.floor(y)):
                raise TypeError(f"y must hold integer labels. Received: dtype {y.dtype}")
        labels = y.astype(np.int64, copy=False)
        if labels.size and labels.view(np.uint64).max() >= output_size[0]:  # negative ones are large there
            raise ValueError(f"y must hold labels from 0 to {output_size[0] - 1}. Received: {y.min()} … {y.max()}")
        return np.ascontiguousarray(labels, np.int32), True


class CategoricalCrossentropy(_Crossentropy):
    """Cross-entropy with one-hot rows, or any probabilities.

    Args:
        from_logits: predictions are logits, not probabilities.

    Shape:
        targets and predictions (N, C) → (N,)

    Example:
        >>> loss = fastcnn.losses.CategoricalCrossentropy()
        >>> round(loss([[0.0, 1.0]], [[0.5, 0.5]]), 4)
        0.6931
    """

    name = "categorical_crossentropy"


class BinaryCrossentropy(Loss):
    """Cross-entropy of independent yes-or-no outputs, averaged over them.

    Args:
        from_logits: predictions are logits, not probabilities.

    Shape:
        targets and predictions (N, C) → (N,)

    Example:
        >>> loss = fastcnn.losses.BinaryCrossentropy()
        >>> round(loss([[1.0]], [[0.5]]), 4)
        0.6931
    """

    name = "binary_crossentropy"
    kind = "binary_cross_entropy"
    config = ("from_logits",)

    def __init__(self, from_logits=False):
        self.from_logits = arguments.flag("from_logits", from_logits)

    def forward(self, y_true, y_pred):
        return ops.binary_cross_entropy(y_pred, y_true, self.from_logits)

    def backward(self, y_true, y_pred):
        return ops.binary_cross_entropy_backward(np.ones(len(y_pred), np.float32), y_pred, y_true, self.from_logits)
