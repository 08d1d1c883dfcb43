/* Gradient of conv2d's weights and bias by direct sums.
 *
 *     dw[fh][fw][ic][oc] = Σ_{image, oh, ow} x[oh·s − p + fh·d][ow·s − p + fw·d][ic] · dy[oh][ow][oc]
 *     db[oc] = Σ_{image, oh, ow} dy[oh][ow][oc]
 *
 * A product whose rows are (tap, ic), whose columns are oc, and whose runs are the rows of output pixels of a block:
 * weights_h rows of an image, or weights_n whole images. Both sides are packed per block so that a tile of each stays in L1: dy as [column tile][pixel][NR], x with
 * its zero edge as panels [pixel][MR] of MR channels, or, with few channels, as it lies (*flat*: the rows of the tile run
 * over (fh, fw, ic), as dw does).
 * Threads: by (group, panels). */
#include "conv2d_direct.h"

#define PANELS 8             /* channel panels per block: dy is packed again for each */
#define MOST_IMAGES 8        /* of a block */
#define BIAS 65536           /* floats of dy that pass for one vector of db after the other: they stay in L2 */
#define TILE_BYTES 30720     /* of 32 KiB of L1: a tile of dy and the x it meets; two images of 13 × 13 (AVX2) */

/* Channel panels per group, the width of one, and the padded columns of x. */
static ptrdiff_t panels(const fc_op *op)
{
    return fc_conv2d_flat(op) ? 1 : fc_ceil_div(op->in_c / op->u.conv2d.groups, fc_k->mr);
}
static ptrdiff_t panel_width(const fc_op *op) { return fc_conv2d_flat(op) ? op->in_c : fc_k->mr; }
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

fc_status fc_direct_size_weights(fc_op *op)
{
    fc_conv2d *o = &op->u.conv2d;
    const ptrdiff_t image = op->out_h * op->out_w;
    const ptrdiff_t pixels = TILE_BYTES / 4 / (fc_k->nr + fc_min(o->stride_w * panel_width(op), 64));
    o->weights_h = fc_balanced(op->out_h, pixels / op->out_w);
    o->weights_n = o->weights_h < op->out_h ? 1 : fc_max(1, fc_min(pixels / image, MOST_IMAGES));
    ptrdiff_t x = copy_h(op, o->weights_h) * o->weights_n;
    ptrdiff_t dy = o->weights_h * op->out_w * o->weights_n;
    if (!fc_grow(&x, copy_w(op)) || !fc_grow(&x, panel_width(op) * fc_min(panels(op), PANELS)) ||
        !fc_grow(&dy, fc_round_up(op->out_c / o->groups, fc_k->nr)))
        return FC_OVERFLOW;
    op->scratch = fc_max(op->scratch, fc_round_up(2 * o->weights_h * o->weights_n, FC_LINE) + fc_round_up(x, FC_LINE) + dy + FC_MARGIN);
    return FC_OK;
}

ptrdiff_t fc_direct_weight_items(const fc_op *op) { return op->u.conv2d.groups * fc_ceil_div(panels(op), PANELS); }

/* n floats, fewer than a panel is wide: in registers, where memcpy would be called. */
static inline void copy_few(ptrdiff_t n, const float *from, float *to)
{
    for (; n >= 4; n -= 4, from += 4, to += 4) memcpy(to, from, 4 * sizeof *to);
    if (n & 2) memcpy(to, from, 2 * sizeof *to), from += 2, to += 2;
    if (n & 1) *to = *from;
}

/* One panel of `width` channels of rows [row0, row0 + rows) of x, zero edged: to[row][column][MR]. */
static void pack_panel(const fc_op *op, const float *x, ptrdiff_t channel, ptrdiff_t width, ptrdiff_t row0, ptrdiff_t rows,
                       float *to)
{
    const ptrdiff_t w = copy_w(op), mr = fc_k->mr, left = fc_min(w, op->u.conv2d.pad_left);
    const ptrdiff_t inside = fc_max(0, fc_min(op->in_w, w - left));
    for (ptrdiff_t r = 0; r < rows; r++, to += w * mr) {
        memset(to, 0, (size_t)(w * mr) * sizeof *to);
        if (row0 + r < 0 || row0 + r >= op->in_h) continue;
        const float *from = x + (row0 + r) * op->in_w * op->in_c + channel;
        float *d = to + left * mr;
        for (ptrdiff_t i = 0; i < inside; i++) copy_few(width, from + i * op->in_c, d + i * mr);
    }
}

