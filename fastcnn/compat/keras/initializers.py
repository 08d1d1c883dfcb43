"""Initial values of weights, also by their names in small letters."""

from fastcnn import initializers, registry
from fastcnn.compat.spellings import reexport

_OLD = {"zero": "zeros", "one": "ones", "normal": "random_normal", "uniform": "random_uniform"}

_found = reexport(globals(), initializers)
NAMES = {registry.snake(name): cls for name, cls in _found.items()
         if isinstance(cls, type) and issubclass(cls, initializers.Initializer)}
NAMES.update({old: NAMES[new] for old, new in _OLD.items()})
globals().update(NAMES)
__all__ = sorted({*_found, *NAMES, "NAMES"})
