"""Initial values of weights, by Keras' names: objects that fill a shape with numbers from a generator.
Imported on first use.

Random ones take a `seed`: an integer ≥ 0 gives the same values at every call; None draws from `rng`.
"""

from fastcnn.importing import on_demand

__all__, __getattr__, __dir__ = on_demand(__name__)
