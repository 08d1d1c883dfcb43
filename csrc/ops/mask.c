/* The gradient behind an op's own: dy ← dy · activation′(y), of curvature dy · activation′(y)², in place.
 *
 * y, dy: [out_size] per image. Threads: by blocks of floats. */
#include "ops.h"

void fc_mask(const fc_op *op, const fc_io *io, const fc_work *work)
{
    if (op->activation == FC_LINEAR) return;
    for (ptrdiff_t item = work->first; item < work->last; item++) {
        const fc_plain b = fc_plain_of(op, item);
        const float *y = fc_row(&io->y, b.image, work) + b.at;
        float *dy = fc_row(&io->dy, b.image, work) + b.at;
        fc_k->activate_backward(op->activation, op->alpha, b.n, y, dy, dy);
        if (op->curvature) fc_k->activate_backward(op->activation, op->alpha, b.n, y, dy, dy);
    }
}
