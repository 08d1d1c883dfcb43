# The makers of ops, a function each: they fill a descriptor, and say what was impossible about it. A part of _ops.pyx.
cdef extern from "fastcnn.h" nogil:
    ctypedef enum fc_family:
        FC_PLAINS, FC_POOLS, FC_MERGES, FC_LOSSES, FC_OPTIMIZERS

    ctypedef enum fc_position:
        FC_CENTRE, FC_RANDOM, FC_TOP_LEFT, FC_TOP_RIGHT, FC_BOTTOM_LEFT, FC_BOTTOM_RIGHT, FC_POSITIONS

    ctypedef enum fc_flip:
        FC_NEVER, FC_SOMETIMES, FC_ALWAYS, FC_FLIPS

    ctypedef struct fc_conv2d:
        Py_ssize_t filter_h, filter_w, stride_h, stride_w, dilation_h, dilation_w, pad_top, pad_left, groups
        Py_ssize_t connections
        int exact

    ctypedef struct fc_pool2d:
        Py_ssize_t pool_h, pool_w, stride_h, stride_w, dilation_h, dilation_w, pad_top, pad_bottom, pad_left, pad_right
        int count_pad, adaptive
        float p

    ctypedef struct fc_prelu:
        Py_ssize_t repeats, outer, shared, inner, inner_shared

    ctypedef struct fc_augment:
        fc_position position
        fc_flip flip
        int mean_image, lit
        float mean[4]
        float scale[4]
        float light[3][3]

    ctypedef struct fc_loss:
        double smoothing, delta, j

    ctypedef struct fc_optimizer:
        float l1, l2, clip_value, clip_norm
        Py_ssize_t norm_own, norm_first, norm_count
        float decay, shrink, momentum, momentum_gain, rho, rho_gain, epsilon
        int nesterov, centered, amsgrad
        unsigned states

    ctypedef struct fc_distort:
        float translation, scaling, squeezing, shearing, background, mean, scale

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
    fc_status fc_distort_init(fc_op *op, Py_ssize_t in_h, Py_ssize_t in_w, Py_ssize_t in_c, Py_ssize_t out_h, Py_ssize_t out_w,
                              const fc_distort *distort)
    fc_status fc_lrn_init(fc_op *op, Py_ssize_t pixels, Py_ssize_t channels, Py_ssize_t size, double alpha, float beta,
                          float k, int mean, int above)
    fc_status fc_lrn_pool_init(fc_op *op, const fc_op *lrn, const fc_op *pool)
    fc_status fc_lrn_within_init(fc_op *op, Py_ssize_t h, Py_ssize_t w, Py_ssize_t c, Py_ssize_t size, float alpha,
                                 float beta, float k, int mean)
    fc_status fc_dense_init(fc_op *op, Py_ssize_t n_in, Py_ssize_t out, int bias)
    fc_status fc_half_weights_init(fc_op *op, Py_ssize_t n_in, Py_ssize_t out, fc_format format)
    fc_status fc_batch_norm_init(fc_op *op, int fixed, Py_ssize_t pixels, Py_ssize_t c, float momentum, float epsilon,
                                 int scale, int center)
    fc_status fc_group_norm_init(fc_op *op, Py_ssize_t samples, Py_ssize_t pixels, Py_ssize_t groups, Py_ssize_t width,
                                 float epsilon, int scale, int center)
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
    fc_status fc_join_init(fc_op *op, Py_ssize_t pixels, Py_ssize_t c, Py_ssize_t out_c, Py_ssize_t at, int add)
    fc_status fc_gradient_sum_init(fc_op *op, Py_ssize_t size)
    fc_status fc_penalty_init(fc_op *op, Py_ssize_t size, float l1, float l2)
    Py_ssize_t fc_norm_blocks(Py_ssize_t size)
    fc_status fc_augment_init(fc_op *op, Py_ssize_t in_h, Py_ssize_t in_w, Py_ssize_t in_c, Py_ssize_t crop_h,
                              Py_ssize_t crop_w, const fc_augment *augment)
    fc_status fc_to_lanes_init(fc_op *op, fc_op *next)
    fc_status fc_from_lanes_init(fc_op *op, Py_ssize_t size)
    Py_ssize_t fc_lanes_width()
    fc_kind fc_op_kind(const char *name, fc_family family)

