/* The whole C API of fastcnn: descriptors, buffers, programs, threads. */
#ifndef FASTCNN_H
#define FASTCNN_H

#include <stddef.h>
#include <stdint.h>

typedef enum { FC_OK, FC_INVALID, FC_OVERFLOW, FC_EMPTY } fc_status;

/* All ops: kind and name. The class of an op is fc_<name>_class (ops/ops.h). Those of the first lists are made alike, by one
 * init function for each list. */
#define FC_PLAIN_LIST(X)                \
    X(FC_ACTIVATION, activation)           \
    X(FC_ACTIVATION_OF_X, activation_of_x) \
    X(FC_SOFTMAX, softmax)                 \
    X(FC_LOG_SOFTMAX, log_softmax)         \
    X(FC_SQUARE, square)
#define FC_POOL_LIST(X)             \
    X(FC_MAX_POOL2D, max_pool2d)   \
    X(FC_AVG_POOL2D, avg_pool2d)   \
    X(FC_SUM_POOL2D, sum_pool2d)   \
    X(FC_SOFT_POOL2D, soft_pool2d) \
    X(FC_LP_POOL2D, lp_pool2d)
#define FC_MERGE_LIST(X)      \
    X(FC_ADD, add)           \
    X(FC_MULTIPLY, multiply) \
    X(FC_MAXIMUM, maximum)   \
    X(FC_MINIMUM, minimum)
#define FC_LOSS_LIST(X)                                          \
    X(FC_SOFTMAX_CROSS_ENTROPY, softmax_cross_entropy)         \
    X(FC_CATEGORICAL_CROSS_ENTROPY, categorical_cross_entropy) \
    X(FC_BINARY_CROSS_ENTROPY, binary_cross_entropy)           \
    X(FC_MEAN_SQUARED_ERROR, mean_squared_error)               \
    X(FC_MEAN_ABSOLUTE_ERROR, mean_absolute_error)             \
    X(FC_HUBER, huber)                                         \
    X(FC_HINGE, hinge)                                         \
    X(FC_SQUARED_HINGE, squared_hinge)                         \
    X(FC_CATEGORICAL_HINGE, categorical_hinge)                 \
    X(FC_MULTICLASS_HINGE, multiclass_hinge)                   \
    X(FC_RBF_MEAN_SQUARED_ERROR, rbf_mean_squared_error)       \
    X(FC_RBF_MAXIMUM_A_POSTERIORI, rbf_maximum_a_posteriori)
#define FC_OPTIMIZER_LIST(X) /* their kernels have the same names */ \
    X(FC_SGD, sgd)                                                     \
    X(FC_RMSPROP, rmsprop)                                             \
    X(FC_ADAGRAD, adagrad)                                             \
    X(FC_ADADELTA, adadelta)                                           \
    X(FC_ADAM, adam)                                                   \
    X(FC_SDLM, sdlm)
#define FC_OP_LIST(X)                                         \
    FC_PLAIN_LIST(X)                                          \
    FC_POOL_LIST(X)                                           \
    FC_MERGE_LIST(X)                                          \
    FC_LOSS_LIST(X)                                           \
    FC_OPTIMIZER_LIST(X)                                      \
    X(FC_CONV2D, conv2d)                                      \
    X(FC_CONV2D_TRANSPOSE, conv2d_transpose)                  \
    X(FC_DENSE, dense)                                        \
    X(FC_RBF, rbf)                                            \
    X(FC_SCALE, scale)                                        \
    X(FC_RESCALE, rescale)                                    \
    X(FC_PRELU, prelu)                                        \
    X(FC_MAXOUT, maxout)                                      \
    X(FC_LRN, local_response_norm)                            \
    X(FC_LRN_WITHIN, local_response_norm_within)              \
    X(FC_LRN_POOL, lrn_max_pool2d)                            \
    X(FC_BATCH_NORM, batch_norm)                              \
    X(FC_FIXED_NORM, fixed_norm)                              \
    X(FC_GROUP_NORM, group_norm)                              \
    X(FC_LAYER_NORM, layer_norm)                              \
    X(FC_FOLD, fold)                                          \
    X(FC_DROPOUT, dropout)                                    \
    X(FC_GAUSSIAN_NOISE, gaussian_noise)                      \
    X(FC_PAD2D, pad2d)                                        \
    X(FC_UPSAMPLE2D, upsample2d)                              \
    X(FC_PERMUTE, permute)                                    \
    X(FC_AUGMENT, augment)                                    \
    X(FC_DISTORT, distort)                                    \
    X(FC_TO_LANES, to_lanes)                                  \
    X(FC_FROM_LANES, from_lanes)                              \
    X(FC_HALF_WEIGHTS, half_weights)                          \
    X(FC_PENALTY, penalty)                                    \
    X(FC_JOIN, join)                                          \
    X(FC_GRADIENT_SUM, gradient_sum)

