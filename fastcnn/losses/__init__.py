"""Losses, in Keras' vocabulary: classes, and functions of (y_true, y_pred) that give a number per sample; imported on first
use."""

from fastcnn.importing import on_demand

__all__, __getattr__, __dir__ = on_demand(__name__)
