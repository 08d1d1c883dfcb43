/* Local response normalization within channels: windows of size × size pixels of one channel (formulas: kernels/lrn.h).
 *
 * x, y: [h][w][c]. The window's rows are summed first, then its columns, so that a pixel costs 2·size additions.
 * Threads: forward by output rows, DATA by image. */
#include "ops.h"

static ptrdiff_t row_size(const fc_op *op) { return op->in_w * op->in_c; }

/* Floats of a row of sums with its edges, and a vector that the last one may reach into. */
static ptrdiff_t edged(const fc_op *op)
{
    return (op->in_w + op->u.lrn.below + op->u.lrn.above) * op->in_c + FC_MAX_NR;
}

fc_status fc_lrn_within_init(fc_op *op, ptrdiff_t h, ptrdiff_t w, ptrdiff_t c, ptrdiff_t size, float alpha, float beta,
                             float k, int mean)
{
    memset(op, 0, sizeof *op);
    if (h < 1 || w < 1 || c < 1 || size < 1) return FC_INVALID;
    op->kind = FC_LRN_WITHIN;
    op->in_h = op->out_h = h, op->in_w = op->out_w = w, op->in_c = op->out_c = c;
    op->in_size = h;
    if (!fc_grow(&op->in_size, w) || !fc_grow(&op->in_size, c)) return FC_OVERFLOW;
    op->out_size = op->in_size;
    op->u.lrn = (fc_lrn){.below = fc_min(size / 2, w), .above = fc_min((size - 1) / 2, w),
                         .rows_below = fc_min(size / 2, h), .rows_above = fc_min((size - 1) / 2, h),
                         .scale = mean ? (float)((double)alpha / ((double)size * (double)size)) : alpha, .beta = beta, .k = k};
    op->scratch = op->in_size + edged(op) + FC_MARGIN;
    op->cost = 4.0 * (double)op->in_size;
    return FC_OK;
}

/* Where the sums of a row go: after `edge` zero pixels, with zeros after them. */
static float *between_zeros(const fc_op *op, float *e, ptrdiff_t edge)
{
    memset(e, 0, (size_t)edged(op) * sizeof *e);
    return e + edge * op->in_c;
}

/* The row of Σ x² for the windows of row `r`, from column −below on. */
static const float *squares(const fc_op *op, const float *x, ptrdiff_t r, float *e)
{
    const fc_lrn *o = &op->u.lrn;
    const ptrdiff_t first = fc_max(0, r - o->rows_below), last = fc_min(op->in_h - 1, r + o->rows_above), n = row_size(op);
    fc_k->sum_squared_rows(last - first + 1, n, x + first * n, n, between_zeros(op, e, o->below));
    return e;
}

static void forward(const fc_op *op, const fc_io *io, const fc_work *work)
{
    const ptrdiff_t n = row_size(op);
    for (ptrdiff_t item = work->first; item < work->last; item++) {
        const ptrdiff_t image = item / op->in_h, r = item % op->in_h;
        const float *x = fc_row(&io->x, image, work), *e = squares(op, x, r, work->scratch);
        fc_k->lrn_row(&op->u.lrn, n, op->in_c, e, x + r * n, fc_row(&io->y, image, work) + r * n);
    }
}

static void data(const fc_op *op, const fc_io *io, const fc_work *work)
{
    const fc_lrn *o = &op->u.lrn;
    const ptrdiff_t n = row_size(op);
    float *t = work->scratch, *e = t + op->in_size;
    for (ptrdiff_t image = work->first; image < work->last; image++) {
        const float *x = fc_row(&io->x, image, work), *dy = fc_row(&io->dy, image, work);
        float *dx = fc_row(&io->dx, image, work);
        for (ptrdiff_t r = 0, at = 0; r < op->in_h; r++, at += n)
            fc_k->lrn_row_terms(o, n, op->in_c, squares(op, x, r, e), x + at, dy + at, dx + at, t + at);
        for (ptrdiff_t r = 0, at = 0; r < op->in_h; r++, at += n) { /* the windows that hold a pixel: mirrored */
            const ptrdiff_t first = fc_max(0, r - o->rows_above), last = fc_min(op->in_h - 1, r + o->rows_below);
            fc_k->sum_rows(1, last - first + 1, n, &(fc_plane){t + first * n, 0, n}, between_zeros(op, e, o->above));
            fc_k->lrn_row_backward(o, n, op->in_c, e, x + at, dx + at);
        }
    }
}

static ptrdiff_t items(const fc_op *op, fc_pass pass) { return pass == FC_FORWARD ? op->in_h : 1; }

const fc_op_class fc_local_response_norm_within_class = {
    {[FC_FORWARD] = forward, [FC_DATA] = data}, fc_by_image, items,
    .needs = {[FC_FORWARD] = FC_X | FC_Y, [FC_DATA] = FC_X | FC_DX | FC_DY},
    .cheap = 1,
};
