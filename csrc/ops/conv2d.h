/* What the algorithms of conv2d.c have to offer, and what they share. */
#ifndef FC_CONV2D_H
#define FC_CONV2D_H
#include "ops.h"

#define FC_ITEMS 4 /* into which FORWARD cuts an image, at least, for threads to share it */

/* One way to compute FORWARD, DATA or WEIGHTS, in a file of its own. It is asked when the sizes of images, window and weights
 * are known. */
typedef struct {
    const char *name;
    const char *(*variant)(const fc_op *op, fc_pass pass); /* in place of the name; NULL: there is but one */
    int (*fits)(const fc_op *op, fc_pass pass);            /* can it, and is it worth while? */
    fc_status (*size)(fc_op *op, fc_pass pass); /* sets how the pass is cut and its packed size, enlarges scratch */
    ptrdiff_t (*items)(const fc_op *op, fc_pass pass);     /* per image, in lanes per chunk; of WEIGHTS blocks of weights */
    /* Weights as FORWARD or DATA reads them, in items; NULL: as they lie. */
    ptrdiff_t (*pack_items)(const fc_op *op, fc_pass pass);
    void (*pack)(const fc_op *op, const fc_io *io, fc_pass pass, ptrdiff_t item, float *packed, float *scratch);
    fc_pass_fn *forward;
    /* With a bias and an activation behind it: what a transposed convolution (conv2d_transpose.c) makes. */
    void (*data)(const fc_op *op, const fc_io *io, const fc_work *work, const float *bias, fc_activation activation);
    /* Blocks [first, last) of dw, and of db unless NULL, over images [from, to). */
    void (*weights)(const fc_op *op, const fc_io *io, const fc_work *work, ptrdiff_t first, ptrdiff_t last, ptrdiff_t from,
                    ptrdiff_t to, float *dw, float *db);
    /* Adds block `item` of other weights [w_size + b_size] to them; NULL: there is no need. */
    void (*add)(const fc_op *op, ptrdiff_t item, const float *other, float *dw, float *db);
} fc_conv2d_algorithm;

extern const fc_conv2d_algorithm fc_conv2d_table_lanes, fc_conv2d_table, fc_conv2d_winograd_lanes, fc_conv2d_lanes,
    fc_conv2d_depthwise, fc_conv2d_winograd, fc_conv2d_winograd_rows, fc_conv2d_planar, fc_conv2d_direct, fc_conv2d_int8;

/* The one that computes a pass. */
const fc_conv2d_algorithm *fc_conv2d_by(const fc_op *op, fc_pass pass);

fc_cut fc_conv2d_cut(const fc_op *op, fc_pass pass);

/* Rows [row0, row0 + rows) and columns [col0, col0 + cols) of an image, zero outside it: the image itself where it has
 * them all, else a copy. *row_step: floats from row to row. */
const float *fc_conv2d_padded(const float *x, ptrdiff_t h, ptrdiff_t w, ptrdiff_t c, ptrdiff_t row0, ptrdiff_t rows,
                              ptrdiff_t col0, ptrdiff_t cols, float *copy, ptrdiff_t *row_step);

/* Floats of the zero-edged copy of a chunk in lanes, or −1: too many; what outputs in rows [first, last) read of a chunk: x itself,
 * or such a copy. */
ptrdiff_t fc_conv2d_lanes_copy(const fc_op *op);
const float *fc_conv2d_lanes_padded(const fc_op *op, const fc_io *io, const fc_work *work, ptrdiff_t image, ptrdiff_t first,
                                    ptrdiff_t last, float *copy, ptrdiff_t *row);

/* Must a chunk in lanes be copied for its zero edge? WEIGHTS then is one item, so that it is copied but once. */
int fc_conv2d_lanes_edged(const fc_op *op);
ptrdiff_t fc_conv2d_lanes_items(const fc_op *op, fc_pass pass);

/* db of output channels [oc, oc + n) over images [from, to). */
void fc_conv2d_bias(const fc_op *op, const fc_io *io, const fc_work *work, ptrdiff_t from, ptrdiff_t to, ptrdiff_t oc, ptrdiff_t n,
                    float *db);

/* Are channels so few that WEIGHTS takes whole rows of the filter, (fw, ic), as rows of its product? */
static inline int fc_conv2d_flat(const fc_op *op)
{
    const fc_conv2d *o = &op->u.conv2d;
    return o->groups == 1 && o->dilation_w == 1 && op->in_c < 2 * fc_k->mr;
}

#endif
