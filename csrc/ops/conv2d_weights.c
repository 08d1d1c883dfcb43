/* Gradient of conv2d's weights and bias.
 *
 *     dw[fh][fw][ic][oc] = Σ_{image, oh, ow} x[oh·s − p + fh·d][ow·s − p + fw·d][ic] · dy[oh][ow][oc]
 *     db[oc] = Σ_{image, oh, ow} dy[oh][ow][oc]
 *
 * A product whose rows are (tap, ic), whose columns are oc, and whose runs are the rows of output pixels of a block of
 * weights_h rows. Both sides are packed per block so that a tile of each stays in L1: dy as [column tile][pixel][NR], x with
 * its zero edge as panels [pixel][MR] of MR channels, or, with few channels, as it lies (*flat*: the row of the tile runs
 * over (fw, ic), which is contiguous).
 * Threads: small weights by chunks of images, one partial [w_size + b_size] each, summed by REDUCE in chunk order; else by
 * (group, panels), each block of weights summing over all images itself. */
#include "conv2d.h"

#define PANELS 4             /* channel panels per block: dy is packed again for each, 1/36 of its 3 × 3 products */
#define SMALL_WEIGHTS 65536  /* floats; partials of up to 256 KiB */
#define DY_TILE 256          /* pixels: a dy tile of 16 KiB (AVX2) leaves half of L1 to x */

static int flat(const fc_op *op)
{
    const fc_conv2d *o = &op->u.conv2d;
    return o->groups == 1 && o->dilation_w == 1 && op->in_c < 2 * fc_k->mr;
}

/* Channel panels per group, the width of one, and the padded columns of x. */
static ptrdiff_t panels(const fc_op *op)
{
    return flat(op) ? 1 : fc_ceil_div(op->in_c / op->u.conv2d.groups, fc_k->mr);
}
static ptrdiff_t panel_width(const fc_op *op) { return flat(op) ? op->in_c : fc_k->mr; }
static ptrdiff_t copy_w(const fc_op *op)
{
    const fc_conv2d *o = &op->u.conv2d;
    return (op->out_w - 1) * o->stride_w + (o->filter_w - 1) * o->dilation_w + 1;
}
static ptrdiff_t copy_h(const fc_op *op, ptrdiff_t rows)
{
    const fc_conv2d *o = &op->u.conv2d;
    return (rows - 1) * o->stride_h + (o->filter_h - 1) * o->dilation_h + 1;
}

fc_status fc_conv2d_size_weights(fc_op *op)
{
    fc_conv2d *o = &op->u.conv2d;
    o->weights_h = fc_balanced(op->out_h, DY_TILE / op->out_w);
    op->partial = flat(op) || op->w_size <= SMALL_WEIGHTS;
    ptrdiff_t x = copy_h(op, o->weights_h);
    ptrdiff_t dy = o->weights_h * op->out_w;
    if (!fc_grow(&x, copy_w(op)) || !fc_grow(&x, panel_width(op) * fc_min(panels(op), PANELS)) ||
        !fc_grow(&dy, fc_round_up(op->out_c / o->groups, fc_k->nr)))
        return FC_OVERFLOW;
    op->scratch = fc_max(op->scratch, fc_round_up(2 * o->weights_h, 16) + fc_round_up(x, 16) + FC_MAX_MR + dy + 64);
    return FC_OK;
}

ptrdiff_t fc_conv2d_weight_blocks(const fc_op *op) { return op->u.conv2d.groups * fc_ceil_div(panels(op), PANELS); }

