/* An image becomes some channels of a wider one, or is added to them: several joins concatenate.
 *
 *     y[p][at + c] (+)= x[p][c]        dx[p][c] = dy[p][at + c]
 *
 * x: [pixels][in_c], y: [pixels][out_c]. Gradients of a value with several readers are added up by joins of whole images.
 * Threads: by blocks of pixels. */
#include "ops.h"

fc_status fc_join_init(fc_op *op, ptrdiff_t pixels, ptrdiff_t c, ptrdiff_t out_c, ptrdiff_t at, int add)
{
    const fc_status status = fc_plain_init(op, FC_JOIN, pixels, c);
    if (status != FC_OK) return status;
    if (at < 0 || at > out_c - c) return FC_INVALID;
    op->out_c = out_c, op->out_size = pixels;
    if (!fc_grow(&op->out_size, out_c)) return FC_OVERFLOW;
    op->u.join = (fc_join){at, add};
    op->cost = (double)op->in_size;
    return FC_OK;
}

static ptrdiff_t block_of(const fc_op *op) { return fc_max(1, FC_PLAIN_ITEM / op->in_c); } /* pixels */

static ptrdiff_t items(const fc_op *op, fc_pass pass)
{
    (void)pass;
    return fc_ceil_div(op->in_h, block_of(op));
}

/* `rows` rows of n floats, from and to rows that far apart. */
static void copy(ptrdiff_t rows, ptrdiff_t n, const float *from, ptrdiff_t step, float *to, ptrdiff_t to_step, int add)
{
    if (step == n && to_step == n) n *= rows, rows = 1;
    for (ptrdiff_t r = 0; r < rows; r++, from += step, to += to_step) {
        if (add)
            fc_k->add(n, from, to);
        else
            memcpy(to, from, (size_t)n * sizeof *to);
    }
}

static void forward(const fc_op *op, const fc_io *io, const fc_work *work)
{
    const ptrdiff_t block = block_of(op), blocks = items(op, FC_FORWARD);
    for (ptrdiff_t item = work->first; item < work->last; item++) {
        const ptrdiff_t image = item / blocks, p = item % blocks * block, rows = fc_min(block, op->in_h - p);
        copy(rows, op->in_c, fc_row(&io->x, image, work) + p * op->in_c, op->in_c,
             fc_row(&io->y, image, work) + p * op->out_c + op->u.join.at, op->out_c, op->u.join.add);
    }
}

static void data(const fc_op *op, const fc_io *io, const fc_work *work)
{
    const ptrdiff_t block = block_of(op), blocks = items(op, FC_DATA);
    for (ptrdiff_t item = work->first; item < work->last; item++) {
        const ptrdiff_t image = item / blocks, p = item % blocks * block, rows = fc_min(block, op->in_h - p);
        copy(rows, op->in_c, fc_row(&io->dy, image, work) + p * op->out_c + op->u.join.at, op->out_c,
             fc_row(&io->dx, image, work) + p * op->in_c, op->in_c, 0);
    }
}

const fc_op_class fc_join_class = {
    {[FC_FORWARD] = forward, [FC_DATA] = data}, fc_by_image, items,
    .needs = {[FC_FORWARD] = FC_X | FC_Y, [FC_DATA] = FC_DX | FC_DY},
};