typedef enum {
#define X(kind, name) kind,
    FC_OP_LIST(X)
#undef X
    FC_KINDS
} fc_kind;

/* The lists above, by which kinds are looked up. */
typedef enum { FC_OWN, FC_PLAINS, FC_POOLS, FC_MERGES, FC_LOSSES, FC_OPTIMIZERS } fc_family;

#define FC_ACTIVATION_LIST(X)           \
    X(FC_LINEAR, linear)             \
    X(FC_RELU, relu)                 \
    X(FC_LEAKY_RELU, leaky_relu)     \
    X(FC_ELU, elu)                   \
    X(FC_SIGMOID, sigmoid)           \
    X(FC_TANH, tanh)                 \
    X(FC_SCALED_TANH, scaled_tanh)   \
    X(FC_SOFTPLUS, softplus)         \
    X(FC_SOFTSIGN, softsign)         \
    X(FC_HARD_SIGMOID, hard_sigmoid) \
    X(FC_SELU, selu)                 \
    X(FC_EXPONENTIAL, exponential)   \
    X(FC_RELU6, relu6)               \
    X(FC_SILU, silu) /* those from here on are no function of y alone backward: FC_ACTIVATION_OF_X */ \
    X(FC_GELU, gelu)                 \
    X(FC_HARD_SILU, hard_silu)

typedef enum {
#define X(kind, name) kind,
    FC_ACTIVATION_LIST(X)
#undef X
    FC_ACTIVATIONS
} fc_activation;

/* How weights are stored. */
typedef enum { FC_FLOAT32, FC_FLOAT16, FC_INT8, FC_FORMATS } fc_format;

/* One pass of one op is a step of a program. */
typedef enum {
    FC_PACK, FC_STATISTICS, FC_COMBINE, FC_FORWARD, FC_MASK, FC_DATA, FC_WEIGHTS, FC_REDUCE, FC_UPDATE, FC_PASSES
} fc_pass;

typedef struct {
    ptrdiff_t filter_h, filter_w, stride_h, stride_w, dilation_h, dilation_w;
    ptrdiff_t pad_top, pad_left, groups;
    ptrdiff_t connections; /* of input with output channels, as fc_io.table lists them; 0: all */
    ptrdiff_t block_h;     /* output rows a forward item computes */
    ptrdiff_t data_h;      /* the same for DATA, in rows of the residue grid */
    ptrdiff_t weights_h, weights_n; /* output rows, and images, whose dy and x are packed together for WEIGHTS */
    int joined;            /* DATA: all residue classes as columns of one product */
    ptrdiff_t beside;      /* DATA: pixels of a row that are columns of one product, of few channels and no stride */
    int exact;             /* direct sums only */
    float x_scale;         /* > 0: FORWARD computes in int8, of x ≈ x_scale · (a byte − x_zero) */
    int x_zero;
    unsigned char algorithm[FC_PASSES]; /* that computes FORWARD, DATA, WEIGHTS: its place in the list of conv2d.c */
} fc_conv2d;

