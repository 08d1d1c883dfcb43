/* What every op shares: the work handed to a pass, the table of passes, small helpers. */
#ifndef FC_OPS_H
#define FC_OPS_H
#include <string.h>

#include "../kernels.h"

/* How the runner may cut a pass. */
typedef enum {
    FC_BY_IMAGE, /* items of one image; any range of items at once */
    FC_BY_CHUNK, /* one item per chunk of images, with a partial result of its own */
    FC_BY_BLOCK  /* items that each see the whole batch */
} fc_cut;

/* A share of a pass: items [first, last). */
typedef struct {
    ptrdiff_t first, last, batch, chunk;
    ptrdiff_t image0, slot; /* the chunk's first image, the thread's slot; −1: all threads share the batch */
    float *scratch;
} fc_work;

typedef void fc_pass_fn(const fc_op *op, const fc_io *io, const fc_work *work);

typedef struct {
    const char *name;
    fc_pass_fn *pass[FC_PASSES];
    fc_cut (*cut)(const fc_op *op, fc_pass pass);
    ptrdiff_t (*items)(const fc_op *op, fc_pass pass); /* per image, or in all when cut by block */
} fc_op_class;

extern const fc_op_class *const fc_op_classes[FC_KINDS];
extern const fc_op_class fc_conv2d_class, fc_max_pool2d_class, fc_avg_pool2d_class, fc_soft_pool2d_class,
    fc_lp_pool2d_class, fc_lrn_class, fc_lrn_pool_class, fc_lrn_within_class, fc_batch_norm_class, fc_fixed_norm_class,
    fc_fold_class, fc_dense_class, fc_activation_class,
    fc_activation_of_x_class, fc_prelu_class, fc_maxout_class, fc_softmax_class, fc_log_softmax_class,
    fc_dropout_class, fc_softmax_cross_entropy_class, fc_categorical_cross_entropy_class,
    fc_binary_cross_entropy_class, fc_mean_squared_error_class, fc_sgd_class, fc_rmsprop_class, fc_adagrad_class,
    fc_adadelta_class, fc_adam_class, fc_augment_class, fc_to_lanes_class, fc_from_lanes_class, fc_half_weights_class,
    fc_pad2d_class, fc_upsample2d_class, fc_permute_class, fc_gaussian_noise_class, fc_rescale_class,
    fc_mean_absolute_error_class, fc_huber_class, fc_hinge_class, fc_squared_hinge_class, fc_categorical_hinge_class,
    fc_multiclass_hinge_class, fc_penalty_class, fc_conv2d_transpose_class, fc_sum_pool2d_class, fc_scale_class,
    fc_rbf_class, fc_rbf_mean_squared_error_class, fc_rbf_maximum_a_posteriori_class, fc_square_class, fc_sdlm_class,
    fc_distort_class, fc_group_norm_class, fc_layer_norm_class;

/* The row of an image. Where threads share a batch of few chunks, they use the slots together as one array. */
static inline float *fc_row(const fc_buf *buf, ptrdiff_t image, const fc_work *work)
{
    if (!buf->stride) return buf->p + image * buf->size;
    if (work->slot < 0) return buf->p + buf->offset * buf->slots + image * buf->size;
    return buf->p + work->slot * buf->stride + buf->offset + (image - work->image0) * buf->size;
}

static inline ptrdiff_t fc_min(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }
static inline ptrdiff_t fc_max(ptrdiff_t a, ptrdiff_t b) { return a > b ? a : b; }
static inline ptrdiff_t fc_ceil_div(ptrdiff_t a, ptrdiff_t b) { return a / b + (a % b > 0); }
static inline ptrdiff_t fc_floor_div(ptrdiff_t a, ptrdiff_t b) { return a / b - (a % b < 0); }
static inline ptrdiff_t fc_round_up(ptrdiff_t a, ptrdiff_t b) { return fc_ceil_div(a, b) * b; }

/* The largest block ≤ limit (at least 1) that cuts n into blocks of about equal size. */
static inline ptrdiff_t fc_balanced(ptrdiff_t n, ptrdiff_t limit)
{
    return fc_ceil_div(n, fc_ceil_div(n, fc_max(1, fc_min(limit, n))));
}

/* *product *= factor; 0 if it leaves the range of sizes fastcnn handles (2^44 floats). */
static inline int fc_grow(ptrdiff_t *product, ptrdiff_t factor)
{
    return !__builtin_mul_overflow(*product, factor, product) && *product >= 0 && *product < (ptrdiff_t)1 << 44;
}

/* Ops without parameters, cut by image into items of about this many floats. */
#define FC_PLAIN_ITEM 4096

/* Flat arrays of parameters, in blocks of this many floats. */
#define FC_BLOCK 16384

/* For the classes of ops whose passes are all cut alike (cuts.c): by image; by block; in lanes by chunk, else by image. */
fc_cut fc_by_image(const fc_op *op, fc_pass pass);
fc_cut fc_by_block(const fc_op *op, fc_pass pass);
fc_cut fc_by_lanes(const fc_op *op, fc_pass pass);
/* One item; blocks of FC_PLAIN_ITEM floats of an image; blocks of FC_BLOCK parameters. */
ptrdiff_t fc_one_item(const fc_op *op, fc_pass pass);
ptrdiff_t fc_plain_items(const fc_op *op, fc_pass pass);
ptrdiff_t fc_parameter_items(const fc_op *op, fc_pass pass);

/* REDUCE: dw, db = sum of the partials [chunks][w_size + b_size], chunk after chunk (reduce.c). */
void fc_reduce(const fc_op *op, const fc_io *io, const fc_work *work);
static inline ptrdiff_t fc_reduce_items(const fc_op *op) { return fc_ceil_div(op->w_size + op->b_size, FC_PLAIN_ITEM); }

/* MASK of an op with an activation fused behind it (mask.c). */
void fc_mask(const fc_op *op, const fc_io *io, const fc_work *work);

/* One step of an optimizer on n parameters, from the one at `at` on; dw is theirs, and multiplied with factor (optimizer.c). */
void fc_update(const fc_op *optimizer, const fc_io *io, float factor, ptrdiff_t at, ptrdiff_t n, const float *dw);

#endif
