/* Activations as an op of their own (formulas: kernels/eltwise.h). The derivative is taken from y.
 *
 * x, y: any number of floats per image; y may be x. Threads: by blocks of floats. */
#include "ops.h"

static ptrdiff_t range(const fc_op *op, ptrdiff_t item, ptrdiff_t *n)
{
    const ptrdiff_t at = item % fc_ceil_div(op->in_size, FC_PLAIN_ITEM) * FC_PLAIN_ITEM;
    *n = fc_min(FC_PLAIN_ITEM, op->in_size - at);
    return at;
}

static void forward(const fc_op *op, const fc_io *io, const fc_work *work)
{
    for (ptrdiff_t item = work->first; item < work->last; item++) {
        ptrdiff_t n, image = item / fc_ceil_div(op->in_size, FC_PLAIN_ITEM), at = range(op, item, &n);
        fc_k->activate(op->activation, op->alpha, n, fc_row(&io->x, image, work) + at, fc_row(&io->y, image, work) + at);
    }
}

static void data(const fc_op *op, const fc_io *io, const fc_work *work)
{
    for (ptrdiff_t item = work->first; item < work->last; item++) {
        ptrdiff_t n, image = item / fc_ceil_div(op->in_size, FC_PLAIN_ITEM), at = range(op, item, &n);
        fc_k->activate_backward(op->activation, op->alpha, n, fc_row(&io->y, image, work) + at,
                                fc_row(&io->dy, image, work) + at, fc_row(&io->dx, image, work) + at);
    }
}

static fc_cut cut(const fc_op *op, fc_pass pass)
{
    (void)op, (void)pass;
    return FC_BY_IMAGE;
}

static ptrdiff_t items(const fc_op *op, fc_pass pass)
{
    (void)pass;
    return fc_ceil_div(op->in_size, FC_PLAIN_ITEM);
}

const fc_op_class fc_activation_class = {"activation", {[FC_FORWARD] = forward, [FC_DATA] = data}, cut, items};
