/* Convolution with as many groups as channels: each channel has filters of its own, and is a lane of the vectors.
 *
 *     y[oh][ow][c·M + m] = b[c·M + m] + Σ_{fh,fw} x[oh·s − p + fh·d][ow·s − p + fw·d][c] · w[fh][fw][c·M + m]
 *
 * Nothing is packed and nothing padded: taps outside the image are left out. Along each axis the results form *spans* whose
 * windows hold the same taps: one long one inside, short ones at the ends; two spans make a rectangle for the kernel. DATA: results
 * i = q·s + residue, whose taps are every s/gcd(s, d)-th, against dy in steps of −d/gcd(s, d). With M > 1 filters per channel,
 * FORWARD and WEIGHTS read x with each channel repeated M times, from scratch; DATA sums M channels there. From M = NR on
 * FORWARD fills the tile of conv2d_direct.c, which is then twice as fast.
 * Threads: FORWARD and DATA by blocks of rows; WEIGHTS by chunks of images, a partial sum each. */
#include "conv2d.h"

#define MOST_TIMES 64 /* filters per channel */
#define NARROW 6      /* pixels of a line: fewer are turned */
#define PIXELS 180    /* of a block, about */
#define PRODUCTS 2048 /* summed in one go: WEIGHTS adds up such sums */

/* One axis: result number q reads source[origin + q·advance + k·move] through tap first_tap + k·tap_step, k < taps. Results
 * `residue` + q·step of the image are those numbers, q < count; from `inside` to `outside` all taps are in the source. */
typedef struct {
    ptrdiff_t residue, step, count;
    ptrdiff_t origin, advance, move, source;
    ptrdiff_t first_tap, tap_step, taps;
    ptrdiff_t inside, outside;
} axis;

/* Results [from, to) with taps [tap, tap + taps) */
typedef struct {
    ptrdiff_t from, to, tap, taps;
} span;

static axis with_inside(axis a)
{
    const ptrdiff_t reach = (a.taps - 1) * a.move;
    a.inside = fc_max(0, fc_ceil_div(fc_max(0, -reach) - a.origin, a.advance));
    a.outside = fc_min(a.count, fc_floor_div(a.source - 1 - fc_max(0, reach) - a.origin, a.advance) + 1);
    return a;
}

static axis forward_axis(ptrdiff_t in, ptrdiff_t out, ptrdiff_t filter, ptrdiff_t stride, ptrdiff_t dilation, ptrdiff_t pad)
{
    return with_inside((axis){.step = 1, .count = out, .origin = -pad, .advance = stride, .move = dilation, .source = in,
                              .tap_step = 1, .taps = filter});
}

static ptrdiff_t common_divisor(ptrdiff_t a, ptrdiff_t b)
{
    while (b) {
        const ptrdiff_t rest = a % b;
        a = b, b = rest;
    }
    return a;
}

static axis data_axis(ptrdiff_t in, ptrdiff_t out, ptrdiff_t filter, ptrdiff_t stride, ptrdiff_t dilation, ptrdiff_t pad,
                      ptrdiff_t residue)
{
    const ptrdiff_t divisor = common_divisor(stride, dilation);
    axis a = {.residue = residue, .step = stride, .count = fc_ceil_div(in - residue, stride), .advance = 1,
              .move = -dilation / divisor, .source = out, .tap_step = stride / divisor};
    while (a.first_tap < filter && (residue + pad - a.first_tap * dilation) % stride) a.first_tap++;
    if (a.first_tap < filter) {
        a.taps = (filter - 1 - a.first_tap) / a.tap_step + 1;
        a.origin = (residue + pad - a.first_tap * dilation) / stride;
        a = with_inside(a);
    } else {
        a.outside = a.count; /* no tap at all: zeros everywhere */
    }
    return a;
}

