"""Losses, in Keras' vocabulary: classes, and functions of (y_true, y_pred) that give a number per sample; imported on first
use."""

from fastcnn.importing import on_demand

__all__, __getattr__, __dir__ = on_demand(__name__, {
    "base": ["Loss"],
    "crossentropy": ["BinaryCrossentropy", "CategoricalCrossentropy", "SparseCategoricalCrossentropy"],
    "functions": ["binary_crossentropy", "categorical_crossentropy", "categorical_hinge", "hinge", "huber",
                  "mean_absolute_error", "mean_squared_error", "multiclass_hinge", "sparse_categorical_crossentropy",
                  "squared_hinge"],
    "margin": ["CategoricalHinge", "Hinge", "MulticlassHinge", "SquaredHinge"],
    "names": ["get", "serialize"],
    "rbf": ["RBFMaximumAPosteriori", "RBFMeanSquaredError"],
    "regression": ["Huber", "MeanAbsoluteError", "MeanSquaredError"],
})
