/* Convolution with a table of connections (conv2d_table.c) in lanes.
 *
 * Each output, and for DATA each input, goes through the channels it is connected with, so multiply-adds are as few as
 * weights: packed are w as [out][fh][fw][its inputs] and, taps in reverse, as [in][fh][fw][its outputs]. DATA pads dy's columns
 * with zeros, whose products it computes, and leaves out rows that fall outside.
 * Threads: by rows of chunks' results; WEIGHTS by rows of filters. */
#include "conv2d.h"

#define BLOCK 5120 /* floats, 20 KiB of 32 KiB of L1 */

static ptrdiff_t taps(const fc_op *op) { return op->u.conv2d.filter_h * op->u.conv2d.filter_w; }

static int fits(const fc_op *op, fc_pass pass)
{
    (void)pass;
    return op->lanes && op->u.conv2d.connections;
}

/* The connections of one channel: side 1, an output's; side 0, an input's. Their numbers, in order; how many. */
static ptrdiff_t connected(const fc_op *op, const fc_io *io, int side, ptrdiff_t channel, int32_t *k)
{
    ptrdiff_t count = 0;
    for (ptrdiff_t i = 0; i < op->u.conv2d.connections; i++)
        if (io->table[2 * i + side] == channel) k[count++] = (int32_t)i;
    return count;
}

/* Scratch: the connections of a channel, where the channels at their other ends lie (two floats hold one), a padded copy. */
typedef struct {
    int32_t *k;
    ptrdiff_t *at;
    float *copy;
} lane_space;

static ptrdiff_t list_size(const fc_op *op) { return fc_round_up(fc_max(op->in_c, op->out_c), FC_LINE); }

static lane_space get_space(const fc_op *op, float *scratch)
{
    return (lane_space){(int32_t *)scratch, (ptrdiff_t *)(scratch + list_size(op)), scratch + 3 * list_size(op)};
}

static fc_status size(fc_op *op, fc_pass pass)
{
    const fc_conv2d *o = &op->u.conv2d;
    const ptrdiff_t in_w = fc_max(op->in_w, op->out_w + o->filter_w - 1); /* to_lanes may widen the image */
    const ptrdiff_t dy = op->out_h * (in_w + o->filter_w - 1) * op->out_c * fc_k->v, x = fc_conv2d_lanes_copy(op);
    if (x < 0) return FC_OVERFLOW;
    if (pass == FC_FORWARD) op->packed_size = op->w_size;
    if (pass == FC_DATA) op->packed_t_size = op->w_size;
    op->partial = op->w_size + op->b_size;
    op->scratch = fc_max(op->scratch, fc_max(x, dy) + FC_MARGIN + 3 * list_size(op));
    return FC_OK;
}

/* As `connected`, and the places of the channels at the connections' other ends. */
static ptrdiff_t find_places(const fc_op *op, const fc_io *io, int side, ptrdiff_t channel, const lane_space *s)
{
    const ptrdiff_t count = connected(op, io, side, channel, s->k);
    for (ptrdiff_t i = 0; i < count; i++) s->at[i] = io->table[2 * s->k[i] + (side ? 0 : 1)] * fc_k->v;
    return count;
}

/* Rows of a result that are taken together, so that what all of its channels read of `row` floats stays in L1. */
static ptrdiff_t block_rows(const fc_op *op, ptrdiff_t rows, ptrdiff_t row)
{
    return fc_balanced(rows, fc_max(1, BLOCK / row - op->u.conv2d.filter_h + 1));
}

static void pack(const fc_op *op, const fc_io *io, fc_pass pass, ptrdiff_t item, float *packed, float *scratch)
{
    (void)item;
    const int side = pass == FC_FORWARD;
    const ptrdiff_t n = op->u.conv2d.connections, last = taps(op) - 1;
    int32_t *k = (int32_t *)scratch;
    for (ptrdiff_t channel = 0; channel < (side ? op->out_c : op->in_c); channel++) {
        const ptrdiff_t count = connected(op, io, side, channel, k);
        for (ptrdiff_t t = 0; t <= last; t++)
            for (ptrdiff_t i = 0; i < count; i++) *packed++ = io->w[(side ? t : last - t) * n + k[i]];
    }
}

static void forward(const fc_op *op, const fc_io *io, const fc_work *work)
{
    const fc_conv2d *o = &op->u.conv2d;
    const ptrdiff_t v = fc_k->v, y_row = op->out_w * op->out_c * v;
    const lane_space s = get_space(op, work->scratch);
    for (fc_part p = {0}; fc_next_part(work, op->out_h, &p);) {
        ptrdiff_t row;
        const float *x = fc_conv2d_lanes_padded(op, io, work, p.chunk * v, p.first, p.last, s.copy, &row);
        float *y = fc_row(&io->y, p.chunk * v, work) + p.first * y_row;
        const ptrdiff_t rows = p.last - p.first, block = block_rows(op, rows, row);
        for (ptrdiff_t from = 0; from < rows; from += block) {
            const float *w = io->packed;
            const ptrdiff_t to = fc_min(from + block, rows);
            for (ptrdiff_t oc = 0; oc < op->out_c; oc++) {
                const fc_taps t = {.rows = o->filter_h, .cols = o->filter_w, .channels = find_places(op, io, 1, oc, &s),
                                   .row = row, .col = op->in_c * v, .x_pixel = op->in_c * v, .y_pixel = op->out_c * v};
                for (ptrdiff_t oh = from; oh < to; oh++)
                    fc_k->lanes_dot(&t, s.at, w, io->b ? io->b + oc : NULL, op->out_w, x + oh * row, y + oh * y_row + oc * v);
                w += taps(op) * t.channels;
            }
        }
        if (op->activation != FC_LINEAR) fc_k->activate(op->activation, op->alpha, rows * y_row, y, y);
    }
}

