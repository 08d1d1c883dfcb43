"""What pickle and copy make of layers, and of models, which are layers."""

from __future__ import annotations

import copy
import io
import pickle
import re
import sys
from typing import Any

import numpy as np


class Copied:
    """Base of what goes through pickle and copy with all that it is and has learned, but without what it makes when it runs.

    All copies have weights of their own, as in Keras: `copy.copy` does what `copy.deepcopy` does.
    """

    made_anew = {}  # {an attribute that copies make for themselves: function that gives it}

    def __getstate__(self):
        return {name: value for name, value in vars(self).items() if name not in self.made_anew}

    def __setstate__(self, state):
        own = vars(self)  # not empty if others knew of it before it was there
        own.update({name: own[name] if name in own else make() for name, make in self.made_anew.items()} | state)

    def __copy__(self):
        return copy.deepcopy(self)

    def __deepcopy__(self, memo):
        other = memo[id(self)] = type(self).__new__(type(self))
        other.__setstate__(copy.deepcopy(self.__getstate__(), memo))
        return other

    def __reduce_ex__(self, protocol):
        made = super().__reduce_ex__(protocol)
        _check(self, made[2])
        return made

    def alias(self) -> Any:
        """Another object with the same attributes, parameters included: its own attributes are its own."""
        other = type(self).__new__(type(self))
        vars(other).update(vars(self))
        return other


class _Trial(pickle.Pickler):
    """Tries whether something can be pickled, but for arrays and for layers, which say so for themselves."""

    def persistent_id(self, value):
        return "" if isinstance(value, Copied) or type(value) is np.ndarray and not value.dtype.hasobject else None


def _refusal(value):
    """Why something cannot be pickled; None: it can."""
    try:
        _Trial(io.BytesIO(), pickle.HIGHEST_PROTOCOL).dump(value)
    except Exception as error:  # whatever users' objects raise
        return error
    return None


def _check(owner, state):
    """Refuses a layer that cannot be pickled.

    Raises:
        pickle.PicklingError: names the layer and its attribute.
    """
    if _refusal(state) is None or _by_value():
        return
    for name in sorted(state, key=lambda name: name if name[0] == "_" else ""):  # those that users know first
        error = _refusal(state[name])
        if error is not None:
            reason = re.sub(" at 0x[0-9a-fA-F]+", "", str(error)) or type(error).__name__
            raise pickle.PicklingError(
                f"{type(owner).__name__} {owner.name or ''!r} cannot be pickled with its {re.sub('^_(given_)?', '', name)}: "
                f"functions and classes must be found by name in a module, and open files and locks must be left out "
                f"(__getstate__). Received: {reason}") from error


def _by_value():
    """Is this called by cloudpickle or its kin, which pickle functions that no module has?"""
    frame = sys._getframe()
    while frame is not None:
        if {"cloudpickle", "dill"} & set(frame.f_globals.get("__name__", "").split(".")):
            return True
        frame = frame.f_back
    return False
