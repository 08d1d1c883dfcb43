"""What is set on a layer, an optimizer or a loss after it was made: it counts from the next call on, or it is refused."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from functools import lru_cache, wraps
from typing import TYPE_CHECKING, Any, NoReturn

from fastcnn import arguments, calling

_changes = 0


def changes():
    """A number that grows whenever an attribute changes that plans are made from: plans made before are not run any more."""
    return _changes


def changed():
    """Says that such an attribute has changed."""
    global _changes
    _changes += 1


class Settable:
    """Base of what is made from arguments that are attributes, too: `config` names them.

    To set one of them is to make the object anew, with the checks of the constructor (`reset`). What an object of
    fastcnn's own classes does not know is refused, since it would have no effect; objects of users' classes keep what they
    like.
    """

    config: tuple[str, ...] = ()
    kept: frozenset[str] = frozenset()  # attributes that stay when others are set
    meant: dict[str, str] = {}  # {an attribute that cannot be set: what it is called here, or what sets it}

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        calling.hinting(cls)
        _marking(cls)

    def __setattr__(self, name: str, value: NoReturn) -> None:  # type checkers: nothing can be set that no class declares
        if name[0] == "_":
            object.__setattr__(self, name, value)
            return
        own, found = vars(self), getattr(type(self), name, None)
        if isinstance(found, property) and found.fset is None:
            raise AttributeError(f"{name} of a {type(self).__name__} cannot be set{self._instead(name)}. "
                                 f"Received: {arguments.shown(value)}")
        if "_made" not in own or hasattr(found, "__set__"):
            object.__setattr__(self, name, value)
        elif name in _native(type(self)).config:
            self.reset(**{name: value})
        elif name in own and not _follows(type(self), name) or type(self) is not _native(type(self)):
            object.__setattr__(self, name, value)
        else:
            from fastcnn.hints import did_you_mean

            known = [] if name in self.meant else [*_native(type(self)).config, *_set(type(self))]
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r} that could be set. "
                                 f"{did_you_mean(name, known, self.meant)} Received: {arguments.shown(value)}")

    if not TYPE_CHECKING:  # which know all attributes that there are
        def __getattr__(self, name):
            if hasattr(type(self), name):  # a property, which has words of its own
                return object.__getattribute__(self, name)
            raise AttributeError(_missed(type(self), name), name=None, obj=self)  # without a name Python adds no hint

    def _instead(self, name):
        return f"; {self.meant[name]} does it" if name in self.meant else ""

    def reset(self, **given: Any) -> None:
        """Takes other arguments of the constructor, which are checked as there; they count from the next call on."""
        native = _native(type(self))
        self._take(native(**{name: getattr(self, name) for name in native.config} | given), given)
        changed()

    def _take(self, other, given):
        """Becomes what another object is, which was made with other arguments."""
        vars(self).update((name, value) for name, value in vars(other).items() if name not in self.kept)


class Declared:
    """Base of what has the attributes that its class names and its constructor makes. To set another would have no effect,
    and is refused; objects of users' classes keep what they like."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        calling.hinting(cls)
        _marking(cls)

    if not TYPE_CHECKING:  # which know all attributes that there are
        def __setattr__(self, name, value):
            own, cls = vars(self), type(self)
            known = name in own or hasattr(cls, name) or any(name in vars(c).get("__annotations__", ()) for c in cls.__mro__)
            if not known and name[0] != "_" and "_made" in own and is_own(cls):
                from fastcnn import hints

                settable = [other for other in (*own, *_set(cls)) if other[0] != "_"]
                near = hints.nearest(name, [*settable, *(other for other in dir(cls) if other[0] != "_")])
                raise AttributeError(f"{cls.__name__} has no attribute {name!r} that could be set. "
                                     f"{hints.asked(near) if near else hints.did_you_mean(name, settable)} "
                                     f"Received: {arguments.shown(value)}")
            object.__setattr__(self, name, value)


@lru_cache(1024)
def _missed(cls, name):
    """What an error says of an attribute that objects of a class do not have."""
    from fastcnn import hints

    meant = {**hints.of_attribute(*(c.__name__ for c in cls.__mro__)), **cls.meant}
    near = None if name[0] == "_" else hints.nearest(name, [own for own in dir(cls) if own[0] != "_"], meant)
    return f"{cls.__name__} has no attribute {name!r}" + (f". {hints.asked(near)}" if near else "")


@contextmanager
def being_made(settable):
    """A block in which an object sets its attributes itself."""
    own = vars(settable)
    made = own.pop("_made", False)
    try:
        yield
    finally:
        if made:
            own["_made"] = True


def overrides(cls, base, told, *names):
    """Does a user's class redefine some of these methods of a class of fastcnn's, which `told` tells how to compute without
    them?

    Args:
        cls: the class.
        base: the class that leaves them to others.
        told: the method or attribute that says how; a class may redefine it, too.
        names: of the methods.
    """
    native = next(c for c in cls.__mro__ if c.__module__.partition(".")[0] == "fastcnn")
    if cls is native or getattr(native, told) is getattr(base, told):
        return False
    own = cls.__mro__[:cls.__mro__.index(native)]
    return any(name in vars(c) for c in own for name in names) and not any(told in vars(c) for c in own)


def _native(cls):
    """The class of fastcnn's that a class is, or is made of."""
    return next(c for c in cls.__mro__ if is_own(c))


def is_own(cls):
    """Is it one of fastcnn's modules' classes? (Those of examples in docstrings have their names, but are in no module.)"""
    module = cls.__module__
    return module.partition(".")[0] == "fastcnn" and getattr(sys.modules.get(module), cls.__name__, None) is cls


def _follows(cls, name):
    """Is it an argument of a base's alone, which the class makes of its own?"""
    return any(name in vars(base).get("config", ()) for base in cls.__mro__[1:])


def _set(cls):
    """Names of a class that can be set although no constructor takes them."""
    return [name for c in cls.__mro__ for name, value in vars(c).items() if hasattr(value, "__set__") and name[0] != "_"
            and getattr(value, "fset", value) is not None]


def _marking(cls):
    """Lets a class' own `__init__` say when the object is made, all subclasses' included."""
    init = vars(cls).get("__init__")
    if init is None:
        return

    @wraps(init)
    def __init__(self, *positions, **named):
        own = vars(self)
        if "_making" in own or "_made" in own:  # by a subclass' one
            init(self, *positions, **named)
            return
        own["_making"] = True
        try:
            init(self, *positions, **named)
        finally:
            del own["_making"]
        own["_made"] = True

    inner = init
    while hasattr(inner, "__wrapped__"):  # inspect.unwrap, whose module takes long to import
        inner = inner.__wrapped__
    __init__.__wrapped__ = inner
    cls.__init__ = __init__
