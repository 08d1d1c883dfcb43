# A door to single kernels of a named instruction set, for tests, benchmarks and ceilings only; nothing else imports it.
cimport numpy as cnp
from cpython.pycapsule cimport PyCapsule_GetPointer

from fastcnn._csrc cimport *

import numpy as np

from fastcnn import _ops

cnp.import_array()


cdef const fc_kernels *table(str isa) except NULL:
    return <const fc_kernels *>PyCapsule_GetPointer(_ops.kernel_table(isa), "fastcnn.kernels")


def tile(str isa):
    """(floats per vector, rows, columns) of the level's gemm tile."""
    return table(isa).v, table(isa).mr, table(isa).nr


def gemm(str isa, const float[:, ::1] a, const float[:, ::1] b, float[:, ::1] c, bias=None, bint accumulate=False,
         Py_ssize_t repeat=1):
    """C (+)= A·B for one tile: a (m, k), b (k, NR or a whole number of vectors ≥ n), c (m, n)."""
    cdef const fc_kernels *k = table(isa)
    cdef Py_ssize_t m = a.shape[0], n = c.shape[1], i, run = 0
    cdef const float[::1] row = None if bias is None else bias
    cdef const float *start = NULL
    cdef fc_rows rows
    cdef fc_inner inner
    if not (1 <= m <= k.mr and 1 <= n <= k.nr and c.shape[0] == m and b.shape[0] == a.shape[1] and a.shape[1] > 0
            and b.shape[1] >= (n + k.v - 1) // k.v * k.v and b.shape[1] % k.v == 0):
        raise ValueError("not a tile")
    if bias is not None:
        if row.shape[0] < n:
            raise ValueError("bias is too short")
        start = &row[0]
    for i in range(k.mr):
        rows.a[i], rows.c[i] = &a[min(i, m - 1), 0], &c[min(i, m - 1), 0]
    inner.run, inner.runs, inner.len, inner.a_step, inner.b_step = &run, 1, a.shape[1], 1, b.shape[1]
    with nogil:
        for i in range(repeat):
            k.gemm(m, n, &rows, &inner, &b[0, 0], start, accumulate)


def gemv(str isa, const float[::1] x, const float[:, ::1] w, float[::1] y):
    """y += x·W."""
    if w.shape[0] != x.shape[0] or w.shape[1] != y.shape[0] or not x.shape[0] or not y.shape[0]:
        raise ValueError("shapes do not agree")
    table(isa).gemv(x.shape[0], y.shape[0], &x[0], &w[0, 0], w.shape[1], &y[0])


def activate(str isa, str name, const float[::1] x, float[::1] y, float alpha=0.0, Py_ssize_t repeat=1):
    """y = f(x)."""
    cdef const fc_kernels *k = table(isa)
    cdef fc_activation f = _ops.ACTIVATIONS[name]
    cdef Py_ssize_t i
    if x.shape[0] != y.shape[0] or not x.shape[0]:
        raise ValueError("shapes do not agree")
    with nogil:
        for i in range(repeat):
            k.activate(f, alpha, x.shape[0], &x[0], &y[0])
