"""Losses, also as functions by their names in small letters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastcnn import losses, registry
from fastcnn.compat.spellings import reexport

if TYPE_CHECKING:  # other names are made when this runs
    def __getattr__(name: str) -> Any: ...

_SHORT = {"mse": "mean_squared_error", "mae": "mean_absolute_error", "mape": "mean_absolute_percentage_error",
          "msle": "mean_squared_logarithmic_error"}


def _function(name, cls):
    def loss(y_true, y_pred):
        return cls().forward(y_true, y_pred)

    loss.__name__ = loss.__qualname__ = name
    loss.__doc__ = f"`fastcnn.losses.{cls.__name__}()`: one number per sample. Shape: (N, …), (N, …) → (N,)"
    return loss


_found = reexport(globals(), losses)
FUNCTIONS = {registry.snake(name): _function(registry.snake(name), cls) for name, cls in _found.items()
             if isinstance(cls, type) and issubclass(cls, losses.Loss) and cls is not losses.Loss}
FUNCTIONS.update({short: FUNCTIONS[name] for short, name in _SHORT.items() if name in FUNCTIONS})
globals().update(FUNCTIONS)
__all__ = sorted({*_found, *FUNCTIONS, "modern"})


def modern(identifier):
    """A loss as `fastcnn.losses.get` takes it: the name in the place of one of these functions.

    Example:
        >>> modern(FUNCTIONS["categorical_crossentropy"]), modern("mse")
        ('categorical_crossentropy', 'mse')
    """
    name = getattr(identifier, "__name__", None)
    return name if FUNCTIONS.get(name) is identifier and identifier is not None else identifier
