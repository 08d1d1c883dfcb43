"""The processes of an MPI job, as `fit` shares its batches among them."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastcnn import arguments
from fastcnn.distributed.halving import add_halves
from fastcnn.distributed.launching import launched
from fastcnn.threads import get_num_threads, share_threads
from fastcnn.typing import Array

_PATIENCE = 5.0  # seconds in which all processes may fail together, as they do of one mistake


class MPI:
    """The processes that `mpiexec` has started: `model.fit(..., distribute=MPI())` lets them train one model together.

    All of them run the same program, with the same data; `rank` says which this one is. Each gets its share of the threads
    of its machine, unless `set_num_threads` or the environment has said how many. A process that fails ends the job: MPI's
    other processes would wait for it for ever.

    Args:
        mode: "exact": weights, logs and files are, to the bit, those of one process, whatever the number of processes.
            "fast": gradients are added by `Allreduce`, while the backward pass goes on if a thread is free for it; all
            processes have the same bits, which differ from those of one process by rounding.
        comm: an mpi4py communicator; None: all processes of the job.

    Raises:
        ImportError: mpi4py or MPI is missing: pip install 'fastcnn[mpi]'.
        RuntimeError: the launcher is one of another MPI, so that each process would train alone.
        TypeError, ValueError: no such mode or communicator.

    Example:
        >>> from fastcnn.distributed import MPI
        >>> ranks = MPI()  # doctest: +SKIP
        >>> model.fit(x, y, distribute=ranks, verbose=2)  # doctest: +SKIP
    """

    def __init__(self, mode: str = "exact", comm: Any = None) -> None:
        self.exact = arguments.choice("mode", mode, ("exact", "fast")) == "exact"
        try:
            from mpi4py import MPI as mpi
        except (ImportError, RuntimeError) as error:  # the latter: no library of MPI
            raise ImportError(f"fastcnn.distributed.MPI needs mpi4py and MPI: pip install 'fastcnn[mpi]'. "
                              f"Received: {str(error).splitlines()[0]}") from None
        self._mpi, world = mpi, mpi.COMM_WORLD if comm is None else comm
        arguments.instance("comm", world, mpi.Intracomm, "an mpi4py communicator or None")
        if comm is None and world.Get_size() == 1 and launched():
            raise RuntimeError("mpiexec must be that of the MPI that mpi4py uses. Received: several processes, of which "
                               f"{mpi.Get_library_version().splitlines()[0].strip()} knows one")
        # the second: of sums that go on beside the computation; the third: of the end
        self._comm, self._aside, self._end = (world.Dup() for _ in range(3))
        self.rank: int = self._comm.Get_rank()
        self.size: int = self._comm.Get_size()
        self._executor, self._sums = None, []
        self._room = np.empty(0, np.float32)
        self._node = self._comm.Split_type(mpi.COMM_TYPE_SHARED)
        self._share_threads()
        self.names: list[str] = self.agree(f"{socket.gethostname()}, process {os.getpid()}")
        if self.size > 1:
            hook = sys.excepthook
            owner = getattr(hook, "__self__", None)
            self._show = owner._show if isinstance(owner, MPI) else hook  # what was there before any of these
            sys.excepthook = self._except

    def __repr__(self) -> str:
        nodes = len({name.split(",")[0] for name in self.names})
        return (f"rank {self.rank} of {self.size} on {nodes} machine{'s' * (nodes > 1)}, {get_num_threads()} threads each, "
                f"{'exact' if self.exact else 'fast'}")

    def _share_threads(self):
        """The threads of the machine, or of those of its processors that the launcher has left this process, are shared with
        the processes that have the same ones."""
        own = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
        self._processors, self._sharing = len(own), self._node.allgather(own).count(own)
        share_threads(self._sharing)

    def _is_free(self):
        """May a thread exchange while others compute? Within one machine it takes a processor from them, as there is no
        network to wait for; where all of them compute, nothing is won."""
        return (self._mpi.Query_thread() >= self._mpi.THREAD_MULTIPLE
                and (self._node.Get_size() < self.size or get_num_threads() * self._sharing < self._processors))

    # What a plan asks for

    def gather(self, parts: Sequence[tuple[Array, Sequence[tuple[int, int]]]]) -> None:
        """Fills arrays, of which each process has some rows: (array, (first, last) row of each process)."""
        waiting = []
        for array, ranges in parts:
            flat, row = array.reshape(-1), array[:1].size
            counts, starts = [(last - first) * row for first, last in ranges], [first * row for first, _ in ranges]
            waiting.append(self._comm.Iallgatherv(self._mpi.IN_PLACE, [flat, counts, starts, self._mpi.FLOAT]))
        self._mpi.Request.Waitall(waiting)

    def add(self, arrays: Sequence[Array]) -> None:
        """Makes each array the sum of those of all processes, 2ᵏ of them, added by halves."""
        total = sum(array.size for array in arrays)
        if self._room.size < 2 * total:
            self._room = np.empty(2 * total, np.float32)
        x, spare = self._room[:total], self._room[total:]
        np.concatenate([array.reshape(-1) for array in arrays], out=x)
        add_halves(self._comm, x, spare)
        first = 0
        for array in arrays:
            array.reshape(-1)[:] = x[first:first + array.size]
            first += array.size

    def begin(self, arrays: Sequence[Array]) -> None:
        """Lets a thread add such arrays, in any order of the processes; adds them now where none may, or none is free."""
        if not self._is_free():
            self._sum(arrays)
            return
        if self._executor is None:
            from concurrent.futures import ThreadPoolExecutor

            self._executor = ThreadPoolExecutor(1, "fastcnn-mpi")
        self._sums.append(self._executor.submit(self._sum, arrays))

    def _sum(self, arrays):
        for array in arrays:
            self._aside.Allreduce(self._mpi.IN_PLACE, array)

    def end(self) -> None:
        """Waits for all that has begun."""
        sums, self._sums = self._sums, []
        for each in sums:
            each.result()

    # What training asks for

    def agree(self, value: Any) -> list[Any]:
        """What each process says, by rank."""
        return self._comm.allgather(value)

    def fail(self, error: BaseException) -> None:
        """Ends the job, unless all processes fail together and may as well say so themselves."""
        if self.size == 1:
            return
        together, begun = self._end.Ibarrier(), time.monotonic()
        while time.monotonic() - begun < _PATIENCE:
            if together.Test():
                return
            time.sleep(0.01)
        print(f"fastcnn: rank {self.rank} of {self.size} ({self.names[self.rank]}) ends the job: "
              f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        self._comm.Abort(1)

    def _except(self, kind, error, trace):
        """An exception that nobody has caught is shown as ever."""
        self._show(kind, error, trace)
        self.fail(error)
