/* PReLU: a rectifier whose slope below 0 is learned (formulas: kernels/prelu.h).
 *
 * x, y: per image [repeats][outer][shared][inner][inner_shared]; slopes w: [outer][inner]. PACK writes the slopes out as x
 * lies, over one repeat or as many as make rows of some length; where they lie so already, w is read itself.
 * Threads: PACK by blocks of rows of packed slopes, forward and DATA by blocks of floats, WEIGHTS by chunk of images (sums of the
 * chunk's first; of what shares a slope within a row in double), REDUCE by blocks. */
#include "ops.h"

#define ROW 256 /* floats that a row of packed slopes has at least, if an image has as many */

fc_status fc_prelu_init(fc_op *op, const fc_prelu *shape)
{
    const ptrdiff_t factors[] = {shape->repeats, shape->outer, shape->shared, shape->inner, shape->inner_shared};
    memset(op, 0, sizeof *op);
    op->in_size = op->w_size = 1;
    for (int i = 0; i < 5; i++) {
        if (factors[i] < 1) return FC_INVALID;
        if (!fc_grow(&op->in_size, factors[i])) return FC_OVERFLOW;
    }
    op->kind = FC_PRELU;
    op->u.prelu = *shape;
    op->in_h = op->out_h = op->in_w = op->out_w = 1;
    op->in_c = op->out_c = op->out_size = op->in_size;
    op->w_size = shape->outer * shape->inner;
    const ptrdiff_t period = op->in_size / shape->repeats;
    const ptrdiff_t row = period * fc_min(shape->repeats, fc_ceil_div(ROW, period));
    op->packed_size = row == op->w_size ? 0 : row;
    op->scratch = op->packed_size ? 2 * op->w_size + op->packed_size : 0;
    op->partial = op->w_size;
    op->cost = (double)op->in_size;
    return FC_OK;
}

/* Floats that the slopes are repeated after, as forward, DATA and WEIGHTS see them. */
static ptrdiff_t row_size(const fc_op *op) { return op->packed_size ? op->packed_size : op->w_size; }

static void pack(const fc_op *op, const fc_io *io, const fc_work *work)
{
    const fc_prelu *o = &op->u.prelu;
    const ptrdiff_t run = o->inner * o->inner_shared;
    for (ptrdiff_t item = work->first; item < work->last; item++) {
        const float *w = io->w + item / o->shared % o->outer * o->inner;
        float *to = io->packed + item * run;
        for (ptrdiff_t i = 0; i < o->inner; i++)
            for (ptrdiff_t s = 0; s < o->inner_shared; s++) *to++ = w[i];
    }
}

/* Calls BODY for n floats at x + at (and y, dy, dx), whose slopes lie at e, of each item's block. */
#define EACH_RUN(BODY) \
    const float *slopes = op->packed_size ? io->packed : io->w; \
    const ptrdiff_t row = row_size(op), blocks = fc_ceil_div(op->in_size, FC_PLAIN_ITEM); \
    for (ptrdiff_t item = work->first; item < work->last; item++) { \
        const ptrdiff_t image = item / blocks, from = item % blocks * FC_PLAIN_ITEM; \
        const ptrdiff_t to = fc_min(from + FC_PLAIN_ITEM, op->in_size); \
        for (ptrdiff_t at = from, n; at < to; at += n) { \
            const ptrdiff_t e = at % row; \
            n = fc_min(row - e, to - at); \
            BODY; \
        } \
    }

static void forward(const fc_op *op, const fc_io *io, const fc_work *work)
{
    EACH_RUN(fc_k->prelu(n, fc_row(&io->x, image, work) + at, slopes + e, fc_row(&io->y, image, work) + at))
}

static void data(const fc_op *op, const fc_io *io, const fc_work *work)
{
    EACH_RUN(fc_k->prelu_backward(n, fc_row(&io->x, image, work) + at, slopes + e, fc_row(&io->dy, image, work) + at,
                                  fc_row(&io->dx, image, work) + at))
}

/* The chunk's partial sums: over the images and rows of each, as the slopes are packed, then over what shares a slope. */
static void weights(const fc_op *op, const fc_io *io, const fc_work *work)
{
    const fc_prelu *o = &op->u.prelu;
    const ptrdiff_t row = row_size(op), run = o->inner * o->inner_shared, rows = op->in_size / row, rest = op->in_size % row;
    for (ptrdiff_t item = work->first; item < work->last; item++) {
        double *slopes = (double *)work->scratch;
        float *partial = io->partial + item * op->w_size, *sums = op->packed_size ? work->scratch + 2 * op->w_size : partial;
        memset(sums, 0, (size_t)row * sizeof *sums);
        for (ptrdiff_t image = item * work->chunk; image < fc_min((item + 1) * work->chunk, work->batch); image++) {
            const float *x = fc_row(&io->x, image, work), *dy = fc_row(&io->dy, image, work);
            fc_k->prelu_weights(rows, row, x, dy, sums);
            if (rest) fc_k->prelu_weights(1, rest, x + rows * row, dy + rows * row, sums);
        }
        if (!op->packed_size) continue;
        memset(slopes, 0, (size_t)op->w_size * sizeof *slopes);
        for (ptrdiff_t r = 0; r < row / run; r++) {
            double *w = slopes + r / o->shared % o->outer * o->inner;
            for (ptrdiff_t i = 0; i < o->inner; i++)
                for (ptrdiff_t s = 0; s < o->inner_shared; s++) w[i] += (double)*sums++;
        }
        for (ptrdiff_t i = 0; i < op->w_size; i++) partial[i] = (float)slopes[i];
    }
}

static fc_cut cut(const fc_op *op, fc_pass pass)
{
    (void)op;
    return pass == FC_PACK || pass == FC_REDUCE ? FC_BY_BLOCK : pass == FC_WEIGHTS ? FC_BY_CHUNK : FC_BY_IMAGE;
}

static ptrdiff_t items(const fc_op *op, fc_pass pass)
{
    const fc_prelu *o = &op->u.prelu;
    switch (pass) {
    case FC_PACK: return op->packed_size / (o->inner * o->inner_shared);
    case FC_REDUCE: return fc_reduce_items(op);
    case FC_WEIGHTS: return 1;
    default: return fc_ceil_div(op->in_size, FC_PLAIN_ITEM);
    }
}

const fc_op_class fc_prelu_class = {
    {[FC_PACK] = pack, [FC_FORWARD] = forward, [FC_DATA] = data, [FC_WEIGHTS] = weights, [FC_REDUCE] = fc_reduce}, cut, items,
    .needs = {[FC_PACK] = FC_W | FC_PACKED, [FC_FORWARD] = FC_X | FC_Y | FC_PACKED, [FC_DATA] = FC_X | FC_DX | FC_DY | FC_PACKED,
              [FC_WEIGHTS] = FC_X | FC_DY | FC_PARTIAL, [FC_REDUCE] = FC_PARTIAL | FC_DW},
};
