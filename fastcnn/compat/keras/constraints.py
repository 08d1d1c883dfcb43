"""Bounds on weights, also by the names of Keras 1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastcnn import constraints
from fastcnn.compat.spellings import accepting, reexport, renamed

if TYPE_CHECKING:  # other names are made when this runs
    def __getattr__(name: str) -> Any: ...

_OLD = {"maxnorm": ("MaxNorm", {"m": renamed("max_value")}), "nonneg": ("NonNeg", {}), "unitnorm": ("UnitNorm", {})}

_found = reexport(globals(), constraints)
OLD_NAMES = {old: accepting(_found[name], rules, __name__, old_name=old) for old, (name, rules) in _OLD.items()}
globals().update(OLD_NAMES)
__all__ = sorted([*_found, *OLD_NAMES])
