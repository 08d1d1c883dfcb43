/* Stochastic gradient descent over a flat parameter array (formula: kernels/optim.h).
 *
 * w, dw, state (velocity; NULL without momentum): [w_size]. io->scale is the learning rate. Threads: by blocks. */
#include "ops.h"

#define BLOCK (4 * FC_PLAIN_ITEM)

fc_status fc_sgd_init(fc_op *op, ptrdiff_t size, float momentum, int nesterov, float weight_decay,
                      int decoupled)
{
    memset(op, 0, sizeof *op);
    if (size < 1) return FC_INVALID;
    op->kind = FC_SGD;
    op->w_size = size;
    op->u.sgd = (fc_sgd){momentum, decoupled ? 0 : weight_decay, decoupled ? weight_decay : 0, nesterov};
    op->cost = (double)size;
    return FC_OK;
}

static void update(const fc_op *op, const fc_io *io, const fc_work *work)
{
    const ptrdiff_t from = work->first * BLOCK, n = fc_min(work->last * BLOCK, op->w_size) - from;
    fc_update(op, io->scale, n, io->w + from, io->dw + from, io->state ? io->state + from : NULL);
}

static fc_cut cut(const fc_op *op, fc_pass pass)
{
    (void)op, (void)pass;
    return FC_BY_BLOCK;
}

static ptrdiff_t items(const fc_op *op, fc_pass pass)
{
    (void)pass;
    return fc_ceil_div(op->w_size, BLOCK);
}

const fc_op_class fc_sgd_class = {"sgd", {[FC_UPDATE] = update}, cut, items};