/* Panels [p0, p1) of group g of rows [row0, row0 + rows) of x, zero edged. Returns where they lie, *row_step apart. */
static const float *pack_x(const fc_op *op, const float *x, ptrdiff_t g, ptrdiff_t p0, ptrdiff_t p1, ptrdiff_t row0,
                           ptrdiff_t rows, float *copy, ptrdiff_t *row_step)
{
    const fc_conv2d *o = &op->u.conv2d;
    const ptrdiff_t w = copy_w(op), mr = fc_k->mr, icg = op->in_c / o->groups;
    if (flat(op))
        return fc_conv2d_padded(x, op->in_h, op->in_w, op->in_c, row0, rows, -o->pad_left, w, copy, row_step);
    *row_step = w * mr;
    const ptrdiff_t left = fc_min(w, o->pad_left), inside = fc_max(0, fc_min(op->in_w, w - left));
    for (ptrdiff_t p = p0; p < p1; p++) {
        const ptrdiff_t width = fc_min(mr, icg - p * mr);
        for (ptrdiff_t r = 0; r < rows; r++, copy += w * mr) {
            memset(copy, 0, (size_t)(w * mr) * sizeof *copy);
            if (row0 + r < 0 || row0 + r >= op->in_h) continue;
            const float *from = x + (row0 + r) * op->in_w * op->in_c + g * icg + p * mr;
            float *to = copy + left * mr;
            if (width == 6) /* the panel of AVX2 and NEON: let the compiler copy it in registers */
                for (ptrdiff_t i = 0; i < inside; i++) memcpy(to + i * 6, from + i * op->in_c, 6 * sizeof *to);
            else
                for (ptrdiff_t i = 0; i < inside; i++)
                    memcpy(to + i * mr, from + i * op->in_c, (size_t)width * sizeof *to);
        }
    }
    return copy - (p1 - p0) * rows * w * mr;
}

static void pack_dy(const float *dy, ptrdiff_t pixels, ptrdiff_t out_c, ptrdiff_t n, float *to)
{
    const ptrdiff_t nr = fc_k->nr;
    for (ptrdiff_t j = 0; j < n; j += nr, to += pixels * nr)
        fc_pack_columns(to, pixels, fc_min(nr, n - j), dy + j, out_c, 1);
}

/* One block of pixels of one image into dw, panels [p0, p1) of group g. */
static void accumulate(const fc_op *op, const float *x, const float *dy, ptrdiff_t g, ptrdiff_t p0, ptrdiff_t p1,
                       ptrdiff_t oh, ptrdiff_t rows, float *dw, int add, float *scratch)
{
    const fc_conv2d *o = &op->u.conv2d;
    const ptrdiff_t nr = fc_k->nr, mr = fc_k->mr, icg = op->in_c / o->groups, ocg = op->out_c / o->groups;
    const ptrdiff_t pixels = rows * op->out_w, width = panel_width(op), taps_w = flat(op) ? 1 : o->filter_w;
    const ptrdiff_t in_rows = copy_h(op, rows), m = flat(op) ? o->filter_w * op->in_c : mr;
    ptrdiff_t *run = (ptrdiff_t *)scratch, step;
    float *packed_dy = scratch + fc_round_up(2 * o->weights_h, 16);
    float *copy = packed_dy + fc_round_up(o->weights_h * op->out_w * fc_round_up(ocg, nr), 16);
    pack_dy(dy + oh * op->out_w * op->out_c + g * ocg, pixels, op->out_c, ocg, packed_dy);
    const float *xp = pack_x(op, x, g, p0, p1, oh * o->stride_h - o->pad_top, in_rows, copy, &step);
    for (ptrdiff_t r = 0; r < rows; r++) run[r] = r * o->stride_h * step;
    const fc_inner in = {run, rows, op->out_w, o->stride_w * width, nr};
    for (ptrdiff_t j = 0; j < ocg; j += nr)
        for (ptrdiff_t fh = 0; fh < o->filter_h; fh++)
            for (ptrdiff_t fw = 0; fw < taps_w; fw++)
                for (ptrdiff_t p = p0; p < p1; p++) {
                    const float *a = xp + (p - p0) * in_rows * step + fh * o->dilation_h * step + fw * o->dilation_w * width;
                    const ptrdiff_t valid = flat(op) ? m : fc_min(mr, icg - p * mr);
                    float *c = dw + ((fh * o->filter_w + fw) * icg + p * mr) * op->out_c + g * ocg + j;
                    for (ptrdiff_t i = 0; i < valid; i += mr) {
                        const ptrdiff_t count = fc_min(mr, valid - i);
                        fc_rows rows_at;
                        for (ptrdiff_t t = 0; t < mr; t++) {
                            const ptrdiff_t row = i + fc_min(t, count - 1);
                            rows_at.a[t] = a + row;
                            rows_at.c[t] = c + row * op->out_c;
                        }
                        fc_k->gemm(count, fc_min(nr, ocg - j), &rows_at, &in, packed_dy + j * pixels, NULL, add);
                    }
                }
}

