"""CIFAR's python batches, read without unpickling.

They are dictionaries that Python pickled, and a pickle is a program: `pickle.load` would do whatever its author wants.
Here its instructions are carried out by this page, which knows those that such files hold, as they were published
(protocol 2) and as later Pythons write them (up to 5): literals, lists, tuples, dictionaries, and arrays of bytes. Any
other ends the reading.
"""

from reprlib import repr as _short  # tuples within tuples may have no end of entries

import numpy as np

_MOST = 300_000  # instructions; the 50,000 images of a file of CIFAR-100 need 200,000
_DEEPEST = 16    # marks within marks
_ARRAY, _DTYPE = "numpy ndarray", "numpy dtype"
_MADE = "numpy.core.multiarray _reconstruct", "numpy._core.multiarray _reconstruct"
_FROM_BUFFER = "numpy.core.numeric _frombuffer", "numpy._core.numeric _frombuffer"
_ENCODED = "_codecs encode"  # how Python 3 writes bytes in protocol 2
_NAMES = (_ARRAY, _DTYPE, *_MADE, *_FROM_BUFFER, _ENCODED)
_LITERALS = {"BININT", "BININT1", "BININT2", "SHORT_BINSTRING", "BINSTRING", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8",
             "SHORT_BINBYTES", "BINBYTES", "BINBYTES8", "BYTEARRAY8"}
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class _Name(str):
    """A name of NumPy's, which means nothing here but itself."""


class _Array:
    """An array as a pickle describes it: shape and bytes."""

    shape = data = None


def read_batch(data, key="labels"):
    """The images and labels of a python batch.

    Args:
        data: the bytes of the file.
        key: of the labels: "labels", "fine_labels", "coarse_labels".

    Shape:
        pixels uint8 (N, M) as they lie in the file, labels a list of integers

    Raises:
        ValueError: it is damaged or anything but such a batch.

    Example:
        >>> try: read_batch(b"cos\\nsystem\\n(S'ls'\\ntR.")
        ... except ValueError as error: print(error)
        names must be those of NumPy's arrays. Received: os system
    """
    batch = _carry_out(data)
    if isinstance(batch, dict):  # of Python 2's, read as bytes and written again
        batch = {name.decode("latin-1") if isinstance(name, bytes) else name: value for name, value in batch.items()}
    pixels, labels = (batch.get(name) for name in ("data", key)) if isinstance(batch, dict) else (None, None)
    if not isinstance(pixels, _Array) or pixels.shape is None or not isinstance(labels, list):
        raise ValueError(f"it must hold an array 'data' and a list {key!r}. Received: "
                         + (", ".join(sorted(map(str, batch))) if isinstance(batch, dict) else type(batch).__name__))
    if not all(type(label) is int for label in labels):
        raise ValueError("labels must be integers. Received: others")
    return np.frombuffer(_bytes(pixels.data), np.uint8).reshape(pixels.shape), labels


def _bytes(data):
    return data.encode("latin-1") if isinstance(data, str) else data


def _carry_out(data):
    """What the instructions leave behind."""
    import pickletools

    stack, marks, kept = [], [], {}  # marks: the stacks below; kept: by number, for later use
    count = place = 0

    def since_mark():
        nonlocal stack
        items, stack = stack, marks.pop()
        return items

    try:
        for code, argument, place in pickletools.genops(data):
            name, count = code.name, count + 1
            if count > _MOST:
                raise ValueError(f"a batch must have at most {_MOST:,} instructions. Received: more")
            if name in _LITERALS:
                stack.append(argument)
            elif name in _CONSTANTS:
                stack.append(_CONSTANTS[name])
            elif name == "MEMOIZE":
                kept[len(kept)] = stack[-1]
            elif name in ("BINPUT", "LONG_BINPUT"):
                kept[argument] = stack[-1]
            elif name in ("BINGET", "LONG_BINGET"):
                stack.append(kept[argument])
            elif name == "MARK":
                if len(marks) == _DEEPEST:
                    raise ValueError(f"marks must be at most {_DEEPEST} deep. Received: more at byte {place}")
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
            elif name in ("GLOBAL", "STACK_GLOBAL"):
                if name == "STACK_GLOBAL":
                    module, argument = stack.pop(-2), stack.pop()
                    argument = f"{_short(module)[1:-1]} {_short(argument)[1:-1]}" if argument is not None else ""
                if argument not in _NAMES:
                    raise ValueError(f"names must be those of NumPy's arrays. Received: {_short(argument)[1:-1]}")
                stack.append(_Name(argument))
            elif name == "REDUCE":
                given = stack.pop()
                stack.append(_made(stack.pop(), given))
            elif name == "BUILD":
                state = stack.pop()
                _set(stack[-1], state)
            elif name not in ("PROTO", "FRAME", "STOP"):
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
    """What a call of one of the names stands for: an array, the type of bytes, or bytes."""
    if isinstance(name, _Name) and type(given) is tuple:
        if name in _MADE and given[:2] == (_ARRAY, (0,)) and given[2:] in (("b",), (b"b",)):
            return _Array()
        if name == _DTYPE and given[:1] == ("u1",):
            return np.uint8
        if name == _ENCODED and len(given) == 2 and type(given[0]) is str and given[1] == "latin1":
            return given[0].encode("latin-1")
        if name in _FROM_BUFFER and len(given) == 4:
            array = _Array()
            data, kind, shape, order = given
            _set(array, (1, shape, kind, order != "C", data))
            return array
    raise ValueError(f"calls must make an array of bytes. Received: {_short(name)}")


def _set(target, state):
    """Gives an array its content; an array's type has all it needs."""
    if target is np.uint8:
        return
    if not isinstance(target, _Array):
        raise ValueError(f"only an array has a state. Received: {type(target).__name__}")
    _, shape, kind, columns_first, data = state
    size = np.prod([int(n) for n in shape], dtype=object) if len(shape) == 2 else None
    if kind is not np.uint8 or columns_first or not isinstance(data, (str, bytes, bytearray)) or size != len(data) \
            or min(shape) < 0:
        raise ValueError(f"the array must be one of bytes, with as many as its shape says. Received: shape {_short(shape)}")
    target.shape, target.data = tuple(shape), data
