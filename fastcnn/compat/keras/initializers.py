"""Initial values of weights, also by their names in small letters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastcnn import initializers, registry
from fastcnn.compat.spellings import reexport

if TYPE_CHECKING:  # other names are made when this runs
    def __getattr__(name: str) -> Any: ...

_OLD = {"zero": "zeros", "one": "ones", "normal": "random_normal", "uniform": "random_uniform"}

_found = reexport(globals(), initializers)
NAMES = {registry.snake(name): cls for name, cls in _found.items()
         if isinstance(cls, type) and issubclass(cls, initializers.Initializer)}
NAMES.update({old: NAMES[new] for old, new in _OLD.items()})
globals().update(NAMES)
__all__ = sorted({*_found, *NAMES, "NAMES"})
