/* What ops have to do with images as lanes (lanes.c): their passes, and whether they have them. */
#ifndef FC_IN_LANES_H
#define FC_IN_LANES_H
#include "ops.h"

/* Turns an op into one in lanes; FC_INVALID if it has no such form. */
fc_status fc_conv2d_set_lanes(fc_op *op);
fc_status fc_dense_set_lanes(fc_op *op);

void fc_conv2d_lanes_pack(const fc_op *op, const fc_io *io);
void fc_conv2d_lanes_forward(const fc_op *op, const fc_io *io, const fc_work *work);
void fc_conv2d_lanes_data(const fc_op *op, const fc_io *io, const fc_work *work);
void fc_conv2d_lanes_weights(const fc_op *op, const fc_io *io, const fc_work *work);

void fc_dense_lanes_forward(const fc_op *op, const fc_io *io, const fc_work *work);
void fc_dense_lanes_data(const fc_op *op, const fc_io *io, const fc_work *work);
void fc_dense_lanes_weights(const fc_op *op, const fc_io *io, const fc_work *work);
ptrdiff_t fc_dense_lanes_blocks(const fc_op *op);

/* MASK of conv2d and dense. */
static inline void fc_lanes_mask(const fc_op *op, const fc_io *io, const fc_work *work)
{
    for (ptrdiff_t chunk = work->first; chunk < work->last; chunk++)
        fc_mask_range(op, fc_row(&io->y, chunk * fc_k->v, work), fc_row(&io->dy, chunk * fc_k->v, work),
                      op->out_size * fc_k->v);
}

#endif
