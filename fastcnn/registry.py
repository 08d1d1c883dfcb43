"""Objects by name: what `initializers.get` and `metrics.get` accept, and how a configuration names them."""

import re


def snake(name):
    """A class' name in snake_case: "GlorotUniform" → "glorot_uniform"."""
    return re.sub("(?<!^)(?<![A-Z])([A-Z])", r"_\1", name).lower()


def names(*classes, **aliases):
    """{spelling: class}: each class under its own name, in snake_case, and under the aliases."""
    known = {cls.__name__: cls for cls in classes}
    known.update({snake(name): cls for name, cls in known.items()})
    known.update(aliases)
    return known


def resolve(kind, base, known, identifier, custom_objects=None):
    """(object, given name): an instance of `base`, or a function, from whatever the user wrote.

    Args:
        kind: the word for messages, as "initializer".
        base: the class that all objects descend from.
        known: {spelling: class}, from `names`.
        identifier: an instance or subclass of `base`, a name, a function, or {"class_name", "config"}.
        custom_objects: {name: class or function}, known besides.

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
        if set(identifier) - {"class_name", "config"} or not isinstance(name, str) or not isinstance(config, dict):
            raise ValueError(f"a configuration is {{'class_name': …, 'config': {{…}}}}. Received: {identifier!r}")
        identifier = _named(kind, name, {**known, **(custom_objects or {})})
    elif isinstance(identifier, str):
        name, identifier = identifier, _named(kind, identifier, {**known, **(custom_objects or {})})
    if isinstance(identifier, type) and issubclass(identifier, base):
        identifier = identifier(**config)
    if not isinstance(identifier, base) and (not callable(identifier) or isinstance(identifier, type)):
        raise TypeError(f"{kind} must be a name, an object of its kind or a function. Received: {identifier!r}")
    return identifier, name


def _named(kind, name, known):
    if name not in known:
        from difflib import get_close_matches

        near = get_close_matches(name, known, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(sorted(known))}."
        raise ValueError(f"{kind} has an unknown name; {hint} Received: {name!r}")
    return known[name]


def function_name(function):
    """What a function is called, for messages and configurations."""
    return getattr(function, "__name__", type(function).__name__)
