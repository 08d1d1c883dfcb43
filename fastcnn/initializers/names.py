"""Initializers by the names that layers take."""

from __future__ import annotations

from typing import Any

from fastcnn import arguments, registry
from fastcnn.initializers.base import Initializer, sizes
from fastcnn.initializers.fixed import Constant, DigitPrototypes, Identity, Ones, Zeros
from fastcnn.initializers.random import Orthogonal, RandomNormal, RandomSigns, RandomUniform, TruncatedNormal
from fastcnn.initializers.scaling import (
    FanInUniform,
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    VarianceScaling,
)
from fastcnn.typing import Config, Identifier

_NAMES = registry.names(
    Zeros, Ones, Constant, RandomNormal, TruncatedNormal, RandomUniform, VarianceScaling, GlorotUniform,
    GlorotNormal, HeUniform, HeNormal, LecunUniform, LecunNormal, Orthogonal, Identity, FanInUniform, RandomSigns,
    DigitPrototypes, zero=Zeros, one=Ones, normal=RandomNormal, uniform=RandomUniform, OrthogonalInitializer=Orthogonal,
    IdentityInitializer=Identity)
_MEANT = {  # elsewhere: here
    "xavier": "'glorot_uniform' or 'glorot_normal'", "kaiming": "'he_normal' or 'he_uniform'", "msra": "'he_normal'",
    **{f"{old}{kind}": f"'{new}_{kind}'" for old, new in (("xavier", "glorot"), ("kaiming", "he")) for kind in
       ("uniform", "normal")}, "gaussian": "'random_normal'", "random": "'random_normal' or 'random_uniform'",
}


class _Function(Initializer):
    """A user's function of the shape, its result checked."""

    def __init__(self, function):
        self.function, self.class_name = function, registry.function_name(function)

    def __call__(self, shape, rng=None):
        shape = sizes(shape)
        values = arguments.array(f"the result of {self.class_name}", self.function(shape))
        if values.shape != shape:
            raise ValueError(f"{self.class_name} must return shape {shape}. Received: shape {values.shape}")
        return values.copy()


def get(identifier: Identifier, custom_objects: dict[str, Any] | None = None) -> Initializer:
    """An initializer from whatever a layer's `kernel_initializer=` may be.

    Args:
        identifier: a name ("glorot_uniform", "GlorotUniform", "zeros", "normal" …), an `Initializer` or a
            class of them, a function f(shape), or what `serialize` returned.
        custom_objects: {name: class or function}, known by name beside fastcnn's own.

    Raises:
        TypeError, ValueError: something else, an unknown name.

    Example:
        >>> get("he_normal"), get({"class_name": "Constant", "config": {"value": 1}})
        (HeNormal(seed=None), Constant(value=1.0))
    """
    found, _ = registry.resolve("initializer", Initializer, _NAMES, identifier, custom_objects, _MEANT)
    return found if isinstance(found, Initializer) else _Function(found)


def serialize(initializer: Identifier) -> Config:
    """An initializer as {"class_name", "config"}, JSON-able; `get` turns it back.

    What is not fastcnn's own is found again by its name in the `custom_objects` of `get`.

    Example:
        >>> serialize(Constant(2))
        {'class_name': 'Constant', 'config': {'value': 2.0}}
    """
    return registry.serialize(get(initializer))
