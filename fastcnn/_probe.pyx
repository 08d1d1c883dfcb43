# A door to single kernels of a named instruction set, for tests and ceilings only; nothing else imports it.
cimport numpy as cnp
from cpython.pycapsule cimport PyCapsule_GetPointer

from fastcnn._csrc cimport *

from fastcnn import _ops

cnp.import_array()


cdef const fc_kernels *table(str isa) except NULL:
    return <const fc_kernels *>PyCapsule_GetPointer(_ops.kernel_table(isa), "fastcnn.kernels")


cdef float *floats(cnp.ndarray a, int dimensions) except NULL:
    """Those of an array that a kernel can read and write as it lies."""
    if cnp.PyArray_TYPE(a) != cnp.NPY_FLOAT32 or not cnp.PyArray_ISCARRAY(a) or cnp.PyArray_NDIM(a) != dimensions:
        raise ValueError("not a contiguous array of floats")
    return <float *>cnp.PyArray_DATA(a)


def tile(str isa):
    """(floats per vector, rows, columns) of the level's gemm tile."""
    return table(isa).v, table(isa).mr, table(isa).nr


def gemm(str isa, cnp.ndarray a, cnp.ndarray b, cnp.ndarray c, Py_ssize_t repeat=1):
    """C = A·B for one tile: a (MR, k), b (k, NR), c (MR, NR)."""
    cdef const fc_kernels *k = table(isa)
    cdef float *pa = floats(a, 2)
    cdef float *pb = floats(b, 2)
    cdef float *pc = floats(c, 2)
    cdef Py_ssize_t depth = cnp.PyArray_DIM(a, 1), i, run = 0
    cdef fc_rows rows
    cdef fc_inner inner
    if (cnp.PyArray_DIM(a, 0) != k.mr or cnp.PyArray_DIM(b, 0) != depth or cnp.PyArray_DIM(b, 1) != k.nr
            or cnp.PyArray_DIM(c, 0) != k.mr or cnp.PyArray_DIM(c, 1) != k.nr):
        raise ValueError("not a tile")
    for i in range(k.mr):
        rows.a[i], rows.c[i] = pa + i * depth, pc + i * k.nr
    inner.run, inner.runs, inner.len, inner.a_step, inner.b_step = &run, 1, depth, 1, k.nr
    inner.chains = fc_chains_of(1, depth, depth)
    with nogil:
        for i in range(repeat):
            k.gemm(k.mr, k.nr, &rows, &inner, pb, NULL, False)


def activate(str isa, str name, cnp.ndarray x, cnp.ndarray y, Py_ssize_t repeat=1):
    """y = f(x)."""
    cdef const fc_kernels *k = table(isa)
    cdef fc_activation f = _ops.ACTIVATIONS[name]
    cdef float *px = floats(x, 1)
    cdef float *py = floats(y, 1)
    cdef Py_ssize_t n = cnp.PyArray_DIM(x, 0), i
    if cnp.PyArray_DIM(y, 0) != n:
        raise ValueError("shapes do not agree")
    with nogil:
        for i in range(repeat):
            k.activate(f, 0, n, px, py)
