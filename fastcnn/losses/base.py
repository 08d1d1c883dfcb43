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
    from_logits = False

    def forward(self, y_true, y_pred):
        """One number per sample."""
        raise NotImplementedError(f"{type(self).__name__} must define forward(y_true, y_pred)")

    def backward(self, y_true, y_pred):
        """The gradient of each sample's number with respect to y_pred."""
        raise NotImplementedError(f"{type(self).__name__} must define backward(y_true, y_pred)")

    def __call__(self, y_true, y_pred, sample_weight=None):
        """The mean over the samples, as a float."""
        values = np.asarray(self.forward(np.asarray(y_true), np.asarray(y_pred)), np.float64)
        return float(np.mean(values if sample_weight is None else values * sample_weight))

    def prepare(self, y, output_size):
        """Targets as the op reads them, and whether they are labels; checks shapes and values."""
        y = arguments.array("y", y)
        shape = (y.shape[0], *output_size) if y.ndim else ()
        if y.ndim == 1 and math.prod(output_size) == 1 or y.shape == shape:
            return y.reshape(shape), False
        raise ValueError(f"y must have the model's output shape {(None, *output_size)}. Received: shape {y.shape}")


def get(identifier):
    """A loss from its name ("mse", "sparse_categorical_crossentropy" …), class, configuration or itself.

    Example:
        >>> fastcnn.losses.get("mse").name
        'mean_squared_error'
    """
    from fastcnn import losses

    known = registry.names(losses.MeanSquaredError, losses.BinaryCrossentropy, losses.CategoricalCrossentropy,
                           losses.SparseCategoricalCrossentropy, mse=losses.MeanSquaredError)
    loss, _ = registry.resolve("loss", Loss, known, identifier)
    if not isinstance(loss, Loss):
        raise TypeError(f"loss must be a name or a fastcnn.losses.Loss (it needs a gradient). Received: {identifier!r}")
    return loss


def serialize(loss):
    """What `get` accepts, in JSON's types; None for a loss written in Python."""
    return None if loss.kind is None else registry.serialize(loss)
