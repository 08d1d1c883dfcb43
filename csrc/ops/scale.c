/* Each channel times a coefficient of its own, plus a bias: with sum pooling before it, LeNet-5's subsampling.
 *
 *     y[p][c] = w[c]·x[p][c] + b[c]     dx[p][c] = w[c]·dy[p][c]     dw[c] = Σ_{image,p} x[p][c]·dy[p][c]     db[c] = Σ dy[p][c]
 *
 * x, y [pixels][channels], w, b [channels]; in lanes [pixels][channels][V]. Where channels are fewer than a vector has floats,
 * V pixels are taken as one row of V·channels, for which w and b are repeated; so are they in lanes, for V images. Sums over the
 * rows are folded at the end.
 * Threads: FORWARD and DATA by image, in lanes by rows of chunks; WEIGHTS by chunks, one partial each. */
#include "ops.h"

fc_status fc_scale_init(fc_op *op, ptrdiff_t h, ptrdiff_t w, ptrdiff_t c, int bias)
{
    const ptrdiff_t limit = (ptrdiff_t)1 << 31;
    if (h >= limit || w >= limit) return FC_OVERFLOW;
    fc_status status = h < 1 || w < 1 ? FC_INVALID : fc_plain_init(op, FC_SCALE, h * w, c);
    if (status != FC_OK) return status;
    op->in_h = op->out_h = h, op->in_w = op->out_w = w;
    op->w_size = c, op->b_size = bias ? c : 0;
    op->partial = op->w_size + op->b_size;
    op->scratch = 4 * fc_round_up(c * fc_k->v, FC_LINE) + FC_MARGIN;
    op->cost = (double)op->in_size;
    return FC_OK;
}

/* Rows of n floats: how many times the channels are repeated in one, and how many whole rows and floats beyond there are. */
typedef struct {
    ptrdiff_t repeats, n, rows, rest;
} row_shape;

static row_shape get_rows(const fc_op *op)
{
    const ptrdiff_t size = op->in_size * (op->lanes ? fc_k->v : 1);
    row_shape r = {.repeats = op->lanes || op->in_c < fc_k->v ? fc_k->v : 1};
    r.n = r.repeats * op->in_c, r.rows = size / r.n, r.rest = size % r.n;
    return r;
}

/* One number per channel as one row: channel after channel for each pixel, or (lanes) V times each channel. */
static const float *repeated(const fc_op *op, const row_shape *r, const float *from, float *to)
{
    if (r->repeats == 1 || !from) return from;
    for (ptrdiff_t i = 0; i < r->n; i++) to[i] = from[op->lanes ? i / r->repeats : i % op->in_c];
    return to;
}

static void folded(const fc_op *op, const row_shape *r, const float *from, float *to)
{
    memset(to, 0, (size_t)op->in_c * sizeof *to);
    for (ptrdiff_t i = 0; i < r->n; i++) to[op->lanes ? i / r->repeats : i % op->in_c] += from[i];
}

/* In lanes no row is left over. */
static ptrdiff_t items(const fc_op *op, fc_pass pass)
{
    if (pass == FC_REDUCE) return fc_reduce_items(op);
    if (pass == FC_MASK) return fc_plain_items(op, pass);
    return op->lanes && pass != FC_WEIGHTS ? get_rows(op).rows : 1;
}

static void apply(const fc_op *op, const fc_work *work, const fc_buf *from, const fc_buf *to, const float *w, const float *b,
                  int activated)
{
    const row_shape r = get_rows(op);
    float *space = work->scratch;
    w = repeated(op, &r, w, space);
    b = repeated(op, &r, b, space + fc_round_up(r.n, FC_LINE));
    for (fc_part p = {0}; fc_next_part(work, items(op, FC_FORWARD), &p);) {
        const ptrdiff_t image = p.chunk * (op->lanes ? r.repeats : 1), at = p.first * r.n;
        const ptrdiff_t rows = op->lanes ? p.last - p.first : r.rows, whole = rows * r.n;
        const float *x = fc_row(from, image, work) + at;
        float *y = fc_row(to, image, work) + at;
        fc_k->scale_rows(rows, r.n, x, w, b, y);
        if (r.rest) fc_k->scale_rows(1, r.rest, x + whole, w, b, y + whole);
        if (activated) fc_k->activate(op->activation, op->alpha, whole + r.rest, y, y);
    }
}

static void forward(const fc_op *op, const fc_io *io, const fc_work *work)
{
    apply(op, work, &io->x, &io->y, io->w, io->b, op->activation != FC_LINEAR);
}

static void data(const fc_op *op, const fc_io *io, const fc_work *work)
{
    apply(op, work, &io->dy, &io->dx, io->w, NULL, 0);
}

static void weights(const fc_op *op, const fc_io *io, const fc_work *work)
{
    const row_shape r = get_rows(op);
    const ptrdiff_t size = r.rows * r.n + r.rest, step = op->lanes ? fc_k->v : 1;
    float *products = work->scratch, *sums = products + fc_round_up(r.n, FC_LINE);
    for (ptrdiff_t chunk = work->first; chunk < work->last; chunk++) {
        const ptrdiff_t end = fc_min((chunk + 1) * work->chunk, work->batch);
        memset(work->scratch, 0, (size_t)(2 * fc_round_up(r.n, FC_LINE)) * sizeof *products);
        for (ptrdiff_t image = chunk * work->chunk; image < end; image += step) {
            const float *x = fc_row(&io->x, image, work), *dy = fc_row(&io->dy, image, work);
            fc_k->sum_products(r.rows, r.n, x, dy, products);
            if (r.rest) fc_k->sum_products(1, r.rest, x + size - r.rest, dy + size - r.rest, products);
            if (!op->b_size) continue;
            fc_k->sum_rows(1, r.rows, r.n, &(fc_plane){dy, 0, r.n}, sums);
            if (r.rest) fc_k->add(r.rest, dy + size - r.rest, sums);
        }
        float *partial = io->partial + chunk * (op->w_size + op->b_size);
        folded(op, &r, products, partial);
        if (op->b_size) folded(op, &r, sums, partial + op->w_size);
    }
}

static fc_cut cut(const fc_op *op, fc_pass pass)
{
    if (pass == FC_REDUCE) return FC_BY_BLOCK;
    return op->lanes || pass == FC_WEIGHTS ? FC_BY_CHUNK : FC_BY_IMAGE;
}

const fc_op_class fc_scale_class = {
    {[FC_FORWARD] = forward, [FC_MASK] = fc_mask, [FC_DATA] = data, [FC_WEIGHTS] = weights, [FC_REDUCE] = fc_reduce}, cut, items,
    .needs = {[FC_FORWARD] = FC_X | FC_Y | FC_W | FC_B, [FC_MASK] = FC_Y | FC_DY, [FC_DATA] = FC_DX | FC_DY | FC_W,
              [FC_WEIGHTS] = FC_X | FC_DY | FC_PARTIAL, [FC_REDUCE] = FC_PARTIAL | FC_DW | FC_DB},
    .set_lanes = fc_in_lanes, .set_curvature = fc_of_curvature,
};