/* Rows of pixels of some images, packed: what `accumulate` multiplies. */
typedef struct {
    const float *x, *dy;      /* panels one after the other; column tiles one after the other */
    ptrdiff_t panel, step;    /* floats per panel, and per row within it */
    fc_inner in;
} packed_block;

static packed_block pack_block(const fc_op *op, const fc_io *io, const fc_work *work, ptrdiff_t g, ptrdiff_t p0,
                               ptrdiff_t p1, ptrdiff_t image, ptrdiff_t images, ptrdiff_t oh, ptrdiff_t rows)
{
    const fc_conv2d *o = &op->u.conv2d;
    const ptrdiff_t nr = fc_k->nr, mr = fc_k->mr, icg = op->in_c / o->groups, ocg = op->out_c / o->groups;
    const ptrdiff_t pixels = rows * op->out_w, in_rows = copy_h(op, rows), row0 = oh * o->stride_h - o->pad_top;
    ptrdiff_t *run = (ptrdiff_t *)work->scratch;
    float *dy = work->scratch + fc_round_up(2 * rows * images, FC_LINE);
    float *copy = dy + images * pixels * fc_round_up(ocg, nr);
    packed_block k = {.x = copy, .dy = dy, .step = copy_w(op) * mr, .panel = images * in_rows * copy_w(op) * mr};
    for (ptrdiff_t i = 0; i < images; i++) {
        const float *x = fc_row(&io->x, image + i, work);
        const float *from = fc_row(&io->dy, image + i, work) + oh * op->out_w * op->out_c + g * ocg;
        for (ptrdiff_t j = 0; j < ocg; j += nr)
            fc_k->pack(pixels, fc_min(nr, ocg - j), from + j, op->out_c, dy + (j * images + i * nr) * pixels);
        const float *at = copy + i * in_rows * k.step;
        if (fc_conv2d_flat(op)) {
            at = fc_conv2d_padded(x, op->in_h, op->in_w, op->in_c, row0, in_rows, -o->pad_left, copy_w(op),
                                  copy + i * in_rows * copy_w(op) * op->in_c, &k.step);
            if (i == 0) k.x = at;
        } else {
            for (ptrdiff_t p = p0; p < p1; p++)
                pack_panel(op, x, g * icg + p * mr, fc_min(mr, icg - p * mr), row0, in_rows,
                           copy + (p - p0) * k.panel + i * in_rows * k.step);
        }
        for (ptrdiff_t r = 0; r < rows; r++) run[i * rows + r] = at - k.x + r * o->stride_h * k.step;
    }
    const fc_chains chains = fc_chains_of(images * rows, op->out_w, 0);
    k.in = (fc_inner){run, images * rows, op->out_w, o->stride_w * panel_width(op), nr, chains};
    return k;
}

