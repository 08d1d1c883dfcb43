"""Sources of batches as fit, evaluate and predict take them in the place of arrays."""

import array
import copy
import numbers
from time import perf_counter

import numpy as np

_ARRAYS = (list, tuple, dict, str, bytes, bytearray, memoryview, range, array.array, numbers.Number)
_ARRAY_LIKE = ("__array__", "__array_interface__", "toarray", "getbands")  # the last two: sparse matrices, pictures
END = object()


def is_stream(x):
    """Whether x gives batches: it has `epoch`, or items by number, or can be iterated; and it is no array.

    Example:
        >>> is_stream(iter([])), is_stream([1.0, 2.0]), is_stream(np.zeros(3))
        (True, False, False)
    """
    if x is None or isinstance(x, _ARRAYS) or any(hasattr(x, name) for name in _ARRAY_LIKE):
        return False
    return callable(getattr(x, "epoch", None)) or hasattr(x, "__iter__") or _numbered(x)


def refuse(**given):
    """Refuses arguments that describe arrays beside a source of batches."""
    why = {"batch_size": "the batches come from the source", "shuffle": "the source orders its batches itself",
           "validation_split": "a source cannot be split; give validation_data"}
    for name, value in given.items():
        if value is not None:
            from fastcnn import arguments

            reason = why.get(name, "the source's batches are (x, y) or (x, y, sample_weight)")
            raise ValueError(f"{name} must not be given when x is a source of batches: {reason}. "
                             f"Received: {arguments.shown(value)}")


