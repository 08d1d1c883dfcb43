/* Winograd's algorithm along rows: what its two forms share. In lanes (conv2d_winograd_lanes.c) a number is a vector of images, else
 * (conv2d_winograd_rows.c) vectors are of channels. */
#ifndef FC_CONV2D_ROWS_H
#define FC_CONV2D_ROWS_H
#include "conv2d.h"

#define FC_ROW_T 9   /* products of a tile of a row, at most */
#define FC_ROW_M 5   /* its outputs, and taps of a row of the filter, at most */
#define FC_ROW_WORTH 10 /* products that must be saved for each number that is transformed */
#define FC_ROW_MOST 256 /* products of a sum */

/* A pass in tiles: of `from`, h × w pixels of c channels, are made out_h × out_w of out_c; the window begins pad_h, pad_w before. */
typedef struct {
    ptrdiff_t taps, m, t;
    ptrdiff_t h, w, c, pad_h, pad_w, out_h, out_w, out_c;
    ptrdiff_t tiles; /* of a row */
} fc_row_tiling;

static inline fc_row_tiling fc_get_row_tiling(const fc_op *op, fc_pass pass)
{
    const fc_conv2d *o = &op->u.conv2d;
    fc_row_tiling k = {.taps = o->filter_w, .m = o->filter_w == 5 ? 5 : 4, .h = op->in_h, .w = op->in_w, .c = op->in_c,
                       .pad_h = o->pad_top, .pad_w = o->pad_left, .out_h = op->out_h, .out_w = op->out_w, .out_c = op->out_c};
    if (pass == FC_DATA) {
        k.h = op->out_h, k.w = op->out_w, k.c = op->out_c, k.out_h = op->in_h, k.out_w = op->in_w, k.out_c = op->in_c;
        k.pad_h = o->filter_h - 1 - k.pad_h, k.pad_w = o->filter_w - 1 - k.pad_w;
    }
    k.t = k.m + k.taps - 1, k.tiles = fc_ceil_div(k.out_w, k.m);
    return k;
}

/* Are there tiles for the filter, and do they save `worth` products for each number that is transformed, of channels in vectors of v? */
static inline int fc_rows_fit(const fc_op *op, const fc_row_tiling *k, ptrdiff_t v, ptrdiff_t worth)
{
    const fc_conv2d *o = &op->u.conv2d;
    if (o->exact || o->connections || (o->filter_w != 5 && o->filter_w != 3) || k->c * o->filter_h > FC_ROW_MOST) return 0;
    const ptrdiff_t out_c = fc_round_up(k->out_c, v), saved = k->taps * op->out_w - k->t * k->tiles;
    return saved * o->filter_h * k->c * out_c >= worth * k->t * k->tiles * (fc_round_up(k->c, v) + out_c);
}

/* The `variant` of both forms' algorithms. */
static inline const char *fc_row_variant(const fc_op *op, fc_pass pass)
{
    (void)pass;
    return op->u.conv2d.filter_w == 3 ? "F(4, 3)" : "F(5, 5)";
}

/* The pixels of a tile, `count` from column `first` on, in a row of w pixels of n floats; NULL outside. */
static inline void fc_row_pixels(const float *row, ptrdiff_t w, ptrdiff_t n, ptrdiff_t first, ptrdiff_t count, const float **at)
{
    for (ptrdiff_t i = 0; i < count; i++) at[i] = first + i >= 0 && first + i < w ? row + (first + i) * n : NULL;
}

#endif
