/* What conv2d.c and conv2d_weights.c share. */
#ifndef FC_CONV2D_H
#define FC_CONV2D_H
#include "correlate.h"

/* Rows [row0, row0 + rows) and columns [col0, col0 + cols) of an image, zero outside it: the image itself where it has
 * them all, else a copy. *row_step: floats from row to row. */
const float *fc_conv2d_padded(const float *x, ptrdiff_t h, ptrdiff_t w, ptrdiff_t c, ptrdiff_t row0, ptrdiff_t rows,
                              ptrdiff_t col0, ptrdiff_t cols, float *copy, ptrdiff_t *row_step);

fc_status fc_conv2d_size_weights(fc_op *op);
ptrdiff_t fc_conv2d_weight_blocks(const fc_op *op);
void fc_conv2d_weights(const fc_op *op, const fc_io *io, const fc_work *work);
void fc_conv2d_reduce(const fc_op *op, const fc_io *io, const fc_work *work);

#endif
