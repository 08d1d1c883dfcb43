/* FORWARD by Winograd's algorithm along rows (conv2d_winograd_lanes.c has the formula) with channels as lanes: for fewer images than a
 * vector has floats, and few channels.
 *
 * The tiles of some rows are the rows of one product for each of the t products p. V lies as [p][tile][row][channel], so a window's
 * rows are one run of products. packed [p][filter_h][in_c][out_c, filled up to a whole number of vectors]. Sums have the order of
 * those in lanes, so an image's bits do not depend on how many it comes with.
 * Error, NaN and infinity: as there; rows of padding are zeros here.
 * Threads: by blocks of rows. Those that follow each other are taken together, so that their windows are transformed but once. */
#include "conv2d_rows.h"

#define TILES 96 /* of a block, at most: M in L2, … */
#define ROWS 10  /* … but as many rows of a wide image, as each block transforms the rows between it and the next anew */

static int fits(const fc_op *op, fc_pass pass)
{
    const fc_conv2d *o = &op->u.conv2d;
    if (pass != FC_FORWARD || o->stride_h > 1 || o->stride_w > 1 || o->dilation_h > 1 || o->dilation_w > 1 || o->groups > 1) return 0;
    const fc_row_tiling k = fc_get_row_tiling(op, pass);
    return fc_rows_fit(op, &k, fc_k->v, FC_ROW_WORTH);
}

/* Rows of outputs that are computed at once, at most; that are an item. */
static ptrdiff_t together(const fc_row_tiling *k) { return fc_min(k->out_h, fc_max(ROWS, TILES / k->tiles)); }
static ptrdiff_t block(const fc_row_tiling *k)
{
    return fc_balanced(k->out_h, fc_min(together(k), fc_ceil_div(k->out_h, FC_ITEMS)));
}

/* Floats from one product to the next: of V, of M for `rows` rows. One line more than needed: t streams must not meet in one set of
 * the cache. */
static ptrdiff_t width(const fc_row_tiling *k) { return fc_round_up(k->out_c, fc_k->v); }
static ptrdiff_t v_step(const fc_op *op, const fc_row_tiling *k, ptrdiff_t rows)
{
    return fc_round_up(k->tiles * (rows + op->u.conv2d.filter_h - 1) * k->c, FC_LINE) + FC_LINE;
}
static ptrdiff_t m_step(const fc_row_tiling *k, ptrdiff_t rows)
{
    return fc_round_up(rows * k->tiles * width(k), FC_LINE) + FC_LINE;
}

static fc_status size(fc_op *op, fc_pass pass)
{
    (void)pass;
    const fc_row_tiling k = fc_get_row_tiling(op, FC_FORWARD);
    op->packed_size = k.t * op->u.conv2d.filter_h * k.c * width(&k);
    op->scratch = fc_max(op->scratch, k.t * (v_step(op, &k, together(&k)) + m_step(&k, together(&k))) + FC_MARGIN);
    return FC_OK;
}

static ptrdiff_t items(const fc_op *op, fc_pass pass)
{
    (void)pass;
    const fc_row_tiling k = fc_get_row_tiling(op, FC_FORWARD);
    return fc_ceil_div(k.out_h, block(&k));
}

static ptrdiff_t pack_items(const fc_op *op, fc_pass pass)
{
    (void)pass;
    return op->u.conv2d.filter_h;
}

static void pack(const fc_op *op, const fc_io *io, fc_pass pass, ptrdiff_t item, float *packed, float *scratch)
{
    (void)pass, (void)scratch;
    const fc_row_tiling k = fc_get_row_tiling(op, FC_FORWARD);
    const ptrdiff_t n = k.c * k.out_c, row = width(&k), step = op->u.conv2d.filter_h * k.c * row;
    const float *w[FC_ROW_M];
    packed += item * k.c * row;
    for (ptrdiff_t c = 0; c < k.c; c++) {
        for (ptrdiff_t i = 0; i < k.taps; i++) w[i] = io->w + (item * k.taps + i) * n + c * k.out_c;
        fc_k->winograd_row_filter(k.t, k.taps, k.out_c, w, packed + c * row, step);
        for (ptrdiff_t p = 0; row > k.out_c && p < k.t; p++)
            memset(packed + p * step + c * row + k.out_c, 0, (size_t)(row - k.out_c) * sizeof *packed);
    }
}

