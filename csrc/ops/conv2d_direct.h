/* The direct algorithm: conv2d_direct.c has FORWARD, conv2d_direct_data.c DATA, conv2d_direct_weights.c WEIGHTS. */
#ifndef FC_CONV2D_DIRECT_H
#define FC_CONV2D_DIRECT_H
#include "conv2d.h"

/* FORWARD by a function that computes channels [channel, channel + channels) of rows [row, row + rows) of an image. */
typedef void fc_direct_rows(const fc_op *op, const fc_io *io, const float *x, float *y, ptrdiff_t row, ptrdiff_t rows,
                            ptrdiff_t channel, ptrdiff_t channels, float *scratch);
void fc_direct_forward(const fc_op *op, const fc_io *io, const fc_work *work, fc_direct_rows *compute);

fc_status fc_direct_size_data(fc_op *op);
ptrdiff_t fc_direct_data_items(const fc_op *op);
void fc_direct_pack_data(const fc_op *op, const float *w, ptrdiff_t g, float *packed); /* of a group */
void fc_direct_data(const fc_op *op, const fc_io *io, const fc_work *work, const float *bias, fc_activation activation);

fc_status fc_direct_size_weights(fc_op *op);
ptrdiff_t fc_direct_weight_items(const fc_op *op);
void fc_direct_weights(const fc_op *op, const fc_io *io, const fc_work *work, ptrdiff_t first, ptrdiff_t last, ptrdiff_t from,
                       ptrdiff_t to, float *dw, float *db);
void fc_direct_add(const fc_op *op, ptrdiff_t item, const float *other, float *dw, float *db);

#endif
