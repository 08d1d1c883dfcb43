/* Convolution in lanes (lanes.c): stride 1, one group, any number of channels at full width.
 *
 *     y[oh][ow][oc][l] = b[oc] + Σ_{fh,fw,ic} x[oh − p + fh][ow − p + fw][ic][l] · w[fh][fw][ic][oc]
 *     dx[ih][iw][ic][l] = Σ_{fh,fw,oc} dy[ih + p − fh][iw + p − fw][oc][l] · w[fh][fw][ic][oc]
 *     dw[fh][fw][ic][oc] = Σ_{oh,ow,l} x[oh − p + fh][ow − p + fw][ic][l] · dy[oh][ow][oc][l]
 *
 * FORWARD reads w as it lies. DATA wants it as packed_t [filter_h][filter_w][out_c][in_c], taps in reverse; it leaves out
 * the taps that fall outside of dy: input pixels with the same taps form a grid of at most 3 × 3 regions with single rows and
 * columns at the edges, and a region is one run of pixels after the other, along rows or, in a single column, down it.
 * Padding is a zero-edged copy of the chunk (to_lanes can make one for the first op).
 * Threads: by rows of chunks' results; WEIGHTS has one partial a chunk, and is cut into blocks of it. */
#include "conv2d.h"
#include "correlate.h"

#define BLOCK 6 /* rows (fw, ic) of dw that are an item: lanes_outer's tile */

ptrdiff_t fc_conv2d_lanes_copy(const fc_op *op)
{
    const fc_conv2d *o = &op->u.conv2d;
    ptrdiff_t copy = op->out_h + o->filter_h - 1;
    return fc_grow(&copy, op->out_w + o->filter_w - 1) && fc_grow(&copy, op->in_c * fc_k->v) ? copy : -1;
}

static int fits(const fc_op *op, fc_pass pass)
{
    (void)pass;
    return op->lanes;
}

static fc_status size(fc_op *op, fc_pass pass)
{
    const ptrdiff_t copy = fc_conv2d_lanes_copy(op);
    if (copy < 0) return FC_OVERFLOW;
    op->scratch = fc_max(op->scratch, copy + op->out_w * op->out_c * fc_k->v + FC_MARGIN);
    if (pass == FC_DATA) op->packed_t_size = op->w_size;
    op->partial = op->w_size + op->b_size;
    return FC_OK;
}

int fc_conv2d_lanes_edged(const fc_op *op)
{
    return op->in_h < op->out_h + op->u.conv2d.filter_h - 1 || op->in_w < op->out_w + op->u.conv2d.filter_w - 1;
}

/* Rows of a block of dw within a row of the filter; how many blocks there are. */
static ptrdiff_t block(const fc_op *op) { return fc_balanced(op->u.conv2d.filter_w * op->in_c, BLOCK); }

static ptrdiff_t blocks(const fc_op *op)
{
    return op->u.conv2d.filter_h * fc_ceil_div(op->u.conv2d.filter_w * op->in_c, block(op));
}

ptrdiff_t fc_conv2d_lanes_items(const fc_op *op, fc_pass pass)
{
    if (pass != FC_WEIGHTS) return pass == FC_FORWARD ? op->out_h : op->in_h;
    return fc_conv2d_lanes_edged(op) ? 1 : op->u.conv2d.connections ? op->u.conv2d.filter_h : blocks(op);
}

static ptrdiff_t pack_items(const fc_op *op, fc_pass pass)
{
    (void)op;
    return pass == FC_DATA;
}

static void pack(const fc_op *op, const fc_io *io, fc_pass pass, ptrdiff_t item, float *packed, float *scratch)
{
    (void)pass, (void)item, (void)scratch;
    const ptrdiff_t taps = op->u.conv2d.filter_h * op->u.conv2d.filter_w, size = op->in_c * op->out_c;
    for (ptrdiff_t t = 0; t < taps; t++) {
        const float *from = io->w + (taps - 1 - t) * size;
        float *to = packed + t * size;
        for (ptrdiff_t oc = 0; oc < op->out_c; oc++)
            for (ptrdiff_t ic = 0; ic < op->in_c; ic++) *to++ = from[ic * op->out_c + oc];
    }
}

const float *fc_conv2d_lanes_padded(const fc_op *op, const fc_io *io, const fc_work *work, ptrdiff_t image, ptrdiff_t first,
                                    ptrdiff_t last, float *copy, ptrdiff_t *row)
{
    const fc_conv2d *o = &op->u.conv2d;
    return fc_conv2d_padded(fc_row(&io->x, image, work), op->in_h, op->in_w, op->in_c * fc_k->v, first - o->pad_top,
                            last - first + o->filter_h - 1, -o->pad_left, op->out_w + o->filter_w - 1, copy, row);
}

static void forward(const fc_op *op, const fc_io *io, const fc_work *work)
{
    const fc_conv2d *o = &op->u.conv2d;
    const ptrdiff_t v = fc_k->v, len = o->filter_w * op->in_c, y_row = op->out_w * op->out_c * v;
    float *rest = work->scratch, *copy = rest + fc_round_up(y_row, FC_LINE);
    for (fc_part p = {0}; fc_next_part(work, op->out_h, &p);) {
        ptrdiff_t row;
        const float *x = fc_conv2d_lanes_padded(op, io, work, p.chunk * v, p.first, p.last, copy, &row);
        float *y = fc_row(&io->y, p.chunk * v, work) + p.first * y_row;
        fc_lanes in = {.a_run = len * op->out_c, .a_step = op->out_c, .a_row = 1, .b_run = row, .b_step = v,
                       .b_pixel = op->in_c * v, .c_pixel = op->out_c * v};
        for (ptrdiff_t oh = p.first; oh < p.last; oh++, x += row, y += y_row) {
            for (fc_sum s = FC_SUM; fc_next_sum(o->filter_h, len, &s);) {
                in.runs = s.runs, in.len = s.len, in.chains = fc_chains_of(s.runs, s.len, 0);
                fc_k->lanes_gemm(op->out_c, op->out_w, &in, io->w + (s.run * len + s.at) * op->out_c, x + s.run * row + s.at * v,
                                 s.more ? NULL : io->b, s.more ? rest : y);
                if (s.more) fc_k->add(y_row, rest, y);
            }
            if (op->activation != FC_LINEAR) fc_k->activate(op->activation, op->alpha, y_row, y, y);
        }
    }
}

