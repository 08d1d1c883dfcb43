/* The gradient behind an op's own: dy ← dy · activation′(y), of curvature dy · activation′(y)², in place.
 *
 * y, dy: [out_size] per image. Threads: by image; in lanes by chunks. */
#include "ops.h"

void fc_mask(const fc_op *op, const fc_io *io, const fc_work *work)
{
    if (op->activation == FC_LINEAR) return;
    const ptrdiff_t v = op->lanes ? fc_k->v : 1, n = op->out_size * v;
    for (ptrdiff_t item = work->first; item < work->last; item++) {
        const float *y = fc_row(&io->y, item * v, work);
        float *dy = fc_row(&io->dy, item * v, work);
        fc_k->activate_backward(op->activation, op->alpha, n, y, dy, dy);
        if (op->curvature) fc_k->activate_backward(op->activation, op->alpha, n, y, dy, dy);
    }
}
