/* Softmax and log-softmax over the last axis (formulas: kernels/softmax.h). Gradients are taken from y.
 *
 * x, y: [rows][c] per image. Threads: by image. */
#include "ops.h"

static void forward(const fc_op *op, const fc_io *io, const fc_work *work)
{
    for (ptrdiff_t image = work->first; image < work->last; image++)
        (op->kind == FC_SOFTMAX ? fc_k->softmax : fc_k->log_softmax)(op->in_h, op->in_c, fc_row(&io->x, image, work),
                                                                     fc_row(&io->y, image, work));
}

static void data(const fc_op *op, const fc_io *io, const fc_work *work)
{
    for (ptrdiff_t image = work->first; image < work->last; image++)
        (op->kind == FC_SOFTMAX ? fc_k->softmax_backward : fc_k->log_softmax_backward)(
            op->in_h, op->in_c, fc_row(&io->y, image, work), fc_row(&io->dy, image, work), fc_row(&io->dx, image, work));
}

const fc_op_class fc_softmax_class = {
    {[FC_FORWARD] = forward, [FC_DATA] = data}, fc_by_image, fc_one_item,
    .needs = {[FC_FORWARD] = FC_X | FC_Y, [FC_DATA] = FC_Y | FC_DX | FC_DY},
};
const fc_op_class fc_log_softmax_class = {
    {[FC_FORWARD] = forward, [FC_DATA] = data}, fc_by_image, fc_one_item,
    .needs = {[FC_FORWARD] = FC_X | FC_Y, [FC_DATA] = FC_Y | FC_DX | FC_DY},
};
