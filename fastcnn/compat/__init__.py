"""Stand-ins for other libraries: their spellings, fastcnn behind. On request: `from fastcnn.compat import keras`."""

from fastcnn.importing import on_demand

__all__, __getattr__, __dir__ = on_demand(__name__)
