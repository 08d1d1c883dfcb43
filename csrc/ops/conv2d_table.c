/* Convolution with a table of connections: output channel o sees the input channels that the table pairs it with, no others, as
 * LeNet-5's C3 does. Stride, padding and dilation as in conv2d.c; one group.
 *
 *     y[oh][ow][o] = b[o] + Σ_{fh,fw} Σ_{k: out(k) = o} x[oh·s − p + fh·d][ow·s − p + fw·d][in(k)] · w[fh][fw][k]
 *
 * w [filter_h][filter_w][connections]. io->table lists (in(k), out(k)) by output and then input channel; every output has a
 * connection.
 *
 * In lanes: conv2d_table_lanes.c. Here channels are lanes, so a vector holds outputs that are connected with different inputs,
 * and zeros would fill it: w is written out with a zero for each missing connection (at the head of packed and packed_t), and
 * the direct algorithm does the rest with all connections. Of its weight gradient those of the table are kept.
 * Threads: as conv2d_direct.c, PACK in two items; WEIGHTS by chunks. */
#include "conv2d.h"

static ptrdiff_t taps(const fc_op *op) { return op->u.conv2d.filter_h * op->u.conv2d.filter_w; }
static ptrdiff_t all_weights(const fc_op *op) { return taps(op) * op->in_c * op->out_c; }
static ptrdiff_t written_out(const fc_op *op) { return fc_round_up(all_weights(op), FC_LINE); }

static int fits(const fc_op *op, fc_pass pass)
{
    (void)pass;
    return op->u.conv2d.connections > 0;
}

/* The op with all connections. */
static fc_op whole(const fc_op *op)
{
    fc_op all = *op;
    all.u.conv2d.connections = 0;
    all.w_size = all_weights(op);
    return all;
}

static fc_status size(fc_op *op, fc_pass pass)
{
    const ptrdiff_t connections = op->u.conv2d.connections;
    fc_op all = whole(op);
    const fc_status status = fc_conv2d_direct.size(&all, pass);
    op->u.conv2d = all.u.conv2d, op->u.conv2d.connections = connections;
    op->scratch = fc_max(op->scratch, all.scratch + (pass == FC_WEIGHTS ? written_out(op) : 0));
    if (pass == FC_FORWARD) op->packed_size = all.packed_size + written_out(op);
    if (pass == FC_DATA) op->packed_t_size = all.packed_t_size + written_out(op);
    op->partial = op->w_size + op->b_size;
    return status;
}

static ptrdiff_t items(const fc_op *op, fc_pass pass)
{
    return pass == FC_WEIGHTS ? 1 : fc_conv2d_direct.items(op, pass);
}

static void pack(const fc_op *op, const fc_io *io, fc_pass pass, ptrdiff_t item, float *packed, float *scratch)
{
    (void)item;
    const ptrdiff_t n = op->u.conv2d.connections;
    const fc_op all = whole(op);
    fc_io all_io = *io;
    all_io.w = packed;
    memset(packed, 0, (size_t)all_weights(op) * sizeof *packed);
    for (ptrdiff_t t = 0; t < taps(op); t++)
        for (ptrdiff_t k = 0; k < n; k++)
            packed[(t * op->in_c + io->table[2 * k]) * op->out_c + io->table[2 * k + 1]] = io->w[t * n + k];
    for (ptrdiff_t i = 0; i < fc_conv2d_direct.pack_items(&all, pass); i++)
        fc_conv2d_direct.pack(&all, &all_io, pass, i, packed + written_out(op), scratch);
}

static void forward(const fc_op *op, const fc_io *io, const fc_work *work)
{
    const fc_op all = whole(op);
    fc_io all_io = *io;
    all_io.packed += written_out(op);
    fc_conv2d_direct.forward(&all, &all_io, work);
}

static void data(const fc_op *op, const fc_io *io, const fc_work *work, const float *bias, fc_activation activation)
{
    const fc_op all = whole(op);
    fc_io all_io = *io;
    all_io.packed_t += written_out(op);
    fc_conv2d_direct.data(&all, &all_io, work, bias, activation);
}

static void weights(const fc_op *op, const fc_io *io, const fc_work *work, ptrdiff_t first, ptrdiff_t last, ptrdiff_t from,
                    ptrdiff_t to, float *dw, float *db)
{
    (void)first, (void)last;
    const fc_op all = whole(op);
    const ptrdiff_t n = op->u.conv2d.connections;
    fc_work inner = *work;
    float *all_dw = work->scratch;
    inner.scratch = all_dw + written_out(op);
    fc_conv2d_direct.weights(&all, io, &inner, 0, fc_conv2d_direct.items(&all, FC_WEIGHTS), from, to, all_dw, db);
    for (ptrdiff_t t = 0; t < taps(op); t++)
        for (ptrdiff_t k = 0; k < n; k++)
            dw[t * n + k] = all_dw[(t * op->in_c + io->table[2 * k]) * op->out_c + io->table[2 * k + 1]];
}

const fc_conv2d_algorithm fc_conv2d_table = {
    .name = "direct", .fits = fits, .size = size, .items = items, .pack_items = fc_one_item, .pack = pack, .forward = forward,
    .data = data, .weights = weights,
};
