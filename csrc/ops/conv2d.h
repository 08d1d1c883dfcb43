/* What conv2d.c and the other files of conv2d share. */
#ifndef FC_CONV2D_H
#define FC_CONV2D_H
#include "ops.h"

/* Rows [row0, row0 + rows) and columns [col0, col0 + cols) of an image, zero outside it: the image itself where it has
 * them all, else a copy. *row_step: floats from row to row. */
const float *fc_conv2d_padded(const float *x, ptrdiff_t h, ptrdiff_t w, ptrdiff_t c, ptrdiff_t row0, ptrdiff_t rows,
                              ptrdiff_t col0, ptrdiff_t cols, float *copy, ptrdiff_t *row_step);

fc_cut fc_conv2d_cut(const fc_op *op, fc_pass pass);

fc_status fc_conv2d_size_data(fc_op *op);
ptrdiff_t fc_conv2d_data_blocks(const fc_op *op); /* of an image */
void fc_conv2d_pack_data(const fc_op *op, const fc_io *io, ptrdiff_t g); /* packed_t of a group, for direct sums */
/* DATA with a bias and an activation behind it: what a transposed convolution (conv2d_transpose.c) makes. */
void fc_conv2d_data(const fc_op *op, const fc_io *io, const fc_work *work, const float *bias, fc_activation activation);

fc_status fc_conv2d_size_weights(fc_op *op);
ptrdiff_t fc_conv2d_weight_blocks(const fc_op *op);
void fc_conv2d_weights(const fc_op *op, const fc_io *io, const fc_work *work);
/* All of dw, and db if it is wanted, by direct sums over images [from, to). */
void fc_conv2d_weights_of(const fc_op *op, const fc_io *io, const fc_work *work, ptrdiff_t from, ptrdiff_t to, float *dw,
                          float *db);

/* db of output channels [oc, oc + n) over images [from, to). */
void fc_conv2d_bias(const fc_op *op, const fc_io *io, const fc_work *work, ptrdiff_t from, ptrdiff_t to, ptrdiff_t oc, ptrdiff_t n,
                    float *db);

/* The convolution whose gradient a transposed one is; of a convolution the same with sizes exchanged. */
fc_op fc_conv2d_transposed(const fc_op *op);

/* With a table of connections (conv2d_table.c). */

/* Makes an op whose sizes are those of all connections one of `connections` of them. */
fc_status fc_conv2d_set_table(fc_op *op, ptrdiff_t connections);
void fc_conv2d_table_size_lanes(fc_op *op);
void fc_conv2d_table_pack(const fc_op *op, const fc_io *io, const fc_work *work);
void fc_conv2d_table_forward(const fc_op *op, const fc_io *io, const fc_work *work);
void fc_conv2d_table_data(const fc_op *op, const fc_io *io, const fc_work *work);
void fc_conv2d_table_weights(const fc_op *op, const fc_io *io, const fc_work *work);

/* As many groups as channels. */

static inline int fc_depthwise_serves(const fc_op *op, fc_pass pass) { return op->u.conv2d.depthwise >> pass & 1; }

/* Chooses the algorithm of each pass of a conv2d whose sizes are set; changes scratch and packed sizes. */
fc_status fc_depthwise_init(fc_op *op);
ptrdiff_t fc_depthwise_items(const fc_op *op, fc_pass pass); /* of FORWARD, DATA: per image */
void fc_depthwise_forward(const fc_op *op, const fc_io *io, const fc_work *work);
void fc_depthwise_data(const fc_op *op, const fc_io *io, const fc_work *work, const float *bias, fc_activation activation);
/* dw, and db unless NULL, over images [from, to). */
void fc_depthwise_weights(const fc_op *op, const fc_io *io, const fc_work *work, ptrdiff_t from, ptrdiff_t to, float *dw,
                          float *db);

/* Winograd's algorithm: conv2d_winograd.c and conv2d_winograd_weights.c, which share conv2d_tiles.h. */

/* Chooses the algorithm of each pass of a conv2d whose sizes are set; enlarges scratch and packed sizes. */
void fc_winograd_init(fc_op *op);
static inline int fc_winograd_serves(const fc_op *op, fc_pass pass) { return op->u.conv2d.winograd >> pass & 1; }
const char *fc_winograd_name(const fc_op *op, fc_pass pass); /* of a pass that it serves */

ptrdiff_t fc_winograd_items(const fc_op *op, fc_pass pass); /* of FORWARD, DATA: per image; WEIGHTS: blocks */
void fc_winograd_pack(const fc_op *op, fc_pass pass, const float *w, float *packed, ptrdiff_t item); /* (group, column tile) */
void fc_winograd_forward(const fc_op *op, const fc_io *io, const fc_work *work);
void fc_winograd_data(const fc_op *op, const fc_io *io, const fc_work *work, const float *bias, fc_activation activation);
/* Block `item` of dw (and of db, with a group's first channels) over images [from, to). */
void fc_winograd_weights(const fc_op *op, const fc_io *io, const fc_work *work, ptrdiff_t item, ptrdiff_t from, ptrdiff_t to,
                         float *dw, float *db);

#endif
