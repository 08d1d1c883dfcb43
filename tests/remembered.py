"""`fastcnn.reference` that remembers: tests ask the same of it for each instruction set and number of threads."""

import copy
import hashlib
import pickle

import numpy as np

from fastcnn import reference as plain

MOST = 2**28  # bytes of results, of which those that nobody has asked for of late are dropped


def parts(result):
    """Of an array, a number, or a tuple of these: the arrays."""
    return [part for part in (result if isinstance(result, tuple) else (result,)) if isinstance(part, np.ndarray)]


def mark(value):
    """What tells it from others."""
    if isinstance(value, np.ndarray):
        return value.shape, value.dtype.str, hashlib.blake2b(np.ascontiguousarray(value)).digest()
    return pickle.dumps(value)


class Reference:
    """Functions of the reference by name. What they return cannot be written to."""

    def __init__(self):
        self.found, self.size = {}, 0

    def __getattr__(self, name):
        def call(*arguments, **options):
            key = name, *map(mark, arguments), *((option, mark(value)) for option, value in options.items())
            if key in self.found:
                result = self.found.pop(key)
            else:
                result = copy.deepcopy(getattr(plain, name)(*arguments, **options))  # it may be a view of an argument
                for part in parts(result):
                    part.flags.writeable = False
                    self.size += part.nbytes
            self.found[key] = result  # the last of them
            while self.size > MOST:
                self.size -= sum(part.nbytes for part in parts(self.found.pop(next(iter(self.found)))))
            return result

        return call


reference = Reference()
