"""Training in several processes, on one machine or many, that share each batch (docs/distributed.md)."""

from fastcnn.importing import on_demand

__all__, __getattr__, __dir__ = on_demand(__name__)