POSITIONS = {"centre": FC_CENTRE, "random": FC_RANDOM, "top_left": FC_TOP_LEFT, "top_right": FC_TOP_RIGHT,
             "bottom_left": FC_BOTTOM_LEFT, "bottom_right": FC_BOTTOM_RIGHT}
FLIPS = {"never": FC_NEVER, "random": FC_SOMETIMES, "always": FC_ALWAYS}


class ShapeError(ValueError):
    """The output would be empty, or sizes leave the range that fastcnn handles."""


cdef check(fc_status status, str what):
    if status == FC_OVERFLOW:
        raise ShapeError(f"sizes must stay in the range that fastcnn handles, 2^44 values and filters of 2^20. Received: {what}")
    if status == FC_EMPTY:
        raise ShapeError(f"the window must not be larger than the padded input, or the output would be empty. Received: {what}")
    if status != FC_OK:
        raise ShapeError(f"sizes must be possible. Received: {what}")


cdef fc_kind kind_of(str name, fc_family family) except? FC_KINDS:
    cdef bytes text = name.encode()
    cdef fc_kind kind = fc_op_kind(text, family)
    if kind == FC_KINDS:
        raise KeyError(name)
    return kind


cdef fc_conv2d window(kernel_size, strides, dilation, pads, Py_ssize_t groups, bint exact, Py_ssize_t connections):
    cdef fc_conv2d w
    w.filter_h, w.filter_w = kernel_size
    w.stride_h, w.stride_w = strides
    w.dilation_h, w.dilation_w = dilation
    w.pad_top, w.pad_left = pads[0][0], pads[1][0]
    w.groups, w.exact, w.connections = groups, exact, connections
    return w


def conv2d(in_shape, Py_ssize_t filters, kernel_size, strides, dilation, pads, Py_ssize_t groups, bint bias,
           bint exact=True, Py_ssize_t connections=0):
    """connections: of a table that is bound; 0: all."""
    cdef Op op = Op.__new__(Op)
    cdef fc_conv2d w = window(kernel_size, strides, dilation, pads, groups, exact, connections)
    h, width, c = in_shape
    check(fc_conv2d_init(&op.op, h, width, c, filters, &w, pads[0][1], pads[1][1], bias),
          f"conv2d of input {tuple(in_shape)} with kernel size {tuple(kernel_size)}, {filters} filters, strides {tuple(strides)}, dilation {tuple(dilation)}, padding {pads}")
    return op


def conv2d_transpose(in_shape, out_shape, kernel_size, strides, dilation, pads, Py_ssize_t groups, bint bias,
                     bint exact=True):
    """Of the convolution of `out_shape` with these pads, which must make `in_shape`."""
    cdef Op op = Op.__new__(Op)
    cdef fc_conv2d w = window(kernel_size, strides, dilation, pads, groups, exact, 0)
    h, width, c = in_shape
    check(fc_conv2d_transpose_init(&op.op, h, width, c, out_shape[0], out_shape[1], out_shape[2], &w, pads[0][1], pads[1][1],
                                   bias),
          f"conv2d_transpose of input {tuple(in_shape)} to {tuple(out_shape)} with kernel size {tuple(kernel_size)}, strides {tuple(strides)}, dilation {tuple(dilation)}, padding {pads}")
    return op


def pool2d(str kind, in_shape, pool_size, strides, pads, bint ceil_mode=False, bint count_include_pad=False, float p=1.0,
           dilation=(1, 1)):
    cdef Op op = Op.__new__(Op)
    cdef fc_pool2d w
    w.pool_h, w.pool_w = pool_size
    w.stride_h, w.stride_w = strides
    (w.pad_top, w.pad_bottom), (w.pad_left, w.pad_right) = pads
    w.dilation_h, w.dilation_w = dilation
    w.count_pad, w.adaptive, w.p = count_include_pad, 0, p
    h, width, c = in_shape
    check(fc_pool2d_init(&op.op, kind_of(f"{kind}_pool2d", FC_POOLS), h, width, c, &w, ceil_mode),
          f"{kind}_pool2d of input {tuple(in_shape)} with pool size {tuple(pool_size)}, dilation {tuple(dilation)}, padding {pads}")
    return op


def adaptive_avg_pool2d(in_shape, size):
    """The means of size[0] × size[1] windows that cover the image, whatever its size."""
    cdef Op op = Op.__new__(Op)
    h, width, c = in_shape
    check(fc_adaptive_avg_pool2d_init(&op.op, h, width, c, size[0], size[1]),
          f"adaptive_avg_pool2d of input {tuple(in_shape)} to {tuple(size)}")
    return op


