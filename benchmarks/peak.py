"""Ceilings of this machine: multiply-adds in registers, sgemm, memory. `python benchmarks/peak.py`"""

import numpy as np
from timing import in_turn

import fastcnn
from fastcnn import _ops, _probe


def fma_gflops(isa=None):
    """One core's gemm tile on data in L1, GFLOP/s."""
    isa = isa or _ops.active_isa()
    _, mr, nr = _probe.tile(isa)
    a, b, c = np.ones((mr, 256), "f"), np.ones((256, nr), "f"), np.zeros((mr, nr), "f")
    repeat = 2000 if isa != "scalar" else 50
    t = in_turn({"tile": lambda: _probe.gemm(isa, a, b, c, repeat=repeat)})["tile"]
    return 2 * mr * nr * 256 * repeat / t.median / 1e9


def sgemm(size=1536):
    """(callable, GFLOP) of NumPy's sgemm, all threads."""
    a, b = (np.random.default_rng(i).normal(size=(size, size)).astype("f") for i in range(2))
    out = np.empty_like(a)
    return lambda: np.dot(a, b, out=out), 2 * size**3 / 1e9


def copy_gbs(megabytes=256):
    """Bytes copied per second by one core, GB/s, read and written."""
    a = np.ones(megabytes << 18, "f")
    b = np.empty_like(a)
    t = in_turn({"copy": lambda: np.copyto(b, a)}, windows=3)["copy"]
    return 2 * a.nbytes / t.median / 1e9


def main():
    fastcnn.show_config()
    for isa in _ops.usable_isas():
        print(f"gemm tile, {isa}, one core: {fma_gflops(isa):8.1f} GFLOP/s")
    call, gflop = sgemm()
    print(f"NumPy sgemm, all threads:   {gflop / in_turn({'sgemm': call})['sgemm'].median:8.1f} GFLOP/s")
    print(f"copy, one core:             {copy_gbs():8.1f} GB/s")


if __name__ == "__main__":
    main()
