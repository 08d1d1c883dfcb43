/* Gaussian noise: y = x + stddev·z, z standard normal numbers that depend on seed, step and place alone (kernels/random.h).
 *
 * The position of a float is image · size + index. x, y: any number of floats per image; dx = dy. Threads: by image. */
#include "ops.h"

#define STREAM ((uint64_t)1 << 62) /* of the counter's high half: apart from dropout's and augmentation's numbers */

fc_status fc_gaussian_noise_init(fc_op *op, ptrdiff_t size, float stddev)
{
    if (!(stddev >= 0)) return FC_INVALID;
    const fc_status status = fc_plain_init(op, FC_GAUSSIAN_NOISE, 1, size);
    op->alpha = stddev;
    op->cost = 16.0 * (double)op->in_size;
    return status;
}

static void forward(const fc_op *op, const fc_io *io, const fc_work *work)
{
    for (ptrdiff_t image = work->first; image < work->last; image++)
        fc_k->gaussian_noise(io->seed, io->step | STREAM, op->alpha, (uint64_t)image * (uint64_t)op->in_size, op->in_size,
                             fc_row(&io->x, image, work), fc_row(&io->y, image, work));
}

static void data(const fc_op *op, const fc_io *io, const fc_work *work)
{
    for (ptrdiff_t image = work->first; image < work->last; image++)
        memcpy(fc_row(&io->dx, image, work), fc_row(&io->dy, image, work), (size_t)op->in_size * sizeof(float));
}

const fc_op_class fc_gaussian_noise_class = {
    {[FC_FORWARD] = forward, [FC_DATA] = data}, fc_by_image, fc_one_item,
    .needs = {[FC_FORWARD] = FC_X | FC_Y, [FC_DATA] = FC_DX | FC_DY},
};