/* The results from `from`, at most to `end`, that have the same taps. */
static span next_span(const axis *a, ptrdiff_t from, ptrdiff_t end)
{
    if (from >= a->inside && from < a->outside) return (span){from, fc_min(end, a->outside), 0, a->taps};
    const ptrdiff_t at = a->origin + from * a->advance, last = a->source - 1;
    const ptrdiff_t first = a->move > 0 ? fc_ceil_div(-at, a->move) : fc_ceil_div(at - last, -a->move);
    const ptrdiff_t final = a->move > 0 ? fc_floor_div(last - at, a->move) : fc_floor_div(at, -a->move);
    const ptrdiff_t tap = fc_max(0, first), taps = fc_min(a->taps - 1, final) - tap + 1;
    return taps > 0 ? (span){from, from + 1, tap, taps} : (span){from, from + 1, 0, 0};
}

/* What all rectangles of a pass have in common: a source, its width and the row it begins with; a result likewise. */
typedef struct {
    ptrdiff_t c, filter_w, source_w, source_row, result_w, result_row;
} field;

typedef struct {
    fc_rectangle taps;
    ptrdiff_t source, w, result; /* where they begin, in floats */
} rectangle;

static rectangle make_rectangle(const field *f, const axis *v, const axis *h, const span *rows, const span *cols)
{
    const ptrdiff_t c = f->c;
    rectangle r = {.taps = {
        .lines = rows->to - rows->from, .pixels = cols->to - cols->from, .c = c,
        .x_line = v->advance * f->source_w * c, .x_pixel = h->advance * c,
        .y_line = v->step * f->result_w * c, .y_pixel = h->step * c,
        .taps_h = rows->taps, .taps_w = cols->taps, .x_row = v->move * f->source_w * c, .x_tap = h->move * c,
        .w_row = v->tap_step * f->filter_w * c, .w_tap = h->tap_step * c,
    }};
    fc_rectangle *t = &r.taps;
    if (t->taps_h == 0 || t->taps_w == 0) t->taps_h = t->taps_w = 0;
    if (t->taps_h) {
        const ptrdiff_t row = v->origin + rows->from * v->advance + rows->tap * v->move - f->source_row;
        r.source = (row * f->source_w + h->origin + cols->from * h->advance + cols->tap * h->move) * c;
        r.w = ((v->first_tap + rows->tap * v->tap_step) * f->filter_w + h->first_tap + cols->tap * h->tap_step) * c;
    }
    r.result = ((v->residue + rows->from * v->step - f->result_row) * f->result_w + h->residue + cols->from * h->step) * c;
    if (t->pixels < t->lines && t->pixels < NARROW) { /* narrow: its columns are the lines */
        const fc_rectangle turned = *t;
        t->lines = turned.pixels, t->x_line = turned.x_pixel, t->y_line = turned.y_pixel;
        t->pixels = turned.lines, t->x_pixel = turned.x_line, t->y_pixel = turned.y_line;
    }
    return r;
}

static ptrdiff_t times(const fc_op *op) { return op->out_c / op->in_c; }

/* Rows of x that output rows [row, row + rows) read: [*first, *first + the result). */
static ptrdiff_t source_rows(const fc_op *op, ptrdiff_t row, ptrdiff_t rows, ptrdiff_t *first)
{
    const fc_conv2d *o = &op->u.conv2d;
    const ptrdiff_t from = row * o->stride_h - o->pad_top;
    *first = fc_min(op->in_h, fc_max(0, from));
    return fc_max(0, fc_min(op->in_h, from + (rows - 1) * o->stride_h + (o->filter_h - 1) * o->dilation_h + 1) - *first);
}

static int fits(const fc_op *op, fc_pass pass)
{
    if (op->u.conv2d.groups != op->in_c || op->in_c == 1 || times(op) > MOST_TIMES) return 0;
    return pass != FC_FORWARD || times(op) < fc_k->nr;
}

static fc_status size(fc_op *op, fc_pass pass)
{
    fc_conv2d *o = &op->u.conv2d;
    ptrdiff_t rows = op->in_h;
    if (pass == FC_DATA) {
        o->data_h = rows = fc_balanced(op->in_h, PIXELS / op->in_w);
    } else {
        o->block_h = fc_balanced(op->out_h, PIXELS / op->out_w);
        rows = fc_min(rows, (o->block_h - 1) * o->stride_h + (o->filter_h - 1) * o->dilation_h + 1);
        if (pass == FC_WEIGHTS) op->partial = op->w_size + op->b_size;
    }
    if (times(op) == 1) return FC_OK;
    if (!fc_grow(&rows, op->in_w) || !fc_grow(&rows, op->out_c)) return FC_OVERFLOW;
    op->scratch = fc_max(op->scratch, rows);
    return FC_OK;
}

