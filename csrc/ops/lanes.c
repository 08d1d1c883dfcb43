/* Into lanes and out of them: the images of a chunk interleaved, so that an image is a lane of every vector.
 *
 *     to_lanes     y[h + pad][w + pad][c][l] = x_l[h][w][c], 0 around and where the chunk has no image l
 *     from_lanes   y_l[i] = x[i][l]
 *
 * In lanes a value is [pixel][channel][V] per chunk of V images: as many floats as V rows, which begin where the row of the
 * chunk's first image does. Each DATA is the other's FORWARD. Between the two all ops are *in lanes* (fc_op.lanes): their
 * passes have items of a chunk, compute all V lanes, and may read what they like in empty ones: dy is 0 there.
 * Assumes: chunks of V images. Threads: by rows of an image, or blocks of floats, of a chunk. */
#include "in_lanes.h"

fc_status fc_to_lanes_init(fc_op *op, fc_op *next)
{
    memset(op, 0, sizeof *op);
    if (!next->lanes) return FC_INVALID;
    op->kind = FC_TO_LANES, op->lanes = 1;
    op->in_h = next->in_h, op->in_w = next->in_w, op->in_c = op->out_c = next->in_c;
    op->in_size = next->in_size;
    if (next->kind == FC_CONV2D) {
        fc_conv2d *o = &next->u.conv2d;
        op->u.to_lanes = (fc_to_lanes){o->pad_top, o->pad_left};
        next->in_h = next->out_h + o->filter_h - 1, next->in_w = next->out_w + o->filter_w - 1;
        next->in_size = next->in_h * next->in_w * next->in_c; /* has been checked: the padded copy was as large */
        o->pad_top = o->pad_left = 0;
    }
    op->out_h = next->in_h, op->out_w = next->in_w, op->out_size = next->in_size;
    op->cost = (double)op->in_size;
    return FC_OK;
}

fc_status fc_from_lanes_init(fc_op *op, ptrdiff_t size)
{
    const fc_status status = fc_plain_init(op, FC_FROM_LANES, 1, size);
    op->lanes = 1, op->cost = (double)size;
    return status;
}

/* Of an image: those of pixels, or a dense layer's one. */
static ptrdiff_t rows(const fc_op *op) { return fc_max(1, op->in_h); }

static ptrdiff_t row_items(const fc_op *op, fc_pass pass)
{
    (void)pass;
    return rows(op);
}

static void clear(float *y, ptrdiff_t pixels, ptrdiff_t c) { memset(y, 0, (size_t)(pixels * c * fc_k->v) * sizeof *y); }

static void interleave(const fc_op *op, const fc_io *io, const fc_work *work)
{
    const ptrdiff_t v = fc_k->v, c = op->in_c, w = op->in_w, left = op->u.to_lanes.pad_left, top = op->u.to_lanes.pad_top;
    for (fc_part p = {0}; fc_next_part(work, rows(op), &p);) {
        const ptrdiff_t image = p.chunk * v, images = fc_min(v, work->batch - image);
        const float *x = fc_row(&io->x, image, work);
        float *y = fc_row(&io->y, image, work);
        if (op->out_size == op->in_size) {
            const ptrdiff_t row = op->in_size / rows(op), from = p.first * row;
            fc_k->to_lanes(images, (p.last - p.first) * row, x + from, io->x.size, y + from * v, v);
            continue;
        }
        if (p.first == 0) clear(y, top * op->out_w + left, c);
        y += ((top + p.first) * op->out_w + left) * c * v;
        for (ptrdiff_t h = p.first; h < p.last; h++, y += op->out_w * c * v) {
            fc_k->to_lanes(images, w * c, x + h * w * c, io->x.size, y, v);
            clear(y + w * c * v, op->out_w - w - (h == op->in_h - 1 ? left : 0), c);
        }
        if (p.last == op->in_h) clear(y - left * c * v, (op->out_h - top - op->in_h) * op->out_w, c);
    }
}

static void interleave_data(const fc_op *op, const fc_io *io, const fc_work *work)
{
    const ptrdiff_t v = fc_k->v, c = op->in_c, row = op->in_size / rows(op);
    for (fc_part p = {0}; fc_next_part(work, rows(op), &p);) {
        const ptrdiff_t image = p.chunk * v, images = fc_min(v, work->batch - image);
        const float *dy = fc_row(&io->dy, image, work);
        float *dx = fc_row(&io->dx, image, work) + p.first * row;
        dy += ((op->u.to_lanes.pad_top + p.first) * op->out_w + op->u.to_lanes.pad_left) * c * v;
        for (ptrdiff_t h = p.first; h < p.last; h++, dy += op->out_w * c * v, dx += row)
            fc_k->from_lanes(images, row, dy, dx, io->dx.size);
    }
}

static void deinterleave(const fc_op *op, const fc_io *io, const fc_work *work)
{
    const ptrdiff_t v = fc_k->v;
    for (ptrdiff_t item = work->first; item < work->last; item++) {
        const fc_plain b = fc_plain_of(op, item);
        fc_k->from_lanes(fc_min(v, work->batch - b.image), b.n / v, fc_row(&io->x, b.image, work) + b.at,
                         fc_row(&io->y, b.image, work) + b.at / v, io->y.size);
    }
}

static void deinterleave_data(const fc_op *op, const fc_io *io, const fc_work *work)
{
    const ptrdiff_t v = fc_k->v;
    for (ptrdiff_t item = work->first; item < work->last; item++) {
        const fc_plain b = fc_plain_of(op, item);
        fc_k->to_lanes(fc_min(v, work->batch - b.image), b.n / v, fc_row(&io->dy, b.image, work) + b.at / v, io->dy.size,
                       fc_row(&io->dx, b.image, work) + b.at, v);
    }
}

const fc_op_class fc_to_lanes_class = {
    {[FC_FORWARD] = interleave, [FC_DATA] = interleave_data}, fc_by_lanes, row_items,
    .needs = {[FC_FORWARD] = FC_X | FC_Y, [FC_DATA] = FC_DX | FC_DY},
};
const fc_op_class fc_from_lanes_class = {
    {[FC_FORWARD] = deinterleave, [FC_DATA] = deinterleave_data}, fc_by_lanes, fc_plain_items,
    .needs = {[FC_FORWARD] = FC_X | FC_Y, [FC_DATA] = FC_DX | FC_DY},
};
