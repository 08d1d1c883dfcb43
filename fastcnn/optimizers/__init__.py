"""Optimizers and learning rate schedules, in Keras' vocabulary; imported on first use."""

from fastcnn.importing import on_demand

__all__, __getattr__, __dir__ = on_demand(__name__)