def pad2d(in_shape, edges):
    """edges: ((top, bottom), (left, right)) rows and columns of zeros; below 0 they are cut away."""
    cdef Op op = Op.__new__(Op)
    h, width, c = in_shape
    (top, bottom), (left, right) = edges
    check(fc_pad2d_init(&op.op, h, width, c, top, bottom, left, right), f"pad2d of input {tuple(in_shape)} by {edges}")
    return op


def upsample2d(in_shape, size, bint bilinear):
    cdef Op op = Op.__new__(Op)
    h, width, c = in_shape
    check(fc_upsample2d_init(&op.op, h, width, c, size[0], size[1], bilinear),
          f"upsample2d of input {tuple(in_shape)} by {tuple(size)}")
    return op


def permute(shape, order):
    """Axis i of the result is axis order[i], from 0."""
    cdef Op op = Op.__new__(Op)
    cdef Py_ssize_t size[32]
    cdef int axes[32]
    if len(shape) > 32 or len(order) != len(shape):
        raise ShapeError(f"permute takes up to 32 axes, each once. Received: {tuple(order)} of {tuple(shape)}")
    for i, (n, axis) in enumerate(zip(shape, order)):
        size[i], axes[i] = n, axis
    check(fc_permute_init(&op.op, len(shape), size, axes), f"permute of {tuple(shape)} to {tuple(order)}, where at most 6 axes may move apart")
    return op


