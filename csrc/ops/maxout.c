/* Maxout: the maximum of each group of consecutive channels (formulas: kernels/maxout.h).
 *
 * x: any number of groups per image, one after the other; y: a float per group. In lanes a group is a window of pooling,
 * V channels wide. Threads: by blocks of groups. */
#include "ops.h"

fc_status fc_maxout_init(fc_op *op, ptrdiff_t rows, ptrdiff_t c, ptrdiff_t group)
{
    if (group < 1 || c < 1 || c % group) return FC_INVALID;
    const fc_status status = fc_plain_init(op, FC_MAXOUT, rows, c);
    op->out_c = c / group;
    op->out_size = op->in_size / group;
    op->cost = (double)op->in_size / 4;
    return status;
}

static ptrdiff_t group(const fc_op *op) { return op->in_c / op->out_c; }

static ptrdiff_t block(const fc_op *op) { return fc_max(1, FC_PLAIN_ITEM / group(op) / (op->lanes ? fc_k->v : 1)); }

/* A group of a chunk in lanes. */
static fc_window window(const fc_op *op) { return (fc_window){.h = 1, .w = group(op), .step = fc_k->v, .c = fc_k->v, .fresh = 1}; }

static void forward(const fc_op *op, const fc_io *io, const fc_work *work)
{
    const ptrdiff_t most = block(op), blocks = fc_ceil_div(op->out_size, most), g = group(op), v = op->lanes ? fc_k->v : 1;
    for (ptrdiff_t item = work->first; item < work->last; item++) {
        const ptrdiff_t image = item / blocks * v, at = item % blocks * most, n = fc_min(most, op->out_size - at);
        const float *x = fc_row(&io->x, image, work) + at * g * v;
        float *y = fc_row(&io->y, image, work) + at * v;
        if (op->lanes) {
            const fc_window win = window(op);
            for (ptrdiff_t j = 0; j < n; j++) fc_k->max_pool(&win, x + j * g * v, y + j * v);
        } else {
            fc_k->maxout(n, g, x, y);
        }
    }
}

static void data(const fc_op *op, const fc_io *io, const fc_work *work)
{
    const ptrdiff_t most = block(op), blocks = fc_ceil_div(op->out_size, most), g = group(op), v = op->lanes ? fc_k->v : 1;
    for (ptrdiff_t item = work->first; item < work->last; item++) {
        const ptrdiff_t image = item / blocks * v, at = item % blocks * most, n = fc_min(most, op->out_size - at);
        const float *x = fc_row(&io->x, image, work) + at * g * v, *dy = fc_row(&io->dy, image, work) + at * v;
        float *dx = fc_row(&io->dx, image, work) + at * g * v;
        if (op->lanes) {
            const fc_window win = window(op);
            for (ptrdiff_t j = 0; j < n; j++) fc_k->max_pool_backward(&win, x + j * g * v, dy + j * v, dx + j * g * v);
        } else {
            fc_k->maxout_backward(n, g, x, dy, dx);
        }
    }
}

static ptrdiff_t items(const fc_op *op, fc_pass pass)
{
    (void)pass;
    return fc_ceil_div(op->out_size, block(op));
}

const fc_op_class fc_maxout_class = {
    {[FC_FORWARD] = forward, [FC_DATA] = data}, fc_by_lanes, items,
    .needs = {[FC_FORWARD] = FC_X | FC_Y, [FC_DATA] = FC_X | FC_DX | FC_DY},
    .set_lanes = fc_in_lanes,
};
