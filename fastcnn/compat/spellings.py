"""Old spellings of arguments and names, each taken for the modern one with a DeprecationWarning that says it."""

import functools
import inspect
import types

from fastcnn import arguments, calling


def warn(old, new):
    """One DeprecationWarning, at the line outside of fastcnn that is running."""
    calling.warn(f"{old} is an old spelling. Write {new}", DeprecationWarning)


def renamed(new, convert=None):
    """A rule for an argument that has another name today.

    Args:
        new: that name, or several that all take the value.
        convert: a function of the value, or {old value: modern one}; None: the value stays.
    """

    def rule(what, old, given):
        value = given.pop(old)
        if isinstance(convert, dict):
            if value not in convert:
                raise ValueError(f"{old} must be one of {', '.join(map(repr, convert))}. Received: {arguments.shown(value)}")
            modern = convert[value]
        else:
            modern = value if convert is None else convert(value)
        names = (new,) if isinstance(new, str) else new
        for name in names:
            place(what, given, name, modern, old)
        return f"{old}={short(value)}", ", ".join(f"{name}={short(modern)}" for name in names)

    return rule


def paired(new, other):
    """A rule for two integers, `other` being the second one's old name, that are one pair today."""

    def rule(what, old, given):
        if other not in given:
            raise TypeError(f"{what} takes {old} together with {other}. Received: {old}={arguments.shown(given[old])} alone")
        value = given.pop(old), given.pop(other)
        place(what, given, new, value, old)
        return f"{old}={short(value[0])}, {other}={short(value[1])}", f"{new}={short(value)}"

    return rule


def place(what, given, new, value, old):
    """Sets a modern argument that must not be there yet."""
    if new in given:
        raise TypeError(f"{what} takes {new} once; {old} is its old spelling. Received: both")
    given[new] = value


def short(value):
    """A value as a warning shows it."""
    text = arguments.shown(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def translate(what, given, rules, modern=None):
    """Arguments under their modern names.

    Args:
        what: the function or class, for messages.
        given: {name: value}.
        rules: {old name: rule}, applied in this order. A rule takes (what, old name, arguments), changes the arguments and
            returns the old and the new text, or None if the value is no old spelling.
        modern: the name that warnings suggest; None: `what`.

    Example:
        >>> import warnings
        >>> with warnings.catch_warnings(record=True) as caught:
        ...     warnings.simplefilter("always")
        ...     translate("SGD", {"lr": 0.1}, {"lr": renamed("learning_rate")})
        {'learning_rate': 0.1}
        >>> str(caught[0].message)
        'SGD(lr=0.1) is an old spelling. Write SGD(learning_rate=0.1)'
    """
    given = dict(given)
    for old, rule in rules.items():
        if old in given:
            texts = rule(what, old, given)
            if texts is not None:
                warn(f"{what}({texts[0]})", f"{modern or what}({texts[1]})")
    return given


def bound(function, positions, given):
    """Positional arguments by their names, together with the others; positions that do not exist are refused."""
    names = [p.name for p in inspect.signature(function).parameters.values()
             if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if len(positions) > len(names):
        raise TypeError(f"{function.__name__} takes {', '.join(names)}. Received: {len(positions)} values")
    named = dict(zip(names, positions))
    twice = sorted(set(named) & set(given))
    if twice:
        raise TypeError(f"{function.__name__} takes {twice[0]} once. Received: two values")
    return {**named, **given}


def known(name, function, given):
    """The same arguments, if a function has all of them.

    Raises:
        TypeError: naming those that it has.

    Example:
        >>> known("f", lambda x, y: None, {"x": 1})
        {'x': 1}
    """
    accepted = list(inspect.signature(function).parameters)
    for argument in given:
        if argument not in accepted:
            raise calling.unknown(name, argument, accepted)
    return given


def accepting(cls, rules, module, bases=(), old_name=None, positions=None, settle=None):
    """A subclass that also takes old spellings of the arguments, and is otherwise the class: its name in files is the same.

    Args:
        cls: the class.
        rules: see `translate`.
        module: where the subclass says that it lives.
        bases: classes before `cls`.
        old_name: what the class was called; each use of it warns as well.
        positions: a function that gives {name: value} for positional arguments in an old order, None if they are in order.
        settle: a function that may change the modern arguments last.
    """
    name = cls.__name__

    @functools.wraps(cls.__init__)
    def __init__(self, *args, **given):
        what = old_name or name
        named = positions(args) if positions and args else None
        if named is None:
            named = bound(cls, args, {})
        twice = sorted(set(named) & set(given))
        if twice:
            raise TypeError(f"{what} takes {twice[0]} once. Received: two values")
        given = {**named, **given}
        if old_name is not None:
            warn(f"{old_name}(…)", f"{name}(…)")
        given = translate(what, given, rules, name)
        if settle is not None:
            settle(given)
        cls.__init__(self, **given)

    line = f"`fastcnn.{'.'.join(cls.__module__.split('.')[1:2])}.{name}`"
    spelled = ", ".join(f"`{old}`" for old in rules)
    once = f", once called {old_name}" if old_name else ""
    document = f"{line}{once}; takes old spellings{': ' + spelled if rules else ''}."
    return type(name, (*bases, cls), {"__init__": __init__, "__doc__": document, "__module__": module,
                                      "__qualname__": old_name or name})  # where pickle finds it


def reexport(namespace, module):
    """Puts the public names of a module into a namespace, its `__all__` among them; returns {name: object}."""
    names = getattr(module, "__all__", None) or [
        name for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__]
    found = {name: getattr(module, name) for name in names}
    namespace.update(found)
    namespace["__all__"] = sorted(found)
    return found


class Moved(types.ModuleType):
    """A module under an old path: what is taken from it comes from the modern one, with a warning.

    Args:
        old: its path.
        new: the modern module's.
        module: that module.
    """

    def __init__(self, old, new, module):
        super().__init__(old, f"The old path of {new}.")
        self.__dict__.update(_new=new, _module=module, __all__=sorted(public(module)))

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        value = getattr(self._module, name)
        warn(f"{self.__name__}.{name}", f"{self._new}.{name}")
        return value

    def __dir__(self):
        return self.__all__


def public(module):
    """Names that `from module import *` would bring."""
    return getattr(module, "__all__", None) or [name for name in vars(module) if not name.startswith("_")]