static void sum_rows(const fc_op *op, const float *dy, ptrdiff_t g, float *db)
{
    const ptrdiff_t ocg = op->out_c / op->u.conv2d.groups;
    for (ptrdiff_t p = 0; p < op->out_h * op->out_w; p++) fc_k->add(ocg, dy + p * op->out_c + g * ocg, db + g * ocg);
}

/* Block `item` of dw (and, with the first panels of a group, of db) over images [from, to). */
static void block(const fc_op *op, const fc_io *io, const fc_work *work, ptrdiff_t item, ptrdiff_t from, ptrdiff_t to,
                  float *dw, float *db)
{
    const fc_conv2d *o = &op->u.conv2d;
    const ptrdiff_t per_group = fc_ceil_div(panels(op), PANELS), g = item / per_group, p0 = item % per_group * PANELS;
    const ptrdiff_t p1 = fc_min(p0 + PANELS, panels(op)), ocg = op->out_c / o->groups;
    if (db && p0 == 0) memset(db + g * ocg, 0, (size_t)ocg * sizeof *db);
    for (ptrdiff_t image = from; image < to; image++) {
        const float *x = fc_row(&io->x, image, work), *dy = fc_row(&io->dy, image, work);
        for (ptrdiff_t oh = 0; oh < op->out_h; oh += o->weights_h)
            accumulate(op, x, dy, g, p0, p1, oh, fc_min(o->weights_h, op->out_h - oh), dw, image > from || oh > 0,
                       work->scratch);
        if (db && p0 == 0) sum_rows(op, dy, g, db);
    }
}

void fc_conv2d_weights(const fc_op *op, const fc_io *io, const fc_work *work)
{
    if (!op->partial) {
        for (ptrdiff_t item = work->first; item < work->last; item++)
            block(op, io, work, item, 0, work->batch, io->dw, io->db);
        return;
    }
    for (ptrdiff_t chunk = work->first; chunk < work->last; chunk++) {
        float *dw = io->partial + chunk * (op->w_size + op->b_size);
        const ptrdiff_t from = chunk * work->chunk, to = fc_min(from + work->chunk, work->batch);
        for (ptrdiff_t item = 0; item < fc_conv2d_weight_blocks(op); item++)
            block(op, io, work, item, from, to, dw, op->b_size ? dw + op->w_size : NULL);
    }
}

/* dw, db = sum of the partials, chunk after chunk. */
void fc_conv2d_reduce(const fc_op *op, const fc_io *io, const fc_work *work)
{
    const ptrdiff_t size = op->w_size + op->b_size, chunks = fc_chunks(work->batch, work->chunk);
    const ptrdiff_t from = work->first * FC_PLAIN_ITEM, to = fc_min(work->last * FC_PLAIN_ITEM, size);
    const ptrdiff_t w_end = fc_min(to, op->w_size), b_from = fc_max(from, op->w_size);
    for (ptrdiff_t chunk = 0; chunk < chunks; chunk++) {
        const float *p = io->partial + chunk * size;
        if (from < w_end) {
            if (chunk == 0)
                memcpy(io->dw + from, p + from, (size_t)(w_end - from) * sizeof *p);
            else
                fc_k->add(w_end - from, p + from, io->dw + from);
        }
        if (b_from < to) {
            if (chunk == 0)
                memcpy(io->db + b_from - op->w_size, p + b_from, (size_t)(to - b_from) * sizeof *p);
            else
                fc_k->add(to - b_from, p + b_from, io->db + b_from - op->w_size);
        }
    }
}
