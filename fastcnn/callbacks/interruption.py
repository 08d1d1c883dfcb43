"""Signals that end a process, taken as Ctrl-C is, so that what was learnt can be saved first."""

import signal
import threading
from contextlib import contextmanager

ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
_last = signal.SIGINT


def interrupt(number, frame=None):
    """A signal's handler that raises KeyboardInterrupt, whichever signal it is."""
    global _last
    _last = number
    raise KeyboardInterrupt


@contextmanager
def caught(handler=None):
    """A block in which Ctrl-C, SIGTERM (`kill`, batch systems) and SIGHUP (a terminal that is closed) do one thing.

    What is done about a signal elsewhere stays, also that it is ignored, as nohup has it for SIGHUP. In other threads than
    the main one, which get no signals, nothing changes.

    Args:
        handler: called at the first of them, without arguments; the second raises KeyboardInterrupt at once. None: so does
            the first.

    Example:
        >>> with caught():
        ...     pass  # train
    """
    global _last
    before = {}

    def first(number, frame=None):
        global _last
        _last = number
        for each in before:
            signal.signal(each, interrupt)
        handler()

    if threading.current_thread() is threading.main_thread():
        _last = signal.SIGINT
        for number in ENDING:
            found = signal.getsignal(number)
            if found in (signal.SIG_DFL, signal.default_int_handler, interrupt):
                before[number] = found
                signal.signal(number, interrupt if handler is None else first)
    try:
        yield
    finally:
        for number, found in before.items():
            signal.signal(number, found)


def exit_code():
    """What a process returns that a signal has ended: 128 and its number, 130 for Ctrl-C.

    Example:
        >>> with caught():
        ...     exit_code()
        130
    """
    return 128 + _last
