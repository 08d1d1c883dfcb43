# What __init__.py offers, for editors and type checkers, which do not run it.

from fastcnn.losses.base import Loss as Loss
from fastcnn.losses.crossentropy import (
    BinaryCrossentropy as BinaryCrossentropy, CategoricalCrossentropy as CategoricalCrossentropy,
    SparseCategoricalCrossentropy as SparseCategoricalCrossentropy,
)
from fastcnn.losses.functions import (
    binary_crossentropy as binary_crossentropy, categorical_crossentropy as categorical_crossentropy,
    categorical_hinge as categorical_hinge, hinge as hinge, huber as huber, mean_absolute_error as mean_absolute_error,
    mean_squared_error as mean_squared_error, multiclass_hinge as multiclass_hinge,
    sparse_categorical_crossentropy as sparse_categorical_crossentropy, squared_hinge as squared_hinge,
)
from fastcnn.losses.margin import (
    CategoricalHinge as CategoricalHinge, Hinge as Hinge, MulticlassHinge as MulticlassHinge, SquaredHinge as SquaredHinge,
)
from fastcnn.losses.names import get as get, serialize as serialize
from fastcnn.losses.rbf import RBFMaximumAPosteriori as RBFMaximumAPosteriori, RBFMeanSquaredError as RBFMeanSquaredError
from fastcnn.losses.regression import (
    Huber as Huber, MeanAbsoluteError as MeanAbsoluteError, MeanSquaredError as MeanSquaredError,
)
