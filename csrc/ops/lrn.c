/* Local response normalization across channels (formulas: kernels/lrn.h).
 *
 * x, y: [pixels][channels]. Groups of channels that do not see each other are pixels of their own: they lie one after the other.
 * Threads: by blocks of pixels. */
#include "ops.h"

fc_status fc_lrn_init(fc_op *op, ptrdiff_t pixels, ptrdiff_t channels, ptrdiff_t size, double alpha, float beta, float k,
                      int mean, int above)
{
    memset(op, 0, sizeof *op);
    if (pixels < 1 || channels < 1 || size < 1) return FC_INVALID;
    op->kind = FC_LRN;
    op->in_h = op->out_h = pixels, op->in_w = op->out_w = 1, op->in_c = op->out_c = channels;
    op->in_size = pixels;
    if (!fc_grow(&op->in_size, channels)) return FC_OVERFLOW;
    op->out_size = op->in_size;
    op->u.lrn = (fc_lrn){.below = fc_min((size - (above != 0)) / 2, channels), .above = fc_min((size - (above == 0)) / 2, channels),
                         .scale = (float)(mean ? alpha / (double)size : alpha), .beta = beta, .k = k};
    op->scratch = fc_lrn_scratch(channels, op->u.lrn.below, op->u.lrn.above);
    op->cost = 4.0 * (double)op->in_size;
    return FC_OK;
}

static ptrdiff_t block(const fc_op *op) { return fc_balanced(op->in_h, fc_max(1, FC_PLAIN_ITEM / op->in_c)); }

static void forward(const fc_op *op, const fc_io *io, const fc_work *work)
{
    const ptrdiff_t rows = block(op), blocks = fc_ceil_div(op->in_h, rows);
    for (ptrdiff_t item = work->first; item < work->last; item++) {
        const ptrdiff_t image = item / blocks, p = item % blocks * rows, at = p * op->in_c;
        fc_k->lrn(&op->u.lrn, fc_min(rows, op->in_h - p), op->in_c, fc_row(&io->x, image, work) + at,
                  fc_row(&io->y, image, work) + at, NULL, NULL, work->scratch);
    }
}

static void data(const fc_op *op, const fc_io *io, const fc_work *work)
{
    const ptrdiff_t rows = block(op), blocks = fc_ceil_div(op->in_h, rows);
    for (ptrdiff_t item = work->first; item < work->last; item++) {
        const ptrdiff_t image = item / blocks, p = item % blocks * rows, at = p * op->in_c;
        fc_k->lrn_backward(&op->u.lrn, fc_min(rows, op->in_h - p), op->in_c, 0, fc_row(&io->x, image, work) + at, NULL, NULL,
                           fc_row(&io->dy, image, work) + at, fc_row(&io->dx, image, work) + at, work->scratch);
    }
}

static ptrdiff_t items(const fc_op *op, fc_pass pass)
{
    (void)pass;
    return fc_ceil_div(op->in_h, block(op));
}

const fc_op_class fc_local_response_norm_class = {
    {[FC_FORWARD] = forward, [FC_DATA] = data}, fc_by_image, items,
    .needs = {[FC_FORWARD] = FC_X | FC_Y, [FC_DATA] = FC_X | FC_DX | FC_DY},
    .cheap = 1,
};