static void data(const fc_op *op, const fc_io *io, const fc_work *work, const float *bias, fc_activation activation)
{
    (void)bias, (void)activation; /* no transposed convolution has a table */
    const fc_conv2d *o = &op->u.conv2d;
    const ptrdiff_t v = fc_k->v, dx_row = op->in_w * op->in_c * v, above = o->filter_h - 1 - o->pad_top;
    const lane_space s = get_space(op, work->scratch);
    for (fc_part p = {0}; fc_next_part(work, op->in_h, &p);) {
        ptrdiff_t row;
        const ptrdiff_t top = fc_min(op->out_h - 1, fc_max(0, p.first - above)); /* rows of dy that are read */
        const ptrdiff_t bottom = fc_max(top + 1, fc_min(op->out_h, p.last - above + o->filter_h - 1));
        const float *dy = fc_conv2d_padded(fc_row(&io->dy, p.chunk * v, work), op->out_h, op->out_w, op->out_c * v, top,
                                           bottom - top, o->pad_left - (o->filter_w - 1), op->in_w + o->filter_w - 1, s.copy, &row);
        float *dx = fc_row(&io->dx, p.chunk * v, work);
        const ptrdiff_t block = block_rows(op, p.last - p.first, row);
        for (ptrdiff_t from = p.first; from < p.last; from += block) {
            const float *w = io->packed_t;
            const ptrdiff_t to = fc_min(from + block, p.last);
            for (ptrdiff_t ic = 0; ic < op->in_c; ic++) {
                fc_taps t = {.cols = o->filter_w, .channels = find_places(op, io, 0, ic, &s), .row = row, .col = op->out_c * v,
                             .x_pixel = op->out_c * v, .y_pixel = op->in_c * v};
                for (ptrdiff_t ih = from; ih < to; ih++) { /* row r of the taps, in reverse, is at row ih − above + r of dy */
                    const ptrdiff_t first = fc_max(0, above - ih);
                    t.rows = fc_max(0, fc_min(o->filter_h, op->out_h + above - ih) - first);
                    const ptrdiff_t at = t.rows ? ih - above + first - top : 0;
                    fc_k->lanes_dot(&t, s.at, w + (t.rows ? first : 0) * o->filter_w * t.channels, NULL, op->in_w,
                                    dy + at * row, dx + ih * dx_row + ic * v);
                }
                w += taps(op) * t.channels;
            }
        }
    }
}

static void weights(const fc_op *op, const fc_io *io, const fc_work *work, ptrdiff_t first, ptrdiff_t last, ptrdiff_t image,
                    ptrdiff_t end, float *dw, float *db)
{
    (void)end; /* a chunk */
    const fc_conv2d *o = &op->u.conv2d;
    const ptrdiff_t v = fc_k->v, n = o->connections, rows = fc_conv2d_lanes_edged(op) ? o->filter_h : last;
    const lane_space s = get_space(op, work->scratch);
    ptrdiff_t row;
    const float *x = fc_conv2d_lanes_padded(op, io, work, image, 0, op->out_h, s.copy, &row), *all = fc_row(&io->dy, image, work);
    for (ptrdiff_t k = 0; k < n;) {
        const int two = k + 1 < n && io->table[2 * k + 1] == io->table[2 * k + 3]; /* connections of one output */
        const ptrdiff_t in = io->table[2 * k] * v, apart = two ? io->table[2 * k + 2] * v - in : 0;
        const fc_plane dy = {all + io->table[2 * k + 1] * v, op->out_w * op->out_c * v, op->out_c * v};
        for (ptrdiff_t fh = first; fh < rows; fh++) {
            const fc_plane from = {x + fh * row + in, row, op->in_c * v};
            fc_k->lanes_taps(o->filter_w, op->in_c * v, apart, op->out_h, op->out_w, &from, &dy,
                             dw + fh * o->filter_w * n + k, n);
        }
        k += two ? 2 : 1;
    }
    if (db && first == 0) fc_k->lanes_sum(op->out_h * op->out_w, op->out_c, all, db);
}

const fc_conv2d_algorithm fc_conv2d_table_lanes = {
    .name = "direct", .fits = fits, .size = size, .items = fc_conv2d_lanes_items, .pack_items = fc_one_item, .pack = pack,
    .forward = forward, .data = data, .weights = weights,
};
