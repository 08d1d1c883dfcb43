"""Metrics, by Keras' names: weighted means over all samples seen since the last reset, kept in float64.

`sample_weight` is one number per sample throughout; None weighs all alike. Imported on first use.
"""

from fastcnn.importing import on_demand

__all__, __getattr__, __dir__ = on_demand(__name__)