/* x of output rows [row, row + rows) as the kernel reads it: each channel as often as it has filters. */
static const float *spread(const fc_op *op, const float *x, ptrdiff_t row, ptrdiff_t rows, float *scratch, field *f)
{
    f->source_row = 0;
    if (times(op) == 1) return x;
    const ptrdiff_t count = source_rows(op, row, rows, &f->source_row), line = op->in_w * op->in_c;
    fc_k->repeat(count * line, times(op), x + f->source_row * line, scratch);
    return scratch;
}

static void forward(const fc_op *op, const fc_io *io, const fc_work *work)
{
    const fc_conv2d *o = &op->u.conv2d;
    const axis v = forward_axis(op->in_h, op->out_h, o->filter_h, o->stride_h, o->dilation_h, o->pad_top);
    const axis h = forward_axis(op->in_w, op->out_w, o->filter_w, o->stride_w, o->dilation_w, o->pad_left);
    const ptrdiff_t blocks = fc_ceil_div(op->out_h, o->block_h), line = op->out_w * op->out_c;
    field f = {.c = op->out_c, .filter_w = o->filter_w, .source_w = op->in_w, .result_w = op->out_w};
    for (ptrdiff_t item = work->first; item < work->last; item++) {
        const ptrdiff_t image = item / blocks, row = item % blocks * o->block_h, end = fc_min(row + o->block_h, op->out_h);
        const float *x = spread(op, fc_row(&io->x, image, work), row, end - row, work->scratch, &f);
        float *y = fc_row(&io->y, image, work);
        for (span rows = next_span(&v, row, end); rows.from < end; rows = next_span(&v, rows.to, end))
            for (span cols = next_span(&h, 0, op->out_w); cols.from < op->out_w; cols = next_span(&h, cols.to, op->out_w)) {
                const rectangle r = make_rectangle(&f, &v, &h, &rows, &cols);
                fc_k->depthwise(&r.taps, x + r.source, io->w + r.w, io->b, y + r.result);
            }
        fc_finish(op, io, work, image, row * line, (end - row) * line);
    }
}

/* Rows [row, end) of dx, or of what is summed to it. */
static void data_rows(const fc_op *op, field *f, const float *dy, const float *w, const float *bias, ptrdiff_t row, ptrdiff_t end,
                      float *dx)
{
    const fc_conv2d *o = &op->u.conv2d;
    for (ptrdiff_t i = 0; i < fc_min(o->stride_h, op->in_h); i++) {
        const axis v = data_axis(op->in_h, op->out_h, o->filter_h, o->stride_h, o->dilation_h, o->pad_top, i);
        const ptrdiff_t from = fc_max(0, fc_ceil_div(row - i, o->stride_h)), to = fc_ceil_div(end - i, o->stride_h);
        for (ptrdiff_t j = 0; j < fc_min(o->stride_w, op->in_w); j++) {
            const axis h = data_axis(op->in_w, op->out_w, o->filter_w, o->stride_w, o->dilation_w, o->pad_left, j);
            for (span rows = next_span(&v, from, to); rows.from < to; rows = next_span(&v, rows.to, to))
                for (span cols = next_span(&h, 0, h.count); cols.from < h.count; cols = next_span(&h, cols.to, h.count)) {
                    const rectangle r = make_rectangle(f, &v, &h, &rows, &cols);
                    fc_k->depthwise(&r.taps, dy + r.source, w + r.w, bias, dx + r.result);
                }
        }
    }
}

