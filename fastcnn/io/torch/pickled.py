"""The pickle in a file of torch.save, read without running any: what is not listed here stays an unknown object.

`pickletools` tells the codes apart; the few that torch writes are obeyed, on a stack. `GLOBALS` are the only names that mean
anything; all others become a `Foreign`, whatever is done with them.
"""

import pickle
import pickletools
from typing import NamedTuple

_DTYPES = {
    "DoubleStorage": "<f8", "FloatStorage": "<f4", "HalfStorage": "<f2", "BFloat16Storage": "bfloat16", "LongStorage": "<i8",
    "IntStorage": "<i4", "ShortStorage": "<i2", "CharStorage": "|i1", "ByteStorage": "|u1", "BoolStorage": "|b1",
}
_MOST = 8  # arguments of a function


class Foreign:
    """An object of a class that is not read.

    Args:
        name: of the class, or of what made it.
    """

    def __init__(self, name):
        self.name = name


class Storage(NamedTuple):
    """An array that tensors are parts of: its name in the archive, dtype and number of values."""

    key: str
    dtype: str
    count: int


class Tensor(NamedTuple):
    """A part of a storage; strides in values."""

    storage: Storage
    offset: int
    shape: tuple
    strides: tuple


def _tensor(storage, offset, shape, strides, *rest):
    right = isinstance(storage, Storage) and type(shape) is type(strides) is tuple and len(shape) == len(strides) <= 32
    if not right or not _are_sizes((offset, *shape, *strides)):
        raise ValueError("a tensor must have a storage, an offset, a shape and strides")
    return Tensor(storage, offset, shape, strides)


def _are_sizes(values):
    return all(type(n) is int and 0 <= n < 2**63 for n in values)


GLOBALS = {
    "collections OrderedDict": lambda *pairs: {},
    "torch Size": lambda sizes: sizes,
    "torch._utils _rebuild_tensor_v2": _tensor,
    "torch._utils _rebuild_parameter": lambda tensor, *rest: tensor,
    **{f"torch {name}": dtype for name, dtype in _DTYPES.items()},
}


class _Machine:
    """The stack of a pickle; a method or a line of `_CODES` for each code."""

    def __init__(self):
        self.stack, self.marks, self.memo = [], [], {}

    def push(self, value):
        self.stack.append(value)

    def since_mark(self):
        start = self.marks.pop()
        found = self.stack[start:]
        del self.stack[start:]
        return found

    def tuple(self, count):
        found = tuple(self.stack[-count:])
        if len(found) < count:
            raise ValueError("fewer values than a tuple takes")
        self.stack[-count:] = [found]

    def extend(self, values):
        if isinstance(self.stack[-1], list):
            self.stack[-1].extend(values)

    def update(self, values):
        if isinstance(self.stack[-1], dict):
            keys = values[::2]
            if not all(isinstance(key, (str, int, float)) for key in keys):  # a tuple's hash may never end
                raise ValueError("keys must be texts or numbers")
            self.stack[-1].update(zip(keys, values[1::2], strict=True))

    def find(self, name):
        self.push(GLOBALS.get(name, Foreign(name)))

    def call(self, *_):
        arguments, function = self.stack.pop(), self.stack.pop()
        if callable(function) and len(arguments) > _MOST:
            raise ValueError("more arguments than torch's functions take")
        self.push(function(*arguments) if callable(function) else function)

    def load(self, *_):
        kind, dtype, key, _, count = self.stack.pop()
        if kind != "storage" or dtype not in _DTYPES.values() or not isinstance(key, str) or not _are_sizes([count]):
            raise ValueError("a persistent object must be a storage")
        self.push(Storage(key, dtype, count))


def _last(m, count):
    """Takes the last values away."""
    found = m.stack[-count:]
    del m.stack[-count:]
    return found


_CODES = {
    **dict.fromkeys(("PROTO", "FRAME", "STOP"), lambda m, a: None),
    **dict.fromkeys(("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8",
                     "BINBYTES", "SHORT_BINBYTES"), _Machine.push),
    "NONE": lambda m, a: m.push(None), "NEWTRUE": lambda m, a: m.push(True), "NEWFALSE": lambda m, a: m.push(False),
    "EMPTY_DICT": lambda m, a: m.push({}), "EMPTY_LIST": lambda m, a: m.push([]), "EMPTY_TUPLE": lambda m, a: m.push(()),
    "MARK": lambda m, a: m.marks.append(len(m.stack)),
    "TUPLE": lambda m, a: m.push(tuple(m.since_mark())),
    "TUPLE1": lambda m, a: m.tuple(1), "TUPLE2": lambda m, a: m.tuple(2), "TUPLE3": lambda m, a: m.tuple(3),
    "APPEND": lambda m, a: m.extend(_last(m, 1)), "APPENDS": lambda m, a: m.extend(m.since_mark()),
    "SETITEM": lambda m, a: m.update(_last(m, 2)), "SETITEMS": lambda m, a: m.update(m.since_mark()),
    "GLOBAL": _Machine.find, "STACK_GLOBAL": lambda m, a: m.find(" ".join(_last(m, 2))),
    "REDUCE": _Machine.call, "NEWOBJ": _Machine.call,
    "BUILD": lambda m, a: _last(m, 1),  # attributes, such as an OrderedDict's `_metadata`
    "BINPERSID": _Machine.load,
    "BINPUT": lambda m, a: m.memo.update({a: m.stack[-1]}), "LONG_BINPUT": lambda m, a: m.memo.update({a: m.stack[-1]}),
    "MEMOIZE": lambda m, a: m.memo.update({len(m.memo): m.stack[-1]}),
    "BINGET": lambda m, a: m.push(m.memo[a]), "LONG_BINGET": lambda m, a: m.push(m.memo[a]),
}


def unpickled(data):
    """What a pickle holds, in Python's plain types, `Tensor` and `Foreign`.

    Raises:
        ValueError: it is damaged, or has a code that torch does not write.

    Example:
        >>> unpickled(pickle.dumps({"epoch": 3}, 2))
        {'epoch': 3}
    """
    machine = _Machine()
    try:
        for code, argument, _ in pickletools.genops(data):
            if code.name not in _CODES:
                raise ValueError(f"code {code.name} is none of torch's")
            _CODES[code.name](machine, argument)
        return machine.stack.pop()
    except (TypeError, KeyError, IndexError, AttributeError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from None


_STORAGES = {dtype: name for name, dtype in _DTYPES.items()}
_ORDERED = b"ccollections\nOrderedDict\n)R"


def pickled(tensors):
    """The pickle of an ordered dictionary, as `torch.save` makes it of a state dict: {name: `Tensor`}."""
    parts = [b"\x80\x02", _ORDERED, b"("]
    for name, tensor in tensors.items():
        key, dtype, count = tensor.storage
        parts += [_plain(name), b"ctorch._utils\n_rebuild_tensor_v2\n((", _plain("storage"),
                  f"ctorch\n{_STORAGES[dtype]}\n".encode(), _plain(key), _plain("cpu"), _plain(count), b"tQ",
                  _plain(tensor.offset), _plain(tensor.shape), _plain(tensor.strides), b"\x89", _ORDERED, b"tR"]
    return b"".join([*parts, b"u."])


def _plain(value):
    """A text, an integer or a tuple of integers, without the first and the last code of its pickle."""
    return pickle.dumps(value, 2)[2:-1]
