# The one bridge from Python to C: descriptors, programs, threads. It checks what could crash; the callers check meaning.
cimport numpy as cnp
from cpython.pycapsule cimport PyCapsule_New
from libc.stdlib cimport calloc, free

from fastcnn._csrc cimport *

import numpy as np

cnp.import_array()

PASSES = {"pack": FC_PACK, "statistics": FC_STATISTICS, "combine": FC_COMBINE, "forward": FC_FORWARD, "mask": FC_MASK,
          "data": FC_DATA, "weights": FC_WEIGHTS, "reduce": FC_REDUCE, "update": FC_UPDATE}
ACTIVATIONS = {"linear": FC_LINEAR, "relu": FC_RELU, "leaky_relu": FC_LEAKY_RELU, "elu": FC_ELU, "sigmoid": FC_SIGMOID,
               "tanh": FC_TANH, "scaled_tanh": FC_SCALED_TANH, "softplus": FC_SOFTPLUS, "softsign": FC_SOFTSIGN,
               "hard_sigmoid": FC_HARD_SIGMOID, "selu": FC_SELU, "exponential": FC_EXPONENTIAL, "relu6": FC_RELU6,
               "silu": FC_SILU, "gelu": FC_GELU}
OF_X = {name for name, value in ACTIVATIONS.items() if value >= FC_SILU}  # derivatives are taken from x, not y
PLAIN = {"activation": FC_ACTIVATION, "activation_of_x": FC_ACTIVATION_OF_X,
         "softmax": FC_SOFTMAX, "log_softmax": FC_LOG_SOFTMAX, "square": FC_SQUARE}
LOSSES = {"softmax_cross_entropy": FC_SOFTMAX_CROSS_ENTROPY, "categorical_cross_entropy": FC_CATEGORICAL_CROSS_ENTROPY,
          "binary_cross_entropy": FC_BINARY_CROSS_ENTROPY, "mean_squared_error": FC_MEAN_SQUARED_ERROR,
          "mean_absolute_error": FC_MEAN_ABSOLUTE_ERROR, "huber": FC_HUBER, "hinge": FC_HINGE,
          "squared_hinge": FC_SQUARED_HINGE, "categorical_hinge": FC_CATEGORICAL_HINGE,
          "multiclass_hinge": FC_MULTICLASS_HINGE, "rbf_mean_squared_error": FC_RBF_MEAN_SQUARED_ERROR,
          "rbf_maximum_a_posteriori": FC_RBF_MAXIMUM_A_POSTERIORI}
FORMATS = {"float32": FC_FLOAT32, "float16": FC_FLOAT16, "int8": FC_INT8}
POOLS = {"max": FC_MAX_POOL2D, "avg": FC_AVG_POOL2D, "sum": FC_SUM_POOL2D, "soft": FC_SOFT_POOL2D, "lp": FC_LP_POOL2D}
OPTIMIZERS = {"sgd": FC_SGD, "rmsprop": FC_RMSPROP, "adagrad": FC_ADAGRAD, "adadelta": FC_ADADELTA, "adam": FC_ADAM,
              "sdlm": FC_SDLM}

POSITIONS = {"centre": FC_CENTRE, "random": FC_RANDOM, "top_left": FC_TOP_LEFT, "top_right": FC_TOP_RIGHT,
             "bottom_left": FC_BOTTOM_LEFT, "bottom_right": FC_BOTTOM_RIGHT}
FLIPS = {"never": FC_NEVER, "random": FC_SOMETIMES, "always": FC_ALWAYS}


