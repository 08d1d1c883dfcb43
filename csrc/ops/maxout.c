/* Maxout: the maximum of each group of consecutive channels (formulas: kernels/maxout.h).
 *
 * x: any number of groups per image, one after the other; y: a float per group. In lanes a group is a window of pooling,
 * V channels wide. Threads: by blocks of groups; in lanes by chunks. */
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

static ptrdiff_t block(const fc_op *op) { return fc_max(1, FC_PLAIN_ITEM / group(op)); }

/* A group of a chunk in lanes. */
static fc_window window(const fc_op *op) { return (fc_window){.h = 1, .w = group(op), .step = fc_k->v, .c = fc_k->v, .fresh = 1}; }

static void forward(const fc_op *op, const fc_io *io, const fc_work *work)
{
    const ptrdiff_t n = block(op), blocks = fc_ceil_div(op->out_size, n), g = group(op), v = fc_k->v;
    for (ptrdiff_t item = work->first; item < work->last; item++) {
        if (op->lanes) {
            const fc_window win = window(op);
            const float *x = fc_row(&io->x, item * v, work);
            float *y = fc_row(&io->y, item * v, work);
            for (ptrdiff_t j = 0; j < op->out_size; j++) fc_k->max_pool(&win, x + j * g * v, y + j * v);
        } else {
            const ptrdiff_t image = item / blocks, at = item % blocks * n;
            fc_k->maxout(fc_min(n, op->out_size - at), g, fc_row(&io->x, image, work) + at * g,
                         fc_row(&io->y, image, work) + at);
        }
    }
}

static void data(const fc_op *op, const fc_io *io, const fc_work *work)
{
    const ptrdiff_t n = block(op), blocks = fc_ceil_div(op->out_size, n), g = group(op), v = fc_k->v;
    for (ptrdiff_t item = work->first; item < work->last; item++) {
        if (op->lanes) {
            const fc_window win = window(op);
            const float *x = fc_row(&io->x, item * v, work), *dy = fc_row(&io->dy, item * v, work);
            float *dx = fc_row(&io->dx, item * v, work);
            for (ptrdiff_t j = 0; j < op->out_size; j++)
                fc_k->max_pool_backward(&win, x + j * g * v, dy + j * v, dx + j * g * v);
        } else {
            const ptrdiff_t image = item / blocks, at = item % blocks * n;
            fc_k->maxout_backward(fc_min(n, op->out_size - at), g, fc_row(&io->x, image, work) + at * g,
                                  fc_row(&io->dy, image, work) + at, fc_row(&io->dx, image, work) + at * g);
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
