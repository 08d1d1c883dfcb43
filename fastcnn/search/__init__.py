"""Searches for good hyper-parameters by Optuna (docs/search.md). Needs it: pip install optuna."""

from fastcnn.importing import on_demand

__all__, __getattr__, __dir__ = on_demand(__name__)
