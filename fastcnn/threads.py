"""How many threads fastcnn uses: the machine's share by default, a setting, or a block's own number."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from fastcnn import _ops, arguments
from fastcnn.locks import Lock

_MOST = 1024
_block = ContextVar("fastcnn_num_threads", default=None)


def _cgroup_quota():
    """CPUs granted by the control group, rounded up; None: no limit."""
    try:
        with open("/sys/fs/cgroup/cpu.max") as file:  # version 2
            quota, period = file.read().split()
    except (OSError, ValueError):
        try:
            with open("/sys/fs/cgroup/cpu/cpu.cfs_quota_us") as file:
                quota = file.read().strip()
            with open("/sys/fs/cgroup/cpu/cpu.cfs_period_us") as file:
                period = file.read().strip()
        except OSError:
            return None
    try:
        quota, period = int(quota), int(period)
    except ValueError:  # "max"
        return None
    return max(1, -(-quota // period)) if quota > 0 and period > 0 else None


def _cpus():
    """CPUs that this process may use."""
    if _ops.openmp():  # it may have bound this thread to one of them
        return _ops.openmp_processors()
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def _default():
    if os.environ.get("FASTCNN_NUM_THREADS"):
        text = os.environ["FASTCNN_NUM_THREADS"]
        if not text.strip().isdecimal() or not 1 <= int(text) <= _MOST:
            raise ValueError(f"FASTCNN_NUM_THREADS must be an integer from 1 to {_MOST}. Received: {arguments.shown(text)}")
        return int(text)
    if _ops.openmp() and os.environ.get("OMP_NUM_THREADS"):
        return min(_openmp_start, _MOST)
    return max(1, min(_cpus(), _cgroup_quota() or _MOST, _openmp_start))


_openmp_start, _openmp_limit = _ops.openmp_threads(), _ops.openmp_limit()
_count = _default()
_blocks: dict[object, tuple[int, int]] = {}  # of all that have begun: (number, the Python thread)
_changing = Lock()


def _keep():
    """Waiting threads end beyond the most that anybody asks for; an operation may still bring more, for its time."""
    _ops.keep_threads(max([_count, *(count for count, _ in _blocks.values())]))


def _after_fork():
    """Blocks of other Python threads are not in the child."""
    for block in [block for block, (_, thread) in _blocks.items() if thread != threading.get_ident()]:
        del _blocks[block]
    _keep()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def get_num_threads() -> int:
    """The number of threads that operations called from here will use.

    The innermost of: a `num_threads` block, `set_num_threads`, the environment's FASTCNN_NUM_THREADS, OMP_NUM_THREADS, and
    by default the CPUs that affinity and the control group's quota grant. OMP_THREAD_LIMIT and threadpoolctl's limits
    on OpenMP apply on top.

    Example:
        >>> import fastcnn
        >>> fastcnn.get_num_threads() >= 1
        True
    """
    count = min(_block.get() or _count, _openmp_limit)
    now = _ops.openmp_threads()
    return min(count, now) if now < _openmp_start else count


def set_num_threads(count: int) -> None:
    """Sets the number of threads for all later operations of this process. Results do not depend on it.

    If more threads wait for work, they end.

    Args:
        count: 1 to 1024.

    Example:
        >>> import fastcnn
        >>> fastcnn.set_num_threads(2)
    """
    global _count
    count = arguments.integer("count", count, 1, _MOST)
    with _changing.now:
        _count = count
        _keep()


def share_threads(processes: int) -> None:
    """Leaves this process its part of the default, where so many share it; what somebody has set stays.

    Example:
        >>> share_threads(1)
    """
    given = os.environ.get("FASTCNN_NUM_THREADS") or _ops.openmp() and os.environ.get("OMP_NUM_THREADS")
    if not given and _count == _default():
        set_num_threads(max(1, _count // processes))


@contextmanager
def num_threads(count: int) -> Iterator[None]:
    """A block in which operations of this Python thread use `count` threads.

    At its end, threads beyond the number outside, and those of other blocks, end, too.

    Example:
        >>> import fastcnn
        >>> with fastcnn.num_threads(1):
        ...     fastcnn.get_num_threads()
        1
    """
    count = arguments.integer("count", count, 1, _MOST)
    token, block = _block.set(count), object()
    try:
        with _changing.now:
            _blocks[block] = count, threading.get_ident()
            _keep()
        yield
    finally:
        _block.reset(token)
        with _changing.now:
            _blocks.pop(block, None)
            _keep()
