/* Inverted dropout: y = x/(1 − rate) where the random word of the position is ≥ rate·2³², else 0.
 *
 * The position of a float is image · size + index, so results depend on seed, step and place alone. Nothing is stored:
 * DATA draws the same numbers again. Threads: by image. */
#include "ops.h"

fc_status fc_dropout_init(fc_op *op, ptrdiff_t size, double rate)
{
    if (!(rate >= 0 && rate < 1)) return FC_INVALID;
    const fc_status status = fc_plain_init(op, FC_DROPOUT, 1, size);
    op->u.dropout = (fc_dropout){(uint32_t)(rate * 4294967296.0), (float)(1.0 / (1.0 - rate))};
    return status;
}

static void apply(const fc_op *op, const fc_io *io, const fc_work *work, const fc_buf *from, const fc_buf *to)
{
    const fc_random key = {io->seed, io->step, op->u.dropout};
    for (ptrdiff_t image = work->first; image < work->last; image++)
        fc_k->dropout(&key, (uint64_t)image * (uint64_t)op->in_size, op->in_size, fc_row(from, image, work),
                      fc_row(to, image, work));
}

static void forward(const fc_op *op, const fc_io *io, const fc_work *work) { apply(op, io, work, &io->x, &io->y); }
static void data(const fc_op *op, const fc_io *io, const fc_work *work) { apply(op, io, work, &io->dy, &io->dx); }

static fc_cut cut(const fc_op *op, fc_pass pass)
{
    (void)op, (void)pass;
    return FC_BY_IMAGE;
}

static ptrdiff_t items(const fc_op *op, fc_pass pass)
{
    (void)op, (void)pass;
    return 1;
}

const fc_op_class fc_dropout_class = {"dropout", {[FC_FORWARD] = forward, [FC_DATA] = data}, cut, items};
