"""Batches of a sequence made ahead by threads: what `workers` and `max_queue_size` ask for."""

from collections import deque

import numpy as np

_END = object()


class Ahead:
    """A sequence of batches whose items are made by threads while others are in use, in the same order as without.

    Args:
        source: has `__len__` and `__getitem__`, or `batch(epoch, i)`.
        workers: number of threads.
        size: batches made ahead.
        seed: of the order of batches, a new one in each epoch; None: as they come.

    Example:
        >>> list(Ahead([1, 2, 3], 2, 4, None).epoch(0))
        [1, 2, 3]
    """

    def __init__(self, source, workers, size, seed):
        self.source, self.workers, self.size, self.seed = source, workers, size, seed
        self.samples = getattr(source, "samples", None)
        self.batch_size = getattr(source, "batch_size", None)

    def __len__(self):
        return len(self.source)

    def epoch(self, number, first=0):
        """An iterator over the batches of an epoch from batch `first` on."""
        from concurrent.futures import ThreadPoolExecutor

        order, queue = range(len(self)), deque()
        get = getattr(self.source, "batch", None)
        if get is None and self.seed is not None:
            order = np.random.default_rng([self.seed, number]).permutation(len(self)).tolist()
        executor = ThreadPoolExecutor(self.workers, "fastcnn-batches")
        try:
            for i in order[first:]:
                queue.append(executor.submit(self.source.__getitem__, i) if get is None else executor.submit(get, number, i))
                if len(queue) > self.size:
                    yield queue.popleft().result()
            while queue:
                yield queue.popleft().result()
        finally:
            executor.shutdown(cancel_futures=True)
        if hasattr(self.source, "on_epoch_end"):
            self.source.on_epoch_end()


class AheadOfIterator:
    """An iterator whose items are made by one thread while others are in use.

    Args:
        source: iterable; it goes on from where it was left each time it is iterated.
        size: items made ahead.

    Example:
        >>> list(AheadOfIterator(iter("abc"), 2))
        ['a', 'b', 'c']
    """

    def __init__(self, source, size):
        from concurrent.futures import ThreadPoolExecutor

        self.items, self.size, self.queue = iter(source), size, deque()
        self.executor = ThreadPoolExecutor(1, "fastcnn-batches")

    def __iter__(self):
        return self

    def __next__(self):
        while len(self.queue) <= self.size:
            self.queue.append(self.executor.submit(next, self.items, _END))
        item = self.queue.popleft().result()
        if item is _END:
            raise StopIteration
        return item

    def __del__(self):
        self.executor.shutdown(wait=False, cancel_futures=True)
