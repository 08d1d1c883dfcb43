"""What this build of fastcnn is and what it runs on."""

import sys

from fastcnn import _ops
from fastcnn.threads import get_num_threads

__version__ = "0.1.0"


def show_config():
    """Prints version, compiler, instruction sets, OpenMP and threads.

    Example:
        >>> fastcnn.show_config()  # doctest: +SKIP
    """
    import numpy

    rows = [
        ("fastcnn", __version__),
        ("Python, NumPy", f"{sys.version.split()[0]}, {numpy.__version__}"),
        ("compiler", _ops.compiler()),
        ("instruction set", f"{_ops.active_isa()} (built: {', '.join(_ops.built_isas())}; usable here: "
                            f"{', '.join(_ops.usable_isas())}; FASTCNN_ISA chooses)"),
        ("OpenMP", "yes" if _ops.openmp() else "no: one thread"),
        ("threads", f"{get_num_threads()} (FASTCNN_NUM_THREADS, set_num_threads)"),
    ]
    for name, value in rows:
        print(f"{name:16} {value}")