/* dw of panels [p0, p1) of group g (+)= the product of one block. */
static void accumulate(const fc_op *op, const packed_block *k, ptrdiff_t g, ptrdiff_t p0, ptrdiff_t p1, float *dw, int add)
{
    const fc_conv2d *o = &op->u.conv2d;
    const ptrdiff_t nr = fc_k->nr, mr = fc_k->mr, icg = op->in_c / o->groups, ocg = op->out_c / o->groups;
    const int flat = fc_conv2d_flat(op);
    const ptrdiff_t taps_h = flat ? 1 : o->filter_h, taps_w = flat ? 1 : o->filter_w, line = o->filter_w * op->in_c;
    const ptrdiff_t pixels = k->in.runs * k->in.len;
    for (ptrdiff_t j = 0; j < ocg; j += nr)
        for (ptrdiff_t fh = 0; fh < taps_h; fh++)
            for (ptrdiff_t fw = 0; fw < taps_w; fw++)
                for (ptrdiff_t p = p0; p < p1; p++) {
                    const float *a = k->x + (p - p0) * k->panel + fh * o->dilation_h * k->step +
                                     fw * o->dilation_w * panel_width(op);
                    const ptrdiff_t valid = flat ? o->filter_h * line : fc_min(mr, icg - p * mr);
                    float *c = dw + ((fh * o->filter_w + fw) * icg + p * mr) * op->out_c + g * ocg + j;
                    for (ptrdiff_t i = 0; i < valid; i += mr) {
                        const ptrdiff_t count = fc_min(mr, valid - i);
                        fc_rows rows;
                        for (ptrdiff_t t = 0; t < mr; t++) {
                            const ptrdiff_t row = i + (t < count ? t : 0);
                            rows.a[t] = flat ? a + row / line * o->dilation_h * k->step + row % line : a + row;
                            rows.c[t] = c + row * op->out_c;
                        }
                        fc_k->gemm(count, fc_min(nr, ocg - j), &rows, &k->in, k->dy + j * pixels, NULL, add);
                    }
                }
}

/* db goes with the first panels of a group. */
static void weights_block(const fc_op *op, const fc_io *io, const fc_work *work, ptrdiff_t item, ptrdiff_t from, ptrdiff_t to,
                          float *dw, float *db)
{
    const fc_conv2d *o = &op->u.conv2d;
    const ptrdiff_t per_group = fc_ceil_div(panels(op), PANELS), g = item / per_group, p0 = item % per_group * PANELS;
    const ptrdiff_t p1 = fc_min(p0 + PANELS, panels(op)), ocg = op->out_c / o->groups;
    for (ptrdiff_t image = from; image < to; image += o->weights_n)
        for (ptrdiff_t oh = 0; oh < op->out_h; oh += o->weights_h) {
            const packed_block k = pack_block(op, io, work, g, p0, p1, image, fc_min(o->weights_n, to - image), oh,
                                              fc_min(o->weights_h, op->out_h - oh));
            accumulate(op, &k, g, p0, p1, dw, image > from || oh > 0);
        }
    if (db && p0 == 0) fc_conv2d_bias(op, io, work, from, to, g * ocg, ocg, db);
}

void fc_direct_weights(const fc_op *op, const fc_io *io, const fc_work *work, ptrdiff_t first, ptrdiff_t last, ptrdiff_t from,
                       ptrdiff_t to, float *dw, float *db)
{
    for (ptrdiff_t item = first; item < last; item++) weights_block(op, io, work, item, from, to, dw, db);
}

void fc_direct_add(const fc_op *op, ptrdiff_t item, const float *other, float *dw, float *db)
{
    const fc_conv2d *o = &op->u.conv2d;
    const ptrdiff_t per_group = fc_ceil_div(panels(op), PANELS), g = item / per_group, icg = op->in_c / o->groups;
    const ptrdiff_t first = item % per_group * PANELS * fc_k->mr, last = fc_min(first + PANELS * fc_k->mr, icg);
    const ptrdiff_t ocg = op->out_c / o->groups;
    for (ptrdiff_t tap = 0; tap < o->filter_h * o->filter_w; tap++)
        for (ptrdiff_t ic = first; ic < last; ic++) {
            const ptrdiff_t at = (tap * icg + ic) * op->out_c + g * ocg;
            fc_k->add(ocg, other + at, dw + at);
        }
    if (db && first == 0) fc_k->add(ocg, other + op->w_size + g * ocg, db + g * ocg);
}

void fc_conv2d_bias(const fc_op *op, const fc_io *io, const fc_work *work, ptrdiff_t from, ptrdiff_t to, ptrdiff_t oc, ptrdiff_t n,
                    float *db)
{
    const ptrdiff_t most = fc_max(1, BIAS / op->out_size);
    memset(db + oc, 0, (size_t)n * sizeof *db);
    for (ptrdiff_t image = from; image < to; image += most) {
        const fc_plane dy = {fc_row(&io->dy, image, work) + oc, io->dy.size, op->out_c};
        fc_k->sum_rows(fc_min(most, to - image), op->out_h * op->out_w, n, &dy, db + oc);
    }
}
