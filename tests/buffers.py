"""Arrays to test with: at an unreadable page, NaN-filled, small integers; and how they are compared."""

import ctypes
import mmap
from functools import cache

import numpy as np

UNIT = 2.0**-24  # the largest relative error of one rounding to float32
TINY = 2.0**-126  # runs flush smaller numbers to 0


@cache
def _mprotect():
    call = ctypes.CDLL(None, use_errno=True).mprotect
    call.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    return call


def _protected(nbytes, at_end):
    """`nbytes` writable bytes that end (or begin) at a page that can be neither read nor written."""
    page = mmap.PAGESIZE
    body = max(1, -(-nbytes // page)) * page
    memory = np.frombuffer(mmap.mmap(-1, body + page), np.uint8)
    guard = memory.ctypes.data + (body if at_end else 0)
    if _mprotect()(guard, page, 0):  # PROT_NONE
        raise OSError(ctypes.get_errno(), "mprotect")
    return memory[body - nbytes : body] if at_end else memory[page : page + nbytes]


def guarded(array):
    """A copy of `array` whose last byte touches an unreadable page: reading past it is a crash. Linux."""
    array = np.ascontiguousarray(array)
    copy = _protected(array.nbytes, at_end=True).view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def guarded_before(array):
    """The same with the unreadable page just before the first byte."""
    array = np.ascontiguousarray(array)
    copy = _protected(array.nbytes, at_end=False).view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def poisoned(shape, guard=None):
    """A float32 array of NaN, to be overwritten; `guard`: `guarded` or `guarded_before`."""
    array = np.full(shape, np.nan, np.float32)
    return guard(array) if guard else array


def integers(rng, shape, largest=4):
    """Whole numbers |v| ≤ largest as float32: sums and products of them below 2²⁴ are exact in any order."""
    return rng.integers(-largest, largest + 1, shape).astype(np.float32)


def normal(rng, shape):
    """Random float32 numbers, none of them smaller than 0.001."""
    x = rng.standard_normal(shape)
    return (x + np.copysign(1e-3, x)).astype(np.float32)


def assert_same(actual, expected, what=""):
    """float32, and every value as expected; NaN equals NaN, 0 equals −0."""
    assert (actual.dtype, actual.shape) == (np.float32, np.shape(expected)), what
    np.testing.assert_array_equal(actual, np.asarray(expected, np.float32), err_msg=what)


def assert_within(actual, expected, bound, what=""):
    """|actual − expected| ≤ bound, each element by its own; where expected is ±inf or NaN, so is actual."""
    assert (actual.dtype, actual.shape) == (np.float32, np.shape(expected)), what
    expected, bound = np.asarray(expected, np.float64), np.broadcast_to(bound, np.shape(expected))
    finite = np.isfinite(expected)
    error = np.abs(actual - np.where(finite, expected, 0.0))
    right = np.where(finite, error <= bound, (actual == expected) | (np.isnan(actual) & np.isnan(expected)))
    if right.all():
        return
    worst = np.unravel_index(np.argmax(np.where(right, -1.0, np.nan_to_num(error, nan=np.inf))), right.shape)
    raise AssertionError(
        f"{what}: {np.count_nonzero(~right)} of {right.size} values are wrong. At {tuple(map(int, worst))}: "
        f"{actual[worst]!r} instead of {expected[worst]!r} ± {bound[worst]:.3g}"
    )
