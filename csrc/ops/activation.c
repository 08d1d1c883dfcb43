/* Activations as an op of their own (formulas: kernels/eltwise.h). The derivative is taken from y, or (of_x) from x.
 *
 * x, y: any number of floats per image; y may be x. Threads: by blocks of floats. */
#include "ops.h"

static void forward(const fc_op *op, const fc_io *io, const fc_work *work)
{
    for (ptrdiff_t item = work->first; item < work->last; item++) {
        const fc_plain b = fc_plain_of(op, item);
        fc_k->activate(op->activation, op->alpha, b.n, fc_row(&io->x, b.image, work) + b.at, fc_row(&io->y, b.image, work) + b.at);
    }
}

static void data(const fc_op *op, const fc_io *io, const fc_work *work)
{
    for (ptrdiff_t item = work->first; item < work->last; item++) {
        const fc_plain b = fc_plain_of(op, item);
        const float *of = fc_row(op->kind == FC_ACTIVATION ? &io->y : &io->x, b.image, work) + b.at;
        float *dx = fc_row(&io->dx, b.image, work) + b.at;
        fc_k->activate_backward(op->activation, op->alpha, b.n, of, fc_row(&io->dy, b.image, work) + b.at, dx);
        if (op->curvature) fc_k->activate_backward(op->activation, op->alpha, b.n, of, dx, dx);
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