typedef struct {
    ptrdiff_t pool_h, pool_w, stride_h, stride_w, dilation_h, dilation_w, pad_top, pad_bottom, pad_left, pad_right;
    int count_pad;         /* average: padding counts */
    int adaptive;          /* average: windows follow from the sizes alone, as out_h × out_w of them need */
    float p;               /* Lp: the exponent, ≥ 1 */
} fc_pool2d;

typedef struct {
    ptrdiff_t below, above; /* the window is c - below … c + above; within channels columns, clipped at the image's width */
    ptrdiff_t rows_below, rows_above; /* within channels */
    float scale, beta, k;   /* (k + scale · Σ x²)^−beta */
} fc_lrn;

typedef struct {
    ptrdiff_t row;          /* floats of a row of packed statistics: the channels, maybe several times */
    float momentum, epsilon;
} fc_batch_norm;

typedef struct {
    ptrdiff_t groups, width; /* parts of the channels (of a row) that are normalized apart, and values of each */
    ptrdiff_t row;           /* as in batch_norm */
    float epsilon;
} fc_group_norm;

/* PReLU: an image is [repeats][outer][shared][inner][inner_shared], its slopes are [outer][inner]. */
typedef struct {
    ptrdiff_t repeats, outer, shared, inner, inner_shared;
} fc_prelu;

typedef struct {
    fc_lrn lrn;
    fc_pool2d pool;
    ptrdiff_t lrn_c; /* channels that are normalized together */
} fc_lrn_pool;

typedef struct {
    double smoothing; /* of cross-entropies: how much of each target is spread over all classes */
    double delta;     /* huber: where the square ends */
    double j;         /* rbf_maximum_a_posteriori: the distance of what is no class */
} fc_loss;

typedef struct {
    uint32_t threshold; /* an element is kept iff its random word is ≥ threshold = rate · 2³² */
    float scale;        /* 1/(1 − rate) */
} fc_dropout;

#define FC_STATES 3 /* the most arrays that an optimizer keeps beside the parameters */

/* The constants of an optimizer; kernels/optim.h has the formulas. */
typedef struct {
    float l1, l2;                            /* regularizers: the gradient gains l1·sign(w) + 2·l2·w, before its bounds */
    float clip_value, clip_norm;             /* bounds of the gradient; 0: none */
    ptrdiff_t norm_own;                      /* its first sum of squares among the partial ones … */
    ptrdiff_t norm_first, norm_count;        /* … and those that make up the norm */
    float decay, shrink;                     /* coupled decay enters g, decoupled decay shrinks w */
    float momentum, momentum_gain;           /* and 1 − it; of adam: β₁ */
    float rho, rho_gain;                     /* of adam: β₂ */
    float epsilon;                           /* of sdlm: mu */
    int nesterov, centered, amsgrad;
    unsigned states;                         /* those that the rule reads and writes with these constants: bits 1 << i */
} fc_optimizer;

/* Where an image is cropped, and whether it is mirrored. */
typedef enum { FC_CENTRE, FC_RANDOM, FC_TOP_LEFT, FC_TOP_RIGHT, FC_BOTTOM_LEFT, FC_BOTTOM_RIGHT, FC_POSITIONS } fc_position;
typedef enum { FC_NEVER, FC_SOMETIMES, FC_ALWAYS, FC_FLIPS } fc_flip;

#define FC_PIXEL 4 /* the most channels of a pixel */

typedef struct {
    fc_position position;
    fc_flip flip;
    int mean_image, lit;           /* the mean is fc_io's image, not the numbers below; lighting is not 0 */
    float mean[FC_PIXEL], scale[FC_PIXEL]; /* per channel */
    float light[3][3];             /* light[c] · (three normal numbers) is added to channel c of every pixel */
} fc_augment;