cdef class Op:
    """What an operation computes: an immutable descriptor without pointers. Made by the functions below."""
    cdef fc_op op

    @property
    def name(self): return fc_op_name(self.op.kind).decode()
    @property
    def in_shape(self): return self.op.in_h, self.op.in_w, self.op.in_c
    @property
    def out_shape(self): return self.op.out_h, self.op.out_w, self.op.out_c
    @property
    def in_size(self): return self.op.in_size
    @property
    def out_size(self): return self.op.out_size
    @property
    def w_size(self): return self.op.w_size
    @property
    def b_size(self): return self.op.b_size
    @property
    def packed_size(self): return self.op.packed_size
    @property
    def packed_t_size(self): return self.op.packed_t_size
    @property
    def wide(self): return bool(self.op.wide)
    @property
    def partial(self): return bool(self.op.partial)
    @property
    def dropped(self): return bool(self.op.dropped)
    @property
    def partial_size(self): return self.op.partial
    @property
    def lanes(self): return bool(self.op.lanes)
    @property
    def format(self): return next(name for name, value in FORMATS.items() if value == self.op.format)
    @property
    def half_size(self): return self.op.half_size
    @property
    def scales_size(self): return self.op.scales_size
    @property
    def cost(self): return self.op.cost
    @property
    def images(self): return max(self.op.images, 1)
    @property
    def alpha(self): return self.op.alpha
    @property
    def activation(self): return next(name for name, value in ACTIVATIONS.items() if value == self.op.activation)

    def has(self, str name):
        """Does the op have this pass?"""
        return bool(fc_op_has(&self.op, PASSES[name]))

    def algorithm(self, str name):
        """How a pass is computed: "direct", or Winograd's "F(4×4, 3×3)" and the like."""
        return fc_op_algorithm(&self.op, PASSES[name]).decode()

    def with_activation(self, str activation, float alpha=0.0):
        """The same op with an activation fused behind it (conv2d, dense)."""
        cdef Op other = Op.__new__(Op)
        other.op = self.op
        other.op.activation = ACTIVATIONS[activation]
        other.op.alpha = alpha
        return other

    def with_dropout(self, Op dropout):
        """The same dense op with a dropout fused behind its relu, or None where it has no such form."""
        cdef Op other = Op.__new__(Op)
        other.op = self.op
        return other if fc_dense_set_dropout(&other.op, &dropout.op) == FC_OK else None

    def with_bias(self):
        """The same op with a bias (conv2d, dense), for inference."""
        cdef Op other = Op.__new__(Op)
        other.op = self.op
        other.op.b_size = other.op.out_c
        return other

    def with_lanes(self):
        """The same op on images as lanes, or None where it has no such form."""
        cdef Op other = Op.__new__(Op)
        other.op = self.op
        return other if fc_set_lanes(&other.op) == FC_OK else None

    def with_format(self, str name):
        """The same dense op whose FORWARD reads weights stored as "float16" or "int8", or None where it has no such form."""
        cdef Op other = Op.__new__(Op)
        other.op = self.op
        return other if fc_dense_set_format(&other.op, FORMATS[name]) == FC_OK else None

    def with_curvature(self):
        """The same op with backward passes of second derivatives, or None where it has no such form."""
        cdef Op other = Op.__new__(Op)
        other.op = self.op
        return other if fc_set_curvature(&other.op) == FC_OK else None


class ShapeError(ValueError):
    """The output would be empty, or sizes leave the range that fastcnn handles."""


cdef check(fc_status status, str what):
    if status == FC_OVERFLOW:
        raise ShapeError(f"{what} is too large: sizes leave the range fastcnn handles (2^44 values, filters of 2^20)")
    if status == FC_EMPTY:
        raise ShapeError(f"{what}: the window is larger than the padded input, so the output would be empty")
    if status != FC_OK:
        raise ShapeError(f"{what}: impossible sizes")


def conv2d(in_shape, Py_ssize_t filters, kernel_size, strides, dilation, pads, Py_ssize_t groups, bint bias,
           bint exact=True, Py_ssize_t connections=0):
    """connections: of a table that is bound; 0: all."""
    cdef Op op = Op.__new__(Op)
    cdef fc_conv2d w
    w.filter_h, w.filter_w = kernel_size
    w.stride_h, w.stride_w = strides
    w.dilation_h, w.dilation_w = dilation
    (w.pad_top, pad_bottom), (w.pad_left, pad_right) = pads
    w.groups, w.exact, w.connections = groups, exact, connections
    h, width, c = in_shape
    check(fc_conv2d_init(&op.op, h, width, c, filters, &w, pad_bottom, pad_right, bias),
          f"conv2d of input {tuple(in_shape)} with kernel size {tuple(kernel_size)}, {filters} filters, strides {tuple(strides)}, dilation {tuple(dilation)}, padding {pads}")
    return op


def conv2d_transpose(in_shape, out_shape, kernel_size, strides, dilation, pads, Py_ssize_t groups, bint bias,
                     bint exact=True):
    """Of the convolution of `out_shape` with these pads, which must make `in_shape`."""
    cdef Op op = Op.__new__(Op)
    cdef fc_conv2d w
    w.filter_h, w.filter_w = kernel_size
    w.stride_h, w.stride_w = strides
    w.dilation_h, w.dilation_w = dilation
    (w.pad_top, pad_bottom), (w.pad_left, pad_right) = pads
    w.groups, w.exact, w.connections = groups, exact, 0
    h, width, c = in_shape
    check(fc_conv2d_transpose_init(&op.op, h, width, c, out_shape[0], out_shape[1], out_shape[2], &w, pad_bottom, pad_right, bias),
          f"conv2d_transpose of input {tuple(in_shape)} to {tuple(out_shape)} with kernel size {tuple(kernel_size)}, strides {tuple(strides)}, dilation {tuple(dilation)}, padding {pads}")
    return op


