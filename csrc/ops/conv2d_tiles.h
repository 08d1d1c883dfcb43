/* The tiles of Winograd's algorithm (conv2d_tiles.c): how a pass cuts an image into them, and what all passes do with them. */
#ifndef FC_CONV2D_TILES_H
#define FC_CONV2D_TILES_H
#include "conv2d.h"

#define FC_MOST_OUT 5 /* outputs of a tile, each way */

/* A stride-1 convolution in tiles: FORWARD's, or DATA's with the roles exchanged. */
typedef struct {
    ptrdiff_t taps, m, t;              /* m × m outputs of t × t tiles */
    ptrdiff_t h, w, c;                 /* the image the tiles are cut from (after space to depth) */
    ptrdiff_t out_h, out_w, out_c;
    ptrdiff_t y_c, y_at;               /* the output is channels y_at … of pixels of y_c */
    ptrdiff_t pad_h, pad_w, groups;
    ptrdiff_t tiles_h, tiles_w;
    ptrdiff_t rows;                    /* of tiles, in a block */
    ptrdiff_t images;                  /* in a block; 1 unless it has all rows */
    ptrdiff_t columns, column_blocks;  /* of a group, taken together; how many of them */
} fc_tiling;

fc_tiling fc_get_tiling(const fc_op *op, fc_pass pass);

/* Products of a chain, at most (fc_inner): larger tiles enlarge what sums round. */
static inline ptrdiff_t fc_tile_chain(const fc_tiling *k) { return k->t == 6 ? FC_CHAIN : k->t == 7 ? FC_CHAIN / 3 : FC_CHAIN / 4; }

/* Does the convolution stride, so that it takes space to depth? */
static inline int fc_is_spread(const fc_op *op) { return op->u.conv2d.stride_h > 1 || op->u.conv2d.stride_w > 1; }

/* Floats from one product to the next, one line more than needed: t² streams must not meet in one set of the cache. */
static inline ptrdiff_t fc_product_step(ptrdiff_t rows, ptrdiff_t row) { return fc_round_up(rows * row, FC_LINE) + FC_LINE; }

/* Scratch of one block: V of `in` channels, M of `out`. */
typedef struct {
    float *zero, *image, *v, *m;
    ptrdiff_t v_row, v_step, m_row, m_step, size;
} fc_tile_scratch;

fc_tile_scratch fc_get_tile_scratch(const fc_op *op, const fc_tiling *k, ptrdiff_t in, ptrdiff_t out, float *scratch);

/* A block of tiles: `rows` rows from `row` of `images` images from `image`. */
typedef struct {
    ptrdiff_t image, images, row, rows;
} fc_tile_block;

/* The filter's tap (th, tw) of channel `ic` after space to depth, for output channels from `oc`; −1: there is none. */
static inline ptrdiff_t fc_filter_tap(const fc_op *op, ptrdiff_t th, ptrdiff_t tw, ptrdiff_t ic, ptrdiff_t oc)
{
    const fc_conv2d *o = &op->u.conv2d;
    const ptrdiff_t icg = op->in_c / o->groups, residue = ic / icg;
    const ptrdiff_t fh = th * o->stride_h + residue / o->stride_w, fw = tw * o->stride_w + residue % o->stride_w;
    if (fh >= o->filter_h || fw >= o->filter_w) return -1;
    return ((fh * o->filter_w + fw) * icg + ic % icg) * op->out_c + oc;
}

/* V of channels [c, c + n): the transformed tiles of a block. */
void fc_input_tiles(const fc_op *op, const fc_tiling *k, const fc_tile_scratch *s, const fc_buf *from, const fc_work *work,
                    const fc_tile_block *b, ptrdiff_t c, ptrdiff_t n);

/* The output pixels of a tile from channel c on; NULL outside the image. */
void fc_output_pixels(const fc_tiling *k, float *y, ptrdiff_t th, ptrdiff_t tw, ptrdiff_t c, float **at);

/* WEIGHTS (conv2d_winograd_weights.c): its items, blocks of weights; floats of scratch that one takes. db goes with a group's
 * first block. */
ptrdiff_t fc_winograd_weight_blocks(const fc_op *op, const fc_tiling *k);
ptrdiff_t fc_winograd_weights_scratch(const fc_op *op, const fc_tiling *k);
void fc_winograd_weights(const fc_op *op, const fc_io *io, const fc_work *work, ptrdiff_t first, ptrdiff_t last, ptrdiff_t from,
                         ptrdiff_t to, float *dw, float *db);
void fc_winograd_add(const fc_op *op, ptrdiff_t item, const float *other, float *dw, float *db);

#endif