typedef struct {
    float translation;                    /* pixels of the result */
    float scaling, squeezing, shearing;   /* parts */
    float background, mean, scale;        /* background and mean in units of x */
} fc_distort;

typedef struct {
    float first, second; /* factors of the two inputs of a sum */
} fc_merge;

typedef struct {
    ptrdiff_t at; /* the first channel of y that x goes to */
    int add;      /* FORWARD: to what y holds */
} fc_join;

typedef struct {
    ptrdiff_t pad_top, pad_left; /* zero pixels around the image */
} fc_to_lanes;

typedef struct {
    ptrdiff_t top, left; /* zero pixels in front; below 0: pixels cut away */
} fc_pad2d;

typedef struct {
    ptrdiff_t size_h, size_w; /* factors */
    int bilinear;
} fc_upsample2d;

#define FC_AXES 6 /* the most of a walk, in which neighbours that stay together are one */

/* An array that is written in order and read at Σ index·step. */
typedef struct {
    int axes;
    ptrdiff_t size[FC_AXES], step[FC_AXES];
} fc_walk;

typedef struct {
    fc_walk forward, data;
} fc_permute;

typedef struct {
    ptrdiff_t period; /* floats after which the constants begin anew */
} fc_rescale;

/* What an op computes: immutable, without pointers. Sizes are floats per image. */
typedef struct {
    fc_kind kind;
    fc_activation activation; /* fused behind conv2d, its transpose and dense, or the op itself; lrn_pool: what made x, if it is relu */
    float alpha;              /* slope or scale of the activation; standard deviation of noise */
    ptrdiff_t in_h, in_w, in_c, out_h, out_w, out_c;
    ptrdiff_t in_size, out_size;
    ptrdiff_t w_size, b_size;           /* parameters; b_size 0: no bias */
    ptrdiff_t packed_size, packed_t_size; /* packed weights, forward and DATA */
    ptrdiff_t scratch;                  /* floats per thread */
    double cost;                        /* multiply-adds of a forward pass, about */
    ptrdiff_t images;                   /* that a chunk should hold, at least, for FORWARD and DATA to be fast */
    int alone;   /* conv2d for single images: weights are packed as suits these */
    int trained; /* conv2d with a backward pass behind it: FORWARD rounds less where layers behind it would enlarge that */
    int threads; /* that will share a batch, for which items are cut finely enough; 0, 1: no matter. Results do not depend on it */
    int wide;      /* dense: weights too large to pack; cut by columns, over the whole batch */
    fc_format format;             /* of the weights that a wide dense op's FORWARD reads; what half_weights makes */
    ptrdiff_t half_size, scales_size; /* arrays of such weights, in floats */
    ptrdiff_t partial; /* floats per chunk of images that WEIGHTS (and STATISTICS) leave to REDUCE (COMBINE); 0: none */
    ptrdiff_t halvings; /* conv2d without partials: WEIGHTS adds units of the batch by halves, with so many sums in io->partial; 0: no units */
    ptrdiff_t y_c, y_at; /* FORWARD writes channels y_at … of pixels of y_c in all: of several joined; y_c 0: out_c */
    int sums;      /* FORWARD adds x2 before the activation */
    int dropped;   /* dense: dropout is fused behind relu */
    fc_kind pooled; /* conv2d: FORWARD pools windows of 2 × 2 behind the activation, FC_MAX_POOL2D or FC_AVG_POOL2D; 0: it does not */
    int lanes;     /* x, y and their gradients are in lanes (ops/lanes.c), but for to_lanes' x and from_lanes' y */
    int curvature; /* the backward passes take and give second derivatives (ops/curvature.c) */
    int from_logits, sparse;            /* losses: target is int32 labels when sparse */
    union {
        fc_conv2d conv2d;
        fc_pool2d pool2d;
        fc_lrn lrn;
        fc_lrn_pool lrn_pool;
        fc_prelu prelu;
        fc_batch_norm batch_norm;
        fc_group_norm group_norm;
        fc_dropout dropout;    /* of dense too */
        fc_loss loss;
        fc_optimizer optimizer;
        fc_augment augment;
        fc_distort distort;
        fc_to_lanes to_lanes;
        fc_pad2d pad2d;
        fc_upsample2d upsample2d;
        fc_permute permute;
        fc_rescale rescale;
        fc_merge merge;
        fc_join join;
    } u;
} fc_op;

