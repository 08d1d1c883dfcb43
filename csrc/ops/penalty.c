/* What regularizers add to the loss: Σ l1·|w| + l2·w², a sum per block of w.
 *
 * w: [w_size]; partial: [fc_norm_blocks(w_size)]. It depends on the weights alone, so its pass is PACK, done when they have
 * changed. The gradient, l1·sign(w) + 2·l2·w, is the optimizer's to add. Threads: by blocks. */
#include "ops.h"

fc_status fc_penalty_init(fc_op *op, ptrdiff_t size, float l1, float l2)
{
    const fc_optimizer constants = {.l1 = l1, .l2 = l2};
    return fc_optimizer_init(op, FC_PENALTY, size, &constants);
}

static void pack(const fc_op *op, const fc_io *io, const fc_work *work)
{
    const fc_optimizer *o = &op->u.optimizer;
    for (ptrdiff_t item = work->first; item < work->last; item++) {
        const ptrdiff_t from = item * FC_BLOCK, n = fc_min(FC_BLOCK, op->w_size - from);
        io->partial[item] = (float)fc_k->penalty(o->l1, o->l2, n, io->w + from);
    }
}

const fc_op_class fc_penalty_class = {
    {[FC_PACK] = pack}, fc_by_block, fc_parameter_items,
    .needs = {[FC_PACK] = FC_W | FC_PARTIAL},
};
