/* A kernel in fewer bits (formulas: kernels/half.h).
 *
 * FORWARD: half and scales from x [in][out]. DATA: dx [in][out], the weights again, from half and scales.
 * Both take a batch of one. Threads: blocks of rows that share a scale × panels. */
#include "panels.h"

fc_status fc_half_weights_init(fc_op *op, ptrdiff_t in, ptrdiff_t out, fc_format format)
{
    memset(op, 0, sizeof *op);
    if (in < 1 || out < 1) return FC_INVALID;
    op->kind = FC_HALF_WEIGHTS;
    op->in_h = op->in_w = op->out_h = op->out_w = 1;
    op->in_c = in, op->out_c = out;
    op->in_size = in;
    if (in >= (ptrdiff_t)1 << 40 || out >= (ptrdiff_t)1 << 40 || !fc_grow(&op->in_size, out)) return FC_OVERFLOW;
    op->out_size = op->in_size;
    op->cost = (double)op->in_size;
    op->format = format;
    return fc_half_sizes(op);
}

static void each_block(const fc_op *op, const fc_io *io, const fc_work *work, int forward)
{
    const ptrdiff_t blocks = fc_ceil_div(op->in_c, FC_HALF_ROWS), out = op->out_c;
    for (ptrdiff_t item = work->first; item < work->last; item++) {
        const ptrdiff_t j = item / blocks * FC_PANEL, k = item % blocks * FC_HALF_ROWS;
        const ptrdiff_t rows = fc_min(FC_HALF_ROWS, op->in_c - k), n = fc_min(FC_PANEL, out - j);
        const fc_half half = fc_half_at(op, io, k, j);
        if (forward)
            fc_k->half_pack(op->format, rows, n, io->x.p + k * out + j, out, half.p, half.step, half.scales);
        else
            fc_k->half_unpack(op->format, rows, n, half.p, half.step, half.scales, io->dx.p + k * out + j, out);
    }
}

static void forward(const fc_op *op, const fc_io *io, const fc_work *work) { each_block(op, io, work, 1); }
static void data(const fc_op *op, const fc_io *io, const fc_work *work) { each_block(op, io, work, 0); }

static ptrdiff_t items(const fc_op *op, fc_pass pass)
{
    (void)pass;
    return fc_ceil_div(op->in_c, FC_HALF_ROWS) * fc_ceil_div(op->out_c, FC_PANEL);
}

const fc_op_class fc_half_weights_class = {
    {[FC_FORWARD] = forward, [FC_DATA] = data}, fc_by_block, items,
    .needs = {[FC_FORWARD] = FC_X | FC_HALF | FC_SCALES, [FC_DATA] = FC_DX | FC_HALF | FC_SCALES},
};
