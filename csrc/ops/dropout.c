/* Inverted dropout: y = x/(1 − rate) where the random word of the position is ≥ rate·2³², else 0.
 *
 * x, y [pixels][c]: all pixels share a channel's number, so that whole channels are dropped; c floats of one pixel, each its own.
 * The position is image · c + channel, so results depend on seed, step and place alone. Nothing is stored: DATA draws the
 * same numbers again. Threads: by image. */
#include "ops.h"

fc_status fc_dropout_init(fc_op *op, ptrdiff_t pixels, ptrdiff_t c, double rate)
{
    if (!(rate >= 0 && rate < 1)) return FC_INVALID;
    const fc_status status = fc_plain_init(op, FC_DROPOUT, pixels, c);
    op->u.dropout = (fc_dropout){(uint32_t)(rate * 4294967296.0), (float)(1.0 / (1.0 - rate))};
    op->scratch = pixels > 1 ? c : 0;
    return status;
}

static void apply(const fc_op *op, const fc_io *io, const fc_work *work, const fc_buf *from, const fc_buf *to)
{
    const fc_random key = {io->seed, io->step, op->u.dropout};
    const ptrdiff_t pixels = op->in_h, c = op->in_c;
    float *factor = work->scratch;
    for (ptrdiff_t image = work->first; image < work->last; image++) {
        const uint64_t first = (uint64_t)image * (uint64_t)c;
        const float *x = fc_row(from, image, work);
        float *y = fc_row(to, image, work);
        if (pixels == 1) {
            fc_k->dropout(&key, first, c, x, y);
            continue;
        }
        for (ptrdiff_t i = 0; i < c; i++) factor[i] = 1.0f;
        fc_k->dropout(&key, first, c, factor, factor);
        fc_k->keep_channels(pixels, c, factor, x, y);
    }
}

static void forward(const fc_op *op, const fc_io *io, const fc_work *work) { apply(op, io, work, &io->x, &io->y); }
static void data(const fc_op *op, const fc_io *io, const fc_work *work) { apply(op, io, work, &io->dy, &io->dx); }

const fc_op_class fc_dropout_class = {
    {[FC_FORWARD] = forward, [FC_DATA] = data}, fc_by_image, fc_one_item,
    .needs = {[FC_FORWARD] = FC_X | FC_Y, [FC_DATA] = FC_DX | FC_DY},
};
