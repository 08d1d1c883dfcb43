"""keras.saving: models as files."""

from fastcnn.compat.keras.models import load_model, save_model

__all__ = ["load_model", "save_model"]
