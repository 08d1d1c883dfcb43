/* Normalization of rows, each by its own mean and spread (formulas: kernels/layer_norm.h).
 *
 * x, y: [rows][width]; w: γ, b: β [groups][width], of which row r takes number r mod groups; either may be absent. A row is a pixel's
 * channels, a group of them, or a whole image. partial: [chunks][w_size + b_size].
 * Nothing is kept for the backward passes, which take moments again; sums of FC_NORM_BLOCK rows are taken in float, theirs in double.
 * Threads: FORWARD and DATA by blocks of rows; WEIGHTS by chunks, REDUCE by blocks. */
#include "norm_rows.h"

static ptrdiff_t block(const fc_op *op)
{
    return fc_balanced(op->in_h * op->u.group_norm.groups, fc_max(1, FC_PLAIN_ITEM / op->u.group_norm.width));
}

/* γ or β of a row. */
static const float *of_row(const fc_op *op, const float *p, ptrdiff_t row)
{
    return p ? p + row % op->u.group_norm.groups * op->u.group_norm.width : NULL;
}

/* Calls BODY for `count` rows from number `row` of an image on, x + at, that have γ and β in common, of each item. */
#define EACH_RUN(BODY) \
    const ptrdiff_t width = op->u.group_norm.width, rows = op->in_size / width, size = block(op), blocks = fc_ceil_div(rows, size); \
    for (ptrdiff_t item = work->first; item < work->last; item++) { \
        const ptrdiff_t image = item / blocks, end = fc_min((item % blocks + 1) * size, rows); \
        for (ptrdiff_t row = item % blocks * size, count; row < end; row += count) { \
            const ptrdiff_t at = row * width; \
            count = op->u.group_norm.groups > 1 ? 1 : end - row; \
            BODY; \
        } \
    }

static void forward(const fc_op *op, const fc_io *io, const fc_work *work)
{
    EACH_RUN(fc_k->layer_norm(count, width, op->u.group_norm.epsilon, fc_row(&io->x, image, work) + at, of_row(op, io->w, row),
                              of_row(op, io->b, row), fc_row(&io->y, image, work) + at))
}

static void data(const fc_op *op, const fc_io *io, const fc_work *work)
{
    EACH_RUN(fc_k->layer_norm_backward(count, width, op->u.group_norm.epsilon, fc_row(&io->x, image, work) + at,
                                       fc_row(&io->dy, image, work) + at, of_row(op, io->w, row),
                                       fc_row(&io->dx, image, work) + at))
}

/* all += sums, sums = 0 */
static void fold(ptrdiff_t n, float *sums, double *all)
{
    for (ptrdiff_t i = 0; i < n; i++) all[i] += (double)sums[i], sums[i] = 0;
}

static void weights(const fc_op *op, const fc_io *io, const fc_work *work)
{
    const ptrdiff_t c = op->in_c, width = op->u.group_norm.width, groups = op->u.group_norm.groups, rows = op->in_size / width;
    double *all = (double *)work->scratch;
    float *dw = work->scratch + 4 * c, *db = dw + c;
    for (ptrdiff_t chunk = work->first; chunk < work->last; chunk++) {
        float *partial = io->partial + chunk * op->partial;
        ptrdiff_t pending = 0;
        for (ptrdiff_t i = 0; i < 2 * c; i++) all[i] = 0, dw[i] = 0;
        for (ptrdiff_t image = chunk * work->chunk; image < fc_min((chunk + 1) * work->chunk, work->batch); image++) {
            const float *x = fc_row(&io->x, image, work), *dy = fc_row(&io->dy, image, work);
            for (ptrdiff_t row = 0, count; row < rows; row += count) {
                const ptrdiff_t at = row % groups * width;
                count = groups > 1 ? 1 : fc_min(FC_NORM_BLOCK - pending, rows - row);
                fc_k->layer_norm_weights(count, width, op->u.group_norm.epsilon, x + row * width, dy + row * width, dw + at, db + at);
                pending = (pending + count) % FC_NORM_BLOCK;
                if (pending == 0) fold(2 * c, dw, all);
            }
        }
        fold(2 * c, dw, all);
        for (ptrdiff_t i = 0; i < op->w_size; i++) partial[i] = (float)all[i];
        for (ptrdiff_t i = 0; i < op->b_size; i++) partial[op->w_size + i] = (float)all[c + i];
    }
}

static fc_cut cut(const fc_op *op, fc_pass pass)
{
    (void)op;
    return pass == FC_WEIGHTS ? FC_BY_CHUNK : pass == FC_REDUCE ? FC_BY_BLOCK : FC_BY_IMAGE;
}

static ptrdiff_t items(const fc_op *op, fc_pass pass)
{
    if (pass == FC_WEIGHTS) return 1;
    return pass == FC_REDUCE ? fc_reduce_items(op) : fc_ceil_div(op->in_h * op->u.group_norm.groups, block(op));
}

const fc_op_class fc_layer_norm_class = {
    {[FC_FORWARD] = forward, [FC_DATA] = data, [FC_WEIGHTS] = weights, [FC_REDUCE] = fc_reduce}, cut, items,
    .needs = {[FC_FORWARD] = FC_X | FC_Y | FC_W | FC_B, [FC_DATA] = FC_X | FC_DX | FC_DY | FC_W,
              [FC_WEIGHTS] = FC_X | FC_DY | FC_PARTIAL, [FC_REDUCE] = FC_PARTIAL | FC_DW | FC_DB},
    .correct = fc_norm_correct,
};
