"""Has a launcher of MPI started this process, among others?"""

from __future__ import annotations

import os

_SIZES = "PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE", "MPI_LOCALNRANKS", "PALS_SIZE"


def launched() -> bool:
    """Are there several processes of one MPI job, as `mpiexec -n 4` or Slurm's `srun --mpi=pmi2` starts them?

    Example:
        >>> launched()
        False
    """
    sizes = [os.environ.get(name, "1") for name in _SIZES]
    if "PMIX_RANK" in os.environ or "PMI_RANK" in os.environ:  # under srun
        sizes.append(os.environ.get("SLURM_STEP_NUM_TASKS", "1"))
    return any(size.isdecimal() and int(size) > 1 for size in sizes)