def pool2d(str kind, in_shape, pool_size, strides, pads, bint ceil_mode=False, bint count_include_pad=False, float p=1.0):
    cdef Op op = Op.__new__(Op)
    cdef fc_pool2d w
    w.pool_h, w.pool_w = pool_size
    w.stride_h, w.stride_w = strides
    (w.pad_top, w.pad_bottom), (w.pad_left, w.pad_right) = pads
    w.count_pad, w.p = count_include_pad, p
    h, width, c = in_shape
    check(fc_pool2d_init(&op.op, POOLS[kind], h, width, c, &w, ceil_mode),
          f"{kind}_pool2d of input {tuple(in_shape)} with pool size {tuple(pool_size)}, padding {pads}")
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


def local_response_norm(Py_ssize_t pixels, Py_ssize_t channels, Py_ssize_t size, float alpha, float beta, float k,
                        bint mean):
    cdef Op op = Op.__new__(Op)
    check(fc_lrn_init(&op.op, pixels, channels, size, alpha, beta, k, mean), f"local_response_norm of size {size}")
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
    check(fc_batch_norm_init(&op.op, FC_FIXED_NORM if fixed else FC_BATCH_NORM, pixels, c, momentum, epsilon, scale, center),
          f"batch_norm of {pixels} × {c} values")
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
    check(fc_plain_init(&op.op, PLAIN[kind], rows, c), f"{kind} of {rows} × {c} values")
    op.op.activation = ACTIVATIONS[activation]
    op.op.alpha = alpha
    return op


def loss(str kind, Py_ssize_t size, bint sparse=False, bint from_logits=False, double smoothing=0, double delta=1,
         double j=0):
    """One number per image of `size` floats and its target: as many, or sparse: one label."""
    cdef Op op = Op.__new__(Op)
    cdef fc_loss o
    o.smoothing, o.delta, o.j = smoothing, delta, j
    check(fc_loss_init(&op.op, LOSSES[kind], size, &o), f"{kind} of {size} values")
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
              bint centered=False, bint amsgrad=False):
    """One step on `size` parameters. momentum and rho: of adam β₁ and β₂; epsilon: of sdlm mu; norms: (first of its own sums
    of squares, first and number of those that make up the norm)."""
    cdef Op op = Op.__new__(Op)
    cdef fc_optimizer o
    o.l1, o.l2, o.decay, o.shrink, o.clip_value, o.clip_norm = l1, l2, decay, shrink, clip_value, clip_norm
    o.norm_own, o.norm_first, o.norm_count = norms
    o.momentum, o.momentum_gain, o.rho, o.rho_gain = momentum, 1 - momentum, rho, 1 - rho
    o.epsilon, o.nesterov, o.centered, o.amsgrad = epsilon, nesterov, centered, amsgrad
    check(fc_optimizer_init(&op.op, OPTIMIZERS[kind], size, &o), f"{kind} of {size} parameters")
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


def aligned(Py_ssize_t size, bint zero=False):
    """A float32 array that starts at a cache line: uninitialised, or of zeros that take no memory until they change."""
    raw = (np.zeros if zero else np.empty)(size + 16, np.float32)
    cdef Py_ssize_t skip = (-<Py_ssize_t>cnp.PyArray_DATA(raw) % 64) // 4
    return raw[skip:skip + size]


