"""Locks that a forked child finds open: the threads that held them do not exist there."""

import os
import threading
import weakref

_made = weakref.WeakSet()


class Lock:
    """A lock that the thread which holds it may take again: `with lock.now:`.

    Example:
        >>> lock = Lock()
        >>> with lock.now, lock.now:
        ...     print("mine")
        mine
    """

    __slots__ = ("now", "__weakref__")

    def __init__(self):
        self.now = threading.RLock()
        _made.add(self)


def _after_fork():
    for lock in list(_made):
        if lock.now.acquire(blocking=False):  # open, or held by the thread that forked, and goes on here
            lock.now.release()
        else:
            lock.now = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
