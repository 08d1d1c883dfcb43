/* Optimizers over a flat parameter array (formulas: kernels/optim.h).
 *
 * w, dw, state[i] (NULL: not kept): [w_size]. io->scale is the learning rate, io->correction what Adam multiplies it with.
 * With clip_norm, REDUCE writes the sum of g² of each block into its place of io->partial; UPDATE adds up those that make
 * up the norm, always in the same order. Threads: by blocks. */
#include <math.h>

#include "ops.h"

fc_status fc_optimizer_init(fc_op *op, fc_kind kind, ptrdiff_t size, const fc_optimizer *constants)
{
    memset(op, 0, sizeof *op);
    if (size < 1) return FC_INVALID;
    op->kind = kind;
    op->w_size = size;
    op->u.optimizer = *constants;
    op->cost = (double)size;
    return FC_OK;
}

void fc_update(const fc_op *op, const fc_io *io, float factor, ptrdiff_t at, ptrdiff_t n, const float *dw)
{
    const fc_optimizer *o = &op->u.optimizer;
    const fc_rates rates = {io->scale, io->correction, factor};
    float *w = io->w + at, *state[FC_STATES];
    for (int i = 0; i < FC_STATES; i++) state[i] = io->state[i] ? io->state[i] + at : NULL;
    switch (op->kind) {
#define X(kind, name) case kind: fc_k->name(o, &rates, n, w, dw, state); break;
        FC_OPTIMIZER_LIST(X)
#undef X
    default: break;
    }
}

static void squares(const fc_op *op, const fc_io *io, const fc_work *work)
{
    for (ptrdiff_t item = work->first; item < work->last; item++) {
        const ptrdiff_t from = item * FC_BLOCK, n = fc_min(FC_BLOCK, op->w_size - from);
        io->partial[op->u.optimizer.norm_own + item] = (float)fc_k->sum_squares(&op->u.optimizer, n, io->w + from, io->dw + from);
    }
}

/* What g is multiplied with so that its norm is at most clip_norm: 1 or less; NaN if the norm is. */
static float clip_factor(const fc_op *op, const fc_io *io)
{
    const fc_optimizer *o = &op->u.optimizer;
    double sum = 0;
    if (o->clip_norm <= 0) return 1;
    for (ptrdiff_t i = 0; i < o->norm_count; i++) sum += io->partial[o->norm_first + i];
    return sqrt(sum) <= o->clip_norm ? 1 : (float)(o->clip_norm / sqrt(sum));
}

static void update(const fc_op *op, const fc_io *io, const fc_work *work)
{
    const ptrdiff_t from = work->first * FC_BLOCK, n = fc_min(work->last * FC_BLOCK, op->w_size) - from;
    fc_update(op, io, clip_factor(op, io), from, n, io->dw + from);
}

static unsigned correct(const fc_op *op, const fc_io *io, fc_pass pass, ptrdiff_t batch, unsigned needs)
{
    (void)io, (void)batch;
    if (pass != FC_UPDATE) return needs;
    return needs | op->u.optimizer.states * FC_STATE | (op->u.optimizer.clip_norm > 0 ? FC_PARTIAL : 0);
}

#define X(kind, name) \
    const fc_op_class fc_##name##_class = { \
        {[FC_REDUCE] = squares, [FC_UPDATE] = update}, fc_by_block, fc_parameter_items, \
        .needs = {[FC_REDUCE] = FC_W | FC_DW | FC_PARTIAL, [FC_UPDATE] = FC_W | FC_DW}, .correct = correct, \
    };
FC_OPTIMIZER_LIST(X)
