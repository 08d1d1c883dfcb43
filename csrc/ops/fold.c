/* Weights and bias of a convolution or a dense layer with the given-statistics normalization after it folded in:
 *
 *     dw[k][f] = w[k][f]·a[f]        db[f] = (b[f] − μ[f])·a[f] + β[f]
 *
 * w, dw: [rows][c]; b (NULL: 0), db: [c]; packed: of the normalization (batch_norm.c). Threads: by blocks of rows. */
#include "ops.h"

fc_status fc_fold_init(fc_op *op, const fc_op *of, const fc_op *norm)
{
    memset(op, 0, sizeof *op);
    if (!fc_op_classes[of->kind]->folds || norm->kind != FC_FIXED_NORM || of->out_c != norm->in_c) return FC_INVALID;
    op->kind = FC_FOLD;
    op->in_c = op->out_c = of->out_c;
    op->in_h = op->out_h = of->w_size / of->out_c, op->in_w = op->out_w = 1;
    op->w_size = of->w_size, op->b_size = of->out_c, op->packed_size = norm->packed_size;
    op->u.batch_norm = norm->u.batch_norm;
    return FC_OK;
}

static ptrdiff_t block(const fc_op *op) { return fc_max(1, FC_PLAIN_ITEM / op->in_c); }

static void pack(const fc_op *op, const fc_io *io, const fc_work *work)
{
    const ptrdiff_t c = op->in_c, from = work->first * block(op), to = fc_min(work->last * block(op), op->in_h);
    const float *mean = io->packed, *scale = mean + op->u.batch_norm.row, *shift = scale + op->u.batch_norm.row;
    fc_k->norm_scale(to - from, c, io->w + from * c, scale, io->dw + from * c);
    if (from > 0) return;
    if (io->b)
        memcpy(io->db, io->b, (size_t)c * sizeof *io->db);
    else
        memset(io->db, 0, (size_t)c * sizeof *io->db);
    fc_k->norm(1, c, io->db, mean, scale, shift, io->db);
}

static ptrdiff_t items(const fc_op *op, fc_pass pass)
{
    (void)pass;
    return fc_ceil_div(op->in_h, block(op));
}

const fc_op_class fc_fold_class = {
    {[FC_PACK] = pack}, fc_by_block, items,
    .needs = {[FC_PACK] = FC_W | FC_PACKED | FC_DW | FC_DB},
};
