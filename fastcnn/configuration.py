"""What this build of fastcnn is and what it runs on."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from fastcnn import _ops, arguments, settings
from fastcnn.threads import get_num_threads

__version__ = "0.1.0"


def show_config() -> None:
    """Prints version, processor and its caches, compiler, instruction sets, OpenMP and threads. Nothing is measured.

    Example:
        >>> fastcnn.show_config()  # doctest: +SKIP
    """
    import numpy

    from fastcnn import processor

    rows = [
        ("fastcnn", __version__),
        ("Python, NumPy", f"{sys.version.split()[0]}, {numpy.__version__}"),
        ("processor", processor.described()),
        ("caches", processor.caches() or "not told by this system"),
        ("compiler", _ops.compiler()),
        ("instruction set", f"{_ops.active_isa()} (built: {', '.join(_ops.built_isas())}; usable here: "
                            f"{', '.join(_ops.usable_isas())}; FASTCNN_ISA chooses)"),
        ("OpenMP", "yes: its threads compute" if _ops.openmp() else "no: POSIX threads compute, OMP_* is not heeded"),
        ("convolutions", "direct sums only" if settings.exact else "Winograd's algorithm where it is faster (set_config)"),
        ("int8", f"convolutions are {'faster' if _ops.has_dots() else 'no faster'} than in float32 (Sequential.quantize)"),
        ("threads", f"{get_num_threads()} (FASTCNN_NUM_THREADS, set_num_threads)"),
    ]
    for name, value in rows:
        print(f"{name:16} {value}")


def set_config(exact: bool) -> None:
    """Chooses how layers built from now on, and the functions of `fastcnn.ops`, compute.

    Args:
        exact: False (the default): convolutions may use Winograd's algorithm where it is faster (rounding errors of up to
            1e-5 of the largest output instead of 1e-6). True: sums of products only, so that sums of small integers
            come out exact, and a prediction has the same bits in a batch of any size. Whatever is chosen, predictions fold a
            `BatchNormalization` into the weights before it, which rounds them.

    Example:
        >>> fastcnn.set_config(exact=True)
        >>> fastcnn.get_config()
        {'exact': True}
        >>> fastcnn.set_config(exact=False)
    """
    settings.exact = arguments.flag("exact", exact)


def get_config() -> dict[str, bool]:
    """What `set_config` chose."""
    return {"exact": settings.exact}


@contextmanager
def config_context(exact: bool) -> Iterator[None]:
    """A block with other settings: see `set_config`.

    Example:
        >>> with fastcnn.config_context(exact=True):
        ...     layer = fastcnn.layers.Conv2D(32, 3, input_shape=(13, 13, 32))
    """
    before = get_config()
    set_config(exact)
    try:
        yield
    finally:
        set_config(**before)
