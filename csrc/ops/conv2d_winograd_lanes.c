/* Convolution in lanes by Winograd's algorithm along rows: F(5, 5) for filters 5 wide, F(4, 3) for those 3 wide.
 *
 *     y[oh] tile = Aᵀ Σ_{fh,ic} U[fh][ic][oc] ⊙ V[oh − p + fh][ic],   U = G w[fh] (packed), V = Bᵀ x[row]   (kernels/winograd.h)
 *     dw[fh][ic][oc] = Aᵀ Σ_{oh,tile,l} V[oh − p + fh][ic][l] ⊙ Z[oh][oc][l],                Z = G dy[oh]
 *
 * A tile is m neighbouring outputs of one row: 9 multiply-adds give 5 outputs of each row of the filter, where direct sums take 25;
 * 6 give 4, where those take 12. Up and down nothing is transformed, so that errors stay small and rows that fall outside are
 * left out. V lies as [product][tile][row][channel][V]: the rows of a window are one run of products, and rows of outputs are the
 * pixels of lanes_gemm. DATA is the same with dy for x and the taps turned round.
 *
 * Error against float64 on random layers (tests/long.py): below 1e-5 of max|y|, 2e-6 in the 2-norm.
 * NaN and infinity in an image reach all outputs of a tile whose window holds them.
 * Threads: by blocks of rows of a column of tiles of a chunk; WEIGHTS by blocks of filters, one partial a chunk. */
#include "conv2d_rows.h"

#define ROWS 8         /* of outputs that are an item: the rows of its window stay in L1 */
#define FILTERS 4      /* of dw that are an item */
#define WEIGHTS 65536  /* floats of V and Z that WEIGHTS takes at a time */
#define WORTH_SUM 6    /* what FC_ROW_WORTH is to WEIGHTS, which transforms sums back but once */

/* Output rows of an item, and how many such blocks there are. */
typedef struct {
    ptrdiff_t rows, count;
} row_blocks;

static row_blocks blocks_of(const fc_row_tiling *k)
{
    const ptrdiff_t rows = fc_balanced(k->out_h, ROWS);
    return (row_blocks){rows, fc_ceil_div(k->out_h, rows)};
}

static int fits(const fc_op *op, fc_pass pass)
{
    const fc_row_tiling k = fc_get_row_tiling(op, pass);
    return op->lanes && fc_rows_fit(op, &k, 1, pass == FC_WEIGHTS ? WORTH_SUM : FC_ROW_WORTH);
}

/* Floats from one product to the next: of V for `rows` rows of `tiles` tiles; of what `rows` rows of n channels make. One line more
 * than needed: t streams must not meet in one set of the cache. */
static ptrdiff_t step_of(ptrdiff_t tiles, ptrdiff_t rows, ptrdiff_t n) { return tiles * rows * n * fc_k->v + FC_LINE; }

/* Rows of outputs whose sums are in registers at once. */
static ptrdiff_t together(void) { return fc_k->nr / fc_k->v; }

/* Output rows that WEIGHTS takes at a time. */
static ptrdiff_t weight_rows(const fc_op *op, const fc_row_tiling *k)
{
    const ptrdiff_t row = k->t * k->tiles * (k->c + k->out_c) * fc_k->v;
    return fc_balanced(k->out_h, fc_max(1, WEIGHTS / row - op->u.conv2d.filter_h + 1));
}

static ptrdiff_t block(const fc_op *op) { return fc_balanced(op->out_c, FILTERS); }

static fc_status size(fc_op *op, fc_pass pass)
{
    const fc_conv2d *o = &op->u.conv2d;
    const fc_row_tiling k = fc_get_row_tiling(op, pass);
    const ptrdiff_t around = o->filter_h - 1;
    ptrdiff_t scratch = k.t * (step_of(1, ROWS + around, k.c) + step_of(1, together(), k.out_c));
    if (pass == FC_WEIGHTS) {
        const ptrdiff_t rows = weight_rows(op, &k), sums = o->filter_h * k.c * k.out_c;
        scratch = k.t * (step_of(k.tiles, rows + around, k.c) + step_of(k.tiles, rows, k.out_c) + 2 * sums);
        op->partial = op->w_size + op->b_size;
    } else if (pass == FC_FORWARD) {
        op->packed_size = k.t * o->filter_h * k.c * k.out_c;
    } else {
        op->packed_t_size = k.t * o->filter_h * k.c * k.out_c;
    }
    op->scratch = fc_max(op->scratch, scratch + FC_MARGIN);
    return FC_OK;
}

static ptrdiff_t items(const fc_op *op, fc_pass pass)
{
    const fc_row_tiling k = fc_get_row_tiling(op, pass);
    return pass == FC_WEIGHTS ? fc_ceil_div(op->out_c, block(op)) : k.tiles * blocks_of(&k).count;
}