/* One array with a row of `size` floats per image. Batch-wide (stride 0): p[image][size]. Local: the buffer lives within
 * a chunk; each of `slots` threads has `stride` floats of the arena p, the buffer's rows for one chunk start `offset` in. */
typedef struct {
    float *p;
    ptrdiff_t size, offset, stride, slots;
} fc_buf;

/* The buffers of one op. What a pass does not use (fc_needs) may be NULL. */
typedef struct {
    fc_buf x, y, dy, dx;
    fc_buf x2, dx2;           /* of ops with a second input; of the gradients either may be absent */
    float *w, *b, *dw, *db;   /* rescale: w is constant */
    float *packed, *packed_t; /* weights as the microkernel reads them */
    void *half;               /* weights in panels (ops/panels.h), and the scales of int8, [blocks of rows][columns] */
    float *scales;
    float *partial;           /* [chunks][op.partial]; optimizer: a sum of squares per block; penalty: its blocks */
    const int32_t *table;     /* conv2d: [connections][2], input and output channel, by output and then input channel */
    float *moving_mean, *moving_variance; /* batch_norm (NULL: not kept), fixed_norm: [c] */
    float *state[FC_STATES];  /* optimizer: what it keeps of each parameter */
    const void *target;       /* loss: float [batch][x.size] or int32 [batch] */
    const float *sample_weight; /* loss: [batch] or NULL */
    float *loss;              /* loss: [batch] */
    const fc_op *update;      /* dense, wide: the optimizer; WEIGHTS then changes w and leaves dw alone */
    float scale;              /* loss: factor of the gradient; optimizer: the learning rate; augment: the first image's weight */
    float correction;         /* optimizer: a factor of the learning rate, but not in weight decay */
    uint64_t seed, step;      /* dropout, noise; augment and distort (whose step is the epoch) */
    const uint8_t *pixels;    /* augment, distort: [batch][in_h][in_w][in_c] */
    const int32_t *index;     /* augment, distort: [batch], the images' numbers in their data set; NULL: their places in the batch */
    const int32_t *partner;   /* augment: [batch], the images' places that are mixed in; NULL: none */
    const float *mean;        /* augment: [in_h][in_w][in_c] */
} fc_io;

/* Fields by name and by number. fc_field_bytes: of an item; 0: the field is an fc_buf. */
int fc_field(const char *name); /* −1: no such field */
const char *fc_field_name(int field);
int fc_field_bytes(int field);
void fc_bind(fc_io *io, int field, const void *p);
void fc_bind_rows(fc_io *io, int field, const fc_buf *rows);
/* The fields, as bits of their numbers, that a pass reads or writes on a batch; and the first of them that is NULL, or −1. */
unsigned fc_needs(const fc_op *op, const fc_io *io, fc_pass pass, ptrdiff_t batch);
int fc_unbound(const fc_op *op, const fc_io *io, fc_pass pass, ptrdiff_t batch);

typedef struct {
    int op;
    fc_pass pass;
} fc_step;

/* Steps between two synchronisation points: taken together, a chunk of images at a time, or (parts) cut one by one, each
 * over the whole batch and independent of the others. chunk is also what the partial sums of the steps are cut by. */
typedef struct {
    ptrdiff_t first, count, chunk;
    int parts;
} fc_phase;

