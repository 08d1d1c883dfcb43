/* Gradient of a convolution's weights by Winograd's algorithm: dy's tiles take the place of the filter.
 *
 *     dw = Aᵀ [ Σ_tiles V[p]ᵀ [ic][tiles] × Z[p] [tiles][oc] ] A,   V = Bᵀ x B, Z = G dy Gᵀ           (kernels/winograd.h)
 *
 * Threads: by blocks of (group, ic, oc), each summing over all images. */
#include "conv2d_tiles.h"

#define WEIGHTS_IN 128    /* channels of a block of weights */
#define WEIGHTS_OUT 96
#define WEIGHTS_LEAST 24  /* where threads want small blocks: fewer take longer to transform than to multiply */

/* A block's channels on both sides; smaller ones where blocks would leave threads idle: AlexNet's second layer has four. */
typedef struct {
    ptrdiff_t in, out, down, across;
} weight_blocks;

static weight_blocks get_blocks(const fc_op *op, const fc_tiling *k)
{
    const ptrdiff_t icg = k->c / k->groups, ocg = k->out_c / k->groups;
    ptrdiff_t in = WEIGHTS_IN, out = WEIGHTS_OUT;
    for (;;) {
        weight_blocks b = {.in = fc_balanced(icg, in), .out = fc_round_up(fc_balanced(ocg, out), fc_k->nr)};
        b.down = fc_ceil_div(icg, b.in), b.across = fc_ceil_div(ocg, b.out);
        const int narrow = b.out <= fc_k->nr;
        if (fc_is_shared(op, k->groups * b.down * b.across) || (narrow && b.in < 2 * WEIGHTS_LEAST)) return b;
        if (narrow)
            in = b.in / 2;
        else
            out = b.out / 2;
    }
}

ptrdiff_t fc_winograd_weight_blocks(const fc_op *op, const fc_tiling *k)
{
    const weight_blocks b = get_blocks(op, k);
    return k->groups * b.down * b.across;
}

ptrdiff_t fc_winograd_weights_scratch(const fc_op *op, const fc_tiling *k)
{
    const weight_blocks b = get_blocks(op, k);
    return fc_get_tile_scratch(op, k, b.in, b.out, NULL).size + k->t * k->t * fc_product_step(b.in, b.out);
}

/* Z of output channels [c, c + n): dy's tiles as filters of m × m taps. */
static void gradient_tiles(const fc_tiling *k, const fc_tile_scratch *s, const fc_buf *dy, const fc_work *work,
                           const fc_tile_block *b, ptrdiff_t c, ptrdiff_t n)
{
    float *pixels[FC_MOST_OUT * FC_MOST_OUT];
    const float *at[FC_MOST_OUT * FC_MOST_OUT];
    float *z = s->m;
    for (ptrdiff_t image = b->image; image < b->image + b->images; image++)
        for (ptrdiff_t th = b->row; th < b->row + b->rows; th++)
            for (ptrdiff_t tw = 0; tw < k->tiles_w; tw++, z += s->m_row) {
                fc_output_pixels(k, fc_row(dy, image, work), th, tw, c, pixels);
                for (ptrdiff_t i = 0; i < k->m * k->m; i++) at[i] = pixels[i] ? pixels[i] : s->zero;
                fc_k->winograd_filter(k->t, k->m, n, at, z, s->m_step);
            }
}

/* Products of a chain: they may be more where three taps come out of a tile. */
static ptrdiff_t chain_of(const fc_tiling *k) { return fc_max(k->taps == 3 ? FC_CHAIN / 2 : 0, fc_tile_chain(k)); }

/* sum[p] (+)= V[p]ᵀ × Z[p] */
static void accumulate(const fc_tiling *k, const fc_tile_scratch *s, ptrdiff_t tiles, ptrdiff_t in, ptrdiff_t out, float *sum,
                       ptrdiff_t sum_step, int add)
{
    static const ptrdiff_t run[1] = {0};
    const ptrdiff_t nr = fc_k->nr, mr = fc_k->mr;
    const fc_inner inner = {run, 1, tiles, s->v_row, s->m_row, fc_chains_of(1, tiles, chain_of(k))};
    for (ptrdiff_t p = 0; p < k->t * k->t; p++)
        for (ptrdiff_t j = 0; j < out; j += nr)
            for (ptrdiff_t i = 0; i < in; i += mr) {
                fc_rows rows;
                for (ptrdiff_t r = 0; r < mr; r++) {
                    const ptrdiff_t row = fc_min(i + r, in - 1);
                    rows.a[r] = s->v + p * s->v_step + row;
                    rows.c[r] = sum + p * sum_step + row * s->m_row + j;
                }
                fc_k->gemm(fc_min(mr, in - i), fc_min(nr, out - j), &rows, &inner, s->m + p * s->m_step + j, NULL, add);
            }
}

