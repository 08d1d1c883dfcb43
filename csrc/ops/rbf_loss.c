/* Losses of distances from the classes' prototypes (the smaller, the likelier): LeNet-5's.
 *
 *     rbf_mean_squared_error       L = x_t                                    dx_i = [i = t]
 *     rbf_maximum_a_posteriori     L = x_t + log(e^−j + Σ_i e^−x_i)           dx_i = [i = t] − p_i,  p_i = e^−x_i / (e^−j + Σ_k e^−x_k)
 *
 *     of curvature                 dx_i = 0                                   dx_i = p_i·(1 − p_i)
 *
 * x [in_size] per image, target: one int32 label t per image, op->u.loss.j: the distance of what is no class. The gradient is
 * multiplied by scale · sample_weight. In double, relative to the smallest distance. Threads: by image. */
#include <math.h>

#include "loss.h"

static double smallest(const fc_op *op, const float *x)
{
    double least = op->u.loss.j;
    for (ptrdiff_t i = 0; i < op->in_size; i++) least = x[i] < least ? x[i] : least;
    return least;
}

/* Σ_i e^(least − x_i) + e^(least − j) */
static double total(const fc_op *op, const float *x, double least)
{
    double sum = exp(least - op->u.loss.j);
    for (ptrdiff_t i = 0; i < op->in_size; i++) sum += exp(least - x[i]);
    return sum;
}

static void forward(const fc_op *op, const fc_io *io, const fc_work *work)
{
    for (ptrdiff_t image = work->first; image < work->last; image++) {
        const float *x = fc_row(&io->x, image, work);
        double loss = x[fc_label(io, image)];
        if (op->kind == FC_RBF_MAXIMUM_A_POSTERIORI) {
            const double least = smallest(op, x);
            loss += log(total(op, x, least)) - least;
        }
        io->loss[image] = (float)(loss * fc_sample_weight(io, image));
    }
}

static void data(const fc_op *op, const fc_io *io, const fc_work *work)
{
    for (ptrdiff_t image = work->first; image < work->last; image++) {
        const float *x = fc_row(&io->x, image, work);
        float *dx = fc_row(&io->dx, image, work);
        const int map = op->kind == FC_RBF_MAXIMUM_A_POSTERIORI;
        const double scale = io->scale * fc_sample_weight(io, image), least = smallest(op, x), sum = map ? total(op, x, least) : 1;
        for (ptrdiff_t i = 0; i < op->in_size; i++) {
            const double p = map ? exp(least - x[i]) / sum : 0, slope = (i == fc_label(io, image)) - p;
            dx[i] = (float)((op->curvature ? p * (1 - p) : slope) * scale);
            if (op->curvature && io->dx2.p) fc_row(&io->dx2, image, work)[i] = (float)(slope * scale);
        }
    }
}

FC_LOSS_CLASS(rbf_mean_squared_error, 0, fc_of_curvature);
FC_LOSS_CLASS(rbf_maximum_a_posteriori, 0, fc_of_curvature);
