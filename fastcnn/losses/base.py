"""What a loss is: one number per sample, and the gradient of the predictions."""

import math

import numpy as np

from fastcnn import arguments, registry


class Loss(registry.Configurable):
    """Base class of losses; subclass it to write a loss of your own in NumPy.

    A subclass overrides `forward(y_true, y_pred)`, which returns one number per sample, and `backward(y_true, y_pred)`,
    which returns the gradient of each sample's number with respect to its predictions.

    Example:
        >>> class Absolute(fastcnn.losses.Loss):
        ...     def forward(self, y_true, y_pred):
        ...         return np.abs(y_pred - y_true).mean(axis=1)
        ...     def backward(self, y_true, y_pred):
        ...         return np.sign(y_pred - y_true) / y_pred.shape[1]
        >>> Absolute()(np.zeros((1, 2)), np.ones((1, 2)))
        1.0
    """

    name = "loss"
    kind = None           # the op; None: computed in Python
    constants = {}        # the op's numbers
    from_logits = False
    smallest_wins = False  # is the smallest prediction the answer, not the largest?

    def forward(self, y_true, y_pred):
        """One number per sample."""
        raise NotImplementedError(f"{type(self).__name__} must define forward(y_true, y_pred)")

    def backward(self, y_true, y_pred):
        """The gradient of each sample's number with respect to y_pred."""
        raise NotImplementedError(f"{type(self).__name__} must define backward(y_true, y_pred)")

    def __call__(self, y_true, y_pred, sample_weight=None):
        """The mean over the samples, each times its weight, as a float.

        Args:
            y_true, y_pred: targets and predictions.
            sample_weight: one number per sample; None: 1.
        """
        values = np.asarray(self.forward(np.asarray(y_true), np.asarray(y_pred)), np.float64)
        if sample_weight is not None:
            weights = np.asarray(sample_weight, np.float64)
            if weights.shape != values.shape:
                raise ValueError(f"sample_weight must have one number per sample, shape {values.shape}. "
                                 f"Received: shape {weights.shape}")
            values = values * weights
        return float(np.mean(values))

    def prepare(self, y, output_size):
        """Targets as the op reads them, and whether they are labels; checks shapes and values."""
        y = arguments.array("y", y)
        shape = (y.shape[0], *output_size) if y.ndim else ()
        if y.ndim == 1 and math.prod(output_size) == 1 or y.shape == shape:
            return y.reshape(shape), False
        raise ValueError(f"y must have the model's output shape {(None, *output_size)}. Received: shape {y.shape}")


class OpLoss(Loss):
    """A loss that C computes: `function` is the name of the op and of its function in `fastcnn.ops`."""

    function = None

    @property
    def kind(self):
        """The op that a plan takes."""
        return self.function

    def forward(self, y_true, y_pred):
        y_true, _ = self.prepare(y_true, np.shape(y_pred)[1:])
        return _op(self.function)(y_pred, y_true, **self.constants)

    def backward(self, y_true, y_pred):
        y_true, _ = self.prepare(y_true, np.shape(y_pred)[1:])
        return _op(f"{self.function}_backward")(np.ones(len(y_pred), np.float32), y_pred, y_true, **self.constants)


def _op(function):
    from fastcnn import ops  # plans, which train, need no function of it

    return getattr(ops, function)


def labels(name, y, output_size):
    """y as int32 labels (samples,), checked."""
    y = np.asarray(y)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1 or len(output_size) != 1:
        raise ValueError(f"y must be labels (samples,) for {name}, and the model end in one dimension; one-hot rows go with "
                         f"categorical_crossentropy. Received: shape {y.shape}, output {output_size}")
    if y.dtype.kind not in "iu":
        if y.dtype.kind not in "fb" or not np.all(y == np.floor(y)):
            raise TypeError(f"y must hold integer labels. Received: dtype {y.dtype}")
    numbers = y.astype(np.int64, copy=False)
    if numbers.size and numbers.view(np.uint64).max() >= output_size[0]:  # negative ones are large there
        raise ValueError(f"y must hold labels from 0 to {output_size[0] - 1}. Received: {y.min()} … {y.max()}")
    return np.ascontiguousarray(numbers, np.int32)