class Stream:
    """One source of batches, of any of three kinds, cut into epochs.

    An object with `epoch(number, first=0)` gives an iterator over the batches of epoch `number` from batch `first` on;
    a sequence has a length and batches by number; anything else is iterated anew in each epoch. A batch's arrays are used
    until the next one is asked for, and may be overwritten then; an iterator of `epoch` is closed if it has `close`.

    With `steps`, an epoch is that many batches wherever it begins: the source is gone through again and again, and
    where one epoch ends the next goes on.

    Args:
        source: where batches come from.
        prepare: called with each item; its answer is what `epoch` gives.
        name: of the argument that it was given for; None: x.
        steps: batches per epoch; None: all that the source has.
        seed: of the order of a sequence's batches; None: as they come.
        training: False: go through the source once at most, and leave its `on_epoch_end` alone.
        skip: batches to pass over at first, of a source that can only be iterated.

    Raises:
        ValueError: the source has no batch.

    Example:
        >>> list(Stream(iter("abc"), str.upper).epoch(0))
        ['A', 'B', 'C']
    """

    timed = True

    def __init__(self, source, prepare, steps=None, seed=None, training=False, skip=0, name=None):
        self.source, self.prepare, self.seed, self.training, self.skip = source, prepare, seed, training, skip
        self.name = name or "the source"
        self.length = len(source) if hasattr(source, "__len__") else None
        if self.length == 0:
            raise ValueError(f"the source of batches must hold at least one. Received: a {type(source).__name__} of "
                             f"length 0")
        self.limit, self.steps = steps, steps or self.length
        if not training and None not in (steps, self.length):
            self.limit = self.steps = min(steps, self.length)
        self.samples = _integer(source, "samples") if self.steps == self.length else None
        self.batch_size = _integer(source, "batch_size")
        self.one_shot = hasattr(source, "__next__") and not callable(getattr(source, "epoch", None))
        self.iterator, self.ahead = None, []
        self.begun = self.waited = 0.0

    def epoch(self, number, first=0):
        """The prepared batches of an epoch, from batch `first` on; counts the time spent waiting for them."""
        self.begun, self.waited = perf_counter(), 0.0
        items, place = self._items(number, first), first
        try:
            while True:
                before = perf_counter()
                try:
                    item = next(items, END)
                finally:
                    self.waited += perf_counter() - before
                if item is END:
                    return
                try:
                    prepared = self.prepare(item)
                except (TypeError, ValueError) as error:
                    kind = TypeError if isinstance(error, TypeError) else ValueError
                    raise kind(f"batch {place} of {self.name}: {error}") from error
                yield prepared
                place += 1
        finally:
            items.close()

    @property
    def share(self):
        """Which samples of a batch the source makes; None: all, as sources do that know nothing of shares."""
        return getattr(self.source, "_share", None)

    @share.setter
    def share(self, share):
        if hasattr(self.source, "_share"):
            self.source = copy.copy(self.source)
            self.source._share = share

    def waiting(self):
        """The part of the time since the epoch began that was spent waiting, from 0 to 1."""
        return min(1.0, self.waited / max(perf_counter() - self.begun, 1e-9))

    def is_dry(self):
        """Whether an iterator, which cannot begin anew, has nothing left for another epoch."""
        if not self.one_shot:
            return False
        if not self.ahead:
            self.ahead.append(next(self.source, END))
        return self.ahead[0] is END

    def peek(self):
        """A batch as it comes, before the first epoch."""
        if not self.one_shot:
            items = self._items(0, 0)
            try:
                return next(items, END)
            finally:
                items.close()
                self.iterator = None
        self.is_dry()
        return self.ahead[0]

    def _items(self, number, first):
        if callable(getattr(self.source, "epoch", None)):
            return self._epochs(number, first)
        return self._sequence(number, first) if _numbered(self.source) else self._iterable(first)

    def _places(self, number, first):
        """(times the source was gone through before, batch) of each step."""
        steps = self.limit or self.length
        return (divmod(place, self.length) for place in range(number * steps + first, (number + 1) * steps))

    def _sequence(self, number, first):
        order, of = None, None
        for turn, i in self._places(number, first):
            if self.seed is not None and turn != of:
                order, of = np.random.default_rng([self.seed, turn]).permutation(self.length), turn
            yield self.source[i if order is None else int(order[i])]
        if self.training and callable(getattr(self.source, "on_epoch_end", None)):
            self.source.on_epoch_end()

    def _epochs(self, number, first):
        if self.limit is None:
            yield from _closing(self.source.epoch(number, first=first))
            return
        if self.length is None:
            raise TypeError(f"steps need a source with a length. Received: a {type(self.source).__name__} without "
                            f"__len__")
        items, of = None, None
        try:
            for turn, i in self._places(number, first):
                if turn != of:
                    if items is not None:
                        items.close()
                    items, of = _closing(self.source.epoch(turn, first=i)), turn
                item = next(items, END)
                if item is END:
                    raise ValueError(f"the source must give as many batches as its length says, {self.length}. "
                                     f"Received: {i}")
                yield item
        finally:
            if items is not None:
                items.close()

    def _iterable(self, first):
        if self.limit is None:
            self.skip = first
        if self.iterator is None or self.limit is None or not self.training:
            self.iterator = iter(self.source)
        for passed in range(self.skip):
            if self._next() is END:
                raise ValueError(f"the source must reach the batch to go on at, {self.skip}. Received: {passed} batches")
        self.skip, done = 0, first
        while self.limit is None or done < self.limit:
            item = self._next()
            if item is END:
                return
            yield item
            done += 1

    def _next(self):
        """The next batch of an iterable; in training with steps it begins anew at its end, if it can."""
        if self.ahead:
            return self.ahead.pop()
        item = next(self.iterator, END)
        if item is END and self.training and self.limit and not self.one_shot:
            self.iterator = iter(self.source)
            item = next(self.iterator, END)
        return item


def _closing(iterator):
    """The same items; closes the iterator when they are no longer wanted."""
    try:
        for item in iterator:  # not `yield from`, which would close it too
            yield item
    finally:
        if hasattr(iterator, "close"):
            iterator.close()


def _numbered(source):
    return hasattr(source, "__len__") and hasattr(source, "__getitem__")


def _integer(source, name):
    value = getattr(source, name, None)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