typedef struct {
    const fc_op *ops;
    const fc_io *io;
    const fc_step *steps;
    const fc_phase *phases;
    float *scratch;           /* [threads][scratch_size] */
    ptrdiff_t scratch_size;
    ptrdiff_t from, to;       /* of the batch, the images that this process has: whole chunks; to 0: all of them */
    ptrdiff_t unit;           /* images whose sums are added up first, a number of chunks; 0: a chunk */
    double *seconds;          /* NULL, or [threads][timed]: each step's processor time is added here */
    ptrdiff_t timed;          /* steps, all of the program's */
} fc_program;

/* Runs phases [first, first + count) of a program on `batch` images, of which [from, to) are there. Results do not depend on
 * `threads`. */
void fc_run(const fc_program *program, ptrdiff_t first, ptrdiff_t count, ptrdiff_t batch, int threads);

/* The units into which a step of a phase is cut, unless whole chunks are taken through the phase; for those who simulate threads. */
ptrdiff_t fc_step_units(const fc_program *program, ptrdiff_t phase, ptrdiff_t step, ptrdiff_t batch, int threads);

/* Fill *op from what the caller set in `shape`; nothing is allocated. */
fc_status fc_conv2d_init(fc_op *op, ptrdiff_t in_h, ptrdiff_t in_w, ptrdiff_t in_c, ptrdiff_t out_c,
                         const fc_conv2d *window, ptrdiff_t pad_bottom, ptrdiff_t pad_right, int bias);
/* FORWARD in int8; FC_INVALID for one that has no such form: with a table, with dilated columns, in lanes, of fewer than 16 filters
 * in a group, or of more weights in a filter than a sum of 32 bits holds. */
fc_status fc_conv2d_set_int8(fc_op *op, float x_scale, int x_zero);
/* The gradient of a convolution from the second size to the first; FC_INVALID unless that is what the window makes. */
fc_status fc_conv2d_transpose_init(fc_op *op, ptrdiff_t in_h, ptrdiff_t in_w, ptrdiff_t in_c, ptrdiff_t out_h, ptrdiff_t out_w,
                                   ptrdiff_t out_c, const fc_conv2d *window, ptrdiff_t pad_bottom, ptrdiff_t pad_right, int bias);
fc_status fc_pool2d_init(fc_op *op, fc_kind kind, ptrdiff_t in_h, ptrdiff_t in_w, ptrdiff_t in_c,
                         const fc_pool2d *window, int ceil_mode);
/* The means of out_h × out_w windows, from ⌊i·in/out⌋ to ⌈(i + 1)·in/out⌉ along each axis. */
fc_status fc_adaptive_avg_pool2d_init(fc_op *op, ptrdiff_t in_h, ptrdiff_t in_w, ptrdiff_t in_c, ptrdiff_t out_h,
                                      ptrdiff_t out_w);
/* Edges below 0 are cut away. */
fc_status fc_pad2d_init(fc_op *op, ptrdiff_t in_h, ptrdiff_t in_w, ptrdiff_t in_c, ptrdiff_t top, ptrdiff_t bottom,
                        ptrdiff_t left, ptrdiff_t right);
fc_status fc_upsample2d_init(fc_op *op, ptrdiff_t in_h, ptrdiff_t in_w, ptrdiff_t in_c, ptrdiff_t size_h, ptrdiff_t size_w,
                             int bilinear);
/* Axis i of the result is axis order[i] of the input, from 0; `size` is the input's. */
fc_status fc_permute_init(fc_op *op, int axes, const ptrdiff_t *size, const int *order);
fc_status fc_scale_init(fc_op *op, ptrdiff_t h, ptrdiff_t w, ptrdiff_t c, int bias);
fc_status fc_rbf_init(fc_op *op, ptrdiff_t in, ptrdiff_t units);
fc_status fc_lrn_init(fc_op *op, ptrdiff_t pixels, ptrdiff_t channels, ptrdiff_t size, double alpha, float beta, float k,
                      int mean, int above); /* above: an even size has one channel more above than below */
