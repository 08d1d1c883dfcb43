"""Photographs: decoding, augmentation, batches made by threads, and prediction from several crops; imported on first use."""

from fastcnn.importing import on_demand

__all__, __getattr__, __dir__ = on_demand(__name__)