static ptrdiff_t pack_items(const fc_op *op, fc_pass pass)
{
    (void)pass;
    return op->u.conv2d.filter_h;
}

/* packed [product][fh][channel][output channel], DATA's with the taps, and the channels, turned round */
static void pack(const fc_op *op, const fc_io *io, fc_pass pass, ptrdiff_t item, float *packed, float *scratch)
{
    (void)scratch;
    const fc_row_tiling k = fc_get_row_tiling(op, pass);
    const ptrdiff_t n = k.c * k.out_c, filter_h = op->u.conv2d.filter_h, step = filter_h * n;
    const float *w[FC_ROW_M];
    if (pass == FC_FORWARD) {
        for (ptrdiff_t i = 0; i < k.taps; i++) w[i] = io->w + (item * k.taps + i) * n;
        fc_k->winograd_row_filter(k.t, k.taps, n, w, packed + item * n, step);
        return;
    }
    float column[5 * FC_MAX_NR], numbers[9 * FC_MAX_NR];
    const float *from = io->w + (filter_h - 1 - item) * k.taps * n;
    for (ptrdiff_t i = 0; i < k.taps; i++) w[i] = column + i * FC_MAX_NR;
    for (ptrdiff_t c = 0; c < k.c; c++)
        for (ptrdiff_t oc = 0; oc < k.out_c; oc += FC_MAX_NR) {
            const ptrdiff_t count = fc_min(FC_MAX_NR, k.out_c - oc);
            for (ptrdiff_t i = 0; i < k.taps; i++)
                for (ptrdiff_t l = 0; l < count; l++)
                    column[i * FC_MAX_NR + l] = from[(k.taps - 1 - i) * n + (oc + l) * k.c + c];
            fc_k->winograd_row_filter(k.t, k.taps, count, w, numbers, FC_MAX_NR);
            for (ptrdiff_t p = 0; p < k.t; p++)
                memcpy(packed + p * step + (item * k.c + c) * k.out_c + oc, numbers + p * FC_MAX_NR, (size_t)count * sizeof(float));
        }
}

/* What FORWARD and DATA share: item (block of rows, column of tiles) of a chunk. */
static void run_item(const fc_op *op, const fc_row_tiling *k, ptrdiff_t item, const float *from, const float *packed, const float *bias,
                     fc_activation activation, float *to, float *scratch)
{
    const ptrdiff_t filter_h = op->u.conv2d.filter_h, n = k->c * fc_k->v, out_n = k->out_c * fc_k->v;
    const ptrdiff_t each = blocks_of(k).rows, row = item / k->tiles * each, last = fc_min(row + each, k->out_h), col = item % k->tiles * k->m;
    const ptrdiff_t columns = fc_min(k->m, k->out_w - col);
    const ptrdiff_t top = fc_min(fc_max(0, row - k->pad_h), k->h), bottom = fc_min(k->h, last - 1 - k->pad_h + filter_h);
    const ptrdiff_t v_step = step_of(1, each + filter_h - 1, k->c), m_step = step_of(1, together(), k->out_c);
    float *v = scratch, *m = v + fc_round_up(k->t * v_step, FC_LINE), *y[FC_ROW_M];
    const float *x[FC_ROW_T];
    for (ptrdiff_t h = top; h < bottom; h++) {
        fc_row_pixels(from + h * k->w * n, k->w, n, col - k->pad_w, k->t, x);
        fc_k->winograd_row_input(k->t, n, x, v + (h - top) * n, v_step);
    }
    for (ptrdiff_t oh = row, rows; oh < last; oh += rows) {
        const ptrdiff_t begin = oh - k->pad_h, tap = fc_min(fc_max(0, -begin), filter_h);
        const ptrdiff_t taps = fc_max(0, fc_min(filter_h, k->h - begin) - tap);
        for (rows = 1; rows < together() && oh + rows < last; rows++) /* all with the same taps */
            if (begin < 0 || begin + rows + filter_h > k->h) break;
        const fc_lanes in = {.runs = 1, .len = taps * k->c, .chains = fc_chains_of(1, fc_max(1, taps * k->c), 0), .a_step = k->out_c,
                             .a_row = 1, .b_step = fc_k->v, .b_pixel = n, .c_pixel = out_n};
        for (ptrdiff_t p = 0; p < k->t; p++)
            fc_k->lanes_gemm(k->out_c, rows, &in, packed + (p * filter_h + tap) * k->c * k->out_c,
                             v + p * v_step + (taps ? begin + tap - top : 0) * n, NULL, m + p * m_step);
        for (ptrdiff_t r = 0; r < rows; r++) {
            float *first = to + ((oh + r) * k->out_w + col) * out_n;
            for (ptrdiff_t i = 0; i < k->m; i++) y[i] = i < columns ? first + i * out_n : NULL;
            fc_k->winograd_row_output(k->t, k->m, out_n, m + r * out_n, m_step, bias, 1, y);
            if (activation != FC_LINEAR) fc_k->activate(activation, op->alpha, columns * out_n, first, first);
        }
    }
}

