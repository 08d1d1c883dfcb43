"""Losses by the names that `compile` takes."""

from __future__ import annotations

from fastcnn import arguments, registry
from fastcnn.losses import functions
from fastcnn.losses.base import Loss
from fastcnn.losses.crossentropy import BinaryCrossentropy, CategoricalCrossentropy, SparseCategoricalCrossentropy
from fastcnn.losses.margin import CategoricalHinge, Hinge, MulticlassHinge, SquaredHinge
from fastcnn.losses.rbf import RBFMaximumAPosteriori, RBFMeanSquaredError
from fastcnn.losses.regression import Huber, MeanAbsoluteError, MeanSquaredError
from fastcnn.typing import Config, Identifier

_CLASSES = (BinaryCrossentropy, CategoricalCrossentropy, CategoricalHinge, Hinge, Huber, MeanAbsoluteError, MeanSquaredError,
            MulticlassHinge, SparseCategoricalCrossentropy, SquaredHinge)
_NAMES = registry.names(*_CLASSES, RBFMeanSquaredError, RBFMaximumAPosteriori, mse=MeanSquaredError, MSE=MeanSquaredError,
                        mae=MeanAbsoluteError, MAE=MeanAbsoluteError, bce=BinaryCrossentropy, BCE=BinaryCrossentropy,
                        huber_loss=Huber, svm=MulticlassHinge)
_ROWS = "'categorical_crossentropy' (one-hot rows)"
_ANY = f"'sparse_categorical_crossentropy' (labels), {_ROWS} or 'binary_crossentropy' (yes or no)"
_CLASSES_ALONE = f"'sparse_categorical_crossentropy' (labels) or {_ROWS}"
_MEANT = {  # elsewhere: here
    **dict.fromkeys(("crossentropy", "entropy", "ce", "log", "xent"), _ANY),
    **dict.fromkeys(("softmax", "softmaxcrossentropy", "nll", "negativeloglikelihood", "categorical"), _CLASSES_ALONE),
    "sparse": "'sparse_categorical_crossentropy'", "sparsecrossentropy": "'sparse_categorical_crossentropy'",
    "binary": "'binary_crossentropy'", "bcewithlogits": "BinaryCrossentropy(from_logits=True)",
    "l1": "'mae'", "l2": "'mse'", "smoothl1": "'huber'", "multimargin": "'multiclass_hinge'", "margin": "'hinge'",
}
_FUNCTIONS = [(getattr(functions, cls.name), cls) for cls in _CLASSES]


def get(identifier: Identifier) -> Loss:
    """A loss from its name ("mse", "sparse_categorical_crossentropy" …), class, function, configuration or itself.

    Example:
        >>> fastcnn.losses.get("mse").name
        'mean_squared_error'
        >>> fastcnn.losses.get(fastcnn.losses.huber)
        Huber(delta=1.0)
    """
    found = next((cls for function, cls in _FUNCTIONS if function is identifier), identifier)
    loss, _ = registry.resolve("loss", Loss, _NAMES, found, meant=_MEANT)
    if not isinstance(loss, Loss):
        raise TypeError("loss must be a name or a fastcnn.losses.Loss (it needs a gradient). "
                        f"Received: {arguments.shown(identifier)}")
    return loss


def serialize(loss: Loss) -> Config | None:
    """What `get` accepts, in JSON's types; None for a loss written in Python.

    Example:
        >>> serialize(fastcnn.losses.Huber(0.5))
        {'class_name': 'Huber', 'config': {'delta': 0.5}}
    """
    arguments.instance("loss", loss, Loss, "a fastcnn.losses.Loss")
    return None if loss.kind is None else registry.serialize(loss)
