"""Metrics, also by their names in small letters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastcnn import metrics, registry
from fastcnn.compat.spellings import reexport

if TYPE_CHECKING:  # other names are made when this runs
    def __getattr__(name: str) -> Any: ...

_found = reexport(globals(), metrics)
NAMES = {registry.snake(name): cls for name, cls in _found.items()
         if isinstance(cls, type) and issubclass(cls, metrics.Metric) and cls is not metrics.Metric}
globals().update(NAMES)
__all__ = sorted({*_found, *NAMES, "modern"})


def modern(identifier):
    """A metric as `compile` takes it: the name, under which logs have it, in the place of a class from here.

    Example:
        >>> modern(NAMES["categorical_accuracy"]), modern("acc")
        ('categorical_accuracy', 'acc')
    """
    name = registry.snake(identifier.__name__) if isinstance(identifier, type) else None
    return name if name in NAMES and NAMES[name] is identifier else identifier
