/* Transposed convolution: every pixel spreads a filter over the result, `stride` pixels from its neighbour's.
 *
 *     y[ih·s − p + fh·d][iw·s − p + fw·d][oc] = b[oc] + the sum of all x[ih][iw][ic] · w[fh][fw][oc][ic] that fall there
 *
 * x [in_h][in_w][in_c], w [filter_h][filter_w][out_c/groups][in_c], y [out_h][out_w][out_c]: what the gradient of a convolution from y's
 * size to x's does. FORWARD is that convolution's DATA, DATA its FORWARD, and WEIGHTS its WEIGHTS with x and dy exchanged.
 * Threads: as there; WEIGHTS has one block more, for db, unless it is cut by chunks. */
#include "conv2d.h"

/* The convolution whose gradient a transposed one is; of a convolution the same with sizes exchanged. */
static fc_op transposed(const fc_op *op)
{
    fc_op other = *op;
    other.kind = FC_CONV2D, other.activation = FC_LINEAR;
    other.in_h = op->out_h, other.in_w = op->out_w, other.in_c = op->out_c, other.in_size = op->out_size;
    other.out_h = op->in_h, other.out_w = op->in_w, other.out_c = op->in_c, other.out_size = op->in_size;
    other.packed_size = op->packed_t_size, other.packed_t_size = op->packed_size;
    return other;
}

fc_status fc_conv2d_transpose_init(fc_op *op, ptrdiff_t in_h, ptrdiff_t in_w, ptrdiff_t in_c, ptrdiff_t out_h, ptrdiff_t out_w,
                                   ptrdiff_t out_c, const fc_conv2d *window, ptrdiff_t pad_bottom, ptrdiff_t pad_right, int bias)
{
    const fc_status status = fc_conv2d_init(op, out_h, out_w, out_c, in_c, window, pad_bottom, pad_right, 0);
    if (status != FC_OK) return status;
    if (op->out_h != in_h || op->out_w != in_w) return FC_INVALID;
    *op = transposed(op);
    op->kind = FC_CONV2D_TRANSPOSE;
    op->b_size = bias ? out_c : 0;
    if (op->partial) op->partial += op->b_size;
    return FC_OK;
}

/* The convolution's buffers. It has no bias; its partial sums leave room for db. */
static fc_io exchanged(const fc_io *io)
{
    fc_io other = *io;
    other.x = io->dy, other.dx = io->y, other.y = io->dx, other.dy = io->x;
    other.packed = io->packed_t, other.packed_t = io->packed;
    other.b = other.db = NULL;
    return other;
}

static void run(const fc_op *op, fc_pass pass, const fc_io *io, const fc_work *work)
{
    const fc_op conv = transposed(op);
    const fc_io own = exchanged(io);
    fc_conv2d_class.pass[pass](&conv, &own, work);
}

static void pack(const fc_op *op, const fc_io *io, const fc_work *work) { run(op, FC_PACK, io, work); }
static void data(const fc_op *op, const fc_io *io, const fc_work *work) { run(op, FC_FORWARD, io, work); }

static void forward(const fc_op *op, const fc_io *io, const fc_work *work)
{
    const fc_op conv = transposed(op);
    const fc_io own = exchanged(io);
    fc_conv2d_by(&conv, FC_DATA)->data(&conv, &own, work, io->b, op->activation);
}

static ptrdiff_t conv_items(const fc_op *op, fc_pass pass)
{
    const fc_op conv = transposed(op);
    return fc_conv2d_class.items(&conv, pass);
}

static void weights(const fc_op *op, const fc_io *io, const fc_work *work)
{
    if (op->partial) {
        run(op, FC_WEIGHTS, io, work);
        for (fc_part p = {0}; op->b_size && fc_next_part(work, conv_items(op, FC_WEIGHTS), &p);)
            if (p.first == 0)
                fc_conv2d_bias(op, io, work, p.chunk * work->chunk, fc_min((p.chunk + 1) * work->chunk, work->batch), 0, op->out_c,
                               io->partial + p.chunk * (op->w_size + op->b_size) + op->w_size);
        return;
    }
    fc_work blocks = *work;
    blocks.last = fc_min(work->last, conv_items(op, FC_WEIGHTS));
    if (blocks.first < blocks.last) run(op, FC_WEIGHTS, io, &blocks);
    if (work->last > blocks.last && op->b_size) fc_conv2d_bias(op, io, work, work->from, work->to, 0, op->out_c, io->db);
}

/* The convolution's pass that computes one of this op's. */
static fc_pass exchanged_pass(fc_pass pass) { return pass == FC_FORWARD ? FC_DATA : pass == FC_DATA ? FC_FORWARD : pass; }

static ptrdiff_t items(const fc_op *op, fc_pass pass)
{
    if (pass == FC_MASK) return fc_plain_items(op, pass);
    return conv_items(op, exchanged_pass(pass)) + (pass == FC_WEIGHTS && !op->partial && op->b_size > 0);
}

static const char *algorithm(const fc_op *op, fc_pass pass)
{
    const fc_op conv = transposed(op);
    return fc_op_algorithm(&conv, exchanged_pass(pass));
}

const fc_op_class fc_conv2d_transpose_class = {
    {[FC_PACK] = pack, [FC_FORWARD] = forward, [FC_MASK] = fc_mask, [FC_DATA] = data, [FC_WEIGHTS] = weights,
     [FC_REDUCE] = fc_reduce}, fc_conv2d_cut, items,
    .needs = {[FC_PACK] = FC_W, [FC_FORWARD] = FC_X | FC_Y | FC_PACKED | FC_B, [FC_MASK] = FC_Y | FC_DY,
              [FC_DATA] = FC_DX | FC_DY | FC_PACKED_T,
              [FC_WEIGHTS] = FC_X | FC_DY | FC_PARTIAL | FC_DW | FC_DB, [FC_REDUCE] = FC_PARTIAL | FC_DW | FC_DB},
    .algorithm = algorithm,
};
