/* What ops have to do with images as lanes (lanes.c): their passes, and whether they have them. */
#ifndef FC_IN_LANES_H
#define FC_IN_LANES_H
#include "ops.h"

/* Turns an op into one in lanes; FC_INVALID if it has no such form. */
fc_status fc_dense_set_lanes(fc_op *op);

void fc_dense_lanes_forward(const fc_op *op, const fc_io *io, const fc_work *work);
void fc_dense_lanes_data(const fc_op *op, const fc_io *io, const fc_work *work);
void fc_dense_lanes_weights(const fc_op *op, const fc_io *io, const fc_work *work);
ptrdiff_t fc_dense_lanes_items(const fc_op *op, fc_pass pass);

#endif