/* The two in one pass, also with groups of channels as pixels of lrn; FC_INVALID if the second is no max pooling of what the first makes, or rows are too large. */
fc_status fc_lrn_pool_init(fc_op *op, const fc_op *lrn, const fc_op *pool);
fc_status fc_lrn_within_init(fc_op *op, ptrdiff_t h, ptrdiff_t w, ptrdiff_t c, ptrdiff_t size, float alpha, float beta,
                             float k, int mean);
fc_status fc_dense_init(fc_op *op, ptrdiff_t in, ptrdiff_t out, int bias);
/* Fuses dropout behind a dense op with relu; FC_INVALID for another one. */
fc_status fc_dense_set_dropout(fc_op *op, const fc_op *dropout);
fc_status fc_half_weights_init(fc_op *op, ptrdiff_t in, ptrdiff_t out, fc_format format);
fc_status fc_dense_set_format(fc_op *op, fc_format format); /* FC_INVALID for one that reads float32 only */
/* Of images [pixels][c]; fixed: by given statistics. */
fc_status fc_batch_norm_init(fc_op *op, int fixed, ptrdiff_t pixels, ptrdiff_t c, float momentum, float epsilon, int scale,
                             int center);
/* FC_GROUP_NORM or FC_LAYER_NORM of images [samples][pixels][groups][width]: over pixels and width; samples or pixels must be 1 */
fc_status fc_group_norm_init(fc_op *op, ptrdiff_t samples, ptrdiff_t pixels, ptrdiff_t groups, ptrdiff_t width, float epsilon,
                             int scale, int center);
fc_status fc_fold_init(fc_op *op, const fc_op *of, const fc_op *norm); /* of: conv2d or dense before norm, a fixed_norm */
fc_status fc_prelu_init(fc_op *op, const fc_prelu *shape);
fc_status fc_maxout_init(fc_op *op, ptrdiff_t rows, ptrdiff_t c, ptrdiff_t group);
fc_status fc_dropout_init(fc_op *op, ptrdiff_t pixels, ptrdiff_t c, double rate);
fc_status fc_gaussian_noise_init(fc_op *op, ptrdiff_t size, float stddev);
fc_status fc_rescale_init(fc_op *op, ptrdiff_t size, ptrdiff_t period);
/* activation and softmax: ops without parameters; rows × c floats per image */
fc_status fc_plain_init(fc_op *op, fc_kind kind, ptrdiff_t rows, ptrdiff_t c);
fc_status fc_loss_init(fc_op *op, fc_kind kind, ptrdiff_t size, const fc_loss *constants);
fc_status fc_optimizer_init(fc_op *op, fc_kind kind, ptrdiff_t size, const fc_optimizer *constants);
/* Two images of `size` floats become one; of a sum each has a factor. */
fc_status fc_merge_init(fc_op *op, fc_kind kind, ptrdiff_t size, float first, float second);
/* Lets FORWARD add a second input to what it makes; FC_INVALID for an op that has no such form. */
fc_status fc_set_sum(fc_op *op);
fc_status fc_set_join(fc_op *op, const fc_op *join);
/* Lets a convolution's FORWARD pool what it makes, which then is nowhere; FC_INVALID where it has no such form. */
fc_status fc_conv2d_set_pool(fc_op *op, const fc_op *pool);
/* For single images, whose weights are read once; FC_INVALID for an op that has no such form. */
fc_status fc_set_alone(fc_op *op);
/* For a plan with a backward pass; FC_INVALID for an op that has no such form. */
fc_status fc_set_trained(fc_op *op);
/* Lets a convolution of many weights add its units of the batch by halves, as REDUCE adds chunks; FC_INVALID for an op that has no
 * such form. partial: [halvings][w_size + b_size]; 2^halvings units at most. */
