"""CIFAR-10's python batches, read without unpickling.

They are dictionaries that Python 2 pickled, and a pickle is a program: `pickle.load` would do whatever its author wants.
Here its instructions are carried out by this page, which knows those that such files hold: literals, lists, tuples,
dictionaries, and one array of bytes. Any other ends the reading.
"""

from reprlib import repr as _short  # tuples within tuples may have no end of entries

import numpy as np

_NAMES = "numpy.core.multiarray _reconstruct", "numpy ndarray", "numpy dtype"
_LITERALS = {"BININT", "BININT1", "BININT2", "SHORT_BINSTRING", "BINSTRING"}
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class _Name(str):
    """A name of NumPy's, which means nothing here but itself."""


class _Array:
    """An array as a pickle describes it: shape and bytes."""

    shape = data = None


def read_batch(data):
    """The images and labels of a python batch.

    Args:
        data: the bytes of the file.

    Shape:
        pixels uint8 (N, M) as they lie in the file, labels a list of integers

    Raises:
        ValueError: it is damaged or anything but such a batch.

    Example:
        >>> try: read_batch(b"cos\\nsystem\\n(S'ls'\\ntR.")
        ... except ValueError as error: print(error)
        names must be numpy.core.multiarray _reconstruct, numpy ndarray, numpy dtype. Received: os system
    """
    batch = _carry_out(data)
    pixels, labels = (batch.get(key) for key in ("data", "labels")) if isinstance(batch, dict) else (None, None)
    if not isinstance(pixels, _Array) or pixels.shape is None or not isinstance(labels, list):
        raise ValueError("it must hold an array 'data' and a list 'labels'. Received: "
                         + (", ".join(sorted(map(str, batch))) if isinstance(batch, dict) else type(batch).__name__))
    if not all(type(label) is int for label in labels):
        raise ValueError("labels must be integers. Received: others")
    return np.frombuffer(pixels.data.encode("latin-1"), np.uint8).reshape(pixels.shape), labels


def _carry_out(data):
    """What the instructions leave behind."""
    import pickletools

    stack, marks, kept = [], [], {}  # marks: the stacks below; kept: by number, for later use

    def since_mark():
        nonlocal stack
        items, stack = stack, marks.pop()
        return items

    try:
        for code, argument, place in pickletools.genops(data):
            name = code.name
            if name in _LITERALS:
                stack.append(argument)
            elif name in _CONSTANTS:
                stack.append(_CONSTANTS[name])
            elif name in ("BINPUT", "LONG_BINPUT"):
                kept[argument] = stack[-1]
            elif name in ("BINGET", "LONG_BINGET"):
                stack.append(kept[argument])
            elif name == "MARK":
                marks.append(stack)
                stack = []
            elif name in ("EMPTY_LIST", "EMPTY_DICT"):
                stack.append([] if name == "EMPTY_LIST" else {})
            elif name in _TUPLES:
                first = len(stack) - _TUPLES[name]
                stack[first:] = [tuple(stack[first:])]
            elif name == "TUPLE":
                items = since_mark()
                stack.append(tuple(items))
            elif name in ("APPEND", "APPENDS"):
                items = since_mark() if name == "APPENDS" else [stack.pop()]
                _only(list, stack[-1]).extend(items)
            elif name in ("SETITEM", "SETITEMS"):
                items = since_mark() if name == "SETITEMS" else [stack.pop(-2), stack.pop()]
                if any(type(key) is tuple for key in items[::2]):  # its hash may have no end either
                    raise ValueError("a dictionary must have no keys that are tuples. Received: one")
                _only(dict, stack[-1]).update(zip(items[::2], items[1::2], strict=True))
            elif name == "GLOBAL":
                if argument not in _NAMES:
                    raise ValueError(f"names must be {', '.join(_NAMES)}. Received: {argument}")
                stack.append(_Name(argument))
            elif name == "REDUCE":
                given = stack.pop()
                stack.append(_made(stack.pop(), given))
            elif name == "BUILD":
                state = stack.pop()
                _set(stack[-1], state)
            elif name not in ("PROTO", "STOP"):
                raise ValueError(f"instructions must be those of a batch. Received: {name} at byte {place}")
    except (IndexError, KeyError, TypeError, UnicodeError) as error:
        raise ValueError(f"the instructions must make sense. Received: {type(error).__name__} at byte {place}") from None
    if place + 1 != len(data) or marks or len(stack) != 1:
        raise ValueError(f"it must end with one value. Received: {len(data) - place - 1} bytes and {len(stack)} values")
    return stack[0]


def _only(kind, value):
    if type(value) is not kind:
        raise ValueError(f"a {kind.__name__} must be added to. Received: {type(value).__name__}")
    return value


def _made(name, given):
    """What a call of one of the names stands for: an empty array, or the type of bytes."""
    if isinstance(name, _Name) and (name, given) == (_NAMES[0], (_NAMES[1], (0,), "b")):
        return _Array()
    if isinstance(name, _Name) and name == _NAMES[2] and given[:1] == ("u1",):
        return np.uint8
    raise ValueError(f"calls must make an array of bytes. Received: {_short(name)}")


def _set(target, state):
    """Gives an array its content; an array's type has all it needs."""
    if target is np.uint8:
        return
    if not isinstance(target, _Array):
        raise ValueError(f"only an array has a state. Received: {type(target).__name__}")
    _, shape, kind, columns_first, data = state
    size = np.prod([int(n) for n in shape], dtype=object) if len(shape) == 2 else None
    if kind is not np.uint8 or columns_first or type(data) is not str or size != len(data) or min(shape) < 0:
        raise ValueError(f"the array must be one of bytes, with as many as its shape says. Received: shape {_short(shape)}")
    target.shape, target.data = tuple(shape), data
