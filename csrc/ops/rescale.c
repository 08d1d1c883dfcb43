/* Values moved and scaled by constants: y = (x − mean)·scale + offset, dx = dy·scale.
 *
 * x, y: any number of floats per image; constants w [4][period]: mean, scale, offset, zeros. Float i takes those of i mod
 * period. The mean is subtracted first: no digits are lost where it is large. Threads: by blocks of whole periods. */
#include "ops.h"

fc_status fc_rescale_init(fc_op *op, ptrdiff_t size, ptrdiff_t period)
{
    const fc_status status = fc_plain_init(op, FC_RESCALE, 1, size);
    if (period < 1 || period > size) return FC_INVALID;
    op->u.rescale.period = period;
    op->cost = (double)op->in_size;
    return status;
}

static ptrdiff_t block_of(const fc_op *op) /* floats */
{
    return op->u.rescale.period * fc_max(1, FC_PLAIN_ITEM / op->u.rescale.period);
}

static void apply(const fc_op *op, const fc_work *work, const fc_buf *from, const fc_buf *to, const float *mean,
                  const float *scale, const float *offset)
{
    const ptrdiff_t period = op->u.rescale.period, block = block_of(op), blocks = fc_ceil_div(op->in_size, block);
    for (ptrdiff_t item = work->first; item < work->last; item++) {
        const ptrdiff_t image = item / blocks, first = item % blocks * block, end = fc_min(first + block, op->in_size);
        const float *x = fc_row(from, image, work);
        float *y = fc_row(to, image, work);
        for (ptrdiff_t i = first; i < end; i += period)
            fc_k->rescale(fc_min(period, end - i), x + i, mean, scale, offset, y + i);
    }
}

static void forward(const fc_op *op, const fc_io *io, const fc_work *work)
{
    const ptrdiff_t period = op->u.rescale.period;
    apply(op, work, &io->x, &io->y, io->w, io->w + period, io->w + 2 * period);
}

static void data(const fc_op *op, const fc_io *io, const fc_work *work)
{
    const ptrdiff_t period = op->u.rescale.period;
    const float *zero = io->w + 3 * period;
    apply(op, work, &io->dy, &io->dx, zero, io->w + period, zero);
}

static ptrdiff_t items(const fc_op *op, fc_pass pass)
{
    (void)pass;
    return fc_ceil_div(op->in_size, block_of(op));
}

const fc_op_class fc_rescale_class = {
    {[FC_FORWARD] = forward, [FC_DATA] = data}, fc_by_image, items,
    .needs = {[FC_FORWARD] = FC_X | FC_Y | FC_W, [FC_DATA] = FC_DX | FC_DY | FC_W},
};
