"""Files: models in fastcnn's format and others', arrays by name, and writing that survives a crash."""

from fastcnn.importing import on_demand

__all__, __getattr__, __dir__ = on_demand(__name__)