static void forward(const fc_op *op, const fc_io *io, const fc_work *work)
{
    const fc_row_tiling k = fc_get_row_tiling(op, FC_FORWARD);
    for (fc_part p = {0}; fc_next_part(work, k.tiles * blocks_of(&k).count, &p);)
        for (ptrdiff_t item = p.first; item < p.last; item++)
            run_item(op, &k, item, fc_row(&io->x, p.chunk * fc_k->v, work), io->packed, io->b, op->activation,
                     fc_row(&io->y, p.chunk * fc_k->v, work), work->scratch);
}

static void data(const fc_op *op, const fc_io *io, const fc_work *work, const float *bias, fc_activation activation)
{
    const fc_row_tiling k = fc_get_row_tiling(op, FC_DATA);
    for (fc_part p = {0}; fc_next_part(work, k.tiles * blocks_of(&k).count, &p);)
        for (ptrdiff_t item = p.first; item < p.last; item++)
            run_item(op, &k, item, fc_row(&io->dy, p.chunk * fc_k->v, work), io->packed_t, bias, activation,
                     fc_row(&io->dx, p.chunk * fc_k->v, work), work->scratch);
}

static void weights(const fc_op *op, const fc_io *io, const fc_work *work, ptrdiff_t first, ptrdiff_t last, ptrdiff_t from,
                    ptrdiff_t to, float *dw, float *db)
{
    (void)to; /* a chunk */
    const fc_row_tiling k = fc_get_row_tiling(op, FC_WEIGHTS);
    const ptrdiff_t filter_h = op->u.conv2d.filter_h, n = k.c * fc_k->v, all = k.out_c * fc_k->v, rows = weight_rows(op, &k);
    const ptrdiff_t oc = first * block(op), filters = fc_min(last * block(op), k.out_c) - oc, out_n = filters * fc_k->v;
    const ptrdiff_t v_rows = rows + filter_h - 1, v_step = step_of(k.tiles, v_rows, k.c), z_step = step_of(k.tiles, rows, filters);
    const ptrdiff_t sums = filter_h * k.c * filters;
    float *v = work->scratch, *z = v + fc_round_up(k.t * v_step, FC_LINE), *sum = z + fc_round_up(k.t * z_step, FC_LINE);
    const float *x = fc_row(&io->x, from, work), *dy = fc_row(&io->dy, from, work), *at[FC_ROW_T];
    for (ptrdiff_t row = 0; row < k.out_h; row += rows) {
        const ptrdiff_t count = fc_min(rows, k.out_h - row);
        for (ptrdiff_t tile = 0; tile < k.tiles; tile++) {
            for (ptrdiff_t r = 0; r < count + filter_h - 1; r++) {
                const ptrdiff_t h = row - k.pad_h + r, inside = h >= 0 && h < k.h;
                fc_row_pixels(x + (inside ? h : 0) * k.w * n, inside ? k.w : 0, n, tile * k.m - k.pad_w, k.t, at);
                fc_k->winograd_row_input(k.t, n, at, v + (tile * v_rows + r) * n, v_step);
            }
            for (ptrdiff_t r = 0; r < count; r++) {
                fc_row_pixels(dy + (row + r) * k.out_w * all + oc * fc_k->v, k.out_w, all, tile * k.m, k.m, at);
                fc_k->winograd_row_filter(k.t, k.m, out_n, at, z + (tile * rows + r) * out_n, z_step);
            }
        }
        for (ptrdiff_t p = 0; p < k.t; p++) {
            const fc_plane in = {v + p * v_step, v_rows * n, n}, out = {z + p * z_step, rows * out_n, out_n};
            float *products = sum + (row ? k.t + p : p) * sums;
            fc_k->lanes_outer(filter_h * k.c, filters, k.tiles, count, &in, &out, products, filters);
            if (row) fc_k->add(sums, products, sum + p * sums);
        }
    }
    float *taps[FC_ROW_M];
    for (ptrdiff_t i = 0; i < filter_h * k.c; i++) {
        const ptrdiff_t fh = i / k.c, c = i % k.c;
        for (ptrdiff_t fw = 0; fw < k.taps; fw++) taps[fw] = dw + ((fh * k.taps + fw) * k.c + c) * k.out_c + oc;
        fc_k->winograd_row_output(k.t, k.taps, filters, sum + i * filters, sums, NULL, 1, taps);
    }
    if (db && first == 0) fc_k->lanes_sum(op->out_h * op->out_w, op->out_c, dy, db);
}

const fc_conv2d_algorithm fc_conv2d_winograd_lanes = {
    .variant = fc_row_variant, .fits = fits, .size = size, .items = items, .pack_items = pack_items, .pack = pack, .forward = forward,
    .data = data, .weights = weights,
};
