/* What every op shares: the work handed to a pass, the table of passes, small helpers. */
#ifndef FC_OPS_H
#define FC_OPS_H
#include <string.h>

#include "../kernels.h"

/* How the runner may cut a pass. */
typedef enum {
    FC_BY_IMAGE, /* items of one image; any range of items at once */
    FC_BY_CHUNK, /* items of a chunk of images, with a partial result of its own */
    FC_BY_BLOCK  /* items that each see the whole batch, or what is there of it */
} fc_cut;

/* A share of a pass: items [first, last). */
typedef struct {
    ptrdiff_t first, last, batch, chunk;
    ptrdiff_t from, to;     /* the images that are there; passes cut by block, which would see the whole batch, see these */
    ptrdiff_t unit;         /* images whose sums are added up first, a number of chunks */
    ptrdiff_t image0, slot; /* the chunk's first image, or `from`; the thread's slot; −1: all threads share the batch */
    float *scratch;
} fc_work;

typedef void fc_pass_fn(const fc_op *op, const fc_io *io, const fc_work *work);

/* The fields of fc_io, those with rows first: name, and bytes of an item. FC_X … are bits of sets of them. */
#define FC_FIELD_LIST(F)                                                                                              \
    F(X, x, 0) F(Y, y, 0) F(DY, dy, 0) F(DX, dx, 0) F(X2, x2, 0) F(DX2, dx2, 0) F(W, w, 4) F(B, b, 4) F(DW, dw, 4) F(DB, db, 4)                   \
    F(PACKED, packed, 4) F(PACKED_T, packed_t, 4) F(HALF, half, 4) F(SCALES, scales, 4) F(PARTIAL, partial, 4)        \
    F(TABLE, table, 4) F(MOVING_MEAN, moving_mean, 4) F(MOVING_VARIANCE, moving_variance, 4)                          \
    F(STATE, state[0], 4) F(STATE_1, state[1], 4) F(STATE_2, state[2], 4)                                             \
    F(TARGET, target, 4) F(SAMPLE_WEIGHT, sample_weight, 4) F(LOSS, loss, 4)                                          \
    F(PIXELS, pixels, 1) F(INDEX, index, 4) F(PARTNER, partner, 4) F(MEAN, mean, 4)
#define F(bit, field, bytes) FC_FIELD_##bit,
enum { FC_FIELD_LIST(F) FC_FIELDS };
#undef F
#define F(bit, field, bytes) FC_##bit = 1 << FC_FIELD_##bit,
enum { FC_FIELD_LIST(F) };
#undef F

/* What there is to know of all ops of a kind. */
typedef struct {
    fc_pass_fn *pass[FC_PASSES];
    fc_cut (*cut)(const fc_op *op, fc_pass pass);
    ptrdiff_t (*items)(const fc_op *op, fc_pass pass); /* per image, per chunk, or in all, as it is cut */
    unsigned needs[FC_PASSES]; /* fields that a pass reads or writes; fc_needs leaves out those of no size */
    /* What else, or less, an op needs as it is and is bound; NULL: needs is all there is to say. */
    unsigned (*correct)(const fc_op *op, const fc_io *io, fc_pass pass, ptrdiff_t batch, unsigned needs);
    const char *(*algorithm)(const fc_op *op, fc_pass pass); /* how it is computed; NULL: there is but one way */
    fc_status (*set_lanes)(fc_op *op);     /* turns an op into one in lanes (lanes.c); NULL: it has no such form */
    fc_status (*set_curvature)(fc_op *op); /* into one of curvature (curvature.c) */
    fc_status (*set_sum)(fc_op *op);       /* into one that adds a second input */
    fc_status (*set_join)(fc_op *op);      /* into one whose FORWARD writes some channels of a wider image */
    fc_status (*set_trained)(fc_op *op);   /* into one that has a backward pass behind it */
    fc_status (*set_alone)(fc_op *op);     /* into one for single images, that packs weights otherwise or not at all */
    int cheap;                 /* FORWARD takes less time than keeping its result takes memory: rather do it again */
    int folds;                 /* weights [rows][out_c], into which a normalization that follows can be folded (fold.c) */
} fc_op_class;

extern const fc_op_class *const fc_op_classes[FC_KINDS];
#define X(kind, name) extern const fc_op_class fc_##name##_class;
FC_OP_LIST(X)
#undef X

/* The row of an image. Where threads share a batch of few chunks, they use the slots together as one array. */
static inline float *fc_row(const fc_buf *buf, ptrdiff_t image, const fc_work *work)
{
    if (!buf->stride) return buf->p + image * buf->size;
    if (work->slot < 0) return buf->p + buf->offset * buf->slots + (image - work->image0) * buf->size;
    return buf->p + work->slot * buf->stride + buf->offset + (image - work->image0) * buf->size;
}

/* Of a pass cut by chunk, or by image, into so many items each: those of one chunk after the other. */
typedef struct {
    ptrdiff_t chunk, first, last; /* items [first, last) of the chunk's */
} fc_part;