/* V of the windows of rows [row, row + rows). */
static void transform(const fc_op *op, const fc_row_tiling *k, const float *x, ptrdiff_t row, ptrdiff_t rows, float *v, ptrdiff_t step)
{
    const ptrdiff_t all = rows + op->u.conv2d.filter_h - 1;
    const float *at[FC_ROW_T];
    for (ptrdiff_t tile = 0; tile < k->tiles; tile++)
        for (ptrdiff_t r = 0; r < all; r++, v += k->c) {
            const ptrdiff_t h = row - k->pad_h + r, inside = h >= 0 && h < k->h;
            fc_row_pixels(x + (inside ? h : 0) * k->w * k->c, inside ? k->w : 0, k->c, tile * k->m - k->pad_w, k->t, at);
            fc_k->winograd_row_input(k->t, k->c, at, v, step);
        }
}

/* M of their tiles, [p][row][tile][output channel]. */
static void multiply(const fc_op *op, const fc_row_tiling *k, const float *packed, ptrdiff_t rows, const float *v, ptrdiff_t v_p, float *m,
                     ptrdiff_t m_p)
{
    const ptrdiff_t len = op->u.conv2d.filter_h * k->c, all = rows + op->u.conv2d.filter_h - 1, row = width(k);
    const ptrdiff_t pixels = rows * k->tiles, height = fc_tile_rows(pixels);
    for (ptrdiff_t first = 0; first < pixels; first += height) {
        const ptrdiff_t count = fc_min(height, pixels - first);
        fc_rows at;
        for (ptrdiff_t i = 0; i < fc_k->mr; i++) {
            const ptrdiff_t pixel = first + (i < count ? i : 0);
            at.a[i] = v + (pixel % k->tiles * all + pixel / k->tiles) * k->c;
        }
        for (ptrdiff_t p = 0; p < k->t; p++) {
            const ptrdiff_t run = p * v_p;
            const fc_inner in = {&run, 1, len, 1, row, fc_chains_of(1, len, 0)};
            for (ptrdiff_t oc = 0; oc < k->out_c; oc += fc_k->nr) {
                for (ptrdiff_t i = 0; i < fc_k->mr; i++) at.c[i] = m + p * m_p + (first + (i < count ? i : 0)) * row + oc;
                fc_k->gemm(count, fc_min(fc_k->nr, k->out_c - oc), &at, &in, packed + p * len * row + oc, NULL, 0);
            }
        }
    }
}

static void forward(const fc_op *op, const fc_io *io, const fc_work *work)
{
    const fc_row_tiling k = fc_get_row_tiling(op, FC_FORWARD);
    const ptrdiff_t most = together(&k), each = block(&k), y_c = fc_y_c(op), row_y = k.out_w * y_c;
    const ptrdiff_t v_p = v_step(op, &k, most), m_p = m_step(&k, most);
    float *v = work->scratch, *m = v + fc_round_up(k.t * v_p, FC_LINE), *y[FC_ROW_M];
    for (fc_part p = {0}; fc_next_part(work, fc_ceil_div(k.out_h, each), &p);) {
        const ptrdiff_t last = fc_min(p.last * each, k.out_h);
        const float *x = fc_row(&io->x, p.chunk, work);
        float *image = fc_row(&io->y, p.chunk, work);
        for (ptrdiff_t row = p.first * each, rows; row < last; row += rows) {
            rows = fc_min(most, last - row);
            transform(op, &k, x, row, rows, v, v_p);
            multiply(op, &k, io->packed, rows, v, v_p, m, m_p);
            for (ptrdiff_t pixel = 0; pixel < rows * k.tiles; pixel++) {
                const ptrdiff_t col = pixel % k.tiles * k.m;
                float *first = image + (row + pixel / k.tiles) * row_y + col * y_c + op->y_at;
                for (ptrdiff_t i = 0; i < k.m; i++) y[i] = col + i < k.out_w ? first + i * y_c : NULL;
                fc_k->winograd_row_output(k.t, k.m, k.out_c, m + pixel * width(&k), m_p, io->b, 0, y);
            }
            if (k.out_c == y_c)
                fc_finish(op, io, work, p.chunk, row * row_y, rows * row_y);
            else if (op->sums || op->activation != FC_LINEAR)
                for (ptrdiff_t i = 0; i < rows * k.out_w; i++) fc_finish(op, io, work, p.chunk, row * row_y + i * y_c + op->y_at, k.out_c);
        }
    }
}

const fc_conv2d_algorithm fc_conv2d_winograd_rows = {
    .variant = fc_row_variant, .fits = fits, .size = size, .items = items, .pack_items = pack_items, .pack = pack, .forward = forward,
};
