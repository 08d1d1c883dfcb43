# The C API as Cython sees it: csrc/fastcnn.h, word for word.
from libc.stdint cimport int32_t, uint8_t, uint64_t


cdef extern from "fastcnn.h" nogil:
    ctypedef enum fc_status:
        FC_OK, FC_INVALID, FC_OVERFLOW, FC_EMPTY

    ctypedef enum fc_kind:
        FC_CONV2D, FC_MAX_POOL2D, FC_AVG_POOL2D, FC_SOFT_POOL2D, FC_LP_POOL2D, FC_LRN, FC_LRN_POOL, FC_LRN_WITHIN
        FC_DENSE, FC_ACTIVATION, FC_ACTIVATION_OF_X, FC_PRELU, FC_MAXOUT, FC_SOFTMAX, FC_LOG_SOFTMAX, FC_DROPOUT
        FC_BATCH_NORM, FC_FIXED_NORM, FC_FOLD, FC_SOFTMAX_CROSS_ENTROPY, FC_CATEGORICAL_CROSS_ENTROPY
        FC_BINARY_CROSS_ENTROPY, FC_MEAN_SQUARED_ERROR, FC_SGD, FC_RMSPROP, FC_ADAGRAD, FC_ADADELTA, FC_ADAM
        FC_AUGMENT, FC_TO_LANES, FC_FROM_LANES, FC_HALF_WEIGHTS, FC_PAD2D, FC_UPSAMPLE2D, FC_PERMUTE
        FC_CONV2D_TRANSPOSE, FC_GAUSSIAN_NOISE, FC_RESCALE, FC_MEAN_ABSOLUTE_ERROR, FC_HUBER, FC_HINGE
        FC_SQUARED_HINGE, FC_CATEGORICAL_HINGE, FC_MULTICLASS_HINGE, FC_PENALTY, FC_SUM_POOL2D, FC_SCALE, FC_RBF
        FC_RBF_MEAN_SQUARED_ERROR, FC_RBF_MAXIMUM_A_POSTERIORI, FC_SQUARE, FC_SDLM, FC_DISTORT, FC_ADD
        FC_MULTIPLY, FC_MAXIMUM, FC_MINIMUM, FC_JOIN, FC_GRADIENT_SUM, FC_KINDS

    ctypedef enum fc_activation:
        FC_LINEAR, FC_RELU, FC_LEAKY_RELU, FC_ELU, FC_SIGMOID, FC_TANH, FC_SCALED_TANH, FC_SOFTPLUS, FC_SOFTSIGN
        FC_HARD_SIGMOID, FC_SELU, FC_EXPONENTIAL, FC_RELU6, FC_SILU, FC_GELU, FC_HARD_SILU
        FC_ACTIVATIONS

    ctypedef enum fc_format:
        FC_FLOAT32, FC_FLOAT16, FC_INT8, FC_FORMATS

    ctypedef enum fc_pass:
        FC_PACK, FC_STATISTICS, FC_COMBINE, FC_FORWARD, FC_MASK, FC_DATA, FC_WEIGHTS, FC_REDUCE, FC_UPDATE, FC_PASSES

    ctypedef struct fc_conv2d:
        Py_ssize_t filter_h, filter_w, stride_h, stride_w, dilation_h, dilation_w, pad_top, pad_left, groups
        Py_ssize_t connections
        int exact

    ctypedef struct fc_pool2d:
        Py_ssize_t pool_h, pool_w, stride_h, stride_w, pad_top, pad_bottom, pad_left, pad_right
        int count_pad, adaptive
        float p

    ctypedef struct fc_prelu:
        Py_ssize_t repeats, outer, shared, inner, inner_shared

    ctypedef enum fc_position:
        FC_CENTRE, FC_RANDOM, FC_TOP_LEFT, FC_TOP_RIGHT, FC_BOTTOM_LEFT, FC_BOTTOM_RIGHT, FC_POSITIONS

    ctypedef enum fc_flip:
        FC_NEVER, FC_SOMETIMES, FC_ALWAYS, FC_FLIPS

    ctypedef struct fc_augment:
        fc_position position
        fc_flip flip
        int mean_image, lit
        float mean[4]
        float scale[4]
        float light[3][3]

    ctypedef struct fc_loss:
        double smoothing, delta, j

    int FC_STATES

    ctypedef struct fc_optimizer:
        float l1, l2, clip_value, clip_norm
        Py_ssize_t norm_own, norm_first, norm_count
        float decay, shrink, momentum, momentum_gain, rho, rho_gain, epsilon
        int nesterov, centered, amsgrad

    ctypedef struct fc_distort:
        float translation, scaling, squeezing, shearing, background, mean, scale

    ctypedef struct fc_op:
        fc_kind kind
        fc_activation activation
        float alpha
        Py_ssize_t in_h, in_w, in_c, out_h, out_w, out_c, in_size, out_size, w_size, b_size, packed_size, packed_t_size
        Py_ssize_t scratch
        double cost
        Py_ssize_t images
        int wide, dropped, lanes, from_logits, sparse
        Py_ssize_t partial
        fc_format format
        Py_ssize_t half_size, scales_size

    ctypedef struct fc_buf:
        float *p
        Py_ssize_t size, offset, stride, slots

    ctypedef struct fc_io:
        fc_buf x, y, dy, dx, x2, dx2
        float *w
        float *b
        float *dw
        float *db
        float *packed
        float *packed_t
        void *half
        float *scales
        float *partial
        const int32_t *table
        float *moving_mean
        float *moving_variance
        float *state[3]
        const void *target
        const float *sample_weight
        const fc_op *update
        float *loss
        float scale, correction
        uint64_t seed, step
        const uint8_t *pixels
        const int32_t *index
        const int32_t *partner
        const float *mean

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
        double *seconds
        Py_ssize_t timed

    void fc_run(const fc_program *program, Py_ssize_t first, Py_ssize_t count, Py_ssize_t batch, int threads)
    const char *fc_op_algorithm(const fc_op *op, fc_pass pass_)
    fc_status fc_conv2d_init(fc_op *op, Py_ssize_t in_h, Py_ssize_t in_w, Py_ssize_t in_c, Py_ssize_t out_c,
                             const fc_conv2d *window, Py_ssize_t pad_bottom, Py_ssize_t pad_right, int bias)
    fc_status fc_conv2d_transpose_init(fc_op *op, Py_ssize_t in_h, Py_ssize_t in_w, Py_ssize_t in_c, Py_ssize_t out_h,
                                       Py_ssize_t out_w, Py_ssize_t out_c, const fc_conv2d *window, Py_ssize_t pad_bottom,
                                       Py_ssize_t pad_right, int bias)
    fc_status fc_pool2d_init(fc_op *op, fc_kind kind, Py_ssize_t in_h, Py_ssize_t in_w, Py_ssize_t in_c,
                             const fc_pool2d *window, int ceil_mode)
    fc_status fc_adaptive_avg_pool2d_init(fc_op *op, Py_ssize_t in_h, Py_ssize_t in_w, Py_ssize_t in_c, Py_ssize_t out_h,
                                          Py_ssize_t out_w)
    fc_status fc_pad2d_init(fc_op *op, Py_ssize_t in_h, Py_ssize_t in_w, Py_ssize_t in_c, Py_ssize_t top, Py_ssize_t bottom,
                            Py_ssize_t left, Py_ssize_t right)
    fc_status fc_upsample2d_init(fc_op *op, Py_ssize_t in_h, Py_ssize_t in_w, Py_ssize_t in_c, Py_ssize_t size_h,
                                 Py_ssize_t size_w, int bilinear)
    fc_status fc_permute_init(fc_op *op, int axes, const Py_ssize_t *size, const int *order)
    fc_status fc_scale_init(fc_op *op, Py_ssize_t h, Py_ssize_t w, Py_ssize_t c, int bias)
    fc_status fc_rbf_init(fc_op *op, Py_ssize_t n_in, Py_ssize_t units)
    fc_status fc_set_curvature(fc_op *op)
    fc_status fc_distort_init(fc_op *op, Py_ssize_t in_h, Py_ssize_t in_w, Py_ssize_t in_c, Py_ssize_t out_h, Py_ssize_t out_w,
                              const fc_distort *distort)
    fc_status fc_lrn_init(fc_op *op, Py_ssize_t pixels, Py_ssize_t channels, Py_ssize_t size, float alpha, float beta,
                          float k, int mean)
    fc_status fc_lrn_pool_init(fc_op *op, const fc_op *lrn, const fc_op *pool)
    fc_status fc_lrn_within_init(fc_op *op, Py_ssize_t h, Py_ssize_t w, Py_ssize_t c, Py_ssize_t size, float alpha,
                                 float beta, float k, int mean)
    fc_status fc_dense_init(fc_op *op, Py_ssize_t n_in, Py_ssize_t out, int bias)
    fc_status fc_dense_set_dropout(fc_op *op, const fc_op *dropout)
    fc_status fc_half_weights_init(fc_op *op, Py_ssize_t n_in, Py_ssize_t out, fc_format format)
    fc_status fc_dense_set_format(fc_op *op, fc_format format)
    fc_status fc_batch_norm_init(fc_op *op, fc_kind kind, Py_ssize_t pixels, Py_ssize_t c, float momentum, float epsilon,
                                 int scale, int center)
    fc_status fc_fold_init(fc_op *op, const fc_op *of, const fc_op *norm)
    fc_status fc_prelu_init(fc_op *op, const fc_prelu *shape)
    fc_status fc_maxout_init(fc_op *op, Py_ssize_t rows, Py_ssize_t c, Py_ssize_t group)
    fc_status fc_dropout_init(fc_op *op, Py_ssize_t pixels, Py_ssize_t c, double rate)
    fc_status fc_gaussian_noise_init(fc_op *op, Py_ssize_t size, float stddev)
    fc_status fc_rescale_init(fc_op *op, Py_ssize_t size, Py_ssize_t period)
    fc_status fc_plain_init(fc_op *op, fc_kind kind, Py_ssize_t rows, Py_ssize_t c)
    fc_status fc_loss_init(fc_op *op, fc_kind kind, Py_ssize_t size, const fc_loss *constants)
    fc_status fc_optimizer_init(fc_op *op, fc_kind kind, Py_ssize_t size, const fc_optimizer *constants)
    fc_status fc_merge_init(fc_op *op, fc_kind kind, Py_ssize_t size, float first, float second)
    int fc_op_passes_on(const fc_op *op, int number)
    fc_status fc_join_init(fc_op *op, Py_ssize_t pixels, Py_ssize_t c, Py_ssize_t out_c, Py_ssize_t at, int add)
    fc_status fc_gradient_sum_init(fc_op *op, Py_ssize_t size)
    fc_status fc_penalty_init(fc_op *op, Py_ssize_t size, float l1, float l2)
    Py_ssize_t fc_norm_blocks(Py_ssize_t size)
    fc_status fc_augment_init(fc_op *op, Py_ssize_t in_h, Py_ssize_t in_w, Py_ssize_t in_c, Py_ssize_t crop_h,
                              Py_ssize_t crop_w, const fc_augment *augment)
    fc_status fc_to_lanes_init(fc_op *op, fc_op *next)
    fc_status fc_from_lanes_init(fc_op *op, Py_ssize_t size)
    fc_status fc_set_lanes(fc_op *op)
    Py_ssize_t fc_lanes_width()
    const char *fc_op_name(fc_kind kind)
    int fc_op_has(const fc_op *op, fc_pass pass_)
    int fc_isa_count()
    const char *fc_isa_name(int i)
    int fc_isa_usable(int i)
    fc_status fc_select_isa(const char *name)
    const char *fc_active_isa()
    const char *fc_requested_isa()
    int fc_openmp()
    int fc_openmp_threads()
    void fc_init_threads()
    const char *fc_compiler()


cdef extern from "kernels.h" nogil:
    ctypedef struct fc_rows:
        const float *a[12]
        float *c[12]

    ctypedef struct fc_inner:
        const Py_ssize_t *run
        Py_ssize_t runs, len, a_step, b_step

    ctypedef struct fc_lrn:
        Py_ssize_t below, above
        float scale, beta, k

    ctypedef struct fc_kernels:
        Py_ssize_t v, mr, nr
        void gemm(Py_ssize_t m, Py_ssize_t n, const fc_rows *rows, const fc_inner *inner, const float *b,
                  const float *bias, int accumulate) noexcept nogil
        void gemv(Py_ssize_t k, Py_ssize_t n, const float *x, const float *w, Py_ssize_t ldw, float *y) noexcept nogil
        void activate(fc_activation f, float alpha, Py_ssize_t n, const float *x, float *y) noexcept nogil

    const fc_kernels *fc_isa_table(int i)
