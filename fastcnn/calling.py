"""What is wrong with a call, told in the names that users know, and at their line."""

import sys
import warnings
from functools import wraps
from types import FunctionType

_ANY_POSITION, _ANY_KEYWORD = 4, 8  # inspect.CO_VARARGS, CO_VARKEYWORDS


def warn(text, category=UserWarning):
    """Warns at the line outside of fastcnn that is running."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_globals.get("__name__", "").split(".")[0] == "fastcnn":
        frame, level = frame.f_back, level + 1
    warnings.warn(text, category, stacklevel=level)


def refuse(cls, given):
    """Raises TypeError for arguments {name: value} that a class' `__init__` and those of its bases do not take."""
    raise unknown(cls.__name__, next(iter(given)), _accepted(cls))


def _accepted(cls):
    """Names of the arguments that a class' `__init__` and those of its bases take."""
    import inspect

    accepted = {}
    for base in cls.__mro__[:-1]:
        if "__init__" in vars(base):
            parameters = list(inspect.signature(base.__init__).parameters.values())[1:]
            accepted.update({p.name: p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)})
    return accepted


def unknown(called, name, accepted):
    """The TypeError for an argument that is not accepted, with what it may have meant.

    Args:
        called: the method or class.
        name: of the argument.
        accepted: names of those that there are.

    Example:
        >>> raise unknown("fit", "batchsize", ["x", "batch_size"])
        Traceback (most recent call last):
        TypeError: fit has no argument 'batchsize'. Did you mean 'batch_size'?
    """
    from fastcnn.hints import did_you_mean, of_argument

    hint = did_you_mean(name, accepted, of_argument(called, accepted), 0.5)
    return TypeError(f"{called} has no argument {name!r}. {hint}")


def hinting(cls):
    """The class, whose constructor says in its own name what is wrong with the arguments, what an unknown one may have meant
    too; and its methods say theirs, as users call them. For `__init_subclass__`, or a decorator."""
    name_methods(cls)
    init = getattr(cls.__init__, "__wrapped__", cls.__init__)
    if hasattr(init, "__code__") and not init.__code__.co_flags & _ANY_POSITION:
        cls.__init__ = telling(init)
    return cls


def telling(function, called=None):
    """A method that says what is wrong with the arguments it is called with.

    Args:
        function: the method.
        called: its name, for messages; None: a constructor, which has that of the class.

    Example:
        >>> telling(lambda self, x, size=1: size, "predict")(None, [], sise=2)
        Traceback (most recent call last):
        TypeError: predict has no argument 'sise'. Did you mean 'size'?
    """
    code = function.__code__
    named = code.co_varnames[1:code.co_argcount + code.co_kwonlyargcount]
    places = named[:code.co_argcount - 1]
    needed = places[:len(places) - len(function.__defaults__ or ())]
    more = code.co_flags & _ANY_KEYWORD

    @wraps(function)
    def call(self, *positions, **given):
        name = called or type(self).__name__
        if len(positions) > len(places):
            raise TypeError(f"{name} takes {', '.join(places) or 'nothing'} by position. Received: {len(positions)} values")
        known = named
        missing = [argument for argument in needed[len(positions):] if argument not in given]
        if missing and more:  # what is unknown may be what is missing
            known = _accepted(type(self))
        for argument in given:
            if argument in places[:len(positions)]:
                raise TypeError(f"{name} takes {argument} once. Received: two values")
            if argument not in known and (missing or not more):
                raise unknown(name, argument, known)
        if missing:
            raise TypeError(f"{name} needs {', '.join(missing)}. Received: no value for "
                            f"{'it' if len(missing) == 1 else 'them'}")
        return function(self, *positions, **given)

    return call


def name_methods(cls):
    """Lets Python's errors call the methods of a class of fastcnn's by their own names, whichever class they stand in.

    Example:
        >>> fastcnn.networks.lenet5()()
        Traceback (most recent call last):
        TypeError: model() missing 1 required positional argument: 'x'
    """
    for name, method in vars(cls).items():
        own = getattr(method, "__qualname__", "") == f"{cls.__qualname__}.{name}" and cls.__module__.startswith("fastcnn.")
        if own and (name == "__call__" or not name.startswith("__")):
            if not method.__doc__:  # `help` would look for it by the longer name
                docs = (getattr(base, name).__doc__ for base in cls.__mro__[1:] if hasattr(base, name))
                method.__doc__ = next(docs, None)
            method.__qualname__ = cls.__name__.lower() if name == "__call__" else name


def tell_methods(cls):
    """Lets the methods of a class that have options say which of them an unknown one may have meant.

    Example:
        >>> fastcnn.networks.lenet5().fit(np.zeros((2, 28, 28)), np.zeros(2), epoch=3)
        Traceback (most recent call last):
        TypeError: fit has no argument 'epoch'. Did you mean 'epochs'?
    """
    for name, method in list(vars(cls).items()):
        if isinstance(method, FunctionType) and not name.startswith("_") and method.__defaults__:
            setattr(cls, name, telling(method, name))