/* The channels of a block: n from c0 of group g after space to depth, `columns` of the output from oc. first: of its group? All of
 * the group's db goes with it, since the order of such sums depends on how many there are. */
typedef struct {
    ptrdiff_t g, c0, n, oc, columns;
    int first;
} weight_block;

static weight_block get_block(const fc_tiling *k, const weight_blocks *b, ptrdiff_t item)
{
    const ptrdiff_t icg = k->c / k->groups, ocg = k->out_c / k->groups, g = item / (b->across * b->down);
    const ptrdiff_t c0 = item / b->across % b->down * b->in, j0 = item % b->across * b->out;
    return (weight_block){g, c0, fc_min(b->in, icg - c0), g * ocg + j0, fc_min(b->out, ocg - j0), c0 == 0 && j0 == 0};
}

void fc_winograd_add(const fc_op *op, ptrdiff_t item, const float *other, float *dw, float *db)
{
    const fc_tiling k = fc_get_tiling(op, FC_WEIGHTS);
    const weight_blocks blocks = get_blocks(op, &k);
    const weight_block w = get_block(&k, &blocks, item);
    for (ptrdiff_t i = 0; i < k.taps * k.taps; i++)
        for (ptrdiff_t c = w.c0; c < w.c0 + w.n; c++) {
            const ptrdiff_t tap = fc_filter_tap(op, i / k.taps, i % k.taps, c, w.oc);
            if (tap >= 0) fc_k->add(w.columns, other + tap, dw + tap);
        }
    if (db && w.first) fc_k->add(k.out_c / k.groups, other + op->w_size + w.oc, db + w.oc);
}

static void weights_block(const fc_op *op, const fc_io *io, const fc_work *work, ptrdiff_t item, ptrdiff_t from, ptrdiff_t to,
                          float *dw, float *db)
{
    const fc_tiling k = fc_get_tiling(op, FC_WEIGHTS);
    const weight_blocks blocks = get_blocks(op, &k);
    const weight_block w = get_block(&k, &blocks, item);
    const fc_tile_scratch s = fc_get_tile_scratch(op, &k, blocks.in, blocks.out, work->scratch);
    float *sum = work->scratch + s.size, *at[25];
    const ptrdiff_t sum_step = fc_product_step(blocks.in, s.m_row);
    memset(s.zero, 0, (size_t)fc_max(blocks.in, blocks.out) * sizeof(float));
    for (ptrdiff_t image = from; image < to; image += k.images)
        for (ptrdiff_t row = 0; row < k.tiles_h; row += k.rows) {
            const fc_tile_block b = {image, fc_min(k.images, to - image), row, fc_min(k.rows, k.tiles_h - row)};
            fc_input_tiles(op, &k, &s, &io->x, work, &b, w.g * (k.c / k.groups) + w.c0, w.n);
            gradient_tiles(&k, &s, &io->dy, work, &b, w.oc, w.columns);
            accumulate(&k, &s, b.images * b.rows * k.tiles_w, w.n, w.columns, sum, sum_step, image > from || row > 0);
        }
    for (ptrdiff_t c = 0; c < w.n; c++) {
        for (ptrdiff_t i = 0; i < k.taps * k.taps; i++) {
            const ptrdiff_t tap = fc_filter_tap(op, i / k.taps, i % k.taps, w.c0 + c, w.oc);
            at[i] = tap < 0 ? NULL : dw + tap;
        }
        fc_k->winograd_output(k.t, k.taps, w.columns, sum + c * s.m_row, sum_step, NULL, 0, at);
    }
    if (db && w.first) fc_conv2d_bias(op, io, work, from, to, w.oc, k.out_c / k.groups, db);
}

void fc_winograd_weights(const fc_op *op, const fc_io *io, const fc_work *work, ptrdiff_t first, ptrdiff_t last, ptrdiff_t from,
                         ptrdiff_t to, float *dw, float *db)
{
    for (ptrdiff_t item = first; item < last; item++) weights_block(op, io, work, item, from, to, dw, db);
}