/* Goes on to the next part of what is to be done, from {0} to the first; 0 at the end. */
static inline int fc_next_part(const fc_work *work, ptrdiff_t each, fc_part *p)
{
    const ptrdiff_t item = p->last ? p->chunk * each + p->last : work->first;
    if (item >= work->last) return 0;
    p->chunk = item / each, p->first = item % each;
    p->last = fc_min(each, p->first + work->last - item);
    return 1;
}

/* Rows that gemm is to take at a time, of `count`: MR where smaller tiles take what is left, else equal parts, as 8 rows are 4 + 4
 * rather than 6 + 2. */
static inline ptrdiff_t fc_tile_rows(ptrdiff_t count)
{
    return fc_k->mr % FC_FEW ? fc_balanced(count, fc_k->mr) : fc_k->mr;
}

/* Do so many equal items keep an op's threads busy, but for an eighth of the time? */
static inline int fc_is_shared(const fc_op *op, ptrdiff_t items)
{
    const ptrdiff_t threads = fc_max(op->threads, 1);
    return (double)items >= 0.875 * (double)(threads * fc_ceil_div(items, threads));
}

/* *product *= factor; 0 if it leaves the range of sizes fastcnn handles (2^44 floats). */
static inline int fc_grow(ptrdiff_t *product, ptrdiff_t factor)
{
    return !__builtin_mul_overflow(*product, factor, product) && *product >= 0 && *product < (ptrdiff_t)1 << 44;
}

/* Floats of scratch beyond the sum of its parts, of which there are up to four: each begins at a line of the cache, so up to 15
 * are lost before it. */
#define FC_MARGIN (4 * FC_LINE)

/* Ops without parameters, cut by image into items of about this many floats. */
#define FC_PLAIN_ITEM 4096

/* Flat arrays of parameters, in blocks of this many floats. */
#define FC_BLOCK 16384

/* For the classes of ops whose passes are all cut alike (cuts.c): by image; by block; in lanes by chunk, else by image. */
fc_cut fc_by_image(const fc_op *op, fc_pass pass);
fc_cut fc_by_block(const fc_op *op, fc_pass pass);
fc_cut fc_by_lanes(const fc_op *op, fc_pass pass);
/* One item; blocks of FC_PLAIN_ITEM floats of an image's y, in lanes of a chunk's; blocks of FC_BLOCK parameters. */
ptrdiff_t fc_one_item(const fc_op *op, fc_pass pass);
ptrdiff_t fc_plain_items(const fc_op *op, fc_pass pass);
ptrdiff_t fc_parameter_items(const fc_op *op, fc_pass pass);

/* An item of fc_plain_items: n floats from the one at `at` on. */
typedef struct {
    ptrdiff_t image, at, n;
} fc_plain;

static inline fc_plain fc_plain_of(const fc_op *op, ptrdiff_t item)
{
    const ptrdiff_t images = op->lanes ? fc_k->v : 1, size = op->out_size * images, blocks = fc_ceil_div(size, FC_PLAIN_ITEM);
    const ptrdiff_t at = item % blocks * FC_PLAIN_ITEM;
    return (fc_plain){item / blocks * images, at, fc_min(FC_PLAIN_ITEM, size - at)};
}

/* For classes whose ops need no more than the flag (op_table.c). */
fc_status fc_in_lanes(fc_op *op);
fc_status fc_of_curvature(fc_op *op);
fc_status fc_with_sum(fc_op *op);

/* Channels of a pixel of y as it lies. */
static inline ptrdiff_t fc_y_c(const fc_op *op) { return op->y_c ? op->y_c : op->out_c; }

/* The end of FORWARD, for n floats of an image's y that begin `at` in: x2 is added, the activation applied. */
static inline void fc_finish(const fc_op *op, const fc_io *io, const fc_work *work, ptrdiff_t image, ptrdiff_t at, ptrdiff_t n)
{
    float *y = fc_row(&io->y, image, work) + at;
    if (op->sums)
        fc_k->activate_sum(op->activation, op->alpha, n, fc_row(&io->x2, image, work) + at, y);
    else if (op->activation != FC_LINEAR)
        fc_k->activate(op->activation, op->alpha, n, y, y);
}

/* Where sums over [first, last), cut into units, are parted: after the first half of the units, which has one more of an odd number;
 * `last`: there is but one. */
static inline ptrdiff_t fc_middle(ptrdiff_t first, ptrdiff_t last, ptrdiff_t unit)
{
    return fc_min(last, first + fc_ceil_div(fc_ceil_div(last - first, unit), 2) * unit);
}

/* REDUCE: dw, db = sum of the partials [chunks][w_size + b_size] (reduce.c). */
void fc_reduce(const fc_op *op, const fc_io *io, const fc_work *work);
static inline ptrdiff_t fc_reduce_items(const fc_op *op) { return fc_ceil_div(op->w_size + op->b_size, FC_PLAIN_ITEM); }

/* MASK of an op with an activation fused behind it, in fc_plain_items (mask.c). */
void fc_mask(const fc_op *op, const fc_io *io, const fc_work *work);

/* One step of an optimizer on n parameters, from the one at `at` on; dw is theirs, and multiplied with factor (optimizer.c). */
void fc_update(const fc_op *optimizer, const fc_io *io, float factor, ptrdiff_t at, ptrdiff_t n, const float *dw);

#endif
