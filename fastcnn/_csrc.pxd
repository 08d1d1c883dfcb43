# The C API as Cython sees it: csrc/fastcnn.h, word for word, but for what fills descriptors, which _makers.pxi declares.
from libc.stdint cimport uint64_t


cdef extern from "fastcnn.h" nogil:
    ctypedef enum fc_status:
        FC_OK, FC_INVALID, FC_OVERFLOW, FC_EMPTY

    ctypedef enum fc_kind:  # looked up by name: fc_op_kind
        FC_KINDS

    ctypedef enum fc_activation:  # by name: fc_activation_name
        FC_SILU, FC_ACTIVATIONS

    ctypedef enum fc_format:
        FC_FLOAT32, FC_FLOAT16, FC_INT8, FC_FORMATS

    ctypedef enum fc_pass:
        FC_PACK, FC_STATISTICS, FC_COMBINE, FC_FORWARD, FC_MASK, FC_DATA, FC_WEIGHTS, FC_REDUCE, FC_UPDATE, FC_PASSES

    ctypedef struct fc_op:
        fc_kind kind
        fc_activation activation
        float alpha
        Py_ssize_t in_h, in_w, in_c, out_h, out_w, out_c, in_size, out_size, w_size, b_size, packed_size, packed_t_size
        Py_ssize_t scratch
        double cost
        Py_ssize_t images
        fc_kind pooled
        int wide, dropped, lanes, from_logits, sparse, threads
        Py_ssize_t partial, halvings
        fc_format format
        Py_ssize_t half_size, scales_size

    ctypedef struct fc_buf:
        float *p
        Py_ssize_t size, offset, stride, slots

    ctypedef struct fc_io:  # its other fields are bound by name: fc_field
        fc_buf x, y
        const fc_op *update
        float scale, correction
        uint64_t seed, step

    ctypedef struct fc_step:
        int op
        fc_pass pass_ "pass"

    ctypedef struct fc_phase:
        Py_ssize_t first, count, chunk
        int parts

    ctypedef struct fc_program:
        const fc_op *ops
        const fc_io *io
        const fc_step *steps
        const fc_phase *phases
        float *scratch
        Py_ssize_t scratch_size
        Py_ssize_t from_ "from", to, unit
        double *seconds
        Py_ssize_t timed

    void fc_run(const fc_program *program, Py_ssize_t first, Py_ssize_t count, Py_ssize_t batch, int threads)
    Py_ssize_t fc_step_units(const fc_program *program, Py_ssize_t phase, Py_ssize_t step, Py_ssize_t batch, int threads)
    int fc_op_passes_on(const fc_op *op, int number)
    const char *fc_op_algorithm(const fc_op *op, fc_pass pass_)
    fc_status fc_set_alone(fc_op *op)
    fc_status fc_set_trained(fc_op *op)
    fc_status fc_set_curvature(fc_op *op)
    fc_status fc_dense_set_dropout(fc_op *op, const fc_op *dropout)
    fc_status fc_dense_set_format(fc_op *op, fc_format format)
    fc_status fc_conv2d_set_int8(fc_op *op, float x_scale, int x_zero)
    fc_status fc_set_lanes(fc_op *op)
    fc_status fc_set_sum(fc_op *op)
    fc_status fc_set_join(fc_op *op, const fc_op *join)
    fc_status fc_conv2d_set_pool(fc_op *op, const fc_op *pool)
    fc_status fc_set_halvings(fc_op *op, Py_ssize_t halvings)
    const char *fc_op_name(fc_kind kind)
    const char *fc_activation_name(fc_activation activation)
    int fc_op_has(const fc_op *op, fc_pass pass_)
    int fc_op_by_block(const fc_op *op, fc_pass pass_)
    int fc_op_cheap(const fc_op *op)
    int fc_op_folds(const fc_op *op)
    int fc_field(const char *name)
    const char *fc_field_name(int field)
    int fc_field_bytes(int field)
    void fc_bind(fc_io *io, int field, const void *p)
    void fc_bind_rows(fc_io *io, int field, const fc_buf *rows)
    unsigned fc_needs(const fc_op *op, const fc_io *io, fc_pass pass_, Py_ssize_t batch)
    int fc_unbound(const fc_op *op, const fc_io *io, fc_pass pass_, Py_ssize_t batch)
    int fc_isa_count()
    const char *fc_isa_name(int i)
    int fc_isa_usable(int i)
    fc_status fc_select_isa(const char *name)
    const char *fc_active_isa()
    int fc_has_dots
    const char *fc_requested_isa()
    int fc_openmp()
    int fc_openmp_threads()
    int fc_openmp_limit()
    int fc_openmp_processors()
    void fc_keep_threads(int most)
    void fc_init_threads()
    const char *fc_compiler()


cdef extern from "kernels.h" nogil:
    ctypedef struct fc_rows:
        const float *a[12]
        float *c[12]

    ctypedef struct fc_chains:
        pass

    fc_chains fc_chains_of(Py_ssize_t runs, Py_ssize_t length, Py_ssize_t most)

    ctypedef struct fc_inner:
        const Py_ssize_t *run
        Py_ssize_t runs, len, a_step, b_step
        fc_chains chains

    ctypedef struct fc_lrn:
        Py_ssize_t below, above
        float scale, beta, k

    ctypedef struct fc_kernels:
        Py_ssize_t v, mr, nr
        void gemm(Py_ssize_t m, Py_ssize_t n, const fc_rows *rows, const fc_inner *inner, const float *b,
                  const float *bias, int accumulate) noexcept nogil
        void activate(fc_activation f, float alpha, Py_ssize_t n, const float *x, float *y) noexcept nogil

    const fc_kernels *fc_isa_table(int i)
