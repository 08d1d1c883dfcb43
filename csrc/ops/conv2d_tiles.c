/* The tiles of Winograd's algorithm: the geometry of a pass, its scratch, and the pixels of a tile, given by pointers, so that
 * edges cost nothing but a pointer to zeros.
 * A strided convolution (AlexNet's first: 11×11, stride 4, 3 channels) becomes one of stride 1 by *space to depth*: a block of
 * stride × stride pixels is one pixel of stride²·in_c channels, the filter ⌈11/4⌉ = 3 wide. */
#include "conv2d_tiles.h"

#define TILES 72          /* of a block, at most: rows of the products (eight images of 13×13) */
#define FEW_CHANNELS 32   /* input channels, whose products take less time than to bring M from beyond L2: blocks are half as large */
#define MANY_CHANNELS 48  /* on both sides */
#define COLUMNS 96        /* output channels taken together: M[p] in L2 */

/* Of three taps 4, or 5 where that takes fewer products: 13×13 outputs are 3×3 tiles of 49 or 4×4 of 36. Of more taps 3, as tiles of
 * 8 × 8 round more; but 4 where five taps meet many channels: 3 would cost AlexNet, whose second layer has them, 3 to 5 %. */
static ptrdiff_t best_tile(const fc_tiling *k)
{
    const double four = 36.0 * (double)(fc_ceil_div(k->out_h, 4) * fc_ceil_div(k->out_w, 4));
    const double five = 49.0 * (double)(fc_ceil_div(k->out_h, 5) * fc_ceil_div(k->out_w, 5));
    if (k->taps == 3) return five < four ? 5 : 4;
    return k->taps == 5 && fc_min(k->c, k->out_c) / k->groups >= MANY_CHANNELS ? 4 : 3;
}

fc_tiling fc_get_tiling(const fc_op *op, fc_pass pass)
{
    const fc_conv2d *o = &op->u.conv2d;
    const ptrdiff_t sh = o->stride_h, sw = o->stride_w;
    fc_tiling k = {.taps = fc_ceil_div(o->filter_h, sh), .groups = o->groups};
    if (pass == FC_DATA) {
        k.h = op->out_h, k.w = op->out_w, k.c = op->out_c;
        k.out_h = op->in_h, k.out_w = op->in_w, k.out_c = op->in_c;
        k.pad_h = k.taps - 1 - o->pad_top, k.pad_w = k.taps - 1 - o->pad_left;
    } else {
        k.out_h = op->out_h, k.out_w = op->out_w, k.out_c = op->out_c;
        k.h = op->in_h, k.w = op->in_w, k.c = op->in_c, k.pad_h = o->pad_top, k.pad_w = o->pad_left;
        if (fc_is_spread(op)) k.h = k.out_h + k.taps - 1, k.w = k.out_w + k.taps - 1, k.c *= sh * sw, k.pad_h = k.pad_w = 0;
    }
    k.y_c = pass == FC_FORWARD ? fc_y_c(op) : k.out_c, k.y_at = pass == FC_FORWARD ? op->y_at : 0;
    k.m = best_tile(&k), k.t = k.m + k.taps - 1;
    k.tiles_h = fc_ceil_div(k.out_h, k.m), k.tiles_w = fc_ceil_div(k.out_w, k.m);
    k.rows = fc_balanced(k.tiles_h, fc_max(1, (k.c / k.groups < FEW_CHANNELS ? TILES / 2 : TILES) / k.tiles_w));
    k.images = k.rows < k.tiles_h || fc_is_spread(op) ? 1 : fc_max(1, TILES / (k.tiles_h * k.tiles_w));
    const ptrdiff_t columns = k.out_c / k.groups, items = k.groups * fc_ceil_div(k.tiles_h, k.rows);
    k.columns = fc_min(COLUMNS, fc_ceil_div(columns, fc_ceil_div(op->alone ? fc_max(2 * FC_ITEMS, op->threads) : FC_ITEMS, items)));
    k.columns = fc_round_up(fc_balanced(columns, k.columns), fc_k->nr);
    k.column_blocks = fc_ceil_div(columns, k.columns);
    return k;
}