cdef class Program:
    """A list of phases over steps over ops, with the buffers they work on.

    Args:
        ops: descriptors.
        steps: (index of op, name of pass) in order.
        phases: (first step, number of steps, images per chunk, parts?).
    """
    cdef fc_program program
    cdef fc_op *ops
    cdef fc_io *io
    cdef fc_step *steps
    cdef fc_phase *phases
    cdef Py_ssize_t op_count, phase_count, step_count, scratch_size
    cdef int scratch_threads
    cdef object scratch, seconds
    cdef dict bound

    def __cinit__(self, list ops, list steps, list phases):
        cdef Py_ssize_t i
        self.op_count, self.phase_count, self.step_count = len(ops), len(phases), len(steps)
        self.ops = <fc_op *>calloc(max(len(ops), 1), sizeof(fc_op))
        self.io = <fc_io *>calloc(max(len(ops), 1), sizeof(fc_io))
        self.steps = <fc_step *>calloc(max(len(steps), 1), sizeof(fc_step))
        self.phases = <fc_phase *>calloc(max(len(phases), 1), sizeof(fc_phase))
        if not self.ops or not self.io or not self.steps or not self.phases:
            raise MemoryError("no memory for a program")
        self.scratch_size = 16
        for i in range(len(ops)):
            self.ops[i] = (<Op?>ops[i]).op
            self.scratch_size = max(self.scratch_size, self.ops[i].scratch)
        self.scratch_size = (self.scratch_size + 15) // 16 * 16
        for i in range(len(steps)):
            op, name = steps[i]
            if not 0 <= op < len(ops):
                raise IndexError(op)
            self.steps[i].op, self.steps[i].pass_ = op, PASSES[name]
        for i in range(len(phases)):
            first, count, chunk, parts = phases[i]
            if first < 0 or count < 0 or first + count > len(steps) or chunk < 1:
                raise IndexError(phases[i])
            self.phases[i].first, self.phases[i].count = first, count
            self.phases[i].chunk, self.phases[i].parts = chunk, parts
        self.bound = {}
        self.program.ops, self.program.io = self.ops, self.io
        self.program.steps, self.program.phases = self.steps, self.phases
        self.program.scratch_size = self.scratch_size

    def __dealloc__(self):
        free(self.ops)
        free(self.io)
        free(self.steps)
        free(self.phases)

    cdef float *pointer(self, Py_ssize_t op, str field, array, Py_ssize_t itemsize=4) except? NULL:
        if not 0 <= op < self.op_count:
            raise IndexError(op)
        self.bound[op, field] = array
        if array is None:
            return NULL
        if not cnp.PyArray_IS_C_CONTIGUOUS(array) or not cnp.PyArray_ISALIGNED(array) or array.itemsize != itemsize:
            raise ValueError(f"{field} must be an aligned, contiguous array of {8 * itemsize}-bit values")
        return <float *>cnp.PyArray_DATA(array)

    def bind_rows(self, Py_ssize_t op, str field, cnp.ndarray array, Py_ssize_t size, Py_ssize_t offset=0,
                  Py_ssize_t stride=0, Py_ssize_t slots=0):
        """Sets x, y, dy or dx: `size` floats per image. With a stride: a local buffer, which lives within a chunk, at
        `offset` of each of the `slots` threads' `stride` floats of `array`."""
        cdef fc_buf buf
        buf.p, buf.size, buf.offset, buf.stride, buf.slots = self.pointer(op, field, array), size, offset, stride, slots
        if field == "x":
            self.io[op].x = buf
        elif field == "y":
            self.io[op].y = buf
        elif field == "dy":
            self.io[op].dy = buf
        elif field == "dx":
            self.io[op].dx = buf
        else:
            raise KeyError(field)

    def bind(self, Py_ssize_t op, str field, cnp.ndarray array):
        """Sets an array that belongs to the op as a whole; None: absent."""
        cdef float *p = self.pointer(op, field, array, 1 if field == "pixels" else 4)
        if field == "w":
            self.io[op].w = p
        elif field == "b":
            self.io[op].b = p
        elif field == "dw":
            self.io[op].dw = p
        elif field == "db":
            self.io[op].db = p
        elif field == "packed":
            self.io[op].packed = p
        elif field == "packed_t":
            self.io[op].packed_t = p
        elif field == "half":
            self.io[op].half = p
        elif field == "scales":
            self.io[op].scales = p
        elif field == "partial":
            self.io[op].partial = p
        elif field == "moving_mean":
            self.io[op].moving_mean = p
        elif field == "moving_variance":
            self.io[op].moving_variance = p
        elif field == "target":
            self.io[op].target = p
        elif field == "sample_weight":
            self.io[op].sample_weight = p
        elif field == "loss":
            self.io[op].loss = p
        elif field == "pixels":
            self.io[op].pixels = <const uint8_t *>p
        elif field == "index":
            self.io[op].index = <const int32_t *>p
        elif field == "partner":
            self.io[op].partner = <const int32_t *>p
        elif field == "mean":
            self.io[op].mean = p
        elif field == "table":
            self.io[op].table = <const int32_t *>p
        else:
            raise KeyError(field)

    def bind_states(self, Py_ssize_t op, arrays):
        """Sets the arrays that an optimizer keeps, at most three; None: absent."""
        cdef Py_ssize_t i
        if len(arrays) > FC_STATES:
            raise IndexError(len(arrays))
        for i in range(len(arrays)):
            self.io[op].state[i] = self.pointer(op, f"state {i}", arrays[i])

    def bind_update(self, Py_ssize_t op, Py_ssize_t update):
        """Makes WEIGHTS of a wide dense op take a step of an optimizer, another op of the program, on its w."""
        if not 0 <= op < self.op_count or not 0 <= update < self.op_count:
            raise IndexError((op, update))
        self.io[op].update = &self.ops[update]

    def set_scale(self, Py_ssize_t op, float scale, float correction=1):
        """The factor of a loss' gradient, an optimizer's learning rate and its correction, or the weight of an augmented
        image."""
        if not 0 <= op < self.op_count:
            raise IndexError(op)
        self.io[op].scale, self.io[op].correction = scale, correction

    def set_random(self, Py_ssize_t op, uint64_t seed, uint64_t step):
        """Key and counter of a dropout, a noise or an augmentation."""
        if not 0 <= op < self.op_count:
            raise IndexError(op)
        self.io[op].seed, self.io[op].step = seed, step

    def watch(self, int threads=0):
        """Where the time goes: an array (threads, steps) of zeros, to which every run by up to so many threads adds the
        seconds that each step took them. 0: watching ends."""
        cdef cnp.ndarray seconds = np.zeros((threads, self.step_count))
        self.seconds, self.program.timed = seconds, self.step_count
        self.program.seconds = <double *>cnp.PyArray_DATA(seconds) if threads > 0 else NULL
        return seconds

    def run(self, Py_ssize_t batch, int threads, Py_ssize_t first=0, Py_ssize_t count=-1):
        """Runs phases [first, first + count) on `batch` images. The GIL is released."""
        if count < 0:
            count = self.phase_count - first
        if first < 0 or first + count > self.phase_count:
            raise IndexError((first, count))
        if batch < 1 or count == 0:
            return
        threads = max(threads, 1)
        if self.program.seconds != NULL and threads > self.seconds.shape[0]:
            raise ValueError(f"watch was told of {self.seconds.shape[0]} threads. Received: {threads}")
        if threads > self.scratch_threads:
            self.scratch = aligned(self.scratch_size * threads)
            self.scratch_threads = threads
            self.program.scratch = <float *>cnp.PyArray_DATA(self.scratch)
        with nogil:
            fc_run(&self.program, first, count, batch, threads)


    def predict(self, x, tuple in_size, tuple out_size, Py_ssize_t first_op, Py_ssize_t last_op, Py_ssize_t most, int threads,
                Py_ssize_t first):
        """y of a batch from phase `first` on, with no more ado; None if x is not an array (1 … most, *in_size) that ops can
        read as it lies."""
        cdef cnp.ndarray a, y
        cdef Py_ssize_t i, n, batch
        if type(x) is not np.ndarray or threads > self.scratch_threads:
            return None
        a, n = x, len(in_size)
        if cnp.PyArray_TYPE(a) != cnp.NPY_FLOAT32 or not cnp.PyArray_ISCARRAY_RO(a) or cnp.PyArray_NDIM(a) != n + 1:
            return None
        for i in range(n):
            if cnp.PyArray_DIM(a, <int>i + 1) != <Py_ssize_t>in_size[i]:
                return None
        batch = cnp.PyArray_DIM(a, 0)
        if not 1 <= batch <= most or not 0 <= first_op < self.op_count or not 0 <= last_op < self.op_count:
            return None
        y = np.empty((batch, *out_size), np.float32)
        self.io[first_op].x.p, self.io[last_op].y.p = <float *>cnp.PyArray_DATA(a), <float *>cnp.PyArray_DATA(y)
        with nogil:
            fc_run(&self.program, first, self.phase_count - first, batch, threads)
        return y


def select_isa(name=None):
    """Chooses the kernels: a level's name, or None for FASTCNN_ISA or else the best usable one. For import and tests."""
    cdef bytes level = b"" if name is None else name.encode()
    if fc_select_isa(NULL if name is None else <char *>level) != FC_OK:
        raise ImportError(f"FASTCNN_ISA accepts {', '.join(usable_isas())} on this machine. "
                          f"Received: {name if name is not None else fc_requested_isa().decode(errors='replace')!r}")


def kernel_table(str isa):
    """The kernel table of a level, as a capsule for `_probe`."""
    return PyCapsule_New(<void *>fc_isa_table(built_isas().index(isa)), "fastcnn.kernels", NULL)


def built_isas(): return [fc_isa_name(i).decode() for i in range(fc_isa_count())]
def usable_isas(): return [fc_isa_name(i).decode() for i in range(fc_isa_count()) if fc_isa_usable(i)]
def active_isa(): return fc_active_isa().decode()
def openmp(): return bool(fc_openmp())
def openmp_threads(): return fc_openmp_threads()
def compiler(): return fc_compiler().decode()


select_isa()
fc_init_threads()
