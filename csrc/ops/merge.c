/* Two images become one, float by float.
 *
 *     add       y = a·x + b·x2      dx = a·dy              dx2 = b·dy
 *     multiply  y = x·x2            dx = dy·x2             dx2 = dy·x
 *     maximum   y = max(x, x2)      dx = x ≥ x2 ? dy : 0   dx2 = x2 > x ? dy : 0
 *     minimum   y = min(x, x2)      dx = x ≤ x2 ? dy : 0   dx2 = x2 < x ? dy : 0
 *
 * x, x2, y: [in_size] per image. DATA writes those of dx and dx2 that are bound. Of NaN and a number, x is taken.
 * Threads: by blocks of an image's floats. */
#include "ops.h"

fc_status fc_merge_init(fc_op *op, fc_kind kind, ptrdiff_t size, float first, float second)
{
    const fc_status status = fc_plain_init(op, kind, 1, size);
    op->u.merge = (fc_merge){first, second};
    op->cost = (double)op->in_size;
    return status;
}

static void forward(const fc_op *op, const fc_io *io, const fc_work *work)
{
    for (ptrdiff_t item = work->first; item < work->last; item++) {
        const fc_plain b = fc_plain_of(op, item);
        fc_k->merge(op->kind, &op->u.merge, b.n, fc_row(&io->x, b.image, work) + b.at, fc_row(&io->x2, b.image, work) + b.at,
                    fc_row(&io->y, b.image, work) + b.at);
    }
}

static void data(const fc_op *op, const fc_io *io, const fc_work *work)
{
    const int reads = op->kind != FC_ADD;
    for (ptrdiff_t item = work->first; item < work->last; item++) {
        const fc_plain b = fc_plain_of(op, item);
        const float *dy = fc_row(&io->dy, b.image, work) + b.at;
        const float *x = reads ? fc_row(&io->x, b.image, work) + b.at : dy;
        const float *x2 = reads ? fc_row(&io->x2, b.image, work) + b.at : dy;
        if (io->dx.p)
            fc_k->merge_backward(op->kind, op->u.merge.first, 0, b.n, x, x2, dy, fc_row(&io->dx, b.image, work) + b.at);
        if (io->dx2.p)
            fc_k->merge_backward(op->kind, op->u.merge.second, 1, b.n, x2, x, dy, fc_row(&io->dx2, b.image, work) + b.at);
    }
}

#define MERGE_CLASS(READS) { \
    {[FC_FORWARD] = forward, [FC_DATA] = data}, fc_by_image, fc_plain_items, \
    .needs = {[FC_FORWARD] = FC_X | FC_X2 | FC_Y, [FC_DATA] = FC_DY | READS}, \
}
const fc_op_class fc_add_class = MERGE_CLASS(0);
const fc_op_class fc_multiply_class = MERGE_CLASS(FC_X | FC_X2);
const fc_op_class fc_maximum_class = MERGE_CLASS(FC_X | FC_X2);
const fc_op_class fc_minimum_class = MERGE_CLASS(FC_X | FC_X2);