fc_tile_scratch fc_get_tile_scratch(const fc_op *op, const fc_tiling *k, ptrdiff_t in, ptrdiff_t out, float *scratch)
{
    const ptrdiff_t tiles = fc_round_up(k->rows * k->tiles_w * k->images, fc_k->mr), products = k->t * k->t;
    fc_tile_scratch s = {.v_row = fc_round_up(in, fc_k->v), .m_row = fc_round_up(out, fc_k->nr)};
    s.v_step = fc_product_step(tiles, s.v_row), s.m_step = fc_product_step(tiles, s.m_row);
    s.zero = scratch;
    s.image = s.zero + fc_round_up(fc_max(in, out), FC_LINE);
    s.v = s.image + (fc_is_spread(op) ? fc_round_up((k->rows * k->m + k->taps - 1) * k->w * k->c, FC_LINE) : 0);
    s.m = s.v + products * s.v_step;
    s.size = s.m + products * s.m_step - scratch;
    return s;
}

/* Rows [row, row + rows) of x after space to depth, zero beyond the image; channel (sh, sw, c). */
static void space_to_depth(const fc_op *op, const fc_tiling *k, const float *x, ptrdiff_t row, ptrdiff_t rows, float *to)
{
    const fc_conv2d *o = &op->u.conv2d;
    const ptrdiff_t line = o->stride_w * op->in_c; /* floats of one image row in one pixel */
    memset(to, 0, (size_t)(rows * k->w * k->c) * sizeof *to);
    for (ptrdiff_t r = 0; r < rows; r++, to += k->w * k->c)
        for (ptrdiff_t sh = 0; sh < o->stride_h; sh++) {
            const ptrdiff_t ih = (row + r) * o->stride_h + sh - o->pad_top;
            if (ih < 0 || ih >= op->in_h) continue;
            const float *from = x + ih * op->in_w * op->in_c;
            for (ptrdiff_t p = 0; p < k->w; p++) {
                const ptrdiff_t iw = p * o->stride_w - o->pad_left;
                const ptrdiff_t first = fc_max(0, -iw), last = fc_min(o->stride_w, op->in_w - iw);
                if (first < last)
                    memcpy(to + p * k->c + sh * line + first * op->in_c, from + (iw + first) * op->in_c,
                           (size_t)((last - first) * op->in_c) * sizeof *to);
            }
        }
}

void fc_input_tiles(const fc_op *op, const fc_tiling *k, const fc_tile_scratch *s, const fc_buf *from, const fc_work *work,
                    const fc_tile_block *b, ptrdiff_t c, ptrdiff_t n)
{
    const float *at[64];
    float *v = s->v;
    for (ptrdiff_t image = b->image; image < b->image + b->images; image++) {
        const float *x = fc_row(from, image, work);
        const ptrdiff_t row0 = b->row * k->m - k->pad_h;
        ptrdiff_t skipped = 0;
        if (fc_is_spread(op)) {
            space_to_depth(op, k, x, row0, fc_min(b->rows * k->m + k->taps - 1, k->h - row0), s->image);
            x = s->image, skipped = row0;
        }
        for (ptrdiff_t th = 0; th < b->rows; th++)
            for (ptrdiff_t tw = 0; tw < k->tiles_w; tw++, v += s->v_row) {
                for (ptrdiff_t i = 0; i < k->t; i++)
                    for (ptrdiff_t j = 0; j < k->t; j++) {
                        const ptrdiff_t h = row0 + th * k->m + i, w = tw * k->m - k->pad_w + j;
                        const int inside = h >= 0 && h < k->h && w >= 0 && w < k->w;
                        at[i * k->t + j] = inside ? x + ((h - skipped) * k->w + w) * k->c + c : s->zero;
                    }
                fc_k->winograd_input(k->t, n, at, v, s->v_step);
            }
    }
}

void fc_output_pixels(const fc_tiling *k, float *y, ptrdiff_t th, ptrdiff_t tw, ptrdiff_t c, float **at)
{
    for (ptrdiff_t i = 0; i < k->m; i++)
        for (ptrdiff_t j = 0; j < k->m; j++) {
            const ptrdiff_t h = th * k->m + i, w = tw * k->m + j;
            at[i * k->m + j] = h < k->out_h && w < k->out_w ? y + (h * k->out_w + w) * k->y_c + k->y_at + c : NULL;
        }
}
