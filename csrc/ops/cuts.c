/* How passes are cut, and into how many items, where all passes of an op and many ops are alike. */
#include "ops.h"

fc_cut fc_by_image(const fc_op *op, fc_pass pass)
{
    (void)op, (void)pass;
    return FC_BY_IMAGE;
}

fc_cut fc_by_block(const fc_op *op, fc_pass pass)
{
    (void)op, (void)pass;
    return FC_BY_BLOCK;
}

fc_cut fc_by_lanes(const fc_op *op, fc_pass pass)
{
    (void)pass;
    return op->lanes ? FC_BY_CHUNK : FC_BY_IMAGE;
}

ptrdiff_t fc_one_item(const fc_op *op, fc_pass pass)
{
    (void)op, (void)pass;
    return 1;
}

ptrdiff_t fc_plain_items(const fc_op *op, fc_pass pass)
{
    (void)pass;
    return fc_ceil_div(op->out_size * (op->lanes ? fc_k->v : 1), FC_PLAIN_ITEM);
}

ptrdiff_t fc_norm_blocks(ptrdiff_t size) { return fc_ceil_div(size, FC_BLOCK); }

ptrdiff_t fc_parameter_items(const fc_op *op, fc_pass pass)
{
    (void)pass;
    return fc_norm_blocks(op->w_size);
}
