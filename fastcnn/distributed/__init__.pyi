# What __init__.py offers, for editors and type checkers, which do not run it.

from fastcnn.distributed.mpi import MPI as MPI
from fastcnn.distributed.launching import launched as launched
