/* Activations as an op of their own (formulas: kernels/eltwise.h). The derivative is taken from y, or (of_x) from x.
 *
 * x, y: any number of floats per image; y may be x. Threads: by blocks of floats; in lanes by chunks. */
#include "ops.h"

static ptrdiff_t range(const fc_op *op, ptrdiff_t item, ptrdiff_t *image, ptrdiff_t *n)
{
    if (op->lanes) {
        *image = item * fc_k->v, *n = op->in_size * fc_k->v;
        return 0;
    }
    const ptrdiff_t blocks = fc_ceil_div(op->in_size, FC_PLAIN_ITEM), at = item % blocks * FC_PLAIN_ITEM;
    *image = item / blocks, *n = fc_min(FC_PLAIN_ITEM, op->in_size - at);
    return at;
}

static void forward(const fc_op *op, const fc_io *io, const fc_work *work)
{
    for (ptrdiff_t item = work->first; item < work->last; item++) {
        ptrdiff_t n, image, at = range(op, item, &image, &n);
        fc_k->activate(op->activation, op->alpha, n, fc_row(&io->x, image, work) + at, fc_row(&io->y, image, work) + at);
    }
}

static void data(const fc_op *op, const fc_io *io, const fc_work *work)
{
    for (ptrdiff_t item = work->first; item < work->last; item++) {
        ptrdiff_t n, image, at = range(op, item, &image, &n);
        const float *of = fc_row(op->kind == FC_ACTIVATION ? &io->y : &io->x, image, work) + at;
        float *dx = fc_row(&io->dx, image, work) + at;
        fc_k->activate_backward(op->activation, op->alpha, n, of, fc_row(&io->dy, image, work) + at, dx);
        if (op->curvature) fc_k->activate_backward(op->activation, op->alpha, n, of, dx, dx);
    }
}

const fc_op_class fc_activation_class = {
    {[FC_FORWARD] = forward, [FC_DATA] = data}, fc_by_lanes, fc_plain_items,
    .needs = {[FC_FORWARD] = FC_X | FC_Y, [FC_DATA] = FC_Y | FC_DX | FC_DY},
    .set_lanes = fc_in_lanes, .set_curvature = fc_of_curvature,
};
const fc_op_class fc_activation_of_x_class = {
    {[FC_FORWARD] = forward, [FC_DATA] = data}, fc_by_lanes, fc_plain_items,
    .needs = {[FC_FORWARD] = FC_X | FC_Y, [FC_DATA] = FC_X | FC_DX | FC_DY},
    .set_lanes = fc_in_lanes, .set_curvature = fc_of_curvature,
};