fc_status fc_set_halvings(fc_op *op, ptrdiff_t halvings);
/* Is the gradient of input `number`, 0 or 1, that of the output as it is? */
int fc_op_passes_on(const fc_op *op, int number);
/* x, images [pixels][c], becomes channels `at` … of images [pixels][out_c]. */
fc_status fc_join_init(fc_op *op, ptrdiff_t pixels, ptrdiff_t c, ptrdiff_t out_c, ptrdiff_t at, int add);
fc_status fc_gradient_sum_init(fc_op *op, ptrdiff_t size);
fc_status fc_penalty_init(fc_op *op, ptrdiff_t size, float l1, float l2);
ptrdiff_t fc_norm_blocks(ptrdiff_t size); /* blocks of that many parameters, each with a partial sum */

/* The same op with backward passes of second derivatives; FC_INVALID if it has no such form. */
fc_status fc_set_curvature(fc_op *op);

fc_status fc_augment_init(fc_op *op, ptrdiff_t in_h, ptrdiff_t in_w, ptrdiff_t in_c, ptrdiff_t crop_h, ptrdiff_t crop_w,
                          const fc_augment *augment);

fc_status fc_distort_init(fc_op *op, ptrdiff_t in_h, ptrdiff_t in_w, ptrdiff_t in_c, ptrdiff_t out_h, ptrdiff_t out_w,
                          const fc_distort *distort);

/* Images as lanes: into them, in front of `next` in lanes, a convolution losing its padding to this op; out of them; and an
 * op of those between, FC_INVALID if it has no such form. */
fc_status fc_to_lanes_init(fc_op *op, fc_op *next);
fc_status fc_from_lanes_init(fc_op *op, ptrdiff_t size);
fc_status fc_set_lanes(fc_op *op);
ptrdiff_t fc_lanes_width(void); /* V: the images of a chunk */

ptrdiff_t fc_chunks(ptrdiff_t batch, ptrdiff_t chunk);
const char *fc_op_name(fc_kind kind);
fc_kind fc_op_kind(const char *name, fc_family family); /* FC_KINDS: there is none */
const char *fc_activation_name(fc_activation activation);
int fc_op_has(const fc_op *op, fc_pass pass); /* does it have this pass? */
int fc_op_by_block(const fc_op *op, fc_pass pass); /* do items of this pass see the whole batch each? Then it runs in parts */
int fc_op_cheap(const fc_op *op); /* is FORWARD done again sooner than its result is kept? */
int fc_op_folds(const fc_op *op); /* do its weights take a normalization along that follows? */
const char *fc_op_algorithm(const fc_op *op, fc_pass pass); /* "direct", "F(4×4, 3×3)", … */

/* ISA: the table is chosen once, by fc_select_isa(NULL) at import. */
int fc_isa_count(void);                /* levels this build contains, worst first */
const char *fc_isa_name(int i);
int fc_isa_usable(int i);              /* can this CPU and OS run it? */
fc_status fc_select_isa(const char *name); /* NULL: FASTCNN_ISA, else the best usable one */
const char *fc_active_isa(void);
extern int fc_has_dots;                /* has it an int8_gemm, and this CPU what that takes? */
const char *fc_requested_isa(void);    /* FASTCNN_ISA or NULL */

/* Threads. */
int fc_openmp(void);                   /* built with OpenMP? Else the next three are INT_MAX */
int fc_openmp_threads(void);           /* omp_get_max_threads(): OMP_NUM_THREADS, omp_set_num_threads */
int fc_openmp_limit(void);             /* omp_get_thread_limit(): OMP_THREAD_LIMIT */
int fc_openmp_processors(void);        /* omp_get_num_procs(): those of all places, even if this thread is bound to one */
void fc_init_threads(void);            /* registers the fork handler; call once */
void fc_keep_threads(int most);        /* from now on threads that wait, with the caller, end if they are more than `most` */
const char *fc_compiler(void);

#endif
