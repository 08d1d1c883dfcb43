/* Local response normalization and max pooling of its result in one pass (formulas: kernels/lrn.h, kernels/pool.h).
 *
 * x [in_h][in_w][c], y [out_h][out_w][c]. A row of x at a time is normalized into scratch and pooled from there, so the normalized
 * image is nowhere. DATA does so again, keeps the row's factors for the normalization's gradient, and finds the maxima by the pooled y:
 *
 *     dx row = normalization's backward of (Σ over windows that hold the row: dy where the row is y, and no earlier pixel was)
 *
 * where activation is relu, x is its result, and dx is masked by its derivative. Where channels are normalized in groups of lrn_c, a
 * group is a pixel of the normalization's. The results are those of the two ops, bit for bit.
 * Threads: FORWARD by output rows, of which those that begin a share normalize the rows that they have in common with the share
 * before again; DATA by image. */
#include "ops.h"

#define LARGEST 65536 /* floats of scratch: rows that pass through it stay in L2 */

/* Rows of output that one row of the image can belong to. */
static ptrdiff_t windows(const fc_pool2d *o) { return fc_ceil_div(o->pool_h, o->stride_h); }

fc_status fc_lrn_pool_init(fc_op *op, const fc_op *lrn, const fc_op *pool)
{
    if (lrn->kind != FC_LRN || pool->kind != FC_MAX_POOL2D || pool->lanes) return FC_INVALID;
    if (lrn->in_size != pool->in_size || pool->in_c % lrn->in_c) return FC_INVALID;
    if (pool->u.pool2d.dilation_h != 1 || pool->u.pool2d.dilation_w != 1) return FC_INVALID;
    *op = *pool;
    op->kind = FC_LRN_POOL;
    op->u.lrn_pool = (fc_lrn_pool){lrn->u.lrn, pool->u.pool2d, lrn->in_c};
    op->cost = lrn->cost + pool->cost;
    op->scratch = lrn->scratch + (4 * op->in_w + windows(&pool->u.pool2d) * op->out_w) * op->in_c + FC_MARGIN;
    return op->scratch > LARGEST ? FC_INVALID : FC_OK;
}

static fc_row_windows row_windows(const fc_op *op)
{
    const fc_pool2d *o = &op->u.lrn_pool.pool;
    return (fc_row_windows){op->out_w, op->in_w, o->pool_w, o->stride_w, o->pad_left, op->in_c, 0};
}

/* The first image row of output row oh's windows, and the first behind them. */
static ptrdiff_t first_row(const fc_op *op, ptrdiff_t oh)
{
    return fc_max(0, oh * op->u.lrn_pool.pool.stride_h - op->u.lrn_pool.pool.pad_top);
}
static ptrdiff_t end_row(const fc_op *op, ptrdiff_t oh)
{
    const fc_pool2d *o = &op->u.lrn_pool.pool;
    return fc_min(op->in_h, oh * o->stride_h - o->pad_top + o->pool_h);
}

/* y = the row x normalized, f and w (or NULL) as the kernel keeps them. */
static void normalize_row(const fc_op *op, const float *x, float *y, float *f, float *w, float *scratch)
{
    const fc_lrn_pool *o = &op->u.lrn_pool;
    fc_k->lrn(&o->lrn, op->in_w * op->in_c / o->lrn_c, o->lrn_c, x, y, f, w, scratch);
}

/* Output rows [from, to) of one image. */
static void forward_rows(const fc_op *op, const float *x, float *y, ptrdiff_t from, ptrdiff_t to, float *scratch)
{
    const ptrdiff_t in = op->in_w * op->in_c, out = op->out_w * op->in_c;
    fc_row_windows r = row_windows(op);
    for (ptrdiff_t ih = first_row(op, from), oh = from; oh < to; ih = fc_max(ih + 1, first_row(op, oh))) {
        normalize_row(op, x + ih * in, scratch, NULL, NULL, scratch + in);
        for (ptrdiff_t h = oh; h < to && first_row(op, h) <= ih; h++) {
            r.fresh = ih == first_row(op, h);
            fc_k->max_pool_row(&r, scratch, y + h * out);
        }
        while (oh < to && end_row(op, oh) <= ih + 1) oh++;
    }
}

static void forward(const fc_op *op, const fc_io *io, const fc_work *work)
{
    for (ptrdiff_t item = work->first; item < work->last;) {
        const ptrdiff_t image = item / op->out_h, from = item % op->out_h;
        const ptrdiff_t to = fc_min(op->out_h, from + work->last - item);
        forward_rows(op, fc_row(&io->x, image, work), fc_row(&io->y, image, work), from, to, work->scratch);
        item += to - from;
    }
}

static void data_image(const fc_op *op, const float *x, const float *y, const float *dy, float *dx, float *scratch)
{
    const ptrdiff_t in = op->in_w * op->in_c, out = op->out_w * op->in_c, kept = windows(&op->u.lrn_pool.pool);
    float *normalized = scratch, *f = normalized + in, *w = f + in, *d = w + in, *rest = d + in, *more = rest + kept * out;
    const fc_row_windows r = row_windows(op);
    for (ptrdiff_t ih = 0, oh = 0; ih < op->in_h; ih++, x += in, dx += in) {
        normalize_row(op, x, normalized, f, w, more);
        memset(d, 0, (size_t)in * sizeof *d);
        for (ptrdiff_t h = oh; h < op->out_h && first_row(op, h) <= ih; h++) {
            float *left = rest + h % kept * out;
            if (ih == first_row(op, h)) memcpy(left, dy + h * out, (size_t)out * sizeof *left);
            fc_k->max_pool_row_backward(&r, normalized, y + h * out, left, d);
        }
        while (oh < op->out_h && end_row(op, oh) <= ih + 1) oh++;
        fc_k->lrn_backward(&op->u.lrn_pool.lrn, in / op->u.lrn_pool.lrn_c, op->u.lrn_pool.lrn_c, op->activation == FC_RELU, x, f, w,
                           d, dx, more);
    }
}

static void data(const fc_op *op, const fc_io *io, const fc_work *work)
{
    for (ptrdiff_t image = work->first; image < work->last; image++)
        data_image(op, fc_row(&io->x, image, work), fc_row(&io->y, image, work), fc_row(&io->dy, image, work),
                   fc_row(&io->dx, image, work), work->scratch);
}

static ptrdiff_t items(const fc_op *op, fc_pass pass) { return pass == FC_FORWARD ? op->out_h : 1; }

const fc_op_class fc_lrn_max_pool2d_class = {
    {[FC_FORWARD] = forward, [FC_DATA] = data}, fc_by_image, items,
    .needs = {[FC_FORWARD] = FC_X | FC_Y, [FC_DATA] = FC_X | FC_Y | FC_DX | FC_DY},
};