/* A run of input rows or columns that the same taps reach. */
typedef struct {
    ptrdiff_t first, count;    /* in dx */
    ptrdiff_t from, tap, taps; /* the first in dy, the first of the filter in reverse, and their number */
} reach;

/* The run that starts at `i`: one by one at the edges, all in the middle together. */
static reach reached(ptrdiff_t i, ptrdiff_t in, ptrdiff_t out, ptrdiff_t filter, ptrdiff_t pad)
{
    const ptrdiff_t low = i + pad - (filter - 1), from = fc_max(0, low), last = fc_min(out - 1, i + pad);
    const ptrdiff_t whole = out - pad - i; /* so many in a row still have their last tap inside */
    reach r = {.first = i, .count = 1, .from = from, .tap = from - low, .taps = fc_max(0, last - from + 1)};
    if (low >= 0 && whole > 1) r.count = fc_min(whole, in - i);
    return r;
}

/* dx of a region, all of whose pixels have the same taps. */
static void data_region(const fc_op *op, const float *packed, const float *dy, float *dx, const reach *h, const reach *w)
{
    const fc_conv2d *o = &op->u.conv2d;
    const ptrdiff_t v = fc_k->v, dy_row = op->out_w * op->out_c * v, dx_row = op->in_w * op->in_c * v;
    const ptrdiff_t down = w->count == 1; /* pixels of a call lie below each other */
    const ptrdiff_t lines = down ? 1 : h->count, pixels = down ? h->count : w->count;
    const fc_lanes in = {.runs = h->taps, .len = w->taps * op->out_c, .chains = fc_chains_of(h->taps, w->taps * op->out_c, 0),
                         .a_run = o->filter_w * op->out_c * op->in_c, .a_step = op->in_c, .a_row = 1, .b_run = dy_row,
                         .b_step = v, .b_pixel = down ? dy_row : op->out_c * v,
                         .c_pixel = down ? dx_row : op->in_c * v};
    const float *a = packed + (h->tap * o->filter_w + w->tap) * op->out_c * op->in_c;
    for (ptrdiff_t i = 0; i < lines; i++)
        fc_k->lanes_gemm(op->in_c, pixels, &in, a, dy + (h->from + i) * dy_row + w->from * op->out_c * v, NULL,
                         dx + (h->first + i) * dx_row + w->first * op->in_c * v);
}

static void data(const fc_op *op, const fc_io *io, const fc_work *work, const float *bias, fc_activation activation)
{
    (void)bias, (void)activation; /* no transposed convolution is in lanes */
    const fc_conv2d *o = &op->u.conv2d;
    for (fc_part p = {0}; fc_next_part(work, op->in_h, &p);) {
        const float *dy = fc_row(&io->dy, p.chunk * fc_k->v, work);
        float *dx = fc_row(&io->dx, p.chunk * fc_k->v, work);
        for (reach h = {.first = p.first}; h.first < p.last; h.first += h.count) {
            h = reached(h.first, op->in_h, op->out_h, o->filter_h, o->pad_top);
            h.count = fc_min(h.count, p.last - h.first);
            for (reach w = {0}; w.first < op->in_w; w.first += w.count) {
                w = reached(w.first, op->in_w, op->out_w, o->filter_w, o->pad_left);
                reach row = h, col = w;
                if (!h.taps || !w.taps) row.taps = 0, col.taps = 0, row.from = col.from = row.tap = col.tap = 0;
                data_region(op, io->packed_t, dy, dx, &row, &col);
            }
        }
    }
}

static void weights(const fc_op *op, const fc_io *io, const fc_work *work, ptrdiff_t first, ptrdiff_t last, ptrdiff_t from,
                    ptrdiff_t to, float *dw, float *db)
{
    (void)to; /* a chunk */
    const ptrdiff_t v = fc_k->v, len = op->u.conv2d.filter_w * op->in_c, rows = block(op), across = fc_ceil_div(len, rows);
    const ptrdiff_t end = fc_conv2d_lanes_edged(op) ? blocks(op) : last;
    fc_plane x = {.pixel = op->in_c * v};
    const fc_plane dy = {fc_row(&io->dy, from, work), op->out_w * op->out_c * v, op->out_c * v};
    const float *image = fc_conv2d_lanes_padded(op, io, work, from, 0, op->out_h, work->scratch, &x.row);
    for (ptrdiff_t b = first; b < end; b++) {
        const ptrdiff_t fh = b / across, at = b % across * rows;
        x.p = image + fh * x.row + at * v;
        fc_k->lanes_outer(fc_min(rows, len - at), op->out_c, op->out_h, op->out_w, &x, &dy, dw + (fh * len + at) * op->out_c,
                          op->out_c);
    }
    if (db && first == 0) fc_k->lanes_sum(op->out_h * op->out_w, op->out_c, dy.p, db);
}

const fc_conv2d_algorithm fc_conv2d_lanes = {
    .name = "direct", .fits = fits, .size = size, .items = fc_conv2d_lanes_items, .pack_items = pack_items, .pack = pack,
    .forward = forward, .data = data, .weights = weights,
};