static void data(const fc_op *op, const fc_io *io, const fc_work *work, const float *bias, fc_activation activation)
{
    const fc_conv2d *o = &op->u.conv2d;
    const ptrdiff_t blocks = fc_ceil_div(op->in_h, o->data_h), line = op->in_w * op->in_c;
    field f = {.c = op->out_c, .filter_w = o->filter_w, .source_w = op->out_w, .result_w = op->in_w};
    for (ptrdiff_t item = work->first; item < work->last; item++) {
        const ptrdiff_t image = item / blocks, row = item % blocks * o->data_h, end = fc_min(row + o->data_h, op->in_h);
        float *dx = fc_row(&io->dx, image, work);
        f.result_row = times(op) == 1 ? 0 : row;
        const float *dy = fc_row(&io->dy, image, work);
        if (times(op) == 1) {
            data_rows(op, &f, dy, io->w, bias, row, end, dx);
        } else {
            data_rows(op, &f, dy, io->w, NULL, row, end, work->scratch);
            fc_k->fold((end - row) * line, times(op), work->scratch, dx + row * line);
            for (ptrdiff_t p = row * op->in_w; p < end * op->in_w && bias; p++) fc_k->add(op->in_c, bias, dx + p * op->in_c);
        }
        if (activation != FC_LINEAR)
            fc_k->activate(activation, op->alpha, (end - row) * line, dx + row * line, dx + row * line);
    }
}

static ptrdiff_t items(const fc_op *op, fc_pass pass)
{
    const fc_conv2d *o = &op->u.conv2d;
    if (pass == FC_WEIGHTS) return 1;
    return pass == FC_FORWARD ? fc_ceil_div(op->out_h, o->block_h) : fc_ceil_div(op->in_h, o->data_h);
}

/* dw += the sums of one rectangle, a few lines at a time. */
static void add_products(const rectangle *all, const float *x, const float *dy, float *dw)
{
    fc_rectangle t = all->taps;
    const ptrdiff_t most = fc_max(1, PRODUCTS / t.pixels);
    if (t.taps_h == 0) return;
    for (ptrdiff_t l = 0; l < all->taps.lines; l += most) {
        t.lines = fc_min(most, all->taps.lines - l);
        fc_k->depthwise_weights(&t, x + all->source + l * t.x_line, dy + all->result + l * t.y_line, dw + all->w);
    }
}

static void weights(const fc_op *op, const fc_io *io, const fc_work *work, ptrdiff_t first, ptrdiff_t last, ptrdiff_t from,
                    ptrdiff_t to, float *dw, float *db)
{
    (void)first, (void)last;
    const fc_conv2d *o = &op->u.conv2d;
    const axis v = forward_axis(op->in_h, op->out_h, o->filter_h, o->stride_h, o->dilation_h, o->pad_top);
    const axis h = forward_axis(op->in_w, op->out_w, o->filter_w, o->stride_w, o->dilation_w, o->pad_left);
    const ptrdiff_t height = times(op) == 1 ? op->out_h : o->block_h; /* scratch holds a block of x */
    field f = {.c = op->out_c, .filter_w = o->filter_w, .source_w = op->in_w, .result_w = op->out_w};
    memset(dw, 0, (size_t)op->w_size * sizeof *dw);
    if (db) fc_conv2d_bias(op, io, work, from, to, 0, op->out_c, db);
    for (ptrdiff_t image = from; image < to; image++) {
        const float *dy = fc_row(&io->dy, image, work);
        for (ptrdiff_t row = 0; row < op->out_h; row += height) {
            const ptrdiff_t end = fc_min(row + height, op->out_h);
            const float *x = spread(op, fc_row(&io->x, image, work), row, end - row, work->scratch, &f);
            for (span rows = next_span(&v, row, end); rows.from < end; rows = next_span(&v, rows.to, end))
                for (span cols = next_span(&h, 0, op->out_w); cols.from < op->out_w; cols = next_span(&h, cols.to, op->out_w)) {
                    const rectangle r = make_rectangle(&f, &v, &h, &rows, &cols);
                    add_products(&r, x, dy, dw);
                }
        }
    }
}

const fc_conv2d_algorithm fc_conv2d_depthwise = {
    .name = "depthwise", .fits = fits, .size = size, .items = items, .forward = forward, .data = data, .weights = weights,
};
