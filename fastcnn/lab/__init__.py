"""The lab: watch a network learn in the browser, and touch it (`fastcnn lab`)."""

from fastcnn.importing import on_demand

__all__, __getattr__, __dir__ = on_demand(__name__)
