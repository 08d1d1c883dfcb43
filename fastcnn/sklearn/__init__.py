"""scikit-learn's estimators on fastcnn's networks (docs/search.md). Needs scikit-learn: pip install scikit-learn."""

from fastcnn.importing import on_demand

__all__, __getattr__, __dir__ = on_demand(__name__)