def local_response_norm(Py_ssize_t pixels, Py_ssize_t channels, Py_ssize_t size, double alpha, float beta, float k,
                        bint mean, Py_ssize_t groups=1, bint above=False):
    """above: an even size has one channel more above than below."""
    cdef Op op = Op.__new__(Op)
    if channels % groups:
        raise ShapeError(f"groups must divide the {channels} channels. Received: {groups}")
    check(fc_lrn_init(&op.op, pixels * groups, channels // groups, size, alpha, beta, k, mean, above),
          f"local_response_norm of size {size}")
    return op


def lrn_pool2d(Op lrn, Op pool):
    """Both in one pass, or None where the second is no max pooling of what the first makes, or their rows are too large."""
    cdef Op op = Op.__new__(Op)
    return op if fc_lrn_pool_init(&op.op, &lrn.op, &pool.op) == FC_OK else None


def local_response_norm_within(shape, Py_ssize_t size, float alpha, float beta, float k, bint mean):
    cdef Op op = Op.__new__(Op)
    h, w, c = shape
    check(fc_lrn_within_init(&op.op, h, w, c, size, alpha, beta, k, mean),
          f"local_response_norm of size {size} within the channels of {tuple(shape)}")
    return op


def scale(shape, bint bias):
    """Each channel times a coefficient."""
    cdef Op op = Op.__new__(Op)
    h, width, c = shape
    check(fc_scale_init(&op.op, h, width, c, bias), f"scale of input {tuple(shape)}")
    return op


def rbf(Py_ssize_t n_in, Py_ssize_t units):
    cdef Op op = Op.__new__(Op)
    check(fc_rbf_init(&op.op, n_in, units), f"rbf of {n_in} inputs and {units} units")
    return op


def batch_norm(Py_ssize_t pixels, Py_ssize_t c, float epsilon, bint scale, bint center, float momentum=0.0,
               bint fixed=False):
    """Normalization of [pixels][c] floats per image over the batch; fixed: by given statistics."""
    cdef Op op = Op.__new__(Op)
    check(fc_batch_norm_init(&op.op, fixed, pixels, c, momentum, epsilon, scale, center),
          f"batch_norm of {pixels} × {c} values")
    return op


def group_norm(Py_ssize_t samples, Py_ssize_t pixels, Py_ssize_t groups, Py_ssize_t width, float epsilon, bint scale,
               bint center):
    """Normalization of images [samples][pixels][groups][width] over pixels and width; samples or pixels must be 1."""
    cdef Op op = Op.__new__(Op)
    check(fc_group_norm_init(&op.op, samples, pixels, groups, width, epsilon, scale, center),
          f"group_norm of {samples} × {pixels} × {groups} × {width} values")
    return op


def fold(Op of, Op norm):
    """Weights and bias of a convolution or a dense layer, with the fixed normalization after it folded in."""
    cdef Op op = Op.__new__(Op)
    check(fc_fold_init(&op.op, &of.op, &norm.op), f"fold of {norm.name} into {of.name}")
    return op


def dense(Py_ssize_t n_in, Py_ssize_t units, bint bias):
    cdef Op op = Op.__new__(Op)
    check(fc_dense_init(&op.op, n_in, units, bias), f"dense of {n_in} inputs and {units} units")
    return op


def half_weights(Py_ssize_t n_in, Py_ssize_t units, str format):
    """The op that stores a kernel (n_in, units) as "float16" or "int8" (forward), and restores it (data)."""
    cdef Op op = Op.__new__(Op)
    check(fc_half_weights_init(&op.op, n_in, units, FORMATS[format]), f"half_weights of a kernel {(n_in, units)}")
    return op


def plain(str kind, Py_ssize_t rows, Py_ssize_t c, str activation="linear", float alpha=0.0):
    """An op without parameters on [rows][c] floats per image: activation, softmax."""
    cdef Op op = Op.__new__(Op)
    check(fc_plain_init(&op.op, kind_of(kind, FC_PLAINS), rows, c), f"{kind} of {rows} × {c} values")
    op.op.activation = ACTIVATIONS[activation]
    op.op.alpha = alpha
    return op


def loss(str kind, Py_ssize_t size, bint sparse=False, bint from_logits=False, double label_smoothing=0, double delta=1,
         double j=0):
    """One number per image of `size` floats and its target: as many, or sparse: one label."""
    cdef Op op = Op.__new__(Op)
    cdef fc_loss o
    o.smoothing, o.delta, o.j = label_smoothing, delta, j
    check(fc_loss_init(&op.op, kind_of(kind, FC_LOSSES), size, &o), f"{kind} of {size} values")
    op.op.sparse, op.op.from_logits = sparse, from_logits
    return op


def prelu(Py_ssize_t repeats, Py_ssize_t outer, Py_ssize_t shared, Py_ssize_t inner, Py_ssize_t inner_shared):
    """Slopes [outer][inner] for images [repeats][outer][shared][inner][inner_shared]."""
    cdef Op op = Op.__new__(Op)
    cdef fc_prelu shape
    shape.repeats, shape.outer, shape.shared, shape.inner, shape.inner_shared = repeats, outer, shared, inner, inner_shared
    check(fc_prelu_init(&op.op, &shape), f"prelu of {repeats} × {outer} × {shared} × {inner} × {inner_shared} values")
    return op


def maxout(Py_ssize_t rows, Py_ssize_t c, Py_ssize_t group):
    cdef Op op = Op.__new__(Op)
    check(fc_maxout_init(&op.op, rows, c, group), f"maxout of {rows} × {c} values in groups of {group}")
    return op


def dropout(Py_ssize_t size, double rate, Py_ssize_t pixels=1):
    """Of `size` values per image, or of so many channels of some pixels, whole."""
    cdef Op op = Op.__new__(Op)
    check(fc_dropout_init(&op.op, pixels, size, rate), f"dropout of {pixels} × {size} values at rate {rate}")
    return op


def gaussian_noise(Py_ssize_t size, float stddev):
    cdef Op op = Op.__new__(Op)
    check(fc_gaussian_noise_init(&op.op, size, stddev), f"gaussian_noise of {size} values")
    return op


def rescale(Py_ssize_t size, Py_ssize_t period):
    """Its w are the constants (4, period): mean, scale, offset, zeros."""
    cdef Op op = Op.__new__(Op)
    check(fc_rescale_init(&op.op, size, period), f"rescale of {size} values, every {period} alike")
    return op


def optimizer(str kind, Py_ssize_t size, float l1=0, float l2=0, float decay=0, float shrink=0, float clip_value=0,
              float clip_norm=0, norms=(0, 0, 0), double momentum=0, double rho=0, float epsilon=0, bint nesterov=False,
              bint centered=False, bint amsgrad=False, unsigned states=0):
    """One step on `size` parameters. momentum and rho: of adam β₁ and β₂; epsilon: of sdlm mu; norms: (first of its own sums
    of squares, first and number of those that make up the norm); states: those that must be bound, bits 1 << i."""
    cdef Op op = Op.__new__(Op)
    cdef fc_optimizer o
    o.l1, o.l2, o.decay, o.shrink, o.clip_value, o.clip_norm = l1, l2, decay, shrink, clip_value, clip_norm
    o.norm_own, o.norm_first, o.norm_count = norms
    o.momentum, o.momentum_gain, o.rho, o.rho_gain = momentum, 1 - momentum, rho, 1 - rho
    o.epsilon, o.nesterov, o.centered, o.amsgrad, o.states = epsilon, nesterov, centered, amsgrad, states
    check(fc_optimizer_init(&op.op, kind_of(kind, FC_OPTIMIZERS), size, &o), f"{kind} of {size} parameters")
    return op


def merge(str kind, Py_ssize_t size, float first=1, float second=1):
    """Two samples of `size` values become one: "add" (first·x + second·x2), "multiply", "maximum" or "minimum"."""
    cdef Op op = Op.__new__(Op)
    check(fc_merge_init(&op.op, kind_of(kind, FC_MERGES), size, first, second), f"{kind} of {size} values")
    return op


def join(Py_ssize_t pixels, Py_ssize_t c, Py_ssize_t out_c, Py_ssize_t at, bint add=False):
    """An image of `pixels` pixels becomes channels `at` … of one with out_c channels, or is added to them."""
    cdef Op op = Op.__new__(Op)
    check(fc_join_init(&op.op, pixels, c, out_c, at, add), f"join of {c} channels at {at} of {out_c}")
    return op


def gradient_sum(Py_ssize_t size):
    """Adds one part of the gradient of `size` parameters to the others."""
    cdef Op op = Op.__new__(Op)
    check(fc_gradient_sum_init(&op.op, size), f"gradient_sum of {size} parameters")
    return op


def penalty(Py_ssize_t size, float l1, float l2):
    """What the regularizers of `size` parameters add to the loss."""
    cdef Op op = Op.__new__(Op)
    check(fc_penalty_init(&op.op, size, l1, l2), f"penalty of {size} parameters")
    return op


def norm_blocks(Py_ssize_t size):
    """Blocks of so many parameters: each has a sum of squares, and of penalties, of its own."""
    return fc_norm_blocks(size)


def distort(in_shape, size, float translation, float scaling, float squeezing, float shearing, float background, float mean,
            float scale):
    cdef Op op = Op.__new__(Op)
    cdef fc_distort d
    h, width, c = in_shape
    d.translation, d.scaling, d.squeezing, d.shearing = translation, scaling, squeezing, shearing
    d.background, d.mean, d.scale = background, mean, scale
    check(fc_distort_init(&op.op, h, width, c, size[0], size[1], &d), f"distort of input {tuple(in_shape)} to {tuple(size)}")
    return op


def augment(in_shape, crop, str position, str flip, mean, scale, light):
    """mean: a number per channel, or None: an image that is bound; light: (3, 3), or None."""
    cdef Op op = Op.__new__(Op)
    cdef fc_augment a
    cdef Py_ssize_t i, j
    h, width, c = in_shape
    if not 1 <= c <= 4:
        raise ShapeError(f"augment takes images of 1 to 4 channels. Received: {c}")
    a.position, a.flip = POSITIONS[position], FLIPS[flip]
    a.mean_image, a.lit = mean is None, light is not None
    for i in range(4):
        a.mean[i] = 0.0 if mean is None or i >= c else mean[i]
        a.scale[i] = 0.0 if i >= c else scale[i]
    for i in range(3):
        for j in range(3):
            a.light[i][j] = 0.0 if light is None else light[i][j]
    check(fc_augment_init(&op.op, h, width, c, crop[0], crop[1], &a), f"augment of input {tuple(in_shape)} with crop {tuple(crop)}")
    return op


def to_lanes(Op following):
    """(op that interleaves the images of a chunk for the first op in lanes, that op): zeros around the images are made on
    the way in, so that a convolution needs no padding of its own."""
    cdef Op op = Op.__new__(Op), other = Op.__new__(Op)
    other.op = following.op
    check(fc_to_lanes_init(&op.op, &other.op), f"to_lanes of input {following.in_shape}")
    return op, other


def from_lanes(Py_ssize_t size):
    """Images that were interleaved, one after the other again."""
    cdef Op op = Op.__new__(Op)
    check(fc_from_lanes_init(&op.op, size), f"from_lanes of {size} values")
    return op


def lanes_width():
    """Images of a chunk in lanes: floats per vector."""
    return fc_lanes_width()
