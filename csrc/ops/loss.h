/* What losses share: what each image has besides x, and their classes. */
#ifndef FC_LOSS_H
#define FC_LOSS_H
#include "ops.h"

static inline double fc_sample_weight(const fc_io *io, ptrdiff_t image)
{
    return io->sample_weight ? io->sample_weight[image] : 1.0;
}
static inline int32_t fc_label(const fc_io *io, ptrdiff_t image) { return ((const int32_t *)io->target)[image]; }

/* The class of a loss whose file has `forward` and `data`; `p`: FC_Y if y keeps the predictions for DATA. */
#define FC_LOSS_CLASS(op, p, curvature) \
    const fc_op_class fc_##op##_class = { \
        {[FC_FORWARD] = forward, [FC_DATA] = data}, fc_by_image, fc_one_item, \
        .needs = {[FC_FORWARD] = FC_X | (p) | FC_TARGET | FC_LOSS, [FC_DATA] = FC_X | (p) | FC_TARGET | FC_DX}, \
        .set_curvature = curvature, \
    }

#endif
