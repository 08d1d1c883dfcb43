"""Objects by name: what `initializers.get` and `metrics.get` accept, and how a configuration names them."""

from __future__ import annotations

import re
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any

from fastcnn import arguments
from fastcnn.attributes import Settable
from fastcnn.typing import Config

_custom = ContextVar("fastcnn_custom_objects", default=MappingProxyType({}))


@contextmanager
def custom_objects(objects):
    """A block in which configurations may name these classes and functions of the user's: {name: object}."""
    token = _custom.set(_with_custom(objects))
    try:
        yield
    finally:
        _custom.reset(token)


def _with_custom(objects):
    """The same, and some more."""
    if objects is not None and not isinstance(objects, dict):
        raise TypeError(f"custom_objects must be a dictionary {{name: class}}. Received: {arguments.shown(objects)}")
    return {**_custom.get(), **(objects or {})}


def custom():
    """The objects of the enclosing `custom_objects` blocks."""
    return _custom.get()


def snake(name):
    """A class' name in snake_case: "GlorotUniform" → "glorot_uniform"."""
    return re.sub("([a-z0-9])(?=[A-Z])|([A-Z])(?=[A-Z][a-z])", r"\1\2_", name).lower()


class Names:
    """Names of which no two are the same.

    Args:
        taken: names that there are.

    Example:
        >>> names = Names(["dense"])
        >>> names.new("dense"), names.new("dense"), names.new("flatten")
        ('dense_1', 'dense_2', 'flatten')
    """

    def __init__(self, taken=()):
        self.taken, self._numbers = set(taken), {}

    def new(self, base):
        """The name itself, or with the first number that makes it new."""
        name, number = base, self._numbers.get(base, 0)
        while name in self.taken:
            number += 1
            name = f"{base}_{number}"
        self.taken.add(name)
        self._numbers[base] = number
        return name


def unique(names, taken=()):
    """The same names, those that are taken or have been there before with a number."""
    found = Names(taken)
    return [found.new(name) for name in names]


class Configurable(Settable):
    """What a configuration can describe; `config` names the attributes that `__init__` takes."""

    def __init__(self) -> None:
        super().__init__()

    def get_config(self) -> Config:
        """The arguments of `__init__`, JSON-able."""
        return {name: getattr(self, name) for name in self.config}

    def __repr__(self):
        return f"{type(self).__name__}({arguments.given(**self.get_config())})"


def names(*classes, **aliases):
    """{spelling: class}: each class under its own name, in snake_case, and under the aliases."""
    known = {cls.__name__: cls for cls in classes}
    known.update({snake(name): cls for name, cls in known.items()})
    known.update(aliases)
    return known


def resolve(kind, base, known, identifier, custom_objects=None, meant=()):
    """(object, given name): an instance of `base`, or a function, from whatever the user wrote.

    Args:
        kind: the word for messages, as "initializer".
        base: the class that all objects descend from.
        known: {spelling: class}, from `names`.
        identifier: an instance or subclass of `base`, a name, a function, or {"class_name", "config"}.
        custom_objects: {name: class or function}, known besides.
        meant: what names from elsewhere stand for, see `hints.nearest`.

    Raises:
        TypeError: something else.
        ValueError: an unknown name or key.

    Example:
        >>> resolve("type", int, {"int": int}, {"class_name": "int", "config": {}})
        (0, 'int')
    """
    name, config = None, {}
    if isinstance(identifier, dict):
        name, config = identifier.get("class_name"), identifier.get("config") or {}
        right = isinstance(name, str) and isinstance(config, dict)
        if not right or set(identifier) - {"class_name", "config"}:
            raise ValueError(f"{kind} must have 'class_name' and 'config' alone. Received: {arguments.shown(identifier)}")
    elif isinstance(identifier, str):
        name = identifier
    found = identifier if name is None else _named(kind, name, {**known, **_with_custom(custom_objects)}, meant)
    if isinstance(found, type) and issubclass(found, base):
        found = found(**config)
    if not isinstance(found, base) and (not callable(found) or isinstance(found, type)):
        raise TypeError(f"{kind} must be a name, {_an(base.__name__)} or a function. Received: {arguments.shown(found)}")
    return found, name


def _an(name):
    return f"an {name}" if name[0] in "AEIOU" else f"a {name}"


def _named(kind, name, known, meant):
    if name not in known:
        from fastcnn.hints import did_you_mean

        hint = did_you_mean(name, known, meant)
        raise ValueError(f"{kind} has an unknown name; {hint[0].lower()}{hint[1:]} Received: {arguments.shown(name)}")
    return known[name]


def function_name(function):
    """What a function is called, for messages and configurations."""
    return getattr(function, "__name__", type(function).__name__)


def used(values):
    """What `custom_objects` must have for the configurations of some values: {name: class or function} of those among them
    that have one."""
    found = [value for value in values if isinstance(value, Configurable)]
    return {serialize(value)["class_name"]: getattr(value, "function", type(value)) for value in found}


def serialize(found: Any) -> Config:
    """{"class_name", "config"} of a Configurable; the wrapper of a function has its name as `class_name`.

    Example:
        >>> serialize(fastcnn.optimizers.schedules.ExponentialDecay(0.1, 100, 0.5))["class_name"]
        'ExponentialDecay'
    """
    if not hasattr(found, "get_config"):
        raise TypeError(f"what is serialized must have get_config(). Received: {arguments.shown(found)}")
    return {"class_name": getattr(found, "class_name", type(found).__name__), "config": found.get_config()}
