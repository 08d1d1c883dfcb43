/* A parameter that several ops read: the gradient of one of them is added to that of the others.
 *
 *     w += dw
 *
 * w: the sum, dw: one part, [w_size]. Threads: by blocks. */
#include "ops.h"

fc_status fc_gradient_sum_init(fc_op *op, ptrdiff_t size)
{
    const fc_optimizer none = {0};
    return fc_optimizer_init(op, FC_GRADIENT_SUM, size, &none);
}

static void reduce(const fc_op *op, const fc_io *io, const fc_work *work)
{
    for (ptrdiff_t item = work->first; item < work->last; item++) {
        const ptrdiff_t from = item * FC_BLOCK;
        fc_k->add(fc_min(FC_BLOCK, op->w_size - from), io->dw + from, io->w + from);
    }
}

const fc_op_class fc_gradient_sum_class = {
    {[FC_REDUCE] = reduce}, fc_by_block, fc_parameter_items,
    .needs = {[FC_REDUCE] = FC_W | FC_DW},
};
